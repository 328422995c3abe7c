"""How files of our own are written: whole or not at all, and what the disk refuses is said in one sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.errors import OutputError
from pipeline.marks import OURS
from pipeline.text_safety import printable

#: What to do about an error of the operating system, by its number.
MENDS: Mapping[int, str] = {
    errno.ENOSPC: "Make room on the disk, then run again.",
    errno.EDQUOT: "Make room in your quota, then run again.",
    errno.EIO: "Check the disk, then run again.",
    errno.EMFILE: "Allow more open files (ulimit -n), then run again.",
    errno.ENFILE: "Allow more open files on this machine, then run again.",
}
#: What a file system says that has no hard links, or no more of them for this file.
_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS})
_MEND = "Choose another folder or give yourself the right to write there."


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the operating system into an OutputError: one sentence and what to do."""
    try:
        yield
    except OSError as error:
        file = f" ({printable(str(error.filename))})" if error.filename and error.filename != str(folder) else ""
        raise OutputError(
            f"The output folder {printable(str(folder))} cannot be written: {error.strerror or error}{file}.",
            mend=MENDS.get(error.errno or 0, _MEND),
        ) from error


def write_text(text: str, path: Path) -> None:
    """Write a text file whole or not at all. Raises OutputError."""
    with disk_errors(path.parent):
        _write(text, path, path.with_name(path.name + ".tmp"), synced=False)


def write_synced(path: Path, text: str) -> None:
    """Write a text file whole or not at all, on the disk for good once its folder is synced. Raises OSError."""
    _write(text, path, path.with_name(OURS + path.name), synced=True)


def _write(text: str, path: Path, temporary: Path, *, synced: bool) -> None:
    with open(temporary, "w", encoding="utf-8", opener=_no_link) as handle:
        handle.write(text)
        if synced:
            handle.flush()
            os.fsync(handle.fileno())
    temporary.replace(path)


def _no_link(path: str, flags: int) -> int:
    """Open a file, but not through a link that lies in its place."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk. Raises OSError; it is never tried again (fsync(2): EIO)."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def link_or_copy(source: Path, target: Path) -> None:
    """Make the file known by another name too; copy it where there are no hard links. Raises OSError."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)
        sync(target)
