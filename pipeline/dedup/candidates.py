"""Which pairs of texts are worth comparing: banding of MinHashes, by sorting.

Bands as in Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4. A pair is kept when a band agrees and
the MinHashes as a whole do not rule out that it passes. To trade recall for candidates, change ``BAND``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.dedup.signature import N_HASHES, NAME, NUMERAL, TITLE, TOKEN_BITS, Sequence16, Words

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


# Whether two texts that are much alike are one template filled in twice, and so two documents.
#
# The tokens of both are aligned by the shingles that each has once. A gap with tokens on both sides is a slot. What
# speaks for a template: slots with names, numerals or several tokens, and the same pair of fillings again, in the title
# or further on (the name of the defendant, of the town, of the article). What speaks against: tokens changed one by one
# (an editor's hand), gaps with tokens on one side only (a paragraph put in, an end cut off) and at the edges (a frame).

MAX_SLOT = 48  # tokens of a filling; a longer one is another passage
UNEQUAL = 4  # times that one filling may be as long as the other, and so many tokens more
MAX_EDGE = 4  # tokens of a filling at the edge of a text that is no frame
EVEN = 1.5  # or, where the texts begin, so many times as many as those of the other
NEEDED = 2.0  # points of a template
TOKENS_A_POINT = 400  # of a text this many times as long, as many points: a long article is edited in places
#: Points of a pair of fillings that comes again, of one with a name, a numeral or several tokens, of one token for more.
AGAIN, FACT, HALF = 2.0, 1.0, 0.5
SINGLES = 1 / 3  # share of the pairs of fillings that may be single tokens
ALIGNED = 8  # pairs of a text that are aligned before it is taken for one of a template's
MOST_ALIGNED = 32  # pairs of a text that are aligned at all; what most of them are, the others of it are taken for
MIN_UNSHARED = 1  # shingles of the shorter text that the other lacks: a slot at the edge of both leaves no more
_MAX_RUNS = 400  # of equal tokens: more are an editor's
_REACH = 60  # runs looked back for the one before

LoadSequences = Callable[[Sequence[int]], Sequence[Sequence16]]
Slot = tuple[int, int, int, int]  # begin and end in the left text, in the right one


@dataclass(frozen=True, slots=True, eq=False)
class _Aligned:
    """A text made ready to be aligned: tokens with their flags, and the shingles that it has once."""

    title: Sequence16
    tokens: Sequence16
    keys: Longs  # ascending
    places: Ints


def templates(pairs: Ints, shared: npt.NDArray[np.int32], sizes: Ints, align: Callable[[Ints], Bools]) -> Bools:
    """Which pairs of texts that pass the thresholds are one template filled in twice, aligning few of each text.

    A pair is not aligned where one text lies in the other. Of each text the ``ALIGNED`` pairs with the highest
    containment are aligned, where reposts come first; if all are templates, so are the others of that text. Of a text
    with a duplicate among them ``MOST_ALIGNED`` are, and the others are what most of those are. So the work is linear in
    a cluster of any size.
    """
    found = np.zeros(len(pairs), np.bool_)
    least = sizes[pairs].min(axis=1)
    open_ = np.flatnonzero(least - shared >= MIN_UNSHARED)
    rank = _ranks(pairs[open_], shared[open_] / least[open_])
    n_aligned, n_templates = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)

    def look(some: Ints) -> None:
        found[some] = align(pairs[some])
        np.add.at(n_aligned, pairs[some], 1)
        np.add.at(n_templates, pairs[some[found[some]]], 1)

    look(open_[rank < ALIGNED])
    is_alone = (n_aligned >= ALIGNED) & (n_templates == n_aligned)
    rest, rank = open_[rank >= ALIGNED], rank[rank >= ALIGNED]
    settled = is_alone[pairs[rest]].any(axis=1)
    found[rest[settled]] = True
    rest, rank = rest[~settled], rank[~settled]
    look(rest[rank < MOST_ALIGNED])
    rest = rest[rank >= MOST_ALIGNED]
    found[rest] = (n_templates[pairs[rest]] * 2 > n_aligned[pairs[rest]]).any(axis=1)
    return found


def _ranks(pairs: Ints, containment: Floats) -> Ints:
    """The place of each pair among those of its texts by containment, from 0, of the two the better one."""
    n = len(pairs)
    texts, others = pairs.T.ravel(), pairs[:, ::-1].T.ravel()
    order = np.lexsort((others, -np.tile(containment, 2), texts))
    ordered = texts[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    places = np.empty(2 * n, np.int64)
    places[order] = np.arange(2 * n) - np.repeat(begins, np.diff(begins, append=2 * n))
    return np.minimum(places[:n], places[n:])


def filled_in(pairs: Ints, rows: Ints, load_sequences: LoadSequences) -> Bools:
    """Which pairs of places in ``rows`` are one template filled in twice. Depends on the two texts alone."""
    found = np.zeros(len(pairs), np.bool_)
    for begin in range(0, len(pairs), _BLOCK):
        block = pairs[begin : begin + _BLOCK]
        places = np.unique(block)
        places = places[np.argsort(rows[places])]
        loaded = load_sequences([int(row) for row in rows[places]])
        texts = {place: _made_ready(one) for place, one in zip(places.tolist(), loaded, strict=True)}
        for at, (left, right) in enumerate(block.tolist(), begin):
            found[at] = is_filled_in(texts[left], texts[right])
    return found


def is_template(left: Sequence16, right: Sequence16) -> bool:
    """Whether two sequences of tokens, much alike, are one template filled in twice."""
    return is_filled_in(_made_ready(left), _made_ready(right))


def _made_ready(sequence: Sequence16) -> _Aligned:
    n_title = int(np.count_nonzero(sequence & TITLE))
    tokens = sequence[n_title:]
    words = (tokens >> 4).astype(np.uint64)
    keys = (words[:-2] << np.uint64(24)) | (words[1:-1] << np.uint64(12)) | words[2:]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    fresh = np.ones(len(ordered) + 1, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:-1])
    once = fresh[:-1] & fresh[1:]
    return _Aligned(sequence[:n_title], tokens, ordered[once], order[once])


def is_filled_in(left: _Aligned, right: _Aligned) -> bool:
    """Whether two texts made ready are one template filled in twice."""
    gaps = list(_gaps(left, right))
    slots = [gap for gap in gaps if _is_slot(gap) and not _is_frame(gap, left.tokens, right.tokens)]
    if 2 * (len(gaps) - len(slots)) > len(gaps) + 1:
        return False
    fillings = [(left.tokens[a:b], right.tokens[c:d]) for a, b, c, d in slots]
    count = Counter(_said(one, other) for one, other in fillings)
    if left.title.size and right.title.size:
        a, b, c, d = _trimmed(left.title, right.title)
        count[_said(left.title[a:b], right.title[c:d])] += 1
    return _is_enough(fillings, count, min(len(left.tokens), len(right.tokens)))


def _is_enough(
    fillings: Sequence[tuple[Sequence16, Sequence16]], count: Counter[tuple[bytes, bytes]], n_tokens: int
) -> bool:
    points = told = 0.0
    n_singles = 0
    distinct_fillings = {_said(one, other): (one, other) for one, other in reversed(fillings)}
    for said, (one, other) in distinct_fillings.items():
        shorter = min(len(one), len(other))
        is_name, is_number = ((one & flag).any() and (other & flag).any() for flag in (NAME, NUMERAL))
        if count[said] > 1:
            worth = AGAIN if shorter > 1 or is_name else FACT
        else:
            worth = FACT if is_name or is_number or shorter > 1 else HALF if len(one) != len(other) else 0.0
            n_singles += not worth
        points += worth
        told += worth if is_name or not is_number or _n_words(one) > 1 < _n_words(other) else 0.0
    return bool(
        told and points >= max(NEEDED, n_tokens / TOKENS_A_POINT) and n_singles <= SINGLES * len(distinct_fillings)
    )


def _n_words(filling: Sequence16) -> int:
    return int(np.count_nonzero((filling & NUMERAL) == 0))


def _said(one: Sequence16, other: Sequence16) -> tuple[bytes, bytes]:
    return (one & TOKEN_BITS).tobytes(), (other & TOKEN_BITS).tobytes()


def _is_slot(slot: Slot) -> bool:
    shorter, longer = sorted((slot[1] - slot[0], slot[3] - slot[2]))
    return shorter > 0 and longer <= min(MAX_SLOT, UNEQUAL * (shorter + 1))


def _is_frame(slot: Slot, left: Sequence16, right: Sequence16) -> bool:
    """Whether a slot is what two sites put before or after the same text, of any length."""
    shorter, longer = sorted((slot[1] - slot[0], slot[3] - slot[2]))
    if slot[1] == len(left) and slot[3] == len(right):
        return longer > MAX_EDGE
    return slot[0] == slot[2] == 0 and longer > max(MAX_EDGE, EVEN * shorter)


def _gaps(left: _Aligned, right: _Aligned) -> Iterator[Slot]:
    """What lies between the runs of equal tokens, on both sides, without what is equal at its ends."""
    begin = first = 0
    for at, to, length in [*_chain(_runs(left, right)), (len(left.tokens), len(right.tokens), 0)]:
        step = max(begin - at, first - to, 0)  # runs may overlap
        slot = _trimmed(left.tokens[begin : at + step], right.tokens[first : to + step])
        if slot[0] < slot[1] or slot[2] < slot[3]:
            yield begin + slot[0], begin + slot[1], first + slot[2], first + slot[3]
        begin, first = at + length, to + length


def _trimmed(one: Sequence16, other: Sequence16) -> Slot:
    """Where two runs of tokens differ: begin and end in the one, in the other."""
    a, b = (one >> 4).tolist(), (other >> 4).tolist()
    shorter, start, end = min(len(a), len(b)), 0, 0
    while start < shorter and a[start] == b[start]:
        start += 1
    while end < shorter - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return start, len(a) - end, start, len(b) - end


def _runs(left: _Aligned, right: _Aligned) -> list[tuple[int, int, int]]:
    """Runs of equal tokens by shingles that both texts have once: place in the left, in the right, tokens."""
    _, one, other = np.intersect1d(left.keys, right.keys, assume_unique=True, return_indices=True)
    at, to = left.places[one], right.places[other]
    order = np.argsort(at)
    at, to = at[order], to[order]
    if not at.size:
        return []
    breaks = np.flatnonzero((np.diff(at) != 1) | (np.diff(to) != 1)) + 1
    begins, ends = np.concatenate([[0], breaks]), np.concatenate([breaks, [len(at)]])
    if len(begins) > _MAX_RUNS:
        return []
    return list(zip(at[begins].tolist(), to[begins].tolist(), (ends - begins + 2).tolist(), strict=True))


def _chain(runs: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The runs that stand in the same order in both texts and hold most tokens."""
    best: list[int] = []
    before: list[int] = []
    for at, (_, to, length) in enumerate(runs):
        weight, source = length, -1
        for earlier in range(max(0, at - _REACH), at):
            if runs[earlier][1] < to and best[earlier] + length > weight:
                weight, source = best[earlier] + length, earlier
        best.append(weight)
        before.append(source)
    chain = []
    at = max(range(len(best)), key=best.__getitem__, default=-1)
    while at >= 0:
        chain.append(runs[at])
        at = before[at]
    return chain[::-1]
