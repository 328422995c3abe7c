"""Doctests are looked for in every module: not in programs that tests start."""

collect_ignore_glob = ["*_worker.py"]
