"""Plain text to blocks: one for each line that is not blank."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.extract.blocks import RawBlock, assemble
from pipeline.extract.runs import edges
from pipeline.types import BlockKind, Extracted

#: Line ends of text files; the group tells one of them from the next.
_LINE: Final = re.compile("[^\n\r\u2028\u2029\x0b\x0c]++")
_LINE_END: Final = re.compile("\r\n|[\n\r\u2028\u2029\x0b\x0c]")
#: Signs that can only be bullets, followed by a space, or bullets that no sentence begins with.
_BULLET: Final = re.compile(r"(?:[-*+–][ \t\u3000\u00a0]|[•·●○◦▪■□◆◇►▶➤‣⁃∙]\s{0,9}+)(?=\S)")


def lines_of(source: str) -> Iterator[tuple[int, int, int]]:
    """Start, end and number of blank lines before each line that is not blank, white space cut off."""
    n_ends = 0
    at = 0
    for found in _LINE.finditer(source):
        start, end = found.span()
        line = found[0]
        if start > at:
            gap = source[at:start]
            n_ends += len(gap) if "\r\n" not in gap else len(_LINE_END.findall(gap))
        at = end
        first, last = edges(line)
        if not last:
            continue
        yield start + first, start + last, max(0, n_ends - 1)
        n_ends = 0


def extract_plain(source: str) -> Extracted:
    """The blocks of a text without mark-up; what lies between them is white space only.

    Offsets are code points of ``source``. Lines are never joined: where text is hard-wrapped, each line is
    a block. Headings are not guessed at here.
    """
    return assemble(_blocks(source), keep_spaces=True)


def _blocks(source: str) -> Iterator[RawBlock]:
    for start, end, n_breaks in lines_of(source):
        text = source[start:end]
        bullet = _BULLET.match(text)
        kind = BlockKind.LIST_ITEM if bullet else BlockKind.PARAGRAPH
        yield RawBlock(start, end, text, kind, 1 if bullet else 0, n_breaks)
