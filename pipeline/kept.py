"""What is made once for an installation and kept beside its source: machine code and tables.

A file's name has the fingerprint of all that its content depends on, and its first bytes are the checksum of the rest.
So a file is right, or is no file: versions and processors share a folder, processes write at the same time, and what is
damaged, stale or unreadable is made anew. It lies in ``__pycache__`` beside the source, with what Python itself keeps, or
in the user's cache folder where that cannot be written.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

_T = TypeVar("_T")

_DIGEST = hashlib.sha256().digest_size  # bytes
_NAME_DIGITS = 16  # hexadecimal digits of a fingerprint in a file's name


def kept(*packages: str) -> Callable[[Callable[[], _T]], Callable[[], _T]]:
    """Have what a function without arguments makes kept for the next process: a table that takes a while to make.

    What it makes must pickle, and depend on nothing but its source, what that uses of this package, Python, numpy, and
    the data of the installed ``packages``. It is made once a process at most, as by ``functools.cache``.
    """

    def keep(function: Callable[[], _T]) -> Callable[[], _T]:
        @functools.cache
        @functools.wraps(function)
        def found() -> _T:
            code: CodeType = function.__code__
            source = Path(code.co_filename)
            name = f"{file_name(function)}-{_made_of(function, packages)}.table"
            for folder in folders(source):
                if (content := read(folder / name)) is not None:
                    break
            else:
                content = pickle.dumps(function(), protocol=5)
                write(content, name, source)
            made: _T = pickle.loads(content)  # also what is new: every process has the very same
            return made

        return found

    return keep


def _made_of(function: Any, packages: tuple[str, ...]) -> str:
    from importlib import metadata

    import numpy as np

    versions = [metadata.version(package) for package in packages]
    return fingerprint(repr((sys.version_info[:3], np.__version__, versions)), *parts(function))


def file_name(function: Any) -> str:
    """How the names of files begin that are kept of a function."""
    name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}".replace("<", "").replace(">", "")
    return f"{name}.{sys.implementation.cache_tag}"


def fingerprint(*texts: str) -> str:
    """Of some texts, for a file's name."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "backslashreplace")).hexdigest()[:_NAME_DIGITS]


def parts(function: Any, seen: set[Any] | None = None) -> Iterator[str]:
    """What a function does: the source files of it and of those of its package that it calls, and the values it takes."""
    seen = set() if seen is None else seen
    if function in seen:
        return
    seen.add(function)
    package = f"{function.__module__.split('.')[0]}."
    yield Path(function.__code__.co_filename).read_text("utf-8")
    for name in sorted(names_in(function.__code__)):
        value = function.__globals__.get(name)
        value = getattr(value, "py_func", value)
        value = getattr(value, "__wrapped__", value)
        if isinstance(value, FunctionType):
            if f"{value.__module__}.".startswith(package):
                yield from parts(value, seen)
        elif isinstance(value, ModuleType):
            if value.__name__.startswith(package):
                yield Path(str(value.__file__)).read_text("utf-8")
        elif hasattr(value, "tobytes"):
            yield f"{name} {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        elif isinstance(value, int | float | complex | str | bytes | tuple):
            yield f"{name} {value!r}"


def names_in(code: CodeType) -> set[str]:
    """The names that a function's code, and what is defined in it, looks up."""
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return {*code.co_names, *(name for one in inner for name in names_in(one))}


def folders(source: Path, *, make: bool = False) -> Iterator[Path]:
    """Where may lie what is kept of a source file: beside it, then in the user's cache folder, if that is theirs alone.

    Never where the working folder or variables of a library say: raw files may lie there. With ``make`` each is made when it
    is asked for.
    """
    beside = source.parent / "__pycache__"
    if make:
        with contextlib.suppress(OSError):
            beside.mkdir(exist_ok=True)
    yield beside
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    with contextlib.suppress(RuntimeError, OSError):  # nobody's home
        base = named if named.is_absolute() else Path.home() / ".cache"
        own = base / "winnow" / f"kernels-{fingerprint(str(source.parent))}"
        if make:
            own.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = own.stat()
        if about.st_uid == os.geteuid() and not about.st_mode & 0o022:
            yield own


def read(file: Path) -> bytes | None:
    """The content of a file; None when there is none, or it is not as it was written."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    return content[_DIGEST:] if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST] else None


def write(content: bytes, name: str, source: Path) -> None:
    """Keep what was made of a source file, if there is a place where it can be."""
    for folder in folders(source, make=True):
        with contextlib.suppress(OSError):
            write_whole(folder / name, hashlib.sha256(content).digest() + content)
            return


def write_whole(file: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises OSError."""
    temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
