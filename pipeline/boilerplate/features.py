"""Numbers about each block that tell main text from the rest, for a whole page at once.

Text columns are counted in one walk over the page's code points; mark-up columns are looked up
once for each distinct (path, classes) of the page. A flattened text has the same columns with those of
mark-up 0. To add a column, name it in its group below and write it at its place in that group's function.
Scales are logarithms and shares, so that no column needs the unit of another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, compress, count, pairwise
from operator import ne

import numpy as np
from numpy.typing import NDArray

from pipeline.blocks import KINDS, NO_ELEMENT, Blocks, Element, ints
from pipeline.boilerplate.charstats import WORD_KINDS, CharKind, CharStats, Hashed, char_stats, hash_words_and_pairs
from pipeline.boilerplate.lexicon import CLASS_WORDS
from pipeline.compiled import kernel
from pipeline.extract.blocks import MAX_JSON, json_strings
from pipeline.text.codes import Points, read_codes
from pipeline.types import Block, BlockKind, PageHead

# What a page's head tells of its kind and of its text: marks for the model, and how much of a block it repeats.
#
# Marks are words like ``og:article``, ``type:Product`` (JSON-LD), ``meta:article:published_time``,
# ``generator:wordpress``. To read something more from the head, add it to ``head_marks``; whether it counts is
# learned.

#: The columns of ``repeats``.
REPEATS: tuple[str, ...] = (
    "words_in_title", "pairs_in_title", "in_description", "pairs_in_description", "in_body", "has_body",
    "has_description",
)  # fmt: skip

MAX_MARKS = 40  # a page
_MIN_STRING = 10  # code points of a string of JSON-LD that says something
_BODY_PAIRS = 30  # a body in JSON-LD has at least so many pairs of words
_TYPE = re.compile(r'"@type"\s{0,9}:\s{0,9}"(\w{1,40})"')
_BODIES = ("articleBody", "text", "reviewBody")
_NAMES = (*_BODIES, "description", "headline", "name")
_TITLES = ("og:title", "twitter:title")
_DESCRIPTIONS = ("description", "og:description", "twitter:description")
_MIX = np.uint64(1_000_003)
_SLOT_BITS = 13
_SLOT_SHIFT = np.uint64(64 - _SLOT_BITS)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth, TAOCP 3, 6.4)


def head_marks(head: PageHead) -> list[str]:
    """Marks of a head, each once, sorted."""
    meta = dict(reversed(head.meta))
    marks = {f"meta:{name[:30]}" for name, _ in head.meta}
    marks |= {f"type:{name}" for script in head.json_ld for name in _TYPE.findall(script[:MAX_JSON])}
    if kind := meta.get("og:type", "").lower()[:30]:
        marks.add(f"og:{kind}")
    if made_by := meta.get("generator", "").lower().split():
        marks.add(f"generator:{made_by[0][:20]}")
    return sorted(marks)


def repeats(head: PageHead, stats: CharStats) -> NDArray[np.float32]:
    """How much of each block the title, the descriptions and the body in the head say too; REPEATS columns."""
    n = len(stats.length)
    table = np.zeros((n, len(REPEATS)), dtype=np.float32)
    if head == PageHead():
        return table
    title, description, body = _said(_texts(head))
    words = _tokens(stats.hashed_words, stats.hashed_pairs)
    pairs = _pairs(words)
    n_words, n_pairs = _count(words.owner, n), _count(pairs.owner, n)
    described, told = _pairs(description).hashes, _pairs(body).hashes
    in_description = _found(pairs, described, n)
    has_body = len(told) >= _BODY_PAIRS
    columns = (
        _found(words, title.hashes, n) / n_words, np.log1p(_found(pairs, _pairs(title).hashes, n)),
        in_description / n_pairs, np.log1p(in_description),
        _found(pairs, told, n) / n_pairs if has_body else 0, has_body, len(described) > 0,
    )  # fmt: skip
    for at, column in enumerate(columns):
        table[:, at] = column
    return table


def _texts(head: PageHead) -> tuple[str, str, str]:
    """Titles, descriptions, bodies, each joined."""
    meta = dict(reversed(head.meta))
    strings = [one for script in head.json_ld for one in json_strings(script, _NAMES) if len(one.text) >= _MIN_STRING]
    told = [one.text for one in strings if one.name not in _BODIES]
    return (
        "\n".join((head.title or "", *(meta.get(name, "") for name in _TITLES))),
        "\n".join((*(meta.get(name, "") for name in _DESCRIPTIONS), *told)),
        "\n".join(one.text for one in strings if one.name in _BODIES),
    )


def _said(texts: Sequence[str]) -> list[Hashed]:
    """The tokens of each text."""
    words, pairs = (_apart(hashed, len(texts)) for hashed in hash_words_and_pairs(texts))
    return list(map(_tokens, words, pairs))


def _apart(hashed: Hashed, n: int) -> list[Hashed]:
    """What lies in each of n texts."""
    edges = hashed.owner.searchsorted(np.arange(n + 1)).tolist()
    return [Hashed(hashed.owner[start:end], hashed.hashes[start:end]) for start, end in pairwise(edges)]


def _tokens(words: Hashed, pairs: Hashed) -> Hashed:
    """Words, and after them the pairs of CJK characters."""
    return Hashed(np.concatenate((words.owner, pairs.owner)), np.concatenate((words.hashes, pairs.hashes)))


def _pairs(tokens: Hashed) -> Hashed:
    """Hashes of two tokens that follow one another in a text."""
    same = tokens.owner[1:] == tokens.owner[:-1]
    mixed = tokens.hashes[:-1] * _MIX ^ tokens.hashes[1:]
    return Hashed(tokens.owner[:-1][same], mixed[same])


def _found(tokens: Hashed, wanted: NDArray[np.uint64], n: int) -> NDArray[np.float64]:
    """How many of each text's tokens are among the wanted."""
    return _count_wanted(tokens.owner, tokens.hashes, np.sort(wanted), n) if len(wanted) else np.zeros(n)


@kernel
def _count_wanted(owner: Ints, hashes: NDArray[np.uint64], wanted: NDArray[np.uint64], n: int) -> NDArray[np.float64]:
    """``wanted`` ascends; only hashes that share a slot with one of them are looked for."""
    found, taken = np.zeros(n, np.float64), np.zeros(1 << _SLOT_BITS, np.bool_)
    for one in wanted:
        taken[np.int64((one * _GOLDEN) >> _SLOT_SHIFT)] = True
    for at in range(len(hashes)):
        if taken[np.int64((hashes[at] * _GOLDEN) >> _SLOT_SHIFT)]:
            place = np.searchsorted(wanted, hashes[at])
            if place < len(wanted) and wanted[place] == hashes[at]:
                found[owner[at]] += 1
    return found


def _count(owner: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.maximum(np.bincount(owner, minlength=n), 1)


# Where the blocks of a page lie in its mark-up: places, and the kin that repeated structures make of them.
#
# A place is a path with its classes and role; blocks of one place are marked up alike. Places whose path and
# classes differ only in inline elements and numbers ("reply-380904") are kin: the posts of a forum, the cards of
# a shop. Flattened text is one place.

Ints = NDArray[np.int64]
#: Block elements of a path, and classes without numbers.
Skeleton = tuple[tuple[str, ...], str]

INLINE = frozenset("a abbr b bdi bdo button cite code em font i img label mark q s small span strong sub sup u".split())
_NO_DIGITS = str.maketrans("", "", "0123456789")
_NOWHERE = Element((), "")


@dataclass(frozen=True, slots=True)
class Places:
    """The p places of n blocks, numbered from 0 in page order, and the kin of the places likewise."""

    of: Ints  # (n,): the place of each block
    marks: tuple[Element, ...]  # (p,)
    kin: Ints  # (p,)
    skeletons: tuple[Skeleton, ...]  # one for each kin
    has_markup: bool

    @property
    def kin_of(self) -> Ints:
        """The kin of each block."""
        return self.kin[self.of]


def find_places(blocks: Sequence[Block]) -> Places:
    """The places of a page's blocks."""
    columns = Blocks.of(blocks)
    numbers: dict[int, int] = {}
    of = [numbers.setdefault(number, len(numbers)) for number in columns.element.tolist()]
    marks = tuple(_NOWHERE if number == NO_ELEMENT else columns.elements[number] for number in numbers)
    kin: dict[Skeleton, int] = {}
    numbered = [kin.setdefault(skeleton(mark.path, mark.classes), len(kin)) for mark in marks]
    return Places(ints(of), marks, ints(numbered), tuple(kin), columns.has_markup)


@lru_cache(maxsize=8192)
def skeleton(path: tuple[str, ...], classes: str) -> Skeleton:
    """What repeated siblings share.

    >>> skeleton(("ul", "li", "a"), "reply-380904")
    (('ul', 'li'), 'reply-')
    """
    end = len(path)
    while end > 1 and path[end - 1] in INLINE:
        end -= 1
    return path[:end], classes.translate(_NO_DIGITS)


Column = NDArray[np.float32]
Table = NDArray[np.float32]

_MAX_CHAIN = 240  # code points of a chain of classes that are read, from its near end
_PROSE_TOKENS = 20  # a block this long with a sentence's end and few links is prose
_FAR = 30.0  # blocks: the distance given when there is no prose

_TEXT = (
    "tokens", "chars", "ends_sentence", "ends_comma_or_colon", "sentences", "sentence_density", "comma_density",
    "separators", "separator_density", "dunhao_density", "digits", "cjk", "cjk_against_page", "upper", "other",
    "stop", "bullet_first", "digit_first", "upper_first", "word_length",
    *(f"says_{kind}" for kind in WORD_KINDS[2:]), "says_any_density", "repeated_text",
)  # fmt: skip
_FORM = (
    "breaks", "breaks_after", "level", *(f"is_{kind}" for kind in BlockKind), "has_markup",
    "links", "link_density", "all_link",
)  # fmt: skip
_ANCESTORS = (
    "article", "main", "section", "aside", "nav", "header", "footer", "form", "table", "ul", "figure", "blockquote",
    "dl", "button", "select",
)  # fmt: skip
#: The block's own element, and the nearest one above it that is not inline.
_OWN = ("p", "div", "span", "li", "a", "td", "h1", "h2", "h3", "dd")
_ROLES = ("main", "navigation", "contentinfo", "banner", "complementary", "search", "form", "dialog", "article")
# Columns of a path's row.
_ANCESTOR_AT = {tag: at for at, tag in enumerate(_ANCESTORS, start=1)}
_OWN_AT = {tag: at for at, tag in enumerate(_OWN, start=1 + len(_ANCESTORS))}
_ROLE_AT = {role: at for at, role in enumerate(_ROLES, start=1 + len(_ANCESTORS) + len(_OWN))}
_MARKUP = (
    "depth", *(f"in_{tag}" for tag in _ANCESTORS), *(f"own_{tag}" for tag in _OWN),
    *(f"role_{role}" for role in _ROLES), *(f"class_{kind}" for kind in CLASS_WORDS),
    "siblings", "sibling_prose", "near_prose_path", "near_prose_classes",
)  # fmt: skip
_PLACE = (
    "index", "index_from_end", "relative", "relative_tokens", "page_blocks", "page_tokens", "page_prose",
    "page_link_density", "page_cjk", "prose", "prose_before", "prose_after", "prose_left", "prose_right",
)  # fmt: skip
_WINDOWED = ("tokens", "link_density", "ends_sentence", "stop", "says_any_density", "prose")
_REACHES = (2, 4)
_WINDOWS = ("previous", "next", *(f"near_{reach}" for reach in _REACHES))
_NEIGHBOURS = tuple(f"{window}_{name}" for name in _WINDOWED for window in _WINDOWS)

#: The columns of ``block_features``, in order.
FEATURES: tuple[str, ...] = (*_TEXT, *_FORM, *_MARKUP, *_PLACE, *_NEIGHBOURS)

# Kinds of characters as numbers: what a loop takes from its module must be a plain value.
(
    _OTHER, _SPACE, _LOWER, _UPPER, _DIGIT, _CJK, _CJK_STOP, _SENTENCE_END, _COMMA, _SEPARATOR, _DUNHAO, _QUOTE, _BULLET,
) = map(int, CharKind)  # fmt: skip
_WINDOWED_AT = tuple(FEATURES.index(name) for name in _WINDOWED)
_LINK_DENSITY, _CJK_SHARE = FEATURES.index("link_density"), FEATURES.index("cjk")
#: Where the columns of each group end.
_TEXT_END, _FORM_END, _MARKUP_END, _PLACE_END = accumulate(map(len, (_TEXT, _FORM, _MARKUP, _PLACE)))
_KIN_COLUMNS = 4  # of mark-up: from "siblings" on


def block_features(blocks: Sequence[Block], stats: CharStats | None = None, places: Places | None = None) -> Table:
    """One row of FEATURES a block of one page, in page order, float32 and finite.

    Stats are of the blocks' texts (``char_stats``) and places of the blocks (``find_places``), where they are at hand.
    """
    table = np.zeros((len(blocks), len(FEATURES)), dtype=np.float32)
    if not blocks:
        return table
    columns = Blocks.of(blocks)
    stats = stats or char_stats(columns.texts)
    tokens = stats.tokens
    counts = (stats.length, stats.kinds, stats.words, stats.word_kinds, stats.last_kind, stats.first_kind)
    _fill_text(table, *counts, _repeated(columns.texts))
    _fill_form(table[:, _TEXT_END:_FORM_END], columns, stats.length)
    ends, links = table[:, _TEXT.index("sentences")] > 0, table[:, _LINK_DENSITY]
    prose = (tokens >= _PROSE_TOKENS) & ends & (links < 0.4)
    proser = np.where(prose, tokens, np.float32(0))
    _fill_markup(table[:, _FORM_END:_MARKUP_END], places or find_places(columns), proser)
    _fill_place(table, tokens, proser)
    _fill_neighbours(table)
    return table


def _fill(table: Table, columns: Iterable[NDArray[np.generic] | float]) -> None:
    for at, column in enumerate(columns):
        table[:, at] = column


def _repeated(texts: Sequence[str]) -> Ints:
    """How many other blocks say the same as each."""
    seen = Counter(texts)
    if len(seen) == len(texts):
        return np.zeros(len(texts), dtype=np.int64)
    return np.array([seen[text] - 1 for text in texts], dtype=np.int64)


@kernel
def _fill_text(
    table: Table, length: Ints, kinds: Ints, words: Ints, word_kinds: Ints, last: Ints, first: Ints, repeated: Ints
) -> None:
    """The columns _TEXT."""
    page_cjk = page_chars = 0
    for row in range(len(table)):
        page_cjk += kinds[row, _CJK] + kinds[row, _CJK_STOP]
        page_chars += length[row]
    for row in range(len(table)):
        of, chars = kinds[row], max(length[row], 1)
        n_cjk, letters = of[_CJK] + of[_CJK_STOP], max(of[_LOWER] + of[_UPPER], 1)
        tokens = words[row] + n_cjk
        some, cjk = max(tokens, 1), n_cjk / chars
        ends, separators, said = of[_SENTENCE_END], of[_SEPARATOR], 0
        columns = (
            np.log1p(tokens), np.log1p(chars), 1.0 * (last[row] == _SENTENCE_END),
            1.0 * (last[row] == _COMMA), np.log1p(ends), ends / some, of[_COMMA] / some,
            np.log1p(separators), separators / some, of[_DUNHAO] / some, of[_DIGIT] / chars,
            cjk, cjk - page_cjk / max(page_chars, 1), of[_UPPER] / letters,
            (of[_OTHER] + of[_BULLET]) / chars, (word_kinds[row, 1] + of[_CJK_STOP]) / some,
            1.0 * (first[row] == _BULLET), 1.0 * (first[row] == _DIGIT),
            1.0 * (first[row] == _UPPER), letters / max(words[row], 1) / 10,
        )  # fmt: skip
        for at in range(len(columns)):
            table[row, at] = columns[at]
        for kind in range(2, word_kinds.shape[1]):
            table[row, len(columns) - 2 + kind] = np.log1p(word_kinds[row, kind])
            said += word_kinds[row, kind]
        table[row, _TEXT_END - 2], table[row, _TEXT_END - 1] = said / some, np.log1p(repeated[row])


def _fill_form(table: Table, blocks: Blocks, length: NDArray[np.int64]) -> None:
    breaks = np.log1p(np.minimum(blocks.n_breaks, 10))
    table[:, 0] = breaks
    table[:-1, 1] = breaks[1:]
    table[:, 2] = blocks.levels / 6
    table[np.arange(len(blocks)), 3 + blocks.kinds] = 1
    density = np.minimum(blocks.link_chars / length, 1)
    _fill(table[:, 3 + len(KINDS) :], (blocks.element != NO_ELEMENT, np.log1p(blocks.n_links), density, density > 0.8))


_ANY_CLASS_WORD = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in CLASS_WORDS.values()))


@lru_cache(maxsize=65536)
def _spoken_for(word: str) -> tuple[int, ...]:
    """The CLASS_WORDS rows that one class or id word speaks for."""
    if not _ANY_CLASS_WORD.search(word):
        return ()
    return tuple(at for at, pattern in enumerate(CLASS_WORDS.values()) if pattern.search(word))


@lru_cache(maxsize=8192)
def _class_row(classes: str) -> bytes:
    """For each CLASS_WORDS row, how near the nearest class word that speaks for it stands, 1 to 0; as float32."""
    row = [0.0] * len(CLASS_WORDS)
    for distance, word in enumerate(reversed(classes[-_MAX_CHAIN:].split())):
        for at in _spoken_for(word):
            row[at] = row[at] or 0.9**distance
    return np.array(row, dtype=np.float32).tobytes()


@lru_cache(maxsize=8192)
def _path_row(path: tuple[str, ...], role: str) -> bytes:
    """The mark-up columns from "depth" to the last "role_", as float32."""
    own = path[-1] if path else ""
    box = next((tag for tag in reversed(path) if tag not in INLINE), "")
    row = [0.0] * (1 + len(_ANCESTORS) + len(_OWN) + len(_ROLES))
    row[0] = len(path) / 20
    for tag in {*path} & _ANCESTOR_AT.keys():
        row[_ANCESTOR_AT[tag]] = 1.0
    for tag in {own, box} & _OWN_AT.keys():
        row[_OWN_AT[tag]] = 1.0
    if role in _ROLE_AT:
        row[_ROLE_AT[role]] = 1.0
    return np.array(row, dtype=np.float32).tobytes()


def _place_row(path: tuple[str, ...], classes: str, role: str) -> bytes:
    """The mark-up columns that a place has by itself, as float32."""
    return _path_row(path, role) + _class_row(classes)


def _fill_markup(table: Table, places: Places, proser: Column) -> None:
    """Zero for blocks without mark-up; a page has it for all its blocks or for none."""
    if not places.has_markup:
        return
    kin = places.kin_of
    prose = np.bincount(kin, weights=proser, minlength=len(places.skeletons)).astype(np.float64)
    rows = b"".join([_place_row(mark.path, mark.classes, mark.role) for mark in places.marks])
    by_place = np.frombuffer(rows, dtype=np.float32).reshape(len(places.marks), -1)
    table[:, :-_KIN_COLUMNS] = by_place[places.of]
    table[:, -_KIN_COLUMNS:] = _kin_rows(places.skeletons, np.bincount(kin), prose)[kin]


def _kin_rows(kin: Sequence[Skeleton], counts: NDArray[np.int64], prose: NDArray[np.float64]) -> Table:
    """The columns from "siblings" on for each kin: the last two, how much begins as with the kin of most prose."""
    most = int(prose.argmax())
    path = kin[most][0]
    near_path = {own: _common_tags(own, path) / max(len(own), len(path), 1) for own in {own for own, _ in kin}}
    classes = read_codes([classes for _, classes in kin])
    rows = np.empty((len(kin), _KIN_COLUMNS), dtype=np.float32)
    columns = (
        np.log1p(counts - 1),
        prose / max(float(prose.sum()), 1.0),
        np.array([near_path[own] for own, _ in kin]),
        _common(classes.points, classes.starts, most) / max(len(kin[most][1]), 1),
    )
    _fill(rows, columns)
    return rows


def _common_tags(one: Sequence[str], other: Sequence[str]) -> int:
    """How many tags two paths share from the outermost on."""
    return next(compress(count(), map(ne, one, other)), min(len(one), len(other)))


@kernel
def _common(points: Points, starts: Ints, which: int) -> Ints:
    """For each text the length of the beginning that it shares with one of them."""
    found = np.zeros(len(starts) - 1, np.int64)
    end = starts[which + 1] - 1
    for text in range(len(found)):
        at, other = starts[text], starts[which]
        while at < starts[text + 1] - 1 and other < end and points[at] == points[other]:
            at += 1
            other += 1
        found[text] = at - starts[text]
    return found


@kernel
def _fill_place(table: Table, tokens: Column, proser: Column) -> None:
    """The columns _PLACE. ``proser``: the tokens of blocks of prose, 0 of the others."""
    n = len(tokens)
    total = prose_total = in_links = in_cjk = 0.0
    ahead = np.full(n, _FAR)  # blocks to the next one of prose
    coming = n + int(_FAR)
    for row in range(n - 1, -1, -1):
        if coming < n:
            ahead[row] = min(coming - row, _FAR)
        if proser[row] > 0:
            coming = row
        total += tokens[row]
        prose_total += proser[row]
        in_links += table[row, _LINK_DENSITY] * tokens[row]
        in_cjk += table[row, _CJK_SHARE] * tokens[row]
    total = max(total, 1.0)
    before = seen = 0.0
    back = _FAR
    for row in range(n):
        columns = (
            np.log1p(row), np.log1p(n - 1 - row), row / max(n - 1, 1), before / total, np.log1p(n),
            np.log1p(total), prose_total / total, in_links / total, in_cjk / total, 1.0 * (proser[row] > 0),
            np.log1p(back), np.log1p(ahead[row]), np.log1p(seen), np.log1p(max(prose_total - seen - proser[row], 0.0)),
        )  # fmt: skip
        for at in range(len(columns)):
            table[row, _MARKUP_END + at] = columns[at]
        before += tokens[row]
        seen += proser[row]
        back = 1.0 if proser[row] > 0 else min(back + 1, _FAR)


@kernel
def _fill_neighbours(table: Table) -> None:
    """The columns _NEIGHBOURS: the block before, the one after, and the means of two and of four on both sides."""
    n = len(table)
    sums = np.zeros(n + 1, np.float32)  # before each block
    for which in range(len(_WINDOWED_AT)):
        column, into = _WINDOWED_AT[which], _PLACE_END + which * len(_WINDOWS)
        for row in range(n):
            sums[row + 1] = sums[row] + table[row, column]
        for row in range(n):
            table[row, into] = table[row - 1, column] if row > 0 else np.float32(0)
            table[row, into + 1] = table[row + 1, column] if row + 1 < n else np.float32(0)
            for at in range(len(_REACHES)):
                start, end = max(row - _REACHES[at], 0), min(row + _REACHES[at] + 1, n)
                table[row, into + 2 + at] = (sums[end] - sums[start]) / np.float32(end - start)
