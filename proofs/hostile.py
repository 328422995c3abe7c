"""Hostile files through a whole run, each held against what must come of it.

``python -m proofs.hostile [--data ../shared/data/hostile]``. The data: corpus.tar.gz (raw/ and secret/) and
expectations.jsonl, a case a line: the file, what it is, the outcome expected and those as good. The run is one of
``pipeline.run`` with local workers, in a process to which permissions apply (root's power over them is given up).
Files that are to change under the run's hands are changed between the scan and the reading. A duplicate fits where a
document is expected if the document it repeats has the text. Cases of the category ``scenario`` are faults of the
machine, not files, and belong to the tests.

To teach it another name for a reason, add the name to ``REASONS``; to differ with the corpus, a line to ``OTHERWISE``.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from pipeline.local import local_runner
from pipeline.progress import Lines
from pipeline.report import print_report, write_report
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.store.check import check_snapshot
from pipeline.store.snapshots import Snapshot, open_snapshot

#: A reason of ours -> what the expectations call it.
REASONS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset({name, *others.split()})
    for name, others in {
        "unsupported_type": "unsupported_format archive_unsupported unsupported_encoding unknown_extension",
        "unreadable": "permission_denied io_error",
        "not_a_regular_file": "symlink unsafe_path special_file",
        "file_changed": "file_vanished",
        "too_large": "record_too_large too_many_entries",
        "too_deep": "parse_depth_exceeded nested_archive malformed_record",
        "decompression_bomb": "too_large record_too_large entity_expansion",
        "broken_container": "corrupt_container truncated_stream malformed_record unsupported_format",
        "encrypted": "archive_unsupported corrupt_container",
        "unsafe_name": "unsafe_path",
        "broken_json": "malformed_record unsupported_format",
        "missing_text": "malformed_record no_content",
        "binary_content": "unsupported_format",
        "undecodable": "decode_error malformed_record mojibake mixed_encoding",
        "empty": "no_content too_short",
        "no_content": "quality repetition block_page too_short",
        "timeout": "",
        "out_of_memory": "",
        "parser_crash": "",
        "symbolic link": "symlink",
        "hidden": "",
    }.items()
}
#: Cases where ours is another outcome, by decision: (what is expected instead, why).
OTHERWISE: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "jl_missing_text": (
        {"records": {"processed": 2, "quarantined": 1}},
        'the row {"content": ...} has a text: several names of the field are read, not "text" alone',
    ),
    "tar_hostile": (
        {"records": {"processed": 2}},
        "an absolute name climbs out of nothing, since nothing is unpacked to disk: what is under it is read",
    ),
    "ff_bytes_1pct": (
        {"also_ok": ["quarantined:decode_error", "duplicate:contained"]},
        "nine tenths of its made-up sentences stand in zh_no_space_long too, so beside that it is a part of it",
    ),
}
CANARY: Final = "SECRETCANARY"
PASSWORD: Final = "hunter2"  # in a document's text: may stay there, and nowhere else
_SPACE = re.compile(r"\s+")
_SPARSE_BYTES = 3 << 30
_PR_CAPBSET_DROP, _CAPABILITIES = 24, (1, 2)  # prctl(2); CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@dataclass(frozen=True, slots=True)
class Found:
    """What a raw file came to."""

    outcome: str  # processed, duplicate, quarantined, skipped, mixed or missing
    reasons: frozenset[str]  # as the expectations call them
    n_processed: int
    n_quarantined: int
    texts: tuple[str, ...]
    flags: frozenset[str]
    messages: tuple[str, ...]

    def __str__(self) -> str:
        told = f": {'; '.join(self.messages[:2])}" if self.messages else ""
        return f"{self.outcome} ({self.n_processed} processed, {self.n_quarantined} quarantined){told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/hostile"))
    parser.add_argument("--record-seconds", type=int, default=10)
    parser.add_argument("--case", nargs="+", metavar="NAME", help="only these cases")
    parser.add_argument("--keep", type=Path, help="keep corpus and output in this folder, which must not exist yet")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _run_inside(options.inside, options.record_seconds)
        return
    cases = [json.loads(line) for line in (options.data / "expectations.jsonl").read_text("utf-8").splitlines()]
    cases = [one for one in cases if one["category"] != "scenario" and one["name"] in (options.case or [one["name"]])]
    cases = [{**one, "expected": one["expected"] | OTHERWISE.get(one["name"], ({}, ""))[0]} for one in cases]
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as scratch:
        work = (options.keep or Path(scratch, "work")).absolute()
        _unpack(options.data / "corpus.tar.gz", work, cases)
        if options.case:
            _leave_only({work / "raw" / case["path"] for case in cases}, work / "raw")
        log = _run_apart(work, options.record_seconds)
        print_table(cases, work, log)


def _unpack(corpus: Path, work: Path, cases: Sequence[Mapping[str, Any]]) -> None:
    """Lay out the corpus; what an archive cannot hold is made here."""
    work.mkdir(parents=True)
    with tarfile.open(corpus) as archive:
        archive.extractall(work, filter="fully_trusted")
    for folder in (work / "hostile").iterdir():
        folder.rename(work / folder.name)
    (work / "hostile").rmdir()
    for case in cases:
        if case.get("on_the_fly"):
            with (work / "raw" / case["path"]).open("wb") as file:
                file.write(b"One text that has no end. ")
                file.truncate(_SPARSE_BYTES)
        if str(case.get("action", "")).startswith("utime:"):
            stamp = int(case["action"].removeprefix("utime:"))
            os.utime(work / "raw" / case["path"], (stamp, stamp))


def _leave_only(wanted: Collection[Path], folder: Path) -> None:
    for path in [*folder.rglob("*")]:
        if path not in wanted and (path.is_symlink() or not path.is_dir()):
            path.unlink()


def _run_apart(work: Path, record_seconds: int) -> str:
    """Run the pipeline in a process of its own, to which permissions apply; return all that it printed."""
    command = [sys.executable, "-m", "proofs.hostile", "--inside", str(work)]
    command += ["--record-seconds", str(record_seconds)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", preexec_fn=obey_permissions)
    log = done.stdout + done.stderr
    if done.returncode:
        sys.exit(f"The run failed with {done.returncode}:\n{log[-5000:]}")
    return log


def obey_permissions() -> None:
    """Give up root's power over permissions for good, the next program's included (capabilities(7))."""
    if os.geteuid() == 0:
        for capability in _CAPABILITIES:
            if ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "root's power over permissions cannot be given up")


def _run_inside(work: Path, record_seconds: int) -> None:
    """The run itself, as the command line does it; what it cost goes into facts.json."""
    console = Console(width=200)
    settings = Settings(workers=2, record_seconds=record_seconds)
    start = time.perf_counter()
    with local_runner(settings.n_workers, Lines(console.print)) as (runner, on_stage):

        def begin(stage: str) -> None:
            if stage == "clean":
                _meddle(work / "raw" / "filesystem")
            on_stage(stage)

        report = run(work / "raw", work / "out", settings=settings, runner=runner, on_stage=begin)
    seconds = time.perf_counter() - start
    write_report(report, report.snapshot.path)
    print_report(report, console)
    facts = {
        "seconds": round(seconds, 1),
        "cpu_seconds_of_children": round(report.cpu_seconds, 1),
        "peak_mb_of_a_child": round(report.peak_mb),
        "peak_mb_of_the_parent": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "invariants": check_snapshot(report.snapshot),
    }
    (work / "facts.json").write_text(json.dumps(facts))


def _meddle(folder: Path) -> None:
    """Change three files, if they are here, after the scan has hashed them."""
    if not (folder / "changed_mid_read.txt").exists():
        return
    with (folder / "changed_mid_read.txt").open("ab") as file:
        file.write(b"more text " * 100_000)
    os.truncate(folder / "truncated_mid_read.txt", 10)
    other = folder / "replaced_mid_run.new"
    other.write_bytes(b"Other content. " * 100)
    other.replace(folder / "replaced_mid_run.txt")


def print_table(cases: Sequence[Mapping[str, Any]], work: Path, log: str) -> None:
    snapshot = open_snapshot(work / "out")
    found = _outcomes(snapshot)
    misfits = [
        (case, why, found.get(case["path"])) for case in cases if (why := _misfit(case, found.get(case["path"])))
    ]
    n_cases = Counter(case["category"] for case in cases)
    n_bad = Counter(case["category"] for case, _, _ in misfits)
    for category, n in [*n_cases.items(), ("all", len(cases))]:
        n_fit = n - (n_bad[category] if category != "all" else len(misfits))
        print(f"{category:<12} {n_fit:>4} of {n}")
    print((work / "facts.json").read_text())
    for name in sorted({case["name"] for case in cases} & set(OTHERWISE)):
        print(f"{name} is held against an outcome the corpus does not have: {OTHERWISE[name][1]}")
    for leak in _leaks(snapshot, log, work):
        print(f"LEAK {leak}")
    for case, why, got in misfits:
        wanted = case["expected"]
        also = f", as good: {', '.join(wanted['also_ok'])}" if wanted.get("also_ok") else ""
        expected = f"{wanted['outcome']}{':' + wanted['reason'] if wanted.get('reason') else ''}{also}"
        print(f"{case['category']}/{case['name']}: {why}\n    expected {expected}\n    got {got}")


def _outcomes(snapshot: Snapshot) -> dict[str, Found]:
    """What came of each raw file, by its path."""
    rows = {name: _by_path(snapshot, name) for name in ("documents", "duplicates", "quarantine")}
    texts = {row["doc_id"]: row["text"] for found in rows["documents"].values() for row in found}
    return {
        row["path"]: _found(row, {name: found.get(row["path"], []) for name, found in rows.items()}, texts)
        for row in snapshot.table("inputs").to_pylist()
    }


def _by_path(snapshot: Snapshot, dataset: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in snapshot.table(dataset).to_pylist():
        found.setdefault(row["path"], []).append(row)
    return found


def _found(row: Mapping[str, Any], rows: Mapping[str, Sequence[Mapping[str, Any]]], texts: Mapping[str, str]) -> Found:
    documents, duplicates, quarantine = (rows[name] for name in ("documents", "duplicates", "quarantine"))
    n_processed = len(documents) + len(duplicates)
    reasons = {name for one in quarantine for name in REASONS[one["reason"]]}
    if n_processed and quarantine:
        outcome = "mixed"
    elif documents:
        outcome = "processed"
    elif duplicates:
        outcome, reasons = "duplicate", {one["method"] for one in duplicates}
    elif quarantine:
        outcome = "quarantined"
    else:
        outcome, reasons = "skipped", set(REASONS.get(row["reason"], {str(row["reason"]), "unknown_extension"}))
    shown = [one["text"] for one in documents] + [texts[one["duplicate_of"]] for one in duplicates[:50]]
    return Found(
        outcome=outcome,
        reasons=frozenset(reasons),
        n_processed=n_processed,
        n_quarantined=len(quarantine),
        texts=tuple(map(bare, shown[:200])),
        flags=frozenset(flag for one in documents for flag in [*one["flags"], *one["repairs"]]),
        messages=tuple(f"{one['reason']}: {one['message']}" for one in quarantine)
        or ((row["reason"],) if row["reason"] else ()),
    )


def bare(text: str) -> str:
    """The text in NFC, without white space."""
    return _SPACE.sub("", unicodedata.normalize("NFC", text))


def _misfit(case: Mapping[str, Any], found: Found | None) -> str:
    """What is wrong with what was found, "" when nothing."""
    wanted = case["expected"]
    if found is None:
        return "the file is in no dataset"
    fits_first = found.outcome == wanted["outcome"] and _reason_fits(found, wanted.get("reason"))
    others = [other.partition(":") for other in wanted.get("also_ok", ())]
    if found.outcome == "duplicate" and wanted["outcome"] == "processed" and wanted.get("contains"):
        others.append(("duplicate", "", ""))
    if not fits_first and not any(found.outcome == name and _reason_fits(found, reason) for name, _, reason in others):
        return "another outcome"
    return "; ".join(_faults(wanted, found, fits_first))


def _reason_fits(found: Found, reason: str | None) -> bool:
    return not reason or found.outcome in {"processed", "duplicate"} or reason in found.reasons


def _faults(wanted: Mapping[str, Any], found: Found, fits_first: bool) -> Iterator[str]:
    records = wanted.get("records", {})
    for name, n in (("processed", found.n_processed), ("quarantined", found.n_quarantined)):
        if fits_first and records.get(name, n) != n:
            yield f"{n} records {name}, not {records[name]}"
    if any(one in text for one in map(bare, wanted.get("absent", ())) if one for text in found.texts):
        yield "the text has what it must not have"
    if found.n_processed:
        missing = [one for one in wanted.get("contains", ()) if not any(bare(one) in text for text in found.texts)]
        if missing:
            yield f"the text lacks {missing[0]!r}"
        unflagged = set(wanted.get("flags", ())) - found.flags
        if unflagged and found.outcome != "duplicate":  # duplicates have no flags
            yield f"not flagged {', '.join(sorted(unflagged))}"


def _leaks(snapshot: Snapshot, log: str, work: Path) -> Iterator[str]:
    """Where a secret got to: no dataset, report or log may hold the canary, and no log a password out of a text."""
    shown = {"log": log, "report.html": (snapshot.path / "report.html").read_text("utf-8")}
    for name, text in shown.items():
        if CANARY in text or PASSWORD in text or "\x1b]0;" in text:
            yield name
    for dataset in ("documents", "sections", "blocks", "quarantine", "inputs"):
        if any(CANARY in value for value in _strings(snapshot.table(dataset).to_pylist())):
            yield dataset
    written = {"raw", "secret", "out", "facts.json"}
    if strange := {one.name for one in work.iterdir()} - written:
        yield f"written outside the output folder: {sorted(strange)}"


def _strings(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        for value in row.values():
            yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


if __name__ == "__main__":
    main()
