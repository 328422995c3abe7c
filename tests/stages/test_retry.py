import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import winnow
from pipeline.errors import OutputError, Reason, SnapshotError, WinnowError
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.stages.retry import Request, ask, pending
from pipeline.store.layout import RETRY
from pipeline.workers.nursery import Nursery
from pipeline.workers.supervise import supervise

GREEDY = (sys.executable, str(Path(__file__).with_name("greedy_worker.py")))
LOW, HIGH = {"memory_mb": 2000, "record_seconds": 5}, {"memory_mb": 4096, "record_seconds": 30}
KINDS = ("hungry", "slow", "killed")
FILES = [f"{stage}-{kind}.txt" for stage in ("clean", "finish") for kind in KINDS]


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for number, name in enumerate([*FILES, *(f"fine-{n}.txt" for n in range(8)), "也好.txt"]):
        text = f"The council met for the {number}th time and agreed on plan {number * 31} for the river.\n第{number}号方案已经通过。"
        (folder / name).write_text(text, "utf-8")
    (folder / "empty.txt").write_text("")
    return folder


@pytest.fixture
def do(tmp_path, monkeypatch):
    """Run; the report, and the files that were cleaned."""
    folder = tmp_path / "greedy"
    folder.mkdir()
    monkeypatch.setenv("GREEDY", str(folder))
    nursery = Nursery(GREEDY)

    def run_with(raw, out, *, fails=False, **settings):
        (folder / "begun").write_text("")

        def runner(tasks):
            if fails and tasks and tasks[0].stage == "assemble":
                raise OutputError("The disk is full.")
            return [supervise(task, nursery) for task in tasks]

        report = run(raw, out, settings=Settings(workers=1, **settings), runner=runner)
        return report, sorted(set((folder / "begun").read_text().splitlines()))

    yield run_with
    nursery.close()


def reasons(report):
    rows = report.snapshot.table("quarantine", ["path", "reason"]).to_pylist()
    return {row["path"]: row["reason"] for row in rows}


def texts(report):
    names = ("documents", "duplicates", "quarantine")
    return {name: sorted(map(str, report.snapshot.table(name, ["path"]).to_pylist())) for name in names}


def of(kind):
    return [name for name in sorted(FILES) if kind in name]


def test_what_fell_to_a_limit_or_to_somebody_is_tried_again_when_that_is_gone_and_nothing_else_is(raw, tmp_path, do):
    out = tmp_path / "out"
    report, begun = do(raw, out, **LOW)
    fell = {"hungry": "out_of_memory", "slow": "timeout", "killed": "killed"}
    assert reasons(report) == {name: fell[name[:-4].split("-")[1]] for name in FILES} | {"empty.txt": "empty"}

    (tmp_path / "greedy" / "peace").touch()
    report, begun = do(raw, out, **LOW)
    assert begun == of("killed") and set(reasons(report)) == {*of("hungry"), *of("slow"), "empty.txt"}

    report, begun = do(raw, out, **LOW)
    assert not report.published

    report, begun = do(raw, out, **{**LOW, "record_seconds": 30})
    assert begun == of("slow") and set(reasons(report)) == {*of("hungry"), "empty.txt"}

    report, begun = do(raw, out, **HIGH)
    assert begun == of("hungry") and reasons(report) == {"empty.txt": "empty"}
    assert texts(report) == texts(do(raw, tmp_path / "fresh", **HIGH)[0])

    lowered, begun = do(raw, out, **LOW)  # what came through stays
    assert (lowered.published, begun) == (False, [])


def test_a_retry_that_is_asked_for_is_done_once_by_the_next_run_that_ends_well(raw, tmp_path, do):
    out = tmp_path / "out"
    (tmp_path / "greedy" / "peace").touch()
    do(raw, out, **{**LOW, "memory_mb": 4096})
    assert ask(out, reasons=["timeout"], paths=[]) == 2
    assert ask(out, reasons=[], paths=["clean-slow.txt"]) == 1
    with pytest.raises(OutputError):
        do(raw, out, fails=True, **{**LOW, "memory_mb": 4096})
    report, begun = do(raw, out, **{**LOW, "memory_mb": 4096})
    assert set(begun) <= set(of("slow")) and pending(out) is None
    assert report.published and set(reasons(report)) == {*of("slow"), "empty.txt"}
    report, begun = do(raw, out, **{**LOW, "memory_mb": 4096})
    assert (report.published, begun) == (False, [])


def test_what_cannot_be_tried_again_is_refused_in_one_sentence(raw, tmp_path, do):
    out = tmp_path / "out"
    with pytest.raises(SnapshotError):
        ask(out, reasons=[], paths=[])
    assert not out.exists()
    do(raw, out, **HIGH)
    with pytest.raises(WinnowError, match="no reason 'boredom'"):
        ask(out, reasons=["boredom"], paths=[])
    with pytest.raises(WinnowError, match=r"fine-1\.txt is in quarantine"):
        ask(out, reasons=[], paths=["fine-1.txt"])
    assert ask(out, reasons=["encrypted"], paths=[]) == 0
    assert pending(out) is None
    said = CliRunner().invoke(winnow, ["retry", str(out)]).output
    assert "will try" in said and pending(out) == Request(tuple(sorted(Reason)))


def test_a_damaged_request_is_one_for_everything(tmp_path):
    (tmp_path / RETRY).parent.mkdir()
    for text in ("", "{", "[]", '{"reasons": 3, "paths": []}', "\udce9"):
        (tmp_path / RETRY).write_text(text, "utf-8", "surrogateescape")
        assert pending(tmp_path) == Request(tuple(Reason))
    (tmp_path / RETRY).write_text(json.dumps({"reasons": ["timeout"], "paths": ["a"]}))
    assert pending(tmp_path) == Request(("timeout",), ("a",))
