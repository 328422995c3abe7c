"""What reading a raw file can come to, and the bounds it keeps.

A file or a record in it becomes a ``Record`` (a document), a ``Rejection`` (quarantine: it should have been one) or a
``Skipped`` (deliberately no document). A new bound is a field of ``ReadLimits``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.text.safety import printable as printable
from pipeline.types import Flag, Record

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
MESSAGE_CHARS = 500


Outcome: TypeAlias = Record | Rejection | Skipped


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds on what one raw file may cost. Sizes in bytes, of what was read: headers are never believed."""

    max_file_bytes: int = 512 * MIB  # as stored
    max_record_bytes: int = 32 * MIB  # of one document, decompressed
    max_expanded_bytes: int = 2 * GIB  # out of one compressed file, all records together
    max_ratio: int = 200  # decompressed to compressed, of one record; deflate can reach 1,032
    ratio_after_bytes: int = 1 * MIB  # of output, before which the ratio is not looked at
    max_records: int = 1_000_000  # of one file
    max_entries: int = 10_000  # of one archive that are read
    max_archives: int = 2  # archives in one another
    max_packings: int = 2  # compressions in one another: gzip in gzip
    max_packed_bytes: int = 128 * MIB  # of an archive or compressed file inside another, which is held in memory
    max_json_depth: int = 100  # of nested lists and objects in a line
    max_json_values: int = 4_000_000  # commas and brackets in a line: what it may unfold to in memory, 70 bytes each
    max_header_bytes: int = 4 * MIB  # of a WARC record's header
    max_mime_depth: int = 20  # of parts of a mail in one another
    max_mime_parts: int = 10_000  # of one mail
    max_damages: int = 1_000  # damaged places in a container before the rest of it is given up
    text_field: str | None = None  # of JSON, CSV and Parquet records; None: found by its name and by what it holds
    url_field: str | None = None
    time_field: str | None = None


DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the records of a stream come from."""

    path: str  # of the raw file
    flags: tuple[Flag, ...] = ()  # that every record of it carries
    name: str = ""  # that a suffix is looked for in; the path when empty


class ReadFailure(Exception):
    """Ends the reading of a stream; turned into a Rejection by the reader that knows which record was lost."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def reject(path: str, member: str | None, reason: Reason, message: str, *, stage: str = "read") -> Rejection:
    """Return the Rejection with its message made safe to print."""
    return Rejection(path, member, stage, reason, printable(message, limit=MESSAGE_CHARS))


def skip(path: str, member: str | None, message: str, *, stage: str = "read") -> Skipped:
    """Return the Skipped of a message like "unsupported type: .docx": what stands before the colon is the reason."""
    return Skipped(path, member, stage, message.partition(":")[0], message, attempts=0)
