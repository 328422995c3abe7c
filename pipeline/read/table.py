"""CSV and TSV, Parquet and Arrow: a row a document, its columns as the fields of a JSON object.

Rows are read as they come, never a whole table. Which column is what: ``fields``.
"""

from __future__ import annotations

import csv
import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import Reason
from pipeline.read.fields import (
    AUTHOR_NAMES,
    PUBLISHED_NAMES,
    SOURCE_NAMES,
    TEASER_NAMES,
    TEXT_NAMES,
    TITLE_NAMES,
    URL_NAMES,
    Found,
    documents_in,
    key_of,
    missing_text,
    names_in,
    reads_as_text,
    record_of,
    says_origin,
)
from pipeline.read.limits import MIB, Origin, Outcome, ReadFailure, ReadLimits, reject, skip
from pipeline.read.sniff import content_failure
from pipeline.read.stream import Meter, Peeked, Seekable, Stream, check_size, seekable, too_large
from pipeline.read.transcode import Utf8Stream
from pipeline.types import Flag

Row = dict[str, object]

#: What may stand between columns, the likeliest first.
DELIMITERS: Final = (",", "\t", ";", "|")
_SAMPLE_ROWS = 200
_KNOWN_NAMES: Final = frozenset(
    (*TEXT_NAMES, *TEASER_NAMES, *URL_NAMES, *TITLE_NAMES, *PUBLISHED_NAMES, *AUTHOR_NAMES, *SOURCE_NAMES, "id")
)
_ADDRESS = re.compile(r"\s*https?://\S+\s*\Z")
_TIME = re.compile(r"\s*(?:19|20)\d\d[-/.年]\d{1,2}(?:[-/.月]\d{1,2})?日?(?:[T ]?\d{1,2}:\d\d.{0,20})?\s*\Z")
_TSV = re.compile(r"\.(?:tsv|tab)(?:\.|\Z)")
_HEADER_CELL = 40  # characters of a column's name
_TITLE_CELL = 200


def read_csv(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what each row comes to; member is the row's number, from 1, a header not counted.

    A table without text, as of figures, is skipped; one that says where documents are from and has none is rejected.
    Raises ReadFailure for what is wrong with the file.
    """
    csv.field_size_limit(limits.max_record_bytes)
    text = Utf8Stream(stream)
    if failure := content_failure(text.sample.encode("utf-8", "replace")):
        raise failure
    lines = _Lines(text, limits, only_returns="\n" not in text.sample)
    dialect = _dialect_of(text.sample, origin.name)
    rows = _rows(lines, dialect)
    first = list(islice(rows, _SAMPLE_ROWS))
    cells = [row for _, row, _ in first if not isinstance(row, ReadFailure)]
    if not cells:
        yield from (_row_failure(number, row, origin) for number, row, _ in first if isinstance(row, ReadFailure))
        return
    has_header = _is_header(cells)
    names = _names(cells[0]) if has_header else _guessed_names(cells)
    sample = [dict(zip(names, row, strict=False)) for row in cells[has_header:]] or [dict.fromkeys(names, "")]
    chosen = _text_column(names, sample, limits)
    if chosen is None:
        yield _without_text(dict.fromkeys(names, ""), origin, limits)
        return
    limits = replace(limits, text_field=chosen) if chosen else limits
    skipped = has_header
    at = 0
    for number, row, is_clean in _chained(first, rows):
        if skipped and not isinstance(row, ReadFailure):
            skipped = False
            continue
        at += 1
        if isinstance(row, ReadFailure):
            yield _row_failure(at, row, origin)
            if number == 0:
                return
        else:
            filled, is_whole = _filled(names, row, dialect.delimiter, chosen)
            yield from _documents((filled, is_whole and is_clean), str(at), origin, limits, text.taken_from)


def _chained(first: list[Any], rest: Iterator[Any]) -> Iterator[Any]:
    yield from first
    yield from rest


def _row_failure(number: int, failure: ReadFailure, origin: Origin) -> Outcome:
    return reject(origin.path, str(number), failure.reason, f"Row {number:,}: {failure.message}")


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a table is written."""

    delimiter: str
    quotes: bool = True
    escape: str | None = None

    def read(self, lines: Iterable[str], *, strict: bool = False) -> Iterator[list[str]]:
        """The rows of these lines."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE,
            escapechar=self.escape,
            strict=strict,
        )


class _Lines:
    """The lines of a stream for csv's reader, each with its end; bounds on a row, and what a row was made of."""

    def __init__(self, stream: Stream, limits: ReadLimits, *, only_returns: bool) -> None:
        self._stream = stream
        self._only_returns = only_returns  # end lines
        self._dropping = False  # the rest of a line that is too long
        self._limits = limits
        self._tail = b""
        self._ahead: list[str] = []
        self._ended = False
        self._start = 0  # of the row, in stored bytes
        self._size = 0
        self.taken: list[str] = []  # of the row
        self.failure: ReadFailure | None = None
        self.at_end = False

    def begin(self) -> None:
        """Begin the next row."""
        self.taken.clear()
        self._size, self._start = 0, self._stream.consumed

    def again(self, lines: Sequence[str]) -> None:
        """Give these once more."""
        self._ahead.extend(reversed(lines))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._ahead:
            self._fill()
        if not self._ahead:
            self.at_end = True
            raise StopIteration
        line = self._ahead.pop()
        self._size += len(line)
        self.taken.append(line)
        check_size(self._size, self._stream.consumed - self._start, limits=self._limits)
        return line

    def _fill(self) -> None:
        """Have the next whole lines ahead, or a piece of one that is far too long."""
        parts = [self._tail]
        size = len(self._tail)
        while not self._ended:
            try:
                data = self._stream.read()
            except ReadFailure as failure:
                data, self.failure = b"", failure
            self._ended = not data
            data = data.replace(b"\r", b"\n") if self._only_returns else data
            if self._dropping:
                _, end, data = data.partition(b"\n")
                self._dropping = not end and not self._ended
            size += len(data)
            parts.append(data)
            if b"\n" in data or size > self._limits.max_record_bytes:
                break
        whole, end, self._tail = b"".join(parts).rpartition(b"\n")
        self._dropping = not end and not self._ended
        if self._ended or not end:
            whole, end, self._tail = whole + end + self._tail, b"", b""
        text = (whole + end).decode("utf-8", "replace")
        self._ahead = _split(text)
        self._ahead.reverse()


def _split(text: str) -> list[str]:
    """The lines of a text with their ends; only line feeds end one."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _rows(lines: _Lines, dialect: _Dialect) -> Iterator[tuple[int, list[str] | ReadFailure, bool]]:
    """Yield each row that is not blank, from 1, and whether its quotes are closed and nothing is behind one (RFC 4180
    2.5); a failure with the number 0 stands for all that follow.

    A quote that nothing closes would take all that follows into its row: its lines are then read one by one, unless
    the last row alone was cut off.
    """
    number = 0
    singly = 0  # lines that are rows by themselves
    while True:
        lines.begin()
        is_single, singly = singly > 0, max(singly - 1, 0)
        try:
            row = next(dialect.read(list(islice(lines, 1)) if is_single else lines), None)
        except (ReadFailure, csv.Error) as error:
            number += 1
            failure = error if isinstance(error, ReadFailure) else ReadFailure(Reason.BROKEN_CONTAINER, f"{error}.")
            if row := _without_returns(lines.taken, dialect, error):
                yield number, row, False
            elif len(lines.taken) > 1:
                singly = len(lines.taken)
                lines.again(lines.taken)
                number -= 1
            else:
                yield number, failure, False
            continue
        if row is None:
            break
        if (
            lines.at_end
            and len(lines.taken) > 1
            and "end of data" in _fault(lines.taken, dialect)
            and _are_rows(lines.taken, dialect)
        ):
            singly = len(lines.taken)
            lines.at_end = False
            lines.again(lines.taken)
            continue
        if any(cell.strip() for cell in row):
            number += 1
            yield number, row, not _fault(lines.taken, dialect)
    if lines.failure:
        yield 0, lines.failure, False


def _without_returns(taken: Sequence[str], dialect: _Dialect, error: Exception) -> list[str] | None:
    """Return a row of one line with carriage returns in it, as if they were spaces."""
    if not isinstance(error, csv.Error) or len(taken) != 1 or "\r" not in taken[0].rstrip("\r\n"):
        return None
    return _single(taken[0], dialect)


def _single(line: str, dialect: _Dialect) -> list[str]:
    """The cells of a line by itself."""
    return next(dialect.read([line.rstrip("\r\n").replace("\r", " ")]), [])


def _fault(taken: Sequence[str], dialect: _Dialect) -> str:
    """What csv has to say of the quotes in the row that these lines make; "" for nothing."""
    if not any('"' in line for line in taken):
        return ""
    try:
        list(dialect.read(taken, strict=True))
    except csv.Error as error:
        return str(error)
    return ""


def _are_rows(taken: Sequence[str], dialect: _Dialect) -> bool:
    """Whether most lines behind the first are rows by themselves, of the same number of cells, more than one."""
    counts = Counter(len(_single(line, dialect)) for line in taken[1:] if line.strip())
    most, n_rows = counts.most_common(1)[0] if counts else (0, 0)
    return most > 1 and 2 * n_rows >= counts.total()


def _dialect_of(sample: str, name: str) -> _Dialect:
    """Return how a table is written: the way that cuts most rows of the sample into as many cells as the first."""
    whole = (sample.rpartition("\n")[0] or sample).replace("\r\n", "\n").replace("\r", "\n")
    lines = _split(whole)
    delimiters = "\t" if _TSV.search(name.lower()) else DELIMITERS
    best, best_share = _Dialect(delimiters[0]), 0.0
    for dialect in _dialects(delimiters, lines):
        if (share := _evenness(lines, dialect)) > best_share:
            best, best_share = dialect, share
    return best


def _dialects(delimiters: Sequence[str], lines: Sequence[str]) -> Iterator[_Dialect]:
    """The ways to try, of equal ones the likelier first."""
    escapes = any('\\"' in line for line in lines)
    for delimiter in delimiters:
        if any(_has_plain_quote(cell) for line in lines[:_SAMPLE_ROWS] for cell in line.strip().split(delimiter)):
            yield _Dialect(delimiter, quotes=False)
        yield _Dialect(delimiter)
        if escapes:
            yield _Dialect(delimiter, escape="\\")
        yield _Dialect(delimiter, quotes=False)


def _has_plain_quote(cell: str) -> bool:
    """Whether a cell begins with a quotation that ends before it: "So it is," he said."""
    return cell[:1] == '"' and cell[-1:] != '"' and cell.count('"') == 2


def _evenness(lines: Sequence[str], dialect: _Dialect) -> float:
    """The share of rows with as many cells as the first, if those are more than one; less if they begin with spaces,
    as what follows a comma in prose.
    """
    try:
        rows = [row for row in islice(dialect.read(lines), _SAMPLE_ROWS) if row]
    except csv.Error:
        return 0.0
    if not rows or len(rows[0]) < 2:
        return 0.0
    n_cells = sum(map(len, rows))
    n_spaced = sum(cell.startswith(" ") for row in rows for cell in row)
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows) - n_spaced / n_cells / 2


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it has a known name, or only names over rows that are none."""
    first = rows[0]
    if any(map(reads_as_text, first)):
        return False
    if any(key_of(cell.strip()) in _KNOWN_NAMES for cell in first):
        return True
    cells = [cell.strip() for cell in first]
    are_names = all(cell and len(cell) <= _HEADER_CELL and not _is_value(cell) for cell in cells)
    return are_names and len(set(cells)) == len(cells) and any(_is_value(cell) for row in rows[1:] for cell in row)


def _is_value(cell: str) -> bool:
    return bool(_ADDRESS.match(cell) or _TIME.match(cell)) or cell.strip()[:1].isdigit() or reads_as_text(cell)


def _names(cells: Sequence[str]) -> list[str]:
    """Return the columns' names, each one different from all others."""
    seen: Counter[str] = Counter()
    names = []
    for number, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {number}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _guessed_names(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return names for columns that have none, by what they hold; "1", "2" ... where that is nothing known."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    columns = [[row[at].strip() for row in rows if at < len(row)] for at in range(width)]
    names = [str(at) for at in range(1, width + 1)]
    text = max(range(width), key=lambda at: sum(map(len, columns[at])) if _holds_text(columns[at]) else 0)
    for at, cells in enumerate(columns):
        filled = [cell for cell in cells if cell]
        if at == text or not filled:
            continue
        for name, pattern in (("url", _ADDRESS), ("published", _TIME)):
            if name not in names and all(map(pattern.match, filled)):
                names[at] = name
    title = next((at for at in range(text) if names[at].isdecimal() and _may_title(columns[at])), None)
    if title is not None:
        names[title] = "title"
    return names


def _may_title(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    letters = [cell for cell in filled if any(map(str.isalpha, cell)) and 4 <= len(cell) <= _TITLE_CELL]
    return len(letters) == len(filled) == len(set(filled)) > 0


def _holds_text(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and 2 * sum(map(reads_as_text, filled)) >= len(filled)


def _text_column(names: Sequence[str], sample: Sequence[Mapping[str, object]], limits: ReadLimits) -> str | None:
    """Return the column that holds the text, "" where names tell each row's, None where there is no text."""
    if limits.text_field:
        return limits.text_field if limits.text_field in names else None
    named = [name for name in names if key_of(name) in TEXT_NAMES]
    if any(str(row.get(name) or "").strip() for row in sample for name in named):
        return ""
    held = {name: [str(row.get(name) or "") for row in sample] for name in names}
    found = [name for name in names if key_of(name) not in _ORIGIN_NAMES and _holds_text(held[name])]
    if found:
        return max(found, key=lambda name: sum(map(len, held[name])))
    return "" if named or any(key_of(name) in TEASER_NAMES for name in names) else None


_ORIGIN_NAMES: Final = frozenset((*URL_NAMES, *TITLE_NAMES, *PUBLISHED_NAMES, *AUTHOR_NAMES, *SOURCE_NAMES))


def _without_text(row: Row, origin: Origin, limits: ReadLimits) -> Outcome:
    if says_origin(row) or limits.text_field:
        failure = missing_text(row, limits)
        return reject(origin.path, None, failure.reason, failure.message)
    return skip(origin.path, None, f"table without a text column: {names_in(row)}")


def _filled(names: Sequence[str], row: Sequence[str], delimiter: str, chosen: str) -> tuple[Row, bool]:
    """Return a row by the columns' names, and whether it has as many cells.

    Of one with more, a cell of text was not quoted: what its pieces are is joined again.
    """
    extra = len(row) - len(names)
    if extra > 0:
        lengths = [sum(map(len, row[at : at + extra + 1])) for at in range(len(names))]
        at = names.index(chosen) if chosen in names else _text_at(names, lengths)
        row = [*row[:at], delimiter.join(row[at : at + extra + 1]), *row[at + extra + 1 :]]
    return dict(zip(names, row, strict=False)), extra == 0


def _text_at(names: Sequence[str], lengths: Sequence[int]) -> int:
    named = [at for at, name in enumerate(names) if key_of(name) in TEXT_NAMES]
    return max(named or range(len(names)), key=lambda at: lengths[at])


def _documents(
    filled: tuple[Row, bool], member: str, origin: Origin, limits: ReadLimits, taken_from: tuple[str, float] | None
) -> Iterator[Outcome]:
    """Turn a row into its Records, one as a rule, or the Rejection."""
    row, is_whole = filled
    found = documents_in(row, limits)
    origin = origin if is_whole else replace(origin, flags=(*origin.flags, Flag.RAGGED_ROW))
    for number, one in enumerate(found or [row], 1):
        name = member if len(found) < 2 else f"{member}.{number}"
        try:
            if not isinstance(one, Found):
                raise missing_text(one, limits)
            record = replace(record_of(one, name, origin, limits), taken_from=taken_from)
            if len(record.content) > limits.max_record_bytes:
                raise too_large(limits.max_record_bytes)
            yield record
        except ReadFailure as failure:
            yield reject(origin.path, name, failure.reason, f"Row {name}: {failure.message}")


# Parquet, Arrow files and Arrow streams (Feather is the second), by batches of rows.

PARQUET_MAGIC: Final = b"PAR1"
ARROW_MAGIC: Final = b"ARROW1"
_BATCH_ROWS = 64


class _ArrowFile:
    """A file as pyarrow wants it."""

    closed = False

    def __init__(self, file: Seekable) -> None:
        self._file = file
        self._at = 0
        self._size = file.seek(0, 2)

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all for a negative number."""
        left = max(self._size - self._at, 0)
        wanted = left if size < 0 else min(size, left)
        self._file.seek(self._at)
        data = bytearray()
        while len(data) < wanted and (more := self._file.read(wanted - len(data))):
            data += more
        self._at += len(data)
        return bytes(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Continue reading at ``offset``; return the place."""
        self._at = max({0: 0, 1: self._at, 2: self._size}[whence] + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return where reading goes on."""
        return self._at

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Take note; the file is not ours to close."""
        self.closed = True


def read_parquet(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what each row of a Parquet file comes to; member is its number, from 1. Raises ReadFailure."""
    try:
        file = pq.ParquetFile(
            _source(stream, limits),
            memory_map=False,
            pre_buffer=False,
            buffer_size=1 * MIB,
            page_checksum_verification=True,
        )
        names = _columns(file.schema_arrow, limits)
        batches = file.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=False)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _broken("Parquet", error) from None
    yield from _rows_of(batches, schema, origin, limits)


def read_arrow(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what each row of an Arrow file (Feather) comes to; member is its number, from 1. Raises ReadFailure."""
    try:
        file = pa.ipc.open_file(_source(stream, limits))
        batches = (piece for n in range(file.num_record_batches) for piece in _pieces(file.get_batch(n)))
        schema = file.schema
        names = _columns(schema, limits)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _broken("Arrow", error) from None
    wanted = [at for at, name in enumerate(schema.names) if name in names]  # by place: two may have one name
    yield from _rows_of((batch.select(wanted) for batch in batches), schema, origin, limits)


def _source(stream: Stream, limits: ReadLimits) -> pa.PythonFile:
    peeked = stream if isinstance(stream, Peeked) else Peeked(stream, 0)
    return pa.PythonFile(_ArrowFile(seekable(peeked, limits)), mode="r")


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(at, _BATCH_ROWS) for at in range(0, batch.num_rows, _BATCH_ROWS))


def _broken(kind: str, error: Exception) -> ReadFailure:
    what = str(error).partition("\n")[0][:200]
    return ReadFailure(Reason.BROKEN_CONTAINER, f"It cannot be read as {kind}: {what}. Fetch the file again.")


def _columns(schema: pa.Schema, limits: ReadLimits) -> list[str]:
    """Return the columns that may say something of a document: not numbers in lists, not pictures."""
    chosen = {(name or "").partition(".")[0] for name in (limits.text_field, limits.url_field, limits.time_field)}
    return list(dict.fromkeys(field.name for field in schema if field.name in chosen or _may_say(field.type)))


def _may_say(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_string(kind.value_type) or types.is_struct(kind.value_type)
    if types.is_dictionary(kind):
        return _is_string(kind.value_type)
    return any(
        told(kind)
        for told in (_is_string, types.is_binary, types.is_large_binary, types.is_struct, types.is_temporal, types.is_integer)
    )  # fmt: skip


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _rows_of(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, origin: Origin, limits: ReadLimits
) -> Iterator[Outcome]:
    """Yield what each row comes to. What cannot be read any further is one Rejection, of the next row."""
    meter = Meter(limits.max_expanded_bytes)
    number = 0
    chosen: str | None = ""
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                break
            meter.count(batch.nbytes)
            batch.validate(full=True)
            rows = _plain_rows(batch)
        except (ReadFailure, pa.ArrowException, OSError, ValueError, OverflowError) as error:
            failure = error if isinstance(error, ReadFailure) else _broken("a table", error)
            message = f"{failure.message} Rows from {number + 1:,} on are lost."
            yield reject(origin.path, str(number + 1), failure.reason, message)
            return
        if not number and rows:
            chosen = _text_column_of(rows, limits)
            if chosen is None:
                yield _without_text(dict.fromkeys(schema.names, ""), origin, limits)
                return
            limits = replace(limits, text_field=chosen) if chosen else limits
        for row in rows:
            number += 1
            yield from _documents((row, True), str(number), origin, limits, None)


def _text_column_of(rows: Sequence[Row], limits: ReadLimits) -> str | None:
    """As ``_text_column``; objects and lists in cells are looked into row by row."""
    if limits.text_field:
        return limits.text_field
    if any(isinstance(one, (dict, list)) for row in rows for one in row.values()):
        return ""
    return _text_column(list(rows[0]), rows, limits)


def _plain_rows(batch: pa.RecordBatch) -> list[Row]:
    """Return the rows of a batch as plain objects: times as ISO 8601 has them, bytes as text. Raises ValueError."""
    names = batch.schema.names
    names = names if len(set(names)) == len(names) else _names(names)
    return [dict(zip(names, row, strict=True)) for row in zip(*map(_plain_column, batch.columns), strict=True)]


def _plain_column(column: pa.Array) -> list[object]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    return [_plain(value) for value in column.to_pylist()]


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
