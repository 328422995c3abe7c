"""Nurseries: processes that have everything imported and fork a limited child for each span of work.

What runs in them is ``pipeline.stages.child``; what to do when a child dies is ``pipeline.workers.supervise``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import OutputError, Reason, WinnowError
from pipeline.safe_path import safe_environment
from pipeline.store.files import MENDS
from pipeline.text.safety import printable
from pipeline.workers.journal import (
    ERROR_FILE,
    EXIT_BROKEN,
    EXIT_BUG,
    EXIT_OUT_OF_MEMORY,
    EXIT_OUTPUT,
    EXIT_REFUSED,
    FILL,
    NO_THREAD,
    Follower,
    Span,
)
from pipeline.workers.task import Limits, SpanRequest, Task, to_json

#: Seconds without a word from the child, as a multiple of the CPU budget of a record.
PATIENCE = 4
#: Seconds that a nursery may take for an answer: to be started on a busy machine, and to tell of a child that ended.
START_SECONDS, ANSWER_SECONDS = 180, 20
#: Seconds that a process may be stopped (SIGSTOP) before it is given up.
STOPPED_SECONDS = 5
#: Between two looks, seconds. Waiting is counted in looks, so that a run that was itself stopped blames nobody.
TICK = 0.2
WORKER = (sys.executable, "-P", "-m", "pipeline.stages.child")
#: How the names of variables begin that parse nothing and may hold a server's secret.
SECRETS = "PREFECT_"
#: What may be said to numba: to compile nothing, or for which processor. Others make it print where we answer.
NUMBA = frozenset({"NUMBA_DISABLE_JIT", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"})
#: Code points of what a child says of its end that are told.
MESSAGE_CHARS = 500
#: What to do about an installation that does not work.
CHECK = "Check the installation: `make test`."
#: What to do when the machine refuses a process.
TOO_MANY = (
    "Allow more processes (`ulimit -u`, the container's limit), free memory, or set fewer workers; then run again."
)
#: Signals by which a process ends for what it did itself. Any other came from outside.
CRASHES = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGABRT,
        signal.SIGSYS,
        signal.SIGTRAP,
    }
)
#: Threads and processes that a worker comes to: one of ours to wait for it, the checks' one, a nursery and a child with
#: theirs.
THREADS = 7
_BY_WHOM = "by somebody, or by the kernel for want of memory"


class WorkerError(WinnowError):
    """A child failed, and not on a record: a bug or a broken installation, not the data."""


class StoppedError(WorkerError):
    """A task was under way, or waiting, when its run gave up."""


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

    def run(
        self,
        task: Task,
        work: Path,
        span: Span,
        *,
        limits: Limits,
        number: int,
        on_progress: Callable[[int], None] = lambda n: None,
        probe: bool = False,
    ) -> Ended:
        """Run one span in a child under these limits, kill it when it goes silent, and say how it ended.

        Raises StoppedError when the nursery is closed, WorkerError when a part of the installation could not be
        loaded or the machine refuses a process, OutputError when the disk refused the child.
        """
        journal = work / f"journal-{number}"
        follower = Follower(journal, span.start)
        request = SpanRequest(task.stage, to_json(task), work, journal, span.start, span.stop, limits, probe)
        pid = None
        with self._busy:
            try:
                process = self._started()
                self._send(process, to_json(request))
                pid = _child_of(self._line(process, START_SECONDS))
                killed = self._watch(process, pid, follower, PATIENCE * limits.record_seconds, on_progress)
                status, cpu, peak_kb = json.loads(self._line(process, ANSWER_SECONDS))
            except _Gone as gone:
                reason, cause = self._give_up(gone, pid)
                follower.look()
                return Ended(False, reason, cause, 0, 0, follower)
        follower.look()
        _raise_if_no_record_is_to_blame(os.waitstatus_to_exitcode(status), work)
        reason, cause = _explain(status, killed, limits, work)
        return Ended(status == 0, reason, cause, cpu, peak_kb / 1024, follower)

    @property
    def closed(self) -> bool:
        """True once it was ended for good."""
        return self._closed

    def close(self) -> None:
        """End the process; a ``run`` in another thread ends with it."""
        self._closed = True
        if process := self._process:
            process.kill()
        with self._busy:
            self._reap()

    def start(self) -> None:
        """Start the process now, to be ready when it is needed. Raises WorkerError when the machine refuses."""
        self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise StoppedError("The run was stopped.")
        if self._process is None:
            try:
                self._process = self._start()
            except OSError as error:
                raise _refused(error) from None
            except RuntimeError as error:
                if str(error) != NO_THREAD:
                    raise
                raise WorkerError("The machine refuses another thread.", mend=TOO_MANY) from None
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        environment = _environment()

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=environment,
                cwd="/",  # raw files may lie in ours, and libraries look for files of theirs in the working folder
                start_new_session=True,  # ^C is for the run, which ends its nurseries
            )

        return HERE.begun(start)

    def _give_up(self, gone: _Gone, pid: int | None) -> tuple[Reason, str]:
        """End a nursery that does not answer, and its child; the reason and a sentence. Raises StoppedError."""
        code = self._reap(ended=gone.ended)
        if pid is not None:
            _end(pid)
        if self._closed:
            raise StoppedError("The run was stopped.") from None
        if code is None:
            return Reason.KILLED, f"Its worker process {gone} and was ended."
        if code < 0:
            return Reason.KILLED, f"Its worker process was killed ({_signal(-code)}) {_BY_WHOM}."
        return Reason.PARSER_CRASH, f"The worker process could not start, or broke (exit code {code})."

    def _reap(self, *, ended: bool = False) -> int | None:
        """End the process; the exit code with which it had ended by itself, if it had."""
        process, self._process = self._process, None
        if process is None:
            return None
        code = None
        if ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout=ANSWER_SECONDS)
        process.kill()
        process.communicate()
        return code

    def _send(self, process: subprocess.Popen[bytes], line: str) -> None:
        assert process.stdin is not None
        data = memoryview(line.encode() + b"\n")
        os.set_blocking(process.stdin.fileno(), False)  # one that is stopped takes no more than the pipe has room for
        try:
            while data:
                self._wait(process, START_SECONDS, to_write=True)
                data = data[process.stdin.write(data) or 0 :]
        except BrokenPipeError:
            raise _Gone("is gone", ended=True) from None

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        assert process.stdout is not None
        self._wait(process, seconds)
        line = process.stdout.readline()  # unbuffered: what select() is asked about is never held back here
        if not line.endswith(b"\n"):
            raise _Gone("is gone", ended=True)
        return line

    def _wait(self, process: subprocess.Popen[bytes], seconds: float, *, to_write: bool = False) -> None:
        """Wait until there is a line to read, or room to write. Raises _Gone."""
        n_stopped = 0
        for _ in range(round(seconds / TICK)):
            if _ready(process, to_write=to_write):
                return
            n_stopped = self._still_there(process, n_stopped)
        raise _Gone(f"gave no answer for {seconds} seconds")

    def _still_there(self, process: subprocess.Popen[bytes], n_stopped: int) -> int:
        """For how many looks the nursery has been stopped. Raises _Gone when it is too long, or the run is over."""
        if self._closed:
            raise _Gone("was not needed any more")
        n_stopped = n_stopped + 1 if is_stopped(process.pid) else 0
        if n_stopped * TICK >= STOPPED_SECONDS:
            raise _Gone("was stopped from outside")
        return n_stopped

    def _watch(
        self,
        process: subprocess.Popen[bytes],
        pid: int,
        follower: Follower,
        patience: float,
        on_progress: Callable[[int], None],
    ) -> str:
        """Wait for the child's end; "silent" or "stopped" when it had to be killed for that. Raises _Gone."""
        n_silent = n_stopped = n_still = 0
        killed = ""
        while not _ready(process):
            n_stopped = self._still_there(process, n_stopped)
            n_still = n_still + 1 if is_stopped(pid) else 0
            n_silent += 1
            if killed and n_silent * TICK > ANSWER_SECONDS:
                raise _Gone("does not tell that its child ended")
            if _told(follower, on_progress) and not killed:
                n_silent = 0
            elif not killed and (n_silent * TICK > patience or n_still * TICK >= STOPPED_SECONDS):
                killed, n_silent = "stopped" if n_still else "silent", 0
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        _told(follower, on_progress)
        return killed


def fill_caches() -> list[Path]:
    """Have everything compiled that is compiled at its first use; the folders where the machine code is kept.

    Raises WorkerError when a nursery cannot start.
    """
    with contextlib.suppress(OSError):
        done = subprocess.run((*WORKER, FILL), capture_output=True, env=_environment(), cwd="/", check=False)
        if done.returncode == 0:
            return [Path(folder) for folder in json.loads(done.stdout)]
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise WorkerError(f"What is compiled cannot be: {printable(''.join(last), limit=MESSAGE_CHARS)}.", mend=CHECK)
    raise WorkerError("A worker process cannot be started.", mend=CHECK)


def _environment() -> dict[str, str]:
    """What a nursery takes over of ours: nothing that is secret, that leads to raw files, or that has numba talk."""
    handed_on = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(SECRETS) and (name in NUMBA or not name.startswith("NUMBA_"))
    }
    environment = safe_environment(handed_on)
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    environment["NURSERY_PARENT"] = str(os.getpid())
    return environment


class _Gone(Exception):
    """The nursery does not answer any more; ``ended`` when it ended by itself."""

    def __init__(self, what: str, *, ended: bool = False) -> None:
        super().__init__(what)
        self.ended = ended


def _ready(process: subprocess.Popen[bytes], *, to_write: bool = False) -> bool:
    """Whether the nursery has said something, or takes something, within one TICK."""
    assert process.stdin is not None and process.stdout is not None
    read, write, _ = select.select([] if to_write else [process.stdout], [process.stdin] if to_write else [], [], TICK)
    return bool(read or write)


def _told(follower: Follower, on_progress: Callable[[int], None]) -> bool:
    """Whether the child has noted anything new; how many more records it began is told."""
    begun = follower.n_begun
    news = follower.look()
    if follower.n_begun > begun:
        on_progress(follower.n_begun - begun)
    return news


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal; False where that cannot be known (no /proc)."""
    return _state(pid) in {"T", "t"}


def _state(pid: int) -> str:
    """The letter of proc_pid_stat(5) for a process, "" when it is gone or there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    return chr(stat[stat.rfind(b")") + 2])


def _end(pid: int) -> None:
    """Kill a child whose nursery is gone, and wait until it does nothing any more: its files are looked at next."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for _ in range(round(ANSWER_SECONDS / 0.01)):
        if _state(pid) in {"", "Z", "X"}:  # a zombie is its new parent's to bury
            return
        time.sleep(0.01)


def _child_of(line: bytes) -> int:
    """The pid that a nursery answers. Raises WorkerError when the machine refused it a child."""
    answer = json.loads(line)
    if isinstance(answer, int):
        return answer
    raise _refused(OSError(answer["errno"], os.strerror(answer["errno"])))


def _refused(error: OSError) -> WorkerError:
    """What to say when a process cannot be started."""
    if error.errno in {errno.EAGAIN, errno.ENOMEM}:
        return WorkerError(f"The machine refuses another process: {error.strerror}.", mend=TOO_MANY)
    return WorkerError(
        f"A worker process cannot be started: {error.strerror}.", mend=MENDS.get(error.errno or 0, CHECK)
    )


def _said(work: Path) -> str:
    """What a child wrote about its end, "" when it could not."""
    try:
        return (work / ERROR_FILE).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _raise_if_no_record_is_to_blame(code: int, work: Path) -> None:
    what = printable(_said(work), limit=MESSAGE_CHARS)
    if code == EXIT_OUTPUT:
        raise OutputError(what or "The disk refused a worker process.", mend="The live snapshot is whole.")
    if code == EXIT_BROKEN:
        raise WorkerError(f"A worker process cannot load what it needs: {what}.", mend=CHECK)
    if code == EXIT_REFUSED:
        raise WorkerError(f"The machine refuses a worker process what it needs: {what}.", mend=TOO_MANY)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _explain(status: int, killed: str, limits: Limits, work: Path) -> tuple[Reason, str]:
    """The reason and a sentence for a wait status."""
    code = os.waitstatus_to_exitcode(status)
    if killed == "stopped":
        return Reason.KILLED, "Its process was stopped from outside and had to be ended."
    if killed:
        return Reason.TIMEOUT, f"No progress within {PATIENCE * limits.record_seconds} seconds."
    if code == -signal.SIGPROF:
        return Reason.TIMEOUT, f"It took more than {limits.record_seconds} seconds of CPU time (record_seconds)."
    if code == EXIT_OUT_OF_MEMORY:
        return Reason.OUT_OF_MEMORY, f"It needed more than {limits.memory_mb} MB of memory (memory_mb)."
    if code == EXIT_BUG:
        last = (_said(work) or "it could not say why").splitlines()[-1]
        return Reason.PARSER_CRASH, f"The parser failed: {printable(last, limit=MESSAGE_CHARS)}"
    if code < 0 and -code not in CRASHES:
        return Reason.KILLED, f"Its process was killed ({_signal(-code)}) {_BY_WHOM}."
    return Reason.PARSER_CRASH, f"The parser's process died ({_signal(-code) if code < 0 else code})."


class _Nurseries:
    """The nurseries of this process: those at work by the result folder of their task, and those that wait for one."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know of none: those that this process has are those of the process it was forked from."""
        self._changed = threading.Condition()
        self._n_runs, self._room = 0, 0  # that are under way; tasks at once, 0 where whoever runs them sees to that
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="nurseries")
        self._idle: list[Nursery] = []
        self._busy: dict[Path, Nursery] = {}
        self._stopped: set[Path] = set()

    def begun(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """A process that lives as long as this one at most.

        It dies with the thread that began it (PR_SET_PDEATHSIG), so that is one which never ends.
        """
        return self._starter.submit(start).result()

    @contextlib.contextmanager
    def borrowed(self, task: Task) -> Iterator[Nursery]:
        """A nursery for this task: the last one that came back, which is warm, or a new one.

        Waits while there are as many at work as there is room for. Raises StoppedError.
        """
        with self._changed:
            self._changed.wait_for(lambda: task.folder in self._stopped or not self._is_full())
            if task.folder in self._stopped:
                raise StoppedError("The run was stopped.")
            nursery = self._busy[task.folder] = self._idle.pop() if self._idle else Nursery()
        try:
            yield nursery
        finally:
            with self._changed:
                del self._busy[task.folder]
                if not nursery.closed:
                    self._idle.append(nursery)
                self._changed.notify_all()

    def _is_full(self) -> bool:
        return bool(self._room) and len(self._busy) >= self._room

    @contextlib.contextmanager
    def room(self, n: int) -> Iterator[None]:
        """Let so many more tasks be at work at once, however many threads ask; idle nurseries end when the last leaves."""
        self._widen(n, 1)
        try:
            yield
        finally:
            self._widen(-n, -1)
            if not self._n_runs:
                self.close_idle()

    def _widen(self, n: int, n_runs: int) -> None:
        with self._changed:
            self._room, self._n_runs = self._room + n, self._n_runs + n_runs
            self._changed.notify_all()

    @contextlib.contextmanager
    def stoppable(self, tasks: Sequence[Task]) -> Iterator[Callable[[], None]]:
        """What ends these tasks, those that were not begun too: they fail with StoppedError. For one caller's block."""
        folders = {task.folder for task in tasks}

        def stop() -> None:
            with self._changed:
                self._stopped |= folders
                at_work = [nursery for folder, nursery in self._busy.items() if folder in folders]
                self._changed.notify_all()
            for nursery in at_work:
                nursery.close()

        try:
            yield stop
        finally:
            with self._changed:
                self._stopped -= folders

    def close_idle(self) -> None:
        """End the nurseries that wait for a task."""
        with self._changed:
            idle, self._idle = self._idle, []
        for nursery in idle:
            nursery.close()


HERE = _Nurseries()
os.register_at_fork(after_in_child=HERE.forget)


def _find_room(n_workers: int) -> None:
    """Find out before the work whether the machine allows all threads and processes of a run: they count alike.

    Arrow waits for ever for a thread that it could not start. Raises WorkerError.
    """
    import pyarrow as pa  # who starts one nursery and reads one file need not wait for it

    over = threading.Event()
    threads = [
        threading.Thread(target=over.wait, daemon=True)
        for _ in range(pa.cpu_count() + pa.io_thread_count() + THREADS * n_workers)
    ]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:
        raise WorkerError("The machine refuses the run its threads and processes.", mend=TOO_MANY) from None
    finally:
        over.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


@contextlib.contextmanager
def room_for(n_workers: int) -> Iterator[None]:
    """For a run with so many tasks at once in this process, and no more: nurseries end when no run is left.

    Raises WorkerError when the machine has not the processes for them.
    """
    _find_room(n_workers)
    with HERE.room(n_workers):
        yield
