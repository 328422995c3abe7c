"""A text to its signature: what is kept of a document to find its duplicates.

Tokens are those of ``pipeline.text.tokens`` (a CJK character is one, a run of other letters or digits is one) after
folding case, full-width letters and digits, and traditional to simplified characters; so a shingle, three tokens
in a row, costs the same work in every script. One compiled walk over the code points gives all tokens. To change what
counts as equal, change ``_folding`` and raise ``SIGNATURE_VERSION``.

Sources: resemblance and containment, Broder 1997; shingle length and banding, docs of the dedup benchmark;
MinHash by bins with further rounds for the empty ones, Dahlgaard, Knudsen and Thorup, "Fast similarity
sketching", FOCS 2017: one hash a shingle instead of one a shingle and position, with the same estimate.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from pipeline.compiled import kernel
from pipeline.kept import kept
from pipeline.text.codes import CLASSED, IDEOGRAPHS, N_POINTS, Classes, Points, code_points
from pipeline.text.tokens import CJK

SIGNATURE_VERSION = 2  # signatures of different versions cannot be compared
N_HASHES = 84  # values of a MinHash: 28 bands of 3, 336 bytes a document
SHINGLE = 3  # tokens in a shingle

#: Flags of a token of a sequence; the twelve bits above them are of its hash.
NUMERAL, NAME, LINE, TITLE = 1, 2, 4, 8
TOKEN_BITS = np.uint16(0xFFF0)

Words = npt.NDArray[np.uint32]
Sequence16 = npt.NDArray[np.uint16]
_Longs = npt.NDArray[np.uint64]

#: What a code point is: its class in the lowest bits, and what it shows of a token that begins with it or follows it.
_SEPARATOR, _CJK, _LETTER, _DIGIT, _CLASS = 0, 1, 2, 3, 3
_CAPITAL, _NUMERAL_SIGN, _BREAK = 4, 8, 16
_PERIOD = 1 << 16  # places in a text after which the weights of letters repeat

_NUMERALS = "〇零○一二三四五六七八九十百千万萬亿億两兩廿卅壹贰叁肆伍陆柒捌玖拾佰仟"
_BREAKS = "\n.!?:;\"“”‘’'()[]•*-—。！？：；"  # after these, and a space, any word may have a capital
_LINE_FEED, _SPACE = np.uint32(0x0A), np.uint32(0x20)

# Odd multipliers: splitmix64 (Steele, Lea and Flood 2014), xxHash64 (Collet 2012), murmur3 (Appleby 2011).
_GOLDEN, _MIX = 0x9E3779B97F4A7C15, np.uint64(0xBF58476D1CE4E5B9)
_PLACES = np.array([0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63], dtype=np.uint64)
_MIX_32 = np.array([0x85EBCA6B, 0xC2B2AE35], dtype=np.uint64)
#: From the weight of one letter to that of the next, and to that of the first of a period.
_STEP, _TURN = np.uint64(_GOLDEN), np.uint64(pow(_GOLDEN, 1 - _PERIOD, 1 << 64))

# For the loops, which need to be told the width of their constants.
_HALF, _WORD, _EVEN, _ODD = np.uint64(32), np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFE), np.uint64(1)
_SHIFT_16, _SHIFT_13 = np.uint64(16), np.uint64(13)
_HASH_BITS = int(TOKEN_BITS)

# Where the N_HASHES equal bins of the 32-bit range begin.
_EDGES = ((np.arange(N_HASHES, dtype=np.uint64) << np.uint64(32)) // np.uint64(N_HASHES)).astype(np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """What is kept of one text. Of a text with fewer than three tokens the one shingle is all of it."""

    text_sha256: str  # hex, of the text in NFC with white space collapsed, case kept: equal means exact duplicate
    shingles: Words  # hashes, ascending, distinct; the lowest bit is set where a token begins with a digit
    minhash: Words  # N_HASHES values; zeros when there is no shingle
    n_shingles: int
    n_tokens: int
    sequence: Sequence16  # a token each, those of the title before those of the text: its hash and flags


def sign(text: str, *, title: str | None = None) -> Signature:
    """The signature of a text (a document's clean text, or a section's). Never raises; linear in the text.

    The title is a part of ``sequence`` alone.
    """
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    lines = _lines(text)
    hashes, classes, sequence = _walk(code_points(lines), *_folding(), 0)
    if "\n\n" in lines or lines[:1] == "\n" or lines[-1:] == "\n":
        plain = " ".join(lines.split())
        if len(lines) > _PERIOD:  # where a place in the text matters
            hashes, classes, _ = _walk(code_points(plain), *_folding(), 0)
    else:
        plain = lines.replace("\n", " ")
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
    shingles = _distinct(_shingles(hashes, classes))
    if title:
        ahead = _lines(unicodedata.normalize("NFC", title))
        sequence = np.concatenate([_walk(code_points(ahead), *_folding(), TITLE)[2], sequence])
    return Signature(digest, shingles, _minhash(shingles), len(shingles), len(hashes), sequence)


def to_bytes(values: Words) -> bytes:
    """Shingles or a MinHash as a Parquet binary value: little-endian 32-bit words."""
    return values.astype("<u4", copy=False).tobytes()


def sequence_bytes(values: Sequence16) -> bytes:
    """A sequence as a Parquet binary value: little-endian 16-bit words."""
    return values.astype("<u2", copy=False).tobytes()


def sequence_from_bytes(stored: bytes) -> Sequence16:
    """A sequence as it was before ``sequence_bytes``. Read-only: a view of the bytes."""
    return np.frombuffer(stored, dtype="<u2")


def from_bytes(stored: bytes) -> Words:
    """Shingles or a MinHash as they were before ``to_bytes``. Read-only: a view of the bytes."""
    return np.frombuffer(stored, dtype="<u4")


def _lines(text: str) -> str:
    """The text with the white space of each line collapsed."""
    return "\n".join([" ".join(line.split()) for line in text.splitlines()])


@kernel
def _walk(
    points: Points, letters: Words, traits: Classes, flags: int
) -> tuple[_Longs, npt.NDArray[np.uint8], Sequence16]:
    """A hash, the class of the first letter, and what is kept in a sequence, of each token, in order.

    A token's hash is the polynomial of its letters in ``_GOLDEN`` modulo 2**64. A token that lies across a multiple
    of ``_PERIOD`` code points hashes otherwise than elsewhere: three shingles in 65,536 code points.
    A sequence tells of a token what it looks like: a numeral, a name, the first of a line.
    """
    size, n = len(points), 0
    hashes, classes, sequence = np.empty(size, np.uint64), np.empty(size, np.uint8), np.empty(size, np.uint16)
    at = 0
    while at < size:
        trait, first = traits[points[at]], at
        kind = trait & _CLASS
        if kind == _SEPARATOR:
            at += 1
            continue
        value, weight = np.uint64(letters[points[at]]), np.uint64(1)
        at += 1
        while kind != _CJK and at < size:
            if traits[points[at]] & _CLASS < _LETTER:
                break
            weight *= _TURN if at % _PERIOD == 0 else _STEP
            value += np.uint64(letters[points[at]]) * weight
            at += 1
        before = points[first - 1] if first > 0 else _LINE_FEED
        second_before = points[first - 2] if first > 1 else _LINE_FEED
        seen = flags
        if kind == _DIGIT or trait & _NUMERAL_SIGN:
            seen |= NUMERAL
        if kind == _LETTER and trait & _CAPITAL:
            after_space = before == _SPACE and traits[second_before] & _BREAK
            if not (after_space or traits[before] & _BREAK):
                seen |= NAME
        if before == _LINE_FEED:
            seen |= LINE
        hashes[n], classes[n] = value, kind
        sequence[n] = np.uint16((np.int64((value * _MIX) >> np.uint64(48)) & _HASH_BITS) | seen)
        n += 1
    return hashes[:n], classes[:n], sequence[:n]


@kernel
def _shingles(hashes: _Longs, classes: npt.NDArray[np.uint8]) -> Words:
    """Shingles of the tokens, and of numbers: tokens that begin with a digit, each with the CJK character after it, if
    one is (25日, 96座, 2024). Of fewer than SHINGLE tokens the one shingle is all of them.
    """
    n = len(hashes)
    found = np.empty(2 * n, np.uint32)
    if n < SHINGLE:
        value = np.uint64(0)
        for at in range(n):
            value += hashes[at] * _PLACES[at]
        value = (value ^ (value >> _HALF)) * _MIX
        found[:1] = np.uint32((value >> _HALF) & _EVEN)
        return found[: min(n, 1)]
    filled = 0
    for at in range(n):
        if at >= SHINGLE - 1:
            value = hashes[at - 2] * _PLACES[0] + hashes[at - 1] * _PLACES[1] + hashes[at] * _PLACES[2]
            value = (value ^ (value >> _HALF)) * _MIX
            found[filled] = np.uint32((value >> _HALF) & _EVEN)
            filled += 1
        if classes[at] == _DIGIT:
            value = hashes[at] * _PLACES[0]
            if at + 1 < n and classes[at + 1] == _CJK:
                value += hashes[at + 1] * _PLACES[1]
            value = (value ^ (value >> _HALF)) * _MIX
            found[filled] = np.uint32((value >> _HALF) | _ODD)
            filled += 1
    return found[:filled]


def _distinct(values: Words) -> Words:
    """The values, ascending, each once."""
    values.sort()
    fresh = np.ones(values.size, np.bool_)
    np.not_equal(values[1:], values[:-1], out=fresh[1:])
    return values[fresh]


@kernel
def _minhash(shingles: Words) -> Words:
    """The least shingle of each of N_HASHES bins; further rounds of hashes for the bins without one.

    A hash is the finaliser of murmur3, a bijection of 32-bit words.
    """
    found, filled_in = np.zeros(N_HASHES, np.uint32), np.full(N_HASHES, -1, np.int64)
    if not len(shingles):
        return found
    place = n_full = 0
    for shingle in shingles:
        while place + 1 < N_HASHES and _EDGES[place + 1] <= shingle:
            place += 1
        if filled_in[place] < 0:
            found[place], filled_in[place] = shingle, 0
            n_full += 1
    turn = 0
    while n_full < N_HASHES:
        turn += 1
        salt = np.uint64(turn)
        salt = ((salt ^ (salt >> _SHIFT_16)) * _MIX_32[0]) & _WORD
        salt = ((salt ^ (salt >> _SHIFT_13)) * _MIX_32[1]) & _WORD
        salt ^= salt >> _SHIFT_16
        for shingle in shingles:
            drawn = np.uint64(shingle) ^ salt
            drawn = ((drawn ^ (drawn >> _SHIFT_16)) * _MIX_32[0]) & _WORD
            drawn = ((drawn ^ (drawn >> _SHIFT_13)) * _MIX_32[1]) & _WORD
            drawn ^= drawn >> _SHIFT_16
            drawn_place = np.int64((drawn * np.uint64(N_HASHES)) >> _HALF)
            if filled_in[drawn_place] < 0:
                n_full += 1
            elif filled_in[drawn_place] != turn or found[drawn_place] <= drawn:
                continue
            found[drawn_place], filled_in[drawn_place] = drawn, turn
    return found


@kept("opencc-python-reimplemented")
def _folding() -> tuple[Words, Classes]:
    """By code point: the letter it is compared as (0 for a separator), and its class with what it shows."""
    letters, traits = np.zeros(N_POINTS, np.uint32), np.zeros(N_POINTS, np.uint8)
    letters[: IDEOGRAPHS.stop] = np.arange(IDEOGRAPHS.stop)  # what is above (tags, selectors, private use): separators
    traits[IDEOGRAPHS.start : IDEOGRAPHS.stop] = _CJK
    plain = "".join(map(chr, range(CLASSED)))
    for point, char in enumerate(plain):
        if char.isalnum():
            folded = chr(point - 0xFEE0) if 0xFF10 <= point <= 0xFF5A else char
            traits[point] = _DIGIT if folded.isdecimal() else _LETTER
            letters[point] = ord(folded.lower()[0])
    traits[[match.start() for match in re.finditer(f"[{CJK}]", plain)]] = _CJK
    simplified = _simplified()
    letters[list(simplified)] = list(simplified.values())
    letters[:CLASSED][traits[:CLASSED] == _SEPARATOR] = 0
    for trait, signs in ((_CAPITAL, filter(str.isupper, plain)), (_NUMERAL_SIGN, _NUMERALS), (_BREAK, _BREAKS)):
        traits[[ord(sign) for sign in signs]] |= trait
    letters.flags.writeable = traits.flags.writeable = False
    return letters, traits


@cache
def _simplified() -> dict[int, int]:
    """Traditional character to simplified, where a character has one simplified form (OpenCC's table)."""
    table = resources.files("opencc").joinpath("dictionary/TSCharacters.txt").read_text("utf-8")
    pairs = (line.split() for line in table.splitlines() if line)
    return {ord(pair[0]): ord(pair[1]) for pair in pairs if len(pair[0]) == len(pair[1]) == 1}
