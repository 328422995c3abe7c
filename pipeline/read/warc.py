"""WARC and WET: an archived page a record. Another media type that is a document is a line in ``MEDIA_TYPES``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Final

from pipeline.errors import Reason, Skipped
from pipeline.read.apart import apart_at
from pipeline.read.limits import KIB, MIB, Origin, Outcome, ReadFailure, ReadLimits, reject, skip
from pipeline.read.packed import ArrowStream
from pipeline.read.sniff import HEAD_BYTES, content_failure, has_markup, is_binary, not_text
from pipeline.read.stream import (
    DEFLATE_WBITS,
    ZLIB_WBITS,
    DamagedStream,
    GzipStream,
    Stream,
    check_size,
    read_whole,
    too_large,
)
from pipeline.text.safety import clean_url
from pipeline.types import Flag, Record

if TYPE_CHECKING:
    from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser

# A WARC stream cut into records, with what is damaged said and stepped over.
#
# WARC 1.1, clause 4: a record is a version line, header fields, a blank line, a block of Content-Length bytes and two
# line ends. What does not fit that is reported as a ``Loss``, and reading goes on at the next thing that looks like a
# record. warcio's iterator hands over a cut record as complete and ends at the first damage, so only its header parser
# is used.

_VERSION = re.compile(rb"WARC/[01]\.\d{1,2}\r?\n")
_RECORD = re.compile(rb"\nWARC/[01]\.\d{1,2}\r?\n[A-Za-z-]{1,40}:")
_RECORD_MOST = 64  # bytes that _RECORD may match
_GLIMPSE = 16 * KIB  # of a record that is too large: enough to tell by its HTTP header whether it is a document
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_NUMBER = re.compile(r"\d{1,18}")


@cache
def _parser() -> StatusAndHeadersParser:
    from warcio.statusandheaders import (
        StatusAndHeadersParser,  # brings half a network client: who has no WARC needs none
    )

    return StatusAndHeadersParser([], verify=False)


def is_warc(head: bytes) -> bool:
    """Whether bytes begin with a WARC version line."""
    return _VERSION.match(head) is not None


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole record."""

    index: int  # of the record in the file, from 1, damaged ones counted
    headers: StatusAndHeaders
    block: bytes  # the first _GLIMPSE bytes when ``failure`` says that it is too large
    failure: ReadFailure | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """A record or a stretch of the file that could not be read."""

    index: int
    reason: Reason
    message: str


class _Window:
    """The bytes of a stream that lie ahead, as many as were asked for."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.ahead = bytearray()
        self.dropped = 0  # bytes before ``ahead``: where we are in the decompressed stream
        self.in_record = False  # its version line was seen
        self.torn = False  # what lies ahead may begin in the middle of a record

    def fill(self, size: int) -> bool:
        """Have ``size`` bytes ahead. False when the stream ends before. Raises what the stream raises."""
        while len(self.ahead) < size:
            data = self.stream.read()
            if not data:
                return False
            self.ahead += data
        return True

    def drop(self, size: int) -> None:
        """Step over bytes that lie ahead."""
        self.dropped += size
        del self.ahead[:size]

    def skip_line_ends(self) -> bool:
        """Step over line ends. False when nothing follows."""
        while True:
            size = len(self.ahead) - len(self.ahead.lstrip(b"\r\n"))
            self.drop(size)
            if self.ahead:
                return True
            if not self.fill(1):
                return False

    def find(self, pattern: re.Pattern[bytes], *, within: int) -> re.Match[bytes] | None:
        """Return the first match among the next ``within`` bytes."""
        start = 0
        while True:
            if match := pattern.search(self.ahead, start, within):
                return match
            start = max(len(self.ahead) - 4, 0)
            if len(self.ahead) >= within or not self.fill(len(self.ahead) + 1):
                return None

    def skip_to_record(self, *, within: int | None = None) -> bool:
        """Step to the next thing that looks like a record's start; past ``within`` bytes if there is none in them."""
        left = within
        while True:
            if match := _RECORD.search(self.ahead, 0, *(() if left is None else (left,))):
                self.drop(match.start() + 1)
                return True
            if left is not None and len(self.ahead) >= left:
                self.drop(left)
                return False
            size = max(len(self.ahead) - _RECORD_MOST, 0)
            left = None if left is None else left - size
            self.drop(size)
            if not self.fill(len(self.ahead) + 1):
                self.drop(len(self.ahead))
                return False


def read_frames(stream: Stream, limits: ReadLimits) -> Iterator[Frame | Loss]:
    """Yield the records of a WARC stream in order, and a Loss for each place where some are missing."""
    window = _Window(stream)
    index, n_losses = 0, 0
    going = True
    while going:
        try:
            outcome = _next_frame(window, index + 1, limits)
            if outcome is None:
                return
        except DamagedStream as failure:
            same_damage = window.torn and not window.in_record and not _VERSION.match(window.ahead)
            going = _resync(window)
            if same_damage:  # the place only looked like a beginning
                continue
            what = f"Record {index + 1:,} is lost, or more than that one."
            outcome = Loss(index + 1, failure.reason, f"{failure.message} {what}")
        except ReadFailure as failure:
            what = f"Records from {index + 1:,} on are lost."
            outcome = Loss(index + 1, failure.reason, f"{failure.message} {what}")
            going = False
        index += 1
        yield outcome
        n_losses += isinstance(outcome, Loss)
        if n_losses > limits.max_damages:
            what = f"Given up after {n_losses:,} damaged places. Fetch the file again."
            yield Loss(index + 1, Reason.BROKEN_CONTAINER, what)
            return


def _resync(window: _Window) -> bool:
    window.drop(len(window.ahead))
    window.torn = True
    return window.stream.resync()


def _next_frame(window: _Window, index: int, limits: ReadLimits) -> Frame | Loss | None:
    """Return the next record, the Loss in its place, or None at the end. Raises what the stream raises."""
    window.in_record = False
    if not window.skip_line_ends():
        return None
    window.fill(_RECORD_MOST)
    if not _VERSION.match(window.ahead):
        place = window.dropped
        found = window.skip_to_record()
        if not window.torn:
            return _loss(index, place, "does not begin with WARC/1")
        if not found:
            return None
    window.in_record, window.torn = True, False
    place, stored = window.dropped, window.stream.consumed
    end = window.find(_HEADER_END, within=limits.max_header_bytes)
    if end is None:
        window.skip_to_record()
        return _loss(index, place, f"has no header that ends within {limits.max_header_bytes:,} bytes")
    headers = _parser().parse(BytesIO(window.ahead[: end.end()]))
    length = (headers.get_header("Content-Length") or "").strip()
    window.drop(end.end() - 2)  # a line end stays before the block: a record may be found right behind it
    if not _NUMBER.fullmatch(length):
        window.skip_to_record()
        return _loss(index, place, f"has the Content-Length {length!r}")
    if headers.get_header("WARC-Type") is None:
        window.skip_to_record(within=int(length) + 2)
        return _loss(index, place, "has no WARC-Type")
    frame = Frame(index, headers, b"")
    if int(length) > limits.max_record_bytes:
        return _glimpse(window, frame, int(length), place, limits)
    taken = _take_block(window, frame, int(length), place)
    try:
        check_size(int(length), window.stream.consumed - stored, limits=limits)
    except ReadFailure as failure:
        return Loss(index, failure.reason, f"Record {index:,}: {failure.message}")
    return taken


def _take_block(window: _Window, frame: Frame, length: int, place: int) -> Frame | Loss:
    """Return the frame with its block, if the block ends where a record may end."""
    if not window.fill(length + 2):
        window.skip_to_record()
        return _loss(frame.index, place, "is cut off by the end of the file")
    member = window.stream.member
    try:
        whole = _ends_here(window, length + 2)
    except DamagedStream:
        if window.stream.member == member:
            raise
        whole = True  # the damage is in the next member, and is met again there
    if not whole:
        window.skip_to_record()
        return _loss(frame.index, place, "does not end where its Content-Length says")
    block = bytes(window.ahead[2 : length + 2])
    window.drop(length + 2)
    return replace(frame, block=block)


def _glimpse(window: _Window, frame: Frame, length: int, place: int, limits: ReadLimits) -> Frame | Loss:
    """Step over a record that is too large; return the frame with the beginning of its block."""
    window.fill(_GLIMPSE)
    block = bytes(window.ahead[2:_GLIMPSE])
    if window.skip_to_record(within=length + 2):
        return _loss(frame.index, place, "is shorter than its Content-Length says")
    return replace(frame, block=block, failure=too_large(limits.max_record_bytes))


def _ends_here(window: _Window, position: int) -> bool:
    """Whether a block may end here: before the end of the stream or its compressed member, two line ends, or a record.

    Reads on for that, so that the checksum of a compressed record is met.
    """
    start, member = position, window.stream.member
    while position < start + _RECORD_MOST:
        is_news = len(window.ahead) <= position
        if not window.fill(position + 1) or (is_news and window.stream.member != member):
            return True
        if window.ahead[position] not in b"\r\n":
            window.fill(position + _RECORD_MOST)
            two_ends = window.ahead[start:position].replace(b"\r\n", b"\n").count(b"\n") >= 2
            return two_ends or _VERSION.match(window.ahead, position) is not None
        position += 1
    return True


def _loss(index: int, place: int, what: str) -> Loss:
    message = f"Record {index:,}, {place:,} bytes into the unpacked file, {what}. Reading went on at the next record."
    return Loss(index, Reason.BROKEN_CONTAINER, message)


# Content-Type -> the media type of a Record. None of them: skipped.
MEDIA_TYPES: Final = {
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/plain": "text/plain",
    "text/markdown": "text/markdown",
}
UNKNOWN_TYPES: Final = frozenset({"", "application/octet-stream", "application/unknown", "unknown/unknown"})

_DOCUMENT_RECORDS = frozenset({"response", "resource", "conversion"})  # WARC 1.1, clause 6
_HTTP = re.compile(r"https?:", re.IGNORECASE)
_STATUS = re.compile(r"([0-9]{3})(?:\s|$)")
_CHARSET = re.compile(r";\s{0,20}charset\s{0,20}=\s{0,20}[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
#: Scheme of a target that is no document's address -> what its record is.
_NO_DOCUMENTS: Final[Mapping[str, str]] = {
    "metadata": "log of the crawler",  # wget: metadata://gnu.org/software/wget/warc/wget.log
    "dns": "answer of a name server",
    "whois": "answer of whois",
    "filedesc": "description of the file",
    "urn:pageinfo": "list of a page's requests",  # Browsertrix
    "urn:view": "picture of a page",
    "urn:thumbnail": "picture of a page",
    "urn:fullpage": "picture of a page",
}
_TEXT_OF_PAGE = re.compile(r"urn:(?:text|textfinal):(?=https?:)", re.IGNORECASE)  # Browsertrix: the text it saw
_SCHEME = re.compile(r"(?:urn:)?[a-z][a-z0-9+.-]{0,30}(?=:)", re.IGNORECASE)
_ARROW_CODINGS: Final = {"br": "brotli", "zstd": "zstd"}
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_BLOCK = MIB


def read_warc(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what each record that may hold a document comes to; member is the record's number in the file, from 1.

    Records about records (warcinfo, request, metadata, revisit) are not reported.
    """
    for frame in read_frames(stream, limits):
        member = str(frame.index)
        if isinstance(frame, Loss):
            yield reject(origin.path, member, frame.reason, frame.message)
        elif (frame.headers.get_header("WARC-Type") or "").lower() in _DOCUMENT_RECORDS:
            try:
                yield _outcome(frame, origin, limits)
            except ReadFailure as failure:
                yield reject(origin.path, member, failure.reason, f"Record {member}: {failure.message}")


def _outcome(frame: Frame, origin: Origin, limits: ReadLimits) -> Record | Skipped:
    """Turn a record into what it comes to. Raises ReadFailure."""
    member = str(frame.index)
    url = clean_url(frame.headers.get_header("WARC-Target-URI") or "").removeprefix("<").removesuffix(">")
    is_response = frame.headers.get_header("WARC-Type").lower() == "response"
    is_http = is_response and bool(_HTTP.match(url))
    scheme = found[0].lower() if (found := _SCHEME.match(url)) else ""
    if scheme in _NO_DOCUMENTS or (is_response and not is_http):
        what = _NO_DOCUMENTS.get(scheme) or f"response of {scheme[:40] or 'no address'}"
        return skip(origin.path, member, f"no document: {what}")
    url = _TEXT_OF_PAGE.sub("", url)
    body = BytesIO(frame.block)
    head = _http_head(body) if is_http else frame.headers
    if is_http and not (status := _status(head)).startswith("2"):
        return skip(origin.path, member, f"HTTP status {status}")
    content_type = head.get_header("Content-Type") or ""
    named = content_type.split(";")[0].strip().lower()
    media_type = MEDIA_TYPES.get(named)
    if media_type is None and named not in UNKNOWN_TYPES:
        return skip(origin.path, member, f"unsupported type: {named[:80]}")
    if frame.failure:
        raise frame.failure
    content, flags = _decoded(body, head, limits) if is_http else (body.read(), ())
    other = not_text(content) or ("no text" if media_type is None and is_binary(content) else None)
    if other:
        return skip(origin.path, member, f"unsupported type: {other}")
    if media_type != "text/html" and (kind := apart_at(url, content[:HEAD_BYTES])):
        return skip(origin.path, member, f"no document: {kind}")
    if failure := content_failure(content):
        raise failure
    if frame.headers.get_header("WARC-Truncated"):
        flags = (*flags, Flag.TRUNCATED)
    if media_type is None:
        media_type = "text/html" if has_markup(content) else "text/plain"
    charset = _CHARSET.search(content_type)
    return Record(
        path=origin.path,
        member=member,
        content=content,
        media_type=media_type,
        url=url or None,
        charset=charset[1].lower() if charset else None,
        flags=(*origin.flags, *dict.fromkeys(flags)),
    )


def _http_head(body: BytesIO) -> StatusAndHeaders:
    """Read the HTTP status line and header fields. Raises ReadFailure when there are none."""
    if not body.getvalue().startswith(b"HTTP/"):
        raise ReadFailure(Reason.BROKEN_CONTAINER, "It is an HTTP response that does not begin with an HTTP header.")
    return _parser().parse(body)


def _status(head: StatusAndHeaders) -> str:
    match = _STATUS.match(head.statusline)
    if match is None:
        raise ReadFailure(Reason.BROKEN_CONTAINER, "Its HTTP status line has no status code.")
    return match[1]


def _decoded(body: BytesIO, head: StatusAndHeaders, limits: ReadLimits) -> tuple[bytes, tuple[Flag, ...]]:
    """Undo Transfer-Encoding and Content-Encoding (RFC 9110 8.4). Raises ReadFailure.

    Crawlers often store the decoded body under the header of the coded one: what is not coded is left as it is.
    """
    content = _dechunked(body) if "chunked" in _tokens(head, "Transfer-Encoding") else body.read()
    flags: tuple[Flag, ...] = ()
    for coding in reversed(_tokens(head, "Content-Encoding")):
        if coding in _GZIP_NAMES and content.startswith(b"\x1f\x8b"):
            content, noticed = read_whole(GzipStream(BytesIO(content), limits=limits), limits=limits)
            flags = (*flags, *noticed)
        elif coding == "deflate" and not _is_utf8(content):
            content, noticed = _undeflated(content, limits)
            flags = (*flags, *noticed)
        elif coding in _ARROW_CODINGS and not _is_utf8(content):
            content, noticed = _unpacked(content, _ARROW_CODINGS[coding], limits)
            flags = (*flags, *noticed)
        elif coding != "identity" and is_binary(content):
            raise ReadFailure(
                Reason.UNSUPPORTED_TYPE,
                f"Its Content-Encoding, {coding[:40]}, is not one that is read. Let the crawler ask for gzip.",
            )
    return content, flags


def _unpacked(content: bytes, codec: str, limits: ReadLimits) -> tuple[bytes, tuple[Flag, ...]]:
    """Undo a coding that pyarrow has (RFC 7932, RFC 8878). Text that it is no coding of is left as it is."""
    try:
        unpacked, flags = read_whole(ArrowStream(BytesIO(content), codec, limits=limits), limits=limits)
    except DamagedStream:
        if is_binary(content):
            raise
        return content, ()
    return (content, ()) if flags and not is_binary(content) else (unpacked, flags)


def _undeflated(content: bytes, limits: ReadLimits) -> tuple[bytes, tuple[Flag, ...]]:
    """Undo "deflate", which is zlib by RFC 9110 8.4.1.2 and bare deflate from some servers."""
    try:
        return read_whole(GzipStream(BytesIO(content), limits=limits, wbits=ZLIB_WBITS), limits=limits)
    except DamagedStream:
        return read_whole(GzipStream(BytesIO(content), limits=limits, wbits=DEFLATE_WBITS), limits=limits)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _dechunked(body: BytesIO) -> bytes:
    """Undo chunks; where they cannot be read, warcio gives the rest as it is."""
    from warcio.bufferedreaders import ChunkedDataReader

    reader = ChunkedDataReader(body)
    parts = []
    while data := reader.read(_BLOCK):
        parts.append(data)
    return b"".join(parts)


def _tokens(head: StatusAndHeaders, name: str) -> list[str]:
    return [word.strip().lower() for word in (head.get_header(name) or "").split(",") if word.strip()]
