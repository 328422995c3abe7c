"""Where a block lies: before the body, in it, or after it.

The body is the run of blocks with the most running text: every block of prose counts its tokens, every other
block costs a little, and the run with the largest sum wins. So a table inside an article does not break it,
and a teaser under thirty short lines does not stretch it to the foot of the page.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from pipeline.text.prose import is_prose
from pipeline.tokens import count_tokens
from pipeline.types import Block


class Zone(StrEnum):
    """A block's place against the body."""

    HEAD = "head"
    BODY = "body"
    TAIL = "tail"


#: The most that one block adds to the sum, and the number of characters from which a block adds it uncounted.
MAX_PROSE_TOKENS = 100
LONG_CHARS = 600
#: What a block that is not prose takes off the sum, in tokens.
GAP_COST = 4


def prose_tokens(block: Block) -> int:
    """What a block adds to the sum: its tokens when it is prose, else 0. A long one is not counted but taken for the most."""
    if not is_prose(block):
        return 0
    return MAX_PROSE_TOKENS if len(block.text) > LONG_CHARS else min(count_tokens(block.text), MAX_PROSE_TOKENS)


def zones(blocks: Sequence[Block], *, doubtful: Collection[int] = frozenset()) -> tuple[Zone, ...]:
    """The zone of every block, in order.

    ``doubtful`` holds the indexes of blocks that may be chaff (a rule's words are in them): they count as prose
    only when no other block does, so that a disclaimer at the foot does not make itself part of the body.
    A page without any prose has no body: its first half is head and the rest tail.
    """
    weights = _weights(blocks, doubtful)
    if max(weights, default=0) <= 0:
        half = (len(blocks) + 1) // 2
        return (Zone.HEAD,) * half + (Zone.TAIL,) * (len(blocks) - half)
    first, end = _heaviest_run(weights)
    return (Zone.HEAD,) * first + (Zone.BODY,) * (end - first) + (Zone.TAIL,) * (len(blocks) - end)


def _weights(blocks: Sequence[Block], doubtful: Collection[int]) -> list[int]:
    return [(i not in doubtful and prose_tokens(block)) or -GAP_COST for i, block in enumerate(blocks)]


def _heaviest_run(weights: Sequence[int]) -> tuple[int, int]:
    """First index and end of the run with the largest sum; the earliest of equals (Kadane's algorithm)."""
    best = total = start = 0
    run = (0, 0)
    for i, weight in enumerate(weights):
        if total <= 0:
            total, start = 0, i
        total += weight
        if total > best:
            best, run = total, (start, i + 1)
    return run
