"""A foreign string is safe to show, and still says what it said."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.safety import printable

ANY = st.text(alphabet=st.characters(), max_size=300)


@settings(max_examples=60, deadline=None)
@given(ANY, st.integers(20, 400))
def test_nothing_unsafe_comes_through_and_the_length_is_kept(text: str, limit: int) -> None:
    shown = printable(text, limit=limit)
    assert len(shown) <= limit
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    shown.encode("utf-8")


@settings(max_examples=60, deadline=None)
@given(ANY)
def test_twice_is_once(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize("text", ["政策（二〇二四）.txt", "plain name.html", "café é 100 % <b>", "灯" * 83, ""])
def test_text_without_unsafe_characters_is_unchanged(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("line1\nline2", "line1\\x0aline2"),
        ("invoice\u202etxt.exe", "invoice\\u202etxt.exe"),
        ("caf\udce9", "caf\\udce9"),
        ("\U000e0041", "\\U000e0041"),
        ("\u2028\u200b\ufeff", "\\u2028\\u200b\\ufeff"),
    ],
)
def test_what_is_unsafe_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_text_loses_its_middle_in_time_that_does_not_depend_on_it() -> None:
    shown = printable("碳" + "\x00" * 50_000_000 + "末.txt")
    assert len(shown) == 200
    assert shown.startswith("碳")
    assert shown.endswith("末.txt")
