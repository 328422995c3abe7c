"""Plain text to blocks: a line a block, nothing but white space between."""

from __future__ import annotations

import random
import textwrap

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.plain import extract_plain
from pipeline.types import BlockKind

UNSEEN = " \t\n\r\u2028\u2029\x0b\x0c\u3000\u00a0\u200b\ufeff"


@given(st.text(alphabet="a碳。-1•" + UNSEEN, max_size=60))
@settings(max_examples=200, deadline=None)
def test_blocks_and_white_space_make_the_text(source: str) -> None:
    at = 0
    for number, block in enumerate(extract_plain(source).blocks):
        assert block.ordinal == number
        assert set(source[at : block.start]) <= set(UNSEEN)
        assert block.start < block.end
        assert source[block.start] not in UNSEEN and source[block.end - 1] not in UNSEEN
        at = block.end
    assert set(source[at:]) <= set(UNSEEN)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x0b", "\x0c"])
def test_every_line_end_ends_a_block_and_blank_lines_are_counted(end: str) -> None:
    source = f"第一行{end}second line{end}{end} {end}third"
    blocks = extract_plain(source).blocks
    assert [(block.text, block.n_breaks) for block in blocks] == [("第一行", 0), ("second line", 0), ("third", 2)]


def test_indents_and_invisible_characters_are_outside_the_place() -> None:
    source = "\ufeff　　碳排放权  交易\u00a0管理　\n"
    (block,) = extract_plain(source).blocks
    assert source[block.start : block.end] == "碳排放权  交易\u00a0管理"
    assert block.text == "碳排放权  交易 管理"


@pytest.mark.parametrize("line", ["- item", "* 项目", "• 项目", "·项目", "● item"])
def test_bullets_make_list_items(line: str) -> None:
    assert [block.kind for block in extract_plain(line).blocks] == [BlockKind.LIST_ITEM]


@pytest.mark.parametrize(
    "line", ["（一）总则", "1. First", "-5 degrees", "—— 完 ——", "*注", "2024年", "---", "# Title"]
)
def test_other_lines_are_paragraphs(line: str) -> None:
    assert [(block.kind, block.text) for block in extract_plain(line).blocks] == [(BlockKind.PARAGRAPH, line)]


def test_a_few_lines_that_may_be_anything_stay_lines_and_no_markup_is_made_up() -> None:
    blocks = extract_plain("The parties agreed on rules for carbon markets and\nwill report on them next year.").blocks
    assert len(blocks) == 2
    assert {block.markup for block in blocks} == {None}


@pytest.mark.parametrize("unit", ["碳市场", "word ", " \u3000", "-"])
def test_an_enormous_line_is_one_block_and_takes_linear_time(unit: str) -> None:
    assert len(extract_plain(unit * 200_000 + "x").blocks) == 1
    assert linear(lambda line: extract_plain(f"{line}x"), repeated(unit), 800_000)


def test_a_text_of_nothing_has_no_blocks() -> None:
    assert extract_plain("").blocks == extract_plain("\ufeff \n　\r\n").blocks == ()


# Wrapped text.

EN = [
    "The last ferryman of Kelder Sound has sold his boat to a museum in the county town, where it will hang from the "
    "ceiling between a loom and a printing press.",
    "He rowed for forty-one years, in all weathers but fog, and says that he never once lost an oar, though a bishop "
    "lost a hat and the post office a sack of letters.",
    "The bridge that replaced him was opened in a gale by a minister who arrived by the ferry, because the road to the "
    "new bridge was under water.",
]
ZH = [
    "渡口的最后一位船工把船卖给了县里的博物馆，往后它要挂在织机和印刷机中间的屋梁上，供来来往往的人抬头看一眼。",
    "他摆渡四十一年，除了大雾天天天出船，说自己从来没有丢过一支桨，倒是有位客人丢过帽子，邮局丢过一麻袋信。",
    "取代他的那座桥在大风里通了车，来剪彩的人是坐渡船到的，因为通往新桥的路那天正好让水给淹了。",
]
HANT = [
    "渡口的最後一位船工把船賣給了縣裡的博物館，往後它要掛在織機和印刷機中間的屋樑上，供來來往往的人抬頭看一眼。",
    "他擺渡四十一年，除了大霧天天天出船，說自己從來沒有丟過一支槳，倒是有位客人丟過帽子，郵局丟過一麻袋信。",
    "取代他的那座橋在大風裡通了車，來剪綵的人是坐渡船到的，因為通往新橋的路那天正好讓水給淹了。",
]


def words(text: str, width: int, indent: str = "", first: str = "") -> str:
    return textwrap.fill(text, width, initial_indent=indent + first, subsequent_indent=indent, break_on_hyphens=False)


def signs(text: str, n: int) -> str:
    return "\n".join(text[at : at + n] for at in range(0, len(text), n))


def texts_of(source: str) -> list[str]:
    return [block.text for block in extract_plain(source).blocks]


@pytest.mark.parametrize(
    ("width", "gap"), [(60, "\n\n"), (66, "\n\n"), (72, "\n\n"), (80, "\n\n"), (60, "\n"), (66, "\n"), (72, "\n")]
)
def test_wrapped_english_paragraphs_come_back(width: int, gap: str) -> None:
    assert texts_of(gap.join(words(text, width) for text in EN)) == EN


@pytest.mark.parametrize("n", [24, 30, 36])
@pytest.mark.parametrize("texts", [ZH, HANT])
def test_wrapped_chinese_paragraphs_come_back_without_spaces(texts: list[str], n: int) -> None:
    assert texts_of("\n\n".join(signs(text, n) for text in texts)) == texts
    assert texts_of("\n".join(signs("　　" + text, n) for text in texts)) == texts


@pytest.mark.parametrize("source", ["\n".join(words(text, 66, first="    ") for text in EN),
                                    "\n\n".join(words(text, 75, indent="   ") for text in EN)])  # fmt: skip
def test_indents_begin_paragraphs_or_are_those_of_all_lines(source: str) -> None:
    assert texts_of(source) == EN


@pytest.mark.parametrize("texts", [EN, ZH])
def test_quoted_lines_are_quotes_without_their_marks_and_apart_from_the_answer(texts: list[str]) -> None:
    wrapped = [words(text, 70) if texts is EN else signs(text, 32) for text in texts]
    quoted = "\n".join(f"> {line}".rstrip() for line in "\n\n".join(wrapped[:2]).split("\n"))
    source = f"{quoted}\n{wrapped[2]}\n"
    blocks = extract_plain(source).blocks
    assert [block.text for block in blocks] == texts
    assert [block.kind for block in blocks] == [BlockKind.QUOTE, BlockKind.QUOTE, BlockKind.PARAGRAPH]
    assert all(source[block.start] == block.text[0] and source[block.end - 1] == block.text[-1] for block in blocks)


@pytest.mark.parametrize("foot", ["\n\n                 17\n\n\f", "\n- 17 -\n\f", "\n\n第 17 页\n\n\f", "\n\f"])
@pytest.mark.parametrize("texts", [EN, ZH])
def test_a_paragraph_goes_on_over_the_foot_of_a_page(texts: list[str], foot: str) -> None:
    wrapped = [words(text, 72) if texts is EN else signs(text, 30) for text in texts]
    first, rest = wrapped[1].split("\n", 1)
    source = "\n\n".join([wrapped[0], first + foot + rest, wrapped[2]])
    assert texts_of(source) == texts


def test_a_running_title_at_the_edges_of_pages_is_left_out_of_the_paragraph_around_it() -> None:
    lines = words(" ".join(EN * 3), 72).split("\n")
    pages = [lines[:5], lines[5:10], lines[10:]]
    source = "\n\f".join(f"Reports of the Kelder Society\n{chr(10).join(page)}" for page in pages)
    assert texts_of(source)[-1] == " ".join(EN * 3)


def test_words_cut_at_a_line_end_are_whole_and_compounds_keep_their_hyphen() -> None:
    source = """The keeper of the light was asked to photo-
graph the harbour on the first of each month, and
he did so for twenty-
two years without a pause, with a well-
made camera that the council had bought for a cele-
bration which in the end was never held."""
    assert texts_of(source) == [
        "The keeper of the light was asked to photograph the harbour on the first of each month, and he did so for "
        "twenty-two years without a pause, with a well-made camera that the council had bought for a celebration which "
        "in the end was never held."
    ]


KEPT_LINES = """From: keeper@example.org
To: board@example.org

Lighthouse Board
12 Quay Street
Kelder KE1 2AB

- oil for the lamp
- two panes of glass

Name        Years   Boats
Harrow      11      3
Lindqvist   41      1"""
VERSE = """The lamp is lit, the tide is out,
The boats lie over on their sides,
And nobody can say about
What hour the harbour master rides.

The clock has stopped at half past four,
The gulls are walking on the road,
And someone knocks upon the door
To ask us what the ferry owed."""


@pytest.mark.parametrize("with_prose", [True, False])
@pytest.mark.parametrize(
    "short", [KEPT_LINES, VERSE, "雪落在瓦上\n瓦在梦里\n谁把门推开\n\n灯落在雪上\n人在灯里\n谁把窗关上"]
)
def test_verse_addresses_lists_and_tables_keep_their_lines(short: str, with_prose: bool) -> None:
    prose = "\n\n".join(words(text, 72) for text in EN) if with_prose else ""
    expected = [line for line in short.split("\n") if line]
    assert texts_of(f"{prose}\n\n{short}") == (EN if with_prose else []) + expected


@pytest.mark.parametrize(
    "line", ["{} 今年第三次加密班次 便民服务再升级", "Council to decide on {} by the end of spring"]
)
def test_headlines_of_one_width_stay_apart(line: str) -> None:
    lines = [line.format(name) for name in ("ferry", "tower", "canal", "depot", "mills", "docks")]
    assert texts_of("\n".join(lines)) == lines


def test_items_of_one_sentence_a_line_stay_apart() -> None:
    items = [
        "北港恢复通航，首批三艘渔船日出以前靠岸。",
        "沿海支线加开两对早班车，月票免费乘坐。",
        "县博物馆的陶器展厅重新开放，周一闭馆。",
    ]
    assert texts_of("\n".join(items * 3)) == items * 3


@given(st.randoms(use_true_random=False), st.integers(40, 90))
@settings(max_examples=60, deadline=None)
def test_one_line_a_paragraph_is_never_joined(rng: random.Random, longest: int) -> None:
    lines = [" ".join(rng.choices(EN[0].split(), k=rng.randint(longest, 3 * longest))) for _ in range(6)]
    assert texts_of("\n".join(lines)) == lines


@pytest.mark.parametrize(
    "line", ["word and word, \n", "水压比往年，提高了\n", "> > > \n", "1\n\f", "co-\n", "   a   b\n"]
)
def test_many_lines_take_linear_time(line: str) -> None:
    assert linear(extract_plain, repeated(line), 200_000)
