"""Doctests are looked for in every module: not in programs that tests start. A slow machine is no failure."""

import pytest
from hypothesis import HealthCheck, settings

from pipeline.workers.nursery import HERE

collect_ignore_glob = ["*_worker.py"]

settings.register_profile("winnow", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("winnow")


@pytest.fixture(scope="session", autouse=True)
def warm():
    """Runs of one test process share their nurseries: to start one takes longer than most tests."""
    with HERE.room(0):
        yield


@pytest.fixture
def cold():
    """Nurseries of its own, that begin with the environment of the test."""
    HERE.close_idle()
    yield
    HERE.close_idle()
