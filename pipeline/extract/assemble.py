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
    raw: Iterable[RawBlock], head: PageHead = EMPTY_HEAD, *, flags: Iterable[str] = (), keep_spaces: bool = False
) -> Extracted:
    """Repair each block's text and number what is left.

    ``keep_spaces``: white space inside a block stays as it is, where the source has no mark-up that made it mean nothing.

    Most documents need no repair: whether this one does is asked once, of all its texts together.
    """
    found = [block for block in raw if block[2]]
    fixes: set[str] = set()
    if not is_clean("\n".join([block[2] for block in found])):
        found = _repaired(found, fixes, keep_spaces)
    blocks = tuple(
        [
            Block(ordinal, text, kind, start, end, level, n_breaks, markup)
            for ordinal, (start, end, text, kind, level, n_breaks, markup) in enumerate(found)
        ]
    )
    return Extracted(blocks, _repaired_head(head), tuple(sorted(fixes)), tuple(sorted(set(flags))))


def _repaired(raw: list[RawBlock], fixes: set[str], keep_spaces: bool) -> list[RawBlock]:
    """The blocks with repaired texts, those without text left out; adds the names of the fixes to the set."""
    kept = []
    for block in raw:
        repaired = repair(block.text)
        if repaired.fixes:
            fixes.update(repaired.fixes)
            text = repaired.text.strip() if keep_spaces else _trimmed(repaired.text, block.kind)
            block = block._replace(text=text)
        if block.text:
            kept.append(block)
    return kept


def _trimmed(text: str, kind: BlockKind) -> str:
    return text.strip("\r\n").rstrip() if kind is BlockKind.CODE else " ".join(text.split())


def _repaired_head(head: PageHead) -> PageHead:
    """The head with its title and metadata repaired, white space collapsed."""
    title = " ".join(repair(head.title).text.split()) if head.title else ""
    meta = tuple((name, repair(content).text) for name, content in head.meta)
    return replace(head, title=title or None, meta=meta)
