"""The Parquet files that stages leave in a folder of results, named NAME.TABLE.parquet, and how files are written.

What is written here is whole or not there; a folder of results is *complete* while the files in it are those that
were noted when it was done, so that one that lost a file to whatever cause is made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.disk import disk_errors, sync, write_text
from pipeline.journal import Place

CONTENTS = "contents.json"
_CHUNK = re.compile(r"([0-9]{7,})-([0-9]+)\.")


def chunk_name(first: Place) -> str:
    """The NAME of a chunk: the place of its first record, so that the order of names is that of the shard."""
    return f"{first[0]:07d}-{first[1]:09d}"


def chunk_place(file: Path) -> Place | None:
    """The place of a chunk's first record by the name of a file of it; None for another file."""
    found = _CHUNK.match(file.name)
    return None if found is None else (int(found[1]), int(found[2]))


def chunk_names(folder: Path, table: str) -> list[Path]:
    """The files of a table in a folder of results, in the order of the shard."""
    return sorted(folder.glob(f"*.{table}.parquet"))


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
        files = sorted(folder.iterdir())
        for file in files:
            sync(file)
        write_text(json.dumps({file.name: file.stat().st_size for file in files}), folder / CONTENTS)


def complete(folder: Path) -> bool:
    """True when every file that was noted is there in its size."""
    try:
        noted = json.loads((folder / CONTENTS).read_text("utf-8"))
        return all((folder / name).stat().st_size == size for name, size in noted.items())
    except (OSError, ValueError, AttributeError):
        return False
