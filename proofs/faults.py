"""Fault injection: runs are killed, refused and disturbed, and must come through: `python -m proofs.faults`.

    python -m proofs.faults [--quick] [--kills 200] [--only NAME ...] [--seed 0]

After each fault a reader must see the old snapshot or the new one whole (all of it read, hashed and checked), and a
rerun without the fault must end with the rows of a run that was never disturbed and leave nothing behind. Prints
N of N by scenario; exit code 1 unless all came through. A new scenario is a function and a line in SCENARIOS.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipeline.stages.children import warm_up
from proofs.trials.prefect import PREFECT_SCENARIOS
from proofs.trials.processes import PROCESS_SCENARIOS
from proofs.trials.runs import keep_rules_loaded
from proofs.trials.shim import Fault
from proofs.trials.trial import Bench, Result, make_bench

#: By the errno's name: whether it stays (a full disk) or happens once.
ERRORS = {"ENOSPC": True, "EIO": False, "EACCES": True, "EMFILE": False}

TOLD = 50  # trials from one line about how far a scenario is to the next


def kill_at_every_call(bench: Bench) -> Iterator[Result]:
    """kill -9 of the run at every write, fsync, rename, link, unlink, mkdir ..., in parent and children."""
    for n in bench.every_call():
        yield bench.survives(Fault("kill", n))


def error_at_every_call(bench: Bench) -> Iterator[Result]:
    """ENOSPC, EIO, EACCES and EMFILE at every call: a clear sentence and exit code 2, or the run copes."""
    for mode, persistent in ERRORS.items():
        for n in bench.every_call():
            yield bench.survives(Fault(mode, n, persistent=persistent))


def failing_fsync(bench: Bench) -> Iterator[Result]:
    """EIO once from the n-th fsync: it is not tried again, the run fails."""
    for n in bench.every_call("fsync"):
        yield bench.survives(Fault("EIO", n, call="fsync"), must_fail=True)


def killed_worker(bench: Bench) -> Iterator[Result]:
    """kill -9 of a child alone, wherever it writes: its work is done again and the run ends well."""
    for n in bench.every_call():
        yield bench.survives(Fault("kill-worker", n), must_end_well=True)


def random_kills(bench: Bench) -> Iterator[Result]:
    """kill -9 of the run at a random time."""
    for _ in range(bench.n_kills):
        yield bench.survives(None, kill_after=bench.rng.uniform(0, bench.seconds * 1.1))


def kills_in_a_row(bench: Bench) -> Iterator[Result]:
    """Run after run is killed at a random call, on the same output, before one is let be."""
    for _ in range(bench.few):
        yield bench.survives_all([Fault("kill", bench.rng.randint(1, bench.n_calls)) for _ in range(5)])


def first_run(bench: Bench) -> Iterator[Result]:
    """The same kills when there is no snapshot yet."""
    for n in bench.every_call(first=True):
        yield bench.survives(Fault("kill", n), first=True)


SCENARIOS: dict[str, Callable[[Bench], Iterable[Result]]] = {
    "kill9_every_call": kill_at_every_call,
    "kill9_first_run": first_run,
    "error_every_call": error_at_every_call,
    "eio_fsync": failing_fsync,
    "kill9_worker_only": killed_worker,
    "kill9_random": random_kills,
    "kill9_in_a_row": kills_in_a_row,
    **PROCESS_SCENARIOS,
    **PREFECT_SCENARIOS,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every n-th call only, and no Prefect server")
    parser.add_argument("--kills", type=int, default=200, help="at random times")
    parser.add_argument("--only", nargs="*", default=[], help="scenarios whose name has one of these in it")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chosen = {k: v for k, v in SCENARIOS.items() if not options.only or any(word in k for word in options.only)}
    with tempfile.TemporaryDirectory(prefix="winnow-faults-") as folder:
        keep_rules_loaded()
        warm_up()
        kills = min(options.kills, 10) if options.quick else options.kills
        bench = make_bench(Path(folder), random.Random(options.seed), quick=options.quick, n_kills=kills)
        sys.exit(0 if run(chosen, bench) else 1)


def run(scenarios: dict[str, Callable[[Bench], Iterable[Result]]], bench: Bench) -> bool:
    """Go through the scenarios and print what came of each; True when all came through."""
    print(f"A run makes {bench.n_calls} calls that change the disk and takes {bench.seconds:.1f} s.", flush=True)
    n_all, n_fine = 0, 0
    for name, scenario in scenarios.items():
        start = time.monotonic()
        results = list(_told(name, scenario(bench), start))
        bad = [one for one in results if one.problem]
        n_all, n_fine = n_all + len(results), n_fine + len(results) - len(bad)
        note = (scenario.__doc__ or "").strip().splitlines()[0]
        print(f"{name:22} {len(results) - len(bad):5} of {len(results):5}  {time.monotonic() - start:6.0f} s  {note}")
        for one in bad[:5]:
            print(f"    {one.name}: {one.problem}")
        sys.stdout.flush()
    print(f"{'all':22} {n_fine:5} of {n_all:5}")
    shutil.rmtree(bench.folder / "work", ignore_errors=True)
    return n_fine == n_all


def _told(name: str, results: Iterable[Result], start: float) -> Iterator[Result]:
    """The results as they come, with a line on stderr every TOLD of them."""
    n_fine = 0
    for number, one in enumerate(results, 1):
        n_fine += not one.problem
        if number % TOLD == 0:
            seconds = time.monotonic() - start
            print(f"{name}: {n_fine} of {number} so far, {seconds:.0f} s", file=sys.stderr, flush=True)
        yield one


if __name__ == "__main__":
    main()
