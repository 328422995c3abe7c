"""Texts as code points, read once: what counts, hashes or tokenises characters walks these arrays in compiled loops.

What a character is to a stage is a table by code point that the stage makes (``class_table``) and its loops look up.
All arrays are read-only, so that a loop is compiled for one type of array.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.kept import kept

Points = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]
Classes = npt.NDArray[np.uint8]

N_POINTS = sys.maxunicode + 1
#: Code points before it are asked one by one for their class; Han and kana beyond it, tags, selectors, private use.
CLASSED = 0x20000
#: Planes 2 and 3 hold nothing but Han.
IDEOGRAPHS = range(CLASSED, 0x40000)

_SIGMA, _DOTTED_I = 0x3A3, 0x130


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Code points of n texts in one array, a line feed after each; lone surrogates are kept."""

    points: Points
    starts: Ints  # (n + 1,): text i is points[starts[i] : starts[i + 1] - 1]


def read_codes(texts: Sequence[str]) -> Codes:
    """The code points of texts, which may be empty."""
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1, out=starts[1:])
    starts.flags.writeable = False
    return Codes(code_points("\n".join((*texts, ""))), starts)


def code_points(text: str) -> Points:
    """The code points of one text; nothing after it."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def lower_points(points: Points) -> Points:
    """Code points in lower case, in step, as ``str.lower`` has them: the capital sigma by its place in the word.

    U+0130 is the one character of Unicode that grows in lower case: it becomes an i without its dot.

    >>> "".join(map(chr, lower_points(code_points("ΣΑΣ İ"))))
    'σας i'
    """
    if _SIGMA in points:
        return code_points(_lower(points.tobytes().decode("utf-32-le", "surrogatepass")))
    lower = _lower_table().take(points, mode="clip")
    if int(points.max(initial=0)) >= CLASSED:
        np.copyto(lower, points, where=points >= CLASSED)
    lower.flags.writeable = False
    return lower


def class_table(classes: Iterable[int], *, ideograph: int, beyond: int) -> Classes:
    """A class by code point: those given, in order, up to ``CLASSED``; one for ``IDEOGRAPHS``, one for all beyond."""
    table = np.full(N_POINTS, beyond, dtype=np.uint8)
    table[:CLASSED] = np.fromiter(classes, np.uint8, CLASSED)
    table[IDEOGRAPHS.start : IDEOGRAPHS.stop] = ideograph
    table.flags.writeable = False
    return table


def _lower(text: str) -> str:
    return text.replace(chr(_DOTTED_I), "i").lower()


@kept()
def _lower_table() -> Points:
    """By code point up to ``CLASSED``: beyond it there are no capitals."""
    return code_points(_lower("".join(map(chr, range(CLASSED)))))
