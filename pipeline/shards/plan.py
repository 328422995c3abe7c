"""Which raw files make a shard, and by which fingerprint its results are known.

A fingerprint covers everything that a result depends on, so that equal fingerprints may share a result and
nothing else may. Shards are cut in path order, so that the same files give the same shards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.settings import Settings
from pipeline.types import RawInput

#: Suffixes of the package's files that results depend on: code, rules, weights.
_CODE = (".py", ".toml", ".json", ".npz")


@dataclass(frozen=True, slots=True)
class Shard:
    """Raw files that are cleaned together, in path order."""

    name: str  # "0003", for people
    inputs: tuple[RawInput, ...]


def make_shards(inputs: Sequence[RawInput], *, max_bytes: int, max_files: int) -> list[Shard]:
    """Cut the files, in path order, into shards of at most so many bytes and files (one file at least)."""
    groups: list[list[RawInput]] = []
    size = 0
    for one in inputs:
        if not groups or len(groups[-1]) >= max_files or size + one.size > max_bytes:
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += one.size
    return [Shard(f"{number:04d}", tuple(group)) for number, group in enumerate(groups, 1)]


def fingerprint(*values: Any) -> str:
    """32 hex digits over JSON-able values."""
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).hexdigest()


def clean_spec(shard: Shard, *, raw: Path, settings: Settings) -> dict[str, Any]:
    """What ``clean`` is told of a shard."""
    return {
        "raw": str(raw),
        "rules": None if settings.rules is None else str(settings.rules.absolute()),
        "limits": {
            "max_file_bytes": settings.max_file_mb << 20,
            "max_record_bytes": settings.max_record_mb << 20,
        },
        "inputs": [asdict(one) for one in shard.inputs],
    }


def clean_fingerprint(spec: dict[str, Any], *, rules: str) -> str:
    """What a shard's cleaned result depends on: names and bytes of its files, limits, rules, code and model."""
    files = [(one["path"], one["sha256"]) for one in spec["inputs"]]
    return fingerprint(code_fingerprint(), rules, spec["limits"], files)


def finish_fingerprint(cleaned: str, *, templates: pa.Table, settings: Settings) -> str:
    """What a shard's finished result depends on: its cleaned result, its sites' templates, the language backend."""
    return fingerprint(cleaned, table_fingerprint(templates), settings.language_backend, settings.language_seed)


def table_fingerprint(table: pa.Table) -> str:
    """32 hex digits over the values of a table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.blake2b(sink.getvalue(), digest_size=16).hexdigest()


@cache
def code_fingerprint() -> str:
    """32 hex digits over the package's own files that results depend on."""
    return _files_fingerprint(_walk(resources.files("pipeline")))


def rules_fingerprint(folder: Path | None) -> str:
    """32 hex digits over the rule files of a user's own folder."""
    return "" if folder is None else _files_fingerprint(_walk(folder))


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
