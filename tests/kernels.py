"""What tests of compiled loops share: texts of every kind, and a loop as it is written, run by Python."""

import os
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
    np.seterr(over="ignore")  # hashes wrap around

#: Both scripts, digits of three widths, marks, astral Han and kana, Greek and Turkish capitals, lone surrogates.
SIGNS = "abZ É9٣２ \t\n\u3000.,。！？”)]-_·#的了碳市，…カーｶ한\u0301ΣσςİΑ𠀀𛀀😀𝒜𝟗\U000e0100\ufffd\ud800\udfff"
TEXT = st.text(st.one_of(st.sampled_from(SIGNS), st.characters()), max_size=60)
TEXTS = st.lists(TEXT, min_size=1, max_size=6)


def as_written(module, *names):
    """The loops of a module that have these names run by Python while this lasts."""
    replaced = {}
    for name in names:
        loop = getattr(module, name)
        replaced[name] = _quiet(getattr(loop, "py_func", loop))
    return patch.multiple(module, **replaced)


def _quiet(function):
    def run(*args):
        with np.errstate(over="ignore"):  # hashes wrap around
            return function(*args)

    return run


def of_one_type(module, *names):
    """Whether no loop of these was compiled for more than one combination of types."""
    compiled = [getattr(getattr(module, name), "dispatcher", getattr(module, name)) for name in names]
    return all(len(getattr(one, "signatures", ())) <= 1 for one in compiled)


def same(one, other):
    """Whether two values of arrays, or tuples of them, are equal in every bit."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one.dtype == other.dtype and np.array_equal(one, other)
