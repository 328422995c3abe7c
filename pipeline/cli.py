"""The ``winnow`` command. Each command is one function; what it does lives elsewhere.

Exit codes are told in ``__main__``, where a command's errors end. How help looks and what options take is in
``cli_kit``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli_kit import (
    OUT,
    PATH,
    PROCESSED,
    Argument,
    Extensible,
    Screen,
    made_from,
    opened,
    raw_of,
    say,
    say_path,
    settings_beside,
    settings_for_run,
    settings_of_run,
    settings_options,
)
from pipeline.cli_rules import rules
from pipeline.errors import OutputError, RawFolderError, WinnowError
from pipeline.safe_path import inside
from pipeline.settings import ENV_PREFIX, SETTINGS_FILE, Settings, load_roots
from pipeline.text.safety import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.explain import Found
    from pipeline.progress import Display
    from pipeline.stages.outcomes import RunReport
    from pipeline.store.snapshots import Snapshot

EPILOG = """\
Exit codes:
  0    all well; records in quarantine included
  1    done, but something is in quarantine, under --strict
  2    refused or failed, with a sentence that says why and what to do
  130  stopped by Ctrl-C; the live snapshot is as it was
"""


@click.group(
    cls=Extensible, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120}, epilog=EPILOG
)
@click.version_option(package_name="winnow")
def winnow() -> None:
    """Raw scraped files in; clean, deduplicated, sectioned Parquet out."""


@winnow.command()
@click.argument("raw", cls=Argument, type=PATH, help="The folder of raw files; it is only read.")
@OUT
@click.option("--full", is_flag=True, help="Forget what earlier runs kept and do everything anew.")
@click.option("--strict", is_flag=True, help="Exit with 1 when anything is in quarantine.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but why the run failed.")
@click.option("-v", "--verbose", is_flag=True, help="Say what every shard came to, and name all that is left out.")
@click.option("--json-logs", is_flag=True, help="Say everything as a JSON object a line, for programs.")
@settings_options
def run(
    raw: Path, out: Path, *, full: bool, strict: bool, quiet: bool, verbose: bool, json_logs: bool, **values: Any
) -> None:
    """Clean the folder RAW into a new snapshot of datasets in OUT.

    Only what is new or changed since the last run is cleaned; when nothing is, nothing is published.
    """
    from pipeline.local import local_runner
    from pipeline.report import write_report
    from pipeline.run import run as run_pipeline
    from pipeline.settings import within_roots
    from pipeline.store.files import disk_errors, without_pandas
    from pipeline.workers.machine import fitted

    without_pandas()
    voice = _Voice(quiet=quiet, verbose=verbose, json_logs=json_logs)
    with voice.telling_errors(out):
        settings = settings_for_run(values, raw, quiet=quiet or json_logs)
        raw, out = within_roots(load_roots(raw=raw), raw, out, settings.rules)
        with local_runner(fitted(settings).workers, voice.display) as (runner, on_stage):
            report = run_pipeline(raw, out, settings=settings, runner=runner, full=full, on_stage=on_stage)
        with disk_errors(out):
            write_report(report, report.snapshot.path)
    voice.tell(report)
    if strict and report.counts["quarantined"]:
        sys.exit(1)


class _Voice:
    """How a run speaks: with bars and colours, in plain lines, in JSON, or not."""

    def __init__(self, *, quiet: bool, verbose: bool, json_logs: bool) -> None:
        from pipeline.progress import JsonLines

        if quiet + verbose + json_logs > 1:
            raise click.UsageError("Of --quiet, --verbose and --json-logs only one can be.")
        self.console, self.quiet, self.verbose = Screen(stderr=True), quiet, verbose
        self.json = JsonLines(_log) if json_logs else None
        self.display: Display = self.json or self._display()

    def _display(self) -> Display:
        from pipeline.progress import Bars, Lines, Silent

        if self.quiet:
            return Silent()
        return (
            Bars(self.console) if self.console.is_terminal and not self.verbose else Lines(_log, verbose=self.verbose)
        )

    @contextlib.contextmanager
    def telling_errors(self, out: Path) -> Iterator[None]:
        """Have an error told as JSON where everything is, and what a run keeps that was stopped."""
        try:
            yield
        except WinnowError as error:
            if self.json is None:
                raise
            self.json.event("run_failed", {"message": error.message, "mend": error.mend})
            raise click.exceptions.Exit(2) from None
        except Exception:
            raise
        except BaseException as error:
            error.add_note(_kept(out))
            raise

    def tell(self, report: RunReport) -> None:
        """Say what a run came to."""
        from pipeline.report import print_report, report_events

        if self.json is not None:
            for event, about in report_events(report):
                self.json.event(event, about)
        elif not self.quiet:
            print_report(report, self.console, everything=self.verbose)


def _log(text: str) -> None:
    say(text, aside=True)


def _kept(out: Path) -> str:
    """What there is of a run that was stopped."""
    from pipeline.store.snapshots import live_name

    with contextlib.suppress(WinnowError, OSError):
        if name := live_name(out):
            return f"Snapshot {name} is live; what was cleaned is kept, and the next run goes on from there."
    return "Nothing was published; what was cleaned is kept, and the next run goes on from there."


@winnow.command()
@click.argument("target", cls=Argument, help="A raw file, FILE:MEMBER for one record of it, or a doc_id.")
@click.option("--kept", is_flag=True, help="Show only the blocks that are kept.")
@click.option("--published", is_flag=True, help="Show what the live snapshot says, without looking at the file.")
@click.option(
    "--out",
    type=PATH,
    help="The folder that runs publish into: it tells the raw folder, the learned site templates and the settings of the "
    "run.  [default: processed, where TARGET is of its raw folder]",
)
@click.option("--raw", type=PATH, help="The folder of raw files.  [default: the one that OUT was made from]")
@click.option("--member", help="One record of the file, as datasets name it; the same as FILE:MEMBER.")
@settings_options
def explain(
    target: str, *, kept: bool, published: bool, out: Path | None, raw: Path | None, member: str | None, **values: Any
) -> None:
    """Show each block of TARGET with its label and what decided it, then what came of it all.

    TARGET is a path, also one as datasets have it (site/a.html), with :MEMBER for a record of a file of many
    (site/a.jsonl:7), or a doc_id. The labels are those of the run: the file is looked at from the raw folder, under the
    rules and settings of the run unless others are named now, with the site templates that runs have learned. What the
    live snapshot says otherwise is said.
    """
    from pipeline.store.files import without_pandas

    without_pandas()
    from pipeline.explain import explain as explain_it
    from pipeline.explain import find
    from pipeline.workers.journal import COLD
    from pipeline.workers.nursery import WORKER, Nursery

    if raw is not None and not raw.is_dir():
        raise RawFolderError(f"There is no folder {printable(str(raw))}.", mend="Name the folder of raw files.")
    snapshot = _looked_up(target, out)
    root = raw or (made_from(snapshot) if snapshot else None)
    found = find(target, raw=root, snapshot=snapshot, member=member)
    if published:
        _show_published(found, snapshot, kept_only=kept)
        return
    of_run = snapshot.manifest.get("settings") if snapshot and found.known else None
    settings = settings_of_run(values, found.file, root if found.known else None, of_run)
    _note_place(found, root, out)
    with contextlib.closing(Nursery((*WORKER, COLD))) as nursery:
        nursery.start()
        learned = _learned(snapshot) if snapshot else None
        explain_it(
            found, nursery, settings=settings, console=Screen(), snapshot=snapshot, learned=learned, kept_only=kept
        )


def _looked_up(target: str, out: Path | None) -> Snapshot | None:
    """The live snapshot of ``out``, else that of the usual folder unless the target is a file that is not of it."""
    from pipeline.explain import readings
    from pipeline.store.snapshots import latest_or_none

    if out is not None:
        return opened(out)
    try:
        snapshot = latest_or_none(PROCESSED) if PROCESSED.is_dir() else None
    except WinnowError as error:
        say(f"note: {error}", aside=True)
        return None
    if snapshot is None:
        return None
    file = next((Path(path) for path, _ in readings(target) if os.path.lexists(path)), None)
    raw = made_from(snapshot)
    return snapshot if file is None or (raw is not None and inside(file, raw)) else None


def _note_place(found: Found, raw: Path | None, out: Path | None) -> None:
    if found.known:
        return
    file = printable(str(found.file))
    why = (
        f"{file} is not of the raw folder {printable(str(raw))}" if raw else "Which folder is the raw one is not known"
    )
    mend = "" if out else "; --out OUT names what runs publish into, --raw RAW the folder of raw files"
    say(f"note: {why}, so the site is told by the page alone, not by folders on the way to it{mend}.", aside=True)


def _learned(snapshot: Snapshot) -> pa.Table | None:
    """The site templates that runs have learned, if they are there."""
    from pipeline.sites.lines import learned_templates

    with contextlib.suppress(WinnowError):
        if (learned := learned_templates(snapshot.path.parent.parent)) is not None:
            return learned
    say("note: what runs learned of sites (.state) is gone or damaged: shown is what comes without it.", aside=True)
    return None


def _show_published(found: Found, snapshot: Snapshot | None, *, kept_only: bool) -> None:
    from pipeline.explain import published, show_published

    said = published(found, snapshot) if snapshot else None
    if said is None:
        raise RawFolderError(
            f"No snapshot knows {found.name}.", mend="--out OUT names the folder that runs publish into."
        )
    show_published(found, said, Screen(), kept_only=kept_only)


@winnow.command()
@click.argument("out", cls=Argument, type=PATH, help="The folder that runs publish into.")
@click.argument("paths", cls=Argument, nargs=-1, metavar="[PATH]...", help="Raw files, as quarantine names them.")
@click.option(
    "--reason", "reasons", multiple=True, help="Only what is in quarantine for this reason; it may be repeated."
)
def retry(out: Path, paths: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    """Have the next run on OUT try again what is in quarantine, or that of the raw files PATH or for one reason."""
    from pipeline.read.scan import portable_path
    from pipeline.stages.retry import ask

    opened(out)
    given = [path if "\\" in path else portable_path(path) for path in paths]  # as listed in quarantine, or as it is
    n_records = ask(out, reasons=reasons, paths=given)
    what = "1 record" if n_records == 1 else f"{n_records:,} records"
    say(f"The next run will try {what} again." if n_records else "There is nothing to try again.")


@winnow.command()
@OUT
@click.option("--state", is_flag=True, help="Prove what is kept for later runs too.")
def check(out: Path, state: bool) -> None:
    """Re-read and re-hash the live snapshot of OUT and prove that everything adds up."""
    from pipeline.store.check import check_folder, check_snapshot, check_state

    snapshot = opened(out)
    n_invariants = check_snapshot(snapshot)
    say(f"Snapshot {snapshot.name}: {len(snapshot.parts)} parts as published, {n_invariants} invariants hold.")
    check_folder(out)
    if state:
        say(f"State: {check_state(out)} folders and tables as they were written.")


@winnow.command()
def warm() -> None:
    """Compile now what else the first run would: once after installing, and on each kind of processor."""
    from pipeline.workers.nursery import fill_caches

    folders = fill_caches()
    for folder in folders:
        say(f"Machine code for this processor is kept in {folder}.")
    if not folders:
        say("No machine code is kept.")


SNAPSHOT = click.option("--snapshot", "name", metavar="NAME", help="A snapshot other than the live one.")


@winnow.command()
@click.argument("dataset", cls=Argument, help="documents, sections, blocks, duplicates, quarantine, inputs or runs.")
@OUT
@click.option(
    "--as",
    "form",
    type=click.Choice(["glob", "folder", "files"]),
    default="glob",
    show_default=True,
    help="A glob for DuckDB, Polars and Spark; the folder for pandas and pyarrow; each file on a line.",
)
@SNAPSHOT
def path(dataset: str, out: Path, form: str, name: str | None) -> None:
    """Print where the Parquet files of DATASET in the live snapshot of OUT lie."""
    snapshot = opened(out, name)
    if form == "files":
        for file in snapshot.files(dataset):
            say_path(file)
    else:
        say_path(snapshot.glob(dataset) if form == "glob" else snapshot.glob(dataset) and snapshot.path / dataset)


@winnow.command()
@click.argument("query", cls=Argument, help="SQL, as DuckDB speaks it.")
@OUT
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "parquet"]),
    help="How the answer is written.  [default: by the suffix of FILE, else table]",
)
@click.option("-o", "--output", "file", type=PATH, metavar="FILE", help="Write into FILE instead of printing.")
@click.option(
    "--rows", type=click.IntRange(min=0), default=100, help="Rows of a table at most; 0 shows all.  [default: 100]"
)
@SNAPSHOT
def sql(query: str, out: Path, *, form: str | None, file: Path | None, rows: int, name: str | None) -> None:
    """Answer an SQL QUERY over the datasets of OUT: documents, sections, blocks, duplicates, quarantine ...

    A table shows every column: where they do not fit, each row is a list of them. In CSV, a text that a spreadsheet would
    take for a formula has an apostrophe before it; JSON and Parquet have every value as it is.
    """
    from pipeline.query import Table, answer, safe, usable_form, write_file, write_form

    form = usable_form(form, file)
    snapshot = opened(out, name)
    terminal = sys.stdout is not None and sys.stdout.isatty()
    with answer(snapshot, query) as batches:
        if batches is None:
            return
        if file is not None:
            n_bytes = write_file(batches, file, form, keep_out_of=out)
            say(f"Wrote {file}: {n_bytes:,} bytes.", aside=True)
            return
        cut = Table(Screen().width if terminal else None, rows)
        write_form(batches, form, safe(_print) if terminal or form == "table" else _print, cut)


def _print(text: str) -> None:
    click.echo(text, nl=False)


@winnow.command()
@OUT
def report(out: Path) -> None:
    """Print where the HTML report of the live snapshot of OUT lies."""
    file = opened(out).path / "report.html"
    if not file.is_file():
        raise OutputError(
            f"There is no report in {printable(str(file.parent))}.", mend="The next run that publishes writes one."
        )
    say_path(file)


@winnow.command()
@OUT
def metrics(out: Path) -> None:
    """Print figures of the live snapshot of OUT and of the last run for Prometheus.

    Every run writes the same into OUT/current/metrics.prom, for the node exporter's textfile collector.
    """
    import time

    from pipeline.metrics import facts_of, last_run, metrics_text

    snapshot = opened(out)
    click.echo(metrics_text(facts_of(snapshot, last_run(out)), now=time.time()), nl=False)


@winnow.command()
@click.option("--markdown", "as_markdown", is_flag=True, help="As the table of the README.")
def formats(as_markdown: bool) -> None:
    """List the formats that are read, their suffixes, and what is taken of each."""
    from pipeline import formats as known

    if as_markdown:
        say("\n".join(known.markdown()))
        return
    for name, suffixes, what in known.formats():
        say(f"{name}: {what}" + (f"\n    {suffixes}" if suffixes else ""))
    say(f"\n{known.NOT_READ}")


@winnow.command()
@click.argument("raw", cls=Argument, type=PATH, required=False, help="The folder of raw files.")
def settings(raw: Path | None) -> None:
    """List the settings as a run on RAW has them here and now, and what each means."""
    values = settings_beside({}, PROCESSED) if raw is None else settings_for_run({}, raw)
    say(f"# option --NAME-WITH-DASHES, variable {ENV_PREFIX}NAME, or a line of {SETTINGS_FILE}:")
    for name, field in Settings.model_fields.items():
        say(f"{name} = {getattr(values, name)!r}  # {field.description}")
    known = raw or raw_of(PROCESSED)
    roots = [str(root) for root in load_roots(raw=known, trusted=known is not None)]
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

    live, found = live_name(out), list_snapshots(out)
    if not found:
        opened(out)  # which says what is wrong
    for one in found:
        counts = one.manifest["counts"]
        mark = "*" if one.name == live else " "
        say(
            f"{mark} {one.name}  {one.manifest['created_at'][:19]}  {counts['documents']} documents, "
            f"{counts['duplicates']} duplicates, {counts['quarantined']} quarantined"
        )


@snapshots.command()
@click.argument("out", cls=Argument, type=PATH, help="The folder that runs publish into.")
@click.argument("name", cls=Argument, help="The name of a snapshot, as `winnow snapshots list` shows it.")
def rollback(out: Path, name: str) -> None:
    """Make the snapshot NAME of OUT the live one. The next run with new raw files publishes after the newest."""
    from pipeline.store.snapshots import rollback as roll_back

    say(f"Snapshot {roll_back(out, name).name} is live.")


@snapshots.command()
@click.argument("out", cls=Argument, type=PATH, help="The folder that runs publish into.")
@click.option("--keep", type=click.IntRange(min=1), required=True, help="How many of the newest stay.")
def prune(out: Path, keep: int) -> None:
    """Delete old snapshots of OUT; the live one always stays."""
    from pipeline.store.snapshots import prune as prune_old

    say(f"Deleted: {', '.join(prune_old(out, keep)) or 'nothing'}.")
