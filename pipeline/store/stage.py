"""The parts of a snapshot to be, with the files that hold them before publishing."""

from __future__ import annotations

import json
import platform
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.schema import DATASETS, RUNS, SCHEMA_VERSION
from pipeline.settings import Settings
from pipeline.shards.chunks import chunk_names, chunk_place, write_table
from pipeline.store.fingerprint import code_fingerprint
from pipeline.store.memory import run_row
from pipeline.store.parts import Part, staged_part
from pipeline.store.snapshots import Snapshot
from pipeline.types import Place
from pipeline.version import VERSION

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
    """The parts that one ``assemble`` job made, a list for each slice: documents with all their rows."""
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
        "pipeline": VERSION,
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
