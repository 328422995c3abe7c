"""Winnow: raw scraped files in, clean Parquet datasets out."""
