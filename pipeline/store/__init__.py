"""Snapshots of Parquet datasets on disk."""
