"""Doctests are looked for in every module: not in programs that tests start. A slow machine is no failure."""

from hypothesis import HealthCheck, settings

collect_ignore_glob = ["*_worker.py"]

settings.register_profile("winnow", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("winnow")
