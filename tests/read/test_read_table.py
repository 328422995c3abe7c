"""Tables: a row a document, whatever delimits, quotes and encodes it, and nothing lost of a row that is broken."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from growth import linear
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import ReadLimits, read_file
from pipeline.read.limits import skip
from pipeline.types import Record

ENGLISH = (
    "The tower bell was recast in spring, and rings a tone lower. People set their clocks by it still; the sexton says "
    "that it runs two minutes ahead of the railway, and that nobody has ever missed a train for it."
)
SIMPLIFIED = "钟楼的大钟春天重铸过，声音低了一度。大家还是照它对表；敲钟人说，它比铁路快两分钟，从来没有人因此误过火车，只有人早到了半个小时。"
TRADITIONAL = "鐘樓的大鐘春天重鑄過，聲音低了一度。大家還是照它對錶；敲鐘人說，它比鐵路快兩分鐘，從來沒有人因此誤過火車，只有人早到了半個小時。"
Outcome = Record | Rejection | Skipped


def read(folder: Path, content: bytes | str, name: str = "a.csv", **limits: object) -> list[Outcome]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_file(folder, name, limits=ReadLimits(**limits)))  # type: ignore[arg-type]


def table(*rows: tuple[str, ...], delimiter: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue()


def texts(found: list[Outcome]) -> list[str]:
    return [one.content.decode() for one in found if isinstance(one, Record)]


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "a.csv"), (";", "a.csv"), ("\t", "a.csv"), ("|", "a.csv"), ("\t", "a.tsv")]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_found_and_quoted_line_ends_are_text(
    tmp_path: Path, delimiter: str, name: str, end: str
) -> None:
    made = [f'{ENGLISH}\n\nA second paragraph, with a comma; and "quotes".', f"{SIMPLIFIED}\n第二段，“引号”。"]
    rows = [(str(n), f"t{n}", text.replace("\n", end if end == "\r" else "\n")) for n, text in enumerate(made)]
    found = read(tmp_path, table(("id", "title", "text"), *rows, delimiter=delimiter, end=end), name)
    assert texts(found) == made
    assert [(one.member, one.title) for one in found if isinstance(one, Record)] == [("1", "t0"), ("2", "t1")]


@pytest.mark.parametrize(
    ("codec", "encoding", "text"),
    [
        ("utf-8-sig", "utf-8", SIMPLIFIED),
        ("gb18030", "gb18030", SIMPLIFIED),
        ("big5", "big5", TRADITIONAL),
        ("utf-16", "utf-16le", SIMPLIFIED),
        ("utf-16-be", "utf-16be", SIMPLIFIED),
        (
            "cp1252",
            "windows-1252",
            "Le café ferme à midi. Les garçons de l’hôtel s’en vont, et la place reste déserte jusqu’à l’été.",
        ),
    ],
)
def test_any_charset_is_read_and_told(tmp_path: Path, codec: str, encoding: str, text: str) -> None:
    content = table(("title", {"cp1252": "texte", "big5": "內容"}.get(codec, "正文")), ("t", text), ("u", text))
    found = read(tmp_path, content.encode(codec))
    assert texts(found) == [text, text]
    assert all(isinstance(one, Record) and one.taken_from and one.taken_from[0] == encoding for one in found)


def test_columns_without_a_header_are_told_by_what_they_hold(tmp_path: Path) -> None:
    rows = [
        (f"Bell {n}", f"https://example.org/{n}", f"2024-03-0{n}", f"{text}")
        for n, text in enumerate((ENGLISH, SIMPLIFIED), 1)
    ]
    first, second = read(tmp_path, table(*rows))
    assert isinstance(first, Record)
    assert (first.title, first.url, first.published, first.content.decode()) == rows[0]
    assert second.member == "2"


def test_a_column_whose_name_says_nothing_is_told_by_what_it_holds(tmp_path: Path) -> None:
    assert texts(read(tmp_path, table(("nr", "kopf", "wortlaut"), ("1", "a", ENGLISH), ("2", "b", SIMPLIFIED)))) == [
        ENGLISH,
        SIMPLIFIED,
    ]


def test_a_blank_text_costs_its_row_alone(tmp_path: Path) -> None:
    found = read(tmp_path, table(("title", "text"), ("a", ENGLISH), ("b", " "), ("c", SIMPLIFIED)))
    assert [(one.member, getattr(one, "reason", None)) for one in found] == [
        ("1", None),
        ("2", Reason.EMPTY),
        ("3", None),
    ]


def test_figures_are_skipped_and_a_list_of_pages_without_text_is_rejected(tmp_path: Path) -> None:
    assert read(tmp_path, "year,value\n2020,1\n2021,2\n") == [
        skip("a.csv", None, "table without a text column: year, value")
    ]
    (outcome,) = read(tmp_path, table(("title", "url"), *((f"t{n}", f"https://example.org/{n}") for n in range(500))))
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.MISSING_TEXT
    assert "title, url" in outcome.message


def test_a_column_that_is_named_is_taken(tmp_path: Path) -> None:
    content = table(("text", "真文", "ts"), ("no", SIMPLIFIED, "2024"))
    (record,) = read(tmp_path, content, text_field="真文", time_field="ts")
    assert isinstance(record, Record)
    assert (record.content.decode(), record.published) == (SIMPLIFIED, "2024")
    (outcome,) = read(tmp_path, content, text_field="none")
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.MISSING_TEXT


def test_a_delimiter_that_is_not_quoted_loses_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, f"id,text\n1,{ENGLISH}\n2,{SIMPLIFIED}\n3,a, b, c and d.\n")
    assert texts(found) == [ENGLISH, SIMPLIFIED, "a, b, c and d."]
    assert [one.flags for one in found if isinstance(one, Record)] == [("ragged_row",), (), ("ragged_row",)]


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_a_text_that_slipped_into_the_cell_of_a_title_is_said(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, f"id;title;text\n1;t;{text.replace(';', ',')}\n2;t {text.replace(';', ',')};the rest\n")
    assert [one.flags for one in found if isinstance(one, Record)] == [(), ("two_texts",)]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (f'2\t"So it is," he said. {ENGLISH}', f'"So it is," he said. {ENGLISH}'),
        (f'2\tsix 5" nails. {ENGLISH}', f'six 5" nails. {ENGLISH}'),
    ],
)
def test_quotes_that_are_text_stay_text(tmp_path: Path, row: str, text: str) -> None:
    assert texts(read(tmp_path, f"id\ttext\n1\t{SIMPLIFIED}\n{row}\n3\t{TRADITIONAL}\n", "a.tsv")) == [
        SIMPLIFIED,
        text,
        TRADITIONAL,
    ]


def test_quotes_escaped_by_a_backslash_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, f'id,text\n1,"He said \\"one, two\\". {ENGLISH}"\n2,"{SIMPLIFIED}"\n')
    assert texts(found) == [f'He said "one, two". {ENGLISH}', SIMPLIFIED]


def test_a_quote_that_nothing_closes_does_not_take_the_rest_of_the_file(tmp_path: Path) -> None:
    rows = "".join(f"{n},{SIMPLIFIED}{n}\n" for n in range(2, 30))
    found = texts(read(tmp_path, f'id,text\n1,"{SIMPLIFIED}1\n{rows}'))
    assert len(found) == 29
    assert found[-1] == f"{SIMPLIFIED}29"


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_a_row_with_something_behind_a_quote_is_flagged(tmp_path: Path, text: str) -> None:
    rows = (f'1,a,"{text}"', f'2,b,"{text} cut', f'3,c,"{text}"', f'4,d,"{text}\n{text} ""so"""')
    found = read(tmp_path, "id,title,text\n" + "\n".join(rows) + "\n")
    assert [one.flags for one in found if isinstance(one, Record)] == [(), ("ragged_row",), ()]
    assert all(text in one for one in texts(found))


def test_a_row_that_is_too_large_costs_itself_alone(tmp_path: Path) -> None:
    content = table(("id", "text"), ("1", ENGLISH), ("2", "word " * 100_000), ("3", SIMPLIFIED))
    found = read(tmp_path, content, max_record_bytes=100_000)
    assert [(one.member, getattr(one, "reason", None)) for one in found] == [
        ("1", None),
        ("2", Reason.TOO_LARGE),
        ("3", None),
    ]


def test_a_cut_table_keeps_the_whole_rows_and_says_what_is_lost(tmp_path: Path) -> None:
    packed = gzip.compress(table(("id", "text"), *((str(n), f"{ENGLISH} {n * 7919}") for n in range(5_000))).encode())
    found = read(tmp_path, packed[: len(packed) // 2], "a.csv.gz")
    assert len(texts(found)) > 1_000
    assert isinstance(found[-1], Rejection)
    assert found[-1].reason is Reason.BROKEN_CONTAINER


@pytest.mark.parametrize(
    "bait", [b'"' * 500_000, b'"a\n' * 150_000, b"," * 500_000, b'1,"x\n' * 150_000, b"\r" * 300_000]
)
def test_hostile_rows_are_linear(tmp_path: Path, bait: bytes) -> None:
    assert linear(
        lambda found: read(tmp_path, b"id,text\n" + found, max_record_bytes=200_000),
        lambda size: bait[:size],
        len(bait),
    )


def arrow_table(made: list[str]) -> pa.Table:
    moment = datetime.datetime(2024, 3, 5, 8, 30, tzinfo=datetime.UTC)
    return pa.table(
        {
            "url": [f"https://example.org/{n}" for n in range(len(made))],
            "text": made,
            "date": [moment] * len(made),
            "embedding": [[0.1, 0.2]] * len(made),
            "metadata": [{"title": f"t{n}", "author": "Ann"} for n in range(len(made))],
        }
    )


def written(made: pa.Table, name: str) -> bytes:
    out = io.BytesIO()
    if name.endswith("parquet"):
        pq.write_table(made, out, row_group_size=100)
    else:
        feather.write_feather(made, out)
    return out.getvalue()


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow", "a", "a.parquet.gz"])
def test_each_row_of_parquet_and_arrow_is_a_record(tmp_path: Path, name: str) -> None:
    made = [f"{text} {n}" for n in range(150) for text in (ENGLISH, SIMPLIFIED)]
    content = written(arrow_table(made), "parquet" if "." not in name or "parquet" in name else name)
    found = read(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
    assert texts(found) == made
    last = found[-1]
    assert isinstance(last, Record)
    assert (last.member, last.url, last.published) == ("300", "https://example.org/299", "2024-03-05T08:30:00+00:00")
    assert (last.title, last.author) == ("t299", "Ann")


@pytest.mark.parametrize("name", ["a.parquet", "a.feather"])
@pytest.mark.parametrize("column", ["text", ""])
def test_columns_of_one_name_are_read_and_a_text_that_is_left_out_is_said(
    tmp_path: Path, name: str, column: str
) -> None:
    made = pa.Table.from_arrays([pa.array([ENGLISH]), pa.array([SIMPLIFIED])], names=[column, column])
    out = io.BytesIO()
    if name == "a.parquet":
        pq.write_table(made, out)
    else:
        with pa.ipc.new_file(out, made.schema) as writer:
            writer.write_table(made)
    (record,) = read(tmp_path, out.getvalue(), name)
    assert isinstance(record, Record)
    assert (record.content.decode(), record.flags) == (ENGLISH, ("two_texts",) if column else ())


def test_html_in_bytes_is_read(tmp_path: Path) -> None:
    made = pa.table({"id": [1], "html": pa.array([f"<p>{SIMPLIFIED}</p>".encode()], pa.binary())})
    (record,) = read(tmp_path, written(made, "a.parquet"), "a.parquet")
    assert isinstance(record, Record)
    assert (record.content.decode(), record.media_type) == (f"<p>{SIMPLIFIED}</p>", "text/html")


def test_rows_without_text_come_first_and_the_others_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, written(pa.table({"text": [None] * 200 + [ENGLISH]}), "a.parquet"), "a.parquet")
    assert texts(found) == [ENGLISH]
    assert len(found) == 201


def test_a_table_of_numbers_is_skipped(tmp_path: Path) -> None:
    (outcome,) = read(tmp_path, written(pa.table({"x": [1, 2], "y": ["a", "b"]}), "a.parquet"), "a.parquet")
    assert isinstance(outcome, Skipped)


@pytest.mark.parametrize("name", ["a.parquet", "a.feather"])
def test_a_damaged_file_is_a_broken_container(tmp_path: Path, name: str) -> None:
    content = written(arrow_table([ENGLISH] * 300), name)
    for damaged in (content[:-50], content[: len(content) // 2], content[:8] + bytes(len(content) - 16) + content[-8:]):
        found = read(tmp_path, damaged, name)
        assert isinstance(found[-1], Rejection)
        assert found[-1].reason is Reason.BROKEN_CONTAINER


CELLS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffd"), max_size=30)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS.filter(lambda cell: bool(cell.strip()))), min_size=1, max_size=8))
def test_every_row_that_csv_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    made = [(title, f"{text} {SIMPLIFIED}") for title, text in rows]
    found = read(tmp_path_factory.mktemp("table"), table(("title", "text"), *made))
    assert texts(found) == [text for _, text in made]
