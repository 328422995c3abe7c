"""How close extracted text is to what people marked, and which blocks that makes content.

Scores (``pipeline.sites.effect``) are multiset F1 of 4-token shingles and of single tokens. ``align`` turns the
gold text of a page into a label a block for training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from publicsuffixlist import PublicSuffixList

from pipeline.sites.effect import SHINGLE, Score, f1, shingles
from pipeline.text.tokens import tokens

__all__ = ["SHINGLE", "Joined", "Score", "align", "brand", "f1", "shingles"]

_LONG = 8  # tokens: a block this long is found by its shingles, a shorter one only in its neighbours' gap
_COVERED = 0.5  # share of a block's shingles that must be in the gold text
_GAP = 60  # tokens of gold text looked through for a short block when no long one bounds the gap


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def brand(site: str) -> str:
    """The name before the public suffix, so that a brand's hosts stay on one side of a split.

    >>> brand("finance.sina.com.cn"), brand("k.sina.cn"), brand("thepaper")
    ('sina', 'sina', 'thepaper')
    """
    host = site.lower().split(":")[0].strip(".")
    private = _suffixes().privatesuffix(host) if "." in host else None
    return (private or host).split(".")[0]


def align(texts: Sequence[str], gold: str) -> list[float]:
    """Share of each block that the gold text holds as a run, 0 to 1; one number a block.

    Long blocks are found by their shingles, each as often as the gold has them. Where the page says a thing
    twice (a summary in a share box), the blocks that follow the gold's order have it. A short one (title, list
    item) must occur whole between the places of the long blocks around it, so that "Home" in the menu is
    not found in the middle of the article.
    """
    wanted = tokens(gold.lower())
    words = [tokens(text.lower()) for text in texts]
    places, left = _places(wanted), shingles(wanted)
    shares = [0.0] * len(texts)
    spans: list[tuple[int, int] | None] = [None] * len(texts)
    long = [at for at, mine in enumerate(words) if len(mine) >= _LONG]
    whole = {at: _share(words[at], left) for at in long}
    found = {at: span for at in long if whole[at] >= _COVERED and (span := _span(words[at], places))}
    chain = set(_in_order(found))
    for at in sorted(long, key=lambda at: (at not in chain, -len(words[at]))):
        shares[at] = _share(words[at], left)
        if shares[at] >= _COVERED:
            left -= shingles(words[at])
            spans[at] = found.get(at)
    joined = Joined(wanted)
    for at, (low, high) in enumerate(_gaps(spans, len(wanted))):
        if len(words[at]) < _LONG and words[at]:
            place = joined.find(words[at], low, high)
            if place is not None:
                shares[at], spans[at] = 1.0, (place, place + len(words[at]))
    return shares


def _share(words: Sequence[str], left: Counter[tuple[str, ...]]) -> float:
    mine = shingles(words)
    return sum(min(count, left[key]) for key, count in mine.items()) / mine.total()


def _in_order(found: Mapping[int, tuple[int, int]]) -> list[int]:
    """The blocks of most tokens whose places in the gold text ascend in page order."""
    blocks = sorted(found)
    starts = np.array([found[at][0] for at in blocks])
    sizes = np.array([found[at][1] - found[at][0] for at in blocks])
    best, before = sizes.copy(), np.full(len(blocks), -1)
    for place in range(1, len(blocks)):
        reach = np.where(starts[:place] < starts[place], best[:place], 0)
        top = int(reach.argmax())
        if reach[top]:
            best[place] += reach[top]
            before[place] = top
    chain = []
    place = int(best.argmax()) if blocks else -1
    while place >= 0:
        chain.append(blocks[place])
        place = int(before[place])
    return chain


def _places(wanted: Sequence[str]) -> dict[tuple[str, ...], int]:
    places: dict[tuple[str, ...], int] = {}
    for at in range(len(wanted) - SHINGLE + 1):
        places.setdefault(tuple(wanted[at : at + SHINGLE]), at)
    return places


def _span(words: Sequence[str], places: dict[tuple[str, ...], int]) -> tuple[int, int] | None:
    found = [
        (places[key], at)
        for at in range(len(words) - SHINGLE + 1)
        if (key := tuple(words[at : at + SHINGLE])) in places
    ]
    if not found:
        return None
    start = found[0][0] - found[0][1]
    return max(start, 0), max(start, 0) + len(words)


def _gaps(spans: Sequence[tuple[int, int] | None], total: int) -> Iterator[tuple[int, int]]:
    """For each block the range of gold tokens between the found blocks around it; spans may grow meanwhile."""
    after = [total] * (len(spans) + 1)
    for at in range(len(spans) - 1, -1, -1):
        span = spans[at]
        after[at] = span[0] if span else after[at + 1]
    low, seen = 0, False
    for at in range(len(spans)):
        high = after[at + 1]
        bounded = high if seen or high < total else total
        if seen and after[at + 1] == total:
            bounded = min(total, low + _GAP)
        elif not seen:
            low = max(0, high - _GAP) if high < total else 0
        yield max(low - 2, 0), max(bounded + 2, low)
        span = spans[at]
        if span:
            low, seen = span[1], True


class Joined:
    """Gold tokens joined, to find a run of tokens between two of them."""

    def __init__(self, words: Sequence[str]) -> None:
        self.text = " " + " ".join(words) + " "
        self.starts = [match.end() for match in re.finditer(" ", self.text)]

    def find(self, words: Sequence[str], low: int, high: int) -> int | None:
        """Token index of the first run of these words that starts at low or later and ends by high."""
        if low >= len(self.starts) - 1 or high <= low:
            return None
        begin = self.starts[low] - 1
        end = self.starts[min(high, len(self.starts) - 1)]
        at = self.text.find(" " + " ".join(words) + " ", begin, end)
        return None if at < 0 else self.text.count(" ", 0, at)
