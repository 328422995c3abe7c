"""Count the letters of a text by script.

To add a script: a row in ``RANGES`` and, when it writes one language, a row in ``LANGUAGES``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

#: Script and the ranges of code points (hexadecimal, both ends included) its letters lie in, after Unicode's
#: Scripts.txt. Only code points of general category L (letter) in them count. The high surrogates of planes 2
#: and 3 (D840 to D88F) stand for Han letters beyond the basic plane.
RANGES: tuple[tuple[str, str], ...] = (
    ("Latin", "41-5A 61-7A AA BA C0-2AF 1E00-1EFF 2C60-2C7F A720-A7FF AB30-AB64 FB00-FB06 FF21-FF3A FF41-FF5A"),
    ("Cyrillic", "400-52F 1C80-1C8F 2DE0-2DFF A640-A69F"),
    ("Arabic", "600-6FF 750-77F 8A0-8FF FB50-FDFF FE70-FEFC"),
    ("Devanagari", "900-97F A8E0-A8FF"),
    ("Han", "3005-3007 3105-312F 31A0-31BF 3400-4DBF 4E00-9FFF F900-FAFF D840-D88F"),
    ("Kana", "3041-3096 309D-309F 30A1-30FA 30FD-30FF 31F0-31FF"),
    ("Hangul", "1100-11FF 3131-318E A960-A97F AC00-D7FF"),
    ("Greek", "370-3FF 1F00-1FFF"),
    ("Hebrew", "591-5F4 FB1D-FB4F"),
    ("Armenian", "531-587 FB13-FB17"),
    ("Georgian", "10A0-10FF 1C90-1CBF 2D00-2D2F"),
    ("Thai", "E00-E7F"),
    ("Lao", "E80-EFF"),
    ("Khmer", "1780-17FF"),
    ("Myanmar", "1000-109F A9E0-A9FF AA60-AA7F"),
    ("Tibetan", "F00-FFF"),
    ("Ethiopic", "1200-139F 2D80-2DDF AB01-AB2F"),
    ("Bengali", "980-9FF"),
    ("Gurmukhi", "A00-A7F"),
    ("Gujarati", "A80-AFF"),
    ("Oriya", "B00-B7F"),
    ("Tamil", "B80-BFF"),
    ("Telugu", "C00-C7F"),
    ("Kannada", "C80-CFF"),
    ("Malayalam", "D00-D7F"),
    ("Sinhala", "D80-DFF"),
    ("Thaana", "780-7BF"),
    ("Syriac", "700-74F"),
    ("Nko", "7C0-7FF"),
    ("Cherokee", "13A0-13FF AB70-ABBF"),
    ("Syllabics", "1400-167F 18B0-18FF"),
    ("Mongolian", "1800-18AF"),
    ("Tifinagh", "2D30-2D7F"),
    ("Yi", "A000-A4CF"),
)


def _names(row: str) -> tuple[str, ...]:
    return tuple(row.split())


#: Languages a script writes (BCP 47). One: the script answers. More: the backend chooses among them.
#: Latin stands for every language in no other row; Han, kana and Hangul have rules of their own.
LANGUAGES: dict[str, tuple[str, ...]] = {
    "Cyrillic": _names("ru uk bg sr be mk kk ky mn tg tt ba cv av bxr ce krc kv lez mhr mrj myv os rue sah tyv xal"),
    "Arabic": _names("ar fa ur ckb ps sd ug azb lrc mzn pnb"),
    "Devanagari": _names("hi mr ne bho dty gom mai new sa"),
    "Hebrew": ("he", "yi"),
    "Bengali": ("bn", "as", "bpy"),
    "Greek": ("el",),
    "Armenian": ("hy",),
    "Georgian": ("ka",),
    "Thai": ("th",),
    "Lao": ("lo",),
    "Khmer": ("km",),
    "Myanmar": ("my",),
    "Tibetan": ("bo",),
    "Ethiopic": ("am",),
    "Gurmukhi": ("pa",),
    "Gujarati": ("gu",),
    "Oriya": ("or",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
    "Sinhala": ("si",),
    "Thaana": ("dv",),
    "Syriac": ("syr",),
    "Nko": ("nqo",),
    "Cherokee": ("chr",),
    "Syllabics": ("iu",),
    "Mongolian": ("mn",),
    "Tifinagh": ("zgh",),
    "Yi": ("ii",),
}

#: A Han, kana or Hangul letter says about as much as three Latin ones. Other scripts count 1.
WEIGHTS: dict[str, int] = {"Han": 3, "Kana": 3, "Hangul": 3}

_NAMES = ("", *(name for name, _ in RANGES))
_WEIGHTS = np.array([0, *(WEIGHTS.get(name, 1) for name in _NAMES[1:])], dtype=np.int64)
_ASCII_SIGNS = bytes(code for code in range(128) if not chr(code).isalpha())
_HAN, _KANA = _NAMES.index("Han"), _NAMES.index("Kana")


@dataclass(frozen=True, slots=True)
class ScriptCount:
    """The letters of a text: how many, and which script has the greatest weight of them."""

    script: str  # a name in RANGES; "CJK" for Han with kana; "" where there are no letters
    share: float  # of the script in the weight of all letters, 0 to 1
    weight: int  # of all letters, in Latin letters
    letters: int  # of the script, in code points (a Han letter beyond the basic plane is one)
    han: int
    kana: int


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Script number of each UTF-16 code unit; 0 for what is no letter."""
    table = np.zeros(0x10000, dtype=np.uint8)
    for number, (_, ranges) in enumerate(RANGES, start=1):
        for part in ranges.split():
            first, _, last = part.partition("-")
            for code in range(int(first, 16), int(last or first, 16) + 1):
                if chr(code).isalpha() or 0xD840 <= code <= 0xD88F:
                    table[code] = number
    table[0x3007] = _HAN  # 〇 is a number to Unicode and a letter to its readers
    return table


def count_scripts(text: str) -> ScriptCount:
    """Letters of a text by script.

    >>> count_scripts("COP29 联合国气候变化大会").script
    'CJK'
    >>> count_scripts("12:30").weight
    0
    """
    if text.isascii():  # Latin letters and nothing else
        n = len(text.encode().translate(None, _ASCII_SIGNS))
        return ScriptCount("Latin" if n else "", 1.0 if n else 0.0, n, n, 0, 0)
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype=np.uint16)
    counts = np.bincount(_table()[units], minlength=len(_NAMES))
    counts[0] = 0
    weights = counts * _WEIGHTS
    total = int(weights.sum())
    if total == 0:
        return ScriptCount("", 0.0, 0, 0, 0, 0)
    han, kana = int(counts[_HAN]), int(counts[_KANA])
    cjk = int(weights[_HAN] + weights[_KANA])
    weights[_HAN] = weights[_KANA] = 0
    best = int(weights.argmax())
    if cjk >= weights[best]:
        return ScriptCount("CJK", cjk / total, total, han + kana, han, kana)
    return ScriptCount(_NAMES[best], int(weights[best]) / total, total, int(counts[best]), han, kana)


def letter_weight(text: str) -> int:
    """Weight of a text's letters, in Latin letters (see ``WEIGHTS``).

    >>> letter_weight("碳市场 COP29")
    12
    """
    return count_scripts(text).weight
