"""Children die at random writes of clean, finish and assemble: every record is counted, once, and nothing is made up."""

import json
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.local import local_runner
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.stages.work import FILE_BYTES, make_shards
from pipeline.types import RawInput
from pipeline.workers.nursery import Nursery, WorkerError
from pipeline.workers.supervise import supervise

DYING = (sys.executable, str(Path(__file__).with_name("dying_worker.py")))
LINE = {
    "en": "The council of district {n} met on Monday and agreed on plan {n} for the river, as {n} officials said.",
    "zh": "第{n}区议会周一开会，通过了治理河流的第{n}号方案，{n}名官员出席并讲话。",
}
MENU = {"en": "Harbour news every day", "zh": "海港新闻天天看"}


def text(n):
    lang = ("en", "zh")[n % 2]
    return "\n".join([MENU[lang], *(LINE[lang].format(n=n * 97 + k) for k in range(3))])


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw" / "harbour.org"
    folder.mkdir(parents=True)
    for n in range(6):
        (folder / f"{n}.txt").write_text(text(n), "utf-8")
    lines = [json.dumps({"text": text(n)}, ensure_ascii=False) for n in range(10, 15)]
    (folder / "many.jsonl").write_text("\n".join([*lines[:3], "{broken", *lines[3:]]), "utf-8")
    (folder / "copy.txt").write_text(text(1), "utf-8")
    (folder / "menu.txt").write_text(MENU["en"], "utf-8")
    return tmp_path / "raw"


@pytest.fixture
def dying(tmp_path, monkeypatch):
    """Run with children that die at these writes; how many writes there were."""
    (tmp_path / "dying").mkdir()
    monkeypatch.setenv("DYING", str(tmp_path / "dying"))
    nursery = Nursery(DYING)

    def do(raw, out, deaths=(), *, template_documents=4):
        (tmp_path / "dying" / "deaths.json").write_text(json.dumps(list(deaths)))
        (tmp_path / "dying" / "writes").write_bytes(b"")
        settings = Settings(workers=1, template_documents=template_documents)
        snapshot = run(
            raw, out, settings=settings, runner=lambda tasks: [supervise(task, nursery) for task in tasks]
        ).snapshot
        return snapshot, (tmp_path / "dying" / "writes").stat().st_size

    yield do
    nursery.close()


def rows(snapshot):
    """All rows but what the clock decides."""
    found = {}
    for name in ("documents", "sections", "blocks", "duplicates", "quarantine", "inputs"):
        table = [{k: v for k, v in row.items() if k != "first_seen_at"} for row in snapshot.table(name).to_pylist()]
        found[name] = sorted(table, key=lambda row: json.dumps(row, default=str))
    return found


def ids(snapshot):
    names = ("documents", "duplicates", "quarantine")
    return sorted(row["doc_id"] for name in names for row in snapshot.table(name, ["doc_id"]).to_pylist())


def holds_after(deaths, dying, raw, out, expected):
    """A run with these deaths loses nothing and makes nothing up, and the next run has what was killed."""
    try:
        snapshot, _ = dying(raw, out, deaths)
    except WorkerError:  # died again and again on no record
        snapshot, _ = dying(raw, out)
    assert ids(snapshot) == ids(expected)
    killed = {row["doc_id"] for row in snapshot.table("quarantine").to_pylist() if row["reason"] == "killed"}
    if killed:
        snapshot, _ = dying(raw, out)
    assert rows(snapshot) == rows(expected)


def test_random_deaths_at_writes_lose_nothing_and_count_nothing_twice(raw, tmp_path, dying):
    rng = random.Random(5)
    expected, n_writes = dying(raw, tmp_path / "expected")
    assert n_writes > 100
    for trial in range(4):
        starts = rng.sample(range(1, n_writes), rng.randint(1, 4))
        deaths = sorted({start + k for start in starts for k in range(rng.randint(1, 3))})
        holds_after(deaths, dying, raw, tmp_path / f"out-{trial}", expected)


def test_deaths_while_a_changed_template_is_followed_lose_nothing(raw, tmp_path, dying):
    """Records that hold are taken over from a result that was itself made by children that died."""
    rng = random.Random(6)
    dying(raw, tmp_path / "base", [60, 100, 140, 141, 142])
    expected, n_writes = dying(raw, tmp_path / "expected", template_documents=2)
    for trial in range(2):
        out = tmp_path / f"out-{trial}"
        shutil.copytree(tmp_path / "base", out, symlinks=True)
        deaths = sorted(rng.sample(range(1, n_writes), 3))
        try:
            snapshot, _ = dying(raw, out, deaths, template_documents=2)
        except WorkerError:
            snapshot, _ = dying(raw, out, template_documents=2)
        if any(row["reason"] == "killed" for row in snapshot.table("quarantine").to_pylist()):
            snapshot, _ = dying(raw, out, template_documents=2)
        assert rows(snapshot) == rows(expected)


def test_small_slices_hold_the_rows_of_one_part(raw, tmp_path, dying):
    sliced, _ = dying(raw, tmp_path / "sliced")
    settings = Settings(workers=1, template_documents=4)
    with local_runner(1) as (runner, on_stage):
        whole = run(raw, tmp_path / "whole", settings=settings, runner=runner, on_stage=on_stage).snapshot
    assert len(sliced.files("blocks")) > len(whole.files("blocks")) == 1
    assert rows(sliced) == rows(whole)


def files(n, size):
    return [RawInput(f"{number:06}", size, 0, "") for number in range(n)]


def cut(inputs, workers=1, *, max_bytes=64 << 20, max_files=2000):
    shards = make_shards(inputs, max_bytes=max_bytes, max_files=max_files, workers=workers)
    assert [one for shard in shards for one in shard] == inputs
    assert all(len(shard) <= max_files for shard in shards)
    assert all(sum(one.size for one in shard) <= max_bytes or len(shard) == 1 for shard in shards)
    return list(map(len, shards))


def test_two_thousand_small_texts_are_work_for_two_workers():
    assert cut(files(2000, 4_000), 2) == [500] * 4
    assert cut(files(900, 4_000), 2) == [450] * 2


def test_shards_take_about_as_long_as_one_another_whatever_the_files_are():
    assert cut(files(3000, 100_000), 2) == [375] * 8
    texts, pages = files(3000, 4_000), [replace(one, path=f"x{one.path}") for one in files(1000, 100_000)]
    costs = [
        sum(one.size + FILE_BYTES for one in shard)
        for shard in make_shards([*texts, *pages], max_bytes=64 << 20, max_files=2000, workers=2)
    ]
    assert max(costs) < 1.05 * min(costs)


def test_the_cut_is_the_same_for_fewer_workers_so_that_a_run_goes_on_with_them():
    assert cut(files(3000, 100_000), 1) == cut(files(3000, 100_000), 4)
    assert len(cut(files(3000, 100_000), 16)) > len(cut(files(3000, 100_000), 4))


def test_what_is_little_work_is_one_shard_and_limits_hold():
    assert cut([]) == []
    assert cut(files(50, 10_000), 64) == [50]
    assert cut(files(50, 10_000), 64, max_files=20) == [20, 20, 10]
    assert cut(files(4, 40 << 20), 1) == [1] * 4
    assert cut(files(3, 100 << 20), 1) == [1] * 3
