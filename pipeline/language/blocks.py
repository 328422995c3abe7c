"""Languages of a page's blocks, each with a look at its neighbours of the same kind, and of the whole page.

Kinds are content (labels that are kept) and chaff. A line borrows from lines of its own kind only: a menu
inside another language keeps its own. To change who may borrow from whom: ``_borrow_*`` below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pipeline.language.backends import rank
from pipeline.language.reading import CONFIRMED, Reading, confirmed, read_text, read_texts, running_words, weigh
from pipeline.language.scripts import letter_weights
from pipeline.types import KEPT_LABELS, Backend, Block, BlockKind, Decision, DocumentLanguage, LanguageGuess

_CODE = Reading(LanguageGuess("und", 1.0), "", 0)
_SURE, _SURE_SHORT = 0.8, 0.95  # a line below it may borrow, a line from it on may lend; up to 14 letters the second
_VERY_SHORT_LETTERS = 14
_LIKELIER = 8.0  # how many times, for each of the two nearest lenders
_UNSEEN = 0.01  # probability of a lender's language that the backend did not name
_SHORT_LETTERS = 40  # more letters than this decide for themselves
_REACH = 4  # blocks of the kind on either side that are looked at for a lender
_REACH_KANJI = 12  # the same for lines of kanji alone: menus are long
_SAMPLES, _SAMPLE_CHARS = 5, 100  # of the kind's running text, to learn what language it is believed to be in
_FEW_TEXTS = 4  # fewer are read one by one
_BORROWED = 0.7  # confidence of what is borrowed, as a share of the lender's


def _nearest(
    readings: Sequence[Reading], place: int, reach: int, lends: Callable[[Reading], bool]
) -> list[LanguageGuess]:
    """The nearest lender before and the nearest after, if any."""
    before = readings[max(place - reach, 0) : place][::-1]
    after = readings[place + 1 : place + 1 + reach]
    sides = (next((reading.guess for reading in side if lends(reading)), None) for side in (before, after))
    return [guess for guess in sides if guess is not None]


def _agreed(guesses: list[LanguageGuess]) -> LanguageGuess | None:
    if not guesses or len({guess.lang for guess in guesses}) > 1:
        return None
    return LanguageGuess(guesses[0].lang, _BORROWED * min(guess.confidence for guess in guesses))


def _decides_cjk(reading: Reading) -> bool:
    return reading.script == "CJK" and (reading.guess.lang == "ja" or not reading.han.may_be_japanese)


def _borrow_japanese(readings: Sequence[Reading], place: int, everywhere: list[LanguageGuess]) -> LanguageGuess | None:
    """Asked of a line of kanji alone, which is Japanese between Japanese lines: no tool can tell by the line.

    ``everywhere``: what the lines that tell are, wherever they stand; asked where none is near.
    """
    if readings[place].guess.lang == "ja":
        return None
    found = _agreed(_nearest(readings, place, _REACH_KANJI, _decides_cjk) or everywhere)
    return found if found is not None and found.lang == "ja" else None


def _is_sure(reading: Reading) -> bool:
    bar = _SURE_SHORT if reading.letters <= _VERY_SHORT_LETTERS else _SURE
    return reading.guess.lang != "und" and reading.guess.confidence >= bar


def _borrow_alphabetic(readings: Sequence[Reading], place: int) -> LanguageGuess | None:
    """Asked of a short line with candidates: it is likelier in the language of its nearest sure neighbours of the same script."""
    reading = readings[place]
    if _is_sure(reading):
        return None

    def lends(other: Reading) -> bool:
        return other.script == reading.script and _is_sure(other)

    weights = dict(reading.candidates)
    for guess in _nearest(readings, place, _REACH, lends):
        weights[guess.lang] = weights.get(guess.lang, _UNSEEN) * _LIKELIER
    return weigh(rank(weights), reading.letters)


def _kind_of_chinese(readings: Sequence[Reading], guesses: Sequence[LanguageGuess]) -> LanguageGuess | None:
    """zh-Hans or zh-Hant, whichever has more letters among lines that tell; None where they are even."""
    letters = {"zh-Hans": 0, "zh-Hant": 0}
    for reading, guess in zip(readings, guesses, strict=True):
        if guess.lang in letters:
            letters[guess.lang] += reading.letters
    total = sum(letters.values())
    lang = max(letters, key=lambda name: letters[name])
    if 2 * letters[lang] == total:
        return None
    return LanguageGuess(lang, _BORROWED * letters[lang] / total)


def _settle(readings: Sequence[Reading]) -> list[LanguageGuess]:
    """Guesses for all blocks of one kind, in order."""
    guesses = [reading.guess for reading in readings]
    kanji = [place for place, one in enumerate(readings) if one.script == "CJK" and one.han.may_be_japanese]
    everywhere = [reading.guess for reading in readings if _decides_cjk(reading)] if kanji else []
    for place in kanji:
        guesses[place] = _borrow_japanese(readings, place, everywhere) or guesses[place]
    for place in (place for place, one in enumerate(readings) if one.candidates and one.letters <= _SHORT_LETTERS):
        guesses[place] = _borrow_alphabetic(readings, place) or guesses[place]
    if not any(guess.lang == "zh" for guess in guesses):
        return guesses
    chinese = _kind_of_chinese(readings, guesses)
    return [chinese if chinese and guess.lang == "zh" else guess for guess in guesses]


def _believed(texts: Sequence[str], backend: Backend, seed: int) -> LanguageGuess | None:
    """The language of a sample of running text, the head of each of its longest pieces; None where it is unsure."""
    if len(texts) < _FEW_TEXTS:
        return None
    longest = sorted(texts, key=len, reverse=True)[:_SAMPLES]
    reading = read_text(" ".join(text[:_SAMPLE_CHARS] for text in longest), backend, seed)
    return reading.guess if reading.guess.lang in CONFIRMED and _is_sure(reading) else None


def _read_blocks(blocks: Sequence[Block], backend: Backend, seed: int) -> list[Reading]:
    """The reading of each block of one kind; running text in the language that the kind is in is only confirmed."""
    readings: dict[int, Reading] = {i: _CODE for i, block in enumerate(blocks) if block.kind is BlockKind.CODE}
    places = [i for i in range(len(blocks)) if i not in readings]
    words = running_words([blocks[i].text for i in places])
    running = {i: said for i, said in zip(places, words, strict=True) if said}
    texts = list(running.values())
    believed = _believed(texts, backend, seed)
    if believed is not None:
        sure = confirmed(texts, believed.lang, backend, seed)
        readings |= {
            i: Reading(believed, "Latin", len(said))
            for (i, said), yes in zip(running.items(), sure, strict=True)
            if yes
        }
    rest = [i for i in places if i not in readings]
    readings.update(zip(rest, read_texts([blocks[i].text for i in rest], backend, seed), strict=True))
    return [readings[i] for i in range(len(blocks))]


def tag_blocks(
    blocks: Sequence[Block], decisions: Sequence[Decision], *, backend: Backend = "lid176", seed: int = 0
) -> tuple[LanguageGuess, ...]:
    """The language of each block, in order.

    Code is ``und``. Within content and within chaff, each for itself: lines that the kind's language is confirmed for
    take it (``confirm``), kanji-only lines between Japanese ones become ``ja``, plain ``zh`` becomes what the rest of
    the kind is, ``zh-Hans`` or ``zh-Hant``, and a short unsure line leans towards the languages of its nearest sure
    neighbours of the same script.

    Raises ValueError when there is not one decision for each block.
    """
    kept = [decision.label in KEPT_LABELS for _, decision in zip(blocks, decisions, strict=True)]
    guesses: dict[int, LanguageGuess] = {}
    for content in (True, False):
        places = [place for place, keep in enumerate(kept) if keep is content]
        readings = _read_blocks([blocks[place] for place in places], backend, seed)
        guesses.update(zip(places, _settle(readings), strict=True))
    return tuple(guesses[place] for place in range(len(blocks)))


def _main_language(weights: dict[str, int]) -> str:
    """The largest variant of the largest language: zh, zh-Hans and zh-Hant count together first."""
    primary: dict[str, int] = {}
    for lang, weight in weights.items():
        name = lang.partition("-")[0]
        primary[name] = primary.get(name, 0) + weight
    first = min(primary, key=lambda name: (-primary[name], name))
    variants = [lang for lang in weights if lang.partition("-")[0] == first]
    return min(variants, key=lambda lang: (-weights[lang], lang))


def document_language(
    blocks: Sequence[Block], decisions: Sequence[Decision], guesses: Sequence[LanguageGuess]
) -> DocumentLanguage:
    """The main language of a document and the share of each language in the letters of its content blocks.

    A CJK letter weighs as much as three Latin ones (``scripts.WEIGHTS``). ``und`` blocks have no share. The
    confidence is the share of the main language's blocks, each times its own confidence. The order of the
    blocks does not matter. Without a content block that has a language: ``und``, 0.0 and no shares.

    Raises ValueError when the three sequences differ in length.
    """
    weights: dict[str, int] = {}
    sure: dict[str, list[float]] = {}
    told = [
        (block.text, guess)
        for block, decision, guess in zip(blocks, decisions, guesses, strict=True)
        if decision.label in KEPT_LABELS and guess.lang != "und"
    ]
    for weight, (_, guess) in zip(letter_weights([text for text, _ in told]), told, strict=True):
        weights[guess.lang] = weights.get(guess.lang, 0) + weight
        sure.setdefault(guess.lang.partition("-")[0], []).append(weight * guess.confidence)
    weights = {lang: weight for lang, weight in weights.items() if weight}
    if not weights:
        return DocumentLanguage("und", 0.0, ())
    total = sum(weights.values())
    lang = _main_language(weights)
    confidence = math.fsum(sorted(sure[lang.partition("-")[0]])) / total
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    shares = tuple((name, weight / total) for name, weight in ranked)
    return DocumentLanguage(lang, min(confidence, 1.0), shares)
