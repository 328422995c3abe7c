r"""HTML source to tags and the text between them, by one compiled regular expression in one pass.

The expression follows the tokenizer of the WHATWG standard (https://html.spec.whatwg.org/#tokenization).
All its repeats are possessive and every alternative that could look for an end in vain accepts the end
of the source (``\Z``), so that no stretch is scanned twice: the time is linear whatever the input.
Python before 3.11.5 forgets to step back when the last alternative of a possessive group fails half-way
(python/cpython#106052), so the last one always fails at once: ``(?!)``.
To add an element with raw content, name it in ``elements.RAW_ELEMENTS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, islice
from operator import add
from typing import Final

from pipeline.extract.markup import RAW_ELEMENTS

_NAME: Final = r"[a-zA-Z][^ \t\n\r\f/>]*+"
# Three ways to read attributes, which agree where more than one can; the narrower, the faster.
# Four tags of five are written so; where it fails half-way, what ends the tag is the same.
_NEAT: Final = r"""(?: [a-zA-Z:_-]++="[^"]*+")*+(?:>| ?/?>)"""
# Attributes without ">" in them end at the first ">".
_PLAIN: Final = r"""[^>"']*+(?:"[^">]*+"[^>"']*+|'[^'>]*+'[^>"']*+|(?!))*+>"""
# A quote counts only after a name and "="; one that is never closed is read as a name. "=" can begin a name.
_SPACE: Final = r"[ \t\n\r\f]"
_VALUE: Final = r"""(?:"[^"]*+"|'[^']*+'|[^ \t\n\r\f>"'][^ \t\n\r\f>]*+|)"""
_EXACT: Final = rf"(?:[ \t\n\r\f/]++|[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+(?:{_SPACE}*+={_SPACE}*+{_VALUE}|)|(?!))*+(?:>|\Z)"
_COMMENT: Final = r"!--(?:-?>|(?:[^-]++|(?!--!?>)-|(?!))*+(?:--!?>|\Z))"
CDATA: Final = "<![CDATA["
_END: Final = r"[ \t\n\r\f/>]"
# Within <!-- in a script, <script> ... </script> does not end the script ("double escaped").
_DOUBLE: Final = rf"<script{_END}(?:[^<-]++|(?!-->)-|(?!</script{_END})<|(?!))*+(?:</script{_END}|(?=-->)|\Z)"
_ESCAPED: Final = rf"<!(?=--)(?:[^<-]++|(?!-->)-|(?!</?script{_END})<|{_DOUBLE}|(?!))*+(?:-->|(?=</script{_END})|\Z)"

_MAX_TITLE: Final = 300  # code points of a title that may name tags; the end tag of a longer one is another's
_SVG_RAW: Final = ("style", "title")  # elements of SVG too, where <style/> is whole


def _raw(name: str) -> str:
    """The expression of a raw element from its name to the end of its end tag, or of the source."""
    plain = rf"(?:[^<]++|(?!</{name}{_END})<|(?!))*+"
    body = rf"(?:[^<]++|(?!</script{_END}|<!--)<|{_ESCAPED}|(?!))*+" if name == "script" else plain
    body = rf"{body}(?:</{name}[^>]*+(?:>|\Z)|\Z)"
    if name in _SVG_RAW:  # empty if it says so and the "/" belongs to no value
        body = rf"(?:(?<=<{name}/>)|(?<=[ \t\n\r\f\"']/>)|{body})"
    # The first letter as a class: the matcher then passes over the alternative without entering it.
    first = f"[{name[0]}{name[0].upper()}]"
    return rf"{first}(?i:{name[1:]}(?={_END})(?:{_PLAIN}|{_EXACT}){body})"


@cache
def _pattern(unclosed: frozenset[str], lenient: bool) -> re.Pattern[str]:
    """The expression: groups are the whole tag, the name of an end tag, the name of a start tag.

    ``unclosed`` names raw elements (and "!--") that have no end in what follows and are read as plain
    tags; ``lenient`` ends every start tag at the next angle bracket, whatever the quotes say.
    """
    attributes = r"[^<>]*+>?" if lenient else f"(?:{_NEAT}|{_PLAIN}|{_EXACT})"
    parts = [
        rf"/(?:({_NAME})[^>]*+|[^>]*+)(?:>|\Z)",
        *([] if "!--" in unclosed else [_COMMENT]),
        r"[!?][^>]*+(?:>|\Z)",
        *(_raw(name) for name in RAW_ELEMENTS if name not in unclosed),
        rf"({_NAME}){attributes}",
    ]
    return re.compile(rf"(<(?:{'|'.join(parts)}))")


_DECLARATION: Final = r"""<![a-z](?:[^"'>]++|"[^"]*+"|'[^']*+'|(?!))*+>"""
_SUBSET: Final = re.compile(
    rf"\s*+(?:<\?[^>]*+>\s*+)?+<!doctype[^>\[]*+\[(?:\s++|%[\w.-]++;|<{_COMMENT}|{_DECLARATION}|<\?[^>]*+>|(?!))*+\]\s*+>",
    re.IGNORECASE,
)
_NAME_AT: Final = re.compile(rf"<({_NAME}|!--)?")
_START_TAG: Final = re.compile(rf"<{_NAME}(?:{_PLAIN}|{_EXACT})")
_BRACKET: Final = re.compile("[<>]")
_MAX_RESTARTS: Final = 16

Token = tuple[int, str, str, str | None, str | None]


def scan(source: str) -> Iterator[tuple[Iterable[Token], bool]]:
    """Stretches of ``(start, text, tag, closing, opening)``: the text before a tag, the whole tag, its name.

    ``start`` is the text's place in the source. Both names are None for comments, declarations and raw
    elements (these whole, with their content). Texts and tags joined are the source; the last text has an
    empty tag. With each stretch comes whether it was cut short because mark-up left open would have
    swallowed over half of the page.
    """
    subset = _SUBSET.match(source)  # of a DTD: has ">" in it
    pos = subset.end() if subset else 0
    if pos:
        yield [(0, "", source[:pos], None, None)], False
    unclosed: frozenset[str] = frozenset()
    lenient = False
    for restart in range(_MAX_RESTARTS + 1):
        parts = _pattern(unclosed, lenient).split(source[pos:] if pos else source)
        texts, tags = parts[0::4], parts[1::4]
        lengths = list(map(len, tags))
        starts = list(accumulate(map(add, map(len, texts), lengths), initial=pos))
        tokens: Iterator[Token] = zip(starts, texts, tags, parts[2::4], parts[3::4], strict=False)
        longest = max(lengths, default=0)
        cut = None
        if longest * 2 > len(source) and restart < _MAX_RESTARTS:
            index = lengths.index(longest)
            cut = _cut(tags[index])
        if cut is None:
            yield tokens, False
            break
        yield islice(tokens, index), False
        start = starts[index]
        yield [(start, texts[index], tags[index][: cut.length], None, parts[index * 4 + 3])], True
        pos = start + len(texts[index]) + cut.length
        unclosed |= cut.unclosed
        lenient = lenient or cut.lenient or restart > _MAX_RESTARTS // 2
    yield [(starts[-1], parts[-1], "", None, None)], False


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
