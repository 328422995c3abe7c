"""What a line is by its form alone: a heading or not. What prose is and where a sentence ends says ``text.prose``.

Shared by titles, sections and truncation, so that they mean the same by these words. All limits are in tokens
(a CJK character is one) or characters, and stand as constants at the top.
"""

from __future__ import annotations

import re

from pipeline.text.prose import CLOSERS
from pipeline.text.tokens import CJK, count_tokens
from pipeline.types import Block, BlockKind

#: A headline has at most this many characters; the longest in the project's samples have 170.
MAX_HEADING_CHARS = 220
MAX_HEADING_TOKENS = 70
_NO_HEADING_END = re.compile(rf"[.。．…,，、;；:：][{re.escape(CLOSERS)}]{{0,4}}\s*\Z")
_ABBREVIATION_END = re.compile(r"(?:\b(?:[A-Z]\.){1,4}|\b(?:Inc|Ltd|Co|Corp|Jr|Sr|St|Bros|etc|vs|a\.m|p\.m)\.)\Z")
_SENTENCE_INSIDE = re.compile(r"[。；]\s*\S|[a-z0-9)\"”][.;] +[A-Z\"“]")
_BULLET = re.compile(r"[•·●○◆◇■□▪▸►*→✓☆–—-]\s")
_LETTER = re.compile(r"[^\W\d_]")
_HAS_CJK = re.compile(f"[{CJK}]")


def is_heading_text(text: str) -> bool:
    """Whether a line may be a headline: short, of letters, one clause, with no sign at its end but ? or !.

    >>> is_heading_text("全国碳市场今日启动 首日成交410万吨"), is_heading_text("In addition, the plan says:")
    (True, False)
    """
    if len(text) > MAX_HEADING_CHARS or not _LETTER.search(text) or _BULLET.match(text):
        return False
    if _NO_HEADING_END.search(text, max(0, len(text) - 8)) and not _ABBREVIATION_END.search(text):
        return False
    return _SENTENCE_INSIDE.search(text) is None and count_tokens(text) <= MAX_HEADING_TOKENS


def is_heading(block: Block) -> bool:
    """Whether a block is a heading by its mark-up, or a paragraph that reads like one."""
    if block.kind is BlockKind.HEADING:
        return len(block.text) <= MAX_HEADING_CHARS
    return block.kind is BlockKind.PARAGRAPH and is_heading_text(block.text)


def has_cjk(text: str) -> bool:
    """Whether a text has a CJK character."""
    return _HAS_CJK.search(text) is not None
