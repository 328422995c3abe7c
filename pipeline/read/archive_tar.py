"""Tar archives, read as they come: headers by the standard library, and what lies between them by hand.

POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block", and GNU tar's long names. The standard library's
reader ends in silence at the first damaged header, and takes a name of as many bytes as a header says. Another type
of entry is a line in one of the tables.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from pipeline.errors import Reason
from pipeline.read.archive import ESCAPES, NOT_A_FILE, Entry, entry_name, refuse
from pipeline.read.outcome import MIB, ReadFailure, ReadLimits
from pipeline.read.stream import CutStream, ForeignTail, Stream

_BLOCK = 512
_ZEROS_AT_END = 2  # zero blocks; one alone may be a damaged header
_MOST_HEADER = 1 * MIB  # bytes of a long name or a pax header
_NO_FILES: Final[Mapping[bytes, str]] = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a link to another entry",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}
_UNREADABLE: Final[Mapping[bytes, str]] = {
    tarfile.GNUTYPE_SPARSE: "It is stored with its holes left out. Pack it without --sparse.",
    b"M": "It is a part of a file that began in another archive. Join the parts.",
}
_PASSED_OVER: Final = frozenset({tarfile.DIRTYPE, b"D", b"V", b"g", tarfile.GNUTYPE_LONGLINK})  # no entries of a name
_PAX: Final = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_PAX_RECORD = re.compile(rb"(\d{1,7}) ([^=]{1,100})=")
_NUMBER = re.compile(rb"\d{1,18}")


def is_tar(head: bytes) -> bool:
    """Whether bytes begin with a tar header, which says so at 257."""
    return head[257:262] == b"ustar"


class _Tape:
    """The blocks of an archive, and how much of the entry that lies ahead is still to come."""

    member = 0

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.place = 0  # bytes from the beginning
        self._ahead = b""

    def take(self, size: int) -> bytes:
        """Return up to ``size`` bytes, as many as come at once; none at the end. Raises what the stream raises."""
        self._ahead = self._ahead or self.stream.read()
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        self.place += len(data)
        return data

    def take_all(self, size: int) -> bytes:
        """Return ``size`` bytes, or fewer at the end."""
        data = bytearray()
        while len(data) < size and (more := self.take(size - len(data))):
            data += more
        return bytes(data)

    def skip_zeros(self) -> int:
        """Step over blocks of zeros; return how many there were."""
        start = self.place
        while True:
            while len(self._ahead) < _BLOCK and (data := self.stream.read()):
                self._ahead += data
            rest = self._ahead.lstrip(b"\0")
            n_zeros = (len(self._ahead) - len(rest)) // _BLOCK * _BLOCK
            self.place += n_zeros
            self._ahead = self._ahead[n_zeros:]
            if rest or not n_zeros:
                return (self.place - start) // _BLOCK

    def skip_to(self, place: int) -> None:
        """Step over what lies before ``place``. Raises CutStream when the archive ends before."""
        while self.place < place:
            if not self.take(place - self.place):
                raise CutStream(f"The archive is cut off after byte {self.place:,}.")


class _EntryStream:
    """The bytes of the entry that lies ahead on a tape."""

    member = 0

    def __init__(self, tape: _Tape, size: int) -> None:
        self._tape = tape
        self._start = tape.stream.consumed
        self._end = tape.place + size

    @property
    def consumed(self) -> int:
        """As of Stream: what the archive was read on by."""
        return self._tape.stream.consumed - self._start

    def read(self) -> bytes:
        """As of Stream."""
        left = self._end - self._tape.place
        data = self._tape.take(left) if left > 0 else b""
        if left > 0 and not data:
            raise CutStream("The archive is cut off inside it.")
        return data

    def resync(self) -> bool:
        """Return False: an entry is one piece."""
        return False


def read_tar(stream: Stream, limits: ReadLimits) -> Iterator[Entry]:
    """Yield the entries of an archive that are no folders, each to be read before the next is asked for.

    Archives one behind the other are one. Raises ReadFailure for what is lost at the end. A damaged header is an entry
    that cannot be opened.
    """
    tape = _Tape(stream)
    links: set[str] = set()
    told: dict[str, bytes] = {}  # what a long name or pax header says of the next entry
    n_entries = 0
    for place, header in _headers(tape):
        if header is None:
            told = {}
            where = f"The header at byte {place:,} is damaged"
            yield Entry(f"byte {place}", refuse(Reason.BROKEN_CONTAINER, f"{where}."))
            continue
        size = int(told["size"]) if _NUMBER.fullmatch(told.get("size", b"")) else header.size
        size = 0 if header.type in _NO_FILES or header.type == tarfile.DIRTYPE else size
        after = tape.place + (size + _BLOCK - 1) // _BLOCK * _BLOCK
        if header.type in _PAX or header.type == tarfile.GNUTYPE_LONGNAME:
            told |= _told(header, tape.take_all(min(size, _MOST_HEADER)))
        elif header.type not in _PASSED_OVER:
            entry = _entry(header, told, tape, size, links)
            told = {}
            if entry:
                n_entries += 1
                if n_entries > limits.max_entries:
                    what = f"It holds more than {limits.max_entries:,} entries; the rest is not read."
                    raise ReadFailure(Reason.TOO_LARGE, f"{what} Split it.")
                yield entry
        elif header.type != tarfile.GNUTYPE_LONGLINK:
            told = {}
        tape.skip_to(after)


def _headers(tape: _Tape) -> Iterator[tuple[int, tarfile.TarInfo | None]]:
    """Yield place and content of each header, None for a stretch of damaged ones; entries are read in between.

    Zero blocks end an archive, and another may follow. What follows them and is no header is padding, unless one comes
    after all.
    """
    torn: int | None = None  # where a stretch of blocks that are no headers began
    n_zeros, is_said = 0, False
    while True:
        try:
            block = tape.take_all(_BLOCK)
            if is_end := bool(block) and not block.strip(b"\0"):
                n_zeros += 1
                n_zeros += tape.skip_zeros()
        except ForeignTail:  # behind the end of an archive it is nobody's loss
            if n_zeros:
                return
            raise
        if not block:
            return
        if is_end:
            continue
        place = tape.place - len(block)
        header = _header(block)
        if header is None:
            torn = place if torn is None else torn
            if n_zeros < _ZEROS_AT_END and not is_said:
                is_said = True
                yield torn, None
            continue
        if torn is not None and not is_said:
            yield torn, None
        torn, n_zeros, is_said = None, 0, False
        yield place, header


def _header(block: bytes) -> tarfile.TarInfo | None:
    """Return what a header block says, or None when it is damaged, cut or none."""
    try:
        header = tarfile.TarInfo.frombuf(block, "latin-1", "strict")
    except tarfile.HeaderError:
        return None
    return header if header.size >= 0 else None


def _told(header: tarfile.TarInfo, data: bytes) -> dict[str, bytes]:
    """Return the name, size and the like that a GNU long name or a pax header gives the next entry."""
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.partition(b"\0")[0]}
    told, at = {}, 0
    while match := _PAX_RECORD.match(data, at):
        end = at + int(match[1])
        if end <= match.end():
            break
        told[match[2].decode("utf-8", "replace")] = data[match.end() : end - 1]
        at = end
    return told


def _entry(header: tarfile.TarInfo, told: Mapping[str, bytes], tape: _Tape, size: int, links: set[str]) -> Entry | None:
    """Return the entry of a header, None for a folder; ``links`` are the names of the links so far."""
    found = entry_name(told.get("path") or header.name.encode("latin-1"))
    name = found.text
    if kind := _NO_FILES.get(header.type):
        links.add(name)
        return Entry(name, refuse(Reason.NOT_A_REGULAR_FILE, NOT_A_FILE.format(kind=kind)))
    if why := _UNREADABLE.get(header.type) or ("GNU.sparse.major" in told and _UNREADABLE[tarfile.GNUTYPE_SPARSE]):
        return Entry(name, refuse(Reason.UNSUPPORTED_TYPE, why))
    if found.is_folder and not size:
        return None
    if found.escapes:
        return Entry(name, refuse(Reason.UNSAFE_NAME, ESCAPES))
    if name.partition("/")[0] in links or name.rpartition("/")[0] in links:
        return Entry(name, refuse(Reason.UNSAFE_NAME, "It lies below a link, to be written through it."))
    return Entry(name, partial(_EntryStream, tape, size))
