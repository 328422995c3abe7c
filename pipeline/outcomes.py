"""What became of every raw file: the rows of ``inputs`` and ``quarantine``, and the counts of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import Rejection
from pipeline.ids import document_id
from pipeline.read.outcome import Skipped
from pipeline.schema import INPUTS, QUARANTINE
from pipeline.shards.assemble import sort_rows
from pipeline.store.chunks import chunk_names
from pipeline.supervise import given_up_in
from pipeline.types import RawInput


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Files and records by what became of them."""

    inputs: pa.Table
    quarantine: pa.Table
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or record that is in neither documents nor duplicates."""

    path: str
    member: str | None
    outcome: str  # "quarantine" or "skipped"
    stage: str
    reason: str
    message: str
    attempts: int


def left_out_in(folders: Iterable[Path]) -> list[LeftOut]:
    """What the shards of a stage quarantined, skipped or gave up."""
    found = []
    for folder in folders:
        for chunk in chunk_names(folder, "left_out"):
            found += [LeftOut(**row) for row in pq.read_table(chunk).to_pylist()]
        found += [quarantined(one) for one in given_up_in(folder)]
    return found


def left_out_by_scan(scanned: Iterable[RawInput | Rejection | Skipped]) -> list[LeftOut]:
    """What the scan quarantined or skipped."""
    found = []
    for one in scanned:
        if isinstance(one, Rejection):
            found.append(quarantined(one))
        elif isinstance(one, Skipped):
            found.append(LeftOut(one.path, one.member, "skipped", "scan", one.reason, one.reason, 0))
    return found


def quarantined(one: Rejection) -> LeftOut:
    """A rejection as what is left out."""
    return LeftOut(one.path, one.member, "quarantine", one.stage, one.reason.value, one.message, one.attempts)


def settle(
    *,
    inputs: Sequence[RawInput],
    left_out: Sequence[LeftOut],
    documents: Iterable[str],
    duplicates: Iterable[str],
    first_seen: Mapping[tuple[str, str | None], int],
    started_at: int,
) -> Outcomes:
    """The inputs and quarantine datasets; ``documents`` and ``duplicates`` are the path of each row.

    ``first_seen`` maps (path, member) of rows quarantined before to microseconds UTC.
    """
    known = {one.path: one for one in inputs}
    tally = {
        "n_documents": Counter(documents),
        "n_duplicates": Counter(duplicates),
        "n_quarantined": Counter(one.path for one in left_out if one.outcome == "quarantine"),
        "n_skipped": Counter(one.path for one in left_out if one.outcome == "skipped"),
    }
    reasons = {one.path: one.message for one in left_out if one.outcome == "skipped"}
    paths = sorted(set(known).union(*tally.values()), key=lambda path: path.encode("utf-8", "surrogateescape"))
    rows = [_input_row(path, known.get(path), {k: c[path] for k, c in tally.items()}, reasons) for path in paths]
    quarantine = [
        _quarantine_row(one, known.get(one.path), first_seen.get((one.path, one.member), started_at))
        for one in left_out
        if one.outcome == "quarantine"
    ]
    counts = {name.removeprefix("n_"): counter.total() for name, counter in tally.items()}
    return Outcomes(
        inputs=sort_rows("inputs", pa.Table.from_pylist(rows, schema=INPUTS)),
        quarantine=sort_rows("quarantine", pa.Table.from_pylist(quarantine, schema=QUARANTINE)),
        counts={"files": len(paths), "records": sum(row["n_records"] for row in rows), **counts},
    )


def _input_row(path: str, one: RawInput | None, tally: Mapping[str, int], reasons: Mapping[str, str]) -> dict[str, Any]:
    there = [name.removeprefix("n_") for name, n in tally.items() if n]
    return {
        "path": path,
        "size": one.size if one else None,
        "mtime": one.mtime_ns // 1000 if one else None,
        "raw_sha256": one.sha256 if one else None,
        "n_records": sum(tally.values()),
        **tally,
        "outcome": there[0] if len(there) == 1 else "mixed",
        "reason": reasons.get(path),
    }


def _quarantine_row(one: LeftOut, known: RawInput | None, first_seen: int) -> dict[str, Any]:
    return {
        "doc_id": document_id(one.path, one.member),
        "path": one.path,
        "member": one.member,
        "raw_sha256": known.sha256 if known else None,
        "stage": one.stage,
        "reason": one.reason,
        "message": one.message,
        "attempts": one.attempts,
        "first_seen_at": first_seen,
    }
