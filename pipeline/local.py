"""The command line's runner: local child processes, and a progress bar a stage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.run import Runner
from pipeline.workers.journal import NO_THREAD
from pipeline.workers.nursery import HERE, TOO_MANY, StoppedError, WorkerError, room_for
from pipeline.workers.supervise import failure, run_task
from pipeline.workers.task import Task, TaskResult

_QUIET = Console(quiet=True)


@contextlib.contextmanager
def local_runner(n_workers: int, console: Console = _QUIET) -> Iterator[tuple[Runner, Callable[[str], None]]]:
    """A runner with ``n_workers`` children at once, and what tells its display that a stage begins.

    Raises WorkerError when the machine refuses a thread.
    """
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    )
    with _threads_refused(), ThreadPoolExecutor(n_workers) as threads, room_for(n_workers), bars:
        yield lambda tasks: _run_all(tasks, threads, bars), lambda name: _begin(bars, name)


@contextlib.contextmanager
def _threads_refused() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if str(error) != NO_THREAD:
            raise
        raise WorkerError("The machine refuses another thread.", mend=TOO_MANY) from None


def _begin(bars: Progress, name: str) -> None:
    for task in bars.tasks:
        bars.update(task.id, total=task.completed or 1, completed=task.completed or 1)
    bars.add_task(name, total=None)


def _run_all(tasks: Sequence[Task], threads: ThreadPoolExecutor, bars: Progress) -> list[TaskResult]:
    bar = bars.tasks[-1].id
    bars.update(bar, total=sum(task.n_records for task in tasks))

    def one(task: Task) -> TaskResult:
        result = run_task(task, lambda n: bars.advance(bar, n))
        if result.reused:
            bars.advance(bar, task.n_records)
        return result

    with HERE.stoppable(tasks) as stop:
        futures = [threads.submit(one, task) for task in tasks]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:  # a task that failed, or ^C: the others stop too, before the run lets go of its lock
            if not all(future.done() for future in futures):
                for future in futures:
                    future.cancel()
                stop()
                wait(futures)
    outcomes = [_outcome(future) for future in futures]
    if error := failure(tasks, outcomes):
        raise error
    return [one for one in outcomes if isinstance(one, TaskResult)]


def _outcome(future: Future[TaskResult]) -> TaskResult | BaseException:
    if future.cancelled():
        return StoppedError("It was not begun.")
    return future.exception() or future.result()
