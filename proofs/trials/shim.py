"""Fail, or kill, at the n-th call that changes the disk under a folder, in a process and all that it forks.

Python's own calls are wrapped (``os``, ``open`` for writing, what is written through it, ``pyarrow``'s Parquet
writer, which here hands over its file in two halves so that torn files come about). A new kind of call is a line
in ``_CALLS``. Install it only in a process that is thrown away.
"""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import os
import signal
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

#: The calls of ``os`` that change the disk, with the places of the paths among their arguments.
_CALLS: Final = {
    "mkdir": (0,),
    "rmdir": (0,),
    "unlink": (0,),
    "remove": (0,),
    "rename": (0, 1),
    "replace": (0, 1),
    "link": (1,),
    "symlink": (1,),
    "utime": (0,),
    "sendfile": (0,),
    "copy_file_range": (1,),
    "fsync": (0,),
    "write": (0,),
}
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at which call."""

    mode: str  # "kill" (the run), "kill-worker" (the child it happens in), or an errno's name: "ENOSPC"
    at: int  # 1 is the first call
    persistent: bool = False  # every later call fails too
    call: str = ""  # only calls of this name fail: "fsync"


@dataclass(slots=True)
class Shim:
    """Counts the calls of a process and of those that it forks, and lets the fault happen at its turn."""

    root: Path
    fault: Fault | None = None
    main: int = field(default_factory=os.getpid)
    _count: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 8), init=False)
    _inside: threading.local = field(default_factory=threading.local, init=False)

    @property
    def count(self) -> int:
        """Calls so far, of all processes."""
        return int(struct.unpack("q", self._count[:8])[0])

    def install(self) -> None:
        """Wrap the calls of this process, for good."""
        for name, places in _CALLS.items():
            setattr(os, name, self._wrapped(name, getattr(os, name), places))
        os.open = self._opening(os.open)
        real = io.open

        def opened(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not set(mode) & set("wax+"):
                return real(file, mode, *rest, **named)
            self.point("open", file)
            handle = real(file, mode, *rest, **named)
            return _Watched(handle, lambda: self.point("write", file))

        io.open = builtins.open = opened
        write = pq.write_table

        def write_table(table: pa.Table, where: Any, **named: Any) -> None:
            sink = pa.BufferOutputStream()
            write(table, sink, **named)
            data = memoryview(sink.getvalue())
            with opened(where, "wb") as file:
                file.write(data[: len(data) // 2])
                file.write(data[len(data) // 2 :])

        pq.write_table = write_table

    def point(self, call: str, path: Any, dir_fd: int | None = None) -> None:
        """A call on a path is about to be made."""
        if getattr(self._inside, "yes", False) or not self._mine(path, dir_fd):
            return
        fault = self.fault
        if fault is not None and fault.call and fault.call != call:
            return
        self._count[:8] = struct.pack("q", self.count + 1)
        if fault is None or not (self.count == fault.at or (fault.persistent and self.count > fault.at)):
            return
        if fault.mode == "kill-worker":
            if os.getpid() != self.main:
                os.kill(os.getpid(), signal.SIGKILL)
        elif fault.mode == "kill":
            os.kill(self.main, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            number = getattr(errno, fault.mode)
            raise OSError(number, os.strerror(number), str(path))

    def _mine(self, path: Any, dir_fd: int | None) -> bool:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115
        elif dir_fd is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fspath(path))  # noqa: PTH115, PTH118
        return str(os.path.abspath(os.fspath(path))).startswith(f"{self.root}/")  # noqa: PTH100

    def _wrapped(self, name: str, real: Callable[..., Any], places: tuple[int, ...]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self.point(name, args[places[-1]], named.get("dir_fd"))
            return real(*args, **named)

        return call

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *args: Any, **named: Any) -> int:
            if flags & _WRITING:
                self.point("open", path, named.get("dir_fd"))
            return real(path, flags, *args, **named)

        return call


class _Watched:
    """A file open for writing whose writes are noticed."""

    def __init__(self, file: Any, notice: Callable[[], None]) -> None:
        self._file, self._notice = file, notice

    def write(self, data: Any) -> Any:
        self._notice()
        return self._file.write(data)

    def __enter__(self) -> _Watched:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Any:
        return iter(self._file)
