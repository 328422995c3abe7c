"""Which of many patterns are found in a text, in linear time and little of it.

One ``re2.Set`` of all patterns would be simplest, but those that may start anywhere and hold gaps multiply its states
with one another. So patterns go two ways: those that cover the text or stand at its start into a set, which is done
with most texts after a few characters; the rest into an ``re2.Filter``, which looks for their literal words in one
pass and runs only the patterns whose words are there. (On blocks of Chinese pages, with the shipped rules, 2 to 4 µs
a block against 180 µs for a single set.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import re2


class How(StrEnum):
    """Where in a text a pattern must be."""

    COVERS = "covers"
    STARTS = "starts"
    ANYWHERE = "anywhere"


#: A pattern of an owner (the number of its rule): owner, where, RE2 syntax.
Search = tuple[int, How, str]

Finder = Callable[[str], frozenset[int]]

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


def search_bytes(text: str) -> bytes:
    """A text as the patterns see it: UTF-8, with plain spaces, since RE2's \\s knows ASCII only."""
    return text.replace("\u3000", " ").replace("\xa0", " ").encode("utf-8", "replace")


@functools.lru_cache(maxsize=64)
def finder(searches: tuple[Search, ...]) -> Finder:
    """A function from a text to the owners of the patterns found in it."""
    wordless = _wordless(searches)
    anchored = [(owner, _anchored(how, pattern)) for owner, how, pattern in searches if how is not How.ANYWHERE]
    anchored += [(owner, _anchored(How.ANYWHERE, pattern)) for owner, pattern in wordless]
    worded = [(owner, pattern) for owner, how, pattern in searches if how is How.ANYWHERE]
    worded = [search for search in worded if search not in wordless]
    match_anchored = _matcher(re2.Set.MatchSet(re2_options()), [pattern for _, pattern in anchored])
    match_words = _matcher(re2.Filter(), [pattern for _, pattern in worded])

    def search(text: str) -> frozenset[int]:
        content = search_bytes(text)
        hits, word_hits = match_anchored(content), match_words(content)
        if not hits and not word_hits:
            return frozenset()
        return frozenset([*(anchored[hit][0] for hit in hits or ()), *(worded[hit][0] for hit in word_hits or ())])

    remembered = functools.lru_cache(maxsize=REMEMBERED_TEXTS)(search)

    def find(text: str) -> frozenset[int]:
        return remembered(text) if len(text) <= REMEMBERED_CHARS else search(text)

    return find


def _anchored(how: How, pattern: str) -> str:
    """The pattern as one that is found at the start of a text if anywhere."""
    if how is How.COVERS:
        return rf"(?:{pattern})\z"
    return f"(?s:.*)(?:{pattern})" if how is How.ANYWHERE else pattern


def _wordless(searches: Iterable[Search]) -> list[tuple[int, str]]:
    """The patterns without a literal word that a filter could look for: it would try them on every text."""
    anywhere = [(owner, pattern) for owner, how, pattern in searches if how is How.ANYWHERE]
    if not anywhere:
        return []
    words = re2.Filter()
    for _, pattern in anywhere:
        words.Add(pattern, re2_options())
    words.Compile()
    return [anywhere[i] for i in sorted(words.Match(b"", potential=True) or ())]


def _matcher(found: re2.Set | re2.Filter, patterns: Sequence[str]) -> Callable[[bytes], Sequence[int] | None]:
    """A function from a text to the indexes of the patterns that are found in it."""
    if not patterns:
        return lambda text: None
    for pattern in patterns:
        if isinstance(found, re2.Filter):
            found.Add(pattern, re2_options())
        else:
            found.Add(pattern)
    found.Compile()
    return found.Match  # type: ignore[no-any-return]


def is_found(pattern: str, text: str) -> bool:
    """Whether one pattern is found anywhere in a text."""
    return bool(_single(pattern)(search_bytes(text)))


@functools.lru_cache(maxsize=1024)
def _single(pattern: str) -> Callable[[bytes], Sequence[int] | None]:
    return _matcher(re2.Set.SearchSet(re2_options()), [pattern])  # a set makes no match object: five times as fast


def re2_options() -> re2.Options:
    """Options all patterns are compiled with: upper and lower case alike, a dot takes any character."""
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 64 << 20  # bytes; bounds the states an automaton keeps
    return options
