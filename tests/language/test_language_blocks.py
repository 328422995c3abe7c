"""What a page's blocks promise: neighbours of the same kind help, the others never do."""

from __future__ import annotations

import math
import random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.language import Backend, document_language, identify, tag_blocks
from pipeline.types import Block, BlockKind, Decision, Label, LanguageGuess

ENGLISH = "The plenary adopted the decision and thanked all delegations for their constructive work."
GERMAN = "Die Versammlung nahm den Beschluss an und dankte allen Delegationen für ihre Arbeit."
CHINESE = "全体会议通过了该决定，并对各代表团的建设性工作表示感谢。"
TRADITIONAL = "全體會議通過了該決定，並對各代表團的建設性工作表示感謝。"
JAPANESE = "全体会議はこの決定を採択し、各代表団の建設的な取り組みに感謝しました。"

TEXTS = (ENGLISH, GERMAN, CHINESE, TRADITIONAL, JAPANESE, "上海", "2024", "会社概要", "Menu", "OK")
LABELS = (Label.CONTENT, Label.TITLE, Label.NAVIGATION, Label.FOOTER)
Row = tuple[str, Label]

rows = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(LABELS)), max_size=12)


def page(page_rows: list[Row], kind: BlockKind = BlockKind.PARAGRAPH) -> tuple[list[Block], list[Decision]]:
    blocks = [Block(i, text, kind, 0, len(text)) for i, (text, _) in enumerate(page_rows)]
    return blocks, [Decision(label, "test", 0.5) for _, label in page_rows]


def tags(page_rows: list[Row], backend: Backend = "lid176") -> list[str]:
    return [guess.lang for guess in tag_blocks(*page(page_rows), backend=backend)]


def content(*texts: str) -> list[Row]:
    return [(text, Label.CONTENT) for text in texts]


def chaff(*texts: str) -> list[Row]:
    return [(text, Label.NAVIGATION) for text in texts]


@given(rows)
@settings(max_examples=40, deadline=None)
def test_one_guess_a_block_and_always_the_same(page_rows: list[Row]) -> None:
    first = tag_blocks(*page(page_rows))
    assert len(first) == len(page_rows)
    assert all(0.0 <= guess.confidence <= 1.0 for guess in first)
    assert tag_blocks(*page(page_rows)) == first


@given(rows, rows)
@settings(max_examples=40, deadline=None)
def test_chaff_never_changes_content_nor_content_chaff(page_rows: list[Row], others: list[Row]) -> None:
    kept = [row for row in page_rows if row[1] in (Label.CONTENT, Label.TITLE)]
    lost = [row for row in others if row[1] not in (Label.CONTENT, Label.TITLE)]
    together = tags(lost + kept)
    assert together == tags(lost) + tags(kept)


def test_kanji_lines_inside_japanese_are_japanese() -> None:
    assert tags(content(JAPANESE, "会社概要", "利用規約", JAPANESE)) == ["ja"] * 4
    assert tags(chaff("お知らせ", "会社概要", "採用情報", "サイトマップ")) == ["ja"] * 4


def test_kanji_lines_inside_chinese_stay_chinese() -> None:
    assert tags(content(CHINESE, "会社概要", CHINESE))[1] == "zh-Hans"


def test_a_japanese_body_does_not_turn_chinese_chaff() -> None:
    assert tags(chaff("上海", "联系我们") + content(JAPANESE, JAPANESE))[:2] == ["zh-Hans", "zh-Hans"]


def test_chinese_that_japanese_cannot_write_stays_chinese_inside_japanese() -> None:
    assert tags(content(JAPANESE, "我们这里没有", JAPANESE))[1] == "zh-Hans"


@pytest.mark.parametrize(("body", "lang"), [(CHINESE, "zh-Hans"), (TRADITIONAL, "zh-Hant")])
def test_plain_chinese_takes_after_its_own_kind(body: str, lang: str) -> None:
    assert tags(content(body, "上海", body))[1] == lang
    assert tags(content(body) + chaff("上海"))[1] == "zh"


def test_chaff_has_its_own_kind_of_chinese() -> None:
    assert tags(chaff("网站地图", "上海") + content(TRADITIONAL, "上海")) == [
        "zh-Hans",
        "zh-Hans",
        "zh-Hant",
        "zh-Hant",
    ]


def test_a_short_unsure_line_leans_on_its_neighbours() -> None:
    line = "Liu Zhenmin, Baku"
    assert identify(line).confidence < 0.8 or identify(line).lang == "und"
    assert tags(content(ENGLISH, line, ENGLISH))[1] == "en"


def test_a_short_menu_line_keeps_its_language_inside_another() -> None:
    menu = ("Kontakt und Anfahrt", "Über uns", "Datenschutzerklärung")
    assert tags(chaff(*menu) + content(ENGLISH, ENGLISH))[:3] == [identify(line).lang for line in menu] == ["de"] * 3


def test_a_sure_line_of_another_language_stays() -> None:
    assert tags(content(ENGLISH, GERMAN, ENGLISH)) == ["en", "de", "en"]


def test_numbers_between_sentences_stay_und() -> None:
    assert tags(content(ENGLISH, "2024-11-22", ENGLISH))[1] == "und"


def test_code_blocks_are_und() -> None:
    blocks, decisions = page(content(ENGLISH), kind=BlockKind.CODE)
    assert tag_blocks(blocks, decisions)[0].lang == "und"


@given(rows, st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_shares_sum_to_one_and_order_does_not_matter(page_rows: list[Row], seed: int) -> None:
    blocks, decisions = page(page_rows)
    guesses = tag_blocks(blocks, decisions)
    found = document_language(blocks, decisions, guesses)
    if found.shares:
        assert math.isclose(sum(share for _, share in found.shares), 1.0)
        assert [share for _, share in found.shares] == sorted((s for _, s in found.shares), reverse=True)
        assert found.lang in dict(found.shares)
    else:
        assert (found.lang, found.confidence) == ("und", 0.0)
    order = list(range(len(blocks)))
    random.Random(seed).shuffle(order)
    shuffled = document_language([blocks[i] for i in order], [decisions[i] for i in order], [guesses[i] for i in order])
    assert shuffled == found


def test_a_mixed_page_has_the_share_of_each_language() -> None:
    blocks, decisions = page(content(ENGLISH, ENGLISH, CHINESE) + chaff(GERMAN, GERMAN, GERMAN))
    found = document_language(blocks, decisions, tag_blocks(blocks, decisions))
    assert found.lang == "en"
    assert set(dict(found.shares)) == {"en", "zh-Hans"}


def test_chinese_counts_together_before_its_kinds() -> None:
    blocks, decisions = page(content(ENGLISH, CHINESE, TRADITIONAL, "中山大学"))
    guesses = [LanguageGuess(lang, 0.9) for lang in ("en", "zh-Hans", "zh-Hant", "zh")]
    assert document_language(blocks, decisions, guesses).lang == "zh-Hans"


def test_no_content_no_language() -> None:
    blocks, decisions = page(chaff(ENGLISH))
    assert document_language(blocks, decisions, tag_blocks(blocks, decisions)).shares == ()


def test_unequal_lengths_are_refused() -> None:
    blocks, decisions = page(content(ENGLISH))
    with pytest.raises(ValueError, match="zip"):
        tag_blocks(blocks, [])
    with pytest.raises(ValueError, match="zip"):
        document_language(blocks, decisions, [])


@pytest.mark.parametrize("backend", get_args(Backend))
def test_each_backend_repeats_itself(backend: Backend) -> None:
    page_rows = content(ENGLISH, "Menu", GERMAN, "Contact", CHINESE)
    assert tags(page_rows, backend) == tags(page_rows, backend)
