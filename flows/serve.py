"""Serve the ingest flow: a deployment whose runs, scheduled or asked for, this process carries out.

    PREFECT_API_URL=http://127.0.0.1:4200/api winnow-serve RAW OUT --cron "0 3 * * *"

or ``python -P -m flows.serve``. Runs may use the allowed roots; when the operator named none, RAW, OUT and the folder of
rules: whoever may start runs cannot have them read or write elsewhere.
"""

from __future__ import annotations

import json
import os

import click

from flows.start import Given, configured, exit_codes, given, server_may_be_lost
from pipeline.errors import WinnowError


@click.command()
@click.argument("raw", default="raw")
@click.argument("out", default="processed")
@click.option("--name", default="winnow", show_default=True, help="Of the deployment.")
@click.option("--cron", help='When to run, in the words of cron: "0 3 * * *". Without it, when somebody asks for it.')
@click.option("--interval", type=click.IntRange(min=1), help="Or: how many seconds from one run to the next.")
def main(raw: str, out: str, name: str, cron: str | None, interval: int | None) -> None:
    """Serve the flow on RAW and OUT until ^C. PREFECT_API_URL says with which Prefect server."""
    with exit_codes():
        this = given(raw, out)
        if not configured():
            raise WinnowError(
                "Serving needs a Prefect server, and none is configured.",
                mend="Start one (`prefect server start`), and set PREFECT_API_URL to its address.",
            )
        _limit_runs(this)
        from flows.ingest import ingest

        parameters = {"raw": str(this.raw), "out": str(this.out)}
        with server_may_be_lost():
            ingest.serve(name=name, cron=cron, interval=interval, parameters=parameters, limit=1)


def _limit_runs(this: Given) -> None:
    """Tell the runs, which are processes that begin with our environment, what they may use."""
    roots = this.roots or tuple(one for one in (this.raw, this.out, this.settings.rules) if one)
    os.environ["WINNOW_ROOTS"] = json.dumps([str(one) for one in roots])
    if this.settings.rules:
        os.environ["WINNOW_RULES"] = str(this.settings.rules)


if __name__ == "__main__":
    main()
