"""Marks: what is not ours is never deleted, moved or overwritten, and LATEST in any state costs no snapshot.

An output folder gets foreign files, folders and links in every place; its marker and LATEST are put into every state;
then runs, rollbacks and prunes act on it. What was foreign must be there, byte for byte, and so must good snapshots.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.errors import WinnowError
from pipeline.local import local_runner
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.store.check import check_snapshot
from pipeline.store.marks import read_sealed, sealed
from pipeline.store.snapshots import list_snapshots, open_snapshot, prune, rollback
from proofs.attacks.kit import Attack, Ground, command, story, unlike

SETTINGS = Settings(workers=1, keep_snapshots=2)
LETTER = "请勿删除。\nNothing of Winnow's; do not delete.\n"


@dataclass(slots=True)
class House:
    """A raw folder that grows and an output folder, run in this process with children of its own."""

    folder: Path
    runs: Callable[..., object]
    n: int = 0

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.folder / "out"

    def grow(self, *, full: bool = False) -> str:
        """Another raw file and a run; "" or the one sentence that it refused with."""
        self.n += 1
        raw = self.folder / "raw"
        raw.mkdir(exist_ok=True)
        (raw / f"{self.n}.txt").write_text(story(self.n), "utf-8")
        try:
            self.runs(raw, self.out, full=full)
        except WinnowError as error:
            return str(error)
        return ""


def _housed(attack: Callable[[House], str], ground: Ground) -> str:
    with local_runner(1) as (runner, on_stage):
        return attack(House(ground.folder, partial(run, settings=SETTINGS, runner=runner, on_stage=on_stage)))


def seen(folder: Path) -> dict[str, str]:
    """Every path in a folder, with the content of files and the target of links."""
    found = {}
    for path in sorted(folder.rglob("*")):
        what = (
            str(path.readlink()) if path.is_symlink() else path.read_text("utf-8", "replace") if path.is_file() else ""
        )
        found[str(path.relative_to(folder))] = what
    return found


def lost(before: Mapping[str, str], folder: Path) -> str:
    """What of this is not in a folder any more as it was."""
    now = seen(folder)
    gone = sorted(name for name, what in before.items() if now.get(name) != what)
    return f"lost or changed: {', '.join(gone[:5])}" if gone else ""


def _foreign(place: Path, name: str) -> None:
    (place / name).mkdir(parents=True, exist_ok=True)
    (place / name / "letter.txt").write_text(LETTER, "utf-8")


def folder_of_somebody(ground: Ground) -> str:
    """Folders that are not ours, of every sort, by the command itself: refused, and nothing in them is touched."""
    raw = ground.folder / "raw"
    raw.mkdir()
    (raw / "1.txt").write_text(story(1), "utf-8")
    for number, names in enumerate(
        [
            ["letter.txt"],
            ["snapshots/20240301/letter.txt"],
            ["snapshots/000001/documents/a.parquet", "LATEST"],
            [".state/letter.txt"],
            [".state/run/letter.txt", ".state/packs/letter.txt"],
            ["LATEST"],
            ["current/letter.txt"],
            [".winnow/letter.txt"],
            [".hidden"],
            ["failed.html"],
        ]
    ):
        out = ground.folder / f"out-{number}"
        for name in names:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text("000001\n" if name == "LATEST" else LETTER, "utf-8")
        before = seen(out)
        for full in ([], ["--full"]):
            done = command("winnow", "run", raw, out, *full, cwd=ground.folder)
            if problem := unlike(done, 2, "Choose a new or an empty folder"):
                return f"{names}: {problem}"
        for act, more in (("prune", ("--keep", "1")), ("rollback", ("000001",))):
            if problem := unlike(command("winnow", "snapshots", act, out, *more, cwd=ground.folder), 2):
                return f"{names}: {problem}"
        if seen(out) != before:
            return f"{names}: something was touched: {sorted(seen(out))}"
    return ""


def foreign_things_inside(house: House) -> str:
    """Files, folders and links of somebody else in every place of an output folder of ours: all stay."""
    if said := house.grow() or house.grow():
        return said
    out, outside = house.out, house.folder / "outside"
    _foreign(house.folder, "outside")
    for place in ("", "snapshots", ".state", ".state/packs", ".state/finished"):
        for name in ("20240301", "000099", "letters", ".letters", "abc.tmp"):
            _foreign(out / place, name)
        (out / place / "note.txt").write_text(LETTER, "utf-8")
        (out / place / "link").symlink_to(outside)
        (out / place / "0000077").symlink_to(outside)
    for one in (*(out / "snapshots").glob("0000*"), *(out / ".state" / "packs").glob("*")):
        if (one / ".winnow").is_file() and not one.is_symlink():
            (one / "note.txt").write_text(LETTER, "utf-8")
            (one / "link").symlink_to(outside)
    _foreign(out / ".state", "run")
    (out / "failed.html").write_text(LETTER, "utf-8")
    (out / "current").unlink()
    _foreign(out, "current")
    mine = {name: what for name, what in seen(out).items() if what in (LETTER, str(outside))}
    for full in (False, False, True, False):
        if said := house.grow(full=full):
            return said
    prune(out, 1)
    check_snapshot(open_snapshot(out))
    return lost(mine, out) or lost({"letter.txt": LETTER}, outside)


def links_in_our_places(house: House) -> str:
    """A link where we have a folder or a file: refused with its name, and what is behind it stays as it is."""
    if said := house.grow():
        return said
    outside = house.folder / "outside"
    for name in ("snapshots", ".state", ".state/packs", ".state/finished", ".lock", "LATEST", ".winnow"):
        out = house.folder / "linked"
        shutil.copytree(house.out, out, symlinks=True)
        outside.mkdir()
        moved = outside / "it"
        (out / name).rename(moved)
        (out / name).symlink_to(moved)
        before = seen(outside)
        said = _full_run(house, out)
        if not said or name not in said:
            return f"{name} as a link: {said or 'accepted'}"
        if seen(outside) != before:
            return f"{name} as a link: what is behind it was changed"
        shutil.rmtree(out)
        shutil.rmtree(outside)
    return ""


def _full_run(house: House, out: Path) -> str:
    try:
        house.runs(house.folder / "raw", out, full=True)
    except WinnowError as error:
        return str(error)
    return ""


def latest_in_every_state(house: House) -> str:
    """LATEST lost, empty, garbled, set back, naming nothing: runs, rollbacks, prunes and readers; nothing is lost."""
    if said := house.grow() or house.grow():
        return said
    states: dict[str, bytes | None] = {
        "lost": None,
        "empty": b"",
        "garbled": b"\xff\x00\n",
        "a word": b"latest\n",
        "set back": b"000001\n",
        "naming nothing": b"000044\n",
        "a path": b"../../etc\n",
        "long": b"0" * 100_000,
    }
    for name, content in states.items():
        for act in ("run", "run again", "rollback", "prune"):
            out = house.folder / "trial"
            shutil.copytree(house.out, out, symlinks=True)
            (out / "LATEST").unlink()
            if content is not None:
                (out / "LATEST").write_bytes(content)
            before = [one.name for one in list_snapshots(out)]
            if open_snapshot(out).name != "000002":
                return f"{name}: a reader is given {open_snapshot(out).name}"
            if problem := _acted(act, House(house.folder, house.runs), out):
                return f"{name}, {act}: {problem}"
            after = [one.name for one in list_snapshots(out)]
            if act != "prune" and not set(before) <= set(after):
                return f"{name}, {act}: of {before} there is {after}"
            shutil.rmtree(out)
    return ""


def _acted(act: str, house: House, out: Path) -> str:
    if act == "rollback":
        rollback(out, "000001")
        return "" if open_snapshot(out).name == "000001" else "not rolled back"
    if act == "prune":
        gone = prune(out, 1)
        return "" if gone == ["000001"] and open_snapshot(out).name == "000002" else f"{gone} went"
    said = [_run_said(house, out) for _ in range(2 if act == "run again" else 1)]
    if "000002" not in said[0] or (len(said) == 2 and said[1]):
        return f"it said {said}"
    check_snapshot(open_snapshot(out))
    return "" if (out / "LATEST").read_text() == "000002\n" else "LATEST was not mended"


def _run_said(house: House, out: Path) -> str:
    report = house.runs(house.folder / "raw", out)
    return " ".join(report.notices)  # type: ignore[attr-defined]


def marker_in_every_state(house: House) -> str:
    """The marker lost, emptied, garbled: written anew, as the snapshots show; of a newer format: refused."""
    if said := house.grow():
        return said
    marker = house.out / ".winnow"
    about = read_sealed(marker)
    for name, content in {"lost": None, "empty": b"", "garbled": b"\x00\xff", "cut": marker.read_bytes()[:20]}.items():
        marker.unlink()
        if content is not None:
            marker.write_bytes(content)
        if said := house.grow():
            return f"{name}: {said}"
        if read_sealed(marker) != about:
            return f"{name}: not written anew"
    marker.write_text(sealed({**about, "format": about["format"] + 1}))
    before = seen(house.out)
    said = house.grow()
    if "newer Winnow" not in said or seen(house.out) != before:
        return f"a newer format: {said or 'accepted'}"
    try:
        open_snapshot(house.out)
    except WinnowError as error:
        return "" if "newer Winnow" in str(error) else f"a reader of a newer format: {error}"
    return "a reader takes a newer format"


#: What a manifest of version 0.1 said.
VERSION_01 = (
    "snapshot parent schema_version created_at collection assembled counts versions settings state parts".split()
)


def folder_of_version_01(house: House) -> str:
    """An output folder without marks or hashes, as version 0.1 left it, is taken over with all its snapshots."""
    if said := house.grow() or house.grow():
        return said
    for name in (".winnow", "_published", "contents.json", "pack.json"):
        for file in house.out.rglob(name):
            file.unlink()
    for file in house.out.glob("snapshots/*/_manifest.json"):
        manifest = json.loads(file.read_text("utf-8"))
        old = {name: manifest.get(name, {}) for name in VERSION_01}
        file.write_text(json.dumps(old), "utf-8")
    shutil.rmtree(house.out / ".state")
    if said := house.grow():
        return said
    names = [one.name for one in list_snapshots(house.out)]
    check_snapshot(open_snapshot(house.out))
    n_runs = open_snapshot(house.out).table("runs").num_rows
    return "" if names == ["000002", "000003"] and n_runs == 3 else f"there are {names} and {n_runs} runs"


def odd_paths(ground: Ground) -> str:
    """Brackets, wildcards, newlines, KEY=VALUE and bytes in the output's path, by every command."""
    raw = ground.folder / "raw"
    raw.mkdir()
    (raw / "1.txt").write_text(story(1), "utf-8")
    for name in ("a[b]c", "[/red]", "a*b?", "a\nb", "lang=zz", "a'b\"c %20", "中文 [0]"):
        out = ground.folder / name / "out"
        for words in (
            ("run", raw, out),
            ("path", "documents", out),
            ("check", out, "--state"),
            ("report", out),
            ("sql", "select count(lang) from sections", out),
            ("snapshots", "list", out),
            ("snapshots", "rollback", out, "000001"),
            ("snapshots", "prune", out, "--keep", "1"),
            ("explain", raw / "1.txt", "--out", out),
            ("rules", "list", "--site", "example.org", "--out", out),
        ):
            done = command("winnow", *words, cwd=ground.folder)
            allowed = 2 if words[0] == "rules" else 0
            if problem := unlike(done, allowed):
                return f"{name!r}: winnow {words[0]}: {problem}"
            if words[0] == "path" and (problem := _unread(done.stdout.removesuffix("\n"))):
                return f"{name!r}: {problem}"
    for out in (Path("a\\b"), Path("a\udcff")):
        for words in (("run", raw, out), ("path", "documents", out), ("snapshots", "list", out), ("check", out)):
            if problem := unlike(command("winnow", *words, cwd=ground.folder), 2, "Choose another output folder"):
                return f"{out!r}: winnow {words[0]}: {problem}"
    return ""


def _unread(glob: str) -> str:
    """What DuckDB or Polars do not read of a glob that ``winnow path`` printed."""
    import duckdb
    import polars as pl

    with duckdb.connect() as connection:
        n_duckdb = len(connection.from_parquet(glob, hive_partitioning=False).fetchall())
    n_polars = pl.read_parquet(glob).height
    return "" if (n_duckdb, n_polars) == (1, 1) else f"DuckDB reads {n_duckdb} rows, Polars {n_polars}"


ATTACKS = (
    Attack("marks", "a folder of somebody else's", folder_of_somebody, quick=False),
    Attack("marks", "foreign things in every place", partial(_housed, foreign_things_inside), quick=False),
    Attack("marks", "links in our places", partial(_housed, links_in_our_places), quick=False),
    Attack("marks", "LATEST in every state", partial(_housed, latest_in_every_state), quick=False),
    Attack("marks", "the marker in every state", partial(_housed, marker_in_every_state)),
    Attack("marks", "a folder of version 0.1", partial(_housed, folder_of_version_01), quick=False),
    Attack("marks", "odd paths of the output", odd_paths, quick=False),
)
