"""What a run keeps where, and the jobs of its stages."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import index_templates
from pipeline.collection import Finished
from pipeline.learning import Learned, hits_in
from pipeline.machine import Fitted
from pipeline.outcomes import lasting, left_out_in
from pipeline.settings import Settings
from pipeline.shards.assemble import FIRST_SEEN
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
_KNOWN = pa.schema([("path", pa.string()), ("size", pa.int64()), ("mtime_ns", pa.int64()), ("sha256", pa.string())])


@dataclass(frozen=True, slots=True)
class Work:
    """The settings of a run and where it keeps what it works on."""

    raw: Path
    out: Path
    settings: Settings
    started: datetime
    fitted: Fitted  # workers and memory
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
        memory = {"memory_mb": self.fitted.memory_mb, "first_mb": self.fitted.first_mb}
        return Job(stage, name, str(folder), spec, n_records, record_seconds=self.settings.record_seconds, **memory)

    @property
    def limits(self) -> dict[str, int]:
        """What a record may take in this run, by the names of the settings."""
        return {"memory_mb": self.fitted.memory_mb, "record_seconds": self.settings.record_seconds}

    def known_inputs(self) -> dict[str, RawInput]:
        """The files of the last run by path: one of the same size and time need not be hashed again.

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
        table = pa.Table.from_pylist([asdict(one) for one in inputs if one.mtime_ns < settled], schema=_KNOWN)
        write_table(table, self.state / "inputs.parquet")


def drop_doubtful(work: Work) -> None:
    """Forget results in which records were given up, unless they are in the live snapshot as they are.

    A run that ended before it published may have ended because its installation was broken.
    """
    state = work.before.manifest.get("state", {}) if work.before else {}
    for root, name in ((work.packs, "packs"), (work.finished, "finished")):
        for folder in root.glob("*"):
            live = folder.name in state.get(name, ()) and (name != "packs" or sealed(folder))
            if not live and complete(folder) and any(given_up_in(folder)):
                shutil.rmtree(folder)


def given_up_names(folder: Path) -> list[tuple[str, str | None]]:
    """Path and member of what a finished job gave up: its result depends on chance in nothing else."""
    return sorted(((one.path, one.member) for one in given_up_in(folder)), key=str)


def clean_jobs(work: Work, inputs: Sequence[RawInput], recipe: Recipe) -> tuple[list[Job], list[Shard]]:
    """A job a shard of the files that have to be cleaned."""
    settings = work.settings
    shards = make_shards(inputs, max_bytes=settings.shard_mb << 20, max_files=settings.shard_files)
    jobs = []
    for shard in shards:
        folder = work.packs / clean_fingerprint(shard, recipe)
        if folder.exists() and not _resumable(folder):
            shutil.rmtree(folder)
        spec = clean_spec(shard, raw=work.raw, settings=settings)
        jobs.append(work.job("clean", shard.name, folder, spec, len(shard.inputs)))
    return jobs, shards


def _resumable(folder: Path) -> bool:
    """True for what a run made that was killed before it could seal it; what is sealed was not worth taking."""
    return complete(folder) and not sealed(folder) and lasting(left_out_in(folder))


def finish_jobs(work: Work, packs: Sequence[Pack], learned: Learned) -> list[Job]:
    """A job a pack; its result is known by the pack and what it gave up, its templates, and the language backend."""
    backend = {"backend": work.settings.language_backend, "seed": work.settings.language_seed}
    index, earlier = index_templates(learned.templates), _finished_before(work)
    jobs = []
    for number, pack in enumerate(packs, 1):
        hits = hits_in(pack, index)
        n_rows = {one.name: pq.read_metadata(one).num_rows for one in chunk_names(pack.folder, "records")}
        given_up, n_records = given_up_names(pack.folder), sum(n_rows.values())
        name = fingerprint(pack.name, n_records, given_up, table_fingerprint(hits), backend)
        templates = work.scratch / f"templates-{name}.parquet"
        write_table(hits, templates)
        made_from = {"cleaned": str(pack.folder), "templates": str(templates), "earlier": earlier.get(pack.name)}
        spec = {**made_from, "version": VERSION, **backend, "made_of": fingerprint(n_rows, given_up)}
        jobs.append(work.job("finish", f"{number:04d}", work.finished / name, spec, n_records))
    return jobs


def _finished_before(work: Work) -> dict[str, str]:
    """By pack, where the live snapshot's finished records of it lie."""
    state = work.before.manifest.get("state", {}) if work.before else {}
    folders = (
        (pack, work.finished / name)
        for pack, name in zip(state.get("packs", ()), state.get("finished", ()), strict=True)
    )
    return {pack: str(folder) for pack, folder in folders if complete(folder)}


def assemble_jobs(work: Work, finished: Sequence[Finished], verdicts: pa.Table, parent: Snapshot | None) -> list[Job]:
    """A job a pack whose parts are not published yet."""
    write_table(verdicts, work.scratch / "verdicts.parquet")
    known = parent.table("documents", FIRST_SEEN.names) if parent else FIRST_SEEN.empty_table()
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
