"""What stands under a text and is not of it: its readers' comments, and the next text of a page that goes on.

Forums and pages of questions are left alone: their comments are the content. A new sign of either sort of page is a
word in the tables below.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from urllib.parse import urlsplit

from pipeline.boilerplate.features import skeleton
from pipeline.boilerplate.model import split_classes
from pipeline.extract.blocks import MAX_JSON
from pipeline.extract.told import IN_SCRIPT, is_told
from pipeline.text.prose import ends_sentence, holds_sentence, is_prose, link_density
from pipeline.text.tokens import count_tokens
from pipeline.types import Block, BlockKind, PageHead

# A table of contents as the content: the numbered chapters of a book on a page that has little else.
#
# Everywhere else a list of links is a menu.

CHAPTERS = 20  # a table of contents has so many links of one place
NUMBERED = 0.6  # so many of them are numbered
OTHER_TEXT = 0.2  # what is kept else, as a share of the table's code points
LINKED = 0.9  # of an entry's code points

_CHAPTER = re.compile(
    r"第\s{0,3}[0-9〇零一二三四五六七八九十百千两]{1,7}\s{0,3}[章节節回卷集话話]|^chapter\s{0,3}\d|^\d{1,4}[.、]\s?\S",
    re.I,
)


def chapters(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """The blocks of a table of contents that are not kept, where the page is little else."""
    sizes = [len(block.text) for block in blocks]
    n_kept = sum(size for size, was in zip(sizes, kept, strict=True) if was)
    if n_kept > OTHER_TEXT * sum(sizes):
        return []
    places: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for at, block in enumerate(blocks):
        if block.markup and link_density(block) >= LINKED:
            places[block.markup.path, block.markup.classes].append(at)
    table = max(places.values(), key=lambda found: sum(sizes[at] for at in found), default=[])
    if len(table) < CHAPTERS or n_kept > OTHER_TEXT * sum(sizes[at] for at in table):
        return []
    if sum(bool(_CHAPTER.search(blocks[at].text)) for at in table) < NUMBERED * len(table):
        return []
    return [at for at in table if not kept[at]]


# The lines of a novel's chapter: short ones between a site's own lines are told too.

_CHAPTER_HEADING = re.compile(
    r"\W{0,3}(?:正文\s{0,3})?第\s{0,3}[0-9〇零一二三四五六七八九十百千两兩]{1,7}\s{0,3}[章回节節話话]|\W{0,3}chapter\s{1,3}(?:\d|[ivxlc]{1,6}\b|[a-z]+\b)",
    re.I,
)
_HEADING_REACH = 15  # blocks at the beginning among which a chapter's heading is looked for
_HEADING_CHARS = 60
_LINE_REACH = 4  # blocks from a kept one to a line that is told


def chapter_lines(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """Sentences under a chapter's heading that are not kept, near kept ones and in the same place; and the heading."""
    heading = next((at for at, one in enumerate(blocks[:_HEADING_REACH]) if _is_chapter(one)), None)
    if heading is None:
        return []
    told = [at for at in range(heading + 1, len(blocks)) if kept[at] and _is_told(blocks[at])]
    places = {(one.path, one.classes) if (one := blocks[at].markup) else None for at in told}
    found: list[int] = []
    last = told[0] if told else len(blocks)
    for at in range(last, len(blocks)):
        markup = blocks[at].markup
        if kept[at]:
            last = at
        elif (
            at - last <= _LINE_REACH
            and _is_told(blocks[at])
            and ((markup.path, markup.classes) if markup else None) in places
        ):
            found.append(at)
            last = at
    if told and not kept[heading] and told[0] - heading <= _LINE_REACH:
        found.insert(0, heading)
    return found


def _is_chapter(block: Block) -> bool:
    return len(block.text) <= _HEADING_CHARS and _CHAPTER_HEADING.match(block.text) is not None and not _links(block)


def _is_told(block: Block) -> bool:
    return ends_sentence(block.text) and not _links(block)


def _links(block: Block) -> bool:
    return link_density(block) > 0


# Verse: the stanzas of a text without mark-up that has no prose. Its later lines are short and alone, as a menu's are.

STANZA_LINES = 3  # a shorter one shows no form
KEPT_LINES = 0.5  # of a stanza: more make all of it kept
LINES_APART = 1  # two stanzas of one form differ by no more lines
WIDTHS_APART = 1.6  # and their mean lines by no more than this factor
TITLE_LINES = 2  # over the first stanza: what it is called and whose it is


def verse(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """Lines not kept of stanzas that are kept in good part or have the form of one that is, and the title over them."""
    if all(kept) or not any(kept) or any(block.markup or is_prose(block) for block in blocks):
        return []
    starts = [at for at, block in enumerate(blocks) if block.n_breaks or not at]
    groups = [range(*ends) for ends in pairwise((*starts, len(blocks)))]
    stanzas = [lines for lines in groups if len(lines) >= STANZA_LINES]
    good = [lines for lines in stanzas if sum(kept[at] for at in lines) > KEPT_LINES * len(lines)]
    forms = {_shape(blocks, lines) for lines in good}
    alike = [lines for lines in stanzas if _is_like_one(_shape(blocks, lines), forms)]
    if alike and len(groups[0]) <= TITLE_LINES and len(groups) > 1 and groups[1] == alike[0]:
        alike.append(groups[0])
    return [at for lines in alike for at in lines if not kept[at]]


def _shape(blocks: Sequence[Block], lines: range) -> tuple[int, int]:
    return len(lines), round(sum(len(blocks[at].text) for at in lines) / len(lines))


def _is_like_one(form: tuple[int, int], forms: set[tuple[int, int]]) -> bool:
    sizes = range(form[0] - LINES_APART, form[0] + LINES_APART + 1)
    widths = range(int(form[1] / WIDTHS_APART), int(form[1] * WIDTHS_APART) + 1)
    return any((size, width) in forms for size in sizes for width in widths)


# Text that a page says twice, for a phone and for a desk or for readers without scripts: which copy goes.
#
# A copy is a run of blocks with prose among them: a refrain, a sentence of a law or a line of a form is said
# again on purpose. Nothing is lost with a copy, for its text is kept where it stands first.

# Constants are the best of a grid on 1,421 pages.
RUN_BLOCKS = 3  # a run of so many blocks, one of them prose
RUN_TOKENS = 40  # and so many tokens is a copy; a CJK character is one
NOSCRIPT_CHARS = 12  # code points from which a block of <noscript> is looked for outside of it
NOSCRIPT_SHARE = 0.6  # of the kept text in <noscript>, by code points: so much is said outside of it too


def later_copies(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """Kept blocks of later runs that say, in the same order, what kept blocks said before."""
    places = [at for at, was in enumerate(kept) if was]
    first: dict[str, int] = {}
    for at in reversed(places):
        first[blocks[at].text] = at
    if len(first) == len(places):
        return []
    found: list[int] = []
    run: list[int] = []
    for at in places:
        before = first[blocks[at].text]
        if before != at and run and first[blocks[run[-1]].text] < before < run[0]:
            run.append(at)
            continue
        found += _if_copy(blocks, run)
        run = [at] if before != at else []
    return [*found, *_if_copy(blocks, run)]


def _if_copy(blocks: Sequence[Block], run: Sequence[int]) -> Sequence[int]:
    """The run, or nothing where it is too short for a copy."""
    if len(run) < RUN_BLOCKS or sum(count_tokens(blocks[at].text) for at in run) < RUN_TOKENS:
        return ()
    return run if any(is_prose(blocks[at]) for at in run) else ()


def noscript_copies(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """Kept blocks of <noscript>, where most of their text is said outside of it too."""
    inside = [at for at, was in enumerate(kept) if was and _in_noscript(blocks[at])]
    if not inside:
        return []
    live = {block.text for block in blocks if not _in_noscript(block)}
    sought = [blocks[at].text for at in inside if len(blocks[at].text) >= NOSCRIPT_CHARS]
    again = sum(len(text) for text in sought if text in live)
    return inside if again and again >= NOSCRIPT_SHARE * sum(map(len, sought)) else []


def live_texts(blocks: Sequence[Block], kept: Sequence[bool], head: PageHead) -> list[int]:
    """Blocks outside <noscript>, not kept so far, whose copy inside was kept and is about to go."""
    copies = noscript_copies(blocks, kept, head)
    if not copies:
        return []
    texts = {blocks[at].text for at in copies}
    return [at for at, block in enumerate(blocks) if not kept[at] and block.text in texts and not _in_noscript(block)]


def _in_noscript(block: Block) -> bool:
    return block.markup is not None and "noscript" in block.markup.path


# The text that a page's scripts hold, on a page that shows none of it or its beginning (``extract.told``).

TEASER_CHARS = 6  # code points, space apart, of a beginning that is said again


def told(blocks: Sequence[Block], _kept: Sequence[bool], _head: PageHead) -> list[int]:
    """The blocks that come out of a script."""
    markups = [block.markup for block in blocks]
    return [at for at, markup in enumerate(markups) if markup is not None and markup.path[:3] == IN_SCRIPT]


def teasers(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """What a page shows in the place of its text: the beginning of it, and labels that wait for it."""
    inside = told(blocks, kept, _head)
    if not inside or not any(is_prose(blocks[at]) for at in inside):
        return []
    text = "".join("".join(blocks[at].text.split()) for at in inside)
    shown = [at for at, was in enumerate(kept) if was and not is_told(blocks[at].markup)]
    return [at for at in shown if blocks[at].kind is not BlockKind.HEADING and _is_teaser(blocks[at], text)]


def _is_teaser(block: Block, text: str) -> bool:
    if not is_prose(block) and not holds_sentence(block.text.rstrip(".…")):
        return True
    said = "".join(block.text.split()).rstrip(".…")
    return len(said) >= TEASER_CHARS and said in text


# Menus in the cells around an article that stands in a cell itself: pages of the time when tables made the layout.

CELL_TEXT = 60  # tokens of prose in cells, and no more of other text than this share of it
CELL_LINKS = 0.5
CELL_ENTRY = 40  # code points of an entry of a menu


def side_cells(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """Kept links before and after the prose of a page whose prose stands in a cell."""
    inside = [at for at, was in enumerate(kept) if was and _in_cell(blocks[at])]
    prose = [at for at in inside if is_prose(blocks[at])]
    n_tokens = sum(count_tokens(blocks[at].text) for at in prose)
    if n_tokens < CELL_TEXT:
        return []
    outside = [at for at in inside if not prose[0] < at < prose[-1] and _is_entry(blocks[at])]
    return outside if sum(count_tokens(blocks[at].text) for at in outside) <= CELL_LINKS * n_tokens else []


def _in_cell(block: Block) -> bool:
    return block.markup is not None and "td" in block.markup.path and block.kind is not BlockKind.TABLE_ROW


def _is_entry(block: Block) -> bool:
    short = len(block.text) <= CELL_ENTRY and "://" not in block.text
    return short and link_density(block) >= LINKED and not is_prose(block) and block.kind is not BlockKind.HEADING


# A list of dated, titled entries as the content, on a page that has no text else.

LISTED = 3  # entries of one place
LISTED_CHARS = (12, 200)  # code points of an entry
_DAY = re.compile(r"(?:19|20)\d\d\s?[-/.年]\s?\d{1,2}|(?<!\d)\d{1,2}[-/月]\d{1,2}(?:日|(?!\d))")


def listings(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """The entries of a list, each a link to a text with its day, where nothing that is kept is prose."""
    if any(was and is_prose(block) for block, was in zip(blocks, kept, strict=True)):
        return []
    places: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for at, block in enumerate(blocks):
        if (
            block.markup
            and block.markup.n_links
            and LISTED_CHARS[0] <= len(block.text) <= LISTED_CHARS[1]
            and _DAY.search(block.text)
        ):
            places[skeleton(block.markup.path, block.markup.classes)].append(at)
    entries = max(places.values(), key=len, default=[])
    n_kept = sum(len(block.text) for block, was in zip(blocks, kept, strict=True) if was)
    if len(entries) < LISTED or n_kept > sum(len(blocks[at].text) for at in entries):
        return []
    return [at for at in entries if not kept[at]]


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
