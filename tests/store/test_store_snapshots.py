import multiprocessing
import threading

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import OutputError, SnapshotError
from pipeline.schema import DATASETS
from pipeline.store.check import check_snapshot
from pipeline.store.claim import locked
from pipeline.store.files import write_table
from pipeline.store.layout import staged_part
from pipeline.store.marks import make_marked
from pipeline.store.snapshots import list_snapshots, open_snapshot, publish


def staged(folder, **tables):
    """A part a dataset, empty where no table is given."""
    folder.mkdir(exist_ok=True)
    for name, schema in DATASETS.items():
        write_table(tables.get(name, schema.empty_table()), folder / f"{name}.parquet")
        yield staged_part(name, folder / f"{name}.parquet"), folder / f"{name}.parquet"


def quarantine(*paths):
    rows = [
        {
            "doc_id": p,
            "path": p,
            "stage": "read",
            "reason": "empty",
            "message": "",
            "attempts": 1,
            "first_seen_at": 0,
            "n_records": 1,
        }
        for p in paths
    ]
    return pa.Table.from_pylist(rows, schema=DATASETS["quarantine"])


def put(out, folder, *paths, keep=10):
    return publish(out, list(staged(folder, quarantine=quarantine(*paths))), manifest={"counts": {}}, keep=keep)


def test_what_was_published_is_read_back(tmp_path):
    put(tmp_path / "out", tmp_path / "stage", "a", "b")
    snapshot = open_snapshot(tmp_path / "out")
    assert snapshot.table("quarantine")["path"].to_pylist() == ["a", "b"]
    assert snapshot.duckdb().sql("select count(*) from quarantine").fetchall() == [(2,)]
    assert pl.read_parquet(snapshot.glob("quarantine")).height == 2
    assert (tmp_path / "out" / "current").resolve() == snapshot.path


def test_every_dataset_has_a_file_even_when_it_is_empty(tmp_path):
    snapshot = put(tmp_path / "out", tmp_path / "stage")
    for name in DATASETS:
        assert pl.read_parquet(snapshot.glob(name)).height == 0


def test_an_unchanged_part_is_the_same_file_in_both_snapshots(tmp_path):
    one = put(tmp_path / "out", tmp_path / "stage", "a")
    two = put(tmp_path / "out", tmp_path / "stage", "b")
    assert two.files("documents")[0].samefile(one.files("documents")[0])
    assert not two.files("quarantine")[0].samefile(one.files("quarantine")[0])


def test_parts_are_named_by_their_content(tmp_path):
    snapshot = put(tmp_path / "out", tmp_path / "stage", "a")
    for part in snapshot.parts:
        assert staged_part(part.dataset, snapshot.path / part.dataset / part.name) == part


def test_an_open_snapshot_does_not_see_a_later_run(tmp_path):
    before = put(tmp_path / "out", tmp_path / "stage", "a")
    put(tmp_path / "out", tmp_path / "stage", "b")
    assert before.table("quarantine")["path"].to_pylist() == ["a"]
    assert open_snapshot(tmp_path / "out").table("quarantine")["path"].to_pylist() == ["b"]


def test_a_reader_during_publishing_sees_the_old_or_the_new(tmp_path):
    out, seen = tmp_path / "out", []
    put(out, tmp_path / "stage", "0", "0")
    done = threading.Event()

    def read():
        while not done.is_set():
            seen.append(tuple(open_snapshot(out).table("quarantine")["path"].to_pylist()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 15):
        put(out, tmp_path / "stage", str(number), str(number))
    done.set()
    reader.join()
    assert {len(set(pair)) for pair in seen} == {1}
    assert seen


def test_a_leftover_of_a_killed_run_is_written_over(tmp_path):
    put(tmp_path / "out", tmp_path / "stage", "a")
    leftover = tmp_path / "out" / "snapshots" / "000002" / "quarantine" / "torn.parquet"
    make_marked(leftover.parent.parent, "snapshot")
    leftover = leftover.with_name("0123abcd.tmp")
    leftover.parent.mkdir()
    leftover.write_bytes(b"PAR1")
    assert open_snapshot(tmp_path / "out").name == "000001"
    snapshot = put(tmp_path / "out", tmp_path / "stage", "b")
    assert snapshot.name == "000002"
    assert not leftover.exists()


@pytest.mark.parametrize("name", ["a[b]c", "a*b?", "[/red]", "a\nb", "lang=zz", "a'b\"c %20", "中文"])
def test_any_name_above_the_output_is_read_by_all_and_makes_no_column(tmp_path, name):
    out = tmp_path / name / "out"
    assert check_snapshot(put(out, tmp_path / "stage"))
    snapshot = put(out, tmp_path / "stage", "a", "b")
    assert pl.read_parquet(snapshot.glob("quarantine")).height == 2
    columns = snapshot.duckdb().sql("select * from quarantine").columns
    assert columns == DATASETS["quarantine"].names
    assert snapshot.table("quarantine").num_rows == 2
    with duckdb.connect() as connection:
        assert len(connection.from_parquet(snapshot.glob("quarantine")).fetchall()) == 2


def test_old_snapshots_go_beyond_the_number_kept(tmp_path):
    for name in "abcd":
        put(tmp_path / "out", tmp_path / "stage", name, keep=2)
    assert [one.name for one in list_snapshots(tmp_path / "out")] == ["000003", "000004"]


def test_no_snapshot_yet_is_one_clear_sentence(tmp_path):
    with pytest.raises(SnapshotError, match="winnow run"):
        open_snapshot(tmp_path)


def test_an_unknown_dataset_names_those_that_are(tmp_path):
    with pytest.raises(SnapshotError, match="documents, sections"):
        put(tmp_path / "out", tmp_path / "stage").glob("docs")


def _hold(out, ready, release):
    with locked(out):
        ready.set()
        release.wait(20)


def test_a_second_run_on_the_same_output_is_refused(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready, release))
    other.start()
    ready.wait(20)
    with pytest.raises(OutputError, match="Another run"), locked(tmp_path):
        pass
    other.kill()  # the kernel lets the lock go with its process
    other.join()
    with locked(tmp_path):
        pass


def test_an_output_that_is_a_file_is_one_clear_sentence(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "out"):
        pass


def test_every_field_is_described_in_the_files(tmp_path):
    snapshot = put(tmp_path / "out", tmp_path / "stage")
    for name in DATASETS:
        for field in pq.read_schema(snapshot.files(name)[0]):
            assert field.metadata[b"description"]
