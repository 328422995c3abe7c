"""The ``winnow`` command. Each command is one function; what it does lives elsewhere.

Exit codes: 0 all well (records in quarantine included); 1 records in quarantine under --strict; 2 the command
could not be done: a wrong setting, folder, rule or snapshot, or a run whose counts do not add up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pipeline.cli_rules import rules
from pipeline.errors import WinnowError
from pipeline.settings import ENV_PREFIX, SETTINGS_FILE, Settings, load_roots, load_settings

OUT = click.argument("out", type=click.Path(path_type=Path), default=Path("processed"))


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option a setting, named and described as in the settings model."""
    for name, field in reversed(Settings.model_fields.items()):
        shown = "" if field.default is None else f" [default: {field.default}]"
        option = click.option(f"--{name.replace('_', '-')}", name, default=None, help=f"{field.description}{shown}")
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="winnow")
def winnow() -> None:
    """Raw scraped files in; clean, deduplicated, sectioned Parquet out."""


@winnow.command()
@click.argument("raw", type=click.Path(path_type=Path))
@OUT
@click.option("--full", is_flag=True, help="Forget what earlier runs kept and do everything anew.")
@click.option("--strict", is_flag=True, help="Exit with 1 when anything is in quarantine.")
@settings_options
def run(raw: Path, out: Path, full: bool, strict: bool, **values: Any) -> None:
    """Clean the folder RAW into a new snapshot of datasets in OUT."""
    from pipeline.disk import disk_errors
    from pipeline.local import local_runner
    from pipeline.report import print_report, write_report
    from pipeline.roots import within_roots
    from pipeline.run import run as run_pipeline

    console = Console(stderr=True)
    settings = load_settings(values)
    raw, out = within_roots(load_roots(), raw, out, settings.rules)
    with local_runner(settings.n_workers, console) as (runner, on_stage):
        report = run_pipeline(raw, out, settings=settings, runner=runner, full=full, on_stage=on_stage)
    if report.published or not (report.snapshot.path / "report.html").exists():
        with disk_errors(out):
            write_report(report, report.snapshot.path)
    print_report(report, console)
    if strict and report.counts["quarantined"]:
        sys.exit(1)


@winnow.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kept", is_flag=True, help="Show only what is kept.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("processed"),
    show_default=True,
    help="Whose learned site templates to use.",
)
@settings_options
def explain(file: Path, kept: bool, out: Path, **values: Any) -> None:
    """Show each block of FILE with its label and what decided it, then language, metadata and sections."""
    import contextlib

    from pipeline.journal import COLD
    from pipeline.nursery import WORKER, Nursery

    settings = load_settings(values)
    with contextlib.closing(Nursery((*WORKER, COLD))) as nursery:
        nursery.start()  # while this process loads the rest
        from pipeline.explain import explain_file

        explain_file(file, nursery, settings=settings, console=Console(), kept_only=kept, out=out)


@winnow.command()
@OUT
def check(out: Path) -> None:
    """Re-read and re-hash the live snapshot of OUT and prove that everything adds up."""
    from pipeline.store.check import check_snapshot
    from pipeline.store.snapshots import open_snapshot

    snapshot = open_snapshot(out)
    n_invariants = check_snapshot(snapshot)
    click.echo(f"Snapshot {snapshot.name}: {len(snapshot.parts)} parts as published, {n_invariants} invariants hold.")


@winnow.command()
@click.argument("dataset")
@OUT
def path(dataset: str, out: Path) -> None:
    """Print a glob over the Parquet files of DATASET in the live snapshot of OUT."""
    from pipeline.store.snapshots import open_snapshot

    click.echo(open_snapshot(out).glob(dataset))


@winnow.command()
@click.argument("query")
@OUT
def sql(query: str, out: Path) -> None:
    """Answer an SQL QUERY over the datasets of OUT: documents, sections, blocks, duplicates, quarantine ..."""
    import duckdb

    from pipeline.store.snapshots import open_snapshot

    try:
        relation = open_snapshot(out).duckdb().sql(query)
        click.echo("" if relation is None else str(relation))
    except duckdb.Error as error:
        raise WinnowError(f"The query failed: {error}") from None


@winnow.command()
@OUT
def report(out: Path) -> None:
    """Print where the HTML report of the live snapshot of OUT lies."""
    from pipeline.store.snapshots import open_snapshot

    click.echo(open_snapshot(out).path / "report.html")


@winnow.command()
def settings() -> None:
    """List the settings: value here and now, and what each means."""
    values = load_settings()
    click.echo(f"# option --NAME-WITH-DASHES, variable {ENV_PREFIX}NAME, or a line of {SETTINGS_FILE}:")
    for name, field in Settings.model_fields.items():
        click.echo(f"{name} = {getattr(values, name)!r}  # {field.description}")
    roots = [str(one) for one in load_roots()]
    click.echo(
        f"roots = {roots!r}  # Folders that raw, out and rules must lie in, if any; a variable or {SETTINGS_FILE}."
    )


@winnow.command()
def dictionary() -> None:
    """Print the data dictionary: every dataset and column."""
    from pipeline.dictionary import data_dictionary

    click.echo(data_dictionary(), nl=False)


winnow.add_command(rules)


@winnow.group()
def snapshots() -> None:
    """List the snapshots of an output folder, go back to one, delete old ones."""


@snapshots.command("list")
@OUT
def list_all(out: Path) -> None:
    """List the snapshots of OUT, oldest first; the live one is marked."""
    from pipeline.store.snapshots import list_snapshots, live_name

    live = live_name(out)
    for one in list_snapshots(out):
        counts = one.manifest["counts"]
        mark = "*" if one.name == live else " "
        click.echo(
            f"{mark} {one.name}  {one.manifest['created_at'][:19]}  {counts['documents']} documents, "
            f"{counts['duplicates']} duplicates, {counts['quarantined']} quarantined"
        )


@snapshots.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("name")
def rollback(out: Path, name: str) -> None:
    """Make the snapshot NAME of OUT the live one. The next run with new raw files publishes after the newest."""
    from pipeline.store.snapshots import rollback as roll_back

    click.echo(f"Snapshot {roll_back(out, name).name} is live.")


@snapshots.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), required=True, help="How many of the newest stay.")
def prune(out: Path, keep: int) -> None:
    """Delete old snapshots of OUT; the live one always stays."""
    from pipeline.store.snapshots import prune as prune_old

    click.echo(f"Deleted: {', '.join(prune_old(out, keep)) or 'nothing'}.")


def main() -> None:
    """Entry point: a WinnowError is one clear sentence, not a traceback."""
    try:
        winnow(standalone_mode=True)
    except WinnowError as error:
        click.echo(f"winnow: {error}", err=True)
        sys.exit(2)
