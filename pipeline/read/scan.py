"""List the raw tree: every file in path order, hashed, or the reason why not. What is passed over is in the tables."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from pipeline.errors import RawFolderError, Reason, Rejection
from pipeline.read.outcome import DEFAULT_LIMITS, ReadFailure, Skipped, reject
from pipeline.read.rawfile import CHUNK, RawFolder, Stamp, changed_failure, not_regular, stamp_of, unreadable
from pipeline.text_safety import printable
from pipeline.types import RawInput

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
                yield Skipped(path, None, reason)
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
        return Skipped(path, None, "symbolic link")
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
