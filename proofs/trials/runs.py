"""Runs in processes that are thrown away: forked from one that has everything imported, so that hundreds take minutes.

A run is the real command line (``winnow run``) with its real children, but that nurseries are forked, not started.
What is looked at afterwards, the reader's view and the rerun, happens in a forked process too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pipeline.__main__
import pipeline.local
import pipeline.report
import pipeline.run
import pipeline.stages.children
import pipeline.workers.nursery
from pipeline.boilerplate.rules import load_rules
from pipeline.schema import DATASETS
from pipeline.stages import child as worker
from pipeline.store.check import check_snapshot, intact
from pipeline.store.snapshots import Snapshot, latest_or_none
from proofs.trials.shim import Fault, Shim

KILLED = -signal.SIGKILL
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
OPTIONS = ("--workers", "1", "--template-documents", "2")
#: Columns that depend on the clock, or on a time stamp alone, for which there is no new snapshot.
CLOCK = ("first_seen_at", "mtime")


class ForkedNursery(pipeline.workers.nursery.Nursery):
    """A nursery that is forked from this process instead of being started anew."""

    __slots__ = ()

    def _start(self) -> Any:
        return _Process()


class _Process:
    """What ``subprocess.Popen`` is to a nursery."""

    def __init__(self) -> None:
        requests, answers, parent = os.pipe(), os.pipe(), os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(requests[0], 0)
            os.dup2(answers[1], 1)
            os.closerange(3, 256)  # the lock above all
            sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
            os.environ[worker.PARENT] = str(parent)
            worker.warm_up = lambda: None  # type: ignore[attr-defined]  # it is
            try:
                worker.main()
            finally:
                os._exit(0)
        os.close(requests[0])
        os.close(answers[1])
        self.stdin, self.stdout = open(requests[1], "wb", 0), open(answers[0], "rb", 0)  # noqa: SIM115, PTH123

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def communicate(self) -> None:
        self.stdin.close()
        self.stdout.close()
        with contextlib.suppress(ChildProcessError):  # it was waited for
            os.waitpid(self.pid, 0)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a forked process ended."""

    code: int  # exit code, or minus the signal's number
    said: str  # what it wrote on stderr
    answer: Any  # what the function gave back, by JSON
    seconds: float  # wall clock


def forked(
    do: Callable[[], Any], folder: Path, *, kill_after: float | None = None, sent: signal.Signals = signal.SIGKILL
) -> Ended:
    """Call a function in a forked process; send it (and not its children) a signal after so many seconds."""
    said, answer = folder / "said.txt", folder / "answer.json"
    said.unlink(missing_ok=True)
    answer.unlink(missing_ok=True)
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _in_child(do, said, answer)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, sent)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - start
    value = json.loads(answer.read_text("utf-8")) if answer.exists() else None
    words = said.read_text("utf-8", "replace") if said.exists() else ""  # it may have been killed before its first
    return Ended(os.waitstatus_to_exitcode(status), words, value, seconds)


def _in_child(do: Callable[[], Any], said: Path, answer: Path) -> None:
    code = 1
    try:
        os.setsid()
        fd = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1)
        value = json.dumps(do())
        answer.write_text(value, "utf-8")
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001  # the benchmark's own errors are shown with what the run said
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def winnow_run(raw: Path, out: Path, *options: str, fault: Fault | None = None, now: datetime = NOW) -> int:
    """``winnow run`` in this process; the number of calls that changed the disk under ``out``."""
    shim = Shim(out, fault)
    _prepare(now)
    shim.install()
    sys.argv = ["winnow", "run", str(raw), str(out), *OPTIONS, *options]
    try:
        pipeline.__main__.main()
    except SystemExit as error:
        if error.code:
            raise
    return shim.count


def _prepare(now: datetime) -> None:
    """Nurseries by fork, and a clock that stands still, so that equal runs are equal files."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return now

    pipeline.workers.nursery.Nursery = ForkedNursery  # type: ignore[misc]
    pipeline.run.datetime = Clock  # type: ignore[attr-defined]


def keep_rules_loaded() -> None:
    """Load the built-in rules once in this process and those that it forks."""
    loaded = load_rules()
    for module in (pipeline.run, pipeline.stages.children):
        module.load_rules = lambda folder=None, without=(): (  # type: ignore[attr-defined]
            load_rules(folder, without=without) if folder or without else loaded
        )


def content(snapshot: Snapshot) -> str:
    """A hash of all rows of all datasets but runs; what the clock decides is left out."""
    digest = hashlib.sha256()
    for name in DATASETS:
        if name != "runs":
            table = snapshot.table(name)
            rows = table.drop_columns([c for c in CLOCK if c in table.column_names]).to_pylist()
            for line in sorted(json.dumps(row, default=str, sort_keys=True) for row in rows):
                digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
            digest.update(name.encode())
    return digest.hexdigest()


def seen_by_a_reader(out: Path, known: Mapping[str, str] = MappingProxyType({})) -> tuple[str, str]:
    """Read and check the live snapshot: (which parts, their content), both "" when there is none.

    ``known`` has the content of parts that were read and checked before; they are hashed again all the same.
    """
    snapshot = latest_or_none(out)
    if snapshot is None:
        return "", ""
    if not intact(snapshot):
        raise SystemExit("a part of the live snapshot is torn")
    parts = repr(sorted((part.dataset, part.name) for part in snapshot.parts if part.dataset != "runs"))
    if parts in known:
        return parts, known[parts]
    check_snapshot(snapshot)
    return parts, content(snapshot)


def tree(out: Path) -> dict[str, str]:
    """The files of an output folder with a hash of each; what has the seconds of a run in it is named only."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if "/runs/" in name:
            name = f"{Path(name).parent}/{path.suffix}"
        if path.is_symlink():
            found[f"{name} -> {path.readlink()}"] = ""
        elif path.is_dir():
            found[name + "/"] = ""
        else:
            dated = "/runs/" in name or path.name in {"_manifest.json", "report.html", "metrics.prom"}
            found[name] = "" if dated else hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return found
