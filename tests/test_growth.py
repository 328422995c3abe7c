"""The measure of growth tells quadratic work from linear, or the tests that lean on it say nothing."""

from growth import linear, repeated


def test_linear_work_is_linear_and_quadratic_work_is_not():
    assert linear(list, repeated("ab"), 200_000)
    assert not linear(lambda text: [text.count("b") for _ in text], repeated("a"), 20_000)


def test_work_that_no_input_makes_dearer_is_linear():
    assert linear(lambda text: text[:10], repeated("碳"), 1_000_000)
