"""Plain text to blocks: a line a block, nothing but white space between."""

from __future__ import annotations

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
        assert not set(source[block.start : block.end]) & set("\n\r\u2028\u2029\x0b\x0c")
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


def test_wrapped_lines_stay_lines_and_no_markup_is_made_up() -> None:
    blocks = extract_plain("The parties agreed on rules for carbon markets and\nwill report on them next year.").blocks
    assert len(blocks) == 2
    assert {block.markup for block in blocks} == {None}


@pytest.mark.parametrize("unit", ["碳市场", "word ", " \u3000", "-"])
def test_an_enormous_line_is_one_block_and_takes_linear_time(unit: str) -> None:
    assert len(extract_plain(unit * 200_000 + "x").blocks) == 1
    assert linear(lambda line: extract_plain(f"{line}x"), repeated(unit), 800_000)


def test_a_text_of_nothing_has_no_blocks() -> None:
    assert extract_plain("").blocks == extract_plain("\ufeff \n　\r\n").blocks == ()
