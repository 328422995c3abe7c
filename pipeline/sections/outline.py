"""The headings of a document: which blocks may be headlines of stories.

With mark-up the headings are known and only their level is in question; in flattened text a headline is a
heading-like line with a body after it. What a heading-like line must not be is in ``NO_HEADLINE``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.headings import is_heading_text
from pipeline.text.prose import is_prose_line
from pipeline.tokens import count_tokens
from pipeline.types import Block, BlockKind

#: Numbers that make a heading a step or chapter of one outline.
NUMBERED = re.compile(
    r"\s*(?:\d{1,2}(?:\.\d{1,2}){0,3}[.、)）:：]?\s|\d{1,2}[、.)）]|[一二三四五六七八九十]{1,3}[、.．]|[（(][一二三四五六七八九十\d]{1,3}[)）]"
    r"|第[一二三四五六七八九十\d]{1,3}[章节步部条]|(?:Step|Part|Chapter|Method|Section|Tip|Lesson|Phase|Question)\s?#?\d)",
    re.IGNORECASE,
)
#: Heading-like lines of flattened text that are none: begun in lower case, in brackets as a whole, addresses, code,
#: times, quotations, connectives, bylines, table rows.
NO_HEADLINE = re.compile(
    r"[a-z][a-z,]|[（(\[][^（）()\[\]]{1,200}[)）\]]\Z|.{0,200}(?:https?://|www\.|[{};\\]|&&|\|\||==|->|=>|::|\s\|\s.{1,80}\s\|\s)"
    r"|\W{0,2}\d[\d:.,/\s-]{0,12}(?:GMT|[ap]m|年|月|日|%)?\Z|[\"“].{1,200}[\"”]\Z|[$#>@/]\s?\w|\d{4}-\d\d-\d\d"
    r"|(?:In addition|However|Moreover|Furthermore|Meanwhile|Therefore|Besides|Also|In conclusion|As a result|For example"
    r"|At the same time|According to|By the way)\b|此外|另外|同时|与此同时|因此|所以|但是|然而|不过|例如|比如"
    r"|(?:By|Photo|Image|Source|Photograph|Posted|Updated|Published)\b[: ]|(?:图|文|作者|记者|来源|编辑|摄影|执笔)\s?[/:：|丨]"
)
#: A line that ends in ! or ? and is longer is a sentence, in tokens.
_MAX_EXCLAMATION = 16
_MAX_CJK_EXCLAMATION = 40
_EXCLAMATION = re.compile(r"[!?！？][\"”’]?\Z")


def headline_candidates(blocks: Sequence[Block]) -> tuple[int, ...]:
    """Indices into ``blocks`` (the content of a document) of what may be headlines, in order.

    Every one of them has a block after it that is not one.
    """
    marked = [i for i, block in enumerate(blocks) if block.kind is BlockKind.HEADING]
    if len(marked) >= 2:
        return _with_body(_story_level(blocks, marked), len(blocks))
    found = [i for i, block in enumerate(blocks[:-1]) if is_headline_text(block) and _is_body(blocks, i + 1)]
    return _with_body(_without_outline(blocks, found), len(blocks))


def is_headline_text(block: Block) -> bool:
    """Whether a block reads like a headline, by its text alone."""
    if block.kind not in (BlockKind.PARAGRAPH, BlockKind.HEADING) or not is_heading_text(block.text):
        return False
    if block.kind is BlockKind.HEADING:
        return True
    if NO_HEADLINE.match(block.text):
        return False
    if _EXCLAMATION.search(block.text):
        limit = _MAX_EXCLAMATION if block.text.isascii() else _MAX_CJK_EXCLAMATION
        return count_tokens(block.text) <= limit
    return True


def _is_body(blocks: Sequence[Block], index: int) -> bool:
    """Whether a block may be the first of a headline's body: prose, or anything that is no heading-like line."""
    text = blocks[index].text
    if not is_heading_text(text):
        return True
    return is_prose_line(text) and not _is_headline_of(blocks, index)


def _is_headline_of(blocks: Sequence[Block], index: int) -> bool:
    """Whether a line that is both heading-like and long enough for prose is the headline of the prose after it."""
    after = blocks[index + 1].text if index + 1 < len(blocks) else ""
    return is_headline_text(blocks[index]) and is_prose_line(after) and 2 * len(blocks[index].text) < len(after)


def _story_level(blocks: Sequence[Block], marked: Sequence[int]) -> list[int]:
    """Of marked headings those of the topmost level that mostly have a body of their own."""
    for level in sorted({blocks[i].level for i in marked}):
        here = [i for i in marked if blocks[i].level == level]
        with_body = [i for i in here if i + 1 < len(blocks) and blocks[i + 1].kind is not BlockKind.HEADING]
        if len(here) >= 2 and 2 * len(with_body) > len(here):
            return with_body
    return []


def _without_outline(blocks: Sequence[Block], found: Sequence[int]) -> list[int]:
    """Without numbered headings where most are not numbered: those are parts of one story."""
    numbered = {i for i in found if NUMBERED.match(blocks[i].text)}
    return [i for i in found if i not in numbered] if 2 * len(numbered) < len(found) else list(found)


def _with_body(found: Sequence[int], n_blocks: int) -> tuple[int, ...]:
    """Without headings that have nothing before the next one."""
    following = [*found[1:], n_blocks][: len(found)]
    return tuple(i for i, after in zip(found, following, strict=True) if after - i > 1)
