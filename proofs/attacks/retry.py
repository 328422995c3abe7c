"""Attacks on what is in quarantine for no fault of its own: it must leave it again, and nothing else is done anew."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.store.snapshots import open_snapshot
from pipeline.workers.journal import Follower
from proofs.attacks.kit import Attack, Ground, command, story, unlike

KIND = "retry"


def raised_seconds(ground: Ground) -> str:
    """A page that takes more CPU time than allowed is read when record_seconds is raised, as its message advises."""
    raw, out = ground.folder / "raw", ground.folder / "out"
    _stories(raw, 5)
    slow = "".join(f"<p>{k} {story(k)}</p>" for k in range(1, 9000))
    (raw / "slow.html").write_text(slow, "utf-8")
    done = command("winnow", "run", raw, out, "--record-seconds", "1", cwd=ground.folder)
    if wrong := unlike(done, 0) or _is(out, {"slow.html": "timeout"}):
        return wrong
    done = command("winnow", "run", raw, out, "--record-seconds", "300", cwd=ground.folder)
    return unlike(done, 0) or _is(out, {})


def killed_from_outside(ground: Ground) -> str:
    """Somebody kills every child that reads one page, again and again; once he stops the page is a document."""
    raw, out = ground.folder / "raw", ground.folder / "out"
    _stories(raw, 40)
    long = raw / "long.html"
    long.write_text("".join(f"<p>{k} {story(k)}</p>" for k in range(1, 3000)), "utf-8")
    sent = (signal.SIGKILL, signal.SIGTERM)[ground.rng.randrange(2)]
    run = subprocess.Popen(
        [Path(sys.executable).with_name("winnow"), "run", str(raw), str(out), "--workers", "1"],
        cwd=ground.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while run.poll() is None:
        for child in _children_on(run.pid, out, "long.html"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, sent)
        time.sleep(0.005)
    if run.returncode:
        return f"exit code {run.returncode}"
    if wrong := _is(out, {"long.html": "killed"}):
        return wrong
    done = command("winnow", "run", raw, out, cwd=ground.folder)
    return unlike(done, 0) or _is(out, {})


def asked_for(ground: Ground) -> str:
    """``winnow retry``: says how many, is done once, refuses what does not exist in one sentence."""
    raw, out = ground.folder / "raw", ground.folder / "out"
    _stories(raw, 3)
    (raw / "empty.txt").write_text("")
    retry = [("retry", out, "--reason", "boredom"), ("retry", out, "0001.txt"), ("retry", ground.folder / "none")]
    wrong = unlike(command("winnow", "run", raw, out, cwd=ground.folder), 0)
    for words in retry:
        wrong = wrong or unlike(command("winnow", *words, cwd=ground.folder), 2, "winnow: ")
    wrong = wrong or unlike(
        command("winnow", "retry", out, "--reason", "empty", cwd=ground.folder), 0, "1 record again"
    )
    wrong = wrong or unlike(command("winnow", "run", raw, out, cwd=ground.folder), 0, "Published")
    return wrong or unlike(command("winnow", "run", raw, out, cwd=ground.folder), 0, "Nothing new")


def _stories(raw: Path, n: int) -> None:
    raw.mkdir()
    for number in range(n):
        (raw / f"{number:04d}.txt").write_text(story(number + 1), "utf-8")


def _is(out: Path, expected: dict[str, str]) -> str:
    rows = open_snapshot(out).table("quarantine", ["path", "reason"]).to_pylist()
    found = {row["path"]: row["reason"] for row in rows}
    return "" if found == expected else f"in quarantine: {found} instead of {expected}"


def _children_on(pid: int, out: Path, path: str) -> list[int]:
    """The children of a run's nurseries, when the record that they are on is of this file."""
    journals = sorted((out / ".state").glob("packs/*.tmp/journal-*"), key=lambda one: int(one.name.split("-")[1]))
    if not journals:
        return []
    last = Follower(journals[-1], (0, 0))
    last.look()
    if last.last.path != path:
        return []
    return [child for one in _children(pid) for child in _children(one) if journals[-1] in _open(child)]


def _open(pid: int) -> set[Path]:
    """The files that a process has open."""
    found = set()
    with contextlib.suppress(OSError):
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(one.readlink())
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, children.read_text().split())
    return found


ATTACKS = (
    Attack(KIND, "a limit is raised", raised_seconds, quick=False),
    Attack(KIND, "killed from outside, twice and more", killed_from_outside, quick=False),
    Attack(KIND, "winnow retry", asked_for),
)
