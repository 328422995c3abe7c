"""What a raw folder can do to a run that reads it: links swapped in, versions that look alike, files that never rest."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.store.snapshots import open_snapshot
from proofs.attacks.kit import Attack, Ground, command, story, unlike

_KIND = "raw"
_SECRET = "SECRETCANARY"
_N_FILES = 300


def _fill(folder: Path, n_files: int, text: Callable[[int], str] = story) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(n_files):
        (folder / f"{n:04d}.txt").write_text(text(n), "utf-8")
    return folder


def _rows(out: Path, dataset: str) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in open_snapshot(out).table(dataset).to_pylist()}


def _run(ground: Ground, raw: Path, code: int = 0) -> str:
    done = command("winnow", "run", raw, ground.folder / "out", cwd=ground.folder, seconds=900)
    return unlike(done, code)


@contextmanager
def _meanwhile(act: Callable[[], None], pause: float) -> Iterator[None]:
    """Do something again and again while the run works."""
    ended = threading.Event()

    def loop() -> None:
        while not ended.is_set():
            with suppress(OSError):
                act()
            time.sleep(pause)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _leaks(out: Path) -> str:
    """Where the secret stands in what was published or kept."""
    for name in ("documents", "blocks", "duplicates", "quarantine", "sections"):
        if any(_SECRET in str(one.get("text", "")) for one in open_snapshot(out).table(name).to_pylist()):
            return f"a file outside the raw folder was published in {name}"
    return ""


def swapped_for_a_link(ground: Ground) -> str:
    """A folder that is again and again a link to one outside, with files of the same names, all through runs."""
    raw, outside, away = ground.folder / "raw", ground.folder / "outside", ground.folder / "away"
    inside = _fill(raw / "deep" / "site", _N_FILES)
    _fill(outside / "site", _N_FILES, lambda n: f"{_SECRET} {n}\n\n{story(n + 5000)}")
    _fill(raw, 5, lambda n: story(n + 9000))
    at = inside.parent

    def swap() -> None:
        at.rename(away)
        at.symlink_to(outside)
        time.sleep(ground.rng.uniform(0, 0.004))
        at.unlink()
        away.rename(at)

    for number in range(3):
        with _meanwhile(swap, 0.002):
            if problem := _run(ground, raw):
                return problem
        if leak := _leaks(ground.folder / "out"):
            return f"run {number + 1}: {leak}"
    if problem := _run(ground, raw):
        return problem
    n_documents = len(_rows(ground.folder / "out", "documents"))
    return "" if n_documents == _N_FILES + 5 else f"at rest again, {n_documents} documents of {_N_FILES + 5} are read"


def swapped_between_scan_and_reading(ground: Ground) -> str:
    """The same, once and for good, at the moment when every file has been scanned and none was read."""
    raw, outside = ground.folder / "raw", ground.folder / "outside"
    _fill(raw / "site", 20)
    _fill(outside, 20, lambda n: f"{_SECRET} {n}\n\n{story(n + 5000)}")
    script = (
        "import sys\nfrom pathlib import Path\nfrom pipeline.local import local_runner\nfrom pipeline.run import run\n"
        "from pipeline.settings import Settings\nraw, out, outside = map(Path, sys.argv[1:])\n"
        "with local_runner(2) as (runner, on_stage):\n"
        "    def begin(stage):\n"
        "        if stage == 'clean':\n"
        "            (raw / 'site').rename(raw.parent / 'away'); (raw / 'site').symlink_to(outside)\n"
        "        on_stage(stage)\n"
        "    run(raw, out, settings=Settings(workers=2), runner=runner, on_stage=begin)\n"
    )
    words: list[str | Path] = [sys.executable, "-c", script, raw, ground.folder / "out", outside]
    done = subprocess.run(words, cwd=ground.folder, capture_output=True, text=True, timeout=600)
    if problem := unlike(done, 0):
        return problem
    rows = _rows(ground.folder / "out", "quarantine")
    reasons = {one["reason"] for one in rows.values()}
    said = "" if len(rows) == 20 and reasons == {"file_changed"} else f"{len(rows)} rows of {reasons}"
    return _leaks(ground.folder / "out") or said


def alike_by_size_and_time(ground: Ground) -> str:
    """An edit with the time set back, two files swapped, and one replaced: each is seen; a touch is nothing new."""
    raw = _fill(ground.folder / "raw", 6, lambda n: f"{story(n):<700}"[:700])
    for file in raw.iterdir():
        os.utime(file, (10**9, 10**9))
    if problem := _run(ground, raw):
        return problem
    text = (raw / "0000.txt").read_text("utf-8")
    (raw / "0000.txt").write_text(text.replace("plan", "deal"), "utf-8")
    (raw / "0001.txt").rename(raw / "held")
    (raw / "0002.txt").rename(raw / "0001.txt")
    (raw / "held").rename(raw / "0002.txt")
    (raw / "new").write_text(f"{story(77):<700}"[:700], "utf-8")
    (raw / "new").replace(raw / "0003.txt")
    for file in raw.iterdir():
        os.utime(file, (10**9, 10**9))
    if problem := _run(ground, raw):
        return problem
    kept = _rows(ground.folder / "out", "inputs")
    stale = [f.name for f in raw.iterdir() if kept[f.name]["raw_sha256"] != hashlib.sha256(f.read_bytes()).hexdigest()]
    if stale:
        return f"changes of {sorted(stale)} were not seen"
    for file in raw.iterdir():
        file.touch()
    done = command("winnow", "run", raw, ground.folder / "out", cwd=ground.folder)
    return unlike(done, 0, "Nothing new")


def appended_on_every_run(ground: Ground) -> str:
    """A log that grows all the time is named in each run, and in the fourth it is read, hash and text of one moment."""
    raw = _fill(ground.folder / "raw", 3)
    log = raw / "growing.jsonl"
    lines = [f'{{"text": "Entry {n}: {story(n).split(chr(10))[0]}"}}\n' for n in range(20_000)]
    n_written = 0

    def grow() -> None:
        nonlocal n_written
        with log.open("a", encoding="utf-8") as file:
            file.write(lines[n_written % len(lines)])
        n_written += 1

    grow()
    for number in range(1, 6):
        with _meanwhile(grow, 0.2):
            done = command("winnow", "run", raw, ground.folder / "out", cwd=ground.folder)
        if problem := unlike(done, 0, log.name):
            return f"run {number}: {problem}"
        row = _rows(ground.folder / "out", "quarantine").get(log.name)
        if number <= 3 and (not row or (row["reason"], row["attempts"]) != ("file_changed", number)):
            return f"run {number}: its row of quarantine is {row}"
    read = _rows(ground.folder / "out", "inputs")[log.name]
    held = log.read_bytes()[: read["size"]]
    if row or hashlib.sha256(held).hexdigest() != read["raw_sha256"]:
        return f"what was read is not what the file held at one moment: {read}, {row}"
    n_whole = held.count(b"\n")
    return "" if read["n_documents"] + read["n_duplicates"] >= n_whole else f"{n_whole} lines, and {read}"


def odd_things(ground: Ground) -> str:
    """Pipes, sockets, devices, loops, names of any bytes and of full length: a row each, and the neighbours are read."""
    raw = _fill(ground.folder / "raw", 3)
    os.mkfifo(raw / "pipe\n.txt")
    (raw / "loop").symlink_to("loop")
    (raw / "up").symlink_to(".")
    (raw / "out").symlink_to("/etc")
    (raw / "gone").symlink_to("nowhere")
    (raw / ("长" * 83 + ".txt")).write_text(story(11), "utf-8")
    Path(os.fsdecode(os.fsencode(raw) + b"/\xff\xfe\x1b[2J\x80.txt")).write_text(story(12), "utf-8")
    (raw / "a\nb\r\t.txt").write_text(story(13), "utf-8")
    (raw / "closed").mkdir(mode=0)
    expected = {"pipe\n.txt": "not_a_regular_file", "s.sock": "not_a_regular_file"}
    if os.geteuid() == 0:
        os.mknod(raw / "zero.txt", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        expected["zero.txt"] = "not_a_regular_file"
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(raw)  # the address of a socket is short
        try:
            server.bind("s.sock")
        finally:
            os.chdir(here)
        problem = _run(ground, raw)
    (raw / "closed").chmod(0o700)
    if problem:
        return problem
    rows = {path: one["reason"] for path, one in _rows(ground.folder / "out", "quarantine").items()}
    skipped = {path for path, one in _rows(ground.folder / "out", "inputs").items() if one["n_skipped"]}
    if (
        rows.pop("closed/", "unreadable") != "unreadable"
        or rows != expected
        or skipped != {"loop", "up", "out", "gone"}
    ):
        return f"{rows}, skipped {skipped}"
    n_documents = len(_rows(ground.folder / "out", "documents"))
    return "" if n_documents == 6 else f"{n_documents} documents of 6"


def depths(ground: Ground) -> str:
    """A thousand folders in one another, and paths of a quarter of a megabyte: read, or one row."""
    raw = _fill(ground.folder / "raw", 2)
    for top, name, depth in (("a", "folder", 1000), ("b", "n" * 255, 1000)):
        at = os.open(raw, os.O_RDONLY)
        for part in [top, *[name] * depth]:
            os.mkdir(part, dir_fd=at)
            below = os.open(part, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        bottom = os.open("bottom.txt", os.O_CREAT | os.O_WRONLY, dir_fd=at)
        os.write(bottom, story(31 if top == "a" else 32).encode())
        os.close(bottom)
        os.close(at)
    problem = _run(ground, raw)
    subprocess.run(["rm", "-rf", raw], check=True)
    if problem:
        return problem
    documents = [len(path) for path in _rows(ground.folder / "out", "documents")]
    rows = [(path[:2], one["reason"]) for path, one in _rows(ground.folder / "out", "quarantine").items()]
    good = sorted(documents) == [8, 8, 7012] and rows == [("b/", "too_deep")]
    return "" if good else f"documents with paths of {sorted(documents)} characters, quarantine {rows}"


def taken_away(ground: Ground) -> str:
    """The raw folder is moved away, or replaced by a link to another, while a run reads it: a sentence, or rows."""
    for number, how in enumerate(("moved", "linked")):
        raw = _fill(ground.folder / f"raw{number}", _N_FILES)
        outside = _fill(ground.folder / f"outside{number}", _N_FILES, lambda n: f"{_SECRET} {n}\n\n{story(n + 5000)}")
        out = ground.folder / f"out{number}"
        script = Path(sys.executable).with_name("winnow")
        with subprocess.Popen(
            [script, "run", raw, out], cwd=ground.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            until = time.monotonic() + 120
            while not any(out.glob(".state/packs/*")) and running.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            raw.rename(ground.folder / f"away{number}")
            if how == "linked":
                raw.symlink_to(outside)
            said, _ = running.communicate(timeout=600)
        if running.returncode not in (0, 2) or "Traceback" in said:
            return f"{how}: exit code {running.returncode}: {said[-300:]}"
        if running.returncode == 0 and (leak := _leaks(out)):
            return f"{how}: {leak}"
        if how == "linked":
            raw.unlink()
        (ground.folder / f"away{number}").rename(raw)
        done = command("winnow", "run", raw, out, cwd=ground.folder)
        if problem := unlike(done, 0):
            return f"{how}, and back: {problem}"
        if len(_rows(out, "documents")) != _N_FILES:
            return f"{how}, and back: {len(_rows(out, 'documents'))} documents of {_N_FILES}"
        shutil.rmtree(outside)
    return ""


ATTACKS: Sequence[Attack] = (
    Attack(_KIND, "a folder swapped for a link all through runs", swapped_for_a_link, quick=False),
    Attack(_KIND, "swapped between scan and reading", swapped_between_scan_and_reading),
    Attack(_KIND, "versions alike by size and time", alike_by_size_and_time, quick=False),
    Attack(_KIND, "appended on every run", appended_on_every_run, quick=False),
    Attack(_KIND, "odd things in the tree", odd_things, quick=False),
    Attack(_KIND, "depths", depths, quick=False),
    Attack(_KIND, "the raw folder taken away", taken_away, quick=False),
)
