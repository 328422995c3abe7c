"""What the start tags do that are neither plain blocks nor plain inline elements: one function each.

Each takes the page, the innermost open node, the element's name and the tag as written, and returns what is
open after it. The table is at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pipeline.extract.closing import end_item, end_link, end_paragraph, parent
from pipeline.extract.elements import (
    BREAK,
    CELL,
    DATA,
    HEADING,
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
)
from pipeline.extract.head import add_tag
from pipeline.extract.markup import CODE, DEPTH, NAME, Node, attributes, meaning
from pipeline.extract.page import Page
from pipeline.extract.tables import Table

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
