"""How the commands of ``flows`` start: what they were given made absolute, out of the raw folder, then Prefect.

Prefect reads settings in its working folder as it is imported (``.env``, ``prefect.toml``, ``pyproject.toml``), so nothing
here imports it before ``leave`` was called.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from flows.server import private_server, use
from pipeline.errors import WinnowError
from pipeline.safe_path import inside, take_nothing_from
from pipeline.settings import Settings, load_roots, load_settings, surroundings, within_roots

#: What to do when the server is lost: the run may have gone on to its end.
LOST = "The live snapshot is whole; `winnow snapshots list` shows which it is. Start the server, then run again."
#: A folder that is nobody's who scrapes.
NEUTRAL = Path("/")


class StrictError(WinnowError):
    """Records are in quarantine and the run is strict; what it made is published."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a command was given, all paths absolute."""

    raw: Path
    out: Path
    settings: Settings
    roots: tuple[Path, ...]


def given(raw: str, out: str, values: Mapping[str, Any] | None = None) -> Given:
    """Take the settings, ``values`` first and none from the raw folder, and leave the working folder if it lies there.

    Raises SettingsError, also when a folder is not in the allowed roots.
    """
    here = Path.cwd()
    raw_here = here / raw
    take_nothing_from(raw_here)
    settings, roots = load_settings(values, raw=raw_here), load_roots(raw=raw_here)
    if told := str(surroundings(values, raw=raw_here)):
        click.echo(told, err=True)
    leave(raw_here)
    real_raw, real_out = within_roots(roots, raw_here, here / out, settings.rules)
    return Given(real_raw, real_out, settings, roots)


def leave(raw: Path) -> None:
    """Go where nothing is read from, when the working folder is the raw folder or lies in it."""
    if inside(Path.cwd(), raw):
        os.chdir(NEUTRAL)


def connect() -> Callable[[], None]:
    """Use the configured server, or begin to start a private one; what comes back waits until it answers.

    A private server ends with this process. Raises WinnowError, from the waiting too, when the server does not answer.
    """
    at_exit = contextlib.ExitStack()
    atexit.register(at_exit.close)  # before Prefect registers its own: theirs, which still tell the server, come first
    if configured():
        return lambda: None
    click.echo("Starting a private Prefect server, which takes some seconds.", err=True)
    server = at_exit.enter_context(private_server())
    use(server)
    return server.wait


def configured() -> bool:
    """Whether the operator named a Prefect server. Raises WinnowError when it does not answer."""
    from prefect.settings import get_current_settings

    if not (url := get_current_settings().api.url):
        return False
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error:
        raise WinnowError(
            f"The Prefect server at {url} does not answer: {error}.",
            mend="Start it, or unset PREFECT_API_URL to run with a private one.",
        )
    return True


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """End with one sentence and 2 on what the user can mend, 1 when only the run was strict, 130 on ^C."""
    try:
        yield
    except WinnowError as error:
        click.echo(f"winnow: {error}", err=True)
        sys.exit(1 if isinstance(error, StrictError) else 2)
    except KeyboardInterrupt:
        click.echo("winnow: Stopped. The snapshot that was live is live.", err=True)
        sys.exit(130)


@contextlib.contextmanager
def server_may_be_lost() -> Iterator[None]:
    """Raise WinnowError for an error of Prefect's about its server."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        lost = f"The Prefect server was lost during the run: {error or type(error).__name__}."
        raise WinnowError(lost, mend=LOST) from error


@click.command()
@click.argument("raw", default="raw")
@click.argument("out", default="processed")
@click.option("--full", is_flag=True, help="Forget what earlier runs kept and do everything anew.")
@click.option("--strict", is_flag=True, help="Exit with 1 when anything is in quarantine.")
def ingest(raw: str, out: str, full: bool, strict: bool) -> None:
    """Run the ingest flow once; settings come from the environment and winnow.toml."""
    with exit_codes():
        this = given(raw, out)
        wait = connect()
        from flows.ingest import run_once  # while the server starts

        wait()
        with server_may_be_lost():
            run_once(this, full=full, strict=strict)
