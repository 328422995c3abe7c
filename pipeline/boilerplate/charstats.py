"""Count kinds of characters and of words in many texts at once, with numpy over their code points.

To add a kind of character, give it a number in ``CharKind`` and a line in ``_kind_table``; a word list is a
row of ``lexicon.TEXT_WORDS``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.lexicon import TEXT_WORDS
from pipeline.kept import kept
from pipeline.text.prose import SENTENCE_ENDS, STOP_CHARACTERS, STOP_WORDS
from pipeline.text.tokens import count_cjk

Ints = NDArray[np.int64]

_BMP = 0x10000
_ASTRAL_KANA, _ASTRAL_CJK = range(0x1B000, 0x1B170), range(0x20000, 0x40000)
_WORD_LETTERS = 8  # letters of a word that are compared: "copyrigh", "newslett" stay apart
_SLOTS = 1 << 16
_BASE = 1_000_003  # odd, so that it has an inverse modulo 2**64
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_KEPT_POWERS = 1 << 16  # code points of a page's text; for a longer one they are worked out anew
_N_KINDS = 16
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


@kept()
def _kind_table() -> NDArray[np.uint8]:
    """The kind of each code point of the basic plane; the last entry serves all beyond it."""
    table = np.zeros(_BMP + 1, dtype=np.uint8)
    by_category = {"Lu": CharKind.UPPER, "Lt": CharKind.UPPER, "Nd": CharKind.DIGIT}
    for code in range(_BMP):
        category = unicodedata.category(chr(code))
        if category in by_category:
            table[code] = by_category[category]
        elif category[0] in "LM":
            table[code] = CharKind.LOWER
        elif category[0] == "Z" or chr(code).isspace():
            table[code] = CharKind.SPACE
    cjk = [code for code in range(0x3000, 0xFFA0) if not 0xA000 <= code < 0xF900 and count_cjk(chr(code))]
    table[cjk] = CharKind.CJK
    table[0x3041:0x30FB] = CharKind.CJK_STOP
    table[[ord(char) for char in STOP_CHARACTERS]] = CharKind.CJK_STOP
    for kind, chars in _SPECIALS.items():
        table[[ord(char) for char in chars]] = kind
    return table


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


def _look_up(hashes: NDArray[np.uint64], table: tuple[NDArray[np.uint64], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    keys, kinds = table
    slot = ((hashes ^ hashes >> np.uint64(16)) & np.uint64(_SLOTS - 1)).view(np.int64)
    found: NDArray[np.uint8] = kinds[slot] * (keys[slot] == hashes)
    return found


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
    n = len(texts)
    length = np.fromiter(map(len, texts), dtype=np.int64, count=n)
    ends = (length + 1).cumsum() - 1
    starts = ends - length
    owner = np.arange(n).repeat(length + 1)[:-1]
    kinds, words, pairs = _read("\n".join(texts), owner)
    counts = np.bincount(owner * _N_KINDS + kinds, minlength=n * _N_KINDS).reshape(n, _N_KINDS)
    counts[:-1, CharKind.SPACE] -= 1  # the joints
    word_kinds = _count_listed(words, pairs, n)
    last, per_text = _last_kind(kinds, starts, ends), np.bincount(words.owner, minlength=n)
    return CharStats(length, counts, per_text, word_kinds, last, kinds[starts].astype(np.int64), words, pairs)


def hash_words_and_pairs(texts: Sequence[str]) -> tuple[Hashed, Hashed]:
    """The words and the neighbouring CJK characters of each text, as ``char_stats`` has them; texts may be empty."""
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])[:-1]
    return _read("\n".join(texts), owner)[1:]


def _read(joined: str, owner: Ints) -> tuple[NDArray[np.uint8], Hashed, Hashed]:
    """The kind of each character, the words and the pairs; ``owner`` says which text a character is in."""
    codes = _codes(joined)
    kinds = _kind_table().take(codes, mode="clip")
    if codes.size and int(codes.max()) >= _ASTRAL_KANA.start:
        for script, kind in ((_ASTRAL_KANA, CharKind.CJK_STOP), (_ASTRAL_CJK, CharKind.CJK)):
            kinds[(codes >= script.start) & (codes < script.stop)] = kind
    # U+0130 is the one character of Unicode that grows in lower case.
    lower = _codes(joined.replace("\u0130", "i").lower())
    return kinds, _hash_words(lower, kinds, owner), _hash_pairs(lower, kinds, owner)


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _hash_words(lower: NDArray[np.uint32], kinds: NDArray[np.uint8], owner: Ints) -> Hashed:
    in_word = np.zeros(len(kinds) + 2, dtype=bool)
    in_word[1:-1] = (kinds >= CharKind.LOWER) & (kinds <= CharKind.DIGIT)
    edges = np.flatnonzero(in_word[1:] != in_word[:-1])
    begins, ends = edges[::2], np.minimum(edges[1::2], edges[::2] + _WORD_LETTERS)
    hashes = np.where(
        kinds[begins] == CharKind.DIGIT, (ends - begins).astype(np.uint64), _hash_runs(lower, begins, ends)
    )
    return Hashed(owner[begins], hashes)


def _hash_pairs(lower: NDArray[np.uint32], kinds: NDArray[np.uint8], owner: Ints) -> Hashed:
    is_cjk = (kinds == CharKind.CJK) | (kinds == CharKind.CJK_STOP)
    at = np.flatnonzero(is_cjk[:-1] & is_cjk[1:])
    return Hashed(owner[at], lower[at].astype(np.uint64) << np.uint64(16) | lower[at + 1])


def _count_listed(words: Hashed, pairs: Hashed, n: int) -> Ints:
    """Listed words and pairs of each text, by kind."""
    width = len(WORD_KINDS)
    cells = (
        words.owner * width + _look_up(words.hashes, _word_slots()),
        pairs.owner * width + _look_up(pairs.hashes, _pair_slots()),
    )
    return np.bincount(np.concatenate(cells), minlength=n * width).reshape(n, width)


def _hash_runs(lower: NDArray[np.uint32], begins: Ints, ends: Ints) -> NDArray[np.uint64]:
    """Polynomial hash modulo 2**64 of each run, as ``_hash_word``: running sums, shifted back to its start."""
    size = len(lower)
    powers, back = _kept_powers() if size <= _KEPT_POWERS else _powers(size)
    sums = np.zeros(size + 1, dtype=np.uint64)
    np.cumsum(lower * powers[:size], out=sums[1:])
    hashes: NDArray[np.uint64] = np.multiply(sums[ends] - sums[begins], back[begins], dtype=np.uint64)
    return hashes


def _powers(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Powers of the base from the first on, and of its inverse, modulo 2**64."""
    powers: NDArray[np.uint64] = np.cumprod(np.full(size, _BASE, dtype=np.uint64), dtype=np.uint64)
    back: NDArray[np.uint64] = np.cumprod(np.full(size, _BASE_INVERSE, dtype=np.uint64), dtype=np.uint64)
    return powers, back


@cache
def _kept_powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return _powers(_KEPT_POWERS)


def _last_kind(kinds: NDArray[np.uint8], starts: Ints, ends: Ints) -> Ints:
    """Kind of each text's last character that is neither space nor closing quote (of three looked at)."""
    at = ends - 1
    closing = (kinds == CharKind.QUOTE) | (kinds == CharKind.SPACE)
    for _ in range(3):
        at -= closing[at] & (at > starts)
    found: Ints = kinds[at].astype(np.int64)
    return found
