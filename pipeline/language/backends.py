"""Which of a script's languages a text is in: the backends that ``identify`` can be given.

To add one: a function ``(texts, allowed languages, seed) -> list of Candidates`` and a row in ``BACKENDS``.
A backend sees lines without addresses and answers nothing, ``()``, for one in which it finds nothing. It is given all
lines of a document that it must tell at once; what it says of one does not depend on the others.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.compiled import kernel
from pipeline.kept import kept
from pipeline.language.lid176 import folder_of, predict
from pipeline.language.scripts import LANGUAGES
from pipeline.text.codes import code_points
from pipeline.types import Backend

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]
_Points = npt.NDArray[np.uint32]

# Weigh languages of a short text by its letter n-grams, with the profiles that langdetect brings.
#
# A second witness beside lid.176, which gives words it has never met no weight at all ("Home", "News" and "Sign up"
# get the same probabilities as an empty line). There it only weighs the languages that lid.176 proposes; and it confirms
# that the lines of a page are in the language that the page is believed to be in (``margins``).
# Nothing to add here: the profiles are langdetect's (Shuyo 2010, Wikipedia abstracts).

#: langdetect's languages of the scripts that several languages share.
LATIN = tuple("af ca cs cy da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl so sq sv sw tl tr vi".split())
PROFILES = (*LATIN, "bg", "mk", "ru", "uk", "ar", "fa", "ur", "hi", "mr", "ne")

_COLUMNS = {lang: column for column, lang in enumerate(PROFILES)}
SIZES = (2, 3)  # letters of an n-gram; single ones add time and nothing else
_FLOOR = 1e-5  # relative frequency given to an n-gram a profile lacks
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_SHORT_CHARS = 60  # beyond it lid.176 needs no help
#: Letters of ``margins``, in lower case: Latin with its extensions and those of Vietnamese. The commonest are known.
_LETTERS = frozenset(char for char in map(chr, (*range(0x61, 0x250), *range(0x1E00, 0x1F00))) if char.islower())
#: Places of a table of all n-grams of the profiles: a prime, three and more for each.
_N_PLACES = 131_101
_N_POINTS = 0x1F01  # code points up to the last of them, and one for all above
_MAX_LETTERS = 128


class _Profiles(NamedTuple):
    rows: dict[str, int]  # n-gram -> row
    logs: _Floats  # row x language: logarithm of the relative frequency
    keys: _Ints  # ``_key`` of each n-gram, where ``_find`` looks for it; -1 where there is none
    places: _Ints  # and its row


@kept("langdetect")
def _profiles() -> _Profiles:
    """All profiles as one matrix (about 6 MB), read at first use."""
    folder = folder_of("langdetect") / "profiles"
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
    keys, places = np.full(_N_PLACES, -1, np.int64), np.zeros(_N_PLACES, np.int64)
    points = code_points("".join(gram.rjust(3, "\0") for gram in rows)).reshape(-1, 3).astype(np.int64)
    for row, (first, second, third) in enumerate(points.tolist()):
        key = (first << 42) | (second << 21) | third
        place = key % _N_PLACES
        while keys[place] >= 0:
            place = (place + 1) % _N_PLACES
        keys[place], places[place] = key, row
    return _Profiles(rows, np.log(frequency), keys, places)


def log_likelihoods(texts: Sequence[str]) -> list[list[float]]:
    """Natural logarithms of the likelihood of each text's n-grams in each language of ``PROFILES``, in their order.

    Empty when no n-gram of a text is in any profile.
    """
    if not texts:
        return []
    profiles = _profiles()
    lines = [f" {_NOT_LETTERS.sub(' ', text[:_SHORT_CHARS].lower()).strip()} " for text in texts]
    ends = np.cumsum(np.array([len(line) for line in lines], np.int64))
    sums, known = _weigh(code_points("".join(lines)), ends, profiles.logs, profiles.keys, profiles.places)
    return [row if n else [] for row, n in zip(sums.tolist(), known.tolist(), strict=True)]


@kernel
def _weigh(points: _Points, ends: _Ints, logs: _Floats, keys: _Ints, places: _Ints) -> tuple[_Floats, _Ints]:
    """Sums of the logarithms of each line's pairs and then triples, and how many of them a profile has."""
    sums = np.zeros((len(ends), logs.shape[1]), np.float32)
    known = np.zeros(len(ends), np.int64)
    start = 0
    for line in range(len(ends)):
        for size in (2, 3):
            for at in range(start, ends[line] - size + 1):
                key = np.int64(0)
                for i in range(size):
                    key = (key << 21) | np.int64(points[at + i])
                place = key % _N_PLACES if key >= 0 else 0
                while keys[place] >= 0 and keys[place] != key:
                    place = (place + 1) % _N_PLACES
                if keys[place] == key:
                    known[line] += 1
                    row = places[place]
                    for language in range(logs.shape[1]):
                        sums[line, language] += logs[row, language]
        start = ends[line]
    return sums, known


@dataclass(frozen=True, slots=True)
class _Latin:
    """The n-grams of Latin letters as tables, for many lines at once. A letter has seven bits, 0 is what is none."""

    letters: _Ints  # code point -> letter, upper and lower case alike
    pairs: npt.NDArray[np.uint16]  # two letters -> row of ``logs``, 0 for an n-gram that no profile has
    triples: npt.NDArray[np.uint16]
    logs: npt.NDArray[np.float32]  # as in ``_Profiles``, for the languages of ``LATIN``; the first row is of zeros


@kept("langdetect")
def _latin() -> _Latin:
    profiles = _profiles()
    grams = [gram for gram in profiles.rows if all(char == " " or char in _LETTERS for char in gram)]
    count = Counter(char for gram in grams for char in gram if char != " ")
    numbers = {char: i for i, (char, _) in enumerate(count.most_common(_MAX_LETTERS - 2), start=1)} | {" ": 0}
    letters = np.zeros(_N_POINTS, dtype=np.int64)
    for point in range(_N_POINTS - 1):
        lower = chr(point).lower()
        letters[point] = numbers.get(lower, _MAX_LETTERS - 1) if lower in _LETTERS else 0
    known = [gram for gram in grams if all(char in numbers for char in gram)]
    tables = {size: np.zeros(_MAX_LETTERS**size, dtype=np.uint16) for size in SIZES}
    for row, gram in enumerate(known, start=1):
        tables[len(gram)][reduce(lambda key, char: key * _MAX_LETTERS + numbers[char], gram, 0)] = row
    logs = profiles.logs[[profiles.rows[gram] for gram in known], : len(LATIN)]
    return _Latin(letters, tables[2], tables[3], np.concatenate([np.zeros((1, len(LATIN)), np.float32), logs]))


def margins(texts: Sequence[str], lang: str) -> list[float]:
    """By how much each text's n-grams are likelier in ``lang`` than in any other language of ``LATIN``.

    In natural logarithms; below 0 where another language is likelier, 0 for a text without a known n-gram. Of a longer
    text its beginning and its middle are read.
    """
    if not texts:
        return []
    latin = _latin()
    parts = [_part(text) for text in texts]
    ends = np.cumsum(np.array([len(part) + 1 for part in parts], np.int64))
    points = code_points("".join((" ", *(f"{part} " for part in parts))))
    found = _margins(points, ends, latin.letters, latin.pairs, latin.triples, latin.logs, LATIN.index(lang))
    return found.tolist()  # type: ignore[no-any-return]  # a list of floats


@kernel
def _margins(
    points: _Points,
    ends: _Ints,
    letters: _Ints,
    pairs: npt.NDArray[np.uint16],
    triples: npt.NDArray[np.uint16],
    logs: _Floats,
    own: int,
) -> _Floats:
    """Of each part of the points, by how much language ``own`` is likelier than the likeliest other one."""
    margins = np.zeros(len(ends), np.float32)
    n_languages, last = logs.shape[1], np.int64(len(letters) - 1)
    sums = np.zeros(n_languages, np.float32)
    start = 0
    for line in range(len(ends)):
        sums[:] = 0
        for at in range(start, ends[line]):
            pair = (
                letters[min(np.int64(points[at]), last)] * _MAX_LETTERS + letters[min(np.int64(points[at + 1]), last)]
            )
            row = np.int64(pairs[pair])
            more = np.int64(0)
            if at + 2 < len(points):
                more = np.int64(triples[pair * _MAX_LETTERS + letters[min(np.int64(points[at + 2]), last)]])
            if row or more:  # the first row is of zeros
                for language in range(n_languages):
                    sums[language] += logs[row, language] + logs[more, language]
        best = np.float32(-np.inf)
        for language in range(n_languages):
            if language != own and sums[language] > best:
                best = sums[language]
        margins[line] = sums[own] - best
        start = ends[line]
    return margins


def _part(text: str) -> str:
    if len(text) <= _SHORT_CHARS:
        return text
    middle = len(text) // 2
    return f"{text[: _SHORT_CHARS // 2]} {text[middle : middle + _SHORT_CHARS // 2]}"


#: Languages with their probability, the likeliest first; the probabilities sum to at most 1.
Candidates = tuple[tuple[str, float], ...]

#: Labels of lid.176 that BCP 47 writes otherwise, or that a wider tag of the same script takes in:
#: Alemannic and Emilian are Wikipedia's own codes, Bihari is a collection, Egyptian Arabic is part of ``ar``.
LID_TAGS = {"als": "gsw", "arz": "ar", "bh": "bho", "eml": "egl", "sh": "hr"}

#: How likely a page is in a language before its text is seen, against any other language (see ``_OTHER``).
#: Coarse steps, chosen on short lines; on a sentence the text outweighs them.
_PRIORS = (
    (1.0, "en es fr de pt it ru ar hi id pl tr nl vi uk sv"),
    (
        0.6,
        "cs ro hu fi da no bg fa ur mr ms sr hr sk sl lt lv et ca tl sw be kk az sq mk is mn uz af eu gl cy ga "
        "nn bs ne",
    ),
    (0.1, "eo ia ie io vo jbo"),  # constructed: far more of them in the model's training data than on the web
)
_OTHER = 0.4
PRIORS = {lang: prior for prior, row in _PRIORS for lang in row.split()}

_SURE = 0.9  # probability at which lid.176 needs no second witness
_NGRAM_WEIGHT = 0.15  # of a log likelihood: neighbouring n-grams are not independent
_NO_PROFILE = -6.0  # log likelihood below the best one, for a language without a profile
_CANDIDATES, _LEAST = 8, 0.01  # looked at, at most and from which probability on
_MAX_CHARS = 300  # of a long text three slices are read: its head, middle and tail


@cache
def _elsewhere() -> frozenset[str]:
    """Languages that are written in another script than Latin."""
    return frozenset(lang for langs in LANGUAGES.values() for lang in langs) | {"zh", "ja", "ko", "wuu", "yue"}


def _sample(text: str) -> str:
    if len(text) <= _MAX_CHARS:
        return text
    part, middle = _MAX_CHARS // 3, len(text) // 2
    return f"{text[:part]} {text[middle - part // 2 : middle + part // 2]} {text[-part:]}"


@cache
def _meaning(label: str) -> tuple[str, float, bool]:
    """The language of a label of lid.176, its prior, and whether Latin letters write it."""
    lang = LID_TAGS.get(label, label)
    return lang, PRIORS.get(lang, _OTHER), lang not in _elsewhere()


def _predicted(lines: Sequence[str], allowed: tuple[str, ...]) -> list[dict[str, float]]:
    """For each line the weight of each allowed language among the first candidates; empty ``allowed``: the Latin ones."""
    k = _CANDIDATES if not allowed else 2 * _CANDIDATES
    weights: list[dict[str, float]] = []
    for candidates in predict(lines):
        found: dict[str, float] = {}
        for probability, label in candidates[:k]:
            lang, prior, is_latin = _meaning(label)
            if lang in allowed if allowed else is_latin:
                found[lang] = found.get(lang, 0.0) + probability * prior
        weights.append(found)
    return weights


def rank(weights: dict[str, float]) -> Candidates:
    """Candidates out of weights: those divided by their sum, the heaviest first, ties in alphabetical order."""
    total = math.fsum(weights.values())
    ranked = sorted([(-weight, lang) for lang, weight in weights.items() if weight > 0])
    return tuple([(lang, -weight / total) for weight, lang in ranked])


def _with_ngrams(weights: dict[str, float], likelihoods: Sequence[float]) -> dict[str, float]:
    known = {lang: likelihoods[_COLUMNS[lang]] for lang in weights if lang in _COLUMNS} if likelihoods else {}
    if not known:
        return weights
    best = max(known.values())
    lacking = _NO_PROFILE  # below the best one
    return {
        lang: weight * math.exp(_NGRAM_WEIGHT * max(known[lang] - best if lang in known else lacking, -600))
        for lang, weight in weights.items()
    }


def lid176(texts: Sequence[str], allowed: tuple[str, ...], seed: int = 0) -> list[Candidates]:
    """lid.176 among the allowed languages; where it is unsure, with the n-gram profiles as second witness.

    ``seed`` is not used: nothing here is random. An all-capitals text is read in lower case.
    """
    lines = [_sample(text) for text in texts]
    lower = [line.lower() for line in lines]
    read = [low if line.isupper() else line for line, low in zip(lines, lower, strict=True)]
    weights = _predicted(read, allowed)
    found = [rank(one) for one in weights]
    unsure = [at for at, ranked in enumerate(found) if not ranked or ranked[0][1] < _SURE]
    again = [at for at in unsure if lower[at] != lines[at]]
    for at, more in zip(again, _predicted([lower[at] for at in again], allowed), strict=True):
        for lang, weight in more.items():
            weights[at][lang] = max(weight, weights[at].get(lang, 0.0))
    for at, likelihoods in zip(unsure, log_likelihoods([lower[at] for at in unsure]), strict=True):
        found[at] = rank(_with_ngrams(weights[at], likelihoods))
    return found


@cache
def _langdetect() -> Any:
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    return factory


def langdetect(texts: Sequence[str], allowed: tuple[str, ...], seed: int = 0) -> list[Candidates]:
    """langdetect 1.0.9 (Shuyo 2010) among the allowed languages: the same answer for the same seed."""
    known = _langdetect().get_lang_list()
    languages = [lang for lang in known if (lang in allowed if allowed else lang not in _elsewhere())]
    languages = [lang for lang in languages if not lang.startswith("zh")]
    return [_detected(text, languages, seed) if languages else () for text in texts]


def _detected(text: str, languages: Sequence[str], seed: int) -> Candidates:
    from langdetect.lang_detect_exception import LangDetectException

    detector = _langdetect().create()
    detector.seed = seed
    detector.set_prior_map({lang: 1.0 / len(languages) for lang in languages})
    detector.append(text.lower() if text.isupper() else text)
    try:
        answers = detector.get_probabilities()
    except LangDetectException:
        return ()
    return tuple((answer.lang, min(float(answer.prob), 1.0)) for answer in answers)


BACKENDS: dict[Backend, Callable[[Sequence[str], tuple[str, ...], int], list[Candidates]]] = {
    "lid176": lid176,
    "langdetect": langdetect,
}
