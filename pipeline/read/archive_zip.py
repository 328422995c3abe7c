"""ZIP archives, by their central directory. Another compression method is a line in ``_METHODS``.

APPNOTE.TXT 6.3.10, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT; the clauses are named below. Nothing
is believed of the sizes and offsets in it but what the file bears out, and entries that share bytes are refused
(https://www.bamsoftware.com/hacks/zipbomb/). The standard library's zipfile reads a whole directory before a bound
can be put on it, and one damaged entry of it is the end.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from pipeline.errors import Reason
from pipeline.read.archive import NOT_A_FILE, Entry, decode_name, refuse, unsafe_name
from pipeline.read.nested import CheckedStream, Slice, read_exactly
from pipeline.read.outcome import KIB, ReadFailure, ReadLimits
from pipeline.read.packed import BZIP2, PackedStream, ZstdStream
from pipeline.read.stream import DEFLATE_WBITS, GzipStream, Meter, Seekable, StoredStream, Stream

Opener = Callable[[Seekable, ReadLimits, Meter], Stream]

# 4.4.5: method -> what unpacks it
_METHODS: Final[Mapping[int, Opener]] = {
    0: lambda file, limits, meter: StoredStream(file),
    8: lambda file, limits, meter: GzipStream(file, limits=limits, wbits=DEFLATE_WBITS, meter=meter),
    12: lambda file, limits, meter: PackedStream(file, kit=BZIP2, limits=limits, meter=meter),
    93: lambda file, limits, meter: ZstdStream(file, limits=limits, meter=meter),
}

_END = struct.Struct("<4s4H2LH")  # 4.3.16
_END_SIGNATURE = b"PK\5\6"
_END64_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
_LONGEST_COMMENT = 0xFFFF
_ENCRYPTED, _UTF8 = 0x1, 0x800  # 4.4.4, bits 0 and 11
_BROKEN = Reason.BROKEN_CONTAINER


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry as the central directory lists it."""

    name: str
    flags: int
    method: int
    crc: int
    stored: int  # bytes
    offset: int  # of the local header in the file
    mode: int  # as of stat; 0 when unknown
    n_name: int  # bytes


def read_zip(file: Seekable, limits: ReadLimits, meter: Meter) -> Iterator[Entry]:
    """Yield the entries of an archive that are files. Raises ReadFailure for what is lost, after the rest."""
    start, size, shift, n_entries = _directory(file)
    listed: list[_Listed] = []
    broken: ReadFailure | None = None
    try:
        for one in _central(file, start, size, shift):
            if len(listed) == limits.max_entries:
                what = f"It holds {n_entries:,} entries; those after the first {limits.max_entries:,} are not read."
                broken = ReadFailure(Reason.TOO_LARGE, f"{what} Split it.")
                break
            listed.append(one)
    except ReadFailure as failure:
        broken = failure
    shared = _shared(listed, start)
    for number, one in enumerate(listed):
        if not one.name.endswith("/"):
            yield Entry(one.name, _opener(file, one, number in shared, limits, meter))
    if broken:
        raise broken


def _directory(file: Seekable) -> tuple[int, int, int, int]:
    """Return the central directory's place, size, how far offsets are off, and the number of entries it claims."""
    file_size = file.seek(0, os.SEEK_END)
    tail_start = max(file_size - _END.size - _LONGEST_COMMENT, 0)
    file.seek(tail_start)
    tail = read_exactly(file, file_size - tail_start)
    found = tail.rfind(_END_SIGNATURE, 0, max(len(tail) - _END.size + len(_END_SIGNATURE), 0))
    if found < 0:
        raise ReadFailure(_BROKEN, "It is no zip archive, or its end is missing. Fetch the file again.")
    *_, n_entries, size, offset, _ = _END.unpack_from(tail, found)
    end = tail_start + found
    if 0xFFFFFFFF in (size, offset) or n_entries == 0xFFFF:
        end, n_entries, size, offset = _end64(file, end) or (end, n_entries, size, offset)
    if size > end or offset > end - size:
        raise ReadFailure(_BROKEN, "Its directory cannot be where the archive says. Fetch the file again.")
    return end - size, size, end - size - offset, n_entries


def _end64(file: Seekable, end: int) -> tuple[int, int, int, int] | None:
    """Return place, number of entries, size and offset as the zip64 end record has them."""
    place = end - _END64_LOCATOR.size - _END64.size
    if place < 0:
        return None
    file.seek(place)
    data = read_exactly(file, _END64.size)
    if len(data) < _END64.size or not data.startswith(b"PK\6\6"):
        return None
    *_, n_entries, size, offset = _END64.unpack(data)
    return place, n_entries, size, offset


def _central(file: Seekable, start: int, size: int, shift: int) -> Iterator[_Listed]:
    """Yield what the directory lists. Raises ReadFailure where it is damaged."""
    directory = Slice(file, start, size)
    ahead = b""
    number = 0
    while True:
        ahead += read_exactly(directory, max(64 * KIB - len(ahead), 0)) if len(ahead) < _CENTRAL.size else b""
        if not ahead:
            return
        number += 1
        lost = ReadFailure(_BROKEN, f"Its directory is damaged at entry {number:,}; from there on nothing is read.")
        if len(ahead) < _CENTRAL.size or not ahead.startswith(b"PK\1\2"):
            raise lost
        fields = _CENTRAL.unpack_from(ahead)
        n_name, n_extra, n_comment = fields[10:13]
        end = _CENTRAL.size + n_name + n_extra + n_comment
        ahead += read_exactly(directory, max(end - len(ahead), 0))
        if len(ahead) < end:
            raise lost
        yield _listed(fields, ahead[_CENTRAL.size : end], shift)
        ahead = ahead[end:]


def _listed(fields: tuple[int, ...], rest: bytes, shift: int) -> _Listed:
    _, made_by, _, flags, method, _, _, crc, stored, size, n_name, n_extra, _, _, _, attributes, offset = fields
    name = rest[:n_name]
    _, stored, offset = _wide((size, stored, offset), rest[n_name : n_name + n_extra])
    is_unix = made_by >> 8 in (3, 19)  # 4.4.2: UNIX, OS X
    return _Listed(
        name=name.decode("utf-8", "replace").replace("\\", "/") if flags & _UTF8 else decode_name(name),
        flags=flags,
        method=method,
        crc=crc,
        stored=stored,
        offset=offset + shift,
        mode=attributes >> 16 if is_unix else 0,
        n_name=n_name,
    )


def _wide(values: tuple[int, int, int], extra: bytes) -> tuple[int, int, int]:
    """Return size, stored size and offset with those of 4 bytes' ones replaced from the zip64 field (4.5.3)."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == 1:
            numbers = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size, stored, offset = (next(numbers, one) if one == 0xFFFFFFFF else one for one in values)
            return size, stored, offset
    return values


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
    if failure := unsafe_name(one.name):
        return refuse(failure.reason, failure.message)
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
    if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
        raise ReadFailure(_BROKEN, "The archive's directory lists it, and it is not there. Fetch the file again.")
    *_, n_name, n_extra = _LOCAL.unpack(header)
    packed = Slice(file, one.offset + _LOCAL.size + n_name + n_extra, one.stored)
    return CheckedStream(_METHODS[one.method](packed, limits, meter), crc=one.crc)
