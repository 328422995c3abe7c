"""Prefect's server in a child process: for one run and nobody else, or with schedules and the UI for its operator.

    with private_server() as server:      # begins to start
        ...                               # what can be done meanwhile
        server.wait()
        use(server)

It listens on a port of 127.0.0.1 alone, on a socket that is bound here, so that nobody can be there first. The secret
goes to it through a pipe: it is in no argument or log. The pipe's end is the end of the
server, however the process that holds it ends. ``Guard`` stands before Prefect's application and lets nothing pass, web
sockets included, without the secret, for another host's name or from a web page. Behind it, where an operator serves,
``Metrics`` answers ``/metrics`` for Prometheus.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pipeline.errors import WinnowError

HOST = "127.0.0.1"
#: Seconds that a server may take to answer first; some ten are usual, a machine that is busy needs more.
START_SECONDS = 180
#: Seconds that it may take to end before it is killed.
END_SECONDS = 5

#: The variable that has Prefect's clients send headers.
CLIENT = "PREFECT_CLIENT_CUSTOM_HEADERS"
#: The argument of a server with schedules and the UI.
OPERATED = "--operated"
FOR_ONE_RUN = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
OPERATORS = {
    "PREFECT_UI_ENABLED": "1",
    "PREFECT_UI_API_URL": "/api",  # of whatever name this machine was called by: another origin is kept out
    "PREFECT_SERVER_ANALYTICS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
}
#: Unless the environment says otherwise: a run that has not begun so many seconds after it was due is late, and told of.
LATE = {"PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "60"}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PrivateServer:
    """A server that was begun."""

    port: int
    secret: str = field(repr=False)  # user:password
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://{HOST}:{self.port}/api"

    def wait(self) -> None:
        """Return when the server answers. Raises WinnowError when it ended, or does not answer in START_SECONDS."""
        import httpx

        credentials = httpx.BasicAuth(*self.secret.split(":"))
        try:  # the socket listens from the beginning: a request waits until the server is ready
            with httpx.Client(auth=credentials, timeout=START_SECONDS, trust_env=False) as client:
                client.get(f"{self.url}/health").raise_for_status()
        except httpx.HTTPError as error:
            raise WinnowError(
                f"Prefect's private server did not start: {error or type(error).__name__}.",
                mend="Run again; `winnow run` does the same work without Prefect.",
            ) from None


@contextlib.contextmanager
def private_server() -> Iterator[PrivateServer]:
    """Begin to start a server for this process alone; it ends on leaving."""
    with bound(0) as listener:  # the child has it then
        server = begun(listener, new_secret())
    try:
        yield server
    finally:
        end(server.process, END_SECONDS)


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask a process that leads a session to end, and kill it, with all of its session, when it has not in so long."""
    if process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    finally:  # whoever does not want to wait for the end has it now
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def bound(port: int) -> socket.socket:
    """A socket that listens on a port of this machine alone, a free one for 0. Raises OSError when it is taken."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def new_secret() -> str:
    """A user and a password nobody can guess: user:password."""
    return f"winnow:{secrets.token_urlsafe(32)}"


@dataclass(frozen=True, slots=True)
class Operated:
    """What a server with schedules, the UI and metrics is given."""

    home: Path  # the folder of its database
    metrics: Path  # the file that /metrics answers with


def begun(listener: socket.socket, secret: str, operated: Operated | None = None) -> PrivateServer:
    """Begin to start a server on this socket; with ``operated`` one for its operator, else one for a run."""
    environment = dict(os.environ)
    words: list[str] = []
    home: Path | None = None
    if operated is not None:
        home, words = operated.home, [OPERATED, str(operated.metrics)]
        environment["PREFECT_HOME"] = str(home)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "flows.server", str(listener.fileno()), *words],
        stdin=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        env=environment,
        cwd=home,
        start_new_session=True,  # a ^C is for the run: it still has to tell the server how it ended
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended at once: wait() says so
        process.stdin.write(f"{secret}\n".encode())
        process.stdin.flush()
    return PrivateServer(listener.getsockname()[1], secret, process)


def use(server: PrivateServer) -> None:
    """Make the server the one that Prefect speaks to in this process, from now on."""
    from prefect.context import refresh_global_settings_context

    os.environ |= as_client(server.url, server.secret)
    os.environ["PREFECT_UI_URL"] = ""  # it has none to point at
    refresh_global_settings_context()
    del os.environ[CLIENT]  # Prefect has it: children that parse raw files need not


def as_client(url: str, secret: str) -> dict[str, str]:
    """The variables with which Prefect's clients, those of web sockets too, may speak to a server of ours."""
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return {
        "PREFECT_API_URL": url,
        CLIENT: json.dumps({"Authorization": _basic(secret)}),
        "no_proxy": f"{direct},{HOST}" if direct else HOST,  # a proxy is not to see the secret
    }


def _basic(secret: str) -> str:
    return f"Basic {base64.b64encode(secret.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application before another: nothing passes but requests of those who know the secret.

    A web page in a browser of this machine is kept out by its ``Origin``, one whose name was made to point at this
    machine by its ``Host``.
    """

    app: App
    port: int
    secret: str = field(repr=False)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand on what may pass; answer 401 or 403 to the rest, to a web socket before it is open."""
        status = 200 if scope["type"] == "lifespan" else self._status(scope)
        if status == 200:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-length", b"0"), (b"connection", b"close")]
            if status == 401:  # a browser asks its user
                headers.append((b"www-authenticate", b'Basic realm="Winnow", charset="UTF-8"'))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    def _status(self, scope: Mapping[str, Any]) -> int:
        said: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            said.setdefault(name.lower(), []).append(value)
        hosts = [f"{name}:{self.port}".encode() for name in (HOST, "localhost")]
        host, origin = said.get(b"host", []), said.get(b"origin", [])
        if len(host) != 1 or host[0] not in hosts or not set(origin) <= {b"http://" + one for one in hosts}:
            return 403
        given = said.get(b"authorization", [])
        return 200 if len(given) == 1 and hmac.compare_digest(given[0], _basic(self.secret).encode()) else 401


@dataclass(frozen=True, slots=True)
class Metrics:
    """An ASGI application before another: it answers ``GET /metrics`` with what a file holds, and hands on the rest."""

    app: App
    file: Path

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer 200 with the file, 503 while there is none, 405 to what would change something."""
        if scope["type"] != "http" or scope["path"] != "/metrics":
            await self.app(scope, receive, send)
            return
        status, body = (200, self._read()) if scope["method"] in {"GET", "HEAD"} else (405, b"")
        if body is None:
            status, body = 503, b"# No run has published yet.\n"
        kind = b"text/plain; version=0.0.4; charset=utf-8"
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _read(self) -> bytes | None:
        try:
            return self.file.read_bytes()
        except OSError:
            return None


def main() -> None:
    """The child: serve on the socket whose number is the argument, until standard input ends."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    secret = sys.stdin.buffer.readline().decode().strip()
    if not secret:
        return  # the parent ended before it said it
    os.umask(0o077)
    port = listener.getsockname()[1]
    own = f"http://{HOST}:{port}"
    metrics = Path(sys.argv[3]) if OPERATED in sys.argv else None
    os.environ |= {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": own}
    os.environ |= FOR_ONE_RUN if metrics is None else {**OPERATORS, "PREFECT_UI_URL": own}  # of links in messages
    os.environ |= {name: value for name, value in LATE.items() if name not in os.environ}
    import uvicorn
    from prefect.server.api.server import create_app

    app: App = create_app()
    guard = Guard(app if metrics is None else Metrics(app, metrics), port, secret)
    config = uvicorn.Config(guard, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    threading.Thread(target=_end_with, args=(sys.stdin.buffer, server), daemon=True).start()
    server.run(sockets=[listener])


def _end_with(pipe: IO[bytes], server: Any) -> None:
    """Wait for the end of the pipe, then see to it that the server ends too."""
    while pipe.read(1):
        pass
    server.should_exit = True
    time.sleep(END_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
