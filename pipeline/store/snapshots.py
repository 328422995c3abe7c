"""Immutable snapshots of the datasets behind one pointer, LATEST: the only commit point.

A part is written once, under a name made of its content's hash: temporary file, fsync, rename, fsync of the
folder. A part that the last snapshot has too is hard-linked. Readers resolve LATEST once and then see one
snapshot whatever a later run does. Measured against other protocols: docs/operator.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as pds
import pyarrow.parquet as pq

from pipeline.errors import OutputError, SnapshotError
from pipeline.schema import DATASETS, SCHEMA_VERSION

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LATEST, CURRENT, SNAPSHOTS, MANIFEST = "LATEST", "current", "snapshots", "_manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file of a snapshot."""

    dataset: str
    name: str  # file name: the first 32 hex digits of sha256, and .parquet
    rows: int
    bytes: int
    sha256: str


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
        return str(self.path / dataset / "*.parquet")

    def dataset(self, name: str) -> pds.Dataset:
        """The dataset for pyarrow; nothing is read yet."""
        return pds.dataset([str(file) for file in self.files(name)], schema=DATASETS[name])

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The dataset, or some of its columns, in memory."""
        return self.dataset(name).to_table(columns=None if columns is None else list(columns))

    def duckdb(self) -> DuckDBPyConnection:
        """A DuckDB connection with one view a dataset."""
        import duckdb  # a fifth of a second that children and other readers need not spend

        connection = duckdb.connect()
        for name in DATASETS:
            files = [str(file) for file in self.files(name)]
            connection.from_parquet(files).create_view(name)
        return connection


def open_snapshot(out: Path | str, name: str | None = None) -> Snapshot:
    """The live snapshot of an output folder, or the one named.

    Raises SnapshotError when there is none or its manifest cannot be read.
    """
    out = Path(out).absolute()
    try:
        name = name or (out / LATEST).read_text("utf-8").strip()
    except OSError:
        raise SnapshotError(f"There is no snapshot in {out}.", mend="Run `winnow run RAW OUT` first.") from None
    path = out / SNAPSHOTS / name
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        parts = tuple(Part(**part) for part in manifest["parts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        mend = "`winnow snapshots list` shows what is there."
        raise SnapshotError(f"The snapshot {name} in {out} cannot be read: {error}.", mend=mend) from None
    return Snapshot(name, path, manifest, parts)


def latest_or_none(out: Path) -> Snapshot | None:
    """The live snapshot, or None before the first run."""
    return open_snapshot(out) if (out / LATEST).exists() else None


def list_snapshots(out: Path) -> list[Snapshot]:
    """The complete snapshots of an output folder, oldest first."""
    folders = sorted((out / SNAPSHOTS).glob("[0-9]*"))
    return [open_snapshot(out, folder.name) for folder in folders if (folder / MANIFEST).exists()]


def staged_part(dataset: str, file: Path) -> Part:
    """What a finished Parquet file will be called and hold as a part."""
    sha256 = hash_part(file)
    rows = pq.read_metadata(file).num_rows
    return Part(dataset, f"{sha256[:32]}.parquet", rows, file.stat().st_size, sha256)


def hash_part(file: Path) -> str:
    """SHA-256 of a file, hex."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def publish(out: Path, staged: Sequence[tuple[Part, Path]], *, manifest: Mapping[str, Any], keep: int) -> Snapshot:
    """Write a new snapshot and make it the live one; at most ``keep`` snapshots stay.

    ``staged`` are parts with the files that hold them now. Raises OutputError when the disk refuses; the
    snapshot that was live stays so.
    """
    parent = latest_or_none(out)
    try:
        name = f"{int(parent.name) + 1 if parent else 1:06d}"
        path = out / SNAPSHOTS / name
        shutil.rmtree(path, ignore_errors=True)  # what a killed run left behind: never live
        for dataset in DATASETS:
            (path / dataset).mkdir(parents=True)
        for part, file in staged:
            _place(part, file, path, parent)
        parts = [asdict(part) for part, _ in staged]
        whole = {"snapshot": name, "parent": parent.name if parent else None, "schema_version": SCHEMA_VERSION}
        _write(path / MANIFEST, json.dumps({**whole, **manifest, "parts": parts}, indent=1, ensure_ascii=False))
        for folder in (*(path / dataset for dataset in DATASETS), path, out / SNAPSHOTS):
            _sync_folder(folder)
        _write(out / LATEST, name + "\n")
        _sync_folder(out)
    except OSError as error:
        raise OutputError(
            f"The snapshot could not be written to {out}: {error.strerror}; nothing was published.",
            mend="Make room or check the disk, then run again.",
        ) from error
    _point_current(out, name)
    for old in list_snapshots(out)[:-keep]:
        shutil.rmtree(old.path)
    return open_snapshot(out)


def _place(part: Part, file: Path, path: Path, parent: Snapshot | None) -> None:
    target = path / part.dataset / part.name
    if target.exists():
        return
    if parent is not None and part in parent.parts:
        os.link(parent.path / part.dataset / part.name, target)
        return
    temporary = target.with_name(part.name[:8] + ".tmp")
    shutil.copyfile(file, temporary)
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.rename(target)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _point_current(out: Path, name: str) -> None:
    """The ``current`` link, a convenience for people: readers that must not tear resolve LATEST."""
    with contextlib.suppress(OSError):
        temporary = out / ".current.tmp"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(Path(SNAPSHOTS) / name)
        temporary.replace(out / CURRENT)
