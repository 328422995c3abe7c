"""What a run under way shows: a bar a stage on a terminal, a plain line a stage in a log, JSON for programs, or nothing.

A run tells a ``Display`` which stage begins, how much there is to do in it and what was done; the display ends each
stage properly, also that in which the run fails.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.workers.task import Task, TaskResult

#: Seconds after which a log says how far a stage is that is not done yet.
EVERY_SECONDS = 30.0
#: Of a bar, columns.
_BAR = 24
#: A shard whose files hold more records than was to be expected is this far at most before it is done.
_NEARLY = 0.95


class Display(Protocol):
    """Who shows a run. ``advance`` and ``done`` may be called by several threads at once."""

    def begin(self, stage: str) -> None:
        """A stage begins; the one before is done."""

    def expect(self, tasks: Sequence[Task]) -> None:
        """The stage has these tasks to do."""

    def advance(self, task: Task, n_records: int) -> None:
        """So many more records of a task were begun."""

    def done(self, task: Task, result: TaskResult) -> None:
        """A task was done."""

    def close(self, *, well: bool) -> None:
        """The run has ended, well or not."""


class Silent:
    """Shows nothing."""

    def begin(self, stage: str) -> None:
        """Nothing."""

    def expect(self, tasks: Sequence[Task]) -> None:
        """Nothing."""

    def advance(self, task: Task, n_records: int) -> None:
        """Nothing."""

    def done(self, task: Task, result: TaskResult) -> None:
        """Nothing."""

    def close(self, *, well: bool) -> None:
        """Nothing."""


@dataclass(slots=True)
class Stage:
    """How far a stage is. What there is to do weighs bytes where files are read, else records."""

    name: str
    started: float  # of a clock in seconds
    n_records: int = 0  # begun
    n_shards: int = 0  # done
    shards: dict[str, int] = field(default_factory=dict)  # weight by task
    doing: dict[str, int] = field(default_factory=dict)  # records begun by task that is not done
    expected: dict[str, int] = field(default_factory=dict)  # records by task, about
    finished: float = 0.0  # weight of what is done
    seconds: float | None = None  # once it has ended
    failed: bool = False

    def expect(self, tasks: Sequence[Task]) -> None:
        """Take up what there is to do."""
        self.shards = {task.name: _weight(task) for task in tasks}
        self.expected = {task.name: max(task.n_records, 1) for task in tasks}

    def advance(self, task: Task, n_records: int) -> None:
        """Count records that were begun."""
        self.n_records += n_records
        self.doing[task.name] = self.doing.get(task.name, 0) + n_records

    def done(self, task: Task, result: TaskResult) -> None:
        """Count a task that was done."""
        self.n_shards += 1
        self.finished += self.shards.get(task.name, 0)
        begun = self.doing.pop(task.name, 0)
        if result.reused:
            self.n_records += max(task.n_records - begun, 0)

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None where that cannot be told."""
        total = sum(self.shards.values())
        if not total:
            return None
        under_way = sum(
            self.shards.get(name, 0) * min(n / self.expected.get(name, 1), _NEARLY) for name, n in self.doing.items()
        )
        return min((self.finished + under_way) / total, 1.0)

    def told(self, now: float) -> str:
        """How far it is, in words: records, rate, what remains; of one that has ended what it came to."""
        taken = now - self.started if self.seconds is None else self.seconds
        n, what = (self.n_records, "record") if self.n_records else (self.n_shards, "shard")
        parts = [f"{n:,} {what}{'' if n == 1 else 's'}"] if n else []
        if self.failed:
            return ", ".join([*parts, f"stopped after {duration(taken)}"])
        rate = [f"{self.n_records / taken:,.0f}/s"] if self.n_records >= taken > 1 else []
        if self.seconds is not None:
            return ", ".join([*parts, duration(taken), *rate])
        if len(self.shards) > 1:
            parts.append(f"shard {min(self.n_shards + 1, len(self.shards))} of {len(self.shards)}")
        share = self.share
        left = [f"{duration(taken / share - taken)} left"] if share and share > 0.01 and taken > 2 else []
        return ", ".join([*parts, *rate, *(left or [duration(taken)])])


def _weight(task: Task) -> int:
    inputs = getattr(task, "inputs", None)
    return max(sum(one.size for one in inputs), 1) if inputs else max(task.n_records, 1)


def duration(seconds: float) -> str:
    """Seconds in words as short as they can be.

    >>> [duration(one) for one in (0.04, 5.25, 59.96, 125, 7384)]
    ['0.0 s', '5.2 s', '1 min 00 s', '2 min 05 s', '2 h 03 min']
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


class _Stages:
    """What displays share: the stages so far, and a lock for the threads that tell of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.stages: list[Stage] = []
        self.lock = RLock()

    def begin(self, stage: str) -> None:
        """End the stage before and begin one."""
        with self.lock:
            self._end(failed=False)
            self.stages.append(Stage(stage, self.clock()))
            self.on_begin(self.stages[-1])

    def expect(self, tasks: Sequence[Task]) -> None:
        """Take up what there is to do."""
        with self.lock:
            if self.stages:
                self.stages[-1].expect(tasks)

    def advance(self, task: Task, n_records: int) -> None:
        """Count records that were begun."""
        with self.lock:
            if self.stages:
                self.stages[-1].advance(task, n_records)
                self.on_progress(self.stages[-1])

    def done(self, task: Task, result: TaskResult) -> None:
        """Count a task that was done."""
        with self.lock:
            if self.stages:
                self.stages[-1].done(task, result)
                self.on_done(self.stages[-1], task, result)

    def close(self, *, well: bool) -> None:
        """End the last stage."""
        with self.lock:
            self._end(failed=not well)

    def _end(self, *, failed: bool) -> None:
        if self.stages and self.stages[-1].seconds is None:
            last = self.stages[-1]
            last.seconds, last.failed = self.clock() - last.started, failed
            self.on_end(last)

    def on_begin(self, stage: Stage) -> None:
        """A stage has begun."""

    def on_progress(self, stage: Stage) -> None:
        """It has come further."""

    def on_done(self, stage: Stage, task: Task, result: TaskResult) -> None:
        """A task of it was done."""

    def on_end(self, stage: Stage) -> None:
        """It has ended."""


class Bars(_Stages):
    """A line with a bar for each stage, redrawn in place: for a terminal."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.live = Live(console=console, get_renderable=self.table, refresh_per_second=5)

    def table(self) -> Table:
        """The stages as they stand now."""
        table = Table.grid(padding=(0, 1), pad_edge=False)
        table.add_column(width=1)
        table.add_column(min_width=8)
        table.add_column(width=_BAR)
        table.add_column(no_wrap=True, overflow="ellipsis")
        with self.lock:
            for one in self.stages:
                table.add_row(_mark(one), one.name, _bar(one), Text(one.told(self.clock())))
        return table

    def on_begin(self, stage: Stage) -> None:
        """Begin to draw with the first: later on this thread may not wait for the one that draws."""
        if len(self.stages) == 1:
            self.live.start()

    def close(self, *, well: bool) -> None:
        """Draw the last time: what is left on the screen has ended."""
        super().close(well=well)
        self.live.stop()


def _mark(stage: Stage) -> Text:
    if stage.seconds is None:
        return Text("▸", style="cyan")
    return Text("✗", style="red") if stage.failed else Text("✓", style="green")


def _bar(stage: Stage) -> ProgressBar:
    share = stage.share
    if stage.seconds is not None and not stage.failed:
        share = 1.0
    if share is None and stage.failed:
        share = 0.0
    style = "red" if stage.failed else "green" if stage.seconds is not None else "cyan"
    return ProgressBar(
        total=1.0,
        completed=share or 0.0,
        width=_BAR,
        pulse=share is None,
        complete_style=style,
        finished_style=style,
    )


class Lines(_Stages):
    """A plain line when a stage has ended, and now and then how far it is: for a log."""

    def __init__(
        self, say: Callable[[str], None], *, verbose: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(clock)
        self.say, self.verbose, self.said = say, verbose, 0.0

    def on_begin(self, stage: Stage) -> None:
        """Say so, if everything is to be said."""
        self.said = stage.started
        if self.verbose:
            self.say(f"{stage.name}: begins")

    def on_progress(self, stage: Stage) -> None:
        """Say how far it is, now and then."""
        now = self.clock()
        if now - self.said >= EVERY_SECONDS:
            self.said = now
            self.say(f"{stage.name}: {stage.told(now)}")

    def on_done(self, stage: Stage, task: Task, result: TaskResult) -> None:
        """Say what a shard came to, if everything is to be said."""
        if self.verbose:
            deaths = (
                f", {result.n_deaths} {'child' if result.n_deaths == 1 else 'children'} died" if result.n_deaths else ""
            )
            cost = f"{result.cpu_seconds:.1f} s CPU, {result.peak_mb:,.0f} MB at most"
            what = "there already" if result.reused else f"{cost}{deaths}"
            self.say(f"{stage.name}: shard {task.name} of {len(stage.shards)}: {what}")

    def on_end(self, stage: Stage) -> None:
        """Say what it came to."""
        self.say(f"{stage.name}: {stage.told(self.clock())}")


class JsonLines(_Stages):
    """A JSON object a line, with the time and the event: for a program that reads the log."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.say = say

    def event(self, event: str, about: Mapping[str, Any]) -> None:
        """Say one thing."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.say(json.dumps({"time": now, "event": event, **about}))

    def on_begin(self, stage: Stage) -> None:
        """Say so."""
        self.event("stage_begins", {"stage": stage.name})

    def on_done(self, stage: Stage, task: Task, result: TaskResult) -> None:
        """Say what a shard came to."""
        about = {"stage": stage.name, "shard": task.name, "n_shards": len(stage.shards), "reused": result.reused}
        cost = {"cpu_seconds": result.cpu_seconds, "peak_mb": result.peak_mb, "n_deaths": result.n_deaths}
        self.event("shard_done", {**about, **cost})

    def on_end(self, stage: Stage) -> None:
        """Say what it came to."""
        how = "stage_failed" if stage.failed else "stage_done"
        self.event(how, {"stage": stage.name, "seconds": stage.seconds, "n_records": stage.n_records})
