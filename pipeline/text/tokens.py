"""Counting tokens alike everywhere: a CJK character is one, a run of other letters or digits is one."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from pipeline.compiled import kernel
from pipeline.kept import kept
from pipeline.text.codes import CLASSED, Classes, Codes, Ints, Points, class_table, code_points

#: Character class of scripts written without spaces: Han (with extensions and compatibility forms),
#: kana, bopomofo and the iteration marks. Hangul is written with spaces and counts by words.
CJK = (
    r"\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)

_TOKEN = re.compile(f"[{CJK}]|[^\\W_{CJK}]+")
_CJK = re.compile(f"[{CJK}]")
_ASCII_WORDS = bytes(code if chr(code).isalnum() else 32 for code in range(128)) + bytes(128)
_CACHED_CHARS = 2000
_FEW_CHARS = 60  # below it the tokens are listed sooner than the code points are read
_SEPARATOR, _WORD, _ONE = 0, 1, 2  # classes of a code point: one is a token by itself


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order, as written.

    >>> tokens("碳市场 COP29, net-zero")
    ['碳', '市', '场', 'COP29', 'net', 'zero']
    """
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Number of tokens: each CJK character one, each run of other letters or digits one.

    >>> count_tokens("关于印发《方案》的通知 (2022)")
    10
    """
    return _count_cached(text) if len(text) <= _CACHED_CHARS else _count(text)


def count_tokens_of(codes: Codes) -> Ints:
    """``count_tokens`` of each text."""
    return _count_all(codes.points, codes.starts, _token_classes())


def _count(text: str) -> int:
    if text.isascii():  # the same, without a list of the tokens
        return len(text.encode().translate(_ASCII_WORDS).split())
    if len(text) < _FEW_CHARS:
        return len(_TOKEN.findall(text))
    whole = np.array((0, len(text)))
    whole.flags.writeable = False
    return int(_count_all(code_points(text), whole, _token_classes())[0])


_count_cached = lru_cache(maxsize=4096)(_count)  # a block is counted by several stages in a row


@kernel
def _count_all(points: Points, starts: Ints, class_of: Classes) -> Ints:
    counts = np.zeros(len(starts) - 1, np.int64)
    for text in range(len(counts)):
        before = _SEPARATOR
        for at in range(starts[text], starts[text + 1]):
            found = class_of[points[at]]
            if found == _ONE or (found == _WORD and before != _WORD):
                counts[text] += 1
            before = found
    return counts


@kept()
def _token_classes() -> Classes:
    """What each code point is to tokens."""
    plain = "".join(map(chr, range(CLASSED)))
    cjk = {found.start() for found in _CJK.finditer(plain)}
    words = (_ONE if point in cjk else _WORD if char.isalnum() else _SEPARATOR for point, char in enumerate(plain))
    return class_table(words, ideograph=_ONE, beyond=_SEPARATOR)


def count_cjk(text: str) -> int:
    """Number of CJK characters."""
    return len(_CJK.findall(text))
