"""The run, written once: plain calls in order, over shards where a stage maps over them.

``run`` is given a *runner*, which does a list of tasks and gives back their results in the same order. The command
line's uses local child processes (``pipeline.local``), the flow's submits a Prefect task a shard.
"""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.rule_format import apply_choices, choices_of
from pipeline.boilerplate.rules import load_choices, load_rules
from pipeline.errors import OutputError, RawFolderError, SnapshotError, WinnowError
from pipeline.metrics import keep_metrics
from pipeline.read.scan import ScannedFile, portable_path, scan
from pipeline.report import drop_failure, write_failure
from pipeline.safe_path import inside, is_address, take_nothing_from
from pipeline.schema import DATASETS
from pipeline.settings import Settings
from pipeline.stages.dedup import deduplicate, verdict_fingerprints
from pipeline.stages.learn import Learned, learn, load_learned, save_learned
from pipeline.stages.outcomes import (
    FailedRun,
    FileChanges,
    Outcomes,
    RunReport,
    changing_files,
    file_changes,
    left_out_by_scan,
    left_out_in,
    passing,
    quarantined_before,
    settle,
    stop_if_broken,
    with_runs,
)
from pipeline.stages.publish import (
    RunFacts,
    Staged,
    by_dataset,
    manifest_head,
    published_parts,
    runs_table,
    stage_assembled,
    stage_small,
)
from pipeline.stages.retry import FELL_TO, done, files_to_retry, pending
from pipeline.stages.work import (
    Work,
    assemble_tasks,
    clean_tasks,
    drop_doubtful,
    finish_tasks,
    given_up_names,
    set_apart,
)
from pipeline.store.check import check_parts, in_place
from pipeline.store.claim import locked
from pipeline.store.files import DamagedError, chunk_names, complete
from pipeline.store.fingerprint import (
    Dependencies,
    code_fingerprint,
    collection_fingerprint,
    dependencies_of,
    fingerprint,
)
from pipeline.store.layout import SNAPSHOTS, STATE, check_path
from pipeline.store.left_out import LEFT_OUT, gathered
from pipeline.store.memory import Memory, recall
from pipeline.store.snapshots import Snapshot, drop_old, live_or_salvaged, publish, same_schema, tidy
from pipeline.store.state import FinishedPack, Pack, drop_others, forget, seal, sites_in, take_packs
from pipeline.text.safety import printable
from pipeline.types import RawInput
from pipeline.workers.machine import fitted
from pipeline.workers.task import Task, TaskResult

Runner = Callable[[Sequence[Task]], list[TaskResult]]


@dataclass(slots=True)
class _Course:
    """What a run has come to so far; tells ``on_stage`` which stage begins."""

    runner: Runner
    on_stage: Callable[[str], None]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    cpu_before: float = field(default_factory=time.process_time)
    seconds: dict[str, float] = field(default_factory=dict)  # wall clock, by stage
    begun: list[tuple[str, Path]] = field(default_factory=list)  # stage and folder of each task
    results: list[TaskResult] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)  # sentences for people
    left_out: pa.Table = field(default_factory=LEFT_OUT.empty_table)  # by the scan

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.on_stage(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            pa.default_memory_pool().release_unused()  # what this stage held the next may need
            self.seconds[name] = round(time.perf_counter() - start, 3)

    def say(self, sentence: str) -> None:
        """Have a sentence told with the run's report, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    def say_damaged(self, files: Iterable[Path]) -> None:
        """Have it told that files of earlier runs were damaged and what they held is made anew."""
        found = sorted(files)
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            self.say(f"{found[0]}{more}: not as it was written; what it held was made anew.")

    @contextmanager
    def anew(self) -> Iterator[None]:
        """Go on without what was kept when it is damaged, and have that told."""
        try:
            yield
        except DamagedError as error:
            self.say(f"{error.message} It was made anew.")

    def do(self, tasks: Sequence[Task]) -> list[Path]:
        """Have tasks done; the folders of their results."""
        self.begun += [(task.stage, task.folder) for task in tasks]
        results = self.runner(tasks)
        self.results += results
        self.say_damaged(one.damaged for one in results if one.damaged)
        return [one.folder for one in results]

    def failed(self, error: BaseException, started: datetime) -> FailedRun:
        """What is known when the run fails. Raises OSError."""
        done = [(stage, folder) for stage, folder in self.begun if complete(folder)]
        n_done = Counter(stage for stage, _ in done)
        shards = {stage: (n_done[stage], n) for stage, n in Counter(stage for stage, _ in self.begun).items()}
        found = (left_out_in(folder) for stage, folder in done if stage != "assemble")
        what = str(error) if isinstance(error, WinnowError) else f"{type(error).__name__}: {error}"
        return FailedRun(what, started, self.seconds, shards, gathered([self.left_out, *found]))


def run(
    raw: Path,
    out: Path,
    *,
    settings: Settings,
    runner: Runner,
    full: bool = False,
    on_stage: Callable[[str], None] = lambda name: None,
) -> RunReport:
    """Clean the raw folder into a new snapshot of the output folder, unless nothing is new.

    ``full`` forgets the results that earlier runs kept. Raises RawFolderError, RuleError, OutputError, WorkerError
    or InvariantError; whichever, the snapshot that was live stays live, and what is known of a run that had begun
    lies in ``failed.html`` in the output folder until the next run.
    """
    course = _Course(runner, on_stage)
    _keep_apart(raw, out)
    take_nothing_from(raw)
    load_rules(settings.rules)  # a broken rule stops the run before anything is read
    next(scan(raw, max_file_bytes=0))  # so does a raw folder that is missing or empty; nothing is hashed yet
    with locked(out, like=raw) as said:
        for sentence in (*said, *tidy(out)):
            course.say(sentence)
        before = live_or_salvaged(out)
        reusable = before is not None and same_schema(before)  # else its parts lack columns: all are made again
        work = Work(raw.absolute(), out.absolute(), settings, course.started, fitted(settings), before)
        for sentence in work.fitted.notices:
            course.say(sentence)
        with _failing(work, course):
            work.begin(full=full)
            known: Mapping[str, RawInput] = {}
            with course.stage("scan"):
                with course.anew():
                    known = work.known_inputs()
                most = settings.max_file_mb << 20
                scanned = list(scan(raw, known, copies=work.copies(), max_file_bytes=most))
            report = _run(work, scanned, course, parent=before if reusable and not full else None)
            work.end()
        if lost := keep_metrics(report, work.out):
            report = replace(report, notices=(*report.notices, lost))
    return report


def _keep_apart(raw: Path, out: Path) -> None:
    """Raise OutputError where a run would read what runs write, or nothing could be written under the name.

    Raises RawFolderError when the raw folder is no folder of this machine.
    """
    if is_address(str(raw)):
        raise RawFolderError(
            f"{printable(str(raw))} is an address, and a run reads a folder of this machine alone.",
            mend="Fetch or mount it, then name the folder.",
        )
    if out.exists() and not out.is_dir():
        raise OutputError(f"The output folder {printable(str(out))} is a file.", mend="Name a new or an empty folder.")
    if inside(out, raw):
        raise OutputError(
            f"The output folder {printable(str(out))} is, or lies in, the raw folder {printable(str(raw))}.",
            mend="Choose one elsewhere: the next run would read what this one writes.",
        )
    for ours in (out / STATE, out / SNAPSHOTS):
        if inside(raw, ours):
            raise OutputError(
                f"The raw folder {printable(str(raw))} lies in {printable(str(ours))}, which a run writes.",
                mend="Name a folder of raw files.",
            )
    check_path(out)


@contextmanager
def _failing(work: Work, course: _Course) -> Iterator[None]:
    """Leave a page about the run for people when it fails, and none of an earlier one."""
    drop_failure(work.out)
    try:
        yield
    except BaseException as error:
        page = None
        with suppress(OSError, WinnowError, pa.ArrowException):  # the disk may be what failed
            page = write_failure(course.failed(error, work.started), work.out)
        if page is None or not isinstance(error, WinnowError):
            raise
        raise type(error)(error.message, mend=f"{error.mend} What is known of the run: {page}".strip()) from error


def _run(work: Work, scanned: Sequence[ScannedFile], course: _Course, *, parent: Snapshot | None) -> RunReport:
    inputs = [one for one in scanned if isinstance(one, RawInput)]
    left_out = course.left_out = left_out_by_scan(scanned)
    depends_on, settings = dependencies_of(work.settings), work.settings
    collection = collection_fingerprint(inputs, _names_and_reasons(left_out), depends_on, settings)
    again: frozenset[str] = frozenset()
    if parent is not None:
        again = files_to_retry(parent, work.limits, pending(work.out), (one.path for one in inputs))
    if parent is not None and parent.manifest["collection"] == collection and in_place(parent) and not again:
        _clear_up(work, parent, inputs)
        before = quarantined_before(parent)
        return _report(parent, False, parent.manifest["counts"], course, before, FileChanges())
    with course.stage("clean"):
        forget(work.packs, again)
        packs, failed = _clean(work, inputs, depends_on, course)
    with course.stage("learn"):
        learned = _learn(work, packs, course)
    with course.stage("finish"):
        finished = _finish(work, packs, learned, course)
        later = (left_out_in(one.folder, pack.live) for pack, one in zip(packs, finished, strict=True))
        failed = gathered([failed, *later])
        _stop_if_broken(failed, packs)
        copied = [path for path, copy in work.copies().items() if copy.exists()]
        left_out = gathered([left_out, failed])
        changing, notices = changing_files(left_out, work.changing, copied)
        left_out = with_runs(left_out, changing)
        for sentence in notices:
            course.say(sentence)
    with course.stage("dedup"):
        verdicts = deduplicate(finished, jaccard=settings.near_jaccard, containment=settings.near_containment)
    with course.stage("assemble"):
        keys = _assembly_keys(finished, verdict_fingerprints(finished, verdicts))
        memory = recall(work.out, work.before)
        course.say_damaged(memory.damaged)
        known = published_parts(parent, memory.damaged)
        missing = [n for n, key in enumerate(keys) if key not in known]
        tasks = assemble_tasks(work, [finished[n] for n in missing], verdicts, memory)
        made = dict(zip(missing, map(stage_assembled, course.do(tasks)), strict=True))
        assembled = {key: made[n] if n in made else known[key] for n, key in enumerate(keys)}
        outcomes = _settle(work, inputs, left_out, assembled, memory)
    with course.stage("check"):
        staged = _stage(work, assembled, outcomes, course, memory)
        new = [by_dataset(one) for slices in made.values() for one in slices]
        check_parts(by_dataset(staged), new, threads=work.fitted.workers, spill=work.scratch)
    with course.stage("publish"):
        facts = RunFacts(work.started, outcomes.counts, settings)
        manifest = manifest_head(facts, collection="" if passing(left_out) else collection, assembled=assembled)
        manifest["changing"] = changing
        manifest["limits"] = {name: getattr(work.limits, name) for name in FELL_TO}
        manifest["raw"] = portable_path(str(work.raw))  # what lies there is no setting of anybody's
        manifest["state"] = {"packs": [one.name for one in packs], "finished": [one.folder.name for one in finished]}
        snapshot = publish(work.out, staged, manifest=manifest, keep=settings.keep_snapshots)
        _clear_up(work, snapshot, inputs)
    return _report(snapshot, True, outcomes.counts, course, left_out, _changes(work.before, snapshot))


def _changes(before: Snapshot | None, now: Snapshot) -> FileChanges | None:
    """What is new, changed or gone; None where the snapshot before is damaged."""
    with suppress(SnapshotError):
        return file_changes(before, now)
    return None


def _clear_up(work: Work, snapshot: Snapshot, inputs: Sequence[RawInput]) -> None:
    """What follows publishing; when a run was killed before its end, the next run does it."""
    work.keep_inputs(inputs)
    done(work.out)
    drop_old(work.out, work.settings.keep_snapshots)
    state = snapshot.manifest.get("state", {})
    for folder, name in ((work.packs, "packs"), (work.finished, "finished")):
        if name in state:
            drop_others(folder, state[name])


def _clean(
    work: Work, inputs: Sequence[RawInput], depends_on: Dependencies, course: _Course
) -> tuple[list[Pack], pa.Table]:
    """Packs with the cleaned records of every input, those of earlier runs and new ones, and what they left out."""
    drop_doubtful(work)
    packs, rest, damaged = take_packs(
        work.packs, inputs, made_with=depends_on.made_with, site_rules=depends_on.site_rules
    )
    course.say_damaged(damaged)
    tasks = clean_tasks(work, rest, depends_on)
    fresh = []
    for folder, task in zip(course.do(tasks), tasks, strict=True):
        files = {one.path: one.sha256 for one in task.inputs}
        fresh.append(Pack(set_apart(folder), files, frozenset(files)))
    packs = sorted([*packs, *fresh], key=lambda pack: pack.name)
    left_out = gathered(left_out_in(pack.folder, pack.live) for pack in packs)
    _stop_if_broken(left_out, packs)
    again = passing(left_out)
    for pack in fresh:
        files = {path: "" if path in again else sha256 for path, sha256 in pack.files.items()}
        seal(pack.folder, made_with=depends_on.made_with, site_rules=depends_on.site_rules, files=files)
    return packs, left_out


def _learn(work: Work, packs: Sequence[Pack], course: _Course) -> Learned:
    settings = work.settings
    made_with = fingerprint(code_fingerprint(), settings.template_documents, settings.template_share)
    before = None
    with course.anew():
        before = load_learned(work.out, made_with)
    learned = learn(
        packs,
        before,
        min_documents=settings.template_documents,
        min_share=settings.template_share,
        spill=work.scratch / "learn",
    )
    save_learned(learned, work.out, made_with)
    choices = load_choices(settings.rules)
    sites = {site for pack in packs for site in sites_in(pack.folder) if choices_of(choices, site)} if choices else ()
    return replace(learned, templates=apply_choices(learned.templates, sites, choices))


def _finish(work: Work, packs: Sequence[Pack], learned: Learned, course: _Course) -> list[FinishedPack]:
    folders = course.do(finish_tasks(work, packs, learned))
    return [FinishedPack(folder, pack.dead_ids()) for folder, pack in zip(folders, packs, strict=True)]


def _assembly_keys(finished: Sequence[FinishedPack], verdicts: Sequence[str]) -> list[str]:
    """By pack, the fingerprint of all that its parts depend on: finished rows, live ones, verdicts on them."""
    return [
        fingerprint(one.folder.name, given_up_names(one.folder), said)
        for one, said in zip(finished, verdicts, strict=True)
    ]


def _settle(
    work: Work,
    inputs: Sequence[RawInput],
    left_out: pa.Table,
    assembled: Mapping[str, Sequence[Staged]],
    memory: Memory,
) -> Outcomes:
    def by_path(dataset: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for part, file in _parts(assembled):
            if part.dataset == dataset:
                counted = pc.value_counts(pq.read_table(file, columns=["path"])["path"])
                found.update(
                    dict(zip(*(counted.field(name).to_pylist() for name in ("values", "counts")), strict=True))
                )
        return found

    return settle(
        inputs=inputs,
        left_out=left_out,
        documents=by_path("documents"),
        duplicates=by_path("duplicates"),
        memory=memory,
        started_at=work.started_at,
    )


def _parts(assembled: Mapping[str, Sequence[Staged]]) -> Staged:
    return [one for slices in assembled.values() for staged in slices for one in staged]


def _stage(
    work: Work, assembled: Mapping[str, Sequence[Staged]], outcomes: Outcomes, course: _Course, memory: Memory
) -> Staged:
    """Every part of the snapshot to be, at least one a dataset, with the file that holds it."""
    staged = _parts(assembled)
    there = {part.dataset for part, _ in staged}
    facts = RunFacts(work.started, outcomes.counts, work.settings)
    small = {name: schema.empty_table() for name, schema in DATASETS.items() if name not in there}
    small |= {"inputs": outcomes.inputs, "quarantine": outcomes.quarantine}
    small["runs"] = runs_table(facts, seconds=course.seconds, before=memory.runs)
    return [*staged, *stage_small(small, work.scratch / "parts")]


def _names_and_reasons(left_out: pa.Table) -> list[tuple[str, str]]:
    return list(zip(left_out["path"].to_pylist(), left_out["reason"].to_pylist(), strict=True))


def _stop_if_broken(left_out: pa.Table, packs: Sequence[Pack]) -> None:
    chunks = (chunk for one in packs for chunk in chunk_names(one.folder, "records"))
    stop_if_broken(left_out, sum(pq.read_metadata(chunk).num_rows for chunk in chunks))


def _report(
    snapshot: Snapshot,
    published: bool,
    counts: Mapping[str, int],
    course: _Course,
    left_out: pa.Table,
    changes: FileChanges | None,
) -> RunReport:
    return RunReport(
        snapshot=snapshot,
        published=published,
        counts=counts,
        seconds=dict(course.seconds),
        left_out=left_out,
        cpu_seconds=sum(one.cpu_seconds for one in course.results),
        peak_mb=max((one.peak_mb for one in course.results), default=0.0),
        notices=tuple(course.notices),
        changes=changes,
        started=course.started,
        run_cpu_seconds=time.process_time() - course.cpu_before,
        run_peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
