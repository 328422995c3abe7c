"""Damage: bits flipped anywhere in an output folder, files cut short, emptied, deleted and swapped.

Whatever is damaged is made anew or refused with the file's name: what is published has the rows of an undamaged run,
down to when each was seen first; nothing ends in a traceback; and the run after that is well, the state proven.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from click.testing import CliRunner

from pipeline.cli import winnow
from pipeline.errors import WinnowError
from pipeline.local import local_runner
from pipeline.report import write_report
from pipeline.run import Runner, run
from pipeline.schema import DATASETS
from pipeline.settings import Settings
from pipeline.stages.outcomes import RunReport
from pipeline.store.check import check_folder, check_snapshot, check_state, intact
from pipeline.store.snapshots import Snapshot, open_snapshot
from proofs.attacks.kit import Attack, Ground, story

SETTINGS = Settings(workers=1, shard_files=8, template_documents=2)
#: Files whose damage changes no row and need not be noticed: pages for people, the lock, flags that are there or not.
UNNOTICED = (
    *("report.html", "metrics.prom", "last_run.json"),
    *(".lock", "_published", "_once_live", ".winnow", "failed.html"),
)

Damage = Callable[[Path, random.Random], list[str]]  # does it to an output folder; the places of the files there


@dataclass(frozen=True, slots=True)
class Field:
    """An output folder as two runs left it, raw folders before and after a change, and what must come of both."""

    folder: Path
    runner: Runner
    on_stage: Callable[[str], None]
    expected: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # rows by raw folder

    @property
    def base(self) -> Path:
        """The output folder to damage copies of."""
        return self.folder / "base"

    def do(self, raw: str, out: Path) -> RunReport:
        """A run as the command line does it."""
        report = run(self.folder / raw, out, settings=SETTINGS, runner=self.runner, on_stage=self.on_stage)
        write_report(report, report.snapshot.path)
        return report


@contextmanager
def ground_for(folder: Path) -> Iterator[Field]:
    """Make the folders: files of several kinds, two of them alike, two records that are quarantined."""
    raw = folder / "raw-0"
    (raw / "harbour.example.org").mkdir(parents=True)
    for n in range(1, 7):
        (raw / f"{n}.txt").write_text(story(n), "utf-8")
    for n in range(20, 23):
        page = f"<title>{n}</title><p>Harbour news every day</p><h1>港口新闻 {n}</h1><p>{story(n)}</p>"
        (raw / "harbour.example.org" / f"{n}.html").write_text(page, "utf-8")
    (raw / "copy.txt").write_text(story(2), "utf-8")
    (raw / "empty.txt").write_text("")
    lines = [json.dumps({"text": story(n), "url": f"https://news.example.cn/{n}"}) for n in (30, 31)]
    (raw / "lines.jsonl").write_text("\n".join([*lines, "{broken"]), "utf-8")
    for name, n in (("raw-1", 40), ("raw-2", 41)):
        raw = Path(shutil.copytree(raw, folder / name))
        (raw / f"{n}.txt").write_text(story(n), "utf-8")
    with local_runner(1) as (runner, on_stage):
        one = Field(folder, runner, on_stage)
        one.do("raw-0", one.base)
        one.expected["raw-1"] = rows(one.do("raw-1", one.base).snapshot)
        shutil.copytree(one.base, folder / "sound", symlinks=True)
        one.expected["raw-2"] = rows(one.do("raw-2", folder / "sound").snapshot)
        yield one


def rows(snapshot: Snapshot) -> dict[str, list[str]]:
    """All rows of a snapshot, sorted, but for what depends on when this is: runs and times since the second run."""
    found = {}
    third = snapshot.table("runs")["started_at"].to_pylist()[2:]
    for name in DATASETS:
        table = snapshot.table(name).to_pylist()
        if name == "runs":
            found[name] = [f"{row['run_id']} {dict(row['counts'])}" for row in table[:2]]
            continue
        for row in table:
            row.pop("mtime", None)
            if third and row.get("first_seen_at") in third:
                row["first_seen_at"] = "later"
        found[name] = sorted(json.dumps(row, default=str, sort_keys=True, ensure_ascii=False) for row in table)
    return found


def survives(one: Field, damage: Damage, rng: random.Random, number: int) -> str:
    """Damage a copy of the output, read, check, run without and with something new, and run again."""
    out = one.folder / "out" / str(number)
    shutil.copytree(one.base, out, symlinks=True)
    names = damage(out, rng)
    problem = commands(out) or _checks(out, names)
    said: list[str] = []
    if not problem and rng.random() < 0.5:
        problem = _runs(one, out, "raw-1", names, said)
    problem = problem or _runs(one, out, "raw-2", names, said)
    if not problem:
        problem = _runs(one, out, "raw-2", names, said) or _well(out)
    shutil.rmtree(out)
    return f"{' and '.join(names)}: {problem}" if problem else ""


def commands(out: Path) -> str:
    """What ended in anything but an answer or one sentence, of the commands that read."""
    for words in (["check"], ["path", "documents"], ["report"], ["snapshots", "list"], ["sql", "select * from blocks"]):
        place = [*words[:1], *words[1:], str(out)]
        ended = CliRunner().invoke(winnow, place)
        if ended.exception and not isinstance(ended.exception, WinnowError | SystemExit):
            return f"winnow {' '.join(words)}: {ended.exception!r}"
    return ""


def _checks(out: Path, names: Sequence[str]) -> str:
    try:
        check_snapshot(open_snapshot(out))
        check_folder(out)
        check_state(out)
    except WinnowError as error:
        return "" if _named(names, error) else f"the check names another: {error}"
    noticed = [name for name in names if not name.endswith(UNNOTICED) and "snapshots/000001" not in name]
    return "the check finds nothing" if noticed else ""


def _named(names: Sequence[str], error: WinnowError) -> bool:
    return any(Path(name).name in str(error) for name in names)


def _runs(one: Field, out: Path, raw: str, names: Sequence[str], refused: list[str]) -> str:
    """What is wrong with a run: it publishes what it should, or names the file, and not twice."""
    try:
        report = one.do(raw, out)
    except WinnowError as error:
        again = "" if not refused else "refused again: "
        refused.append(raw)
        return f"{again}{error}" if again or not _named(names, error) else ""
    if not report.published and raw == "raw-1":
        return ""  # nothing new: nothing was read
    found = rows(report.snapshot)
    if other := [dataset for dataset in DATASETS if found[dataset] != one.expected[raw][dataset]]:
        return f"{raw}: other rows in {', '.join(other)}; {report.notices}"
    return "" if intact(report.snapshot) else "a part was published damaged"


def _well(out: Path) -> str:
    try:
        check_folder(out)
        check_snapshot(open_snapshot(out))
        check_state(out)
    except WinnowError as error:
        return f"not well in the end: {error}"
    return ""


def files(out: Path) -> list[Path]:
    """The files of an output folder."""
    return sorted(file for file in out.rglob("*") if file.is_file() and not file.is_symlink())


def flip(out: Path, rng: random.Random, *, of: str = "") -> list[str]:
    """Flip one bit of a file, each byte of the folder (or of the files with this in their names) as likely."""
    chosen = [file for file in files(out) if of in str(file.relative_to(out)) and file.stat().st_size]
    file = rng.choices(chosen, [one.stat().st_size for one in chosen])[0]
    content = bytearray(file.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)
    return [str(file.relative_to(out))]


def flip_small(out: Path, rng: random.Random) -> list[str]:
    """Flip one bit of a file, each file as likely."""
    file = rng.choice([file for file in files(out) if file.stat().st_size])
    return flip(out, rng, of=str(file.relative_to(out)))


def cut(out: Path, rng: random.Random) -> list[str]:
    """Cut a file short."""
    file = rng.choice([file for file in files(out) if file.stat().st_size])
    content = file.read_bytes()
    file.write_bytes(content[: rng.randrange(len(content))])
    return [str(file.relative_to(out))]


def empty(out: Path, rng: random.Random) -> list[str]:
    """Empty a file."""
    file = rng.choice([file for file in files(out) if file.stat().st_size])
    file.write_bytes(b"")
    return [str(file.relative_to(out))]


def delete(out: Path, rng: random.Random) -> list[str]:
    """Delete a file."""
    file = rng.choice([file for file in files(out) if file.name not in UNNOTICED])
    file.unlink()
    return [str(file.relative_to(out))]


def swap(out: Path, rng: random.Random) -> list[str]:
    """Two files of one kind change places."""
    pairs = [
        (a, b)
        for a in files(out)
        for b in files(out)
        if a < b and a.suffix == b.suffix and a.read_bytes() != b.read_bytes() and a.name not in UNNOTICED
    ]
    one, other = rng.choice(pairs)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    return [str(one.relative_to(out)), str(other.relative_to(out))]


def _attack(damage: Damage, n: int, ground: Ground) -> str:
    problems = []
    with ground_for(ground.folder) as one:
        for number in range(n):
            try:
                problem = survives(one, damage, ground.rng, number)
            except Exception as error:  # noqa: BLE001 - a traceback is what must never be
                problem = f"trial {number}: {error!r}"
            problems += [problem] if problem else []
    return f"{len(problems)} of {n} trials: {'; '.join(problems[:3])}" if problems else ""


ATTACKS = (
    Attack("damage", "three random bits", partial(_attack, flip, 3)),
    Attack("damage", "200 random bits anywhere", partial(_attack, flip, 200), quick=False),
    Attack("damage", "a bit in each of 100 random files", partial(_attack, flip_small, 100), quick=False),
    Attack("damage", "a bit in manifests", partial(_attack, partial(flip, of="_manifest.json"), 10), quick=False),
    Attack("damage", "a bit in LATEST", partial(_attack, partial(flip, of="LATEST"), 10), quick=False),
    Attack("damage", "a bit in the marker", partial(_attack, partial(flip, of=".winnow"), 10), quick=False),
    Attack("damage", "files cut short", partial(_attack, cut, 50), quick=False),
    Attack("damage", "files emptied", partial(_attack, empty, 50), quick=False),
    Attack("damage", "files deleted", partial(_attack, delete, 50), quick=False),
    Attack("damage", "files swapped", partial(_attack, swap, 40), quick=False),
)
