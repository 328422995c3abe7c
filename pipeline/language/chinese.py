"""Tell simplified from traditional Chinese, and both from kanji, by which characters a text has.

The sets come from tables other people keep: OpenCC's character tables (one script's characters that the
other never uses) and the character sets of JIS X 0208, GB 2312 and Big5 as Python's codecs have them.
Nothing to add here by hand: a wrong character is mended upstream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from pipeline.language.scripts import classify

_HAN = range(0x4E00, 0xA000)


@dataclass(frozen=True, slots=True)
class HanSets:
    """Characters that tell. No character is in two of ``simplified``, ``traditional`` and ``japanese``."""

    simplified: frozenset[str]  # never in traditional text
    traditional: frozenset[str]  # never in simplified text
    japanese: frozenset[str]  # in JIS X 0208, in neither GB 2312 nor Big5
    foreign: frozenset[str]  # unified ideographs that JIS X 0208 lacks: no Japanese text has them


@dataclass(frozen=True, slots=True)
class HanEvidence:
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


def _encodable(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@cache
def han_sets() -> HanSets:
    """The four sets, built at first use (about 30 ms)."""
    simplified = {char for char, others in _opencc("STCharacters.txt").items() if char not in others}
    traditional = {char for char, others in _opencc("TSCharacters.txt").items() if char not in others}
    han = [chr(code) for code in _HAN]
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
_N_POINTS = 0x34001  # planes 0 to 3, and one for all above


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """The class of each code point, a row of ``_TELLS``."""
    sets = han_sets()
    table = np.zeros(_N_POINTS, dtype=np.uint8)
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
