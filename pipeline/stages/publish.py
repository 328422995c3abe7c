"""The parts of a snapshot to be, with the files that hold them before publishing."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import version
from pipeline.schema import DATASETS, FIRST_SEEN, RUNS, SCHEMA_VERSION, VERDICTS, sort_rows
from pipeline.store.files import chunk_names, chunk_place, write_table
from pipeline.store.fingerprint import code_fingerprint
from pipeline.store.layout import Part, staged_part
from pipeline.store.memory import run_row
from pipeline.store.snapshots import Snapshot
from pipeline.types import Place

if TYPE_CHECKING:
    from pipeline.settings import Settings

# Finished rows and the verdicts of dedup to the rows that are published: pure Arrow, no text logic.

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


Staged = list[tuple[Part, Path]]  # a part with the file that holds it now


def stage_small(small: Mapping[str, pa.Table], folder: Path) -> Staged:
    """Parts of the datasets that are one table, written to a folder; an empty one where there is no row."""
    folder.mkdir()
    staged = []
    for name, table in small.items():
        write_table(table, folder / f"part.{name}.parquet")
        staged.append((staged_part(name, folder / f"part.{name}.parquet"), folder / f"part.{name}.parquet"))
    return staged


def stage_assembled(folder: Path) -> list[Staged]:
    """The parts that one ``assemble`` task made, a list for each slice: documents with all their rows."""
    slices: dict[Place | None, Staged] = {}
    for name in DATASETS:
        for file in chunk_names(folder, name):
            slices.setdefault(chunk_place(file), []).append((staged_part(name, file), file))
    return list(slices.values())


def by_dataset(staged: Staged) -> dict[str, list[Path]]:
    """The files that hold the parts, by dataset."""
    return {name: [file for part, file in staged if part.dataset == name] for name in DATASETS}


def published_parts(parent: Snapshot | None, damaged: Container[Path]) -> dict[str, list[Staged]]:
    """The slices of the live snapshot by the fingerprint of what they were assembled from, where none is damaged."""
    if parent is None:
        return {}
    known = {(part.dataset, part.name): part for part in parent.parts}
    assembled: Mapping[str, list[list[list[str]]]] = parent.manifest.get("slices", {})
    found = {
        key: [[(known[dataset, name], parent.path / dataset / name) for dataset, name in names] for names in slices]
        for key, slices in assembled.items()
    }
    return {
        key: slices
        for key, slices in found.items()
        if not any(file in damaged for staged in slices for _, file in staged)
    }


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is written down of a run."""

    started: datetime
    counts: Mapping[str, int]
    settings: Settings


def runs_table(run: RunFacts, *, seconds: Mapping[str, float], before: pa.Table) -> pa.Table:
    """The runs dataset: the runs before with this one at their end, whatever the clock says."""
    row = run_row(run.started, seconds, run.counts, versions(), run.settings.model_dump_json())
    return pa.concat_tables([before, pa.Table.from_pylist([row], schema=RUNS)]).combine_chunks()


def versions() -> dict[str, str]:
    """What the results were made with."""
    return {
        "pipeline": version(),
        "schema": SCHEMA_VERSION,
        "code": code_fingerprint(),
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
    }


def manifest_head(run: RunFacts, *, collection: str, assembled: Mapping[str, Sequence[Staged]]) -> dict[str, Any]:
    """What a manifest says beside its parts.

    ``collection`` is the fingerprint of what the datasets depend on, "" when some of it may pass by the next
    run; ``assembled`` the slices by the fingerprint of what they were assembled from.
    """
    return {
        "created_at": run.started.isoformat(),
        "collection": collection,
        "slices": {
            key: [[[part.dataset, part.name] for part, _ in staged] for staged in slices]
            for key, slices in assembled.items()
        },
        "counts": dict(run.counts),
        "versions": versions(),
        "settings": json.loads(run.settings.model_dump_json()),
    }
