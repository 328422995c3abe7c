"""The compiled loops of features, their source and plain Python agree on any page."""

import math
from itertools import takewhile
from operator import eq

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kernels import TEXT, as_written, of_one_type

from pipeline.boilerplate import features
from pipeline.boilerplate.charstats import Hashed, char_stats
from pipeline.boilerplate.features import FEATURES, block_features, repeats
from pipeline.text.codes import read_codes
from pipeline.types import Block, BlockKind, Markup, PageHead

LOOPS = ("_fill_text", "_fill_place", "_fill_neighbours", "_common")
PROSE = "The ministry said on Monday that the market would grow. " * 4
PAGES = st.lists(
    st.one_of(TEXT.filter(bool), st.sampled_from([PROSE, "市场" * 20 + "。", "Home"])), min_size=1, max_size=14
)


def blocks_of(texts):
    marks = [Markup(("body", "div", "p"), f"page post-{at % 3}", at % 2, at % 5) for at in range(len(texts))]
    return [
        Block(at, text, BlockKind.PARAGRAPH, 0, len(text), n_breaks=at % 4, markup=mark)
        for at, (text, mark) in enumerate(zip(texts, marks, strict=True))
    ]


def shared(one, other):
    return len(list(takewhile(bool, map(eq, one, other))))


def columns(table, *names):
    return [table[:, FEATURES.index(name)].tolist() for name in names]


@given(PAGES)
def test_the_compiled_loops_say_what_their_source_says(texts):
    blocks = blocks_of(texts)
    compiled = block_features(blocks)
    with as_written(features, *LOOPS):
        assert np.abs(block_features(blocks) - compiled).max() < 2e-6


@given(PAGES)
def test_places_are_those_of_plain_python(texts):
    table = block_features(blocks_of(texts))
    prose, tokens = (columns(table, name)[0] for name in ("prose", "tokens"))
    sizes = [round(math.expm1(size)) for size in tokens]
    n, places = len(texts), [at for at, one in enumerate(prose) if one]
    for at in range(n):
        before, after = [one for one in places if one < at], [one for one in places if one > at]
        expected = {
            "index": math.log1p(at),
            "index_from_end": math.log1p(n - 1 - at),
            "relative_tokens": sum(sizes[:at]) / max(sum(sizes), 1),
            "page_prose": sum(sizes[one] for one in places) / max(sum(sizes), 1),
            "prose_before": math.log1p(at - before[-1] if before else 30),
            "prose_after": math.log1p(after[0] - at if after else 30),
            "prose_left": math.log1p(sum(sizes[one] for one in before)),
            "prose_right": math.log1p(sum(sizes[one] for one in after)),
        }
        for name, value in expected.items():
            assert math.isclose(table[at, FEATURES.index(name)], value, rel_tol=1e-5, abs_tol=1e-6), name


@given(PAGES)
def test_neighbours_are_those_of_plain_python(texts):
    table = block_features(blocks_of(texts))
    for name in ("tokens", "prose", "stop"):
        own, before, after, two, four = columns(
            table, name, *(f"{window}_{name}" for window in ("previous", "next", "near_2", "near_4"))
        )
        assert before == [0.0, *own[:-1]]
        assert after == [*own[1:], 0.0]
        for reach, means in ((2, two), (4, four)):
            near = [own[max(at - reach, 0) : at + reach + 1] for at in range(len(own))]
            assert np.allclose(means, [sum(one) / len(one) for one in near], atol=1e-5)


@given(st.lists(st.text(st.sampled_from("ab 碳"), max_size=6), min_size=1), st.data())
def test_common_beginnings_are_those_of_strings(texts, data):
    which = data.draw(st.integers(0, len(texts) - 1))
    codes = read_codes(texts)
    expected = [shared(text, texts[which]) for text in texts]
    assert features._common(codes.points, codes.starts, which).tolist() == expected


@given(st.lists(st.sampled_from("abc"), max_size=5), st.lists(st.sampled_from("abc"), max_size=5))
def test_common_tags_are_counted_from_the_outermost(one, other):
    assert features._common_tags(tuple(one), tuple(other)) == shared(one, other)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=60), st.sets(st.integers(0, 50), max_size=20)
)
def test_tokens_among_the_wanted_are_counted_by_text(tokens, wanted):
    owner, hashes = ([one[at] for one in tokens] for at in (0, 1))
    hashed = Hashed(np.array(owner, dtype=np.int64), np.array(hashes, dtype=np.uint64))
    expected = [sum(one in wanted for of, one in tokens if of == text) for text in range(3)]
    for few in (np.array(list(wanted), dtype=np.uint64), np.array(list(wanted) * 2, dtype=np.uint64)):
        assert features._found(hashed, few, 3).tolist() == expected
        with as_written(features, "_count_wanted"):
            assert features._found(hashed, few, 3).tolist() == expected


def test_each_loop_is_compiled_for_one_type_of_arrays():
    for texts in (["Home"], ["碳市场。", PROSE, PROSE]):
        block_features(blocks_of(texts))
        repeats(PageHead(title="Home 市场", meta=(("description", PROSE),)), char_stats(texts))
    assert of_one_type(features, *LOOPS, "_count_wanted")
