"""Count kinds of characters and of words in many texts at once, in one walk over their code points.

To add a kind of character, give it a number in ``CharKind`` and a line in ``_kind_table``; a word list is a
row of ``lexicon.TEXT_WORDS``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.lexicon import TEXT_WORDS
from pipeline.compiled import kernel
from pipeline.kept import kept
from pipeline.text.codes import CLASSED, Classes, Codes, Ints, Points, class_table, lower_points, read_codes
from pipeline.text.prose import SENTENCE_ENDS, STOP_CHARACTERS, STOP_WORDS
from pipeline.text.tokens import count_cjk

_BMP = 0x10000
_ASTRAL_KANA = range(0x1B000, 0x1B170)
_WORD_LETTERS = 8  # letters of a word that are compared: "copyrigh", "newslett" stay apart
_SLOTS = 1 << 16
_BASE = 1_000_003  # odd, so that it has an inverse modulo 2**64
_N_KINDS = 16
_LOOKED_THROUGH = 3  # closing quotes and spaces behind the last character
#: A kind of word for each list: 0 is any other word.
WORD_KINDS: tuple[str, ...] = ("other", "stop", *TEXT_WORDS)


class CharKind(IntEnum):
    """What a character is to the features."""

    OTHER = 0
    SPACE = 1
    LOWER = 2  # and letters without case: Arabic, Thai, Hangul
    UPPER = 3
    DIGIT = 4
    CJK = 5
    CJK_STOP = 6  # grammar: 的 了 是, kana
    SENTENCE_END = 7
    COMMA = 8
    SEPARATOR = 9  # | · / » 【】
    DUNHAO = 10  # 、 parts menus and lists alike
    QUOTE = 11  # quotes and closing brackets: looked through at the end of a sentence
    BULLET = 12


_SPECIALS = {
    CharKind.SENTENCE_END: SENTENCE_ENDS,
    CharKind.COMMA: ",;，；،",
    CharKind.SEPARATOR: "|·/»«›‹>【】｜／┊│＞→←\\_",
    CharKind.DUNHAO: "、",
    CharKind.QUOTE: "\"'”’」』）)]］》〉",
    CharKind.BULLET: "•●◆■▪★☆©®™#*+~◎○▶►▲▼✓√",
}


# For the loop: what it takes from its module must be a plain value, of a width that is told.
_SPACE, _LOWER, _DIGIT, _QUOTE = (
    int(kind) for kind in (CharKind.SPACE, CharKind.LOWER, CharKind.DIGIT, CharKind.QUOTE)
)
_CJK, _CJK_STOP = int(CharKind.CJK), int(CharKind.CJK_STOP)
_N_WORD_KINDS = len(WORD_KINDS)
_BASE_64, _FOLD, _SLOT_MASK = np.uint64(_BASE), np.uint64(16), np.uint64(_SLOTS - 1)

_BY_CATEGORY = {"Lu": CharKind.UPPER, "Lt": CharKind.UPPER, "Nd": CharKind.DIGIT}


def _kind_of(char: str) -> int:
    """The kind of a character of the basic plane that is named nowhere."""
    category = unicodedata.category(char)
    if category in _BY_CATEGORY:
        return _BY_CATEGORY[category]
    if category[0] in "LM":
        return CharKind.LOWER
    return CharKind.SPACE if category[0] == "Z" or char.isspace() else CharKind.OTHER


@kept()
def _kind_table() -> Classes:
    """The kind of each code point. Beyond the basic plane there are Han and kana; the rest is OTHER."""
    kinds = np.full(CLASSED, CharKind.OTHER, dtype=np.uint8)
    kinds[:_BMP] = [_kind_of(chr(code)) for code in range(_BMP)]
    cjk = [code for code in range(0x3000, 0xFFA0) if not 0xA000 <= code < 0xF900 and count_cjk(chr(code))]
    kinds[cjk] = CharKind.CJK
    kinds[[*range(0x3041, 0x30FB), *_ASTRAL_KANA, *map(ord, STOP_CHARACTERS)]] = CharKind.CJK_STOP
    for kind, chars in _SPECIALS.items():
        kinds[[ord(char) for char in chars]] = kind
    return class_table(kinds, ideograph=CharKind.CJK, beyond=CharKind.OTHER)


def _hash_word(word: str) -> int:
    value: int = sum(ord(char) * _BASE**at for at, char in enumerate(word[:_WORD_LETTERS]))
    return value % (1 << 64)


def _hash_pair(pair: str) -> int:
    return ord(pair[0]) << 16 | ord(pair[1])


def _slots(entries: Iterable[tuple[int, int]]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """A table by the hash's low bits: the whole hash, to compare, and the kind. A later clash is left out."""
    keys = np.zeros(_SLOTS, dtype=np.uint64)
    kinds = np.zeros(_SLOTS, dtype=np.uint8)
    for value, kind in entries:
        slot = (value ^ value >> 16) % _SLOTS
        if not kinds[slot]:
            keys[slot], kinds[slot] = value, kind
    return keys, kinds


@cache
def _word_slots() -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    lists = (("", ""), ("stop", STOP_WORDS), *TEXT_WORDS.items())
    return _slots(
        (_hash_word(word), kind)
        for kind, (_, words) in enumerate(lists)
        for word in words.split()
        if not count_cjk(word)
    )


@cache
def _pair_slots() -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    return _slots(
        (_hash_pair(word), kind)
        for kind, words in enumerate(TEXT_WORDS.values(), start=2)
        for word in words.split()
        if count_cjk(word)
    )


@dataclass(frozen=True, slots=True)
class Hashed:
    """Words or character pairs of many texts, in reading order: the text each is in, and its hash."""

    owner: Ints
    hashes: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class CharStats:
    """Counts a text, each array with one row a text."""

    length: Ints  # code points
    kinds: Ints  # (n, 16): characters of each CharKind
    words: Ints  # (n,): words of alphabets and runs of digits
    word_kinds: Ints  # (n, len(WORD_KINDS)): listed words and character pairs
    last_kind: Ints  # CharKind of the last character, closing quotes and spaces looked through
    first_kind: Ints  # CharKind of the first character
    hashed_words: Hashed  # in lower case, by their first letters; a run of digits by its length
    hashed_pairs: Hashed  # neighbouring CJK characters

    @property
    def tokens(self) -> NDArray[np.float32]:
        """Tokens of each text: its words and its CJK characters, each of which is one."""
        cjk: Ints = self.kinds[:, CharKind.CJK] + self.kinds[:, CharKind.CJK_STOP]
        return (self.words + cjk).astype(np.float32)


def char_stats(texts: Sequence[str]) -> CharStats:
    """Count characters and words of each text; texts must not be empty."""
    return char_stats_of(read_codes(texts))


def char_stats_of(codes: Codes) -> CharStats:
    """``char_stats`` of texts that are read already."""
    found = _walk(codes)
    words, pairs = Hashed(found.word_owner, found.words), Hashed(found.pair_owner, found.pairs)
    length = np.diff(codes.starts) - 1
    return CharStats(length, found.kinds, found.n_words, found.word_kinds, found.last, found.first, words, pairs)


def hash_words_and_pairs(texts: Sequence[str]) -> tuple[Hashed, Hashed]:
    """The words and the neighbouring CJK characters of each text, as ``char_stats`` has them; texts may be empty."""
    found = _walk(read_codes(texts))
    return Hashed(found.word_owner, found.words), Hashed(found.pair_owner, found.pairs)


class _Found(NamedTuple):
    """What one walk over the characters finds; see ``CharStats``."""

    kinds: Ints
    n_words: Ints
    word_kinds: Ints
    last: Ints
    first: Ints
    word_owner: Ints
    words: NDArray[np.uint64]
    pair_owner: Ints
    pairs: NDArray[np.uint64]


def _walk(codes: Codes) -> _Found:
    tables = (_kind_table(), *_word_slots(), *_pair_slots())
    return _Found(*_count(codes.points, lower_points(codes.points), codes.starts, *tables))


@kernel
def _count(
    points: Points,
    lower: Points,
    starts: Ints,
    kind_of: Classes,
    word_keys: NDArray[np.uint64],
    listed_words: Classes,
    pair_keys: NDArray[np.uint64],
    listed_pairs: Classes,
) -> tuple[NDArray[Any], ...]:
    """The fields of ``_Found``. Every text ends with a line feed, which is in no word and no pair."""
    n, size = len(starts) - 1, len(points)
    kinds, n_words = np.zeros((n, _N_KINDS), np.int64), np.zeros(n, np.int64)
    word_kinds = np.zeros((n, _N_WORD_KINDS), np.int64)
    last, first = np.zeros(n, np.int64), np.zeros(n, np.int64)
    word_owner, words = np.empty(size // 2 + 1, np.int64), np.empty(size // 2 + 1, np.uint64)
    pair_owner, pairs = np.empty(size, np.int64), np.empty(size, np.uint64)
    at_word = at_pair = 0
    for text in range(n):
        end = starts[text + 1] - 1
        in_word = False
        for at in range(starts[text], end):
            kind = kind_of[points[at]]
            kinds[text, kind] += 1
            if _LOWER <= kind <= _DIGIT:
                if not in_word:
                    value, weight, letters = np.uint64(0), np.uint64(1), 0
                    while letters < _WORD_LETTERS and _LOWER <= kind_of[points[at + letters]] <= _DIGIT:
                        value += np.uint64(lower[at + letters]) * weight
                        weight *= _BASE_64
                        letters += 1
                    word = np.uint64(letters) if kind == _DIGIT else value
                    word_owner[at_word], words[at_word] = text, word
                    at_word += 1
                    slot = np.int64((word ^ (word >> _FOLD)) & _SLOT_MASK)
                    word_kinds[text, listed_words[slot] if word_keys[slot] == word else 0] += 1
                    n_words[text] += 1
                in_word = True
                continue
            in_word = False
            if _CJK <= kind <= _CJK_STOP and _CJK <= kind_of[points[at + 1]] <= _CJK_STOP:
                pair = (np.uint64(lower[at]) << _FOLD) | np.uint64(lower[at + 1])
                pair_owner[at_pair], pairs[at_pair] = text, pair
                at_pair += 1
                slot = np.int64((pair ^ (pair >> _FOLD)) & _SLOT_MASK)
                word_kinds[text, listed_pairs[slot] if pair_keys[slot] == pair else 0] += 1
        if end > starts[text]:
            first[text] = kind_of[points[starts[text]]]
            at = end - 1
            for _ in range(_LOOKED_THROUGH):
                kind = kind_of[points[at]]
                if at > starts[text] and kind in (_QUOTE, _SPACE):
                    at -= 1
            last[text] = kind_of[points[at]]
    word_owner, words = word_owner[:at_word], words[:at_word]
    pair_owner, pairs = pair_owner[:at_pair], pairs[:at_pair]
    return kinds, n_words, word_kinds, last, first, word_owner, words, pair_owner, pairs
