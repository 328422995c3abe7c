"""What the mark-up around a block says of it: path, class words, role, kind, whether it is hidden.

A node is a tuple ``(name, parent, depth, tag, code, memo)``, the cheapest thing to make for each tag; what
it means is worked out here, only for nodes that hold text, and kept in its memo.
To read another attribute, add it to ``_own``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Final

from pipeline.extract.elements import HEADINGS, KINDS, LANDMARKS, LISTS, PREFORMATTED, ROLES
from pipeline.types import BlockKind

NAME: Final = 0
PARENT: Final = 1
DEPTH: Final = 2
TAG: Final = 3
CODE: Final = 4
MEMO: Final = 5

#: One element: name, parent, depth, start tag as written, treatment, memo of what it means.
Node = tuple[str, "Node | None", int, str, int, "list[Meaning]"]

_MAX_PATH: Final = 256  # elements; deeper than this only the nearest are kept
_DEEP_PATH: Final = 32
_MAX_CLASSES: Final = 1_500  # characters, the nearest words
_MAX_OWN_CLASSES: Final = 160  # characters of one element: utility class names run to hundreds
_ATTRIBUTE: Final = re.compile(r"""([^\s"'>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)))?+""")
_NAME_OF_TAG: Final = re.compile(r"<[^\s/>]*+")
_HIDING: Final = re.compile(r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a node says of the blocks in it, inherited from its ancestors where it says nothing itself."""

    path: tuple[str, ...]
    classes: str
    role: str
    kind: BlockKind
    level: int
    n_lists: int
    hidden: bool
    preformatted: bool


ROOT_MEANING: Final = Meaning((), "", "", BlockKind.PARAGRAPH, 0, 0, False, False)


def attributes(tag: str) -> dict[str, str]:
    """The attributes of a start tag, names in lower case, values decoded; the first of equal names counts."""
    start = _NAME_OF_TAG.match(tag)
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag, start.end() if start else 0):
        value = double or single or bare
        found.setdefault(name.lower(), unescape(value) if "&" in value else value)
    return found


def meaning(node: Node | None) -> Meaning:
    """What a node says of its blocks. Looks no further than ``_MAX_PATH`` elements up."""
    chain: list[Node] = []
    while node is not None and not node[MEMO] and len(chain) < _MAX_PATH:
        chain.append(node)
        node = node[PARENT]
    known = node[MEMO][0] if node is not None and node[MEMO] else ROOT_MEANING
    while chain:
        node = chain.pop()
        known = _child(known, node)
        node[MEMO].append(known)
    return known


def _child(above: Meaning, node: Node) -> Meaning:
    name = node[NAME]
    tag = node[TAG]
    words, role, hidden = _own(tag) if "=" in tag or "hidden" in tag else ("", "", False)
    hidden = hidden or (name == "template" and "shadowroot" not in tag)
    if hidden:
        words = f"{words} hidden" if words else "hidden"
    classes = above.classes
    if words:
        classes = f"{classes} {words}" if classes else words
        if len(classes) > _MAX_CLASSES:
            classes = classes[-_MAX_CLASSES:].partition(" ")[2]
    path = (*above.path, name)
    if len(path) > _MAX_PATH:
        path = path[-_DEEP_PATH:]
    kind, level, n_lists = above.kind, above.level, above.n_lists
    if name in LISTS:
        n_lists += 1
    elif name in HEADINGS:
        kind, level = BlockKind.HEADING, HEADINGS[name]
    elif name in KINDS:
        kind = KINDS[name]
        level = max(1, n_lists) if kind is BlockKind.LIST_ITEM else 0
    return Meaning(
        path,
        classes,
        role or LANDMARKS.get(name, above.role),
        kind,
        level,
        n_lists,
        above.hidden or hidden,
        above.preformatted or name in PREFORMATTED,
    )


def _own(tag: str) -> tuple[str, str, bool]:
    """Class, id and itemprop words, the role, and whether the element hides its content."""
    found = attributes(tag)
    words = ""
    for name in ("class", "id", "itemprop"):
        if value := found.get(name):
            words = f"{words} {value}" if words else value
    words = " ".join(words.lower().split())
    if len(words) > _MAX_OWN_CLASSES:
        words = words[:_MAX_OWN_CLASSES].rpartition(" ")[0]
    role = found.get("role", "").lower()
    hidden = (
        "hidden" in found
        or found.get("aria-hidden", "").lower() == "true"
        or ("style" in found and _HIDING.search(found["style"]) is not None)
    )
    return words, role if role in ROLES else "", hidden
