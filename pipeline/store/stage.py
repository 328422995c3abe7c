"""The parts of a snapshot to be, with the files that hold them before publishing."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.schema import DATASETS, RUNS, SCHEMA_VERSION
from pipeline.settings import Settings
from pipeline.shards.assemble import sort_rows
from pipeline.shards.plan import code_fingerprint
from pipeline.store.chunks import chunk_names, write_table
from pipeline.store.snapshots import Part, Snapshot, staged_part
from pipeline.version import VERSION


def stage_parts(assembled: Sequence[Path], small: Mapping[str, pa.Table], folder: Path) -> list[tuple[Part, Path]]:
    """Every part of the snapshot to be, at least one a dataset, with the file that holds it.

    ``assembled`` are the shards' folders; ``small`` the datasets that are one table, written to ``folder``.
    """
    folder.mkdir()
    for name, table in small.items():
        write_table(table, folder / f"part.{name}.parquet")
    staged = []
    for name, schema in DATASETS.items():
        files = [file for source in (*assembled, folder) for file in chunk_names(source, name)]
        if not files:
            files = [folder / f"part.{name}.parquet"]
            write_table(schema.empty_table(), files[0])
        staged += [(staged_part(name, file), file) for file in files]
    return staged


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is written down of a run."""

    started: datetime
    counts: Mapping[str, int]
    settings: Settings


def runs_table(run: RunFacts, *, seconds: Mapping[str, float], parent: Snapshot | None) -> pa.Table:
    """The runs dataset: the parent's with this run at its end."""
    row = {
        "run_id": run.started.strftime("%Y%m%dT%H%M%S.%fZ"),
        "started_at": run.started,
        "seconds": list(seconds.items()),
        "counts": list(run.counts.items()),
        "versions": list(versions().items()),
        "settings": run.settings.model_dump_json(),
    }
    before = parent.table("runs") if parent else RUNS.empty_table()
    return sort_rows("runs", pa.concat_tables([before, pa.Table.from_pylist([row], schema=RUNS)]))


def versions() -> dict[str, str]:
    """What the results were made with."""
    return {
        "pipeline": VERSION,
        "schema": SCHEMA_VERSION,
        "code": code_fingerprint(),
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
    }


def manifest_head(run: RunFacts, *, collection: str) -> dict[str, Any]:
    """What a manifest says beside its parts; ``collection`` is the fingerprint of what the datasets depend on."""
    return {
        "created_at": run.started.isoformat(),
        "collection": collection,
        "counts": dict(run.counts),
        "versions": versions(),
        "settings": json.loads(run.settings.model_dump_json()),
    }
