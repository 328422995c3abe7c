"""The Parquet files that stages leave in a folder of results, named NAME.TABLE.parquet."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def chunk_names(folder: Path, table: str) -> list[Path]:
    """The files of a table in a folder of results, in the order of the shard."""
    return sorted(folder.glob(f"*.{table}.parquet"))


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    pq.write_table(table, temporary, compression="zstd", compression_level=1)
    temporary.replace(path)
