"""White space: collapsing it in a text, finding where a text begins and ends in its source."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

#: Scripts and punctuation set without spaces: a line break between two of them is no space
#: (https://www.w3.org/TR/css-text-3/#line-break-transform). Hangul is set with spaces.
_WIDE: Final = (
    "\u2e80-\u2fff\u3001-\u312f\u31a0-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60"
    "\U00020000-\U0003ffff"
)
_WIDE_BREAK: Final = re.compile(rf"(?<=[{_WIDE}])[ \t]{{0,99}}[\r\n][ \t\r\n]{{0,999}}(?=[{_WIDE}])")
#: Invisible at the edge of a text: zero-width space and joiners, word joiner, byte order mark, soft hyphen.
INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_DOUBTFUL: Final = INVISIBLE + "&;"
_ENTITY: Final = re.compile(r"&#?\w{1,24};?")
_MAX_ENTITY: Final = 24  # characters


#: The commonest character references; none decodes to a sign that another could begin or end with.
_COMMON: Final = (
    *(("&nbsp;", "\u00a0"), ("&quot;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&#160;", "\u00a0")),
    *(("&ldquo;", "“"), ("&rdquo;", "”"), ("&mdash;", "—"), ("&middot;", "·"), ("&emsp;", "\u2003")),
    *(("&rsquo;", "’"), ("&hellip;", "…"), ("&ndash;", "–"), ("&copy;", "©"), ("&raquo;", "»")),
)


def decode(text: str) -> str:
    """The same as ``html.unescape``, several times as fast where all references are common ones.

    >>> decode("R&amp;D&nbsp;&ldquo;&#x78b3;&rdquo; &amp;lt;")
    'R&D\\xa0“碳” &lt;'
    """
    if "&" not in text:
        return text
    if text.count(";") < 4:  # character references are rarely more: try the common ones one by one
        for reference, char in _COMMON:
            if reference in text:
                text = text.replace(reference, char)
        if "&" not in text:
            return text
        if text.count("&") == text.count("&amp;"):
            return text.replace("&amp;", "&")
    return unescape(text)


def collapse(text: str) -> str:
    """The text with each run of white space as one space and none at its ends.

    A line break between two Chinese or Japanese characters is dropped instead.

    >>> collapse("  carbon\\n market　中国\\n碳市场 ")
    'carbon market 中国碳市场'
    """
    text = text.strip()
    if text.isprintable() and "  " not in text:  # no white space is printable but the plain space
        return text
    if "\n" in text and not text.isascii():
        text = _WIDE_BREAK.sub("", text)
    return " ".join(text.split())


def edges(text: str, *, entities: bool = False) -> tuple[int, int]:
    """Where what can be seen of the text begins and ends; (0, 0) when nothing can.

    With ``entities`` a space may be spelled as a character reference, as in HTML source.

    >>> edges("　 碳市场\ufeff ")
    (2, 5)
    >>> edges("&nbsp;&#12288; R&D&nbsp;", entities=True)
    (15, 18)
    """
    stripped = text.strip()
    if not stripped:
        return 0, 0
    first = stripped[0]
    if first in _DOUBTFUL or stripped[-1] in _DOUBTFUL:
        return _doubtful_edges(text, entities)
    start = text.find(first)
    return start, start + len(stripped)


def _doubtful_edges(text: str, entities: bool) -> tuple[int, int]:
    """The same, looked for step by step."""
    start, end = 0, len(text)
    while start < end and (step := _unseen(text, start, end, entities)):
        start += step
    while end > start:
        at = end - 1
        if entities and text[at] == ";":
            at = text.rfind("&", max(start, end - _MAX_ENTITY), end)
        if at < 0 or _unseen(text, at, end, entities) != end - at:
            break
        end = at
    return (start, end) if end > start else (0, 0)


def _unseen(text: str, start: int, end: int, entities: bool) -> int:
    """Length of the space or invisible character at a place of the text; 0 when it can be seen."""
    first = text[start]
    if first.isspace() or first in INVISIBLE:
        return 1
    found = _ENTITY.match(text, start, end) if entities and first == "&" else None
    return found.end() - start if found and edges(unescape(found[0])) == (0, 0) else 0
