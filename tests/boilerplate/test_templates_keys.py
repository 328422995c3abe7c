"""Keys of lines: the compiled loop, its source and strings agree on what a key is of."""

import re
from hashlib import blake2b

import numpy as np
from growth import linear, repeated
from hypothesis import example, given
from hypothesis import strategies as st
from kernels import TEXT, TEXTS, as_written, of_one_type

from pipeline.boilerplate import templates
from pipeline.boilerplate.templates import NO_LETTERS, line_key


def keyed(text):
    """The text a key is of, by strings."""
    plain = re.sub(r"\d+", "0", " ".join(text.split()))
    return plain.lower().encode("utf-8", "surrogatepass")


def key_of(text):
    if not any(char.isalnum() and not char.isdecimal() for char in text):
        return int(NO_LETTERS)
    return max(2, int.from_bytes(blake2b(keyed(text), digest_size=8).digest(), "little"))


@given(st.lists(TEXT, max_size=6))
@example(["İstanbul 12 34", "ΟΔΟΣ ΟΔΟΣ.", "1٣９ a", " \u3000a\n\n b ", "", "\ud800x", "\U0002ffff", "𠀀"])
def test_keys_are_of_the_text_in_lower_case_with_space_and_digits_collapsed(texts):
    assert templates._keys(texts).tolist() == [key_of(text) for text in texts]


@given(TEXTS)
def test_the_compiled_loop_says_what_its_source_says(texts):
    compiled = templates._keys(texts)
    with as_written(templates, "_plain_lines"):
        assert np.array_equal(templates._keys(texts), compiled)
    assert of_one_type(templates, "_plain_lines")


def test_every_code_point_has_the_key_that_strings_give_it():
    points = [f"a{chr(point)}" for point in range(0, 0x110000, 7)]
    assert templates._keys(points).tolist() == [key_of(point) for point in points]


def test_keys_are_linear():
    for bait in ("a", "1", " ", "碳", "a 1"):
        assert linear(line_key, repeated(bait), 100_000)
