"""Streams of a file's bytes, as stored or gunzipped on the way, that count what goes in and what comes out.

Nothing is believed of a gzip header: output is counted as it comes, against ``ReadLimits``. Another compression is a
class with the same five members as ``Stream``.
"""

from __future__ import annotations

import os
import re
import zlib
from io import BytesIO
from typing import Protocol

from pipeline.errors import Reason
from pipeline.read.limits import KIB, ReadFailure, ReadLimits
from pipeline.types import Flag

GZIP_MAGIC = b"\x1f\x8b\x08"  # RFC 1952: ID1, ID2, CM = deflate, the only method there is
_HEADER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")  # with the reserved flag bits zero, as they must be
GZIP_WBITS, ZLIB_WBITS, DEFLATE_WBITS = 31, 15, -15
OUTPUT = 64 * KIB  # bytes out a read
_FIRST_OUTPUT = 64  # bytes out of a member at first: enough to see what it is, before damage further in is met


class Seekable(Protocol):
    """A RawFile or a BytesIO."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Continue reading at ``offset`` (from the start, or as ``whence`` says); return the place."""


class DamagedStream(ReadFailure):
    """Compressed data that cannot be decoded any further; ``resync`` may find a place to go on."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.BROKEN_CONTAINER, message)


class CutStream(DamagedStream):
    """Compressed data that ends in the middle."""


class ForeignTail(DamagedStream):
    """Whole members, and something behind them that is not compressed data."""


class Meter:
    """What all the compressed data of one raw file came to so far, nested or side by side."""

    def __init__(self, limit: int) -> None:
        self._left = self._limit = limit

    def count(self, size: int) -> None:
        """Take note of ``size`` bytes more. Raises ReadFailure over the limit."""
        self._left -= size
        if self._left < 0:
            raise ReadFailure(
                Reason.DECOMPRESSION_BOMB,
                f"It expands to more than {self._limit:,} bytes. Split it if it is meant to be so.",
            )


class Stream(Protocol):
    """Bytes of a file in order."""

    @property
    def consumed(self) -> int:
        """Bytes of the file that the output so far was made from."""

    @property
    def member(self) -> int:
        """Offset in the file of the compressed member that is being read; 0 when there are none."""

    def read(self) -> bytes:
        """Return the next bytes, none at the end. Raises ReadFailure, DamagedStream, OSError."""

    def resync(self) -> bool:
        """After DamagedStream: go on at the next place that looks like a beginning. False when there is none."""


class StoredStream:
    """A file's bytes as they are."""

    member = 0

    def __init__(self, file: Seekable) -> None:
        file.seek(0)
        self.file = file
        self.consumed = 0

    def read(self) -> bytes:
        """Return the next bytes, none at the end."""
        data = self.file.read(OUTPUT)
        self.consumed += len(data)
        return data

    def resync(self) -> bool:
        """Return False: stored bytes are never damaged."""
        return False


class GzipStream:
    """The decompressed bytes of all members of a gzip file, a member's bytes never mixed with the next one's."""

    def __init__(
        self, file: Seekable, *, limits: ReadLimits, wbits: int = GZIP_WBITS, meter: Meter | None = None
    ) -> None:
        self._file = file
        self._limits = limits
        self._wbits = wbits
        self._meter = meter or Meter(limits.max_expanded_bytes)
        self._damages = 0
        self._reread = 0  # bytes read for nothing
        self._damage: DamagedStream | None = None
        self._pending = b""
        self._wanted = _FIRST_OUTPUT
        self._restart(0)

    @property
    def consumed(self) -> int:
        """Bytes of the file that the output so far was made from."""
        return self._position - len(self._pending)

    def read(self) -> bytes:
        """Return the next bytes, none at the end. Raises CutStream, DamagedStream, ReadFailure, OSError."""
        if self._damage:
            raise self._damage
        while True:
            if self._inflater.eof and not self._next_member():
                return b""
            fresh = self._pending or self._fill()
            try:
                data = self._inflater.decompress(fresh, self._wanted)
            except zlib.error:
                where = f"in the part that begins at byte {self.member:,}"
                self._damage = DamagedStream(f"The compressed data is damaged {where}.")
                raise self._damage from None
            self._pending = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if data:
                self._wanted = OUTPUT
                self._meter.count(len(data))
                return data
            if not fresh and not self._inflater.eof:
                self._damage = CutStream(f"The compressed data ends in the middle, after byte {self._position:,}.")
                raise self._damage

    def resync(self) -> bool:
        """Go on at the next gzip header after the start of the damaged member, which may have swallowed others."""
        self._damages += 1
        self._reread += self._position - self.member
        if self._damages > self._limits.max_damages or self._reread > self._limits.max_expanded_bytes:
            return False
        start = self.member + 1
        self._file.seek(start)
        window = b""
        while data := self._file.read(OUTPUT):
            window += data
            if found := _HEADER.search(window):
                self._restart(start + found.start())
                return True
            start += max(len(window) - 3, 0)
            window = window[-3:]
        return False

    def _restart(self, offset: int) -> None:
        self._file.seek(offset)
        self._position = offset
        self._pending = b""
        self._damage = None
        self._begin(offset)

    def _begin(self, offset: int) -> None:
        self.member = offset
        self._inflater = zlib.decompressobj(self._wbits)
        self._wanted = _FIRST_OUTPUT

    def _fill(self) -> bytes:
        data = self._file.read(OUTPUT)
        self._position += len(data)
        return data

    def _next_member(self) -> bool:
        """Step over the zero padding after a member (RFC 1952 2.2 allows more members, gzip(1) allows padding)."""
        if self._wbits != GZIP_WBITS:
            return False
        while not (rest := self._pending.lstrip(b"\0")):
            self._pending = self._fill()
            if not self._pending:
                return False
        if len(rest) < len(GZIP_MAGIC):
            rest += self._fill()
        self._pending = rest
        if not rest.startswith(GZIP_MAGIC):
            self.member = self.consumed
            self._damage = ForeignTail(f"What follows from byte {self.member:,} on is not compressed data.")
            raise self._damage
        self._begin(self.consumed)
        return True


def read_whole(stream: Stream, *, limits: ReadLimits) -> tuple[bytes, tuple[Flag, ...]]:
    """Return all bytes of a stream that holds one document, and what was noticed.

    A stream that ends in the middle gives what there is, with the flag "truncated"; one with something else behind
    it, the flag "trailing_garbage".
    Raises ReadFailure: TOO_LARGE, DECOMPRESSION_BOMB, BROKEN_CONTAINER.
    """
    parts: list[bytes] = []
    size = 0
    try:
        while data := stream.read():
            parts.append(data)
            size += len(data)
            check_size(size, stream.consumed, limits=limits)
    except (CutStream, ForeignTail) as failure:
        if not parts:
            raise
        return b"".join(parts), (Flag.TRUNCATED if isinstance(failure, CutStream) else Flag.TRAILING_GARBAGE,)
    return b"".join(parts), ()


def check_size(size: int, stored: int, *, limits: ReadLimits) -> None:
    """Raise ReadFailure if a document of ``size`` bytes made from ``stored`` bytes of a file is out of bounds."""
    check_ratio(size, stored, limits=limits)
    if size > limits.max_record_bytes:
        raise too_large(limits.max_record_bytes)


def check_ratio(size: int, stored: int, *, limits: ReadLimits) -> None:
    """Raise ReadFailure if ``size`` bytes out of ``stored`` is more than honest text compresses to."""
    if size > limits.ratio_after_bytes and size > limits.max_ratio * max(stored, 1):
        raise ReadFailure(
            Reason.DECOMPRESSION_BOMB,
            f"It expands to more than {limits.max_ratio} times its stored size. Unpack it by hand if it is genuine.",
        )


def too_large(limit: int) -> ReadFailure:
    """Return the failure of a document over ``limit`` bytes."""
    return ReadFailure(
        Reason.TOO_LARGE, f"A document may have at most {limit:,} bytes. Split it, or raise the limit in the settings."
    )


# Streams inside of streams: looked into before they are read, cut out of a file, checked, or held in memory.


class Peeked:
    """A stream whose first bytes, ``head``, were looked at; it gives them again, piece by piece as they came."""

    def __init__(self, stream: Stream, size: int) -> None:
        self.stream = stream
        self._pieces: list[tuple[bytes, int, int]] = []  # data, and what consumed and member were after it
        self._place = (stream.consumed, stream.member)
        self._failure: ReadFailure | None = None
        n_read = 0
        try:
            while n_read < size and (data := stream.read()):
                self._pieces.append((data, stream.consumed, stream.member))
                n_read += len(data)
        except ReadFailure as failure:
            self._failure = failure  # for whoever reads on, who says so
        self._pieces.reverse()
        self._is_ahead = bool(self._pieces)
        self.head = b"".join(data for data, _, _ in reversed(self._pieces))[:size]

    @property
    def consumed(self) -> int:
        """As of Stream."""
        return self._place[0] if self._is_ahead else self.stream.consumed

    @property
    def member(self) -> int:
        """As of Stream."""
        return self._place[1] if self._is_ahead else self.stream.member

    def read(self) -> bytes:
        """As of Stream."""
        if self._pieces:
            data, *place = self._pieces.pop()
            self._place = (place[0], place[1])
            return data
        self._is_ahead = False
        if self._failure:
            raise self._failure
        return self.stream.read()

    def resync(self) -> bool:
        """As of Stream."""
        self._failure = None
        return self.stream.resync()


class Slice:
    """A stretch of a file as a file of its own."""

    def __init__(self, file: Seekable, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        self._file.seek(self._start + self._at)
        data = self._file.read(max(min(size, self._size - self._at), 0))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Continue reading at ``offset``; return the place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at


class CheckedStream:
    """A stream whose CRC-32 (ISO 3309) is known beforehand; DamagedStream at its end when it has another.

    One that is known to lack its end raises CutStream there; its CRC-32, as one that is None, says nothing.
    """

    member = 0

    def __init__(self, stream: Stream, *, crc: int | None, is_cut: bool = False) -> None:
        self._stream = stream
        self._expected = crc
        self._is_cut = is_cut
        self._actual = 0

    @property
    def consumed(self) -> int:
        """As of Stream."""
        return self._stream.consumed

    def read(self) -> bytes:
        """As of Stream."""
        data = self._stream.read()
        self._actual = zlib.crc32(data, self._actual)
        if not data and self._is_cut:
            raise CutStream("The archive is cut off inside it.")
        if not data and self._expected not in (None, self._actual):
            raise DamagedStream("Its checksum is not what the archive says: its bytes are damaged.")
        return data

    def resync(self) -> bool:
        """Return False: an entry is one piece."""
        return False


def seekable(stream: Peeked, limits: ReadLimits) -> Seekable:
    """Return what a stream gives as a file: the file itself where it is stored as it is, else held in memory.

    Raises ReadFailure: TOO_LARGE over ``max_packed_bytes``, DECOMPRESSION_BOMB, whatever the stream raises.
    """
    if isinstance(stream.stream, StoredStream):
        return stream.stream.file
    held = BytesIO()
    try:
        while data := stream.read():
            held.write(data)
            check_ratio(held.tell(), stream.consumed, limits=limits)
            if held.tell() > limits.max_packed_bytes:
                what = f"A compressed file inside another may have at most {limits.max_packed_bytes:,} bytes."
                raise ReadFailure(Reason.TOO_LARGE, f"{what} Unpack the outer one.")
    except CutStream:
        if not held.tell():
            raise
    return held  # what was cut off inside is noticed there


def read_exactly(file: Seekable, size: int) -> bytes:
    """Return ``size`` bytes, or fewer at the end of the file."""
    data = b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data
