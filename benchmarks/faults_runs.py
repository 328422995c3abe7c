"""Runs in processes that are thrown away: forked from one that has everything imported, so that hundreds take minutes.

A run is the real command line (``winnow run``) with its real children, but that nurseries are forked, not started.
What is looked at afterwards, the reader's view and the rerun, happens in a forked process too.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline.cli
import pipeline.local
import pipeline.nursery
import pipeline.report
import pipeline.run
from benchmarks.faults_shim import Fault, Shim
from pipeline import worker
from pipeline.boilerplate.rules import load_rules
from pipeline.recipe import Cleaned, clean_record, finish_record
from pipeline.schema import DATASETS
from pipeline.store.check import check_snapshot
from pipeline.store.snapshots import Snapshot, latest_or_none, open_snapshot
from pipeline.types import Record

KILLED = -signal.SIGKILL


class ForkedNursery(pipeline.nursery.Nursery):
    """A nursery that is forked from this process instead of being started anew."""

    __slots__ = ()

    def _start(self) -> Any:
        return _Process()


class _Process:
    """What ``subprocess.Popen`` is to a nursery."""

    def __init__(self) -> None:
        requests, answers = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(requests[0], 0)
            os.dup2(answers[1], 1)
            os.closerange(3, 256)  # the lock above all
            sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
            try:
                worker.main()
            finally:
                os._exit(0)
        os.close(requests[0])
        os.close(answers[1])
        self.stdin, self.stdout = open(requests[1], "wb", 0), open(answers[0], "rb", 0)  # noqa: SIM115, PTH123

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> None:
        self.stdin.close()
        self.stdout.close()
        os.waitpid(self.pid, 0)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a forked process ended."""

    code: int  # exit code, or minus the signal's number
    said: str  # what it wrote on stderr
    answer: Any  # what the function gave back, by JSON
    seconds: float  # wall clock


def warm_up() -> None:
    """Load in this process what every child would load anew: rules, model, languages."""
    rules = load_rules(None)
    for text in ("The council met on Monday and agreed on a plan for the river.", "全国碳市场今日开市，成交活跃。"):
        record = Record("a.txt", None, "\n".join([text] * 4).encode(), "text/plain")
        cleaned = clean_record(record, rules=rules)
        assert isinstance(cleaned, Cleaned)
        finish_record(cleaned, template_hits=[None] * len(cleaned.extracted.blocks))


def forked(do: Callable[[], Any], folder: Path, *, kill_after: float | None = None) -> Ended:
    """Call a function in a forked process; kill it (and not its children) after so many seconds."""
    said, answer = folder / "said.txt", folder / "answer.json"
    said.unlink(missing_ok=True)
    answer.unlink(missing_ok=True)
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _in_child(do, said, answer)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - start
    value = json.loads(answer.read_text("utf-8")) if answer.exists() else None
    return Ended(os.waitstatus_to_exitcode(status), said.read_text("utf-8", "replace"), value, seconds)


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


def winnow_run(
    raw: Path, out: Path, *options: str, fault: Fault | None = None, before: Callable[[], None] | None = None
) -> int:
    """``winnow run`` in this process; the number of calls that changed the disk under ``out``."""
    shim = Shim(out, fault)
    pipeline.nursery.Nursery = ForkedNursery  # type: ignore[misc]
    if before is not None:
        before()
    shim.install()
    sys.argv = ["winnow", "run", str(raw), str(out), "--workers", "1", "--template-documents", "2", *options]
    try:
        pipeline.cli.main()
    except SystemExit as error:
        if error.code:
            raise
    return shim.count


def content(snapshot: Snapshot) -> str:
    """A hash of all rows of all datasets but runs, what the clock decides aside."""
    digest = hashlib.sha256()
    for name in DATASETS:
        if name != "runs":
            rows = [
                {k: v for k, v in row.items() if k not in {"first_seen_at", "mtime"}}
                for row in snapshot.table(name).to_pylist()
            ]
            for line in sorted(json.dumps(row, default=str, sort_keys=True) for row in rows):
                digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
            digest.update(name.encode())
    return digest.hexdigest()


def seen_by_a_reader(out: Path) -> str:
    """The content of the live snapshot after all of it was read and checked, "" when there is none."""
    snapshot = latest_or_none(out)
    if snapshot is None:
        return ""
    check_snapshot(snapshot)
    return content(snapshot)


def tree(out: Path) -> list[str]:
    """The files of an output folder by name; the runs' parts, whose names depend on the clock, by number."""
    found = []
    for path in sorted(path for path in out.rglob("*") if not path.is_dir() or path.is_symlink()):
        parts = list(path.relative_to(out).parts)
        if len(parts) == 4 and parts[2] in {"runs", "quarantine", "documents"}:
            parts[3] = "part"
        found.append("/".join(parts))
    return found


def live(out: Path) -> str:
    """The name of the live snapshot."""
    return open_snapshot(out).name
