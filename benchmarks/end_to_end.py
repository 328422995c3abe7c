"""Winnow from raw files to Parquet beside the script a user would write: right counts, CPU time, memory.

    python -m benchmarks.end_to_end [--files 2000] [--peers] [--data ../shared/data/extraction]

Three corpora are made in a temporary folder (``benchmarks.corpus``): a mixed one, on which what became of every record
is compared with the truth, one of HTML pages of about 100 KB, and one of texts of 4 KB. Everything runs as a process
of its own with one worker; CPU time is that of its whole process tree, memory the largest sum of what the processes
of the tree hold (PSS, looked at ten times a second). Figures a document are given with the fixed cost of a run (one
that has two files only) and without it. ``--peers`` runs benchmarks.user_script on the same files; it takes long.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.corpus import DATA, Truth, make_corpus, read_truth
from benchmarks.memory import tree
from pipeline.store.snapshots import Snapshot, open_snapshot

TARGETS = {"html": 10.0, "text": 2.0}  # ms of CPU time a document, the fixed cost left out
SIZES = {"html": 100_000, "text": 4096}  # bytes that the targets are for
CONSOLE = Console(width=120)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took."""

    seconds: float  # wall clock
    cpu_seconds: float  # of the process and all its descendants
    peak_mb: float
    output: str


def measure(command: Sequence[str]) -> Cost:
    """Run a command to its end. Raises SystemExit with its output when it fails."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        peak = [0.0]
        done = threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, peak, done))
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        done.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped: Popen must not wait again
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({process.returncode}):\n{said[-3000:]}")
    # Not usage.ru_maxrss: across fork and exec it begins with what this process itself held.
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak[0], said)


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.1):
        peak[0] = max(peak[0], sum(map(_pss_mb, tree(pid))))


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def run_winnow(raw: Path, out: Path) -> Cost:
    return measure([sys.executable, "-m", "pipeline", "run", str(raw), str(out), "--workers", "1"])


def run_script(raw: Path, out: Path) -> Cost:
    return measure([sys.executable, "-m", "benchmarks.user_script", str(raw), str(out) + ".parquet"])


# --- what became of each record, and what should have ---


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


# --- the three corpora ---


def mixed(work: Path, *, files: int, data: Path, peers: bool) -> None:
    raw, out = work / "mixed", work / "mixed-out"
    truth = read_truth(make_corpus(raw, files=files, data=data))
    cost = run_winnow(raw, out)
    snapshot = open_snapshot(out)
    found = found_in(snapshot)
    problems = add_up(snapshot, raw, truth, found)
    CONSOLE.print("The counts add up." if not problems else "[red]THE COUNTS DO NOT ADD UP: " + "; ".join(problems))
    CONSOLE.print(truth_table(compare(truth, found)))
    n_documents = sum(row.cluster is not None for row in truth)
    size_mb = sum(file.stat().st_size for file in raw.rglob("*") if file.is_file()) / 1e6
    title = f"Mixed corpus: {files} files, {size_mb:.0f} MB, {n_documents} documents and duplicates, one worker"
    table = Table("", "CPU s", "wall s", "documents a CPU-second", "peak MB", title=title)
    table.add_row("winnow", *_mixed_figures(cost, n_documents))
    if peers:
        other = run_script(raw, out)
        table.add_row("user's script", *_mixed_figures(other, n_documents))
        ratio = other.cpu_seconds / cost.cpu_seconds
        table.add_row("winnow is", f"{ratio:.1f} x the speed", "", "", f"{cost.peak_mb / other.peak_mb:.2f} x")
        n_true = len({row.cluster for row in truth if row.cluster})
        CONSOLE.print(f"In truth there are {n_true} documents and {n_documents - n_true} duplicates of them.")
        CONSOLE.print(f"The user's script says: {other.output.strip().splitlines()[-1]}")
    CONSOLE.print(table)
    seconds = dict(snapshot.table("runs", ["seconds"])["seconds"][-1].as_py())
    CONSOLE.print("Seconds a stage (wall clock): " + "  ".join(f"{name} {s:.1f}" for name, s in seconds.items()))


def _mixed_figures(cost: Cost, n: int) -> tuple[str, ...]:
    return f"{cost.cpu_seconds:.1f}", f"{cost.seconds:.1f}", f"{n / cost.cpu_seconds:.1f}", f"{cost.peak_mb:.0f}"


@dataclass(frozen=True, slots=True)
class Rate:
    """Milliseconds of CPU time a document of the size that the target is for."""

    with_start: float
    without: float
    start_seconds: float
    peak_mb: float


def rate(work: Path, mix: str, files: int, data: Path, run: str) -> Rate:
    """Run on the corpus and on the first two of its files; the difference is free of the fixed cost."""
    runner = {"winnow": run_winnow, "script": run_script}[run]
    full, few = work / mix, work / f"{mix}-few"
    sizes = [sum(file.stat().st_size for file in raw.rglob("*") if file.is_file()) for raw in (full, few)]
    whole, start = runner(full, work / f"{mix}-{run}"), runner(few, work / f"{mix}-few-{run}")
    unit = SIZES[mix] * 1000
    rest = (whole.cpu_seconds - start.cpu_seconds) / (sizes[0] - sizes[1]) * unit
    fixed = start.cpu_seconds - rest * sizes[1] / unit
    return Rate(whole.cpu_seconds / sizes[0] * unit, rest, fixed, whole.peak_mb)


def alike(work: Path, mix: str, *, files: int, data: Path, peers: bool) -> None:
    make_corpus(work / mix, files=files, data=data, mix=mix)
    make_few(work / mix, work / f"{mix}-few")
    ours = rate(work, mix, files, data, "winnow")
    what = "a 100 KB HTML page" if mix == "html" else "a 4 KB text"
    title = f"{files} files, CPU milliseconds {what}"
    table = Table("", "without the fixed cost", "with it", "fixed cost, s", "peak MB", title=title)
    table.add_row("winnow", *_rate_figures(ours))
    if peers:
        other = rate(work, mix, files, data, "script")
        table.add_row("user's script", *_rate_figures(other))
        ratios = (
            f"{other.without / ours.without:.1f} x the speed",
            f"{other.with_start / ours.with_start:.1f} x the speed",
        )
        table.add_row("winnow is", *ratios, "", "")
    CONSOLE.print(table)
    met = "met" if ours.without <= TARGETS[mix] else "[red]MISSED[/red]"
    CONSOLE.print(f"Target of at most {TARGETS[mix]:.0f} ms {what}: {met}.\n")


def make_few(full: Path, few: Path) -> None:
    """The first two files of a corpus as a corpus of their own."""
    for file in sorted(path for path in full.rglob("*") if path.is_file())[:2]:
        target = few / file.relative_to(full)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())


def _rate_figures(one: Rate) -> tuple[str, ...]:
    return f"{one.without:.2f}", f"{one.with_start:.2f}", f"{one.start_seconds:.1f}", f"{one.peak_mb:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--files",
        type=int,
        default=2000,
        help="of the mixed corpus; the HTML corpus has a sixth of them, the text corpus as many",
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--peers", action="store_true", help="measure benchmarks.user_script too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        work = Path(folder)
        mixed(work, files=given.files, data=given.data, peers=given.peers)
        alike(work, "html", files=max(given.files // 6, 20), data=given.data, peers=given.peers)
        alike(work, "text", files=max(given.files, 100), data=given.data, peers=given.peers)


if __name__ == "__main__":
    main()
