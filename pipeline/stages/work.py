"""What a run keeps where, and the tasks of its stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import index_templates
from pipeline.errors import version
from pipeline.read.limits import ReadLimits
from pipeline.settings import Settings
from pipeline.stages.learn import Learned, hits_in
from pipeline.stages.outcomes import RUNS_IN_A_ROW, left_out_in, passing
from pipeline.stages.tasks import AssembleTask, CleanTask, FinishTask
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
from pipeline.store.fingerprint import Dependencies, clean_fingerprint, fingerprint, limits_of, table_fingerprint
from pipeline.store.layout import FINISHED, INPUTS_KEPT, LEARNED, PACKS, RUN, STATE
from pipeline.store.marks import has_mark, make_marked, remove_ours, unoccupied
from pipeline.store.memory import Memory
from pipeline.store.snapshots import Snapshot
from pipeline.store.state import FinishedPack, Pack, results_in, sealed
from pipeline.types import RawInput
from pipeline.workers.machine import Fitted
from pipeline.workers.supervise import given_up_in
from pipeline.workers.task import Limits

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


#: What a file costs beside its bytes, in bytes of a page: a text of 4 KB takes about as long as 36 KB of HTML.
FILE_BYTES = 32 << 10
#: What shards come to where there is little work, in bytes with FILE_BYTES for each file: each child begins cold.
SMALL_SHARD = 16 << 20


def make_shards(
    inputs: Sequence[RawInput], *, max_bytes: int, max_files: int, workers: int = 1
) -> list[tuple[RawInput, ...]]:
    """Cut the files, in path order, into shards of at most so many bytes and files (one file at least).

    They are a power of two, at least two for each worker if there is work for as many, and all take about as long: so no
    worker waits. Whether there are one, two, three or four workers, the cut is the same, as it is for five to eight: a run
    that was killed goes on with fewer of them and finds its shards.
    """
    left = sum(one.size + FILE_BYTES for one in inputs)
    n = min(2 ** round(math.log2(max(left / SMALL_SHARD, 1))), 2 << (max(workers, 4) - 1).bit_length())
    groups: list[list[RawInput]] = []
    size = cost = share = 0
    for one in inputs:
        own = one.size + FILE_BYTES
        over = cost + own // 2 > share
        if not groups or len(groups[-1]) >= max_files or size + one.size > max_bytes or over:
            left -= cost
            share = left // max(n - len(groups), 1)
            groups.append([])
            size = cost = 0
        groups[-1].append(one)
        size, cost = size + one.size, cost + own
    return list(map(tuple, groups))


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
        return unoccupied(self.out / RUN)

    @property
    def packs(self) -> Path:
        """Cleaned records."""
        return self.out / PACKS

    @property
    def finished(self) -> Path:
        """Finished records."""
        return self.out / FINISHED

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
                (self.out / name).unlink(missing_ok=True)
        self.end()
        make_marked(self.scratch, "results")

    def end(self) -> None:
        """Delete what only this run needed."""
        if has_mark(self.scratch):
            remove_ours(self.scratch, RESULTS)

    @property
    def limits(self) -> Limits:
        """What a child may use in this run."""
        return Limits(self.fitted.memory_mb, self.settings.record_seconds, self.fitted.first_mb)

    def known_inputs(self) -> dict[str, RawInput]:
        """The files of the last run by path: one of the same size, times and inode need not be hashed again.

        A file that was written while that run looked may have changed since within one tick of its clock.
        Raises DamagedError.
        """
        kept = kept_table(self.out / INPUTS_KEPT)
        if kept is None or kept[0].schema != _KNOWN:
            return {}
        return {row["path"]: RawInput(**row) for row in kept[0].to_pylist()}

    def keep_inputs(self, inputs: Sequence[RawInput]) -> None:
        """Note the files of this run for the next."""
        settled = self.started_at * 1000 - _TICK_NS
        kept = [one for one in inputs if max(one.mtime_ns, one.ctime_ns) < settled]
        columns = {name: [getattr(one, name) for one in kept] for name in _KNOWN.names}
        keep_table(pa.table(columns, schema=_KNOWN), self.out / INPUTS_KEPT, {})

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
            if not live and proven(folder) and given_up_in(folder).num_rows:
                remove_ours(folder, RESULTS)


def given_up_names(folder: Path) -> list[tuple[str, str | None]]:
    """Path and member of what a finished task gave up: its result depends on chance in nothing else."""
    return sorted(((row["path"], row["member"]) for row in given_up_in(folder).to_pylist()), key=str)


def clean_tasks(work: Work, inputs: Sequence[RawInput], depends_on: Dependencies) -> list[CleanTask]:
    """A task a shard of the files that have to be cleaned."""
    settings = work.settings
    copies = {path: copy for path, copy in work.copies().items() if copy.exists()}
    at_most = {"max_bytes": settings.shard_mb << 20, "max_files": settings.shard_files}
    shards = make_shards(inputs, **at_most, workers=work.fitted.workers)
    tasks = []
    for number, shard in enumerate(shards, 1):
        folder = unoccupied(work.packs / clean_fingerprint(shard, depends_on))
        if folder.exists() and not _resumable(folder):
            remove_ours(folder, RESULTS)
        task = CleanTask(
            name=f"{number:04d}",
            folder=folder,
            limits=work.limits,
            raw=work.raw,
            inputs=shard,
            read=ReadLimits(**limits_of(settings)),
            rules=None if settings.rules is None else settings.rules.absolute(),
            copies=tuple((one.path, copies[one.path]) for one in shard if one.path in copies),
        )
        tasks.append(task)
    return tasks


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


def finish_tasks(work: Work, packs: Sequence[Pack], learned: Learned) -> list[FinishTask]:
    """A task a pack; its result is known by the pack and what it gave up, its templates, and the language backend."""
    backend, seed = work.settings.language_backend, work.settings.language_seed
    index, earlier = index_templates(learned.templates), _finished_before(work)
    tasks = []
    for number, pack in enumerate(packs, 1):
        hits = hits_in(pack, index)
        n_rows = {one.name: pq.read_metadata(one).num_rows for one in chunk_names(pack.folder, "records")}
        given_up, n_records = given_up_names(pack.folder), sum(n_rows.values())
        language = {"backend": backend, "seed": seed}
        name = fingerprint(pack.name, n_records, given_up, table_fingerprint(hits), language)
        templates = work.scratch / f"templates-{name}.parquet"
        write_table(hits, templates)
        task = FinishTask(
            name=f"{number:04d}",
            folder=work.finished / name,
            limits=work.limits,
            n_records=n_records,
            cleaned=pack.folder,
            templates=templates,
            backend=backend,
            seed=seed,
            version=version(),
            made_of=fingerprint(n_rows, given_up),
            earlier=earlier.get(pack.name),
        )
        tasks.append(task)
    return tasks


def _finished_before(work: Work) -> dict[str, Path]:
    """By pack, where the live snapshot's finished records of it lie."""
    state = work.before.manifest.get("state", {}) if work.before else {}
    folders = (
        (pack, work.finished / name)
        for pack, name in zip(state.get("packs", ()), state.get("finished", ()), strict=True)
    )
    return {pack: folder for pack, folder in folders if complete(folder)}


def assemble_tasks(
    work: Work, finished: Sequence[FinishedPack], verdicts: pa.Table, memory: Memory
) -> list[AssembleTask]:
    """A task a pack whose parts are not published yet, or are damaged."""
    duplicates, first_seen = work.scratch / "verdicts.parquet", work.scratch / "first_seen.parquet"
    write_table(verdicts, duplicates)
    files = (file for one in finished for file in chunk_names(one.folder, "documents"))
    rows = read_columns(list(files), ["doc_id", "path"]) if memory.since is not None else None
    known = memory.documents if rows is None else memory.first_seen(rows)
    write_table(known, first_seen)
    return [
        AssembleTask(
            name=f"{number:04d}",
            folder=work.scratch / "assemble" / f"{number:04d}",
            limits=work.limits,
            finished=one.folder,
            duplicates=duplicates,
            first_seen=first_seen,
            started_at=work.started_at,
            dead=tuple(one.dead),
        )
        for number, one in enumerate(finished, 1)
    ]
