"""The search finds what searching for every pattern alone finds."""

from __future__ import annotations

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.rule_search import How, finder, how_anchored, is_found, re2_options, search_bytes, widen
from pipeline.boilerplate.rules import load_rules

SEARCHES = load_rules().general.searches
WORDS = [
    "首页",
    "关于我们",
    "版权所有",
    "转载",
    "来源：",
    "责任编辑",
    "©",
    "2020-01-02",
    "Home",
    "cookies",
    "|",
    " ",
    "。",
    "电话：",
    "上一篇",
]


def alone(how: How, pattern: str, text: bytes) -> bool:
    compiled = re2.compile(widen(pattern), re2_options())
    return (compiled.fullmatch(text) if how is How.COVERS else compiled.search(text)) is not None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=8).map("".join))
def test_all_at_once_is_each_alone(text: str) -> None:
    content = search_bytes(text)
    assert finder(SEARCHES)(text) == {owner for owner, how, pattern in SEARCHES if alone(how, pattern, content)}


def test_where_a_pattern_must_be() -> None:
    assert how_anchored(r"\Aab(?:c|d)[|]\|") is How.STARTS
    assert how_anchored(r"\Aab|cd") is How.ANYWHERE
    assert how_anchored("ab") is How.ANYWHERE
    searches = ((0, How.COVERS, "ab"), (1, How.STARTS, r"\Aab"), (2, How.ANYWHERE, "ab"), (3, How.ANYWHERE, r"[:@]"))
    find = finder(searches)
    assert find("AB") == {0, 1, 2}
    assert find("abc:") == {1, 2, 3}
    assert find("cab") == {2}
    assert find("") == set()


def test_nothing_to_search_for_finds_nothing() -> None:
    assert finder(())("首页") == set()


def test_wide_spaces_are_spaces() -> None:
    assert is_found(r"a\sb", "a\u3000b")
    assert is_found(r"a\sb", "a\xa0b")


def test_signs_are_signs_in_every_script_and_no_letter() -> None:
    assert all(
        is_found(r"\A\W\z", sign)
        for sign in "。，、：；！？“”《》【】（）—…·|｜>›»→©®™￥$%&*#@~^ \t\u3000\xa0▲●★✕☰←🎈・"
    )
    assert not any(is_found(r"\W", letter) for letter in "中々〇あアー한éßΩж9９Ａ²º")
