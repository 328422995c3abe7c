"""Raw blocks to an ``Extracted``: text repaired, empty blocks dropped, ordinals given. For every format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from pipeline.repair import is_clean, repair
from pipeline.types import Block, BlockKind, Extracted, Markup, PageHead

EMPTY_HEAD: Final = PageHead()


class RawBlock(NamedTuple):
    """A block before its text is repaired; fields as in ``Block``."""

    start: int
    end: int
    text: str
    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0
    n_breaks: int = 0
    markup: Markup | None = None


def assemble(
    raw: Iterable[RawBlock],
    source: str,
    head: PageHead = EMPTY_HEAD,
    *,
    flags: Iterable[str] = (),
) -> Extracted:
    """Repair each block's text and number what is left.

    When ``source`` as a whole needs no repair, only texts that were decoded from it (entities) are looked at.
    """
    clean = is_clean(source)
    blocks: list[Block] = []
    fixes: set[str] = set()
    for start, end, text, kind, level, n_breaks, markup in raw:
        if not (clean and (end - start == len(text) or "&" not in source[start:end])):
            repaired = repair(text)
            if repaired.fixes:
                fixes.update(repaired.fixes)
                text = _trimmed(repaired.text, kind)
        if text:
            blocks.append(Block(len(blocks), text, kind, start, end, level, n_breaks, markup))
    return Extracted(tuple(blocks), _repaired_head(head), tuple(sorted(fixes)), tuple(sorted(set(flags))))


def _trimmed(text: str, kind: BlockKind) -> str:
    return text.strip("\r\n").rstrip() if kind is BlockKind.CODE else " ".join(text.split())


def _repaired_head(head: PageHead) -> PageHead:
    """The head with its title and metadata repaired, white space collapsed."""
    title = " ".join(repair(head.title).text.split()) if head.title else ""
    meta = tuple((name, repair(content).text) for name, content in head.meta)
    return replace(head, title=title or None, meta=meta)
