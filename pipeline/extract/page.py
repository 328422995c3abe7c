"""The state of one pass over a page: what is open, the run so far, the blocks behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.extract.assemble import RawBlock
from pipeline.extract.head import HeadParts
from pipeline.extract.markup import DEPTH
from pipeline.extract.runs import Piece, block_of
from pipeline.extract.tables import Table


class TooDeepError(Exception):
    """A text lies deeper than ``Page.max_depth``."""


@dataclass(slots=True)
class Page:
    """Filled by the stack machine in ``html``; lives as long as one call."""

    head: HeadParts = field(default_factory=HeadParts)
    blocks: list[RawBlock] = field(default_factory=list)
    run: list[Piece] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    link: int = 0  # number of the <a href> that is open, from 1; else 0
    n_links: int = 0
    n_breaks: int = 0  # <br> since the last block
    edge: bool = False  # a block element began or ended since the last block
    keeps_space: bool = False  # a <pre> was seen
    flags: set[str] = field(default_factory=set)
    max_depth: float = 5_000  # elements around a text

    def end_run(self) -> None:
        """Make a block of the run, if anything in it can be seen. Raises TooDeepError."""
        if self.run:
            if self.run[0][2][DEPTH] > self.max_depth:
                raise TooDeepError
            block = block_of(self.run, self.n_breaks + self.edge)
            self.run.clear()
            if block is not None:
                self.blocks.append(block)
                self.n_breaks = 0
                self.edge = False

    def end_block(self) -> None:
        """End the run at the edge of a block element."""
        self.end_run()
        self.edge = True
