"""How close extracted text is to the text people marked: multiset F1 of 4-token shingles.

Each CJK character is a token (``pipeline.tokens``). A shorter n is an argument: ``f1(found, gold, n=1)``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.tokens import tokens

SHINGLE = 4


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, 0 to 1."""

    precision: float
    recall: float
    f1: float


def shingles(words: Sequence[str], n: int = SHINGLE) -> Counter[tuple[str, ...]]:
    """Multiset of n-token shingles; a text shorter than n is one shingle."""
    if len(words) < n:
        return Counter([tuple(words)] if words else [])
    return Counter(zip(*(words[at:] for at in range(n)), strict=False))


def f1(found: str, gold: str, *, n: int = SHINGLE) -> Score:
    """Overlap of the shingles of two texts. Two texts without a token agree.

    >>> f1("碳市场启动了", "碳市场启动了").f1
    1.0
    >>> f1("one two three four five", "one two three four").precision
    0.5
    """
    one, two = shingles(tokens(found.lower()), n), shingles(tokens(gold.lower()), n)
    if not one or not two:
        same = float(not one and not two)
        return Score(same, same, same)
    shared = (one & two).total()
    precision, recall = shared / one.total(), shared / two.total()
    return Score(precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0)
