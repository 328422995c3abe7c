"""Winnow: raw scraped files in, clean Parquet datasets out.

``clean`` makes clean text of one document in memory; ``open_snapshot`` reads what runs have published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.store.snapshots import Snapshot, open_snapshot

if TYPE_CHECKING:
    from pipeline.api import CleanBlock, CleanDocument, CleanSection, clean

__all__ = ["CleanBlock", "CleanDocument", "CleanSection", "Snapshot", "clean", "open_snapshot"]


def __getattr__(name: str) -> Any:
    """What parses documents is loaded at first use: half a second that readers of snapshots need not spend."""
    if name in __all__:
        from pipeline import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
