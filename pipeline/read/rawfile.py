r"""Open a file of the raw tree: regular files only, no links followed, changes under our hands noticed.

Paths in datasets are Unicode, file names are bytes. ``portable_path`` writes a byte that is not UTF-8 as ``\xNN`` and
a backslash as ``\x5c``; every other name stays as it is, and ``native_path`` turns the result back.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.errors import Reason
from pipeline.read.outcome import MIB, ReadFailure

CHUNK = MIB  # bytes a read
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # O_NONBLOCK: a FIFO must not hang us


def portable_path(name: str) -> str:
    r"""Return a file name (as ``os`` gives it) as clean Unicode.

    >>> portable_path("caf\udce9.txt")
    'caf\\xe9.txt'
    """
    escaped = name.replace("\\", "\\x5c")
    return escaped.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def native_path(path: str) -> str:
    """Return the file name that ``portable_path`` was given."""
    name = _ESCAPED.sub(lambda m: os.fsdecode(bytes([int(m[1], 16)])), path) if "\\" in path else path
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))  # the same, unless the locale's encoding is not UTF-8


class RawFile:
    """An open regular file: owns the descriptor and remembers what the file was like when it was opened."""

    def __init__(self, descriptor: int, before: os.stat_result) -> None:
        self._descriptor = descriptor
        self._before = before
        self.size = before.st_size
        self.mtime_ns = before.st_mtime_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to ``size`` bytes; none at the end. Raises OSError."""
        return os.read(self._descriptor, size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Continue reading at ``offset`` (from the start, or as ``whence`` says); return the place."""
        return os.lseek(self._descriptor, offset, whence)

    def changed(self) -> bool:
        """Whether the file's size, modification time or identity differ from when it was opened."""
        return _identity(os.fstat(self._descriptor)) != _identity(self._before)


def open_raw(raw: Path, relative: str) -> RawFile:
    """Open ``relative`` (a portable path) under ``raw``.

    Raises ReadFailure (NOT_A_REGULAR_FILE, FILE_CHANGED, UNREADABLE) with a sentence that says why.
    """
    native = os.path.join(raw, native_path(relative))  # noqa: PTH118 - pathlib would fold "a//b" and "./a"
    try:
        seen = os.lstat(native)
        if not stat.S_ISREG(seen.st_mode):
            raise ReadFailure(Reason.NOT_A_REGULAR_FILE, not_regular(seen.st_mode))
        descriptor = os.open(native, _FLAGS)
    except OSError as error:
        raise unreadable(error) from None
    before = os.fstat(descriptor)
    if (before.st_dev, before.st_ino) != (seen.st_dev, seen.st_ino) or not stat.S_ISREG(before.st_mode):
        os.close(descriptor)
        raise changed_failure()
    return RawFile(descriptor, before)


def changed_failure() -> ReadFailure:
    """Return the failure of a file that changed while it was read."""
    return ReadFailure(
        Reason.FILE_CHANGED,
        "The file changed while it was read. The next run reads it again; let the crawler write elsewhere and move "
        "finished files in.",
    )


def unreadable(error: OSError) -> ReadFailure:
    """Return the failure that an operating system error stands for."""
    if isinstance(error, FileNotFoundError):
        return ReadFailure(Reason.FILE_CHANGED, "The file was gone when its turn came; the next run notices.")
    cause = error.strerror or type(error).__name__
    return ReadFailure(Reason.UNREADABLE, f"The file cannot be read: {cause}. Check its permissions and the disk.")


def not_regular(mode: int) -> str:
    """Return a sentence that names the kind of thing a mode stands for."""
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
    }
    kind = kinds.get(stat.S_IFMT(mode), "a special file")
    return f"It is {kind}, and only regular files are read. Put a copy of the file itself in its place."


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
