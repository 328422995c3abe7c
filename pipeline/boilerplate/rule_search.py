"""Which of many patterns are found in a text, in linear time and little of it.

One automaton for all patterns would be simplest, but those that may start anywhere and hold gaps multiply its
states with one another. So patterns go three ways, by how they are anchored: those that cover the text and those that
stand at its start into one ``re2.Set`` each, which is done with most texts after a few characters; the rest into
an ``re2.Filter``, which looks for their literal words in one pass and runs only the patterns whose words are there.
(Measured on 9,000 blocks of Chinese pages: 4 µs a block against 180 µs for a single set.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from enum import StrEnum

import re2


class How(StrEnum):
    """Where in a text a pattern must be."""

    COVERS = "covers"
    STARTS = "starts"
    ANYWHERE = "anywhere"


#: A pattern of an owner (the number of its rule): owner, where, RE2 syntax.
Search = tuple[int, How, str]

Finder = Callable[[bytes], set[int]]


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


def search_bytes(text: str) -> bytes:
    """A text as the patterns see it: UTF-8, with plain spaces, since RE2's \\s knows ASCII only."""
    return text.replace("\u3000", " ").replace("\xa0", " ").encode("utf-8", "replace")


@functools.lru_cache(maxsize=64)
def finder(searches: tuple[Search, ...]) -> Finder:
    """A function from the bytes of a text to the owners of the patterns found in it."""
    groups = {how: [(owner, pattern) for owner, at, pattern in searches if at is how] for how in How}
    finders = [_GROUPS[how](group) for how, group in groups.items() if group]

    def find(text: bytes) -> set[int]:
        return {owner for found in finders for owner in found(text)}

    return find


def is_found(pattern: str, text: bytes) -> bool:
    """Whether one pattern is found anywhere in a text."""
    return _compiled(pattern).search(text) is not None


def re2_options() -> re2.Options:
    """Options all patterns are compiled with: upper and lower case alike, a dot takes any character."""
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 64 << 20  # bytes; bounds the states an automaton keeps
    return options


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re2._Regexp:
    return re2.compile(pattern, re2_options())


def _set_finder(found: re2.Set, group: Iterable[tuple[int, str]]) -> Callable[[bytes], list[int]]:
    owners = [owner for owner, _ in group]
    for _, pattern in group:
        found.Add(pattern)
    found.Compile()
    match = found.Match
    return lambda text: [owners[i] for i in match(text) or ()]


def _filter_finder(group: Iterable[tuple[int, str]]) -> Callable[[bytes], list[int]]:
    found = re2.Filter()
    owners = [owner for owner, _ in group]
    for _, pattern in group:
        found.Add(pattern, re2_options())
    found.Compile()
    match = found.Match
    return lambda text: [owners[i] for i in match(text) or ()]


_GROUPS = {
    How.COVERS: lambda group: _set_finder(re2.Set.FullMatchSet(re2_options()), group),
    How.STARTS: lambda group: _set_finder(re2.Set.MatchSet(re2_options()), group),
    How.ANYWHERE: _filter_finder,
}
