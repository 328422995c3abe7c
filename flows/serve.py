"""``winnow serve``: runs on a schedule, and Prefect's UI to watch them, from one command on one machine.

It keeps two processes going: a Prefect server (``flows.server``), unless one runs elsewhere, and what carries the runs out
(``flows.deployments``). What it keeps lies in a folder of the user's own, one for each output folder: the server's
database, the secret, while it runs the address, and a lock that a second serve on the same output meets.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import click

from flows.server import HOST, Operated, PrivateServer, as_client, begun, bound, end, new_secret
from flows.start import Given, configured, exit_codes, given, server_may_be_lost
from pipeline.cli_kit import PATH, Argument, Command, settings_options
from pipeline.errors import WinnowError
from pipeline.metrics import METRICS
from pipeline.settings import ENV_PREFIX
from pipeline.store.fingerprint import fingerprint
from pipeline.store.layout import CURRENT
from pipeline.text.safety import printable

DEFAULT_PORT = 4200
#: Seconds that runs under way have to end when serving ends, before they are killed; the snapshot is whole either way.
END_SECONDS = 60
#: Between two looks at the processes, and before a process that ended is started again, seconds.
TICK, AGAIN_SECONDS = 0.5, 5
#: A process that ended so often within an hour is not started again.
MAX_ENDS = 10
#: Files of what serving an output keeps.
SECRET, ADDRESS, LOCK = "secret", "address", "lock"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2), Linux


class Every(click.ParamType):  # type: ignore[type-arg]  # of no type in the older click
    """A length of time: 90s, 15m, 1h, 2d, 1w."""

    name = "LENGTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length, at least a second."""
        number, unit = str(value)[:-1], _UNITS.get(str(value)[-1:])
        if unit is None or not number.isdecimal() or len(number) > 6 or int(number) == 0:
            self.fail(f"{value!r} is no length of time such as 90s, 15m, 1h, 2d or 1w.", param, ctx)
        return timedelta(**{unit: int(number)})


@click.command(cls=Command)
@click.argument("raw", cls=Argument, type=PATH, help="The folder of raw files; it is only read.")
@click.argument("out", cls=Argument, type=PATH, default=Path("processed"), help="The folder that runs publish into.")
@click.option("--cron", metavar="WORDS", help="When to run: '0 3 * * *' is each night at three.")
@click.option("--every", type=Every(), help="Or: how long from one run to the next, such as 15m or 1h.")
@click.option("--timezone", default="UTC", show_default=True, help="Of --cron, by its name: Asia/Shanghai.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Of the server; 0: a free one.",
)
@click.option("--api-url", help="Use the Prefect server at this address in place of one of our own.")
@settings_options
def serve(
    raw: Path,
    out: Path,
    cron: str | None,
    every: timedelta | None,
    timezone: str,
    port: int,
    api_url: str | None,
    **values: Any,
) -> None:
    """Run the flow on RAW and OUT on a schedule, with Prefect's UI to watch it, until ^C or SIGTERM.

    Without --cron or --every, runs are started from the UI.
    """
    with exit_codes():
        if cron and every:
            raise WinnowError("There are two schedules.", mend="Give --cron or --every.")
        this = given(str(raw), str(out), values)
        if api_url:
            os.environ["PREFECT_API_URL"] = api_url  # before Prefect is imported
        _check_schedule(cron, timezone)
        with _locked_home(this.out) as home:
            _limit_runs(this, values)
            schedule = {"cron": cron, "every": every.total_seconds() if every else None, "timezone": timezone}
            if api_url:
                configured()
                _keep_going(None, _runner(this, schedule))
            else:
                _with_server(this, schedule, port, home)


def _check_schedule(cron: str | None, timezone: str) -> None:
    """Raise WinnowError for words that are no schedule."""
    from prefect.client.schemas.schedules import CronSchedule

    try:
        CronSchedule(cron=cron or "0 0 * * *", timezone=timezone)
    except ValueError:
        raise WinnowError(
            f"--cron {cron!r} with --timezone {timezone!r} is no schedule.",
            mend="--cron '0 3 * * *' --timezone Asia/Shanghai is each night at three there.",
        ) from None


def _with_server(this: Given, schedule: dict[str, Any], port: int, home: Path) -> None:
    secret, is_new = _secret(home)
    with _listener(port) as listener:
        operated = Operated(home, this.out / CURRENT / METRICS)
        server = Kept("The Prefect server", lambda: begun(listener, secret, operated).process)
        own = PrivateServer(listener.getsockname()[1], secret, server.process)
        click.echo("Starting the Prefect server, which takes some seconds.", err=True)
        try:
            own.wait()
            address = f"http://{HOST}:{own.port}"
            user, _, password = secret.partition(":")
            shown = f"password {password}" if is_new else f"the password is in {printable(str(home / SECRET))}"
            click.echo(f"Prefect's UI: {address}  (user {user}, {shown})")
            os.environ |= {**as_client(own.url, secret), "PREFECT_UI_URL": address}
            _crash_left()
            (home / ADDRESS).write_text(f"{own.url}\n", "utf-8")
            _keep_going(server, _runner(this, schedule))
        finally:
            (home / ADDRESS).unlink(missing_ok=True)
            end(server.process, 5)


def _crash_left() -> None:
    """Mark the runs as crashed that an earlier serving left, by a power cut say: nobody carries them out any more.

    Otherwise they would hold the one place of their deployment, and nothing would run. Prefect does not see it where the
    server was away longer than a run may be silent: it forgets whom it waited for.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.context import refresh_global_settings_context
    from prefect.states import Crashed

    refresh_global_settings_context()  # Prefect was imported before the server was there
    wanted = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}, "deployment_id": {"is_null_": False}}
    with server_may_be_lost(), get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted)):
            client.set_flow_run_state(run.id, Crashed(message="serving ended without it, and its process is gone."))
            click.echo(f"The run {printable(run.name)} was left by an earlier serving; it is crashed.", err=True)


@dataclass(slots=True)
class Kept:
    """A process that is started again when it ends. It is begun when this is made."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] = field(init=False)
    _ends: list[float] = field(default_factory=list, init=False)
    _due: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.process = self.start()

    def look(self) -> None:
        """Start it again if it ended a while ago. Raises WinnowError when that happens again and again."""
        now = time.monotonic()
        if self._due is not None and now >= self._due:
            self.process, self._due = self.start(), None
        if self._due is None and (code := self.process.poll()) is not None:
            self._ends = [at for at in self._ends if at > now - 3600] + [now]
            if len(self._ends) > MAX_ENDS:
                raise WinnowError(f"{self.name} ended ({code}) and does not stay.", mend="What it said stands above.")
            click.echo(f"{self.name} ended ({code}); it is started again.", err=True)
            self._due = now + AGAIN_SECONDS


def _keep_going(server: Kept | None, start_runner: Callable[[], subprocess.Popen[bytes]]) -> None:
    """Carry out runs until somebody stops it; then no process is left. Raises WinnowError."""
    with _stopping() as stopped:
        runner = Kept("What carries out the runs", start_runner)
        try:
            while not stopped():
                time.sleep(TICK)
                for one in filter(None, (server, runner)):
                    one.look()
        finally:
            click.echo("Stopping; a run under way is cancelled, and what is published stays.", err=True)
            try:
                end(runner.process, END_SECONDS)
            finally:
                _end_children(except_for={server.process.pid} if server else set())


def _runner(this: Given, schedule: dict[str, Any]) -> Callable[[], subprocess.Popen[bytes]]:
    asked = json.dumps({"raw": str(this.raw), "out": str(this.out), **schedule})
    return lambda: subprocess.Popen(
        [sys.executable, "-P", "-m", "flows.deployments", asked], stdin=subprocess.PIPE, start_new_session=True
    )


@contextlib.contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Whether ^C or SIGTERM came. Children whose parent ends become ours, so that none is lost sight of."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:  # whoever asks twice does not want to wait
            sys.exit(130)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_children(*, except_for: set[int]) -> None:
    """Kill what is left of the processes that ours started, whoever started them. Nothing where there is no /proc."""
    own = os.getpid()
    for _ in range(100):
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0] not in {0, *except_for}:
                pass
        left = [pid for pid in _children(own) if pid not in except_for]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _limit_runs(this: Given, values: dict[str, Any]) -> None:
    """Tell the runs, which are processes that begin with our environment, what they may use."""
    roots = this.roots or tuple(one for one in (this.raw, this.out, this.settings.rules) if one)
    os.environ["WINNOW_ROOTS"] = json.dumps([str(one) for one in roots])
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")  # seconds: a run that is lost is soon known
    for name, value in values.items():
        if value is not None:
            os.environ[ENV_PREFIX + name.upper()] = str(getattr(this.settings, name))
    if this.settings.rules:
        os.environ["WINNOW_RULES"] = str(this.settings.rules)


def _home(out: Path) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "winnow" / fingerprint(os.path.realpath(out))


def served(out: Path) -> tuple[str, str]:
    """The address of the API and the secret of the server that serves this output now. Raises WinnowError.

    Only while somebody holds the lock is it ours that listens there, and the secret goes to nobody else.
    """
    home = _home(out)
    with contextlib.suppress(OSError), (home / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return (home / ADDRESS).read_text("utf-8").strip(), (home / SECRET).read_text("utf-8").strip()
    raise WinnowError(
        f"{printable(str(out))} is not being served with a server of its own.",
        mend="Start `winnow serve RAW OUT` first, or name the Prefect server with --api-url.",
    )


@contextlib.contextmanager
def _locked_home(out: Path) -> Iterator[Path]:
    """The folder for what serving this output keeps, locked while it is served. Raises WinnowError."""
    home = _home(out)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.chmod(0o700)
        (home / "output").write_text(f"{out}\n", "utf-8", "surrogateescape")
        lock = (home / LOCK).open("w")
    except OSError as error:
        raise WinnowError(
            f"{printable(str(home))} cannot be written: {error.strerror}.", mend="Set XDG_STATE_HOME to another folder."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WinnowError(
                f"{printable(str(out))} is being served already.",
                mend="Stop that first, or choose another output folder.",
            ) from None
        yield home


def _secret(home: Path) -> tuple[str, bool]:
    """The user and password of this output's server, and whether they are new."""
    file = home / SECRET
    with contextlib.suppress(OSError):
        if (said := file.read_text("utf-8").strip()).startswith("winnow:") and len(said) > len("winnow:"):
            return said, False
    secret = new_secret()
    file.unlink(missing_ok=True)
    file.touch(0o600, exist_ok=False)
    file.write_text(f"{secret}\n", "utf-8")
    return secret, True


def _listener(port: int) -> socket.socket:
    try:
        return bound(port)
    except OSError as error:
        taken = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on: {error.strerror}"
        raise WinnowError(f"Port {port} of this machine {taken}.", mend="Choose another: --port N, or 0.") from None


if __name__ == "__main__":
    serve()
