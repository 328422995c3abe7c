"""The parts of a snapshot: Parquet files that are named by their content, written once and shared by hard links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.disk import link_or_copy, sync
from pipeline.marks import is_file
from pipeline.proof import file_sha256


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
    sha256 = file_sha256(file)
    rows = pq.read_metadata(file).num_rows
    return Part(dataset, f"{sha256[:32]}.parquet", rows, file.stat().st_size, sha256)


def place(part: Part, file: Path, snapshot: Path, parent: Path | None) -> None:
    """Put a part that ``file`` holds into the folder of a new snapshot, on the disk for good. Raises OSError.

    A file of the parent's that still holds the part is linked, so that both snapshots share it; so is ``file`` when it
    is that file itself, which ``published_parts`` has proven.
    """
    target = snapshot / part.dataset / part.name
    if target.exists():
        return
    known = None if parent is None else parent / part.dataset / part.name
    if known is not None and (file == known or holds(known, part)):
        link_or_copy(known, target)
        return
    temporary = target.with_name(part.name[:8] + ".tmp")
    link_or_copy(file, temporary)
    sync(temporary)
    temporary.rename(target)


def holds(file: Path, part: Part) -> bool:
    """True when a file is the part as it was published; one that cannot be read is not."""
    try:
        return in_size(file, part) and file_sha256(file) == part.sha256
    except OSError:
        return False


def in_size(file: Path, part: Part) -> bool:
    """True when a file is there in the size of the part."""
    return is_file(file) and file.stat().st_size == part.bytes
