"""The blocks of a record as columns; a ``Block`` is a view of one row, for conditions, ``explain`` and tests.

What works on all blocks at once reads columns: numbers as arrays, texts as a list. What mark-up says of a place in the
page (its path, classes, role) is kept once for each distinct one, in ``elements``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Block, BlockKind, Markup

#: The kinds in the order of their codes.
KINDS: Final = tuple(BlockKind)
_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
#: The number of the element of a block without mark-up.
NO_ELEMENT: Final = -1

Ints = NDArray[np.int64]


class Element(NamedTuple):
    """What the mark-up says of a place in the page; fields as in ``Markup``."""

    path: tuple[str, ...]
    classes: str
    role: str = ""


@dataclass(frozen=True, eq=False)
class Blocks(Sequence[Block]):
    """n blocks in source order; each array has a row a block, and each field is what ``Block`` says of it."""

    texts: Sequence[str]
    ordinals: Ints
    kinds: Ints  # codes: places in KINDS
    starts: Ints
    ends: Ints
    levels: Ints
    n_breaks: Ints
    element: Ints  # numbers of elements; NO_ELEMENT for a block without mark-up
    n_links: Ints
    link_chars: Ints
    hidden: NDArray[np.bool_]
    elements: tuple[Element, ...]

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Blocks:
        """These blocks as columns; what are columns already stay as they are."""
        if isinstance(blocks, Blocks):
            return blocks
        ordinals, texts, kinds, starts, ends, levels, n_breaks, marks, hidden = (
            zip(*blocks, strict=True) if blocks else ((),) * len(Block._fields)
        )
        columns = starts, ends, levels, n_breaks, hidden
        return cls.of_columns(texts, kinds, marks, columns, ordinals=ints(ordinals))

    @classmethod
    def of_columns(
        cls,
        texts: Sequence[str],
        kinds: Sequence[BlockKind],
        marks: Sequence[Markup | None],
        numbers: tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[bool]],
        *,
        ordinals: Ints | None = None,
    ) -> Blocks:
        """Blocks by their fields; ``numbers`` are starts, ends, levels, n_breaks and hidden."""
        starts, ends, levels, n_breaks, hidden = numbers
        none = np.zeros(len(texts), dtype=np.int64)
        element, elements = _elements(marks) if any(marks) else (none + NO_ELEMENT, ())
        has_links = bool(elements) and any(mark.n_links or mark.link_chars for mark in marks if mark)
        return cls(
            texts,
            np.arange(len(texts)) if ordinals is None else ordinals,
            ints([_CODES[kind] for kind in kinds]),
            ints(starts),
            ints(ends),
            ints(levels),
            ints(n_breaks),
            element,
            ints([mark.n_links if mark else 0 for mark in marks]) if has_links else none,
            ints([mark.link_chars if mark else 0 for mark in marks]) if has_links else none,
            np.array(hidden, dtype=np.bool_),
            elements,
        )

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, at: int) -> Block: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Block]: ...

    def __getitem__(self, at: int | slice) -> Block | Sequence[Block]:
        return self._views[at]

    def __iter__(self) -> Iterator[Block]:
        return iter(self._views)

    def __eq__(self, other: object) -> bool:
        """Whether another sequence holds the same blocks."""
        return self._views == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._views)

    def __repr__(self) -> str:
        return f"Blocks({self._views!r})"

    @cached_property
    def lengths(self) -> Ints:
        """Code points of each text."""
        return ints(list(map(len, self.texts)))

    @property
    def has_markup(self) -> bool:
        """Whether any block lies in mark-up."""
        return bool((self.element != NO_ELEMENT).any())

    @cached_property
    def shown(self) -> Blocks:
        """Without those that no reader sees."""
        return self.chosen(~self.hidden) if self.hidden.any() else self

    def chosen(self, mask: NDArray[np.bool_]) -> Blocks:
        """The blocks of a mask, with the ordinals they have."""
        return Blocks(
            [text for text, wanted in zip(self.texts, mask.tolist(), strict=True) if wanted],
            self.ordinals[mask],
            self.kinds[mask],
            self.starts[mask],
            self.ends[mask],
            self.levels[mask],
            self.n_breaks[mask],
            self.element[mask],
            self.n_links[mask],
            self.link_chars[mask],
            self.hidden[mask],
            self.elements,
        )

    def placed(self, starts: Sequence[int], ends: Sequence[int]) -> Blocks:
        """The same blocks at other places of the source."""
        return replace(self, starts=ints(starts), ends=ints(ends))

    @cached_property
    def _views(self) -> tuple[Block, ...]:
        plain = [Markup(path, classes, 0, 0, role) for path, classes, role in self.elements]
        marks = [
            None
            if number == NO_ELEMENT
            else plain[number]
            if not n_links and not link_chars
            else Markup(plain[number].path, plain[number].classes, n_links, link_chars, plain[number].role)
            for number, n_links, link_chars in zip(
                self.element.tolist(), self.n_links.tolist(), self.link_chars.tolist(), strict=True
            )
        ]
        return tuple(
            map(
                Block,
                self.ordinals.tolist(),
                self.texts,
                [KINDS[code] for code in self.kinds.tolist()],
                self.starts.tolist(),
                self.ends.tolist(),
                self.levels.tolist(),
                self.n_breaks.tolist(),
                marks,
                self.hidden.tolist(),
            )
        )


def ints(values: Sequence[int]) -> Ints:
    """Numbers as an array."""
    return np.array(values, dtype=np.int64)


def _elements(marks: Sequence[Markup | None]) -> tuple[Ints, tuple[Element, ...]]:
    """The number of each block's element, and the elements in the order they are met.

    Blocks of one element share its path, which is told apart by its identity first: a path takes long to hash.
    """
    numbers: dict[Element, int] = {}
    met: dict[tuple[int, str, str], int] = {}
    found = []
    for mark in marks:
        if mark is None:
            found.append(NO_ELEMENT)
            continue
        key = id(mark.path), mark.classes, mark.role
        number = met.get(key)
        if number is None:
            element = Element(mark.path, mark.classes, mark.role)
            number = met[key] = numbers.setdefault(element, len(numbers))
        found.append(number)
    return ints(found), tuple(numbers)
