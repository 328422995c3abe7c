"""Nurseries: processes that have everything imported and fork a limited child for each span of work.

What runs in them is ``pipeline.worker``; what to do when a child dies is ``pipeline.supervise``.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import OutputError, Reason, WinnowError
from pipeline.journal import Follower, Span
from pipeline.text_safety import printable

#: Wall-clock seconds without a word from the child, as a multiple of the CPU budget of a record.
PATIENCE = 4
WORKER = (sys.executable, "-m", "pipeline.worker")
#: Code points of what a child says of its end that are told.
MESSAGE_CHARS = 500
#: What to do about an installation that does not work.
CHECK = "Check the installation: `make test`."


@dataclass(frozen=True, slots=True)
class Job:
    """A stage over a shard. ``folder`` holds the results."""

    stage: str  # a key of worker.STAGES
    name: str  # of the shard, for people
    folder: str
    spec: Mapping[str, Any]  # what the stage needs, JSON only
    n_records: int  # about how many, for the progress bar
    memory_mb: int
    record_seconds: int


class WorkerError(WinnowError):
    """A child failed, and not on a record: a bug or a broken installation, not the data."""


class StoppedError(WorkerError):
    """A job was under way, or waiting, when its run gave up."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one child ended."""

    fine: bool
    reason: Reason
    cause: str
    cpu_seconds: float
    peak_mb: float
    follower: Follower


@dataclass(slots=True)
class Nursery:
    """A process that forks children; started when there is none, ended for good by ``close`` from any thread.

    ``run`` is not for two threads at once.
    """

    command: tuple[str, ...] = WORKER
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _busy: threading.Lock = field(default_factory=threading.Lock, init=False)

    def run(self, job: Job, work: Path, span: Span, *, number: int, on_progress: Callable[[int], None]) -> Ended:
        """Run one span in a child, kill it when it goes silent, and say how it ended.

        Raises StoppedError when the nursery is closed, WorkerError when a part of the installation could not be
        loaded, OutputError when the disk refused the child.
        """
        journal = work / f"journal-{number}"
        follower = Follower(journal, span.start)
        where = {"work": str(work), "journal": str(journal), "start": span.start, "stop": span.stop}
        with self._busy:
            process = self._started()
            try:
                _send(process, {**asdict(job), **where})
                pid = int(_line(process))
                killed = _watch(process, pid, follower, PATIENCE * job.record_seconds, on_progress)
                status, cpu, peak_kb = json.loads(_line(process))
            except _Gone:
                self._reap()
                follower.look()
                return Ended(
                    False, Reason.PARSER_CRASH, "The worker process could not start or was killed.", 0, 0, follower
                )
        follower.look()
        _raise_if_no_record_is_to_blame(os.waitstatus_to_exitcode(status), work)
        reason, cause = _explain(status, killed, job, work)
        return Ended(status == 0, reason, cause, cpu, peak_kb / 1024, follower)

    def close(self) -> None:
        """End the process; a ``run`` in another thread ends with it."""
        self._closed = True
        if process := self._process:
            process.kill()
        with self._busy:
            self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def start(self) -> None:
        """Start the process now, to be ready when it is needed."""
        self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise StoppedError("The run was stopped.")
        if self._process is None:
            self._process = self._start()
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        environment["NURSERY_PARENT"] = str(os.getpid())
        return subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment)


class _Gone(Exception):
    """The nursery does not answer any more."""


def _send(process: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    data = memoryview(json.dumps(request).encode() + b"\n")
    try:
        while data:
            data = data[process.stdin.write(data) :]  # a pipe takes what it has room for
    except BrokenPipeError:
        raise _Gone from None


def _line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline()  # unbuffered: what select() is asked about is never held back here
    if not line.endswith(b"\n"):
        raise _Gone
    return line


def _said(work: Path) -> str:
    """What a child wrote about its end, "" when it could not."""
    try:
        return (work / "error.txt").read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _raise_if_no_record_is_to_blame(code: int, work: Path) -> None:
    if code == 73:
        what = printable(_said(work), limit=MESSAGE_CHARS) or "The disk refused a worker process."
        raise OutputError(what, mend="The live snapshot is whole.")
    if code == 78:
        what = printable(_said(work), limit=MESSAGE_CHARS)
        raise WorkerError(f"A worker process cannot load what it needs: {what}.", mend=CHECK)


def _watch(
    process: subprocess.Popen[bytes], pid: int, follower: Follower, patience: float, on_progress: Callable[[int], None]
) -> bool:
    """Wait for the child's end; True when it had to be killed for silence."""
    assert process.stdout is not None
    heard, killed = time.monotonic(), False
    while not select.select([process.stdout], [], [], 0.2)[0]:
        begun = follower.n_begun
        if follower.look():
            heard = time.monotonic()
            on_progress(follower.n_begun - begun)
        elif time.monotonic() - heard > patience and not killed:
            killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    begun = follower.n_begun
    follower.look()
    on_progress(follower.n_begun - begun)
    return killed


def _explain(status: int, killed: bool, job: Job, work: Path) -> tuple[Reason, str]:
    """The reason and a sentence for a wait status."""
    code = os.waitstatus_to_exitcode(status)
    if killed:
        return Reason.TIMEOUT, f"No progress within {PATIENCE * job.record_seconds} seconds."
    if code == -signal.SIGPROF:
        return Reason.TIMEOUT, f"It took more than {job.record_seconds} seconds of CPU time (record_seconds)."
    if code == 77 or code == -signal.SIGKILL:
        return Reason.OUT_OF_MEMORY, f"It needed more than {job.memory_mb} MB of memory (memory_mb)."
    if code == 70:
        last = (_said(work) or "it could not say why").splitlines()[-1]
        return Reason.PARSER_CRASH, f"The parser failed: {printable(last, limit=MESSAGE_CHARS)}"
    return Reason.PARSER_CRASH, f"The parser's process died ({signal.Signals(-code).name if code < 0 else code})."


class Pool(queue.LifoQueue[Nursery]):
    """Nurseries to borrow from (``get``) and give back to (``put``): the last one back, which is warm, goes out first."""

    def __init__(self, nurseries: Sequence[Nursery]) -> None:
        super().__init__()
        self._everyone = tuple(nurseries)
        for one in nurseries:
            self.put(one)

    def close(self) -> None:
        """End them all, those on loan too: the jobs that they are on fail."""
        for one in self._everyone:
            one.close()


@contextlib.contextmanager
def nurseries(n: int) -> Iterator[Pool]:
    """A pool of ``n`` nurseries, ended on leaving."""
    pool = Pool([Nursery() for _ in range(n)])
    try:
        yield pool
    finally:
        pool.close()
