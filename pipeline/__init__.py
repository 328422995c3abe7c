"""Winnow: raw scraped files in, clean Parquet datasets out."""

from pipeline.store.snapshots import Snapshot, open_snapshot

__all__ = ["Snapshot", "open_snapshot"]
