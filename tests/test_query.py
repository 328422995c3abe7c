"""The answer to a query in each form: nothing hidden, nothing that acts, nothing lost."""

import csv
import io
import json
import math
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.errors import OutputError, WinnowError
from pipeline.query import FORMULA, Table, csv_cell, one_sentence, safe, usable_form, write_file, write_form

NASTY = "标题\x1b[2J\x9b1m\u202etxt"


def reader(columns):
    table = pa.table(columns)
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())


def written(columns, form, width=None, rows=100):
    sink = io.StringIO()
    write_form(reader(columns), form, sink.write, Table(width, rows))
    return sink.getvalue()


VALUES = {
    "text": pa.array(["=1+1", "碳市场，“一级”", None]),
    "n": pa.array([-1, 2**60, None]),
    "x": pa.array([0.5, math.nan, None]),
    "day": pa.array([date(2024, 9, 11), None, None]),
    "at": pa.array([datetime(2024, 9, 11, 0, 46, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
    "list": pa.array([["a", "=b"], [], None]),
    "map": pa.array([[("k", 1.5)], [], None], pa.map_(pa.string(), pa.float64())),
    "deep": pa.array([{"a": {"b": [1]}}, None, None]),
    "blob": pa.array([b"\xff", None, None]),
}


def test_json_and_json_lines_have_every_value_as_it_is():
    rows = json.loads(written(VALUES, "json"))
    assert rows == [json.loads(line) for line in written(VALUES, "jsonl").splitlines()]
    assert rows[0]["text"] == "=1+1"
    assert rows[0]["at"] == "2024-09-11T00:46:00+00:00"
    assert (rows[0]["map"], rows[0]["deep"], rows[0]["list"]) == ({"k": 1.5}, {"a": {"b": [1]}}, ["a", "=b"])
    assert (rows[1]["n"], rows[1]["x"], rows[2]["text"]) == (2**60, None, None)
    assert json.loads(written({"a": pa.array([], pa.int64())}, "json")) == []


def test_csv_is_read_back_and_no_cell_of_it_acts():
    rows = list(csv.DictReader(io.StringIO(written(VALUES, "csv"))))
    assert (rows[0]["text"], rows[0]["n"], rows[1]["text"]) == ("'=1+1", "-1", "碳市场，“一级”")
    assert json.loads(rows[0]["deep"]) == {"a": {"b": [1]}}
    assert rows[2]["text"] == ""


@given(st.text(max_size=20))
def test_no_text_of_csv_begins_like_a_formula_and_none_is_lost(text):
    cell = csv_cell(text)
    assert cell.lstrip(" \u00a0\u3000")[:1] not in FORMULA or not cell
    assert cell in (text, f"'{text}")


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=80), min_size=1, max_size=6),
    st.integers(20, 200),
    st.integers(1, 12),
)
def test_a_table_fits_the_terminal_shows_every_column_and_nothing_acts(texts, width, n_columns):
    columns = {f"列{n}": pa.array(texts) for n in range(n_columns)}
    shown = written(columns, "table", width)
    body = [line for line in shown.splitlines() if not line.startswith("(")]
    assert all(f"列{n}" in shown for n in range(n_columns))
    assert all(cell_len(line) <= max(width, 20) for line in body)
    assert all(one.isprintable() or one in "\n\u3000\u00a0" or one.isspace() for one in shown)
    assert f"({len(texts)} row" in shown


def test_nothing_a_terminal_acts_on_is_in_a_table_or_on_a_terminal():
    shown = written({NASTY: pa.array([NASTY])}, "table", 80)
    sink = io.StringIO()
    write_form(reader({NASTY: pa.array([NASTY])}), "csv", safe(sink.write), Table())
    assert not set("\x1b\x9b\u202e") & set(shown + sink.getvalue())
    assert "标题" in shown


def test_what_is_not_shown_is_said():
    many = {"n": pa.array(range(500))}
    assert "(3 rows, there are more; --rows 0 shows all)" in written(many, "table", rows=3)
    assert "(500 rows)" in written(many, "table", rows=0)
    assert "--format jsonl has it whole" in written({"t": pa.array(["碳" * 200])}, "table", 40)
    assert "…" not in written({"t": pa.array(["碳" * 200])}, "table")
    assert "(no rows)" in written({"t": pa.array([], pa.string())}, "table")


def test_columns_of_one_name_stay_apart():
    batches = duckdb.sql("select 1 as a, 2 as a").to_arrow_reader(10)
    sink = io.StringIO()
    write_form(batches, "jsonl", sink.write, Table())
    assert len(json.loads(sink.getvalue())) == 2


@pytest.mark.parametrize("form", ["parquet", "csv", "json", "jsonl", "table"])
def test_a_file_is_written_whole(tmp_path, form):
    file = tmp_path / f"答案.{form}"
    columns = {"题": pa.array(["碳市场"] * 300)}
    n_bytes = write_file(reader(columns), file, form, keep_out_of=tmp_path / "out")
    assert n_bytes == file.stat().st_size
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    if form == "parquet":
        assert pq.read_table(file)["题"].to_pylist() == ["碳市场"] * 300
    else:
        text = file.read_text("utf-8")
        assert text.count("碳市场") == 300
        assert text.startswith("\ufeff") == (form == "csv")  # or Excel garbles Chinese


def test_nothing_is_written_into_what_runs_publish_nor_half(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for file in (tmp_path / "out" / "a.csv", tmp_path / "link" / "a.csv"):
        with pytest.raises(OutputError, match="which only runs write"):
            write_file(reader({"a": pa.array([1])}), file, "csv", keep_out_of=tmp_path / "out")
    with pytest.raises(OutputError, match="is a folder"):
        write_file(reader({"a": pa.array([1])}), tmp_path, "csv", keep_out_of=tmp_path / "out")
    with pytest.raises(OutputError, match="No such file"):
        write_file(reader({"a": pa.array([1])}), tmp_path / "no" / "a.csv", "csv", keep_out_of=tmp_path / "out")

    def failing():
        yield pa.record_batch({"a": [1]})
        raise OSError(28, "No space left on device")

    batches = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), failing())
    with pytest.raises(OutputError, match="cannot be written"):
        write_file(batches, tmp_path / "a.csv", "csv", keep_out_of=tmp_path / "out")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link", "out"]


def test_the_form_is_that_of_the_suffix_unless_one_is_named(tmp_path):
    assert usable_form(None, None) == "table"
    assert usable_form(None, tmp_path / "a.JSONL") == "jsonl"
    assert usable_form("csv", tmp_path / "a.txt") == "csv"
    with pytest.raises(WinnowError, match="-o FILE"):
        usable_form("parquet", None)
    with pytest.raises(WinnowError, match="names no format"):
        usable_form(None, tmp_path / "a")


def test_an_error_of_a_query_is_one_sentence():
    with pytest.raises(duckdb.Error) as failed:
        duckdb.sql("select nonsense from range(3)")
    said = one_sentence(str(failed.value))
    assert "\n" not in said
    assert "LINE 1" not in said
    assert "nonsense" in said
