"""What an operator sees of a run in Prefect's UI: a summary, the quarantine, what decided the blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from pipeline.drift import Drift
from pipeline.report import decided_by
from pipeline.stages.outcomes import RunReport, n_left_out, name_of, shown
from pipeline.store.fingerprint import fingerprint
from pipeline.store.snapshots import Snapshot
from pipeline.text.safety import printable

#: Of a table: rows, and characters of its cells.
MAX_ROWS, MAX_CHARS = 100, 60_000


def publish_artifacts(
    report: RunReport, out: Path, jumps: Sequence[Drift] = (), before: Snapshot | None = None
) -> None:
    """Attach the run's artifacts, those of its output folder, beside the snapshot ``before``.

    Strings out of raw files act in none.
    """
    key = key_of(out)
    create_markdown_artifact(_summary(report, before), key=key("summary"), description="What became of the records")
    for outcome, what in (("quarantine", "in quarantine"), ("skipped", "skipped")):
        rows = [
            {
                "record": _text(name_of(one)),
                "records": f"{one.n_records:,}",
                "stage": one.stage,
                "reason": one.reason,
                "message": _text(one.message),
            }
            for one in shown(report.left_out, MAX_ROWS, outcome)
        ]
        said = f"{n_left_out(report.left_out, outcome):,} {what}"
        empty = [{"record": "none", "records": "0", "stage": "", "reason": "", "message": ""}]
        create_table_artifact(_fitting(rows) or empty, key=key(outcome), description=said)
    jumped = [
        {"site or rule": _text(one.subject), "what": one.what, "before": one.before, "after": one.after}
        for one in jumps
    ]
    none = [{"site or rule": "none", "what": "", "before": "", "after": ""}]
    said = f"{len(jumped)} jumps since the last snapshot" if report.published else "nothing new"
    create_table_artifact(_fitting(jumped) or none, key=key("drift"), description=said)
    decided = [
        {"decided by": _text(by), "label": label, "blocks": f"{n:,}"} for by, label, n in decided_by(report, MAX_ROWS)
    ]
    create_table_artifact(_fitting(decided), key=key("decided-by"), description="What decided how many blocks")


def publish_failure(message: str, out: str) -> None:
    """Attach why a run failed."""
    text = f"# The run failed\n\n{_cell(message)}\n\nThe snapshot that was live is live."
    create_markdown_artifact(text, key=key_of(Path(out))("failure"), description="Why the run failed")


def key_of(out: Path) -> Callable[[str], str]:
    """What names the artifacts of an output folder: its name, and what tells it from another of that name."""
    name = re.sub(r"[^a-z0-9]+", "-", out.name.lower()).strip("-")[:40]
    which = f"{name}-{fingerprint(str(out.absolute()))[:6]}".strip("-")
    return lambda what: f"winnow-{what}-{which}"


def _fitting(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The first rows of a table that together have no more than ``MAX_CHARS`` characters."""
    ends = accumulate(sum(map(len, row.values())) for row in rows)
    return [row for row, end in zip(rows, ends, strict=True) if end <= MAX_CHARS]


def _summary(report: RunReport, before: Snapshot | None) -> str:
    head = "published" if report.published else "nothing new: still"
    lines = [f"# Snapshot {report.snapshot.name}", "", f"{head} `{report.snapshot.path}`", ""]
    lines += [line for notice in report.notices for line in (_cell(notice), "")]
    if before is None:
        lines += ["| outcome | records |", "| --- | ---: |"]
        lines += [f"| {name} | {n:,} |" for name, n in report.counts.items()]
    else:
        counts = {
            **dict.fromkeys(report.counts, 0),
            **before.manifest["counts"],
        }  # of an older version, with other names
        lines += [f"| outcome | records | in {before.name} | more |", "| --- | ---: | ---: | ---: |"]
        lines += [f"| {name} | {n:,} | {counts[name]:,} | {n - counts[name]:+,} |" for name, n in report.counts.items()]
    lines += ["", "| stage | seconds |", "| --- | ---: |"]
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in report.seconds.items()]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A string out of a raw file in Markdown, in which it acts as nothing."""
    safe = printable(text)
    for sign in "&<>|`*_[]":
        safe = safe.replace(sign, f"&#{ord(sign)};")
    return safe


def _text(text: str) -> str:
    """A string out of a raw file as a cell of a table, which the UI reads as Markdown without entities."""
    return re.sub(r"([\\`*_\[\]<>~])", r"\\\1", printable(text))
