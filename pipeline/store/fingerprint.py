"""The fingerprints by which results are known.

A fingerprint covers everything that a result depends on, so that equal fingerprints may share a result and
nothing else may.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.types import RawInput

if TYPE_CHECKING:
    from pipeline.settings import Settings

#: Suffixes of the package's files that results depend on: code and weights. Rules are told apart by site.
_CODE = (".py", ".toml", ".json", ".npz")


#: Settings that decide what is tried, or read at all: no result depends on one that came through.
PASSED = frozenset({"memory_mb", "record_seconds", "max_file_mb"})


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Fingerprints of what cleaning depends on beside the raw bytes."""

    made_with: str  # code, model, general rules, limits
    site_rules: Mapping[str, str]  # by domain


def fingerprint(*values: Any) -> str:
    """32 hex digits over JSON-able values."""
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).hexdigest()


def limits_of(settings: Settings) -> dict[str, Any]:
    """The bounds on reading and the fields of records, as ``ReadLimits`` takes them."""
    return {
        "max_file_bytes": settings.max_file_mb << 20,
        "max_record_bytes": settings.max_record_mb << 20,
        "text_field": settings.text_field,
        "url_field": settings.url_field,
        "time_field": settings.time_field,
    }


def dependencies_of(settings: Settings) -> Dependencies:
    """What cleaning depends on under these settings."""
    general, sites = _rule_fingerprints(settings.rules)
    limits = {name: limit for name, limit in limits_of(settings).items() if name != "max_file_bytes"}  # the scan's
    return Dependencies(fingerprint(code_fingerprint(), general, limits), sites)


def clean_fingerprint(inputs: Sequence[RawInput], depends_on: Dependencies) -> str:
    """What the cleaned result of some files depends on: their names and bytes, and what it is made with."""
    files = [(one.path, one.sha256) for one in inputs]
    return fingerprint(depends_on.made_with, sorted(depends_on.site_rules.items()), files)


def collection_fingerprint(
    inputs: Sequence[RawInput], left_out: Iterable[tuple[str, str]], depends_on: Dependencies, settings: Settings
) -> str:
    """What the datasets depend on, clock and modification times aside: equal means there is nothing new.

    ``left_out``: path and reason of what the scan found but will not be read.
    """
    ignored = {"workers", "shard_mb", "shard_files", "keep_snapshots", "rules", *PASSED}
    chosen = {name: value for name, value in settings.model_dump().items() if name not in ignored}
    files = sorted((one.path, one.sha256) for one in inputs)
    return fingerprint(depends_on.made_with, sorted(depends_on.site_rules.items()), chosen, files, sorted(left_out))


def table_fingerprint(table: pa.Table) -> str:
    """32 hex digits over the values of a table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.blake2b(sink.getvalue(), digest_size=16).hexdigest()


@cache
def code_fingerprint() -> str:
    """32 hex digits over the package's own files that results depend on, rules aside."""
    return _files_fingerprint((name, content) for name, content in _walk(_package()) if not name.startswith("rules/"))


def _package() -> Traversable:
    return resources.files("pipeline")


def _rule_fingerprints(extra: Path | None) -> tuple[str, dict[str, str]]:
    """Of the general rules together, and of each site's by domain; a user's own folder included."""
    folders = [_package().joinpath("rules"), *([] if extra is None else [extra])]
    general: list[tuple[str, bytes]] = []
    sites: dict[str, list[tuple[str, bytes]]] = {}
    for folder in folders:
        for name, content in _walk(folder):
            if name.startswith("sites/"):
                sites.setdefault(name.removeprefix("sites/").removesuffix(".toml").lower(), []).append((name, content))
            else:
                general.append((name, content))
    return _files_fingerprint(general), {domain: _files_fingerprint(files) for domain, files in sites.items()}


def _walk(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from ((f"{entry.name}/{name}", content) for name, content in _walk(entry))
        elif entry.name.endswith(_CODE):
            yield entry.name, entry.read_bytes()


def _files_fingerprint(files: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, content in files:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
