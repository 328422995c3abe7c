"""All that the block model reads of one page: numbers of each block, and ids of its words, classes, tags and marks.

Bags of ids are flat: which row each id belongs to, in order, and what it counts. Blocks that lie in the same
place (path and classes) share the place's bags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.charstats import Hashed, char_stats
from pipeline.boilerplate.features import block_features
from pipeline.boilerplate.head_marks import MAX_MARKS, head_marks, repeats
from pipeline.boilerplate.places import find_places
from pipeline.boilerplate.vocabulary import MAX_TAGS, Vocabulary, split_classes
from pipeline.types import Block, PageHead

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

READ_CHARS = 1000  # code points of a block that are read: one wall of text must not be the page
MAX_WORDS = 48  # of a block, and as many pairs of characters: its beginning tells its trade
_CLASS_FADE, _TAG_FADE = 0.85, 0.8  # what a class word or tag counts for, per step outwards


@dataclass(frozen=True, slots=True)
class Bags:
    """Ids in some of ``n`` rows: the row of each id, ascending, and its weight."""

    n: int
    rows: Ints
    ids: Ints
    weights: Floats


@dataclass(frozen=True, slots=True)
class PageInputs:
    """One page as the model sees it; n blocks in p places."""

    table: Floats  # (n, len(FEATURES) + len(REPEATS))
    tokens: Floats  # (n,): tokens of each block
    words: Bags  # of n blocks
    place: Ints  # (n,): the place each block lies in
    classes: Bags  # of p places
    tags: Bags  # of p places
    kin: Ints  # (n,): the repeated structure each block is of
    marks: Ints  # ids of the head's marks
    has_markup: bool


def page_inputs(blocks: Sequence[Block], head: PageHead, vocabulary: Vocabulary) -> PageInputs:
    """What the model reads of a page of one block or more."""
    blocks = [_beginning(block) for block in blocks]
    stats = char_stats([block.text for block in blocks])
    places = find_places(blocks)
    table = block_features(blocks, stats, places)
    marks = [vocabulary.marks[mark] for mark in head_marks(head) if mark in vocabulary.marks][:MAX_MARKS]
    return PageInputs(
        np.hstack((table, repeats(head, stats))),
        stats.tokens,
        _word_bags(stats.hashed_words, stats.hashed_pairs, len(blocks), vocabulary),
        places.of,
        _bags([_class_bag(mark.classes, vocabulary) for mark in places.marks]),
        _bags([_tag_bag(mark.path, vocabulary) for mark in places.marks]),
        places.kin_of,
        np.array(marks, dtype=np.int64),
        places.has_markup,
    )


def _beginning(block: Block) -> Block:
    """As much of a block as the model reads, with its share of links."""
    if len(block.text) <= READ_CHARS:
        return block
    markup = block.markup
    if markup:
        markup = replace(markup, link_chars=markup.link_chars * READ_CHARS // len(block.text))
    return replace(block, text=block.text[:READ_CHARS], markup=markup)


def _word_bags(words: Hashed, pairs: Hashed, n: int, vocabulary: Vocabulary) -> Bags:
    first_words, first_pairs = (_beginnings(hashed, n) for hashed in (words, pairs))
    ids = np.concatenate(vocabulary.text_ids(first_words, first_pairs))
    rows = np.concatenate((first_words.owner, first_pairs.owner))
    order = np.argsort(rows, kind="stable")
    return Bags(n, rows[order], ids[order], np.ones(len(ids), dtype=np.float32))


def _beginnings(hashed: Hashed, n: int) -> Hashed:
    """The first MAX_WORDS of each text."""
    starts = np.searchsorted(hashed.owner, np.arange(n))
    early = np.arange(len(hashed.owner)) - starts[hashed.owner] < MAX_WORDS
    return Hashed(hashed.owner[early], hashed.hashes[early])


@lru_cache(maxsize=8192)
def _class_bag(classes: str, vocabulary: Vocabulary) -> tuple[Ints, Floats]:
    return _faded([vocabulary.class_words.get(word, 0) for word in split_classes(classes)], _CLASS_FADE)


@lru_cache(maxsize=8192)
def _tag_bag(path: tuple[str, ...], vocabulary: Vocabulary) -> tuple[Ints, Floats]:
    return _faded([vocabulary.tags.get(tag, 0) for tag in path[: -MAX_TAGS - 1 : -1]], _TAG_FADE)


def _faded(found: Sequence[int], fade: float) -> tuple[Ints, Floats]:
    """Known ids (not 0), nearest first, and what each counts: less the farther out it stands."""
    ids = np.array(found, dtype=np.int64)
    steps = np.flatnonzero(ids)
    return ids[steps], (fade**steps).astype(np.float32)


def _bags(places: Sequence[tuple[Ints, Floats]]) -> Bags:
    """One bag a place, of a page of one place or more."""
    rows = np.repeat(np.arange(len(places)), [len(ids) for ids, _ in places])
    ids, weights = (np.concatenate(parts) for parts in zip(*places, strict=True))
    return Bags(len(places), rows, ids, weights)
