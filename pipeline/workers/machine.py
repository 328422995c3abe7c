"""How many child processes there are at once, and how much memory each has: as set, as far as the machine has it.

What a record may come to never depends on the machine as long as it has ``memory_mb`` once: a child begins with a
share of the machine's memory, and what that is too small for is tried again with all of ``memory_mb``.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings import Settings


#: What is left to the run itself (its checks may hold 1 GB) and to whatever else there is, megabytes; at most half.
RESERVE_MB = 1024
#: A child's share may become as small as this before there are fewer children at once.
SHARE_MB = 1536
#: Less than this no child can work with: its libraries and their arenas alone take most of it as address space.
LEAST_MB = 768
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class MemoryBound:
    """What bounds the memory of all processes together, and of each, in megabytes."""

    total_mb: int
    of: str  # whose the total is, for people
    process_mb: int | None  # address space that a process may have (ulimit -v); None: any


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a run does with, and what is to be said where that is less than was set."""

    workers: int
    memory_mb: int  # of a child
    first_mb: int  # of a child at the first try
    notices: tuple[str, ...]


def fitted(settings: Settings, memory: MemoryBound | None = None) -> Fitted:
    """Workers and their memory under these settings on this machine, or one with that memory."""
    memory = memory or machine_memory()
    room = max(memory.total_mb - RESERVE_MB, memory.total_mb // 2)
    most = min(settings.memory_mb, max(room, LEAST_MB))
    if memory.process_mb is not None:
        most = min(most, memory.process_mb)
    workers = max(1, min(settings.n_workers, room // min(most, SHARE_MB)))
    first = min(most, max(room // workers, LEAST_MB))
    said = []
    if most < settings.memory_mb:
        said.append(f"a child process may have {most:,} MB instead of {settings.memory_mb:,} (memory_mb)")
    if workers < settings.n_workers:
        said.append(f"{workers} child processes at once instead of {settings.n_workers} (workers)")
    if first < most:
        said.append(f"each begins with {first:,} MB, and what needs more is tried again with {most:,}")
    of = f"{memory.of} has {memory.total_mb:,} MB"
    if memory.process_mb is not None and most == memory.process_mb:
        of += f" and a process {memory.process_mb:,} MB (ulimit -v)"
    notices = (f"Fitted to memory: {'; '.join(said)}: {of}.",) if said else ()
    return Fitted(workers, most, first, notices)


def machine_memory() -> MemoryBound:
    """The memory of this machine, or of the control group this process is in when that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MB
    group = min((limit // _MB for limit in group_limits()), default=machine)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    process = None if hard == resource.RLIM_INFINITY else hard // _MB
    return (
        MemoryBound(group, "the container", process)
        if group < machine
        else MemoryBound(machine, "the machine", process)
    )


def group_limits(own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """The memory limits, in bytes, of the control group of this process and of those above it: cgroups(7), v1 and v2.

    Inside a container the group's path may be that outside of it: then what is mounted at the root is the container's.
    """
    try:
        lines = own.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        mount, name = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        parts = [part for part in path.split("/") if part not in {"", ".."}]
        for depth in range(len(parts) + 1):
            try:
                yield int((mount.joinpath(*parts[:depth]) / name).read_text("ascii"))
            except (OSError, ValueError):  # no such group here, or "max"
                continue
