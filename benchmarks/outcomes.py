"""What became of each record of a corpus against the truth: outcomes, duplicates missed and wrong, charsets.

``benchmarks.end_to_end`` prints it for the mixed corpus of ``benchmarks.corpus``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.corpus import Truth
from pipeline.store.snapshots import Snapshot

Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Found:
    """Where each record is, by path and member, and which record stands for a duplicate."""

    outcomes: Mapping[Key, list[str]]
    encodings: Mapping[Key, str]
    stands_for: Mapping[Key, Key]
    reasons: Mapping[Key, str]


def found_in(snapshot: Snapshot) -> Found:
    outcomes: dict[Key, list[str]] = defaultdict(list)
    keys: dict[str, Key] = {}
    encodings, duplicates, reasons = {}, {}, {}
    for row in snapshot.table("documents", ["doc_id", "path", "member", "encoding"]).to_pylist():
        keys[row["doc_id"]] = key = (row["path"], row["member"])
        outcomes[key].append("document")
        encodings[key] = row["encoding"]
    for row in snapshot.table("duplicates", ["path", "member", "duplicate_of"]).to_pylist():
        outcomes[row["path"], row["member"]].append("duplicate")
        duplicates[row["path"], row["member"]] = row["duplicate_of"]
    for row in snapshot.table("quarantine", ["path", "member", "reason"]).to_pylist():
        outcomes[row["path"], row["member"]].append("quarantine")
        reasons[row["path"], row["member"]] = row["reason"]
    for row in snapshot.table("inputs", ["path", "n_skipped"]).to_pylist():
        if row["n_skipped"]:
            outcomes[row["path"], None].append("skipped")
    return Found(outcomes, encodings, {key: keys[doc_id] for key, doc_id in duplicates.items()}, reasons)


def add_up(snapshot: Snapshot, raw: Path, truth: Sequence[Truth], found: Found) -> list[str]:
    """What does not add up: files of the folder, records of the truth, counts of the manifest."""
    problems = []
    files = {path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()}
    inputs = set(snapshot.table("inputs", ["path"])["path"].to_pylist())
    problems += (
        [f"{len(files ^ inputs)} files of the folder are not in inputs, or the reverse"] if files ^ inputs else []
    )
    twice = [key for key, where in found.outcomes.items() if len(where) != 1]
    problems += [f"{len(twice)} records are in more than one dataset, the first: {twice[0]}"] if twice else []
    known = {(row.path, row.member) for row in truth}
    lost = known - set(found.outcomes)
    problems += [f"{len(lost)} records are nowhere, the first: {min(map(str, lost))}"] if lost else []
    made_up = set(found.outcomes) - known
    problems += [f"{len(made_up)} records were never written, the first: {min(map(str, made_up))}"] if made_up else []
    counts = snapshot.manifest["counts"]
    parts = sum(counts[name] for name in ("documents", "duplicates", "quarantined", "skipped"))
    problems += [f"the parts make {parts} records, not {counts['records']}"] if parts != counts["records"] else []
    return problems


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the records against the truth."""

    tally: Counter[str]
    missed: Counter[str]  # duplicates that are documents, by edit
    wrong: list[Key]  # records left out as duplicates of another story
    lost: Counter[str]  # documents in quarantine, by reason and form


def compare(truth: Sequence[Truth], found: Found) -> Verdict:
    """Outcomes against the truth. Of a cluster any one record may be the document; the others are duplicates."""
    clusters: dict[str, list[Key]] = defaultdict(list)
    rows = {(row.path, row.member): row for row in truth}
    tally: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for key, row in rows.items():
        outcome = found.outcomes.get(key, ["nowhere"])[0]
        if row.cluster is None:
            tally["odd"] += 1
            tally["odd right"] += outcome == row.outcome or outcome in row.also_ok
            continue
        clusters[row.cluster].append(key)
        if outcome not in ("document", "duplicate"):
            lost[f"{found.reasons.get(key, outcome)} ({row.form})"] += 1
        if key in found.encodings and row.encoding and row.encoding != "ascii":
            tally["encodings"] += 1
            tally["encodings right"] += same_charset(found.encodings[key], row.encoding)
    missed: Counter[str] = Counter()
    for keys in clusters.values():
        documents = [key for key in keys if found.outcomes.get(key) == ["document"]]
        tally["duplicates"] += len(keys) - 1
        originals_last = sorted(documents, key=lambda key: rows[key].edit is None)
        missed.update(str(rows[key].edit) for key in originals_last[: max(len(documents) - 1, 0)])
    wrong = [
        key
        for key, head in found.stands_for.items()
        if key in rows and rows[key].cluster and (head not in rows or rows[key].cluster != rows[head].cluster)
    ]
    return Verdict(tally, missed, wrong, lost)


def same_charset(a: str, b: str) -> bool:
    chinese = {"gbk", "gb2312", "gb18030"}
    return a == b or {a, b} <= chinese


def truth_table(one: Verdict) -> Table:
    table = Table("against the truth", "", "which", title="What became of the records")
    n, missed = one.tally["duplicates"], one.missed.total()
    table.add_row("duplicates found", f"{n - missed} of {n}")
    table.add_row("duplicates missed", str(missed), ", ".join(f"{k} {edit}" for edit, k in one.missed.most_common()))
    table.add_row("duplicates wrong", str(len(one.wrong)), ", ".join(path for path, _ in one.wrong[:3]))
    reasons = ", ".join(f"{k} {why}" for why, k in one.lost.most_common(6))
    table.add_row("documents left out as no document", str(one.lost.total()), reasons)
    table.add_row("hostile and odd files as expected", f"{one.tally['odd right']} of {one.tally['odd']}")
    table.add_row("charsets right", f"{one.tally['encodings right']} of {one.tally['encodings']} that are not ASCII")
    return table
