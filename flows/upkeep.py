"""Flows beside the ingest: prove the live snapshot, delete old ones."""

# No `from __future__ import annotations`: where a served run begins, Prefect cannot look its names up.
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger

from flows.ingest import allowed, ended
from pipeline.errors import WinnowError
from pipeline.store.check import check_folder, check_snapshot, check_state
from pipeline.store.snapshots import open_snapshot
from pipeline.store.snapshots import prune as prune_old
from pipeline.text.safety import printable


def _name(what: str, out: str) -> str:
    return f"{what} {printable(Path(out).name)}"


def _check_name() -> str:
    from prefect.runtime import flow_run

    return _name("check", flow_run.parameters["out"])


def _prune_name() -> str:
    from prefect.runtime import flow_run

    return _name("prune", flow_run.parameters["out"])


@flow(name="winnow-check", flow_run_name=_check_name, persist_result=False)
def check(out: str = "processed", state: bool = True) -> Any:
    """Re-read and re-hash the live snapshot of OUT and prove that everything adds up.

    Args:
        out: folder of the snapshots.
        state: prove what is kept for later runs too.
    """
    try:
        folder = allowed(Path(out))
        snapshot = open_snapshot(folder)
        n = check_snapshot(snapshot)
        check_folder(folder)
        kept = f", {check_state(folder)} folders and tables of kept state" if state else ""
    except WinnowError as error:
        return ended(error)
    said = f"snapshot {snapshot.name}: {len(snapshot.parts)} parts as published, {n} invariants hold{kept}"
    get_run_logger().info("%s", said)
    return ended(said)


@flow(name="winnow-prune", flow_run_name=_prune_name, persist_result=False)
def prune(out: str = "processed", keep: int = 10) -> Any:
    """Delete old snapshots of OUT; the live one always stays.

    Args:
        out: folder of the snapshots.
        keep: how many of the newest stay.
    """
    try:
        gone = prune_old(allowed(Path(out)), keep)
    except WinnowError as error:
        return ended(error)
    said = f"deleted {', '.join(gone)}" if gone else "nothing to delete"
    get_run_logger().info("%s", said)
    return ended(said)
