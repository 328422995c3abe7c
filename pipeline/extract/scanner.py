"""HTML source to tags and the text between them: the compiled tokenizer, and what it does where mark-up is left open.

To add an element with raw content, name it in ``markup.RAW_ELEMENTS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from pipeline.extract.machine import (
    CLOSES,
    CODE,
    COMMENT,
    CONTENT_END,
    END,
    NAME_END,
    NOTHING,
    NUMBER,
    OPENS,
    SORT,
    START,
    TRAITS,
    Ints,
    tokenize,
)
from pipeline.extract.markup import KNOWN, RAW_ELEMENTS
from pipeline.text.codes import code_points

_NAME: Final = r"[a-zA-Z][^ \t\n\r\f/>]*+"
# Attributes without ">" in them end at the first ">".
_PLAIN: Final = r"""[^>"']*+(?:"[^">]*+"[^>"']*+|'[^'>]*+'[^>"']*+|(?!))*+>"""
# A quote counts only after a name and "="; one that is never closed is read as a name. "=" can begin a name.
_SPACE: Final = r"[ \t\n\r\f]"
_VALUE: Final = r"""(?:"[^"]*+"|'[^']*+'|[^ \t\n\r\f>"'][^ \t\n\r\f>]*+|)"""
_EXACT: Final = rf"(?:[ \t\n\r\f/]++|[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+(?:{_SPACE}*+={_SPACE}*+{_VALUE}|)|(?!))*+(?:>|\Z)"
_COMMENT: Final = r"!--(?:-?>|(?:[^-]++|(?!--!?>)-|(?!))*+(?:--!?>|\Z))"
CDATA: Final = "<![CDATA["

_MAX_TITLE: Final = 300  # code points of a title that may name tags; the end tag of a longer one is another's

_DECLARATION: Final = r"""<![a-z](?:[^"'>]++|"[^"]*+"|'[^']*+'|(?!))*+>"""
_SUBSET: Final = re.compile(
    rf"\s*+(?:<\?[^>]*+>\s*+)?+<!doctype[^>\[]*+\[(?:\s++|%[\w.-]++;|<{_COMMENT}|{_DECLARATION}|<\?[^>]*+>|(?!))*+\]\s*+>",
    re.IGNORECASE,
)
_NAME_AT: Final = re.compile(rf"<({_NAME}|!--)?")
_START_TAG: Final = re.compile(rf"<{_NAME}(?:{_PLAIN}|{_EXACT})")
_BRACKET: Final = re.compile("[<>]")
_MAX_RESTARTS: Final = 16

#: Bits of what is left open, as the tokenizer takes them.
_UNCLOSED: Final = MappingProxyType({"!--": COMMENT, **{name: 1 << bit for bit, name in enumerate(RAW_ELEMENTS)}})


@dataclass(frozen=True, slots=True)
class Scanned:
    """The tags of a source."""

    codes: Ints  # code points of the source
    start: int  # where the page begins in it
    table: Ints  # the tags, and one that stands for a <tr> that is not written
    recovered: bool  # mark-up left open would have swallowed over half of the page, and was cut short


def string(codes: Ints) -> str:
    """The text of code points."""
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def scan(source: str) -> Scanned:
    """The tags of a source, whatever it is; the time is linear in it."""
    subset = _SUBSET.match(source)  # of a DTD: has ">" in it
    start = pos = subset.end() if subset else 0
    codes = code_points(source).view(np.int32)
    parts: list[Ints] = []
    unclosed = 0
    lenient = False
    for restart in range(_MAX_RESTARTS + 1):
        table = tokenize(codes, pos, unclosed, lenient, source.count("<", pos) + 1, KNOWN)
        parts.append(table)
        index = _swallower(table, len(source)) if restart < _MAX_RESTARTS else -1
        cut = _cut(source[table[index, START] : table[index, END]]) if index >= 0 else None
        if cut is None:
            break
        parts[-1] = table[: index + 1]
        pos = _cut_short(source, table[index], cut.length)
        for name in cut.unclosed:
            unclosed |= _UNCLOSED[name]
        lenient = lenient or cut.lenient or restart > _MAX_RESTARTS // 2
    return Scanned(codes, start, parts[0] if len(parts) == 1 else np.concatenate(parts), len(parts) > 1)


def _swallower(table: Ints, size: int) -> int:
    """The first of the longest tags, where it is longer than half of its page; else -1."""
    lengths = table[:, END] - table[:, START]
    index = int(lengths.argmax())
    return index if int(lengths[index]) * 2 > size else -1


def _cut_short(source: str, token: Ints, length: int) -> int:
    """End a tag after so many characters; where it ends."""
    start, end = int(token[START]), int(token[START]) + length
    token[END] = end
    if token[SORT] == NOTHING and token[NUMBER] >= 0:
        _, _, content, text = raw_parts(source[start:end])
        token[NAME_END], token[CONTENT_END] = start + content, start + content + len(text)
    elif token[SORT] == OPENS:
        token[CONTENT_END] = 0
    else:
        token[SORT] = NOTHING
        token[[CODE, TRAITS]] = 0
    return end


Token = tuple[int, str, str, str | None, str | None]


def tags(source: str) -> Iterator[Token]:
    """Each tag as ``(start, text, tag, closing, opening)``: the text before a tag, the whole tag, its name.

    ``start`` is the text's place in the source. Both names are None for comments, declarations and raw
    elements (these whole, with their content). Texts and tags joined are the source; the last text has an
    empty tag.
    """
    scanned = scan(source)
    at = scanned.start
    if at:
        yield 0, "", source[:at], None, None
    for start, end, sort, name_end, *_ in scanned.table[:-1].tolist():
        closing = source[start + 2 : name_end] if sort == CLOSES else None
        opening = source[start + 1 : name_end] if sort == OPENS else None
        yield at, source[at:start], source[start:end], closing, opening
        at = end
    yield at, source[at:], "", None, None


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where mark-up that swallowed most of a page is taken to end, and how to read on."""

    length: int  # characters of the tag that remain
    unclosed: frozenset[str] = frozenset()
    lenient: bool = False


def _cut(tag: str) -> _Cut | None:
    """Where to end a tag longer than half of its page; None when it is right as it is."""
    found = _NAME_AT.match(tag)
    name = (found[1] or "").lower() if found else ""
    if name == "!--":
        stop = tag.find(">") + 1
        return _Cut(stop or 4, frozenset((name,))) if not tag.endswith(("-->", "--!>")) else None
    if name in RAW_ELEMENTS:
        return _cut_raw(tag, name)
    if tag.find(">") == len(tag) - 1:
        return None
    if tag.startswith(CDATA):
        return _Cut(len(CDATA))
    bracket = _BRACKET.search(tag, 1)
    if bracket is None:
        return _Cut(len(name) + 1, lenient=True)
    if "srcdoc" in tag:
        return None
    return _Cut(bracket.start() + (bracket[0] == ">"), lenient=not tag.endswith(">"))


def _cut_raw(tag: str, name: str) -> _Cut | None:
    """A raw element without its end tag ends at the next tag, and so does a long title with tags in it.

    Not so a script or style that is cut off by the end of the page: its rest is code, not text.
    """
    start = _START_TAG.match(tag)
    content = start.end() if start else len(tag)
    stop = tag.find("<", content)
    closed = _end_tag(tag, name, content)
    if stop < 0 or stop == closed or (closed >= 0 and (name != "title" or closed - content <= _MAX_TITLE)):
        return None
    if name in ("script", "style") and not (tag[content:stop].isspace() or stop == content):
        return None
    return _Cut(stop, frozenset() if closed >= 0 else frozenset((name,)))


def raw_parts(tag: str) -> tuple[str, str, int, str]:
    """Name in lower case, start tag, its length and content of a raw element; the name is "" for a comment."""
    found = _NAME_AT.match(tag)
    name = (found[1] or "").lower() if found else ""
    start = _START_TAG.match(tag)
    if start is None or name not in RAW_ELEMENTS:
        return "", "", 0, ""
    stop = _end_tag(tag, name, start.end())
    return name, start[0], start.end(), tag[start.end() : stop if stop >= 0 else len(tag)]


def _end_tag(tag: str, name: str, content: int) -> int:
    """Where the end tag of a raw element begins, at or after ``content``; -1 when it is left open."""
    at = tag.rfind("</", content)
    while at >= 0:
        end = at + 2 + len(name)
        if tag[at + 2 : end].lower() == name and tag[end : end + 1] in tuple(" \t\n\r\f/>"):
            return at
        at = tag.rfind("</", content, at)
    return -1
