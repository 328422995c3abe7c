"""What a run keeps where, and the jobs of its stages."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import index_templates
from pipeline.collection import Finished
from pipeline.learning import Learned, hits_in
from pipeline.outcomes import PASSING, RUNS_IN_A_ROW, lasting, left_out_in
from pipeline.schema import DATASETS
from pipeline.settings import Settings
from pipeline.shards.chunks import chunk_names, complete, write_table
from pipeline.shards.plan import (
    Recipe,
    Shard,
    clean_fingerprint,
    clean_spec,
    fingerprint,
    make_shards,
    table_fingerprint,
)
from pipeline.store.packs import Pack, sealed
from pipeline.store.snapshots import Snapshot
from pipeline.supervise import Job, given_up_in
from pipeline.types import RawInput
from pipeline.version import VERSION

#: The coarsest tick of a file system's clock (FAT), nanoseconds.
_TICK_NS = 2_000_000_000
_KNOWN = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("ctime_ns", pa.int64()),
        ("inode", pa.uint64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Work:
    """The settings of a run and where it keeps what it works on."""

    raw: Path
    out: Path
    settings: Settings
    started: datetime
    before: Snapshot | None  # the live snapshot when the run began: it tells what was seen first when

    @property
    def state(self) -> Path:
        """What a later run may reuse; may be deleted at any time at the cost of work."""
        return self.out / ".state"

    @property
    def scratch(self) -> Path:
        """What only this run needs."""
        return self.state / "run"

    @property
    def packs(self) -> Path:
        """Cleaned records."""
        return self.state / "packs"

    @property
    def finished(self) -> Path:
        """Finished records."""
        return self.state / "finished"

    @property
    def started_at(self) -> int:
        """Start of the run, microseconds UTC."""
        return int(self.started.timestamp() * 1_000_000)

    def begin(self, *, full: bool) -> None:
        """Clear what an earlier run left that was killed; with ``full``, all that earlier runs kept."""
        leftover = self.state if full else self.scratch
        if leftover.exists():
            shutil.rmtree(leftover)
        self.scratch.mkdir(parents=True)

    def job(self, stage: str, name: str, folder: Path, spec: Mapping[str, Any], n_records: int) -> Job:
        """A job under this run's limits."""
        limits = {"memory_mb": self.settings.memory_mb, "record_seconds": self.settings.record_seconds}
        return Job(stage, name, str(folder), spec, n_records, **limits)

    def known_inputs(self) -> dict[str, RawInput]:
        """The files of the last run by path: one of the same size, times and inode need not be hashed again.

        A file that was written while that run looked may have changed since within one tick of its clock.
        """
        try:
            rows = pq.read_table(self.state / "inputs.parquet", schema=_KNOWN).to_pylist()
        except (OSError, pa.ArrowException):
            return {}
        return {row["path"]: RawInput(**row) for row in rows}

    def keep_inputs(self, inputs: Sequence[RawInput]) -> None:
        """Note the files of this run for the next."""
        settled = self.started_at * 1000 - _TICK_NS
        kept = [one for one in inputs if max(one.mtime_ns, one.ctime_ns) < settled]
        columns = {name: [getattr(one, name) for one in kept] for name in _KNOWN.names}
        write_table(pa.table(columns, schema=_KNOWN), self.state / "inputs.parquet")

    @property
    def changing(self) -> dict[str, int]:
        """The files that changed while the last runs looked, each with how many of them in a row."""
        return dict(self.before.manifest.get("changing", {})) if self.before else {}

    def copies(self) -> dict[str, Path]:
        """The files that are read as a copy, each with the place of the copy, made by the scan of this run."""
        folder = self.scratch / "copies"
        folder.mkdir(mode=0o700, exist_ok=True)
        return {path: folder / fingerprint(path) for path, n_runs in self.changing.items() if n_runs >= RUNS_IN_A_ROW}


def drop_doubtful(work: Work) -> None:
    """Forget results in which records were given up, unless they are in the live snapshot.

    A run that ended before it published may have ended because its installation was broken.
    """
    state = work.before.manifest.get("state", {}) if work.before else {}
    for root, name in ((work.packs, "packs"), (work.finished, "finished")):
        for folder in root.glob("*"):
            if folder.name not in state.get(name, ()) and complete(folder) and any(given_up_in(folder)):
                shutil.rmtree(folder)


def clean_jobs(work: Work, inputs: Sequence[RawInput], recipe: Recipe) -> tuple[list[Job], list[Shard]]:
    """A job a shard of the files that have to be cleaned."""
    settings = work.settings
    copies = {path: str(copy) for path, copy in work.copies().items() if copy.exists()}
    shards = make_shards(inputs, max_bytes=settings.shard_mb << 20, max_files=settings.shard_files)
    jobs = []
    for shard in shards:
        folder = work.packs / clean_fingerprint(shard, recipe)
        if folder.exists() and not _resumable(folder):
            shutil.rmtree(folder)
        spec = clean_spec(shard, raw=work.raw, settings=settings)
        spec["copies"] = {one.path: copies[one.path] for one in shard.inputs if one.path in copies}
        jobs.append(work.job("clean", shard.name, folder, spec, len(shard.inputs)))
    return jobs, shards


def set_apart(folder: Path) -> Path:
    """Give a pack that lacks a file for a reason that may be gone the next time a name of its own; its folder.

    The pack in which that file is read would have the same name: what was made of the one is not for the other.
    """
    lacking = sorted({one.path for one in left_out_in(folder) if one.reason in PASSING})
    if not lacking:
        return folder
    other = folder.with_name(fingerprint(folder.name, lacking))
    if other.exists():
        shutil.rmtree(other)
    return folder.rename(other)


def _resumable(folder: Path) -> bool:
    """True for what a run made that was killed before it could seal it; what is sealed was not worth taking."""
    return complete(folder) and not sealed(folder) and lasting(left_out_in(folder))


def finish_jobs(work: Work, packs: Sequence[Pack], learned: Learned) -> list[Job]:
    """A job a pack; its result is known by the pack, the templates that occur in it, and the language backend."""
    backend = {"backend": work.settings.language_backend, "seed": work.settings.language_seed}
    index, earlier = index_templates(learned.templates), _finished_before(work)
    jobs = []
    for number, pack in enumerate(packs, 1):
        hits = hits_in(pack, index)
        name = fingerprint(pack.name, table_fingerprint(hits), backend)
        templates = work.scratch / f"templates-{name}.parquet"
        write_table(hits, templates)
        made_from = {"cleaned": str(pack.folder), "templates": str(templates), "earlier": earlier.get(pack.name)}
        spec = {**made_from, "version": VERSION, **backend}
        n_records = sum(pq.read_metadata(chunk).num_rows for chunk in chunk_names(pack.folder, "records"))
        jobs.append(work.job("finish", f"{number:04d}", work.finished / name, spec, n_records))
    return jobs


def _finished_before(work: Work) -> dict[str, str]:
    """By pack, where the live snapshot's finished records of it lie, if none of them was given up."""
    state = work.before.manifest.get("state", {}) if work.before else {}
    folders = (
        (pack, work.finished / name)
        for pack, name in zip(state.get("packs", ()), state.get("finished", ()), strict=True)
    )
    return {pack: str(folder) for pack, folder in folders if complete(folder) and not any(given_up_in(folder))}


def assemble_jobs(work: Work, finished: Sequence[Finished], verdicts: pa.Table, parent: Snapshot | None) -> list[Job]:
    """A job a pack whose parts are not published yet."""
    write_table(verdicts, work.scratch / "verdicts.parquet")
    columns = ["doc_id", "first_seen_at"]
    known = parent.table("documents", columns) if parent else DATASETS["documents"].empty_table().select(columns)
    write_table(known, work.scratch / "first_seen.parquet")
    jobs = []
    for number, one in enumerate(finished, 1):
        spec = {
            "finished": str(one.folder),
            "duplicates": str(work.scratch / "verdicts.parquet"),
            "first_seen": str(work.scratch / "first_seen.parquet"),
            "started_at": work.started_at,
            "dead": list(one.dead),
        }
        name = f"{number:04d}"
        jobs.append(work.job("assemble", name, work.scratch / "assemble" / name, spec, 1))
    return jobs
