r"""Open a file of the raw tree: regular files only, no links followed, changes under our hands noticed.

Paths in datasets are Unicode, file names are bytes. ``portable_path`` writes a byte that is not UTF-8 as ``\xNN`` and
a backslash as ``\x5c``; every other name stays as it is, and ``native_path`` turns the result back.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from pipeline.errors import Reason
from pipeline.read.outcome import MIB, ReadFailure

CHUNK = MIB  # bytes a read
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # O_NONBLOCK: a FIFO must not hang us
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_CLOSED = -1
_MOST_OPEN = 64  # descriptors of folders on the way; a process has 1,024 by default
#: Size, modification and status change time, inode: a file that has all of them still was not written to. The device
#: is not among them: its number may be another after each mount.
Stamp: TypeAlias = tuple[int, int, int, int]


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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)

    @property
    def stamp(self) -> Stamp:
        """What the file was like when it was opened."""
        return stamp_of(self._before)

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to ``size`` bytes; none at the end. Raises OSError."""
        return os.read(self._descriptor, size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Continue reading at ``offset`` (from the start, or as ``whence`` says); return the place."""
        return os.lseek(self._descriptor, offset, whence)

    def changed(self) -> bool:
        """Whether the file's size, times or identity differ from when it was opened."""
        return stamp_of(os.fstat(self._descriptor)) != stamp_of(self._before)

    def still_holds(self, sha256: str) -> bool:
        """Whether the bytes are those of a hash after all, and not only touched; then that is how it was opened.

        The place where reading goes on stays. Raises OSError.
        """
        before = os.fstat(self._descriptor)
        digest, at = hashlib.sha256(), 0
        while at < before.st_size and (data := os.pread(self._descriptor, CHUNK, at)):
            digest.update(data)
            at += len(data)
        if digest.hexdigest() != sha256 or stamp_of(os.fstat(self._descriptor)) != stamp_of(before):
            return False
        self._before = before
        return True


class RawFolder:
    """The raw folder, opened once: what is in it is reached from its descriptor, part by part, and no link followed.

    So a folder that is swapped for a link, whenever that is, leads nowhere, and a path may be longer than the system's
    calls take. The folder itself may be a link: it is the operator's. Owns descriptors: its own, and those of the
    folders on the way to what was asked for last. Paths are portable ones.
    """

    def __init__(self, raw: Path) -> None:
        """Nothing is opened yet: whatever first asks for something in it is told when it cannot be had."""
        self._raw = raw
        self._root = _CLOSED
        self._folder: str | None = None
        self._names: list[str] = []  # of the folders on the way to that one
        self._descriptors: list[int] = []  # of the same; only the last few are open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(0)
        if self._root != _CLOSED:
            os.close(self._root)
            self._root = _CLOSED

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder ("", "a/b/"), in no order, that of a folder ending in "/". Raises OSError."""
        with os.scandir(self._enter(folder.rstrip("/"))) as entries:
            return [portable_path(e.name) + ("/" if e.is_dir(follow_symlinks=False) else "") for e in entries]

    def status(self, relative: str) -> os.stat_result:
        """Return what the system says of a file, or of a link itself. Raises OSError."""
        folder, _, name = relative.rpartition("/")
        return os.stat(_part(native_path(name)), dir_fd=self._enter(folder), follow_symlinks=False)

    def open(self, relative: str) -> RawFile:
        """Open a regular file.

        Raises ReadFailure (NOT_A_REGULAR_FILE, FILE_CHANGED, UNREADABLE) with a sentence that says why.
        """
        try:
            seen = self.status(relative)
            if not stat.S_ISREG(seen.st_mode):
                raise ReadFailure(Reason.NOT_A_REGULAR_FILE, not_regular(seen.st_mode))
            folder, _, name = relative.rpartition("/")
            descriptor = os.open(native_path(name), _FLAGS, dir_fd=self._enter(folder))
        except OSError as error:
            raise unreadable(error) from None
        before = os.fstat(descriptor)
        if (before.st_dev, before.st_ino) != (seen.st_dev, seen.st_ino) or not stat.S_ISREG(before.st_mode):
            os.close(descriptor)
            raise changed_failure()
        return RawFile(descriptor, before)

    def _enter(self, folder: str) -> int:
        """Return the descriptor of a folder ("" or "a/b"), reached from what is open. Raises OSError."""
        if folder == self._folder:
            return self._descriptors[-1] if self._descriptors else self._root
        if self._root == _CLOSED:
            self._root = os.open(self._raw, _FOLDER)
        parts = native_path(folder).split("/") if folder else []
        n_common = 0
        for part, name in zip(parts, self._names, strict=False):
            if part != name:
                break
            n_common += 1
        self._leave(n_common)
        while n_common and self._descriptors[n_common - 1] == _CLOSED:
            n_common -= 1
        descriptor = self._descriptors[n_common - 1] if n_common else self._root
        for depth, part in enumerate(parts[n_common:], n_common):
            descriptor = os.open(_part(part), _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            if depth == len(self._descriptors):
                self._names.append(part)
                self._descriptors.append(descriptor)
            self._descriptors[depth] = descriptor
            self._close(depth - _MOST_OPEN)
        self._folder = folder
        return descriptor

    def _leave(self, depth: int) -> None:
        """Forget the folders on the way below a depth."""
        for number in range(depth, len(self._descriptors)):
            self._close(number)
        del self._names[depth:], self._descriptors[depth:]
        self._folder = None

    def _close(self, depth: int) -> None:
        if depth >= 0 and self._descriptors[depth] != _CLOSED:
            os.close(self._descriptors[depth])
            self._descriptors[depth] = _CLOSED


def _part(name: str) -> str:
    """Return a name that is one part of a path. Raises FileNotFoundError: no listing has such a one."""
    if name in ("", ".", "..") or "/" in name:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return name


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
    if error.errno in (errno.ENOTDIR, errno.ELOOP):  # a folder is never reached through a link
        return ReadFailure(Reason.FILE_CHANGED, "A folder on the way to it was swapped for something else meanwhile.")
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


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what tells a file from another version of it without reading it."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
