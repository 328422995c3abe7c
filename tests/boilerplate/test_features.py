"""Block features: right on hand-counted examples in both scripts, finite on anything."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.charstats import CharKind, char_stats
from pipeline.boilerplate.features import FEATURES, block_features
from pipeline.text.tokens import count_cjk, count_tokens
from pipeline.types import Block, BlockKind, Markup


def make(text: str, ordinal: int = 0, **fields: object) -> Block:
    return Block(ordinal, text, fields.pop("kind", BlockKind.PARAGRAPH), 0, len(text), **fields)  # type: ignore[arg-type]


def column(blocks: list[Block], name: str) -> list[float]:
    return block_features(blocks)[:, FEATURES.index(name)].tolist()


texts = st.text(min_size=1, max_size=60).filter(str.strip)
marks = st.none() | st.builds(
    Markup,
    path=st.lists(st.sampled_from(["body", "div", "p", "nav", "li", "span"]), max_size=6).map(tuple),
    classes=st.sampled_from(["", "article-content", "nav menu", "正文 main", "reply-1 comment", "x" * 900]),
    n_links=st.integers(0, 9),
    link_chars=st.integers(0, 60),
    role=st.sampled_from(["", "main", "navigation"]),
)
pages = st.lists(
    st.builds(
        Block,
        ordinal=st.just(0),
        text=texts,
        kind=st.sampled_from(BlockKind),
        start=st.just(0),
        end=st.just(0),
        level=st.integers(0, 6),
        n_breaks=st.integers(0, 50),
        markup=marks,
    ),
    max_size=12,
)


@given(pages)
@settings(max_examples=80, deadline=None)
def test_one_finite_row_a_block(blocks: list[Block]) -> None:
    table = block_features(blocks)
    assert table.shape == (len(blocks), len(FEATURES))
    assert table.dtype == np.float32
    assert np.isfinite(table).all()


@given(st.lists(texts, min_size=1, max_size=8))
@example(["\U0001b000\U0001b001 kana", "\U00020000碳"])
@settings(max_examples=100, deadline=None)
def test_tokens_are_those_of_the_tokens_module(lines: list[str]) -> None:
    """On the letters that both count; marks and number signs that \\w knows may differ by one a run."""
    plain = ["".join(c for c in line if (c.isascii() and c != "_") or count_cjk(c)) or "a" for line in lines]
    expected = [math.log1p(count_tokens(line)) for line in plain]
    assert column([make(line) for line in plain], "tokens") == pytest.approx(expected, rel=1e-5)


def test_names_are_unique() -> None:
    assert len(set(FEATURES)) == len(FEATURES)


def test_no_block_no_row() -> None:
    assert block_features([]).shape == (0, len(FEATURES))


def test_chinese_sentence_counted_by_hand() -> None:
    block = [make("全国碳市场于2021年7月启动。")]
    # 全国碳市场于 年 月 启动: 10 Han characters; two runs of digits; 5 digits of 16 characters.
    assert column(block, "tokens") == pytest.approx([math.log1p(12)])
    assert column(block, "digits") == pytest.approx([5 / 16])
    assert column(block, "cjk") == pytest.approx([10 / 16])
    assert column(block, "ends_sentence") == [1]


def test_english_sentence_counted_by_hand() -> None:
    block = [make("The EU ETS began in 2005.")]
    assert column(block, "tokens") == pytest.approx([math.log1p(6)])
    assert column(block, "upper") == pytest.approx([6 / 15])  # T, EU, ETS of The EU ETS began in
    assert column(block, "stop") == pytest.approx([2 / 6])  # The, in
    assert column(block, "ends_sentence") == [1]


@pytest.mark.parametrize("text", ["他说：“行动起来。”", "“We act.”", "(It is law.)", "为什么？", "【快讯】完成了！"])
def test_end_of_sentence_seen_through_quotes(text: str) -> None:
    assert column([make(text)], "ends_sentence") == [1]


@pytest.mark.parametrize("text", ["首页 | 新闻 | 联系我们", "Home", "Contents:", "来源：新华社"])
def test_no_end_of_sentence_in_menus(text: str) -> None:
    assert column([make(text)], "ends_sentence") == [0]


def test_separators_of_both_scripts() -> None:
    blocks = [make("关于我们|联系我们|网站地图"), make("Home / About · Contact"), make("北京、上海、天津")]
    assert column(blocks, "separators") == pytest.approx([math.log(3), math.log(3), 0])
    assert column(blocks, "dunhao_density")[2] == pytest.approx(2 / 6)


def test_boilerplate_words_of_both_scripts() -> None:
    blocks = [make("版权所有"), make("Copyright 2024"), make("责任编辑：李明"), make("Share this"), make("碳价")]
    assert [value > 0 for value in column(blocks, "says_legal")] == [True, True, False, False, False]
    assert [value > 0 for value in column(blocks, "says_byline")] == [False, False, True, False, False]
    assert [value > 0 for value in column(blocks, "says_share")] == [False, False, False, True, False]


def test_words_do_not_run_over_blocks() -> None:
    """版 at the end of one block and 权 at the start of the next are no 版权."""
    assert column([make("新版"), make("权利")], "says_legal") == [0, 0]


def test_chinese_line_on_an_english_page_stands_out() -> None:
    blocks = [make("Carbon prices rose in every market last week. " * 5), make("关于我们 联系我们")]
    against = column(blocks, "cjk_against_page")
    assert against[1] > 0.5 > 0 > against[0]


def test_flattened_text_has_no_markup_columns() -> None:
    blocks = [make("Home"), make("正文在这里。")]
    assert column(blocks, "has_markup") == [0, 0]
    assert column(blocks, "depth") == [0, 0]
    assert column(blocks, "siblings") == [0, 0]


def test_classes_near_the_block_speak_louder() -> None:
    near = Markup(("body", "div"), "page nav-menu")
    far = Markup(("body", "div"), "nav-menu a b c")
    blocks = [make("Home", markup=near), make("Home", markup=far)]
    values = column(blocks, "class_navigation")
    assert values[0] == pytest.approx(1)
    assert 0 < values[1] < values[0]


def test_siblings_are_counted_whatever_their_numbers() -> None:
    replies = [make("好的", at, markup=Markup(("body", "div", "p"), f"replies reply-{at}")) for at in range(4)]
    alone = make("题目", 4, markup=Markup(("body", "h1"), "title"))
    assert column([*replies, alone], "siblings") == pytest.approx([math.log(4)] * 4 + [0])


def test_distance_to_prose() -> None:
    prose = make("The ministry published the allocation plan for the power sector on Monday, and it said that "
                 "trading would begin in the following year.")  # fmt: skip
    blocks = [make("Home"), make("News"), prose, make("Share")]
    assert column(blocks, "prose") == [0, 0, 1, 0]
    assert column(blocks, "prose_after")[:2] == pytest.approx([math.log(3), math.log(2)])
    assert column(blocks, "prose_before")[3] == pytest.approx(math.log(2))


def test_rows_do_not_depend_on_what_was_seen_before() -> None:
    blocks = [make("一"), make("Two words", markup=Markup(("div",), "content"))]
    before = block_features(blocks)
    block_features([make("other", markup=Markup(("nav",), "content menu"))])
    assert (block_features(blocks) == before).all()


def test_capital_i_with_dot_keeps_places() -> None:
    """U+0130 is two characters in lower case."""
    assert column([make("İstanbul"), make("Copyright 2024")], "says_legal")[1] > 0


def test_characters_beyond_the_basic_plane() -> None:
    stats = char_stats(["𠀀𠀁", "😀"])
    assert stats.kinds[0, CharKind.CJK] == 2
    assert stats.kinds[1, CharKind.OTHER] == 1


@pytest.mark.parametrize("bait", ["a" * 100_000, "| " * 50_000, "版权" * 50_000, "." * 100_000, "\u3000x" * 50_000])
def test_linear_on_bait(bait: str) -> None:
    assert np.isfinite(block_features([make(bait), make("x", markup=Markup(("p",), bait))])).all()
