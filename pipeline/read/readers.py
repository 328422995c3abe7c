"""A raw file to its records.

A new input format is one module with a reader function and one line in ``READERS``. A compression is one that opens a
stream, an archive one that yields entries; what they hold is read by its own format, to the depth ``ReadLimits`` has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from pipeline.errors import Reason
from pipeline.read.apart import apart
from pipeline.read.archives import Entry, Members, is_tar, read_tar, read_zip
from pipeline.read.feed import is_feed, read_feed
from pipeline.read.json import is_json, read_json, read_json_text, read_jsonl
from pipeline.read.limits import DEFAULT_LIMITS, Origin, Outcome, ReadFailure, ReadLimits, reject, skip
from pipeline.read.mail import is_mail, is_mbox, read_mail, read_mbox
from pipeline.read.packed import (
    BZIP2,
    BZIP2_MAGIC,
    XZ,
    XZ_MAGIC,
    ZSTD_MAGIC,
    ZSTD_SKIPPABLE,
    PackedStream,
    unpack_zstd,
)
from pipeline.read.scan import RawFile, RawFolder, changed_failure, passed_over, stamp_in, unreadable
from pipeline.read.sniff import (
    HEAD_BYTES,
    has_markup,
    is_binary,
    is_page,
    is_served,
    not_text,
    packed_kind,
    read_document,
)
from pipeline.read.stream import GZIP_MAGIC, GzipStream, Meter, Peeked, StoredStream, Stream, seekable
from pipeline.read.table import ARROW_MAGIC, PARQUET_MAGIC, read_arrow, read_csv, read_parquet
from pipeline.read.warc import is_warc, read_warc
from pipeline.types import Flag, RawInput

Reader: TypeAlias = Callable[[Stream, Origin, ReadLimits], Iterator[Outcome]]
Unpacker: TypeAlias = Callable[..., Stream]  # (file, *, limits, meter)
Lister: TypeAlias = Callable[[Peeked, ReadLimits, Meter], Iterator[Entry]]


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is recognised, and what reads it: one of the last three."""

    suffixes: tuple[str, ...]  # lower case; by which it is taken for granted
    magic: Callable[[bytes], bool] | None  # whether a file's first bytes are it whatever the suffix; None: no telling
    reader: Reader | None = None
    unpack: Unpacker | None = None  # of a compression
    entries: Lister | None = None  # of an archive


def _begins(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


#: Suffixes of programs that write pages: a file under one of them holds the page, or the program itself.
SERVED: Final = (
    ".php",
    ".php3",
    ".php5",
    ".phtml",
    ".asp",
    ".aspx",
    ".jsp",
    ".jspx",
    ".cgi",
    ".cfm",
    ".do",
    ".action",
    ".pl",
)

# name -> how to know it and what reads it; magic is tried in this order
READERS: Final[Mapping[str, Format]] = {
    "gzip": Format((".gz", ".tgz"), _begins(GZIP_MAGIC), unpack=GzipStream),
    "bzip2": Format((".bz2", ".tbz2", ".tbz"), _begins(*BZIP2_MAGIC), unpack=partial(PackedStream, kit=BZIP2)),
    "xz": Format((".xz", ".txz"), _begins(XZ_MAGIC), unpack=partial(PackedStream, kit=XZ)),
    "zstd": Format((".zst", ".zstd", ".tzst"), _begins(ZSTD_MAGIC, *ZSTD_SKIPPABLE), unpack=unpack_zstd),
    "tar": Format((".tar",), is_tar, entries=lambda stream, limits, meter: read_tar(stream, limits)),
    "zip": Format(
        (".zip",), None, entries=lambda stream, limits, meter: read_zip(seekable(stream, limits), limits, meter)
    ),
    "warc": Format((".warc", ".wet"), is_warc, read_warc),
    "mbox": Format((".mbox", ".mbx"), is_mbox, read_mbox),
    "mail": Format((".mhtml", ".mht", ".eml"), is_mail, read_mail),
    "feed": Format((".xml", ".rss", ".atom", ".rdf"), is_feed, read_feed),
    "html": Format((".html", ".htm", ".xhtml", ".shtml"), is_page, partial(read_document, media_type="text/html")),
    "program": Format(SERVED, None, partial(read_document, media_type="text/html")),  # what one wrote, not its source
    "markdown": Format((".md", ".markdown"), None, partial(read_document, media_type="text/markdown")),
    "jsonl": Format((".jsonl", ".ndjson", ".jl", ".jsonlines", ".ldjson"), None, read_jsonl),
    "parquet": Format((".parquet", ".pq"), _begins(PARQUET_MAGIC), read_parquet),
    "arrow": Format((".arrow", ".feather", ".ipc"), _begins(ARROW_MAGIC), read_arrow),
    "csv": Format((".csv", ".tsv", ".tab"), None, read_csv),
    "json": Format((".json",), None, read_json),
    "json text": Format((), None, read_json_text),
    "plain": Format((".txt", ".text"), None, partial(read_document, media_type="text/plain")),
}

_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,9}")
_BY_SUFFIX = {suffix: name for name, known in READERS.items() for suffix in known.suffixes}


_OTHER_NOW = "It changed between the scan and the reading; the next run takes the new version."


@dataclass(frozen=True, slots=True)
class _Nest:
    """How deep in one another archives and compressions are, and what they came to in all."""

    meter: Meter
    n_archives: int = 0
    n_packings: int = 0


def read_file(
    raw: Path | RawFolder,
    relative: str,
    *,
    limits: ReadLimits = DEFAULT_LIMITS,
    scanned: RawInput | None = None,
    copy: Path | None = None,
) -> Iterator[Outcome]:
    """Yield what each record of a raw file comes to, lazily and in order.

    ``relative`` is a RawInput's path. With ``scanned``, the bytes must be those that the scan hashed; with ``copy``,
    they are read from there instead of the raw folder. Nothing is raised for what is wrong with the file. A Rejection
    with member None that comes last stands for the rest of the file; if its reason is FILE_CHANGED, do not trust what
    came before.
    """
    with ExitStack() as stack:
        folder = raw if isinstance(raw, RawFolder) else stack.enter_context(RawFolder(raw))
        try:
            if copy:
                file = stack.enter_context(stack.enter_context(RawFolder(copy.parent)).open(copy.name))
            else:
                file = stack.enter_context(_opened(folder, relative, scanned))
            n_read = 0
            for outcome in _read_open(file, relative, limits):
                if file.changed() and not (scanned and file.still_holds(scanned.sha256)):
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


def _opened(folder: RawFolder, relative: str, scanned: RawInput | None) -> RawFile:
    """Open a file, which must hold what was scanned. Raises ReadFailure."""
    try:
        file = folder.open(relative)
    except ReadFailure as failure:
        if scanned and failure.reason is Reason.NOT_A_REGULAR_FILE:  # it was one
            raise ReadFailure(Reason.FILE_CHANGED, _OTHER_NOW) from None
        raise
    try:
        if scanned and file.stamp != stamp_in(scanned) and not file.still_holds(scanned.sha256):
            raise ReadFailure(Reason.FILE_CHANGED, _OTHER_NOW)
    except OSError as error:
        file.close()
        raise unreadable(error) from None
    except ReadFailure:
        file.close()
        raise
    return file


def detect_format(relative: str, head: bytes) -> str | None:
    """Return the format's name in ``READERS`` by a file's name and first bytes, or None when nothing reads it.

    Magic bytes win over the suffix. The suffix before that of a compression counts when the bytes are not compressed.
    Without a suffix, text that begins with an element is HTML, other text is plain, and a zip is read as one. Text
    that begins like JSON is looked at for that.
    """
    if found := next((name for name, known in READERS.items() if known.magic and known.magic(head)), None):
        return found
    suffix = _suffix(relative)
    named = _BY_SUFFIX.get(suffix)
    if named and READERS[named].entries:
        return named
    if named and READERS[named].unpack:  # text that only has the name, or one with a damaged beginning
        return named if is_binary(head) and not not_text(head) else detect_format(_unpacked_name(relative), head)
    if not_text(head) or packed_kind(head):
        return "zip" if not suffix and not_text(head) == "zip archive" else None
    if (not suffix or named == "plain") and not is_binary(head) and is_json(head):
        return "json text"
    if named == "program":
        return named if is_served(head) else None
    if suffix:
        return named
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
        yield from _read_stream(
            StoredStream(file), Origin(path, (), path), limits, _Nest(Meter(limits.max_expanded_bytes))
        )
    except OSError as error:
        raise unreadable(error) from None


def _read_stream(stream: Stream, origin: Origin, limits: ReadLimits, nest: _Nest) -> Iterator[Outcome]:
    """Read a stream by its format. Raises ReadFailure for what cannot be read, or for the rest of it."""
    peeked = Peeked(stream, HEAD_BYTES)
    found = detect_format(origin.name, peeked.head)
    suffix = _suffix(origin.name)
    if found is None:
        yield _no_format(peeked.head, origin)
        return
    known = READERS[found]
    if not known.unpack and not known.entries and (kind := apart(peeked.head)):
        yield skip(origin.path, None, f"no document: {kind}")
        return
    flags = origin.flags
    if (suffix or known.unpack) and _BY_SUFFIX.get(suffix) != found:
        flags = tuple(dict.fromkeys((*flags, Flag.SUFFIX_MISMATCH)))
    if known.unpack:
        if nest.n_packings == limits.max_packings:
            what = f"It is compressed more than {limits.max_packings} times over."
            raise ReadFailure(Reason.TOO_DEEP, f"{what} Unpack it.")
        unpacked = known.unpack(seekable(peeked, limits), limits=limits, meter=nest.meter)
        inner = Origin(origin.path, flags, _unpacked_name(origin.name))
        yield from _read_stream(unpacked, inner, limits, replace(nest, n_packings=nest.n_packings + 1))
    elif known.entries:
        if nest.n_archives == limits.max_archives:
            what = f"It is an archive inside {limits.max_archives} others."
            raise ReadFailure(Reason.TOO_DEEP, f"{what} Unpack the outer ones.")
        entries = known.entries(peeked, limits, nest.meter)
        yield from _read_entries(
            entries, replace(origin, flags=flags), limits, replace(nest, n_archives=nest.n_archives + 1)
        )
    elif known.reader:
        yield from known.reader(peeked, replace(origin, flags=flags), limits)


def _read_entries(entries: Iterator[Entry], origin: Origin, limits: ReadLimits, nest: _Nest) -> Iterator[Outcome]:
    """Read each entry of an archive by its own format; a member is the entry's name, "name:3" a record in it."""
    members = Members()
    for entry in entries:
        member = members.name(entry.name)
        if reason := next(filter(None, map(passed_over, entry.name.split("/"))), None):
            yield skip(origin.path, member, reason)
            continue
        last: Outcome | None = None
        try:
            for last in _read_stream(entry.open(), Origin(origin.path, origin.flags, entry.name), limits, nest):
                yield replace(last, member=member if last.member is None else f"{member}:{last.member}")
            if not last:
                raise ReadFailure(Reason.EMPTY, "There is no document in it.")
        except ReadFailure as failure:  # member alone stands for the rest of the entry
            rest = members.name(entry.name) if last and last.member is None else member
            yield reject(origin.path, rest, failure.reason, failure.message)


def _no_format(head: bytes, origin: Origin) -> Outcome:
    """Return what a stream comes to that nothing reads: rejected when its name says that it is a document."""
    name = origin.name
    while (suffix := _suffix(name)) in _BY_SUFFIX and READERS[_BY_SUFFIX[suffix]].unpack:
        name = _unpacked_name(name)
    kind = not_text(head)
    if kind and suffix in _BY_SUFFIX:
        what = f"It is called {suffix} and holds: {kind}. Give it its true suffix, or fetch the page again."
        return reject(origin.path, None, Reason.BINARY_CONTENT, what)
    if packed := packed_kind(head):
        what = f"It is a {packed}, which nothing here opens. Unpack it, or pack it again as .zip or .tar.gz."
        return reject(origin.path, None, Reason.UNSUPPORTED_TYPE, what)
    return skip(origin.path, None, f"unsupported type: {kind or suffix or 'no text'}")


def _suffix(name: str) -> str:
    """Return the suffix in lower case, or "" when there is none that looks like one. "a.html?id=1" ends in .html."""
    name = PurePosixPath(name).name.strip().lower()
    for candidate in (name, name.partition("?")[0]):
        suffix = PurePosixPath(candidate).suffix
        if suffix in _BY_SUFFIX:
            return suffix
    suffix = PurePosixPath(name).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def _unpacked_name(name: str) -> str:
    """Return the name without the suffix of a compression: "a.txt.gz" is "a.txt", "a.tgz" is "a.tar"."""
    suffix = _suffix(name)
    found = _BY_SUFFIX.get(suffix)
    if not found or not READERS[found].unpack:
        return name
    stem = name.strip()[: -len(suffix)]
    return f"{stem}.tar" if suffix.startswith(".t") else stem
