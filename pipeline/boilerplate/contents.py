"""A table of contents as the content: the numbered chapters of a book on a page that has little else.

Everywhere else a list of links is a menu.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from pipeline.text.prose import link_density
from pipeline.types import Block, PageHead

CHAPTERS = 20  # a table of contents has so many links of one place
NUMBERED = 0.6  # so many of them are numbered
OTHER_TEXT = 0.2  # what is kept else, as a share of the table's code points
LINKED = 0.9  # of an entry's code points

_CHAPTER = re.compile(
    r"第\s{0,3}[0-9〇零一二三四五六七八九十百千两]{1,7}\s{0,3}[章节節回卷集话話]|^chapter\s{0,3}\d|^\d{1,4}[.、]\s?\S",
    re.I,
)


def chapters(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """The blocks of a table of contents that are not kept, where the page is little else."""
    sizes = [len(block.text) for block in blocks]
    n_kept = sum(size for size, was in zip(sizes, kept, strict=True) if was)
    if n_kept > OTHER_TEXT * sum(sizes):
        return []
    places: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for at, block in enumerate(blocks):
        if block.markup and link_density(block) >= LINKED:
            places[block.markup.path, block.markup.classes].append(at)
    table = max(places.values(), key=lambda found: sum(sizes[at] for at in found), default=[])
    if len(table) < CHAPTERS or n_kept > OTHER_TEXT * sum(sizes[at] for at in table):
        return []
    if sum(bool(_CHAPTER.search(blocks[at].text)) for at in table) < NUMBERED * len(table):
        return []
    return [at for at in table if not kept[at]]
