"""What a child process notes while it works, so that its death costs one record.

A *place* is (number of the input in the shard, number of the record in the input), both from 0. Before each
step the child notes the place; after each chunk of results is on disk it notes the place up to which all is
safe. Lines are short JSON arrays, appended with one write each.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.disk import disk_errors

Place = tuple[int, int]

#: Said to a worker that will see one file: it costs more to load everything at the start than what that file needs.
COLD = "--cold"

#: How a child ends that cannot go on: by an error on a record; refused by the disk; short of memory; without a part of
#: its installation; refused a thread or a process by the machine. Why is in the file.
EXIT_BUG, EXIT_OUTPUT, EXIT_OUT_OF_MEMORY, EXIT_BROKEN, EXIT_REFUSED = 70, 73, 77, 78, 75
ERROR_FILE = "error.txt"
#: What Python says when the machine refuses a thread: a RuntimeError, without a number.
NO_THREAD = "can't start new thread"

#: While the child passes over records that were done before, reads the next record, or works on it.
SKIPPING, READING, WORKING = "skipping", "reading", "working"


@dataclass(frozen=True, slots=True)
class Span:
    """The records from ``start`` up to, but not including, ``stop`` (None: the end of the shard)."""

    start: Place = (0, 0)
    stop: Place | None = None

    def holds(self, place: Place) -> bool:
        """True when the place lies in the span."""
        return self.start <= place and (self.stop is None or place < self.stop)


@dataclass(frozen=True, slots=True)
class Noted:
    """The last thing a journal says: where the child was, and up to where all is safe."""

    at: Place | None
    phase: str
    path: str
    member: str | None
    safe: Place


@dataclass(slots=True)
class Journal:
    """The child's end. ``record_seconds`` is the CPU time a record may take: SIGPROF ends the child.

    Raises OutputError when the disk refuses.
    """

    path: Path
    record_seconds: float
    _fd: int = field(init=False)

    def __post_init__(self) -> None:
        with disk_errors(self.path.parent):
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def begin(self, place: Place, phase: str, path: str, member: str | None = None) -> None:
        """Note what comes next and grant it a fresh budget of CPU time."""
        signal.setitimer(signal.ITIMER_PROF, self.record_seconds)
        self._write(["at", *place, phase, path, member])

    def safe(self, place: Place) -> None:
        """Note that everything before ``place`` is on disk."""
        signal.setitimer(signal.ITIMER_PROF, self.record_seconds)
        self._write(["safe", *place])

    def _write(self, line: list[object]) -> None:
        with disk_errors(self.path.parent):
            os.write(self._fd, json.dumps(line).encode() + b"\n")


@dataclass(slots=True)
class Follower:
    """The parent's end: reads what has been noted since the last look."""

    path: Path
    start: Place
    n_begun: int = 0
    last: Noted = field(init=False)
    _offset: int = 0

    def __post_init__(self) -> None:
        self.last = Noted(None, SKIPPING, "", None, self.start)

    def look(self) -> bool:
        """Read on; True when anything new was noted."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return False
        lines = data[: data.rfind(b"\n") + 1]
        self._offset += len(lines)
        for line in lines.splitlines():
            self._take(json.loads(line))
        return bool(lines)

    def _take(self, line: list[object]) -> None:
        last = self.last
        match line:
            case ["at", int(i), int(j), str(phase), str(path), member]:
                self.n_begun += phase == WORKING
                self.last = Noted((i, j), phase, path, None if member is None else str(member), last.safe)
            case ["safe", int(i), int(j)]:
                self.last = Noted(last.at, last.phase, last.path, last.member, (i, j))
