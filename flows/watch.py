"""What an operator sees of a run while it runs: a task for each stage, beside those for its shards."""

# No `from __future__ import annotations`: where a served run begins, Prefect cannot look its names up.
import contextlib
import logging
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from uuid import UUID

import httpx
from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.states import Completed, Failed, Running

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]
#: Stages that have a task a shard, which show for themselves.
IN_SHARDS = frozenset({"clean", "finish", "assemble"})


@contextlib.contextmanager
def server_may_go() -> Iterator[None]:
    """What is only told to people is no reason to fail when the server is gone."""
    with contextlib.suppress(httpx.HTTPError, PrefectException):
        yield


@task(name="stage", persist_result=False)
def _stage() -> None:
    """What the tasks of stages are recorded as. Their work is done by the flow itself."""


class Stages:
    """Tells the server and the log which stage of a run has begun, and how it ended."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._at: UUID | None = None  # the task run of the stage under way

    def __enter__(self) -> "Stages":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(Completed() if error is None else Failed(message=str(error)[:500]))

    def begin(self, name: str) -> None:
        """A stage begins; the one before has ended."""
        self._logger.info("stage %s", name)
        self._end(Completed())
        if name not in IN_SHARDS:
            with server_may_go(), get_client(sync_client=True) as client:
                run: Any = client.create_task_run(
                    _stage, UUID(flow_run.id), dynamic_key=name, name=name, state=Running()
                )
                self._at = run.id

    def _end(self, state: State[Any]) -> None:
        at, self._at = self._at, None
        if at is not None:
            with server_may_go(), get_client(sync_client=True) as client:
                client.set_task_run_state(at, state, force=True)
