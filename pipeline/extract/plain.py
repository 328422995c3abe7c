"""Plain text to blocks: one for each line that is not blank, or for the lines of a paragraph where text is wrapped.

Whether it is wrapped is asked of the whole text: lines that do not end a sentence then run up to one margin. What ends
a paragraph all the same says ``_continues``; what stands between two halves of one, ``_furniture``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from pipeline.extract.blocks import RawBlock, assemble
from pipeline.extract.runs import edges
from pipeline.text.prose import CLAUSE_ENDS, ends_sentence
from pipeline.text.tokens import CJK
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
    """The blocks of a text without mark-up.

    Offsets are code points of ``source``. In text that is not wrapped each line is a block, and between blocks is white
    space only. In wrapped text a paragraph is one block, from the beginning of its first line to the end of its last:
    its lines are joined by a space, or by nothing between signs of scripts written without; marks of quoting and the
    numbers and running titles of pages between its lines are left out. Headings are not guessed at here.
    """
    places = list(lines_of(source))
    wrapped = _wrapped(source, places)
    return assemble(_lines(source, places) if wrapped is None else _paragraphs(wrapped), keep_spaces=True)


def _lines(source: str, places: Sequence[tuple[int, int, int]]) -> Iterator[RawBlock]:
    for start, end, n_breaks in places:
        text = source[start:end]
        bullet = _BULLET.match(text)
        kind = BlockKind.LIST_ITEM if bullet else BlockKind.PARAGRAPH
        yield RawBlock(start, end, text, kind, 1 if bullet else 0, n_breaks)


# Wrapped text.
#
# Each line that another follows without a blank one votes for the margins at which it would have been broken where it
# is: no less than its own width, and too narrow for the first word of the next. The margin with most votes is believed
# if those lines are nearly all, little text lies beyond it and what they make are sentences. Linear in the text.

_MAX_MARGIN: Final = 130  # columns; a CJK sign has two
_MIN_MARGINS: Final = {False: 38, True: 32}  # columns, of text in words and of CJK text: narrower are verse and columns
_MAX_UNIT: Final = 40  # columns of a first word
_MIN_FULL: Final = 2  # lines at the margin
_FULL_SHARE: Final = (
    0.7  # of the columns of lines that end no sentence, in runs between blank lines that have one at the margin
)
_BEYOND_SHARE: Final = 0.1  # of all columns, in lines wider than the margin
_ENDED_SHARE: Final = 0.6  # of the paragraphs joined, that end a sentence
_LOWER_SHARE: Final = (
    0.5  # of lines of words that continue one, that begin with a small letter: verse begins with a capital
)
_CLAUSE_SHARE: Final = 0.4  # of CJK lines at the margin, with a sign of punctuation inside: headlines have none
_SLACK: Final = 0.1  # of its width that a line of words may be broken early: by hand, or to even lines out
_RAGGED: Final = 0.7  # of the margin; a wider line may go on in one that begins with a small letter
_CENTRED: Final = 8  # columns that a line may stand further in than the next

_QUOTED: Final = re.compile(r"(?:>[ \t]{0,2}){1,9}(?=\S)|>[> \t]{0,20}\Z")
_NUMBERED: Final = re.compile(
    r"(?:[(（]?(?:\d{1,2}|[ivxIVX]{1,5}|[a-z])[.)）](?=[\s\u3000])|\d{1,2}(?:[、．]|\.(?=[\u4e00-\u9fff]))"
    r"|[（(]?[一二三四五六七八九十]{1,3}[)）、]|[（(]\d{1,2}[)）]|第[一二三四五六七八九十百零\d]{1,5}[章节節条條篇回卷])"
)
_CELLS: Final = re.compile(r"\S(?:[ \u00a0]{3,}|\t|[ ]?\|[ ])\S")
_FIELD: Final = re.compile(r"[A-Z][\w-]{0,30}:(?:\s|\Z)")
_PAGE_NUMBER: Final = re.compile(
    r"[-–—~·•\[(|\s]{0,4}(?:[Pp](?:age|\.)?[ ]?|第[ ]?)?(?:\d{1,4}|[ivxlc]{1,6})(?:[ ]?(?:of|/)[ ]?\d{1,4})?(?:[ ]?[页頁])?"
    r"[-–—~·•\])|\s]{0,4}\Z"
)
_HAN: Final = re.compile(f"[{CJK}]")
_WIDE: Final = re.compile(
    f"[{CJK}\u2e80-\u2fff\u3000-\u303f\u3100-\u33ff\ufe30-\ufe4f\uff01-\uff60\uac00-\ud7a3“”‘’…—]"
)
_STUCK: Final = f"[{CJK}\u3001-\u303f\ufe30-\ufe4f\uff01-\uff60]"
_CLOSING: Final = "，。、；：！？）】》〉」』”’…,.;:!?)%"
_UNIT: Final = re.compile(rf"(?:[{CJK}]|[^\s{CJK}]{{1,{_MAX_UNIT}}})[{re.escape(_CLOSING)}]{{0,4}}")
_INNER: Final = re.compile("[，。；：、！？]")
_NO_SPACE: Final = re.compile(rf"{_STUCK}\n(?={_STUCK})")
_MIXED: Final = re.compile(f"[{CJK}]( ?)[A-Za-z0-9]|[A-Za-z0-9]( ?)[{CJK}]")
_HYPHEN: Final = re.compile(r"([^\W\d_]{1,40})[-\u00ad\u2010]\Z")
_WORD: Final = re.compile(r"[^\W\d_]{1,40}(?:-[^\W\d_]{1,40}){0,3}")
#: First parts of words that keep their hyphen.
_COMPOUNDING: Final = frozenset(
    "well self non half ex mid post pre anti all full part left right north south east west long short high low deep wide old new "
    "hard soft good ill one two three four five six seven eight nine ten twenty thirty forty fifty sixty seventy eighty ninety day "
    "year week month vice co semi multi cross so by in on off up out over under man hand home far near large small e x t".split()
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not blank, without its marks of quoting."""

    start: int
    end: int
    text: str
    n_breaks: int
    new_page: bool  # a form feed stands before it
    depth: int  # of quoting
    indent: int  # columns
    width: int  # columns, the indent with it
    n_chars: int  # the same in code points

    @property
    def open(self) -> bool:
        return not ends_sentence(self.text) and not self.text.endswith((":", "：", *CLAUSE_ENDS))


@dataclass(frozen=True, slots=True)
class _Wrapped:
    source: str
    lines: Sequence[_Line]
    margin: int
    in_chars: bool  # the margin counts code points, not columns
    is_cjk: bool
    mixed_joint: str  # between CJK and other letters
    furniture: frozenset[int]
    words: frozenset[str]  # of the text, in small letters; with a hyphen only those inside a line


def _wrapped(source: str, places: Sequence[tuple[int, int, int]]) -> _Wrapped | None:
    """The text as wrapped lines; None where it is not."""
    beyond = sum(end - start for start, end, _ in places if end - start > _MAX_MARGIN)
    n_follow = sum(not n_breaks for _, _, n_breaks in places[1:])
    if n_follow < _MIN_FULL or beyond > _BEYOND_SHARE * len(source):
        return None
    lines = _read(source, places)
    pairs = [(a, b) for a, b in pairwise(lines) if not b.n_breaks and _may_follow(a, b)]
    n_cjk = len(_HAN.findall(source))
    is_cjk = 4 * n_cjk >= len(source)
    votes, margin, in_chars = max(_margin(pairs, is_cjk=is_cjk, in_chars=each) for each in (False, True))
    if not votes:
        return None
    spaced = [bool(a or b) for a, b in _MIXED.findall(source)] if is_cjk else [True]
    wrapped = _Wrapped(
        source,
        lines,
        margin,
        in_chars,
        is_cjk,
        " " if 2 * sum(spaced) > len(spaced) else "",
        _furniture(lines),
        frozenset(word.lower() for line in lines for word in _WORD.findall(line.text)),
    )
    return wrapped if _is_believed(wrapped, pairs) else None


def _read(source: str, places: Sequence[tuple[int, int, int]]) -> list[_Line]:
    lines = []
    at = blank = 0
    for start, end, n_breaks in places:
        gap = source[at:start]
        before = max(map(gap.rfind, "\n\r\u2028\u2029\x0b\x0c"))
        indent = gap[before + 1 :][:200]
        text = source[start:end]
        quoted = _QUOTED.match(text)
        if quoted:
            indent, text = "", text[quoted.end() :]
        left, depth = _columns(indent.expandtabs()), quoted[0].count(">") if quoted else 0
        size = len(indent) + len(text)
        at = end
        if not text:  # a mark of quoting alone
            blank += 1
            continue
        n_breaks, blank = n_breaks + blank, 0
        width = left + _columns(text)
        lines.append(_Line(end - len(text), end, text, n_breaks, "\x0c" in gap, depth, left, width, size))
    return lines


def _columns(text: str) -> int:
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def _may_follow(one: _Line, other: _Line) -> bool:
    """Whether the other line can be of the paragraph of the one, as far as their forms tell."""
    if one.depth != other.depth or _begins_item(other.text) or _is_row(one.text) or _is_row(other.text):
        return False
    if _FIELD.match(one.text) and _FIELD.match(other.text):
        return False
    return other.indent <= one.indent + 1 or _begins_item(one.text) or _goes_on(one, other)


def _begins_item(text: str) -> bool:
    return _BULLET.match(text) is not None or _NUMBERED.match(text) is not None


def _is_row(text: str) -> bool:
    """Whether a line is a row of cells, or drawn."""
    return _CELLS.search(text) is not None or (not any(map(str.isalnum, text)) and len(text) > 2)


def _goes_on(one: _Line, other: _Line) -> bool:
    """Whether a line of words plainly continues: nothing ends, and the next begins with a small letter."""
    return one.open and other.text[:1].islower()


def _margin(pairs: Sequence[tuple[_Line, _Line]], *, is_cjk: bool, in_chars: bool) -> tuple[int, int, bool]:
    """The votes for the margin with most, in columns of the lines that give them, the margin and its unit."""
    votes = [0] * (_MAX_MARGIN + 2)
    for one, other in pairs:
        if one.open:
            low, high = _margins(one, other, is_cjk=is_cjk, in_chars=in_chars)
            if low <= _MAX_MARGIN:
                votes[low] += one.width
                votes[min(high, _MAX_MARGIN) + 1] -= one.width
    counts = list(accumulate(votes[:-1]))
    least = _MIN_MARGINS[is_cjk] // (2 if is_cjk and in_chars else 1)
    best = max(range(least, len(counts)), key=counts.__getitem__)
    return counts[best], best, in_chars


def _margins(one: _Line, other: _Line, *, is_cjk: bool, in_chars: bool) -> tuple[int, int]:
    """The least and the greatest margin at which the one line would have been broken before the other."""
    found = _UNIT.match(other.text)
    first = found[0] if found else other.text[:1]
    size = one.n_chars if in_chars else one.width
    unit = len(first) if in_chars else _columns(first)
    if is_cjk:
        hanging = (1 if in_chars else 2) if one.text[-1] in _CLOSING else 0
        return max(size - hanging, 0), size + unit - 1
    return size, size + unit + (int(_SLACK * size) if one.open else 0)


def _is_full(wrapped: _Wrapped, one: _Line, other: _Line) -> bool:
    low, high = _margins(one, other, is_cjk=wrapped.is_cjk, in_chars=wrapped.in_chars)
    return low <= wrapped.margin <= high


def _is_believed(wrapped: _Wrapped, pairs: Sequence[tuple[_Line, _Line]]) -> bool:
    """Whether the lines at the margin are running text, and few lines go beyond it."""
    margin = wrapped.margin + 2
    sizes = [line.n_chars if wrapped.in_chars else line.width for line in wrapped.lines]
    if sum(size for size in sizes if size > margin) > _BEYOND_SHARE * sum(sizes):
        return False
    full = [(one, other) for one, other in pairs if one.open and _is_full(wrapped, one, other)]
    if len(full) < _MIN_FULL or sum(one.width for one, _ in full) < _FULL_SHARE * _open_columns(wrapped.lines, full):
        return False
    if wrapped.is_cjk:
        if sum(_INNER.search(one.text) is not None for one, _ in full) < _CLAUSE_SHARE * len(full):
            return False
    else:
        cased = [other.text[0] for _, other in full if other.text[0].islower() or other.text[0].isupper()]
        if sum(map(str.islower, cased)) < _LOWER_SHARE * len(cased):
            return False
    joined = [group for group in _groups(wrapped) if len(group) > 1]
    ended = sum(not group[-1].open for group in joined)
    return ended >= _ENDED_SHARE * len(joined) > 0


def _open_columns(lines: Sequence[_Line], full: Sequence[tuple[_Line, _Line]]) -> int:
    """Columns of the lines that end no sentence and are followed by another, in runs with one that is full."""
    at_margin = {one.start for one, _ in full}
    total = here = 0
    is_run = False
    for one, other in pairwise(lines):
        if not other.n_breaks:
            here += one.width if one.open else 0
            is_run |= one.start in at_margin
        if other.n_breaks or other is lines[-1]:
            total += here if is_run else 0
            here, is_run = 0, False
    return total


def _groups(wrapped: _Wrapped) -> Iterator[list[_Line]]:
    """The lines of each paragraph; what stands between two of its lines on the edge of a page is left out."""
    lines = wrapped.lines
    group: list[_Line] = []
    at = 0
    while at < len(lines):
        if group:
            after = at
            while after < len(lines) and after in wrapped.furniture and after - at < 4:
                after += 1
            if after < len(lines) and after > at and _continues(wrapped, group[-1], lines[after], over_page=True):
                at = after
            elif not _continues(wrapped, group[-1], lines[at], over_page=lines[at].new_page):
                yield group
                group = []
        group.append(lines[at])
        at += 1
    if group:
        yield group


def _continues(wrapped: _Wrapped, one: _Line, other: _Line, *, over_page: bool) -> bool:
    """Whether the other line, the next, is of the paragraph of the one."""
    if other.n_breaks and not over_page:
        return False
    if not _may_follow(one, other) or one.indent > other.indent + _CENTRED:
        return False
    if over_page and not (one.open and (wrapped.is_cjk or other.text[0].islower())):
        return False
    if _is_full(wrapped, one, other) or _HYPHEN.search(one.text):
        return True
    size = one.n_chars if wrapped.in_chars else one.width
    return size >= _RAGGED * wrapped.margin and _goes_on(one, other)


def _furniture(lines: Sequence[_Line]) -> frozenset[int]:
    """Which lines are numbers of pages, or titles that come again at the edges of pages."""
    numbers = {at for at, line in enumerate(lines) if len(line.text) <= 24 and _PAGE_NUMBER.match(line.text)}
    begins = [at for at, line in enumerate(lines) if line.new_page]
    edge = {at + step for at in begins for step in (-2, -1, 0, 1) if 0 <= at + step < len(lines)}
    forms = {at: re.sub(r"\d+", "", lines[at].text) for at in edge}
    count = Counter(forms.values())
    titles = {at for at, form in forms.items() if count[form] >= 2 and 2 * count[form] >= len(begins)}
    return frozenset(numbers | titles)


def _paragraphs(wrapped: _Wrapped) -> Iterator[RawBlock]:
    for group in _groups(wrapped):
        first, last = group[0], group[-1]
        bullet = _BULLET.match(first.text)
        kind = BlockKind.LIST_ITEM if bullet else BlockKind.QUOTE if first.depth else BlockKind.PARAGRAPH
        yield RawBlock(first.start, last.end, _joined(wrapped, group), kind, 1 if bullet else 0, first.n_breaks)


def _joined(wrapped: _Wrapped, group: Sequence[_Line]) -> str:
    parts = [group[0].text]
    for one, other in pairwise(group):
        hyphen = _HYPHEN.search(one.text)
        if hyphen and other.text[0].isalpha():
            if not _keeps_hyphen(wrapped, hyphen, other.text):
                parts[-1] = parts[-1][:-1]
        else:
            parts.append(_joint(wrapped, one, other))
        parts.append(other.text)
    return "".join(parts)


def _joint(wrapped: _Wrapped, one: _Line, other: _Line) -> str:
    if one.text[-1] in "—/" and one.text[-2:-1].isalnum():
        return ""
    if not wrapped.is_cjk and not _HAN.search(one.text[-1] + other.text[0]):
        return " "
    if _NO_SPACE.match(f"{one.text[-1]}\n{other.text[0]}"):
        return ""
    if (
        wrapped.is_cjk and wrapped.in_chars and one.n_chars == wrapped.margin
    ):  # cut at a count of signs, in mid-word too
        return " " if wrapped.source[one.end] == " " or other.indent else ""
    if wrapped.is_cjk and one.text[-1].isdigit() and other.text[0].isdigit():
        return ""
    is_mixed = bool(_HAN.match(one.text[-1])) != bool(_HAN.match(other.text[0]))
    if is_mixed and (one.text[-1] + other.text[0]).isalnum():
        return wrapped.mixed_joint
    wide = _WIDE.match(one.text[-1]) or _WIDE.match(other.text[0])
    return "" if wide and not "\uac00" <= one.text[-1] <= "\ud7a3" else " "


def _keeps_hyphen(wrapped: _Wrapped, hyphen: re.Match[str], after: str) -> bool:
    """Whether the hyphen at a line's end is of the word: the text has it elsewhere, or its parts are words."""
    found = _WORD.match(after)
    left, right = hyphen[1].lower(), (found[0] if found else "").lower()
    if hyphen[0].endswith("\u00ad") or left + right in wrapped.words:
        return False
    if not after[0].islower() or f"{left}-{right}" in wrapped.words:
        return True
    return left in _COMPOUNDING
