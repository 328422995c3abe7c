"""Which raw files make a shard, and what its cleaning is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.settings import Settings
from pipeline.store.fingerprint import limits_of
from pipeline.types import RawInput


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


def clean_spec(shard: Shard, *, raw: Path, settings: Settings) -> dict[str, Any]:
    """What ``clean`` is told of a shard."""
    return {
        "raw": str(raw),
        "rules": None if settings.rules is None else str(settings.rules.absolute()),
        "limits": limits_of(settings),
        "inputs": [asdict(one) for one in shard.inputs],
    }
