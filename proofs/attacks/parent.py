"""What one file can cost the process that runs the rest: its memory, its log, its report, its state.

Each attack is a small file (or a site of many alike) that holds as much as fits of one thing. The command's own process
may take ``MORE_MB`` more than it does for one good file; what it prints, its report and the notes of its children are
held to bounds of their own, and every record is still counted.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from pipeline.store.layout import LEARNED
from pipeline.store.snapshots import open_snapshot
from proofs.attacks.kit import Attack, Ground, story

#: What the parent may take beyond a run on one good file, megabytes.
MORE_MB = 60
#: Characters that a command may print, bytes of its report, of a child's journal.
MOST_SAID, MOST_REPORT, MOST_JOURNAL = 20_000, 300_000, 600_000
#: Rows of quarantine that a file of one sort of bad records has at most.
MOST_ROWS = 110


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took and said."""

    code: int
    parent_mb: float  # most that its own process had in memory
    journal: int  # bytes of the longest journal of a child
    said: str


def measured(*words: str | Path, cwd: Path, watch: Path | None = None) -> Cost:
    """Run ``winnow WORDS`` as a user does and look at its process until it ends."""
    command = [str(Path(sys.executable).with_name("winnow")), *map(str, words)]
    done, seen = threading.Event(), {"mb": 0.0, "journal": 0}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        watcher = threading.Thread(target=_watch, args=(process.pid, watch, done, seen))
        watcher.start()
        code = process.wait()
        done.set()
        watcher.join()
        said.seek(0)
        return Cost(code, seen["mb"], int(seen["journal"]), said.read().decode("utf-8", "replace"))


def _watch(pid: int, folder: Path | None, done: threading.Event, seen: dict[str, float]) -> None:
    while not done.wait(0.1):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            seen["mb"] = max(
                [seen["mb"], *(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))]
            )
        with contextlib.suppress(OSError):  # folders come and go while they are looked through
            for file in folder.glob(".state/*/*.tmp/journal-*") if folder else ():
                seen["journal"] = max(seen["journal"], file.stat().st_size)


@cache
def plain_mb() -> float:
    """What the parent takes for one good file."""
    with tempfile.TemporaryDirectory(prefix="winnow-attack-") as folder:
        (Path(folder) / "raw").mkdir()
        (Path(folder) / "raw" / "a.txt").write_text(story(1), "utf-8")
        return measured("run", "raw", "out", "--workers", "1", cwd=Path(folder)).parent_mb


def run_on(files: Mapping[str, bytes], ground: Ground, *, counts: Mapping[str, int]) -> str:
    """Run over these files and one good one, twice; what broke of the bounds and of the counts."""
    raw, out = ground.folder / "raw", ground.folder / "out"
    raw.mkdir()
    (raw / "good.txt").write_text(story(1), "utf-8")
    for name, content in files.items():
        (raw / name).write_bytes(content)
    for again in (False, True):
        cost = measured("run", "raw", "out", "--workers", "1", cwd=ground.folder, watch=out)
        if problem := _over(cost) or _wrong(out, counts, n_files=len(files)):
            return f"{'the run after it: ' if again else ''}{problem}"
    return ""


def _over(cost: Cost) -> str:
    if cost.code or "Traceback" in cost.said:
        return f"exit code {cost.code}: {cost.said[-500:]}"
    if cost.parent_mb > plain_mb() + MORE_MB:
        return f"the parent took {cost.parent_mb:.0f} MB, {cost.parent_mb - plain_mb():.0f} more than for one file"
    if cost.journal > MOST_JOURNAL:
        return f"a journal of {cost.journal:,} bytes"
    if len(cost.said) > MOST_SAID or "\x1b[2J" in cost.said:
        return f"it printed {len(cost.said):,} characters"
    return ""


def _wrong(out: Path, counts: Mapping[str, int], *, n_files: int) -> str:
    snapshot = open_snapshot(out)
    found = {name: snapshot.manifest["counts"][name] for name in counts}
    if found != dict(counts):
        return f"counts {found} instead of {dict(counts)}"
    rows = snapshot.table("quarantine", ["n_records"])["n_records"].to_pylist()
    if sum(rows) != snapshot.manifest["counts"]["quarantined"] or len(rows) > MOST_ROWS * n_files:
        return f"{len(rows):,} rows of quarantine stand for {sum(rows):,} records"
    skipped = [one for row in snapshot.table("inputs", ["skipped"])["skipped"].to_pylist() for one in row]
    if len(skipped) > MOST_ROWS * n_files or sum(one["n_records"] for one in skipped) != found.get("skipped", 0):
        return f"{len(skipped):,} names of what was skipped"
    report = (snapshot.path / "report.html").stat().st_size
    return f"a report of {report:,} bytes" if report > MOST_REPORT else ""


def bad_lines(ground: Ground, *, n_files: int, n_lines: int) -> str:
    """A gzip of some hundred bytes unfolds to lines that are all bad."""
    content = gzip.compress("坏\n".encode() * n_lines, 9)
    files = {f"x{number}.jsonl.gz": content for number in range(n_files)}
    return run_on(files, ground, counts={"documents": 1, "quarantined": n_files * n_lines})


def explain_bad_lines(ground: Ground) -> str:
    """The same, shown by ``winnow explain``."""
    (ground.folder / "x.jsonl.gz").write_bytes(gzip.compress(b"x\n" * 60_000, 9))
    cost = measured("explain", "x.jsonl.gz", cwd=ground.folder)
    if problem := _over(cost):
        return problem
    return "" if "59,980 more records" in cost.said else f"it does not say how many there are: {cost.said[-300:]}"


def hidden_members(ground: Ground, *, n: int, name: str) -> str:
    """An archive of members that are passed over, whose names are as long as names can be."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(n):
            archive.writestr(f"{number}/.{name}", "")
    return run_on({"x.zip": packed.getvalue()}, ground, counts={"documents": 1, "skipped": n})


def nothing_but_menus(ground: Ground) -> str:
    """Records that are read and turn out to hold no content."""
    lines = [
        json.dumps({"html": f"<ul class=nav><li><a href=/{n}>Home</a><li><a href=/>首页</a></ul>"}) for n in range(3000)
    ]
    content = gzip.compress("\n".join(lines).encode())
    return run_on({"x.jsonl.gz": content}, ground, counts={"documents": 1, "quarantined": 3000})


def a_site_a_record(ground: Ground) -> str:
    """A file whose every record names another site, some by a host of a million characters."""
    hosts = [f"s{n}.example{n}.org" for n in range(3000)] + ["a" * 1_000_000 + f"{n}.cn" for n in range(30)]
    lines = [json.dumps({"text": story(n), "url": f"https://{host}/x"}) for n, host in enumerate(hosts, 2)]
    content = gzip.compress("\n".join(lines).encode())
    if problem := run_on({"x.jsonl.gz": content}, ground, counts={"quarantined": 0, "skipped": 0}):
        return problem
    state = ground.folder / "out" / ".state"
    notes = [*state.glob("packs/*/pack.json"), ground.folder / "out" / LEARNED]
    longest = max(file.stat().st_size for file in notes)
    return f"a note of {longest:,} bytes in the state" if longest > 100_000 else ""


#: Prints the bytes that finding duplicates among N pages takes beyond what is there before, and how many it finds.
_PAGES = """
import random, sys
from pathlib import Path
from pipeline.dedup.clusters import find_duplicates, make_index
from pipeline.dedup.signature import sign
n, rng = int(sys.argv[1]), random.Random(1)
letters = "碳市场交易配额排放企业核查报告登记结算价格气候政策能源转型绿色发展目标行动方案规则试点监管数据质量"
base = "".join(rng.choice(letters) for _ in range(200))
pages = ("".join(rng.choice(letters) if rng.random() < .03 else c for c in base) for _ in range(n))
signatures = [sign(page) for page in pages]
index = make_index([f"{at:032d}" for at in range(n)], signatures)
def mb(name):
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(name))
Path("/proc/self/clear_refs").write_text("5")
before = mb("VmRSS")
found = find_duplicates(index, lambda rows: [signatures[row].shingles for row in rows])
print((mb("VmHWM") - before) * 1024, len(found))
"""


def one_page_over_and_over(ground: Ground, *, n: int, most: int) -> str:
    """A site whose pages differ in a few characters: memory a page, and all but one are found."""
    done = subprocess.run(
        [sys.executable, "-c", _PAGES, str(n)],
        cwd=ground.folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.stderr[-500:]
    used, found = map(int, done.stdout.split())
    if found < n - 2:
        return f"{found:,} of {n:,} pages are duplicates"
    return f"{used / n:,.0f} bytes a page" if used / n > most else ""


ATTACKS: Sequence[Attack] = (
    Attack("parent", "a gzip of 60,000 bad lines", partial(bad_lines, n_files=1, n_lines=60_000)),
    Attack("parent", "four gzips of 400,000 bad lines", partial(bad_lines, n_files=4, n_lines=400_000), quick=False),
    Attack("parent", "explain a gzip of 60,000 bad lines", explain_bad_lines, quick=False),
    Attack("parent", "10,000 hidden members", partial(hidden_members, n=10_000, name="隐藏"), quick=False),
    Attack(
        "parent", "names of 20,000 characters", partial(hidden_members, n=500, name="\x1b[2J长" * 5000), quick=False
    ),
    Attack("parent", "3,000 records without content", nothing_but_menus, quick=False),
    Attack("parent", "another site in each record", a_site_a_record, quick=False),
    Attack(
        "parent", "4,000 pages that are nearly one", partial(one_page_over_and_over, n=4000, most=10_000), quick=False
    ),
    Attack(
        "parent", "20,000 pages that are nearly one", partial(one_page_over_and_over, n=20_000, most=7000), quick=False
    ),
)
