"""What a run came to, for people: in the terminal, as ``report.html``, and as ``failed.html`` when it failed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich.console import Console
from rich.text import Text

from pipeline.progress import duration
from pipeline.stages.outcomes import FailedRun, RunReport, by_reason, n_left_out, name_of, shown
from pipeline.store.files import write_synced
from pipeline.store.marks import is_file
from pipeline.text.safety import printable

if TYPE_CHECKING:
    from jinja2 import Template

MAX_SHOWN, MAX_ON_PAGE = 20, 200  # records left out in the terminal, on a page
MAX_NOTICE = 1_000  # characters
_MAX_SKIPPED, _MAX_WHY = 5, 400  # named in the terminal, and characters of why
_NAMED, _NAME_CHARS = 2, 60  # raw files that are named in a line, and characters of a name
#: The page about a run that failed, in the output folder until the next run begins.
FAILED = "failed.html"
REPORT = "report.html"
#: What a page of ours begins with, within so many bytes.
_GENERATOR, _HEAD = b'<meta name="generator" content="Winnow">', 200


def print_report(report: RunReport, console: Console, *, everything: bool = False) -> None:
    """Print what a run came to: notices, what was left out, files and records by what became of them, next steps."""
    for sentence in report.notices:
        console.print(Text(f"note: {printable(sentence, limit=MAX_NOTICE)}", style="cyan"), soft_wrap=True)
    for outcome, limit in (("quarantine", MAX_SHOWN), ("skipped", _MAX_SKIPPED)):
        print_left_out(report.left_out, outcome, console, limit=report.left_out.num_rows if everything else limit)
    for line in (_headline(report), *summary(report)):
        console.print(Text(line), soft_wrap=True)
    width = max(len(what) for what, _ in next_steps(report))
    for what, command in next_steps(report):
        console.print(Text.assemble((f"  {what:<{width}}  ", "dim"), command), soft_wrap=True)


def print_left_out(left_out: pa.Table, outcome: str, console: Console, *, limit: int = MAX_SHOWN) -> None:
    """Print a line each of the first rows of LEFT_OUT with this outcome, and how many records more there are."""
    rows = shown(left_out, limit, outcome)
    for one in rows:
        why = (
            one.reason if one.message == one.reason else f"{one.reason}: {one.message.removeprefix(one.reason + ': ')}"
        )
        style = "yellow" if outcome == "quarantine" else "dim"
        console.print(Text(f"{outcome}: {name_of(one)}: {printable(why, limit=_MAX_WHY)}", style=style), soft_wrap=True)
    for mend in dict.fromkeys(_SKIP_MENDS.get(one.reason) for one in rows if outcome == "skipped"):
        if mend:
            console.print(Text(f"skipped: {mend}", style="dim"), soft_wrap=True)
    if more := n_left_out(left_out, outcome) - sum(one.n_records for one in rows):
        console.print(f"{outcome}: ... and {more:,} more {'record' if more == 1 else 'records'}")


#: What to do about what was skipped, by the reason.
_SKIP_MENDS = {
    "unsupported type": "`winnow formats` lists what is read.",
    "hidden": "A name that begins with a dot is hidden and not read: rename the file, if it is a document.",
    "symbolic link": "Links are not followed: put a copy of the file in its place, if it is a document.",
}


def _headline(report: RunReport) -> str:
    seconds, name = duration(sum(report.seconds.values())), report.snapshot.name
    if report.published:
        return f"Published snapshot {name} in {seconds}."
    created = str(report.snapshot.manifest.get("created_at"))[:16].replace("T", " ")
    return f"Nothing new: snapshot {name} of {created} UTC stays live. Looked in {seconds}."


def summary(report: RunReport) -> list[str]:
    """Two lines: what is new, changed and gone among the raw files, and what became of the records."""
    counts, changes = report.counts, report.changes
    n_files = f"{counts['files']:,} raw {'file' if counts['files'] == 1 else 'files'}"
    parent = report.snapshot.manifest.get("parent")
    against = f" against snapshot {parent}" if parent and report.published else ""
    if changes is None:
        files = f"{n_files}; what changed{against} is not known"
    elif not changes.each():
        files = f"{n_files}, the same as before"
    else:
        parts = [f"{n:,} {what}{_names(first, n)}" for what, n, first in changes.each()]
        files = f"{n_files}{against}: {', '.join(parts)}"
    names = ("documents", "duplicates", "quarantined", "skipped")
    parts = [f"{counts[name]:,} {name.removesuffix('s') if counts[name] == 1 else name}" for name in names]
    n_records = f"{counts['records']:,} {'record' if counts['records'] == 1 else 'records'}"
    return [f"  {files}.", f"  {n_records}: {', '.join(parts)}."]


def _names(first: Sequence[str], n: int) -> str:
    named = ", ".join(printable(path, limit=_NAME_CHARS) for path in first[:_NAMED])
    return f" ({named}{', ...' if n > _NAMED else ''})" if first else ""


def next_steps(report: RunReport) -> list[tuple[str, str]]:
    """What to do now: in a word or two, and the command or file for it."""
    folder = report.snapshot.path
    out = printable(shlex.quote(str(folder.parent.parent)), limit=MAX_NOTICE)
    steps = [("report", printable(str(folder / REPORT), limit=MAX_NOTICE))]
    steps += [("look", f'winnow sql "select path, lang, title from documents" {out}')]
    if report.counts["quarantined"]:
        steps += [("quarantine", f'winnow sql "select path, member, reason, message from quarantine" {out}')]
        steps += [("try again", f"winnow retry {out}, then run again")]
    return steps


def report_events(report: RunReport, limit: int = MAX_ON_PAGE) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a run came to as events with their facts, for a log that programs read."""
    for sentence in report.notices:
        yield "notice", {"message": sentence}
    for outcome in ("quarantine", "skipped"):
        for one in shown(report.left_out, limit, outcome):
            about = {"path": one.path, "member": one.member, "stage": one.stage, "reason": one.reason}
            yield outcome, {**about, "message": one.message, "n_records": one.n_records}
    changes = report.changes
    yield (
        "run_done",
        {
            "published": report.published,
            "snapshot": report.snapshot.name,
            "folder": str(report.snapshot.path),
            "counts": dict(report.counts),
            "files": None if changes is None else {n: getattr(changes, n) for n in ("new", "changed", "gone")},
            "seconds": dict(report.seconds),
            "cpu_seconds": {"run": report.run_cpu_seconds, "workers": report.cpu_seconds},
            "peak_mb": {"run": report.run_peak_mb, "workers": report.peak_mb},
        },
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="Winnow"><title>Winnow run report</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.path { word-break: break-all; }
</style></head><body>
<h1>Winnow run report</h1>
<p>{{ what }}</p>
{% for sentence in notices %}<p><b>{{ sentence }}</b></p>
{% endfor %}
{% if counts %}
<h2>What became of the records</h2>
<table><tr>{% for name in counts %}<th class="n">{{ name }}</th>{% endfor %}</tr>
<tr>{% for n in counts.values() %}<td class="n">{{ "{:,}".format(n) }}</td>{% endfor %}</tr></table>
{% else %}
<p><b>{{ error }}</b></p>
<p>The live snapshot is whole. Below is what was known when the run failed.</p>
<h2>Shards done</h2>
<table>{% for name, (done, n) in shards.items() %}<tr><td>{{ name }}</td><td class="n">{{ done }} of {{ n }}</td></tr>
{% else %}<tr><td>None was begun.</td></tr>{% endfor %}
</table>
{% endif %}
<h2>Seconds by stage</h2>
<table>{% for name, s in seconds.items() %}<tr><td>{{ name }}</td><td class="n">{{ "%.2f" % s }}</td></tr>{% endfor %}
</table>
<h2>Left out, by reason</h2>
{% if reasons %}
<table><tr><th>outcome</th><th>reason</th><th class="n">records</th></tr>
{% for outcome, reason, n in reasons %}
<tr><td>{{ outcome }}</td><td>{{ reason }}</td><td class="n">{{ "{:,}".format(n) }}</td></tr>
{% endfor %}
</table>
{% else %}<p>Nothing.</p>{% endif %}
{% if quarantined %}
<h2>Quarantine{% if more %} (the first {{ quarantined|length }}){% endif %}</h2>
<table><tr><th>record</th><th>stage</th><th>reason</th><th>message</th></tr>
{% for name, one in quarantined %}
<tr><td class="path">{{ name }}</td><td>{{ one.stage }}</td><td>{{ one.reason }}</td><td>{{ one.message }}</td></tr>
{% endfor %}
</table>
{% endif %}
{% if decided %}
<h2>What decided the blocks</h2>
<table><tr><th>decided by</th><th>label</th><th class="n">blocks</th></tr>
{% for by, label, n in decided %}
<tr><td>{{ by }}</td><td>{{ label }}</td><td class="n">{{ "{:,}".format(n) }}</td></tr>
{% endfor %}
</table>
{% endif %}
</body></html>
"""


@cache
def _page() -> Template:
    import jinja2  # with the page a twentieth of a second, which a run without news need not spend

    return jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)


def html_report(report: RunReport) -> str:
    """The run as one HTML page: everything escaped, no scripts allowed."""
    created = report.snapshot.manifest["created_at"][:19].replace("T", " ")
    return _page().render(
        what=f"Snapshot {report.snapshot.name}, {created} UTC.",
        counts=report.counts,
        notices=[printable(one, limit=MAX_NOTICE) for one in report.notices],
        seconds=report.seconds,
        decided=decided_by(report),
        **_left_out(report.left_out),
    )


def html_failure(failed: FailedRun) -> str:
    """What is known of a run that failed, as one HTML page of the same kind."""
    return _page().render(
        what=f"The run of {failed.started:%Y-%m-%d %H:%M:%S} UTC failed.",
        error=printable(failed.error),
        seconds=failed.seconds,
        shards=failed.shards,
        **_left_out(failed.left_out),
    )


def _left_out(left_out: pa.Table) -> dict[str, Any]:
    reasons, quarantined = by_reason(left_out), shown(left_out, MAX_ON_PAGE)
    return {
        "reasons": reasons[:MAX_ON_PAGE],
        "quarantined": [(name_of(one), one) for one in quarantined],
        "more": n_left_out(left_out, "quarantine") > len(quarantined),
    }


def decided_by(report: RunReport, limit: int = 60) -> Sequence[tuple[str, str, int]]:
    """What decided how many blocks: (decided_by, label, blocks), most first. Raises SnapshotError."""
    import duckdb  # a fifth of a second

    query = f"select decided_by, label, count(*) n from blocks group by all order by n desc, 1, 2 limit {limit:d}"
    with report.snapshot.duckdb() as connection:
        try:
            rows = connection.sql(query).fetchall()
        except duckdb.Error as error:
            raise report.snapshot.damaged(error) from None
    return [(printable(by), label, n) for by, label, n in rows]


def write_report(report: RunReport, folder: Path) -> Path:
    """Write ``report.html`` into a folder, unless something is there, and return its path. Raises OSError."""
    file = folder / REPORT
    if not os.path.lexists(file):
        write_synced(file, html_report(report))
    return file


def write_failure(failed: FailedRun, out: Path) -> Path | None:
    """Write ``failed.html`` into an output folder and return its path; None when one lies there that is not ours.

    Raises OSError.
    """
    file = out / FAILED
    if os.path.lexists(file) and not _is_ours(file):
        return None
    write_synced(file, html_failure(failed))
    return file


def drop_failure(out: Path) -> None:
    """Delete the page about an earlier run that failed; one of that name that is not ours stays. Raises OSError."""
    if _is_ours(out / FAILED):
        (out / FAILED).unlink()


def _is_ours(page: Path) -> bool:
    if not is_file(page):
        return False
    with page.open("rb") as file:
        return _GENERATOR in file.read(_HEAD)
