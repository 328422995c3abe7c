"""Which lines of a page are in the language that its lines are believed to be in: a cheap look that spares most of them
a reading of their own.

Two witnesses, and both only confirm: they never propose a language, and a line that neither confirms is read by itself.
First the line's n-grams, if they are likelier in the language than in any other; then, for lines whose n-grams leave it
open (names, "Log in"), the backend's answer to several neighbours joined. A language is a word of ``CONFIRMED``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pipeline.language.backends import BACKENDS, Backend, Candidates
from pipeline.language.ngrams import margins
from pipeline.language.structure import looks_like_code, strip_addresses

#: Languages with a profile and, of their close relatives, with a profile of most.
CONFIRMED = frozenset("en de fr es it pt nl pl cs sv fi hu ro vi".split())
#: Least margin (``ngrams.margins``) of a line that is confirmed. Of short sentences in other languages it takes at most
#: two in a thousand for one of these; of its own it confirms two thirds and more.
MARGIN = 4.0
OPEN_MARGIN = -8.0  # below it another language is so much likelier that the line is read by itself
JOINED_SURE = 0.9  # probability of the language for lines that are joined
_JOINED_CHARS = 160  # of neighbours that are joined
_REMEMBERED_CHARS = 100
_MAX_OPEN = 24  # characters of a line that is joined: a longer one tells by itself

#: A word in Latin letters that is no acronym and no number: four letters in a row, or in capitals more than six.
_WORD = re.compile(r"[A-Za-zÀ-ɏ][a-zß-öø-ÿā-ɏ]{3}|[A-Z]{7}")
_OTHER_LETTERS = re.compile(
    r"[\u0250-\u1dff\u1f00-\u1fff\u2c80-\ud7ff\uf900-\uffff\U00010000-\U0001efff\U00020000-\U0003ffff]"
)


@lru_cache(maxsize=4096)  # a menu comes with every page of its site
def _candidates(text: str, backend: Backend, seed: int) -> Candidates:
    return BACKENDS[backend](text, (), seed)


def running_words(text: str) -> str:
    """The text without addresses if it is words in Latin letters and no code; else nothing.

    >>> [running_words(text) for text in ("Terms of use", "COP29", "x = y_total + 1", "见 Terms of use")]
    ['Terms of use', '', '', '']
    """
    return (_remembered if len(text) <= _REMEMBERED_CHARS else _running_words)(text)


def _running_words(text: str) -> str:
    words = strip_addresses(text)
    if _WORD.search(words) is None or (not words.isascii() and _OTHER_LETTERS.search(words)) or looks_like_code(text):
        return ""
    return words


_remembered = lru_cache(maxsize=16384)(_running_words)


def confirmed(texts: Sequence[str], lang: str, backend: Backend, seed: int) -> list[bool]:
    """Of running words (``running_words``) of one kind, in the order of the page: whether each is in ``lang``."""
    found = margins(texts, lang)
    sure = [margin >= MARGIN for margin in found]
    opened = [i for i, margin in enumerate(found) if OPEN_MARGIN <= margin < MARGIN and len(texts[i]) <= _MAX_OPEN]
    for places in _joined(texts, opened):
        candidates = _candidates(" ".join(texts[place] for place in places), backend, seed)
        if candidates and candidates[0][0] == lang and candidates[0][1] >= JOINED_SURE:
            for place in places:
                sure[place] = True
    return sure


def _joined(texts: Sequence[str], places: Sequence[int]) -> Iterator[list[int]]:
    """Places of neighbours to be joined, at least two."""
    group: list[int] = []
    size = 0
    for place in places:
        if size + len(texts[place]) > _JOINED_CHARS and len(group) > 1:
            yield group
            group, size = [], 0
        group.append(place)
        size += len(texts[place])
    if len(group) > 1:
        yield group
