"""One run at a time on an output folder: flock on a file that is never deleted.

The kernel releases the lock when the process ends, however it ends, so that no stale lock can exist.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.disk import disk_errors
from pipeline.errors import OutputError
from pipeline.store.claim import adopt, examine, make_folder
from pipeline.store.layout import LOCK, SNAPSHOTS, STATE, check_path
from pipeline.text_safety import printable


@contextlib.contextmanager
def locked(out: Path, *, like: Path | None = None) -> Iterator[list[str]]:
    """Hold the lock of an output folder of ours, which is created when missing; yields what people should be told.

    A new folder is no more open than the folder ``like`` and what is in it. Raises OutputError when the folder cannot
    be written, is not ours or another run holds the lock, and for any error of the operating system while it is held.
    """
    check_path(out)
    with disk_errors(out):
        make_folder(out, like)
        examine(out)
        fd = os.open(out / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            _take(fd, out)
            _may_write(out)
            said = examine(out)
            if said is not None:
                adopt(out)
            yield [said] if said else []
        finally:
            os.close(fd)


def _may_write(out: Path) -> None:
    """Find out before the work, not after it."""
    for folder in (out, out / SNAPSHOTS, out / STATE):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _take(fd: int, out: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"Another run is writing to {printable(str(out))}.",
            mend="Wait for it to end, or choose another output folder.",
        ) from None
