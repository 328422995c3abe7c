"""The prediction of a page's F1: a number from 0 to 1 that falls with doubt."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate.confidence import SIGNS, extraction_confidence, load_coefficients

PAGE = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(1, 5000)), min_size=1, max_size=60)


@given(PAGE, st.booleans())
def test_always_a_share(page: list[tuple[float, bool, int]], markup: bool) -> None:
    scores, kept, lengths = zip(*page, strict=True)
    assert 0 <= extraction_confidence(scores, kept, lengths, has_markup=markup) <= 1


def test_a_clear_page_is_trusted_more_than_a_doubtful_one() -> None:
    lengths, kept = [40, 900, 900, 900, 30], [False, True, True, True, False]
    for markup in (True, False):
        clear = extraction_confidence([0.01, 0.99, 0.99, 0.98, 0.02], kept, lengths, has_markup=markup)
        doubtful = extraction_confidence([0.4, 0.6, 0.5, 0.6, 0.4], kept, lengths, has_markup=markup)
        assert clear > 0.85
        assert doubtful < clear - 0.1


def test_both_modes_have_a_coefficient_a_sign() -> None:
    assert all(load_coefficients(mode).shape == (len(SIGNS),) for mode in ("markup", "plain"))
