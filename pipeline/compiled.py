"""Hot loops compiled from Python: the same source runs as plain Python, which is what tests hold it against.

Kernels take and return numpy arrays and numbers, never strings or objects; indices are checked (a wrong one raises
IndexError instead of reading memory that is not ours), because what they walk over comes from untrusted bytes. Numba is
loaded at the first call of a kernel: a process that calls none never waits for it.

Machine code is ``kept`` in a file for each kernel, processor and combination of argument types, so that processors and
versions share a folder and processes compile at the same time.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from pipeline.kept import file_name, fingerprint, folders, names_in, parts, read, write

_P = ParamSpec("_P")
_R = TypeVar("_R")

_PACKAGE = __name__.split(".")[0]
_SUFFIX = ".kernel"


class Kernel(Generic[_P, _R]):
    """A function of arrays and numbers that is compiled, or loaded, at its first call. ``py_func`` is the plain one."""

    def __init__(self, function: Callable[_P, _R]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._run: Callable[_P, _R] = self._first_run

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """What the function makes of the arguments."""
        return self._run(*args, **kwargs)

    def _first_run(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        self._run = self.py_func if _is_off() else self.dispatcher
        return self._run(*args, **kwargs)

    @functools.cached_property
    def dispatcher(self) -> Any:
        """What numba makes of the function."""
        import numba

        config: Any = numba.config
        if config.BOUNDSCHECK == 0:  # of the environment: it would outweigh what is asked for here
            config.BOUNDSCHECK = None
        made: Any = numba.njit(self.py_func, boundscheck=True, nogil=True)
        made._cache = _Kept(self)  # where numba asks before it compiles, and tells what it compiled
        return made

    def callees(self) -> list[Kernel[..., Any]]:
        """The kernels that this one calls."""
        named = (self.py_func.__globals__.get(name) for name in names_in(self.py_func.__code__))
        return [one for one in named if isinstance(one, Kernel) and one is not self]

    @property
    def _numba_type_(self) -> Any:
        """How numba sees a kernel that another one calls."""
        return self.dispatcher._numba_type_


def kernel(function: Callable[_P, _R]) -> Kernel[_P, _R]:
    """Have a function of arrays and numbers compiled at its first call, and the machine code kept for the next process.

    Numba compiles anew for each combination of argument types, read-only arrays being types of their own: call a kernel
    with one combination only. With NUMBA_DISABLE_JIT=1 it runs as it is.
    Source: https://numba.readthedocs.io/en/stable/user/jit.html
    """
    return Kernel(function)


def load_kept() -> bool:
    """Load whatever machine code is kept of the kernels imported so far; False when one of them has none."""
    if _is_off():
        return True
    kernels = _imported()
    within = {
        id(callee) for one in kernels for callee in one.callees()
    }  # their code is in that of those that call them
    loaded = [_load(one) for one in kernels if id(one) not in within]  # those that have some, whatever others have
    return all(loaded)


def folders_in_use() -> list[Path]:
    """Where the machine code of the kernels imported so far lies, sorted."""
    return sorted({file.parent for one in _imported() for file in one.dispatcher._cache.files()})


def _load(one: Kernel[..., Any]) -> bool:
    signatures = one.dispatcher._cache.signatures()
    for signature in signatures:
        one.dispatcher.compile(signature)
    return bool(signatures)


def _imported() -> list[Kernel[..., Any]]:
    own = [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == _PACKAGE]
    found = {id(value): value for module in own for value in vars(module).values() if isinstance(value, Kernel)}
    return list(found.values())


def _is_off() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}


class _Kept:
    """The machine code of one kernel on disk, by argument types: what numba calls a cache."""

    def __init__(self, of: Kernel[..., Any]) -> None:
        function: Any = of.py_func
        self._source = Path(function.__code__.co_filename)
        self._name = f"{file_name(function)}-{_made_of(of)}"

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compiled function for these argument types; None when it is not kept."""
        from numba.core.compiler import CompileResult

        target_context.refresh()
        name = self._file_name(signature, target_context.codegen())
        for folder in folders(self._source):
            if (content := read(folder / name)) is not None:
                return CompileResult._rebuild(target_context, *pickle.loads(content)[1])  # type: ignore[no-untyped-call]  # numba has no types
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled function for these argument types, if there is a place where it can be."""
        from numba.core.serialize import dumps

        if result.library.has_dynamic_globals or any(not one.can_cache for one in result.lifted):
            return  # it holds addresses of this process
        content: bytes = dumps((signature, result._reduce()))  # type: ignore[no-untyped-call]  # numba has no types
        write(content, self._file_name(signature, result.codegen), self._source)

    def signatures(self) -> list[Any]:
        """The argument types for which there is machine code for this processor."""
        contents = [read(file) for file in self.files()]
        return [pickle.loads(content)[0] for content in contents if content is not None]

    def files(self) -> list[Path]:
        """The files for this processor."""
        from numba.core.registry import cpu_target

        beginning = self._beginning(cpu_target.target_context.codegen())
        found = {}
        for folder in reversed(list(folders(self._source))):  # the first wins
            with contextlib.suppress(OSError):
                files = (
                    file for file in folder.iterdir() if file.suffix == _SUFFIX and file.name.startswith(beginning)
                )
                found.update({file.name: file for file in files})
        return [file for _, file in sorted(found.items())]

    def enable(self) -> None:
        """Nothing: it is."""

    def disable(self) -> None:
        """Nothing: numba asks for it only where it records how it compiles."""

    def flush(self) -> None:
        """Nothing: what is stale has another name."""

    def _beginning(self, codegen: Any) -> str:
        return f"{self._name}-{fingerprint(repr(codegen.magic_tuple()))}-"  # of the system, the processor and what it can do

    def _file_name(self, signature: Any, codegen: Any) -> str:
        return f"{self._beginning(codegen)}{fingerprint(repr(signature))}{_SUFFIX}"


def _made_of(one: Kernel[..., Any]) -> str:
    """The fingerprint of all that machine code depends on, beside the processor and the argument types."""
    import llvmlite
    import numba
    import numpy as np

    config = [(name, getattr(numba.config, name, None)) for name in ("BOUNDSCHECK", "OPT", "DEBUGINFO_DEFAULT")]
    made_with = (numba.__version__, llvmlite.__version__, np.__version__, config)
    return fingerprint(repr(made_with), Path(__file__).read_text("utf-8"), *parts(one.py_func))
