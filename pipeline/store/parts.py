"""The parts of a snapshot: Parquet files that are named by their content, written once and shared by hard links."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.disk import link_or_copy, sync


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file of a snapshot."""

    dataset: str
    name: str  # file name: the first 32 hex digits of sha256, and .parquet
    rows: int
    bytes: int
    sha256: str


def staged_part(dataset: str, file: Path) -> Part:
    """What a finished Parquet file will be called and hold as a part."""
    sha256 = hash_part(file)
    rows = pq.read_metadata(file).num_rows
    return Part(dataset, f"{sha256[:32]}.parquet", rows, file.stat().st_size, sha256)


def hash_part(file: Path) -> str:
    """SHA-256 of a file, hex."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def place(part: Part, file: Path, snapshot: Path, parent: Path | None) -> None:
    """Put a part that ``file`` holds into the folder of a new snapshot, on the disk for good. Raises OSError.

    A file of the parent's that still holds the part is linked, so that both snapshots share it.
    """
    target = snapshot / part.dataset / part.name
    if target.exists():
        return
    known = None if parent is None else parent / part.dataset / part.name
    if known is not None and (file == known or _holds(known, part)):
        link_or_copy(known, target)
        return
    temporary = target.with_name(part.name[:8] + ".tmp")
    link_or_copy(file, temporary)
    sync(temporary)
    temporary.rename(target)


def _holds(file: Path, part: Part) -> bool:
    return file.exists() and file.stat().st_size == part.bytes and hash_part(file) == part.sha256


def write_synced(path: Path, text: str) -> None:
    """Write a text file whole or not at all, on the disk for good once its folder is synced. Raises OSError."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
