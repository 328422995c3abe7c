"""Table rows: the cells of a data table are joined into one block a row, a layout table is left as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pipeline.extract.assemble import RawBlock
from pipeline.extract.markup import Node, meaning
from pipeline.types import BlockKind, Markup

CELL_SEPARATOR: Final = " | "
#: A cell longer than this (code points) is prose: the table is there for the layout.
_MAX_CELL: Final = 300
#: A cell of several lines is still a cell when all of it is no longer than this (code points).
_MAX_BROKEN_CELL: Final = 120
_MAX_BROKEN_SHARE: Final = 0.2  # of the cells with text


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
    first = next((cells[0] for _, cells in table.rows if cells), len(blocks))
    rows = _cells(table, blocks)
    if not _is_data([cell for _, cells in rows for cell in cells]) or not any(len(c) > 1 for _, c in rows):
        return
    joined = [_join(node, cells) for node, cells in rows if cells]
    blocks[first:] = joined


def _cells(table: Table, blocks: list[RawBlock]) -> list[tuple[Node, list[list[RawBlock]]]]:
    """The blocks of each cell that has any, by row."""
    starts = [start for _, cells in table.rows for start in cells] + [len(blocks)]
    rows: list[tuple[Node, list[list[RawBlock]]]] = []
    i = 0
    for node, cells in table.rows:
        spans = [blocks[starts[j] : starts[j + 1]] for j in range(i, i + len(cells))]
        rows.append((node, [span for span in spans if span]))
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


def _join(node: Node, cells: list[list[RawBlock]]) -> RawBlock:
    if len(cells) == 1 and len(cells[0]) == 1:
        return cells[0][0]._replace(kind=BlockKind.TABLE_ROW)
    first, last = cells[0][0], cells[-1][-1]
    found = meaning(node)
    marks = [block.markup for cell in cells for block in cell if block.markup]
    markup = Markup(
        found.path,
        found.classes,
        sum(mark.n_links for mark in marks),
        sum(mark.link_chars for mark in marks),
        found.role,
    )
    text = CELL_SEPARATOR.join(" ".join(block.text for block in cell) for cell in cells)
    return RawBlock(first.start, last.end, text, BlockKind.TABLE_ROW, 0, first.n_breaks, markup)
