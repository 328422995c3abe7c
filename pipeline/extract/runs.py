"""A run of text pieces to one block: decoded, collapsed, with its exact place, its element and its links."""

from __future__ import annotations

from pipeline.extract.assemble import RawBlock
from pipeline.extract.markup import DEPTH, MEMO, PARENT, Node, meaning, plain_markup
from pipeline.extract.whitespace import collapse, decode, edges
from pipeline.types import Markup

#: A text between two tags: place in the source, text as written, its element, number of its link or 0.
Piece = tuple[int, str, Node, int]


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
    return RawBlock(start, end, clean, found.kind, found.level, n_breaks, markup)


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
