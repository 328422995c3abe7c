"""What snapshots tell of the time before a run: when rows were first seen, and the runs.

Each part is proven before it is read. What a damaged part of the live snapshot told is looked up in older snapshots; of
what none tells any more, the oldest snapshot that had the very part tells when it was published at the latest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.schema import DATASETS, RUNS
from pipeline.store.layout import Part, holds
from pipeline.store.snapshots import Snapshot, list_snapshots

_DOCUMENTS, _QUARANTINE = ["doc_id", "first_seen_at"], ["path", "member", "first_seen_at"]


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of earlier runs."""

    documents: pa.Table  # doc_id, first_seen_at
    quarantine: pa.Table  # path, member, first_seen_at
    runs: pa.Table  # RUNS
    damaged: frozenset[Path]  # parts of the live snapshot that are not as they were published
    files: frozenset[str]  # paths of the raw files of which a damaged part may have told
    since: int | None  # when what those told was seen first, at the latest: microseconds UTC

    def first_seen(self, rows: pa.Table) -> pa.Table:
        """``documents``, and of these (doc_id, path) those that only a damaged part can have told of."""
        if self.since is None:
            return self.documents
        told = pc.is_in(rows["doc_id"], value_set=self.documents["doc_id"].combine_chunks())
        there = pc.is_in(rows["path"], value_set=pa.array(sorted(self.files), pa.string()))
        ids = rows["doc_id"].filter(pc.and_(pc.invert(told), there))
        times = pa.array([self.since] * len(ids), self.documents.schema.field("first_seen_at").type)
        return pa.concat_tables([self.documents, pa.table([ids, times], schema=self.documents.schema)])

    def quarantined_first(self, path: str, now: int) -> int:
        """When a record was quarantined first that ``quarantine`` does not tell of, microseconds UTC."""
        return self.since if self.since is not None and path in self.files else now


def recall(out: Path, live: Snapshot | None) -> Memory:
    """What the snapshots of an output folder tell; ``live`` is the one that the run builds on."""
    if live is None:
        documents, quarantine = (_empty(*one) for one in (("documents", _DOCUMENTS), ("quarantine", _QUARANTINE)))
        return Memory(documents, quarantine, RUNS.empty_table(), frozenset(), frozenset(), None)
    sound = _sound(live)
    damaged = frozenset(live.path / part.dataset / part.name for part in live.parts if part not in sound)
    chain = [live]
    if damaged or live.manifest["collection"] is None:
        chain += [one for one in reversed(list_snapshots(out)) if int(one.name) < int(live.name)]
    kept = [(one, sound if one is live else _sound(one)) for one in chain]
    lost = {file.parent.name for file in damaged} & {"documents", "quarantine"}
    return Memory(
        documents=_told(kept, "documents", _DOCUMENTS),
        quarantine=_told(kept, "quarantine", _QUARANTINE),
        runs=_runs(kept),
        damaged=damaged,
        files=frozenset(_told(kept, "inputs", ["path"])["path"].to_pylist()) if lost else frozenset(),
        since=_published(chain, [file.name for file in damaged if file.parent.name in lost]) if lost else None,
    )


def _sound(snapshot: Snapshot) -> frozenset[Part]:
    """The parts of a snapshot that are as they were published; all are read."""
    with ThreadPoolExecutor() as threads:
        fine = threads.map(lambda part: holds(snapshot.path / part.dataset / part.name, part), snapshot.parts)
        return frozenset(part for part, one in zip(snapshot.parts, fine, strict=True) if one)


def _told(kept: Sequence[tuple[Snapshot, frozenset[Part]]], dataset: str, columns: list[str]) -> pa.Table:
    """Some columns of a dataset, the newest snapshot first; older ones where a part of it is damaged."""
    tables = [_empty(dataset, columns)]
    for snapshot, sound in kept:
        mine = [part for part in snapshot.parts if part.dataset == dataset]
        tables += [
            pq.read_table(snapshot.path / dataset / part.name, columns=columns) for part in mine if part in sound
        ]
        if mine and sound.issuperset(mine) and snapshot.manifest["collection"] is not None:
            break
    table = pa.concat_tables(tables)
    if len(tables) == 2 or columns == ["path"]:
        return table
    keys = columns[:-1]
    first = table.append_column("at", pa.array(range(table.num_rows))).group_by(keys).aggregate([("at", "min")])
    return table.take(first["at_min"].sort())


def _runs(kept: Sequence[tuple[Snapshot, frozenset[Part]]]) -> pa.Table:
    """The runs: those of the newest snapshot that can tell them, and of the ones since what their manifests say."""
    since: list[dict[str, Any]] = []
    for snapshot, sound in kept:
        parts = [part for part in snapshot.parts if part.dataset == "runs"]
        if parts and sound.issuperset(parts):
            known = [pq.read_table(snapshot.path / "runs" / part.name) for part in parts]
            break
        since += _run_of(snapshot.manifest)
    else:
        known = [RUNS.empty_table()]
    return pa.concat_tables([*known, pa.Table.from_pylist(since[::-1], schema=RUNS)]).combine_chunks()


def _run_of(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if manifest.get("created_at"):
        started = datetime.fromisoformat(manifest["created_at"])
        yield run_row(
            started, {}, manifest.get("counts", {}), manifest.get("versions", {}), manifest.get("settings", {})
        )


def run_row(
    started: datetime,
    seconds: Mapping[str, float],
    counts: Mapping[str, int],
    versions: Mapping[str, str],
    settings: Mapping[str, Any] | str,
) -> dict[str, Any]:
    """A row of the runs dataset."""
    return {
        "run_id": started.strftime("%Y%m%dT%H%M%S.%fZ"),
        "started_at": started,
        "seconds": list(seconds.items()),
        "counts": list(counts.items()),
        "versions": list(versions.items()),
        "settings": settings if isinstance(settings, str) else json.dumps(settings),
    }


def _published(chain: Sequence[Snapshot], names: Iterable[str]) -> int | None:
    """When all parts of these names had been published, microseconds UTC: each by the oldest snapshot that has it."""
    first: dict[str, str] = {}
    for one in chain:  # the newest first
        first |= {part.name: one.manifest["created_at"] for part in one.parts if one.manifest.get("created_at")}
    times = [datetime.fromisoformat(first[name]) for name in names if name in first]
    return int(max(times).timestamp() * 1_000_000) if times else None


def _empty(dataset: str, columns: list[str]) -> pa.Table:
    return DATASETS[dataset].empty_table().select(columns)
