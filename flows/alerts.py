"""``winnow alerts``: have the Prefect server tell somebody when something is wrong. What is watched is in ``automations``."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click

from flows.serve import Every, served
from flows.server import as_client
from flows.start import NEUTRAL, configured, exit_codes, server_may_be_lost
from pipeline.cli_kit import OUT, Command, raw_of
from pipeline.errors import WinnowError
from pipeline.safe_path import take_nothing_from

#: Signs of life under ``winnow serve``; elsewhere Prefect's default is every 180 seconds. A run that gives none for so long is
#: lost.
BEAT = timedelta(seconds=30)
SILENCE, SILENCE_ELSEWHERE = timedelta(minutes=2), timedelta(minutes=10)


@click.command(cls=Command)
@OUT
@click.option("--webhook", "url", metavar="URL", help="Where messages go: POST of JSON, whose `text` is a sentence.")
@click.option(
    "--block", metavar="TYPE/NAME", help="Or: a notification block of Prefect's that you made, for e-mail say."
)
@click.option(
    "--max-quarantined",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Records in quarantine, in what a run publishes, of which more are told.",
)
@click.option(
    "--silence",
    type=Every(),
    help="How long a run may give no sign of life.  [default: 2m; with --api-url 10m]",
)
@click.option("--remove", is_flag=True, help="Take away what was installed.")
@click.option("--api-url", help="The Prefect server, where OUT is not served with one of its own.")
def alerts(
    out: Path,
    url: str | None,
    block: str | None,
    max_quarantined: int,
    silence: timedelta | None,
    remove: bool,
    api_url: str | None,
) -> None:
    """Be told when a run into OUT fails, is lost or does not begin, or when what it publishes should be looked at.

    Prefect's server, which `winnow serve` runs, is what watches and tells. What was installed before is replaced.
    """
    with exit_codes():
        if (url is None) + (block is None) + (not remove) != 2:
            raise WinnowError("It is not said where messages go.", mend="Give one of --webhook, --block and --remove.")
        if silence and silence <= BEAT:
            raise WinnowError(
                "Runs give a sign of life every 30 seconds or less often.", mend="Give a longer --silence."
            )
        address = _address(url) if url is not None else None
        out = Path.cwd() / out
        take_nothing_from(raw_of(out))
        _use_server(out, api_url)
        from flows import automations

        with server_may_be_lost():
            if remove:
                click.echo(f"Taken away: {automations.remove()} automations.")
                return
            target = automations.loaded(block) if block else automations.webhook(address or "")
            automations.greet(target, out)
            automations.install(
                target,
                max_quarantined=max_quarantined,
                silence=silence or (SILENCE_ELSEWHERE if api_url else SILENCE),
            )
        click.echo("Installed, and a first message was sent.")


def _use_server(out: Path, api_url: str | None) -> None:
    """Have Prefect speak to the server, and read its settings where nothing lies. Raises WinnowError."""
    os.environ |= {"PREFECT_API_URL": api_url} if api_url else as_client(*served(out))
    os.chdir(NEUTRAL)
    configured()


def _address(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise WinnowError(f"{url!r} is no address of a webhook.", mend="Such as https://hooks.example.org/T0/B0.")
    return url
