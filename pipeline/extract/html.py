"""HTML to blocks with exact places: the compiled stack machine finds the runs of text, and they become blocks here.

A *run* is the text between two edges (starts and ends of block elements, <br>); each run with visible text becomes a
block. Which elements have edges is said in ``markup``; what their tags open and close in ``machine``. What is rare is
read here: scripts, the page's head, what hides text, tables of data, runs that the machine leaves to ``runs``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np

from pipeline.extract.blocks import RawBlock, assemble, unseen_blocks
from pipeline.extract.fallback import deep_blocks
from pipeline.extract.machine import (
    BLOCK,
    CELL_OPENS,
    CODE,
    EMPTY,
    END,
    HEAD_TAG,
    KIND,
    KIND_NODE,
    MARK,
    NAME_END,
    NAMED,
    NO_BOX,
    NUMBER,
    OPENS,
    OUTER,
    PARENT,
    PIECE_NODE,
    RAW_ELEMENT,
    ROW_OPENS,
    RUN_FLAGS,
    RUN_NODE,
    RUN_PIECE,
    RUN_STOP,
    SIGN,
    SLOW,
    SORT,
    START,
    TABLE_LAYOUT,
    TABLE_NODE,
    TABLE_RUNS,
    TAG,
    Ints,
    Walked,
    find_kinds,
    read_runs,
    walk,
)
from pipeline.extract.markup import (
    NAMES,
    REFERENCES,
    SAYING,
    SPOKEN,
    HeadParts,
    Meaning,
    Node,
    add_script,
    add_tag,
    add_title,
    attributes,
    is_no_box,
    likeness,
    meaning,
    plain_markup,
)
from pipeline.extract.runs import Piece, Table, author_of, blocks_of, join_rows
from pipeline.extract.scanner import Scanned, scan, string
from pipeline.extract.state import Script
from pipeline.extract.styles import EMPTY_SHEET, FADES, Sheet, page_sheet
from pipeline.extract.told import told_text
from pipeline.text.prose import holds_sentence
from pipeline.types import Extracted, Flag, Markup

_ANY_DEPTH: Final = 1 << 30
MAX_DEPTH: Final = 5_000  # elements around a text


@dataclass(slots=True)
class Page:
    """What a page was found to hold."""

    head: HeadParts = field(default_factory=HeadParts)
    blocks: list[RawBlock] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    flags: set[Flag] = field(default_factory=set)
    is_too_deep: bool = False


def extract_html(source: str) -> Extracted:
    """The blocks and the head of an HTML page.

    Offsets are code points of ``source``. What lies between two blocks is tags, comments, the content of
    scripts and other raw elements, and white space. Never raises; the time is linear in the source.
    """
    sheet = page_sheet(source)
    page = _page(source, sheet, MAX_DEPTH)
    if page.is_too_deep:
        blocks = deep_blocks(source)
        if blocks is None:
            page = _page(source, sheet, _ANY_DEPTH)
        else:
            page.blocks, page.scripts = blocks, []
            page.flags.add(Flag.HTML_FALLBACK_PARSER)
        page.flags.add(Flag.DEEP_NESTING)
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
    return settle_hidden(_page(source, EMPTY_SHEET, _ANY_DEPTH, is_part=True).blocks)


def _page(source: str, sheet: Sheet, max_depth: int, *, is_part: bool = False) -> Page:
    """What the stack machine finds in a page; a part of one names no author."""
    scanned = scan(source)
    ruby = "<ruby" in source or (not is_part and "<RUBY" in source)
    signed = not is_part and "author" in source
    _mark(source, scanned.table, signed)
    walked = walk(scanned.codes, scanned.start, scanned.table, max_depth)
    page = Page(is_too_deep=walked.is_too_deep)
    if scanned.recovered:
        page.flags.add(Flag.UNCLOSED_MARKUP)
    tree = _Tree(source, scanned, walked, sheet)
    _read_head(page, tree)
    pool = read_runs(scanned.codes, walked.nodes, walked.pieces, walked.runs, *REFERENCES, not ruby)
    if signed:
        page.head.author = _author(tree)
    if not page.is_too_deep:
        starts = _add_blocks(page, tree, pool, ruby)
        if len(walked.tables):
            _join_tables(page, tree, starts)
    return page


def _mark(source: str, table: Ints, signed: bool) -> None:
    """Mark the tags of which the machine must know that they say ``display: none``, or that they may name an author."""
    for tag in _holding("none", source, table):
        start, end, sort, code = table[tag, (START, END, SORT, CODE)].tolist()
        if sort == OPENS and code == BLOCK and _no_box(source[start:end]):
            table[tag, MARK] |= NO_BOX
    for tag in _holding("author", source, table) if signed else ():
        table[tag, MARK] |= SIGN


@lru_cache(maxsize=4096)
def _no_box(tag: str) -> bool:
    return is_no_box(tag)


def _holding(word: str, source: str, table: Ints) -> list[int]:
    """The tags, and raw elements, in which a word stands."""
    lengths = [len(part) + len(word) for part in source.split(word)[:-1]]
    places = np.cumsum(lengths, dtype=np.int32) - len(word)
    tags = np.searchsorted(table[:, START], places, side="right") - 1
    found: list[int] = np.unique(tags[(tags >= 0) & (places < table[tags, END])]).tolist()
    return found


class _Tree:
    """The elements of a page: as the machine found them, and as ``runs`` reads them where it must."""

    def __init__(self, source: str, scanned: Scanned, walked: Walked, sheet: Sheet) -> None:
        self.source = source
        self.table = scanned.table
        self.walked = walked
        kinds, said = find_kinds(scanned.codes, self.table, walked.nodes, walked.pieces, SAYING)
        self.is_deep = not len(kinds)
        self.meanings = [Meaning(sheet=sheet)]  # by kind
        self._nodes: dict[int, Node] = {0: ("", None, 0, "", OUTER, self.meanings[:])}
        text = string(said)
        elements = walked.nodes[kinds[1:, KIND_NODE]][:, (TAG, NUMBER)].tolist()
        for (above, _, start, end), (tag, number) in zip(kinds[1:].tolist(), elements, strict=True):
            name = self._name(tag, number)
            self.meanings.append(likeness(self.meanings[above], name, f"<{name}{text[start:end]}"))

    def _name(self, tag: int, number: int) -> str:
        """The name of an element, in lower case."""
        if number >= 0:
            return NAMES[number]
        start, end = self.table.item(tag, START) + 1, self.table.item(tag, NAME_END)
        return self.source[start:end].lower().replace("\0", "\ufffd")

    def node(self, place: int) -> Node:
        """An element as ``runs`` reads it."""
        chain = []
        while place not in self._nodes:
            chain.append(place)
            place = self.walked.nodes.item(place, PARENT)
        node = self._nodes[place]
        rows = self.walked.nodes.item
        for place in reversed(chain):
            tag, kind = rows(place, TAG), rows(place, KIND)
            start, end, sort, name_end = self.table[tag, : NAME_END + 1].tolist()
            written = self.source[start : end if sort == OPENS else name_end]
            memo = [self.meanings[kind]] if kind >= 0 and not self.is_deep else []
            node = (self._name(tag, rows(place, NUMBER)), node, node[2] + 1, written, rows(place, CODE), memo)
            self._nodes[place] = node
        return node

    def meaning(self, place: int) -> Meaning:
        """What an element says of the blocks in it."""
        return meaning(self.node(place))

    def run(self, first: int, stop: int) -> list[Piece]:
        """The pieces of a run, as ``runs`` reads them."""
        return [
            (start, "\n" if is_break else self.source[start:end], self.node(node), link)
            for start, end, node, link, is_break in self.walked.pieces[first:stop].tolist()
        ]


def _read_head(page: Page, tree: _Tree) -> None:
    """Take in what stands apart from the text: the tags of the head, titles, scripts."""
    source, table = tree.source, tree.table
    for sort, tag, _ in tree.walked.notes.tolist():
        if sort not in (HEAD_TAG, RAW_ELEMENT):
            continue
        start, end, _, name_end, content_end, _, number, *_ = table[tag].tolist()
        if sort == HEAD_TAG:
            add_tag(page.head, NAMES[number], source[start:end])
            continue
        content = source[name_end:content_end]
        if NAMES[number] == "title":
            add_title(page.head, content)
        else:
            start_tag = source[start:name_end]
            add_script(page.head, start_tag, content)
            page.scripts.append(Script(start_tag, name_end, content))


def _author(tree: _Tree) -> str:
    """The name of the page's author, where an element says that it holds it; else ""."""
    runs = tree.walked.runs
    for run in np.flatnonzero(runs[:, RUN_FLAGS] & NAMED).tolist():
        if name := author_of(tree.run(int(runs[run, RUN_PIECE]), int(runs[run, RUN_STOP]))):
            return name
    return ""


def _add_blocks(page: Page, tree: _Tree, pool: Ints, ruby: bool) -> list[int]:
    """Make blocks of the runs; the number of blocks before each run."""
    walked, meanings, blocks = tree.walked, tree.meanings, page.blocks
    text = string(pool)
    starts: list[int] = []
    breaks = edge = 0
    for run in zip(*walked.runs.T.tolist(), _slow(tree), _kinds(tree), strict=True):
        first, stop, n_breaks, edged, start, end, begin, finish, _, n_links, chars, flags, slow, kind = run
        breaks += n_breaks
        edge |= edged
        starts.append(len(blocks))
        if slow:
            found = blocks_of(tree.run(first, stop), breaks + edge, ruby=ruby)
            if not found:
                continue
            blocks += found
        elif flags & EMPTY:
            continue
        else:
            one = meanings[kind]
            markup = one.plain or plain_markup(one)
            if n_links:
                markup = Markup(one.path, one.classes, n_links, chars, one.role)
            blocks.append(
                RawBlock(start, end, text[begin:finish], one.kind, one.level, breaks + edge, markup, False, one.hiders)
            )
        breaks = edge = 0
    return starts


def _slow(tree: _Tree) -> list[int]:
    """For each run whether ``runs`` must read it: the machine does not, or a part of it is hidden and others not."""
    walked = tree.walked
    if tree.is_deep:
        return [1] * len(walked.runs)
    slow = walked.runs[:, RUN_FLAGS] & SLOW
    hiders = np.array([len(one.hiders) for one in tree.meanings], np.int32)
    if len(slow) and hiders.any():
        by_piece = hiders[walked.nodes[walked.pieces[:, PIECE_NODE], KIND]]
        firsts = walked.runs[:, RUN_PIECE]
        slow = slow | (np.maximum.reduceat(by_piece, firsts) != np.minimum.reduceat(by_piece, firsts))
    found: list[int] = slow.tolist()
    return found


def _kinds(tree: _Tree) -> list[int]:
    kinds: list[int] = tree.walked.nodes[tree.walked.runs[:, RUN_NODE], KIND].tolist()
    return kinds


def _join_tables(page: Page, tree: _Tree, starts: list[int]) -> None:
    """Join the rows of tables of data, the last table first: none of these lies in another."""
    walked = tree.walked
    starts = [*starts, len(page.blocks)]
    rows: list[list[tuple[int, list[int]]]] = [[] for _ in walked.tables]
    for sort, first, second in walked.notes.tolist():
        if sort == ROW_OPENS:
            rows[first].append((second, []))
        elif sort == CELL_OPENS:
            rows[first][-1][1].append(starts[second])
    for own, table in zip(reversed(rows), reversed(walked.tables.tolist()), strict=True):
        if own and not table[TABLE_LAYOUT] and not _is_presentation(tree.node(table[TABLE_NODE])[3]):
            join_rows(Table(own, starts[table[TABLE_RUNS]]), page.blocks, tree.meaning)


def _is_presentation(tag: str) -> bool:
    return "role" in tag and attributes(tag).get("role", "").lower() in ("presentation", "none")


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
