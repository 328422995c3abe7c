"""Typed tasks of the run and what each does: clean, learn, finish, dedup, assemble, publish."""
