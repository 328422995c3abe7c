"""WARC and WET: an archived page a record. Another media type that is a document is a line in ``MEDIA_TYPES``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from warcio.bufferedreaders import ChunkedDataReader
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser

from pipeline.errors import Reason
from pipeline.read.document import content_failure
from pipeline.read.outcome import MIB, Origin, Outcome, ReadFailure, ReadLimits, Skipped, reject
from pipeline.read.sniff import has_markup, is_binary, not_text
from pipeline.read.stream import DEFLATE_WBITS, ZLIB_WBITS, DamagedStream, GzipStream, Stream, read_whole
from pipeline.read.warc_frames import Frame, Loss, read_frames
from pipeline.text_safety import clean_url
from pipeline.types import Record

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
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_PARSER = StatusAndHeadersParser([], verify=False)
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
    is_http = frame.headers.get_header("WARC-Type").lower() == "response" and bool(_HTTP.match(url))
    body = BytesIO(frame.block)
    head = _http_head(body) if is_http else frame.headers
    if is_http and not (status := _status(head)).startswith("2"):
        return Skipped(origin.path, member, f"HTTP status {status}")
    content_type = head.get_header("Content-Type") or ""
    named = content_type.split(";")[0].strip().lower()
    media_type = MEDIA_TYPES.get(named)
    if media_type is None and named not in UNKNOWN_TYPES:
        return Skipped(origin.path, member, f"unsupported type: {named[:80]}")
    if frame.failure:
        raise frame.failure
    content, flags = _decoded(body, head, limits) if is_http else (body.read(), ())
    other = not_text(content) or ("no text" if media_type is None and is_binary(content) else None)
    if other:
        return Skipped(origin.path, member, f"unsupported type: {other}")
    if failure := content_failure(content):
        raise failure
    if frame.headers.get_header("WARC-Truncated"):
        flags = (*flags, "truncated")
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
    return _PARSER.parse(body)


def _status(head: StatusAndHeaders) -> str:
    match = _STATUS.match(head.statusline)
    if match is None:
        raise ReadFailure(Reason.BROKEN_CONTAINER, "Its HTTP status line has no status code.")
    return match[1]


def _decoded(body: BytesIO, head: StatusAndHeaders, limits: ReadLimits) -> tuple[bytes, tuple[str, ...]]:
    """Undo Transfer-Encoding and Content-Encoding (RFC 9110 8.4). Raises ReadFailure.

    Crawlers often store the decoded body under the header of the coded one: what is not coded is left as it is.
    """
    content = _dechunked(body) if "chunked" in _tokens(head, "Transfer-Encoding") else body.read()
    flags: tuple[str, ...] = ()
    for coding in reversed(_tokens(head, "Content-Encoding")):
        if coding in _GZIP_NAMES and content.startswith(b"\x1f\x8b"):
            content, noticed = read_whole(GzipStream(BytesIO(content), limits=limits), limits=limits)
            flags = (*flags, *noticed)
        elif coding == "deflate" and not _is_utf8(content):
            content, noticed = _undeflated(content, limits)
            flags = (*flags, *noticed)
        elif coding != "identity" and is_binary(content):
            raise ReadFailure(
                Reason.UNSUPPORTED_TYPE,
                f"Its Content-Encoding, {coding[:40]}, is not one that is read. Let the crawler ask for gzip.",
            )
    return content, flags


def _undeflated(content: bytes, limits: ReadLimits) -> tuple[bytes, tuple[str, ...]]:
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
    reader = ChunkedDataReader(body)
    parts = []
    while data := reader.read(_BLOCK):
        parts.append(data)
    return b"".join(parts)


def _tokens(head: StatusAndHeaders, name: str) -> list[str]:
    return [word.strip().lower() for word in (head.get_header(name) or "").split(",") if word.strip()]
