"""Read one text: its structure, then its script, then its language. The tiers in the order they answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from pipeline.language.backends import BACKENDS, Candidates, margins
from pipeline.language.scripts import (
    LANGUAGES,
    OTHER_LETTERS,
    WEIGHTS,
    HanEvidence,
    ScriptCount,
    count_scripts,
    count_scripts_each,
    count_signs,
    han_evidence,
    han_evidence_each,
    han_sets,
    has_address,
    has_old_forms,
    is_dense,
    looks_like_code,
    strip_addresses,
)
from pipeline.text.prose import STOP_CHARACTERS
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


#: Letters and words that Cantonese is written with and other Chinese is not; the weak ones stand in it now and then.
CANTONESE = re.compile(
    "[嘅喺佢唔咗啲冇哋嗰嚟咁嘢噉咩攞搵諗谂瞓嘥嗌冚嚿嘞嗮掟攰揾啱孭氹佬嬲]|點解|点解|聽日|听日|琴日|尋日|寻日|而家|邊度|边度|邊個|边个|呢個|呢个|呢啲"
    "|真係|唔係|係咪|好似|返工|返屋企|屋企|傾偈|倾偈|鍾意|钟意|幾時|几时|攪掂|搞掂|靚仔|靓仔"
)
CANTONESE_WEAK = frozenset("冇 咁 咩 佬 好似 幾時 几时 鍾意 钟意 搞掂 唔 氹 靚仔 靓仔 掟".split())
_CANTONESE_SHARE = 24  # one of them in so many Han letters
_HANGUL_SHARE = 10  # one syllable in so many letters may make a text with Han letters Korean
_HANGUL_RUNS = 2  # particles that such a text has at least
_QUOTED_WORDS = 2  # words with kana that a Chinese text may quote
_ENOUGH_HAN = 8  # outside quotation marks, to judge a text without what stands inside
_FEW_HAN = 4  # fewer do not make a line of Latin letters Chinese
#: Of the Latin letters, that the Han letters' weight must be at least: where no English word of grammar is, and else.
_TERMS_SHARES = (0.2, 0.33)
_GRAMMAR_SHARE = 5  # at most one English word in so many is of grammar
_MAX_MIXED = 2_000  # characters in which runs of both kinds of Chinese are counted
_INTERFACE_SURE, _INTERFACE_MOST = 0.6, 4
_KANA_WORD = re.compile(
    r"(?:[\u3041-\u30fa\u30fc-\u30ff々・][\u3041-\u30ff\u4e00-\u9fff々・]{0,80}[\u3041-\u30ff])|[\u3041-\u30fa]"
)
_HAN_WORD = re.compile("[\u4e00-\u9fff]{4}")
_HAN_HANGUL = re.compile("[\u4e00-\u9fff][\uac00-\ud7a3]")
_HANGUL_AFTER = re.compile("(?<![\uac00-\ud7a3])[\uac00-\ud7a3]")
_QUOTATION = re.compile("《[^《》]{1,200}》|「[^「」]{1,400}」|『[^『』]{1,400}』|“[^“”]{1,400}”|〈[^〈〉]{1,200}〉")
_EXPLAINED = re.compile(r"[(（][^()（）]{1,60}[)）]|“[^“”\u0020-\u007e]{1,20}”|\"[^\"\u0020-\u007e]{1,20}\"")
_GRAMMAR = re.compile(f"[{STOP_CHARACTERS}，。、；：！？用把再可吧吗嗎呢就上下今新]")
_ANY_WORD = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ_'’]{0,60}")
ENGLISH_GRAMMAR = frozenset(
    "the of and to in a is that for it was on with as his he be at by i this not are but from or have an they which you were her she there "
    "would their we him been has when who will more if no out so said what its into than them can only other these then do any my our".split()
)
#: Words of menus, buttons and forms.
INTERFACE = frozenset(
    "about accept account add address admin advanced all and apply archive archives article articles author back ban blog book bookmark "
    "browse buy calendar cancel careers cart categories category change chat checkout clear click close code comment comments community "
    "compare confirm contact content continue cookie cookies copy copyright create dark dashboard data date delete description details "
    "docs documentation donate down download downloads edit email english enter error events export faq favorites features feed feedback "
    "file files filter find first follow followers following font footer for forgot forum forums free friends full gallery general get go "
    "group groups guest guide help hide history home icon image images import in info information invite is item items job jobs join "
    "keyboard language last latest learn legal library light like likes link links list load loading local location log login logout mail "
    "manage map mark media member members menu message messages mode more most my name new news newsletter next no not note notes "
    "notifications now of off offline on online open options or order orders other our out page pages partners password photo photos "
    "play please policy popular post posted posts preferences press preview previous price print privacy product products profile "
    "projects public publish question questions quick rate read recent recommended refresh register related remove rename reply report "
    "request required reset resources results resume return review reviews rss rules sale save search section security see select "
    "send service services set settings share shop show sign site sitemap size skip sort source special start statistics status step stop "
    "store stories submit subscribe success support tag tags team terms text the theme this thread time title to today tools top topic "
    "topics translate trending try unban up update updates upload us use user username users version video videos view views "
    "visit warning website week welcome who wiki with work write yes you your zoom s es".split()
)


class Reading(NamedTuple):
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


def _read_han(text: str, counts: ScriptCount, evidence: HanEvidence) -> Reading:
    """A text of Han and kana: Japanese, Korean with its Han letters, Cantonese, or Chinese of one kind or the other."""
    if counts.hangul and not evidence.simplified and _is_korean(text, counts):
        return Reading(LanguageGuess("ko", 0.9), "Hangul", counts.hangul)
    if counts.kana and evidence.foreign and _quotes_japanese(text):
        rest = _KANA_WORD.sub(" ", text)
        counts, evidence = count_scripts(rest), han_evidence(rest)
    simplified, traditional = evidence.simplified, evidence.traditional
    if simplified and traditional:
        simplified, traditional = _said_outside(text, simplified, traditional)
    if counts.kana and counts.kana * _KANA_SHARE >= counts.letters and 4 * evidence.foreign <= counts.kana:
        lang, purity = "ja", 1.0
    elif _is_cantonese(text, counts.han):
        lang, purity = "yue", 0.95
    elif evidence.japanese and evidence.foreign == 0 and not (traditional and has_old_forms(text)):
        lang, purity = "ja", 0.7
    elif simplified == traditional:
        lang, purity = "zh", 0.6
    else:
        lang = "zh-Hans" if simplified > traditional else "zh-Hant"
        purity = max(simplified, traditional) / (simplified + traditional)
        purity *= 0.8 if evidence.may_be_japanese else 1.0
    if traditional and evidence.may_be_japanese and lang != "ja" and has_old_forms(text):
        evidence = evidence._replace(foreign=1)  # letters that Japanese has given up
    return Reading(LanguageGuess(lang, purity * counts.share), "CJK", counts.letters, evidence)


def _is_cantonese(text: str, n_han: int) -> bool:
    """Whether a Chinese text has the letters and words that only Cantonese is written with, in more than a quotation."""
    if not CANTONESE.search(text):
        return False
    rest = _QUOTATION.sub(" ", text)
    if len(rest) < len(text) and (left := count_scripts(rest).han) >= _ENOUGH_HAN:
        text, n_han = rest, left
    found = CANTONESE.findall(text)
    n_sure = sum(one not in CANTONESE_WEAK for one in found)
    return len(found) * _CANTONESE_SHARE >= n_han and (n_sure >= 1 or len(set(found)) >= 2)


def _is_korean(text: str, counts: ScriptCount) -> bool:
    """Whether Hangul follows Han letters as their particles do: not a name in brackets or quotation marks."""
    joined, n_runs = len(_HAN_HANGUL.findall(text)), len(_HANGUL_AFTER.findall(text))
    return (
        not counts.kana
        and counts.hangul * _HANGUL_SHARE >= counts.letters + counts.hangul
        and n_runs >= _HANGUL_RUNS
        and joined >= 1
        and 2 * joined >= n_runs
    )


def _quotes_japanese(text: str) -> bool:
    """Whether a text with kana has them in a word or two alone, and Chinese running text around them."""
    kana = _KANA_WORD.findall(text)
    rest = _KANA_WORD.sub(" ", text)
    return len(kana) <= _QUOTED_WORDS and len(_HAN_WORD.findall(rest)) > 0 and han_evidence(rest).foreign > 0


def _said_outside(text: str, simplified: int, traditional: int) -> tuple[int, int]:
    """How often each kind of Chinese is met outside quotations, a run of its letters once: a name is said in its own."""
    rest = _QUOTATION.sub(" ", text[:_MAX_MIXED])
    sets = han_sets()
    runs = [0, 0]
    last = [-3, -3]
    for at, char in enumerate(rest):
        for kind, members in enumerate((sets.simplified, sets.traditional)):
            if char in members:
                runs[kind] += at > last[kind] + 2
                last[kind] = at
    return (runs[0], runs[1]) if runs[0] != runs[1] else (simplified, traditional)


def _is_chinese_with_terms(line: str) -> bool:
    """Whether a line of mostly Latin letters is Chinese or Japanese with terms and names of other languages in it.

    Han letters in brackets behind a Latin word explain it and do not count; an English sentence has English words of
    grammar, a Chinese one its own or its punctuation.
    """
    said = _EXPLAINED.sub(" ", line)
    counts = count_scripts(said)
    n_cjk = counts.han + counts.kana
    if n_cjk < _FEW_HAN or not (_GRAMMAR.search(said) or counts.kana):
        return False
    words = [word.lower() for word in _ANY_WORD.findall(said)]
    n_latin = sum(map(len, words))
    n_grammar = sum(word in ENGLISH_GRAMMAR for word in words)
    return WEIGHTS["Han"] * n_cjk >= _TERMS_SHARES[n_grammar > 0] * n_latin and n_grammar * _GRAMMAR_SHARE <= len(words)


def _telling_letters(text: str, counts: ScriptCount) -> int:
    """Letters of the script outside opaque words. Counted on short texts only: it decides nothing on others."""
    shouted = text.isupper() and len(text.split()) >= _SHOUTED_WORDS
    if shouted or counts.letters > 2 * _SHORT:
        return counts.letters
    return count_scripts(_OPAQUE.sub(" ", text)).letters


def is_interface(text: str) -> bool:
    """Whether a short text is nothing but English words that interfaces are labelled with.

    >>> is_interface("Ban User(s)"), is_interface("Log in"), is_interface("ls -la")
    (True, True, False)
    """
    words = _ANY_WORD.findall(text)
    return (
        0 < len(words) <= _INTERFACE_MOST and words[0][0].isupper() and all(one.lower() in INTERFACE for one in words)
    )


def _with_english(candidates: Candidates) -> Candidates:
    rest = tuple((lang, (1 - _INTERFACE_SURE) * weight) for lang, weight in candidates if lang != "en")
    return (("en", _INTERFACE_SURE), *rest)


class _Shared(NamedTuple):
    """A text in a script that several languages share, before the backend is asked."""

    line: str
    counts: ScriptCount
    letters: int


def _look(text: str, counts: ScriptCount | None = None) -> Reading | _Shared:
    """What a text tells without a backend; ``counts`` are those of the text without addresses, where they are known."""
    line = strip_addresses(text)
    if counts is None:
        counts = count_scripts(line)
    if counts.script == "Latin" and counts.han:  # acronyms do not make a Chinese line English
        counts = count_scripts(_OPAQUE.sub(" ", line))
    if counts.weight == 0:
        return Reading(LanguageGuess("und", 1.0), "", 0)
    if counts.script == "Latin" and (counts.han or counts.kana) and _is_chinese_with_terms(line):
        said = _ANY_WORD.sub(" ", line)
        return _read_han(said, count_scripts(said), han_evidence(said))
    if counts.script == "CJK":
        return _read_han(line, counts, han_evidence(line))
    if counts.script == "Hangul":
        return Reading(LanguageGuess("ko", counts.share), "Hangul", counts.letters)
    languages = LANGUAGES.get(counts.script, ())
    if len(languages) == 1:
        return Reading(LanguageGuess(languages[0], counts.share), counts.script, counts.letters)
    if counts.script == "Latin" and looks_like_code(text):
        if counts.han:  # what is not code in such a line is Chinese or Japanese
            return _read_han(line, counts, han_evidence(line))
        return Reading(LanguageGuess("und", 0.9), "", 0)
    line = " ".join(line.split())
    letters = _telling_letters(line, counts)
    if letters < _FEW_LETTERS:
        return Reading(LanguageGuess("und", 1.0), counts.script, letters)
    return _Shared(line, counts, letters)


def _answer(text: str, counts: ScriptCount, letters: int, candidates: Candidates) -> Reading:
    """The reading of a text in a script that several languages share, after the backend was asked."""
    guess = weigh(candidates, letters)
    if guess.lang == "und" and counts.script == "Latin" and is_interface(text):
        candidates = _with_english(candidates)
        guess = LanguageGuess(*candidates[0])
    if guess.lang != "und":
        guess = LanguageGuess(guess.lang, guess.confidence * counts.share)
    return Reading(guess, counts.script, letters, candidates=candidates)


def _read(
    texts: Sequence[str], backend: Backend, seed: int, counts: Mapping[str, ScriptCount] | None = None
) -> list[Reading]:
    """The reading of each text; the backend is asked once for all texts of a script."""
    looked = [_look(text, counts.get(text) if counts else None) for text in texts]
    scripts: dict[str, list[int]] = {}
    for at, one in enumerate(looked):
        if isinstance(one, _Shared):
            scripts.setdefault(one.counts.script, []).append(at)
    for script, places in scripts.items():
        shared = [one for at in places if isinstance(one := looked[at], _Shared)]
        answers = BACKENDS[backend]([one.line for one in shared], LANGUAGES.get(script, ()), seed)
        for at, one, candidates in zip(places, shared, answers, strict=True):
            looked[at] = _answer(*one, candidates)
    return [one for one in looked if isinstance(one, Reading)]


@lru_cache(maxsize=16384)  # menus and footers recur from page to page
def _remembered_reading(_text: str, _backend: Backend, _seed: int) -> list[Reading]:
    """Where the reading of a short text is kept once it is known: what is not is read with all others of its document."""
    return []


def read_text(text: str, backend: Backend = "lid176", seed: int = 0) -> Reading:
    """The reading of one text; a pure function, remembered for short texts."""
    return _read_others([text[:_MAX_CHARS]], {}, backend, seed)[0]


def _read_others(texts: Sequence[str], counts: Mapping[str, ScriptCount], backend: Backend, seed: int) -> list[Reading]:
    """The readings of texts, those of short ones remembered; ``counts`` of some of those without addresses."""
    found = {text: _remembered_reading(text, backend, seed) if len(text) <= _CACHED_CHARS else [] for text in texts}
    unread = [text for text, reading in found.items() if not reading]
    for text, reading in zip(unread, _read(unread, backend, seed, counts), strict=True):
        found[text].append(reading)
    return [found[text][0] for text in texts]


def read_texts(texts: Sequence[str], backend: Backend, seed: int) -> list[Reading]:
    """``read_text`` of every text; Chinese and Japanese ones, which their characters decide, all at once."""
    heads = [text[:_MAX_CHARS] for text in texts]
    plain = list({text for text in heads if not text.isascii() and not has_address(text)})
    counts = dict(zip(plain, count_scripts_each(plain), strict=True))
    decided = [text for text, count in counts.items() if count.script == "CJK"]
    evidence = dict(zip(decided, han_evidence_each(decided), strict=True))
    others = [text for text in heads if text not in evidence]
    readings = {text: _read_han(text, counts[text], evidence[text]) for text in decided}
    readings.update(zip(others, _read_others(others, counts, backend, seed), strict=True))
    return [readings[text] for text in heads]


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
_MAX_OPEN = 24  # characters of a line that is joined: a longer one tells by itself

#: A word in Latin letters that is no acronym and no number: four letters in a row, or in capitals more than six.
_WORD = re.compile(r"[A-Za-zÀ-ɏ][a-zß-öø-ÿā-ɏ]{3}|[A-Z]{7}")
_WORD_LETTERS = 4  # of it, at least
_OTHER_LETTERS = re.compile(f"[{OTHER_LETTERS}]")


@lru_cache(maxsize=4096)  # a menu comes with every page of its site
def _remembered_candidates(_text: str, _backend: Backend, _seed: int) -> list[Candidates]:
    return []


def _candidates(texts: Sequence[str], backend: Backend, seed: int) -> list[Candidates]:
    found = {text: _remembered_candidates(text, backend, seed) for text in texts}
    unread = [text for text, candidates in found.items() if not candidates]
    for text, candidates in zip(unread, BACKENDS[backend](unread, (), seed) if unread else (), strict=True):
        found[text].append(candidates)
    return [found[text][0] for text in texts]


def running_words(texts: Sequence[str]) -> list[str]:
    """Each text without addresses if it is words in Latin letters and no code; else nothing.

    >>> running_words(["Terms of use", "COP29", "x = y_total + 1", "见 Terms of use"])
    ['Terms of use', '', '', '']
    """
    return [_running_words(text, *signs) for text, signs in zip(texts, count_signs(texts), strict=True)]


def _running_words(text: str, n_latin: int, n_others: int, n_symbols: int) -> str:
    if n_latin < _WORD_LETTERS:
        return ""
    words = strip_addresses(text)
    if n_others and (words is text or _OTHER_LETTERS.search(words)):
        return ""
    if _WORD.search(words) is None or (is_dense(n_symbols, len(text)) and looks_like_code(text)):
        return ""
    return words


def confirmed(texts: Sequence[str], lang: str, backend: Backend, seed: int) -> list[bool]:
    """Of running words (``running_words``) of one kind, in the order of the page: whether each is in ``lang``."""
    found = margins(texts, lang)
    sure = [margin >= MARGIN for margin in found]
    opened = [i for i, margin in enumerate(found) if OPEN_MARGIN <= margin < MARGIN and len(texts[i]) <= _MAX_OPEN]
    groups = list(_joined(texts, opened))
    joined = [" ".join([texts[place] for place in places]) for places in groups]
    for places, candidates in zip(groups, _candidates(joined, backend, seed), strict=True):
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
