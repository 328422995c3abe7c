"""The command line's stage runner: local child processes, and a progress bar a stage."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.run import StageRunner
from pipeline.supervise import Job, JobResult, Nursery, nurseries, run_job

_QUIET = Console(quiet=True)


@contextlib.contextmanager
def local_runner(n_workers: int, console: Console = _QUIET) -> Iterator[tuple[StageRunner, Callable[[str], None]]]:
    """A stage runner with ``n_workers`` children at once, and what tells its display that a stage begins."""
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    )
    with nurseries(n_workers) as pool, ThreadPoolExecutor(n_workers) as threads, bars:
        yield lambda jobs: _run_jobs(jobs, pool, threads, bars), lambda name: _begin(bars, name)


def _begin(bars: Progress, name: str) -> None:
    for task in bars.tasks:
        bars.update(task.id, total=task.completed or 1, completed=task.completed or 1)
    bars.add_task(name, total=None)


def _run_jobs(
    jobs: Sequence[Job], pool: queue.SimpleQueue[Nursery], threads: ThreadPoolExecutor, bars: Progress
) -> list[JobResult]:
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

    return list(threads.map(one, jobs))
