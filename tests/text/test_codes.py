"""Texts as code points: nothing lost, each text found again, lower case as Python has it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kernels import TEXT, TEXTS

from pipeline.text.codes import CLASSED, IDEOGRAPHS, N_POINTS, class_table, code_points, lower_points, read_codes


def text_of(points):
    return "".join(map(chr, points.tolist()))


@given(st.lists(TEXT, max_size=6))
def test_each_text_is_found_again(texts):
    codes = read_codes(texts)
    found = [
        text_of(codes.points[start : end - 1]) for start, end in zip(codes.starts[:-1], codes.starts[1:], strict=True)
    ]
    assert found == texts
    assert codes.starts[-1] == len(codes.points)
    assert all(codes.points[end - 1] == ord("\n") for end in codes.starts[1:])


@given(TEXT)
def test_lower_case_is_that_of_strings_and_in_step(text):
    lower = lower_points(code_points(text))
    assert text_of(lower) == text.replace("İ", "i").lower()
    assert len(lower) == len(text)


def test_lower_case_of_every_code_point_is_that_of_strings():
    points = np.arange(N_POINTS, dtype=np.uint32)
    points = points[(points != ord("Σ")) & (points != ord("İ"))]
    assert text_of(lower_points(points)) == "".join([chr(point).lower() for point in points.tolist()])


@given(TEXTS)
def test_arrays_cannot_be_written(texts):
    codes = read_codes(texts)
    for array in (codes.points, codes.starts, lower_points(codes.points)):
        assert not array.flags.writeable


def test_a_table_has_the_classes_given_and_fills_the_planes_beyond():
    table = class_table((chr(point).isalpha() for point in range(CLASSED)), ideograph=2, beyond=3)
    assert [int(table[ord(char)]) for char in "a1碳"] == [1, 0, 1]
    assert table[CLASSED - 1] == 0
    assert table[IDEOGRAPHS.start] == table[IDEOGRAPHS.stop - 1] == 2
    assert table[IDEOGRAPHS.stop] == table[-1] == 3
