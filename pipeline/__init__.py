"""Winnow: raw scraped files in, clean Parquet datasets out.

``clean`` makes clean text of one document in memory; ``open_snapshot`` reads what runs have published.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.api import CleanBlock, CleanDocument, CleanSection, clean
    from pipeline.store.snapshots import Snapshot, open_snapshot

__all__ = ["CleanBlock", "CleanDocument", "CleanSection", "Snapshot", "clean", "open_snapshot"]

_HOMES = {"Snapshot": "pipeline.store.snapshots", "open_snapshot": "pipeline.store.snapshots"}


def __getattr__(name: str) -> Any:
    """What is exported, loaded when it is asked for: who reads snapshots needs no parser, who only starts no pyarrow."""
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "pipeline.api")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
