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
from pipeline.text_safety import printable


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the lock of an output folder, which is created when missing.

    Raises OutputError when the folder cannot be written or another run holds the lock, and for any error of the
    operating system while it is held.
    """
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        fd = os.open(out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _take(fd, out)
            _may_write(out)
            yield
        finally:
            os.close(fd)


def _may_write(out: Path) -> None:
    """Find out before the work, not after it."""
    for folder in (out, out / "snapshots", out / ".state"):
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
