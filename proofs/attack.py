"""What an attacker, an unlucky operator or a failing disk would do, each against what must come of it.

    python -m proofs.attack [--quick] [--only WORD ...] [--seed 0] [--keep DIR]

Each attack gets an empty folder and a product as a user has it (commands in processes of their own), does its worst
and says what broke. Prints N of N by kind; exit code 1 unless all held. A new attack is a function and a line in the
``ATTACKS`` of the module of its kind (``attacks/KIND.py``).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofs.attacks import archives, code, cost, damage, flow, line, marks, parent, raw, retry, server
from proofs.attacks.kit import Attack, Ground

#: Of every kind; the order is that of the table.
ATTACKS: Sequence[Attack] = (
    *code.ATTACKS,
    *flow.ATTACKS,
    *line.ATTACKS,
    *marks.ATTACKS,
    *damage.ATTACKS,
    *archives.ATTACKS,
    *raw.ATTACKS,
    *cost.ATTACKS,
    *retry.ATTACKS,
    *parent.ATTACKS,
    *server.ATTACKS,
)


@dataclass(frozen=True, slots=True)
class Held:
    """An attack and what broke, "" when it held."""

    attack: Attack
    problem: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few of each kind, in a minute or two")
    parser.add_argument("--only", nargs="*", default=[], help="attacks whose kind or name has one of these in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep the folders of attacks that broke something here")
    options = parser.parse_args()
    chosen = [
        one
        for one in ATTACKS
        if (one.quick or not options.quick)
        and (not options.only or any(word in f"{one.kind} {one.name}" for word in options.only))
    ]
    sys.exit(0 if all_hold(chosen, seed=options.seed, keep=options.keep) else 1)


def all_hold(
    attacks: Sequence[Attack], *, seed: int, keep: Path | None = None, say: Callable[[str], None] = print
) -> bool:
    """Go through the attacks and print what came of each kind; True when all held."""
    n_held = 0
    for kind in dict.fromkeys(one.kind for one in attacks):
        start = time.monotonic()
        results = [_tried(one, seed, keep) for one in attacks if one.kind == kind]
        broken = [one for one in results if one.problem]
        n_held += len(results) - len(broken)
        say(f"{kind:12} {len(results) - len(broken):4} of {len(results):4}  {time.monotonic() - start:6.0f} s")
        for one in broken:
            say(f"    {one.attack.name}: {one.problem}")
        sys.stdout.flush()
    say(f"{'all':12} {n_held:4} of {len(attacks):4}")
    return n_held == len(attacks)


def _tried(attack: Attack, seed: int, keep: Path | None) -> Held:
    folder = Path(tempfile.mkdtemp(prefix="winnow-attack-"))
    try:
        problem = attack.run(Ground(folder, random.Random(f"{seed} {attack.kind} {attack.name}")))
    except Exception:  # noqa: BLE001 - an attack that cannot be carried out proves nothing: it counts as not held
        problem = traceback.format_exc(limit=-3)
    if problem and keep:
        keep.mkdir(parents=True, exist_ok=True)
        shutil.copytree(
            folder, keep / f"{attack.kind}-{attack.name}".replace("/", "_").replace(" ", "_"), symlinks=True
        )
    shutil.rmtree(folder, ignore_errors=True)
    return Held(attack, problem)


if __name__ == "__main__":
    main()
