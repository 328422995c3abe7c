"""What a run keeps where, and the jobs of its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import index_templates
from pipeline.errors import VERSION
from pipeline.settings import Settings
from pipeline.stages.learn import LEARNED, Learned, hits_in
from pipeline.stages.outcomes import RUNS_IN_A_ROW, left_out_in, passing
from pipeline.store.claim import claim_state
from pipeline.store.files import (
    RESULTS,
    chunk_names,
    complete,
    keep_table,
    kept_table,
    proven,
    read_columns,
    write_table,
)
from pipeline.store.fingerprint import Recipe, clean_fingerprint, fingerprint, limits_of, table_fingerprint
from pipeline.store.layout import STATE
from pipeline.store.marks import has_mark, make_marked, remove_ours, unoccupied
from pipeline.store.memory import Memory
from pipeline.store.snapshots import Snapshot
from pipeline.store.state import FinishedPack, Pack, results_in, sealed
from pipeline.types import RawInput
from pipeline.workers.machine import Fitted
from pipeline.workers.supervise import Job, given_up_in

# Which raw files make a shard, and what its cleaning is told.


@dataclass(frozen=True, slots=True)
class Shard:
    """Raw files that are cleaned together, in path order."""

    name: str  # "0003", for people
    inputs: tuple[RawInput, ...]


def make_shards(inputs: Sequence[RawInput], *, max_bytes: int, max_files: int) -> list[Shard]:
    """Cut the files, in path order, into shards of at most so many bytes and files (one file at least)."""
    groups: list[list[RawInput]] = []
    size = 0
    for one in inputs:
        if not groups or len(groups[-1]) >= max_files or size + one.size > max_bytes:
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += one.size
    return [Shard(f"{number:04d}", tuple(group)) for number, group in enumerate(groups, 1)]


def clean_spec(shard: Shard, *, raw: Path, settings: Settings) -> dict[str, Any]:
    """What ``clean`` is told of a shard."""
    return {
        "raw": str(raw),
        "rules": None if settings.rules is None else str(settings.rules.absolute()),
        "limits": limits_of(settings),
        "inputs": [asdict(one) for one in shard.inputs],
    }


#: The coarsest tick of a file system's clock (FAT), nanoseconds.
_TICK_NS = 2_000_000_000
INPUTS_KEPT = "inputs.kept"
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
    fitted: Fitted  # workers and memory
    before: Snapshot | None  # the live snapshot when the run began: it tells what was seen first when

    @property
    def state(self) -> Path:
        """What a later run may reuse; may be deleted at any time at the cost of work."""
        return self.out / STATE

    @property
    def scratch(self) -> Path:
        """What only this run needs."""
        return unoccupied(self.state / "run")

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
        """Clear what an earlier run left that was killed; with ``full``, all that earlier runs kept.

        Raises OutputError when a folder named as ours is not.
        """
        claim_state(self.state)
        for root in (self.packs, self.finished):
            for folder in results_in(root) if full else ():
                remove_ours(folder, RESULTS)
        if full:
            for name in (INPUTS_KEPT, LEARNED):
                (self.state / name).unlink(missing_ok=True)
        self.end()
        make_marked(self.scratch, "results")

    def end(self) -> None:
        """Delete what only this run needed."""
        if has_mark(self.scratch):
            remove_ours(self.scratch, RESULTS)

    def job(self, stage: str, name: str, folder: Path, spec: Mapping[str, Any], n_records: int) -> Job:
        """A job under this run's limits."""
        memory = {"memory_mb": self.fitted.memory_mb, "first_mb": self.fitted.first_mb}
        return Job(stage, name, str(folder), spec, n_records, record_seconds=self.settings.record_seconds, **memory)

    @property
    def limits(self) -> dict[str, int]:
        """What a record may take in this run, by the names of the settings."""
        return {"memory_mb": self.fitted.memory_mb, "record_seconds": self.settings.record_seconds}

    def known_inputs(self) -> dict[str, RawInput]:
        """The files of the last run by path: one of the same size, times and inode need not be hashed again.

        A file that was written while that run looked may have changed since within one tick of its clock.
        Raises DamagedError.
        """
        kept = kept_table(self.state / INPUTS_KEPT)
        if kept is None or kept[0].schema != _KNOWN:
            return {}
        return {row["path"]: RawInput(**row) for row in kept[0].to_pylist()}

    def keep_inputs(self, inputs: Sequence[RawInput]) -> None:
        """Note the files of this run for the next."""
        settled = self.started_at * 1000 - _TICK_NS
        kept = [one for one in inputs if max(one.mtime_ns, one.ctime_ns) < settled]
        columns = {name: [getattr(one, name) for one in kept] for name in _KNOWN.names}
        keep_table(pa.table(columns, schema=_KNOWN), self.state / INPUTS_KEPT, {})

    @property
    def changing(self) -> dict[str, int]:
        """The files that changed while the last runs looked, each with how many of them in a row."""
        return dict(self.before.manifest.get("changing", {})) if self.before else {}

    def copies(self) -> dict[str, Path]:
        """The files that are read as a copy, each with the place of the copy, made by the scan of this run."""
        folder = self.scratch / "copies"
        folder.mkdir(mode=0o700, exist_ok=True)
        return {
            path: folder / f"{fingerprint(path)}.tmp"
            for path, n_runs in self.changing.items()
            if n_runs >= RUNS_IN_A_ROW
        }


def drop_doubtful(work: Work) -> None:
    """Forget results in which records were given up, unless they are in the live snapshot as they are.

    A run that ended before it published may have ended because its installation was broken.
    """
    state = work.before.manifest.get("state", {}) if work.before else {}
    for root, name in ((work.packs, "packs"), (work.finished, "finished")):
        for folder in results_in(root):
            live = folder.name in state.get(name, ()) and (name != "packs" or sealed(folder))
            if not live and proven(folder) and any(given_up_in(folder)):
                remove_ours(folder, RESULTS)


def given_up_names(folder: Path) -> list[tuple[str, str | None]]:
    """Path and member of what a finished job gave up: its result depends on chance in nothing else."""
    return sorted(((one.path, one.member) for one in given_up_in(folder)), key=str)


def clean_jobs(work: Work, inputs: Sequence[RawInput], recipe: Recipe) -> tuple[list[Job], list[Shard]]:
    """A job a shard of the files that have to be cleaned."""
    settings = work.settings
    copies = {path: str(copy) for path, copy in work.copies().items() if copy.exists()}
    shards = make_shards(inputs, max_bytes=settings.shard_mb << 20, max_files=settings.shard_files)
    jobs = []
    for shard in shards:
        folder = unoccupied(work.packs / clean_fingerprint(shard.inputs, recipe))
        if folder.exists() and not _resumable(folder):
            remove_ours(folder, RESULTS)
        spec = clean_spec(shard, raw=work.raw, settings=settings)
        spec["copies"] = {one.path: copies[one.path] for one in shard.inputs if one.path in copies}
        jobs.append(work.job("clean", shard.name, folder, spec, len(shard.inputs)))
    return jobs, shards


def set_apart(folder: Path) -> Path:
    """Give a pack that lacks a file for a reason that may be gone the next time a name of its own; its folder.

    The pack in which that file is read would have the same name: what was made of the one is not for the other.
    """
    lacking = sorted(passing(left_out_in(folder)))
    if not lacking:
        return folder
    other = folder.with_name(fingerprint(folder.name, lacking))
    if has_mark(other):
        remove_ours(other, RESULTS)
    return folder.rename(unoccupied(other))


def _resumable(folder: Path) -> bool:
    """True for what a run made that was killed before it could seal it; what is sealed was not worth taking."""
    return proven(folder) and not sealed(folder) and not passing(left_out_in(folder))


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


def assemble_jobs(work: Work, finished: Sequence[FinishedPack], verdicts: pa.Table, memory: Memory) -> list[Job]:
    """A job a pack whose parts are not published yet, or are damaged."""
    write_table(verdicts, work.scratch / "verdicts.parquet")
    files = (file for one in finished for file in chunk_names(one.folder, "documents"))
    rows = read_columns(list(files), ["doc_id", "path"]) if memory.since is not None else None
    known = memory.documents if rows is None else memory.first_seen(rows)
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
