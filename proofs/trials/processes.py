"""Scenarios about what is around a run: signals, other runs, readers, limits, locale, clock, broken disks."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pipeline.stages.children
from pipeline.store.snapshots import list_snapshots, open_snapshot
from proofs.trials.corpus import files_in
from proofs.trials.runs import NOW, OPTIONS, Ended, content, forked, winnow_run
from proofs.trials.trial import Bench, Result

#: The command line in a fresh process.
COMMAND = (sys.executable, "-m", "pipeline")


def signals(bench: Bench) -> Iterator[Result]:
    """SIGTERM and SIGINT at a random time: over in 30 s, nothing torn."""
    for number in range(bench.few):
        sent = (signal.SIGTERM, signal.SIGINT)[number % 2]
        out, after = bench.fresh(), bench.rng.uniform(0, bench.seconds)
        ended = forked(lambda out=out: winnow_run(bench.raw, out), bench.folder, kill_after=after, sent=sent)  # type: ignore[misc]
        slow = f"it took {ended.seconds - after:.0f} s to end" if ended.seconds - after > 30 else ""
        yield Result(f"{sent.name} after {after:.2f} s", slow or bench.recovers(out))


def two_at_once(bench: Bench) -> Iterator[Result]:
    """A second run on the same output is refused, or comes after; never both."""
    for _ in range(bench.few):
        out, gap = bench.fresh(), bench.rng.uniform(0, bench.seconds / 2)

        def both(out: Path = out, gap: float = gap) -> list[int]:
            one = forked_aside(lambda: winnow_run(bench.raw, out))
            time.sleep(gap)
            two = forked_aside(lambda: winnow_run(bench.raw, out))
            return sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in (one, two))

        ended = forked(both, bench.folder)
        wrong = "" if ended.answer in ([0, 0], [0, 2]) else f"exit codes {ended.answer}"
        yield Result(f"second after {gap:.2f} s", wrong or bench.recovers(out, published=True))


def stale_lock(bench: Bench) -> Iterator[Result]:
    """A lock file that a dead process left does not keep the next run out."""
    for text in ("", "99999", "x" * 4096):
        out = bench.fresh()
        (out / ".lock").write_text(text)
        ended = forked(lambda out=out: winnow_run(bench.raw, out), bench.folder)  # type: ignore[misc]
        yield Result(f"{len(text)} characters", _ran(bench, out, ended))


def clock_jumps(bench: Bench) -> Iterator[Result]:
    """The clock goes back or far ahead: first_seen_at stays, the latest run is the last."""
    for jump in (timedelta(hours=-1), timedelta(days=-4000), timedelta(days=4000), timedelta(0)):
        out = bench.fresh()

        def first_seen(out: Path = out) -> dict[str, str]:
            table = open_snapshot(out).table("documents", ["doc_id", "first_seen_at"])
            return {row["doc_id"]: str(row["first_seen_at"]) for row in table.to_pylist()}

        before = forked(first_seen, bench.folder).answer
        ended = forked(lambda out=out, jump=jump: winnow_run(bench.raw, out, now=NOW + jump), bench.folder)  # type: ignore[misc]
        after = forked(first_seen, bench.folder).answer or {}
        changed = [doc_id for doc_id, at in before.items() if doc_id in after and after[doc_id] != at]
        last = forked(lambda out=out: str(open_snapshot(out).table("runs")["started_at"][-1]), bench.folder).answer  # type: ignore[misc]
        wrong = f"first_seen_at of {changed} changed" if changed else ""
        wrong = wrong or ("" if last == str(NOW + jump) else f"the last run is of {last}")
        yield Result(f"{jump}", wrong or _ran(bench, out, ended))


def surroundings(bench: Bench) -> Iterator[Result]:
    """LC_ALL=C, PYTHONUTF8=0, another zone, random hash seeds, in fresh processes: the same rows."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "random"}
    for environment in (
        plain,
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"TZ": "Pacific/Apia"},
    ):
        out = bench.fresh()
        done = _command(bench, out, environment=environment)
        wrong = "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr[-600:]}"
        yield Result(f"{environment}", wrong or bench.recovers(out, published=True))


def shuffled(bench: Bench) -> Iterator[Result]:
    """Folders listed in another order, with 1, 2 and 8 workers: the same bytes."""

    def parts(workers: int, seed: int) -> list[str]:
        out = bench.folder / "work" / f"shuffled-{workers}-{seed}"
        _shuffle_listings(random.Random(seed))
        winnow_run(bench.raw, out, "--shard-files", "2", "--workers", str(workers))
        snapshot = open_snapshot(out)
        assert content(snapshot) == bench.new, "other rows"
        return [f"{part.dataset}/{part.name}" for part in snapshot.parts if part.dataset != "runs"]

    bench.fresh()
    expected = forked(lambda: parts(1, 0), bench.folder).answer
    for workers in (1, 2, 8):
        for seed in range(1, 2 if bench.quick else 5):
            got = forked(lambda w=workers, s=seed: parts(w, s), bench.folder)  # type: ignore[misc]
            same = expected is not None and got.answer is not None and sorted(got.answer) == sorted(expected)
            yield Result(f"{workers} workers", "" if same else f"other parts: {got.said[-300:]}")


def few_files(bench: Bench) -> Iterator[Result]:
    """ulimit -n 64 and less: it ends well or says so."""
    for limit in (64, 32, 20, 12):
        out = bench.fresh()

        def run(out: Path = out, limit: int = limit) -> int:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return winnow_run(bench.raw, out)

        ended = forked(run, bench.folder)
        fine = ended.code == 0 or (ended.code == 2 and "winnow: " in ended.said)
        wrong = "" if fine else f"exit code {ended.code}: {ended.said[-500:]}"
        yield Result(f"{limit} files", wrong or bench.recovers(out, published=ended.code == 0))


def unreadable_raw(bench: Bench) -> Iterator[Result]:
    """EIO on reading one raw file, in the scan or in a child: it alone is in quarantine, and the next run has it."""
    file = max(files_in(bench.raw), key=lambda path: path.stat().st_mtime_ns)
    for where in ("scan", "child"):
        out = bench.folder / "work" / where
        shutil.rmtree(out, ignore_errors=True)

        def run(out: Path = out, where: str = where) -> list[list[str]]:
            _break_reading(file, only_children=where == "child")
            winnow_run(bench.raw, out)
            rows = open_snapshot(out).table("quarantine", ["path", "reason"]).to_pylist()
            return [[row["path"], row["reason"]] for row in rows]

        ended = forked(run, bench.folder)
        path = str(file.relative_to(bench.raw))
        found = [reason for name, reason in ended.answer or [] if name == path]
        wrong = "" if found and found[0] in {"unreadable", "file_changed"} else f"{ended.answer}: {ended.said[-500:]}"
        yield Result(where, wrong or bench.recovers_rows(out))


def read_only_output(bench: Bench) -> Iterator[Result]:
    """An output folder that may not be written: one sentence, exit code 2, nothing changed."""
    for name, closed in (("the folder", ""), ("snapshots", "snapshots"), ("state", ".state")):
        out = bench.fresh()
        bench.folder.chmod(0o755)

        def run(out: Path = out, closed: str = closed) -> int:
            if os.getuid() == 0:
                for path in (out, *out.rglob("*")):
                    os.chown(path, 65534, 65534, follow_symlinks=False)
                (out / closed).chmod(0o555)
                os.setgid(65534)
                os.setuid(65534)
            else:
                (out / closed).chmod(0o555)
            return winnow_run(bench.raw, out)

        ended = forked(run, bench.folder)
        (out / closed).chmod(0o755)
        wrong = "" if ended.code == 2 and "cannot be written" in ended.said else f"{ended.code}: {ended.said[-500:]}"
        yield Result(name, wrong or bench.recovers(out))


def full_disk(bench: Bench) -> Iterator[Result]:
    """A real disk (tmpfs) that is too small, then larger. Needs the right to mount."""
    disk = bench.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True).returncode:
        return
    try:
        used = sum(path.stat().st_blocks * 512 for path in bench.fresh().rglob("*"))
        for more in range(0, 1_200_000, 400_000 if bench.quick else 60_000):
            out = disk / "out"
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(bench.folder / "base", out, symlinks=True)
            subprocess.run(["mount", "-o", f"remount,size={used + more}", disk], check=True, capture_output=True)
            ended = forked(lambda out=out: winnow_run(bench.raw, out), bench.folder)  # type: ignore[misc]
            fine = ended.code == 0 or (ended.code == 2 and "winnow: " in ended.said)
            wrong = "" if fine else f"exit code {ended.code}: {ended.said[-700:]}"
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True, capture_output=True)
            yield Result(f"{more} bytes free", wrong or bench.recovers(out, published=ended.code == 0))
    finally:
        subprocess.run(["umount", disk], check=True)


def hungry_record(bench: Bench) -> Iterator[Result]:
    """A record that eats its child's memory: it alone is in quarantine."""
    out = bench.folder / "work" / "hungry"
    bench.fresh()
    victim = str(files_in(bench.raw)[0].relative_to(bench.raw))

    def run() -> list[list[str]]:
        real = pipeline.stages.children.clean_record  # type: ignore[attr-defined]

        def clean_record(record: Any, **named: Any) -> Any:
            hoard = []
            while record.path == victim:
                hoard.append(bytearray(50_000_000))
            return real(record, **named)

        pipeline.stages.children.clean_record = clean_record  # type: ignore[attr-defined]
        winnow_run(bench.raw, out)
        rows = open_snapshot(out).table("quarantine", ["path", "reason"]).to_pylist()
        return [[row["path"], row["reason"]] for row in rows if row["reason"] in {"out_of_memory", "parser_crash"}]

    ended = forked(run, bench.folder)
    fine = bool(ended.answer) and all(one == [victim, "out_of_memory"] for one in ended.answer)
    yield Result(victim, "" if fine else f"{ended.answer}: {ended.said[-500:]}")


def run_again(bench: Bench) -> Iterator[Result]:
    """The run is retried after it published: no second snapshot, no row twice."""
    for _ in range(bench.few):
        out = bench.fresh()

        def twice(out: Path = out) -> list[str]:
            for _ in range(2):
                os.waitpid(forked_aside(lambda: winnow_run(bench.raw, out)), 0)
            return [one.name for one in list_snapshots(out)]

        ended = forked(twice, bench.folder)
        wrong = "" if ended.answer == ["000001", "000002"] else f"{ended.answer}: {ended.said[-300:]}"
        yield Result("twice", wrong or bench.recovers(out, published=True))


def reader(bench: Bench) -> Iterator[Result]:
    """A reader at 100 Hz while run after run publishes; each trial is one read of every dataset."""
    out, stop = bench.fresh(), bench.folder / "stop"
    stop.unlink(missing_ok=True)

    def read() -> list[str]:
        seen = []
        while not stop.exists():
            began = time.monotonic()
            seen.append(content(open_snapshot(out)))
            time.sleep(max(0.0, 0.01 - (time.monotonic() - began)))
        return seen

    def publish() -> int:
        pid = os.fork()
        if pid == 0:
            for number in range(4 if bench.quick else 20):
                raw = bench.raw if number % 2 == 0 else bench.folder / "raw-before"
                os.waitpid(forked_aside(lambda raw=raw: winnow_run(raw, out, "--keep-snapshots", "3")), 0)  # type: ignore[misc]
            stop.touch()
            os._exit(0)
        return pid

    publisher = publish()
    ended = forked(read, bench.folder)
    os.waitpid(publisher, 0)
    if ended.answer is None:
        yield Result("reader", ended.said[-500:])
    for seen in ended.answer or []:
        yield Result("read", "" if seen in {bench.old, bench.new} else "neither the old nor the new snapshot")
    both = {bench.old, bench.new} <= set(ended.answer or [])
    yield Result("saw both", "" if both else "the reader saw only one of the snapshots")


def forked_aside(do: Callable[[], Any]) -> int:
    """Call a function in a forked process that nobody listens to; its pid."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            do()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001
            code = 70
        finally:
            os._exit(code)
    return pid


def _ran(bench: Bench, out: Path, ended: Ended) -> str:
    return bench.recovers(out, published=True) if ended.code == 0 else f"exit code {ended.code}: {ended.said[-500:]}"


def _command(bench: Bench, out: Path, *, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "run", str(bench.raw), str(out), *OPTIONS]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", timeout=300)


def _shuffle_listings(rng: random.Random) -> None:
    real = os.scandir

    class Shuffled(list[Any]):
        def __enter__(self) -> Shuffled:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def close(self) -> None:
            pass

    def scandir(*args: Any) -> Any:
        with real(*args) as entries:
            found = Shuffled(entries)
        rng.shuffle(found)
        return found

    os.scandir = scandir  # type: ignore[assignment]


def _break_reading(file: Path, *, only_children: bool) -> None:
    real, main = os.read, os.getpid()

    def read(fd: int, size: int) -> bytes:
        if (os.getpid() != main or not only_children) and os.readlink(f"/proc/self/fd/{fd}") == str(file):  # noqa: PTH115
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(fd, size)

    os.read = read


PROCESS_SCENARIOS: dict[str, Callable[[Bench], Iterable[Result]]] = {
    "signals": signals,
    "two_at_once": two_at_once,
    "stale_lock": stale_lock,
    "clock_jump": clock_jumps,
    "locale_and_zone": surroundings,
    "order_and_workers": shuffled,
    "emfile": few_files,
    "eio_read": unreadable_raw,
    "eacces_output": read_only_output,
    "enospc_real_disk": full_disk,
    "oom_worker": hungry_record,
    "run_again": run_again,
    "reader_100_hz": reader,
}
