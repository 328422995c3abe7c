"""What a run under way shows: bars that end, lines that a log can hold, JSON that a program reads."""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.local import local_runner
from pipeline.progress import EVERY_SECONDS, Bars, JsonLines, Lines, Stage, duration
from pipeline.types import RawInput
from pipeline.workers.task import TaskResult


@dataclass(frozen=True)
class Given:
    """A task as displays see one."""

    name: str
    n_records: int
    inputs: tuple = ()


def done(reused=False, deaths=0):
    return TaskResult(Path("x"), 1.5, 100.0, deaths, reused=reused)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def files(*sizes):
    return tuple(RawInput(f"{n}.txt", size, 0, "") for n, size in enumerate(sizes))


def drive(display, clock):
    """A run of two stages: one over two shards, one without."""
    big, small = Given("0001", 2, files(600, 300)), Given("0002", 1, files(100))
    display.begin("clean")
    display.expect([big, small])
    display.advance(big, 2)
    clock.now += 10
    display.done(big, done())
    display.advance(small, 1)
    display.done(small, done(deaths=1))
    display.begin("dedup")
    clock.now += 0.5


def test_a_stage_is_as_far_as_the_bytes_of_its_files():
    big, small = Given("0001", 2, files(600, 300)), Given("0002", 1, files(100))
    stage = Stage("clean", 0.0)
    assert stage.share is None
    stage.expect([big, small])
    stage.advance(big, 1)
    assert stage.share == pytest.approx(0.45)
    stage.advance(big, 50)  # its files hold more records than there are files: it is not done for that
    assert 0.8 < stage.share < 0.9
    stage.done(big, done())
    assert stage.share == pytest.approx(0.9)
    stage.done(small, done(reused=True))
    assert (stage.share, stage.n_records, stage.n_shards) == (1.0, 52, 2)


def test_what_remains_and_the_rate_are_told_while_a_stage_is_under_way():
    stage = Stage("clean", 100.0)
    one = Given("0001", 1000)
    stage.expect([one])
    stage.advance(one, 250)
    assert stage.told(110.0) == "250 records, 25/s, 30.0 s left"
    stage.seconds, stage.failed = 12.0, True
    assert stage.told(500.0) == "250 records, stopped after 12.0 s"


def test_bars_end_whatever_the_end_is():
    for well, mark in ((True, "✓"), (False, "✗")):
        clock, sink = Clock(), io.StringIO()
        console = Console(file=sink, force_terminal=True, width=80, color_system=None, legacy_windows=False)
        display = Bars(console, clock)
        drive(display, clock)
        display.close(well=well)
        last = sink.getvalue().rpartition("clean")[2]
        assert "3 records, 10.0 s" in last
        assert f"{mark} dedup" in last
        assert "▸" not in last
        assert sink.getvalue().endswith("\x1b[?25h")  # the cursor is back


def test_a_log_has_a_line_a_stage_and_nothing_a_terminal_acts_on():
    said, clock = [], Clock()
    display = Lines(said.append, clock=clock)
    drive(display, clock)
    display.close(well=False)
    assert said == ["clean: 3 records, 10.0 s", "dedup: stopped after 0.5 s"]


def test_a_long_stage_says_now_and_then_how_far_it_is():
    said, clock = [], Clock()
    display, one = Lines(said.append, clock=clock), Given("0001", 1000)
    display.begin("finish")
    display.expect([one])
    for _ in range(100):
        clock.now += 1
        display.advance(one, 5)
    assert len(said) == 100 // EVERY_SECONDS
    assert said[0] == "finish: 150 records, 5/s, 2 min 50 s left"


def test_verbose_lines_tell_of_each_shard():
    said, clock = [], Clock()
    drive(Lines(said.append, verbose=True, clock=clock), clock)
    assert "clean: shard 0001 of 2: 1.5 s CPU, 100 MB at most" in said
    assert "clean: shard 0002 of 2: 1.5 s CPU, 100 MB at most, 1 child died" in said


def test_json_lines_are_json_each_with_time_and_event():
    said, clock = [], Clock()
    display = JsonLines(said.append, clock)
    drive(display, clock)
    display.close(well=True)
    events = [json.loads(line) for line in said]
    assert all(one["time"].endswith("+00:00") for one in events)
    assert [one["event"] for one in events][-2:] == ["stage_begins", "stage_done"]
    assert [one["shard"] for one in events if one["event"] == "shard_done"] == ["0001", "0002"]


def test_a_runner_that_fails_ends_its_display_as_failed():
    clock, said = Clock(), []
    with pytest.raises(ZeroDivisionError), local_runner(1, Lines(said.append, clock=clock)) as (_, on_stage):
        on_stage("scan")
        raise ZeroDivisionError
    assert said == ["scan: stopped after 0.0 s"]


def test_a_duration_is_never_sixty_seconds():
    assert [duration(one) for one in (59.94, 59.96, 3599.6)] == ["59.9 s", "1 min 00 s", "1 h 00 min"]
