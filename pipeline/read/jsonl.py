"""JSON Lines: a document a line. A bad line costs itself alone. Which field is what: ``json_record``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pipeline.errors import Reason
from pipeline.read.json_record import bound_values, parse_json, record_of
from pipeline.read.outcome import Origin, Outcome, ReadFailure, ReadLimits, reject
from pipeline.read.stream import CutStream, Stream, check_size

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*")


def read_jsonl(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield a Record or Rejection for each line that is not blank; member is the line's number, from 1."""
    number = 0
    try:
        for number, line in _lines(stream, limits):
            if number == 1 and isinstance(line, bytes):
                if line.startswith(_UTF16_BOMS):
                    yield reject(
                        origin.path, None, Reason.BROKEN_JSON, "JSON Lines must be UTF-8; this is UTF-16. Convert it."
                    )
                    return
                line = line.removeprefix(_UTF8_BOM)
            if isinstance(line, ReadFailure):
                yield reject(origin.path, str(number), line.reason, f"Line {number:,}: {line.message}")
            elif line.strip():
                yield _outcome(line, str(number), origin, limits)
    except ReadFailure as failure:
        message = f"{failure.message} Lines from {number + 1:,} on are lost."
        yield reject(origin.path, str(number + 1), failure.reason, message)


def _lines(stream: Stream, limits: ReadLimits) -> Iterator[tuple[int, bytes | ReadFailure]]:
    r"""Yield each line that is not blank with its number, or what is wrong with it. Splits on b"\n" and nothing else.

    The start of a line that a damaged stream cuts off is given before the failure is raised.
    """
    number, start = 1, 0
    tail, failure = bytearray(), None
    cut: CutStream | None = None
    while True:
        try:
            chunk = stream.read()
        except CutStream as error:
            chunk, cut = b"", error
        if not chunk:
            break
        at = 0
        while at < len(chunk):
            if not (tail or failure):
                blank_to = _blank_to(chunk, at)
                number += chunk.count(b"\n", at, blank_to)
                at = blank_to
            end = chunk.find(b"\n", at)
            tail += chunk[at:] if end < 0 else chunk[at:end]
            failure = failure or _bounds(len(tail), stream.consumed - start, limits)
            if end < 0:
                break
            if tail or failure:
                yield number, failure or bytes(tail)
                number, start, failure = number + 1, stream.consumed, None
                tail.clear()
            at = end + 1
        if failure:
            tail.clear()
    if tail or failure:
        yield number, failure or bytes(tail)
    if cut:
        raise cut


def _blank_to(chunk: bytes, at: int) -> int:
    """Return where the white space that begins at ``at`` ends."""
    match = _BLANK.match(chunk, at)
    return match.end() if match else at


def _bounds(size: int, stored: int, limits: ReadLimits) -> ReadFailure | None:
    try:
        check_size(size, stored, limits=limits)
    except ReadFailure as failure:
        return failure
    return None


def _outcome(line: bytes, member: str, origin: Origin, limits: ReadLimits) -> Outcome:
    """Turn one line into what it comes to."""
    try:
        bound_values(line, limits)
        try:
            source = line.decode("utf-8")
        except UnicodeDecodeError:
            source = line.decode("utf-8", "replace")
            origin = replace(origin, flags=(*origin.flags, "invalid_utf8"))
        return record_of(parse_json(source, limits), member, origin)
    except ReadFailure as failure:
        return reject(origin.path, member, failure.reason, f"Line {member}: {failure.message}")
