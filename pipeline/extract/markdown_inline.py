"""Inline Markdown to plain text: one substitution a line of ``_SUBSTITUTIONS``, in order.

Every expression stops at the sign it begins with, so that each character is looked at a bounded number of times.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from pipeline.extract.whitespace import collapse

# What follows "](": an address without spaces, or one with spaces that is plainly one, and perhaps a title.
_TITLE: Final = r"""(?:\s{1,99}(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'|\([^()\n]{0,500}\)))?"""
_ADDRESS: Final = r"(?:<[^<>\n]{0,2000}>|(?:[^()\s]++|\([^()\s]{0,300}\)){0,200})"
_SPACED: Final = r"(?:https?:|[./#])(?:[^()\n]++|\([^()\n]{0,300}\)){0,200}"
_TARGET: Final = rf"\(\s{{0,9}}(?:{_ADDRESS}{_TITLE}\s{{0,9}}|{_SPACED})\)"
_VALUE: Final = r"""(?:"[^"<>]{0,1000}"|'[^'<>]{0,1000}'|[^\s"'=<>`]{1,1000})"""
_ATTRIBUTE: Final = rf"\s{{1,99}}[a-zA-Z_:@][a-zA-Z0-9_.:@-]{{0,60}}(?:\s{{0,9}}=\s{{0,9}}{_VALUE})?"
_SUBSTITUTIONS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"<((?:https?|ftp|mailto):[^<>\s]{1,2000})>", r"\1"),  # address as its own link
        (r"<br\s{0,9}/?>", " "),
        (rf"</?[a-zA-Z][a-zA-Z0-9-]{{0,30}}(?:{_ATTRIBUTE}){{0,60}}\s{{0,99}}/?>", ""),  # HTML tag
        (rf"!\[[^\[\]]{{0,1000}}\]{_TARGET}", ""),  # image
        (r"!\[[^\[\]]{0,1000}\]\[[^\[\]]{0,200}\]", ""),  # image by reference
        (rf"\[([^\[\]]{{0,1000}})\]{_TARGET}", r"\1"),  # link
        (r"\[([^\[\]]{1,1000})\]\[[^\[\]]{0,200}\]", r"\1"),  # link by reference
        (r"\[\^[^\[\]\s]{1,60}\]:?", ""),  # footnote
        (r"(?<!\\)\*{2,3}", ""),  # strong
        (r"(?<![\\\w])\*(?=[^\s*])([^*]++)(?<=\S)\*", r"\1"),  # emphasis
        (r"(?<![\\\w])_{1,3}(?=[^\s_])([^_]++)(?<=\S)_{1,3}(?!\w)", r"\1"),
        (r"~~", ""),  # struck out
        (r"\\([!-/:-@\[-`{-~])", r"\1"),  # escaped sign
    )
)
_CODE: Final = re.compile(r"(`+[^`]++`+)")
_MARKS: Final = re.compile(r"[\[\]<*_~\\`&]")


def plain_text(text: str) -> str:
    """The text without inline mark-up, white space collapsed.

    >>> plain_text("See [碳市场](https://example.org/a_(b)) and **`a*b*c`** ![图](x.png)")
    'See 碳市场 and a*b*c'
    """
    if _MARKS.search(text) is None:
        return collapse(text)
    parts = _CODE.split(text)
    return collapse("".join(part.strip("`") if i % 2 else _marked(part) for i, part in enumerate(parts)))


def _without_comments(text: str) -> str:
    kept = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return "".join((*kept, text[at:]))


def _marked(text: str) -> str:
    if "<!--" in text:
        text = _without_comments(text)
    for pattern, replacement in _SUBSTITUTIONS:
        text = pattern.sub(replacement, text)
    return unescape(text) if "&" in text else text
