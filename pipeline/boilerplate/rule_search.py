"""Which of many patterns are found in a text, in linear time and little of it.

One ``re2.Set`` of all patterns would be simplest, but those that may start anywhere and hold gaps multiply its states
with one another. So patterns go three ways: those that cover the text and those that stand at its start into a set
each, which is done with most texts after a few characters; the rest into an ``re2.Filter``, which looks for their
literal words in one pass and runs only the patterns whose words are there. (On blocks of Chinese pages, with the
shipped rules, 3 µs a block against 180 µs for a single set.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

import re2

#: Signs, symbols, spaces and controls by blocks of Unicode: all ASCII ones, and where the others lie. Few ranges,
#: because an automaton pays for each: the exact classes P, S, Z and C have over three hundred.
SIGNS = (
    r"[\x00-/:-@\[-`{-\x{a9}\x{ab}-\x{b1}\x{b4}\x{b6}-\x{b8}\x{bb}\x{bf}\x{d7}\x{f7}\x{2000}-\x{206f}\x{20a0}-\x{20ff}\x{2116}\x{2117}\x{2122}"
    r"\x{2190}-\x{245f}\x{2500}-\x{2bff}\x{3000}-\x{3004}\x{3008}-\x{3020}\x{3030}\x{30fb}\x{e000}-\x{f8ff}"
    r"\x{fe00}-\x{fe6f}\x{feff}-\x{ff0f}\x{ff1a}-\x{ff20}\x{ff3b}-\x{ff40}\x{ff5b}-\x{ff65}\x{ffe0}-\x{fffd}"
    r"\x{1f000}-\x{1faff}]"
)


class How(StrEnum):
    """Where in a text a pattern must be."""

    COVERS = "covers"
    STARTS = "starts"
    ANYWHERE = "anywhere"


#: A pattern of an owner (the number of its rule): owner, where, RE2 syntax.
Search = tuple[int, How, str]

Finder = Callable[[str], frozenset[int]]
_Found = TypeVar("_Found")

#: What was found in the last so many short texts is remembered: the menus of a site come with every page of it.
REMEMBERED_TEXTS = 1 << 14
REMEMBERED_CHARS = 80


def how_anchored(pattern: str) -> How:
    """STARTS when the pattern can only be found at the start of a text, else ANYWHERE."""
    return How.STARTS if pattern.startswith(r"\A") and not _has_top_level_bar(pattern) else How.ANYWHERE


def _has_top_level_bar(pattern: str) -> bool:
    depth = 0
    in_class = escaped = False
    for char in pattern:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            return True
    return False


def widen(pattern: str) -> str:
    r"""The pattern with \W as signs and spaces of every script: that of RE2 takes Chinese characters too."""
    return pattern.replace(r"\W", SIGNS)


def search_bytes(text: str) -> bytes:
    """A text as the patterns see it: UTF-8, with plain spaces, since RE2's \\s knows ASCII only."""
    return text.replace("\u3000", " ").replace("\xa0", " ").encode("utf-8", "replace")


@functools.lru_cache(maxsize=64)
def finder(searches: tuple[Search, ...]) -> Finder:
    """A function from a text to the owners of the patterns found in it, which remembers short texts."""
    return remembering(searcher(searches))


def remembering(find: Callable[[str], _Found]) -> Callable[[str], _Found]:
    """The same function, but what it said of the last short texts is remembered."""
    remembered = functools.lru_cache(maxsize=REMEMBERED_TEXTS)(find)
    return lambda text: remembered(text) if len(text) <= REMEMBERED_CHARS else find(text)


@functools.lru_cache(maxsize=64)
def searcher(searches: tuple[Search, ...]) -> Finder:
    """A function from a text to the owners of the patterns found in it."""
    groups = {how: [search for search in searches if search[1] is how] for how in How}
    asked = [
        (_matcher(how, [search[2] for search in group]), [owner for owner, _, _ in group])
        for how, group in groups.items()
        if group
    ]

    def search(text: str) -> frozenset[int]:
        content = search_bytes(text)
        found = _NONE
        for match, owners in asked:
            if hits := match(content):
                found = found.union([owners[hit] for hit in hits])
        return found

    return search


_NONE: frozenset[int] = frozenset()


def _matcher(how: How, patterns: Sequence[str]) -> Callable[[bytes], Sequence[int] | None]:
    """A function from a text to the indexes of the patterns that are found in it."""
    if how is How.ANYWHERE:
        words = re2.Filter()
        for pattern in patterns:
            words.Add(widen(pattern), re2_options())
        words.Compile()
        return words.Match  # type: ignore[no-any-return]  # re2 has no types
    make = re2.Set.FullMatchSet if how is How.COVERS else re2.Set.MatchSet
    found = make(re2_options())
    for pattern in patterns:
        found.Add(widen(pattern))
    found.Compile()
    return found.Match  # type: ignore[no-any-return]  # re2 has no types


def is_found(pattern: str, text: str) -> bool:
    """Whether one pattern is found anywhere in a text."""
    return bool(_single(pattern)(search_bytes(text)))


@functools.lru_cache(maxsize=1024)
def _single(pattern: str) -> Callable[[bytes], Sequence[int] | None]:
    """A set of one: it makes no match object, so it answers in a fifth of the time of ``re2.search``."""
    found = (re2.Set.MatchSet if how_anchored(pattern) is How.STARTS else re2.Set.SearchSet)(re2_options())
    found.Add(widen(pattern))
    found.Compile()
    return found.Match  # type: ignore[no-any-return]  # re2 has no types


def re2_options() -> re2.Options:
    """Options all patterns are compiled with: upper and lower case alike, a dot takes any character."""
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 64 << 20  # bytes; bounds the states an automaton keeps
    return options
