"""Digest of several stories, or one article with subheadings: decided on the whole document.

A linear score over the features of ``features``; their weights are the table ``WEIGHTS``, fitted by
``python -m training.sections_fit``. Splitting an article is worse than leaving a digest whole, so the thresholds
sit where few articles are split. To add a sign of either, add a feature and fit again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from operator import add

from pipeline.text.forms import MAX_HEADING_CHARS, has_cjk, is_heading_text
from pipeline.text.prose import ends_sentence, is_prose_line
from pipeline.text.tokens import CJK, count_tokens
from pipeline.types import Block, BlockKind

# The headings of a document: which blocks may be headlines of stories.
#
# With mark-up the headings are known and only their level is in question; in flattened text a headline is a
# heading-like line with a body after it. What a heading-like line must not be is in ``NO_HEADLINE``.

#: Numbers that make a heading a step or chapter of one outline.
NUMBERED = re.compile(
    r"\s*(?:\d{1,2}(?:\.\d{1,2}){0,3}[.、)）:：]?\s|\d{1,2}[、.)）]|[一二三四五六七八九十]{1,3}[、.．]|[（(][一二三四五六七八九十\d]{1,3}[)）]"
    r"|第[一二三四五六七八九十\d]{1,3}[章节步部条]|(?:Step|Part|Chapter|Method|Section|Tip|Lesson|Phase|Question)\s?#?\d)",
    re.IGNORECASE,
)
#: Heading-like lines of flattened text that are none: begun in lower case, in brackets as a whole, addresses, code,
#: times, quotations, connectives, bylines, table rows.
NO_HEADLINE = re.compile(
    r"[a-z][a-z,]|[（(\[][^（）()\[\]]{1,200}[)）\]]\Z|.{0,200}(?:https?://|www\.|[{};\\]|&&|\|\||==|->|=>|::|\s\|\s.{1,80}\s\|\s)"
    r"|\W{0,2}\d[\d:.,/\s-]{0,12}(?:GMT|[ap]m|年|月|日|%)?\Z|[\"“].{1,200}[\"”]\Z|[$#>@/]\s?\w|\d{4}-\d\d-\d\d"
    r"|(?:In addition|However|Moreover|Furthermore|Meanwhile|Therefore|Besides|Also|In conclusion|As a result|For example"
    r"|At the same time|According to|By the way)\b|此外|另外|同时|与此同时|因此|所以|但是|然而|不过|例如|比如"
    r"|(?:By|Photo|Image|Source|Photograph|Posted|Updated|Published)\b[: ]|(?:图|文|作者|记者|来源|编辑|摄影|执笔)\s?[/:：|丨]"
)
#: A line that ends in ! or ? and is longer is a sentence, in tokens.
_MAX_EXCLAMATION = 16
_MAX_CJK_EXCLAMATION = 40
_EXCLAMATION = re.compile(r"[!?！？][\"”’]?\Z")


def headline_candidates(blocks: Sequence[Block]) -> tuple[int, ...]:
    """Indices into ``blocks`` (the content of a document) of what may be headlines, in order.

    Every one of them has a block after it that is not one.
    """
    marked = [i for i, block in enumerate(blocks) if block.kind is BlockKind.HEADING]
    if len(marked) >= 2:
        return _with_body(_story_level(blocks, marked), len(blocks))
    found = [i for i, block in enumerate(blocks[:-1]) if is_headline_text(block) and _is_body(blocks, i + 1)]
    return _with_body(_without_outline(blocks, found), len(blocks))


def _may_head(text: str) -> bool:
    return len(text) <= MAX_HEADING_CHARS and _remembered(text)


_remembered = lru_cache(maxsize=1024)(is_heading_text)  # a line is asked as a headline, as a body and without its title


def is_headline_text(block: Block) -> bool:
    """Whether a block reads like a headline, by its text alone."""
    if block.kind not in (BlockKind.PARAGRAPH, BlockKind.HEADING) or not _may_head(block.text):
        return False
    if block.kind is BlockKind.HEADING:
        return True
    if NO_HEADLINE.match(block.text):
        return False
    if _EXCLAMATION.search(block.text):
        limit = _MAX_EXCLAMATION if block.text.isascii() else _MAX_CJK_EXCLAMATION
        return count_tokens(block.text) <= limit
    return True


def _is_body(blocks: Sequence[Block], index: int) -> bool:
    """Whether a block may be the first of a headline's body: prose, or anything that is no heading-like line."""
    text = blocks[index].text
    if not _may_head(text):
        return True
    return is_prose_line(text) and not _is_headline_of(blocks, index)


def _is_headline_of(blocks: Sequence[Block], index: int) -> bool:
    """Whether a line that is both heading-like and long enough for prose is the headline of the prose after it."""
    after = blocks[index + 1].text if index + 1 < len(blocks) else ""
    return is_headline_text(blocks[index]) and is_prose_line(after) and 2 * len(blocks[index].text) < len(after)


def _story_level(blocks: Sequence[Block], marked: Sequence[int]) -> list[int]:
    """Of marked headings those of the topmost level that mostly have a body of their own."""
    for level in sorted({blocks[i].level for i in marked}):
        here = [i for i in marked if blocks[i].level == level]
        with_body = [i for i in here if i + 1 < len(blocks) and blocks[i + 1].kind is not BlockKind.HEADING]
        if len(here) >= 2 and 2 * len(with_body) > len(here):
            return with_body
    return []


def _without_outline(blocks: Sequence[Block], found: Sequence[int]) -> list[int]:
    """Without numbered headings where most are not numbered: those are parts of one story."""
    numbered = {i for i in found if NUMBERED.match(blocks[i].text)}
    return [i for i in found if i not in numbered] if 2 * len(numbered) < len(found) else list(found)


def _with_body(found: Sequence[int], n_blocks: int) -> tuple[int, ...]:
    """Without headings that have nothing before the next one."""
    following = [*found[1:], n_blocks][: len(found)]
    return tuple(i for i, after in zip(found, following, strict=True) if after - i > 1)


#: Titles and short lines at the top that announce a digest. Searched in lower case, like the next two.
ANNOUNCING_TITLE = re.compile(
    r"周报|周刊|简报|快报|要闻|快讯|联播|早报|晚报|月报|速览|集锦|一周(?:回顾|热点|盘点)|新闻(?:摘要|汇总)|(?:动态|信息|资讯|新闻|政策)(?:汇编|汇总|速递)"
    r"|newsletter|this week in\b|week in review|digest\b|round-?up\b|bulletin|news in brief|(?:issue|edition) ?#\d"
    r"|(?:daily|weekly|monthly|morning|evening) (?:brief|bulletin|update|news|report|review)|#\d{1,4} ?[|｜·-] ?20\d\d"
)
#: Opening sentences that do.
ANNOUNCING_PROSE = re.compile(
    r"周报[，。：》”]|(?:本周|本期|上期)的?周报|本期(?:简报|快报|周刊|要闻|主要内容|内容)"
    r"|(?:this|week['’]s|month['’]s|today['’]s|latest|本周的?|本期) ?newsletter"
    r"|this week['’]s (?:news|issue|edition|digest|updates)"
    r"|in (?:this|today['’]s|the latest) (?:issue|edition|digest|newsletter)\b|today['’]s issue\b|issue of this week\b"
    r"|(?:main|top) (?:headlines|stories)"
)
#: An offer to subscribe announces nothing.
_OFFER = re.compile(r"sign up|subscri|signup|join|inbox|订阅|关注我们")
#: Columns that newsletters have. Two of them announce one.
COLUMN = re.compile(
    r"\W{0,4}(?:(?:the |this week'?s? |latest |other |more |general |community |upcoming |industry |company |world |local |business "
    r"|regional |international |selected ){0,2}(?:news|events?|jobs?|releases?|articles|podcasts?|videos?|books?|blog posts"
    r"|announcements|publications|press|projects|forums|meetings|meetups|conferences|opinion|quotes?|in brief|tweets|links"
    r"|people|calendar|action items|proposals|call for \w{1,20})(?:(?: and|,| &) [\w ]{3,24}| of the (?:week|month|day)"
    r"| updates?)?|(?:国内|国际|行业|政策|地方|企业|市场|社区|本周|科技|财经|社会|时政)?(?:新闻|动态|要闻|资讯|快讯)"
    r"|工具|代码|音视频|招聘|内推|国内|国际|政策|行业|地方|公告|人事|观点|图书|行动项)\W{0,4}\Z"
)
#: First words of a story of its own.
DATELINE = re.compile(
    r"今天|昨天|昨日|今日|近日|日前|本报讯|记者|获悉|消息|讯[，（]|电[，（]|\d日|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    r"|yesterday\b|today\b|announced\b|said\b|(?:On|in) (?:Jan|Feb|Mar|Apr|May|Ju[nl]|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d"
)
#: Subheadings of one article.
OUTLINE_WORDS = re.compile(
    r"\W{0,4}(?:introduction|conclusions?|summary|background|overview|prerequisites?|requirements|install(?:ation|ing)?|setup"
    r"|getting started|usage|configuration|faqs?|frequently|references|final (?:words|thoughts)|wrap|next steps|before you begin"
    r"|examples?|methods?|results|discussion|总结|结论|背景|简介|概述|前言|引言|安装|使用|配置|示例|参考|结语|小结|准备|先决条件|前提|介绍|附录"
    r"|如何|什么是|为什么)",
    re.IGNORECASE,
)

#: Log-odds of a digest, on ``features``. Fitted (``python -m training.sections_fit``) but for ``dated``, of which the
#: archives have too little: stories that each open with a date of their own are set to outweigh a common topic.
WEIGHTS = {
    "shared": -13.7, "cover": -9.9, "own": 4.7, "dateline": 6.0, "dated": 4.0, "long": 5.0, "numbered": -4.3, "outline": -1.5,
}  # fmt: skip
INTERCEPT = 3.4
#: Log-odds above which a document is split: one that announces itself as a digest, and any other, by script.
ANNOUNCED_THRESHOLD = -10.0
THRESHOLD = {"latin": 0.25, "cjk": 2.0}
TITLE_ABOVE = 2.0  # more for one under a title that announces nothing: most such are articles
MIN_STORIES = 3  # of a digest that does not announce itself

_MAX_COLUMN = 60  # characters of a column's heading
_TOP = 6  # blocks in which a digest announces itself
_SAMPLE = 600  # characters of a story that are compared
_MAX_STORIES = 20  # that are compared
_DATELINE = 50  # characters in which a dateline stands
#: Tokens from which a heading is as long as a headline: Latin script, CJK.
_HEADLINE_TOKENS, _CJK_HEADLINE_TOKENS = 7, 14
DATED = re.compile(
    r"\d{1,2}\s?[日号]|\d{4}[-/.]\d{1,2}[-/.]\d|\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d"
    r"|\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\b"
)
_WORD = re.compile(rf"[^\W\d_{CJK}]{{4,40}}")  # of any script written with spaces
_RUN = re.compile(f"[{CJK}]+")
_STOP = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "that",
        "this",
        "from",
        "have",
        "been",
        "were",
        "will",
        "would",
        "their",
        "there",
        "they",
        "them",
        "which",
        "while",
        "what",
        "when",
        "where",
        "about",
        "after",
        "before",
        "between",
        "during",
        "under",
        "into",
        "over",
        "also",
        "just",
        "very",
        "much",
        "many",
        "some",
        "such",
        "than",
        "then",
        "these",
        "those",
        "your",
        "more",
        "most",
        "other",
        "only",
        "could",
        "should",
        "says",
        "said",
        "year",
        "years",
        "using",
        "used",
        "make",
        "made",
        "like",
        "need",
        "want",
        "first",
        "time",
        "work",
    ]
)


def is_digest(blocks: Sequence[Block], heads: Sequence[int], *, title: str | None = None, above: bool = False) -> bool:
    """Whether the content blocks of a document are several stories under the headlines at ``heads``.

    Args:
        blocks: the content of the document, its title included where it is a block.
        heads: indices into ``blocks`` of the candidates, as ``headline_candidates`` gives them.
        title: of the document, if it has one; above: whether it stands above the blocks rather than among them.
    """
    if len(heads) < 2:
        return False
    announced = is_announced(blocks, heads, title=title)
    if not announced and len(heads) < MIN_STORIES:
        return False
    score = digest_score(blocks, heads, title=title if above else None)
    if announced:
        return score > ANNOUNCED_THRESHOLD
    return score > THRESHOLD[script_of(blocks)] + (TITLE_ABOVE if above else 0)


def script_of(blocks: Sequence[Block]) -> str:
    """Which numbers fit a document: "cjk" if most of its blocks have such characters, else "latin"."""
    return "cjk" if 2 * sum(has_cjk(block.text[:200]) for block in blocks) > len(blocks) else "latin"


def is_announced(blocks: Sequence[Block], heads: Sequence[int] = (), *, title: str | None = None) -> bool:
    """Whether the title, the first lines or the columns (at ``heads``) of a document call it a digest."""
    if title and ANNOUNCING_TITLE.search(title.lower()):
        return True
    for block in blocks[:_TOP]:
        text = block.text[:300].lower()
        short = _may_head(block.text) or (len(text) < 60 and not ends_sentence(text))
        if (
            (ANNOUNCING_TITLE if short else ANNOUNCING_PROSE).search(text)
            and not _OFFER.search(text)
            and count_tokens(text) > 1
        ):
            return True
    columns = {blocks[i].text.lower() for i in heads if len(blocks[i].text) <= _MAX_COLUMN}
    return sum(COLUMN.match(line) is not None for line in columns) >= 2


def digest_score(blocks: Sequence[Block], heads: Sequence[int], *, title: str | None = None) -> float:
    """Log-odds that the candidates are headlines of stories rather than subheadings of one."""
    return INTERCEPT + sum(WEIGHTS[name] * value for name, value in features(blocks, heads, title=title).items())


def features(blocks: Sequence[Block], heads: Sequence[int], *, title: str | None = None) -> dict[str, float]:
    """What tells stories from parts of one story, each from 0 to about 1.

    ``shared``: of a story's words, how many another story has; ``cover``: of the words of the title above, or the first line, how many any
    later story has; ``own``: of a headline's words, how many its own body has; ``dateline``: stories that open like
    one; ``dated``: with a date; ``long``: headings as long as headlines; ``numbered`` and ``outline``: headings of the
    parts of one text.
    """
    ends = [*heads[1:], len(blocks)][:_MAX_STORIES]
    heads = heads[:_MAX_STORIES]
    texts = [[block.text for block in blocks[head:end]] for head, end in zip(heads, ends, strict=True)]
    bodies = [terms(" ".join(text[1:])[:_SAMPLE]) for text in texts]
    titles = [terms(text[0]) for text in texts]
    stories = [body | title for body, title in zip(bodies, titles, strict=True)]
    first = terms((title or blocks[0].text)[:200])
    n = len(stories)
    openings = [text[1][:160] for text in texts]
    headings = [text[0] for text in texts]
    return {
        "shared": shared_words(stories),
        "cover": sum(_share(len(first & story), first) for story in stories[1:]) / max(1, n - 1),
        "own": sum(_share(len(t & b), t) for t, b in zip(titles, bodies, strict=True)) / n,
        "dateline": sum(DATELINE.search(text) is not None for text in openings) / n,
        "dated": sum(DATED.search(text[:_DATELINE]) is not None for text in openings) / n,
        "long": sum(count_tokens(text) >= _headline_tokens(text) for text in headings) / n,
        "numbered": sum(NUMBERED.match(text) is not None for text in headings) / n,
        "outline": sum(OUTLINE_WORDS.match(text) is not None for text in headings) / n,
    }


def _headline_tokens(text: str) -> int:
    """The length from which a heading is a headline."""
    return _CJK_HEADLINE_TOKENS if has_cjk(text) else _HEADLINE_TOKENS


def shared_words(stories: Sequence[set[str]]) -> float:
    """Of a story's words, how many another story has; the more stories, the more any two have in common by chance."""
    count = Counter(chain.from_iterable(stories))
    once = {word for word, n in count.items() if n == 1}
    shared = sum(1 - _share(len(story & once), story) for story in stories if story)
    return shared / len(stories) / (1 - 0.9 ** len(stories))


def terms(text: str) -> set[str]:
    """Words that carry a topic: longer Latin words in lower case, pairs of CJK characters."""
    if text.isascii():  # the same in one pass: no letter changes its length, no character is CJK
        return {word.rstrip("s") for word in _WORD.findall(text.lower())} - _STOP
    found = {word.lower().rstrip("s") for word in _WORD.findall(text)} - _STOP
    for run in _RUN.findall(text):
        found.update(map(add, run, run[1:]))
    return found


def _share(part: int, whole: set[str]) -> float:
    """A part of a set as a share of it."""
    return part / len(whole) if whole else 0.0
