import random
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import Reason
from pipeline.shards.chunks import chunk_names
from pipeline.supervise import Job, Nursery, WorkerError, given_up_in, run_job

POISON = (sys.executable, str(Path(__file__).with_name("poison_worker.py")))


@pytest.fixture(scope="module")
def nursery():
    one = Nursery(POISON)
    yield one
    one.close()


def do(names, folder, nursery, *, record_seconds=1):
    job = Job("poison", "0001", str(folder / "result"), {"inputs": names}, len(names), 1024, record_seconds)
    result = run_job(job, nursery)
    done = [
        row["name"] for chunk in chunk_names(Path(result.folder), "names") for row in pq.read_table(chunk).to_pylist()
    ]
    return done, {one.path: one for one in given_up_in(Path(result.folder))}, result


def test_a_shard_without_trouble_is_done_whole(nursery, tmp_path):
    done, given_up, result = do(["a", "b", "c"], tmp_path, nursery)
    assert (done, given_up, result.n_deaths) == (["a", "b", "c"], {}, 0)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ("spin", Reason.TIMEOUT),
        ("sleep", Reason.TIMEOUT),
        ("memory", Reason.OUT_OF_MEMORY),
        ("segfault", Reason.PARSER_CRASH),
        ("exit", Reason.PARSER_CRASH),
        ("raise", Reason.PARSER_CRASH),
        ("reader-x", Reason.PARSER_CRASH),
    ],
)
def test_a_poisoned_record_costs_itself_alone(nursery, tmp_path, poison, reason):
    done, given_up, _ = do(["a", "save", poison, "b", "c"], tmp_path, nursery)
    assert done == ["a", "save", "b", "c"]
    assert {path: one.reason for path, one in given_up.items()} == {poison: reason}
    assert given_up[poison].attempts == 2


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
