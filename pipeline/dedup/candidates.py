"""Which pairs of texts are worth comparing: banding of MinHashes, by sorting.

Bands as in Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4. A pair is kept when a band agrees and
the MinHashes as a whole do not rule out that it passes. To trade recall for candidates, change ``BAND``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.dedup.signature import N_HASHES, Words

BAND = 3  # values of a MinHash in a band; 28 bands of 3 find 98 % of pairs at Jaccard .5, 84 % at .4, .1 % at .03
BUCKET = 32  # texts in a bucket that are all compared with one another
FIRST = 8  # in a larger one: each is compared with the first of the bucket and with the next
_SLACK = 3.0  # standard deviations that an estimate may lie below what is needed
_CHUNK = 1 << 14  # pairs estimated at a time, 700 bytes each

Ints = npt.NDArray[np.int64]
Longs = npt.NDArray[np.uint64]


def candidates(minhash: Words, sizes: Ints, *, jaccard: float, containment: float) -> Longs:
    """Pairs (i, j), i < j, that may reach a Jaccard or a containment, as ascending codes. Rows must be in rank order.

    ``sizes``: number of shingles of each row. Time and memory are linear in the rows, whatever the buckets: one of more
    than ``BUCKET`` gives at most ``FIRST`` + 1 pairs a member, of which the first is its highest in rank.
    """
    codes = np.empty(0, np.uint64)
    for band in range(0, N_HASHES, BAND):
        pairs, found = _bucket_pairs(_band_keys(minhash[:, band : band + BAND])), []
        for begin in range(0, len(pairs), _CHUNK):
            chunk = pairs[begin : begin + _CHUNK]
            likely = chunk[_possible(minhash, sizes, chunk, jaccard, containment)]
            found.append(codes_of(likely[:, 0], likely[:, 1], len(minhash)))
        codes = distinct(np.concatenate([codes, *found]))
    return codes


def codes_of(left: Ints, right: Ints, n: int) -> Longs:
    """A number for each pair of places among ``n``: it ascends with the left one, then the right one."""
    codes: Longs = left.astype(np.uint64) * np.uint64(n) + right.astype(np.uint64)
    return codes


def pairs_of(codes: Longs, n: int) -> Ints:
    """The way back: a row a pair."""
    return np.stack(np.divmod(codes, np.uint64(max(n, 1))), axis=1).astype(np.int64)


def distinct(values: Longs) -> Longs:
    """Distinct values, ascending: several times as fast as ``np.unique``, which builds a hash table."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if values.size else values


def _band_keys(band: Words) -> Longs:
    """One 64-bit key a row for the values of a band; each step is a bijection for given earlier values."""
    keys = np.zeros(len(band), np.uint64)
    for column in band.T:
        keys = (keys ^ column) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


def _bucket_pairs(keys: Longs) -> Ints:
    """Pairs of rows with equal keys: all of a small bucket, the first and the next in a large one."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(keys)])
    lengths = np.diff(begins, append=len(keys))
    begins, lengths = begins[lengths > 1], lengths[lengths > 1]
    small = lengths <= BUCKET
    places = [*_small(begins[small], lengths[small]), *_large(begins[~small], lengths[~small])]
    if not places:
        return np.empty((0, 2), np.int64)
    return order[np.concatenate(places)]


def _small(begins: Ints, lengths: Ints) -> Iterator[Ints]:
    """Places (left, right) of all pairs, by the place of the left one in its bucket and the distance."""
    for left in range(BUCKET - 1):
        begins, lengths = begins[lengths > left + 1], lengths[lengths > left + 1]
        if not begins.size:
            return
        rights = lengths - left - 1
        lefts = np.repeat(begins + left, rights)
        yield np.stack([lefts, lefts + _counted(rights)], axis=1)


def _large(begins: Ints, lengths: Ints) -> Iterator[Ints]:
    for left in range(FIRST if begins.size else 0):
        rights = lengths - left - 1
        lefts = np.repeat(begins + left, rights)
        yield np.stack([lefts, lefts + _counted(rights)], axis=1)
    if begins.size:
        lefts = np.repeat(begins, lengths - 1) + _counted(lengths - 1) - 1
        yield np.stack([lefts, lefts + 1], axis=1)


def _counted(lengths: Ints) -> Ints:
    """1, 2, ... up to each length in turn."""
    ends = np.cumsum(lengths)
    return np.arange(1, ends[-1] + 1) - np.repeat(ends - lengths, lengths)


def _possible(minhash: Words, sizes: Ints, pairs: Ints, jaccard: float, containment: float) -> npt.NDArray[np.bool_]:
    """Whether the MinHashes leave it open that a pair reaches one of the thresholds."""
    left, right = sizes[pairs[:, 0]], sizes[pairs[:, 1]]
    inside = containment * np.minimum(left, right)
    needed = np.minimum(jaccard, inside / (left + right - inside))
    estimate = (minhash[pairs[:, 0]] == minhash[pairs[:, 1]]).mean(axis=1)
    possible: npt.NDArray[np.bool_] = estimate >= needed - _SLACK * np.sqrt(needed * (1 - needed) / N_HASHES)
    return possible


# How alike the texts of candidate pairs truly are, and whether that makes them duplicates.
#
# Figures are of sets of shingles (Broder 1997): Jaccard |A & B| / |A | B|; containment |A & B| / min(|A|, |B|).

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
