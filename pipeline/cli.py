"""The ``winnow`` command. Each command is one function; what it does lives elsewhere.

Exit codes are told in ``__main__``, where a command's errors end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.cli_kit import PATH, Extensible, Screen, raw_of, say, say_path, settings_beside, settings_for_run
from pipeline.cli_rules import rules
from pipeline.errors import WinnowError
from pipeline.safe_path import inside
from pipeline.settings import ENV_PREFIX, SETTINGS_FILE, Settings, load_roots

PROCESSED = Path("processed")
OUT = click.argument("out", type=PATH, default=PROCESSED)


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option a setting, named and described as in the settings model."""
    for name, field in reversed(Settings.model_fields.items()):
        shown = "" if field.default is None else f" [default: {field.default}]"
        option = click.option(f"--{name.replace('_', '-')}", name, default=None, help=f"{field.description}{shown}")
        command = option(command)
    return command


@click.group(cls=Extensible, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="winnow")
def winnow() -> None:
    """Raw scraped files in; clean, deduplicated, sectioned Parquet out."""


@winnow.command()
@click.argument("raw", type=PATH)
@OUT
@click.option("--full", is_flag=True, help="Forget what earlier runs kept and do everything anew.")
@click.option("--strict", is_flag=True, help="Exit with 1 when anything is in quarantine.")
@settings_options
def run(raw: Path, out: Path, full: bool, strict: bool, **values: Any) -> None:
    """Clean the folder RAW into a new snapshot of datasets in OUT."""
    from pipeline.local import local_runner
    from pipeline.report import print_report, write_report
    from pipeline.run import run as run_pipeline
    from pipeline.settings import within_roots
    from pipeline.store.files import disk_errors
    from pipeline.workers.machine import fitted

    console = Screen(stderr=True)
    settings = settings_for_run(values, raw)
    raw, out = within_roots(load_roots(raw=raw), raw, out, settings.rules)
    with local_runner(fitted(settings).workers, console) as (runner, on_stage):
        report = run_pipeline(raw, out, settings=settings, runner=runner, full=full, on_stage=on_stage)
    with disk_errors(out):
        write_report(report, report.snapshot.path)
    print_report(report, console)
    if strict and report.counts["quarantined"]:
        sys.exit(1)


@winnow.command()
@click.argument("file", type=PATH)
@click.option("--kept", is_flag=True, help="Show only what is kept.")
@click.option(
    "--out",
    type=PATH,
    help="Whose learned site templates to use.  [default: processed, where FILE is of its raw folder]",
)
@settings_options
def explain(file: Path, kept: bool, out: Path | None, **values: Any) -> None:
    """Show each block of FILE with its label and what decided it, then language, metadata and sections."""
    import contextlib

    from pipeline.workers.journal import COLD
    from pipeline.workers.nursery import WORKER, Nursery

    settings = settings_beside(values, out or PROCESSED, file)
    with contextlib.closing(Nursery((*WORKER, COLD))) as nursery:
        nursery.start()  # while this process loads the rest
        from pipeline.explain import explain_file

        used = out or _made_from(file)
        raw = None if used is None else raw_of(used)
        explain_file(file, nursery, settings=settings, console=Screen(), kept_only=kept, out=used, raw=raw)


def _made_from(file: Path) -> Path | None:
    """The usual output folder if it was made from the folder that the file is in."""
    raw = raw_of(PROCESSED)
    if raw is not None and inside(file, raw):
        return PROCESSED
    if PROCESSED.exists():
        say(f"{file} is not of the raw folder of {PROCESSED}: for its templates add --out {PROCESSED}.", aside=True)
    return None


@winnow.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--reason", "reasons", multiple=True, help="Only what is in quarantine for this reason; may be repeated.")
def retry(out: Path, paths: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    """Have the next run on OUT try again what is in quarantine, or that of the raw files PATH or for one reason."""
    from pipeline.read.scan import portable_path
    from pipeline.stages.retry import ask

    given = [path if "\\" in path else portable_path(path) for path in paths]  # as listed in quarantine, or as it is
    n_records = ask(out, reasons=reasons, paths=given)
    say(f"The next run will try {n_records:,} records again." if n_records else "There is nothing to try again.")


@winnow.command()
@OUT
@click.option("--state", is_flag=True, help="Prove what is kept for later runs too.")
def check(out: Path, state: bool) -> None:
    """Re-read and re-hash the live snapshot of OUT and prove that everything adds up."""
    from pipeline.store.check import check_folder, check_snapshot, check_state
    from pipeline.store.snapshots import open_snapshot

    snapshot = open_snapshot(out)
    n_invariants = check_snapshot(snapshot)
    say(f"Snapshot {snapshot.name}: {len(snapshot.parts)} parts as published, {n_invariants} invariants hold.")
    check_folder(out)
    if state:
        say(f"State: {check_state(out)} folders and tables as they were written.")


@winnow.command()
@click.argument("dataset")
@OUT
def path(dataset: str, out: Path) -> None:
    """Print a glob over the Parquet files of DATASET in the live snapshot of OUT."""
    from pipeline.store.snapshots import open_snapshot

    say_path(open_snapshot(out).glob(dataset))


@winnow.command()
@click.argument("query")
@OUT
def sql(query: str, out: Path) -> None:
    """Answer an SQL QUERY over the datasets of OUT: documents, sections, blocks, duplicates, quarantine ..."""
    import duckdb

    from pipeline.store.snapshots import open_snapshot

    snapshot = open_snapshot(out)
    try:
        with snapshot.duckdb() as connection:
            relation = connection.sql(query)
            say("" if relation is None else str(relation))
    except (duckdb.Error, UnicodeEncodeError) as error:  # a query that is no Unicode
        if (
            isinstance(error, duckdb.Error)
            and not isinstance(error, duckdb.ProgrammingError)
            and snapshot.damaged_part()
        ):
            raise snapshot.damaged(error) from None
        raise WinnowError(f"The query failed: {error}") from None


@winnow.command()
@OUT
def report(out: Path) -> None:
    """Print where the HTML report of the live snapshot of OUT lies."""
    from pipeline.store.snapshots import open_snapshot

    say_path(open_snapshot(out).path / "report.html")


@winnow.command()
@click.argument("raw", type=PATH, required=False)
def settings(raw: Path | None) -> None:
    """List the settings as a run on RAW has them here and now, and what each means."""
    values = settings_beside({}, PROCESSED) if raw is None else settings_for_run({}, raw)
    say(f"# option --NAME-WITH-DASHES, variable {ENV_PREFIX}NAME, or a line of {SETTINGS_FILE}:")
    for name, field in Settings.model_fields.items():
        say(f"{name} = {getattr(values, name)!r}  # {field.description}")
    roots = [str(one) for one in load_roots(raw=raw or raw_of(PROCESSED))]
    say(f"roots = {roots!r}  # Folders that raw, out and rules must lie in, if any; a variable or {SETTINGS_FILE}.")


@winnow.command()
def dictionary() -> None:
    """Print the data dictionary: every dataset and column."""
    from pipeline.schema import data_dictionary

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
        say(
            f"{mark} {one.name}  {one.manifest['created_at'][:19]}  {counts['documents']} documents, "
            f"{counts['duplicates']} duplicates, {counts['quarantined']} quarantined"
        )


@snapshots.command()
@click.argument("out", type=PATH)
@click.argument("name")
def rollback(out: Path, name: str) -> None:
    """Make the snapshot NAME of OUT the live one. The next run with new raw files publishes after the newest."""
    from pipeline.store.snapshots import rollback as roll_back

    say(f"Snapshot {roll_back(out, name).name} is live.")


@snapshots.command()
@click.argument("out", type=PATH)
@click.option("--keep", type=click.IntRange(min=1), required=True, help="How many of the newest stay.")
def prune(out: Path, keep: int) -> None:
    """Delete old snapshots of OUT; the live one always stays."""
    from pipeline.store.snapshots import prune as prune_old

    say(f"Deleted: {', '.join(prune_old(out, keep)) or 'nothing'}.")
