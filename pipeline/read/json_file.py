"""A JSON file: an object, or an array of objects, with the fields of JSON Lines. JSON Lines under this name is read too.

JSON that holds no document, as configuration and metadata do, is skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO

from pipeline.errors import Reason
from pipeline.read.document import content_failure
from pipeline.read.json_record import bound_values, has_text_field, parse_json, record_of
from pipeline.read.jsonl import read_jsonl
from pipeline.read.outcome import Origin, Outcome, ReadFailure, ReadLimits, Skipped, reject
from pipeline.read.stream import StoredStream, Stream, read_whole


def read_json(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield the Record of an object (member None), or what each object of an array comes to (member from 1).

    Raises ReadFailure for what is wrong with the file.
    """
    content, flags = read_whole(stream, limits=limits)
    origin = Origin(origin.path, (*origin.flags, *flags))
    if failure := content_failure(content):
        raise failure
    bound_values(content, limits)
    try:
        value = parse_json(_decoded(content), limits)
    except ReadFailure as failure:
        if failure.reason is not Reason.BROKEN_JSON or not _is_lines(content, limits):
            raise
        yield from read_jsonl(StoredStream(BytesIO(content)), origin, limits)
        return
    values = value if isinstance(value, list) else [value]
    if not any(map(has_text_field, values)):
        yield Skipped(origin.path, None, "JSON without a text field")
        return
    for number, one in enumerate(values, 1):
        member = str(number) if values is value else None
        try:
            yield record_of(one, member, origin)
        except ReadFailure as failure:
            yield reject(origin.path, member, failure.reason, f"Object {number:,}: {failure.message}")


def _decoded(content: bytes) -> str:
    """Decode JSON (RFC 8259 8.1 asks for UTF-8; RFC 4627 3 allowed UTF-16 and UTF-32)."""
    return content.decode(json.detect_encoding(content), "replace").removeprefix("\ufeff")


def _is_lines(content: bytes, limits: ReadLimits) -> bool:
    """Whether the first line is an object of its own."""
    first, _, rest = content.lstrip().partition(b"\n")
    try:
        return bool(rest.strip()) and isinstance(parse_json(_decoded(first), limits), dict)
    except ReadFailure:
        return False
