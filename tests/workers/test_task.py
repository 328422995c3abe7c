"""A task is a value that can be sent anywhere."""

import json
import multiprocessing
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.read.limits import ReadLimits
from pipeline.stages.tasks import AssembleTask, CleanTask, FinishTask
from pipeline.types import RawInput
from pipeline.workers.supervise import run_task
from pipeline.workers.task import Limits, SpanRequest, from_json, to_json

#: Names as disks have them: any bytes but NUL, those that are no text as lone surrogates.
names = st.binary(min_size=1, max_size=12).map(lambda one: one.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
folders = names.map(Path)
numbers = st.integers(0, 2**40)
limits = st.builds(Limits, numbers, numbers, numbers)
inputs = st.builds(RawInput, names, numbers, numbers, st.text("0123456789abcdef"), numbers, numbers)
tasks = st.one_of(
    st.builds(
        CleanTask,
        name=st.text(),
        folder=folders,
        limits=limits,
        raw=folders,
        inputs=st.lists(inputs, max_size=3).map(tuple),
        read=st.builds(ReadLimits, numbers),
        rules=st.none() | folders,
        without=st.lists(st.text()).map(tuple),
        copies=st.lists(st.tuples(names, folders), max_size=2).map(tuple),
    ),
    st.builds(
        FinishTask,
        name=st.text(),
        folder=folders,
        limits=limits,
        n_records=numbers,
        cleaned=folders,
        templates=folders,
        backend=st.sampled_from(["lid176", "langdetect"]),
        seed=numbers,
        version=st.text(),
        made_of=st.text(),
        earlier=st.none() | folders,
    ),
    st.builds(
        AssembleTask,
        name=st.text(),
        folder=folders,
        limits=limits,
        finished=folders,
        duplicates=folders,
        first_seen=folders,
        started_at=numbers,
        dead=st.lists(st.text()).map(tuple),
    ),
)


@given(tasks)
def test_a_task_is_the_same_after_the_way_as_json_and_as_pickle(task):
    assert from_json(type(task), to_json(task)) == task
    assert pickle.loads(pickle.dumps(task)) == task
    assert "\n" not in to_json(task)  # a line


@given(tasks, limits)
def test_what_a_nursery_is_asked_is_the_same_after_the_way(task, limits):
    asked = SpanRequest(task.stage, to_json(task), task.folder, task.folder, (1, 2), None, limits)
    assert from_json(SpanRequest, to_json(asked).encode()) == asked


def test_a_field_that_is_missing_or_unknown_is_an_error():
    said = json.loads(to_json(Limits(1, 2)))
    with pytest.raises(TypeError, match="colour"):
        from_json(Limits, json.dumps({**said, "colour": "red"}))
    del said["memory_mb"]
    with pytest.raises(TypeError, match="memory_mb"):
        from_json(Limits, json.dumps(said))


def test_a_process_that_knows_nothing_else_does_a_task(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.txt").write_text("The council met on Monday and agreed on a plan for the river.\n今天的会议通过了方案。")
    inputs = (RawInput("a.txt", (raw / "a.txt").stat().st_size, 0, "0" * 64),)
    task = CleanTask("0001", tmp_path / "result", Limits(1024, 60), raw, inputs, ReadLimits())
    with multiprocessing.get_context("spawn").Pool(1) as processes:
        result = processes.apply(run_task, (task,))
    assert (result.folder, result.n_deaths) == (task.folder, 0)
    assert len(list(task.folder.glob("*.records.parquet"))) == 1
