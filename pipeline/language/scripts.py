"""Count the letters of a text by script.

To add a script: a row in ``RANGES`` and, when it writes one language, a row in ``LANGUAGES``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

#: Script and the ranges of code points (hexadecimal, both ends included) its letters lie in, after Unicode's
#: Scripts.txt. Only code points of general category L (letter) in them count. Planes 2 and 3 hold nothing but Han.
RANGES: tuple[tuple[str, str], ...] = (
    ("Latin", "41-5A 61-7A AA BA C0-2AF 1E00-1EFF 2C60-2C7F A720-A7FF AB30-AB64 FB00-FB06 FF21-FF3A FF41-FF5A"),
    ("Cyrillic", "400-52F 1C80-1C8F 2DE0-2DFF A640-A69F"),
    ("Arabic", "600-6FF 750-77F 8A0-8FF FB50-FDFF FE70-FEFC"),
    ("Devanagari", "900-97F A8E0-A8FF"),
    ("Han", "3005-3007 3105-312F 31A0-31BF 3400-4DBF 4E00-9FFF F900-FAFF"),
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
_SUPPLEMENT, _N_POINTS = 0x20000, 0x34001  # where plane 2 begins; planes 0 to 3, and one for all above


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
    """Script number of each code point; 0 for what is no letter."""
    table = np.zeros(_N_POINTS, dtype=np.uint8)
    for number, (_, ranges) in enumerate(RANGES, start=1):
        for part in ranges.split():
            first, _, last = part.partition("-")
            for code in range(int(first, 16), int(last or first, 16) + 1):
                if chr(code).isalpha():
                    table[code] = number
    table[0x3007] = _HAN  # 〇 is a number to Unicode and a letter to its readers
    table[_SUPPLEMENT : _N_POINTS - 1] = _HAN
    return table


def classify(texts: Sequence[str], table: npt.NDArray[np.uint8], n_classes: int) -> npt.NDArray[np.intp]:
    """How many code points of each class, a column, each text has, a row; ``table`` gives the class of a code point.

    One pass over all the texts: a text by itself would cost ten times as much.
    """
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    rows = np.repeat(np.arange(len(texts)) * n_classes, [len(text) for text in texts])
    found = np.bincount(rows + table.take(points, mode="clip"), minlength=len(texts) * n_classes)
    return found.reshape(len(texts), n_classes)


def count_scripts(text: str) -> ScriptCount:
    """Letters of a text by script.

    >>> count_scripts("COP29 联合国气候变化大会").script
    'CJK'
    >>> count_scripts("12:30").weight
    0
    """
    return _latin(_count_ascii(text)) if text.isascii() else count_scripts_each((text,))[0]


def count_scripts_each(texts: Sequence[str]) -> list[ScriptCount]:
    """``count_scripts`` of every text."""
    if not texts:
        return []
    counts = classify(texts, _table(), len(_NAMES))
    counts[:, 0] = 0
    weights = counts * _WEIGHTS
    totals = weights.sum(axis=1).tolist()
    hans, kanas = counts[:, _HAN].tolist(), counts[:, _KANA].tolist()
    weights[:, [_HAN, _KANA]] = 0
    best = weights.argmax(axis=1)
    rows = np.arange(len(texts))
    first = zip(best.tolist(), weights[rows, best].tolist(), counts[rows, best].tolist(), strict=True)
    return [_script_count(*row) for row in zip(totals, hans, kanas, first, strict=True)]


def _script_count(total: int, han: int, kana: int, first: tuple[int, int, int]) -> ScriptCount:
    """``first``: number, weight and letters of the foremost script other than Han and kana."""
    if total == 0:
        return ScriptCount("", 0.0, 0, 0, 0, 0)
    number, weight, letters = first
    cjk = WEIGHTS["Han"] * han + WEIGHTS["Kana"] * kana
    if cjk >= weight:
        return ScriptCount("CJK", cjk / total, total, han + kana, han, kana)
    return ScriptCount(_NAMES[number], weight / total, total, letters, han, kana)


def _count_ascii(text: str) -> int:
    """Letters of a text in ASCII: Latin letters and nothing else."""
    return len(text.encode().translate(None, _ASCII_SIGNS))


@lru_cache(maxsize=1024)
def _latin(n: int) -> ScriptCount:
    return ScriptCount("Latin" if n else "", 1.0 if n else 0.0, n, n, 0, 0)


def letter_weights(texts: Sequence[str]) -> list[int]:
    """Weight of each text's letters, in Latin letters (see ``WEIGHTS``).

    >>> letter_weights(["碳市场 COP29", "COP29"])
    [12, 3]
    """
    others = [text for text in texts if not text.isascii()]
    weights = iter((classify(others, _table(), len(_NAMES)) @ _WEIGHTS).tolist() if others else ())
    return [_count_ascii(text) if text.isascii() else next(weights) for text in texts]
