r"""The compiled part of the HTML extractor: source to tags, tags to elements and runs of text, in two passes.

``tokenize`` follows the tokenizer of the WHATWG standard (https://html.spec.whatwg.org/#tokenization); every look for an
end takes the end of the source for one, so that no stretch is read more than a few times. ``walk`` is a stack machine
over its tags. A *run* is the text between two edges (starts and ends of block elements, <br>); what a run says is
written out with white space collapsed and character references resolved, unless it is one of the rare runs (``SLOW``)
that ``runs`` reads in Python. Implied end tags follow the standard (https://html.spec.whatwg.org/#parsing-main-inbody);
nothing is moved (no foster parenting, no adoption agency).

What is known of elements comes in as tables (``Elements``, made in ``markup``): to add an element, see there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.compiled import kernel

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# How the stack machine treats a start tag.
INLINE: Final = 0  # part of the run of text around it; also every element that no table names
LINK: Final = 1
BLOCK: Final = 2  # ends the run before it and begins another
ITEM: Final = 3  # li, dd, dt: a block that ends an open sibling
HEADING: Final = 4  # a block that ends an open heading
OPTION: Final = 5  # a block that ends an open option
PRE: Final = 6  # a block that keeps its white space
VOID: Final = 7  # no content and no edge: an image, an input
BREAK: Final = 8
RULE: Final = 9  # a void element with an edge: <hr>
TABLE: Final = 10
SECTION: Final = 11  # tbody, thead, tfoot, caption
ROW: Final = 12
CELL: Final = 13
OUTER: Final = 14  # html, body, head: once each, never closed before the end
DATA: Final = 15  # meta, link: goes to the page head
RAW: Final = 16  # its content is no mark-up

# Traits of elements, as bits.
BARRIER: Final = 1 << 0  # an end tag closes nothing beyond it
LIST: Final = 1 << 1
TRANSPARENT: Final = 1 << 2  # items look for a sibling through it
FORMATTING: Final = 1 << 3  # its end tag works across an open block
KEEPS_SPACE: Final = 1 << 4
FOREIGN: Final = 1 << 5  # a CDATA section in it is text
SVG: Final = 1 << 6
PARAGRAPH: Final = 1 << 7
LIST_ITEM: Final = 1 << 8  # <li>
TERM: Final = 1 << 9  # <dd>, <dt>
ONE_OPTION: Final = 1 << 10
OPTION_GROUP: Final = 1 << 11
HTML: Final = 1 << 12
HEAD: Final = 1 << 13
CAPTION: Final = 1 << 14
SCRIPT: Final = 1 << 16
TITLE: Final = 1 << 17
TEXT: Final = 1 << 18  # raw, but its content is shown
TEMPLATE: Final = 1 << 19
SVG_RAW: Final = 1 << 20  # raw, and an element of SVG too, where <style/> is whole
LINE_BREAK: Final = 1 << 21  # <br>

#: Bit of ``unclosed`` for comments; raw elements have those below, in the order of ``Elements.raw``.
COMMENT: Final = 1 << 30


class Elements(NamedTuple):
    """What is known of elements, by number; the last two are a table of ``slot``."""

    treatments: Ints
    traits: Ints
    raw: Ints  # number among the raw elements, else -1
    keys: Longs  # of their names, -1 where a slot is empty
    numbers: Ints


# Columns of the table of tags, which are in the order of the source. What lies between two is text.
START: Final = 0  # of the tag; offsets are code points of the source
END: Final = 1
SORT: Final = 2
NAME_END: Final = 3  # of a start or end tag; of a raw element, where its content begins
CONTENT_END: Final = 4  # of a raw element; of a neat start tag 1, else 0
MARK: Final = 5  # set by Python: NO_BOX, SIGN
NUMBER: Final = 6  # of the element, -1 for one that is not known and for what is no element
NAME: Final = 7  # a number for the name: equal for equal names, and as good as never for others
CODE: Final = 8
TRAITS: Final = 9
TAG_COLUMNS: Final = 10
# Sorts.
NOTHING: Final = 0  # a comment, a declaration, a raw element
OPENS: Final = 1
CLOSES: Final = 2
# Marks.
NO_BOX: Final = 1  # the tag says ``display: none``
SIGN: Final = 2  # the tag may name an author

_MAX_NUMBER: Final = 20  # characters of a reference by number
_LETTERS: Final = 10  # of a name that its key spells in full: five bits and a bit each
_HASH: Final = (1 << 56) - 1
_LONG: Final = 1 << 61


@kernel
def is_space(char: int) -> bool:
    """Whether ``str.isspace`` holds of a code point."""
    if char <= 32:
        return char == 32 or 9 <= char <= 13 or 28 <= char <= 31
    if char < 0x1680:
        return char == 0x85 or char == 0xA0
    return 0x2000 <= char <= 0x200A or char in (0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)


@kernel
def _is_wide(char: int) -> bool:
    """As ``runs`` says in ``_WIDE``."""
    if char < 0x2E80:
        return False
    if char <= 0x9FFF:
        return (
            char <= 0x2FFF
            or 0x3001 <= char <= 0x312F
            or 0x31A0 <= char <= 0x33FF
            or 0x3400 <= char <= 0x4DBF
            or char >= 0x4E00
        )
    return (
        0xF900 <= char <= 0xFAFF or 0xFE30 <= char <= 0xFE4F or 0xFF00 <= char <= 0xFF60 or 0x20000 <= char <= 0x3FFFF
    )


@kernel
def _is_unseen(char: int) -> bool:
    """As ``runs`` says in ``INVISIBLE``."""
    return char == 0xAD or 0x200B <= char <= 0x200D or char == 0x2060 or char == 0xFEFF


@kernel
def _is_letter(char: int) -> bool:
    return 97 <= (char | 32) <= 122


@kernel
def _ends_name(char: int) -> bool:
    """Space as HTML has it, a slash or the end of the tag."""
    return char == 32 or char == 62 or char == 47 or char == 9 or char == 10 or char == 12 or char == 13


@kernel
def _symbol(char: int) -> int:
    """1 to 36 for a lower-case letter or a digit, else 0."""
    if 97 <= char <= 122:
        return char - 96
    if 48 <= char <= 57:
        return char - 21
    return 0


@kernel
def name_key(codes: Ints, start: int, end: int) -> int:
    """A number for a name, whatever its case: letters and digits in full up to ten, else a hash of 56 bits."""
    key = 0
    if end - start <= _LETTERS:
        for at in range(start, end):
            char = int(codes[at])
            if 65 <= char <= 90:
                char += 32
            symbol = _symbol(char)
            if symbol == 0:
                key = -1
                break
            key = key * 64 + symbol
        if key > 0:
            return key
    key = 0
    for at in range(start, end):
        char = int(codes[at])
        if 65 <= char <= 90:
            char += 32
        key = ((key * 33) ^ char) & _HASH
    return key | _LONG


@kernel
def slot(keys: Longs, key: int) -> int:
    """Where a key stands in a table half empty, or the empty slot where it would."""
    at = key % len(keys)
    while keys[at] != -1 and keys[at] != key:
        at = at + 1 if at + 1 < len(keys) else 0
    return at


@kernel
def _find(codes: Ints, char: int, start: int) -> int:
    """The first place of a character at or after a place; the length of the source when there is none."""
    at = start
    end = len(codes)
    while at < end and codes[at] != char:
        at += 1
    return at


@kernel
def _neat(codes: Ints, at: int) -> int:
    """The end of a start tag whose attributes are all spelled `` name="value"``; -1 for another. ``at``: end of its name."""
    size = len(codes)
    while at + 1 < size and codes[at] == 32:
        end = at + 1
        while end < size and (_is_letter(codes[end]) or codes[end] == 45 or codes[end] == 58 or codes[end] == 95):
            end += 1
        if end == at + 1 or end + 1 >= size or codes[end] != 61 or codes[end + 1] != 34:
            break
        end = _find(codes, 34, end + 2)
        if end == size:
            break
        at = end + 1
    if at < size and codes[at] == 32:
        at += 1
    if at < size and codes[at] == 47:
        at += 1
    return at + 1 if at < size and codes[at] == 62 else -1


@kernel
def _plain(codes: Ints, at: int) -> int:
    """The end of a start tag with no ``>`` between quotes, at its first; -1 for another."""
    size = len(codes)
    while at < size:
        char = codes[at]
        if char == 62:
            return at + 1
        at += 1
        if char == 34 or char == 39:
            while at < size and codes[at] != char and codes[at] != 62:
                at += 1
            if at == size or codes[at] == 62:
                return -1
            at += 1
    return -1


@kernel
def _is_html_space(char: int) -> bool:
    return char == 32 or char == 9 or char == 10 or char == 12 or char == 13


@kernel
def _exact(codes: Ints, at: int) -> int:
    """The end of any start tag.

    A quote counts only after a name and "="; one that is never closed is read as a name. "=" can begin a name.
    """
    size = len(codes)
    while at < size:
        char = codes[at]
        if char == 62:
            return at + 1
        at += 1
        if _is_html_space(char) or char == 47:
            continue
        while at < size and not _ends_name(codes[at]) and codes[at] != 61:
            at += 1
        value = at
        while value < size and _is_html_space(codes[value]):
            value += 1
        if value == size or codes[value] != 61:
            continue
        value += 1
        while value < size and _is_html_space(codes[value]):
            value += 1
        at = value
        if value == size:
            break
        quote = codes[value]
        if quote == 34 or quote == 39:
            end = _find(codes, quote, value + 1)
            if end < size:
                at = end + 1
        elif quote != 62:
            while at < size and not _is_html_space(codes[at]) and codes[at] != 62:
                at += 1
    return size


@kernel
def _start_tag_end(codes: Ints, at: int) -> int:
    end = _plain(codes, at)
    return end if end >= 0 else _exact(codes, at)


@kernel
def _is_end(codes: Ints, at: int, stop: int, key: int, length: int) -> bool:
    """Whether the end tag of a raw element begins at a place, all of it before ``stop``."""
    end = at + 2 + length
    if end >= stop or codes[at + 1] != 47 or not _ends_name(codes[end]):
        return False
    return name_key(codes, at + 2, end) == key


@kernel
def _is_dashes_end(codes: Ints, at: int) -> bool:
    return at + 2 < len(codes) and codes[at] == 45 and codes[at + 1] == 45 and codes[at + 2] == 62


@kernel
def _raw_end(codes: Ints, content: int, key: int, length: int, is_script: bool) -> tuple[int, int]:
    """Where a raw element ends, and where its content does.

    Within ``<!--`` in a script, ``<script> ... </script>`` does not end the script ("double escaped").
    """
    size = len(codes)
    at = content
    last = -1
    level = 0  # 1: within <!--, 2: within <script> in that
    while at < size:
        char = codes[at]
        if level == 0:
            at = _find(codes, 60, at)
            if at == size:
                break
            char = codes[at]
        if char == 60:
            if _is_end(codes, at, size, key, length):
                last = at
                if level < 2:
                    break
                level = 1
                at += 3 + length
                continue
            if is_script and level == 0:
                if at + 3 < size and codes[at + 1] == 33 and codes[at + 2] == 45 and codes[at + 3] == 45:
                    level = 1
                    at += 2
                    continue
            elif (
                level == 1
                and at + 1 + length < size
                and _ends_name(codes[at + 1 + length])
                and name_key(codes, at + 1, at + 1 + length) == key
            ):
                level = 2
                at += 2 + length
                continue
        elif char == 45 and level > 0 and _is_dashes_end(codes, at):
            level = 0
            at += 3
            continue
        at += 1
    if at >= size:
        return size, last if last >= 0 else size
    end = min(size, _find(codes, 62, at) + 1)
    for later in range(last + 1, end - 2 - length):
        if codes[later] == 60 and _is_end(codes, later, end, key, length):
            last = later
    return end, last


@kernel
def _comment_end(codes: Ints, at: int) -> int:
    """The end of a comment; ``at`` is behind its ``<!--``."""
    size = len(codes)
    if at < size and codes[at] == 62:
        return at + 1
    if at + 1 < size and codes[at] == 45 and codes[at + 1] == 62:
        return at + 2
    while at < size:
        if codes[at] == 45:
            if _is_dashes_end(codes, at):
                return at + 3
            if at + 3 < size and codes[at + 1] == 45 and codes[at + 2] == 33 and codes[at + 3] == 62:
                return at + 4
        at += 1
    return size


@kernel
def _number_of(key: int) -> int:
    """The number of a name that is not known, from its key."""
    return 1 << 30 | ((key ^ (key >> 29)) & ((1 << 30) - 1))


@kernel
def tokenize(codes: Ints, start: int, unclosed: int, lenient: bool, most: int, elements: Elements) -> Ints:
    """The tags of a source from a place on.

    Args:
        codes: the code points of the source.
        unclosed: bits of raw elements, and of comments, that have no end in what follows and are read as plain tags.
        lenient: end every start tag at the next angle bracket, whatever the quotes say.
        most: how many rows there can be: the number of "<", and one.

    Returns:
        A table of tags; behind the last, one that stands for a <tr> that is not written.
    """
    size = len(codes)
    table = np.empty((most, TAG_COLUMNS), np.int32)
    count = 0
    at = start
    while True:
        at = _find(codes, 60, at)
        if at + 1 >= size:
            break
        char = codes[at + 1]
        sort, element, name_end, content_end, key = NOTHING, -1, 0, 0, 0
        if char == 47:
            end = min(size, _find(codes, 62, at + 2) + 1)
            if at + 2 < size and _is_letter(codes[at + 2]):
                sort = CLOSES
                name_end = at + 3
                while name_end < size and not _ends_name(codes[name_end]):
                    name_end += 1
                key = name_key(codes, at + 2, name_end)
        elif char == 33 or char == 63:
            dashes = char == 33 and at + 3 < size and codes[at + 2] == 45 and codes[at + 3] == 45
            is_comment = dashes and not unclosed & COMMENT
            end = _comment_end(codes, at + 4) if is_comment else min(size, _find(codes, 62, at + 2) + 1)
        elif _is_letter(char):
            name_end = at + 2
            while name_end < size and not _ends_name(codes[name_end]):
                name_end += 1
            key = name_key(codes, at + 1, name_end)
            sort = OPENS
        else:
            at += 1
            continue
        name, code, traits = 0, INLINE, 0
        if sort != NOTHING:
            found = slot(elements.keys, key)
            if elements.keys[found] == key:
                element = int(elements.numbers[found])
                name = element
                code = int(elements.treatments[element])
                traits = int(elements.traits[element])
            else:
                name = _number_of(key)
        if sort == OPENS:
            raw = elements.raw[element] if element >= 0 and name_end < size else -1
            if raw >= 0 and not (unclosed >> raw) & 1:
                content = _start_tag_end(codes, name_end)
                whole = (
                    traits & SVG_RAW != 0
                    and codes[content - 1] == 62
                    and codes[content - 2] == 47
                    and (
                        content - 2 == name_end
                        or codes[content - 3] == 34
                        or codes[content - 3] == 39
                        or _is_html_space(codes[content - 3])
                    )
                )
                if whole:
                    end, content_end = content, content
                else:
                    end, content_end = _raw_end(codes, content, key, name_end - at - 1, traits & SCRIPT != 0)
                sort, name_end = NOTHING, content
            elif lenient:
                end = name_end
                while end < size and codes[end] != 60 and codes[end] != 62:
                    end += 1
                if end < size and codes[end] == 62:
                    end += 1
            else:
                end = _neat(codes, name_end)
                if end >= 0:
                    content_end = 1
                else:
                    end = _start_tag_end(codes, name_end)
        row = table[count]
        row[START] = at
        row[END] = end
        row[SORT] = sort
        row[NAME_END] = name_end
        row[CONTENT_END] = content_end
        row[MARK] = 0
        row[NUMBER] = element
        row[NAME] = name
        row[CODE] = code
        row[TRAITS] = traits
        count += 1
        at = end
    key = 20 * 64 + 18  # of "tr"
    element = int(elements.numbers[slot(elements.keys, key)])
    row = table[count]
    row[:] = 0
    row[START] = row[END] = row[NAME_END] = size
    row[SORT] = OPENS
    row[NUMBER] = row[NAME] = element
    row[CODE] = elements.treatments[element]
    return table[: count + 1]


# The walk: tags to elements and runs.

# Columns of the table of elements; NAME, NUMBER, CODE and TRAITS stand where they do in that of tags. The first element
# is what all others stand in.
PARENT: Final = 0  # -1 for the first
DEPTH: Final = 1
TAG: Final = 2  # its start tag, -1 where it is not written
BITS: Final = 3  # what it inherits
KIND: Final = 4  # -1 until it is asked for
NODE_COLUMNS: Final = 10
# Bits of elements, beside the traits KEEPS_SPACE, FOREIGN and SVG; signs say that the tag of the element, of its parent
# and of that one's parent may name an author.
_INHERITED: Final = KEEPS_SPACE | FOREIGN | SVG
SIGNED: Final = 1 << 24
_SIGNS: Final = SIGNED * 7

# Columns of the table of pieces of text; their starts and ends are those of tags.
PIECE_NODE: Final = 2
PIECE_LINK: Final = 3  # number of the link, or 0
PIECE_BREAK: Final = 4  # 1 for a line break in preformatted text
PIECE_COLUMNS: Final = 5

# Columns of the table of runs.
RUN_PIECE: Final = 0  # its first piece
RUN_STOP: Final = 1  # behind its last
RUN_BREAKS: Final = 2  # <br> since the run before
RUN_EDGE: Final = 3  # 1 if a block began or ended since
RUN_START: Final = 4
RUN_END: Final = 5
RUN_POOL: Final = 6  # where its text begins
RUN_POOL_END: Final = 7
RUN_NODE: Final = 8  # the innermost element around all of it
RUN_LINKS: Final = 9
RUN_LINK_CHARS: Final = 10
RUN_FLAGS: Final = 11
RUN_COLUMNS: Final = 12
SLOW: Final = 1
EMPTY: Final = 4  # nothing in it can be seen
NAMED: Final = 2  # an element around a piece may name an author

# Columns of the table of tables.
TABLE_NODE: Final = 0
TABLE_BODY: Final = 1  # the open section, else the table
TABLE_ROW: Final = 2  # that is open, else -1
TABLE_CELL: Final = 3
TABLE_LAYOUT: Final = 4
TABLE_OUTER: Final = 5  # the table around it, or -1
TABLE_RUNS: Final = 6  # number of runs before its end
TABLE_COLUMNS: Final = 7

# The table of notes: what Python looks at, in order. Its first column says of what sort a note is.
HEAD_TAG: Final = 1  # the tag
RAW_ELEMENT: Final = 2  # a script or a title: its tag
ROW_OPENS: Final = 3  # the table, the row
CELL_OPENS: Final = 4  # the table, the number of runs before

_MAX_WALK: Final = 100  # how far up an end tag looks for its element; no page nests as deep between the two
_MAX_REBUILT: Final = 200_000  # elements of a page that are put on another base; bounds memory on hostile input
_MAX_PATH: Final = 256  # elements; ``markup`` works out what lies deeper one by one
_MAX_PROBES: Final = 64


class Walked(NamedTuple):
    """Elements, pieces of text and runs of a page, its tables and what else there is to look at."""

    nodes: Ints
    pieces: Ints
    runs: Ints
    tables: Ints
    notes: Ints
    is_too_deep: bool


# Places of what is counted.
_NODES: Final = 0
_PIECES: Final = 1
_RUNS: Final = 2
_TABLES: Final = 3
_NOTES: Final = 4
_OPEN_RUN: Final = 5  # first piece of the run that is open
_BREAKS: Final = 6
_EDGE: Final = 7
_OPEN_LINK: Final = 8
_LINKS: Final = 9
_OPEN_TABLE: Final = 10
_REBUILT: Final = 11
_COUNTS: Final = 12


@kernel
def _push(nodes: Ints, counts: Longs, tags: Ints, around: int, tag: int, code: int) -> int:
    """Open the element of a start tag in another."""
    new = counts[_NODES]
    counts[_NODES] = new + 1
    node, outer, token = nodes[new], nodes[around], tags[tag]
    traits = token[TRAITS]
    bits = (outer[BITS] | traits) & _INHERITED | (outer[BITS] & _SIGNS) << 1 & _SIGNS
    if token[MARK] & SIGN:
        bits |= SIGNED
    node[PARENT] = around
    node[DEPTH] = outer[DEPTH] + 1
    node[TAG] = tag
    node[BITS] = bits
    node[KIND] = -1
    node[NUMBER] = token[NUMBER]
    node[NAME] = token[NAME]
    node[CODE] = code
    node[TRAITS] = traits
    return int(new)


@kernel
def _up(nodes: Ints, node: int) -> int:
    """The element around an element; the outermost is its own."""
    return int(nodes[node, PARENT]) if node > 0 else 0


@kernel
def _end_paragraph(nodes: Ints, node: int) -> int:
    """What is open once a <p> that inline elements hold open is closed, as a block element does."""
    at = node
    for _ in range(_MAX_WALK):
        if nodes[at, TRAITS] & PARAGRAPH:
            return _up(nodes, at)
        if nodes[at, CODE] > LINK:
            break
        at = _up(nodes, at)
    return node


@kernel
def _end_item(nodes: Ints, node: int, which: int) -> int:
    """What is open once the <li>, or <dd> and <dt>, before the one that starts is closed."""
    at = node
    for _ in range(_MAX_WALK):
        traits = nodes[at, TRAITS]
        if traits & which:
            return _up(nodes, at)
        if nodes[at, CODE] > LINK and not traits & TRANSPARENT:
            break
        at = _up(nodes, at)
    return _end_paragraph(nodes, node)


@kernel
def _end_link(nodes: Ints, node: int) -> int:
    """What is open once an <a> that the next one ends is closed."""
    at = node
    for _ in range(_MAX_WALK):
        code = nodes[at, CODE]
        if code == LINK:
            return _up(nodes, at)
        if code != INLINE:
            break
        at = _up(nodes, at)
    return node


@kernel
def _end_block(nodes: Ints, node: int, name: int, code: int, traits: int) -> int:
    """What is open after the end tag of a block element; nothing changes when none is in scope."""
    at = node
    for _ in range(_MAX_WALK):
        if nodes[at, NAME] == name or (code == HEADING and nodes[at, CODE] == HEADING):
            return _up(nodes, at)
        around = nodes[at, TRAITS]
        if around & BARRIER or (traits & LIST_ITEM and around & LIST) or at == 0:
            break
        at = _up(nodes, at)
    return node


@kernel
def _end_inline(nodes: Ints, counts: Longs, tags: Ints, node: int, name: int, traits: int) -> int:
    """What is open after the end tag of an inline element.

    Where a block was opened inside a formatting element and is still open, it stays open without it.
    """
    at = node
    has_block = False
    for step in range(_MAX_WALK):
        if nodes[at, NAME] == name:
            return _rebuilt(nodes, counts, tags, node, step) if has_block else _up(nodes, at)
        if nodes[at, CODE] > LINK:
            has_block = True
            if not traits & FORMATTING or at == 0:
                break
        if nodes[at, TRAITS] & BARRIER:
            break
        at = _up(nodes, at)
    return node


@kernel
def _rebuilt(nodes: Ints, counts: Longs, tags: Ints, node: int, count: int) -> int:
    """A number of elements, the innermost first, put on what the one around them stands in."""
    between = np.empty(count, np.int64)
    for step in range(count):
        between[step] = node
        node = _up(nodes, node)
    base = _up(nodes, node)
    if counts[_REBUILT] + count > _MAX_REBUILT:
        return base
    counts[_REBUILT] += count
    for step in range(count - 1, -1, -1):
        base = _push(nodes, counts, tags, base, int(nodes[between[step], TAG]), int(nodes[between[step], CODE]))
    return base


@kernel
def _has_text(codes: Ints, start: int, end: int) -> bool:
    at = start
    while at < end and is_space(codes[at]):
        at += 1
    return at < end


@kernel
def _add_piece(pieces: Ints, counts: Longs, start: int, end: int, node: int, link: int, is_break: int) -> None:
    piece = pieces[counts[_PIECES]]
    counts[_PIECES] += 1
    piece[START] = start
    piece[END] = end
    piece[PIECE_NODE] = node
    piece[PIECE_LINK] = link
    piece[PIECE_BREAK] = is_break


@kernel
def _end_run(runs: Ints, counts: Longs) -> None:
    """Close the run that is open, if any."""
    first, stop = counts[_OPEN_RUN], counts[_PIECES]
    if first < stop:
        run = runs[counts[_RUNS]]
        counts[_RUNS] += 1
        run[RUN_PIECE] = first
        run[RUN_STOP] = stop
        run[RUN_BREAKS] = counts[_BREAKS]
        run[RUN_EDGE] = counts[_EDGE]
        counts[_OPEN_RUN] = stop
        counts[_BREAKS] = 0
        counts[_EDGE] = 0


@kernel
def _note(notes: Ints, counts: Longs, sort: int, first: int, second: int) -> None:
    note = notes[counts[_NOTES]]
    counts[_NOTES] += 1
    note[0] = sort
    note[1] = first
    note[2] = second


@kernel
def _holds(codes: Ints, start: int, end: int, word: tuple[int, int, int, int]) -> bool:
    """Whether four characters stand somewhere between two places."""
    for at in range(start, end - 3):
        if codes[at] == word[0] and codes[at + 1] == word[1] and codes[at + 2] == word[2] and codes[at + 3] == word[3]:
            return True
    return False


@kernel
def _open_row(nodes: Ints, counts: Longs, tags: Ints, tables: Ints, notes: Ints, tag: int) -> int:
    table = counts[_OPEN_TABLE]
    row = _push(nodes, counts, tags, int(tables[table, TABLE_BODY]), tag, ROW)
    tables[table, TABLE_ROW] = row
    tables[table, TABLE_CELL] = -1
    _note(notes, counts, ROW_OPENS, table, row)
    return row


@kernel
def _open_table_part(nodes: Ints, counts: Longs, tags: Ints, tables: Ints, notes: Ints, node: int, tag: int) -> int:
    """What is open after <table>, <tr>, <td> and the like. The last tag stands for a <tr> that is not written."""
    code = tags[tag, CODE]
    table = counts[_OPEN_TABLE]
    if code == TABLE:
        opened = _push(nodes, counts, tags, _end_paragraph(nodes, node), tag, TABLE)
        if table >= 0:
            tables[table, TABLE_LAYOUT] = 1  # it holds a table
        new = tables[counts[_TABLES]]
        counts[_OPEN_TABLE] = counts[_TABLES]
        counts[_TABLES] += 1
        new[TABLE_NODE] = opened
        new[TABLE_BODY] = opened
        new[TABLE_ROW] = -1
        new[TABLE_CELL] = -1
        new[TABLE_LAYOUT] = 0
        new[TABLE_OUTER] = table
        return opened
    if table < 0:
        return node
    if code == SECTION:
        around = int(tables[table, TABLE_NODE])
        opened = _push(nodes, counts, tags, around, tag, SECTION)
        tables[table, TABLE_BODY] = around if tags[tag, TRAITS] & CAPTION else opened
        tables[table, TABLE_ROW] = -1
        tables[table, TABLE_CELL] = -1
        return opened
    if code == ROW:
        return _open_row(nodes, counts, tags, tables, notes, tag)
    row = int(tables[table, TABLE_ROW])
    counts[_OPEN_LINK] = 0
    if row < 0:
        row = _open_row(nodes, counts, tags, tables, notes, len(tags) - 1)
    cell = _push(nodes, counts, tags, row, tag, CELL)
    tables[table, TABLE_CELL] = cell
    _note(notes, counts, CELL_OPENS, table, counts[_RUNS])
    return cell


@kernel
def _close_table_part(nodes: Ints, counts: Longs, tables: Ints, node: int, code: int) -> int:
    """What is open after </table>, </tr>, </td> and the like."""
    number = counts[_OPEN_TABLE]
    if number < 0:
        return node
    counts[_OPEN_LINK] = 0
    table = tables[number]
    around = int(table[TABLE_NODE])
    if code == TABLE:
        counts[_OPEN_TABLE] = table[TABLE_OUTER]
        table[TABLE_RUNS] = counts[_RUNS]
        return _up(nodes, around)
    row = int(table[TABLE_ROW])
    if code == CELL:
        if table[TABLE_CELL] < 0 or row < 0:
            return node
        table[TABLE_CELL] = -1
        return row
    body = int(table[TABLE_BODY])
    table[TABLE_ROW] = -1
    table[TABLE_CELL] = -1
    if code == ROW:
        return body
    table[TABLE_BODY] = around
    return around


@kernel
def _open(codes: Ints, nodes: Ints, counts: Longs, tags: Ints, node: int, tag: int) -> int:
    """What the start tags do that are neither plain blocks nor plain inline elements nor parts of tables."""
    token = tags[tag]
    code, traits = token[CODE], token[TRAITS]
    if code == LINK:
        counts[_OPEN_LINK] = 0
        start, end = token[START], token[END]
        if _holds(codes, start, end, (104, 114, 101, 102)) or _holds(codes, start, end, (72, 82, 69, 70)):
            counts[_LINKS] += 1
            counts[_OPEN_LINK] = counts[_LINKS]
        return _push(nodes, counts, tags, _end_link(nodes, node), tag, LINK)
    if code == ITEM:
        return _push(nodes, counts, tags, _end_item(nodes, node, traits & (LIST_ITEM | TERM)), tag, ITEM)
    if code == OPTION:
        if nodes[node, TRAITS] & ONE_OPTION:
            node = _up(nodes, node)
        if traits & nodes[node, TRAITS] & OPTION_GROUP:
            node = _up(nodes, node)
    elif code == OUTER:
        around = nodes[node, TRAITS]
        if traits & HEAD or (node > 0 and not around & HTML) or traits & around & HTML:
            return node
    else:
        node = _end_paragraph(nodes, node)
        if code == RULE:
            return node
        if code == HEADING and nodes[node, CODE] == HEADING:
            node = _up(nodes, node)
    return _push(nodes, counts, tags, node, tag, code)


@kernel
def _cdata(codes: Ints, start: int, end: int) -> tuple[int, int]:
    """The text of a CDATA section between its marks; (0, 0) for what is none, or has none."""
    text = start + 9
    if text > end or codes[start + 2] != 91 or codes[start + 3] != 67 or codes[text - 1] != 91:
        return 0, 0
    if not _holds(codes, start + 4, text - 1, (68, 65, 84, 65)):
        return 0, 0
    if end > text and codes[end - 1] == 62:
        end -= 1
    if end - 1 > text and codes[end - 1] == 93 and codes[end - 2] == 93:
        end -= 2
    return (text, end) if _has_text(codes, text, end) else (0, 0)


@kernel
def walk(codes: Ints, start: int, tags: Ints, max_depth: int) -> Walked:
    """The elements and the runs of text of a page, by its tags.

    Args:
        codes: the code points of the source.
        start: where the page begins in it.
        tags: its tags from there on, and one more that stands for a <tr> that is not written.
        max_depth: elements around a text; the walk ends at a run that lies deeper.
    """
    count = len(tags) - 1
    most = 2 * count + 2
    nodes = np.empty((most + min(_MAX_REBUILT, _MAX_WALK * count), NODE_COLUMNS), np.int32)
    pieces = np.empty((most, PIECE_COLUMNS), np.int32)
    runs = np.empty((most, RUN_COLUMNS), np.int32)
    tables = np.empty((count, TABLE_COLUMNS), np.int32)
    notes = np.empty((2 * count, 3), np.int32)
    counts = np.zeros(_COUNTS, np.int64)
    nodes[0, :] = 0
    nodes[0, PARENT] = -1
    nodes[0, TAG] = -1
    nodes[0, NUMBER] = -1
    nodes[0, NAME] = -1
    nodes[0, CODE] = OUTER
    counts[_NODES] = 1
    counts[_OPEN_TABLE] = -1
    node = 0
    at = start
    is_too_deep = False
    for tag in range(count + 1):
        token = tags[tag]
        text_end = int(token[START]) if tag < count else len(codes)
        if at < text_end and (counts[_PIECES] > counts[_OPEN_RUN] or _has_text(codes, at, text_end)):
            _add_piece(pieces, counts, at, text_end, node, counts[_OPEN_LINK], 0)
        at = int(token[END])
        sort, code, traits = token[SORT], token[CODE], token[TRAITS]
        # Whether the run ends here, and whether a block begins or ends.
        is_break = traits & LINE_BREAK != 0 and sort != NOTHING
        is_edge = False
        shown = (0, 0)
        if tag == count:
            is_edge = True
        elif sort == OPENS:
            is_edge = BLOCK <= code <= PRE or RULE <= code <= OUTER
            if (
                code == BLOCK
                and token[MARK] & NO_BOX
                and counts[_PIECES] > counts[_OPEN_RUN]
                and _end_paragraph(nodes, node) == node
            ):
                is_edge = False
                code = INLINE
        elif sort == CLOSES:
            if token[NAME] == nodes[node, NAME] and nodes[node, CODE] == INLINE:
                code = INLINE  # it may have been opened as such
            is_edge = BLOCK <= code <= PRE or TABLE <= code <= OUTER
        elif traits & TEXT:
            is_edge = _has_text(codes, int(token[NAME_END]), int(token[CONTENT_END]))
        if is_break and nodes[node, BITS] & KEEPS_SPACE:
            if counts[_PIECES] > counts[_OPEN_RUN]:
                before = int(pieces[counts[_PIECES] - 1, START])
                _add_piece(pieces, counts, before, before, node, 0, 1)
            is_break = False
        if is_edge or is_break:
            if counts[_PIECES] > counts[_OPEN_RUN]:
                if nodes[pieces[counts[_OPEN_RUN], PIECE_NODE], DEPTH] > max_depth:
                    is_too_deep = True
                    break
                _end_run(runs, counts)
            if is_edge:
                counts[_EDGE] = 1
            else:
                counts[_BREAKS] += 1
        if tag == count:
            break
        if sort == OPENS:
            if code == INLINE:
                node = _push(nodes, counts, tags, node, tag, INLINE)
            elif code == BLOCK:
                if nodes[node, CODE] != BLOCK or nodes[node, TRAITS] & PARAGRAPH:
                    node = _end_paragraph(nodes, node)
                node = _push(nodes, counts, tags, node, tag, BLOCK)
            elif TABLE <= code <= CELL:
                node = _open_table_part(nodes, counts, tags, tables, notes, node, tag)
            else:
                if code == DATA or traits & HTML:
                    _note(notes, counts, HEAD_TAG, tag, 0)
                if code not in (VOID, RAW, BREAK, DATA):
                    node = _open(codes, nodes, counts, tags, node, tag)
        elif sort == CLOSES:
            if code <= LINK:
                if code == LINK:
                    counts[_OPEN_LINK] = 0
                node = _end_inline(nodes, counts, tags, node, token[NAME], traits)
            elif code <= PRE:
                node = _end_block(nodes, node, token[NAME], code, traits)
            elif TABLE <= code <= CELL:
                node = _close_table_part(nodes, counts, tables, node, code)
        elif traits & SCRIPT or (traits & TITLE and not nodes[node, BITS] & SVG):
            _note(notes, counts, RAW_ELEMENT, tag, 0)
        elif traits & TEXT:
            if is_edge:
                inner = _push(nodes, counts, tags, node, tag, BLOCK)
                _add_piece(pieces, counts, int(token[NAME_END]), int(token[CONTENT_END]), inner, 0, 0)
                if nodes[inner, DEPTH] > max_depth:
                    is_too_deep = True
                    break
                _end_run(runs, counts)
                counts[_EDGE] = 1
        elif token[NUMBER] < 0 and nodes[node, BITS] & FOREIGN:
            shown = _cdata(codes, int(token[START]), at)
            if shown[1]:
                _add_piece(pieces, counts, shown[0], shown[1], node, counts[_OPEN_LINK], 0)
    table = counts[_OPEN_TABLE]
    while table >= 0:
        tables[table, TABLE_RUNS] = counts[_RUNS]
        table = int(tables[table, TABLE_OUTER])
    return Walked(
        nodes[: counts[_NODES]],
        pieces[: counts[_PIECES]],
        runs[: counts[_RUNS]],
        tables[: counts[_TABLES]],
        notes[: counts[_NOTES]],
        is_too_deep,
    )


# Reading: what the runs say.


@kernel
def _reference(codes: Ints, at: int, end: int, keys: Longs, characters: Ints) -> tuple[int, int]:
    """The character that a reference means and its length; -1 for one that ``html.unescape`` must read."""
    if at + 1 >= end:
        return 38, 1
    char = int(codes[at + 1])
    if char == 32 or char == 9 or char == 10 or char == 12 or char == 60 or char == 38 or char == 59:
        return 38, 1
    stop = at + 1
    if char == 35:
        number = 0
        stop += 1
        if stop < end and codes[stop] | 32 == 120:
            stop += 1
            while stop < end and number < 0x110000:
                char = int(codes[stop])
                if 48 <= char <= 57:
                    number = number * 16 + char - 48
                elif 97 <= char | 32 <= 102:
                    number = number * 16 + (char | 32) - 87
                else:
                    break
                stop += 1
        else:
            while stop < end and number < 0x110000 and 48 <= codes[stop] <= 57:
                number = number * 10 + int(codes[stop]) - 48
                stop += 1
        is_plain = (
            32 <= number <= 126
            or 0xA0 <= number <= 0xD7FF
            or 0xE000 <= number <= 0xFDCF
            or 0xFDF0 <= number <= 0xFFFD
            or (0x10000 <= number <= 0x10FFFF and number & 0xFFFF < 0xFFFE)
        )
        if is_plain and stop < end and codes[stop] == 59 and stop - at < _MAX_NUMBER:
            return number, stop + 1 - at
        return -1, 0
    key = 0
    while stop < end and stop - at <= _LETTERS:
        symbol = _symbol(codes[stop])
        if symbol == 0:
            break
        key = key * 64 + symbol
        stop += 1
    if stop < end and codes[stop] == 59:
        found = slot(keys, key)
        if keys[found] == key:
            return int(characters[found]), stop + 1 - at
    return -1, 0


@kernel
def _read_run(
    codes: Ints, nodes: Ints, pieces: Ints, run: Ints, keys: Longs, characters: Ints, pool: Ints, pool_start: int
) -> int:
    """Write out what a run says, as ``runs.block_of`` has it; where that ends, or -1 for one that is left to it."""
    out = pool_start
    start = end = 0
    is_unseen = False  # the last character but space
    gap = 0  # white space before what comes next
    lines = 0  # the first line break in it, counted from 1
    is_simple = True  # nothing in it but spaces, tabs and line breaks
    has_feed = False
    written = 0  # the last character written out
    links = chars = latest = 0
    common = left = int(pieces[run[RUN_PIECE], PIECE_NODE])
    for piece in range(run[RUN_PIECE], run[RUN_STOP]):
        if pieces[piece, PIECE_BREAK]:
            return -1
        is_blank = True
        length = 0
        at = int(pieces[piece, START])
        piece_end = int(pieces[piece, END])
        while at < piece_end:
            char = int(codes[at])
            step = 1
            if not (char <= 32 or char >= 0x85) or not is_space(char):
                is_blank = False
                if char == 38:
                    char, step = _reference(codes, at, piece_end, keys, characters)
                    if char < 0:
                        return -1
            at += step
            if (char <= 32 or char >= 0x85) and is_space(char):
                gap += 1
                if char == 10 or char == 13:
                    if lines == 0:
                        lines = gap
                    if char == 10:
                        has_feed = True
                elif char != 32 and char != 9:
                    is_simple = False
                continue
            if gap > 0 and out > pool_start:
                wide = is_simple and lines > 0 and _is_wide(char) and _is_wide(written)
                if wide and not has_feed:
                    return -1
                if not (wide and lines <= 100 and gap - lines <= 999):
                    pool[out] = 32
                    out += 1
                    length += length > 0
            if gap > 0:
                gap = lines = 0
                is_simple = True
                has_feed = False
            is_unseen = char >= 0xAD and _is_unseen(char)
            if end == 0:
                if is_unseen:
                    return -1
                start = at - step
            end = at
            pool[out] = char
            out += 1
            length += 1
            written = char
        if is_blank:
            continue
        link = pieces[piece, PIECE_LINK]
        if link:
            links += link != latest
            latest = link
            chars += length
        right = int(pieces[piece, PIECE_NODE])
        if right != left:
            at = right
            while left != at:
                if nodes[left, DEPTH] >= nodes[at, DEPTH]:
                    left = _up(nodes, left)
                else:
                    at = _up(nodes, at)
            if nodes[left, DEPTH] < nodes[common, DEPTH]:
                common = left
            left = right
    if is_unseen or nodes[common, BITS] & KEEPS_SPACE:
        return -1
    run[RUN_START] = start
    run[RUN_END] = end
    run[RUN_POOL] = pool_start
    run[RUN_POOL_END] = out
    run[RUN_NODE] = common
    run[RUN_LINKS] = links
    run[RUN_LINK_CHARS] = min(chars, out - pool_start)
    return out


@kernel
def read_runs(codes: Ints, nodes: Ints, pieces: Ints, runs: Ints, keys: Longs, characters: Ints, plain: bool) -> Ints:
    """Write out what runs say, and fill the rest of their table; marks those that are left to ``runs`` as SLOW.

    Args:
        codes: the code points of the source.
        nodes: the elements.
        pieces: the pieces of text.
        runs: the runs; changed.
        keys: names of character references that mean one character, a table of ``slot``.
        characters: what they mean.
        plain: the page has no readings of characters, so that runs of many pieces are read here.

    Returns:
        The texts, one behind the other.
    """
    pool = np.empty(len(codes), np.int32)
    out = 0
    for number in range(len(runs)):
        run = runs[number]
        run[RUN_FLAGS] = 0
        for piece in range(run[RUN_PIECE], run[RUN_STOP]):
            if nodes[pieces[piece, PIECE_NODE], BITS] & _SIGNS:
                run[RUN_FLAGS] = NAMED
        end = -1
        if plain or run[RUN_STOP] - run[RUN_PIECE] == 1:
            end = _read_run(codes, nodes, pieces, run, keys, characters, pool, out)
        if end == out:
            run[RUN_FLAGS] |= EMPTY
        elif end < 0:
            run[RUN_FLAGS] |= SLOW
            run[RUN_NODE] = 0
        else:
            out = end
    return pool[:out]


# Columns of the table of kinds.
KIND_PARENT: Final = 0  # the kind of the parent
KIND_NODE: Final = 1
KIND_TAG: Final = 2  # where what its tag says begins
KIND_TAG_END: Final = 3
KIND_COLUMNS: Final = 4

# Kinds: elements in elements of one kind whose tags say the same. What they mean is worked out once.


@kernel
def _says(codes: Ints, start: int, end: int, names: Longs) -> bool:
    """Whether an attribute, from its name to its closing quote, says something of a block, or may be taken to.

    What looks like an attribute within a value may be taken for one; so may the word "hidden".
    """
    at = start
    while codes[at] != 61:
        at += 1
    key = name_key(codes, start, at)
    for name in names:
        if name == key:
            return True
    for value in range(at + 2, end - 1):
        char = codes[value]
        if char | 32 == 104 and value + 6 < end:
            if name_key(codes, value, value + 6) == names[0]:
                return True
        elif char == 61:
            word = value
            while word > at + 2 and is_space(codes[word - 1]):
                word -= 1
            while word > at + 2 and (_is_letter(codes[word - 1]) or codes[word - 1] == 45):
                word -= 1
            before = codes[word - 1]
            if word < value and (before == 34 or before == 39 or before == 47 or is_space(before)):
                return True
    return False


@kernel
def _saying(codes: Ints, token: Ints, attributes: Longs, out: Ints, at: int) -> int:
    """Write out what of a start tag, behind its name, says something of a block; the place behind it."""
    start, end = int(token[NAME_END]), int(token[END])
    is_neat = token[SORT] == OPENS and token[CONTENT_END] == 1
    if token[SORT] == NOTHING:  # raw
        start, end = int(token[START]) + 1, int(token[NAME_END])
        while not _ends_name(codes[start]):
            start += 1
    if not is_neat or token[TRAITS] & TEMPLATE:
        for place in range(start, end):
            out[at] = codes[place]
            at += 1
        return at
    if codes[start] == 32 and codes[start + 1] != 47 and codes[start + 1] != 62:
        out[at] = 61  # there are attributes
        at += 1
    while codes[start] == 32 and codes[start + 1] != 47 and codes[start + 1] != 62:
        stop = _find(codes, 34, _find(codes, 34, start) + 1) + 1
        if _says(codes, start + 1, stop, attributes):
            for place in range(start, stop):
                out[at] = codes[place]
                at += 1
        start = stop
    out[at] = 62
    return at + 1


@kernel
def find_kinds(codes: Ints, tags: Ints, nodes: Ints, pieces: Ints, attributes: Longs) -> tuple[Ints, Ints]:
    """The kinds of the elements around pieces of text, written to the elements.

    Args:
        codes: the code points of the source.
        tags: the tags.
        nodes: the elements; changed.
        pieces: the pieces of text.
        attributes: keys of the names of attributes that say something of a block, "hidden" first.

    Returns:
        By kind that of the parent, an element of it, and where what its tag says stands in the text that is returned
        too; nothing where elements stand too deep for that.
    """
    n_tokens = len(tags)
    numbers = np.full(n_tokens, -1, np.int32)  # by tag: what it says, by number
    spoken = np.empty(len(codes) + 2 * n_tokens, np.int32)
    spans = np.empty((n_tokens, 3), np.int32)  # by number: start and end of what is said, the name
    n_tags = n_said = 0
    kinds = np.empty((len(nodes), KIND_COLUMNS), np.int32)
    kinds[0, :] = 0
    n_kinds = 1
    width = 64
    while width < 2 * len(nodes):
        width *= 2
    by_tag = np.full(width, -1, np.int32)
    by_kind = np.full(width, -1, np.int32)
    kind_tags = np.empty(len(nodes), np.int32)
    chain = np.empty(len(nodes), np.int32)
    for piece in range(len(pieces)):
        at = int(pieces[piece, PIECE_NODE])
        if nodes[at, KIND] >= 0:
            continue
        if nodes[at, DEPTH] >= _MAX_PATH:
            return kinds[:0], spoken[:0]
        length = 0
        while nodes[at, KIND] < 0:
            chain[length] = at
            length += 1
            at = int(nodes[at, PARENT])
        kind = int(nodes[at, KIND])
        for step in range(length - 1, -1, -1):
            at = int(chain[step])
            place = int(nodes[at, TAG])
            tag = int(numbers[place])
            if tag < 0:
                name = int(nodes[at, NAME])
                end = _saying(codes, tags[place], attributes, spoken, n_said)
                mixed = name
                for character in range(n_said, end):
                    mixed = ((mixed * 33) ^ int(spoken[character])) & _HASH
                probe = (mixed ^ (mixed >> 17)) & (width - 1)
                tag = n_tags
                for _ in range(_MAX_PROBES):
                    found = int(by_tag[probe])
                    if found < 0:
                        by_tag[probe] = n_tags
                        break
                    if spans[found, 2] == name and spans[found, 1] - spans[found, 0] == end - n_said:
                        is_same = True
                        for character in range(end - n_said):
                            if spoken[spans[found, 0] + character] != spoken[n_said + character]:
                                is_same = False
                                break
                        if is_same:
                            tag = found
                            break
                    probe = (probe + 1) & (width - 1)
                if tag == n_tags:
                    spans[tag, 0] = n_said
                    spans[tag, 1] = end
                    spans[tag, 2] = name
                    n_tags += 1
                    n_said = end
                numbers[place] = tag
            probe = (kind * 0x9E3B + tag * 0x85EB) & (width - 1)
            new = n_kinds
            for _ in range(_MAX_PROBES):
                found = int(by_kind[probe])
                if found < 0:
                    by_kind[probe] = n_kinds
                    break
                if kinds[found, KIND_PARENT] == kind and kind_tags[found] == tag:
                    new = found
                    break
                probe = (probe + 1) & (width - 1)
            if new == n_kinds:
                kinds[new, KIND_PARENT] = kind
                kinds[new, KIND_NODE] = at
                kinds[new, KIND_TAG] = spans[tag, 0]
                kinds[new, KIND_TAG_END] = spans[tag, 1]
                kind_tags[new] = tag
                n_kinds += 1
            kind = new
            nodes[at, KIND] = kind
    return kinds[:n_kinds], spoken[:n_said]
