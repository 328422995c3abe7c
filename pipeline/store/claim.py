"""Whose an output folder is: ours when it carries our marker, else only when it is new, empty or proves itself.

Version 0.1 wrote no marks; a folder of its own is told by a manifest in it and marked by the next run.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import BusyError, OutputError
from pipeline.store.files import CONTENTS, disk_errors, write_synced
from pipeline.store.layout import (
    FINISHED,
    LATEST,
    LOCK,
    ONCE_LIVE,
    PACKS,
    PUBLISHED,
    RUN,
    SNAPSHOTS,
    STATE,
    check_path,
    numbered,
    pointed,
    readable,
)
from pipeline.store.marks import (
    MARK,
    OURS,
    has_mark,
    is_file,
    make_marked,
    read_sealed,
    refuse_links,
    sealed,
    sweep,
    write_mark,
)
from pipeline.text.safety import printable

#: The format of the output folder: one higher when what an older Winnow wrote there, or would do there, is wrong.
FORMAT = 1
#: What Winnow never makes a link.
_NEVER_LINKS = (LOCK, LATEST, SNAPSHOTS, STATE, RUN, PACKS, FINISHED)


def examine(out: Path) -> str | None:
    """None for an output folder with our marker; else what to say when it is marked, "" for a new or empty folder.

    Raises OutputError for a folder that is not ours or of a newer format; whichever, nothing in it is touched.
    """
    check_path(out)
    refuse_links(out / MARK, *(out / name for name in _NEVER_LINKS))
    damage = check_marker(out)
    if damage is None:
        return None
    mine = {LOCK, *([MARK] if is_file(out / MARK) else [])}
    if all(name in mine or name.startswith(OURS) for name in os.listdir(out)):  # noqa: PTH208 - names are enough
        return ""
    if not _proves_itself(out):
        raise OutputError(
            f"The output folder {printable(str(out))} is not empty, and nothing shows that it is Winnow's: {damage}.",
            mend="Choose a new or an empty folder.",
        )
    return f"Marked {printable(str(out))} as Winnow's own, as its snapshots show: {damage}."


def check_marker(out: Path) -> str | None:
    """What is wrong with the marker of an output folder, None when nothing is.

    Raises OutputError when a newer Winnow wrote it.
    """
    try:
        about = read_sealed(out / MARK)
        newer = about["winnow"] == "output" and int(about["format"]) > FORMAT
    except FileNotFoundError:
        return f"there is no {MARK} in it"
    except (OSError, ValueError, KeyError, TypeError):
        return f"its {MARK} is damaged"
    if newer:
        raise OutputError(
            f"{printable(str(out / MARK))} says format {about['format']}; this Winnow knows formats up to {FORMAT}.",
            mend="Use a newer Winnow, or another output folder.",
        )
    return None


def adopt(out: Path) -> None:
    """Mark an output folder as ours, and what in it was published before there were marks. Raises OSError."""
    latest = pointed(out)
    for folder in numbered(out):
        published = not latest or int(folder.name) <= int(latest) or is_file(folder / ONCE_LIVE)
        if published and not has_mark(folder) and readable(folder):
            write_mark(folder, "snapshot")
            set_flag(folder / PUBLISHED)
    write_synced(out / MARK, sealed({"winnow": "output", "format": FORMAT}) + "\n")


def claim_state(state: Path) -> None:
    """Make the folder of what is kept for later runs, or see that it is ours, and clear what was begun in it.

    Raises OutputError when it is not, OSError.
    """
    if not os.path.lexists(state):
        make_marked(state, "state")
    results = [one for root in (state / "packs", state / "finished") if root.is_dir() for one in root.iterdir()]
    for folder in results:
        if is_file(folder / CONTENTS) and not has_mark(folder):
            write_mark(folder, "results")  # its own mark was lost, its note was not
    if not has_mark(state):
        if any(state.iterdir()) and not any(map(has_mark, (*results, state / "run"))):
            raise OutputError(
                f"{printable(str(state))} is not Winnow's own: nothing in it carries its mark.",
                mend="Move it away, or delete it if it is Winnow's: it is made anew.",
            )
        write_mark(state, "state")
    for root in (state.parent, state, state / "packs", state / "finished"):
        sweep(root)


def set_flag(file: Path) -> None:
    """Make an empty file that says something by being there. Raises OSError."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644))


def make_folder(out: Path, like: Path | None) -> None:
    """Make an output folder no more open than the raw folder ``like`` and the files in it. Raises OSError."""
    if out.is_dir():
        return
    out.mkdir(parents=True, exist_ok=True)
    if like is not None:
        out.chmod(stat.S_IMODE(out.stat().st_mode) & (openness(like) | 0o7000))


def openness(folder: Path) -> int:
    """The permissions that a folder and all in it grant, as those of a folder; its owner has all.

    Reading a file grants what reading and searching a folder does.
    """
    mode = 0o777
    for granted in _granted(folder):
        mode &= granted | 0o700
        if mode == 0o700:
            break
    return mode


def _granted(folder: Path) -> Iterator[int]:
    mode = folder.stat().st_mode
    yield mode
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):  # it is gone
                mode = (Path(root) / name).lstat().st_mode
            if stat.S_ISDIR(mode):
                yield mode
            elif stat.S_ISREG(mode):
                yield mode & 0o666 | (mode & 0o444) >> 2


def _proves_itself(out: Path) -> bool:
    """Whether there is a snapshot or a state that only a run can have left."""
    if any(readable(folder) for folder in numbered(out)):
        return True
    try:
        return bool(read_sealed(out / STATE / MARK)["winnow"] == "state")
    except (OSError, ValueError, KeyError):
        return False


# One run at a time on an output folder: flock on a file that is never deleted.
#
# The kernel releases the lock when the process ends, however it ends, so that no stale lock can exist.


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
        raise BusyError(
            f"Another run is writing to {printable(str(out))}.",
            mend="Wait for it to end, or choose another output folder.",
        ) from None
