"""Finished rows and the verdicts of dedup to the rows that are published: pure Arrow, no text logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.schema import FIRST_SEEN, VERDICTS, sort_rows

_BATCH = 65_536  # rows about the collection that are in memory at a time


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of a shard's documents and stories beside their rows."""

    duplicates: pa.Table  # VERDICTS on them, and on what they stand for
    first_seen: pa.Table  # FIRST_SEEN of them


def said_of_shard(chunks: Sequence[Path], duplicates: Path, first_seen: Path) -> Said:
    """What files about the whole collection (of VERDICTS and FIRST_SEEN) say of the documents in these chunks.

    No more than a batch of what they say of others is in memory at a time.
    """
    doc_ids = pa.chunked_array(
        [pq.read_table(chunk, columns=["doc_id"], use_threads=False)["doc_id"].combine_chunks() for chunk in chunks],
        pa.string(),
    ).combine_chunks()

    def mine(ids: pa.Array) -> pa.Array:
        return pc.is_in(pc.replace_substring_regex(ids, "-.*", ""), value_set=doc_ids)  # a section's id begins so

    verdicts = _rows_of(duplicates, VERDICTS, lambda rows: pc.or_(mine(rows["id"]), mine(rows["cluster_id"])))
    seen = _rows_of(first_seen, FIRST_SEEN, lambda rows: mine(rows["doc_id"]))
    return Said(verdicts, seen)


def _rows_of(file: Path, schema: pa.Schema, mask: Callable[[pa.RecordBatch], pa.Array]) -> pa.Table:
    with pq.ParquetFile(file) as rows:
        batches = [batch.filter(mask(batch)) for batch in rows.iter_batches(batch_size=_BATCH, use_threads=False)]
    return pa.Table.from_batches([batch.cast(schema) for batch in batches], schema)


def assemble_parts(
    tables: Mapping[str, pa.Table], *, said: Said, started_at: int, dead: pa.Array
) -> dict[str, pa.Table]:
    """The published tables of some documents with all their sections and blocks.

    ``started_at`` is this run's start (microseconds, UTC); ``dead`` are the doc_ids of records whose file is gone
    or has changed. Blocks are kept for documents and duplicates alike: nothing is thrown away.
    """
    documents, sections, blocks = (_without(tables[name], dead) for name in ("documents", "sections", "blocks"))
    duplicates = said.duplicates
    left_out = pc.is_in(documents["doc_id"], value_set=duplicates["id"].combine_chunks())
    kept = documents.filter(pc.invert(left_out))
    kept = _with(kept, "n_duplicates", _counts(kept["doc_id"], duplicates))
    kept = _with(kept, "first_seen_at", _first_seen(kept["doc_id"], said.first_seen, started_at))
    alive = pc.is_in(sections["doc_id"], value_set=kept["doc_id"].combine_chunks())
    sections = sections.filter(alive)
    sections = _with(sections, "duplicate_of", _look_up(sections["section_id"], duplicates, "duplicate_of"))
    parts = {
        "documents": kept,
        "sections": sections,
        "blocks": blocks,
        "duplicates": _duplicate_rows(documents.filter(left_out), duplicates),
    }
    return {name: sort_rows(name, table) for name, table in parts.items()}


def _without(table: pa.Table, doc_ids: pa.Array) -> pa.Table:
    if not len(doc_ids):
        return table
    return table.filter(pc.invert(pc.is_in(table["doc_id"], value_set=doc_ids)))


def _duplicate_rows(documents: pa.Table, duplicates: pa.Table) -> pa.Table:
    columns = {name: documents[name] for name in ("doc_id", "path", "member")}
    for name in ("duplicate_of", "method", "jaccard", "containment", "cluster_id"):
        columns[name] = _look_up(documents["doc_id"], duplicates, name)
    return pa.table(columns)


def _look_up(ids: pa.ChunkedArray, table: pa.Table, column: str) -> pa.ChunkedArray:
    """The column's value for each id, null where the table has no such id."""
    places = pc.index_in(ids, value_set=table["id"].combine_chunks())
    return table[column].combine_chunks().take(places)


def _counts(ids: pa.ChunkedArray, duplicates: pa.Table) -> pa.ChunkedArray:
    counted = duplicates.group_by("cluster_id").aggregate([("id", "count")])
    counted = pa.table({"id": counted["cluster_id"], "n": counted["id_count"]})
    return pc.fill_null(_look_up(ids, counted, "n"), 0).cast(pa.int32())


def _first_seen(ids: pa.ChunkedArray, first_seen: pa.Table, started_at: int) -> pa.ChunkedArray:
    known = pa.table({"id": first_seen["doc_id"], "at": first_seen["first_seen_at"]})
    now = pa.scalar(started_at, pa.timestamp("us", tz="UTC"))
    return pc.fill_null(_look_up(ids, known, "at"), now)


def _with(table: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(name), values)
