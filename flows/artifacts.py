"""What an operator sees of a run in Prefect's UI: a summary, the quarantine, what decided the blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from pipeline.report import decided_by
from pipeline.stages.outcomes import RunReport, n_left_out, name_of, shown
from pipeline.text.safety import printable

#: Of a table: rows, and characters of its cells.
MAX_ROWS, MAX_CHARS = 100, 60_000


def publish_artifacts(report: RunReport) -> None:
    """Attach the run's artifacts. Strings out of raw files go into fenced code or table cells, escaped."""
    create_markdown_artifact(_summary(report), key="winnow-summary", description="What became of the records")
    rows = [
        {
            "record": _cell(name_of(one)),
            "records": f"{one.n_records:,}",
            "stage": one.stage,
            "reason": one.reason,
            "message": _cell(one.message),
        }
        for one in shown(report.left_out, MAX_ROWS)
    ]
    if rows:
        n = n_left_out(report.left_out, "quarantine")
        create_table_artifact(_fitting(rows), key="winnow-quarantine", description=f"{n:,} in quarantine")
    decided = [
        {"decided by": _cell(by), "label": label, "blocks": f"{n:,}"} for by, label, n in decided_by(report, MAX_ROWS)
    ]
    create_table_artifact(_fitting(decided), key="winnow-decided-by", description="What decided how many blocks")


def publish_failure(message: str) -> None:
    """Attach why a run failed."""
    text = f"# The run failed\n\n{_cell(message)}\n\nThe snapshot that was live is live."
    create_markdown_artifact(text, key="winnow-failure", description="Why the run failed")


def _fitting(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The first rows of a table that together have no more than ``MAX_CHARS`` characters."""
    ends = accumulate(sum(map(len, row.values())) for row in rows)
    return [row for row, end in zip(rows, ends, strict=True) if end <= MAX_CHARS]


def _summary(report: RunReport) -> str:
    head = "published" if report.published else "nothing new: still"
    lines = [f"# Snapshot {report.snapshot.name}", "", f"{head} `{report.snapshot.path}`", ""]
    lines += [line for notice in report.notices for line in (_cell(notice), "")]
    lines += ["| outcome | records |", "| --- | ---: |"]
    lines += [f"| {name} | {n:,} |" for name, n in report.counts.items()]
    lines += ["", "| stage | seconds |", "| --- | ---: |"]
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in report.seconds.items()]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A string out of a raw file that no mark-up acts in."""
    safe = printable(text)
    for sign in "&<>|`*_[]":
        safe = safe.replace(sign, f"&#{ord(sign)};")
    return safe
