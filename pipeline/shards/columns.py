"""Intermediate schemas, and building Arrow tables as plain lists: far cheaper than a dictionary a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

#: What dedup compares: a row a document, and a row a story of a digest.
SIGNATURES = pa.schema(
    [
        ("id", pa.string()),  # doc_id, or section_id of a digest's story
        ("doc_id", pa.string()),
        ("text_sha256", pa.string()),
        ("minhash", pa.binary()),
        ("shingles", pa.binary()),
        ("n_shingles", pa.int64()),
        ("n_tokens", pa.int64()),
        ("day", pa.int32()),  # of published_at or of the event, days since 1970-01-01; -1 when unknown
    ]
)


def new_columns(schema: pa.Schema) -> dict[str, list[Any]]:
    """An empty list for each column of a schema."""
    return {name: [] for name in schema.names}


def add_row(columns: dict[str, list[Any]], row: Mapping[str, Any]) -> None:
    """Append one row; it must have every column."""
    for name, values in columns.items():
        values.append(row[name])
