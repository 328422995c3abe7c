"""Run a stage over a shard in child processes, so that a record that kills its parser costs itself alone.

A child that dies leaves nothing but what it noted as safe, and is followed by others: one for the records before the
suspect that were not yet safe, one for the suspect alone, one for the rest. A suspect that dies twice is given up with
the reason. A second try has all of ``memory_mb``, where the first had to share the machine's memory with others.
Start-up is charged to nobody: a ``Nursery`` has everything imported before it forks the child.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import Reason, Rejection, WinnowError
from pipeline.store.files import RESULTS, chunk_place, damaged_files, disk_errors, note_contents, proven, write_table
from pipeline.store.left_out import left_out_table
from pipeline.store.marks import make_marked, remove_ours, unoccupied
from pipeline.types import Place
from pipeline.workers.journal import ERROR_FILE, WORKING, Noted, Span
from pipeline.workers.nursery import CHECK, HERE, Ended, Nursery, StoppedError, WorkerError
from pipeline.workers.task import Limits, Task, TaskResult

#: Times that children may die on no record, one after the other, before the run is given up: somebody's kill -9 is
#: not a broken machine.
MAX_LOST = 3
#: Records of a shard that are given up before any is read, until a page of our own tells whether they are to blame.
SUSPICIOUS = 20
GIVEN_UP = "given_up.parquet"
#: Failed shards that are named in an error.
MAX_NAMED = 20


def run_task(task: Task, on_progress: Callable[[int], None] = lambda n: None) -> TaskResult:
    """Run a task to its end in a nursery of this process; as ``supervise``."""
    with HERE.borrowed(task) as one:
        return supervise(task, one, on_progress)


def supervise(task: Task, one: Nursery, on_progress: Callable[[int], None] = lambda n: None) -> TaskResult:
    """Run a task to its end, unless its results are there; ``on_progress`` is told how many more records were begun.

    Raises WorkerError when no record is to blame for a failure, OutputError when the disk refuses, StoppedError when
    the nursery was closed.
    """
    folder = unoccupied(task.folder)
    if proven(folder):
        return TaskResult(folder, 0.0, 0.0, 0, reused=True)
    damaged = next(damaged_files(folder), None)
    with disk_errors(folder.parent):
        for leftover in (folder, unoccupied(folder.with_name(f"{folder.name}.tmp"))):
            if leftover.exists():
                remove_ours(leftover, RESULTS)
        folder, work = unoccupied(folder), unoccupied(folder.with_name(f"{folder.name}.tmp"))
        make_marked(work, "results")
        given_up, ends = _run_spans(task, work, one, on_progress)
        write_table(left_out_table(given_up), work / GIVEN_UP)
        for leftover in work.glob("journal-*"):
            leftover.unlink()
        note_contents(work)
        work.rename(folder)
    cpu, peak = sum(end.cpu_seconds for end in ends), max(end.peak_mb for end in ends)
    return TaskResult(folder, cpu, peak, n_deaths=sum(not end.fine for end in ends), damaged=damaged)


def failure(tasks: Sequence[Task], outcomes: Sequence[TaskResult | BaseException]) -> BaseException | None:
    """The one error that says why a stage failed, and in which shards; None when all its tasks were done.

    ``outcomes`` has the result or the error of each task. Errors of tasks that were only stopped say nothing.
    """
    found = [(task, one) for task, one in zip(tasks, outcomes, strict=True) if isinstance(one, BaseException)]
    own = [(task, one) for task, one in found if not isinstance(one, StoppedError)]
    if not own:
        return found[0][1] if found else None
    bugs = [one for _, one in own if not isinstance(one, WinnowError)]
    first = bugs[0] if bugs else own[0][1]
    names = [task.name for task, _ in own]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    where = f"Stage {own[0][0].stage} failed in shard {', '.join(names[:MAX_NAMED])}{more}."
    if isinstance(first, WinnowError):
        return type(first)(f"{where} {first.message}", mend=first.mend)
    first.add_note(where)
    return first


def given_up_in(folder: Path) -> pa.Table:
    """The records that a finished task gave up, as LEFT_OUT."""
    return pq.read_table(folder / GIVEN_UP)


def _run_spans(
    task: Task, work: Path, one: Nursery, on_progress: Callable[[int], None]
) -> tuple[list[Rejection], list[Ended]]:
    """Go through the shard in order; what is still to do lies on a stack, the next span on top."""
    given_up: list[Rejection] = []
    results: list[Ended] = []
    limits = task.limits
    at_first = replace(limits, memory_mb=limits.first_mb or limits.memory_mb)
    todo: list[tuple[Span, bool]] = [(Span(), False)]
    n_lost = 0
    while todo:
        span, alone = todo.pop()
        limited = limits if alone or n_lost else at_first
        ended = one.run(task, work, span, limits=limited, number=len(results), on_progress=on_progress)
        results.append(ended)
        last = ended.follower.last
        if ended.fine or last.safe > span.start:
            n_lost = 0
        if ended.fine:
            continue
        _sweep(work, last.safe)
        found = _suspect(last, span)
        if found is None:
            n_lost += 1
            if n_lost >= MAX_LOST:
                raise _lost(ended, limited)
            todo.append((Span(max(last.safe, span.start), span.stop), alone))
            continue
        place, after = found
        if alone and place == span.start:
            given_up.append(_rejection(task, ended))
            if span.holds(after):  # it was alone with the rest of its file
                todo.append((Span(after, span.stop), False))
            if len(given_up) == SUSPICIOUS and not _any_done(work):
                results.append(_prove(task, work, one, number=len(results)))
            continue
        todo.append((Span(after, span.stop), False))
        todo.append((Span(place, after), True))
        if last.safe < place:
            todo.append((Span(last.safe, place), False))
    return given_up, results


def _sweep(work: Path, safe: Place) -> None:
    """Remove what a child that died had not noted as safe, so that nothing of it is counted beside what is made again.

    Spans are done in order: whatever begins at ``safe`` or later is that child's.
    """
    for file in work.iterdir():
        first = chunk_place(file)
        if file.suffix == ".tmp" or file.name == ERROR_FILE or (first is not None and first >= safe):
            file.unlink()


def _lost(ended: Ended, limits: Limits) -> WorkerError:
    """What to say when workers fail again and again, and on no record: the cause and its mend."""
    mends = {
        Reason.OUT_OF_MEMORY: f"Raise memory_mb (it is {limits.memory_mb}), then run again.",
        Reason.KILLED: "Free memory or set fewer workers, then run again.",
        Reason.TIMEOUT: f"Raise record_seconds (it is {limits.record_seconds}), then run again.",
    }
    mend = mends.get(ended.reason, f"Run again. {CHECK}")
    return WorkerError(f"Its workers failed, and on no record: {ended.cause}", mend=mend)


def _any_done(work: Path) -> bool:
    tables = (file for file in work.glob("*.parquet") if ".left_out." not in file.name)
    return any(pq.read_metadata(file).num_rows for file in tables)


def _prove(task: Task, work: Path, one: Nursery, *, number: int) -> Ended:
    """Have a child do a page of our own. Raises WorkerError when that cannot be done either."""
    folder = work / "probe"
    folder.mkdir()
    ended = one.run(task, folder, Span(), limits=task.limits, number=number, probe=True)
    shutil.rmtree(folder)
    if not ended.fine:
        raise WorkerError(
            f"{SUSPICIOUS} records failed, none was read, and a page of Winnow's own fails too: {ended.cause}",
            mend=CHECK,
        )
    return ended


def _suspect(noted: Noted, span: Span) -> tuple[Place, Place] | None:
    """Where the child died and where to go on after it; None when it died on no record of the span, or on a safe one.

    A file whose reading kills the child is given up from that record on: its reader cannot get past it.
    """
    if noted.at is None or noted.at < noted.safe or (noted.phase == WORKING and not span.holds(noted.at)):
        return None
    number, index = noted.at
    if noted.phase == WORKING:
        return noted.at, (number, index + 1)
    return max(noted.at, span.start), (number + 1, 0)


def _rejection(task: Task, ended: Ended) -> Rejection:
    noted = ended.follower.last
    rest = "" if noted.phase == WORKING else " The rest of this file could not be read."
    return Rejection(noted.path, noted.member, task.stage, ended.reason, ended.cause + rest, attempts=2)
