"""The way for pages nested deeper than the stack machine trusts itself: BeautifulSoup over html.parser.

html.parser is quadratic on some malformed pages, so it is not given the page. It is given a skeleton of
plain tags, found by our own scanner in linear time, with the number of each text in the text's place. The
tree it makes of that says which texts belong together; their places are the scanner's, and exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from pipeline.extract.blocks import RawBlock
from pipeline.extract.machine import BLOCK, INLINE, LINK, RAW, VOID
from pipeline.extract.markup import DEPTH, ELEMENTS, Node
from pipeline.extract.runs import Piece, blocks_of
from pipeline.extract.scanner import raw_parts
from pipeline.extract.scanner import tags as tags_of

if TYPE_CHECKING:
    from bs4.element import Tag

#: Pages of more elements than this take more than about a second; the stack machine is as good for them.
MAX_TAGS: Final = 10_000
#: BeautifulSoup may go from each text up to the root: so many steps take about a second.
MAX_EFFORT: Final = 20_000_000
_MAX_PATH: Final = 12  # elements around a text that are looked at, nearest first


def deep_blocks(source: str) -> list[RawBlock] | None:
    """The blocks of a page of any depth; None when it has more than twice ``MAX_TAGS`` tags, or takes too long.

    Offsets are code points of ``source``. Path, classes and role are those of the nearest elements only.
    """
    from bs4 import BeautifulSoup  # with its selectors a tenth of a second, which few pages are worth
    from bs4.element import NavigableString, Tag

    if source.count("<") > 2 * MAX_TAGS:
        return None
    texts: list[tuple[int, str]] = []
    tags: list[str] = []
    skeleton = list(_skeleton(source, texts, tags))
    if _effort(skeleton) > MAX_EFFORT:
        return None
    blocks: list[RawBlock] = []
    run: list[Piece] = []
    around: Tag | None = None
    for element in BeautifulSoup("".join(skeleton), "html.parser").descendants:
        if isinstance(element, Tag):
            if _has_edge(element.name) and run:
                blocks.extend(blocks_of(run, 1))
                run = []
            continue
        if not isinstance(element, NavigableString) or not element.strip():
            continue
        outer = [parent for parent in islice(element.parents, _MAX_PATH) if parent.parent is not None]
        nearest = next((parent for parent in outer if _has_edge(parent.name)), None)
        if run and nearest is not around:
            blocks.extend(blocks_of(run, 1))
            run = []
        around = nearest
        node = _node(outer, tags)
        link = next((int(str(parent["i"])) + 1 for parent in outer if parent.name == "a"), 0)
        for number in element.split():
            start, text = texts[int(number)]
            if run or not text.isspace():
                run.append((start, text, node, link))
    if run:
        blocks.extend(blocks_of(run, 1))
    return blocks


def _skeleton(source: str, texts: list[tuple[int, str]], tags: list[str]) -> Iterator[str]:
    """The page as plain tags, each with its number, and numbers of texts; fills the two lists."""
    for start, text, tag, closing, opening in tags_of(source):
        if text:
            yield f" {len(texts)} "
            texts.append((start, text))
        name = (opening or closing or "").lower()
        code = _code(name)
        if code in (VOID, RAW):
            continue
        name = name if name in ELEMENTS else "span"
        if opening is not None:
            yield f"<{name} i={len(tags)}>"
            tags.append(tag)
        elif closing is not None:
            yield f"</{name}>"
        elif (raw := raw_parts(tag))[0] in ("textarea", "xmp"):
            yield f"<pre i={len(tags)}> {len(texts)} </pre>"
            texts.append((start + len(text) + raw[2], raw[3]))
            tags.append(raw[1])


def _effort(skeleton: list[str]) -> int:
    """The sum of the depths of all texts, at most: end tags that are left out are not known of here."""
    depth = effort = 0
    for part in skeleton:
        if part[0] == " ":
            effort += depth
        else:
            depth = max(0, depth - 1) if part[1] == "/" else depth + 1
    return effort


def _code(name: str) -> int:
    return ELEMENTS.get(name, (name, INLINE))[1]


def _has_edge(name: str) -> bool:
    return _code(name) not in (INLINE, LINK, VOID)


def _node(outer: list[Tag], tags: list[str]) -> Node:
    """The nearest elements around a text as a chain of nodes."""
    node: Node = ("", None, 0, "", BLOCK, [])
    for element in reversed(outer):
        node = (element.name, node, node[DEPTH] + 1, tags[int(str(element["i"]))], BLOCK, [])
    return node
