"""The words the block model knows: of texts, of classes and ids, tags, and marks of a page's head.

Learned with the weights and kept beside them: what was seen on enough sites (``benchmarks.train_labeller``).
A word of a text is known by its hash (``charstats.Hashed``), the others by their name. Ids are rows of the
model's embeddings; 0 is what is not known, of texts also 1 for a pair of CJK characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.charstats import Hashed

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

UNKNOWN_WORD, UNKNOWN_PAIR, FIRST_KNOWN = 0, 1, 2
MAX_CHAIN = 240  # code points of a chain of classes that are read, from its near end
MAX_CLASS_WORDS, MAX_TAGS = 24, 10  # of one place, the nearest
_SLOT_BITS = 18  # of a few ten thousand keys, some in a hundred clash and count as unknown
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth, TAOCP 3, 6.4)
_CLASS_WORD = re.compile(r"[a-z]+|[\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True, eq=False)
class HashIndex:
    """From a hash to its id, in one look; 0 where it is not known."""

    keys: Hashes
    ids: Ints

    def find(self, hashes: Hashes) -> Ints:
        """The ids of hashes, in step."""
        slot = _slot(hashes)
        found: Ints = np.where(self.keys[slot] == hashes, self.ids[slot], 0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Words of texts by hash; class words, tags and head marks by name, from 1."""

    words: HashIndex
    pairs: HashIndex
    class_words: Mapping[str, int]
    tags: Mapping[str, int]
    marks: Mapping[str, int]

    def text_ids(self, words: Hashed, pairs: Hashed) -> tuple[Ints, Ints]:
        """Ids of words, then of pairs."""
        known = self.pairs.find(pairs.hashes)
        return self.words.find(words.hashes), np.where(known, known, UNKNOWN_PAIR)


def make_vocabulary(
    *, words: Hashes, pairs: Hashes, class_words: Sequence[str], tags: Sequence[str], marks: Sequence[str]
) -> Vocabulary:
    """A vocabulary of these; ids follow their order."""
    return Vocabulary(
        _index(words, FIRST_KNOWN),
        _index(pairs, FIRST_KNOWN + len(words)),
        _numbered(class_words),
        _numbered(tags),
        _numbered(marks),
    )


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary of the shipped weights; read once a process."""
    with files("pipeline.boilerplate").joinpath("weights.npz").open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        names = {name: str(archive[f"vocabulary_{name}"]).split("\n") for name in ("class_words", "tags", "marks")}
        return make_vocabulary(words=archive["vocabulary_words"], pairs=archive["vocabulary_pairs"], **names)


def split_classes(classes: str) -> list[str]:
    """The words a chain of classes and ids is made of, the nearest first.

    >>> split_classes("page post-419 entry_content")
    ['content', 'entry', 'post', 'page']
    """
    return [word.lower() for word in _CLASS_WORD.findall(classes[-MAX_CHAIN:])[: -MAX_CLASS_WORDS - 1 : -1]]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: at for at, name in enumerate(names, start=1)}


def _slot(hashes: Hashes) -> Ints:
    """Slots, seen as signed: numpy would copy unsigned indices."""
    return (hashes * _GOLDEN >> np.uint64(64 - _SLOT_BITS)).view(np.int64)


def _index(hashes: Hashes, first: int) -> HashIndex:
    keys = np.zeros(1 << _SLOT_BITS, dtype=np.uint64)
    ids = np.zeros(1 << _SLOT_BITS, dtype=np.int64)
    slot = _slot(hashes)[::-1]
    keys[slot], ids[slot] = hashes[::-1], np.arange(first, first + len(hashes))[::-1]
    return HashIndex(keys, ids)
