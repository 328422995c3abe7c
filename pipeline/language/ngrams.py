"""Weigh languages of a short text by its letter n-grams, with the profiles that langdetect brings.

A second witness beside lid.176, which gives words it has never met no weight at all ("Home", "News" and "Sign up"
get the same probabilities as an empty line). It only weighs the languages that lid.176 proposes.
Nothing to add here: the profiles are langdetect's (Shuyo 2010, Wikipedia abstracts).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

#: langdetect's languages of the scripts that several languages share.
_ROW = (
    "af ca cs cy da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl so sq sv sw tl tr vi "
    "bg mk ru uk ar fa ur hi mr ne"
)
PROFILES = tuple(_ROW.split())

SIZES = (2, 3)  # letters of an n-gram; single ones add time and nothing else
_FLOOR = 1e-5  # relative frequency given to an n-gram a profile lacks
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_MAX_CHARS = 60  # beyond it lid.176 needs no help


@dataclass(frozen=True, slots=True)
class _Profiles:
    rows: dict[str, int]  # n-gram -> row
    logs: npt.NDArray[np.float32]  # row x language: logarithm of the relative frequency


@cache
def _profiles() -> _Profiles:
    """All profiles as one matrix (about 6 MB), read at first use."""
    folder = resources.files("langdetect") / "profiles"
    loaded = [json.loads((folder / lang).read_text("utf-8")) for lang in PROFILES]
    rows: dict[str, int] = {}
    for profile in loaded:
        for gram in profile["freq"]:
            if len(gram) in SIZES:
                rows.setdefault(gram, len(rows))
    frequency = np.full((len(rows), len(PROFILES)), _FLOOR, dtype=np.float32)
    for column, profile in enumerate(loaded):
        total = profile["n_words"]
        counts = {gram: count for gram, count in profile["freq"].items() if gram in rows}
        numbers = [rows[gram] for gram in counts]
        frequency[numbers, column] += [count / total[len(gram) - 1] for gram, count in counts.items()]
    return _Profiles(rows, np.log(frequency))


def log_likelihoods(text: str) -> dict[str, float]:
    """Natural logarithm of the likelihood of a text's n-grams in each language of ``PROFILES``.

    Empty when no n-gram of the text is in any profile.
    """
    profiles = _profiles()
    line = f" {_NOT_LETTERS.sub(' ', text[:_MAX_CHARS].lower()).strip()} "
    grams = [line[i : i + size] for size in SIZES for i in range(len(line) - size + 1)]
    rows = [row for row in map(profiles.rows.get, grams) if row is not None]
    if not rows:
        return {}
    sums = profiles.logs[rows].sum(axis=0)
    return dict(zip(PROFILES, sums.tolist(), strict=True))
