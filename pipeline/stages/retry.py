"""How quarantine is left again: the raw files that a run cleans anew though neither they nor the code have changed.

Those with a record that was left out for a reason that may be gone (``outcomes.PASSING``), that fell to a limit which
has been raised since (``FELL_TO``), or that somebody asks for (``winnow retry``). A record that once came through stays
when limits are lowered: they bound what a run may take, not what is published.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import Reason, SnapshotError, WinnowError
from pipeline.stages.outcomes import PASSING
from pipeline.store.claim import claim_state, locked
from pipeline.store.files import write_text
from pipeline.store.layout import RETRY, STATE
from pipeline.store.snapshots import Snapshot, open_snapshot
from pipeline.text.safety import printable
from pipeline.workers.task import Limits

#: The reasons that may be gone when a limit is higher. Code that cannot say that memory is short crashes.
FELL_TO: Mapping[str, frozenset[str]] = {
    "record_seconds": frozenset({Reason.TIMEOUT.value}),
    "memory_mb": frozenset({Reason.OUT_OF_MEMORY.value, Reason.PARSER_CRASH.value}),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants to be tried again: records in quarantine for one of these reasons, or of these files."""

    reasons: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def pending(out: Path) -> Request | None:
    """The request that the next run has to do. One that is damaged is for everything that is in quarantine."""
    try:
        found = json.loads((out / RETRY).read_text("utf-8"))
        return Request(tuple(map(str, found["reasons"])), tuple(map(str, found["paths"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return Request(tuple(Reason))


def done(out: Path) -> None:
    """Forget the request: a run has published what came of it. Raises OSError."""
    (out / RETRY).unlink(missing_ok=True)


def files_to_retry(
    live: Snapshot, limits: Limits, request: Request | None, paths: Iterable[str] = ()
) -> frozenset[str]:
    """The paths of raw files with a record in the live snapshot's quarantine that is to be tried again.

    ``limits`` are those of the coming run. Where the quarantine is damaged, which the run then mends, they are all of
    ``paths`` if any is asked for: which, nobody knows any more.
    """
    before: Mapping[str, int] = live.manifest.get("limits", {})
    raised = [reasons for name, reasons in FELL_TO.items() if getattr(limits, name) > before.get(name, 0)]
    reasons = PASSING.union(*raised, request.reasons if request else ())
    try:
        quarantine = live.table("quarantine", ["path", "reason"])
    except SnapshotError:
        return frozenset(paths) if raised or request else frozenset()
    return frozenset(_asked(quarantine, reasons, request.paths if request else ())["path"].to_pylist())


def ask(out: Path, *, reasons: Sequence[str], paths: Sequence[str]) -> int:
    """Ask for a retry by the next run on an output folder, of everything when nothing is named; how many records.

    What was asked for before and is not done yet stays. Raises WinnowError for a reason that does not exist or a path
    that is not in quarantine, SnapshotError when there is no snapshot, OutputError as ``locked`` does.
    """
    if unknown := sorted(set(reasons).difference(Reason)):
        raise WinnowError(f"There is no reason {printable(unknown[0])!r}.", mend=f"There are: {', '.join(Reason)}.")
    open_snapshot(out)  # before the lock, which would make a folder of a slip of the pen
    with locked(out):
        quarantine = open_snapshot(out).table("quarantine", ["path", "reason", "n_records"])
        known = set(quarantine["path"].to_pylist())
        if strange := [path for path in paths if path not in known]:
            raise WinnowError(
                f"Nothing of {printable(strange[0])} is in quarantine.",
                mend="`winnow sql 'select distinct path from quarantine' OUT` shows what is.",
            )
        wanted = Request(tuple(reasons) if reasons or paths else tuple(Reason), tuple(paths))
        n_records: int = pc.sum(_asked(quarantine, wanted.reasons, wanted.paths)["n_records"]).as_py() or 0
        if n_records:
            claim_state(out / STATE)
            both = [one for one in (pending(out), wanted) if one]
            reasons, paths = (sorted({x for one in both for x in asdict(one)[name]}) for name in ("reasons", "paths"))
            write_text(json.dumps({"reasons": reasons, "paths": paths}), out / RETRY)
    return n_records


def _asked(quarantine: pa.Table, reasons: Collection[str], paths: Collection[str]) -> pa.Table:
    reasons, paths = (pa.array(sorted(one), pa.string()) for one in (reasons, paths))
    by_reason, by_path = pc.is_in(quarantine["reason"], reasons), pc.is_in(quarantine["path"], paths)
    return quarantine.filter(pc.or_(by_reason, by_path))
