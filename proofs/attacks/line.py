"""What a user, a script or a terminal does to the command line: each end is a sentence and a code of the closed list."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from proofs.attacks.kit import Attack, Ground, command, story, unlike
from proofs.hostile import obey_permissions

WINNOW = Path(sys.executable).with_name("winnow")
CODES = (0, 1, 2, 130)
#: What a terminal acts on, or what reorders a line.
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NASTY = "a\x1b[2J\x9b31m\u202etxt\u2066\x07"
_ENDLESS = "select sum(a.range * b.range) from range(1000000) a, range(1000000) b"
_BUG = "bug in Winnow"
Row = tuple[int, Sequence[str | Path]]


def _ran(ground: Ground, *, n: int = 3) -> tuple[Path, Path]:
    """A raw folder of stories and the output of a run on it."""
    raw, out = ground.folder / "raw", ground.folder / "out"
    raw.mkdir()
    for number in range(n):
        (raw / f"{number}.txt").write_text(story(number), "utf-8")
    done = command("winnow", "run", raw, out, "--workers", "1", cwd=ground.folder)
    if done.returncode:
        raise RuntimeError(f"the first run failed: {done.stderr[-500:]}")
    return raw, out


def _wrong(done: subprocess.CompletedProcess[str], code: int) -> str:
    said = done.stdout + done.stderr
    if _BUG in said:
        return f"a bug: {said[-400:]}"
    if found := _ACTS.search(said):
        return f"it prints {found[0]!r}"
    return unlike(done, code)


def _table(rows: Sequence[Row], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    for code, words in rows:
        if wrong := _wrong(command("winnow", *words, cwd=cwd, env=env, seconds=120), code):
            return f"winnow {shlex.join(map(str, words))}: {wrong}"
    return ""


def _arguments(ground: Ground) -> str:
    """Every command with what is missing, of the wrong kind, empty, too long, or nonsense."""
    raw, out = _ran(ground)
    file, fifo, loop, gone = (
        raw / "0.txt",
        ground.folder / "fifo",
        ground.folder / "loop",
        ground.folder / "no" / "where",
    )
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    long = "x" * 5000
    bad: list[str | Path] = [file, fifo, loop, gone, long, "/dev/null", "/dev/zero", ""]
    reading = [["sql", "select 1"], ["check"], ["path", "documents"], ["report"], ["snapshots", "list"]]
    reading += [["rules", "new", "example.org", "--out"]]
    rows: list[Row] = [(2, [*words, one]) for words in reading for one in bad if words != ["snapshots", "list"]]
    rows += [(2, ["run", one, ground.folder / "new"]) for one in [*bad, ground.folder / "empty"]]
    rows += [(2, ["run", raw, one]) for one in (file, fifo, loop, long, "/dev/null", file / "x", "", "/proc/x")]
    rows += [(2, ["run", raw, out, "--rules", one]) for one in bad]
    rows += [(2, ["rules", "test", one]) for one in [*bad, out, raw]]
    rows += [(2, ["rules", "list", "--rules", one]) for one in bad]
    rows += [(2, ["rules", "new", "example.org", "--write", "--out", out, "--rules", one]) for one in (file, long)]
    rows += [(2, ["explain", one]) for one in (gone, long, raw, "", ".", "/", "..")]
    rows += [(0, ["explain", one]) for one in (fifo, loop, "/dev/null", "/dev/zero")]
    rows += [(2, ["sql", one, out]) for one in ("", "selekt", "select 1; selekt", "\udcff", "select * from docs", "'")]
    rows += [(2, ["path", one, out]) for one in ("docs", "", "../x", _NASTY)]
    rows += [(2, ["snapshots", "rollback", out, one]) for one in ("000009", "../x", "", _NASTY)]
    rows += [(2, ["snapshots", "prune", out, "--keep", one]) for one in ("0", "-1", "many", "")]
    rows += [(2, words) for words in ((), (_NASTY,), ("run",), ("rules",), ("run", raw, out, "x"), ("--nonsense",))]
    rows += [(2, ["run", raw, out, "--workers", one]) for one in ("many", "-1", "", "9" * 5000, "1e3", "nan")]
    rows += [(2, ["rules", "new", one, "--out", out]) for one in ("", "..", _NASTY, long, "例子.中国", "a b")]
    return _table([row for row in rows if row[1] != ["sql", "", out]], ground.folder)


def _names(ground: Ground) -> str:
    """Brackets, globs, line ends and bytes in the names of raw, output and rules folders, and of files."""
    raw, _ = _ran(ground)
    odd = ground.folder / "raw\udce9[*]\n{a,b}"
    raw.rename(odd)
    (odd / "b\udce9[x]\n*.txt").write_text(story(77), "utf-8")
    for name in (
        "o[1]*/p[x]?",
        "nl\nx/out",
        "lang=zz/out",
        "[red]x[/red][/]",
        "a'b\"c",
        "中文 输出",
        "-dash",
        "~",
        "$HOME",
    ):
        out = ground.folder / name
        rows: list[Row] = [
            (0, ["run", odd, out, "--workers", "1"]),
            (0, ["sql", "select path, lang from documents where lang <> 'zz'", out]),
            (0, ["check", out]),
            (0, ["snapshots", "list", out]),
            (0, ["rules", "list", "--out", out]),
            (0, ["explain", odd / "b\udce9[x]\n*.txt", "--out", out]),
        ]
        if wrong := _table(rows, ground.folder):
            return wrong
        shown = command("winnow", "path", "documents", out, cwd=ground.folder).stdout.removesuffix("\n")
        if not list(Path("/").glob(shown.lstrip("/"))):
            return f"the glob of {name!r} finds nothing: {shown!r}"
    rows = [(2, ["run", odd, "out\udce9"]), (2, ["run", odd, "o2", "--rules", "r\udce9"]), (2, ["check", "out\udce9"])]
    rows += [(2, ["explain", odd / "0.txt", "--out", "out\udce9"])]
    return _table(rows, ground.folder)


def _apart(ground: Ground) -> str:
    """Output equal to raw, inside it, or raw inside what a run writes: by name, dots, links and mounts."""
    raw, out = _ran(ground, n=1)
    link = ground.folder / "link"
    link.symlink_to(raw)
    before = sorted(raw.rglob("*"))
    pairs: list[tuple[str | Path, str | Path]] = [
        (raw, raw),
        (raw, raw / "deep" / "out"),
        (raw, raw / ".hidden"),
        (raw, link / "out"),
        (link, raw / "out"),
        (raw, f"{out}/../raw/out"),
        ("raw/../raw", "./raw/x"),
        (out / "snapshots", out),
        (out / ".state", out),
        (out / "current", out),
        (out / "snapshots" / "000001" / "documents", out),
        ("/", out),
        (ground.folder, "out"),
    ]
    for one, other in pairs:
        done = command("winnow", "run", one, other, "--workers", "1", cwd=ground.folder, seconds=60)
        if wrong := _wrong(done, 2):
            return f"run {one} {other}: {wrong}"
    if wrong := _by_mount(raw, ground.folder / "mounted"):
        return wrong
    return "" if sorted(raw.rglob("*")) == before else "something was written into the raw folder"


def _by_mount(raw: Path, mounted: Path) -> str:
    mounted.mkdir()
    if subprocess.run(["mount", "--bind", raw, mounted], capture_output=True, check=False).returncode:
        return ""  # only root may
    try:
        return _wrong(command("winnow", "run", raw, mounted / "out", cwd=raw.parent), 2)
    finally:
        subprocess.run(["umount", mounted], check=True)


def _streams(ground: Ground) -> str:
    """Pipes whose reader leaves, closed and full streams, odd locales and surroundings."""
    raw, out = _ran(ground)
    one, run = (
        f"{WINNOW} sql 'select * from range(100000)' {out}",
        f"{WINNOW} run {raw} {ground.folder}/new --workers 1",
    )
    explain, help_ = f"{WINNOW} explain {raw}/0.txt", f"{WINNOW} --help"
    plain = "PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LC_ALL=C"
    lines = [
        *(
            (0, f"{words} | head -c 10; exit ${{PIPESTATUS[0]}}")
            for words in (one, explain, help_, f"{WINNOW} rules list")
        ),
        *((0, f"{words} | true; exit ${{PIPESTATUS[0]}}") for words in (one, explain, help_, f"{WINNOW} settings")),
        *(
            (2, f"{words} > /dev/full")
            for words in (one, explain, help_, f"{WINNOW} rules list", f"{WINNOW} check {out}")
        ),
        *((0, f"{words} >&-") for words in (one, explain, help_, run)),
        (0, f"{run}1 2>&1 | true; exit ${{PIPESTATUS[0]}}"),
        (0, f"{run}2 2> /dev/full"),
        (0, f"{run}3 >&- 2>&- <&-"),
        (2, f"{WINNOW} check nowhere 2>&-"),
        (0, f"{plain} {explain}"),
        (0, f"{plain} {WINNOW} sql \"select '碳', '“'\" {out}"),
        (0, f"{plain} {WINNOW} run {raw} {ground.folder}/出 --workers 1"),
        (0, f"PYTHONIOENCODING=ascii {explain}"),
        (0, f"env -i {run}4"),
        (0, f"env -u HOME -u PATH {one}"),
        (0, f"HOME=/nonexistent {explain}"),
        (0, f"TMPDIR=/nonexistent {explain}"),
        *((0, f"COLUMNS={n} {words}") for n in ("0", "1", "x", "99999999999") for words in (one, explain)),
        (0, f"TERM=nonsense FORCE_COLOR=0 {explain}"),
    ]
    for code, line in lines:
        done = subprocess.run(
            ["/bin/bash", "-c", line], capture_output=True, text=True, errors="replace", timeout=120, check=False
        )
        if wrong := _wrong(done, code):
            return f"{line}: {wrong}"
    return ""


def _permissions(ground: Ground) -> str:
    """Folders and files that may not be read, written or entered, and a working folder that is gone."""
    raw, out = _ran(ground)
    shut, gone = ground.folder / "shut", ground.folder / "gone"
    for one in (shut, gone, shut / "deep"):
        one.mkdir()
    shutil.copy(raw / "0.txt", shut / "0.txt")
    rows = [["run", shut, out], ["run", shut / "deep", out], ["run", raw, shut], ["run", raw, shut / "x"]]
    rows += [["explain", shut / "0.txt"], ["explain", raw / "0.txt", "--out", shut], ["sql", "select 1", shut]]
    rows += [["check", shut / "x"], ["path", "documents", shut], ["snapshots", "list", shut], ["rules", "test", shut]]
    rows += [["rules", "list", "--rules", shut], ["rules", "list", "--out", shut], ["run", raw, out, "--rules", shut]]
    rows += [["snapshots", "rollback", shut, "000001"], ["snapshots", "prune", shut, "--keep", "1"]]
    rows += [["rules", "new", "x.org", "--write", "--rules", shut / "new", "--out", out]]
    shut.chmod(0)
    for words in rows:
        done = _as_anybody([str(WINNOW), *map(str, words)], ground.folder)
        if done.returncode not in (0, 2) or (wrong := _wrong(done, done.returncode)):
            return f"winnow {shlex.join(map(str, words))}: {done.returncode}: {wrong or done.stderr[-400:]}"
    shut.chmod(0o700)
    for line in ("run raw out", "explain 0.txt", f"run {raw} {out}", "settings", f"check {out}", "rules list"):
        done = _as_anybody(["/bin/bash", "-c", f"cd {gone}; rmdir {gone}; {WINNOW} {line}"], ground.folder)
        gone.mkdir(exist_ok=True)
        if done.returncode not in (0, 2) or (wrong := _wrong(done, done.returncode)):
            return f"{line} in a folder that is gone: {done.returncode}: {wrong or done.stderr[-400:]}"
    return ""


def _as_anybody(words: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
        preexec_fn=obey_permissions,
    )


def _stopped(ground: Ground) -> str:
    """Signals at any time: one line, the code, no child left, the lock free, nothing left in the temporary folder."""
    raw, out = _ran(ground, n=30)
    scratch, labelled = ground.folder / "tmp", ground.folder / "labelled"
    for folder in (scratch, labelled):
        folder.mkdir()
    shutil.copy(raw / "0.txt", labelled / "a.txt")
    (labelled / "a.gold.txt").write_text(story(0), "utf-8")
    commands: list[list[str | Path]] = [
        ["run", raw, out, "--full", "--workers", "2"],
        ["explain", raw / "1.txt"],
        ["rules", "test", labelled],
        ["sql", _ENDLESS, out],
    ]
    for words in commands:
        for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for _ in range(4):
                after = ground.rng.choice((0, 0.01, 0.1, ground.rng.uniform(0.1, 1), ground.rng.uniform(1, 8)))
                if wrong := _sent(words, sent, after, ground.rng.randint(1, 3), ground.folder):
                    return f"{sent.name} after {after:.2f} s to winnow {words[0]}: {wrong}"
    return _wrong(command("winnow", "run", raw, out, cwd=ground.folder), 0)


def _sent(words: Sequence[str | Path], sent: signal.Signals, after: float, times: int, folder: Path) -> str:
    """Send a signal to a command, as a terminal does to all of its group, some times in a row.

    ``after`` seconds from when it is Winnow that hears it: what comes while Python starts ends Python.
    """
    env = {**os.environ, "TMPDIR": str(folder / "tmp"), "WINNOW_SHARD_FILES": "10"}
    with subprocess.Popen(
        [str(WINNOW), *map(str, words)],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        while process.poll() is None and not _heeds(process.pid):
            time.sleep(0.005)
        time.sleep(after)
        for _ in range(times):
            if process.poll() is None:
                os.killpg(process.pid, sent)
            time.sleep(0.05)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            return "it did not end in a minute"
    codes = (0, 130 if sent == signal.SIGINT else 2)
    if process.returncode not in codes or "Traceback" in out + err or _BUG in err:
        return f"exit code {process.returncode}: {err[-400:]}"
    if process.returncode and err.splitlines()[-1] not in ("winnow: Stopped.", f"winnow: Stopped by {sent.name}."):
        return f"it says {err[-200:]!r}"
    if left := _children(folder):
        return f"left running: {left}"
    left_over = [one.name for one in (folder / "tmp").iterdir()]
    return f"left in the temporary folder: {left_over}" if left_over else ""


def _heeds(pid: int) -> bool:
    """True when the process has a handler for SIGTERM (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    caught = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def _children(folder: Path) -> str:
    """Workers with the folder's name in their surroundings that are still there a second later."""
    for _ in range(20):
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if str(folder).encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:
                continue
        if not found:
            return ""
        time.sleep(0.05)
    return "; ".join(found)


def _terminal(ground: Ground) -> str:
    """Names, titles, texts and columns that a terminal would act on."""
    raw = ground.folder / "raw" / "example.org"
    raw.mkdir(parents=True)
    for n in range(8):
        page = (
            f"<title>{_NASTY} {n}</title><div>Menu {_NASTY}</div><h1>News {_NASTY} {n}</h1><p>{story(n)} {_NASTY}</p>"
        )
        (raw / f"{n} {_NASTY}.html").write_text(f"<html><body>{page}<div>Foot {_NASTY}</div></body></html>", "utf-8")
    (raw / f"broken {_NASTY}.jsonl").write_text("{no json", "utf-8")
    out, nasty = ground.folder / "out", _NASTY
    rows: list[Row] = [
        (0, ["run", raw.parent, out, "--workers", "1"]),
        (1, ["run", raw.parent, out, "--workers", "1", "--strict"]),
        *(
            (0, ("sql", f"select * from {name}", out))
            for name in ("documents", "blocks", "sections", "quarantine", "inputs")
        ),
        (0, ["sql", "select path, title from documents", out]),
        (0, ["sql", f"select 1 as \"{nasty}\", '{nasty}' as b, chr(155) || chr(8238) || chr(27) as c", out]),
        (2, ["sql", f"select {nasty}", out]),
        (2, ["sql", f"select error('{nasty}')", out]),
        *((0, ("explain", file, "--out", out)) for file in sorted(raw.iterdir())[-2:]),
        (0, ["rules", "list", "--site", "example.org", "--out", out]),
        (0, ["rules", "new", "example.org", "--out", out]),
        (2, ["rules", "new", nasty, "--out", out]),
        (2, ["run", nasty, nasty]),
        (2, ["path", nasty, out]),
        (2, ["explain", nasty]),
        (2, [nasty]),
        (2, ["run", raw.parent, out, f"--{nasty}", "1"]),
        (2, ["run", raw.parent, out, "--workers", nasty]),
        (2, ["snapshots", "rollback", out, nasty]),
    ]
    return _table(rows, ground.folder)


def _damaged(ground: Ground) -> str:
    """Results that somebody else wrote over: what is printed of them is a sentence."""
    _, out = _ran(ground)
    (state,) = (out / ".state").glob("learned.*")
    state.write_bytes(b"nothing of ours")
    rows: list[Row] = [
        (0, ["explain", "raw/0.txt", "--out", out]),  # without them, and it says so
        (2, ["rules", "list", "--site", "x.org", "--out", out]),
    ]
    if wrong := _table(rows, ground.folder):
        return wrong
    pq.write_table(pa.table({"strange": [1]}), state)
    return _table(rows, ground.folder)


def _no_room(ground: Ground) -> str:
    """A temporary folder without room."""
    raw, _ = _ran(ground, n=1)
    small = ground.folder / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "none", small], capture_output=True, check=False
    ).returncode:
        return ""  # only root may
    try:
        (small / "full").write_bytes(b"x" * 4096)
        done = command("winnow", "explain", raw / "0.txt", cwd=ground.folder, env={"TMPDIR": str(small)})
        return _wrong(done, 2) if done.returncode else ""  # tempfile looks for a better place
    finally:
        subprocess.run(["umount", small], check=True)


ATTACKS: Sequence[Attack] = (
    Attack("command", "every argument of every command, wrong", _arguments, quick=False),
    Attack("command", "names with brackets, globs, line ends and bytes", _names, quick=False),
    Attack("command", "output and raw folder in one another", _apart),
    Attack("command", "streams that are closed, full or odd, and locales", _streams, quick=False),
    Attack("command", "what may not be read, written or entered", _permissions, quick=False),
    Attack("command", "signals at any time", _stopped, quick=False),
    Attack("command", "what a terminal acts on", _terminal, quick=False),
    Attack("command", "results that are damaged", _damaged, quick=False),
    Attack("command", "a temporary folder without room", _no_room, quick=False),
)
