"""Finished rows and the verdicts of dedup to the rows that are published: pure Arrow, no text logic."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.schema import DATASETS, SORT_KEYS

#: What dedup says of a document or a section; ``id`` is a doc_id or a section_id.
VERDICTS = pa.schema(
    [
        ("id", pa.string()),
        ("duplicate_of", pa.string()),
        ("method", pa.string()),
        ("jaccard", pa.float64()),
        ("containment", pa.float64()),
        ("cluster_id", pa.string()),
    ]
)


def assemble_parts(
    *,
    documents: pa.Table,
    sections: pa.Table,
    blocks: pa.Table,
    duplicates: pa.Table,
    first_seen: pa.Table,
    started_at: int,
    dead: pa.Array,
) -> dict[str, pa.Table]:
    """The published tables of one shard.

    ``duplicates`` are the VERDICTS on all documents and sections of the collection; ``first_seen`` maps the
    doc_id of documents published before to the time of the run that did (microseconds, UTC); ``started_at``
    is this run's; ``dead`` are the doc_ids of records whose file is gone
    or has changed. Blocks are kept for documents and duplicates alike: nothing is thrown away.
    """
    if len(dead):
        documents, sections, blocks = (_without(table, dead) for table in (documents, sections, blocks))
    left_out = pc.is_in(documents["doc_id"], value_set=duplicates["id"].combine_chunks())
    kept = documents.filter(pc.invert(left_out))
    kept = _with(kept, "n_duplicates", _counts(kept["doc_id"], duplicates))
    kept = _with(kept, "first_seen_at", _first_seen(kept["doc_id"], first_seen, started_at))
    alive = pc.is_in(sections["doc_id"], value_set=kept["doc_id"].combine_chunks())
    sections = sections.filter(alive)
    sections = _with(sections, "duplicate_of", _look_up(sections["section_id"], duplicates, "duplicate_of"))
    tables = {
        "documents": kept,
        "sections": sections,
        "blocks": blocks,
        "duplicates": _duplicate_rows(documents.filter(left_out), duplicates),
    }
    return {name: sort_rows(name, table) for name, table in tables.items()}


def _without(table: pa.Table, doc_ids: pa.Array) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table["doc_id"], value_set=doc_ids)))


def sort_rows(name: str, table: pa.Table) -> pa.Table:
    """The rows of a dataset's part in the dataset's order, under its schema."""
    keys = [(key, "ascending") for key in SORT_KEYS[name]]
    return table.take(pc.sort_indices(table, sort_keys=keys)).cast(DATASETS[name])


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
