"""A run of text pieces to one block: decoded, collapsed, with its exact place, its element and its links."""

from __future__ import annotations

from html import unescape
from itertools import pairwise

from pipeline.extract.assemble import RawBlock
from pipeline.extract.markup import DEPTH, PARENT, Node, meaning
from pipeline.extract.whitespace import collapse, lead, trail, visible
from pipeline.types import BlockKind, Markup

#: A text between two tags: place in the source, text as written, its element, number of its link or 0.
Piece = tuple[int, str, Node, int]


def block_of(run: list[Piece], n_breaks: int) -> RawBlock | None:
    """The block of a run; None when nothing in it can be seen. The first piece is not white space."""
    start, text, node, link = run[0]
    if len(run) == 1:
        decoded = unescape(text) if "&" in text else text
        clean = collapse(decoded)
        end = start + len(text) - trail(text, entities=True)
        start += lead(text, entities=True)
        n_links, link_chars = (1, len(clean)) if link else (0, 0)
    else:
        decoded = "".join([unescape(piece[1]) if "&" in piece[1] else piece[1] for piece in run])
        clean = collapse(decoded)
        shown = [piece for piece in run if not piece[1].isspace()]
        start, end = _place(shown)
        node = _common(shown)
        n_links, link_chars = _links(shown)
    if start >= end or not visible(clean):
        return None
    found = meaning(node)
    if found.preformatted and found.kind is BlockKind.CODE:
        clean = preformatted(decoded)
    markup = Markup(found.path, found.classes, n_links, min(link_chars, len(clean)), found.role)
    return RawBlock(start, end, clean, found.kind, found.level, n_breaks, markup)


def preformatted(text: str) -> str:
    """The text with its white space; only blank lines around it and spaces before line ends are dropped."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


def _place(shown: list[Piece]) -> tuple[int, int]:
    """Where the text begins and ends, without white space, spelled as an entity or not."""
    start = end = 0
    for offset, text, _, _ in shown:
        skipped = lead(text, entities=True)
        if skipped < len(text):
            start = offset + skipped
            break
    for offset, text, _, _ in reversed(shown):
        skipped = trail(text, entities=True)
        if skipped < len(text):
            end = offset + len(text) - skipped
            break
    return start, end


def _common(shown: list[Piece]) -> Node:
    """The innermost element around all pieces.

    Neighbours in source order are never further apart in the tree than there are tags between them, so the
    shallowest of their common elements is found in time linear in the source.
    """
    best = shown[0][2]
    for (_, _, left, _), (_, _, right, _) in pairwise(shown):
        while left is not right:
            if left[DEPTH] >= right[DEPTH]:
                left = left[PARENT] or right
            else:
                right = right[PARENT] or left
        if left[DEPTH] < best[DEPTH]:
            best = left
    return best


def _links(shown: list[Piece]) -> tuple[int, int]:
    """How many links the pieces lie in and how many characters of theirs."""
    links = set()
    chars = 0
    for _, text, _, link in shown:
        if link:
            links.add(link)
            chars += len(collapse(unescape(text) if "&" in text else text))
    return len(links), chars
