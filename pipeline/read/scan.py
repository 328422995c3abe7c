"""List the raw tree: every file in path order, hashed, or the reason why not. What is passed over is in the tables."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self, TypeAlias

from pipeline.errors import RawFolderError, Reason, Rejection, Skipped
from pipeline.read.limits import DEFAULT_LIMITS, MIB, ReadFailure, reject, skip
from pipeline.text.safety import printable
from pipeline.types import RawInput

# Open a file of the raw tree: regular files only, no links followed, changes under our hands noticed.
#
# Paths in datasets are Unicode, file names are bytes. ``portable_path`` writes a byte that is not UTF-8 as ``\xNN`` and
# a backslash as ``\x5c``; every other name stays as it is, and ``native_path`` turns the result back.

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


ScannedFile: TypeAlias = RawInput | Rejection | Skipped

# names that are never documents, with the reason; two leading dots come from crawlers that escape "../"
PASSED_OVER: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("hidden", re.compile(r"\.(?!\.).*", re.DOTALL)),
    ("temporary", re.compile(r".*(?:~|\.tmp|\.temp|\.part|\.partial|\.crdownload|\.swp)", re.DOTALL | re.IGNORECASE)),
    (
        "temporary",
        re.compile(
            r"~\$.*|(?:eh)?thumbs\.db|desktop\.ini|icon\r|__macosx|lost\+found|@eadir|#recycle|\$recycle\.bin|"
            r"system volume information",
            re.DOTALL | re.IGNORECASE,
        ),
    ),
)

#: Bytes of a folder's path; the system's own calls take 4,096 at a time. It bounds what a tree can cost in memory.
_LONGEST_PATH = 32_768
_NOTHING_KNOWN: Final[Mapping[str, RawInput]] = MappingProxyType({})
_NOTHING_COPIED: Final[Mapping[str, Path]] = MappingProxyType({})
_MEND = "Put the raw files there, or name another folder."


def scan(
    raw: Path,
    known: Mapping[str, RawInput] = _NOTHING_KNOWN,
    *,
    copies: Mapping[str, Path] = _NOTHING_COPIED,
    max_file_bytes: int = DEFAULT_LIMITS.max_file_bytes,
) -> Iterator[ScannedFile]:
    """Yield each file under ``raw``, sorted by the UTF-8 bytes of its path, links not followed.

    A file that is in ``known`` with the same size, times and inode keeps its hash unread. A hidden or temporary folder is
    one Skipped, its path ending in "/". A file over ``max_file_bytes`` is rejected unread. One that is in ``copies``,
    and not as it is known, is copied to the place named there, and what is told of it is true of the copy.
    Raises RawFolderError when the folder is missing, no folder, unreadable or without any file.
    """
    shown = printable(str(raw))
    if not raw.exists():
        raise RawFolderError(f"The raw folder {shown} does not exist.", mend=_MEND)
    if not raw.is_dir():
        raise RawFolderError(f"The raw folder {shown} is a file, not a folder.", mend=_MEND)
    folder = RawFolder(raw)
    try:
        names = _listing(folder, "")
    except OSError as error:
        cause = error.strerror or "unknown error"
        raise RawFolderError(
            f"The raw folder {shown} cannot be listed: {cause}.", mend="Check its permissions."
        ) from None

    def scanned(path: str) -> ScannedFile:
        return _scanned(folder, path, known.get(path), copies.get(path), max_file_bytes)

    return _walk(folder, names, shown, scanned)


def hash_file(folder: RawFolder, relative: str) -> RawInput | Rejection:
    """Return a file's size, times and SHA-256, all of the same moment, or the Rejection if it cannot be had."""
    try:
        with folder.open(relative) as file:
            digest = hashlib.sha256()
            try:
                while data := file.read():
                    digest.update(data)
            except OSError as error:
                raise unreadable(error) from None
            if file.changed():
                raise changed_failure()
            return scanned_input(relative, file.stamp, digest.hexdigest())
    except ReadFailure as failure:
        return reject(relative, None, failure.reason, failure.message, stage="scan")


def scanned_input(path: str, stamp: Stamp, sha256: str) -> RawInput:
    """Return a file as the scan saw it."""
    size, mtime_ns, ctime_ns, inode = stamp
    return RawInput(path, size, mtime_ns, sha256, ctime_ns, inode)


def stamp_in(scanned: RawInput) -> Stamp:
    """Return what a file was like when it was scanned."""
    return scanned.size, scanned.mtime_ns, scanned.ctime_ns, scanned.inode


def copy_file(folder: RawFolder, relative: str, copy: Path, max_bytes: int) -> RawInput | Rejection:
    """Copy the bytes that a file has now, and no more however it grows, and return size, times and hash of those.

    A Rejection if no copy can be had.
    """
    try:
        with folder.open(relative) as file:
            digest, n_copied = hashlib.sha256(), 0
            size = min(file.size, max_bytes)
            with copy.open("xb") as target:
                while n_copied < size and (data := file.read(min(CHUNK, size - n_copied))):
                    digest.update(data)
                    target.write(data)
                    n_copied += len(data)
            return scanned_input(relative, (n_copied, *file.stamp[1:]), digest.hexdigest())
    except OSError as error:
        message = f"It changes in every run, and no copy of it could be made: {error.strerror}."
        return reject(relative, None, Reason.FILE_CHANGED, message, stage="scan")
    except ReadFailure as failure:
        return reject(relative, None, failure.reason, failure.message, stage="scan")


def _walk(
    folder: RawFolder, names: list[bytes], shown: str, scanned: Callable[[str], ScannedFile]
) -> Iterator[ScannedFile]:
    """Yield the tree depth first, with a stack of names: memory is that of the folders on the way down."""
    stack = names
    n_found = 0
    with folder:
        while stack:
            path = stack.pop().decode("utf-8")
            is_folder = path.endswith("/")
            reason = passed_over(path.rstrip("/").rpartition("/")[2])
            if reason:
                n_found += 1
                yield skip(path, None, reason, stage="scan")
            elif is_folder:
                try:
                    stack += _listing(folder, path)
                except ReadFailure as failure:
                    n_found += 1
                    yield reject(path, None, failure.reason, failure.message, stage="scan")
                except OSError as error:
                    n_found += 1
                    yield _unlisted(path, error)
            else:
                n_found += 1
                yield scanned(path)
    if not n_found:
        raise RawFolderError(f"The raw folder {shown} holds no files.", mend=_MEND)


def passed_over(name: str) -> str | None:
    """Return why a file or folder of this name is passed over, or None."""
    return next((reason for reason, pattern in PASSED_OVER if pattern.fullmatch(name)), None)


def _listing(raw: RawFolder, folder: str) -> list[bytes]:
    """Return the portable paths in a folder, last first. A folder's ends in "/": so they sort as whole paths do.

    Raises ReadFailure TOO_DEEP, OSError.
    """
    if len(folder.encode()) > _LONGEST_PATH:
        what = f"The path of the folder has more than {_LONGEST_PATH:,} bytes, and what is in it is not read."
        raise ReadFailure(Reason.TOO_DEEP, f"{what} Move it up.")
    return sorted((f"{folder}{name}".encode() for name in raw.names(folder)), reverse=True)


def _unlisted(path: str, error: OSError) -> Rejection:
    """Return what a folder comes to that cannot be listed."""
    failure = unreadable(error)
    if failure.reason is Reason.UNREADABLE:
        cause = error.strerror or "unknown error"
        message = f"The folder cannot be listed: {cause}. Check its permissions."
    else:
        message = "The folder was moved, or swapped for something else, while the raw folder was listed."
    return reject(path, None, failure.reason, message, stage="scan")


def _scanned(
    folder: RawFolder, path: str, before: RawInput | None, copy: Path | None, max_file_bytes: int
) -> ScannedFile:
    """Return what is known of a file, hashing (or copying) it only when that is news."""
    try:
        seen = folder.status(path)
    except OSError as error:
        failure = unreadable(error)
        return reject(path, None, failure.reason, failure.message, stage="scan")
    if stat.S_ISLNK(seen.st_mode):  # what it points to is read where it lies, if that is in the raw folder
        return skip(path, None, "symbolic link", stage="scan")
    if not stat.S_ISREG(seen.st_mode):
        return reject(path, None, Reason.NOT_A_REGULAR_FILE, not_regular(seen.st_mode), stage="scan")
    if seen.st_size > max_file_bytes:
        what = f"It has {seen.st_size:,} bytes; at most {max_file_bytes:,} are read."
        return reject(
            path, None, Reason.TOO_LARGE, f"{what} Split it, or raise the limit in the settings.", stage="scan"
        )
    if before and stamp_in(before) == stamp_of(seen):
        return before
    return copy_file(folder, path, copy, max_file_bytes) if copy else hash_file(folder, path)
