"""Scraped files that are code, settings or rules: each command is started where they lie, and obeys none of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from proofs.attacks.kit import Attack, Ground, command, story, unlike

#: Modules of Python's, of libraries' and of our own, by the names under which somebody imports them.
_MODULES = (
    *("resource", "json", "types", "re", "signal", "tempfile", "readline", "sitecustomize", "usercustomize"),
    *("click", "duckdb", "fasttext", "ftfy", "pydantic", "re2", "tomli", "winnow"),
)
_PACKAGES = ("numpy", "pyarrow", "rich", "jinja2", "bs4", "pipeline", "pipeline/store", "pipeline/rules", "flows")
#: What else libraries look for in a working folder.
_FILES = {
    ".env": "WINNOW_WORKERS=many\nPREFECT_API_URL=http://127.0.0.1:9/api\n",
    ".duckdbrc": ".shell touch {canary}/duckdbrc\n",
    ".pdbrc": "import os; os.mkdir('{canary}/pdbrc')\n",
    ".numba_config.yaml": "disable_jit: 1\n",
    "pyproject.toml": "[tool.prefect.server.api]\nhost = '0.0.0.0'\n",
    "setup.cfg": "[options]\n",
    "evil.pth": "import pathlib; pathlib.Path('{canary}/pth').touch()\n",
    "__editable__.pth": "import pathlib; pathlib.Path('{canary}/editable').touch()\n",
}
_RULE = """[[rule]]
id = "{name}"
label = "legal"
why = "A rule that lies among the scraped files."
match.contains = ["council", "公告"]
examples = ["The council met.", "第1号公告"]
"""


def _hostile(raw: Path, canary: Path, *, settings: str, modules: Sequence[str] = (*_MODULES, *_PACKAGES)) -> None:
    """Fill a raw folder with three stories and all that must not act; what acts leaves a file in ``canary``."""
    for n in range(3):
        (raw / "site").mkdir(parents=True, exist_ok=True)
        (raw / "site" / f"{n}.txt").write_text(story(n), "utf-8")
        (raw / f"top{n}.txt").write_text(story(n + 50), "utf-8")
    canary.mkdir(exist_ok=True)
    for name in modules:
        file = raw / f"{name}/__init__.py" if name in _PACKAGES else raw / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        code = f"import pathlib, sys\npathlib.Path({str(canary)!r}, {name.replace('/', '.')!r}).touch()\n"
        file.write_text(f"{code}raise ImportError('{name} of the raw folder')\n", "utf-8")
    for module in ("worker", "cli", "__main__", "safe_path"):
        if "pipeline" in modules:
            shutil.copy(raw / "pipeline" / "__init__.py", raw / "pipeline" / f"{module}.py")
    for name, text in _FILES.items():
        (raw / name).write_text(text.replace("{canary}", str(canary)), "utf-8")
    (raw / "winnow.toml").write_text(settings, "utf-8")
    for folder in (raw / "rules", raw / "rules" / "sites", raw / "sites"):
        folder.mkdir(parents=True)
        name = f"evil-{folder.parent.name}-{folder.name}".lower()
        (folder / "example.org.toml").write_text(_RULE.format(name=name), "utf-8")


#: A setting that is an error to whoever obeys it, and one that would be obeyed in silence.
_LOUD, _QUIET = 'workers = "many"\n', 'rules = "rules"\nmax_record_mb = 1\n'


def _acted(canary: Path, said: str) -> str:
    names = sorted(file.name for file in canary.iterdir())
    if names:
        return f"code of the raw folder was run: {', '.join(names)}"
    return "a rule of the raw folder was used" if "evil-" in said else ""


def _each_holds(
    commands: Sequence[tuple[int, Sequence[str | Path]]], canary: Path, *, cwd: Path, env: dict[str, str] | None = None
) -> str:
    """What broke in a series of commands, each with the exit code that it must have."""
    for code, words in commands:
        done = command("winnow", *words, cwd=cwd, env=env)
        if wrong := unlike(done, code) or _acted(canary, done.stdout + done.stderr):
            return f"winnow {' '.join(map(str, words))}: {wrong}"
    return ""


def _in_raw(settings: str) -> Callable[[Ground], str]:
    """Every command, the raw folder being the working folder, before the first run and after it."""

    def attack(ground: Ground) -> str:
        raw, out, canary = (ground.folder / name for name in ("raw", "out", "canary"))
        _hostile(raw, canary, settings=settings)
        before: list[tuple[int, Sequence[str | Path]]] = [
            (0, ["--help"]),
            (0, ["--version"]),
            (0, ["settings"]),
            (0, ["dictionary"]),
            (0, ["rules", "list"]),
            (0, ["rules", "test"]),
            (2, ["rules", "new", "example.org"]),
            (2, ["sql", "select 1"]),
            (0, ["explain", "top1.txt"]),
            (0, ["explain", "site/1.txt"]),
            (2, ["run", ".", "processed"]),
            (2, ["run", ".", out, "--rules", "rules"]),
            (0, ["run", ".", out, "--workers", "1"]),
            (0, ["run", raw, out, "--workers", "1", "--full"]),
            (0, ["settings", "."]),
        ]
        after: list[tuple[int, Sequence[str | Path]]] = [
            (0, ["explain", "top1.txt", "--out", out]),
            (0, ["explain", "../raw/site/1.txt", "--out", out]),
            (0, ["sql", "select decided_by, count(*) from blocks group by 1", out]),
            (0, ["check", out]),
            (0, ["path", "documents", out]),
            (0, ["report", out]),
            (0, ["snapshots", "list", out]),
            (0, ["snapshots", "prune", out, "--keep", "5"]),
            (0, ["snapshots", "rollback", out, "000001"]),
            (0, ["rules", "list", "--out", out]),
            (0, ["rules", "test", "--out", out]),
            (2, ["rules", "new", "example.org", "--out", out]),
        ]
        deeper: list[tuple[int, Sequence[str | Path]]] = [
            (0, ["explain", "1.txt", "--out", out]),
            (0, ["run", "..", out, "--workers", "1"]),
        ]
        return (
            _each_holds([*before, *after], canary, cwd=raw)
            or _each_holds(deeper, canary, cwd=raw / "site")
            or ("" if not list(raw.glob(".tmp")) else "something was left in the raw folder")
        )

    return attack


def _python_path(ground: Ground) -> str:
    """PYTHONPATH with an empty and a relative entry, as scripts make it, hands the raw folder to no child."""
    raw, out, canary = (ground.folder / name for name in ("raw", "out", "canary"))
    _hostile(raw, canary, settings=_LOUD, modules=("resource", "numpy", "pyarrow", "duckdb", "rich", "click", "bs4"))
    env = {"PYTHONPATH": os.pathsep.join(["", ".", "../raw", str(ground.folder / "mine")])}
    commands: list[tuple[int, Sequence[str | Path]]] = [
        (0, ["run", ".", out, "--workers", "1"]),
        (0, ["explain", "top1.txt"]),
        (0, ["sql", "select 1", out]),
    ]
    return _each_holds(commands, canary, cwd=raw, env=env)


def _rules_among_raw_files(ground: Ground) -> str:
    """A folder of rules in the raw folder is refused, whoever names it and however."""
    raw, out, canary = (ground.folder / name for name in ("raw", "out", "canary"))
    _hostile(raw, canary, settings=_QUIET)
    link, mixed = ground.folder / "link", ground.folder / "mixed"
    link.symlink_to(raw / "rules")
    mixed.mkdir()
    (mixed / "any.toml").symlink_to(raw / "rules" / "example.org.toml")
    ways: list[tuple[list[str | Path], dict[str, str]]] = [
        (["--rules", raw / "rules"], {}),
        (["--rules", link], {}),
        (["--rules", mixed], {}),
        (["--rules", f"{out}/../raw/site/../rules"], {}),
        (["--rules", ""], {}),
        ([], {"WINNOW_RULES": "raw/rules"}),
        ([], {"WINNOW_RULES": str(link)}),
    ]
    for words, env in ways:
        done = command("winnow", "run", raw, out, *words, cwd=ground.folder, env=env)
        if wrong := unlike(done, 2) or _acted(canary, done.stdout):
            return f"{words} {env}: {wrong}"
    (ground.folder / "winnow.toml").write_text('rules = "raw/rules"\n', "utf-8")
    if wrong := unlike(command("winnow", "run", raw, out, cwd=ground.folder), 2, "among the raw files"):
        return f"a winnow.toml beside the raw folder: {wrong}"
    done = command("winnow", "run", raw / "sites", out, "--rules", raw, cwd=ground.folder)
    return unlike(done, 2, "among the raw files") or ("an output was made" if out.exists() else "")


def _settings_by_another_name(ground: Ground) -> str:
    """A winnow.toml that is a link to a raw file, or that is reached by one, or that is no file; and one that counts."""
    raw, out, canary = (ground.folder / name for name in ("raw", "out", "canary"))
    _hostile(raw, canary, settings=_LOUD)
    here, door = ground.folder / "here", ground.folder / "door"
    here.mkdir()
    (here / "winnow.toml").symlink_to(raw / "winnow.toml")
    door.symlink_to(raw)
    for cwd in (here, door, raw / "site"):
        done = command("winnow", "run", raw, out, "--workers", "1", cwd=cwd)
        if wrong := unlike(done, 0) or _acted(canary, done.stdout):
            return f"in {cwd.name}: {wrong}"
    os.mkfifo(ground.folder / "winnow.toml")
    if wrong := unlike(command("winnow", "run", raw, out, cwd=ground.folder, seconds=30), 2, "winnow.toml"):
        return f"a FIFO: {wrong}"
    (ground.folder / "winnow.toml").unlink()
    (ground.folder / "winnow.toml").write_text("workers = 1\nkeep_snapshots = 3\n", "utf-8")
    done = command("winnow", "run", raw, out, cwd=ground.folder, env={"WINNOW_WORKERS": "1"})
    told = f"Settings from {ground.folder / 'winnow.toml'} (keep_snapshots), WINNOW_WORKERS."
    return unlike(done, 0, told)


def _planted_output(ground: Ground) -> str:
    """An output folder among the scraped files: its templates are none of ours unless it is named."""
    raw, out, canary = (ground.folder / name for name in ("raw", "out", "canary"))
    _hostile(raw, canary, settings=_LOUD)
    if wrong := unlike(command("winnow", "run", ".", out, "--workers", "1", cwd=raw), 0):
        return wrong
    shutil.copytree(out, raw / "processed", symlinks=True)
    manifest = next((raw / "processed" / "snapshots").glob("*/_manifest.json"))
    manifest.write_text(manifest.read_text("utf-8").replace(str(raw), "/nowhere"), "utf-8")
    (raw / "processed" / ".state" / "learned.parquet").write_bytes(b"PAR1 no table PAR1")
    commands: list[tuple[int, Sequence[str | Path]]] = [(0, ["explain", "top1.txt"]), (0, ["explain", "site/1.txt"])]
    return _each_holds(commands, canary, cwd=raw)


ATTACKS: Sequence[Attack] = (
    Attack("code", "every command where hostile modules and a broken winnow.toml lie", _in_raw(_LOUD), quick=False),
    Attack(
        "code", "every command where hostile modules and a winnow.toml with rules lie", _in_raw(_QUIET), quick=False
    ),
    Attack("code", "a PYTHONPATH that means the working folder", _python_path, quick=False),
    Attack("code", "rules among the raw files, by seven names", _rules_among_raw_files, quick=False),
    Attack("code", "a winnow.toml by links, from below, as a FIFO", _settings_by_another_name, quick=False),
    Attack("code", "an output folder planted in the raw folder", _planted_output, quick=False),
)
