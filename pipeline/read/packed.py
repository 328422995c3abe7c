"""bzip2, xz and Zstandard: streams of what they hold. Damage ends them; only gzip, in ``stream``, is stepped over.

Another compression is a class or a ``Kit`` here, its first bytes, and a line in ``READERS``.
"""

from __future__ import annotations

import bz2
import lzma
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa
import zstandard

from pipeline.read.limits import KIB, MIB, ReadFailure, ReadLimits
from pipeline.read.stream import (
    OUTPUT,
    CutStream,
    DamagedStream,
    ForeignTail,
    Meter,
    Seekable,
    Stream,
    read_exactly,
)

BZIP2_MAGIC: Final = tuple(b"BZh%d" % level + block for level in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P\x90"))
XZ_MAGIC: Final = b"\xfd7zXZ\0"  # https://tukaani.org/xz/xz-file-format.txt 2.1.1.1
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"  # RFC 8878 3.1.1
ZSTD_SKIPPABLE: Final = tuple(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60))  # RFC 8878 3.1.2
#: A skippable frame that holds the dictionary of all frames behind it:
#: https://iipc.github.io/warc-specifications/specifications/warc-zstd/
_ZSTD_DICTIONARY: Final = b"\x5d\x2a\x4d\x18"
_MOST_DICTIONARY = 16 * MIB  # those that are made have up to 1
_ZSTD_WINDOW = 128 * MIB  # what a frame may ask to be kept in memory; level 19 takes 8
_INPUT = 4 * KIB  # bytes in a read: what was consumed for a record is known so far, and its ratio depends on it
_ZSTD_INPUT = 1 * KIB  # bytes in a read, which may be 340 blocks of 128 KiB (RFC 8878 3.1.1.2.3) when they mean harm
_XZ_MEMORY = 256 * MIB  # a dictionary of level 9 takes 64
_LZMA_HEAD = struct.Struct("<HHBL")


class _Decompressor(Protocol):
    """What bz2's and lzma's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Kit:
    """What tells one compression of the standard library from another."""

    begin: Callable[[], _Decompressor]
    magic: tuple[bytes, ...]  # how another member behind the first begins
    error: type[Exception]  # for damaged data


class _ZipLzma:
    """LZMA as a zip archive holds it (APPNOTE.TXT 5.8): version, length of the properties, properties, raw data."""

    def __init__(self) -> None:
        self._ahead = b""
        self._raw: lzma.LZMADecompressor | None = None

    @property
    def eof(self) -> bool:
        return self._raw is not None and self._raw.eof

    @property
    def needs_input(self) -> bool:
        return self._raw is None or self._raw.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._raw.unused_data if self._raw else b""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if self._raw is None:
            self._ahead += data
            if len(self._ahead) < _LZMA_HEAD.size:
                return b""
            _, n_properties, packed, dictionary = _LZMA_HEAD.unpack_from(self._ahead)
            if n_properties != 5 or packed >= 9 * 5 * 5 or dictionary > _XZ_MEMORY:
                raise lzma.LZMAError("unknown properties, or a dictionary that is too large")
            shape = {"lc": packed % 9, "lp": packed // 9 % 5, "pb": packed // 45, "dict_size": dictionary}
            self._raw = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, **shape}])
            data, self._ahead = self._ahead[_LZMA_HEAD.size :], b""
        return self._raw.decompress(data, max_length)


BZIP2: Final = Kit(bz2.BZ2Decompressor, (b"BZh",), OSError)
ZIP_LZMA: Final = Kit(_ZipLzma, (), lzma.LZMAError)
XZ: Final = Kit(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), (XZ_MAGIC,), lzma.LZMAError)


class PackedStream:
    """The decompressed bytes of all members of a bzip2 or xz file."""

    member = 0

    def __init__(self, file: Seekable, *, kit: Kit, limits: ReadLimits, meter: Meter | None = None) -> None:
        file.seek(0)
        self._file = file
        self._kit = kit
        self._meter = meter or Meter(limits.max_expanded_bytes)
        self._unpacker = kit.begin()
        self._pending = b""
        self._damage: DamagedStream | None = None
        self.consumed = 0

    def read(self) -> bytes:
        """Return the next bytes, none at the end. Raises CutStream, ForeignTail, DamagedStream, ReadFailure, OSError."""
        while not self._damage:
            if self._unpacker.eof and not self._next_member():
                return b""
            fresh, self._pending = self._pending, b""
            if not fresh and self._unpacker.needs_input:
                fresh = self._file.read(_INPUT)
                self.consumed += len(fresh)
            if not fresh and self._unpacker.needs_input:
                self._damage = CutStream(f"The compressed data ends in the middle, after byte {self.consumed:,}.")
            elif data := self._unpacked(fresh):
                self._meter.count(len(data))
                return data
        if self._damage:
            raise self._damage
        return b""

    def resync(self) -> bool:
        """Return False: after damage nothing more is read."""
        return False

    def _unpacked(self, fresh: bytes) -> bytes:
        try:
            return self._unpacker.decompress(fresh, OUTPUT)
        except (self._kit.error, EOFError, ValueError) as error:
            self._damage = DamagedStream(f"The compressed data is damaged: {error}.")
            return b""

    def _next_member(self) -> bool:
        """Begin the next member, zero padding stepped over. False at the end; a ForeignTail is noted as damage."""
        rest = self._unpacker.unused_data.lstrip(b"\0")
        while len(rest) < len(XZ_MAGIC) and (more := self._file.read(OUTPUT)):
            self.consumed += len(more)
            rest = (rest + more).lstrip(b"\0")
        if not rest:
            return False
        if not rest.startswith(self._kit.magic):
            self._damage = ForeignTail("What follows the compressed data is none.")
            return True
        self._unpacker = self._kit.begin()
        self._pending = rest
        return True


class ArrowStream:
    """The decompressed bytes of all that a file holds in a compression that pyarrow has: "zstd", "brotli"."""

    member = 0

    def __init__(self, file: Seekable, codec: str, *, limits: ReadLimits, meter: Meter | None = None) -> None:
        file.seek(0)
        self._source = _ArrowSource(file)
        self._stream = pa.CompressedInputStream(pa.PythonFile(self._source, mode="r"), codec)
        self._meter = meter or Meter(limits.max_expanded_bytes)
        self._damage: DamagedStream | None = None

    @property
    def consumed(self) -> int:
        """Bytes of the file that the output so far was made from."""
        return self._source.n_read

    def read(self) -> bytes:
        """Return the next bytes, none at the end. Raises CutStream, DamagedStream, ReadFailure, OSError."""
        if self._damage:
            raise self._damage
        try:
            data: bytes = self._stream.read(OUTPUT)
        except OSError as error:
            if self._source.failure:
                raise self._source.failure from None
            self._damage = (
                CutStream("The compressed data ends in the middle.")
                if "Truncated" in str(error)
                else DamagedStream("The compressed data is damaged.")
            )
            raise self._damage from None
        self._meter.count(len(data))
        return data

    def resync(self) -> bool:
        """Return False: after damage nothing more is read."""
        return False


def unpack_zstd(file: Seekable, *, limits: ReadLimits, meter: Meter | None = None) -> Stream:
    """Return the stream of a Zstandard file, with its own dictionary if it begins with one. Raises DamagedStream."""
    file.seek(0)
    head = read_exactly(file, 8)
    if not head.startswith(_ZSTD_DICTIONARY) or len(head) < 8:
        return ArrowStream(file, "zstd", limits=limits, meter=meter)
    (size,) = struct.unpack("<L", head[4:])
    content = read_exactly(file, size) if size <= _MOST_DICTIONARY else b""
    if len(content) < size or not size:
        raise DamagedStream("The dictionary that the file begins with is cut off or too large.")
    try:
        if content.startswith(ZSTD_MAGIC):
            content = zstandard.ZstdDecompressor().stream_reader(content).read(_MOST_DICTIONARY)
        unpacker = zstandard.ZstdDecompressor(zstandard.ZstdCompressionDict(content), max_window_size=_ZSTD_WINDOW)
    except (zstandard.ZstdError, ValueError) as error:
        raise DamagedStream(f"The dictionary that the file begins with is damaged: {error}.") from None
    return DictionaryStream(file, unpacker, meter=meter or Meter(limits.max_expanded_bytes))


class DictionaryStream:
    """The decompressed bytes of the frames that lie ahead in a file, which share a dictionary."""

    member = 0

    def __init__(self, file: Seekable, unpacker: zstandard.ZstdDecompressor, *, meter: Meter) -> None:
        self._file = file
        self._unpacker = unpacker
        self._meter = meter
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._pending = b""
        self._damage: DamagedStream | None = None
        self.consumed = 0

    def read(self) -> bytes:
        """Return the next bytes, none at the end. Raises CutStream, DamagedStream, ReadFailure, OSError."""
        while not self._damage:
            piece, self._pending = self._pending or self._file.read(_ZSTD_INPUT), b""
            if not piece and self._frame is None:
                return b""
            self._frame = self._frame or self._unpacker.decompressobj()
            data = self._unpacked(self._frame, piece)
            if self._frame.eof:
                self._pending = self._frame.unused_data
                self._frame = None
            self.consumed += len(piece) - len(self._pending)
            if data:
                self._meter.count(len(data))
                return data
        raise self._damage

    def resync(self) -> bool:
        """Return False: after damage nothing more is read."""
        return False

    def _unpacked(self, frame: zstandard.ZstdDecompressionObj, piece: bytes) -> bytes:
        if not piece:
            self._damage = CutStream("The compressed data ends in the middle.")
            return b""
        try:
            return frame.decompress(piece)
        except zstandard.ZstdError as error:
            self._damage = DamagedStream(f"The compressed data is damaged: {error}.")
            return b""


class _ArrowSource:
    """A file as pyarrow wants it; keeps what the system refused, which pyarrow reports as it does damage."""

    closed = False

    def __init__(self, file: Seekable) -> None:
        self._file = file
        self.n_read = 0
        self.failure: OSError | ReadFailure | None = None

    def read(self, size: int) -> bytes:
        try:
            data = self._file.read(min(size, _INPUT))
        except (OSError, ReadFailure) as error:
            self.failure = error
            raise
        self.n_read += len(data)
        return data

    def close(self) -> None:
        self.closed = True
