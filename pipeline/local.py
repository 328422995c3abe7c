"""The command line's stage runner: local child processes, and a progress bar a stage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.run import StageRunner
from pipeline.workers.journal import NO_THREAD
from pipeline.workers.nursery import TOO_MANY
from pipeline.workers.supervise import Job, JobResult, Pool, StoppedError, WorkerError, failure, nurseries, run_job

_QUIET = Console(quiet=True)


@contextlib.contextmanager
def local_runner(n_workers: int, console: Console = _QUIET) -> Iterator[tuple[StageRunner, Callable[[str], None]]]:
    """A stage runner with ``n_workers`` children at once, and what tells its display that a stage begins.

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
    with _threads_refused(), ThreadPoolExecutor(n_workers) as threads, nurseries(n_workers) as pool, bars:
        yield lambda jobs: _run_jobs(jobs, pool, threads, bars), lambda name: _begin(bars, name)


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


def _run_jobs(jobs: Sequence[Job], pool: Pool, threads: ThreadPoolExecutor, bars: Progress) -> list[JobResult]:
    bar = bars.tasks[-1].id
    bars.update(bar, total=sum(job.n_records for job in jobs))

    def one(job: Job) -> JobResult:
        nursery = pool.get()
        try:
            result = run_job(job, nursery, lambda n: bars.advance(bar, n))
        finally:
            pool.put(nursery)
        if result.reused:
            bars.advance(bar, job.n_records)
        return result

    futures = [threads.submit(one, job) for job in jobs]
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
    finally:  # a job that failed, or ^C: the others stop too, before the run lets go of its lock
        if not all(future.done() for future in futures):
            for future in futures:
                future.cancel()
            pool.close()
            wait(futures)
    outcomes = [_outcome(future) for future in futures]
    if error := failure(jobs, outcomes):
        raise error
    return [one for one in outcomes if isinstance(one, JobResult)]


def _outcome(future: Future[JobResult]) -> JobResult | BaseException:
    if future.cancelled():
        return StoppedError("It was not begun.")
    return future.exception() or future.result()
