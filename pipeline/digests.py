"""Digest of several stories, or one article with subheadings: decided on the whole document.

A linear score over the features of ``features``; their weights are the table ``WEIGHTS``, fitted by
``python -m benchmarks.sections --fit``. Splitting an article is worse than leaving a digest whole, so the thresholds
sit where few articles are split. To add a sign of either, add a feature and fit again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from pipeline.headings import ends_sentence, has_cjk, is_heading_text
from pipeline.outline import NUMBERED
from pipeline.tokens import CJK, count_tokens
from pipeline.types import Block

#: Titles and short lines at the top that announce a digest.
ANNOUNCING_TITLE = re.compile(
    r"周报|周刊|简报|快报|要闻|快讯|联播|早报|晚报|月报|速览|集锦|一周(?:回顾|热点|盘点)|新闻(?:摘要|汇总)|(?:动态|信息|资讯|新闻|政策)(?:汇编|汇总|速递)"
    r"|\bnewsletter|\bthis week in\b|\bweek in review|\bdigest\b|\bround-?up\b|\bbulletin|\bnews in brief|\b(?:issue|edition) ?#\d"
    r"|\b(?:daily|weekly|monthly|morning|evening) (?:brief|bulletin|update|news|report|review)|#\d{1,4} ?[|｜·-] ?20\d\d",
    re.IGNORECASE,
)
#: Opening sentences that do.
ANNOUNCING_PROSE = re.compile(
    r"周报|本期(?:简报|快报|周刊|要闻|主要内容|内容)|\bnewsletter|\bthis week['’]s (?:news|issue|edition|digest|updates)"
    r"|\bin (?:this|today['’]s|the latest) (?:issue|edition|digest|newsletter)\b|\btoday['’]s issue\b|\bissue of This Week\b"
    r"|\b(?:main|top) (?:headlines|stories)",
    re.IGNORECASE,
)
#: First words of a story of its own.
DATELINE = re.compile(
    r"今天|昨天|昨日|今日|近日|日前|本报讯|记者|获悉|消息|讯[，（]|电[（，]|\d日|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    r"|\b(?:yesterday|today|announced|said)\b|\b(?:On|in) (?:Jan|Feb|Mar|Apr|May|Ju[nl]|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d"
)
#: Subheadings of one article.
OUTLINE_WORDS = re.compile(
    r"\W*(?:introduction|conclusions?|summary|background|overview|prerequisites?|requirements|install(?:ation|ing)?|setup"
    r"|getting started|usage|configuration|faqs?|frequently|references|final (?:words|thoughts)|wrap|next steps|before you begin"
    r"|examples?|methods?|results|discussion|总结|结论|背景|简介|概述|前言|引言|安装|使用|配置|示例|参考|结语|小结|准备|先决条件|前提|介绍|附录"
    r"|如何|什么是|为什么)",
    re.IGNORECASE,
)
#: First words that hang on what was said before.
ANAPHORA = re.compile(
    r"\W*(?:(?:this|these|those|that|it|its|they|he|she|also|moreover|furthermore|therefore|thus|then|next|finally|now|but|so"
    r"|once|here|another|other|in addition|however|as (?:mentioned|you|we)|to (?:do|use|install|start|begin|create)"
    r"|the (?:next|following|above|first|second|last|same)|(?:if|when) you|you|let's)\b|此外|另外|同时|因此|所以|但是|然而|不过|接下来"
    r"|然后|最后|现在|首先|其次|这|该|其|它|他|她|如果|下面|以下|上面|而)",
    re.IGNORECASE,
)

#: Log-odds of a digest. Fitted on archives of news digests and newsletters against articles of many sites.
WEIGHTS = {
    "shared": -3.0, "cover": -4.0, "own": 3.0, "dateline": 1.5, "dated": 0.0, "long": 0.0, "question": 0.0, "numbered": -2.0, "outline": -2.0, "anaphora": -1.0,
}  # fmt: skip
INTERCEPT = 1.0
#: Log-odds above which a document is split: one that announces itself as a digest, and any other.
ANNOUNCED_THRESHOLD = -3.0
THRESHOLD = 1.0
MIN_STORIES = 3  # of a digest that does not announce itself

_TOP = 6  # blocks in which a digest announces itself
_SAMPLE = 1_200  # characters of a story that are compared
_DATELINE = 100  # characters in which a dateline stands
#: Tokens from which a heading is as long as a headline: Latin script, CJK.
_HEADLINE_TOKENS, _CJK_HEADLINE_TOKENS = 7, 14
_DATED = re.compile(
    r"\d{1,2}\s?[日号]|\d{4}[-/.]\d{1,2}[-/.]\d|\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d"
    r"|\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\b"
)
_QUESTION = re.compile(r"\W*(?:how|what|why|when|where|who|which|is|are|do|does|can|should)\b|.{0,200}[?？]\W*\Z|怎么|怎样", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{3,30}")
_RUN = re.compile(f"[{CJK}]+")
_STOP = frozenset(
    """the and for with that this from have been were will would their there they them which while what when where about
    after before between during under into over also just very much many some such than then these those your more most
    other only could should says said year years using used make made like need want first time work""".split()
)


def is_digest(blocks: Sequence[Block], heads: Sequence[int], *, title: str | None = None) -> bool:
    """Whether the content blocks of a document are several stories under the headlines at ``heads``.

    Args:
        blocks: the content of the document, its title included where it is a block.
        heads: indices into ``blocks`` of the candidates, as ``headline_candidates`` gives them.
        title: of the document, where it is not among the blocks.
    """
    if len(heads) < 2:
        return False
    score = digest_score(blocks, heads)
    if is_announced(blocks, title=title):
        return score > ANNOUNCED_THRESHOLD
    return len(heads) >= MIN_STORIES and score > THRESHOLD


def is_announced(blocks: Sequence[Block], *, title: str | None = None) -> bool:
    """Whether the title or the first lines of a document call it a digest."""
    if title and ANNOUNCING_TITLE.search(title):
        return True
    for block in blocks[:_TOP]:
        short = is_heading_text(block.text) or (len(block.text) < 60 and not ends_sentence(block.text))
        if short and ANNOUNCING_TITLE.search(block.text):
            return True
        if not short and ANNOUNCING_PROSE.search(block.text[:300]):
            return True
    return False


def digest_score(blocks: Sequence[Block], heads: Sequence[int]) -> float:
    """Log-odds that the candidates are headlines of stories rather than subheadings of one."""
    return INTERCEPT + sum(WEIGHTS[name] * value for name, value in features(blocks, heads).items())


def features(blocks: Sequence[Block], heads: Sequence[int]) -> dict[str, float]:
    """What tells stories from parts of one story, each from 0 to about 1.

    ``shared``: of a story's words, how many another story has; ``cover``: of the first line's words, how many any
    later story has; ``own``: of a headline's words, how many its own body has; ``dateline``: stories that open like
    one; ``single``: headings that are numbered, or words of an outline, or bodies that open with anaphora.
    """
    ends = [*heads[1:], len(blocks)]
    texts = [[block.text for block in blocks[head:end]] for head, end in zip(heads, ends, strict=True)]
    bodies = [terms(" ".join(text[1:])[:_SAMPLE]) for text in texts]
    titles = [terms(text[0]) for text in texts]
    stories = [body | title for body, title in zip(bodies, titles, strict=True)]
    count = Counter(word for story in stories for word in story)
    first = terms(blocks[0].text[:200])
    n = len(stories)
    shared = sum(_share(sum(count[word] > 1 for word in story), story) for story in stories) / n
    openings = [text[1][:160] for text in texts]
    headings = [text[0] for text in texts]
    return {
        "shared": shared / (1 - 0.9**n),  # the more stories, the more words any two have in common
        "cover": sum(_share(len(first & story), first) for story in stories[1:]) / max(1, n - 1),
        "own": sum(_share(len(t & b), t) for t, b in zip(titles, bodies, strict=True)) / n,
        "dateline": sum(DATELINE.search(text) is not None for text in openings) / n,
        "dated": sum(_DATED.search(text[:_DATELINE]) is not None for text in openings) / n,
        "long": sum(count_tokens(text) >= _headline_tokens(text) for text in headings) / n,
        "question": sum(_QUESTION.match(text) is not None for text in headings) / n,
        "numbered": sum(NUMBERED.match(text) is not None for text in headings) / n,
        "outline": sum(OUTLINE_WORDS.match(text) is not None for text in headings) / n,
        "anaphora": sum(ANAPHORA.match(text) is not None for text in openings) / n,
    }


def _headline_tokens(text: str) -> int:
    """The length from which a heading is a headline."""
    return _CJK_HEADLINE_TOKENS if has_cjk(text) else _HEADLINE_TOKENS


def terms(text: str) -> set[str]:
    """Words that carry a topic: longer Latin words in lower case, pairs of CJK characters."""
    found = {word.lower().rstrip("s'") for word in _WORD.findall(text)} - _STOP
    for run in _RUN.findall(text):
        found.update(map("".join, zip(run, run[1:], strict=False)))
    return found


def _share(part: int, whole: set[str]) -> float:
    """A part of a set as a share of it."""
    return part / len(whole) if whole else 0.0
