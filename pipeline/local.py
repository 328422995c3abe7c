"""The command line's runner: local child processes, and what they come to told to whoever shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from pipeline.progress import Display, Silent
from pipeline.run import Runner
from pipeline.workers.journal import NO_THREAD
from pipeline.workers.nursery import HERE, TOO_MANY, StoppedError, WorkerError, room_for
from pipeline.workers.supervise import failure, run_task
from pipeline.workers.task import Task, TaskResult

_SILENT = Silent()


@contextlib.contextmanager
def local_runner(n_workers: int, display: Display = _SILENT) -> Iterator[tuple[Runner, Callable[[str], None]]]:
    """A runner with ``n_workers`` children at once, and what tells its display that a stage begins.

    Raises WorkerError when the machine refuses a thread.
    """
    with _shown(display), _threads_refused(), ThreadPoolExecutor(n_workers) as threads, room_for(n_workers):
        yield lambda tasks: _run_all(tasks, threads, display), display.begin


@contextlib.contextmanager
def _shown(display: Display) -> Iterator[None]:
    well = False
    try:
        yield
        well = True
    finally:
        display.close(well=well)


@contextlib.contextmanager
def _threads_refused() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if str(error) != NO_THREAD:
            raise
        raise WorkerError("The machine refuses another thread.", mend=TOO_MANY) from None


def _run_all(tasks: Sequence[Task], threads: ThreadPoolExecutor, display: Display) -> list[TaskResult]:
    display.expect(tasks)

    def one(task: Task) -> TaskResult:
        result = run_task(task, lambda n: display.advance(task, n))
        display.done(task, result)
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
