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
_ENTITY: Final = re.compile(r"&#?\w{1,8};?")


def collapse(text: str) -> str:
    """The text with each run of white space as one space and none at its ends.

    A line break between two Chinese or Japanese characters is dropped instead.

    >>> collapse("  carbon\\n market　中国\\n碳市场 ")
    'carbon market 中国碳市场'
    """
    words = text.split()
    if len(words) < 2:
        return words[0] if words else ""
    if "\n" in text and not text.isascii():
        words = _WIDE_BREAK.sub("", text).split()
    return " ".join(words)


def lead(text: str, *, entities: bool = False) -> int:
    """How many characters at the start of the text are white space or invisible."""
    stripped = text.lstrip()
    if stripped and stripped[0] not in INVISIBLE and not (entities and stripped[0] == "&"):
        return len(text) - len(stripped)
    while stripped:
        found = _ENTITY.match(stripped) if entities else None
        if stripped[0] in INVISIBLE:
            stripped = stripped[1:].lstrip()
        elif found and not visible(unescape(found[0])):
            stripped = stripped[found.end() :].lstrip()
        else:
            break
    return len(text) - len(stripped)


def trail(text: str, *, entities: bool = False) -> int:
    """How many characters at the end of the text are white space or invisible."""
    stripped = text.rstrip()
    while stripped:
        last = stripped[-1]
        if last in INVISIBLE:
            stripped = stripped[:-1].rstrip()
            continue
        at = stripped.rfind("&", -10) if entities and last == ";" else -1
        if at < 0 or visible(unescape(stripped[at:])):
            break
        stripped = stripped[:at].rstrip()
    return len(text) - len(stripped)


def visible(text: str) -> bool:
    """Whether anything of the text can be seen."""
    return bool(text.strip().strip(INVISIBLE).strip())
