"""Processes that a test starts, waits for and ends, and questions to a Prefect server."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

PATIENCE = 240  # seconds, on a machine that is busy; some 25 are usual


@contextlib.contextmanager
def started(words, environment, folder, name):
    """A command in a folder, ended with all it started on leaving, and the file with what it says."""
    said = Path(environment["PREFECT_HOME"]) / f"{name}.log"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-P", *words],
            env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        yield process, said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(true, said):
    """What ``true`` returns when it is true. Fails with what was said when that takes too long."""
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end, said.read_text("utf-8", "replace")[-3000:]
        time.sleep(1)
    return found


def answers(environment):
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{environment['PREFECT_API_URL']}/health", trust_env=False).status_code == 200
    return False


def ask(environment, method, path, body):
    return asked(method, f"{environment['PREFECT_API_URL']}{path}", body)


def asked(method, url, body, auth=None):
    """What a Prefect server answers; while its database is busy, it says 503, and its own clients ask again too."""
    for _ in range(20):
        answer = httpx.request(method, url, json=body, auth=auth, trust_env=False, timeout=60)
        if answer.status_code != 503:
            break
        time.sleep(1)
    return answer.raise_for_status().json() if answer.content else None


def descendants(pid):
    """The processes that a process and those it began have begun, with their words."""
    found = {}
    children = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += thread.read_text().split()
    for child in children:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            found |= {int(child): words, **descendants(int(child))}
    return found
