"""Tell text from what only looks like it: signs without words, one sign over and over, encoded bytes, and the debris
of a wrong charset.
"""

from __future__ import annotations

import re
from unicodedata import category

from pipeline.errors import Reason

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
