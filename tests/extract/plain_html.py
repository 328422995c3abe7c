"""The extractor as plain Python: a tokenizer of regular expressions and a stack machine over its tags, tuple by tuple.

The compiled one is held against it. The expression follows the tokenizer of the WHATWG standard
(https://html.spec.whatwg.org/#tokenization). All its repeats are possessive and every alternative that could look for an
end in vain accepts the end of the source (``\\Z``), so that no stretch is scanned twice. Python before 3.11.5 forgets to
step back when the last alternative of a possessive group fails half-way (python/cpython#106052), so the last one always
fails at once: ``(?!)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, islice
from operator import add
from types import MappingProxyType
from typing import Final

from pipeline.extract.blocks import RawBlock
from pipeline.extract.html import settle_hidden
from pipeline.extract.machine import (
    BLOCK,
    BREAK,
    CELL,
    DATA,
    HEADING,
    INLINE,
    ITEM,
    LINK,
    OPTION,
    OUTER,
    PRE,
    RAW,
    ROW,
    RULE,
    SECTION,
    TABLE,
    VOID,
)
from pipeline.extract.markup import (
    BARRIERS,
    CODE,
    DEPTH,
    ELEMENTS,
    FOREIGNERS,
    FORMATTERS,
    LISTS,
    NAME,
    PARENT,
    RAW_ELEMENTS,
    TRANSPARENTS,
    HeadParts,
    Meaning,
    Node,
    add_script,
    add_tag,
    add_title,
    attributes,
    is_no_box,
    meaning,
)
from pipeline.extract.runs import Piece, author_of, blocks_of
from pipeline.extract.runs import Table as ReadTable
from pipeline.extract.runs import join_rows as join_read
from pipeline.extract.scanner import CDATA, _cut, raw_parts
from pipeline.extract.state import Script
from pipeline.extract.styles import EMPTY_SHEET, Sheet, page_sheet
from pipeline.types import Flag


@dataclass(slots=True)
class Table:
    """An open table: where its parts begin in the list of blocks."""

    node: Node
    body: Node  # the open section, else the table
    row: Node | None = None
    cell: Node | None = None
    layout: bool = False
    rows: list[tuple[Node, list[int]]] = field(default_factory=list)  # row, first block of each cell


def join_rows(table: Table, blocks: list[RawBlock]) -> None:
    """Replace the blocks of a closed data table, the last in the list, by one block a row."""
    if table.layout or not table.rows:
        return
    rows = [(number, cells) for number, (_, cells) in enumerate(table.rows)]
    join_read(ReadTable(rows, len(blocks)), blocks, lambda number: meaning(table.rows[number][0]))


_NAME: Final = r"[a-zA-Z][^ \t\n\r\f/>]*+"
# Three ways to read attributes, which agree where more than one can; the narrower, the faster.
# Four tags of five are written so; where it fails half-way, what ends the tag is the same.
_NEAT: Final = r"""(?: [a-zA-Z:_-]++="[^"]*+")*+(?:>| ?/?>)"""
# Attributes without ">" in them end at the first ">".
_PLAIN: Final = r"""[^>"']*+(?:"[^">]*+"[^>"']*+|'[^'>]*+'[^>"']*+|(?!))*+>"""
# A quote counts only after a name and "="; one that is never closed is read as a name. "=" can begin a name.
_SPACE: Final = r"[ \t\n\r\f]"
_VALUE: Final = r"""(?:"[^"]*+"|'[^']*+'|[^ \t\n\r\f>"'][^ \t\n\r\f>]*+|)"""
_EXACT: Final = rf"(?:[ \t\n\r\f/]++|[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+(?:{_SPACE}*+={_SPACE}*+{_VALUE}|)|(?!))*+(?:>|\Z)"
_COMMENT: Final = r"!--(?:-?>|(?:[^-]++|(?!--!?>)-|(?!))*+(?:--!?>|\Z))"
_END: Final = r"[ \t\n\r\f/>]"
# Within <!-- in a script, <script> ... </script> does not end the script ("double escaped").
_DOUBLE: Final = rf"<script{_END}(?:[^<-]++|(?!-->)-|(?!</script{_END})<|(?!))*+(?:</script{_END}|(?=-->)|\Z)"
_ESCAPED: Final = rf"<!(?=--)(?:[^<-]++|(?!-->)-|(?!</?script{_END})<|{_DOUBLE}|(?!))*+(?:-->|(?=</script{_END})|\Z)"

_MAX_TITLE: Final = 300  # code points of a title that may name tags; the end tag of a longer one is another's
_SVG_RAW: Final = ("style", "title")  # elements of SVG too, where <style/> is whole


def _raw(name: str) -> str:
    """The expression of a raw element from its name to the end of its end tag, or of the source."""
    plain = rf"(?:[^<]++|(?!</{name}{_END})<|(?!))*+"
    body = rf"(?:[^<]++|(?!</script{_END}|<!--)<|{_ESCAPED}|(?!))*+" if name == "script" else plain
    body = rf"{body}(?:</{name}[^>]*+(?:>|\Z)|\Z)"
    if name in _SVG_RAW:  # empty if it says so and the "/" belongs to no value
        body = rf"(?:(?<=<{name}/>)|(?<=[ \t\n\r\f\"']/>)|{body})"
    # The first letter as a class: the matcher then passes over the alternative without entering it.
    first = f"[{name[0]}{name[0].upper()}]"
    return rf"{first}(?i:{name[1:]}(?={_END})(?:{_PLAIN}|{_EXACT}){body})"


@cache
def _pattern(unclosed: frozenset[str], lenient: bool) -> re.Pattern[str]:
    """The expression: groups are the whole tag, the name of an end tag, the name of a start tag.

    ``unclosed`` names raw elements (and "!--") that have no end in what follows and are read as plain
    tags; ``lenient`` ends every start tag at the next angle bracket, whatever the quotes say.
    """
    attributes = r"[^<>]*+>?" if lenient else f"(?:{_NEAT}|{_PLAIN}|{_EXACT})"
    parts = [
        rf"/(?:({_NAME})[^>]*+|[^>]*+)(?:>|\Z)",
        *([] if "!--" in unclosed else [_COMMENT]),
        r"[!?][^>]*+(?:>|\Z)",
        *(_raw(name) for name in RAW_ELEMENTS if name not in unclosed),
        rf"({_NAME}){attributes}",
    ]
    return re.compile(rf"(<(?:{'|'.join(parts)}))")


_DECLARATION: Final = r"""<![a-z](?:[^"'>]++|"[^"]*+"|'[^']*+'|(?!))*+>"""
_SUBSET: Final = re.compile(
    rf"\s*+(?:<\?[^>]*+>\s*+)?+<!doctype[^>\[]*+\[(?:\s++|%[\w.-]++;|<{_COMMENT}|{_DECLARATION}|<\?[^>]*+>|(?!))*+\]\s*+>",
    re.IGNORECASE,
)
_NAME_AT: Final = re.compile(rf"<({_NAME}|!--)?")
_START_TAG: Final = re.compile(rf"<{_NAME}(?:{_PLAIN}|{_EXACT})")
_BRACKET: Final = re.compile("[<>]")
_MAX_RESTARTS: Final = 16

Token = tuple[int, str, str, str | None, str | None]


def scan(source: str) -> Iterator[tuple[Iterable[Token], bool]]:
    """Stretches of ``(start, text, tag, closing, opening)``: the text before a tag, the whole tag, its name.

    ``start`` is the text's place in the source. Both names are None for comments, declarations and raw
    elements (these whole, with their content). Texts and tags joined are the source; the last text has an
    empty tag. With each stretch comes whether it was cut short because mark-up left open would have
    swallowed over half of the page.
    """
    subset = _SUBSET.match(source)  # of a DTD: has ">" in it
    pos = subset.end() if subset else 0
    if pos:
        yield [(0, "", source[:pos], None, None)], False
    unclosed: frozenset[str] = frozenset()
    lenient = False
    for restart in range(_MAX_RESTARTS + 1):
        parts = _pattern(unclosed, lenient).split(source[pos:] if pos else source)
        texts, tags = parts[0::4], parts[1::4]
        lengths = list(map(len, tags))
        starts = list(accumulate(map(add, map(len, texts), lengths), initial=pos))
        tokens: Iterator[Token] = zip(starts, texts, tags, parts[2::4], parts[3::4], strict=False)
        longest = max(lengths, default=0)
        cut = None
        if longest * 2 > len(source) and restart < _MAX_RESTARTS:
            index = lengths.index(longest)
            cut = _cut(tags[index])
        if cut is None:
            yield tokens, False
            break
        yield islice(tokens, index), False
        start = starts[index]
        yield [(start, texts[index], tags[index][: cut.length], None, parts[index * 4 + 3])], True
        pos = start + len(texts[index]) + cut.length
        unclosed |= cut.unclosed
        lenient = lenient or cut.lenient or restart > _MAX_RESTARTS // 2
    yield [(starts[-1], parts[-1], "", None, None)], False


# Which open elements an end tag, written or implied, closes. Nodes in, the node that stays open out.

#: How far up an end tag looks for its element. Bounds the time on hostile input; no page nests as deep
#: between the two.
_MAX_WALK: Final = 100

_ITEM_NAMES: Final = {"li": ("li",), "dd": ("dd", "dt"), "dt": ("dd", "dt")}


def parent(node: Node) -> Node:
    """The node around a node; the outermost is its own."""
    return node[PARENT] or node


def end_paragraph(node: Node) -> Node:
    """What is open once a <p> that inline elements hold open is closed, as a block element does."""
    at = node
    for _ in range(_MAX_WALK):
        if at[NAME] == "p":
            return parent(at)
        if at[CODE] > LINK:
            return node
        at = parent(at)
    return node


def end_item(node: Node, name: str) -> Node:
    """What is open once the <li>, or <dd> and <dt>, before the one that starts is closed."""
    at = node
    for _ in range(_MAX_WALK):
        if at[NAME] in _ITEM_NAMES[name]:
            return parent(at)
        if at[CODE] > LINK and at[NAME] not in TRANSPARENTS:
            break
        at = parent(at)
    return end_paragraph(node)


def end_link(node: Node) -> Node:
    """What is open once an <a> that the next one ends is closed."""
    at = node
    for _ in range(_MAX_WALK):
        if at[CODE] == LINK:
            return parent(at)
        if at[CODE] != INLINE:
            break
        at = parent(at)
    return node


def end_block(node: Node, name: str) -> Node:
    """What is open after the end tag of a block element; nothing changes when none is in scope."""
    at = node
    for _ in range(_MAX_WALK):
        if at[NAME] == name or (at[CODE] == HEADING and name[0] == "h" and name[1:].isdigit()):
            return parent(at)
        if at[NAME] in BARRIERS or (name == "li" and at[NAME] in LISTS):
            break
        at = parent(at)
    return node


def end_inline(node: Node, name: str) -> Node:
    """What is open after the end tag of an inline element.

    Where a block was opened inside a formatting element and is still open, it stays open without it.
    """
    at = node
    between: list[Node] = []
    for _ in range(_MAX_WALK):
        if at[NAME] == name:
            return _rebuilt(between, parent(at))
        if at[NAME] in BARRIERS or (at[CODE] > LINK and name not in FORMATTERS):
            break
        between.append(at)
        at = parent(at)
    return node


def _rebuilt(between: list[Node], base: Node) -> Node:
    """The block elements among these nodes (innermost first) put on another base."""
    if all(node[CODE] <= LINK for node in between):
        return base
    for name, _, _, tag, code, _ in reversed(between):
        base = (name, base, base[DEPTH] + 1, tag, code, [])
    return base


# The state of one pass over a page: what is open, the run so far, the blocks behind it.


class TooDeepError(Exception):
    """A text lies deeper than ``Page.max_depth``."""


@dataclass(slots=True)
class Page:
    """Filled by the stack machine in ``html``; lives as long as one call."""

    head: HeadParts = field(default_factory=HeadParts)
    blocks: list[RawBlock] = field(default_factory=list)
    run: list[Piece] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    link: int = 0  # number of the <a href> that is open, from 1; else 0
    n_links: int = 0
    n_breaks: int = 0  # <br> since the last block
    edge: bool = False  # a block element began or ended since the last block
    keeps_space: bool = False  # a <pre> was seen
    ruby: bool = False  # there are readings of characters
    signed: bool = False  # an element may say that it holds the author's name
    sheet: Sheet = EMPTY_SHEET
    flags: set[Flag] = field(default_factory=set)
    max_depth: float = 5_000  # elements around a text

    def end_run(self) -> None:
        """Make a block of the run, if anything in it can be seen. Raises TooDeepError."""
        if self.run:
            if self.run[0][2][DEPTH] > self.max_depth:
                raise TooDeepError
            if self.signed and not self.head.author:
                self.head.author = author_of(self.run)
            found = blocks_of(self.run, self.n_breaks + self.edge, ruby=self.ruby)
            self.run.clear()
            if found:
                self.blocks += found
                self.n_breaks = 0
                self.edge = False

    def end_block(self) -> None:
        """End the run at the edge of a block element."""
        self.end_run()
        self.edge = True


# What the start tags do that are neither plain blocks nor plain inline elements: one function each.
#
# Each takes the page, the innermost open node, the element's name and the tag as written, and returns what is
# open after it. The table is at the end.

Opener = Callable[[Page, Node, str, str], Node]


def _push(node: Node, name: str, tag: str, code: int) -> Node:
    return (name, node, node[DEPTH] + 1, tag, code, [])


def _link(page: Page, node: Node, name: str, tag: str) -> Node:
    page.link = 0
    if "href" in tag or "HREF" in tag:
        page.n_links += 1
        page.link = page.n_links
    return _push(end_link(node), name, tag, LINK)


def _break(page: Page, node: Node, _name: str, _tag: str) -> Node:
    if page.keeps_space and meaning(node).preformatted:
        if page.run:
            page.run.append((page.run[-1][0], "\n", node, 0))
        return node
    page.end_run()
    page.n_breaks += 1
    return node


def _rule(page: Page, node: Node, _name: str, _tag: str) -> Node:
    page.end_block()
    return end_paragraph(node)


def _item(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    return _push(end_item(node, name), name, tag, ITEM)


def _heading(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    node = end_paragraph(node)
    return _push(parent(node) if node[CODE] == HEADING else node, name, tag, HEADING)


def _option(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    if node[NAME] == "option":
        node = parent(node)
    if node[NAME] == "optgroup" == name:
        node = parent(node)
    return _push(node, name, tag, OPTION)


def _pre(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    page.keeps_space = True
    return _push(end_paragraph(node), name, tag, PRE)


def _outer(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    if name == "html":
        add_tag(page.head, name, tag)
    if name == "head" or node[NAME] not in ("", "html") or node[NAME] == name:
        return node
    return _push(node, name, tag, OUTER)


def _data(page: Page, node: Node, name: str, tag: str) -> Node:
    add_tag(page.head, name, tag)
    return node


def _nothing(_page: Page, node: Node, _name: str, _tag: str) -> Node:
    return node


def _table(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    if page.tables:
        page.tables[-1].layout = True  # it holds a table
    opened = _push(end_paragraph(node), name, tag, TABLE)
    presentation = "role" in tag and attributes(tag).get("role", "").lower() in ("presentation", "none")
    page.tables.append(Table(opened, opened, layout=presentation))
    return opened


def _section(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    if not page.tables:
        return node
    table = page.tables[-1]
    opened = _push(table.node, name, tag, SECTION)
    table.body = table.node if name == "caption" else opened
    table.row = table.cell = None
    return opened


def _row(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    if not page.tables:
        return node
    table = page.tables[-1]
    row = _push(table.body, name, tag, ROW)
    table.row, table.cell = row, None
    table.rows.append((row, []))
    return row


def _cell(page: Page, node: Node, name: str, tag: str) -> Node:
    page.end_block()
    if not page.tables:
        return node
    page.link = 0
    table = page.tables[-1]
    row = table.row or _row(page, node, "tr", "")
    table.cell = _push(row, name, tag, CELL)
    table.rows[-1][1].append(len(page.blocks))
    return table.cell


#: By treatment (see ``elements``).
OPENERS: Final[Mapping[int, Opener]] = MappingProxyType(
    {
        LINK: _link,
        ITEM: _item,
        HEADING: _heading,
        OPTION: _option,
        PRE: _pre,
        BREAK: _break,
        RULE: _rule,
        TABLE: _table,
        SECTION: _section,
        ROW: _row,
        CELL: _cell,
        OUTER: _outer,
        DATA: _data,
        RAW: _nothing,
    }
)


def read_page(source: str, *, max_depth: float = 5_000) -> Page | None:
    """What the stack machine finds in a page; None where a text lies deeper than ``max_depth``."""
    ruby, signed = "<ruby" in source or "<RUBY" in source, "author" in source
    page = Page(ruby=ruby, signed=signed, sheet=page_sheet(source), max_depth=max_depth)
    try:
        _walk(page, source)
    except TooDeepError:
        return None
    for table in reversed(page.tables):
        join_rows(table, page.blocks)
    page.blocks = settle_hidden(page.blocks)
    return page


def _walk(page: Page, source: str) -> None:
    """Run the stack machine over the tags. The common cases are written out: it is the hot loop."""
    node: Node = ("", None, 0, "", OUTER, [Meaning(sheet=page.sheet)])
    run = page.run
    known = ELEMENTS.get
    for tokens, recovered in scan(source):
        if recovered:
            page.flags.add(Flag.UNCLOSED_MARKUP)
        for start, text, tag, closing, opening in tokens:
            if text and (run or not text.isspace()):
                run.append((start, text, node, page.link))
            if opening is not None:
                name, code = known(opening) or _spelled(opening)
                if code == INLINE:
                    node = (name, node, node[2] + 1, tag, INLINE, [])
                elif code == BLOCK:
                    if run:
                        if "none" in tag and end_paragraph(node) is node and is_no_box(tag):
                            node = (name, node, node[2] + 1, tag, INLINE, [])
                            continue
                        page.end_run()
                    page.edge = True
                    if node[4] != BLOCK or node[0] == "p":
                        node = end_paragraph(node)
                    node = (name, node, node[2] + 1, tag, BLOCK, [])
                elif code != VOID:
                    node = OPENERS[code](page, node, name, tag)
            elif closing is not None:
                if closing == node[0] and node[4] <= PRE and node[1] is not None:
                    if node[4] >= BLOCK:
                        if run:
                            page.end_run()
                        page.edge = True
                    elif node[4] == LINK:
                        page.link = 0
                    node = node[1]
                else:
                    node = _close(page, node, closing)
            elif tag:
                _take_raw(page, node, tag, start + len(text))
    page.end_run()


def _spelled(name: str) -> tuple[str, int]:
    """An element that the table does not list as spelled: in mixed case, or unknown and so inline."""
    name = name.lower().replace("\0", "\ufffd")
    return ELEMENTS.get(name, (name, INLINE))


def _close(page: Page, node: Node, closing: str) -> Node:
    """What is open after an end tag."""
    name, code = ELEMENTS.get(closing) or _spelled(closing)
    if code in (INLINE, LINK):
        page.link = page.link if code == INLINE else 0
        return end_inline(node, name)
    if code <= PRE:
        page.end_block()
        return end_block(node, name)
    if TABLE <= code <= CELL:
        page.end_block()
        return _close_table_part(page, node, name, code)
    if name == "br":  # read as a start tag
        return OPENERS[code](page, node, name, "")
    if code == OUTER:
        page.end_block()
    return node


def _close_table_part(page: Page, node: Node, name: str, code: int) -> Node:
    """What is open after </table>, </tr>, </td> and the like."""
    if not page.tables:
        return node
    page.link = 0
    table = page.tables[-1]
    if code == TABLE:
        page.tables.pop()
        join_rows(table, page.blocks)
        return table.node[1] or table.node
    if code == CELL:
        if table.cell is None or table.row is None:
            return node
        table.cell = None
        return table.row
    table.row, table.cell, body = None, None, table.body
    if code == ROW:
        return body
    table.body = table.node
    return table.node


def _take_raw(page: Page, node: Node, tag: str, start: int) -> None:
    """A comment, which says nothing, or an element with raw content, or the text of a CDATA section in SVG."""
    if tag[1:2] in ("!", "?", "/"):
        if tag.startswith(CDATA) and not set(FOREIGNERS).isdisjoint(meaning(node).path):
            content = tag[len(CDATA) :].removesuffix(">").removesuffix("]]")
            page.run.extend([(start + len(CDATA), content, node, page.link)] if content.strip() else [])
        return
    name, start_tag, length, content = raw_parts(tag)
    if name == "script":
        add_script(page.head, start_tag, content)
        page.scripts.append(Script(start_tag, start + length, content))
    elif name == "title":
        if page.head.title is None and "svg" not in meaning(node).path:
            add_title(page.head, content)
    elif name in ("textarea", "xmp") and not content.isspace() and content:
        page.end_block()
        inner: Node = (name, node, node[2] + 1, start_tag, BLOCK, [])
        page.run.append((start + length, content, inner, 0))
        page.end_block()
