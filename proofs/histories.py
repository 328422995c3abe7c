"""Is an incremental run a full rebuild? Random histories tell: `python -m proofs.histories [--histories 200] [--seed 0]`.

Each history makes a small raw folder (``trials.corpus``) and changes it step by step: files are added, edited,
deleted, renamed and touched, a site's rules change, state is deleted. After each step the rows of the incremental
snapshot must be those of a rebuild into an empty folder; runs, first_seen_at and mtime aside. Prints histories,
steps and mismatches, and on stderr how far it is; exit code 1 if there are any. Stages run in this process: what children do is for ``faults``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.run import run
from pipeline.schema import DATASETS
from pipeline.settings import Settings
from pipeline.stages.child import STAGES
from pipeline.store.check import check_snapshot
from pipeline.store.files import note_contents
from pipeline.store.marks import make_marked
from pipeline.store.snapshots import Snapshot
from pipeline.workers.journal import Journal, Span
from pipeline.workers.supervise import GIVEN_UP
from pipeline.workers.task import Task, TaskResult
from proofs.trials.corpus import change, make_raw, write_rules
from proofs.trials.runs import CLOCK, content, keep_rules_loaded

SETTINGS: dict[str, Any] = {"workers": 1, "template_documents": 2, "record_seconds": 10_000}


def run_here(tasks: Sequence[Task]) -> list[TaskResult]:
    """A runner without children."""
    return [_run_here(task) for task in tasks]


def _run_here(task: Task) -> TaskResult:
    folder = task.folder
    if not folder.exists():
        make_marked(folder, "results")
        with contextlib.closing(_Journal(folder / "journal", task.limits.record_seconds)) as journal:
            STAGES[task.stage].do(task, folder, Span(), journal)
        (folder / "journal").unlink()
        (folder / GIVEN_UP).write_text("[]", "utf-8")
        note_contents(folder)
    return TaskResult(folder, 0.0, 0.0, 0)


class _Journal(Journal):
    """One that can be closed: in a child its end does that."""

    def close(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.close(self._fd)


def play(folder: Path, seed: int, steps: int) -> list[str]:
    """Play one history; what differed."""
    rng = random.Random(seed)
    raw, out, problems = folder / "raw", folder / "out", []
    make_raw(raw, rng, n_files=rng.randint(3, 9))
    settings = Settings(**SETTINGS, shard_files=rng.choice((2, 3, 2000)))
    for step in range(steps):
        done = ["start"] if step == 0 else change(raw, rng, step, n_changes=rng.randint(1, 4))
        if rng.random() < 0.25:
            write_rules(folder / f"rules-{step}", rng)
            settings = settings.model_copy(update={"rules": folder / f"rules-{step}"})
            done.append("rules")
        if rng.random() < 0.1:
            shutil.rmtree(out / ".state", ignore_errors=True)
            done.append("state deleted")
        whole = settings.model_copy(update={"shard_files": rng.choice((1, 4, 2000))})
        try:
            got = run(raw, out, settings=settings, runner=run_here).snapshot
            check_snapshot(got)
            expected = run(raw, folder / f"whole-{step}", settings=whole, runner=run_here).snapshot
            if content(got) != content(expected):
                problems.append(f"seed {seed} step {step} ({', '.join(done)}): {_differing(got, expected)}")
        except Exception as error:  # noqa: BLE001  # a benchmark: it is counted and shown
            problems.append(f"seed {seed} step {step} ({', '.join(done)}): {type(error).__name__}: {error}")
        shutil.rmtree(folder / f"whole-{step}", ignore_errors=True)
    return problems


def _differing(got: Snapshot, expected: Snapshot) -> str:
    """The first rows that are in one snapshot only."""
    for name in DATASETS:
        tables = [snapshot.table(name) for snapshot in (got, expected)]
        rows = [
            Counter(map(str, table.drop_columns([c for c in CLOCK if c in table.column_names]).to_pylist()))
            for table in tables
        ]
        if name != "runs" and rows[0] != rows[1]:
            return f"{name}: only incremental {list(rows[0] - rows[1])[:1]}, only rebuilt {list(rows[1] - rows[0])[:1]}"
    return "order of rows"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--steps", type=int, default=5, help="of each history")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keep_rules_loaded()
    start, problems = time.monotonic(), []
    for seed in range(options.seed, options.seed + options.histories):
        with tempfile.TemporaryDirectory(prefix="winnow-histories-") as folder:
            for problem in play(Path(folder), seed, options.steps):
                problems.append(problem)
                print(problem[:1500], flush=True)
        done = seed + 1 - options.seed
        if done % 10 == 0:
            note = f"{done} of {options.histories} histories, {len(problems)} mismatches"
            print(f"{note}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    n_steps = options.histories * options.steps
    seconds = time.monotonic() - start
    print(f"{options.histories} histories, {n_steps} steps, {len(problems)} mismatches, {seconds:.0f} s")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
