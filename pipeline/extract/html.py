"""HTML to blocks with exact places, in one pass: a small stack machine over the scanner's tags.

A *run* is the text between two edges (starts and ends of block elements, <br>); each run with visible
text becomes a block. Which elements have edges is said in ``elements``; what else a start tag does is
said in ``openers.OPENERS``. Implied end tags follow the WHATWG standard (https://html.spec.whatwg.org/
#parsing-main-inbody); nothing is moved (no foster parenting, no adoption agency).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from types import MappingProxyType
from typing import Final

from pipeline.extract.blocks import RawBlock, assemble, unseen_blocks
from pipeline.extract.fallback import deep_blocks
from pipeline.extract.markup import (
    BARRIERS,
    BLOCK,
    BREAK,
    CELL,
    CODE,
    DATA,
    DEPTH,
    ELEMENTS,
    FOREIGN,
    FORMATTING,
    HEADING,
    INLINE,
    ITEM,
    LINK,
    LISTS,
    NAME,
    OPTION,
    OUTER,
    PARENT,
    PRE,
    RAW,
    ROW,
    RULE,
    SECTION,
    SPOKEN,
    TABLE,
    TRANSPARENT,
    VOID,
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
from pipeline.extract.runs import Piece, Table, author_of, blocks_of, join_rows
from pipeline.extract.scanner import CDATA, raw_parts, scan
from pipeline.extract.state import Script
from pipeline.extract.styles import EMPTY_SHEET, FADES, Sheet, page_sheet
from pipeline.extract.told import told_text
from pipeline.text.prose import holds_sentence
from pipeline.types import Extracted, Flag, Markup

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
        if at[CODE] > LINK and at[NAME] not in TRANSPARENT:
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
        if at[NAME] in BARRIERS or (at[CODE] > LINK and name not in FORMATTING):
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


def extract_html(source: str) -> Extracted:
    """The blocks and the head of an HTML page.

    Offsets are code points of ``source``. What lies between two blocks is tags, comments, the content of
    scripts and other raw elements, and white space. Never raises; the time is linear in the source.
    """
    ruby, signed = "<ruby" in source or "<RUBY" in source, "author" in source
    page = Page(ruby=ruby, signed=signed, sheet=page_sheet(source))
    try:
        _walk(page, source)
    except TooDeepError:
        page.flags.add(Flag.DEEP_NESTING)
        blocks = deep_blocks(source)
        if blocks is None:
            page = Page(ruby=page.ruby, signed=page.signed, sheet=page.sheet, max_depth=inf, flags=page.flags)
            _walk(page, source)
        else:
            page.blocks, page.tables = blocks, []
            page.scripts = []
            page.flags.add(Flag.HTML_FALLBACK_PARSER)
    for table in reversed(page.tables):
        join_rows(table, page.blocks)
    page.blocks = settle_hidden(page.blocks)
    if any(block.hidden or (block.markup and _is_hidden(block.markup)) for block in page.blocks):
        page.flags.add(Flag.HIDDEN_TEXT)
    head = page.head.page_head()
    shown = [block for block in page.blocks if not block.hidden]
    told = told_text(source, page.scripts, head, shown=shown, parse=_fragment) if page.scripts else None
    unseen = unseen_blocks(source, head, shown=[block.text for block in shown])
    if told and sum(len(block.text) for block in told.blocks) > sum(len(block.text) for block in unseen):
        unseen = told.blocks
        head = replace(head, meta=(*head.meta, *told.meta))
        page.flags.add(Flag.TEXT_FROM_SCRIPT)
    elif unseen:
        page.flags.add(Flag.TEXT_FROM_HEAD)
    page.blocks = sorted((*page.blocks, *unseen), key=lambda block: block.start)
    return assemble(page.blocks, head, flags=page.flags)


def _fragment(source: str) -> list[RawBlock]:
    """The blocks of a piece of HTML."""
    page = Page(ruby="<ruby" in source, max_depth=inf)
    _walk(page, source)
    for table in reversed(page.tables):
        join_rows(table, page.blocks)
    return settle_hidden(page.blocks)


# What is hidden for good, and what a script shows.

#: Hidden prose in so many code points for each one that is shown is what the page is about: a script will show it.
SHOWN_LATER = 1.0
#: The same for what is merely transparent or invisible, as parts are that appear when the page is scrolled.
FADED_IN = 0.3
_FADED = frozenset(("visibility", "opacity"))
SHOWN_PROSE = 12  # code points of a sentence


def settle_hidden(blocks: list[RawBlock]) -> list[RawBlock]:
    """The blocks with ``hidden`` said of those that no reader sees.

    A page hidden as a whole until its scripts have run, or one with little else to read, is not hidden.
    """
    if not any(block.hiders for block in blocks):
        return blocks
    blocks = [block._replace(hiders=()) if _is_apart(block) else block for block in blocks]
    prose = [block for block in blocks if not block.hidden and _is_prose(block)]
    shown = sum(len(block.text) for block in prose if not block.hiders)
    covered = sum(len(block.text) for block in prose if block.hiders)
    faded = sum(len(block.text) for block in prose if block.hiders and _is_faded(block))
    if covered > SHOWN_LATER * shown or all(block.hiders or block.hidden for block in blocks):
        return blocks
    spared = faded > FADED_IN * shown
    return [
        block._replace(hidden=True) if block.hiders and not (spared and _is_faded(block)) else block for block in blocks
    ]


def _is_apart(block: RawBlock) -> bool:
    """Whether it is no part of the words around it, but may be text by itself."""
    return bool(block.hiders) and all(hider.aspect in (SPOKEN, FADES) for hider in block.hiders)


def _is_faded(block: RawBlock) -> bool:
    return all(hider.aspect in _FADED for hider in block.hiders)


def _is_prose(block: RawBlock) -> bool:
    dense = block.markup is not None and 2 * block.markup.link_chars > len(block.text)
    return len(block.text) >= SHOWN_PROSE and not dense and holds_sentence(block.text)


def _is_hidden(markup: Markup) -> bool:
    return "hidden" in markup.classes and "hidden" in markup.classes.split()


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
        if tag.startswith(CDATA) and not FOREIGN.isdisjoint(meaning(node).path):
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
