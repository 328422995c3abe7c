"""Attacks of one file, or one signal, on a whole run: it must cost itself alone."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.store.snapshots import open_snapshot
from proofs.attacks.kit import Attack, Ground, command, story, unlike

KIND = "one file"
_EXPANDED = 1_500_000_000  # bytes of text that one small file unpacks to


def expanding_file(ground: Ground) -> str:
    """A few megabytes of .jsonl.gz hold 1.5 GB of text; the run ends well at the default memory, its neighbour too."""
    raw = _raw(ground, 2)
    sentences = [
        sentence.strip() for n in range(1, 30) for sentence in story(n).replace("\n", ".").split(".") if sentence
    ]
    paragraphs = [". ".join(ground.rng.choices(sentences, k=60)) for _ in range(2000)]
    with gzip.open(raw / "big.jsonl.gz", "wt", encoding="utf-8", compresslevel=1) as file:
        size = n = 0
        while size < _EXPANDED:
            text = "\n".join(f"{n} {paragraph}" for paragraph in ground.rng.choices(paragraphs, k=60))
            size += len(text.encode())
            file.write(json.dumps({"text": text, "url": f"https://big.example.org/{n}"}, ensure_ascii=False) + "\n")
            n += 1
    out = ground.folder / "out"
    done = command("winnow", "run", raw, out, "--workers", "2", cwd=ground.folder, seconds=3000)
    return unlike(done, 0) or _all_there(out, {"documents": 2}, at_least=True) or _counted(out, "big.jsonl.gz", n)


def many_blocks(ground: Ground) -> str:
    """Records of nothing but tiny blocks, a page and a line each as many as fit: no memory falls to their number."""
    raw = _raw(ground, 2)
    for n in range(12):
        (raw / f"tiny-{n}.txt").write_text("".join(f"a{n}{k}\n" for k in range(60_000)), "utf-8")
        (raw / f"tiny-{n}.html").write_text("".join(f"<p>b{n}{k}" for k in range(60_000)), "utf-8")
    out = ground.folder / "out"
    done = command("winnow", "run", raw, out, "--workers", "2", "--memory-mb", "1536", cwd=ground.folder, seconds=1200)
    return unlike(done, 0) or _all_there(out, {"files": 26})


def killed_again_and_again(ground: Ground) -> str:
    """kill -9 of random children and nurseries all through a run: it ends well, and the next has every record."""
    raw, out = _raw(ground, 120), ground.folder / "out"

    def disturb(run: subprocess.Popen[str]) -> None:
        time.sleep(ground.rng.uniform(0.1, 0.6))
        if victims := _descendants(run.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(ground.rng.choice(victims), signal.SIGKILL)

    code, said = _disturbed(ground, raw, out, disturb, n=12)
    if "Traceback" in said or code not in {0, 2}:
        return f"exit code {code}: {said[-400:]}"
    again = command("winnow", "run", raw, out, "--workers", "2", cwd=ground.folder)
    return unlike(again, 0) or _all_there(out, {"documents": 120, "quarantined": 0})


def _stopped(which: Callable[[int], list[int]]) -> Callable[[Ground], str]:
    def attack(ground: Ground) -> str:
        """SIGSTOP of a process of the run, which goes on without it."""
        raw, out = _raw(ground, 60), ground.folder / "out"
        stopped: list[int] = []

        def disturb(run: subprocess.Popen[str]) -> None:
            time.sleep(0.05)
            if not stopped and (victims := which(run.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victims[0], signal.SIGSTOP)
                    stopped.append(victims[0])

        code, said = _disturbed(ground, raw, out, disturb, n=400)
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not stopped:
            return "nothing was stopped"
        if code:
            return f"exit code {code}: {said[-400:]}"
        again = command("winnow", "run", raw, out, "--workers", "1", cwd=ground.folder)
        return unlike(again, 0) or _all_there(out, {"documents": 60, "quarantined": 0})

    return attack


def _signalled(sent: signal.Signals) -> Callable[[Ground], str]:
    def attack(ground: Ground) -> str:
        """The run is told to end, at random: no process of it is left, the lock is free, the next run ends well."""
        raw, out = _raw(ground, 60), ground.folder / "out"
        family: set[int] = set()

        def disturb(run: subprocess.Popen[str]) -> None:
            until = time.monotonic() + ground.rng.uniform(0.5, 4)
            while time.monotonic() < until and run.poll() is None:
                family.update(_descendants(run.pid))
                time.sleep(0.02)
            run.send_signal(sent)

        _, said = _disturbed(ground, raw, out, disturb, n=1, seconds=20)
        if "Traceback" in said or "Error" in said:
            return f"it says: {said[-400:]}"
        for _ in range(100):
            left = [pid for pid in family if Path(f"/proc/{pid}").exists() and _is_ours(pid)]
            if not left:
                break
            time.sleep(0.05)
        else:
            return f"processes are left: {left}"
        again = command("winnow", "run", raw, out, "--workers", "1", cwd=ground.folder)
        return unlike(again, 0) or _all_there(out, {"documents": 60, "quarantined": 0})

    return attack


def few_processes(ground: Ground) -> str:
    """ulimit -u too low for the run's children: one sentence that says so, or it ends well; never the installation."""
    raw = _raw(ground, 12)
    for number, allowed in enumerate((1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 40)):
        out = ground.folder / f"out-{number}"
        with _group("pids", allowed) as group:
            if group is None and os.getuid() == 0:
                return "root is held to no ulimit here, and no control group can be made"
            done = _within(group, ground, ["run", raw, out, "--workers", "2"], allowed)
        said = f"{done.stdout}\n{done.stderr}"
        if "Traceback" in said:
            return f"a traceback with {allowed}: {said[-800:]}"
        if done.returncode not in {0, 2} or (done.returncode == 2 and "installation" in said):
            return f"exit code {done.returncode} with {allowed}: {said[-400:]}"
        if done.returncode == 2 and "ulimit -u" not in said:
            return f"it does not say what is short with {allowed}: {said[-400:]}"
        if done.returncode == 0 and (wrong := _all_there(out, {"documents": 12, "quarantined": 0})):
            return f"with {allowed}: {wrong}"
    return ""


def small_container(ground: Ground) -> str:
    """A container with less memory than the settings ask for: fitted, said, and the same rows."""
    raw, out = _raw(ground, 30), ground.folder / "out"
    with _group("memory", 2200 << 20) as group:
        if group is None:
            return "no control group can be made here"
        done = _within(group, ground, ["run", raw, out, "--workers", "2"])
    return unlike(done, 0, "Fitted to memory") or _all_there(out, {"documents": 30, "quarantined": 0})


def short_of_memory(ground: Ground) -> str:
    """So little memory that nothing can be read: the sentence names memory_mb, or each record is in quarantine."""
    raw, out = _raw(ground, 3), ground.folder / "out"
    done = command("winnow", "run", raw, out, "--memory-mb", "512", cwd=ground.folder)
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return unlike(done, 0)
    return unlike(done, 2) or ("" if "memory_mb" in said and "installation" not in said else f"it says {said[-400:]}")


def _raw(ground: Ground, n: int) -> Path:
    raw = ground.folder / "raw"
    raw.mkdir()
    for number in range(n):
        (raw / f"{number:04d}.txt").write_text(story(number + 1), "utf-8")
    return raw


def _disturbed(
    ground: Ground,
    raw: Path,
    out: Path,
    disturb: Callable[[subprocess.Popen[str]], None],
    *,
    n: int,
    seconds: float = 300,
) -> tuple[int, str]:
    """Exit code and words of a run that is disturbed ``n`` times at most."""
    words = ["run", str(raw), str(out), "--workers", "2", "--shard-files", "10", "--record-seconds", "5"]
    run = subprocess.Popen(
        [Path(sys.executable).with_name("winnow"), *words],
        cwd=ground.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
    )
    for _ in range(n):
        if run.poll() is not None:
            break
        disturb(run)
    try:
        said, _ = run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        run.kill()
        return -1, f"it had not ended after {seconds} s"
    return run.returncode, said


def _descendants(pid: int) -> list[int]:
    """A process's children and theirs, those that its threads started too; the eldest first."""
    found = _children(pid)
    for child in found:
        found += _children(child)
    return found


def _nurseries(pid: int) -> list[int]:
    """Nurseries that have a child at work."""
    return [one for one in _children(pid) if _children(one)]


def _workers(pid: int) -> list[int]:
    return [child for one in _children(pid) for child in _children(one)]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, children.read_text().split())
    return found


def _is_ours(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"pipeline.stages.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@contextlib.contextmanager
def _group(controller: str, value: int) -> Iterator[Path | None]:
    """A control group with a limit, of version 1 or 2, or None where none can be made."""
    roots = (Path("/sys/fs/cgroup") / controller, Path("/sys/fs/cgroup"))
    names = {"pids": ("pids.max", "pids.max"), "memory": ("memory.limit_in_bytes", "memory.max")}[controller]
    for root, name in zip(roots, names, strict=True):
        group = root / f"winnow-attack-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / name).exists():
                (group / name).write_text(str(value))
                yield group
                return
        finally:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.1)
    yield None


def _within(
    group: Path | None, ground: Ground, words: Sequence[str | Path], n_processes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a control group, else with a limit to the user's processes."""

    def enter() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text(str(os.getpid()))
        elif n_processes is not None:
            mine = sum(path.stat().st_uid == os.getuid() for path in Path("/proc").glob("[0-9]*/task/*"))
            resource.setrlimit(resource.RLIMIT_NPROC, (mine + n_processes, mine + n_processes))

    script = Path(sys.executable).with_name("winnow")
    return subprocess.run(
        [script, *words],
        cwd=ground.folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
        preexec_fn=enter,
    )


def _all_there(out: Path, counts: dict[str, int], *, at_least: bool = False) -> str:
    """What is not as counted in the live snapshot."""
    found: dict[str, Any] = open_snapshot(out).manifest["counts"]
    wrong = {k: found[k] for k, n in counts.items() if not (found[k] >= n if at_least else found[k] == n)}
    return f"the snapshot has {wrong} instead of {counts}" if wrong else ""


def _counted(out: Path, path: str, n: int) -> str:
    rows = [row for row in open_snapshot(out).table("inputs").to_pylist() if row["path"] == path]
    if not rows:
        return f"{path} is not in inputs"
    row = rows[0]
    read = row["n_documents"] + row["n_duplicates"]
    return "" if read == n else f"{path}: {read} of {n} records were read, {row['n_quarantined']} are in quarantine"


ATTACKS = (
    Attack(KIND, "a small file that holds 1.5 GB of text", expanding_file, quick=False),
    Attack(KIND, "records of nothing but tiny blocks", many_blocks, quick=False),
    Attack(KIND, "kill -9 of children and nurseries all through a run", killed_again_and_again, quick=False),
    Attack(KIND, "SIGSTOP of a nursery", _stopped(_nurseries), quick=False),
    Attack(KIND, "SIGSTOP of a child", _stopped(_workers), quick=False),
    Attack(KIND, "SIGINT at random", _signalled(signal.SIGINT), quick=False),
    Attack(KIND, "SIGTERM at random", _signalled(signal.SIGTERM), quick=False),
    Attack(KIND, "ulimit -u too low", few_processes, quick=False),
    Attack(KIND, "a container smaller than the settings", small_container, quick=False),
    Attack(KIND, "memory_mb too low for anything", short_of_memory),
)
