"""How alike the texts of candidate pairs truly are, and whether that makes them duplicates.

Figures are of sets of shingles (Broder 1997): Jaccard |A & B| / |A | B|; containment |A & B| / min(|A|, |B|).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.dedup.candidates import Ints
from pipeline.dedup.signature import Words

MIN_CONTAINED = 24  # shingles a text needs before it can be called a part of another
MAX_DAYS = 7  # between a text's publication and its copy's, before the strict thresholds hold
STRICT_JACCARD = 0.9  # where days or numbers disagree: a bulletin of the next day, a ceremony of the next year
STRICT_CONTAINMENT = 0.97
MAX_CONFLICT = 0.34  # numbers disagree when each text has more than this share of them for itself
_BLOCK = 8192  # pairs measured at a time: bounds the shingles in memory

LoadShingles = Callable[[Sequence[int]], Sequence[Words]]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Of each pair of texts, parallel: how much they share, and how much of their numbers."""

    shared: Ints  # shingles in both
    jaccard: Floats
    containment: Floats
    conflict: Floats  # share of the numbers of one text that the other has not, and the reverse: the lesser share


def measure(pairs: Ints, rows: Ints, load_shingles: LoadShingles) -> Overlap:
    """The overlap of each pair of places in ``rows``. Shingles are loaded for a block of pairs at a time."""
    counts = np.zeros((len(pairs), 6), np.int64)
    for begin in range(0, len(pairs), _BLOCK):
        block = pairs[begin : begin + _BLOCK]
        places = np.unique(block)
        places = places[np.argsort(rows[places])]
        loaded = load_shingles([int(row) for row in rows[places]])
        texts = dict(zip(places.tolist(), loaded, strict=True))
        numbers = {place: int(np.count_nonzero(words & np.uint32(1))) for place, words in texts.items()}
        for at, (left, right) in enumerate(block.tolist(), begin):
            a, b = texts[left], texts[right]
            counts[at] = (len(a), len(b), numbers[left], numbers[right], *_shared(a, b))
    size, shared = counts[:, :2], counts[:, 4]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Overlap(
            shared=shared,
            jaccard=shared / (size.sum(axis=1) - shared),
            containment=shared / size.min(axis=1),
            conflict=1 - counts[:, 5] / counts[:, 2:4].min(axis=1),
        )


def _shared(left: Words, right: Words) -> tuple[int, int]:
    """Shingles in both, and those of them with a number. Each side is ascending and distinct."""
    both = np.concatenate([left, right])
    both.sort()
    shared = both[1:][both[1:] == both[:-1]]
    return len(shared), int(np.count_nonzero(shared & np.uint32(1)))


def passes(overlap: Overlap, days: Ints, sizes: Ints, *, jaccard: float, containment: float) -> Bools:
    """Which pairs are duplicates. ``days`` (-1: unknown) and ``sizes`` (shingles) hold both sides of each pair."""
    conflict = overlap.conflict > MAX_CONFLICT  # False where a text has no numbers
    apart = (days.min(axis=1) >= 0) & (np.abs(days[:, 0] - days[:, 1]) > MAX_DAYS)
    strict = conflict | apart
    near = overlap.jaccard >= np.where(strict, max(STRICT_JACCARD, jaccard), jaccard)
    part = overlap.containment >= np.where(strict, max(STRICT_CONTAINMENT, containment), containment)
    passed: Bools = near | (part & (sizes.min(axis=1) >= MIN_CONTAINED))
    return passed
