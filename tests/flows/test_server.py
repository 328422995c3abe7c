"""The private server answers nobody but its own run, and ends with it however it ends."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from flows.server import Guard, PrivateServer

SECRET = "winnow:a-secret"
KNOWN = (b"authorization", b"Basic " + base64.b64encode(SECRET.encode()))
OWN = (b"host", b"127.0.0.1:8765")


def passed(kind, *headers):
    """What a guard does with a request: what the application behind it was asked, and what was sent back."""
    asked, sent = [], []

    async def app(scope, receive, send):
        asked.append(scope["type"])

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(app, 8765, SECRET)({"type": kind, "headers": headers}, None, send))
    return asked, sent


@pytest.mark.parametrize("host", [b"127.0.0.1:8765", b"localhost:8765"])
@pytest.mark.parametrize(
    "origin", [(), ((b"origin", b"http://127.0.0.1:8765"),), ((b"origin", b"http://localhost:8765"),)]
)
def test_who_knows_the_secret_passes(host, origin):
    assert passed("http", (b"host", host), KNOWN, *origin) == (["http"], [])


@pytest.mark.parametrize(
    "headers, status",
    [
        ([OWN], 401),
        ([OWN, (b"authorization", b"")], 401),
        ([OWN, (b"authorization", b"Basic d2lubm93Og==")], 401),
        ([OWN, (b"authorization", b"Basic \xff\xfe")], 401),
        ([OWN, (b"authorization", b"Bearer " + SECRET.encode())], 401),
        ([OWN, KNOWN, KNOWN], 401),
        ([KNOWN], 403),
        ([(b"host", b"attacker.example:8765"), KNOWN], 403),
        ([(b"host", b"127.0.0.1"), KNOWN], 403),
        ([(b"host", b"127.0.0.1:8766"), KNOWN], 403),
        ([OWN, (b"host", b"attacker.example"), KNOWN], 403),
        ([OWN, KNOWN, (b"origin", b"https://attacker.example")], 403),
        ([OWN, KNOWN, (b"origin", b"null")], 403),
        ([OWN, KNOWN, (b"origin", b"http://127.0.0.1:9999")], 403),
        ([OWN, KNOWN, (b"Origin", b"http://attacker.example")], 403),
    ],
)
def test_nothing_else_reaches_the_application(headers, status):
    asked, sent = passed("http", *headers)
    assert not asked
    assert sent[0]["status"] == status
    assert not any(name.startswith(b"access-control") for name, _ in sent[0]["headers"])


def test_a_web_socket_needs_the_secret_too():
    assert passed("websocket", OWN) == ([], [{"type": "websocket.close", "code": 1008}])
    assert passed("websocket", OWN, KNOWN, (b"origin", b"https://attacker.example"))[0] == []
    assert passed("websocket", OWN, KNOWN) == (["websocket"], [])


def test_the_secret_is_not_shown():
    assert SECRET not in repr(Guard(None, 1, SECRET)) + repr(PrivateServer(1, SECRET, None))


HOLDER = """
import json, os, sys, time
from flows.server import private_server
with private_server() as server:
    server.wait()
    print(json.dumps([server.port, server.process.pid, server.secret]), flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A server, and the process that holds it."""
    home = tmp_path_factory.mktemp("prefect")
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_API_URL": ""}
    holder = subprocess.Popen([sys.executable, "-P", "-c", HOLDER], env=environment, stdout=subprocess.PIPE, text=True)
    port, pid, secret = json.loads(holder.stdout.readline())
    yield holder, port, pid, secret, home
    holder.kill()
    holder.communicate()


def listening(pid):
    """Addresses that a process listens on, as the kernel writes them: hexadecimal, a port behind the colon."""
    links = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(one.readlink())
    inodes = {str(one)[8:-1] for one in links if str(one).startswith("socket:")}
    rows = [
        row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()
    ]
    return [row[1] for row in rows if row[3] == "0A" and row[9] in inodes]


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def told(port, secret, **headers):
    """What the web socket of events answers to somebody who says the secret."""
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    basic = base64.b64encode(secret.encode()).decode()
    url, headers = f"ws://127.0.0.1:{port}/api/events/in", {"Authorization": f"Basic {basic}", **headers}
    try:
        with connect(url, subprotocols=["prefect"], additional_headers=headers, proxy=None) as one:
            one.send(json.dumps({"type": "auth", "token": secret}))
            return json.loads(one.recv(timeout=30))["type"]
    except InvalidStatus as refused:
        return refused.response.status_code


def test_a_real_server_lets_only_its_own_run_in_and_ends_with_it(held):
    holder, port, pid, secret, home = held
    user, password = secret.split(":")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        routes = [
            (method.upper(), f"/api{path}")
            for path, methods in client.get("/api/openapi.json", auth=(user, password)).json()["paths"].items()
            for method in methods
        ]
        assert len(routes) > 100
        others = [
            ("GET", path) for path in ("/", "/docs", "/openapi.json", "/ui-settings", "/api/docs", "/api/openapi.json")
        ]
        answers = {client.request(method, path).status_code for method, path in [*routes, *others]}
        assert answers == {401}
        assert client.post("/api/flow_runs/filter", json={}, auth=(user, password)).json() == []
    assert listening(pid) == [f"0100007F:{port:04X}"]
    assert listening(holder.pid) == []
    for one in (pid, holder.pid):
        said = Path(f"/proc/{one}/cmdline").read_bytes() + Path(f"/proc/{one}/environ").read_bytes()
        assert password.encode() not in said
    assert not [one for one in home.rglob("*") if one.is_file() and password.encode() in one.read_bytes()]
    assert not [one for one in home.rglob("*") if one.is_file() and one.stat().st_mode & 0o077]
    assert told(port, "winnow:guessed") == 403
    assert told(port, secret, Origin="https://attacker.example") == 403
    assert told(port, secret) == "auth_success"
    holder.send_signal(signal.SIGKILL)
    end = time.monotonic() + 30
    while listens(port) and time.monotonic() < end:
        time.sleep(0.1)
    assert not listens(port)
