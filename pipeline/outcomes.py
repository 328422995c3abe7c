"""What became of every raw file: the rows of ``inputs`` and ``quarantine``, and the counts of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice, starmap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InvariantError, Reason, Rejection
from pipeline.ids import document_id
from pipeline.nursery import CHECK
from pipeline.read.outcome import Skipped
from pipeline.schema import INPUTS, QUARANTINE
from pipeline.shards.assemble import sort_rows
from pipeline.shards.chunks import chunk_names
from pipeline.store.memory import Memory
from pipeline.store.snapshots import Snapshot
from pipeline.supervise import given_up_in
from pipeline.text_safety import printable
from pipeline.types import RawInput

#: A run in which this many records crash their parser, and more than are read, has a broken installation. One in which
#: not even a page of our own can be read stops in its first shard (``supervise``).
TOO_MANY_CRASHES = 3
#: What it means when many records have such a reason, and the mend.
_LOST = {
    Reason.PARSER_CRASH.value: ("crashed their parser", CHECK),
    Reason.KILLED.value: ("had their process killed from outside", "Free memory or set fewer workers, then run again."),
}
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
class LeftOut:
    """A file or record that is in neither documents nor duplicates."""

    path: str
    member: str | None
    outcome: str  # "quarantine" or "skipped"
    stage: str
    reason: str
    message: str
    attempts: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run came to."""

    snapshot: Snapshot
    published: bool  # False when there was nothing new
    counts: Mapping[str, int]
    seconds: Mapping[str, float]  # wall clock, by stage
    left_out: tuple[LeftOut, ...]  # quarantined or skipped
    cpu_seconds: float  # of the child processes
    peak_mb: float  # of the largest child process
    notices: tuple[str, ...] = ()  # what people should know beside the counts, a sentence each, said once


@dataclass(frozen=True, slots=True)
class FailedRun:
    """What is known of a run that failed."""

    error: str
    started: datetime
    seconds: Mapping[str, float]  # wall clock, by stage; it failed in the last
    shards: Mapping[str, tuple[int, int]]  # by stage: done, and how many there are
    left_out: tuple[LeftOut, ...]  # quarantined or skipped so far


def name_of(one: LeftOut) -> str:
    """A record's file and member, safe to print."""
    return printable(one.path if one.member is None else f"{one.path} [{one.member}]")


def lasting(left_out: Iterable[LeftOut]) -> bool:
    """True when nothing was left out for a reason that may be gone the next time."""
    return not any(one.reason in PASSING for one in left_out)


def left_out_in(folder: Path, live: Container[str] | None = None) -> list[LeftOut]:
    """What a stage quarantined, skipped or gave up in a folder of results; of live files only, where given."""
    found = [LeftOut(**row) for chunk in chunk_names(folder, "left_out") for row in pq.read_table(chunk).to_pylist()]
    found += [quarantined(one) for one in given_up_in(folder)]
    return [one for one in found if live is None or one.path in live]


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


def stop_if_broken(left_out: Sequence[LeftOut], n_read: int) -> None:
    """Raise InvariantError when more records lost their process than went through; ``n_read`` were cleaned."""
    lost = [one for one in left_out if one.reason in _LOST]
    n_fine = n_read - sum(one.stage == "finish" for one in lost)
    if len(lost) >= TOO_MANY_CRASHES and len(lost) > n_fine:
        what, mend = _LOST[Counter(one.reason for one in lost).most_common(1)[0][0]]
        raise InvariantError(
            f"{len(lost)} records {what} and only {n_fine} were read, so nothing was published; "
            f"the first: {name_of(lost[0])}: {printable(lost[0].message)}",
            mend=mend,
        )


def changing_files(
    left_out: Iterable[LeftOut], before: Mapping[str, int], copied: Iterable[str]
) -> tuple[dict[str, int], list[str]]:
    """The files that changed while this run looked, each with how many in a row it is, and what to tell people.

    ``before`` is the same of the last run; ``copied``, which of those were read as a copy, counts as well.
    """
    changed = {one.path for one in left_out if one.reason == Reason.FILE_CHANGED.value and one.member is None}
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


def with_runs(left_out: Iterable[LeftOut], changing: Mapping[str, int]) -> list[LeftOut]:
    """The same, a file that changed with the number of runs in a row as its attempts."""
    reason = Reason.FILE_CHANGED.value
    return [
        replace(one, attempts=changing.get(one.path, 1)) if one.reason == reason and one.member is None else one
        for one in left_out
    ]


def settle(
    *,
    inputs: Sequence[RawInput],
    left_out: Sequence[LeftOut],
    documents: Iterable[str],
    duplicates: Iterable[str],
    memory: Memory,
    started_at: int,
) -> Outcomes:
    """The inputs and quarantine datasets; ``documents`` and ``duplicates`` are the path of each row.

    ``memory`` tells when a row was quarantined first; ``started_at`` is in microseconds UTC.
    """
    known = {one.path: one for one in inputs}
    first_seen = _first_seen(memory)
    tally = {
        "n_documents": Counter(documents),
        "n_duplicates": Counter(duplicates),
        "n_quarantined": Counter(one.path for one in left_out if one.outcome == "quarantine"),
        "n_skipped": Counter(one.path for one in left_out if one.outcome == "skipped"),
    }
    reasons = _why_skipped(left_out)
    paths = sorted(set(known).union(*tally.values()), key=lambda path: path.encode("utf-8", "surrogateescape"))
    rows = (_input_row(path, known.get(path), {k: c[path] for k, c in tally.items()}, reasons) for path in paths)
    tables = [pa.Table.from_pylist(part, schema=INPUTS) for part in iter(lambda: list(islice(rows, _SLICE)), [])]
    quarantine = [
        _quarantine_row(
            one,
            known.get(one.path),
            first_seen.get((one.path, one.member)) or memory.quarantined_first(one.path, started_at),
        )
        for one in left_out
        if one.outcome == "quarantine"
    ]
    counts = {name.removeprefix("n_"): counter.total() for name, counter in tally.items()}
    return Outcomes(
        inputs=sort_rows("inputs", pa.concat_tables([INPUTS.empty_table(), *tables])),
        quarantine=sort_rows("quarantine", pa.Table.from_pylist(quarantine, schema=QUARANTINE)),
        counts={"files": len(paths), "records": sum(counts.values()), **counts},
    )


def _why_skipped(left_out: Iterable[LeftOut]) -> dict[str, str]:
    """By path, why it or which members of it were skipped: "hidden", "hidden: .DS_Store, b/._a.txt and 3 more"."""
    members: dict[str, dict[str, list[str]]] = {}
    for one in left_out:
        if one.outcome == "skipped":
            named = members.setdefault(one.path, {}).setdefault(one.message, [])
            named += [] if one.member is None else [one.member]
    return {path: "; ".join(starmap(_listed, sorted(found.items()))) for path, found in members.items()}


def _listed(reason: str, members: Sequence[str]) -> str:
    more = f" and {len(members) - _MOST_NAMED:,} more" if len(members) > _MOST_NAMED else ""
    return f"{reason}: {', '.join(members[:_MOST_NAMED])}{more}" if members else reason


def quarantined_before(snapshot: Snapshot) -> list[LeftOut]:
    """What is in quarantine in a snapshot."""
    columns = [name for name in LeftOut.__slots__ if name != "outcome"]
    return [LeftOut(**row, outcome="quarantine") for row in snapshot.table("quarantine", columns).to_pylist()]


def _first_seen(memory: Memory) -> dict[tuple[str, str | None], int]:
    rows = memory.quarantine
    names = zip(rows["path"].to_pylist(), rows["member"].to_pylist(), strict=True)
    return dict(zip(names, rows["first_seen_at"].cast(pa.int64()).to_pylist(), strict=True))


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
