"""Numbers about each block that tell main text from the rest, for a whole page at once.

Text columns are counted with numpy over the page's concatenated code points; mark-up columns are looked up
once for each distinct (path, classes) of the page. A flattened text has the same columns with those of
mark-up 0. To add a column, name it in its group below and return it from that group's function.
Scales are logarithms and shares, so that no column needs the unit of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.charstats import WORD_KINDS, CharKind, CharStats, char_stats
from pipeline.boilerplate.lexicon import CLASS_WORDS
from pipeline.types import Block, BlockKind

Column = NDArray[np.float32]
Table = NDArray[np.float32]

_MAX_CHAIN = 240  # code points of a chain of classes that are read, from its near end
_PROSE_TOKENS = 20  # a block this long with a sentence's end and few links is prose
_INLINE = frozenset(
    "a abbr b bdi bdo button cite code em font i img label mark q s small span strong sub sup u".split()
)
_NO_DIGITS = str.maketrans("", "", "0123456789")
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
_WINDOWS = ("previous", "next", "near_2", "near_4")
_NEIGHBOURS = tuple(f"{window}_{name}" for name in _WINDOWED for window in _WINDOWS)

#: The columns of ``block_features``, in order.
FEATURES: tuple[str, ...] = (*_TEXT, *_FORM, *_MARKUP, *_PLACE, *_NEIGHBOURS)


def block_features(blocks: Sequence[Block], stats: CharStats | None = None) -> Table:
    """One row of FEATURES a block of one page, in page order, float32 and finite; stats as ``char_stats`` counts them."""
    if not blocks:
        return np.zeros((0, len(FEATURES)), dtype=np.float32)
    texts = [block.text for block in blocks]
    stats = stats or char_stats(texts)
    tokens = stats.tokens
    text = _text_columns(texts, stats, tokens)
    form = _form_columns(blocks, stats.length)
    ends, links = text[:, _TEXT.index("sentences")] > 0, form[:, _FORM.index("link_density")]
    prose = (tokens >= _PROSE_TOKENS) & ends & (links < 0.4)
    prose_tokens = np.where(prose, tokens, 0).astype(np.float32)
    place = _place_columns(tokens, prose, links, text[:, _TEXT.index("cjk")])
    left = np.hstack((text, form, _markup_columns(blocks, prose_tokens), place))
    picked = left[:, _WINDOWED_AT]
    return np.hstack((left, _neighbour_columns(picked)))


_WINDOWED_AT = [FEATURES.index(name) for name in _WINDOWED]


def _text_columns(texts: Sequence[str], stats: CharStats, tokens: Column) -> Table:
    kinds = stats.kinds.astype(np.float32)
    length = np.maximum(stats.length, 1).astype(np.float32)
    some = np.maximum(tokens, 1)
    letters = np.maximum(kinds[:, CharKind.LOWER] + kinds[:, CharKind.UPPER], 1)
    cjk = (kinds[:, CharKind.CJK] + kinds[:, CharKind.CJK_STOP]) / length
    page_cjk = float((cjk * length).sum() / length.sum())
    listed = stats.word_kinds[:, 2:].astype(np.float32)
    stop = stats.word_kinds[:, 1] + kinds[:, CharKind.CJK_STOP]
    ends, comma = kinds[:, CharKind.SENTENCE_END], kinds[:, CharKind.COMMA]
    separators = kinds[:, CharKind.SEPARATOR]
    seen = Counter(texts)
    columns = (
        np.log1p(tokens), np.log1p(length), stats.last_kind == CharKind.SENTENCE_END,
        stats.last_kind == CharKind.COMMA, np.log1p(ends), ends / some, comma / some,
        np.log1p(separators), separators / some, kinds[:, CharKind.DUNHAO] / some, kinds[:, CharKind.DIGIT] / length,
        cjk, cjk - page_cjk, kinds[:, CharKind.UPPER] / letters,
        (kinds[:, CharKind.OTHER] + kinds[:, CharKind.BULLET]) / length, stop / some,
        stats.first_kind == CharKind.BULLET, stats.first_kind == CharKind.DIGIT,
        stats.first_kind == CharKind.UPPER, letters / np.maximum(stats.words, 1) / 10,
    )  # fmt: skip
    repeated = np.log1p(np.array([seen[text] - 1 for text in texts]))
    return np.column_stack((*columns, np.log1p(listed), listed.sum(axis=1) / some, repeated)).astype(np.float32)


def _form_columns(blocks: Sequence[Block], length: NDArray[np.int64]) -> Table:
    kinds = tuple(BlockKind)
    table = np.zeros((len(blocks), len(_FORM)), dtype=np.float32)
    raw = np.array(
        [
            (b.n_breaks, b.level, kinds.index(b.kind), 0, 0, 0)
            if (m := b.markup) is None
            else (b.n_breaks, b.level, kinds.index(b.kind), 1, m.n_links, m.link_chars)
            for b in blocks
        ],
        dtype=np.float32,
    )
    breaks = np.log1p(np.minimum(raw[:, 0], 10))
    table[:, 0] = breaks
    table[:-1, 1] = breaks[1:]
    table[:, 2] = raw[:, 1] / 6
    table[np.arange(len(blocks)), 3 + raw[:, 2].astype(np.int64)] = 1
    density = np.minimum(raw[:, 5] / length, 1)
    table[:, 3 + len(kinds) :] = np.column_stack((raw[:, 3], np.log1p(raw[:, 4]), density, density > 0.8))
    return table


@lru_cache(maxsize=65536)
def _class_mask(word: str) -> int:
    """The CLASS_WORDS rows that one class or id word speaks for, a bit each."""
    return sum(1 << at for at, pattern in enumerate(CLASS_WORDS.values()) if pattern.search(word))


@lru_cache(maxsize=8192)
def _chain_masks(classes: str) -> tuple[int, ...]:
    """The mask of each class word, nearest last; a word that speaks for nothing ends it, so it is never empty."""
    return (*map(_class_mask, classes[-_MAX_CHAIN:].split()), 0)


@lru_cache(maxsize=8192)
def _path_row(path: tuple[str, ...], role: str) -> tuple[float, ...]:
    """The mark-up columns from "depth" to the last "role_"."""
    own = path[-1] if path else ""
    box = next((tag for tag in reversed(path) if tag not in _INLINE), "")
    return (
        len(path) / 20,
        *(float(tag in path) for tag in _ANCESTORS),
        *(float(tag in (own, box)) for tag in _OWN),
        *(float(name == role) for name in _ROLES),
    )


def _class_rows(chains: Sequence[str]) -> NDArray[np.float64]:
    """For each chain of classes and each CLASS_WORDS row, how near a word that speaks for it stands, 1 to 0."""
    spoken = [_chain_masks(classes) for classes in chains]
    lengths = np.fromiter(map(len, spoken), dtype=np.int64, count=len(spoken))
    ends = np.cumsum(lengths)
    masks = np.fromiter(chain.from_iterable(spoken), dtype=np.int64, count=int(ends[-1]))
    distance = np.repeat(ends, lengths) - np.arange(ends[-1]) - 2
    bits = masks[:, None] >> np.arange(len(CLASS_WORDS)) & 1
    rows: NDArray[np.float64] = np.maximum.reduceat(bits * (0.9**distance)[:, None], ends - lengths)
    return rows


@lru_cache(maxsize=8192)
def _skeleton(path: tuple[str, ...], classes: str) -> tuple[tuple[str, ...], str]:
    """What repeated siblings share: block elements of the path, classes without numbers ("reply-380904")."""
    end = len(path)
    while end > 1 and path[end - 1] in _INLINE:
        end -= 1
    return path[:end], classes.translate(_NO_DIGITS)


def _markup_columns(blocks: Sequence[Block], prose_tokens: Column) -> Table:
    """Zero for blocks without mark-up; a page has it for all its blocks or for none."""
    table = np.zeros((len(blocks), len(_MARKUP)), dtype=np.float32)
    marks = [block.markup for block in blocks]
    given = [at for at, mark in enumerate(marks) if mark is not None]
    if not given:
        return table
    places: dict[tuple[str, tuple[str, ...], str], int] = {}
    which = np.array([places.setdefault((m.classes, m.path, m.role), len(places)) for m in marks if m])
    kin: dict[tuple[tuple[str, ...], str], int] = {}
    family = np.array([kin.setdefault(_skeleton(path, classes), len(kin)) for classes, path, _ in places])
    families, frames = family[which], list(kin)
    counts = np.bincount(families, minlength=len(frames))
    prose = np.bincount(families, weights=prose_tokens[given], minlength=len(frames))
    path, classes = frames[int(prose.argmax())]
    kin_rows = np.column_stack(
        (
            np.log1p(counts - 1),
            prose / max(float(prose.sum()), 1.0),
            [_common(own, path) / max(len(own), len(path), 1) for own, _ in frames],
            [_common(own, classes) / max(len(classes), 1) for _, own in frames],
        )
    )
    rows = np.column_stack(
        (
            [_path_row(path, role) for _, path, role in places],
            _class_rows([classes for classes, _, _ in places]),
            kin_rows[family],
        )
    )
    table[given] = rows[which]
    return table


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


def _place_columns(tokens: Column, prose: NDArray[np.bool_], links: Column, cjk: Column) -> Table:
    n = len(tokens)
    index = np.arange(n)
    total = max(float(tokens.sum()), 1.0)
    before = np.cumsum(tokens) - tokens
    proser = np.where(prose, tokens, 0)
    prose_total = float(proser.sum())
    seen = np.cumsum(proser) - proser
    at_prose = np.where(prose, index, -1)
    last = np.maximum.accumulate(at_prose)
    last_before = np.concatenate(([-1], last[:-1]))
    back = np.where(last_before >= 0, index - last_before, _FAR)
    coming = np.minimum.accumulate(np.where(prose, index, n + int(_FAR))[::-1])[::-1]
    next_after = np.concatenate((coming[1:], [n + int(_FAR)]))
    ahead = np.where(next_after < n, next_after - index, _FAR)
    ones = np.ones(n, dtype=np.float32)
    return np.column_stack(
        (
            np.log1p(index), np.log1p(n - 1 - index), index / max(n - 1, 1), before / total, ones * np.log1p(n),
            ones * np.log1p(total), ones * prose_total / total, ones * float((links * tokens).sum()) / total,
            ones * float((cjk * tokens).sum()) / total, prose,
            np.log1p(np.minimum(back, _FAR)), np.log1p(np.minimum(ahead, _FAR)),
            np.log1p(seen), np.log1p(np.maximum(prose_total - seen - proser, 0)),
        )
    ).astype(np.float32)  # fmt: skip


def _neighbour_columns(picked: Table) -> Table:
    """For each column: the block before, the one after, and the means of two and of four on both sides."""
    n, width = picked.shape
    zero = np.zeros((1, width), dtype=np.float32)
    sums = np.concatenate((zero, np.cumsum(picked, axis=0)))
    index = np.arange(n)

    def mean(reach: int) -> Table:
        low, high = np.maximum(index - reach, 0), np.minimum(index + reach + 1, n)
        counts = (high - low)[:, None].astype(np.float32)
        means: Table = np.divide(sums[high] - sums[low], counts, dtype=np.float32)
        return means

    parts = (np.vstack((zero, picked[:-1])), np.vstack((picked[1:], zero)), mean(2), mean(4))
    return np.stack(parts, axis=2).reshape(n, width * len(_WINDOWS)).astype(np.float32)
