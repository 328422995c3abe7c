"""Where the blocks of a page lie in its mark-up: places, and the kin that repeated structures make of them.

A place is a path with its classes and role; blocks of one place are marked up alike. Places whose path and
classes differ only in inline elements and numbers ("reply-380904") are kin: the posts of a forum, the cards of
a shop. Flattened text is one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Block, Markup

Ints = NDArray[np.int64]
#: Block elements of a path, and classes without numbers.
Skeleton = tuple[tuple[str, ...], str]

INLINE = frozenset("a abbr b bdi bdo button cite code em font i img label mark q s small span strong sub sup u".split())
_NO_DIGITS = str.maketrans("", "", "0123456789")
_NOWHERE = Markup((), "")


@dataclass(frozen=True, slots=True)
class Places:
    """The p places of n blocks, numbered from 0 in page order, and the kin of the places likewise."""

    of: Ints  # (n,): the place of each block
    marks: tuple[Markup, ...]  # (p,): mark-up of the first block of each place
    kin: Ints  # (p,)
    skeletons: tuple[Skeleton, ...]  # one for each kin
    has_markup: bool

    @property
    def kin_of(self) -> Ints:
        """The kin of each block."""
        return self.kin[self.of]


def find_places(blocks: Sequence[Block]) -> Places:
    """The places of a page's blocks."""
    numbers: dict[tuple[tuple[str, ...], str, str], int] = {}
    marks: list[Markup] = []
    of = []
    for block in blocks:
        mark = block.markup or _NOWHERE
        number = numbers.setdefault((mark.path, mark.classes, mark.role), len(marks))
        if number == len(marks):
            marks.append(mark)
        of.append(number)
    kin: dict[Skeleton, int] = {}
    numbered = [kin.setdefault(skeleton(mark.path, mark.classes), len(kin)) for mark in marks]
    has_markup = any(block.markup for block in blocks)
    return Places(
        np.array(of, dtype=np.int64), tuple(marks), np.array(numbered, dtype=np.int64), tuple(kin), has_markup
    )


@lru_cache(maxsize=8192)
def skeleton(path: tuple[str, ...], classes: str) -> Skeleton:
    """What repeated siblings share.

    >>> skeleton(("ul", "li", "a"), "reply-380904")
    (('ul', 'li'), 'reply-')
    """
    end = len(path)
    while end > 1 and path[end - 1] in INLINE:
        end -= 1
    return path[:end], classes.translate(_NO_DIGITS)
