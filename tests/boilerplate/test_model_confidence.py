"""The prediction of a page's F1: a number from 0 to 1 that falls with doubt."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate.model import MODEL_ID, SIGNS, extraction_confidence, load_coefficients
from pipeline.types import Decision, Label


def decisions(kept: Sequence[bool], *, decided_by: str = MODEL_ID) -> list[Decision]:
    return [Decision(Label.CONTENT if was else Label.BOILERPLATE, decided_by, 0.5) for was in kept]


PAGE = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(1, 5000)), min_size=1, max_size=60)


@given(PAGE, st.booleans())
def test_always_a_share(page: list[tuple[float, bool, int]], markup: bool) -> None:
    scores, kept, lengths = zip(*page, strict=True)
    assert 0 <= extraction_confidence(scores, decisions(kept), lengths, has_markup=markup) <= 1


def test_a_clear_page_is_trusted_more_than_a_doubtful_one() -> None:
    lengths, kept = [40, 900, 900, 900, 30], decisions([False, True, True, True, False])
    for markup in (True, False):
        clear = extraction_confidence([0.01, 0.99, 0.99, 0.98, 0.02], kept, lengths, has_markup=markup)
        doubtful = extraction_confidence([0.4, 0.6, 0.5, 0.6, 0.4], kept, lengths, has_markup=markup)
        assert clear > 0.85
        assert doubtful < clear - 0.1


def test_what_a_rule_or_a_step_drops_raises_no_doubt_where_the_model_would_keep_it() -> None:
    lengths, scores = [900, 900, 900], [0.98, 0.97, 0.96]
    for decided_by in ("rule:zh-statement", "step:copy", "template:example.org"):
        sure = [*decisions([True, True]), *decisions([False], decided_by=decided_by)]
        assert extraction_confidence(scores, sure, lengths, has_markup=True) > extraction_confidence(
            scores, decisions([True, True, False]), lengths, has_markup=True
        )


def test_both_modes_have_a_coefficient_a_sign() -> None:
    assert all(load_coefficients(mode).shape == (len(SIGNS),) for mode in ("markup", "plain"))
