import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.marks import checksum, sealed, unsealed

VALUE = {"name": "港口\udcff", "n": [1, 2.5, None], "files": {"a": [3, 4]}}


@pytest.mark.parametrize("indent", [None, 1])
def test_a_sealed_value_comes_back_as_it_was(indent):
    assert unsealed(sealed(VALUE, indent=indent)) == VALUE


@given(st.data())
def test_a_flipped_bit_changes_nothing_or_is_found(data):
    text = bytearray(sealed(VALUE, indent=1).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(ValueError):
        assert unsealed(bytes(text)) == VALUE


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "1", '"x"', '{"sha256": 1}', "[" * 100_000, "\x00", "{"])
def test_what_is_no_sealed_value_is_a_ValueError(text):
    with pytest.raises(ValueError, match=r"."):
        unsealed(text)


def test_a_checksum_tells_files_apart_by_one_bit(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(bytes(3 << 20))
    other.write_bytes(bytes((3 << 20) - 1) + b"\x01")
    assert checksum(one) != checksum(other)
