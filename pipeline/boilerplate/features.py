"""Numbers about each block that tell main text from the rest, for a whole page at once.

Text columns are counted with numpy over the page's concatenated code points; mark-up columns are looked up
once for each distinct (path, classes) of the page. A flattened text has the same columns with those of
mark-up 0. To add a column, name it in its group below and return it from that group's function.
Scales are logarithms and shares, so that no column needs the unit of another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.charstats import WORD_KINDS, CharKind, CharStats, Hashed, char_stats, hash_words_and_pairs
from pipeline.boilerplate.lexicon import CLASS_WORDS
from pipeline.extract.blocks import MAX_JSON, json_strings
from pipeline.types import Block, BlockKind, Markup, PageHead

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
    words, pairs = hash_words_and_pairs(texts)
    return [_tokens(_of(words, at), _of(pairs, at)) for at in range(len(texts))]


def _of(hashed: Hashed, text: int) -> Hashed:
    """What lies in one text."""
    start, end = hashed.owner.searchsorted((text, text + 1))
    return Hashed(hashed.owner[start:end], hashed.hashes[start:end])


def _tokens(words: Hashed, pairs: Hashed) -> Hashed:
    """Words, and after them the pairs of CJK characters."""
    return Hashed(np.concatenate((words.owner, pairs.owner)), np.concatenate((words.hashes, pairs.hashes)))


def _pairs(tokens: Hashed) -> Hashed:
    """Hashes of two tokens that follow one another in a text."""
    same = tokens.owner[1:] == tokens.owner[:-1]
    mixed = tokens.hashes[:-1] * _MIX ^ tokens.hashes[1:]
    return Hashed(tokens.owner[:-1][same], mixed[same])


def _found(tokens: Hashed, wanted: NDArray[np.uint64], n: int) -> NDArray[np.float64]:
    """How many of each text's tokens are among the wanted; only those that share a slot with one are compared."""
    if not len(wanted):
        return np.zeros(n)
    wanted = np.sort(wanted)
    taken = np.zeros(1 << _SLOT_BITS, dtype=np.bool_)
    taken[_slot(wanted)] = True
    likely = np.flatnonzero(taken[_slot(tokens.hashes)])
    hashes = tokens.hashes[likely]
    known = wanted[np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)] == hashes
    return np.bincount(tokens.owner[likely[known]], minlength=n).astype(np.float64)


def _slot(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (hashes * _GOLDEN >> np.uint64(64 - _SLOT_BITS)).view(np.int64)


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
_NOWHERE = Markup((), "")


@dataclass(frozen=True, slots=True)
class Places:
    """The p places of n blocks, numbered from 0 in page order, and the kin of the places likewise."""

    of: Ints  # (n,): the place of each block
    marks: tuple[Markup, ...]  # (p,): mark-up of the first block of each place
    kin: Ints  # (p,)
    skeletons: tuple[Skeleton, ...]  # one for each kin
    has_markup: bool

    @property
    def kin_of(self) -> Ints:
        """The kin of each block."""
        return self.kin[self.of]


def find_places(blocks: Sequence[Block]) -> Places:
    """The places of a page's blocks."""
    numbers: dict[tuple[tuple[str, ...], str, str], int] = {}
    marks: list[Markup] = []
    of = []
    for block in blocks:
        mark = block.markup or _NOWHERE
        number = numbers.setdefault((mark.path, mark.classes, mark.role), len(marks))
        if number == len(marks):
            marks.append(mark)
        of.append(number)
    kin: dict[Skeleton, int] = {}
    numbered = [kin.setdefault(skeleton(mark.path, mark.classes), len(kin)) for mark in marks]
    has_markup = any(block.markup for block in blocks)
    return Places(
        np.array(of, dtype=np.int64), tuple(marks), np.array(numbered, dtype=np.int64), tuple(kin), has_markup
    )


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

_WINDOWED_AT = [FEATURES.index(name) for name in _WINDOWED]
#: Where the columns of each group end.
_TEXT_END, _FORM_END, _MARKUP_END, _PLACE_END = accumulate(map(len, (_TEXT, _FORM, _MARKUP, _PLACE)))
_KINDS = tuple(BlockKind)
_KIN_COLUMNS = 4  # of mark-up: from "siblings" on


def block_features(blocks: Sequence[Block], stats: CharStats | None = None, places: Places | None = None) -> Table:
    """One row of FEATURES a block of one page, in page order, float32 and finite.

    Stats are of the blocks' texts (``char_stats``) and places of the blocks (``find_places``), where they are at hand.
    """
    table = np.zeros((len(blocks), len(FEATURES)), dtype=np.float32)
    if not blocks:
        return table
    texts = [block.text for block in blocks]
    stats = stats or char_stats(texts)
    tokens = stats.tokens
    text, form = table[:, :_TEXT_END], table[:, _TEXT_END:_FORM_END]
    _fill_text(text, texts, stats, tokens)
    _fill_form(form, blocks, stats.length)
    ends, links = text[:, _TEXT.index("sentences")] > 0, form[:, _FORM.index("link_density")]
    prose = (tokens >= _PROSE_TOKENS) & ends & (links < 0.4)
    proser = np.where(prose, tokens, np.float32(0))
    _fill_markup(table[:, _FORM_END:_MARKUP_END], places or find_places(blocks), proser)
    _fill_place(table[:, _MARKUP_END:_PLACE_END], tokens, proser, links, text[:, _TEXT.index("cjk")])
    _fill_neighbours(table[:, _PLACE_END:], table[:, _WINDOWED_AT])
    return table


def _fill(table: Table, columns: Iterable[NDArray[np.generic] | float]) -> None:
    for at, column in enumerate(columns):
        table[:, at] = column


def _fill_text(table: Table, texts: Sequence[str], stats: CharStats, tokens: Column) -> None:
    kinds = stats.kinds.T.astype(np.float32)
    length = np.maximum(stats.length, 1).astype(np.float32)
    some = np.maximum(tokens, 1)
    letters = np.maximum(kinds[CharKind.LOWER] + kinds[CharKind.UPPER], 1)
    cjk = (kinds[CharKind.CJK] + kinds[CharKind.CJK_STOP]) / length
    page_cjk = float((cjk * length).sum() / length.sum())
    listed = stats.word_kinds[:, 2:].astype(np.float32)
    stop = stats.word_kinds[:, 1] + kinds[CharKind.CJK_STOP]
    ends, separators = kinds[CharKind.SENTENCE_END], kinds[CharKind.SEPARATOR]
    columns = (
        np.log1p(tokens), np.log1p(length), stats.last_kind == CharKind.SENTENCE_END,
        stats.last_kind == CharKind.COMMA, np.log1p(ends), ends / some, kinds[CharKind.COMMA] / some,
        np.log1p(separators), separators / some, kinds[CharKind.DUNHAO] / some, kinds[CharKind.DIGIT] / length,
        cjk, cjk - page_cjk, kinds[CharKind.UPPER] / letters,
        (kinds[CharKind.OTHER] + kinds[CharKind.BULLET]) / length, stop / some,
        stats.first_kind == CharKind.BULLET, stats.first_kind == CharKind.DIGIT,
        stats.first_kind == CharKind.UPPER, letters / np.maximum(stats.words, 1) / 10,
    )  # fmt: skip
    _fill(table, columns)
    table[:, len(columns) : -2] = np.log1p(listed)
    table[:, -2] = listed.sum(axis=1) / some
    if len(seen := Counter(texts)) < len(texts):
        table[:, -1] = np.log1p([seen[text] - 1 for text in texts])


def _fill_form(table: Table, blocks: Sequence[Block], length: NDArray[np.int64]) -> None:
    rows = [
        (b.n_breaks, b.level, _KINDS.index(b.kind), 0, 0, 0)
        if (m := b.markup) is None
        else (b.n_breaks, b.level, _KINDS.index(b.kind), 1, m.n_links, m.link_chars)
        for b in blocks
    ]
    raw = np.fromiter(chain.from_iterable(rows), np.int64, 6 * len(rows)).reshape(-1, 6)
    n_breaks, level, kind, has_markup, n_links, link_chars = raw.T
    breaks = np.log1p(np.minimum(n_breaks, 10))
    table[:, 0] = breaks
    table[:-1, 1] = breaks[1:]
    table[:, 2] = level / 6
    table[np.arange(len(blocks)), 3 + kind] = 1
    density = np.minimum(link_chars / length, 1)
    _fill(table[:, 3 + len(_KINDS) :], (has_markup, np.log1p(n_links), density, density > 0.8))


@lru_cache(maxsize=65536)
def _spoken_for(word: str) -> tuple[int, ...]:
    """The CLASS_WORDS rows that one class or id word speaks for."""
    return tuple(at for at, pattern in enumerate(CLASS_WORDS.values()) if pattern.search(word))


def _class_row(classes: str) -> list[float]:
    """For each CLASS_WORDS row, how near the nearest class word that speaks for it stands, 1 to 0."""
    row = [0.0] * len(CLASS_WORDS)
    for distance, word in enumerate(reversed(classes[-_MAX_CHAIN:].split())):
        for at in _spoken_for(word):
            row[at] = row[at] or 0.9**distance
    return row


def _path_row(path: tuple[str, ...], role: str) -> tuple[float, ...]:
    """The mark-up columns from "depth" to the last "role_"."""
    own = path[-1] if path else ""
    box = next((tag for tag in reversed(path) if tag not in INLINE), "")
    return (
        len(path) / 20,
        *(float(tag in path) for tag in _ANCESTORS),
        *(float(tag in (own, box)) for tag in _OWN),
        *(float(name == role) for name in _ROLES),
    )


@lru_cache(maxsize=8192)
def _place_row(path: tuple[str, ...], classes: str, role: str) -> bytes:
    """The mark-up columns that a place has by itself, as float32."""
    return np.array((*_path_row(path, role), *_class_row(classes)), dtype=np.float32).tobytes()


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
    """The columns from "siblings" on for each kin."""
    path, classes = kin[int(prose.argmax())]
    near_path = {own: _common(own, path) / max(len(own), len(path), 1) for own in {own for own, _ in kin}}
    rows = np.empty((len(kin), _KIN_COLUMNS), dtype=np.float32)
    columns = (
        np.log1p(counts - 1),
        prose / max(float(prose.sum()), 1.0),
        np.array([near_path[own] for own, _ in kin]),
        np.array([_common(own, classes) for _, own in kin]) / max(len(classes), 1),
    )
    _fill(rows, columns)
    return rows


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common prefix, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _fill_place(table: Table, tokens: Column, proser: Column, links: Column, cjk: Column) -> None:
    n = len(tokens)
    index, prose = np.arange(n), proser > 0
    total, prose_total = max(float(tokens.sum()), 1.0), float(proser.sum())
    before, seen = np.cumsum(tokens) - tokens, np.cumsum(proser) - proser
    last = np.full(n + 1, -1)
    last[1:] = np.maximum.accumulate(np.where(prose, index, -1))
    back = np.where(last[:-1] >= 0, index - last[:-1], _FAR)
    coming = np.full(n + 1, n + int(_FAR))
    coming[:-1] = np.minimum.accumulate(np.where(prose, index, n + int(_FAR))[::-1])[::-1]
    ahead = np.where(coming[1:] < n, coming[1:] - index, _FAR)
    columns = (
        np.log1p(index), np.log1p(n - 1 - index), index / max(n - 1, 1), before / total, np.log1p(n),
        np.log1p(total), prose_total / total, float(links @ tokens) / total, float(cjk @ tokens) / total, prose,
        np.log1p(np.minimum(back, _FAR)), np.log1p(np.minimum(ahead, _FAR)),
        np.log1p(seen), np.log1p(np.maximum(prose_total - seen - proser, 0)),
    )  # fmt: skip
    _fill(table, columns)


def _fill_neighbours(table: Table, picked: Table) -> None:
    """For each column: the block before, the one after, and the means of two and of four on both sides."""
    n, width = picked.shape
    windows = table.reshape(n, width, len(_WINDOWS))  # a view
    windows[1:, :, 0], windows[:-1, :, 1] = picked[:-1], picked[1:]
    sums = np.zeros((n + 1 + 2 * max(_REACHES), width), dtype=np.float32)  # before each block; level beyond the page
    start = max(_REACHES)
    np.cumsum(picked, axis=0, out=sums[start + 1 : start + 1 + n])
    sums[start + 1 + n :] = sums[start + n]
    index = np.arange(n)
    for at, reach in enumerate(_REACHES, start=2):
        counts = np.minimum(index + reach + 1, n) - np.maximum(index - reach, 0)
        total = sums[start + 1 + reach :][:n] - sums[start - reach :][:n]
        windows[:, :, at] = total / counts[:, None].astype(np.float32)
