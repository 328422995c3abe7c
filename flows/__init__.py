"""Prefect flows: a thin layer that runs ``pipeline`` a task a shard. No text logic here."""
