"""What a line is by its form alone: a heading, a piece of prose, the end of a sentence.

Shared by titles, sections and truncation, so that they mean the same by these words. All limits are in tokens
(a CJK character is one) or characters, and stand as constants at the top.
"""

from __future__ import annotations

import re

from pipeline.tokens import CJK, count_tokens
from pipeline.types import Block, BlockKind

#: A headline has at most this many characters; the longest in the project's samples have 170.
MAX_HEADING_CHARS = 220
MAX_HEADING_TOKENS = 70
#: Prose has at least this many tokens and ends a sentence, or so many that it cannot be a headline.
MIN_PROSE_TOKENS = 12
MIN_UNENDED_PROSE_TOKENS = 45
_PROSE_CHARS = 400  # characters that hold so many tokens of running text

_CLOSERS = "\"'”’」』）)】］]》»›"
#: Signs that end a sentence, with what may close after them.
SENTENCE_END = re.compile(rf"[.。．!！?？…‥][{re.escape(_CLOSERS)}]{{0,4}}\s*(?:\[\d{{1,3}}\]\s*){{0,4}}\Z")
_NO_HEADING_END = re.compile(rf"[.。．…,，、;；:：][{re.escape(_CLOSERS)}]{{0,4}}\s*\Z")
_ABBREVIATION_END = re.compile(r"(?:\b(?:[A-Z]\.){1,4}|\b(?:Inc|Ltd|Co|Corp|Jr|Sr|St|Bros|etc|vs|a\.m|p\.m)\.)\Z")
_SENTENCE_INSIDE = re.compile(r"[。；]\s*\S|[a-z0-9)\"”][.;] +[A-Z\"“]")
_BULLET = re.compile(r"[•·●○◆◇■□▪▸►*→✓☆–—-]\s")
_LETTER = re.compile(r"[^\W\d_]")
_HAS_CJK = re.compile(f"[{CJK}]")


def ends_sentence(text: str) -> bool:
    """Whether the text ends with the end of a sentence, closing quotes and reference marks allowed for.

    >>> ends_sentence("会议取得圆满成功。”"), ends_sentence("to strengthen the awareness of corporate social")
    (True, False)
    """
    return SENTENCE_END.search(text, max(0, len(text) - 40)) is not None


def is_prose(text: str) -> bool:
    """Whether a line is running text: long enough and sentences, or too long for anything else.

    >>> is_prose("记者7日从生态环境部获悉，全国碳市场运行平稳。"), is_prose("关于我们 | 联系我们")
    (True, False)
    """
    if len(text) < MIN_PROSE_TOKENS:
        return False
    n = count_tokens(text[:_PROSE_CHARS])
    return n >= MIN_UNENDED_PROSE_TOKENS or (n >= MIN_PROSE_TOKENS and ends_sentence(text))


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
