"""What the F1 of shingles promises."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sites.effect import f1, shingles


@given(st.text(alphabet="ab 碳市 ", max_size=30), st.text(alphabet="ab 碳市 ", max_size=30))
def test_f1_is_symmetric_between_0_and_1_and_1_for_equal_texts(one: str, two: str) -> None:
    assert 0 <= f1(one, two).f1 == f1(two, one).f1 <= 1
    assert f1(one, one).f1 == 1


def test_every_cjk_character_is_a_token() -> None:
    assert len(shingles(list("全国碳市场"))) == 2
    score = f1("全国碳市场", "全国碳市场启动")
    assert (score.precision, score.recall) == (1.0, 0.5)
