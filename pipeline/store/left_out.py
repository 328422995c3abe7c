"""What did not become a document, as a table that is bounded a file, whatever the file holds.

The first ``OWN_ROWS`` records of a file that are left out have a row each. Of the others each stage and reason has
one row: the first of them, with how many it stands for. ``bounded`` may be applied to any part of a file's rows, in
any cuts, and again to what came of them: the result is the same. So it holds in the child that reads the file, and for
the file as a whole, however often the child died and wherever its chunks were cut.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import LeftOut, Reason, Rejection, Skipped

#: Records of a file that are quarantined, and that are skipped, that have a row of their own.
OWN_ROWS = 100
#: Rows that may wait before they are bounded.
SLICE = 8192

#: What did not become a document: ``errors.LeftOut`` as columns.
LEFT_OUT = pa.schema(
    [
        ("path", pa.string()),
        ("member", pa.string()),
        ("outcome", pa.string()),  # "quarantine" or "skipped"
        ("stage", pa.string()),
        ("reason", pa.string()),  # of errors.Reason; of what is skipped, a word or two: "hidden", "unsupported type"
        ("message", pa.string()),
        ("attempts", pa.int32()),
        ("n_records", pa.int64()),  # that the row stands for, the one it names included
    ]
)


def left_out_table(rows: Iterable[LeftOut]) -> pa.Table:
    """The rows as a LEFT_OUT table, in order."""
    rows = list(rows)
    columns = {name: [getattr(one, name) for one in rows] for name in LEFT_OUT.names}
    return pa.table(columns, schema=LEFT_OUT)


def left_out_rows(table: pa.Table) -> list[LeftOut]:
    """The rows of a LEFT_OUT table, in order."""
    return [
        Skipped(**row)
        if row.pop("outcome") == Skipped.outcome
        else Rejection(**{**row, "reason": Reason(row["reason"])})
        for row in table.to_pylist()
    ]


def bounded(rows: pa.Table) -> pa.Table:
    """The rows of a LEFT_OUT table, in order, but at most ``OWN_ROWS`` and one a stage and reason of each file.

    Skipped and quarantined records are counted apart. The sum of ``n_records`` stays.
    """
    if rows.num_rows <= OWN_ROWS:
        return rows
    file = _codes(rows, ("path", "outcome"))
    own = _places(file) < OWN_ROWS
    kind = _codes(rows, ("path", "outcome", "stage", "reason"))
    standing = np.where(own, np.arange(len(kind)), len(kind) + kind)
    _, first, group = np.unique(standing, return_index=True, return_inverse=True)
    n_records = np.zeros(len(first), np.int64)
    np.add.at(n_records, group, rows["n_records"].to_numpy())
    order = np.argsort(first)
    kept = rows.take(pa.array(first[order]))
    return kept.set_column(LEFT_OUT.get_field_index("n_records"), "n_records", pa.array(n_records[order]))


def gathered(tables: Iterable[pa.Table]) -> pa.Table:
    """The rows of LEFT_OUT tables one after the other, bounded, without ever holding all that there are."""
    found, waiting, n_waiting = LEFT_OUT.empty_table(), [LEFT_OUT.empty_table()], 0
    for table in tables:
        waiting.append(table)
        n_waiting += table.num_rows
        if n_waiting >= max(SLICE, found.num_rows):
            found, waiting, n_waiting = bounded(pa.concat_tables([found, *waiting])), [], 0
    return bounded(pa.concat_tables([found, *waiting]).combine_chunks())


def _codes(rows: pa.Table, names: Iterable[str]) -> npt.NDArray[np.int64]:
    """A number a row, the same for rows that agree in these columns."""
    codes = np.zeros(rows.num_rows, np.int64)
    for name in names:
        column = rows[name].combine_chunks().dictionary_encode()
        codes = codes * len(column.dictionary) + column.indices.to_numpy()
    return codes


def _places(groups: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The place of each row among those of its group, from 0."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    places = np.empty(len(groups), np.int64)
    places[order] = np.arange(len(groups)) - np.repeat(begins, np.diff(begins, append=len(groups)))
    return places
