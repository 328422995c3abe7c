"""Is memory flat in the size of the corpus, and a small addition cheap? `python -m benchmarks.memory [--sizes 5000 20000]`.

A mixed corpus of each size is made (``benchmarks.corpus``; no two stories share their sentences' numbers) and cleaned
by ``winnow run`` with one worker in a process of its own. Memory is looked at five times a second: of the parent and of
the largest of its descendants the most that was ever resident (VmHWM), of the whole tree the largest sum of shares
(PSS). Then ten files are added to the largest corpus and it is run again. CPU time is user and system time of the tree.
Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.corpus import DATA, make_corpus
from pipeline.store.snapshots import open_snapshot

GROWTH = 1.2  # target: the peak of the largest corpus, as a multiple of the smallest's
ADDED, ADDED_SHARE = 10, 0.05  # target: share of the full run's CPU time that this many more files may cost
CONSOLE = Console(width=120)


@dataclass(slots=True)
class Peaks:
    """The most memory seen so far, MB."""

    parent: float = 0.0
    child: float = 0.0
    whole: float = 0.0

    def look(self, pid: int) -> None:
        """Look at a process and its descendants now."""
        processes = tree(pid)
        resident = [_mb(Path(f"/proc/{one}/status"), "VmHWM:") for one in processes]
        self.parent = max(self.parent, resident[0])
        self.child = max(self.child, *resident[1:], 0.0)
        self.whole = max(self.whole, sum(_mb(Path(f"/proc/{one}/smaps_rollup"), "Pss:") for one in processes))


@dataclass(frozen=True, slots=True)
class Row:
    """What a run took."""

    files: int
    records: int
    cpu_seconds: float
    seconds: float  # wall clock
    peaks: Peaks


def tree(pid: int) -> list[int]:
    """A process and its descendants (Linux), those that its threads started too."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended
                found += map(int, children.read_text().split())
    return found


def _mb(file: Path, field: str) -> float:
    try:
        lines = file.read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def run_winnow(raw: Path, out: Path) -> Row:
    """Run on a raw folder and publish. Raises SystemExit with what the run said when it fails."""
    command = [sys.executable, "-m", "pipeline"]
    command += ["run", str(raw), str(out), "--workers", "1"]
    peaks, done = Peaks(), threading.Event()
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        watch = threading.Thread(target=_watch, args=(process.pid, peaks, done))
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        done.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped: Popen must not wait again
        said.seek(0)
        if process.returncode:
            raise SystemExit(
                f"the run failed ({process.returncode}):\n{said.read().decode('utf-8', 'replace')[-3000:]}"
            )
    counts = open_snapshot(out).manifest["counts"]
    return Row(counts["files"], counts["records"], usage.ru_utime + usage.ru_stime, seconds, peaks)


def _watch(pid: int, peaks: Peaks, done: threading.Event) -> None:
    while not done.wait(0.2):
        peaks.look(pid)


def table_of(rows: Sequence[Row]) -> Table:
    """A row a run, and what the largest corpus took as a multiple of the smallest."""
    names = ("files", "records", "CPU s", "wall s", "parent MB", "largest child MB", "tree MB")
    table = Table(*names, title="Peak memory of a run with one worker")
    for row in rows:
        figures = (row.cpu_seconds, row.seconds, row.peaks.parent, row.peaks.child, row.peaks.whole)
        table.add_row(f"{row.files:,}", f"{row.records:,}", *(f"{figure:,.0f}" for figure in figures))
    first, last = rows[0], rows[-1]
    ratios = [last.files / first.files, last.records / first.records, last.cpu_seconds / first.cpu_seconds]
    ratios += [last.seconds / first.seconds, *_growth(first, last)]
    table.add_section()
    table.add_row(*(f"x {ratio:.2f}" for ratio in ratios))
    return table


def _growth(first: Row, last: Row) -> list[float]:
    names = ("parent", "child", "whole")
    return [getattr(last.peaks, name) / getattr(first.peaks, name) for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5000, 20000], help="files of each corpus, ascending")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    sizes, rows = sorted(given.sizes), []
    with tempfile.TemporaryDirectory(prefix="winnow-memory-") as folder:
        for files in sizes:
            raw, out = Path(folder) / f"raw-{files}", Path(folder) / f"out-{files}"
            make_corpus(raw, files=files, seed=given.seed, data=given.data, quiet=True)
            rows.append(run_winnow(raw, out))
            print(f"{files} files: {rows[-1].cpu_seconds:.0f} CPU-s", file=sys.stderr, flush=True)
        make_corpus(raw / "added", files=ADDED, seed=given.seed + 1, data=given.data, quiet=True)
        (raw / "added.truth.jsonl").unlink()
        added = run_winnow(raw, out)
    CONSOLE.print(table_of(rows))
    share, growth = added.cpu_seconds / rows[-1].cpu_seconds, max(_growth(rows[0], rows[-1]))
    CONSOLE.print(f"{added.files - rows[-1].files} files added: {100 * share:.1f} % of CPU ({added.cpu_seconds:.1f} s)")
    CONSOLE.print(f"Peak at most x {GROWTH:.1f}: {_met(growth <= GROWTH)}. ", end="")
    CONSOLE.print(f"Added run at most {100 * ADDED_SHARE:.0f} %: {_met(share <= ADDED_SHARE)}.")
    sys.exit(0 if growth <= GROWTH and share <= ADDED_SHARE else 1)


def _met(fine: bool) -> str:
    return "met" if fine else "missed"


if __name__ == "__main__":
    main()
