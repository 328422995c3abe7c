"""A raw file to its records.

A new input format is one module with a reader function and one line in ``READERS``; a format that wraps others, as
gzip does, opens a stream and hands it to ``_read_stream``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from pipeline.errors import Reason
from pipeline.read.document import read_document
from pipeline.read.jsonl import read_jsonl
from pipeline.read.outcome import DEFAULT_LIMITS, Origin, Outcome, ReadFailure, ReadLimits, Skipped, reject
from pipeline.read.rawfile import RawFile, changed_failure, open_raw, unreadable
from pipeline.read.sniff import HEAD_BYTES, has_markup, is_binary, is_page, not_text
from pipeline.read.stream import GZIP_MAGIC, GzipStream, StoredStream, Stream, read_head
from pipeline.read.warc import read_warc
from pipeline.read.warc_frames import is_warc

__all__ = ["READERS", "Format", "ReadLimits", "Skipped", "detect_format", "read_file"]

Reader: TypeAlias = Callable[[Stream, Origin, ReadLimits], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is recognised, and what reads it."""

    suffixes: tuple[str, ...]  # lower case; by which it is taken for granted
    magic: Callable[[bytes], bool] | None  # whether a file's first bytes are it whatever the suffix; None: no telling
    reader: Reader | None  # None for a wrapper, whose content has a format of its own


# name -> how to know it and what reads it; magic is tried in this order
READERS: Final[Mapping[str, Format]] = {
    "gzip": Format((".gz",), lambda head: head.startswith(GZIP_MAGIC), None),
    "warc": Format((".warc", ".wet"), is_warc, read_warc),
    "html": Format((".html", ".htm", ".xhtml", ".shtml"), is_page, partial(read_document, media_type="text/html")),
    "markdown": Format((".md", ".markdown"), None, partial(read_document, media_type="text/markdown")),
    "jsonl": Format((".jsonl", ".ndjson"), None, read_jsonl),
    "plain": Format((".txt", ".text"), None, partial(read_document, media_type="text/plain")),
}

_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,9}")
_BY_SUFFIX = {suffix: name for name, known in READERS.items() for suffix in known.suffixes}


def read_file(raw: Path, relative: str, *, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[Outcome]:
    """Yield what each record of a raw file comes to, lazily and in order.

    ``relative`` is a RawInput's path. Nothing is raised for what is wrong with the file. A Rejection with member None
    that comes last stands for the rest of the file; if its reason is FILE_CHANGED, do not trust what came before.
    """
    try:
        with open_raw(raw, relative) as file:
            n_read = 0
            for outcome in _read_open(file, relative, limits):
                if file.changed():
                    raise changed_failure()
                if n_read == limits.max_records:
                    what = f"It holds more than {limits.max_records:,} records; the rest is not read."
                    raise ReadFailure(Reason.TOO_LARGE, f"{what} Split it, or raise the limit in the settings.")
                yield outcome
                n_read += 1
            if not n_read:
                raise ReadFailure(Reason.EMPTY, "There is no document in it.")
    except ReadFailure as failure:
        yield reject(relative, None, failure.reason, failure.message)


def detect_format(relative: str, head: bytes) -> str | None:
    """Return the format's name in ``READERS`` by a file's name and first bytes, or None when nothing reads it.

    Magic bytes win over the suffix. The suffix before ".gz" counts when the bytes are not gzip. Without a suffix, text
    that begins with an element is HTML and other text is plain.
    """
    if not_text(head):
        return None
    if found := next((name for name, known in READERS.items() if known.magic and known.magic(head)), None):
        return found
    suffix = _suffix(relative)
    if suffix == ".gz":  # text that only has the name, or gzip with a damaged beginning
        return "gzip" if is_binary(head) else detect_format(_without_gz(relative), head)
    if suffix:
        return _BY_SUFFIX.get(suffix)
    if is_binary(head):
        return None
    return "html" if has_markup(head) else "plain"


def _read_open(file: RawFile, path: str, limits: ReadLimits) -> Iterator[Outcome]:
    """Check what can be known before reading, then read. Raises ReadFailure."""
    if file.size > limits.max_file_bytes:
        what = f"It has {file.size:,} bytes; at most {limits.max_file_bytes:,} are read."
        raise ReadFailure(Reason.TOO_LARGE, f"{what} Split it, or raise the limit in the settings.")
    if file.size == 0:
        raise ReadFailure(Reason.EMPTY, "The file has no bytes.")
    try:
        stream: Stream = StoredStream(file)
        head = read_head(stream, HEAD_BYTES)
        if detect_format(path, head) == "gzip":
            yield from _read_gzip(file, path, limits)
        else:
            yield from _read_stream(StoredStream(file), head, Origin(path), limits)
    except OSError as error:
        raise unreadable(error) from None


def _read_gzip(file: RawFile, path: str, limits: ReadLimits) -> Iterator[Outcome]:
    """Read what a gzip file holds."""
    head = read_head(GzipStream(file, limits=limits), HEAD_BYTES)
    origin = Origin(path, () if _suffix(path) == ".gz" else ("suffix_mismatch",), _without_gz(path))
    if detect_format(origin.name, head) == "gzip":
        raise ReadFailure(Reason.UNSUPPORTED_TYPE, "It is gzip inside gzip. Unpack it once.")
    yield from _read_stream(GzipStream(file, limits=limits), head, origin, limits)


def _read_stream(stream: Stream, head: bytes, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Read a stream that begins with ``head`` by its format."""
    name = origin.name or origin.path
    found = detect_format(name, head)
    reader = READERS[found].reader if found else None
    if reader is None:
        yield Skipped(origin.path, None, f"unsupported type: {not_text(head) or _suffix(name) or 'no text'}")
        return
    suffix = _suffix(name)
    flags = origin.flags
    if suffix and _BY_SUFFIX.get(suffix) != found:
        flags = tuple(dict.fromkeys((*flags, "suffix_mismatch")))
    yield from reader(stream, Origin(origin.path, flags), limits)


def _suffix(name: str) -> str:
    """Return the suffix in lower case, or "" when there is none that looks like one. "a.html?id=1" ends in .html."""
    name = PurePosixPath(name).name.strip().lower()
    for candidate in (name, name.partition("?")[0]):
        suffix = PurePosixPath(candidate).suffix
        if suffix in _BY_SUFFIX:
            return suffix
    suffix = PurePosixPath(name).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def _without_gz(name: str) -> str:
    return name.strip()[: -len(".gz")] if _suffix(name) == ".gz" else name
