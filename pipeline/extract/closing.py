"""Which open elements an end tag, written or implied, closes. Nodes in, the node that stays open out."""

from __future__ import annotations

from typing import Final

from pipeline.extract.elements import BARRIERS, FORMATTING, HEADING, INLINE, LINK, LISTS, TRANSPARENT
from pipeline.extract.markup import CODE, DEPTH, NAME, PARENT, Node

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
