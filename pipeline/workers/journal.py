"""What a child process notes while it works, so that its death costs one record.

A *place* is (number of the input in the shard, number of the record in the input), both from 0. Before each
step the child notes the place; after each chunk of results is on disk it notes the place up to which all is
safe. Only the last note counts, so the file has two slots that are written in turn, each with a checksum: it is as
long for a million records as for one, and a child that dies while it writes leaves the note before.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.store.files import disk_errors
from pipeline.types import Place

#: Said to a worker that will see one file: it costs more to load everything at the start than what that file needs.
COLD = "--cold"
#: Said to a worker that is to load and compile everything, say where machine code is kept, and end.
FILL = "--fill"

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


#: Bytes from one slot to the other: more than a path and a member can come to.
SLOT = 1 << 18
_HEAD = struct.Struct("<QII")  # number of the note, from 1; length and CRC-32 of what follows
_USUAL = 4096  # bytes of a note that are read at once


@dataclass(slots=True)
class Journal:
    """The child's end. ``record_seconds`` is the CPU time a record may take: SIGPROF ends the child.

    Raises OutputError when the disk refuses.
    """

    path: Path
    record_seconds: float
    _fd: int = field(init=False)
    _n_notes: int = field(default=0, init=False)
    _n_begun: int = field(default=0, init=False)
    _at: list[object] = field(default_factory=lambda: [None, SKIPPING, "", None], init=False)
    _safe: Place | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        with disk_errors(self.path.parent):
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def begin(self, place: Place, phase: str, path: str, member: str | None = None) -> None:
        """Note what comes next and grant it a fresh budget of CPU time."""
        self._n_begun += phase == WORKING
        self._at = [place, phase, path, member]
        self._note()

    def safe(self, place: Place) -> None:
        """Note that everything before ``place`` is on disk."""
        self._safe = place
        self._note()

    def _note(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, self.record_seconds)
        self._n_notes += 1
        note = json.dumps([self._n_begun, *self._at, self._safe]).encode()
        head = _HEAD.pack(self._n_notes, len(note), zlib.crc32(note))
        with disk_errors(self.path.parent):
            os.pwrite(self._fd, head + note, self._n_notes % 2 * SLOT)


@dataclass(slots=True)
class Follower:
    """The parent's end: what was noted last."""

    path: Path
    start: Place
    n_begun: int = 0
    last: Noted = field(init=False)
    _n_notes: int = 0

    def __post_init__(self) -> None:
        self.last = Noted(None, SKIPPING, "", None, self.start)

    def look(self) -> bool:
        """Look for a later note; True when there was one, or one was being written."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            slots = [_read_slot(fd, at) for at in (0, SLOT)]
        finally:
            os.close(fd)
        n_notes, note = max(slots)
        if n_notes > self._n_notes:
            self._n_notes = n_notes
            self._take(json.loads(note))
            return True
        return any(number < 0 for number, _ in slots)

    def _take(self, note: list[object]) -> None:
        match note:
            case [int(n_begun), place, str(phase), str(path), member, safe]:
                self.n_begun = n_begun
                at, last_safe = _place(place), _place(safe)
                member = None if member is None else str(member)
                self.last = Noted(at, phase, path, member, self.start if last_safe is None else last_safe)


def _read_slot(fd: int, at: int) -> tuple[int, bytes]:
    """The number and text of the note in a slot; 0 when it is empty, -1 when it is half written."""
    data = os.pread(fd, _USUAL, at)
    if len(data) < _HEAD.size:
        return 0, b""
    number, length, crc = _HEAD.unpack_from(data)
    if length > _USUAL - _HEAD.size:
        data = os.pread(fd, min(length + _HEAD.size, SLOT), at)
    note = data[_HEAD.size : _HEAD.size + length]
    return (number, note) if number and zlib.crc32(note) == crc else (-1 if number else 0, b"")


def _place(value: object) -> Place | None:
    match value:
        case [int(number), int(index)]:
            return number, index
    return None
