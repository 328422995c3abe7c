import contextlib
import os
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from poison_worker import PoisonTask

import pipeline.workers.nursery
from pipeline.errors import OutputError, Reason
from pipeline.store.files import chunk_names
from pipeline.store.left_out import left_out_rows
from pipeline.workers.nursery import HERE, Nursery, StoppedError, WorkerError
from pipeline.workers.supervise import SUSPICIOUS, failure, given_up_in, run_task, supervise
from pipeline.workers.task import Limits, TaskResult

#: A nursery on a machine that has no process to spare.
NO_FORK = """
import os, pipeline.stages.child as worker
def fork():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork, worker.RETRY_SECONDS = fork, (0.01,)
worker.main({})
"""
POISON = (sys.executable, str(Path(__file__).with_name("poison_worker.py")))


@pytest.fixture(scope="module")
def nursery():
    one = Nursery(POISON)
    yield one
    one.close()


def do(names, folder, nursery, *, record_seconds=1, broken=False):
    task = PoisonTask("0001", folder / "result", Limits(1024, record_seconds), tuple(names), broken)
    result = supervise(task, nursery)
    done = [row["name"] for chunk in chunk_names(result.folder, "names") for row in pq.read_table(chunk).to_pylist()]
    return done, {one.path: one for one in left_out_rows(given_up_in(result.folder))}, result


def test_a_shard_without_trouble_is_done_whole(nursery, tmp_path):
    done, given_up, result = do(["a", "b", "c"], tmp_path, nursery)
    assert (done, given_up, result.n_deaths) == (["a", "b", "c"], {}, 0)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ("spin", Reason.TIMEOUT),
        ("sleep", Reason.TIMEOUT),
        ("memory", Reason.OUT_OF_MEMORY),
        ("starved", Reason.OUT_OF_MEMORY),
        ("segfault", Reason.PARSER_CRASH),
        ("exit", Reason.PARSER_CRASH),
        ("raise", Reason.PARSER_CRASH),
        ("words", Reason.PARSER_CRASH),
        ("reader-x", Reason.PARSER_CRASH),
        ("killed", Reason.KILLED),
        ("stopped", Reason.KILLED),
        ("nursery", Reason.KILLED),
    ],
)
def test_a_poisoned_record_costs_itself_alone(nursery, tmp_path, poison, reason):
    done, given_up, _ = do(["a", "save", poison, "b", "c"], tmp_path, nursery)
    assert done == ["a", "save", "b", "c"]
    assert {path: one.reason for path, one in given_up.items()} == {poison: reason}
    assert given_up[poison].attempts == 2
    assert "\x1b" not in given_up[poison].message


def test_what_a_parser_says_of_its_end_is_short_and_safe_to_print(nursery, tmp_path):
    _, given_up, _ = do(["a", "curse", "b"], tmp_path, nursery)
    message = given_up["curse"].message
    assert message.isprintable() and len(message) < 600
    assert "\\x1b[2J" in message
    assert not (tmp_path / "result" / "error.txt").exists()


def test_a_record_that_dies_once_is_retried_and_kept(nursery, tmp_path):
    done, given_up, result = do(["a", "once", "b"], tmp_path, nursery)
    assert (done, given_up, result.n_deaths) == (["a", "once", "b"], {}, 1)


def test_what_a_record_prints_goes_nowhere(nursery, tmp_path):
    done, given_up, _ = do(["print", "a"], tmp_path, nursery)
    assert (done, given_up) == (["print", "a"], {})


def test_a_chaos_of_poisons_is_counted_exactly(nursery, tmp_path):
    rng = random.Random(7)
    kinds = ["fine", "save"] * 12 + ["segfault", "exit", "raise", "reader-x", "once"]
    names = [f"{rng.choice(kinds)}-{number}" for number in range(150)]
    done, given_up, _ = do(names, tmp_path, nursery)
    poisoned = {name for name in names if name.split("-")[0] in {"segfault", "exit", "raise", "reader"}}
    assert set(given_up) == poisoned
    assert done == [name for name in names if name not in poisoned]


def test_finished_work_is_not_done_again(nursery, tmp_path):
    do(["a"], tmp_path, nursery)
    assert do(["a"], tmp_path, nursery)[2].reused


def test_a_worker_that_cannot_start_is_an_error_not_a_quarantine(tmp_path):
    broken = Nursery((sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(WorkerError):
        do(["a"], tmp_path, broken)
    broken.close()


def test_a_module_that_is_missing_is_no_fault_of_the_record_and_leaves_no_result(nursery, tmp_path):
    with pytest.raises(WorkerError, match=r"a_module_that_is_missing.*make test"):
        do(["a", "save", "import", "b"], tmp_path, nursery)
    assert not (tmp_path / "result").exists()


def test_a_machine_that_refuses_a_process_is_named_with_the_mend_and_not_the_installation(nursery, tmp_path):
    with pytest.raises(WorkerError, match=r"refuses.*ulimit -u") as found:
        do(["a", "save", "refused", "b"], tmp_path, nursery)
    assert "installation" not in str(found.value)
    limited = Nursery((sys.executable, "-c", NO_FORK))
    with pytest.raises(WorkerError, match=r"refuses another process.*ulimit -u"):
        do(["a"], tmp_path / "other", limited)
    limited.close()


def test_a_nursery_that_is_killed_on_no_record_again_and_again_is_not_called_a_broken_installation(tmp_path):
    killed = Nursery((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(WorkerError, match=r"was killed \(SIGKILL\).*fewer workers") as found:
        do(["a"], tmp_path, killed)
    assert "installation" not in str(found.value)
    killed.close()


def test_closing_a_nursery_ends_the_run_in_another_thread_and_blames_no_record(tmp_path):
    one = Nursery(POISON)
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(do, ["sleep"], tmp_path, one, record_seconds=600)
        while not list(tmp_path.glob("result.tmp/journal-*")):
            time.sleep(0.01)
        one.close()
        with pytest.raises(StoppedError):
            future.result(timeout=30)


def test_a_broken_installation_stops_the_shard_early(nursery, tmp_path):
    with pytest.raises(WorkerError, match=rf"{SUSPICIOUS} records failed.*no attribute 'parse'.*make test"):
        do([f"exit-{n}" for n in range(2000)], tmp_path, nursery, broken=True)
    assert len(list((tmp_path / "result.tmp").glob("journal-*"))) < 3 * SUSPICIOUS
    assert not (tmp_path / "result").exists()


def test_a_heap_of_poison_alone_does_not_stop_the_shard(nursery, tmp_path):
    names = [f"exit-{n}" for n in range(SUSPICIOUS + 5)]
    done, given_up, _ = do([*names, "a"], tmp_path, nursery)
    assert (done, set(given_up)) == (["a"], set(names))
    assert not (tmp_path / "result" / "probe").exists()
    done, given_up, _ = do(["a", *names], tmp_path / "other", nursery, broken=True)  # one was read: it is not asked
    assert (done, set(given_up)) == (["a"], set(names))


def test_an_error_names_the_shards_that_failed_and_not_those_that_were_stopped(tmp_path):
    tasks = [PoisonTask(f"{n:04d}", Path(), Limits(1, 1), ()) for n in range(1, 6)]
    fine, full = TaskResult(Path(), 0, 0, 0), OutputError("The disk is full.", mend="Make room.")
    stopped, bug = StoppedError("stopped"), ZeroDivisionError("bug")
    assert failure(tasks, [fine] * 5) is None
    assert failure(tasks, [fine, stopped, fine, fine, fine]) is stopped
    error = failure(tasks, [fine, full, stopped, full, fine])
    assert type(error) is OutputError
    assert str(error) == "Stage poison failed in shard 0002, 0004. The disk is full. Make room."
    assert failure(tasks, [full, bug, fine, fine, fine]) is bug
    assert "0001, 0002" in bug.__notes__[0]


@pytest.fixture
def own(cold, monkeypatch):
    """The nurseries of this process are poisoned ones, while the test runs."""
    monkeypatch.setattr(pipeline.workers.nursery, "WORKER", POISON)
    monkeypatch.setattr(pipeline.workers.nursery.Nursery.__init__, "__defaults__", (POISON,))
    with HERE.room(4):
        yield HERE


def task(folder, *names, seconds=600):
    return PoisonTask(folder.name, folder, Limits(1024, seconds), names)


def test_a_task_finds_a_nursery_of_its_process_which_the_next_one_uses_too(own, tmp_path):
    with HERE.borrowed(task(tmp_path / "a")) as first:
        pass
    run_task(task(tmp_path / "b", "x"))
    with HERE.borrowed(task(tmp_path / "c")) as third, HERE.borrowed(task(tmp_path / "d")) as fourth:
        assert third is first and fourth is not first


def test_a_nursery_outlives_the_thread_that_asked_for_it_and_ends_when_no_run_is_left(own, tmp_path):
    def do(name):
        with fresh.borrowed(task(tmp_path / name)) as one:
            assert supervise(task(tmp_path / name, "x"), one).n_deaths == 0
            return one, one._process

    fresh = type(HERE)()
    with fresh.room(1):
        with fresh.room(1), ThreadPoolExecutor(1) as threads:
            first = threads.submit(do, "a").result()
        assert do("b") == first and first[1].poll() is None
    assert first[0].closed and first[1].poll() is not None


def test_stopping_tasks_ends_those_at_work_and_those_to_come_and_no_others(own, tmp_path):
    at_work, waiting, other = task(tmp_path / "a", "sleep"), task(tmp_path / "b", "x"), task(tmp_path / "c", "x")
    with ThreadPoolExecutor(1) as threads, HERE.stoppable([at_work, waiting]) as stop:
        future = threads.submit(run_task, at_work)
        while not list(tmp_path.glob("a.tmp/journal-*")) and not future.done():
            time.sleep(0.01)
        stop()
        for one in (future.result, lambda: run_task(waiting)):
            with pytest.raises(StoppedError):
                one()
        assert run_task(other).folder == other.folder
    assert run_task(waiting).folder == waiting.folder  # whoever asks for it later may have it


def test_a_fork_has_no_nursery_of_the_process_it_came_from(own, tmp_path):
    with HERE.borrowed(task(tmp_path / "a")) as nursery:
        pass
    if (pid := os.fork()) == 0:
        with HERE.borrowed(task(tmp_path / "b")) as another:
            os._exit(int(another is nursery))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_no_more_tasks_are_at_work_than_there_is_room_for_however_many_threads_ask(cold, monkeypatch, tmp_path):
    """A flow's task runner may have any number of threads: each child may use all of memory_mb."""
    monkeypatch.setattr(pipeline.workers.nursery.Nursery.__init__, "__defaults__", (POISON,))
    at_work, most, lock = 0, 0, threading.Lock()

    def work(number):
        nonlocal at_work, most
        with HERE.borrowed(task(tmp_path / str(number))):
            with lock:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.02)
            with lock:
                at_work -= 1

    with HERE.room(2), ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(40)))
    assert most == 2


def test_a_task_that_waits_for_room_is_stopped_too(own, tmp_path):
    tasks = [task(tmp_path / name) for name in "abcde"]
    with contextlib.ExitStack() as held, ThreadPoolExecutor(1) as threads, HERE.stoppable(tasks) as stop:
        for one in tasks[:4]:
            held.enter_context(HERE.borrowed(one))
        waiting = threads.submit(run_task, tasks[4])
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.2)
        stop()
        with pytest.raises(StoppedError):
            waiting.result(timeout=30)
