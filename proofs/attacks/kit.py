"""What the attacks have in common: an attack, its ground, and the product's commands in processes of their own."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: A text that is kept whole, another one for each number.
_STORY = (
    "The council of district {n} met on Monday and agreed on a plan for the river, officials said in report {n}.\n\n"
    "全国碳排放权交易市场第{n}号公告：首日成交量超过{n}百万吨，有关负责人出席会议并讲话。\n\n"
    "Farmers of village {n} welcomed the decision number {n} and asked for {n} new wells before the next summer.\n"
)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where an attack is carried out: an empty folder of its own, and its dice."""

    folder: Path
    rng: random.Random


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack. ``run`` returns what broke, "" when the product held."""

    kind: str
    name: str
    run: Callable[[Ground], str]
    quick: bool = True  # False: only in the full table


def story(n: int) -> str:
    """A text of our own in both scripts that no other number's is a duplicate of."""
    return _STORY.format(n=n * 7919)


def command(
    module: str, *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run ``winnow WORDS`` (module "winnow") or a module as a user does, by its installed script where it has one."""
    script = Path(sys.executable).with_name("winnow")
    start: Sequence[str] = [str(script)] if module == "winnow" else [sys.executable, "-m", module]
    return subprocess.run(
        [*start, *map(str, words)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def unlike(done: subprocess.CompletedProcess[Any], code: int, *words: str) -> str:
    """What is not as it should be of a command's end: its exit code, a traceback, words that its output must have."""
    said = f"{done.stdout}\n{done.stderr}"
    if "Traceback" in said:
        return f"a traceback: {said[-600:]}"
    if done.returncode != code:
        return f"exit code {done.returncode} instead of {code}: {said[-400:]}"
    missing = [word for word in words if word not in " ".join(said.split())]
    return f"it does not say {missing}: {said[-400:]}" if missing else ""
