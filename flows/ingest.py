"""The ingest flow: the run of ``pipeline.run`` with a Prefect task a shard.

    python -m flows.ingest RAW OUT

Without PREFECT_API_URL a private server on SQLite starts for the run. Results are not cached by Prefect: what
can be reused lies in the output's own state, and task states are never trusted, outputs are counted.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
import httpx
from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture, as_completed, wait
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows.artifacts import publish_artifacts, publish_failure
from pipeline.errors import WinnowError
from pipeline.machine import fitted
from pipeline.nursery import Job, Pool, nurseries
from pipeline.outcomes import RunReport, by_reason, name_of, shown
from pipeline.report import MAX_NOTICE, write_report
from pipeline.run import run
from pipeline.settings import Settings, load_settings
from pipeline.supervise import JobResult, failure, run_job
from pipeline.text_safety import printable

DEFAULTS = Settings()
#: Quarantined records, and reasons with their counts, that are lines of the log.
MAX_LOGGED = 20
#: What to do when the server is lost: the run may have gone on to its end.
LOST = "The live snapshot is whole; `winnow snapshots list` shows which it is. Start the server, then run again."


@task(task_run_name="{stage} {shard}", persist_result=False, cache_policy=NO_CACHE)
def run_shard(stage: str, shard: str, job: Job, pool: Pool) -> JobResult:
    """One stage over one shard, in supervised child processes."""
    nursery = pool.get()
    try:
        return run_job(job, nursery)
    finally:
        pool.put(nursery)


@flow(name="winnow-ingest", persist_result=False)
def ingest(
    raw: str = "raw", out: str = "processed", settings: Settings = DEFAULTS, full: bool = False, strict: bool = False
) -> dict[str, int]:
    """Clean the folder RAW into a new snapshot of datasets in OUT.

    Args:
        raw: folder of raw files.
        out: folder of the snapshots.
        settings: how the run is done; what is not given here comes from the environment and winnow.toml.
        full: forget what earlier runs kept and do everything anew.
        strict: fail when anything is in quarantine.
    """
    logger = get_run_logger()
    given = load_settings(settings.model_dump(exclude_unset=True))
    with nurseries(fitted(given).workers) as pool:

        def runner(jobs: Sequence[Job]) -> list[JobResult]:
            futures = [run_shard.submit(job.stage, job.name, quote(job), quote(pool)) for job in jobs]  # type: ignore[call-overload]  # quote() keeps Prefect from walking through the values
            return _results(jobs, futures, pool)

        try:
            report = run(
                Path(raw),
                Path(out),
                settings=given,
                runner=runner,
                full=full,
                on_stage=lambda name: logger.info("stage %s", name),
            )
        except WinnowError as error:
            with suppress(httpx.HTTPError, PrefectException):  # why the run failed is told even if the server is gone
                publish_failure(str(error))
            raise
    _tell(report, logger)
    if strict and report.counts["quarantined"]:
        raise WinnowError(f"{report.counts['quarantined']} records are in quarantine and the run is strict.")
    return dict(report.counts)


def _results(jobs: Sequence[Job], futures: list[PrefectFuture[JobResult]], pool: Pool) -> list[JobResult]:
    """The results of the tasks of a stage, once all of them have ended; when one fails, the others end soon."""
    try:
        for future in as_completed(futures):
            if not isinstance(future.result(raise_on_failure=False), JobResult):
                pool.close()
    except BaseException:  # the flow was cancelled
        pool.close()
        wait(futures)
        raise
    outcomes = [future.result(raise_on_failure=False) for future in futures]
    if error := failure(jobs, outcomes):
        raise error
    return outcomes


def _tell(report: RunReport, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
    if report.published:
        write_report(report, report.snapshot.path)
    publish_artifacts(report)
    for sentence in report.notices:
        logger.warning("%s", printable(sentence, limit=MAX_NOTICE))
    for one in shown(report.left_out, MAX_LOGGED):
        logger.warning("quarantine: %s: %s", name_of(one), one.reason)
    for outcome, reason, n in by_reason(report.left_out)[:MAX_LOGGED]:
        logger.info("%s: %s: %d records", outcome, reason, n)
    what = "published" if report.published else "nothing new, still"
    logger.info("%s snapshot %s: %s", what, report.snapshot.name, dict(report.counts))


@click.command()
@click.argument("raw", default="raw")
@click.argument("out", default="processed")
@click.option("--full", is_flag=True, help="Forget what earlier runs kept and do everything anew.")
@click.option("--strict", is_flag=True, help="Fail when anything is in quarantine.")
def main(raw: str, out: str, full: bool, strict: bool) -> None:
    """Run the ingest flow once; settings come from the environment and winnow.toml."""
    try:
        settings = load_settings()
        _find_server()
        threads = ThreadPoolTaskRunner[JobResult](max_workers=fitted(settings).workers)
        configured = ingest.with_options(task_runner=threads)  # type: ignore[arg-type]  # Prefect declares it invariant
        configured(raw, out, settings, full, strict)
    except WinnowError as error:
        click.echo(f"winnow: {error}", err=True)
        sys.exit(2)
    except (httpx.HTTPError, PrefectException) as error:
        click.echo(
            f"winnow: The Prefect server was lost during the run: {error or type(error).__name__}. {LOST}", err=True
        )
        sys.exit(2)


def _find_server() -> None:
    """Raise WinnowError when a server is configured and does not answer."""
    if url := PREFECT_API_URL.value():
        with get_client(sync_client=True) as client:
            error = client.api_healthcheck()
        if error:
            raise WinnowError(
                f"The Prefect server at {url} does not answer: {error}.",
                mend="Start it, or unset PREFECT_API_URL to run with a private one.",
            )


if __name__ == "__main__":
    main()
