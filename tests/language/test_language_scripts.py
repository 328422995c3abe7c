"""What counting letters promises."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.language.scripts import LANGUAGES, RANGES, count_scripts, count_scripts_each, letter_weights

OUR_SCRIPTS = {name for name, _ in RANGES}


def test_every_script_of_one_language_has_letters() -> None:
    assert set(LANGUAGES) <= OUR_SCRIPTS


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("abc", "Latin"),
        ("ｆｕｌｌ", "Latin"),
        ("где", "Cyrillic"),
        ("Ελλάδα", "Greek"),
        ("ไทย", "Thai"),
        ("한국어", "Hangul"),
        ("ひらがな", "CJK"),
        ("漢字", "CJK"),
        ("〇", "CJK"),
        ("𠮷", "CJK"),
        ("ქართული", "Georgian"),
        ("հայերեն", "Armenian"),
        ("", ""),
        ("１２３。、・", ""),
    ],
)
def test_script_of_letters(text: str, script: str) -> None:
    assert count_scripts(text).script == script


def test_a_han_letter_weighs_three() -> None:
    assert letter_weights(["碳", "abc"]) == [3, 3]
    assert count_scripts("碳 abcd").script == "Latin"
    assert count_scripts("碳 abc").script == "CJK"


def test_digits_punctuation_and_marks_are_no_letters() -> None:
    assert letter_weights(["12 34 —《》（）！?%"]) == [0]


@given(st.lists(st.text(max_size=20), max_size=5))
@settings(max_examples=80, deadline=None)
def test_weights_add_up_and_shares_are_shares(parts: list[str]) -> None:
    text = "\n".join(parts)
    assert letter_weights([text]) == [sum(letter_weights(parts))]
    assert 0.0 <= count_scripts(text).share <= 1.0


@given(st.lists(st.text(max_size=20), max_size=5))
@settings(max_examples=80, deadline=None)
def test_texts_together_are_counted_like_each_by_itself(texts: list[str]) -> None:
    each = [count_scripts(text) for text in texts]
    assert count_scripts_each(texts) == each
    assert letter_weights(texts) == [count.weight for count in each]


def test_ranges_are_sorted_and_apart() -> None:
    spans = []
    for _, row in RANGES:
        for part in row.split():
            assert re.fullmatch(r"[0-9A-F]+(-[0-9A-F]+)?", part)
            first, _, last = part.partition("-")
            spans.append((int(first, 16), int(last or first, 16)))
    spans.sort()
    assert all(before[1] < after[0] for before, after in pairwise(spans))
