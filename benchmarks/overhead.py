"""What Prefect costs: the same files by the plain command and by the flow, each with its private start-up taken out.

    python -m benchmarks.overhead [--files 2000] [--workers 2] [--rounds 3] [--data ../shared/data/extraction]

A mixed corpus (``benchmarks.corpus``) and its first two files are run by ``winnow run`` and by the flow
(``winnow-ingest``, with the Prefect server that it starts for itself). Of each the best wall time of the
rounds counts; a run of two files is what starting up takes. Exit code 1 when the flow takes over ``BOUND`` more.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.corpus import DATA, make_corpus, make_few
from benchmarks.measure import measure

#: Of the wall time of the plain command, start-up aside, that the flow may take more.
BOUND = 0.10
WAYS = {"winnow run": ("-m", "pipeline", "run"), "flow": ("-P", "-m", "flows.ingest")}


def best(way: Sequence[str], raw: Path, work: Path, *, rounds: int) -> float:
    """Wall seconds of the quickest of so many runs into new folders."""
    names = (work / f"out-{n}" for n in range(rounds))
    return min(measure([sys.executable, *way, str(raw), str(out)]).seconds for out in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    os.environ["WINNOW_WORKERS"] = str(given.workers)  # the flow's command takes settings from the environment
    table = Table(
        "", "whole run, s", "start-up, s", "without it, s", title=f"{given.files} files, {given.workers} workers"
    )
    rest = {}
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        work = Path(folder)
        make_corpus(work / "raw", files=given.files, data=given.data)
        make_few(work / "raw", work / "few")
        for name, way in WAYS.items():
            whole, start = (
                best(way, work / raw, Path(tempfile.mkdtemp(dir=work)), rounds=given.rounds) for raw in ("raw", "few")
            )
            rest[name] = whole - start
            table.add_row(name, f"{whole:.1f}", f"{start:.1f}", f"{rest[name]:.1f}")
    plain, flow = rest.values()
    more = flow / plain - 1
    Console(width=120).print(table)
    print(f"The flow takes {more:+.1%} of the plain command's time, start-up aside; allowed are {BOUND:.0%}.")
    sys.exit(more > BOUND)


if __name__ == "__main__":
    main()
