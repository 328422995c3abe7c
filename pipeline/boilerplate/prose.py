"""What is running text: a sentence or more of it, most of it outside links, in any script."""

from __future__ import annotations

import re

from pipeline.boilerplate.lexicon import STOP_CHARACTERS, STOP_WORDS
from pipeline.tokens import CJK, count_tokens, tokens
from pipeline.types import Block

PROSE_TOKENS = 20  # a block this long with a sentence's end in it is prose; a CJK character is one
RUNNING_TOKENS = 60  # a block this long is prose without one (transcripts, old texts), if it is dense in function words
FUNCTION_SHARES = (0.12, 0.3)  # of its tokens, in CJK characters and in words; menus and lists of names have fewer
DIFFERENT_TOKENS = 20  # among them, or it is a repetition
LINK_DENSE = 0.6  # share of a block's characters inside links that makes it a menu entry

_ENOUGH = 40 * PROSE_TOKENS  # code points in which that many tokens are found, or the text is no prose
_END = re.compile(r"[.!?。！？…]")
_CJK = re.compile(f"[{CJK}]")
_FUNCTION_WORDS = frozenset(STOP_WORDS.split()) | frozenset(STOP_CHARACTERS)


def is_prose(block: Block) -> bool:
    """A sentence or more of running text: long enough, with an end or running on without, most of it outside links."""
    if len(block.text) < PROSE_TOKENS or link_density(block) >= LINK_DENSE:
        return False
    if not _END.search(block.text):
        return _runs_on(block.text)
    return count_tokens(block.text[:_ENOUGH]) >= PROSE_TOKENS


def _runs_on(text: str) -> bool:
    """Whether text without a sentence's end is running text: many words, many of them function words."""
    if len(text) < RUNNING_TOKENS:
        return False
    words = tokens(text[:_ENOUGH].lower())
    if len(words) < RUNNING_TOKENS or len(set(words)) < DIFFERENT_TOKENS:
        return False
    in_cjk = 2 * sum(map(bool, map(_CJK.match, words))) >= len(words)
    return sum(word in _FUNCTION_WORDS for word in words) >= FUNCTION_SHARES[0 if in_cjk else 1] * len(words)


def link_density(block: Block) -> float:
    """Share of a block's characters that are inside links, 0 to 1."""
    return block.markup.link_chars / len(block.text) if block.markup else 0.0
