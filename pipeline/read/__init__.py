"""A raw file to its records."""
