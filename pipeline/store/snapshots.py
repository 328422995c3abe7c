"""Immutable snapshots of the datasets behind one pointer, LATEST: the only commit point.

A part is written once, under a name made of its content's hash: temporary file, fsync, rename, fsync of the
folder. A part that the last snapshot has too is hard-linked. Readers resolve LATEST once and then see one
snapshot whatever a later run does.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.errors import SnapshotError
from pipeline.schema import DATASETS, SCHEMA_VERSION
from pipeline.store.claim import check_marker, locked, set_flag
from pipeline.store.files import disk_errors, sync, write_synced
from pipeline.store.layout import (
    CURRENT,
    LATEST,
    MANIFEST,
    NAME,
    ONCE_LIVE,
    PUBLISHED,
    SNAPSHOTS,
    Part,
    check_path,
    holds,
    in_size,
    numbered,
    place,
    pointed,
    read_manifest,
    readable,
    staged_part,
)
from pipeline.store.marks import OURS, has_mark, is_file, is_folder, make_marked, remove_ours, sealed, sweep, write_mark
from pipeline.text.safety import printable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pyarrow.dataset import Dataset

LOST = "Restore it from a backup, roll back to an older snapshot, or run again with --full."
_MEND = "`winnow snapshots list` shows what is there."
_AGAIN = "Run again, which makes it anew, or roll back: `winnow snapshots list` shows to what."
#: What we put into a snapshot, by its place there.
_FILES = re.compile(
    rf"(?:{'|'.join(DATASETS)})/(?:[0-9a-f]{{32}}\.parquet|[0-9a-f]{{8}}\.tmp)"
    rf"|_manifest\.json|{re.escape(OURS)}.*|report\.html|metrics\.prom|{PUBLISHED}|{ONCE_LIVE}"
)


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
        return f"{literal(self.path / dataset)}/*.parquet"

    def dataset(self, name: str) -> Dataset:
        """The dataset for pyarrow; nothing is read yet."""
        import pyarrow.dataset as pds  # half a second where pandas is installed, which children need not spend

        return pds.dataset([str(file) for file in self.files(name)], schema=DATASETS[name])

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The dataset, or some of its columns, in memory. Raises SnapshotError when a part of it is lost or damaged."""
        try:
            return self.dataset(name).to_table(columns=None if columns is None else list(columns))
        except (OSError, pa.ArrowException) as error:
            raise self.damaged(error) from None

    def damaged(self, error: Exception) -> SnapshotError:
        """What to say when reading a part failed: which it is, if it can be told."""
        file = self.damaged_part()
        if file is not None:
            what = "is not as it was published" if file.exists() else "is lost"
            return SnapshotError(f"The part {printable(str(file))} {what}.", mend=LOST)
        return SnapshotError(f"The snapshot {self.name} cannot be read: {printable(str(error))}.", mend=LOST)

    def damaged_part(self) -> Path | None:
        """The first part that is lost or not as it was published; all before it are read."""
        files = ((part, self.path / part.dataset / part.name) for part in self.parts)
        return next((file for part, file in files if not holds(file, part)), None)

    def duckdb(self) -> DuckDBPyConnection:
        """A DuckDB connection with one view a dataset; what it spills lies with temporary files until it is closed."""
        import duckdb  # a fifth of a second that children and other readers need not spend

        spill = Path(tempfile.gettempdir(), f"winnow-{secrets.token_hex(8)}")  # by itself: .tmp in the working folder
        connection = duckdb.connect(config={"temp_directory": str(spill)})
        for name in DATASETS:
            files = [literal(file) for file in self.files(name)]
            try:  # a folder named COLUMN=VALUE above the output is no column of ours
                connection.from_parquet(files, hive_partitioning=False).create_view(name)
            except duckdb.Error as error:
                raise self.damaged(error) from None
        return connection


def literal(path: Path) -> str:
    """A path as a glob that means it and nothing else, for DuckDB and Polars.

    >>> literal(Path("/a[1]/b*"))
    '/a[[]1]/b[*]'
    """
    return re.sub(r"[*?[]", r"[\g<0>]", str(path))


def open_snapshot(out: Path | str, name: str | None = None) -> Snapshot:
    """The live snapshot of an output folder, or the one named.

    Raises SnapshotError when there is none or its manifest cannot be read, OutputError when a newer Winnow wrote it.
    """
    out = check_path(Path(out))
    check_marker(out)
    if name is not None:
        return _read(out, name)
    while True:
        live = live_name(out)
        if live is None:
            raise SnapshotError(
                f"There is no snapshot in {printable(str(out))}.", mend="Run `winnow run RAW OUT` first."
            )
        try:
            return _read(out, live)
        except SnapshotError:
            if live_name(out) == live:  # else a run published and took the one we meant away: the new one is it
                raise


def live_name(out: Path) -> str | None:
    """The name of the live snapshot, or None before the first run.

    It is what LATEST says, unless that is lost, garbled or was set back: then the newest that was published.
    """
    return _resolve(out)[0]


def _resolve(out: Path) -> tuple[str | None, str]:
    """The name of the live snapshot, and what is wrong with LATEST, "" when nothing is."""
    said = pointed(out)
    wrong = "is lost" if said is None else "" if said else "cannot be read"
    if said and not is_folder(out / SNAPSHOTS / said):
        said, wrong = None, f"names {said}, which is not there"
    mine = [one for one in _ours(out) if not is_file(one / ONCE_LIVE)]
    published = [one.name for one in mine if is_file(one / PUBLISHED)]
    newest = published[-1] if published else None
    if said and (newest is None or int(newest) <= int(said)):
        return said, ""
    if said and newest:
        return newest, f"names {said}, which is older"
    if newest is None:  # the first run was killed before its end, or after it and LATEST lost
        newest = next((one.name for one in reversed(mine) if readable(one)), None)
    return newest, wrong


def live_or_salvaged(out: Path) -> Snapshot | None:
    """The live snapshot for a run to build on: of one whose manifest is lost, the parts that are whole; or None."""
    name = live_name(out)
    if name is None:
        return None
    try:
        return _read(out.absolute(), name)
    except SnapshotError:
        return _salvaged(out.absolute(), name)


def _salvaged(out: Path, name: str) -> Snapshot:
    """What can be told of a snapshot without its manifest: a part is named by the hash of its content."""
    path, parts = out / SNAPSHOTS / name, []
    for dataset in DATASETS:
        for file in sorted((path / dataset).glob("*.parquet")):
            with contextlib.suppress(OSError, pa.ArrowException):
                part = staged_part(dataset, file)
                parts += [part] if part.name == file.name else []
    return Snapshot(name, path, {"collection": None, "created_at": None}, tuple(parts))


def latest_or_none(out: Path) -> Snapshot | None:
    """The live snapshot, or None before the first run. Raises SnapshotError when its manifest cannot be read."""
    return None if live_name(out) is None else open_snapshot(out)


def same_schema(snapshot: Snapshot) -> bool:
    """True when the datasets of a snapshot have the columns that this version writes, False when they are older.

    Raises SnapshotError when they are newer.
    """
    theirs = str(snapshot.manifest.get("schema_version"))
    if theirs == SCHEMA_VERSION:
        return True
    if theirs.isdecimal() and int(theirs) > int(SCHEMA_VERSION):
        raise SnapshotError(
            f"The snapshot {snapshot.name} was written by a newer Winnow (schema {theirs}, this one has {SCHEMA_VERSION}).",
            mend="Use that version, or another output folder.",
        )
    return False


def list_snapshots(out: Path) -> list[Snapshot]:
    """The snapshots of an output folder that can be read, oldest first."""
    found = []
    for folder in numbered(check_path(out)):
        with contextlib.suppress(SnapshotError):
            found.append(_read(out.absolute(), folder.name))
    return found


def _read(out: Path, name: str) -> Snapshot:
    path = out / SNAPSHOTS / name
    if not NAME.fullmatch(name):
        raise SnapshotError(f"{printable(repr(name))} is not the name of a snapshot.", mend=_MEND)
    try:
        manifest, parts = read_manifest(path)
    except (OSError, ValueError) as error:
        if not is_folder(path) or (isinstance(error, FileNotFoundError) and not is_file(path / PUBLISHED)):
            raise SnapshotError(f"There is no snapshot {name} in {printable(str(out))}.", mend=_MEND) from None
        why = error.strerror if isinstance(error, OSError) else error
        raise SnapshotError(f"{printable(str(path / MANIFEST))} cannot be read: {why}.", mend=_AGAIN) from None
    return Snapshot(name, path, manifest, parts)


def _ours(out: Path) -> list[Path]:
    """The folders of snapshots that carry our mark, whole or not, oldest first."""
    return [folder for folder in numbered(out) if has_mark(folder)]


def publish(out: Path, staged: Sequence[tuple[Part, Path]], *, manifest: Mapping[str, Any], keep: int) -> Snapshot:
    """Write a new snapshot and make it the live one; at most ``keep`` snapshots stay. Call it under the lock.

    ``staged`` are parts with the files that hold them now. Raises OutputError when the disk refuses: then either
    nothing was published, or the new snapshot is whole and live and only what follows was left to the next run.
    """
    with disk_errors(out):
        tidy(out)
        parent, name = live_name(out), _next_name(out)
        path = out / SNAPSHOTS / name
        make_marked(path, "snapshot")
        for dataset in DATASETS:
            (path / dataset).mkdir()
        for part, file in staged:
            place(part, file, path, None if parent is None else out / SNAPSHOTS / parent)
        parts = [asdict(part) for part, _ in staged]
        whole = {"snapshot": name, "parent": parent, "schema_version": SCHEMA_VERSION}
        write_synced(path / MANIFEST, sealed({**whole, **manifest, "parts": parts}, indent=1))
        for folder in (*(path / dataset for dataset in DATASETS), path, out / SNAPSHOTS):
            sync(folder)
        _point(out, name)
        tidy(out)
        drop_old(out, keep)
    return open_snapshot(out)


def _next_name(out: Path) -> str:
    """A number above all that were live, at which nothing lies."""
    number = max(int(one) for one in (pointed(out) or "0", *(folder.name for folder in _ours(out)))) + 1
    while os.path.lexists(out / SNAPSHOTS / f"{number:06d}"):
        number += 1
    return f"{number:06d}"


def rollback(out: Path, name: str) -> Snapshot:
    """Make an older snapshot the live one; newer ones stay, and the next number is still unused.

    Raises SnapshotError when there is no such snapshot or it has lost a part, OutputError as ``locked`` does.
    """
    open_snapshot(out, name)  # before the lock, which would make a folder of a slip of the pen
    with locked(out):
        target = open_snapshot(out, name)
        for part in target.parts:
            file = target.path / part.dataset / part.name
            if not in_size(file, part):
                raise SnapshotError(f"The snapshot {name} has lost its part {printable(str(file))}.", mend=_MEND)
        tidy(out)
        if not (target.path / MANIFEST).exists():
            raise SnapshotError(f"The snapshot {name} is what a killed run left behind.", mend=_MEND)
        for folder in _ours(out):
            if int(folder.name) > int(name):
                set_flag(folder / ONCE_LIVE)
                sync(folder)
        _stand(target.path)
        _point(out, name)
    return open_snapshot(out)


def prune(out: Path, keep: int) -> list[str]:
    """Delete all but the newest ``keep`` snapshots and the live one; the names of those that went.

    Raises SnapshotError when there is no snapshot, OutputError as ``locked`` does.
    """
    open_snapshot(out)
    with locked(out):
        tidy(out)
        open_snapshot(out)
        return drop_old(out, keep)


def drop_old(out: Path, keep: int) -> list[str]:
    """As ``prune``, under a lock that is held already."""
    live = live_name(out)
    old = [folder for folder in _ours(out)[:-keep] if folder.name != live]
    for folder in old:
        _delete(folder)
    return [folder.name for folder in old]


def tidy(out: Path) -> list[str]:
    """Make good what killed runs left and what befell LATEST; what people should be told. Call it under the lock.

    LATEST follows what was published; only then, and when the live snapshot can be read, do torn snapshots of ours go.
    """
    for root in (out, out / SNAPSHOTS):
        sweep(root)
    live, wrong = _resolve(out)
    said = []
    if live is None:
        return [f"{LATEST} {wrong}, nor is another snapshot: all is made anew."] if pointed(out) is not None else []
    if wrong:
        write_synced(out / LATEST, live + "\n")
        sync(out)
        said.append(f"{LATEST} {wrong}: the snapshot {live}, the newest that was published, is live again.")
    folder = out / SNAPSHOTS / live
    if readable(folder):
        for one in _ours(out):
            if one.name != live and not (is_file(one / PUBLISHED) or is_file(one / ONCE_LIVE)):
                _clear(one, live)
        write_mark(folder, "snapshot")
        _stand(folder)
    else:
        said.append(f"{folder / MANIFEST} is damaged: the snapshot {live} is made anew.")
    _point_current(out, live)
    return said


def _clear(folder: Path, live: str) -> None:
    """Delete what a killed run left; a whole snapshot that is older than the live one has lost its flag alone."""
    if int(folder.name) < int(live) and readable(folder):
        set_flag(folder / PUBLISHED)
    else:
        _delete(folder)


def _stand(folder: Path) -> None:
    """Note that a snapshot was published and that no rollback has passed over it since."""
    if not is_file(folder / PUBLISHED):
        set_flag(folder / PUBLISHED)
        sync(folder)
    (folder / ONCE_LIVE).unlink(missing_ok=True)


def _delete(folder: Path) -> None:
    """The flag and the manifest first: what is half deleted is no snapshot any more, and the next run deletes the rest."""
    for name in (PUBLISHED, MANIFEST):
        if is_file(folder / name):
            (folder / name).unlink()
    remove_ours(folder, _FILES)


def _point(out: Path, name: str) -> None:
    """The commit: LATEST, then ``current``, a convenience for people (readers that must not tear resolve LATEST)."""
    write_synced(out / LATEST, name + "\n")
    sync(out)
    _point_current(out, name)


def _point_current(out: Path, name: str) -> None:
    target, current = Path(SNAPSHOTS) / name, out / CURRENT
    with contextlib.suppress(OSError):
        if os.path.lexists(current) and not (current.is_symlink() and current.readlink().parent == Path(SNAPSHOTS)):
            return  # it is not ours
        if current.is_symlink() and current.readlink() == target:
            return
        temporary = out / f"{OURS}{CURRENT}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(current)
