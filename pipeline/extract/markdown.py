"""Markdown to blocks: headings, list items, quotes, table rows, fenced code, front matter, paragraphs.

Each line is one of the forms of ``_classify``; lines of one paragraph, quote or list item are joined. Inline
mark-up is taken out of the text by ``markdown_inline``. The syntax is CommonMark's (https://spec.commonmark.org)
as far as it is used in saved pages; indented code is read as text, for saved pages indent for other reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Final

from pipeline.extract.blocks import RawBlock, assemble
from pipeline.extract.plain import lines_of
from pipeline.extract.runs import CELL_SEPARATOR, collapse
from pipeline.text.safety import clean_url
from pipeline.types import BlockKind, Extracted, PageHead

# Inline Markdown to plain text: one substitution a line of ``_SUBSTITUTIONS``, in order.
#
# Every expression stops at the sign it begins with, so that each character is looked at a bounded number of times.

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


_FENCE: Final = re.compile(r"(`{3,}|~{3,})[^`]*+$")
_HEADING: Final = re.compile(r"(#{1,6})[ \t\u3000]++(?=[^\s#])|#{1,6}\s*+$")
_HEADING_TAIL: Final = re.compile(r"(?<=[ \t])#{1,99}$")
_UNDERLINE: Final = re.compile(r"(?:={2,}+|-{2,}+)$")
_RULE: Final = re.compile(r"(?:\*[ \t]*+){3,}$|(?:-[ \t]*+){3,}$|(?:_[ \t]*+){3,}$")
_ITEM: Final = re.compile(r"(?:[-*+•·]|\d{1,9}[.)])[ \t\u3000]++(?:\[[ xX]\][ \t]++)?(?=\S)")
_QUOTE: Final = re.compile(r"(?:>[ \t]?){1,9}[ \t]*+")
_DELIMITER: Final = re.compile(r"\|?[ \t]*+:?-+:?[ \t]*+(?:\|[ \t]*+:?-+:?[ \t]*+)*\|?$")
_REFERENCE: Final = re.compile(  # "[1]: note" is text: what it points to must look like an address
    r"\[([^\[\]^][^\[\]]{0,200})\]:\s*+(?:<[^<>]{0,2000}>|(?:[/.#]|[a-zA-Z][a-zA-Z0-9+.-]{0,60}[:./])\S*+)"
    r"(?:\s++(?:\"[^\"]{0,500}\"|'[^']{0,500}'|\([^()]{0,500}\)))?$"
)
_CELL_END: Final = re.compile(r"(?<!\\)\|")
_KEY: Final = re.compile(r"([A-Za-z_][\w.-]{0,60})\s*+:(?:\s++(.*))?$")
_MAX_FRONT_LINES: Final = 200
_MAX_INDENT: Final = 4  # columns; as in https://spec.commonmark.org/0.31.2/#fenced-code-blocks
#: A line wider than this (columns; a wide character takes two) was not wrapped by hand: it is a paragraph.
_MAX_WRAPPED: Final = 120


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank."""

    start: int  # of its text in the source, without indent and mark-up at its beginning
    end: int
    text: str
    n_breaks: int  # blank lines before it
    indent: int  # columns
    hard_break: bool  # the line ends its paragraph: two spaces or a backslash at its end


@dataclass(slots=True)
class _State:
    source: str
    references: frozenset[str]  # labels of the links that the text defines
    open: list[Line] = field(default_factory=list)  # lines of the paragraph, quote or item so far
    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0
    indents: list[int] = field(default_factory=list)  # of the list items around


def extract_markdown(source: str) -> Extracted:
    """The blocks and the front matter of a Markdown text; between blocks are white space and mark-up only.

    Offsets are code points of ``source``.
    """
    lines = [_line(source, start, end, n_breaks) for start, end, n_breaks in lines_of(source)]
    front = _front_matter(lines)
    blocks = [RawBlock(x.start, x.end, collapse(x.text), BlockKind.FRONT_MATTER) for x in front[1:-1]]
    blocks.extend(_blocks(source, lines[len(front) :]))
    return assemble(blocks, _head(front))


def _line(source: str, start: int, end: int, n_breaks: int) -> Line:
    indent = 0
    at = start
    while at > 0 and source[at - 1] in " \t" and indent < 40:
        at -= 1
        indent += 4 if source[at] == "\t" else 1
    hard = source[end : end + 2] == "  " or source[end - 1] == "\\"
    return Line(start, end, source[start:end], n_breaks, indent, hard)


def _front_matter(lines: list[Line]) -> list[Line]:
    """The lines of the front matter with its two fences; empty when there is none."""
    if not lines or lines[0].text != "---":
        return []
    for i, line in enumerate(lines[1:_MAX_FRONT_LINES], 1):
        if line.text in ("---", "..."):
            return lines[: i + 1] if any(_KEY.match(x.text) for x in lines[1:i]) else []
    return []


def _head(front: list[Line]) -> PageHead:
    found = [match for line in front[1:-1] if not line.indent and (match := _KEY.match(line.text))]
    meta = tuple((match[1].lower(), (match[2] or "").strip().strip("\"'")) for match in found)
    first = {name: value for name, value in reversed(meta) if value}
    return PageHead(
        title=first.get("title"),
        lang=first.get("lang") or first.get("language"),
        meta=tuple((name, value) for name, value in meta if value),
        canonical=clean_url(first.get("canonical") or first.get("canonical_url") or "") or None,
    )


def _blocks(source: str, lines: list[Line]) -> Iterator[RawBlock]:
    defined = (_REFERENCE.match(line.text) for line in lines if line.text[0] == "[")
    state = _State(source, frozenset(label(found[1]) for found in defined if found))
    i = 0
    while i < len(lines):
        line = lines[i]
        indented = line.indent >= _MAX_INDENT and not state.indents  # such a line opens no code but in a list
        if not indented and (fence := _FENCE.match(line.text)) is not None:
            yield from _close(state)
            i, code = _code(source, lines, i, fence[1])
            yield from code
            continue
        following = lines[i + 1] if i + 1 < len(lines) else None
        delimited = (
            following is not None
            and following.n_breaks == 0
            and "|" in line.text
            and "|" in following.text
            and _DELIMITER.match(following.text) is not None
        )
        if delimited or (line.text[0] == line.text[-1] == "|" and len(line.text) > 2):
            yield from _close(state)
            while i < len(lines) and "|" in lines[i].text and (lines[i] is line or not lines[i].n_breaks):
                yield from _row(lines[i], state.references)
                i += 1
            continue
        yield from _take(state, line)
        i += 1
    yield from _close(state)


def _take(state: _State, line: Line) -> Iterator[RawBlock]:
    """One line that is neither code nor of a table."""
    text = line.text
    if line.n_breaks or (state.open and _ends(state.open[-1])):
        if state.open and not line.indent and state.kind is not BlockKind.LIST_ITEM:
            state.indents.clear()
        yield from _close(state)
    if state.open and state.kind is BlockKind.PARAGRAPH and _UNDERLINE.match(text):
        state.kind, state.level = BlockKind.HEADING, 1 if text[0] == "=" else 2
        yield from _close(state)
    elif _RULE.match(text) or _REFERENCE.match(text):
        yield from _close(state)
    elif heading := _HEADING.match(text):
        yield from _close(state)
        state.kind, state.level = BlockKind.HEADING, len(heading[1] or "")
        state.indents.clear()
        state.open = [_from(line, heading.end(), _HEADING_TAIL)]
        yield from _close(state)
    elif item := _ITEM.match(text):
        yield from _close(state)
        while state.indents and state.indents[-1] >= line.indent:
            state.indents.pop()
        state.indents.append(line.indent)
        state.kind, state.level = BlockKind.LIST_ITEM, len(state.indents)
        state.open = [_from(line, item.end())]
    elif quote := _QUOTE.match(text):
        if state.kind is not BlockKind.QUOTE or quote.end() == len(text):
            yield from _close(state)
        if quote.end() < len(text):
            state.kind = BlockKind.QUOTE
            state.open.append(_from(line, quote.end()))
    else:
        if not state.open and not line.indent:
            state.indents.clear()
        state.open.append(line)


def _from(line: Line, skip: int, tail: re.Pattern[str] | None = None) -> Line:
    """The line without its mark-up at the beginning, and at the end."""
    text = line.text[skip:]
    if tail is not None:
        text = tail.sub("", text).rstrip()
    start = line.start + skip
    return Line(start, start + len(text), text, line.n_breaks, line.indent, line.hard_break)


def _ends(line: Line) -> bool:
    """Whether the paragraph ends with this line though no blank line follows."""
    width = len(line.text) if line.text.isascii() else sum(1 + (char >= "\u2e80") for char in line.text)
    return line.hard_break or width > _MAX_WRAPPED


def _close(state: _State) -> Iterator[RawBlock]:
    """The block of the open lines, if there are any."""
    if state.open:
        first, last = state.open[0], state.open[-1]
        text = plain_text("\n".join(line.text.removesuffix("\\") for line in state.open), state.references)
        yield RawBlock(first.start, last.end, text, state.kind, state.level, first.n_breaks)
        state.open = []
    state.kind, state.level = BlockKind.PARAGRAPH, 0


def _code(source: str, lines: list[Line], i: int, fence: str) -> tuple[int, list[RawBlock]]:
    """The block of a fenced piece of code and the number of the line after it. The end of the text ends it."""
    first = last = i + 1
    while last < len(lines):
        text = lines[last].text
        if text.startswith(fence) and not text.strip(fence[0]):
            break
        last += 1
    if first == last:
        return last + 1, []
    opened, closed = lines[first], lines[last - 1]
    indent = min(opened.indent, opened.start)
    start = opened.start - (indent if source[opened.start - indent : opened.start].isspace() else 0)
    text = "\n".join(map(str.rstrip, source[start : closed.end].splitlines()))
    return last + 1, [RawBlock(start, closed.end, text, BlockKind.CODE, 0, lines[i].n_breaks)]


def _row(line: Line, references: frozenset[str]) -> Iterator[RawBlock]:
    """The block of a table row; the line that divides head from body gives none."""
    if _DELIMITER.match(line.text) is None:
        cells = (plain_text(cell.replace("\\|", "|"), references) for cell in _CELL_END.split(line.text))
        text = CELL_SEPARATOR.join(filter(None, cells))
        yield RawBlock(line.start, line.end, text, BlockKind.TABLE_ROW, 0, line.n_breaks)
