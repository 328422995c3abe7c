"""Carry out the runs of the deployments on one raw folder and one output: the child process of ``winnow serve``.

    python -P -m flows.deployments '{"raw": "/data/raw", "out": "/data/out", "cron": "0 3 * * *"}'

Deployments: *ingest*, on the schedule; *rebuild*, by hand, which forgets what earlier runs kept; *check*, once a week;
*prune*, by hand. Of ingest and rebuild one run at a time: another that is due then is cancelled.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from flows.start import server_may_be_lost
from pipeline.errors import WinnowError


def main() -> None:
    """Serve the deployments until SIGTERM or the end of standard input, which is that of the process that began us."""
    asked = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with server_may_be_lost():
            _serve(asked)
    except WinnowError as error:
        print(f"winnow: {error}", file=sys.stderr)
        sys.exit(1)


def _serve(asked: dict[str, Any]) -> None:
    from prefect import serve
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.schedules import Cron, Interval

    from flows.ingest import ingest
    from flows.upkeep import check, prune

    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    places = {"raw": asked["raw"], "out": asked["out"]}
    schedule = None
    if asked.get("cron"):
        schedule = Cron(asked["cron"], timezone=asked.get("timezone") or "UTC")
    elif asked.get("every"):
        schedule = Interval(asked["every"])
    deployments: list[Any] = [
        ingest.to_deployment("ingest", schedule=schedule, parameters=places, concurrency_limit=one),
        ingest.to_deployment("rebuild", parameters={**places, "full": True}, concurrency_limit=one),
        check.to_deployment("check", schedule=Cron("0 5 * * 0"), parameters={"out": asked["out"]}),
        prune.to_deployment("prune", parameters={"out": asked["out"]}),
    ]
    serve(*deployments, pause_on_shutdown=True, print_starting_message=False)


def _end_with_parent() -> None:
    """Whoever began us holds the other end of standard input: when it closes, it is gone or wants us gone."""
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
