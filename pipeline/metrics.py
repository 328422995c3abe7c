"""What a snapshot holds and what the last run took, for Prometheus: its text format, version 0.0.4.

``metrics_text`` makes the text and knows no file. A run writes it as ``metrics.prom`` beside the report, anew when
nothing is new; ``winnow metrics`` prints it. A new figure is a line in ``_families``.
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import WinnowError, version
from pipeline.stages.outcomes import RunReport
from pipeline.store.files import write_synced, write_text
from pipeline.store.layout import LAST_RUN
from pipeline.store.snapshots import Snapshot
from pipeline.text.safety import printable

METRICS = "metrics.prom"
#: Reasons of what was skipped that have a line of their own, the most frequent: raw files choose their suffixes.
MAX_REASONS = 50
REST = "other reasons"
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the last run took that ended well, whether it published or found nothing new."""

    started: float  # seconds since 1970, UTC
    ended: float
    published: bool
    stages: Mapping[str, float]  # wall-clock seconds by stage
    files: Mapping[str, int]  # raw files that were new, changed and gone; empty where that is not known
    worker_cpu_seconds: float  # of all child processes
    worker_peak_bytes: float  # of the largest
    run_cpu_seconds: float  # of the process that ran all
    run_peak_bytes: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to say of an output folder."""

    snapshot: str
    created: float  # seconds since 1970, UTC
    schema: str
    files: int
    documents: int
    duplicates: int
    quarantined: Mapping[str, int]  # records by reason
    skipped: Mapping[str, int]  # records by reason
    last_run: LastRun | None  # None where nothing is known of it


#: A metric: name, help, and its samples: labels and a value.
_Family = tuple[str, str, list[tuple[Mapping[str, str], float]]]


def metrics_text(facts: Facts, *, now: float) -> str:
    """The facts as Prometheus text; ``now`` is in seconds since 1970, UTC. Whatever the labels hold, the text is valid."""
    lines = []
    for name, about, samples in _families(facts, now):
        lines += [f"# HELP {name} {_escaped(about)}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _families(facts: Facts, now: float) -> Iterator[_Family]:
    def one(name: str, about: str, value: float) -> _Family:
        return f"winnow_{name}", about, [({}, value)]

    def by(name: str, label: str, about: str, values: Mapping[str, float]) -> _Family:
        return f"winnow_{name}", about, [({label: key}, value) for key, value in values.items()]

    about = {"version": version(), "schema": facts.schema, "snapshot": facts.snapshot}
    yield "winnow_snapshot_info", "The live snapshot, and what wrote these lines.", [(about, 1)]
    yield one("snapshot_created_timestamp_seconds", "When the run began that published it.", facts.created)
    age = "Its age as these lines are written. In rules, use time() - winnow_snapshot_created_timestamp_seconds."
    yield one("snapshot_age_seconds", age, max(now - facts.created, 0))
    yield one("raw_files", "Raw files that it was made from.", facts.files)
    yield one("documents", "Documents in it.", facts.documents)
    yield one("duplicates", "Documents left out as duplicates.", facts.duplicates)
    yield by("quarantined_records", "reason", "Records in quarantine.", facts.quarantined)
    yield by("skipped_records", "reason", "Records that are no documents by their type.", facts.skipped)
    if (run := facts.last_run) is None:
        return
    yield one("last_run_start_timestamp_seconds", "When the last run began that ended well.", run.started)
    yield one("last_run_end_timestamp_seconds", "When it ended.", run.ended)
    yield one("last_run_published", "1 if it published a snapshot, 0 if nothing was new.", run.published)
    yield by("last_run_stage_seconds", "stage", "Wall-clock time of each stage.", run.stages)
    yield by("last_run_files", "change", "Raw files that were new, changed or gone.", run.files)
    cpu = {"run": run.run_cpu_seconds, "workers": run.worker_cpu_seconds}
    peak = {"run": run.run_peak_bytes, "workers": run.worker_peak_bytes}
    yield by("last_run_cpu_seconds", "process", "CPU time of the run's own process and of all workers.", cpu)
    yield by("last_run_peak_memory_bytes", "process", "Peak memory of the run's own process, largest worker.", peak)


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value, quote=True)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str, *, quote: bool = False) -> str:
    r"""A label value or help text: ``\``, line feeds and, in values, ``"`` are escaped; nothing a terminal acts on.

    >>> print(_escaped('a"b\\c\nd', quote=True))
    a\"b\\c\nd
    """
    parts = (printable(part, limit=1000) for part in text.split("\n"))
    escaped = "\n".join(parts).replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quote else escaped


def _number(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


# What is known of an output folder.


def facts_of(snapshot: Snapshot, last_run: LastRun | None) -> Facts:
    """What there is to say of a snapshot and the last run. Raises SnapshotError."""
    counts: Mapping[str, int] = snapshot.manifest.get("counts", {})
    created = snapshot.manifest.get("created_at")
    return Facts(
        snapshot=snapshot.name,
        created=datetime.fromisoformat(created).timestamp() if created else math.nan,
        schema=str(snapshot.manifest.get("schema_version")),
        files=counts.get("files", 0),
        documents=counts.get("documents", 0),
        duplicates=counts.get("duplicates", 0),
        quarantined=_by_reason(snapshot.table("quarantine", ["reason", "n_records"])),
        skipped=_by_reason(_skipped(snapshot)),
        last_run=last_run,
    )


def _skipped(snapshot: Snapshot) -> pa.Table:
    """What was skipped: reason, without what follows a colon of it, and n_records."""
    lists = snapshot.table("inputs", ["skipped"])["skipped"]
    one = pc.list_flatten(lists).combine_chunks()
    reasons = pc.replace_substring_regex(one.field("reason"), ":.*", "")
    return pa.table({"reason": reasons, "n_records": one.field("n_records")})


def _by_reason(rows: pa.Table) -> dict[str, int]:
    """How many records there are by reason, most first."""
    found = rows.group_by("reason").aggregate([("n_records", "sum")])
    found = found.sort_by([("n_records_sum", "descending"), ("reason", "ascending")])
    pairs = list(zip(found["reason"].to_pylist(), found["n_records_sum"].to_pylist(), strict=True))
    rest = sum(n for _, n in pairs[MAX_REASONS:])
    return dict(pairs[:MAX_REASONS]) | ({REST: rest} if rest else {})


def keep_metrics(report: RunReport, out: Path) -> str:
    """Note what a run took, and write ``metrics.prom`` into its snapshot; what to tell people when that fails, or ""."""
    run = _last_run(report)
    try:
        write_text(json.dumps(asdict(run)), out / LAST_RUN)
        write_synced(report.snapshot.path / METRICS, metrics_text(facts_of(report.snapshot, run), now=run.ended))
    except (WinnowError, OSError) as error:
        return f"{METRICS} could not be written: {printable(str(error))}"
    return ""


def _last_run(report: RunReport) -> LastRun:
    changes, started = report.changes, report.started.timestamp() if report.started else math.nan
    return LastRun(
        started=started,
        ended=started + sum(report.seconds.values()),
        published=report.published,
        stages=dict(report.seconds),
        files={"new": changes.new, "changed": changes.changed, "gone": changes.gone} if changes else {},
        worker_cpu_seconds=report.cpu_seconds,
        worker_peak_bytes=report.peak_mb * _MB,
        run_cpu_seconds=report.run_cpu_seconds,
        run_peak_bytes=report.run_peak_mb * _MB,
    )


def last_run(out: Path) -> LastRun | None:
    """What the last run that ended well took; None where the state does not tell."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found: dict[str, Any] = json.loads((out / LAST_RUN).read_text("utf-8"))
        return LastRun(**{name: found[name] for name in LastRun.__dataclass_fields__})
    return None
