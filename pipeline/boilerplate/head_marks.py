"""What a page's head tells of its kind and of its text: marks for the model, and how much of a block it repeats.

Marks are words like ``og:article``, ``type:Product`` (JSON-LD), ``meta:article:published_time``,
``generator:wordpress``. To read something more from the head, add it to ``head_marks``; whether it counts is
learned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.charstats import CharStats, Hashed, hash_words_and_pairs
from pipeline.extract.json_strings import MAX_JSON, json_strings
from pipeline.types import PageHead

#: The columns of ``repeats``.
REPEATS: tuple[str, ...] = (
    "words_in_title", "pairs_in_title", "in_description", "pairs_in_description", "in_body", "has_body",
    "has_description",
)  # fmt: skip

MAX_MARKS = 40  # a page
_MIN_STRING = 10  # code points of a string of JSON-LD that says something
_BODY_PAIRS = 30  # a body in JSON-LD has at least so many pairs of words
_TYPE = re.compile(r'"@type"\s{0,9}:\s{0,9}"(\w{1,40})"')
_BODIES = ("articleBody", "text", "reviewBody")
_NAMES = (*_BODIES, "description", "headline", "name")
_TITLES = ("og:title", "twitter:title")
_DESCRIPTIONS = ("description", "og:description", "twitter:description")
_MIX = np.uint64(1_000_003)
_SLOT_BITS = 13
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth, TAOCP 3, 6.4)


def head_marks(head: PageHead) -> list[str]:
    """Marks of a head, each once, sorted."""
    meta = dict(reversed(head.meta))
    marks = {f"meta:{name[:30]}" for name, _ in head.meta}
    marks |= {f"type:{name}" for script in head.json_ld for name in _TYPE.findall(script[:MAX_JSON])}
    if kind := meta.get("og:type", "").lower()[:30]:
        marks.add(f"og:{kind}")
    if made_by := meta.get("generator", "").lower().split():
        marks.add(f"generator:{made_by[0][:20]}")
    return sorted(marks)


def repeats(head: PageHead, stats: CharStats) -> NDArray[np.float32]:
    """How much of each block the title, the descriptions and the body in the head say too; REPEATS columns."""
    n = len(stats.length)
    table = np.zeros((n, len(REPEATS)), dtype=np.float32)
    if head == PageHead():
        return table
    title, description, body = _said(_texts(head))
    words = _tokens(stats.hashed_words, stats.hashed_pairs)
    pairs = _pairs(words)
    n_words, n_pairs = _count(words.owner, n), _count(pairs.owner, n)
    described, told = _pairs(description).hashes, _pairs(body).hashes
    in_description = _found(pairs, described, n)
    has_body = len(told) >= _BODY_PAIRS
    columns = (
        _found(words, title.hashes, n) / n_words, np.log1p(_found(pairs, _pairs(title).hashes, n)),
        in_description / n_pairs, np.log1p(in_description),
        _found(pairs, told, n) / n_pairs if has_body else 0, has_body, len(described) > 0,
    )  # fmt: skip
    for at, column in enumerate(columns):
        table[:, at] = column
    return table


def _texts(head: PageHead) -> tuple[str, str, str]:
    """Titles, descriptions, bodies, each joined."""
    meta = dict(reversed(head.meta))
    strings = [one for script in head.json_ld for one in json_strings(script, _NAMES) if len(one.text) >= _MIN_STRING]
    told = [one.text for one in strings if one.name not in _BODIES]
    return (
        "\n".join((head.title or "", *(meta.get(name, "") for name in _TITLES))),
        "\n".join((*(meta.get(name, "") for name in _DESCRIPTIONS), *told)),
        "\n".join(one.text for one in strings if one.name in _BODIES),
    )


def _said(texts: Sequence[str]) -> list[Hashed]:
    """The tokens of each text."""
    words, pairs = hash_words_and_pairs(texts)
    return [_tokens(_of(words, at), _of(pairs, at)) for at in range(len(texts))]


def _of(hashed: Hashed, text: int) -> Hashed:
    """What lies in one text."""
    start, end = hashed.owner.searchsorted((text, text + 1))
    return Hashed(hashed.owner[start:end], hashed.hashes[start:end])


def _tokens(words: Hashed, pairs: Hashed) -> Hashed:
    """Words, and after them the pairs of CJK characters."""
    return Hashed(np.concatenate((words.owner, pairs.owner)), np.concatenate((words.hashes, pairs.hashes)))


def _pairs(tokens: Hashed) -> Hashed:
    """Hashes of two tokens that follow one another in a text."""
    same = tokens.owner[1:] == tokens.owner[:-1]
    mixed = tokens.hashes[:-1] * _MIX ^ tokens.hashes[1:]
    return Hashed(tokens.owner[:-1][same], mixed[same])


def _found(tokens: Hashed, wanted: NDArray[np.uint64], n: int) -> NDArray[np.float64]:
    """How many of each text's tokens are among the wanted; only those that share a slot with one are compared."""
    if not len(wanted):
        return np.zeros(n)
    wanted = np.sort(wanted)
    taken = np.zeros(1 << _SLOT_BITS, dtype=np.bool_)
    taken[_slot(wanted)] = True
    likely = np.flatnonzero(taken[_slot(tokens.hashes)])
    hashes = tokens.hashes[likely]
    known = wanted[np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)] == hashes
    return np.bincount(tokens.owner[likely[known]], minlength=n).astype(np.float64)


def _slot(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (hashes * _GOLDEN >> np.uint64(64 - _SLOT_BITS)).view(np.int64)


def _count(owner: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.maximum(np.bincount(owner, minlength=n), 1)
