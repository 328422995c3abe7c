"""Hot loops compiled from Python: the same source runs as plain Python, which is what tests hold it against.

Kernels take and return numpy arrays and numbers, never strings or objects; indices are checked (a wrong one raises
IndexError instead of reading memory that is not ours), because what they walk over comes from untrusted bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


def kernel(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile a function of arrays and numbers at its first call and keep the machine code beside its source.

    ``kernel(f).py_func`` is the plain function. Numba compiles anew for each combination of argument types, read-only
    arrays being types of their own: call a kernel with one combination only.
    Source: https://numba.readthedocs.io/en/stable/user/jit.html
    """
    return cast("Callable[_P, _R]", numba.njit(function, cache=True, boundscheck=True, nogil=True))
