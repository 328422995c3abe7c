"""What a command takes: CPU time of its whole process tree, wall clock, the most memory at once.

CPU time is user and system time of the command and of all its descendants, those that outlive it included: they become
children of this process and are waited for. Memory is the largest sum of what the processes of the tree hold (PSS), looked at
ten times a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import tree

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2), Linux
_LINGER = 30.0  # seconds that descendants have to end after the command


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took."""

    seconds: float  # wall clock
    cpu_seconds: float  # of the process and all its descendants
    peak_mb: float
    output: str


def measure(command: Sequence[str]) -> Cost:
    """Run a command to its end. Raises SystemExit with its output when it fails."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = _cpu_of_children()
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        peak = [0.0]
        done = threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, peak, done))
        watch.start()
        code = process.wait()
        seconds = time.perf_counter() - start
        done.set()
        watch.join()
        _wait_for_the_rest()
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if code:
        raise SystemExit(f"{' '.join(command)} failed ({code}):\n{said[-3000:]}")
    # Not the ru_maxrss of the process: across fork and exec it begins with what this process itself held.
    return Cost(seconds, _cpu_of_children() - before, peak[0], said)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _wait_for_the_rest() -> None:
    end = time.monotonic() + _LINGER
    with contextlib.suppress(ChildProcessError):  # there is none left
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.1):
        peak[0] = max(peak[0], sum(map(_pss_mb, tree(pid))))


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
