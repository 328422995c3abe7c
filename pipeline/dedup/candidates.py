"""Which pairs of texts are worth comparing: banding of MinHashes, by sorting.

Bands as in Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4. A pair is kept when a band agrees and
the MinHashes as a whole do not rule out that it passes. To trade recall for candidates, change ``BAND``.
"""

from __future__ import annotations

from collections.abc import Iterator

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
