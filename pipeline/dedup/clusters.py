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

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.dedup.candidates import Ints, candidates
from pipeline.dedup.signature import N_HASHES, Signature, Words
from pipeline.dedup.verify import LoadShingles, measure, passes

MIN_SHINGLES = 8  # texts with fewer are duplicates only when equal
SHARE = 2 / 3  # of a text's shingles that its representative must have at least, where it is not the longer
_ROUNDS = 3  # of pairs that banding missed, found through a common neighbour
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


@dataclass(frozen=True, slots=True)
class _Match:
    """A text's likeness to its representative; places are ranks."""

    of: int
    jaccard: float
    containment: float


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
    index: Index, load_shingles: LoadShingles, *, jaccard: float = 0.5, containment: float = 0.8
) -> list[Duplicate]:
    """Every document that is left out, in row order. A text without any character is a duplicate of nothing.

    ``load_shingles`` is given rows, ascending and distinct, and answers with their shingles in that order; it is asked
    for at most 16,384 at a time. ``jaccard``: least resemblance of near duplicates. ``containment``: least
    share of a shorter text that is found in the longer. Where days of publication or numbers disagree, the strict
    thresholds of ``verify`` hold.
    """
    same = _equal(index)  # row -> the row with the same text and the smallest doc_id
    kept = [row for row in sorted(set(same)) if index.n_shingles[row] >= MIN_SHINGLES]
    kept.sort(key=lambda row: (-int(index.n_shingles[row]), index.doc_id[row]))
    rank = {row: place for place, row in enumerate(kept)}
    matches = _matches(index, np.array(kept, np.int64), load_shingles, jaccard, containment)
    found = []
    for row, first in enumerate(same):
        match = matches.get(rank.get(first, -1))
        if match is not None:
            target = kept[match.of]
            method: Literal["near", "contained"] = "near" if match.jaccard >= jaccard else "contained"
            found.append(Duplicate(row, target, method, match.jaccard, match.containment, index.doc_id[target]))
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
    index: Index, rows: Ints, load_shingles: LoadShingles, jaccard: float, containment: float
) -> dict[int, _Match]:
    """By rank: each text that is left out, and its representative."""
    sizes = np.asarray(index.n_shingles)[rows].astype(np.int64)
    days = np.asarray(index.day)[rows].astype(np.int64)
    pairs = candidates(index.minhash[rows], sizes, jaccard=jaccard, containment=containment)
    tested = {(left, right) for left, right in pairs.tolist()}
    covers: dict[int, dict[int, _Match]] = defaultdict(dict)  # text -> the texts it may stand for
    stars: dict[int, _Match] = {}
    for _ in range(_ROUNDS + 1):
        overlap = measure(pairs, rows, load_shingles)
        good = passes(overlap, days[pairs], sizes[pairs], jaccard=jaccard, containment=containment)
        figures = zip(overlap.jaccard[good].tolist(), overlap.containment[good].tolist(), strict=True)
        for (left, right), (j, c) in zip(pairs[good].tolist(), figures, strict=True):
            covers[left][right] = _Match(left, j, c)
            if j >= jaccard and sizes[right] >= SHARE * sizes[left]:
                covers[right][left] = _Match(right, j, c)
        stars = _stars(covers)
        missed = sorted(_missed(covers, stars) - tested)
        if not missed:
            break
        tested.update(missed)
        pairs = np.array(missed, np.int64)
    return stars


def _stars(covers: dict[int, dict[int, _Match]]) -> dict[int, _Match]:
    """Representatives are chosen in turn; then each other text goes to the one it is most like.

    A text that another covers without being covered by it comes after all that are not so, and then by rank: so no two
    representatives ever match, and what stays has no duplicates left.
    """
    below = {b for a, others in covers.items() for b in others if a not in covers.get(b, {})}
    texts = {*covers, *below}
    above = sorted(texts - below, key=lambda text: (-len(covers[text]), text))
    heads: list[int] = []
    covered: set[int] = set()
    for text in (*above, *sorted(below)):
        if text not in covered:
            heads.append(text)
            covered.update(covers.get(text, {}))
    stars: dict[int, _Match] = {}
    for head in heads:
        for text, match in covers.get(head, {}).items():
            best = stars.get(text)
            if best is None or _key(match) > _key(best):
                stars[text] = match
    return stars


def _key(match: _Match) -> tuple[float, float, int]:
    return match.jaccard, match.containment, -match.of


def _missed(covers: dict[int, dict[int, _Match]], stars: dict[int, _Match]) -> set[tuple[int, int]]:
    """Pairs of a text and a representative that have a neighbour in common."""

    def head(text: int) -> int:
        return stars[text].of if text in stars else text

    pairs = {(a, head(b)) for a, others in covers.items() for b in others}
    pairs |= {(head(a), b) for a, others in covers.items() for b in others}
    pairs |= {(head(a), head(b)) for a, others in covers.items() for b in others}
    return {(min(a, b), max(a, b)) for a, b in pairs if a != b}
