"""The run, written once: plain calls in order, over shards where a stage maps over them.

``run`` is given a *stage runner*, which does a list of jobs and gives back their results in the same order. The
command line's uses local child processes (``pipeline.local``), the flow's submits a Prefect task a shard.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.boilerplate.rules import load_choices, load_rules
from pipeline.boilerplate.site_choices import apply_choices
from pipeline.collection import Finished, deduplicate, verdict_fingerprints
from pipeline.errors import OutputError, WinnowError
from pipeline.jobs import Work, assemble_jobs, clean_jobs, drop_doubtful, finish_jobs
from pipeline.learning import Learned, learn, load_learned, save_learned
from pipeline.outcomes import (
    PASSING,
    FailedRun,
    LeftOut,
    Outcomes,
    RunReport,
    lasting,
    left_out_by_scan,
    left_out_in,
    quarantined_before,
    settle,
    stop_if_broken,
)
from pipeline.read.rawfile import portable_path
from pipeline.read.scan import ScannedFile, scan
from pipeline.report import FAILED, write_failure
from pipeline.safe_path import inside, take_nothing_from
from pipeline.schema import DATASETS
from pipeline.settings import Settings
from pipeline.shards.chunks import chunk_names, complete
from pipeline.shards.plan import Recipe, code_fingerprint, collection_fingerprint, fingerprint, recipe_of
from pipeline.store.check import check_parts, intact
from pipeline.store.lock import locked
from pipeline.store.packs import Pack, drop_others, seal, sites_in, take_packs
from pipeline.store.snapshots import SNAPSHOTS, Snapshot, drop_old, latest_or_none, publish, tidy
from pipeline.store.stage import (
    RunFacts,
    Staged,
    by_dataset,
    manifest_head,
    published_parts,
    runs_table,
    stage_assembled,
    stage_small,
)
from pipeline.supervise import Job, JobResult
from pipeline.text_safety import printable
from pipeline.types import RawInput

StageRunner = Callable[[Sequence[Job]], list[JobResult]]


@dataclass(slots=True)
class _Clock:
    """What a run has come to so far; tells ``on_stage`` which stage begins."""

    runner: StageRunner
    on_stage: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)  # wall clock, by stage
    begun: list[tuple[str, Path]] = field(default_factory=list)  # stage and folder of each job
    results: list[JobResult] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)  # by the scan

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.on_stage(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            pa.default_memory_pool().release_unused()  # what this stage held the next may need
            self.seconds[name] = round(time.perf_counter() - start, 3)

    def do(self, jobs: Sequence[Job]) -> list[Path]:
        """Have jobs done; the folders of their results."""
        self.begun += [(job.stage, Path(job.folder)) for job in jobs]
        results = self.runner(jobs)
        self.results += results
        return [Path(one.folder) for one in results]

    def failed(self, error: BaseException, started: datetime) -> FailedRun:
        """What is known when the run fails. Raises OSError."""
        done = [(stage, folder) for stage, folder in self.begun if complete(folder)]
        n_done = Counter(stage for stage, _ in done)
        shards = {stage: (n_done[stage], n) for stage, n in Counter(stage for stage, _ in self.begun).items()}
        found = [one for stage, folder in done if stage != "assemble" for one in left_out_in(folder)]
        what = str(error) if isinstance(error, WinnowError) else f"{type(error).__name__}: {error}"
        return FailedRun(what, started, self.seconds, shards, (*self.left_out, *found))


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

    ``full`` forgets the results that earlier runs kept. Raises RawFolderError, RuleError, OutputError, WorkerError
    or InvariantError; whichever, the snapshot that was live stays live, and what is known of a run that had begun
    lies in ``failed.html`` in the output folder until the next run.
    """
    clock = _Clock(runner, on_stage)
    _keep_apart(raw, out)
    take_nothing_from(raw)
    load_rules(settings.rules)  # a broken rule stops the run before anything is read
    next(scan(raw, max_file_bytes=0))  # so does a raw folder that is missing or empty; nothing is hashed yet
    with locked(out):
        tidy(out)
        live = latest_or_none(out)
        before = live if live is None or not full or intact(live) else None
        work = Work(raw.absolute(), out.absolute(), settings, datetime.now(UTC), before)
        with _failing(work, clock):
            work.begin(full=full)
            with clock.stage("scan"):
                scanned = list(scan(raw, work.known_inputs(), max_file_bytes=settings.max_file_mb << 20))
            report = _run(work, scanned, clock, parent=None if full else before)
            shutil.rmtree(work.scratch)
    return report


def _keep_apart(raw: Path, out: Path) -> None:
    """Raise OutputError where a run would read what runs write, or nothing could be written under the name."""
    if inside(out, raw):
        raise OutputError(
            f"The output folder {printable(str(out))} is, or lies in, the raw folder {printable(str(raw))}.",
            mend="Choose one elsewhere: the next run would read what this one writes.",
        )
    for ours in (out / ".state", out / SNAPSHOTS):
        if inside(raw, ours):
            raise OutputError(
                f"The raw folder {printable(str(raw))} lies in {printable(str(ours))}, which a run writes.",
                mend="Name a folder of raw files.",
            )
    try:
        str(out.absolute()).encode()
    except UnicodeEncodeError:
        raise OutputError(
            f"The path of the output folder {printable(str(out))} is not valid UTF-8.", mend="Choose another folder."
        ) from None


@contextmanager
def _failing(work: Work, clock: _Clock) -> Iterator[None]:
    """Leave a page about the run for people when it fails, and none of an earlier one."""
    (work.out / FAILED).unlink(missing_ok=True)
    try:
        yield
    except BaseException as error:
        page = None
        with suppress(OSError, WinnowError, pa.ArrowException):  # the disk may be what failed
            page = write_failure(clock.failed(error, work.started), work.out)
        if page is None or not isinstance(error, WinnowError):
            raise
        raise type(error)(error.message, mend=f"{error.mend} What is known of the run: {page}".strip()) from error


def _run(work: Work, scanned: Sequence[ScannedFile], clock: _Clock, *, parent: Snapshot | None) -> RunReport:
    inputs = [one for one in scanned if isinstance(one, RawInput)]
    left_out = clock.left_out = left_out_by_scan(scanned)
    recipe, settings = recipe_of(work.settings), work.settings
    collection = collection_fingerprint(inputs, [(one.path, one.reason) for one in left_out], recipe, settings)
    if parent is not None and parent.manifest["collection"] == collection:
        _clear_up(work, parent, inputs)
        return _report(parent, False, parent.manifest["counts"], clock, [*left_out, *quarantined_before(parent)])
    with clock.stage("clean"):
        packs, failed = _clean(work, inputs, recipe, clock)
    with clock.stage("learn"):
        learned = _learn(work, packs)
    with clock.stage("finish"):
        finished = _finish(work, packs, learned, clock)
        failed += [x for pack, one in zip(packs, finished, strict=True) for x in left_out_in(one.folder, pack.live)]
        _stop_if_broken(failed, packs)
        left_out = [*left_out, *failed]
    with clock.stage("dedup"):
        verdicts = deduplicate(finished, jaccard=settings.near_jaccard, containment=settings.near_containment)
    with clock.stage("assemble"):
        keys = _assembly_keys(finished, verdict_fingerprints(finished, verdicts))
        known = published_parts(parent)
        missing = [n for n, key in enumerate(keys) if key not in known]
        jobs = assemble_jobs(work, [finished[n] for n in missing], verdicts, work.before)
        made = dict(zip(missing, map(stage_assembled, clock.do(jobs)), strict=True))
        assembled = {key: made.get(n) or known.get(key, []) for n, key in enumerate(keys)}
        outcomes = _settle(work, inputs, left_out, assembled)
    with clock.stage("check"):
        staged = _stage(work, assembled, outcomes, clock)
        new = [by_dataset(one) for one in made.values()]
        check_parts(by_dataset(staged), new, threads=settings.n_workers, spill=work.scratch)
    with clock.stage("publish"):
        facts = RunFacts(work.started, outcomes.counts, settings)
        manifest = manifest_head(facts, collection=collection if lasting(left_out) else "", assembled=assembled)
        manifest["raw"] = portable_path(str(work.raw))  # what lies there is no setting of anybody's
        manifest["state"] = {"packs": [one.name for one in packs], "finished": [one.folder.name for one in finished]}
        snapshot = publish(work.out, staged, manifest=manifest, keep=settings.keep_snapshots)
        _clear_up(work, snapshot, inputs)
    return _report(snapshot, True, outcomes.counts, clock, left_out)


def _clear_up(work: Work, snapshot: Snapshot, inputs: Sequence[RawInput]) -> None:
    """What follows publishing; when a run was killed before its end, the next run does it."""
    work.keep_inputs(inputs)
    drop_old(work.out, work.settings.keep_snapshots)
    state = snapshot.manifest.get("state", {})
    for folder, name in ((work.packs, "packs"), (work.finished, "finished")):
        if name in state:
            drop_others(folder, state[name])


def _clean(work: Work, inputs: Sequence[RawInput], recipe: Recipe, clock: _Clock) -> tuple[list[Pack], list[LeftOut]]:
    """Packs with the cleaned records of every input, those of earlier runs and new ones, and what they left out."""
    drop_doubtful(work)
    packs, rest = take_packs(work.packs, inputs, made_with=recipe.made_with, rules_of=recipe.rules_of)
    jobs, shards = clean_jobs(work, rest, recipe)
    fresh = []
    for folder, shard in zip(clock.do(jobs), shards, strict=True):
        files = {one.path: one.sha256 for one in shard.inputs}
        fresh.append(Pack(folder, files, frozenset(files)))
    packs = sorted([*packs, *fresh], key=lambda pack: pack.name)
    left_out = [one for pack in packs for one in left_out_in(pack.folder, pack.live)]
    _stop_if_broken(left_out, packs)
    passing = {one.path for one in left_out if one.reason in PASSING}
    for pack in fresh:
        rules = {site: recipe.rules_of(site) for site in sites_in(pack.folder)}
        files = {path: "" if path in passing else sha256 for path, sha256 in pack.files.items()}
        seal(pack.folder, made_with=recipe.made_with, rules=rules, files=files)
    return packs, left_out


def _learn(work: Work, packs: Sequence[Pack]) -> Learned:
    settings = work.settings
    made_with = fingerprint(code_fingerprint(), settings.template_documents, settings.template_share)
    before = load_learned(work.state, made_with)
    learned = learn(
        packs,
        before,
        min_documents=settings.template_documents,
        min_share=settings.template_share,
        spill=work.scratch / "learn",
    )
    save_learned(learned, work.state, made_with)
    choices = load_choices(settings.rules)
    return replace(learned, templates=apply_choices(learned.templates, learned.sites, choices))


def _finish(work: Work, packs: Sequence[Pack], learned: Learned, clock: _Clock) -> list[Finished]:
    folders = clock.do(finish_jobs(work, packs, learned))
    return [Finished(folder, pack.dead_ids()) for folder, pack in zip(folders, packs, strict=True)]


def _assembly_keys(finished: Sequence[Finished], verdicts: Sequence[str]) -> list[str]:
    """By pack, the fingerprint of all that its parts depend on: finished rows, live ones, verdicts on them."""
    return [fingerprint(one.folder.name, said) for one, said in zip(finished, verdicts, strict=True)]


def _settle(
    work: Work, inputs: Sequence[RawInput], left_out: Sequence[LeftOut], assembled: Mapping[str, Staged]
) -> Outcomes:
    def paths(dataset: str) -> Iterator[str]:
        for part, file in (one for staged in assembled.values() for one in staged):
            if part.dataset == dataset:
                yield from pq.read_table(file, columns=["path"])["path"].to_pylist()

    return settle(
        inputs=inputs,
        left_out=left_out,
        documents=paths("documents"),
        duplicates=paths("duplicates"),
        parent=work.before,
        started_at=work.started_at,
    )


def _stage(work: Work, assembled: Mapping[str, Staged], outcomes: Outcomes, clock: _Clock) -> Staged:
    """Every part of the snapshot to be, at least one a dataset, with the file that holds it."""
    staged = [one for parts in assembled.values() for one in parts]
    there = {part.dataset for part, _ in staged}
    facts = RunFacts(work.started, outcomes.counts, work.settings)
    small = {name: schema.empty_table() for name, schema in DATASETS.items() if name not in there}
    small |= {"inputs": outcomes.inputs, "quarantine": outcomes.quarantine}
    small["runs"] = runs_table(facts, seconds=clock.seconds, parent=work.before)
    return [*staged, *stage_small(small, work.scratch / "parts")]


def _stop_if_broken(left_out: Sequence[LeftOut], packs: Sequence[Pack]) -> None:
    chunks = (chunk for one in packs for chunk in chunk_names(one.folder, "records"))
    stop_if_broken(left_out, sum(pq.read_metadata(chunk).num_rows for chunk in chunks))


def _report(
    snapshot: Snapshot, published: bool, counts: Mapping[str, int], clock: _Clock, left_out: Sequence[LeftOut]
) -> RunReport:
    return RunReport(
        snapshot=snapshot,
        published=published,
        counts=counts,
        seconds=dict(clock.seconds),
        left_out=tuple(left_out),
        cpu_seconds=sum(one.cpu_seconds for one in clock.results),
        peak_mb=max((one.peak_mb for one in clock.results), default=0.0),
    )
