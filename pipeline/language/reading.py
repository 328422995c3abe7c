"""Read one text: its structure, then its script, then its language. The tiers in the order they answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.language.backends import BACKENDS, Candidates, margins
from pipeline.language.scripts import (
    LANGUAGES,
    HanEvidence,
    ScriptCount,
    count_scripts,
    count_scripts_each,
    han_evidence,
    han_evidence_each,
    has_address,
    looks_like_code,
    strip_addresses,
)
from pipeline.types import Backend, LanguageGuess

_NO_HAN = HanEvidence(0, 0, 0, 0)
_FEW_LETTERS = 4  # below this many letters of a script that several languages share: nothing to tell
_SHORT = 14  # up to this many letters ...
_BAR_SHORT, _BAR = 0.5, 0.3  # ... a guess below the first bar is "und", beyond them one below the second
_KANA_SHARE = 10  # one kana in ten letters makes Japanese; a の in a Chinese shop sign does not
_SHOUTED_WORDS = 3
_CACHED_CHARS = 100
_MAX_CHARS = 20_000  # of a text that are read; what follows costs time and changes nothing
#: Words whose letters tell nothing: with digits in them (COP29, 2.3MB) or of capitals only up to six (UNFCCC);
#: but a line of three words and more in capitals is a line that shouts.
_OPAQUE = re.compile(r"\b(?:[^\W\d_]{0,20}\d\w{0,40}|[A-Z]{1,6})\b")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text says of its language, for ``identify`` and for the rules that look at its neighbours."""

    guess: LanguageGuess
    script: str  # as in ``ScriptCount``; "" for what is no language by its form
    letters: int  # of the script that tell
    han: HanEvidence = _NO_HAN
    candidates: Candidates = ()  # of a script that several languages share


def weigh(candidates: Candidates, letters: int) -> LanguageGuess:
    """The likeliest candidate, or ``und`` where it is too unlikely for so few letters."""
    lang, confidence = candidates[0] if candidates else ("und", 0.0)
    if confidence < (_BAR_SHORT if letters <= _SHORT else _BAR):
        return LanguageGuess("und", 1.0 - confidence)
    return LanguageGuess(lang, confidence)


def _read_han(counts: ScriptCount, evidence: HanEvidence) -> Reading:
    simplified, traditional = evidence.simplified, evidence.traditional
    if counts.kana and counts.kana * _KANA_SHARE >= counts.letters and 4 * evidence.foreign <= counts.kana:
        lang, purity = "ja", 1.0
    elif evidence.japanese and evidence.foreign == 0:
        lang, purity = "ja", 0.7
    elif simplified == traditional:
        lang, purity = "zh", 0.6
    else:
        lang = "zh-Hans" if simplified > traditional else "zh-Hant"
        purity = max(simplified, traditional) / (simplified + traditional)
        purity *= 0.8 if evidence.may_be_japanese else 1.0
    return Reading(LanguageGuess(lang, purity * counts.share), "CJK", counts.letters, evidence)


def _telling_letters(text: str, counts: ScriptCount) -> int:
    """Letters of the script outside opaque words. Counted on short texts only: it decides nothing on others."""
    shouted = text.isupper() and len(text.split()) >= _SHOUTED_WORDS
    if shouted or counts.letters > 2 * _SHORT:
        return counts.letters
    return count_scripts(_OPAQUE.sub(" ", text)).letters


def _read_shared(text: str, counts: ScriptCount, backend: Backend, seed: int) -> Reading:
    """A text in a script that several languages share."""
    script = counts.script
    letters = _telling_letters(text, counts)
    if letters < _FEW_LETTERS:
        return Reading(LanguageGuess("und", 1.0), script, letters)
    candidates = BACKENDS[backend](text, LANGUAGES.get(script, ()), seed)
    guess = weigh(candidates, letters)
    if guess.lang != "und":
        guess = LanguageGuess(guess.lang, guess.confidence * counts.share)
    return Reading(guess, script, letters, candidates=candidates)


def _read(text: str, backend: Backend, seed: int) -> Reading:
    text = text[:_MAX_CHARS]
    line = strip_addresses(text)
    counts = count_scripts(line)
    if counts.script == "Latin" and counts.han:  # acronyms do not make a Chinese line English
        counts = count_scripts(_OPAQUE.sub(" ", line))
    if counts.weight == 0:
        return Reading(LanguageGuess("und", 1.0), "", 0)
    if counts.script == "CJK":
        return _read_han(counts, han_evidence(line))
    if counts.script == "Hangul":
        return Reading(LanguageGuess("ko", counts.share), "Hangul", counts.letters)
    languages = LANGUAGES.get(counts.script, ())
    if len(languages) == 1:
        return Reading(LanguageGuess(languages[0], counts.share), counts.script, counts.letters)
    if counts.script == "Latin" and looks_like_code(text):
        if counts.han:  # what is not code in such a line is Chinese or Japanese
            return _read_han(counts, han_evidence(line))
        return Reading(LanguageGuess("und", 0.9), "", 0)
    return _read_shared(" ".join(line.split()), counts, backend, seed)


_read_cached = lru_cache(maxsize=16384)(_read)  # menus and footers recur from page to page


def read_text(text: str, backend: Backend = "lid176", seed: int = 0) -> Reading:
    """The reading of one text; a pure function, remembered for short texts."""
    return (_read_cached if len(text) <= _CACHED_CHARS else _read)(text, backend, seed)


def read_texts(texts: Sequence[str], backend: Backend, seed: int) -> list[Reading]:
    """``read_text`` of every text; Chinese and Japanese ones, which their characters decide, all at once."""
    heads = [text[:_MAX_CHARS] for text in texts]
    others = [text for text in heads if not text.isascii() and not has_address(text)]
    counts = dict(zip(others, count_scripts_each(others), strict=True))
    decided = [text for text, count in counts.items() if count.script == "CJK"]
    evidence = dict(zip(decided, han_evidence_each(decided), strict=True))
    return [
        _read_han(counts[text], evidence[text]) if text in evidence else read_text(text, backend, seed)
        for text in heads
    ]


def identify(text: str, *, backend: Backend = "lid176", seed: int = 0) -> LanguageGuess:
    """The language of a text as a BCP 47 tag, and how sure we are of it.

    Structure first (code, addresses and numbers are ``und``), then script (kana is ``ja``, Hangul ``ko``, Greek
    ``el``; Han is ``zh-Hans``, ``zh-Hant``, or ``zh`` where no character tells), then ``backend`` for scripts that
    several languages share. ``und`` also where there are too few letters or the answer is too unsure.
    ``seed`` matters to ``langdetect`` only; the same arguments always give the same answer.

    >>> identify("生态环境部发布《2024年度全国碳市场报告》 UNFCCC").lang
    'zh-Hans'
    >>> identify("The plenary adopted the decision by consensus.").lang
    'en'
    >>> identify("2024-09-11 08:46").lang
    'und'
    """
    return read_text(text, backend, seed).guess


# Which lines of a page are in the language that its lines are believed to be in: a cheap look that spares most of them
# a reading of their own.
#
# Two witnesses, and both only confirm: they never propose a language, and a line that neither confirms is read by itself.
# First the line's n-grams, if they are likelier in the language than in any other; then, for lines whose n-grams leave it
# open (names, "Log in"), the backend's answer to several neighbours joined. A language is a word of ``CONFIRMED``.

#: Languages with a profile and, of their close relatives, with a profile of most.
CONFIRMED = frozenset("en de fr es it pt nl pl cs sv fi hu ro vi".split())
#: Least margin (``ngrams.margins``) of a line that is confirmed. Of short sentences in other languages it takes at most
#: two in a thousand for one of these; of its own it confirms two thirds and more.
MARGIN = 4.0
OPEN_MARGIN = -8.0  # below it another language is so much likelier that the line is read by itself
JOINED_SURE = 0.9  # probability of the language for lines that are joined
_JOINED_CHARS = 160  # of neighbours that are joined
_REMEMBERED_CHARS = 100
_MAX_OPEN = 24  # characters of a line that is joined: a longer one tells by itself

#: A word in Latin letters that is no acronym and no number: four letters in a row, or in capitals more than six.
_WORD = re.compile(r"[A-Za-zÀ-ɏ][a-zß-öø-ÿā-ɏ]{3}|[A-Z]{7}")
_OTHER_LETTERS = re.compile(
    r"[\u0250-\u1dff\u1f00-\u1fff\u2c80-\ud7ff\uf900-\uffff\U00010000-\U0001efff\U00020000-\U0003ffff]"
)


@lru_cache(maxsize=4096)  # a menu comes with every page of its site
def _candidates(text: str, backend: Backend, seed: int) -> Candidates:
    return BACKENDS[backend](text, (), seed)


def running_words(text: str) -> str:
    """The text without addresses if it is words in Latin letters and no code; else nothing.

    >>> [running_words(text) for text in ("Terms of use", "COP29", "x = y_total + 1", "见 Terms of use")]
    ['Terms of use', '', '', '']
    """
    return (_remembered if len(text) <= _REMEMBERED_CHARS else _running_words)(text)


def _running_words(text: str) -> str:
    words = strip_addresses(text)
    if _WORD.search(words) is None or (not words.isascii() and _OTHER_LETTERS.search(words)) or looks_like_code(text):
        return ""
    return words


_remembered = lru_cache(maxsize=16384)(_running_words)


def confirmed(texts: Sequence[str], lang: str, backend: Backend, seed: int) -> list[bool]:
    """Of running words (``running_words``) of one kind, in the order of the page: whether each is in ``lang``."""
    found = margins(texts, lang)
    sure = [margin >= MARGIN for margin in found]
    opened = [i for i, margin in enumerate(found) if OPEN_MARGIN <= margin < MARGIN and len(texts[i]) <= _MAX_OPEN]
    for places in _joined(texts, opened):
        candidates = _candidates(" ".join(texts[place] for place in places), backend, seed)
        if candidates and candidates[0][0] == lang and candidates[0][1] >= JOINED_SURE:
            for place in places:
                sure[place] = True
    return sure


def _joined(texts: Sequence[str], places: Sequence[int]) -> Iterator[list[int]]:
    """Places of neighbours to be joined, at least two."""
    group: list[int] = []
    size = 0
    for place in places:
        if size + len(texts[place]) > _JOINED_CHARS and len(group) > 1:
            yield group
            group, size = [], 0
        group.append(place)
        size += len(texts[place])
    if len(group) > 1:
        yield group
