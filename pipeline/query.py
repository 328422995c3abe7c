"""The answer to an SQL query over a snapshot, as a table for people, CSV, JSON, JSON lines or Parquet.

A new form is one writer and a line in ``FORMS``. A table shows every column: where they do not fit beside one another,
each row is a list of them. CSV is safe to open in a spreadsheet: no cell that comes out of raw files acts as a formula.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import json
import math
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len, set_cell_size

from pipeline.errors import OutputError, WinnowError
from pipeline.store.files import MENDS
from pipeline.store.snapshots import Snapshot
from pipeline.text.safety import printable, printable_lines

_BATCH = 1024  # rows that are Python objects at a time
#: With what a cell begins that a spreadsheet may take for a formula; full-width signs are such where Excel is Japanese
#: or Chinese. https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_CELL = 300  # characters of a cell of a table that is not cut to a terminal's width
_GAP = "  "
_MIN_COLUMN, _MAX_NAME = 8, 20  # columns of the terminal that a column of a table, and its name, may be cut to


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is cut."""

    width: int | None = None  # columns of the terminal; None: nothing is cut to it
    rows: int = 100  # at most; 0: all


Say = Callable[[str], None]
Batches: TypeAlias = Any  # a pyarrow.RecordBatchReader


@contextlib.contextmanager
def answer(snapshot: Snapshot, query: str) -> Iterator[Batches | None]:
    """The rows that a query gives, None for a statement that gives none.

    Raises WinnowError in one sentence for a query that fails, also while the rows are read; SnapshotError when that is
    because a part of the snapshot is lost or damaged.
    """
    try:
        with snapshot.duckdb() as connection:
            relation = connection.sql(query)
            yield None if relation is None else relation.to_arrow_reader(_BATCH)
    except (duckdb.Error, pa.ArrowException, UnicodeEncodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of who writes the answer, not of who reads rows
            raise
        if not isinstance(error, duckdb.ProgrammingError | UnicodeEncodeError) and snapshot.damaged_part():
            raise snapshot.damaged(error) from None
        raise WinnowError(f"The query failed: {one_sentence(str(error))}") from None


def one_sentence(error: str) -> str:
    """What DuckDB says, without the lines that draw where in the query it is.

    >>> one_sentence('Binder Error: No column "x"!\\nCandidates: "y"\\n\\nLINE 1: select x\\n               ^')
    'Binder Error: No column "x"! Candidates: "y".'
    """
    said = " ".join(error.partition("\n\nLINE ")[0].partition("\nLINE ")[0].split())
    return printable(said if said.endswith((".", "!", "?")) else f"{said}.", limit=1000)


# Values.


def plain(value: Any, kind: pa.DataType) -> Any:
    """A value as JSON has it: times in ISO 8601, bytes in base64, maps as objects, no NaN."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if pa.types.is_map(kind):
        return {str(key): plain(item, kind.item_type) for key, item in value}
    if isinstance(value, Mapping):
        kinds = {field.name: field.type for field in kind} if pa.types.is_struct(kind) else {}
        return {key: plain(item, kinds.get(key, pa.null())) for key, item in value.items()}
    if isinstance(value, list):
        inner = kind.value_type if hasattr(kind, "value_type") else pa.null()
        return [plain(item, inner) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _rows(batches: Batches) -> Iterator[list[Any]]:
    """The rows as lists of plain values."""
    kinds = [field.type for field in batches.schema]
    for batch in batches:
        columns = [
            [plain(value, kind) for value in column.to_pylist()]
            for column, kind in zip(batch.columns, kinds, strict=True)
        ]
        yield from map(list, zip(*columns, strict=True))


def _names(batches: Batches) -> list[str]:
    """The names of the columns, a second of the same name numbered."""
    found: list[str] = []
    for name in batches.schema.names:
        n, unique = 1, name
        while unique in found:
            n += 1
            unique = f"{name}_{n}"
        found.append(unique)
    return found


def text_of(value: Any) -> str:
    """A plain value as one cell: lists and objects as JSON, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


# Forms.


def csv_cell(value: Any) -> Any:
    """A value for a cell of CSV: a text that a spreadsheet might compute gets an apostrophe before it.

    >>> csv_cell("=1+1"), csv_cell(-1.5), csv_cell("-"), csv_cell("2024-09-11")
    ("'=1+1", -1.5, "'-", '2024-09-11')
    """
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = text_of(value)
    return f"'{text}" if text.lstrip(" \u00a0\u3000")[:1] in FORMULA and text else text


def write_csv(batches: Batches, say: Say) -> None:
    """Comma-separated values with a head, CRLF at the end of lines (RFC 4180), every text in quotes."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(map(csv_cell, _names(batches)))
    for row in _rows(batches):
        writer.writerow(["" if cell is None else cell for cell in map(csv_cell, row)])
        if buffer.tell() > 1 << 16:
            say(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()
    say(buffer.getvalue())


def write_jsonl(batches: Batches, say: Say) -> None:
    """A JSON object a line."""
    names = _names(batches)
    for row in _rows(batches):
        say(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")


def write_json(batches: Batches, say: Say) -> None:
    """A JSON array of objects, each on a line of its own."""
    names, before = _names(batches), "[\n"
    for row in _rows(batches):
        say(before + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False))
        before = ",\n"
    say("[]\n" if before == "[\n" else "\n]\n")


def write_table(batches: Batches, say: Say, cut: Table) -> None:
    """A table for people: nothing that a terminal acts on; all columns, and what is not shown is said."""
    names, more = [printable(name) for name in _names(batches)], False
    rows: list[list[Any]] = []
    numeric = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in batches.schema.types]
    for row in _rows(batches):
        if cut.rows and len(rows) == cut.rows:
            more = True
            break
        rows.append(row)
    cells = [["null" if cell is None else printable(text_of(cell), limit=_CELL) for cell in row] for row in rows]
    widths = [max([cell_len(name), *(cell_len(row[at]) for row in cells)]) for at, name in enumerate(names)]
    fitted = _fitted(widths, names, cut.width)
    shortened = any(isinstance(cell, str) and len(printable(cell, limit=_CELL + 1)) > _CELL for r in rows for cell in r)
    if fitted is None:
        shortened |= _say_records(names, cells, cut.width or 80, say)
    else:
        shortened |= _say_grid(names, cells, fitted, numeric, say)
    notes = [
        "no rows"
        if not rows
        else f"{len(rows):,} row{'s' if len(rows) != 1 else ''}{', there are more' if more else ''}"
    ]
    notes += ["--rows 0 shows all"] if more else []
    notes += ["… stands for what was cut: --format jsonl has it whole"] if shortened else []
    say(f"({'; '.join(notes)})\n")


def _fitted(widths: Sequence[int], names: Sequence[str], width: int | None) -> list[int] | None:
    """The width of each column in a terminal of that width; None when they do not fit beside one another."""
    if width is None:
        return list(widths)
    room = width - len(_GAP) * (len(widths) - 1)
    least = [
        min(one, max(_MIN_COLUMN, min(cell_len(name), _MAX_NAME))) for one, name in zip(widths, names, strict=True)
    ]
    if sum(least) > room:
        return None
    cap = max(widths, default=0)
    while sum(found := [max(low, min(one, cap)) for low, one in zip(least, widths, strict=True)]) > room:
        cap -= 1
    return found


def _say_grid(
    names: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], numeric: Sequence[bool], say: Say
) -> bool:
    """Print a line a row; whether something was cut."""

    def line(cells: Sequence[str]) -> str:
        fitted = (_cell(cell, width, right=right) for cell, width, right in zip(cells, widths, numeric, strict=True))
        return _GAP.join(fitted).rstrip() + "\n"

    say(line(names))
    say(_GAP.join("-" * width for width in widths) + "\n")
    for row in rows:
        say(line(row))
    return any(cell_len(cell) > width for row in rows for cell, width in zip(row, widths, strict=True))


def _say_records(names: Sequence[str], rows: Sequence[Sequence[str]], width: int, say: Say) -> bool:
    """Print a line a column of each row; whether something was cut."""
    widest = max(map(cell_len, names))
    room = max(width - widest - len(_GAP), _MIN_COLUMN)
    for number, row in enumerate(rows, 1):
        say(f"-- row {number} {'-' * max(width - len(str(number)) - 8, 0)}\n")
        for name, cell in zip(names, row, strict=True):
            say(f"{_cell(name, widest)}{_GAP}{_cell(cell, room)}".rstrip() + "\n")
    return any(cell_len(cell) > room for row in rows for cell in row)


def _cell(text: str, width: int, *, right: bool = False) -> str:
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width else ""
    return " " * (width - size) + text if right else text + " " * (width - size)


#: How an answer may be written as text.
FORMS: Mapping[str, Callable[[Batches, Say], None]] = {"csv": write_csv, "json": write_json, "jsonl": write_jsonl}
#: The forms by the suffixes of files.
SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "table",
}


def write_file(batches: Batches, file: Path, form: str, *, keep_out_of: Path) -> int:
    """Write an answer into a file, whole or not at all; how many bytes it has.

    ``keep_out_of`` is the output folder, in which nothing may be written. Text is UTF-8; CSV begins with a byte order
    mark, without which Excel garbles Chinese. Raises OutputError.
    """
    from pipeline.safe_path import inside

    if file.is_dir():
        raise OutputError(f"{printable(str(file))} is a folder.", mend="Name a file for -o.")
    if inside(file, keep_out_of):
        where = printable(str(keep_out_of))
        raise OutputError(f"{printable(str(file))} lies in {where}, which only runs write.", mend="Name another file.")
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            if form == "parquet":
                _write_parquet(batches, temporary)
            else:
                with temporary.open("x", encoding="utf-8-sig" if form == "csv" else "utf-8", newline="") as sink:
                    write_form(batches, form, sink.write, Table(rows=0))
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
        return file.stat().st_size
    except OSError as error:
        if error.errno is None:  # it is the query's
            raise
        mend = MENDS.get(error.errno or 0, "Name a file in a folder that you may write to.")
        raise OutputError(f"{printable(str(file))} cannot be written: {error.strerror or error}.", mend=mend) from None


def _write_parquet(batches: Batches, file: Path) -> None:
    names = _names(batches)
    schema = pa.schema([field.with_name(name) for field, name in zip(batches.schema, names, strict=True)])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))


def write_form(batches: Batches, form: str, write: Callable[[str], Any], cut: Table) -> None:
    """Write an answer as text."""
    if form == "table":
        write_table(batches, write, cut)
    else:
        FORMS[form](batches, write)


def safe(write: Callable[[str], Any]) -> Say:
    """The same for a terminal: what one acts on is escaped."""
    return lambda text: write(printable_lines(text.replace("\r\n", "\n")))


def usable_form(form: str | None, file: Path | None) -> str:
    """The form that is asked for by name, or by the suffix of the file. Raises WinnowError."""
    found = form or ("table" if file is None else SUFFIXES.get(file.suffix.lower()))
    if found is None:
        raise WinnowError(
            f"The suffix of {printable(str(file))} names no format.",
            mend=f"Add --format, or use one of {', '.join(SUFFIXES)}.",
        )
    if found == "parquet" and file is None:
        raise WinnowError("Parquet is no text.", mend="Name a file for it: -o FILE.parquet.")
    return found
