"""A text to its signature: what is kept of a document to find its duplicates.

Tokens are those of ``pipeline.text.tokens`` (a CJK character is one, a run of other letters or digits is one) after
folding case, full-width letters and digits, and traditional to simplified characters; so a shingle, three tokens
in a row, costs the same work in every script. Everything is done on whole arrays of code points: no loop over
tokens. To change what counts as equal, change ``_fold`` and raise ``SIGNATURE_VERSION``.

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

from pipeline.kept import kept
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

_N_POINTS = 0x40001  # planes 0 to 3, and one for all above (tags, selectors, private use): a separator
_SUPPLEMENT = 0x20000  # where plane 2 begins
_SEPARATOR, _CJK, _LETTER, _DIGIT = 0, 1, 2, 3  # classes of a code point
_PERIOD = 1 << 16  # places in a text after which the weights of letters repeat

_NUMERALS = "〇零○一二三四五六七八九十百千万萬亿億两兩廿卅壹贰叁肆伍陆柒捌玖拾佰仟"

# Odd multipliers: splitmix64 (Steele, Lea and Flood 2014), xxHash64 (Collet 2012), murmur3 (Appleby 2011).
_GOLDEN, _MIX = 0x9E3779B97F4A7C15, np.uint64(0xBF58476D1CE4E5B9)
_PLACES = np.array([0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63], dtype=np.uint64)
_MIX_32 = (np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35))
_DRAWS = 256  # hashes drawn at first for the bins still empty; then twice as many each time

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
    plain = " ".join(text.split())
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
    hashes, kinds, _ = _tokens(plain)
    shingles = _shingles(hashes, kinds)
    sequence = _sequence(text, 0)
    if title:
        sequence = np.concatenate([_sequence(unicodedata.normalize("NFC", title), TITLE), sequence])
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


def _sequence(text: str, flags: int) -> Sequence16:
    """The tokens of a text in order, each with what it looks like: a numeral, a name, the first of a line."""
    lines = "\n".join([" ".join(line.split()) for line in text.splitlines()])
    hashes, kinds, starts = _tokens(lines)
    found = ((hashes * _MIX) >> np.uint64(48)).astype(np.uint16) & TOKEN_BITS
    if not starts.size:
        return found
    points = np.frombuffer(f"\n\n\n{lines}".encode("utf-32-le", "surrogatepass"), dtype="<u4")
    first, before, second_before = points[starts + 3], points[starts + 2], points[starts + 1]
    ends = _code_points("\n.!?:;\"“”‘’'()[]•*-—。！？：；")
    is_first = np.isin(before, ends) | ((before == 0x20) & np.isin(second_before, ends))
    capital = (kinds == _LETTER) & _is_capital().take(first, mode="clip") & ~is_first
    numeral = (kinds == _DIGIT) | np.isin(first, _code_points(_NUMERALS))
    found |= np.where(numeral, np.uint16(NUMERAL), 0).astype(np.uint16)
    found |= np.where(capital, np.uint16(NAME), 0).astype(np.uint16)
    found |= np.where(before == 0x0A, np.uint16(LINE), 0).astype(np.uint16)
    return found | np.uint16(flags)


def _tokens(text: str) -> tuple[_Longs, npt.NDArray[np.uint8], npt.NDArray[np.intp]]:
    """A hash, the class of the first letter and the place of each token, in order.

    A token's hash is the polynomial of its letters in ``_GOLDEN`` modulo 2**64. A token that lies across a multiple
    of ``_PERIOD`` code points hashes otherwise than elsewhere: three shingles in 65,536 code points.
    """
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    letters, classes = _folding()
    kinds = classes.take(points, mode="clip")
    wordy = kinds >= _LETTER
    begins = kinds == _CJK
    begins[:1] |= wordy[:1]
    begins[1:] |= wordy[1:] > wordy[:-1]
    starts = np.flatnonzero(begins)
    if not starts.size:
        return np.empty(0, np.uint64), np.empty(0, np.uint8), starts
    powers, inverses = _powers()
    weights = powers[: points.size] if points.size <= _PERIOD else np.resize(powers, points.size)
    hashes = np.add.reduceat(letters.take(points, mode="clip") * weights, starts)
    hashes *= inverses.take(starts, mode="wrap")
    return hashes, kinds[starts], starts


def _shingles(hashes: _Longs, kinds: npt.NDArray[np.uint8]) -> Words:
    """Distinct shingles of the tokens, and their numbers, ascending."""
    if not hashes.size:
        return np.empty(0, np.uint32)
    if hashes.size < SHINGLE:
        return _scramble(np.array([hashes @ _PLACES[: hashes.size]]))
    triples = _scramble(hashes[:-2] * _PLACES[0] + hashes[1:-1] * _PLACES[1] + hashes[2:] * _PLACES[2])
    both = np.concatenate([triples, _numbers(hashes, kinds)])
    both.sort()
    fresh = np.ones(both.size, np.bool_)
    np.not_equal(both[1:], both[:-1], out=fresh[1:])
    return both[fresh]


def _numbers(hashes: _Longs, kinds: npt.NDArray[np.uint8]) -> Words:
    """Tokens that begin with a digit, each with the CJK character after it, if one is: 25日, 96座, 2024."""
    at = np.flatnonzero(kinds == _DIGIT)
    after = np.minimum(at + 1, hashes.size - 1)
    units = np.where(kinds[after] == _CJK, hashes[after], np.uint64(0))
    return _scramble(hashes[at] * _PLACES[0] + units * _PLACES[1]) | np.uint32(1)


def _scramble(values: _Longs) -> Words:
    """32 well-mixed bits of each value, the lowest cleared."""
    values ^= values >> np.uint64(32)
    values *= _MIX
    return (values >> np.uint64(32)).astype(np.uint32) & np.uint32(0xFFFFFFFE)


def _minhash(shingles: Words) -> Words:
    """The least shingle of each of N_HASHES bins; further rounds of hashes for the bins without one."""
    found = np.zeros(N_HASHES, np.uint32)
    if not shingles.size:
        return found
    first = np.searchsorted(shingles, _EDGES)
    last = np.append(first[1:], shingles.size)
    full = first < last
    found[full] = shingles[first[full]]
    begin, n_rounds = 1, -(-_DRAWS // shingles.size)
    while not full.all():
        rounds = np.arange(begin, begin + n_rounds, dtype=np.uint32)[:, np.newaxis]
        drawn = _mix(shingles ^ _mix(rounds)).astype(np.uint64)
        bins = (drawn * np.uint64(N_HASHES)) >> np.uint64(32)
        keys = (bins << np.uint64(56)) | (rounds.astype(np.uint64) << np.uint64(32)) | drawn
        keys = np.sort(keys[~full[bins.astype(np.intp)]])
        bins = (keys >> np.uint64(56)).astype(np.intp)
        least = np.searchsorted(bins, np.flatnonzero(np.bincount(bins)))  # of the earliest round that hit the bin
        found[bins[least]] = keys[least].astype(np.uint32)
        full[bins[least]] = True
        begin, n_rounds = begin + n_rounds, 2 * n_rounds
    return found


def _mix(values: Words) -> Words:
    """The finaliser of murmur3: a bijection of 32-bit words."""
    values = (values ^ (values >> np.uint32(16))) * _MIX_32[0]
    values = (values ^ (values >> np.uint32(13))) * _MIX_32[1]
    return values ^ (values >> np.uint32(16))


@cache
def _code_points(signs: str) -> Words:
    return np.array(sorted(map(ord, signs)), dtype=np.uint32)


@cache
def _is_capital() -> npt.NDArray[np.bool_]:
    """By code point: whether it is a capital letter; the last stands for all above."""
    return np.array([*(chr(point).isupper() for point in range(_SUPPLEMENT)), False])


@cache
def _powers() -> tuple[_Longs, _Longs]:
    """Powers of ``_GOLDEN`` by place in the text, and their inverses, modulo 2**64."""
    inverse = pow(_GOLDEN, -1, 1 << 64)
    bases = np.array([[_GOLDEN], [inverse]], dtype=np.uint64)
    powers, inverses = np.cumprod(np.repeat(bases, _PERIOD, axis=1), axis=1, dtype=np.uint64)
    return powers, inverses


@kept("opencc-python-reimplemented")
def _folding() -> tuple[_Longs, npt.NDArray[np.uint8]]:
    """By code point: the letter it is compared as (0 for a separator), and its class."""
    letters = np.arange(_N_POINTS, dtype=np.uint64)
    classes = np.zeros(_N_POINTS, np.uint8)
    classes[_SUPPLEMENT:-1] = _CJK  # planes 2 and 3 hold nothing but Han
    plain = "".join(map(chr, range(_SUPPLEMENT)))
    for point, char in enumerate(plain):
        if char.isalnum():
            folded = chr(point - 0xFEE0) if 0xFF10 <= point <= 0xFF5A else char
            classes[point] = _DIGIT if folded.isdecimal() else _LETTER
            letters[point] = ord(folded.lower()[0])
    classes[[match.start() for match in re.finditer(f"[{CJK}]", plain)]] = _CJK
    simplified = _simplified()
    letters[list(simplified)] = list(simplified.values())
    letters[classes == _SEPARATOR] = 0
    return letters, classes


@cache
def _simplified() -> dict[int, int]:
    """Traditional character to simplified, where a character has one simplified form (OpenCC's table)."""
    table = resources.files("opencc").joinpath("dictionary/TSCharacters.txt").read_text("utf-8")
    pairs = (line.split() for line in table.splitlines() if line)
    return {ord(pair[0]): ord(pair[1]) for pair in pairs if len(pair[0]) == len(pair[1]) == 1}
