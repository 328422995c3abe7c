"""The run, written once: plain calls in order, over shards where a stage maps over them.

``run`` is given a *stage runner*, which does a list of jobs and gives back their results in the same order. The
command line's uses local child processes (``pipeline.local``), the flow's submits a Prefect task a shard.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.rules import load_rules
from pipeline.collection import deduplicate, learn
from pipeline.errors import InvariantError, Reason
from pipeline.outcomes import LeftOut, Outcomes, left_out_by_scan, left_out_in, settle
from pipeline.read.scan import ScannedFile, scan
from pipeline.schema import DATASETS, SCHEMA_VERSION
from pipeline.settings import Settings
from pipeline.shards.plan import (
    clean_fingerprint,
    clean_spec,
    fingerprint,
    finish_fingerprint,
    make_shards,
    rules_fingerprint,
)
from pipeline.store.check import check_parts
from pipeline.store.chunks import chunk_names, write_table
from pipeline.store.lock import locked
from pipeline.store.snapshots import Snapshot, latest_or_none, publish
from pipeline.store.stage import RunFacts, manifest_head, runs_table, stage_parts
from pipeline.supervise import Job, JobResult
from pipeline.types import RawInput
from pipeline.version import VERSION

StageRunner = Callable[[Sequence[Job]], list[JobResult]]

#: Reasons that may be gone the next time: a shard with one of them is not reused.
_PASSING = frozenset({Reason.FILE_CHANGED.value, Reason.UNREADABLE.value})
#: A run in which this many records, and most of all, crash their parser has a broken installation.
_TOO_MANY_CRASHES = 20


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run came to."""

    snapshot: Snapshot
    published: bool  # False when there was nothing new
    counts: Mapping[str, int]
    seconds: Mapping[str, float]  # wall clock, by stage
    left_out: tuple[LeftOut, ...]  # quarantined or skipped
    cpu_seconds: float  # of the child processes
    peak_mb: float  # of the largest child process


@dataclass(slots=True)
class _Clock:
    """Wall-clock seconds by stage; tells ``on_stage`` which one begins."""

    on_stage: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.on_stage(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


@dataclass(frozen=True, slots=True)
class _Work:
    """The settings of a run and where it keeps what it works on."""

    raw: Path
    out: Path
    settings: Settings
    runner: StageRunner
    started: datetime

    @property
    def state(self) -> Path:
        """What a later run may reuse; may be deleted at any time at the cost of work."""
        return self.out / ".state"

    @property
    def scratch(self) -> Path:
        """What only this run needs."""
        return self.state / "run"

    def job(self, stage: str, name: str, folder: Path, spec: Mapping[str, Any], n_records: int) -> Job:
        limits = {"memory_mb": self.settings.memory_mb, "record_seconds": self.settings.record_seconds}
        return Job(stage, name, str(folder), spec, n_records, **limits)


def run(
    raw: Path,
    out: Path,
    *,
    settings: Settings,
    runner: StageRunner,
    full: bool = False,
    on_stage: Callable[[str], None] = lambda name: None,
) -> RunReport:
    """Clean the raw folder into a new snapshot of the output folder, unless nothing is new.

    ``full`` forgets the results that earlier runs kept. Raises RawFolderError, RuleError, OutputError or
    InvariantError; whichever, the snapshot that was live stays live.
    """
    clock = _Clock(on_stage)
    load_rules(settings.rules)  # a broken rule stops the run before anything is read
    scanning = scan(raw)
    with clock.stage("scan"):
        scanned = list(scanning)
    with locked(out):
        work = _Work(raw.absolute(), out.absolute(), settings, runner, datetime.now(UTC))
        shutil.rmtree(work.state if full else work.scratch, ignore_errors=True)
        work.scratch.mkdir(parents=True)
        report = _run(work, scanned, clock)
        shutil.rmtree(work.scratch)
    return report


def _run(work: _Work, scanned: Sequence[ScannedFile], clock: _Clock) -> RunReport:
    inputs = [one for one in scanned if isinstance(one, RawInput)]
    results: list[JobResult] = []
    with clock.stage("clean"):
        cleaned = _clean(work, inputs, results)
    with clock.stage("learn"):
        templates = learn(
            cleaned, min_documents=work.settings.template_documents, min_share=work.settings.template_share
        )
    with clock.stage("finish"):
        finished = _finish(work, cleaned, templates, results)
    left_out = [*left_out_by_scan(scanned), *left_out_in([*cleaned, *finished])]
    _stop_if_broken(left_out, sum(pq.read_metadata(c).num_rows for f in cleaned for c in chunk_names(f, "records")))
    parent = latest_or_none(work.out)
    collection = _collection(work, finished, left_out)
    if parent is not None and parent.manifest.get("collection") == collection:
        return _report(parent, False, parent.manifest["counts"], clock, left_out, results)
    with clock.stage("dedup"):
        settings = work.settings
        verdicts = deduplicate(finished, jaccard=settings.near_jaccard, containment=settings.near_containment)
    with clock.stage("assemble"):
        assembled = _assemble(work, finished, verdicts, parent, results)
        outcomes = _settle(work, inputs, left_out, assembled, parent)
        about = RunFacts(work.started, outcomes.counts, settings)
        runs = runs_table(about, seconds=clock.seconds, parent=parent)
        small = {"inputs": outcomes.inputs, "quarantine": outcomes.quarantine, "runs": runs}
        staged = stage_parts(assembled, small, work.scratch / "parts")
    with clock.stage("check"):
        files = {name: [file for part, file in staged if part.dataset == name] for name in DATASETS}
        check_parts(files, threads=settings.n_workers)
    with clock.stage("publish"):
        manifest = manifest_head(about, collection=collection)
        snapshot = publish(work.out, staged, manifest=manifest, keep=settings.keep_snapshots)
        _forget(work, cleaned, finished, left_out)
    return _report(snapshot, True, outcomes.counts, clock, left_out, results)


def _clean(work: _Work, inputs: Sequence[RawInput], results: list[JobResult]) -> list[Path]:
    settings = work.settings
    rules = rules_fingerprint(settings.rules)
    shards = make_shards(inputs, max_bytes=settings.shard_mb << 20, max_files=settings.shard_files)
    jobs = []
    for shard in shards:
        spec = clean_spec(shard, raw=work.raw, settings=settings)
        folder = work.state / "clean" / clean_fingerprint(spec, rules=rules)
        jobs.append(work.job("clean", shard.name, folder, spec, len(shard.inputs)))
    return _do(work, jobs, results)


def _finish(work: _Work, cleaned: Sequence[Path], templates: pa.Table, results: list[JobResult]) -> list[Path]:
    jobs = []
    for number, folder in enumerate(cleaned, 1):
        records = [pq.read_table(chunk, columns=["site"]) for chunk in chunk_names(folder, "records")]
        sites = pc.unique(pa.chunked_array([c for r in records for c in r["site"].chunks], pa.string()))
        mine = templates.filter(pc.is_in(templates["site"], value_set=sites))
        name = finish_fingerprint(folder.name, templates=mine, settings=work.settings)
        write_table(mine, work.scratch / f"templates-{name}.parquet")
        spec = {
            "cleaned": str(folder),
            "templates": str(work.scratch / f"templates-{name}.parquet"),
            "backend": work.settings.language_backend,
            "seed": work.settings.language_seed,
            "version": VERSION,
        }
        n_records = sum(len(one) for one in records)
        jobs.append(work.job("finish", f"{number:04d}", work.state / "finish" / name, spec, n_records))
    return _do(work, jobs, results)


def _assemble(
    work: _Work, finished: Sequence[Path], verdicts: pa.Table, parent: Snapshot | None, results: list[JobResult]
) -> list[Path]:
    write_table(verdicts, work.scratch / "verdicts.parquet")
    columns = ["doc_id", "first_seen_at"]
    known = parent.table("documents", columns) if parent else DATASETS["documents"].empty_table().select(columns)
    write_table(known, work.scratch / "first_seen.parquet")
    jobs = []
    for number, folder in enumerate(finished, 1):
        name = f"{number:04d}"
        spec = {
            "name": name,
            "finished": str(folder),
            "duplicates": str(work.scratch / "verdicts.parquet"),
            "first_seen": str(work.scratch / "first_seen.parquet"),
            "started_at": _microseconds(work.started),
        }
        jobs.append(work.job("assemble", name, work.scratch / "assemble" / name, spec, 1))
    return _do(work, jobs, results)


def _do(work: _Work, jobs: Sequence[Job], results: list[JobResult]) -> list[Path]:
    done = work.runner(jobs)
    results += done
    return [Path(one.folder) for one in done]


def _settle(
    work: _Work,
    inputs: Sequence[RawInput],
    left_out: Sequence[LeftOut],
    assembled: Sequence[Path],
    parent: Snapshot | None,
) -> Outcomes:
    def paths(dataset: str) -> Iterator[str]:
        for folder in assembled:
            for part in chunk_names(folder, dataset):
                yield from pq.read_table(part, columns=["path"])["path"].to_pylist()

    seen = parent.table("quarantine", ["path", "member", "first_seen_at"]) if parent else None
    columns = [] if seen is None else [seen["path"].to_pylist(), seen["member"].to_pylist()]
    times = [] if seen is None else seen["first_seen_at"].cast(pa.int64()).to_pylist()
    return settle(
        inputs=inputs,
        left_out=left_out,
        documents=paths("documents"),
        duplicates=paths("duplicates"),
        first_seen=dict(zip(zip(*columns, strict=True), times, strict=True)) if columns else {},
        started_at=_microseconds(work.started),
    )


def _collection(work: _Work, finished: Sequence[Path], left_out: Sequence[LeftOut]) -> str:
    """What the datasets depend on, clock and modification times aside: equal means there is nothing new."""
    gone = sorted((one.path, one.member or "", one.reason) for one in left_out)
    thresholds = [work.settings.near_jaccard, work.settings.near_containment]
    return fingerprint(SCHEMA_VERSION, VERSION, [folder.name for folder in finished], gone, thresholds)


def _forget(work: _Work, cleaned: Sequence[Path], finished: Sequence[Path], left_out: Sequence[LeftOut]) -> None:
    """Drop kept results that this run did not use, and those whose trouble may have passed by the next."""
    passing = {one.path for one in left_out if one.reason in _PASSING}
    for stage, used in (("clean", cleaned), ("finish", finished)):
        keep = {
            folder.name
            for folder in used
            if not passing & {one.path for one in (left_out_in([folder]) if passing else ())}
        }
        for folder in (work.state / stage).glob("*"):
            if folder.name not in keep:
                shutil.rmtree(folder)


def _stop_if_broken(left_out: Sequence[LeftOut], n_records: int) -> None:
    crashes = [one for one in left_out if one.reason == Reason.PARSER_CRASH.value]
    if len(crashes) >= _TOO_MANY_CRASHES and len(crashes) > n_records:
        raise InvariantError(
            f"{len(crashes)} records crashed their parser and only {n_records} were read, so nothing was published; "
            f"the first: {crashes[0].path}: {crashes[0].message}",
            mend="Check the installation: `make test`.",
        )


def _report(
    snapshot: Snapshot,
    published: bool,
    counts: Mapping[str, int],
    clock: _Clock,
    left_out: Sequence[LeftOut],
    results: Sequence[JobResult],
) -> RunReport:
    return RunReport(
        snapshot=snapshot,
        published=published,
        counts=counts,
        seconds=dict(clock.seconds),
        left_out=tuple(left_out),
        cpu_seconds=sum(one.cpu_seconds for one in results),
        peak_mb=max((one.peak_mb for one in results), default=0.0),
    )


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
