"""Streams inside of streams: looked into before they are read, cut out of a file, checked, or held in memory."""

from __future__ import annotations

import os
import zlib
from io import BytesIO

from pipeline.errors import Reason
from pipeline.read.outcome import ReadFailure, ReadLimits
from pipeline.read.stream import CutStream, DamagedStream, Seekable, StoredStream, Stream, check_ratio


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
