"""ZIP archives, by their central directory. Another compression method is a line in ``_METHODS``.

APPNOTE.TXT 6.3.10, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT; the clauses are named below. Nothing
is believed of the sizes and offsets in it but what the file bears out, and entries that share bytes are refused
(https://www.bamsoftware.com/hacks/zipbomb/). The standard library's zipfile reads a whole directory before a bound
can be put on it, and one damaged entry of it is the end.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from pipeline.errors import Reason
from pipeline.read.limits import KIB, MIB, ReadFailure, ReadLimits
from pipeline.read.packed import BZIP2, XZ, ZIP_LZMA, ArrowStream, PackedStream
from pipeline.read.stream import (
    DEFLATE_WBITS,
    CheckedStream,
    CutStream,
    ForeignTail,
    GzipStream,
    Meter,
    Seekable,
    Slice,
    StoredStream,
    Stream,
    read_exactly,
)
from pipeline.text.safety import printable

# What the archive readers have in common: an entry, and the name under which its records go.

NAME_CHARS = 250  # code points of an entry's name that are kept
#: What makes a name absolute: a drive, a share, the root. "//?/" and "//?/UNC/" are Windows' way to write long ones.
_ROOT = re.compile(r"(?:/{2}[?.]/(?:UNC/)?)?(?:[A-Za-z]:(?=/|$))?/*")


@dataclass(frozen=True, slots=True)
class EntryName:
    """An entry's name in one form."""

    text: str  # parts with "/" between them, none of them "", "." or ".." unless it escapes; "" when there is none
    is_folder: bool  # as the name has it, by a "/" at its end
    escapes: bool  # it would be unpacked outside the archive's folder


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive. Nothing is ever written to disk under its name."""

    name: str  # the text of an ``EntryName``
    open: Callable[[], Stream]  # raises ReadFailure when its bytes cannot be had


class Members:
    """The entries' names as members: each one different from all others."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._number: dict[str, int] = {}

    def name(self, entry: str) -> str:
        r"""Return a name that is printable and new: the second "a.txt" is "a.txt#2".

        A colon is written ``\x3a``: "a.jsonl:3" is the third record of an entry, and no entry's name.
        """
        shown = printable(entry.replace(":", "\\x3a"), limit=NAME_CHARS) or "(no name)"
        number = self._number.get(shown, 1)
        member = shown if number == 1 else f"{shown}#{number}"
        while member in self._taken:
            number += 1
            member = f"{shown}#{number}"
        self._number[shown] = number + 1
        self._taken.add(member)
        return member


def entry_name(raw: bytes, *, encoding: str | None = None) -> EntryName:
    r"""What an archive calls an entry, in one form, however it was packed: "a/b.txt".

    ``./a``, ``a//b``, ``/a``, ``C:\a``, ``\\host\a`` and ``a/x/../b`` are packed by people, and since nothing is written
    under a name they are read under what is left of it. Only one that climbs out of the archive is refused.

    >>> entry_name(rb"C:\\news\\.\\today.txt")
    EntryName(text='news/today.txt', is_folder=False, escapes=False)
    >>> entry_name(b"a/../../etc/passwd").escapes
    True
    """
    text = _decoded(raw, encoding).replace("\\", "/")
    rooted = text[_ROOT.match(text).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    parts: list[str] = []
    for part in rooted.split("/"):
        if part == ".." and not parts:
            return EntryName("/".join(one for one in rooted.split("/") if one not in ("", ".")), False, True)
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return EntryName("/".join(parts), text.endswith(("/", "/.", "/..")) or text in (".", ".."), False)


def _decoded(raw: bytes, encoding: str | None) -> str:
    """A name as text: as it says, else UTF-8, GBK (Chinese Windows), or code page 437."""
    for name in filter(None, (encoding, "utf-8")):
        with suppress(UnicodeDecodeError):
            return raw.decode(name)
    with suppress(UnicodeDecodeError):
        text = raw.decode("gb18030")
        foreign = [one for one in text if not one.isascii()]
        n_common = sum(_is_gb2312(one) for one in foreign)
        if n_common * 2 >= len(foreign):  # an accented letter and what follows it make a rare character
            return text
    return raw.decode("cp437")


def _is_gb2312(character: str) -> bool:
    """Whether a character is one of the 7,445 that GBK's forerunner has, and nearly every Chinese text is made of."""
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def refuse(reason: Reason, message: str) -> Callable[[], Stream]:
    """Return what opens an entry that is not to be read."""

    def opener() -> Stream:
        raise ReadFailure(reason, message)

    return opener


ESCAPES: Final = (
    "Its name points outside the archive. Whoever made it may mean harm; if not, pack it again with relative names."
)
NOT_A_FILE: Final = "It is {kind}, and only regular files are read. Pack a copy of the file itself."


# Tar archives, read as they come: headers by the standard library, and what lies between them by hand.
#
# POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block", and GNU tar's long names. The standard library's
# reader ends in silence at the first damaged header, and takes a name of as many bytes as a header says. Another type
# of entry is a line in one of the tables.

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


Opener = Callable[[Seekable, ReadLimits, Meter], Stream]

# 4.4.5: method -> what unpacks it
_METHODS: Final[Mapping[int, Opener]] = {
    0: lambda file, limits, meter: StoredStream(file),
    8: lambda file, limits, meter: GzipStream(file, limits=limits, wbits=DEFLATE_WBITS, meter=meter),
    12: lambda file, limits, meter: PackedStream(file, kit=BZIP2, limits=limits, meter=meter),
    14: lambda file, limits, meter: PackedStream(file, kit=ZIP_LZMA, limits=limits, meter=meter),
    95: lambda file, limits, meter: PackedStream(file, kit=XZ, limits=limits, meter=meter),
    93: lambda file, limits, meter: ArrowStream(file, "zstd", limits=limits, meter=meter),
}

_END = struct.Struct("<4s4H2LH")  # 4.3.16
_END_SIGNATURE = b"PK\5\6"
_END64_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
_LONGEST_COMMENT = 0xFFFF
_LOCAL_SIGNATURE, _CENTRAL_SIGNATURE = b"PK\3\4", b"PK\1\2"
_DESCRIPTOR_SIGNATURE = b"PK\7\x08"
_ENCRYPTED, _DESCRIBED_BEHIND, _UTF8 = 0x1, 0x8, 0x800  # 4.4.4, bits 0, 3 and 11
_DOS_FOLDER = 0x10  # 4.4.15
_UNICODE_PATH = 0x7075  # 4.6.9
_NEWEST_VERSION, _HIGHEST_METHOD = 63, 99  # 4.4.3.2, 4.4.5: what is beyond is no header
_PROVEN = 2
_MOST_END_RECORDS = 64  # that are looked at: a comment may be full of them
_MOST_JOINED = 100  # archives one behind the other
_MOST_FALSE = 1_000  # signatures of a header where there is none, before the search is given up
_BROKEN = Reason.BROKEN_CONTAINER


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry as the central directory lists it, or as its own header has it where there is no directory."""

    name: EntryName
    flags: int
    method: int
    crc: int | None  # None when nothing says
    stored: int  # bytes
    size: int  # bytes unpacked, as claimed
    offset: int  # of the local header in the file
    mode: int  # as of stat; 0 when unknown
    n_name: int  # bytes
    is_cut: bool = False  # the file ends inside it

    @property
    def is_folder(self) -> bool:
        """Whether it has a folder's name or mode, and nothing in it."""
        return not self.size and not self.crc and (self.name.is_folder or stat.S_ISDIR(self.mode))


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where a central directory lies, and what it lists."""

    start: int
    size: int
    shift: int  # how far offsets are off, for bytes that were put before the archive
    n_entries: int  # as claimed
    trust: int  # 2: its first entry is where it says; 1: it begins like a directory; 0: it claims to be empty


def read_zip(file: Seekable, limits: ReadLimits, meter: Meter) -> Iterator[Entry]:
    """Yield the entries of an archive that are files. Raises ReadFailure for what is lost, after the rest.

    Archives one behind the other are all read. Where there is no directory, or it is damaged, the entries are found by
    their own headers.
    """
    budget = _Budget(limits.max_entries)
    file_size = file.seek(0, os.SEEK_END)
    directories = _directories(file, file_size, budget)
    if not directories:
        failure = ReadFailure(_BROKEN, "It is no zip archive, or its end is missing. Fetch the file again.")
        directories = [_Contents(file_size, _by_headers(file, 0, file_size, budget), failure)]
    for one in directories:
        shared = _shared(one.listed, one.end)
        for number, listed in enumerate(one.listed):
            if not listed.is_folder:
                yield Entry(listed.name.text, _opener(file, listed, number in shared, limits, meter))
    failures = [one.failure for one in directories if one.failure]
    if budget.is_over:
        what = f"It holds more than {limits.max_entries:,} entries; the rest is not read."
        raise ReadFailure(Reason.TOO_LARGE, f"{what} Split it.")
    if failures:
        raise failures[0]


class _Budget:
    """How many entries may still be read."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.is_over = False

    def take(self) -> bool:
        """Whether there may be another one."""
        self.is_over = self.is_over or not self.left
        self.left -= not self.is_over
        return not self.is_over


@dataclass(frozen=True, slots=True)
class _Contents:
    """The entries of one archive in a file."""

    end: int  # no entry's bytes reach beyond
    listed: list[_Listed]
    failure: ReadFailure | None


def _directories(file: Seekable, file_size: int, budget: _Budget) -> list[_Contents]:
    """Return what the archives in a file hold, which may be put one behind the other, in file order."""
    found: list[_Contents] = []
    end = file_size
    while len(found) < _MOST_JOINED and (directory := _last_directory(file, end, is_first=end == file_size)):
        listed: list[_Listed] = []
        failure = None
        try:
            for one in _central(file, directory):
                if not budget.take():
                    break
                listed.append(one)
            if not budget.is_over and (len(listed) - directory.n_entries) % 0x10000:  # some count no further
                what = f"Its directory lists {len(listed):,} entries where its end says {directory.n_entries:,}."
                raise ReadFailure(_BROKEN, f"{what} Fetch the file again.")
        except ReadFailure as error:
            failure = error
            begin = max((one.offset + _LOCAL.size + one.n_name + one.stored for one in listed), default=0)
            listed += _by_headers(file, begin, directory.start, budget)
        found.append(_Contents(directory.start, listed, failure))
        end = min((one.offset for one in listed if one.offset < directory.start), default=0)
    return found[::-1]


def _last_directory(file: Seekable, end: int, *, is_first: bool) -> _Directory | None:
    """Return the directory of the archive that ends last before ``end``.

    Of several end records, as a comment or what is put behind an archive may hold, the last that tells the truth
    counts. One that claims to be empty counts for ``is_first``, the first that is asked for, when no entry is there.
    """
    tail_start = max(end - _END.size - _LONGEST_COMMENT, 0)
    file.seek(tail_start)
    tail = read_exactly(file, end - tail_start)
    best: _Directory | None = None
    at = len(tail) - _END.size + len(_END_SIGNATURE)
    for _ in range(_MOST_END_RECORDS):
        at = tail.rfind(_END_SIGNATURE, 0, max(at, 0))
        if at < 0:
            break
        for one in _claimed(file, _END.unpack_from(tail, at), tail_start + at):
            if best is None or one.trust > best.trust:
                best = one
        if best and best.trust == _PROVEN:
            return best
        at += len(_END_SIGNATURE) - 1
    if not is_first or best is None or (not best.trust and _find(file, b"PK\3\4", 0, end) is not None):
        return None
    return best


def _claimed(file: Seekable, fields: tuple[int, ...], place: int) -> Iterator[_Directory]:
    """Yield where the directory of an end record may be: just before it, or else where it says."""
    *_, n_entries, size, offset, _ = fields
    end = place
    if 0xFFFFFFFF in (size, offset) or n_entries == 0xFFFF:
        end, n_entries, size, offset = _end64(file, end) or (end, n_entries, size, offset)
    for start, shift in ((end - size, end - size - offset), (offset, 0)):
        if start < 0 or start + size > place or shift < 0:
            continue
        if not size:
            yield _Directory(start, 0, shift, n_entries, 0)
            continue
        file.seek(start)
        header = read_exactly(file, _CENTRAL.size)
        if len(header) < _CENTRAL.size or not header.startswith(_CENTRAL_SIGNATURE):
            continue
        first = _listed(_CENTRAL.unpack(header), b"", shift).offset
        file.seek(first)
        is_there = read_exactly(file, 4) == _LOCAL_SIGNATURE
        yield _Directory(start, size, shift, n_entries, _PROVEN if is_there else 1)


def _end64(file: Seekable, end: int) -> tuple[int, int, int, int] | None:
    """Return place, number of entries, size and offset as the zip64 end record has them."""
    at_locator = end - _END64_LOCATOR.size
    if at_locator < 0:
        return None
    file.seek(at_locator)
    locator = read_exactly(file, _END64_LOCATOR.size)
    claimed = _END64_LOCATOR.unpack(locator)[2] if locator.startswith(b"PK\6\7") else at_locator
    for place in (at_locator - _END64.size, claimed):  # the second when it has an extensible data sector
        if not 0 <= place < end:
            continue
        file.seek(place)
        data = read_exactly(file, _END64.size)
        if len(data) == _END64.size and data.startswith(b"PK\6\6"):
            *_, n_entries, size, offset = _END64.unpack(data)
            return place, n_entries, size, offset
    return None


def _central(file: Seekable, place: _Directory) -> Iterator[_Listed]:
    """Yield what a directory lists. Raises ReadFailure where it is damaged."""
    directory = Slice(file, place.start, place.size)
    ahead = b""
    number = 0
    while True:
        ahead += read_exactly(directory, max(64 * KIB - len(ahead), 0)) if len(ahead) < _CENTRAL.size else b""
        if not ahead:
            return
        number += 1
        lost = ReadFailure(_BROKEN, f"Its directory is damaged at entry {number:,}. Fetch the file again.")
        if len(ahead) < _CENTRAL.size or not ahead.startswith(_CENTRAL_SIGNATURE):
            raise lost
        fields = _CENTRAL.unpack_from(ahead)
        n_name, n_extra, n_comment = fields[10:13]
        end = _CENTRAL.size + n_name + n_extra + n_comment
        ahead += read_exactly(directory, max(end - len(ahead), 0))
        if len(ahead) < end:
            raise lost
        yield _listed(fields, ahead[_CENTRAL.size : end], place.shift)
        ahead = ahead[end:]


def _listed(fields: tuple[int, ...], rest: bytes, shift: int) -> _Listed:
    _, made_by, _, flags, method, _, _, crc, stored, size, n_name, n_extra, _, _, _, attributes, offset = fields
    name, extra = rest[:n_name], rest[n_name : n_name + n_extra]
    size, stored, offset = _wide((size, stored, offset), extra)
    is_unix = made_by >> 8 in (3, 19)  # 4.4.2: UNIX, OS X
    return _Listed(
        name=_name(name, flags, extra),
        flags=flags,
        method=method,
        crc=crc,
        stored=stored,
        size=size,
        offset=offset + shift,
        mode=attributes >> 16 if is_unix else stat.S_IFDIR if attributes & _DOS_FOLDER else 0,
        n_name=n_name,
    )


def _name(name: bytes, flags: int, extra: bytes) -> EntryName:
    """Return a name as text: by the Unicode path of Info-ZIP (4.6.9) if it belongs to it, else as the flag says."""
    for kind, field in _extra_fields(extra):
        if kind == _UNICODE_PATH and field[:1] == b"\1" and field[1:5] == zlib.crc32(name).to_bytes(4, "little"):
            return entry_name(field[5:], encoding="utf-8")
    return entry_name(name, encoding="utf-8" if flags & _UTF8 else None)


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each extra field (4.5.1)."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        yield kind, extra[4 : 4 + length]
        extra = extra[4 + length :]


def _wide(values: tuple[int, int, int], extra: bytes) -> tuple[int, int, int]:
    """Return size, stored size and offset with those of 4 bytes' ones replaced from the zip64 field (4.5.3)."""
    for kind, field in _extra_fields(extra):
        if kind == 1:
            numbers = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size, stored, offset = (next(numbers, one) if one == 0xFFFFFFFF else one for one in values)
            return size, stored, offset
    return values


def _by_headers(file: Seekable, start: int, end: int, budget: _Budget) -> list[_Listed]:
    """Return the entries in a stretch of a file by their local headers, for want of a directory."""
    found: list[_Listed] = []
    n_false = 0
    while n_false < _MOST_FALSE and (place := _find(file, _LOCAL_SIGNATURE, start, end)) is not None:
        one = _by_header(file, place, end)
        if one is None:
            n_false += 1
            start = place + len(_LOCAL_SIGNATURE)
        elif budget.take():
            found.append(one)
            start = place + _LOCAL.size + one.n_name + one.stored
        else:
            break
    return found


def _by_header(file: Seekable, place: int, end: int) -> _Listed | None:
    """Return the entry whose local header is at ``place``, or None when there is none."""
    file.seek(place)
    header = read_exactly(file, _LOCAL.size)
    if len(header) < _LOCAL.size:
        return None
    _, version, flags, method, _, _, crc, stored, size, n_name, n_extra = _LOCAL.unpack(header)
    start = place + _LOCAL.size + n_name + n_extra
    if version & 0xFF > _NEWEST_VERSION or method > _HIGHEST_METHOD or start > end:
        return None
    rest = read_exactly(file, n_name + n_extra)
    size, stored, _ = _wide((size, stored, 0), rest[n_name:])
    known: int | None = crc
    if flags & _DESCRIBED_BEHIND and not stored:
        stored, known = _described(file, start, end)
        size = stored
    return _Listed(
        name=_name(rest[:n_name], flags, rest[n_name:]),
        flags=flags,
        method=method,
        crc=known,
        stored=min(stored, end - start),
        size=size,
        offset=place,
        mode=0,
        n_name=n_name,
        is_cut=stored > end - start,
    )


def _described(file: Seekable, start: int, end: int) -> tuple[int, int | None]:
    """Return size and checksum of an entry that has them behind it (4.3.9), whether or not with a signature.

    It ends where the next one or the directory begins, or the file.
    """
    following = _find(file, _LOCAL_SIGNATURE, start, end) or end
    following = _find(file, _CENTRAL_SIGNATURE, start, following) or following
    tail_start = max(start, following - 24)
    file.seek(tail_start)
    tail = read_exactly(file, following - tail_start)
    for form in ("<4s3L", "<4sL2Q", "<3L", "<L2Q"):  # 4.3.9.2: zip64 is longer
        length = struct.calcsize(form)
        *signature, crc, stored, _ = struct.unpack(form, tail[-length:]) if length <= len(tail) else (b"", 0, -1, 0)
        if signature in ([], [_DESCRIPTOR_SIGNATURE]) and stored == following - length - start:
            return stored, crc
    if (at := tail.rfind(_DESCRIPTOR_SIGNATURE)) >= 0:  # the entry is whole, its descriptor is cut
        return tail_start + at - start, None
    return end - start + 1 if following == end else following - start, None  # one byte more than there is: it is cut


def _find(file: Seekable, signature: bytes, start: int, end: int) -> int | None:
    """Return where a signature is found first in a stretch of a file."""
    if start >= end:  # which may be far beyond what there is
        return None
    size = 4 * KIB
    file.seek(start)
    window = b""
    while data := read_exactly(file, min(size, end - start - len(window))):
        window += data
        if (at := window.find(signature)) >= 0:
            return start + at
        kept = len(signature) - 1
        start, window = start + max(len(window) - kept, 0), window[-kept:]
        size = 256 * KIB
    return None


def _shared(listed: list[_Listed], end: int) -> set[int]:
    """Return the numbers of the entries whose bytes reach into the next one's, or into the directory at ``end``."""
    order = sorted(range(len(listed)), key=lambda number: listed[number].offset)
    places = [listed[number].offset for number in order] + [end]
    found = set()
    for number, (place, following) in zip(order, pairwise(places), strict=True):
        one = listed[number]
        if place + _LOCAL.size + one.n_name + one.stored > min(following, end):
            found.add(number)
    return found


def _opener(file: Seekable, one: _Listed, is_shared: bool, limits: ReadLimits, meter: Meter) -> Callable[[], Stream]:
    """Return what opens an entry, or refuses to."""
    if one.name.escapes:
        return refuse(Reason.UNSAFE_NAME, ESCAPES)
    kind = stat.S_IFMT(one.mode)
    if kind not in (0, stat.S_IFREG):
        return refuse(Reason.NOT_A_REGULAR_FILE, NOT_A_FILE.format(kind="a link or a special file"))
    if is_shared:
        return refuse(Reason.DECOMPRESSION_BOMB, "It shares its bytes with another entry, as zip bombs do.")
    if one.flags & _ENCRYPTED:
        return refuse(Reason.ENCRYPTED, "It is encrypted. Unpack the archive with its password.")
    if one.method not in _METHODS:
        return refuse(Reason.UNSUPPORTED_TYPE, f"Its compression method, {one.method}, is not read. Use deflate.")
    return partial(_open, file, one, limits, meter)


def _open(file: Seekable, one: _Listed, limits: ReadLimits, meter: Meter) -> Stream:
    """Return an entry's stream. Raises ReadFailure when the file has no such entry where the directory says."""
    file.seek(one.offset)
    header = read_exactly(file, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_SIGNATURE):
        raise ReadFailure(_BROKEN, "The archive's directory lists it, and it is not there. Fetch the file again.")
    *_, n_name, n_extra = _LOCAL.unpack(header)
    packed = Slice(file, one.offset + _LOCAL.size + n_name + n_extra, one.stored)
    return CheckedStream(_METHODS[one.method](packed, limits, meter), crc=one.crc, is_cut=one.is_cut)
