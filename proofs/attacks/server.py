"""Attacks on the Prefect server of a run, by whoever else is on the machine or in its browser, and on deployments."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from proofs.attacks.kit import Attack, Ground, story

#: Seconds in which a run is up, or has ended, on a machine that is busy.
PATIENCE = 240
#: Seconds in which what a killed run has started is gone.
GONE = 30
REPOSITORY = Path(__file__).resolve().parents[2]
INGEST = (sys.executable, "-P", "-m", "flows.ingest")
WRONG = "Basic " + base64.b64encode(b"winnow:guessed").decode()


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way with a server of its own."""

    process: subprocess.Popen[bytes]
    said: Path
    home: Path
    out: Path

    def text(self) -> str:
        return self.said.read_text("utf-8", "replace")

    def port(self) -> int:
        """Of the server, once it answers."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            for port in [int(one.rpartition(":")[2], 16) for one in listening(tree(self.process.pid))]:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    ask(port, "GET", "/api/health", seconds=60)
                    return port
            time.sleep(0.1)
        raise RuntimeError(f"no server came up: {self.text()[-600:]}")

    def secret(self) -> bytes:
        """As it lies in the memory of the run, which only its own user may read. b"" when it is not found."""
        with contextlib.suppress(OSError, ValueError), Path(f"/proc/{self.process.pid}/mem").open("rb", 0) as memory:
            for line in Path(f"/proc/{self.process.pid}/maps").read_text().splitlines():
                if "rw-p" not in line or "[v" in line:
                    continue
                start, end = (int(one, 16) for one in line.split()[0].split("-"))
                memory.seek(start)
                found = memory.read(end - start)
                at = found.find(b"winnow:")
                while at >= 0:
                    value = found[at + 7 : at + 50]
                    if len(value) == 43 and all(
                        byte < 128 and (chr(byte).isalnum() or byte in b"-_") for byte in value
                    ):
                        return value
                    at = found.find(b"winnow:", at + 1)
        return b""


@contextlib.contextmanager
def run(ground: Ground, *start: str, pages: int = 60, **environment: str) -> Iterator[Run]:
    """A run of many pages; killed with all it started on leaving."""
    raw, out, home = (ground.folder / name for name in ("raw", "out", "home"))
    raw.mkdir(exist_ok=True)
    for n in range(pages):
        (raw / f"{n}.txt").write_text(story(n), "utf-8")
    said = ground.folder / "said.txt"
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"PREFECT_HOME": str(home), "WINNOW_WORKERS": "1", "WINNOW_SHARD_FILES": "40", **environment}
    words = [str(one) for one in (raw, out)] if not start else []
    with said.open("wb") as file:
        process = subprocess.Popen(
            [*(start or INGEST), *words], cwd=ground.folder, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        yield Run(process, said, home, out)
    finally:
        for pid in [*tree(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def listening(pids: list[int]) -> list[str]:
    """Addresses that processes listen on, as the kernel writes them: hexadecimal, the port behind the colon."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            inodes |= {str(one.readlink())[8:-1] for one in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and row[9] in inodes]


def ask(port: int, method: str, path: str, seconds: float = 30, **headers: str) -> tuple[int, str, bytes]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, str(answer.headers).lower(), answer.read()


def say(port: int, request: bytes) -> bytes:
    """What a request as raw bytes is answered with."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while got := connection.recv(65536):
                answer += got
        return answer


def routes() -> list[tuple[str, str]]:
    """Every route of Prefect's application."""
    code = (
        "from prefect.server.api.server import create_app; import json; paths = create_app(ephemeral=True).openapi()"
        "['paths']; print(json.dumps([(m.upper(), '/api' + p) for p, ms in paths.items() for m in ms]))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return [tuple(one) for one in json.loads(done.stdout.splitlines()[-1])]


def strangers(ground: Ground) -> str:
    """Everybody who does not know the secret: on every route, by every header, on web sockets, with odd requests."""
    ways = routes()
    ways += [
        ("GET", one) for one in ("/", "/docs", "/redoc", "/openapi.json", "/ui-settings", "/api/docs", "/api/static/x")
    ]
    ways += [("OPTIONS", "/api/flow_runs/filter"), ("GET", "//api/health"), ("GET", "/api/../api/admin/settings")]
    with run(ground) as one:
        port = one.port()
        one.process.send_signal(signal.SIGSTOP)  # it does not end before the attack
        problems = [_open(port, method, path) for method, path in ways]
        problems += [
            _open(port, "GET", "/api/admin/settings", **{"Authorization": value}) for value in (WRONG, "", "Basic")
        ]
        origin = "https://attacker.example"
        for extra in ({"Host": f"attacker.example:{port}"}, {"Host": "127.0.0.1"}, {"Origin": origin}):
            problems.append(_open(port, "GET", "/api/health", **extra))
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "prefect"}
        sockets = (
            "events/in",
            "events/out",
            "logs/out",
            "task_runs/subscriptions/scheduled",
            "work_pools/x/workers/connect",
        )
        problems += [_open(port, "GET", f"/api/{path}", **upgrade) for path in sockets]
        for odd in (
            b"GET /api/admin/settings HTTP/1.0\r\n\r\n",
            b"GET http://127.0.0.1/api/admin/settings HTTP/1.1\r\nHost: x\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            b"POST /api/flow_runs/filter HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 2\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{}" % port,
        ):
            status = say(port, odd)[9:12]
            problems.append(
                "" if status in (b"400", b"401", b"403", b"") else f"{odd[:40]!r} was answered with {status!r}"
            )
    return next(filter(None, problems), "")


def _open(port: int, method: str, path: str, **headers: str) -> str:
    status, told, body = ask(port, method, path, 30, **headers)
    if status not in (401, 403) or body:
        return f"{method} {path} {headers} was answered with {status}: {body[:80]!r}"
    return f"{method} {path} says {told}" if "access-control" in told else ""


def where_it_listens(ground: Ground) -> str:
    """No process of a run listens but the server, on 127.0.0.1, from the beginning to the end of the run."""
    seen: set[str] = set()
    with run(ground) as one:
        while one.process.poll() is None:
            seen |= set(listening(tree(one.process.pid)))
            time.sleep(0.05)
        if one.process.returncode:
            return f"exit code {one.process.returncode}: {one.text()[-400:]}"
    if {where.partition(":")[0] for where in seen} != {"0100007F"} or len(seen) != 1:
        return f"it listened on {sorted(seen)}"
    return ""


def where_the_secret_lies(ground: Ground) -> str:
    """In no argument and no environment of a process, in no file and in no log."""
    with run(ground, pages=200) as one:
        _running(one)
        secret = one.secret()
        if not secret:
            return "the attack did not find the secret in memory, and proves nothing"
        for pid in tree(one.process.pid):
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    if secret in Path(f"/proc/{pid}/{name}").read_bytes():
                        return f"it is in {name} of a process"
        if one.process.wait(PATIENCE):
            return f"exit code {one.process.returncode}: {one.text()[-400:]}"
        files = [file for file in ground.folder.rglob("*") if file.is_file()]
        held = [file.name for file in files if secret in file.read_bytes()]
        loose = [file.name for file in one.home.rglob("*") if file.stat().st_mode & 0o077]
    return f"it is in {held}" if held else f"others may read {loose}" if loose else ""


def killed(ground: Ground, while_: Callable[[Run], object], how: int) -> str:
    """A run that is killed leaves no process."""
    with run(ground) as one:
        while_(one)
        below = tree(one.process.pid)[1:]
        os.kill(one.process.pid, how)
        one.process.wait(PATIENCE)
        end = time.monotonic() + GONE
        while any(map(alive, below)) and time.monotonic() < end:
            time.sleep(0.2)
        left = [pid for pid in below if alive(pid)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if left:
            return f"{len(left)} of {len(below)} processes live after {GONE} s"
        if how == signal.SIGINT and (one.process.returncode != 130 or "Traceback" in one.text()):
            return f"exit code {one.process.returncode}: {one.text()[-600:]}"
    return "" if below else "the run had started nothing yet"


def _starting(one: Run) -> None:
    end = time.monotonic() + PATIENCE
    while len(tree(one.process.pid)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)


def _running(one: Run) -> None:
    end = time.monotonic() + PATIENCE
    while "stage clean" not in one.text() and one.process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)


def made_home(ground: Ground) -> str:
    """The folder with the server's database is for its owner alone, also one that was there and was not."""
    home = ground.folder / "home"
    home.mkdir()
    home.chmod(0o777)
    words = ["make", "-C", str(REPOSITORY), "-o", ".venv/.run", "run", f"RAW={ground.folder / 'raw'}"]
    with run(ground, *words, f"OUT={ground.folder / 'out'}", f"PREFECT_HOME={home}", pages=2) as one:
        if one.process.wait(PATIENCE):
            return f"exit code {one.process.returncode}: {one.text()[-600:]}"
    mode = home.stat().st_mode & 0o777
    return "" if mode == 0o700 else f"its mode is {mode:o}"


def proxy(ground: Ground) -> str:
    """A proxy that the environment names sees nothing of the traffic with the server, nor the secret in it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        named = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "WS_PROXY"), url)
        with run(ground, pages=4, NO_PROXY="intern.example", **named) as one:
            end = time.monotonic() + PATIENCE
            while one.process.poll() is None and time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    listener.accept()[0].close()
                    return f"the proxy was asked: {one.text()[-300:]}"
                time.sleep(0.1)
            if one.process.wait(1):
                return f"exit code {one.process.returncode}: {one.text()[-600:]}"
    return ""


ATTACKS = (
    Attack("server", "strangers ask for every route", strangers),
    Attack("server", "every listening socket of a run", where_it_listens, quick=False),
    Attack("server", "where the secret lies", where_the_secret_lies, quick=False),
    Attack("server", "kill -9 while it starts", lambda g: killed(g, _starting, signal.SIGKILL), quick=False),
    Attack("server", "kill -9 while the run runs", lambda g: killed(g, _running, signal.SIGKILL), quick=False),
    Attack("server", "Ctrl-C while it starts", lambda g: killed(g, _starting, signal.SIGINT), quick=False),
    Attack("server", "Ctrl-C while the run runs", lambda g: killed(g, _running, signal.SIGINT), quick=False),
    Attack("server", "a home that all may write", made_home, quick=False),
    Attack("server", "a proxy in the environment", proxy, quick=False),
)
