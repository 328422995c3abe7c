"""A text made out of another, with the way back: which stretch of the source each stretch came from.

What undoes escapes or takes a wrapper off says what it does as pieces, and ``rewrite`` does it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Piece(NamedTuple):
    """A stretch of the source and what stands for it; None for itself. What is in no piece is left out."""

    start: int
    end: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text and, for each of its stretches, where it begins and what of the source it is; all in code points."""

    text: str
    begins: tuple[int, ...]  # in the text, ascending
    sources: tuple[Piece, ...]  # in step with begins

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the source that a stretch of the text, which must not be empty, came from; it encloses it."""
        first = max(0, bisect_right(self.begins, start) - 1)
        last = max(0, bisect_right(self.begins, end - 1) - 1)
        head, tail = self.sources[first], self.sources[last]
        source_start = head.start if head.text is not None else head.start + start - self.begins[first]
        source_end = tail.end if tail.text is not None else tail.start + end - self.begins[last]
        return source_start, source_end


def rewrite(source: str, pieces: Iterable[Piece]) -> Rewritten:
    """The text that the pieces make, in their order, which is that of the source.

    >>> made = rewrite("a&amp;b", [Piece(0, 1), Piece(1, 6, "&"), Piece(6, 7)])
    >>> made.text, made.place(1, 2), made.place(0, 3)
    ('a&b', (1, 6), (0, 7))
    """
    parts: list[str] = []
    begins: list[int] = []
    sources: list[Piece] = []
    at = 0
    for piece in pieces:
        part = source[piece.start : piece.end] if piece.text is None else piece.text
        if part:
            parts.append(part)
            begins.append(at)
            sources.append(piece)
            at += len(part)
    return Rewritten("".join(parts), tuple(begins), tuple(sources))


def replaced(source: str, changes: Iterable[Piece]) -> Rewritten:
    """The source with stretches of it replaced; changes are in order and do not overlap.

    >>> replaced("one two", [Piece(3, 4, "-")]).text
    'one-two'
    """
    return rewrite(source, _with_rest(changes, len(source)))


def _with_rest(changes: Iterable[Piece], size: int) -> Iterator[Piece]:
    at = 0
    for change in changes:
        if change.start < at:
            continue
        yield Piece(at, change.start)
        yield change
        at = change.end
    yield Piece(at, size)


def substitutions(
    pattern: re.Pattern[str], source: str, stand_in: Callable[[re.Match[str]], str | None]
) -> list[Piece]:
    """A change for each match for which there is a stand-in."""
    found = ((match, stand_in(match)) for match in pattern.finditer(source))
    return [Piece(match.start(), match.end(), text) for match, text in found if text is not None]
