"""One trial: a run with a fault, what a reader sees then, a rerun without it, what is left behind."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofs.trials.corpus import change, make_raw
from proofs.trials.runs import KILLED, Ended, forked, seen_by_a_reader, tree, winnow_run
from proofs.trials.shim import Fault

N_FILES, N_CHANGES = 6, 3
_NUMBER = re.compile(r"(?<=snapshots/)\d{6}")
#: Names that a disturbed run may choose otherwise: chunks of a worker that was killed, parts with a time in them.
_CHANCE = re.compile(r"\d{7}-\d{9}|(?<=/documents/)[0-9a-f]{32}|(?<=/quarantine/)[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Result:
    """A trial and what went wrong, "" when nothing did."""

    name: str
    problem: str


@dataclass(slots=True)
class Bench:
    """A raw folder, the output of a run on what it was before, and what an undisturbed run makes of both."""

    folder: Path
    rng: random.Random
    quick: bool
    n_kills: int
    n_calls: int = 0
    seconds: float = 0.0
    fsyncs: int = 0
    first_calls: int = 0
    trees: dict[bool, dict[str, str]] = field(default_factory=dict)  # by whether it was the first run
    known: dict[str, str] = field(default_factory=dict)  # content by parts
    old: str = ""
    new: str = ""
    converged: dict[str, str] = field(default_factory=dict)  # what a rerun came to, by the tree it began with

    @property
    def raw(self) -> Path:
        """The raw folder."""
        return self.folder / "raw"

    @property
    def few(self) -> int:
        """How many trials of what takes longer."""
        return 3 if self.quick else 20

    def every_call(self, call: str = "", *, first: bool = False) -> Iterator[int]:
        """The numbers of the calls of a run, or of those of one name."""
        n_calls = self.fsyncs if call == "fsync" else self.first_calls if first else self.n_calls
        step = max(1, n_calls // 8) if self.quick else 1
        return iter(range(1 + self.rng.randrange(step), n_calls + 1, step))

    def fresh(self, *, first: bool = False) -> Path:
        """An output folder as it was before the run."""
        out = self.folder / "work" / "out"
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir()
        if not first:
            shutil.copytree(self.folder / "base", out, symlinks=True)
        return out

    def survives(
        self,
        fault: Fault | None,
        *,
        kill_after: float | None = None,
        first: bool = False,
        must_fail: bool = False,
        must_end_well: bool = False,
    ) -> Result:
        """Run with the fault, look, run again, look again."""
        out = self.fresh(first=first)
        ended = forked(lambda: winnow_run(self.raw, out, fault=fault), self.folder, kill_after=kill_after)
        name = f"{fault}" if fault else f"kill after {kill_after:.3f} s"
        problem = _wrong_end(ended, fault, must_fail=must_fail, must_end_well=must_end_well)
        return Result(name, problem or self.recovers(out, first=first, published=ended.code == 0))

    def survives_all(self, faults: Sequence[Fault]) -> Result:
        """As ``survives``, with run after run disturbed."""
        out = self.fresh()
        for fault in faults:
            forked(lambda fault=fault: winnow_run(self.raw, out, fault=fault), self.folder)  # type: ignore[misc]
            if problem := self.torn(out, {self.old, self.new}):
                return Result(f"{faults}", problem)
        return Result(f"{faults}", self.recovers(out))

    def torn(self, out: Path, allowed: set[str]) -> str:
        """What is wrong with what a reader sees."""
        seen = forked(lambda: seen_by_a_reader(out, self.known), self.folder)
        if seen.code or seen.answer is None:
            return f"a reader cannot read: {seen.said.strip()[-600:]}"
        self.known[seen.answer[0]] = seen.answer[1]
        return "" if seen.answer[1] in allowed else "a reader sees neither the old nor the new snapshot"

    def recovers(self, out: Path, *, first: bool = False, published: bool = False) -> str:
        """What is wrong with what a reader sees now, or after a run that is not disturbed."""
        before = {self.new} if published else {"" if first else self.old, self.new}
        if problem := self.torn(out, before):
            return problem
        state = json.dumps(tree(out) if out.exists() else {}, sort_keys=True)
        if state not in self.converged:
            self.converged[state] = self._rerun(out, first)
        return self.converged[state]

    def recovers_rows(self, out: Path) -> str:
        """What is wrong with the rows after a run that is not disturbed, whatever was seen before."""
        ended = forked(lambda: winnow_run(self.raw, out), self.folder)
        return f"the rerun failed: {ended.said[-500:]}" if ended.code else self.torn(out, {self.new})

    def _rerun(self, out: Path, first: bool) -> str:
        rerun = forked(lambda: winnow_run(self.raw, out), self.folder)
        if rerun.code:
            return f"the rerun failed: {rerun.said.strip()[-800:]}"
        if problem := self.torn(out, {self.new}):
            return f"after the rerun: {problem}"
        found, expected = (
            {_CHANCE.sub("*", name) for name in _ranked(files)} for files in (tree(out), self.trees[first])
        )
        left, lost = sorted(found - expected), sorted(expected - found)
        return f"left behind {left}, lost {lost}" if left or lost else ""


def _ranked(files: Iterable[str]) -> list[str]:
    """The names with snapshots counted from one: the number of one that was killed is not taken again."""
    names = list(files)
    numbers = sorted({number for name in names for number in _NUMBER.findall(name)})
    return [_NUMBER.sub(lambda found: str(1 + numbers.index(found[0])), name) for name in names]


def make_bench(folder: Path, rng: random.Random, *, quick: bool, n_kills: int) -> Bench:
    """Make the raw folder, the output before and what is expected of it after."""
    bench = Bench(folder, rng, quick, n_kills)
    make_raw(bench.raw, rng, n_files=N_FILES)
    _must(forked(lambda: winnow_run(bench.raw, folder / "base"), folder))
    bench.old = _must(forked(lambda: seen_by_a_reader(folder / "base"), folder))[1]
    shutil.copytree(bench.raw, folder / "raw-before")
    change(bench.raw, rng, 1, n_changes=N_CHANGES)
    for first in (True, False):
        out = bench.fresh(first=first)
        ended = forked(lambda out=out: winnow_run(bench.raw, out), folder)  # type: ignore[misc]
        calls = _must(ended)
        bench.trees[first] = tree(out)
        parts, bench.new = _must(forked(lambda out=out: seen_by_a_reader(out), folder))  # type: ignore[misc]
        bench.known[parts] = bench.new
        bench.n_calls, bench.first_calls = calls, bench.n_calls
        bench.seconds = ended.seconds
    out = bench.fresh()
    bench.fsyncs = _must(forked(lambda: winnow_run(bench.raw, out, fault=Fault("EIO", 0, call="fsync")), folder))
    if bench.old == bench.new:
        raise SystemExit("the change changed nothing: take another seed")
    return bench


def _must(ended: Ended) -> Any:
    if ended.code:
        raise SystemExit(f"an undisturbed run failed: {ended.said}")
    return ended.answer


def _wrong_end(ended: Ended, fault: Fault | None, *, must_fail: bool, must_end_well: bool) -> str:
    """What is wrong with how a disturbed run ended: it may end well, be killed, or say one clear sentence."""
    if "Traceback" in ended.said:
        return f"a traceback: {ended.said.strip()[-1200:]}"
    if must_end_well and ended.code:
        return f"exit code {ended.code}: {ended.said.strip()[-300:]}"
    if must_fail and ended.code != 2:
        return f"exit code {ended.code} instead of 2"
    kills = fault is None or fault.mode == "kill"
    if ended.code == 0 or (kills and ended.code == KILLED):
        return ""
    said_why = ended.code == 2 and "winnow: " in ended.said
    return "" if said_why else f"exit code {ended.code}: {ended.said.strip()[-300:]}"
