"""Count the letters of a text by script.

To add a script: a row in ``RANGES`` and, when it writes one language, a row in ``LANGUAGES``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.compiled import kernel
from pipeline.kept import kept
from pipeline.text.codes import code_points

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
_HAN, _KANA, _HANGUL = (_NAMES.index(name) for name in ("Han", "Kana", "Hangul"))
_SUPPLEMENT, _N_POINTS = 0x20000, 0x34001  # where plane 2 begins; planes 0 to 3, and one for all above


class ScriptCount(NamedTuple):
    """The letters of a text: how many, and which script has the greatest weight of them."""

    script: str  # a name in RANGES; "CJK" for Han with kana; "" where there are no letters
    share: float  # of the script in the weight of all letters, 0 to 1
    weight: int  # of all letters, in Latin letters
    letters: int  # of the script, in code points (a Han letter beyond the basic plane is one)
    han: int
    kana: int
    hangul: int = 0


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


def classify(texts: Sequence[str], table: npt.NDArray[np.uint8], n_classes: int) -> npt.NDArray[np.int64]:
    """How many code points of each class, a column, each text has, a row; ``table`` gives the class of a code point."""
    return _count_classes(
        code_points("".join(texts)), np.array([len(text) for text in texts], np.int64), table, n_classes
    )


@kernel
def _count_classes(
    points: npt.NDArray[np.uint32], sizes: npt.NDArray[np.int64], table: npt.NDArray[np.uint8], n_classes: int
) -> npt.NDArray[np.int64]:
    found = np.zeros((len(sizes), n_classes), np.int64)
    last = np.int64(len(table) - 1)
    at = 0
    for text in range(len(sizes)):
        for _ in range(sizes[text]):
            found[text, table[min(np.int64(points[at]), last)]] += 1
            at += 1
    return found


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
        return ScriptCount("CJK", cjk / total, total, han + kana, han, kana, letters if number == _HANGUL else 0)
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


# Tell simplified from traditional Chinese, and both from kanji, by which characters a text has.
#
# The sets come from tables other people keep: OpenCC's character tables (one script's characters that the
# other never uses) and the character sets of JIS X 0208, GB 2312 and Big5 as Python's codecs have them.
# Nothing to add here by hand: a wrong character is mended upstream.

_IDEOGRAPHS = range(0x4E00, 0xA000)


@dataclass(frozen=True, slots=True)
class HanSets:
    """Characters that tell. No character is in two of ``simplified``, ``traditional`` and ``japanese``."""

    simplified: frozenset[str]  # never in traditional text
    traditional: frozenset[str]  # never in simplified text
    japanese: frozenset[str]  # in JIS X 0208, in neither GB 2312 nor Big5
    foreign: frozenset[str]  # unified ideographs that JIS X 0208 lacks: no Japanese text has them


class HanEvidence(NamedTuple):
    """How many characters of a text are simplified, traditional, Japanese, or not Japanese."""

    simplified: int
    traditional: int
    japanese: int
    foreign: int

    @property
    def may_be_japanese(self) -> bool:
        """Whether nothing in the characters rules Japanese out."""
        return self.foreign == 0


def _opencc(name: str) -> dict[str, list[str]]:
    table = resources.files("opencc") / "dictionary" / name
    rows = (line.split("\t") for line in table.read_text("utf-8").splitlines() if "\t" in line)
    return {row[0]: row[1].split() for row in rows}


@cache
def _old_forms() -> re.Pattern[str]:
    """Traditional letters that Japanese writes otherwise today (OpenCC's table)."""
    old = "".join(sorted(char for char, forms in _opencc("JPVariants.txt").items() if char not in forms))
    return re.compile(f"[{old}]")


def has_old_forms(text: str) -> bool:
    """Whether a text has letters of traditional Chinese that Japanese has given up.

    >>> has_old_forms("經濟觀察"), has_old_forms("東京新聞")
    (True, False)
    """
    return _old_forms().search(text) is not None


def _encodable(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@kept("opencc-python-reimplemented")
def han_sets() -> HanSets:
    """The four sets, built at first use (about 30 ms)."""
    simplified = {char for char, others in _opencc("STCharacters.txt").items() if char not in others}
    traditional = {char for char, others in _opencc("TSCharacters.txt").items() if char not in others}
    han = [chr(code) for code in _IDEOGRAPHS]
    jis = {char for char in han if _encodable(char, "shift_jis")}
    chinese = {char for char in jis if _encodable(char, "gb2312") or _encodable(char, "big5")}
    japanese = jis - chinese - simplified - traditional
    return HanSets(
        simplified=frozenset(simplified - traditional),
        traditional=frozenset(traditional - simplified),
        japanese=frozenset(japanese),
        foreign=frozenset(set(han) - jis),
    )


#: What a character tells, for each class of ``_classes``: simplified, traditional, Japanese, foreign to Japanese.
_TELLS = np.array(
    [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1]], dtype=np.intp
)
_N_VARIANT_POINTS = 0x34001  # planes 0 to 3, and one for all above


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """The class of each code point, a row of ``_TELLS``."""
    sets = han_sets()
    table = np.zeros(_N_VARIANT_POINTS, dtype=np.uint8)
    for number, members in enumerate((sets.simplified, sets.traditional, sets.japanese, sets.foreign), start=1):
        points = [ord(char) for char in members]
        table[points] = np.where(number == 4, 4 + table[points], number)
    return table


def han_evidence(text: str) -> HanEvidence:
    """What the characters of a text say.

    >>> evidence = han_evidence("碳排放权交易")
    >>> evidence.simplified, evidence.traditional, evidence.may_be_japanese
    (1, 0, False)
    """
    return han_evidence_each((text,))[0]


def han_evidence_each(texts: Sequence[str]) -> list[HanEvidence]:
    """``han_evidence`` of every text."""
    if not texts:
        return []
    return [HanEvidence(*row) for row in (classify(texts, _classes(), len(_TELLS)) @ _TELLS).tolist()]


# Tell what is no language by its form: code, commands, addresses, numbers.
#
# To add a form: an alternative in ``_CODE_MARKS`` (strong on its own) or an address in ``_forms_in`` (cut out before the
# letters are looked at). Both are linear: no nested quantifiers, bounded repeats.

#: How a host or the name of a file ends that stands in prose without more ado.
_ENDINGS = "com|cn|org|net|gov|edu|io|dev|html?|php|pdf|docx?|xlsx?"
#: Web, mail and file addresses, handles and hashes: their letters say nothing of the language around.
_URL = r"(?:https?|ftp|file|mailto)://?[^\s<>\"'，。；、）】》\u4e00-\u9fff]{1,2000}"
_WWW = r"\bwww\.[\w.-]{1,250}(?:/[\w./?=&%#~+:@-]{0,2000})?"
_MAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_HOST = rf"(?<![\w/])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,6}}\.(?:{_ENDINGS})\b"
_HANDLE = r"(?<!\w)[@#][A-Za-z0-9_]{2,40}"
_ENDING = re.compile(rf"\.(?:{_ENDINGS})\b")

#: Signs that a line is source code or a command, in the order in which they are tried, each with its sort (``_count_marks``).
_CODE_MARKS = (
    ("statement", r"[\w)\]\"'}];\s*$|[{}]\s*$|^\s*[{}\])]"),  # the line ends or begins as a statement or block does
    ("statement", r"=>|[=!<>]==?|&&|\|\||::|->|\+=|\$\{|</?\w+>|/>"),
    ("call", r"\b\w{1,60}\((?!e?s\))[^\s()]{0,80}\)|\w\(\)|\b\w{1,60}\(\["),
    ("name", r"\b[a-z]{1,30}[A-Z]\w{0,40}\b"),
    ("statement", r"\b[A-Za-z]\w{0,40}_\w{1,40}"),
    ("call", r"\b[a-z]\w{1,30}\.[a-z]\w{1,30}[.(]"),
    ("path", r"(?<!\S)--?[A-Za-z][\w-]{0,40}(?![\w-])|\[-{1,2}\w|\|-{1,2}\w"),  # options
    ("path", r"[~.]?/\w{1,60}/\w"),
    ("statement", r"\s=\s|`[^`\s]{1,60}`|^\s*(?://|/\*|#!|\$ )"),
)
_STATEMENT = re.compile(r"[;{}<>=_`&$]|\|\||::|//|/\*|#!|\A\s*[\])]")
_CALL = re.compile(r"\w\(|\w\.\w")
_CAMEL = re.compile("[a-z][A-Z]")
_SYMBOL = re.compile(r"[{}\[\]()<>=;_$\\|&*+/`~^:#-]")
_WORD = re.compile(r"[A-Za-z]{2,}")

_MAX_CODE = 300  # characters looked at: beyond it a text that is code has shown it


def strip_addresses(text: str) -> str:
    """The text with a space for every web, mail or file address, handle and hash tag.

    >>> strip_addresses("see https://example.org/a?b=1 now")
    'see   now'
    """
    forms = _forms_in(text)
    return _pattern(forms).sub(" ", text) if forms else text


def has_address(text: str) -> bool:
    """Whether there may be an address in a text: a cheap look."""
    return bool(_forms_in(text))


def _forms_in(text: str) -> tuple[str, ...]:
    """The forms that are looked for at all, in the order they are tried, by signs that each must have."""
    has_dot, has_at = "." in text, "@" in text
    if not (has_dot or has_at or ":/" in text or "#" in text):
        return ()
    asked = (
        (":/" in text, _URL),
        (has_dot and "www." in text, _WWW),
        (has_at, _MAIL),
        (has_dot and _ENDING.search(text) is not None, _HOST),
        (has_at or "#" in text, _HANDLE),
    )
    return tuple([form for holds, form in asked if holds])


@cache
def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(forms))


#: Ranges of code points (hexadecimal, both ends included) that hold letters of other scripts than Latin, and those of
#: Latin with its extensions; and the first as a character class.
_OTHER_RANGES = ("250-1DFF", "1F00-1FFF", "2C80-D7FF", "F900-FFFF", "10000-1EFFF", "20000-3FFFF")
_LATIN_RANGES = ("41-5A", "61-7A", "C0-24F")
OTHER_LETTERS = "".join("-".join(chr(int(end, 16)) for end in part.split("-")) for part in _OTHER_RANGES)


@cache
def _signs() -> npt.NDArray[np.uint8]:
    """What ``count_signs`` counts, by code point: 1 a Latin letter, 2 one of another script, 3 a symbol."""
    table = np.zeros(0x40001, np.uint8)
    for number, ranges in enumerate((_LATIN_RANGES, _OTHER_RANGES), start=1):
        for part in ranges:
            first, _, last = part.partition("-")
            table[int(first, 16) : int(last, 16) + 1] = number
    table[[code for code in range(128) if _SYMBOL.match(chr(code))]] = 3
    return table


def count_signs(texts: Sequence[str]) -> list[list[int]]:
    """How many Latin letters, letters of other scripts (``OTHER_LETTERS``) and symbols of code each text has."""
    return classify(texts, _signs(), 4)[:, 1:].tolist() if texts else []


def is_dense(n_symbols: int, n_chars: int) -> bool:
    """Whether so many symbols in so many characters may be code; so it may where a text is looked at in part only."""
    return n_symbols * 30 >= n_chars > 0 or (n_symbols > 0 and n_chars > _MAX_CODE)


def is_symbolic(text: str) -> bool:
    """Whether a text has a symbol in thirty characters or more: prose has fewer, though not all such text is code."""
    head = text[:_MAX_CODE]
    return _SYMBOL.search(head) is not None and len(_SYMBOL.findall(head)) * 30 >= len(head)


def _count_marks(text: str) -> int:
    """How many marks of code a text has; only those sorts are looked for that it can hold."""
    sorts = (
        *(("statement",) if _STATEMENT.search(text) else ()),
        *(("call",) if _CALL.search(text) else ()),
        *(("name",) if _CAMEL.search(text) else ()),
        *(("path",) if "-" in text or "/" in text else ()),
    )
    return sum(1 for _ in _marks_of(sorts).finditer(text)) if sorts else 0


@cache
def _marks_of(sorts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(form for sort, form in _CODE_MARKS if sort in sorts))


def looks_like_code(text: str) -> bool:
    """Whether a text is source code, a command or mark-up rather than prose.

    A text is code when its marks are many for its words (one mark for every four words), or when symbols
    make more than a sixth of a text with two marks. Prose, with less than one symbol in thirty characters,
    is passed by without a look at marks.

    >>> looks_like_code("const db = require('../database');")
    True
    >>> looks_like_code("The plan (2021-2025) covers steel; cement follows.")
    False
    """
    if not is_symbolic(text):
        return False
    head = text[:_MAX_CODE]
    symbols = len(_SYMBOL.findall(head))
    marks = _count_marks(head)
    words = len(_WORD.findall(head))
    return marks * 4 >= max(words, 1) or (marks >= 2 and symbols * 6 > len(head))
