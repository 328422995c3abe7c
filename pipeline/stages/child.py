"""The child processes' side: a nursery that forks a fresh, limited child for each span of work.

The nursery imports everything once and never touches untrusted bytes; each child it forks does, under limits
of memory and CPU time, without core files, in a process group of its own. Run by ``pipeline.workers.supervise``.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import json
import os
import resource
import signal
import sys
import sysconfig
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.compiled import folders_in_use, load_kept
from pipeline.errors import OutputError
from pipeline.stages.children import assemble_shard, clean_shard, finish_shard, probe, warm_up
from pipeline.stages.tasks import AssembleTask, CleanTask, FinishTask
from pipeline.store.files import without, without_pandas
from pipeline.workers.journal import (
    COLD,
    ERROR_FILE,
    EXIT_BROKEN,
    EXIT_BUG,
    EXIT_OUT_OF_MEMORY,
    EXIT_OUTPUT,
    EXIT_REFUSED,
    FILL,
    NO_THREAD,
    Journal,
    Span,
)
from pipeline.workers.task import SpanRequest, Task, from_json

T = TypeVar("T", bound=Task)


@dataclass(frozen=True, slots=True)
class Stage(Generic[T]):
    """What a child does for tasks of one type."""

    task: type[T]
    do: Callable[[T, Path, Span, Journal], None]
    probe: Callable[[T, Path, Journal], None]  # the same with a page of our own

    def __call__(self, request: SpanRequest) -> None:
        """Do a span of the task, or a page of our own in its place."""
        task = from_json(self.task, request.task)
        journal = Journal(request.journal, request.limits.record_seconds)
        if request.probe:
            self.probe(task, request.work, journal)
        else:
            self.do(task, request.work, Span(request.start, request.stop), journal)


#: What a child can do: the stages that map over shards.
STAGES: Mapping[str, Stage[Any]] = {
    stage.task.stage: stage
    for stage in (
        Stage(CleanTask, clean_shard, probe),
        Stage(FinishTask, finish_shard, probe),
        Stage(AssembleTask, assemble_shard, probe),
    )
}

#: What the disk or the machine says, never a document: whoever meets it, no record is to blame.
MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE})
#: What the system says that has no memory left, and that has no thread or process left.
MEMORY, REFUSED = frozenset({errno.ENOMEM}), frozenset({errno.EAGAIN})
#: Between tries to fork, when the machine refuses.
RETRY_SECONDS = (0.1, 0.5, 2.0)
#: Where our own modules and data lie, and those of what we need: what cannot be read there is no record's fault.
INSTALLED = tuple(f"{folder}{os.sep}" for folder in (Path(__file__).parent, sysconfig.get_path("platlib")))
#: Characters of an error that are written there, its end: a document may choose what its parser says.
MAX_SAID = 10_000
#: The variable that tells a nursery whose it is: that process may be gone before the nursery has imported anything.
PARENT = "NURSERY_PARENT"
#: Blocks are made by the thousand and hold no cycles: looking for some less often saves a seventh of ``finish``.
GC_THRESHOLD = (100_000, 20, 50)
#: What numba would load where it is installed, and nobody here has a use for: a seventh of its start.
UNUSED = ("cffi", "coverage", "yaml")
_PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def main(stages: Mapping[str, Stage[Any]] = STAGES) -> None:
    """Read requests, a JSON line each; answer the child's pid when it runs, its wait status when it ended."""
    _die_with(int(os.environ.get(PARENT, os.getppid())))
    without_pandas()
    with without(*UNUSED):
        if stages is STAGES and (COLD not in sys.argv or not load_kept()):  # no record pays for compiling
            warm_up()
    if FILL in sys.argv:
        print(json.dumps([str(folder) for folder in folders_in_use()]))
        return
    gc.freeze()
    own = os.getpid()
    for line in sys.stdin:
        request = from_json(SpanRequest, line)
        try:
            pid = _fork()
        except OSError as error:
            print(json.dumps({"errno": error.errno}), flush=True)
            continue
        if pid == 0:
            _child(request, stages, own)
        print(pid, flush=True)
        _, status, usage = os.wait4(pid, 0)
        print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]), flush=True)


def _fork() -> int:
    """As ``os.fork``; a machine that refuses may have a process to spare a moment later. Raises OSError."""
    for seconds in RETRY_SECONDS:
        with contextlib.suppress(OSError):
            return os.fork()
        time.sleep(seconds)
    return os.fork()


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)


def _child(request: SpanRequest, stages: Mapping[str, Stage[Any]], parent: int) -> None:
    code = 0
    gc.set_threshold(*GC_THRESHOLD)
    try:
        _limit(request.limits.memory_mb, parent)
        stages[request.stage](request)
    except MemoryError:
        code = EXIT_OUT_OF_MEMORY
    except BaseException as error:  # noqa: BLE001  # whatever it is, it costs this record: the supervisor reads the file
        code = _exit_code(error)
        said = f"{type(error).__name__}: {error}" if code == EXIT_BROKEN else f"{error}"
        said = traceback.format_exc() if code == EXIT_BUG else said
        (request.work / ERROR_FILE).write_text(said[-MAX_SAID:], "utf-8", "replace")
    finally:
        os._exit(code)


def _exit_code(error: BaseException) -> int:
    """Whose fault an error is: the machine's, the installation's, or that of the record under way."""
    if isinstance(error, OutputError) or (isinstance(error, OSError) and error.errno in MACHINE):
        return EXIT_OUTPUT
    if isinstance(error, OSError) and error.errno in MEMORY:
        return EXIT_OUT_OF_MEMORY
    no_thread = isinstance(error, RuntimeError) and str(error) == NO_THREAD
    if no_thread or (isinstance(error, OSError) and error.errno in REFUSED):
        return EXIT_REFUSED
    if isinstance(error, ImportError):  # the loader says "cannot allocate memory" when a record has eaten all of it
        return EXIT_OUT_OF_MEMORY if "memory" in str(error) or "map segment" in str(error) else EXIT_BROKEN
    if isinstance(error, OSError | SyntaxError) and str(error.filename).startswith(INSTALLED):
        return EXIT_BROKEN
    return EXIT_BUG


def _unused() -> int:
    """Bytes of address space that hold nothing: the compiler of loops reserves a gigabyte. 0 where it cannot be known."""
    try:
        size, resident = Path("/proc/self/statm").read_text().split()[:2]
    except OSError:
        return 0
    return (int(size) - int(resident)) * resource.getpagesize()


def _limit(memory_mb: int, parent: int) -> None:
    os.setsid()
    _die_with(parent)
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    memory, hard = (memory_mb << 20) + _unused(), resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(OSError):  # the kernel, when it has to choose, takes a child and not the run
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    main()
