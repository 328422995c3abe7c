"""What the character sets promise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.language import identify
from pipeline.language.scripts import han_evidence, han_evidence_each, han_sets

PAIRS = (
    ("国务院办公厅关于进一步优化营商环境的实施意见", "國務院辦公廳關於進一步優化營商環境的實施意見"),
    ("联系我们", "聯繫我們"),
    ("网站地图", "網站地圖"),
    ("北京绿色交易所发布年度报告", "北京綠色交易所發布年度報告"),
)


def test_no_character_tells_two_things() -> None:
    sets = han_sets()
    assert not sets.simplified & sets.traditional
    assert not sets.japanese & (sets.simplified | sets.traditional)
    assert not sets.japanese & sets.foreign
    assert min(len(sets.simplified), len(sets.traditional)) > 2000


@pytest.mark.parametrize(("simplified", "traditional"), PAIRS)
def test_simplified_and_traditional(simplified: str, traditional: str) -> None:
    assert identify(simplified).lang == "zh-Hans"
    assert identify(traditional).lang == "zh-Hant"


def test_a_quoted_word_does_not_turn_a_text() -> None:
    assert identify("這部作品的簡體名稱是“计划”，在臺灣與香港發行。").lang == "zh-Hant"


def test_common_characters_of_both_tell_nothing() -> None:
    evidence = han_evidence("山水中人大小上下")
    assert (evidence.simplified, evidence.traditional) == (0, 0)
    assert evidence.may_be_japanese


@pytest.mark.parametrize("text", ["们", "这", "發現们"])
def test_characters_outside_jis_rule_japanese_out(text: str) -> None:
    assert not han_evidence(text).may_be_japanese


@given(st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_evidence_adds_up(first: str, second: str) -> None:
    one, two, both = han_evidence(first), han_evidence(second), han_evidence(first + second)
    assert one.simplified + two.simplified == both.simplified
    assert one.traditional + two.traditional == both.traditional
    assert one.foreign + two.foreign == both.foreign


@given(st.lists(st.text(alphabet="联系聯繫們的検索駅中 a", max_size=8), max_size=5))
@settings(max_examples=60, deadline=None)
def test_texts_together_tell_what_each_tells(texts: list[str]) -> None:
    assert han_evidence_each(texts) == [han_evidence(text) for text in texts]
