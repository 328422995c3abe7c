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
_IS_ADDRESS: Final = r"(?=<|[!-'*-~]{0,2000}[\s)(]|[^\s()]{0,2000}[/.#:?])"  # "[1](第三条)" is text
_ADDRESS: Final = rf"(?:<[^<>\n]{{0,2000}}>|{_IS_ADDRESS}(?:[^()\s]++|\([^()\s]{{0,300}}\)){{0,200}})"
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
        (rf"\[([^\[\]]{{0,1000}})\]{_TARGET}", r"\1"),  # link
        (r"\[\^[^\[\]\s]{1,60}\]:?", ""),  # footnote
        (r"(?<!\\)\*{2,3}", ""),  # strong
        (r"(?<![\\\w])\*(?=[^\s*])([^*]++)(?<=\S)\*", r"\1"),  # emphasis
        (r"(?<![\\\w])_{1,3}(?=[^\s_])([^_]++)(?<=\S)_{1,3}(?!\w)", r"\1"),
        (r"~~", ""),  # struck out
        (r"\\([!-/:-@\[-`{-~])", r"\1"),  # escaped sign
    )
)
_REFERRING: Final = re.compile(r"(!?)\[([^\[\]]{1,1000})\]\[([^\[\]]{0,200})\]")  # an image, or a link
_CODE: Final = re.compile(r"(`+[^`]++`+)")
_NO_ENTITY: Final = re.compile(r"&(?!#?\w)")  # and it shall not become one when marks after it are taken out
_MARKS: Final = re.compile(r"[\[\]<*_~\\`&]")


def plain_text(text: str, references: frozenset[str] | None = None) -> str:
    """The text without inline mark-up, white space collapsed.

    ``references`` are the labels that links may refer to, as ``label`` spells them; None when they are not known, and
    then ``[text][word]`` is always a link. Else it is one only if the word is a label.

    >>> plain_text("See [碳市场](https://example.org/a_(b)) and **`a*b*c`** ![图](x.png)")
    'See 碳市场 and a*b*c'
    >>> plain_text("[碳市场][1] [公告][新华社]", frozenset(["1"]))
    '碳市场 [公告][新华社]'
    """
    if _MARKS.search(text) is None:
        return collapse(text)
    parts = _CODE.split(text)
    return collapse("".join(part.strip("`") if i % 2 else _marked(part, references) for i, part in enumerate(parts)))


def _without_comments(text: str) -> str:
    kept = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return "".join((*kept, text[at:]))


def label(text: str) -> str:
    """The label of a link reference, for comparison.

    >>> label(" Carbon  Market ")
    'carbon market'
    """
    return " ".join(text.split()).casefold()


def _marked(text: str, references: frozenset[str] | None) -> str:
    def referring(match: re.Match[str]) -> str:
        if references is not None and label(match[3] or match[2]) not in references:
            return match[0]
        return "" if match[1] else match[2]

    if "<!--" in text:
        text = _without_comments(text)
    entities = "&" in text
    if entities:
        text = _NO_ENTITY.sub("&amp;", text)
    if "][" in text:
        text = _REFERRING.sub(referring, text)
    for pattern, replacement in _SUBSTITUTIONS:
        text = pattern.sub(replacement, text)
    return unescape(text) if entities else text
