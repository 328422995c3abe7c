"""The ingest flow: the run of ``pipeline.run`` with a Prefect task a shard.

    winnow-ingest RAW OUT        or    python -P -m flows.ingest RAW OUT

Without PREFECT_API_URL a private server on SQLite starts for the run. Results are not cached by Prefect: what
can be reused lies in the output's own state, and task states are never trusted, outputs are counted.
"""

# No `from __future__ import annotations`: where a served run begins, Prefect cannot look its names up.
if __name__ == "__main__":
    from flows.start import ingest as command

    command()  # never returns; it leaves the raw folder before it imports this module anew, and with it Prefect

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect import task as prefect_task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed, wait
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows.artifacts import key_of, publish_artifacts, publish_failure
from flows.automations import announce
from flows.start import Given, StrictError
from flows.watch import Logger, Stages, server_may_go
from pipeline.drift import Drift, drifts, figures
from pipeline.errors import BusyError, SettingsError, SnapshotError, WinnowError
from pipeline.report import MAX_NOTICE, write_report
from pipeline.run import run
from pipeline.safe_path import inside
from pipeline.settings import Form, load_roots, load_settings, surroundings, within_roots
from pipeline.stages.outcomes import RunReport, by_reason, name_of, shown
from pipeline.store.snapshots import Snapshot, open_snapshot
from pipeline.text.safety import printable
from pipeline.workers.machine import fitted
from pipeline.workers.nursery import HERE, room_for
from pipeline.workers.supervise import failure, run_task
from pipeline.workers.task import Task, TaskResult

SILENT = Form()
#: Quarantined records, and reasons with their counts, that are lines of the log.
MAX_LOGGED = 20


class _Told(logging.Filter):
    """An error that a user can mend was told as the run's end: the engine need not log it with its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is something else."""
        return not (record.exc_info and isinstance(record.exc_info[1], WinnowError))


for _name in ("prefect.flow_runs", "prefect.engine"):
    logging.getLogger(_name).addFilter(_Told())


@prefect_task(persist_result=False, cache_policy=NO_CACHE)
def run_shard(task: Task) -> TaskResult:
    """One stage over one shard, in supervised child processes of the process that runs this."""
    try:
        return run_task(task)
    except WinnowError as error:
        return ended(error)  # type: ignore[no-any-return]  # a state in place of a result: Prefect takes either


def ended(what: WinnowError | str, data: Any = None) -> Any:
    """The state that a flow or task ends in: completed with a sentence, or failed with an error that a user can mend.

    An error that is raised would be logged with its traceback. Whoever asks for the result has it raised, or returned,
    all the same. That another run is at work is nobody's failure.
    """
    if isinstance(what, BusyError):
        return Cancelled(message=str(what), data=what)
    if isinstance(what, WinnowError):
        return Failed(message=str(what), data=what)
    return Completed(message=what[:1].upper() + what[1:], data=data)


def _flow_run_name() -> str:
    asked = flow_run.parameters
    what = "rebuild" if asked.get("full") else "ingest"
    return f"{what} {_short(asked['raw'])} to {_short(asked['out'])}"


def _short(folder: str) -> str:
    return printable(Path(folder).name or folder, limit=60)


@flow(name="winnow-ingest", flow_run_name=_flow_run_name, persist_result=False)
def ingest(
    raw: str = "raw", out: str = "processed", settings: Form = SILENT, full: bool = False, strict: bool = False
) -> dict[str, int]:
    """Clean the folder RAW into a new snapshot of datasets in OUT.

    Args:
        raw: folder of raw files.
        out: folder of the snapshots.
        settings: how the run is done; what is not given here comes from the environment and winnow.toml.
        full: forget what earlier runs kept and do everything anew.
        strict: fail when anything is in quarantine.
    """
    try:
        return _ingest(raw, out, settings, full=full, strict=strict)
    except WinnowError as error:
        if not isinstance(error, StrictError | BusyError):
            with server_may_go():  # why the run failed is told even if the server is gone
                publish_failure(str(error), out)
        return ended(error)  # type: ignore[no-any-return]  # a state in place of a result: Prefect takes either


def _ingest(raw: str, out: str, settings: Form, *, full: bool, strict: bool) -> dict[str, int]:
    logger = get_run_logger()
    real_raw, real_out = _places(raw, out, settings.rules)
    passed = settings.model_dump(exclude_none=True)
    given = load_settings(passed, raw=real_raw)
    if told := str(surroundings(passed, raw=real_raw)):
        logger.info("%s", told)
    with room_for(fitted(given).workers), Stages(logger, key_of(real_out)("progress")) as stages:
        runner = partial(_run_all, stages)
        report = run(real_raw, real_out, settings=given, runner=runner, full=full, on_stage=stages.begin)
    _tell(report, logger, real_out)
    if strict and report.counts["quarantined"]:
        raise StrictError(f"{report.counts['quarantined']} records are in quarantine and the run is strict.")
    return ended(_came_of(report), dict(report.counts))  # type: ignore[no-any-return]  # a state, as above


def _came_of(report: RunReport) -> str:
    """What a run came to, in a line."""
    if not report.published:
        return f"nothing new: snapshot {report.snapshot.name} stays live"
    counts = report.counts
    parts = [f"{counts[name]:,} {name}" for name in ("documents", "duplicates")]
    parts += [f"{counts['quarantined']:,} in quarantine"] if counts["quarantined"] else []
    files = "what changed is not known" if report.changes is None else report.changes
    return f"published {report.snapshot.name}: {', '.join(parts)}; files: {files}"


def allowed(out: Path) -> Path:
    """An output folder that this run may use. Raises SettingsError."""
    return _places(str(out), str(out), None)[1]


def _places(raw: str, out: str, rules: Path | None) -> tuple[Path, Path]:
    """The raw and the output folder, if this run may use them, and ``rules`` where the caller names some.

    Whoever may start runs of a deployment chooses its parameters, so what they may name is limited: by the roots that
    the operator set where runs are executed, else to the working folder there.
    """
    roots = load_roots(raw=Path(raw))
    if deployment.id:
        here = Path.cwd()
        if inside(here, Path(raw)):
            raise SettingsError(
                f"The working folder {here} is the raw folder or lies in it, and settings could be taken from it.",
                mend="Serve the deployment from another folder.",
            )
        if not roots and here == Path(here.anchor):
            raise SettingsError(
                f"The working folder is {here} and no roots are set, so a run could read and write anywhere.",
                mend="Set WINNOW_ROOTS, or serve the deployment from another folder.",
            )
        roots = roots or (here,)
    return within_roots(roots, Path(raw), Path(out), rules)


def _submitted(task: Task, n: int) -> PrefectFuture[TaskResult]:
    """A task, named for people: clean 0007 of 32."""
    named = run_shard.with_options(task_run_name=f"{task.stage} {task.name} of {n}")
    future: PrefectFuture[TaskResult] = named.submit(quote(task))  # type: ignore[call-overload]  # not to be walked through
    return future


def _run_all(stages: Stages, tasks: Sequence[Task]) -> list[TaskResult]:
    """The results of the tasks of a stage, once all of them have ended; when one fails, the others end soon."""
    stages.expect(tasks)
    with HERE.stoppable(tasks) as stop:
        futures = [_submitted(task, len(tasks)) for task in tasks]
        try:
            for future in as_completed(futures):
                if isinstance(future.result(raise_on_failure=False), TaskResult):
                    stages.advance()
                else:
                    stop()
        except BaseException:  # the flow was cancelled
            stop()
            wait(futures)
            raise
        outcomes = [future.result(raise_on_failure=False) for future in futures]
    if error := failure(tasks, outcomes):
        raise error
    return outcomes


def _tell(report: RunReport, logger: Logger, out: Path) -> None:
    if report.published:
        write_report(report, report.snapshot.path)
    before = _before(report, out)
    jumps = _drifts(before, report.snapshot)
    with server_may_go():
        publish_artifacts(report, out, jumps, before)
        announce(report, jumps, out)
    for jump in jumps[:MAX_LOGGED]:
        logger.warning("drift: %s: %s from %s to %s", printable(jump.subject), jump.what, jump.before, jump.after)
    for sentence in report.notices:
        logger.warning("%s", printable(sentence, limit=MAX_NOTICE))
    for one in shown(report.left_out, MAX_LOGGED):
        logger.warning("quarantine: %s: %s", name_of(one), one.reason)
    for outcome, reason, n in by_reason(report.left_out)[:MAX_LOGGED]:
        logger.info("%s: %s: %d records", outcome, reason, n)
    what = "published" if report.published else "nothing new, still"
    logger.info("%s snapshot %s: %s", what, report.snapshot.name, dict(report.counts))


def _before(report: RunReport, out: Path) -> Snapshot | None:
    """The snapshot before the one that the run published, where there is one that can be read."""
    parent = report.snapshot.manifest.get("parent")
    with suppress(SnapshotError):
        return open_snapshot(out, parent) if report.published and parent else None
    return None


def _drifts(before: Snapshot | None, now: Snapshot) -> list[Drift]:
    """What jumped from one snapshot to the next, where both can be read."""
    with suppress(SnapshotError):
        return drifts(figures(before), figures(now)) if before else []
    return []


def run_once(this: Given, *, full: bool, strict: bool) -> None:
    """Run the flow here and now, with as many tasks at once as there are workers. Raises WinnowError."""
    threads = ThreadPoolTaskRunner[TaskResult](max_workers=fitted(this.settings).workers)
    configured = ingest.with_options(task_runner=threads)  # type: ignore[arg-type]  # Prefect declares it invariant
    configured(str(this.raw), str(this.out), Form(**this.settings.model_dump()), full, strict)
