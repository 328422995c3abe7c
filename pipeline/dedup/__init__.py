"""Exact and near duplicates, with verification."""
