"""What an operator sees of a run while it runs: a task for each stage, beside those for its shards, and how far it is."""

# No `from __future__ import annotations`: where a served run begins, Prefect cannot look its names up.
import contextlib
import logging
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any
from uuid import UUID

import httpx
from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.states import Completed, Failed, Running

from pipeline.stages.tasks import CleanTask
from pipeline.workers.task import Task

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
    """Tells the server and the log which stage of a run has begun, how far it is, and how it ended."""

    def __init__(self, logger: Logger, key: str) -> None:
        self._logger = logger
        self._key = key  # of the progress artifact
        self._bar: UUID | None = None  # that artifact
        self._at: UUID | None = None  # the task run of the stage under way
        self._name, self._n, self._done = "", 0, 0  # of the stage under way: shards, and those that are done

    def __enter__(self) -> "Stages":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(Completed() if error is None else Failed(message=str(error)[:500]))
        if self._bar is not None and error is None:
            with server_may_go():
                update_progress_artifact(self._bar, progress=100.0, description="done")

    def begin(self, name: str) -> None:
        """A stage begins; the one before has ended."""
        self._logger.info("stage %s", name)
        self._end(Completed())
        self._name = name
        if name not in IN_SHARDS:
            with server_may_go(), get_client(sync_client=True) as client:
                run: Any = client.create_task_run(
                    _stage, UUID(flow_run.id), dynamic_key=name, name=name, state=Running()
                )
                self._at = run.id

    def expect(self, tasks: Sequence[Task]) -> None:
        """The stage has these tasks to do. The run is called by how many files are to be read."""
        self._n, self._done = len(tasks), 0
        self._show()
        n_files = sum(len(one.inputs) for one in tasks if isinstance(one, CleanTask))
        if n_files:
            with server_may_go(), get_client(sync_client=True) as client:
                client.update_flow_run(UUID(flow_run.id), name=f"{flow_run.name}, {n_files:,} to read")

    def advance(self) -> None:
        """One of its tasks is done."""
        self._done += 1
        self._show()

    def _show(self) -> None:
        said: dict[str, Any] = {
            "progress": round(100.0 * self._done / self._n, 1) if self._n else 100.0,
            "description": f"{self._name}: {self._done} of {self._n} shards",
        }
        with server_may_go():
            if self._bar is None:
                made: Any = create_progress_artifact(key=self._key, **said)
                self._bar = made
            else:
                update_progress_artifact(self._bar, **said)

    def _end(self, state: State[Any]) -> None:
        at, self._at = self._at, None
        if at is not None:
            with server_may_go(), get_client(sync_client=True) as client:
                client.set_task_run_state(at, state, force=True)
