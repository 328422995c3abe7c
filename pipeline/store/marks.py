"""What is ours carries our mark, and nothing else is ever deleted, moved or overwritten.

A folder of ours is made under a name of ours (``.winnow-NAME``), gets its mark, and only then its name; it is unmade
the other way round, and only the files in it whose names we give go. So whatever somebody else put into it stays, and
a process killed anywhere in between leaves nothing that cannot be told. Links are never followed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.errors import OutputError
from pipeline.text.safety import printable

# What we keep proves itself: JSON with a hash of its own value inside, and checksums of files.
#
# A hash tells damage (a flipped bit, a torn or swapped file); it is no defence against somebody who may write here.

#: The key of a sealed value that holds the hash of all the others.
SEAL = "sha256"
_PIECE = 1 << 20  # bytes read at a time


def sealed(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    """A JSON object with the hash of its value inside.

    >>> unsealed(sealed({"n": 1}))
    {'n': 1}
    """
    return json.dumps({**value, SEAL: _digest(value)}, indent=indent)


def unsealed(text: str | bytes) -> dict[str, Any]:
    """The value of a sealed JSON object. Raises ValueError for anything that is not one as it was written."""
    try:
        value = json.loads(text)
        said = value.pop(SEAL)
        proven = said == _digest(value)
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it carries no hash ({type(error).__name__})") from None
    if not proven:
        raise ValueError("it is not as it was written")
    found: dict[str, Any] = value
    return found


def read_sealed(file: Path) -> dict[str, Any]:
    """The value that a file holds sealed. Raises OSError, and ValueError when it is damaged."""
    return unsealed(file.read_bytes())


def file_sha256(file: Path) -> str:
    """SHA-256 of a file, hex. Raises OSError."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def checksum(file: Path) -> int:
    """CRC-32 of a file: for what is only ours, three times as fast as SHA-256 without its instructions. Raises OSError."""
    value = 0
    with file.open("rb", buffering=0) as handle:
        while piece := handle.read(_PIECE):
            value = zlib.crc32(piece, value)
    return value


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


#: The file that marks a folder as ours; in the output folder itself it says the version of the format too.
MARK = ".winnow"
#: How names begin that are ours wherever they are: folders being made or unmade, files not written to their end.
OURS = ".winnow-"


def has_mark(folder: Path) -> bool:
    """True for a real folder that carries our mark."""
    return is_folder(folder) and is_file(folder / MARK)


def is_folder(path: Path) -> bool:
    """True for a folder that is no link to one."""
    return _is(path, stat.S_ISDIR)


def is_file(path: Path) -> bool:
    """True for a regular file that is no link to one."""
    return _is(path, stat.S_ISREG)


def make_marked(folder: Path, what: str) -> None:
    """Make a folder that carries our mark from the moment that it is there. Raises OSError."""
    new = folder.with_name(OURS + folder.name)
    new.mkdir(parents=True, exist_ok=True)
    write_mark(new, what)
    new.rename(folder)


def write_mark(folder: Path, what: str) -> None:
    """Mark a folder as ours. Raises OSError."""
    with contextlib.suppress(FileExistsError), (folder / MARK).open("x", encoding="utf-8") as handle:
        handle.write(sealed({"winnow": what}) + "\n")


def remove_ours(folder: Path, files: re.Pattern[str]) -> None:
    """Delete a folder of ours: what in it has a name (relative to it, with /) that ``files`` matches, the mark last.

    Whatever else lies in it stays where it is, in a folder that is ours no longer. Raises OSError.
    """
    for root, _, names in os.walk(folder, topdown=False):
        inside = Path(root)
        for name in names:
            file = inside / name
            if file != folder / MARK and files.fullmatch(file.relative_to(folder).as_posix()) and is_file(file):
                file.unlink()
        if inside != folder:
            _remove_empty(inside)
    if {one.name for one in folder.iterdir()} <= {MARK}:
        doomed = folder.with_name(OURS + folder.name)
        folder.rename(doomed)
        _unmake(doomed)
    else:
        (folder / MARK).unlink(missing_ok=True)


def sweep(root: Path) -> None:
    """Delete what processes of ours that were killed were making or unmaking in a folder. Raises OSError."""
    for one in _entries(root):
        if one.name.startswith(OURS):
            if is_folder(one):
                _unmake(one)
            elif is_file(one):
                one.unlink()


def unoccupied(folder: Path) -> Path:
    """This folder, or the first of NAME-2, NAME-3 ... if what is there is not ours."""
    names = (folder if n == 1 else folder.with_name(f"{folder.name}-{n}") for n in count(1))
    return next(one for one in names if has_mark(one) or not os.path.lexists(one))


def refuse_links(*paths: Path) -> None:
    """Raise OutputError for the first of these that is a symbolic link: what is behind it need not be ours."""
    for path in paths:
        if path.is_symlink():
            raise OutputError(
                f"{printable(str(path))} is a symbolic link, which Winnow never makes there.", mend="Take it away."
            )


def _unmake(folder: Path) -> None:
    if is_file(folder / MARK):
        (folder / MARK).unlink()
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    """Delete a folder, unless somebody else's things are in it. Raises OSError."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _entries(root: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(root.iterdir())


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.lstat().st_mode)
    except OSError:
        return False
