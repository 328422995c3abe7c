"""Which documents of a collection are duplicates, and of which one.

Equal texts first; then candidates by banding of MinHashes; then every candidate pair is verified with its shingles;
then stars: each cluster has one representative, and every member was itself compared with that representative
and passes the thresholds. Nothing follows by transitivity: chains of near duplicates are how false clusters of
hundreds of thousands of documents come about. The result depends on the set of documents alone, not on order or shards.

A text covers what is near it unless that is much longer (``SHARE``), and what it contains. Representative: the text
that covers most others, then the one with most shingles, then the smallest doc_id. So the original stands for its
edited copies even where one of them is a little longer, and no text is left out for a fragment of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.dedup.candidates import (
    Bools,
    Floats,
    Ints,
    LoadSequences,
    LoadShingles,
    Longs,
    candidates,
    codes_of,
    distinct,
    filled_in,
    measure,
    pairs_of,
    passes,
    templates,
)
from pipeline.dedup.signature import N_HASHES, Signature, Words

MIN_SHINGLES = 8  # texts with fewer are duplicates only when equal
SHARE = 2 / 3  # of a text's shingles that its representative must have at least, where it is not the longer
_ROUNDS = 3  # of pairs that banding missed, found through a common neighbour
_BLOCK = 8192  # pairs looked at at a time: bounds the memory that is not kept
_EMPTY = sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """What is held of every document while duplicates are looked for: parallel columns, a row a document."""

    doc_id: Sequence[str]  # distinct
    text_sha256: Sequence[str]
    minhash: Words  # (documents, N_HASHES)
    n_shingles: npt.NDArray[np.integer]
    n_tokens: npt.NDArray[np.integer]
    day: npt.NDArray[np.integer]  # of publication, days since 1970-01-01; -1 where unknown


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document that is left out, and what it was measured to be to the one that stays."""

    row: int
    duplicate_of: int  # row of the representative
    method: Literal["exact", "near", "contained"]
    jaccard: float
    containment: float
    cluster_id: str  # doc_id of the representative


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of texts that were compared, ascending: 12 bytes a pair, so that a site full of one page costs little."""

    codes: Longs  # as ``candidates`` gives them; places are ranks
    shared: npt.NDArray[np.int32]  # shingles in both; -1 where they are no duplicates

    def plus(self, codes: Longs, shared: npt.NDArray[np.int32]) -> _Pairs:
        codes, shared = np.concatenate([self.codes, codes]), np.concatenate([self.shared, shared])
        order = np.argsort(codes, kind="stable")
        return _Pairs(codes[order], shared[order])


@dataclass(frozen=True, slots=True, eq=False)
class _Likeness:
    """The duplicates among the pairs, in parallel columns, ascending by ``left``, then ``right``; left is before right.

    The left text may stand for the right one, and where ``mutual`` the right one for the left one.
    """

    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    mutual: Bools
    shared: npt.NDArray[np.int32]

    def filter(self, mask: Bools) -> _Likeness:
        return _Likeness(self.left[mask], self.right[mask], self.mutual[mask], self.shared[mask])


@dataclass(frozen=True, slots=True, eq=False)
class _Stars:
    """By text, its representative and the likeness to it."""

    of: Ints  # -1 for a text that stays
    jaccard: Floats
    containment: Floats


def make_index(doc_id: Sequence[str], signatures: Sequence[Signature], day: Sequence[int] | None = None) -> Index:
    """The index of signatures that are all in memory. Stored columns can be given to ``Index`` as they are."""
    return Index(
        doc_id=doc_id,
        text_sha256=[signature.text_sha256 for signature in signatures],
        minhash=np.array([s.minhash for s in signatures], dtype=np.uint32).reshape(-1, N_HASHES),
        n_shingles=np.array([s.n_shingles for s in signatures], dtype=np.int32),
        n_tokens=np.array([s.n_tokens for s in signatures], dtype=np.int32),
        day=np.full(len(signatures), -1, np.int32) if day is None else np.array(day, dtype=np.int32),
    )


def find_duplicates(
    index: Index,
    load_shingles: LoadShingles,
    *,
    load_sequences: LoadSequences | None = None,
    jaccard: float = 0.5,
    containment: float = 0.8,
) -> list[Duplicate]:
    """Every document that is left out, in row order. A text without any character is a duplicate of nothing.

    ``load_shingles`` is given rows, ascending and distinct, and answers with their shingles in that order; it is asked
    for at most 16,384 at a time; so is ``load_sequences``, for the sequences of tokens of pairs that are alike: of those,
    the fillings of one template are no duplicates. Without it none is taken for a template. ``jaccard``: least
    resemblance of near duplicates. ``containment``: least share of a shorter text that is found in the longer. Where
    days of publication or numbers disagree, the strict thresholds of ``verify`` hold.
    """
    same = _equal(index)  # row -> the row with the same text and the smallest doc_id
    kept = [row for row in sorted(set(same)) if index.n_shingles[row] >= MIN_SHINGLES]
    kept.sort(key=lambda row: (-int(index.n_shingles[row]), index.doc_id[row]))
    rank = np.full(len(same) + 1, -1, np.int64)
    rank[kept] = np.arange(len(kept))
    stars = _matches(index, np.array(kept, np.int64), (load_shingles, load_sequences), jaccard, containment)
    found = []
    for row, first in enumerate(same):
        place = int(rank[first])
        if place >= 0 and stars.of[place] >= 0:
            target, j, c = kept[stars.of[place]], float(stars.jaccard[place]), float(stars.containment[place])
            method: Literal["near", "contained"] = "near" if j >= jaccard else "contained"
            found.append(Duplicate(row, target, method, j, c, index.doc_id[target]))
        elif row != first:
            found.append(Duplicate(row, first, "exact", 1.0, 1.0, index.doc_id[first]))
    return found


def _equal(index: Index) -> list[int]:
    """For each row the row of the smallest doc_id with the same text."""
    first: dict[str, int] = {}
    for row, digest in enumerate(index.text_sha256):
        best = first.setdefault(digest, row)
        if index.doc_id[row] < index.doc_id[best]:
            first[digest] = row
    return [row if digest == _EMPTY else first[digest] for row, digest in enumerate(index.text_sha256)]


def _matches(
    index: Index,
    rows: Ints,
    load: tuple[LoadShingles, LoadSequences | None],
    jaccard: float,
    containment: float,
) -> _Stars:
    """By rank: which texts are left out, and their representatives."""
    sizes = np.asarray(index.n_shingles)[rows].astype(np.int64)
    days = np.asarray(index.day)[rows].astype(np.int64)

    def compare(codes: Longs) -> npt.NDArray[np.int32]:
        shared = np.empty(len(codes), np.int32)
        for begin in range(0, len(codes), _BLOCK):
            pairs = pairs_of(codes[begin : begin + _BLOCK], len(rows))
            overlap = measure(pairs, rows, load[0])
            good = passes(overlap, days[pairs], sizes[pairs], jaccard=jaccard, containment=containment)
            shared[begin : begin + _BLOCK] = np.where(good, overlap.shared, -1)
        if (sequences := load[1]) is not None:
            places = np.flatnonzero(shared >= 0)
            pairs = pairs_of(codes[places], len(rows))
            found = templates(pairs, shared[places], sizes, lambda some: filled_in(some, rows, sequences))
            shared[places[found]] = -1
        return shared

    compared = _Pairs(np.empty(0, np.uint64), np.empty(0, np.int32))
    codes = candidates(index.minhash[rows], sizes, jaccard=jaccard, containment=containment)
    for _ in range(_ROUNDS + 1):
        compared = compared.plus(codes, compare(codes))
        alike = _likeness(compared, sizes, jaccard)
        stars = _stars(alike, sizes)
        codes = _missed(alike, stars, compared)
        if not codes.size:
            break
    return stars


def _likeness(compared: _Pairs, sizes: Ints, jaccard: float) -> _Likeness:
    good = compared.shared >= 0
    codes, shared = compared.codes[good], compared.shared[good]
    n = np.uint64(max(len(sizes), 1))
    left, right = (codes // n).astype(np.int32), (codes % n).astype(np.int32)
    mutual = (_jaccard(left, right, shared, sizes) >= jaccard) & (sizes[right] >= SHARE * sizes[left])
    return _Likeness(left, right, mutual, shared)


def _jaccard(
    left: npt.NDArray[np.int32], right: npt.NDArray[np.int32], shared: npt.NDArray[np.int32], sizes: Ints
) -> Floats:
    found: Floats = shared / (sizes[left] + sizes[right] - shared)
    return found


def _stars(alike: _Likeness, sizes: Ints) -> _Stars:
    """Representatives are chosen in turn; then each other text goes to the one it is most like.

    A text that another covers without being covered by it comes after all that are not so, and then by rank: so no two
    representatives ever match, and what stays has no duplicates left.
    """
    head = _heads(alike, len(sizes))
    one, other = alike.filter(head[alike.left]), alike.filter(head[alike.right] & alike.mutual)
    of, text = np.concatenate([one.left, other.right]), np.concatenate([one.right, other.left])
    shared = np.concatenate([one.shared, other.shared])
    j, c = _jaccard(of, text, shared, sizes), shared / np.minimum(sizes[of], sizes[text])
    best = np.lexsort((of, -c, -j, text))
    best = best[np.concatenate([[True], text[best][1:] != text[best][:-1]])[: len(best)]]
    stars = _Stars(np.full(len(sizes), -1, np.int64), np.zeros(len(sizes)), np.zeros(len(sizes)))
    stars.of[text[best]], stars.jaccard[text[best]], stars.containment[text[best]] = of[best], j[best], c[best]
    return stars


def _heads(alike: _Likeness, n_texts: int) -> Bools:
    """Which texts are representatives."""
    below = np.zeros(n_texts, bool)
    below[alike.right[~alike.mutual]] = True
    n_covered = np.bincount(alike.left, minlength=n_texts)
    n_covered += np.bincount(alike.right[alike.mutual], minlength=n_texts)
    above = np.flatnonzero((n_covered > 0) & ~below)
    order = np.concatenate([above[np.lexsort((above, -n_covered[above]))], np.flatnonzero(below)])
    back = np.argsort(alike.right[alike.mutual], kind="stable")
    back_of, back_text = alike.right[alike.mutual][back], alike.left[alike.mutual][back]
    head, covered = np.zeros(n_texts, bool), np.zeros(n_texts, bool)
    for text in order.tolist():
        if not covered[text]:
            head[text] = True
            for of, texts in ((alike.left, alike.right), (back_of, back_text)):
                begin, end = np.searchsorted(of, (text, text + 1))
                covered[texts[begin:end]] = True
    return head


def _missed(alike: _Likeness, stars: _Stars, compared: _Pairs) -> Longs:
    """Pairs of a text and a representative that have a neighbour in common and were not compared."""
    head = np.where(stars.of >= 0, stars.of, np.arange(len(stars.of)))
    found = np.empty(0, np.uint64)
    for begin in range(0, len(alike.left), _BLOCK):
        left, right = alike.left[begin : begin + _BLOCK], alike.right[begin : begin + _BLOCK]
        a = np.concatenate([left, head[left], head[left]])
        b = np.concatenate([head[right], right, head[right]])
        codes = distinct(codes_of(np.minimum(a, b)[a != b], np.maximum(a, b)[a != b], len(head)))
        at = np.minimum(np.searchsorted(compared.codes, codes), len(compared.codes) - 1)
        found = distinct(np.concatenate([found, codes[compared.codes[at] != codes]]))
    return found
