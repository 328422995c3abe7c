"""Run jobs side by side in forked processes, which share the memory of their parent.

Jobs need not be picklable, their results must be. A library that must not be forked (JAX) is imported in the job.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable, Hashable, Mapping
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any


def run_forked(jobs: Mapping[Hashable, Callable[[], Any]], *, at_once: int) -> dict[Hashable, Any]:
    """The result of each job, by name. Raises RuntimeError for a job that failed; its traceback is on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, str(at)) for at, name in enumerate(jobs)}
        waiting, running = list(jobs), {}
        while waiting or running:
            while waiting and len(running) < at_once:
                name = waiting.pop(0)
                child = get_context("fork").Process(target=_write, args=(jobs[name], files[name]))
                child.start()
                running[child.sentinel] = (name, child)
            for ended in connection.wait(list(running)):
                name, child = running.pop(ended)
                child.join()
                if child.exitcode:
                    raise RuntimeError(f"{name} failed with exit code {child.exitcode}")
                print(f"{name} done", file=sys.stderr, flush=True)
        return {name: pickle.loads(file.read_bytes()) for name, file in files.items()}


def _write(job: Callable[[], Any], file: Path) -> None:
    file.write_bytes(pickle.dumps(job()))
