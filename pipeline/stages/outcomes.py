"""What became of every raw file: the rows of ``inputs`` and ``quarantine``, and the counts of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import InvariantError, LeftOut, Reason, Rejection, Skipped
from pipeline.schema import INPUTS, QUARANTINE, sort_rows
from pipeline.store.files import chunk_names
from pipeline.store.left_out import LEFT_OUT, gathered, left_out_rows, left_out_table
from pipeline.store.memory import Memory
from pipeline.store.snapshots import Snapshot
from pipeline.text.safety import printable
from pipeline.types import RawInput, document_id
from pipeline.workers.nursery import CHECK
from pipeline.workers.supervise import given_up_in

#: A run in which this many records crash their parser, and more than are read, has a broken installation. One in which
#: not even a page of our own can be read stops in its first shard (``supervise``).
TOO_MANY_CRASHES = 3
#: What it means when many records have such a reason, and the mend.
_LOST = {
    Reason.PARSER_CRASH.value: ("crashed their parser", CHECK),
    Reason.KILLED.value: ("had their process killed from outside", "Free memory or set fewer workers, then run again."),
}
#: Code points of a message that are shown.
MESSAGE_CHARS = 500
#: Columns of ``inputs`` that are values of each file alone.
_ABOUT = pa.schema([field for field in INPUTS if field.name not in {"reason", "skipped"}])
_SLICE = 10_000  # rows that are dictionaries at a time

#: Reasons that may be gone the next time: a file with one of them is read again by the next run.
PASSING = frozenset({Reason.FILE_CHANGED.value, Reason.UNREADABLE.value, Reason.KILLED.value})
#: A file that changed while so many runs in a row looked at it is read as a copy from then on.
RUNS_IN_A_ROW = 3
_MOST_CHANGING = 1_000  # files of which that is kept
_MOST_NAMED = 10  # of them in a sentence


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Files and records by what became of them."""

    inputs: pa.Table
    quarantine: pa.Table
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FileChanges:
    """The raw files against those of the snapshot before: how many, and the first of them by name."""

    new: int = 0
    changed: int = 0
    gone: int = 0
    first_new: tuple[str, ...] = ()
    first_changed: tuple[str, ...] = ()
    first_gone: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In words: "2 new, 1 gone", or "none changed"."""
        return ", ".join(f"{n:,} {what}" for what, n, _ in self.each()) or "none changed"

    def each(self) -> list[tuple[str, int, tuple[str, ...]]]:
        """What there is: new, changed or gone, how many, and the first of them."""
        numbers = (self.new, self.changed, self.gone)
        first = (self.first_new, self.first_changed, self.first_gone)
        return [one for one in zip(("new", "changed", "gone"), numbers, first, strict=True) if one[1]]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run came to."""

    snapshot: Snapshot
    published: bool  # False when there was nothing new
    counts: Mapping[str, int]
    seconds: Mapping[str, float]  # wall clock, by stage
    left_out: pa.Table  # LEFT_OUT: quarantined or skipped
    cpu_seconds: float  # of the child processes
    peak_mb: float  # of the largest child process
    notices: tuple[str, ...] = ()  # what people should know beside the counts, a sentence each, said once
    changes: FileChanges | None = None  # None where the snapshot before cannot tell
    started: datetime | None = None
    run_cpu_seconds: float = 0.0  # of the process that runs all
    run_peak_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class FailedRun:
    """What is known of a run that failed."""

    error: str
    started: datetime
    seconds: Mapping[str, float]  # wall clock, by stage; it failed in the last
    shards: Mapping[str, tuple[int, int]]  # by stage: done, and how many there are
    left_out: pa.Table  # LEFT_OUT: quarantined or skipped so far


def file_changes(before: Snapshot | None, now: Snapshot) -> FileChanges:
    """Which raw files are new, changed (by their hash) or gone. Raises SnapshotError."""
    columns = ["path", "raw_sha256"]
    new = now.table("inputs", columns)
    old = new.slice(0, 0) if before is None else before.table("inputs", columns)
    paths, known = new["path"].combine_chunks(), old["path"].combine_chunks()
    at = pc.index_in(paths, value_set=known)
    before_it = pc.fill_null(old["raw_sha256"].combine_chunks().take(at), "")
    differs = pc.and_(pc.is_valid(at), pc.not_equal(pc.fill_null(new["raw_sha256"].combine_chunks(), ""), before_it))
    found = [paths.filter(pc.is_null(at)), paths.filter(differs)]
    found.append(known.filter(pc.invert(pc.is_in(known, value_set=paths))))
    n_new, n_changed, n_gone = map(len, found)
    new_names, changed_names, gone_names = (tuple(one.slice(0, _MOST_NAMED).to_pylist()) for one in found)
    return FileChanges(n_new, n_changed, n_gone, new_names, changed_names, gone_names)


def name_of(one: LeftOut) -> str:
    """A record's file and member, safe to print."""
    return printable(one.path if one.member is None else f"{one.path} [{one.member}]")


def shown(left_out: pa.Table, limit: int, outcome: str = "quarantine") -> list[LeftOut]:
    """The first rows of LEFT_OUT with this outcome, for people: their messages are safe to print."""
    rows = left_out_rows(left_out.filter(pc.equal(left_out["outcome"], outcome)).slice(0, limit))
    return [replace(row, message=printable(row.message, limit=MESSAGE_CHARS)) for row in rows]


def by_reason(left_out: pa.Table) -> list[tuple[str, str, int]]:
    """Outcome and reason with how many records, most first."""
    found = left_out.group_by(["outcome", "reason"]).aggregate([("n_records", "sum")])
    found = found.sort_by([("n_records_sum", "descending"), ("outcome", "ascending"), ("reason", "ascending")])
    return [(row["outcome"], row["reason"], row["n_records_sum"]) for row in found.to_pylist()]


def n_left_out(left_out: pa.Table, outcome: str) -> int:
    """Records with this outcome."""
    return int(pc.sum(left_out.filter(pc.equal(left_out["outcome"], outcome))["n_records"]).as_py() or 0)


def passing(left_out: pa.Table) -> frozenset[str]:
    """The paths of what was left out for a reason that may be gone the next time."""
    mask = pc.is_in(left_out["reason"], value_set=pa.array(sorted(PASSING)))
    return frozenset(left_out.filter(mask)["path"].to_pylist())


def left_out_in(folder: Path, live: Collection[str] | None = None) -> pa.Table:
    """What a stage quarantined, skipped or gave up in a folder of results; of live files only, where given."""
    paths = None if live is None else pa.array(live, pa.string())

    def of_live(rows: pa.Table) -> pa.Table:
        return rows if paths is None else rows.filter(pc.is_in(rows["path"], value_set=paths))

    def tables() -> Iterable[pa.Table]:
        for chunk in chunk_names(folder, "left_out"):
            yield of_live(pq.read_table(chunk))
        yield of_live(given_up_in(folder))

    return gathered(tables())


def left_out_by_scan(scanned: Iterable[RawInput | Rejection | Skipped]) -> pa.Table:
    """What the scan quarantined or skipped."""
    return left_out_table(one for one in scanned if not isinstance(one, RawInput))


def stop_if_broken(left_out: pa.Table, n_read: int) -> None:
    """Raise InvariantError when more records lost their process than went through; ``n_read`` were cleaned."""
    lost = left_out.filter(pc.is_in(left_out["reason"], value_set=pa.array(_LOST)))
    n_lost = n_left_out(lost, "quarantine")
    n_fine = n_read - n_left_out(lost.filter(pc.equal(lost["stage"], "finish")), "quarantine")
    if n_lost >= TOO_MANY_CRASHES and n_lost > n_fine:
        first, (_, most, _) = shown(lost, 1)[0], by_reason(lost)[0]
        what, mend = _LOST[most]
        raise InvariantError(
            f"{n_lost} records {what} and only {n_fine} were read, so nothing was published; "
            f"the first: {name_of(first)}: {first.message}",
            mend=mend,
        )


def changing_files(
    left_out: pa.Table, before: Mapping[str, int], copied: Iterable[str]
) -> tuple[dict[str, int], list[str]]:
    """The files that changed while this run looked, each with how many in a row it is, and what to tell people.

    ``before`` is the same of the last run; ``copied``, which of those were read as a copy, counts as well.
    """
    changed = set(left_out.filter(_whole_files_changed(left_out))["path"].to_pylist())
    copied = set(copied) - changed
    kept = sorted(copied) + sorted(changed, key=lambda path: (-before.get(path, 0), path))
    changing = {path: before.get(path, 0) + (path in changed) for path in kept[:_MOST_CHANGING]}
    notices = []
    if copied:
        what = "changed in each of the last runs and was read as a copy of what it held when the run began"
        notices.append(f"{_named(sorted(copied))} {what}; write elsewhere and move finished files in.")
    again = [path for path in sorted(changed) if changing.get(path, 0) > 1]
    if again:
        most = max(changing[path] for path in again)
        what = f"changed while it was read, up to {most} runs in a row; after {RUNS_IN_A_ROW} a copy is read"
        notices.append(f"{_named(again)} {what}. Write elsewhere and move finished files in.")
    return changing, notices


def _named(paths: Sequence[str]) -> str:
    shown = ", ".join(printable(path) for path in paths[:_MOST_NAMED])
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"{len(paths)} {'file' if len(paths) == 1 else 'files'} ({shown}{more}):"


def with_runs(left_out: pa.Table, changing: Mapping[str, int]) -> pa.Table:
    """The same, a file that changed with the number of runs in a row as its attempts."""
    changed = _whole_files_changed(left_out)
    runs = pa.array([changing.get(path, 1) for path in left_out["path"].to_pylist()], pa.int32())
    attempts = pc.if_else(changed, runs, left_out["attempts"])
    return left_out.set_column(LEFT_OUT.get_field_index("attempts"), "attempts", attempts)


def _whole_files_changed(left_out: pa.Table) -> pa.ChunkedArray:
    """For each row of LEFT_OUT whether it is a file that changed while it was read."""
    return pc.and_(pc.equal(left_out["reason"], Reason.FILE_CHANGED.value), pc.is_null(left_out["member"]))


def settle(
    *,
    inputs: Sequence[RawInput],
    left_out: pa.Table,
    documents: Mapping[str, int],
    duplicates: Mapping[str, int],
    memory: Memory,
    started_at: int,
) -> Outcomes:
    """The inputs and quarantine datasets; ``documents`` and ``duplicates`` tell how many each path has.

    ``left_out`` is LEFT_OUT, bounded. ``memory`` tells when a row was quarantined first;
    ``started_at`` is in microseconds UTC.
    """
    known = {one.path: one for one in inputs}
    quarantine, passed_over = (left_out.filter(pc.equal(left_out["outcome"], one)) for one in ("quarantine", "skipped"))
    tally = {
        "n_documents": documents,
        "n_duplicates": duplicates,
        "n_quarantined": _records_by_path(quarantine),
        "n_skipped": _records_by_path(passed_over),
    }
    paths = sorted(set(known).union(*tally.values()), key=lambda path: path.encode("utf-8", "surrogateescape"))
    rows = (_input_row(path, known.get(path), {k: c.get(path, 0) for k, c in tally.items()}) for path in paths)
    tables = [pa.Table.from_pylist(part, schema=_ABOUT) for part in iter(lambda: list(islice(rows, _SLICE)), [])]
    table = pa.concat_tables([_ABOUT.empty_table(), *tables])
    for name, column in _skipped(passed_over, pa.array(paths, pa.string())).items():
        table = table.append_column(INPUTS.field(name), column)
    counts = {name.removeprefix("n_"): sum(counter.values()) for name, counter in tally.items()}
    return Outcomes(
        inputs=sort_rows("inputs", table),
        quarantine=sort_rows("quarantine", _quarantine(quarantine, known, memory, started_at)),
        counts={"files": len(paths), "records": sum(counts.values()), **counts},
    )


def quarantined_before(snapshot: Snapshot) -> pa.Table:
    """What is in quarantine in a snapshot, as LEFT_OUT."""
    rows = snapshot.table("quarantine", [name for name in LEFT_OUT.names if name != "outcome"])
    outcome = pa.array(["quarantine"] * rows.num_rows, pa.string())
    return rows.append_column("outcome", outcome).select(LEFT_OUT.names).cast(LEFT_OUT)


def _records_by_path(rows: pa.Table) -> dict[str, int]:
    found = rows.group_by("path").aggregate([("n_records", "sum")])
    return dict(zip(found["path"].to_pylist(), found["n_records_sum"].to_pylist(), strict=True))


def _skipped(rows: pa.Table, paths: pa.Array) -> dict[str, pa.Array]:
    """The columns of ``inputs`` that tell what of each path was skipped, out of LEFT_OUT."""
    at = pc.index_in(rows["path"], value_set=paths).to_numpy()
    order = np.argsort(at, kind="stable")
    ends = np.searchsorted(at[order], np.arange(len(paths) + 1)).astype(np.int32)
    columns = [rows[name].combine_chunks().take(pa.array(order)) for name in ("member", "message", "n_records")]
    kind = INPUTS.field("skipped").type
    lists = pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(columns, fields=list(kind.value_type)), type=kind)
    first = pa.array(ends[:-1], mask=ends[:-1] == ends[1:])
    return {"reason": columns[1].take(first), "skipped": lists}


def _input_row(path: str, one: RawInput | None, tally: Mapping[str, int]) -> dict[str, Any]:
    there = [name.removeprefix("n_") for name, n in tally.items() if n]
    return {
        "path": path,
        "size": one.size if one else None,
        "mtime": one.mtime_ns // 1000 if one else None,
        "raw_sha256": one.sha256 if one else None,
        "n_records": sum(tally.values()),
        **tally,
        "outcome": there[0] if len(there) == 1 else "mixed",
    }


def _quarantine(left_out: pa.Table, known: Mapping[str, RawInput], memory: Memory, started_at: int) -> pa.Table:
    """The rows of the quarantine dataset."""
    paths, members = left_out["path"].to_pylist(), left_out["member"].to_pylist()
    said = zip(left_out["message"].to_pylist(), left_out["n_records"].to_pylist(), strict=True)
    columns = {name: left_out[name] for name in LEFT_OUT.names} | {
        "doc_id": pa.array(map(document_id, paths, members), pa.string()),
        "raw_sha256": pa.array((known[path].sha256 if path in known else None for path in paths), pa.string()),
        "message": pa.array((_message(message, n) for message, n in said), pa.string()),
        "first_seen_at": _first_seen(left_out, memory, started_at),
    }
    return pa.table({name: columns[name] for name in QUARANTINE.names})


def _message(message: str, n_records: int) -> str:
    return message if n_records == 1 else f"{message} {n_records - 1:,} more records of this file fail like this one."


def _first_seen(left_out: pa.Table, memory: Memory, started_at: int) -> pa.ChunkedArray:
    """When each row was quarantined first, by its file and member."""
    before = memory.quarantine
    told = (
        before["first_seen_at"]
        .combine_chunks()
        .take(pc.index_in(_names(left_out), value_set=_names(before).combine_chunks()))
    )
    now, since = (pa.scalar(at, told.type) for at in (started_at, memory.since))
    may_be_old = pc.is_in(left_out["path"], value_set=pa.array(sorted(memory.files), pa.string()))
    return pc.coalesce(told, pc.if_else(may_be_old, since, now), now)


def _names(rows: pa.Table) -> pa.ChunkedArray:
    """File and member in one string: neither has a NUL in it."""
    return pc.binary_join_element_wise(rows["path"], pc.fill_null(rows["member"], "\0"), "\0")
