"""The Parquet files that stages leave in a folder of results, named NAME.TABLE.parquet, and how files are written.

What is written here is whole or not there, and what is kept for a later run proves itself: a folder of results has a
note with the size and checksum of each of its files, a table that is kept alone a note beside it. So what lost a file
to whatever cause, or a bit of one, is made again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import OutputError, WinnowError
from pipeline.store.marks import MARK, OURS, checksum, read_sealed, sealed, unsealed
from pipeline.text.safety import printable
from pipeline.types import Place

# How files of our own are written: whole or not at all, and what the disk refuses is said in one sentence.

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


# How Arrow is loaded.


def without_pandas() -> None:
    """Have Arrow do without pandas in this process, unless it is there: it would load it at the first list it is given.

    Loading pandas takes as long as cleaning a hundred pages. Whoever asks a table for a data frame still gets one.
    """
    with without("pandas"):
        pa.array([])


@contextlib.contextmanager
def without(*packages: str) -> Iterator[None]:
    """Have these packages seem not to be installed, unless they are loaded: libraries would load them for others."""
    finder = _Without(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@dataclass(frozen=True, slots=True)
class _Without(MetaPathFinder):
    packages: tuple[str, ...]

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname in self.packages:
            raise ModuleNotFoundError(f"Nobody here works with {fullname}.", name=fullname)


CONTENTS = "contents.json"
SUFFIX = ".parquet"
_CHUNK = re.compile(r"([0-9]{7,})-([0-9]+)\.")
#: What stages and runs put into folders of results and into those that they work in, by its place there.
RESULTS = re.compile(
    r"(?:.+/)?(?:[^/]+\.(?:parquet|json|arrow|tmp)|journal-\d+|error\.txt|duckdb_temp[^/]*|\.winnow)|probe/.+"
)


class DamagedError(WinnowError):
    """A file that was kept for later runs is not as it was written."""


def chunk_name(first: Place) -> str:
    """The NAME of a chunk: the place of its first record, so that the order of names is that of the shard."""
    return f"{first[0]:07d}-{first[1]:09d}"


def chunk_place(file: Path) -> Place | None:
    """The place of a chunk's first record by the name of a file of it; None for another file."""
    found = _CHUNK.match(file.name)
    return None if found is None else (int(found[1]), int(found[2]))


def chunk_names(folder: Path, table: str) -> list[Path]:
    """The files of a table in a folder of results, in the order of the shard."""
    return sorted(folder.glob(f"*.{table}{SUFFIX}"))


def chunk_file(name: str, table: str) -> str:
    """The name of the file that holds a table of a chunk."""
    return f"{name}.{table}{SUFFIX}"


def name_of(file: Path) -> str:
    """The NAME of the chunk that a file holds a table of."""
    return file.name.removesuffix(SUFFIX).rpartition(".")[0]


def beside(file: Path, table: str) -> Path:
    """The file of another table of the same chunk.

    >>> beside(Path("0000001-000000000.records.parquet"), "blocks").name
    '0000001-000000000.blocks.parquet'
    """
    return file.with_name(chunk_file(name_of(file), table))


def block_bounds(records: pa.Table) -> NDArray[np.int64]:
    """Where the blocks of each record of a chunk begin among its blocks, and at last their number; by ``n_blocks``."""
    bounds: NDArray[np.int64] = np.concatenate([[0], np.cumsum(records["n_blocks"].to_numpy(), dtype=np.int64)])
    return bounds


def read_columns(files: Sequence[Path], columns: Sequence[str]) -> pa.Table:
    """Some columns of files that share a schema, one after the other; no rows of no files."""
    tables = [pq.read_table(file, columns=list(columns)) for file in files]
    return pa.concat_tables(tables) if tables else pa.table({name: pa.array([], pa.string()) for name in columns})


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file whole or not at all. Raises OutputError when the disk refuses."""
    temporary = path.with_name(path.name + ".tmp")
    with disk_errors(path.parent):
        pq.write_table(table, temporary, compression="zstd", compression_level=1)
        temporary.replace(path)


def note_contents(folder: Path) -> None:
    """Note the files of a folder of results, once they are on the disk. Raises OutputError."""
    with disk_errors(folder):
        files = sorted(file for file in folder.iterdir() if file.name != MARK)
        for file in files:
            sync(file)
        noted = {file.name: [file.stat().st_size, checksum(file)] for file in files}
        write_text(sealed({"files": noted}), folder / CONTENTS)


def complete(folder: Path) -> bool:
    """True when every file that was noted is there in its size."""
    try:
        return all((folder / name).stat().st_size == size for name, (size, _) in _noted(folder).items())
    except (OSError, ValueError):
        return False


def proven(folder: Path) -> bool:
    """True when every file that was noted is there as it was written; all of them are read."""
    return (folder / CONTENTS).is_file() and next(damaged_files(folder), None) is None


def damaged_files(folder: Path) -> Iterator[Path]:
    """The files of a folder of results that are not as they were noted; the note itself when it is damaged."""
    try:
        noted = _noted(folder)
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        yield folder / CONTENTS
        return
    for name, (size, value) in noted.items():
        file = folder / name
        try:
            if file.stat().st_size == size and checksum(file) == value:
                continue
        except OSError:
            pass
        yield file


def _noted(folder: Path) -> dict[str, list[int]]:
    noted: dict[str, list[int]] = read_sealed(folder / CONTENTS).get("files", {})
    if not noted:
        raise ValueError("it names no file")
    return noted


def keep_table(table: pa.Table, file: Path, about: Mapping[str, Any]) -> None:
    """Keep a table for later runs in one file that proves itself: a sealed line, then the table. Raises OutputError."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    data = sink.getvalue()
    temporary = file.with_name(file.name + ".tmp")
    with disk_errors(file.parent):
        with temporary.open("wb") as handle:
            handle.write(sealed({"about": about, "checksum": zlib.crc32(data)}).encode() + b"\n")
            handle.write(data)
        temporary.replace(file)


def kept_table(file: Path) -> tuple[pa.Table, dict[str, Any]] | None:
    """A table that was kept and what is said about it; None when there is none. Raises DamagedError."""
    try:
        note, _, data = file.read_bytes().partition(b"\n")
        said = unsealed(note)
        if zlib.crc32(data) != said["checksum"]:
            raise ValueError
        return pa.ipc.open_stream(data).read_all(), said["about"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, pa.ArrowException):
        raise DamagedError(
            f"{printable(str(file))} is not as it was written.", mend="The next run that has work to do makes it anew."
        ) from None
