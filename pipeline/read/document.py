"""A stream that is one document: plain text, Markdown or HTML, kept as bytes for the decoder."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.errors import Reason
from pipeline.read.outcome import Origin, Outcome, ReadFailure, ReadLimits, reject
from pipeline.read.sniff import is_binary, is_blank
from pipeline.read.stream import Stream, read_whole
from pipeline.types import Record


def read_document(stream: Stream, origin: Origin, limits: ReadLimits, *, media_type: str) -> Iterator[Outcome]:
    """Yield the one Record (member None) that a stream holds, or the Rejection."""
    content, flags = read_whole(stream, limits=limits)
    failure = content_failure(content)
    if failure:
        yield reject(origin.path, None, failure.reason, failure.message)
    else:
        yield Record(origin.path, None, content, media_type, flags=(*origin.flags, *flags))


def content_failure(content: bytes) -> ReadFailure | None:
    """Return why bytes cannot be a document, or None: EMPTY, BINARY_CONTENT."""
    if is_blank(content):
        return ReadFailure(Reason.EMPTY, "There is no text in it.")
    if is_binary(content):
        return ReadFailure(
            Reason.BINARY_CONTENT,
            "It is called text and holds binary data. Look at it with `file`, and give it its true suffix.",
        )
    return None
