"""Winnow: raw scraped files in, clean Parquet datasets out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.store.snapshots import Snapshot, open_snapshot

__all__ = ["Snapshot", "open_snapshot"]


def __getattr__(name: str) -> Any:
    """What is exported, loaded when it is asked for: a command that is only starting must not wait for pyarrow."""
    if name in __all__:
        from pipeline.store import snapshots

        return getattr(snapshots, name)
    raise AttributeError(name)
