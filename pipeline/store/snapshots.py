"""Immutable snapshots of the datasets behind one pointer, LATEST: the only commit point.

A part is written once, under a name made of its content's hash: temporary file, fsync, rename, fsync of the
folder. A part that the last snapshot has too is hard-linked. Readers resolve LATEST once and then see one
snapshot whatever a later run does.
"""

from __future__ import annotations

import contextlib
import glob
import json
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.disk import disk_errors, sync
from pipeline.errors import SnapshotError
from pipeline.schema import DATASETS, SCHEMA_VERSION
from pipeline.store.lock import locked
from pipeline.store.parts import Part, place, write_synced
from pipeline.text_safety import printable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyarrow.dataset import Dataset

LATEST, CURRENT, SNAPSHOTS, MANIFEST = "LATEST", "current", "snapshots", "_manifest.json"
#: In a snapshot newer than the live one: it was live until a rollback, so that it is no leftover of a killed run.
ONCE_LIVE = "_once_live"

_NAME = re.compile(r"[0-9]{6,12}")
LOST = "Restore it from a backup, roll back to an older snapshot, or run again with --full."
_MEND = "`winnow snapshots list` shows what is there."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A published snapshot, resolved once: the files it names never change."""

    name: str
    path: Path
    manifest: Mapping[str, Any]
    parts: tuple[Part, ...]

    def files(self, dataset: str) -> list[Path]:
        """The Parquet files of a dataset. Raises SnapshotError for a name that is no dataset."""
        if dataset not in DATASETS:
            raise SnapshotError(f"There is no dataset {dataset!r}.", mend=f"There are: {', '.join(DATASETS)}.")
        return [self.path / dataset / part.name for part in self.parts if part.dataset == dataset]

    def glob(self, dataset: str) -> str:
        """A glob over the files of a dataset, for DuckDB, Polars, pandas and Spark."""
        self.files(dataset)
        return str(Path(glob.escape(str(self.path / dataset)), "*.parquet"))

    def dataset(self, name: str) -> Dataset:
        """The dataset for pyarrow; nothing is read yet."""
        import pyarrow.dataset as pds  # half a second where pandas is installed, which children need not spend

        return pds.dataset([str(file) for file in self.files(name)], schema=DATASETS[name])

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The dataset, or some of its columns, in memory. Raises SnapshotError when a part of it is lost."""
        try:
            return self.dataset(name).to_table(columns=None if columns is None else list(columns))
        except FileNotFoundError as error:
            raise SnapshotError(f"The snapshot {self.name} has lost a part: {error}.", mend=LOST) from None

    def duckdb(self) -> DuckDBPyConnection:
        """A DuckDB connection with one view a dataset; what it spills lies with temporary files until it is closed."""
        import duckdb  # a fifth of a second that children and other readers need not spend

        spill = Path(tempfile.gettempdir(), f"winnow-{secrets.token_hex(8)}")  # by itself: .tmp in the working folder
        connection = duckdb.connect(config={"temp_directory": str(spill)})
        for name in DATASETS:
            files = [glob.escape(str(file)) for file in self.files(name)]
            connection.from_parquet(files, hive_partitioning=False).create_view(name)
        return connection


def open_snapshot(out: Path | str, name: str | None = None) -> Snapshot:
    """The live snapshot of an output folder, or the one named.

    Raises SnapshotError when there is none or its manifest cannot be read.
    """
    out = Path(out).absolute()
    if name is not None:
        return _read(out, name)
    while True:
        live = live_name(out)
        if live is None:
            raise SnapshotError(f"There is no snapshot in {out}.", mend="Run `winnow run RAW OUT` first.")
        try:
            return _read(out, live)
        except SnapshotError:
            if live_name(out) == live:  # else a run published and took the one we meant away: the new one is it
                raise


def live_name(out: Path) -> str | None:
    """The name that LATEST gives, or None before the first run. Raises SnapshotError when it cannot be read."""
    try:
        return (out / LATEST).read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SnapshotError(f"{out / LATEST} cannot be read: {error}.", mend=_MEND) from None


def latest_or_none(out: Path) -> Snapshot | None:
    """The live snapshot, or None before the first run."""
    return open_snapshot(out) if (out / LATEST).exists() else None


def list_snapshots(out: Path) -> list[Snapshot]:
    """The snapshots of an output folder that can be read, oldest first."""
    found = []
    for folder in _folders(out):
        with contextlib.suppress(SnapshotError):
            found.append(_read(out.absolute(), folder.name))
    return found


def _read(out: Path, name: str) -> Snapshot:
    path = out / SNAPSHOTS / name
    if not _NAME.fullmatch(name):
        raise SnapshotError(f"{printable(repr(name))} is not the name of a snapshot.", mend=_MEND)
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        parts = tuple(Part(**part) for part in manifest["parts"])
    except FileNotFoundError:
        raise SnapshotError(f"There is no snapshot {name} in {out}.", mend=_MEND) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"The snapshot {name} in {out} cannot be read: {error}.", mend=_MEND) from None
    return Snapshot(name, path, manifest, parts)


def _folders(out: Path) -> list[Path]:
    """The folders of snapshots, whole or not, oldest first."""
    folders = [folder for folder in (out / SNAPSHOTS).glob("*") if _NAME.fullmatch(folder.name)]
    return sorted(folders, key=lambda folder: int(folder.name))


def publish(out: Path, staged: Sequence[tuple[Part, Path]], *, manifest: Mapping[str, Any], keep: int) -> Snapshot:
    """Write a new snapshot and make it the live one; at most ``keep`` snapshots stay. Call it under the lock.

    ``staged`` are parts with the files that hold them now. Raises OutputError when the disk refuses: then either
    nothing was published, or the new snapshot is whole and live and only what follows was left to the next run.
    """
    with disk_errors(out):
        tidy(out)
        parent = latest_or_none(out)
        folders = _folders(out)
        name = f"{int(folders[-1].name) + 1 if folders else 1:06d}"
        path = out / SNAPSHOTS / name
        for dataset in DATASETS:
            (path / dataset).mkdir(parents=True)
        for part, file in staged:
            place(part, file, path, None if parent is None else parent.path)
        parts = [asdict(part) for part, _ in staged]
        whole = {"snapshot": name, "parent": parent.name if parent else None, "schema_version": SCHEMA_VERSION}
        write_synced(path / MANIFEST, json.dumps({**whole, **manifest, "parts": parts}, indent=1, ensure_ascii=False))
        for folder in (*(path / dataset for dataset in DATASETS), path, out / SNAPSHOTS):
            sync(folder)
        _point(out, name)
        drop_old(out, keep)
    return open_snapshot(out)


def rollback(out: Path, name: str) -> Snapshot:
    """Make an older snapshot the live one; newer ones stay, and the next number is still unused.

    Raises SnapshotError when there is no such snapshot or it has lost a part, OutputError as ``locked`` does.
    """
    open_snapshot(out, name)  # before the lock, which would make a folder of a slip of the pen
    with locked(out):
        target = open_snapshot(out, name)
        for part in target.parts:
            file = target.path / part.dataset / part.name
            if not file.exists() or file.stat().st_size != part.bytes:
                raise SnapshotError(f"The snapshot {name} has lost its part {file}.", mend=_MEND)
        tidy(out)
        if not (target.path / MANIFEST).exists():
            raise SnapshotError(f"The snapshot {name} is what a killed run left behind.", mend=_MEND)
        for folder in _folders(out):
            if int(folder.name) > int(name):
                (folder / ONCE_LIVE).touch()
                sync(folder)
        _point(out, name)
    return open_snapshot(out)


def prune(out: Path, keep: int) -> list[str]:
    """Delete all but the newest ``keep`` snapshots and the live one; the names of those that went.

    Raises SnapshotError when there is no snapshot, OutputError as ``locked`` does.
    """
    open_snapshot(out)
    with locked(out):
        tidy(out)
        return drop_old(out, keep)


def drop_old(out: Path, keep: int) -> list[str]:
    """As ``prune``, under a lock that is held already."""
    live = live_name(out)
    old = [folder for folder in _folders(out)[:-keep] if folder.name != live]
    for folder in old:
        _delete(folder)
    return [folder.name for folder in old]


def tidy(out: Path) -> None:
    """Make good what killed runs left: snapshots that are torn or never were live go, ``current`` follows LATEST."""
    live = live_name(out)
    began = live is not None or (out / CURRENT).is_symlink()  # else the first run was killed before its end
    newest = int(live) if live is not None and _NAME.fullmatch(live) else None
    for folder in _folders(out):
        after = newest is not None and int(folder.name) > newest and not (folder / ONCE_LIVE).exists()
        if after or not began or not (folder / MANIFEST).exists():
            _delete(folder)
    for name in (LATEST, CURRENT):
        (out / f".{name}.tmp").unlink(missing_ok=True)
    if newest is not None:
        _point_current(out, str(live))


def _delete(folder: Path) -> None:
    """The manifest first: what is half deleted is no snapshot any more, and the next run deletes the rest."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder)


def _point(out: Path, name: str) -> None:
    """The commit: LATEST, then ``current``, a convenience for people (readers that must not tear resolve LATEST)."""
    write_synced(out / LATEST, name + "\n")
    sync(out)
    _point_current(out, name)


def _point_current(out: Path, name: str) -> None:
    target = Path(SNAPSHOTS) / name
    with contextlib.suppress(OSError):
        if (out / CURRENT).is_symlink() and (out / CURRENT).readlink() == target:
            return
        temporary = out / f".{CURRENT}.tmp"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(out / CURRENT)
