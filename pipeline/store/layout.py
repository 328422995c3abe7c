"""Where things lie in an output folder, and the manifest of a snapshot, which proves itself."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.errors import OutputError
from pipeline.safe_path import is_address
from pipeline.store.files import link_or_copy, sync
from pipeline.store.marks import SEAL, file_sha256, is_file, is_folder, unsealed
from pipeline.text.safety import printable

# The parts of a snapshot: Parquet files that are named by their content, written once and shared by hard links.


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


LATEST, CURRENT, SNAPSHOTS, STATE, LOCK = "LATEST", "current", "snapshots", ".state", ".lock"
#: In ``STATE``: what only the run under way needs; cleaned and finished records, a folder each; the templates learned;
#: the raw files as the last run saw them; records that are to be tried again; what the last run took.
RUN, PACKS, FINISHED = f"{STATE}/run", f"{STATE}/packs", f"{STATE}/finished"
LEARNED, INPUTS_KEPT, RETRY = f"{STATE}/learned.kept", f"{STATE}/inputs.kept", f"{STATE}/retry.json"
LAST_RUN = f"{STATE}/last_run.json"
MANIFEST = "_manifest.json"
#: In a snapshot: LATEST has named it, so that it is no leftover of a killed run.
PUBLISHED = "_published"
#: In a snapshot newer than the live one: a rollback has passed over it.
ONCE_LIVE = "_once_live"
NAME = re.compile(r"[0-9]{6,12}")

#: What a manifest of version 0.1 says, which has no hash inside.
_UNSEALED = frozenset(
    "snapshot parent schema_version created_at collection assembled counts versions settings state parts".split()
)


def read_manifest(folder: Path) -> tuple[dict[str, Any], tuple[Part, ...]]:
    """The manifest of a snapshot and its parts.

    Raises FileNotFoundError when there is none, OSError when it cannot be read, ValueError when it is damaged.
    """
    text = (folder / MANIFEST).read_bytes()
    try:
        manifest = json.loads(text)
        if SEAL in manifest or manifest.keys() != _UNSEALED:
            manifest = unsealed(text)
        if manifest["snapshot"] != folder.name:
            raise ValueError(f"it is that of the snapshot {printable(str(manifest['snapshot']))}")
        return manifest, tuple(Part(**part) for part in manifest["parts"])
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it is no manifest ({type(error).__name__})") from None


def readable(folder: Path) -> bool:
    """True for a snapshot whose manifest can be read."""
    with contextlib.suppress(OSError, ValueError):
        return is_folder(folder) and bool(read_manifest(folder))
    return False


def numbered(out: Path) -> list[Path]:
    """The folders that are named like snapshots, whosever they are, oldest first."""
    try:
        folders = [one for one in (out / SNAPSHOTS).iterdir() if NAME.fullmatch(one.name) and is_folder(one)]
    except OSError:
        return []
    return sorted(folders, key=lambda folder: int(folder.name))


def pointed(out: Path) -> str | None:
    """What LATEST says, "" for what is no name; None when there is no LATEST."""
    try:
        said = (out / LATEST).read_bytes().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    return said if NAME.fullmatch(said) else ""


def check_path(out: Path) -> Path:
    """The path of an output folder, whole. Raises OutputError for one that readers of Parquet cannot be told."""
    if is_address(str(out)):
        raise OutputError(
            f"{printable(str(out))} is an address, and Winnow publishes into a folder of this machine alone.",
            mend="Name one; what is published can be copied elsewhere.",
        )
    out = out.absolute()
    said = str(out)
    if "\0" in said or "\\" in said or any("\ud800" <= sign <= "\udfff" for sign in said):
        raise OutputError(
            f"The path {printable(said)} has a backslash or bytes in it that are no text (UTF-8), which DuckDB cannot read.",
            mend="Choose another output folder.",
        )
    return out
