"""Which charset are these bytes in? Guess by how many bits the decoded text costs.

Every plausible encoding decodes a sample; every character costs bits by the language models of that encoding
(``charset_models.toml``). The cheapest reading wins; the lead over the runner-up is the certainty. This is naive Bayes
over single characters, as in Li and Momoi, "A composite approach to language/encoding detection" (2001).

To add an encoding: one line in ``CANDIDATES`` (a model for its language in the data file, if there is none).
"""

from __future__ import annotations

import codecs
import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import webencodings

# The bytes that tell a charset: words that are not ASCII, from wherever they stand in a document.

SAMPLE_BYTES = 1 << 16  # only so much is looked at, from the first byte that is not ASCII
SAMPLE_HIGH_BYTES = 2000  # enough non-ASCII bytes for certainty

_HIGH = re.compile(rb"[\x80-\xff]")
_RUN = re.compile(rb"([\x80-\xff])\1{2,}")
_MAX_WORD = 64  # bytes of the first word before its first byte that is not ASCII
#: By byte: a space where words end, 0x80 for what is not ASCII, else "a".
_BYTE_KINDS = b" " * 0x30 + b"a" * 10 + b" " * 6 + b"a" * 0x40 + b"\x80" * 0x80
_ASCII_BYTES = bytes(range(0x80))


def sample(content: bytes) -> bytes:
    """The words with non-ASCII bytes, each once, as many as decide the matter.

    Words end at bytes below 0x40 but digits: no second byte of a legacy charset is one of them. A byte that is repeated,
    as for indents, says no more than twice.
    """
    first = _HIGH.search(content)
    begin = max(0, first.start() - _MAX_WORD) if first else 0
    content = content[begin : begin + SAMPLE_BYTES]
    kinds = content.translate(_BYTE_KINDS)
    words: dict[bytes, None] = {}
    high = end = 0
    while high < SAMPLE_HIGH_BYTES and (at := kinds.find(b"\x80", end)) >= 0:
        start = kinds.rfind(b" ", end, at) + 1 or end
        end = kinds.find(b" ", at)
        end = end if end >= 0 else len(kinds)
        word = _RUN.sub(rb"\1\1", content[start:end])
        if word not in words:
            high += kinds.count(b"\x80", at, end)
            words[word] = None
    return b" ".join(words)[: 4 * SAMPLE_HIGH_BYTES]


def count_high(content: bytes) -> int:
    """Number of bytes from 0x80 up."""
    return len(content.translate(None, _ASCII_BYTES))


_BMP = 0x10000
CLEAR_MARGIN = 24.0  # bits of lead over the runner-up that we call clear
PLAUSIBLE = 8.6  # bits a non-ASCII byte; text costs 2 to 7, noise 9 and more

#: The Python codec for a WHATWG encoding, and a second one for sequences that only the browsers' table has.
CODECS: dict[str, tuple[str, str]] = {
    "gb18030": ("gb18030", "euro-80"),
    "big5": ("big5hkscs", "cp950"),
    "shift_jis": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "iso-2022-jp": ("iso2022_jp_ext", ""),
    "euc-kr": ("cp949", ""),
    "windows-1250": ("cp1250", "latin-1"),
    "windows-1251": ("cp1251", "latin-1"),
    "windows-1252": ("cp1252", "latin-1"),
    "windows-1254": ("cp1254", "latin-1"),
    "windows-1256": ("cp1256", "latin-1"),
}
_ALIASES = {"gbk": "gb18030", "iso-8859-8-i": "iso-8859-8"}
_IGNORED = frozenset({"x-user-defined", "replacement"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoding to try: the models of its languages, and bits of handicap for being rare on the web."""

    encoding: str
    models: tuple[str, ...]
    handicap: float = 0.0


WESTERN = ("french", "german", "spanish", "portuguese", "italian", "nordic")
CENTRAL = ("polish", "czech", "hungarian", "romanian", "croatian")

CANDIDATES: tuple[Candidate, ...] = (
    Candidate("gb18030", ("simplified", "traditional")),
    Candidate("windows-1252", WESTERN),
    Candidate("big5", ("traditional",), 2),
    Candidate("windows-1251", ("cyrillic",), 2),
    Candidate("shift_jis", ("japanese",), 2),
    Candidate("euc-kr", ("korean",), 2),
    Candidate("euc-jp", ("japanese",), 3),
    Candidate("windows-1250", CENTRAL, 4),
    Candidate("windows-1254", ("turkish",), 3),
    Candidate("koi8-r", ("cyrillic",), 5),
    Candidate("windows-1253", ("greek",), 5),
    Candidate("windows-1256", ("arabic",), 5),
    Candidate("windows-1255", ("hebrew",), 6),
    Candidate("windows-874", ("thai",), 6),
    Candidate("windows-1258", ("vietnamese",), 8),
    Candidate("iso-8859-5", ("cyrillic",), 15),
    Candidate("ibm866", ("cyrillic",), 40),
)
_WIDE = (
    Candidate("utf-16le", ("simplified", "traditional", "japanese", "korean", "cyrillic", *WESTERN), 8),
    Candidate("utf-16be", ("simplified", "traditional", "japanese", "korean", "cyrillic", *WESTERN), 8),
)
_ALPHABETS = frozenset(("cyrillic", "greek", "arabic", "hebrew", "thai"))
FEW_LETTERS, NO_ALPHABET = 3, 40.0  # no text is written in fewer letters; bits of handicap for saying so
_ASCII = frozenset(range(0x80))
_ANY = tuple(dict.fromkeys(name for candidate in CANDIDATES for name in candidate.models))

#: (first, last, bits) of characters that no model lists. Ranges not here cost 20; planes above the BMP 30.
_UNLISTED: tuple[tuple[int, int, float], ...] = (
    (0x00, 0x08, 22),
    (0x09, 0x0D, 4.5),
    (0x0E, 0x1F, 22),
    (0x20, 0x7E, 4.5),
    (0x7F, 0x9F, 22),
    (0xA0, 0xA0, 7),  # no-break space
    (0xA1, 0xFF, 12),  # signs and letters of Western Europe
    (0x100, 0x24F, 15),
    (0x2000, 0x206F, 12),  # general punctuation
    (0x2070, 0x2BFF, 14),  # signs, arrows, box drawing
    (0x3000, 0x303F, 12),
    (0x3040, 0x30FF, 13),  # kana
    (0x3400, 0x4DBF, 28),  # Extension A: four bytes in GB18030
    (0x4E00, 0x9FFF, 17),
    (0xAC00, 0xD7A3, 18),
    (0xE000, 0xF8FF, 26),  # private use
    (0xFF00, 0xFF60, 12),  # full-width forms
    (0xFF61, 0xFF9F, 13),  # half-width katakana: one byte in Shift_JIS
    (0xFFFD, 0xFFFD, 26),
)
_SCRIPT_COSTS = {"korean": (0xAC00, 0xD7A3, 12), "japanese": (0x4E00, 0x9FFF, 15)}

# What stands beside what is odd for some (``_odd_bits``): kinds of characters, a bit each.
_SMALL, _CAPITAL, _LATIN, _OTHER_ALPHABET, _SIGN, _ACCENTED, _ASCII_SMALL = (1 << bit for bit in range(7))
_NEIGHBOURS: tuple[tuple[int, str], ...] = (
    (_SMALL, "[a-zß-öø-ÿа-яёα-ωά-ώ]"),
    (_CAPITAL, "[A-ZÀ-ÖØ-ÞА-ЯЁΑ-Ω]"),
    (_LATIN, "[A-Za-z]"),
    (_OTHER_ALPHABET, "[\u0370-\u0e7f]"),
    (_SIGN, "[\u00a1-\u00ac\u00ae-\u00b6\u00b8-\u00bf×÷†‡…‰€‚„ˆ˜]"),
    (_ACCENTED, "[À-ÖØ-öø-ɏ]"),
    (_ASCII_SMALL, "[a-z]"),
)


@dataclass(frozen=True, slots=True)
class Guess:
    """The cheapest reading of a sample."""

    encoding: str
    margin: float  # bits of lead over the next reading that gives another text
    bits_per_byte: float  # of the non-ASCII bytes

    @property
    def plausible(self) -> bool:
        """Whether it looks like text at all."""
        return self.bits_per_byte <= PLAUSIBLE


def known(label: str | None) -> str | None:
    """WHATWG name of a charset label; None for an unknown one. gb2312 and gbk are gb18030.

    >>> known(" GB2312 "), known("latin1"), known("x-user-defined"), known("klingon")
    ('gb18030', 'windows-1252', None, None)
    """
    if not label or not label.isascii():
        return None
    found = webencodings.lookup(label.strip(" \t\r\n\f\"';"))
    if found is None or found.name in _IGNORED:
        return None
    return _ALIASES.get(found.name, str(found.name))


def decode_as(content: bytes, encoding: str) -> str:
    """Decode by the browsers' table of a WHATWG encoding, U+FFFD for what it lacks. Never raises for known names.

    >>> decode_as(b"\\x80 100", "gb18030")
    '€ 100'
    """
    codec, errors = _codec(encoding)
    return content.decode(codec, errors)


def incremental(encoding: str) -> codecs.IncrementalDecoder:
    """Return what decodes pieces of a text as ``decode_as`` does the whole."""
    codec, errors = _codec(encoding)
    return codecs.getincrementaldecoder(codec)(errors)


def _codec(encoding: str) -> tuple[str, str]:
    """Python's names of the codec of a WHATWG encoding and of what it does with errors."""
    codec, second = CODECS.get(encoding, (encoding, ""))
    if not second and encoding not in CODECS and (found := webencodings.lookup(encoding)):
        codec = found.codec_info.name
    return codec, f"winnow-{second}" if second else "replace"


def _register_second(second: str) -> None:
    """Make an error handler that asks another codec for two bytes, then one, before giving U+FFFD."""

    def ask_second(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        for width in (1,) if second == "latin-1" else (2,):
            piece = error.object[error.start : error.start + width]
            try:
                if second != "euro-80":
                    return piece.decode(second), error.start + len(piece)
            except UnicodeDecodeError:
                continue
        if second == "euro-80" and error.object[error.start] == 0x80:
            return "€", error.start + 1
        return "\ufffd", error.start + 1

    codecs.register_error(f"winnow-{second}", ask_second)


for _second in {second for _, second in CODECS.values() if second}:
    _register_second(_second)


@functools.cache
def _tables() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files("pipeline").joinpath("charset_models.toml").read_text("utf-8"))


@functools.cache
def _costs(models: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    """Half bits of each character of the BMP, and last of any beyond it, a row a model."""
    return np.stack([_row(model) for model in models])


@functools.cache
def _row(model: str) -> npt.NDArray[np.uint8]:
    """Japanese and Korean borrow Han characters from Chinese at 3 bits more."""
    row = np.full(_BMP + 1, 2 * 20, np.uint8)
    for first, last, bits in (*_UNLISTED, *([_SCRIPT_COSTS[model]] if model in _SCRIPT_COSTS else [])):
        row[first : last + 1] = int(2 * bits)
    row[_BMP] = 2 * 30
    donors = ("traditional", "simplified") if model in ("japanese", "korean") else ()
    for name, lent in (*((donor, 3) for donor in donors), (model, 0)):
        for cost_each, chars in _tables()[name].items():
            row[[ord(char) for char in chars if not lent or "一" <= char <= "鿿"]] = 2 * (int(cost_each) + lent)
    return row


@functools.cache
def _kinds() -> npt.NDArray[np.uint8]:
    """What each character is among ``_NEIGHBOURS``."""
    kinds = np.zeros(_BMP + 1, np.uint8)
    chars = "".join(map(chr, range(0x20AD)))  # the euro sign is the last of them
    for kind, pattern in _NEIGHBOURS:
        kinds[[found.start() for found in re.finditer(pattern, chars)]] |= kind
    return kinds


def cost(text: str, models: tuple[str, ...] = _ANY) -> float:
    """Bits that a text costs under the best of the models.

    >>> bool(cost("碳市场") < cost("谔闃") + cost("瓮"))
    True
    """
    codes = np.minimum(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32), _BMP).astype(np.intp)
    half_bits = np.take(_costs(models), codes, axis=1).sum(axis=1, dtype=np.int64)
    return int(half_bits.min()) / 2 + _odd_bits(np.take(_kinds(), codes))


def _odd_bits(kinds: npt.NDArray[np.uint8]) -> float:
    """Bits for neighbours that text seldom has.

    A capital after a small letter; a Latin letter beside one of another alphabet and a sign inside a word (both
    without counting a character twice); accented letters in a row.
    """
    left, right = kinds[:-1], kinds[1:]
    capitals = np.count_nonzero((left & _SMALL).astype(bool) & (right & _CAPITAL).astype(bool))
    accents = np.count_nonzero(left & right & _ACCENTED)
    latin, other = (kinds & _LATIN).astype(bool), (kinds & _OTHER_ALPHABET).astype(bool)
    mixed = _apart(latin[:-1] & other[1:] | other[:-1] & latin[1:], 1) if other.any() else 0
    signs = (kinds & _SIGN).astype(bool)
    inside = _apart(latin[:-2] & signs[1:-1] & (kinds[2:] & _ASCII_SMALL).astype(bool), 2) if signs.any() else 0
    return 5.0 * capitals + 6.0 * mixed + 5.0 * inside + 2.0 * accents


def _apart(found: npt.NDArray[np.bool_], step: int) -> int:
    """How many of the places are left when each, from the left, takes out the one that is ``step`` after it."""
    left, barred = 0, -1
    for place in np.flatnonzero(found).tolist():
        if place != barred:
            left += 1
            barred = place + step
    return left


_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _readings(part: bytes, declared: tuple[tuple[str, float], ...]) -> Iterator[tuple[float, str, str]]:
    """(bits, encoding, text) of every candidate; ``declared`` are encodings with bits of advance."""
    advance = dict(declared)
    candidates = {candidate.encoding: candidate for candidate in CANDIDATES}
    if _BINARY.search(part):
        candidates |= {candidate.encoding: candidate for candidate in _WIDE}
    for encoding in advance:
        candidates.setdefault(encoding, Candidate(encoding, _ANY))
    few = len(set(part) - _ASCII) < FEW_LETTERS
    for encoding, candidate in candidates.items():
        text = decode_as(part, encoding)
        handicap = -advance[encoding] if encoding in advance else candidate.handicap
        handicap += NO_ALPHABET if few and _ALPHABETS.issuperset(candidate.models) else 0
        yield cost(text, candidate.models) + handicap, encoding, text


def guess(content: bytes, *, declared: tuple[tuple[str, float], ...] = ()) -> Guess:
    """The likeliest encoding of bytes that are not UTF-8. ``declared`` gives (WHATWG name, bits of advance)."""
    start = content[: 2 * SAMPLE_HIGH_BYTES]
    part = start if _BINARY.search(start) else sample(content)  # words do not show in UTF-16
    ranked = sorted(_readings(part, declared), key=lambda reading: reading[0])
    bits, encoding, text = ranked[0]
    margin = next((other - bits for other, _, rival in ranked if rival != text), CLEAR_MARGIN)
    n_ascii = len(text.encode("ascii", "ignore"))
    coded = len(part) - n_ascii * (2 if encoding.startswith("utf-16") else 1)
    return Guess(encoding, margin, (bits - 4.5 * n_ascii) / max(1, coded))
