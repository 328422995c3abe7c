"""What a run came to, for people: in the terminal, as ``report.html``, and as ``failed.html`` when it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.outcomes import FailedRun, LeftOut, RunReport, name_of
from pipeline.text_safety import printable

MAX_SHOWN, MAX_ON_PAGE = 20, 200  # quarantined records in the terminal, on a page
#: The page about a run that failed, in the output folder until the next run begins.
FAILED = "failed.html"


def print_report(report: RunReport, console: Console) -> None:
    """Print counts, seconds, one line a quarantined record and where the snapshot lies."""
    quarantined = [one for one in report.left_out if one.outcome == "quarantine"]
    for one in quarantined[:MAX_SHOWN]:
        console.print(Text(f"quarantine: {name_of(one)}: {one.reason}: {printable(one.message)}", style="yellow"))
    if len(quarantined) > MAX_SHOWN:
        console.print(f"... and {len(quarantined) - MAX_SHOWN} more in the quarantine dataset")
    console.print(_counts_table(report))
    what = "published" if report.published else "nothing new, still"
    where = printable(str(report.snapshot.path), limit=4096)
    console.print(Text(f"{what} snapshot {report.snapshot.name} in {where}"))


def _counts_table(report: RunReport) -> Table:
    table = Table(box=None, show_edge=False, padding=(0, 2, 0, 0))
    names = ("files", "records", "documents", "duplicates", "quarantined", "skipped")
    for name in names:
        table.add_column(name, justify="right")
    table.add_row(*(f"{report.counts[name]:,}" for name in names))
    return table


_ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)

_PAGE = _ENVIRONMENT.from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Winnow run report</title>
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
{% for (outcome, reason), n in reasons %}
<tr><td>{{ outcome }}</td><td>{{ reason }}</td><td class="n">{{ n }}</td></tr>
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
""")


def html_report(report: RunReport) -> str:
    """The run as one HTML page: everything escaped, no scripts allowed."""
    created = report.snapshot.manifest["created_at"][:19].replace("T", " ")
    return _PAGE.render(
        what=f"Snapshot {report.snapshot.name}, {created} UTC.",
        counts=report.counts,
        seconds=report.seconds,
        decided=decided_by(report),
        **_left_out(report.left_out),
    )


def html_failure(failed: FailedRun) -> str:
    """What is known of a run that failed, as one HTML page of the same kind."""
    return _PAGE.render(
        what=f"The run of {failed.started:%Y-%m-%d %H:%M:%S} UTC failed.",
        error=printable(failed.error),
        seconds=failed.seconds,
        shards=failed.shards,
        **_left_out(failed.left_out),
    )


def _left_out(left_out: Sequence[LeftOut]) -> dict[str, Any]:
    quarantined = [one for one in left_out if one.outcome == "quarantine"]
    return {
        "reasons": Counter((one.outcome, one.reason) for one in left_out).most_common(),
        "quarantined": [(name_of(one), one) for one in quarantined[:MAX_ON_PAGE]],
        "more": len(quarantined) > MAX_ON_PAGE,
    }


def decided_by(report: RunReport, limit: int = 60) -> Sequence[tuple[str, str, int]]:
    """What decided how many blocks: (decided_by, label, blocks), most first."""
    query = f"select decided_by, label, count(*) n from blocks group by all order by n desc, 1, 2 limit {limit:d}"
    with report.snapshot.duckdb() as connection:
        return connection.sql(query).fetchall()


def write_report(report: RunReport, folder: Path) -> Path:
    """Write ``report.html`` into a folder and return its path."""
    file = folder / "report.html"
    file.write_text(html_report(report), "utf-8")
    return file


def write_failure(failed: FailedRun, out: Path) -> Path:
    """Write ``failed.html`` into an output folder and return its path. Raises OSError."""
    file = out / FAILED
    file.write_text(html_failure(failed), "utf-8")
    return file
