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

from pipeline.errors import Reason
from pipeline.kept import kept
from pipeline.text.prose import CLAUSE_ENDS, ends_sentence
from pipeline.text.tokens import CJK

# Tell text from what only looks like it: signs without words, one sign over and over, encoded bytes, and the debris
# of a wrong charset.

_WORDS = re.compile(r"[^\W_]")
#: What U+FFFD in UTF-8, and uninitialised memory, look like when read as GBK; and U+FFFD itself.
_DEBRIS = re.compile(r"锟斤拷|锟斤|斤拷|[烫屯]{2,99}|\ufffd")
_VISIBLE = re.compile(r"\S")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{40,}+={0,2}")  # base64 (RFC 4648) and hex: no word is as long
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
    visible = len(_VISIBLE.findall(head))
    garbled = sum(len(found) for found in _DEBRIS.findall(head))
    if garbled > MAX_DEBRIS_SHARE * visible:
        return Reason.UNDECODABLE, "Most of its text is the debris of a wrong charset; fetch it again."
    if _encoded_share(head) > MAX_ENCODED_SHARE and _is_encoded(text):
        return Reason.NO_CONTENT, "Its text is encoded bytes, as base64 or hexadecimal digits, not words."
    if len(text) >= MANY and len(set(text)) < MIN_DIFFERENT:
        return Reason.NO_CONTENT, "Its text is a few characters over and over."
    n_words = len(_WORDS.findall(head))
    if n_words < MIN_WORD_SHARE * visible:  # marks on letters belong to them; they are counted where it matters only
        visible -= sum(category(sign).startswith("M") for sign in head)
    if n_words < MIN_WORD_SHARE * visible:
        return Reason.NO_CONTENT, "Its text is signs, with hardly a letter or digit among them."
    return None


def _is_encoded(text: str) -> bool:
    """Whether there is hardly a word beside the encoded bytes."""
    beside = len(_WORDS.findall(_ENCODED.sub(" ", text)))
    return beside < MIN_BESIDE and _encoded_share(text) > MAX_ENCODED_SHARE


def _encoded_share(text: str) -> float:
    return sum(map(len, _ENCODED.findall(text))) / max(1, len(_VISIBLE.findall(text)))


_SHORT_LINE = 15  # tokens: a line below it without a sentence end is taken for an entry of a list
_GRAM = 4  # tokens
#: Classes of characters; from ``_DIGIT`` to ``_LETTER`` they make words, as in ``pipeline.text.tokens``.
_OTHER, _PUNCTUATION, _SYMBOL, _SPACE, _REPLACEMENT, _DIGIT, _UPPER, _LOWER, _LETTER, _CJK = range(10)
_CLASSED = 0x20000  # code points with a row in the table of classes: planes 0 and 1
_IDEOGRAPHS = (0x20000, 0x3FFFF)  # planes 2 and 3
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2**64
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))

_Codes = npt.NDArray[np.uint32]
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
def _class_table() -> npt.NDArray[np.uint8]:
    """Class of each code point of planes 0 and 1; then one for the ideographs beyond and one for the rest."""
    chars = [chr(code) for code in range(_CLASSED)]
    table = np.fromiter(map(_class_of, chars), np.uint8, _CLASSED)
    table[[ord(char) for char in re.findall(f"[{CJK}]", "".join(chars))]] = _CJK
    return np.append(table, np.array([_CJK, _OTHER], dtype=np.uint8))


def _codes(text: str) -> _Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _classes(codes: _Codes) -> npt.NDArray[np.uint8]:
    rows = np.minimum(codes, np.uint32(_CLASSED))
    rows[codes > _IDEOGRAPHS[1]] = _CLASSED + 1
    return _class_table()[rows]


def _token_starts(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Where a token begins: at each CJK character and at the first character of each word."""
    word = (classes >= _DIGIT) & (classes < _CJK)
    starts: npt.NDArray[np.bool_] = word | (classes == _CJK)
    starts[1:] &= ~(word[1:] & word[:-1])
    return starts


def _token_hashes(codes: _Codes, classes: npt.NDArray[np.uint8], starts: npt.NDArray[np.bool_]) -> _Hashes:
    """A 64-bit polynomial hash of each token, from prefix sums."""
    first = np.flatnonzero(starts)
    n_codes = len(codes)
    inside = np.where(classes >= _DIGIT, codes, 0).astype(np.uint64)  # what lies between tokens adds nothing
    powers = np.ones(n_codes, dtype=np.uint64)
    powers[1:] = np.multiply.accumulate(np.full(n_codes - 1, _BASE))
    sums = np.add.reduceat(inside * powers, first)
    inverses = np.ones(n_codes, dtype=np.uint64)
    inverses[1:] = np.multiply.accumulate(np.full(n_codes - 1, _INVERSE))
    hashes: _Hashes = sums * inverses[first]
    return hashes


def _repeated_grams(hashes: _Hashes) -> float:
    """Share of runs of four tokens that occurred before."""
    n_grams = len(hashes) - _GRAM + 1
    if n_grams <= 1:
        return 0.0
    grams = np.zeros(n_grams, dtype=np.uint64)
    for offset in range(_GRAM):
        grams = (grams ^ (grams >> np.uint64(29))) * _BASE + hashes[offset : offset + n_grams]
    grams.sort()
    return float(np.count_nonzero(grams[1:] == grams[:-1])) / n_grams


def _line_tokens(lines: Sequence[str]) -> list[int]:
    """Tokens of each line."""
    if not lines:
        return []
    starts = _token_starts(_classes(_codes("\n".join(lines)))).astype(np.int64)
    edges = np.cumsum([0] + [len(line) + 1 for line in lines[:-1]])
    return [int(size) for size in np.add.reduceat(starts, edges)]


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
    codes = _codes(text)
    classes = _classes(codes)
    counts = [int(count) for count in np.bincount(classes, minlength=10)]
    starts = _token_starts(classes)
    n_tokens = int(np.count_nonzero(starts))
    n_visible = len(text) - counts[_SPACE]
    lines = [line for block in block_texts if (line := block.strip())]
    n_lines = len(lines)
    ends = [ends_sentence(line) or line.endswith(tuple(CLAUSE_ENDS)) for line in lines]
    sizes = _line_tokens(lines)
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
        repeated_4gram_ratio=_repeated_grams(_token_hashes(codes, classes, starts)) if n_tokens else 0.0,
        listness=_ratio(sum(_is_entry(end, size) for end, size in zip(ends, sizes, strict=True)), n_lines),
        sentence_end_ratio=_ratio(sum(ends), n_lines),
        ellipsis_ratio=_ratio(sum(line.endswith(("…", "...")) for line in lines), n_lines),
        replacement_ratio=_ratio(counts[_REPLACEMENT], n_visible),
    )
