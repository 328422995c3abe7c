"""One run at a time on an output folder: flock on a file that is never deleted.

The kernel releases the lock when the process ends, however it ends, so that no stale lock can exist.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import OutputError
from pipeline.read.outcome import printable


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the lock of an output folder, which is created when missing.

    Raises OutputError when the folder cannot be written or another run holds the lock.
    """
    name = printable(str(out))
    try:
        out.mkdir(parents=True, exist_ok=True)
        fd = os.open(out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OutputError(
            f"The output folder {name} cannot be written: {error.strerror}.",
            mend="Choose another folder or give yourself the right to write there.",
        ) from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"Another run is writing to {name}.", mend="Wait for it to end, or choose another output folder."
            ) from None
        yield
    finally:
        os.close(fd)
