"""Tell simplified from traditional Chinese, and both from kanji, by which characters a text has.

The sets come from tables other people keep: OpenCC's character tables (one script's characters that the
other never uses) and the character sets of JIS X 0208, GB 2312 and Big5 as Python's codecs have them.
Nothing to add here by hand: a wrong character is mended upstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

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


@cache
def _kinds() -> dict[str, str]:
    """Each character that tells, with the letters of what it is: s, t, j as in ``HanSets``; upper case: foreign."""
    sets = han_sets()
    kinds = dict.fromkeys(sets.foreign, "F")
    for kind, members in (("s", sets.simplified), ("t", sets.traditional), ("j", sets.japanese)):
        kinds.update((char, kind.upper() if char in sets.foreign else kind) for char in members)
    return kinds


def han_evidence(text: str) -> HanEvidence:
    """What the characters of a text say.

    >>> evidence = han_evidence("碳排放权交易")
    >>> evidence.simplified, evidence.traditional, evidence.may_be_japanese
    (1, 0, False)
    """
    get = _kinds().get
    found = "".join(kind for kind in map(get, text) if kind)
    foreign = sum(map(found.count, "FST"))
    simplified, traditional = found.count("s") + found.count("S"), found.count("t") + found.count("T")
    return HanEvidence(simplified, traditional, found.count("j"), foreign)
