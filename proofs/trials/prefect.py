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

from proofs.trials.trial import Bench, Result

START_SECONDS, END_SECONDS = 120, 360
LOCK_SECONDS = 60


def server_away(bench: Bench) -> Iterator[Result]:
    """No Prefect server answers at the start: the flow fails, or works without; a rerun converges."""
    if bench.quick:
        return
    out = bench.fresh()
    with closing(_flow(bench, out, f"http://127.0.0.1:{_free_port()}/api")) as flow:
        wrong = _wrong_end(flow, bench)
    yield Result("away at the start", wrong or bench.recovers_rows(out))


def server_dies(bench: Bench) -> Iterator[Result]:
    """The Prefect server is killed while the flow runs."""
    if bench.quick:
        return
    for after in (0.0, 1.0):
        out = bench.fresh()
        with _server(bench.folder / "prefect") as (server, url, _), closing(_flow(bench, out, url)) as flow:
            _wait_for(lambda out=out: (out / ".state" / "run").exists() or flow.poll() is not None)
            time.sleep(after)
            server.kill()
            wrong = _wrong_end(flow, bench) or bench.torn(out, {bench.old, bench.new})
        yield Result(f"killed {after} s into the run", wrong or bench.recovers_rows(out))


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
        wrong = _wrong_end(flow, bench) or bench.torn(out, {bench.old, bench.new})
    yield Result(f"locked {LOCK_SECONDS} s", wrong or bench.recovers_rows(out))


class _Flow(subprocess.Popen[bytes]):
    def close(self) -> None:
        self.kill()
        self.wait()


def _flow(bench: Bench, out: Path, url: str) -> _Flow:
    command = [sys.executable, "-m", "flows.ingest", str(bench.raw), str(out)]
    env = {**_environment(bench.folder / "prefect"), "PREFECT_API_URL": url}
    env |= {"WINNOW_WORKERS": "1", "WINNOW_TEMPLATE_DOCUMENTS": "2"}
    with _said(bench).open("wb") as said:
        return _Flow(command, env=env, stdout=said, stderr=said)


def _said(bench: Bench) -> Path:
    return bench.folder / "flow-said.txt"


def _wrong_end(flow: _Flow, bench: Bench) -> str:
    """What is wrong with how a flow ends: it may end well, or say one clear sentence and exit with 2."""
    try:
        code = flow.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        return f"the flow did not end within {END_SECONDS} s"
    said = _said(bench).read_text("utf-8", "replace").strip()
    clear = code == 2 and "winnow: " in said.rpartition("\n")[2]  # Prefect's own logging need not end its line
    return "" if code == 0 or clear else f"exit code {code}: {said[-600:]}"


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
