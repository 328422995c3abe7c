"""What counting tokens promises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import TEXT, TEXTS, as_written, of_one_type, same

from pipeline.text import tokens as module
from pipeline.text.codes import read_codes
from pipeline.text.tokens import count_cjk, count_tokens, count_tokens_of, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net-zero by 2050", ["net", "zero", "by", "2050"]),
        ("碳达峰", ["碳", "达", "峰"]),
        ("碳市场 COP29", ["碳", "市", "场", "COP29"]),
        ("全国ETS启动", ["全", "国", "ETS", "启", "动"]),
        ("カーボン・ゼロ", list("カーボン・ゼロ")),
        ("한국어 문장", ["한국어", "문장"]),
        ("snake_case", ["snake", "case"]),
        ("二〇二四年", list("二〇二四年")),
        ("人々", ["人", "々"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        ("２０２４年", ["２０２４", "年"]),
        ("éàß", ["éàß"]),
        ("《》，。！", []),
        ("", []),
    ],
)
def test_tokens_of(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_count_is_the_number_of_tokens_and_tokens_lie_in_order(text: str) -> None:
    found = tokens(text)
    assert count_tokens(text) == len(found)
    place = 0
    for token in found:
        place = text.index(token, place) + len(token)
    assert not any(char.isspace() or char == "_" for token in found for char in token)


@given(st.text(max_size=100), st.text(max_size=100))
@settings(max_examples=100, deadline=None)
def test_counts_add_up_across_a_space(first: str, second: str) -> None:
    assert count_tokens(f"{first} {second}") == count_tokens(first) + count_tokens(second)
    assert count_cjk(first + second) == count_cjk(first) + count_cjk(second)


@given(st.text(max_size=100))
@settings(max_examples=100, deadline=None)
def test_a_cjk_character_is_one_token(text: str) -> None:
    assert sum(1 for token in tokens(text) if count_cjk(token)) == count_cjk(text)


def test_long_runs_are_linear() -> None:
    assert count_tokens("a" * 100_000) == 1
    assert count_tokens("碳" * 100_000) == 100_000


@given(TEXTS)
def test_tokens_of_many_texts_are_those_of_each(texts):
    found = count_tokens_of(read_codes(texts))
    assert found.tolist() == [len(tokens(text)) for text in texts]
    with as_written(module, "_count_all"):
        assert same(found, count_tokens_of(read_codes(texts)))


@given(TEXT.map(lambda text: text * 20))
def test_a_long_text_is_counted_as_a_short_one(text):
    assert count_tokens(text) == len(tokens(text))


def test_every_code_point_is_counted_as_its_class_says():
    points = [chr(point) for point in range(0x110000)]
    assert count_tokens_of(read_codes(points)).tolist() == [len(tokens(point)) for point in points]


def test_one_loop_is_compiled_for_all_texts():
    count_tokens("碳市场" * 100)
    count_tokens_of(read_codes([]))
    assert of_one_type(module, "_count_all")
