"""Measure signals of text quality. No filter: a reader of the data sets the thresholds.

To add a signal: a field of ``Quality``, its row in ``QUALITY_FIELDS`` and its line in ``measure_quality``.

Sources: Gopher (Rae et al. 2021, "Scaling Language Models", section A.1.1, MassiveText), C4 (Raffel et al. 2020,
"Exploring the Limits of Transfer Learning", section 2.2), FineWeb (Penedo et al. 2024, "The FineWeb Datasets",
section 3.6). Their rules are for English: here a CJK character counts as one token (``pipeline.text.tokens``),
word length leaves CJK out, and sentence ends are of both widths.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category

import numpy as np
import numpy.typing as npt

from pipeline.compiled import kernel
from pipeline.errors import Reason
from pipeline.kept import kept
from pipeline.text.codes import CLASSED, Classes, Ints, Points, class_table, code_points, read_codes
from pipeline.text.prose import CLAUSE_ENDS, ends_sentence
from pipeline.text.tokens import CJK, count_tokens_of

# Tell text from what only looks like it: signs without words, one sign over and over, encoded bytes, and the debris
# of a wrong charset.

_WORDS = re.compile(r"[^\W_]+")
#: What U+FFFD in UTF-8, and uninitialised memory, look like when read as GBK; and U+FFFD itself.
_DEBRIS = re.compile(r"锟斤拷|锟斤|斤拷|[烫屯]{2,99}|\ufffd")
_DEBRIS_BEGINS = "锟斤烫屯\ufffd"
_MIN_ENCODED = 40  # code points
_ENCODED = re.compile(rf"[A-Za-z0-9+/]{{{_MIN_ENCODED},}}={{0,2}}")  # base64 (RFC 4648) and hex: no word is as long
MIN_WORD_SHARE = 0.1  # of the visible characters that are letters or digits, below which there are no words
MAX_DEBRIS_SHARE = 0.3  # of the visible characters
MAX_ENCODED_SHARE = 0.8  # of the visible characters
MIN_BESIDE = 200  # letters beside encoded bytes that are a text, as under a heading of a million letters
MIN_DIFFERENT, MANY = 8, 400  # different characters that any text of so many has
_LOOKED_AT = 2_000  # characters: the beginning of a text tells


def debris(text: str) -> tuple[Reason, str] | None:
    """Why a text is none, as a reason and a sentence; None for a text.

    >>> debris("烫烫烫烫烫烫锟斤拷锟斤拷")[0].value, debris("!?。，--"*9)[0].value, debris("铁锅烫手。")
    ('undecodable', 'no_content', None)
    """
    head = text[:_LOOKED_AT]
    words = head.split()
    visible = sum(map(len, words))
    if any(sign in head for sign in _DEBRIS_BEGINS):
        garbled = sum(map(len, _DEBRIS.findall(head)))
        if garbled > MAX_DEBRIS_SHARE * visible:
            return Reason.UNDECODABLE, "Most of its text is the debris of a wrong charset; fetch it again."
    may_be_encoded = any(len(word) >= _MIN_ENCODED for word in words)
    if may_be_encoded and _encoded_share(head) > MAX_ENCODED_SHARE and _is_encoded(text):
        return Reason.NO_CONTENT, "Its text is encoded bytes, as base64 or hexadecimal digits, not words."
    if len(text) >= MANY and len(set(text[:MANY])) < MIN_DIFFERENT and len(set(text)) < MIN_DIFFERENT:
        return Reason.NO_CONTENT, "Its text is a few characters over and over."
    if _n_letters(head[:MANY]) >= MIN_WORD_SHARE * visible:
        return None
    n_words = _n_letters(head)
    if n_words < MIN_WORD_SHARE * visible:  # marks on letters belong to them; they are counted where it matters only
        visible -= sum(category(sign).startswith("M") for sign in head)
    if n_words < MIN_WORD_SHARE * visible:
        return Reason.NO_CONTENT, "Its text is signs, with hardly a letter or digit among them."
    return None


def _n_letters(text: str) -> int:
    """Letters and digits."""
    return sum(map(len, _WORDS.findall(text)))


def _is_encoded(text: str) -> bool:
    """Whether there is hardly a word beside the encoded bytes."""
    return _n_letters(_ENCODED.sub(" ", text)) < MIN_BESIDE and _encoded_share(text) > MAX_ENCODED_SHARE


def _encoded_share(text: str) -> float:
    """Share of the visible characters that are encoded bytes."""
    return sum(map(len, _ENCODED.findall(text))) / max(1, sum(map(len, text.split())))


_SHORT_LINE = 15  # tokens: a line below it without a sentence end is taken for an entry of a list
_GRAM = 4  # tokens
#: Classes of characters; from ``_DIGIT`` to ``_LETTER`` they make words, as in ``pipeline.text.tokens``.
_OTHER, _PUNCTUATION, _SYMBOL, _SPACE, _REPLACEMENT, _DIGIT, _UPPER, _LOWER, _LETTER, _CJK = range(10)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(29)

_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Quality:
    """Signals of one text. Ratios are 0 to 1, and 0.0 where there is nothing to divide by."""

    n_chars: int
    n_tokens: int
    n_lines: int
    mean_line_tokens: float
    mean_word_chars: float
    punctuation_ratio: float
    digit_ratio: float
    cjk_ratio: float
    upper_ratio: float
    symbol_ratio: float
    repeated_line_ratio: float
    repeated_4gram_ratio: float
    listness: float
    sentence_end_ratio: float
    ellipsis_ratio: float
    replacement_ratio: float


#: Name and description of each field of ``Quality``, in its order: the schema's descriptions.
QUALITY_FIELDS: tuple[tuple[str, str], ...] = (
    ("n_chars", "length in code points"),
    ("n_tokens", "tokens: a CJK character is one, a run of other letters or digits is one (word count of Gopher)"),
    ("n_lines", "lines: the text blocks that are not blank"),
    ("mean_line_tokens", "tokens per line (C4 and FineWeb: short lines)"),
    ("mean_word_chars", "code points per token that is no CJK character (mean word length of Gopher); 0 without"),
    ("punctuation_ratio", "share of punctuation (Unicode P, both widths) in characters that are not white space"),
    ("digit_ratio", "share of decimal digits in characters that are not white space"),
    ("cjk_ratio", "share of CJK characters (Han, kana) in characters that are not white space"),
    ("upper_ratio", "share of capitals in letters that have case"),
    ("symbol_ratio", "share of symbols (Unicode S, and #) in characters that are not white space (Gopher: # to words)"),
    ("repeated_line_ratio", "share of lines that occurred before in the text (Gopher: duplicate line fraction)"),
    ("repeated_4gram_ratio", "share of runs of 4 tokens that occurred before (Gopher: duplicate n-gram fraction)"),
    ("listness", "share of lines of under 15 tokens without an end of sentence (Gopher: bullets; FineWeb: list-like)"),
    ("sentence_end_ratio", "share of lines that end a sentence (C4: terminal punctuation; FineWeb: at least 0.12)"),
    ("ellipsis_ratio", "share of lines that end with an ellipsis (Gopher: at most 0.3)"),
    ("replacement_ratio", "share of U+FFFD, left by undecodable bytes, in characters that are not white space"),
)


def _class_of(char: str) -> int:
    kind = category(char)
    if char == "\ufffd":
        return _REPLACEMENT
    if char.isspace() or kind[0] in "ZC":
        return _SPACE
    if char.isalnum():
        return {"Nd": _DIGIT, "Lu": _UPPER, "Lt": _UPPER, "Ll": _LOWER}.get(kind, _LETTER)
    if char == "#" or kind[0] == "S":
        return _SYMBOL
    return _PUNCTUATION if kind[0] == "P" else _OTHER


@kept()
def _class_table() -> Classes:
    """Class of each code point."""
    chars = [chr(code) for code in range(CLASSED)]
    classes = np.fromiter(map(_class_of, chars), np.uint8, CLASSED)
    classes[[ord(char) for char in re.findall(f"[{CJK}]", "".join(chars))]] = _CJK
    return class_table(classes, ideograph=_CJK, beyond=_OTHER)


@kernel
def _walk(points: Points, class_of: Classes) -> tuple[Ints, _Hashes]:
    """How many characters of each class, and a 64-bit polynomial hash of each token.

    A token begins at each CJK character and at the first character of each word.
    """
    counts, hashes, n = np.zeros(10, np.int64), np.empty(len(points), np.uint64), 0
    value, weight, in_word = np.uint64(0), np.uint64(0), False
    for point in points:
        found = class_of[point]
        counts[found] += 1
        if found < _DIGIT:
            in_word = False
            continue
        if found == _CJK or not in_word:
            value, weight = np.uint64(0), np.uint64(1)
            n += 1
        value += np.uint64(point) * weight
        weight *= _BASE
        hashes[n - 1], in_word = value, found != _CJK
    return counts, hashes[:n]


@kernel
def _grams(hashes: _Hashes) -> _Hashes:
    """A hash of each run of ``_GRAM`` tokens."""
    grams = np.zeros(max(len(hashes) - _GRAM + 1, 0), np.uint64)
    for at in range(len(grams)):
        for offset in range(_GRAM):
            grams[at] = (grams[at] ^ (grams[at] >> _FOLD)) * _BASE + hashes[at + offset]
    return grams


def _repeated_grams(hashes: _Hashes) -> float:
    """Share of runs of four tokens that occurred before."""
    grams = _grams(hashes)
    grams.sort()
    return _ratio(float(np.count_nonzero(grams[1:] == grams[:-1])), len(grams))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _is_entry(end: bool, size: int) -> bool:
    return not end and size < _SHORT_LINE


def measure_quality(text: str, block_texts: Sequence[str]) -> Quality:
    """Signals of a document's clean text.

    ``block_texts`` are its lines as a reader sees them (paragraphs, headings, list items); blank ones do not
    count. Units and sources of the fields are in ``QUALITY_FIELDS``.

    >>> quality = measure_quality("全国碳市场启动。", ["全国碳市场启动。"])
    >>> quality.n_tokens, quality.sentence_end_ratio
    (7, 1.0)
    """
    classes, hashes = _walk(code_points(text), _class_table())
    counts = classes.tolist()
    n_tokens = len(hashes)
    n_visible = len(text) - counts[_SPACE]
    lines = [line for block in block_texts if (line := block.strip())]
    n_lines = len(lines)
    ends = [ends_sentence(line) or line.endswith(tuple(CLAUSE_ENDS)) for line in lines]
    sizes = count_tokens_of(read_codes(lines)).tolist()
    return Quality(
        n_chars=len(text),
        n_tokens=n_tokens,
        n_lines=n_lines,
        mean_line_tokens=_ratio(sum(sizes), n_lines),
        mean_word_chars=_ratio(sum(counts[_DIGIT:_CJK]), n_tokens - counts[_CJK]),
        punctuation_ratio=_ratio(counts[_PUNCTUATION], n_visible),
        digit_ratio=_ratio(counts[_DIGIT], n_visible),
        cjk_ratio=_ratio(counts[_CJK], n_visible),
        upper_ratio=_ratio(counts[_UPPER], counts[_UPPER] + counts[_LOWER]),
        symbol_ratio=_ratio(counts[_SYMBOL], n_visible),
        repeated_line_ratio=_ratio(n_lines - len(set(lines)), n_lines),
        repeated_4gram_ratio=_repeated_grams(hashes),
        listness=_ratio(sum(_is_entry(end, size) for end, size in zip(ends, sizes, strict=True)), n_lines),
        sentence_end_ratio=_ratio(sum(ends), n_lines),
        ellipsis_ratio=_ratio(sum(line.endswith(("…", "...")) for line in lines), n_lines),
        replacement_ratio=_ratio(counts[_REPLACEMENT], n_visible),
    )
