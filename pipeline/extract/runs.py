"""A run of text pieces to one block: decoded, collapsed, with its exact place, its element and its links."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from itertools import dropwhile, groupby
from typing import Final

from pipeline.extract.blocks import RawBlock
from pipeline.extract.machine import LINK
from pipeline.extract.markup import CODE, DEPTH, MEMO, NAME, PARENT, TAG, Meaning, Node, meaning, plain_markup
from pipeline.types import BlockKind, Markup

# Table rows: the cells of a data table are joined into one block a row, a layout table is left as it is.

CELL_SEPARATOR: Final = " | "
#: A cell longer than this (code points) is prose: the table is there for the layout.
_MAX_CELL: Final = 300
#: A cell of several lines is still a cell when all of it is no longer than this (code points).
_MAX_BROKEN_CELL: Final = 120
_MAX_BROKEN_SHARE: Final = 0.2  # of the cells with text


@dataclass(frozen=True, slots=True)
class Table:
    """A table without another in it: where its parts begin in the list of blocks."""

    rows: list[tuple[int, list[int]]]  # row, first block of each cell
    end: int


def join_rows(table: Table, blocks: list[RawBlock], meaning_of: Callable[[int], Meaning]) -> None:
    """Replace the blocks of a data table by one block a row. ``meaning_of``: what a row says of its blocks."""
    first = next((cells[0] for _, cells in table.rows if cells), table.end)
    rows = _cells(table, blocks)
    if not any(len(cells) > 1 for _, cells in rows) or not _is_data([cell for _, cells in rows for cell in cells]):
        return
    joined = [block for row, cells in rows if cells for block in _join(meaning_of(row), cells)]
    blocks[first : table.end] = joined


def _cells(table: Table, blocks: list[RawBlock]) -> list[tuple[int, list[list[RawBlock]]]]:
    """The blocks of each cell that has any, by row."""
    starts = [start for _, cells in table.rows for start in cells] + [table.end]
    rows: list[tuple[int, list[list[RawBlock]]]] = []
    i = 0
    for row, cells in table.rows:
        spans = [blocks[starts[j] : starts[j + 1]] for j in range(i, i + len(cells))]
        rows.append((row, [span for span in spans if span]))
        i += len(cells)
    return rows


def _is_data(cells: list[list[RawBlock]]) -> bool:
    broken = 0
    for cell in cells:
        if any(block.kind is not BlockKind.PARAGRAPH for block in cell):
            return False
        length = sum(len(block.text) for block in cell)
        if length > (_MAX_CELL if len(cell) == 1 else _MAX_BROKEN_CELL):
            return False
        broken += len(cell) > 1
    return broken <= _MAX_BROKEN_SHARE * len(cells)


def _join(found: Meaning, cells: list[list[RawBlock]]) -> list[RawBlock]:
    """The row as one block; what is hidden in it stays by itself."""
    own = [[block for block in cell if not block.hidden and len(block.hiders) <= len(found.hiders)] for cell in cells]
    own = [cell for cell in own if cell]
    blocks = [block for cell in own for block in cell]
    kept = {block.start for block in blocks}
    apart = [block for cell in cells for block in cell if block.start not in kept]
    if not blocks:
        return apart
    if len(blocks) == 1:
        return sorted((blocks[0]._replace(kind=BlockKind.TABLE_ROW), *apart), key=lambda block: block.start)
    first, last = blocks[0], blocks[-1]
    marks = [block.markup for block in blocks if block.markup]
    markup = Markup(
        found.path,
        found.classes,
        sum(mark.n_links for mark in marks),
        sum(mark.link_chars for mark in marks),
        found.role,
    )
    text = CELL_SEPARATOR.join(" ".join(block.text for block in cell) for cell in own)
    row = RawBlock(first.start, last.end, text, BlockKind.TABLE_ROW, 0, first.n_breaks, markup, False, found.hiders)
    return sorted((row, *apart), key=lambda block: block.start)


# White space: collapsing it in a text, finding where a text begins and ends in its source.

#: Scripts and punctuation set without spaces: a line break between two of them is no space
#: (https://www.w3.org/TR/css-text-3/#line-break-transform). Hangul is set with spaces.
_WIDE: Final = (
    "\u2e80-\u2fff\u3001-\u312f\u31a0-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60"
    "\U00020000-\U0003ffff"
)
_WIDE_BREAK: Final = re.compile(rf"(?<=[{_WIDE}])[ \t]{{0,99}}[\r\n][ \t\r\n]{{0,999}}(?=[{_WIDE}])")
#: Invisible at the edge of a text: zero-width space and joiners, word joiner, byte order mark, soft hyphen.
INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_DOUBTFUL: Final = INVISIBLE + "&;"
_ENTITY: Final = re.compile(r"&#?\w{1,24};?")
_MAX_ENTITY: Final = 24  # characters


#: The commonest character references; none decodes to a sign that another could begin or end with.
_COMMON: Final = (
    *(("&nbsp;", "\u00a0"), ("&quot;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&#160;", "\u00a0")),
    *(("&ldquo;", "“"), ("&rdquo;", "”"), ("&mdash;", "—"), ("&middot;", "·"), ("&emsp;", "\u2003")),
    *(("&rsquo;", "’"), ("&hellip;", "…"), ("&ndash;", "–"), ("&copy;", "©"), ("&raquo;", "»")),
)


def decode(text: str) -> str:
    """The same as ``html.unescape``, several times as fast where all references are common ones.

    >>> decode("R&amp;D&nbsp;&ldquo;&#x78b3;&rdquo; &amp;lt;")
    'R&D\\xa0“碳” &lt;'
    """
    if "&" not in text:
        return text
    if text.count(";") < 4:  # character references are rarely more: try the common ones one by one
        for reference, char in _COMMON:
            if reference in text:
                text = text.replace(reference, char)
        if "&" not in text:
            return text
        if text.count("&") == text.count("&amp;"):
            return text.replace("&amp;", "&")
    return unescape(text)


def collapse(text: str) -> str:
    """The text with each run of white space as one space and none at its ends.

    A line break between two Chinese or Japanese characters is dropped instead.

    >>> collapse("  carbon\\n market　中国\\n碳市场 ")
    'carbon market 中国碳市场'
    """
    text = text.strip()
    if text.isprintable() and "  " not in text:  # no white space is printable but the plain space
        return text
    if "\n" in text and not text.isascii():
        text = _WIDE_BREAK.sub("", text)
    return " ".join(text.split())


def edges(text: str, *, entities: bool = False) -> tuple[int, int]:
    """Where what can be seen of the text begins and ends; (0, 0) when nothing can.

    With ``entities`` a space may be spelled as a character reference, as in HTML source.

    >>> edges("　 碳市场\ufeff ")
    (2, 5)
    >>> edges("&nbsp;&#12288; R&D&nbsp;", entities=True)
    (15, 18)
    """
    stripped = text.strip()
    if not stripped:
        return 0, 0
    first = stripped[0]
    if first in _DOUBTFUL or stripped[-1] in _DOUBTFUL:
        return _doubtful_edges(text, entities)
    start = text.find(first)
    return start, start + len(stripped)


def _doubtful_edges(text: str, entities: bool) -> tuple[int, int]:
    """The same, looked for step by step."""
    start, end = 0, len(text)
    while start < end and (step := _unseen(text, start, end, entities)):
        start += step
    while end > start:
        at = end - 1
        if entities and text[at] == ";":
            at = text.rfind("&", max(start, end - _MAX_ENTITY), end)
        if at < 0 or _unseen(text, at, end, entities) != end - at:
            break
        end = at
    return (start, end) if end > start else (0, 0)


def _unseen(text: str, start: int, end: int, entities: bool) -> int:
    """Length of the space or invisible character at a place of the text; 0 when it can be seen."""
    first = text[start]
    if first.isspace() or first in INVISIBLE:
        return 1
    found = _ENTITY.match(text, start, end) if entities and first == "&" else None
    return found.end() - start if found and edges(unescape(found[0])) == (0, 0) else 0


#: What <ruby> holds: base text (rb) and what is read beside it (https://html.spec.whatwg.org/#the-ruby-element).
_READINGS: Final = frozenset(("rt", "rp", "rtc"))
_RUBY: Final = _READINGS | {"rb"}
_MAX_RUBY: Final = 20  # elements up to <ruby>
_WIDE_CHAR: Final = re.compile(f"[{_WIDE}]")

#: A text between two tags: place in the source, text as written, its element, number of its link or 0.
Piece = tuple[int, str, Node, int]


def blocks_of(run: list[Piece], n_breaks: int, *, ruby: bool = False) -> list[RawBlock]:
    """The block of a run, and one for each stretch of it that is hidden while the text around is not.

    The first piece of the run is not white space. ``ruby``: the page has readings of characters, which are no text.
    """
    if len(run) == 1:
        block = block_of(run, n_breaks)
        return [block] if block is not None else []
    if ruby:
        run = _without_readings(run)
    depths = [len((node[MEMO][0] if node[MEMO] else meaning(node)).hiders) for _, _, node, _ in run]
    if not any(depths):
        block = block_of(run, n_breaks)
        return [block] if block is not None else []
    least = min(depth for depth, piece in zip(depths, run, strict=True) if not piece[1].isspace())
    shown = [piece for depth, piece in zip(depths, run, strict=True) if depth <= least]
    found = [block_of(_from_text(shown), n_breaks)]
    for deeper, pieces in groupby(zip(depths, run, strict=True), lambda one: one[0] > least):
        if deeper and (rest := _from_text([piece for _, piece in pieces])):
            block = block_of(rest, 0)
            found.append(block._replace(hidden=True, hiders=()) if block else None)
    return sorted((block for block in found if block is not None), key=lambda block: block.start)


#: Elements that hold an author's name: hCard of WordPress (https://microformats.org/wiki/hcard), rel and itemprop of HTML.
_AUTHOR: Final = re.compile(
    r"""(?:\srel\s?=\s?["']?(?:[\w ]{0,40}\s)?author\b|\sitemprop\s?=\s?["']?author\b"""
    r"""|\sclass\s?=\s?["']?(?:[^"'>]{0,200}\s)?(?:author|author-name|author_name|authorname|post-author|entry-author|byline-author|vcard)(?=["'\s>]))""",
    re.IGNORECASE,
)
_NO_AUTHOR: Final = re.compile(
    r"comment|reply|repl(?:y|ies)|review|related|sidebar|widget|avatar|footer|bio\b|card-list"
)
_BY: Final = re.compile(
    r"\A(?:(?:written |posted )?by\b|author\s{0,3}:|文\s{0,3}[:：/]|作者\s{0,3}[:：/]?)\s{0,3}:?\s{0,3}", re.IGNORECASE
)
_MAX_AUTHOR: Final = 40  # code points
_AUTHOR_REACH: Final = 3  # elements around a name


def author_of(run: list[Piece]) -> str:
    """The name of the page's author, where an element around a piece of the run says that it holds it; else ""."""
    for _, text, node, _ in run:
        if not text.strip() or len(text) > 2 * _MAX_AUTHOR:
            continue
        at: Node | None = node
        for _ in range(_AUTHOR_REACH):
            if at is None:
                break
            if "author" in at[TAG] and _AUTHOR.search(at[TAG]):
                name = _BY.sub("", collapse(decode(text))).strip(" ,|·-")
                if (
                    1 < len(name) <= _MAX_AUTHOR
                    and not _NOT_A_NAME.search(name)
                    and not _NO_AUTHOR.search(meaning(node).classes)
                ):
                    return name
                break
            at = at[PARENT]
    return ""


_NOT_A_NAME: Final = re.compile(
    r"[0-9@#:：。.!?]{2}|\d|https?|[。！？!?]|\b(?:posts?|articles?|view|more|about|the author|author|by)\b|作者|编辑|关注",
    re.IGNORECASE,
)


def _from_text(run: list[Piece]) -> list[Piece]:
    """The run from its first piece that is not white space."""
    return list(dropwhile(lambda piece: piece[1].isspace(), run))


def _without_readings(run: list[Piece]) -> list[Piece]:
    """The run without what <rt>, <rp> and <rtc> say, and without the spaces that set ruby's Chinese characters apart.

    A run of nothing else is left as it is.
    """
    kept: list[Piece] = []
    inside = False
    for start, text, node, link in run:
        name = _ruby_part(node)
        if name in _READINGS:
            continue
        if (inside or name) and kept and text.isspace() and _ends_wide(kept[-1][1]):
            continue
        if name and (stripped := text.strip()) and _is_wide(stripped[0]) and _is_wide(stripped[-1]):
            start, text = start + text.find(stripped[0]), stripped
        kept.append((start, text, node, link))
        inside = bool(name)
    return _from_text(kept) or run


def _ruby_part(node: Node) -> str:
    """The innermost of ruby's elements around a text, with no block between; "" outside ruby."""
    at: Node | None = node
    part = ""
    for _ in range(_MAX_RUBY):
        if at is None or at[CODE] > LINK:
            break
        if at[NAME] == "ruby":
            return part or "ruby"
        if not part and at[NAME] in _RUBY:
            part = at[NAME]
        at = at[PARENT]
    return ""


def _is_wide(char: str) -> bool:
    return _WIDE_CHAR.match(char) is not None


def _ends_wide(text: str) -> bool:
    return bool(text.strip()) and _is_wide(text.strip()[-1])


def block_of(run: list[Piece], n_breaks: int) -> RawBlock | None:
    """The block of a run; None when nothing in it can be seen. The first piece is not white space."""
    while run[-1][1].isspace():
        run.pop()
    offset, text, node, link = run[0]
    if len(run) == 1:
        first, last = edges(text, entities=True)
        start, end = offset + first, offset + last
        decoded = decode(text[first:last])
    else:
        start, end = _place(run)
        decoded = "".join([decode(piece[1]) if "&" in piece[1] else piece[1] for piece in run])
        node = _common(run)
    if start >= end:
        return None
    clean = collapse(decoded)
    found = node[MEMO][0] if node[MEMO] else meaning(node)
    if found.keeps_space:
        clean = preformatted("".join([decode(piece[1]) for piece in run]))
    n_links, chars = _links(run) if len(run) > 1 else (1, len(clean))
    if n_links and (link or len(run) > 1):
        markup = Markup(found.path, found.classes, n_links, min(chars, len(clean)), found.role)
    else:
        markup = found.plain or plain_markup(found)
    return RawBlock(start, end, clean, found.kind, found.level, n_breaks, markup, False, found.hiders)


def preformatted(text: str) -> str:
    """The text with its white space; only blank lines around it and spaces before line ends are dropped."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


def _place(run: list[Piece]) -> tuple[int, int]:
    """Where the text begins and ends, without white space, spelled as an entity or not."""
    offset, text, _, _ = run[0]
    first, last = edges(text, entities=True)
    start = offset + first
    if not last:  # nothing but spaces spelled as entities
        for offset, text, _, _ in run:
            first, last = edges(text, entities=True)
            if last:
                start = offset + first
                break
    for offset, text, _, _ in reversed(run):
        last = edges(text, entities=True)[1]
        if last:
            return start, offset + last
    return 0, 0


def _common(run: list[Piece]) -> Node:
    """The innermost element around all pieces but white space.

    Neighbours in source order are never further apart in the tree than there are tags between them, so the
    shallowest of their common elements is found in time linear in the source.
    """
    best = left = run[0][2]
    for _, text, right, _ in run:
        if right is left or text.isspace():
            continue
        at = right
        while left is not at:
            if left[DEPTH] >= at[DEPTH]:
                left = left[PARENT] or at
            else:
                at = at[PARENT] or left
        if left[DEPTH] < best[DEPTH]:
            best = left
        left = right
    return best


def _links(run: list[Piece]) -> tuple[int, int]:
    """How many links with text the run has and how many characters lie in them. Links are numbered upwards."""
    n_links = chars = latest = 0
    for _, text, _, link in run:
        if link and not text.isspace():
            n_links += link != latest
            latest = link
            chars += len(collapse(decode(text)))
    return n_links, chars
