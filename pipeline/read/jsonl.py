"""JSON Lines: a document a line. A bad line costs itself alone.

Another name for a field is one more word in the tables below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pipeline.errors import Reason, Rejection
from pipeline.read.outcome import Origin, Outcome, ReadFailure, ReadLimits, reject
from pipeline.read.sniff import starts_with_markup
from pipeline.read.stream import CutStream, Stream, check_size
from pipeline.types import Record

TEXT_FIELDS: Final = ("text", "content", "body", "html", "raw_content", "正文", "内容")
HTML_FIELD: Final = "html"
URL_FIELDS: Final = ("url", "link", "source_url", "网址", "链接")
TITLE_FIELDS: Final = ("title", "标题")
PUBLISHED_FIELDS: Final = (
    "published",
    "published_at",
    "publish_time",
    "publish_date",
    "pubdate",
    "pub_date",
    "date",
    "time",
    "datetime",
    "发布时间",
    "日期",
)

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class _Number(str):
    """A number as it was written: converting it could fail, and no text is one."""

    __slots__ = ()


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
    flags = origin.flags
    if sum(map(line.count, (b",", b"[", b"{"))) > limits.max_json_values:
        what = f"it holds more than {limits.max_json_values:,} values"
        return reject(origin.path, member, Reason.TOO_LARGE, f"Line {member}: {what}. Leave out what is no text.")
    try:
        source = line.decode("utf-8")
    except UnicodeDecodeError:
        source = line.decode("utf-8", "replace")
        flags = (*flags, "invalid_utf8")
    try:
        value = _parse(source, limits)
    except ReadFailure as failure:
        return reject(origin.path, member, failure.reason, f"Line {member}: {failure.message}")
    found = _text_of(value, origin.path, member)
    if isinstance(found, Rejection):
        return found
    name, text = found
    clean = _SURROGATE.sub("\ufffd", text)
    if clean != text:
        flags = (*flags, "lone_surrogates")
    is_html = name == HTML_FIELD or starts_with_markup(clean)
    return Record(
        path=origin.path,
        member=member,
        content=clean.encode("utf-8"),
        media_type="text/html" if is_html else "text/plain",
        url=_first(value, URL_FIELDS),
        charset="utf-8",
        published=_first(value, PUBLISHED_FIELDS),
        title=_first(value, TITLE_FIELDS),
        flags=flags,
    )


def _parse(source: str, limits: ReadLimits) -> dict[str, object]:
    """Return the object on a line. Raises ReadFailure: BROKEN_JSON, TOO_DEEP.

    More is let through than RFC 8259 allows where no text depends on it: raw controls in strings, NaN, numbers of any
    length (kept as written, so that no conversion can fail).
    """
    try:
        value = json.loads(source, strict=False, parse_int=_Number, parse_float=_Number)
    except RecursionError:
        raise _too_deep(limits) from None
    except json.JSONDecodeError as error:
        hint = "Put one object on a line." if error.msg == "Extra data" else "Mend or remove the line."
        raise ReadFailure(
            Reason.BROKEN_JSON, f"It is not JSON: {error.msg} at column {error.colno:,}. {hint}"
        ) from None
    except ValueError as error:
        raise ReadFailure(Reason.BROKEN_JSON, f"It is not JSON: {error}. Mend or remove the line.") from None
    if _deeper_than(value, limits.max_json_depth):
        raise _too_deep(limits)
    if not isinstance(value, dict):
        raise ReadFailure(Reason.MISSING_TEXT, "It is JSON but no object, so it has no text field.")
    return value


def _too_deep(limits: ReadLimits) -> ReadFailure:
    return ReadFailure(
        Reason.TOO_DEEP, f"Lists and objects are nested more than {limits.max_json_depth} deep. Flatten it."
    )


def _deeper_than(value: object, depth: int) -> bool:
    """Whether lists and objects are nested more than ``depth`` deep, found level by level."""
    level = _nested([value])
    for _ in range(depth):
        if not level:
            return False
        level = _nested([child for nest in level for child in (nest.values() if isinstance(nest, dict) else nest)])
    return bool(level)


def _nested(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    return [value for value in values if isinstance(value, (dict, list))]


def _text_of(value: Mapping[str, object], path: str, member: str) -> tuple[str, str] | Rejection:
    """Return the name and value of the first text field that has text."""
    strings = [(name, text) for name in TEXT_FIELDS if type(text := value.get(name)) is str]
    filled = next(((name, text) for name, text in strings if text.strip()), None)
    if filled:
        return filled
    if strings:
        return reject(path, member, Reason.EMPTY, f"Line {member}: its text field, {strings[0][0]}, is blank.")
    message = f"Line {member}: it has no text field. A document's text is looked for in {', '.join(TEXT_FIELDS)}."
    return reject(path, member, Reason.MISSING_TEXT, message)


def _first(value: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """Return the first of the named fields that is a string or number with something in it, on one line."""
    for name in names:
        text = value.get(name)
        if isinstance(text, str) and (clean := _CONTROL.sub(" ", _SURROGATE.sub("\ufffd", text)).strip()):
            return clean
    return None
