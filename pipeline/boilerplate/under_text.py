"""What stands under a text and is not of it: its readers' comments, and the next text of a page that goes on.

Forums and pages of questions are left alone: their comments are the content. A new sign of either sort of page is a
word in the tables below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

from pipeline.boilerplate.vocabulary import split_classes
from pipeline.extract.json_strings import MAX_JSON
from pipeline.text.prose import link_density
from pipeline.tokens import count_tokens
from pipeline.types import Block, BlockKind, PageHead

# Constants are the best of a grid on 1,421 pages.
TEXT_TOKENS = 80  # so much is kept before the comments; a CJK character is a token
TEXT_SHARES = (0.25, 0.5)  # of the comments' tokens: where the head speaks of an article, and elsewhere
REPLIES = 2  # so many lines of the comments are a date or an invitation to reply
LINE_CHARS = 50  # code points of such a line
FIRST_TOKENS = 60  # so much is kept of the first text before the next may begin
TITLE_CHARS = (6, 40)  # code points of a heading, space apart, that are sought in the head's title
DATE_BLOCKS = 8  # a date is looked for in so many blocks under a title

_COMMENT_WORDS = frozenset({"comment", "comments", "commentlist", "pinglun", "disqus", "cmt", "cmts", "cmmts",
                            "liuyan", "respond"})  # fmt: skip
_ANSWER_WORDS = frozenset({"answer", "answers", "answercell", "bestanswer"})
_ARTICLE = re.compile(r'"(?:News|Blog|Report)?Article"|BlogPosting')
_DISCUSSION = re.compile(r'DiscussionForumPosting|QAPage|"Question"')
_FORUM_SOFTWARE = re.compile(r"discourse|discuz|phpbb|xenforo|vbulletin|mybb|flarum|nodebb|invision|\bsmf\b", re.I)
_FORUM_TITLE = re.compile(
    r"论坛|論壇|社区|社區|贴吧|吧_|问答|問答|知道|俱乐部|\bforum|\bcommunity|\bbbs\b|discuss", re.I
)
_FORUM_HOST = re.compile(
    r"(?:^|[./-])(?:bbs|forums?|tieba|ask|zhidao|community|discuss|answers?|club|reddit|lemmy)", re.I
)
_FORUM_LINE = re.compile(
    r"楼主|看帖|发帖|跟帖|帖子|沙发|被采纳|最佳答案|最佳回复|original poster|thread starter|joined:"
    r"|reply to (?:this )?(?:topic|thread)|upvote",
    re.I,
)
_DATE = re.compile(
    r"(?:19|20)\d\d\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}|\d{1,2}\s?[-/月]\s?\d{1,2}日?\s{1,3}\d{1,2}:\d\d"
    r"|\d{1,5}\s?(?:小时|分钟|天)前"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s{1,3}\d{1,2},?\s{1,3}(?:19|20)\d\d",
    re.I,
)
_REPLY = re.compile(r"\bago\b|前$|回复|回覆|reply", re.I)


def comments(blocks: Sequence[Block], kept: Sequence[bool], head: PageHead) -> list[int]:
    """Kept blocks whose classes call them comments, under a text of some length on a page that is no discussion."""
    named = _named(blocks, kept, _COMMENT_WORDS)
    inside = [at for at in named if kept[at]]
    if not inside or _is_discussion(blocks, head) or _named(blocks, kept, _ANSWER_WORDS):
        return []
    before = sum(count_tokens(blocks[at].text) for at in range(inside[0]) if kept[at])
    theirs = sum(count_tokens(blocks[at].text) for at in inside)
    if before < max(TEXT_TOKENS, TEXT_SHARES[0 if _is_article(head) else 1] * theirs):
        return []
    lines = (blocks[at].text for at in named if len(blocks[at].text) < LINE_CHARS)
    return inside if sum(bool(_DATE.search(line) or _REPLY.search(line)) for line in lines) >= REPLIES else []


def _named(blocks: Sequence[Block], kept: Sequence[bool], words: frozenset[str]) -> list[int]:
    """Blocks that a class or id, theirs or around them, calls one of the words; none where none of them is kept."""
    chains = {block.markup.classes for block, was in zip(blocks, kept, strict=True) if was and block.markup}
    together = "\n".join(chains)  # one search of all costs less than one of each
    if not any(stem in together for stem in _stems(words)) or not any(_is_called(chain, words) for chain in chains):
        return []
    chains = {block.markup.classes for block in blocks if block.markup}
    called = {chain for chain in chains if _is_called(chain, words)}
    return [at for at, block in enumerate(blocks) if block.markup and block.markup.classes in called]


def _is_called(classes: str, words: frozenset[str]) -> bool:
    return any(stem in classes for stem in _stems(words)) and not words.isdisjoint(split_classes(classes))


@cache
def _stems(words: frozenset[str]) -> tuple[str, ...]:
    """The words that hold no other one: where none of these is, none of the words is."""
    return tuple(sorted(word for word in words if not any(other in word for other in words - {word})))


def _is_article(head: PageHead) -> bool:
    kind = next((value for name, value in head.meta if name == "og:type"), "")
    return kind.lower().startswith("article") or any(_ARTICLE.search(script[:MAX_JSON]) for script in head.json_ld)


def _is_discussion(blocks: Sequence[Block], head: PageHead) -> bool:
    """Whether the page says that it is a forum's or answers a question."""
    title = head.title or ""
    made_by = next((value for name, value in head.meta if name == "generator"), "")
    return bool(
        any(_DISCUSSION.search(script[:MAX_JSON]) for script in head.json_ld)
        or _FORUM_SOFTWARE.search(f"{made_by[:200]} {title[:200]}")
        or _FORUM_TITLE.search(title[-60:])
        or _FORUM_HOST.search(_host(head))
        or any(len(block.text) < LINE_CHARS and _FORUM_LINE.search(block.text) for block in blocks)
    )


def _host(head: PageHead) -> str:
    address = head.canonical or next((value for name, value in head.meta if name == "og:url"), "")
    try:
        return urlsplit(address[:300]).hostname or ""
    except ValueError:  # an address out of the page may be anything
        return ""


def next_text(blocks: Sequence[Block], kept: Sequence[bool], head: PageHead) -> list[int]:
    """All that is kept from the title of a second text on, where that stands as the first one's does.

    The first title is the heading that the head's title repeats. The second has its form and is no link, another
    text, and a date under it as the first has; what a page's own title does not name is not the page's text.
    """
    said = _squeeze(head.title or "")
    headings = [at for at, block in enumerate(blocks) if block.kind is BlockKind.HEADING and block.markup]
    first = next((at for at in headings if _is_in(blocks[at].text, said)), None)
    if first is None or not _has_date(blocks, first):
        return []
    form = _form(blocks[first])
    for at in headings[headings.index(first) + 1 :]:
        is_title = _form(blocks[at]) == form and link_density(blocks[at]) <= 0.5 and not _is_in(blocks[at].text, said)
        if is_title and len(_squeeze(blocks[at].text)) >= TITLE_CHARS[0] and _has_date(blocks, at):
            body = sum(count_tokens(blocks[one].text) for one in range(first + 1, at) if kept[one])
            if body >= FIRST_TOKENS:
                return [one for one in range(at, len(blocks)) if kept[one]]
    return []


def _is_in(heading: str, title: str) -> bool:
    text = _squeeze(heading)
    return len(text) >= TITLE_CHARS[0] and text[: TITLE_CHARS[1]] in title


def _form(heading: Block) -> tuple[int, str, Sequence[str]]:
    """Level, tag and nearest class of a heading."""
    assert heading.markup is not None
    return heading.level, heading.markup.path[-1], heading.markup.classes.split()[-1:]


def _has_date(blocks: Sequence[Block], title: int) -> bool:
    under = blocks[title + 1 : title + 1 + DATE_BLOCKS]
    return any(len(block.text) < LINE_CHARS and _DATE.search(block.text) for block in under)


def _squeeze(text: str) -> str:
    return "".join(text.lower().split())
