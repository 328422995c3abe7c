"""The Parquet files that stages leave in a folder of results, named NAME.TABLE.parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def chunk_names(folder: Path, table: str) -> list[Path]:
    """The files of a table in a folder of results, in the order of the shard."""
    return sorted(folder.glob(f"*.{table}.parquet"))


def read_columns(files: Sequence[Path], columns: Sequence[str]) -> pa.Table:
    """Some columns of files that share a schema, one after the other; no rows of no files."""
    tables = [pq.read_table(file, columns=list(columns)) for file in files]
    return pa.concat_tables(tables) if tables else pa.table({name: pa.array([], pa.string()) for name in columns})


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    pq.write_table(table, temporary, compression="zstd", compression_level=1)
    temporary.replace(path)
