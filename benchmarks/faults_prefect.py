"""Scenarios about Prefect: its server is away at the start, dies during a run, or its database is locked."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from benchmarks.faults_trials import Bench, Result

START_SECONDS = 120
LOCK_SECONDS = 60


def server_away(bench: Bench) -> Iterator[Result]:
    """No Prefect server answers at the start: the flow fails, or works without; a rerun converges."""
    if bench.quick:
        return
    out = bench.fresh()
    with closing(_flow(bench, out, f"http://127.0.0.1:{_free_port()}/api")) as flow:
        flow.wait(START_SECONDS * 3)
    yield Result("away at the start", bench.recovers_rows(out))


def server_dies(bench: Bench) -> Iterator[Result]:
    """The Prefect server is killed while the flow runs."""
    if bench.quick:
        return
    for after in (0.0, 1.0):
        out = bench.fresh()
        with _server(bench.folder / "prefect") as (server, url, _), closing(_flow(bench, out, url)) as flow:
            _wait_for(lambda out=out: (out / ".state" / "run").exists() or flow.poll() is not None)  # type: ignore[misc]
            time.sleep(after)
            server.kill()
            flow.wait(START_SECONDS * 3)
            torn = bench.torn(out, {bench.old, bench.new})
        yield Result(f"killed {after} s into the run", torn or bench.recovers_rows(out))


def database_locked(bench: Bench) -> Iterator[Result]:
    """The server's SQLite database is locked for a minute while the flow runs."""
    if bench.quick:
        return
    out = bench.fresh()
    with _server(bench.folder / "prefect") as (_, url, database), closing(_flow(bench, out, url)) as flow:
        _wait_for(lambda: (out / ".state" / "run").exists() or flow.poll() is not None)
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            connection.execute("begin exclusive")
            time.sleep(LOCK_SECONDS)
            connection.rollback()
        flow.wait(START_SECONDS * 3)
        torn = bench.torn(out, {bench.old, bench.new})
    yield Result(f"locked {LOCK_SECONDS} s", torn or bench.recovers_rows(out))


class _Flow(subprocess.Popen[bytes]):
    def close(self) -> None:
        self.kill()
        self.wait()


def _flow(bench: Bench, out: Path, url: str) -> _Flow:
    command = [sys.executable, "-m", "flows.ingest", str(bench.raw), str(out)]
    env = {**_environment(bench.folder / "prefect"), "PREFECT_API_URL": url}
    env |= {"WINNOW_WORKERS": "1", "WINNOW_TEMPLATE_DOCUMENTS": "2"}
    return _Flow(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def _server(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    port = _free_port()
    env = {**_environment(home), "PREFECT_SERVER_API_PORT": str(port)}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(lambda: _healthy(port))
        yield server, f"http://127.0.0.1:{port}/api", home / "prefect.db"
    finally:
        server.kill()
        server.wait()


def _environment(home: Path) -> dict[str, str]:
    quiet = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "ERROR"}
    return {**os.environ, **quiet, "PREFECT_HOME": str(home)}


def _healthy(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def _wait_for(true: object) -> None:
    end = time.monotonic() + START_SECONDS
    while not true() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.05)


def _free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


PREFECT_SCENARIOS = {
    "prefect_down": server_away,
    "prefect_dies": server_dies,
    "prefect_db_locked": database_locked,
}
