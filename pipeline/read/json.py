"""A JSON object as a record: which field is its text, its address, its title and its time.

Another name for a field is one more word in the tables below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Final

from pipeline.errors import Reason
from pipeline.read.limits import Origin, Outcome, ReadFailure, ReadLimits, Skipped, reject
from pipeline.read.sniff import content_failure, starts_with_markup
from pipeline.read.stream import CutStream, StoredStream, Stream, check_size, read_whole
from pipeline.text.safety import clean_url
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

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class _Number(str):
    """A number as it was written: converting it could fail, and no text is one."""

    __slots__ = ()


def bound_values(source: bytes, limits: ReadLimits) -> None:
    """Raise ReadFailure if JSON holds more values than are to be unfolded in memory."""
    if sum(map(source.count, (b",", b"[", b"{"))) > limits.max_json_values:
        what = f"It holds more than {limits.max_json_values:,} values."
        raise ReadFailure(Reason.TOO_LARGE, f"{what} Leave out what is no text.")


def record_of(value: object, member: str | None, origin: Origin) -> Record:
    """Return the Record of a JSON object. Raises ReadFailure: MISSING_TEXT, EMPTY."""
    value = unfolded(value)
    if not isinstance(value, dict):
        raise ReadFailure(Reason.MISSING_TEXT, "It is JSON but no object, so it has no text field.")
    name, text = _text_of(value)
    clean = _SURROGATE.sub("\ufffd", text)
    is_html = name == HTML_FIELD or starts_with_markup(clean)
    return Record(
        path=origin.path,
        member=member,
        content=clean.encode("utf-8"),
        media_type="text/html" if is_html else "text/plain",
        url=clean_url(_first(value, URL_FIELDS) or "") or None,
        charset="utf-8",
        published=_first(value, PUBLISHED_FIELDS),
        title=_first(value, TITLE_FIELDS),
        flags=origin.flags if clean == text else (*origin.flags, "lone_surrogates"),
    )


def unfolded(value: object) -> object:
    r"""An object out of a string that holds it as JSON; in place of a text field that is JSON itself what that says.

    >>> unfolded('{"text": "[\\"清河\\", \\"水厂\\"]"}')
    {'text': '清河\n水厂'}
    """
    for _ in range(_MAX_FOLDS):
        if isinstance(value, str):
            inner = _as_json(value)
            if not isinstance(inner, (str, dict)):
                return value
            value = inner
            continue
        if not isinstance(value, dict):
            return value
        name = next((one for one in TEXT_FIELDS if type(text := value.get(one)) is str and text.strip()), None)
        inner = _as_json(value[name]) if name else None
        if isinstance(inner, list) and inner and all(type(one) is str for one in inner):
            inner = "\n".join(inner)
        if isinstance(inner, str):
            value = {**value, str(name): inner}
        elif has_text_field(inner) and isinstance(inner, dict):
            value = {
                **inner,
                **{key: one for key, one in value.items() if key != name and key not in TEXT_FIELDS and one},
            }
        else:
            return value
    return value


_MAX_FOLDS = 4  # JSON in a string in JSON
_MAX_FOLDED = 8_000_000  # code points of such a string
_FOLDED = {'"': '"', "{": "}", "[": "]"}


def _as_json(text: str) -> object:
    """What a text says as JSON; None when it is none, or just in quotes."""
    text = text.strip()
    if (
        len(text) > _MAX_FOLDED
        or len(text) < 2
        or _FOLDED.get(text[0]) != text[-1]
        or (text[0] == '"' and "\\" not in text)
    ):
        return None
    try:
        value: object = json.loads(text, strict=False, parse_int=_Number, parse_float=_Number)
    except (ValueError, RecursionError):
        return None
    return value


def has_text_field(value: object) -> bool:
    """Whether a JSON value is an object with a text field, be it blank."""
    return isinstance(value, dict) and any(type(value.get(name)) is str for name in TEXT_FIELDS)


def parse_json(source: str, limits: ReadLimits) -> object:
    """Return a JSON value. Raises ReadFailure: BROKEN_JSON, TOO_DEEP.

    More is let through than RFC 8259 allows where no text depends on it: raw controls in strings, NaN, numbers of any
    length (kept as written, so that no conversion can fail).
    """
    try:
        value: object = json.loads(source, strict=False, parse_int=_Number, parse_float=_Number)
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


def _text_of(value: Mapping[str, object]) -> tuple[str, str]:
    """Return the name and value of the first text field that has text."""
    strings = [(name, text) for name in TEXT_FIELDS if type(text := value.get(name)) is str]
    filled = next(((name, text) for name, text in strings if text.strip()), None)
    if filled:
        return filled
    if strings:
        raise ReadFailure(Reason.EMPTY, f"Its text field, {strings[0][0]}, is blank.")
    message = f"It has no text field. A document's text is looked for in {', '.join(TEXT_FIELDS)}."
    raise ReadFailure(Reason.MISSING_TEXT, message)


def _first(value: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """Return the first of the named fields that is a string or number with something in it, on one line."""
    for name in names:
        text = value.get(name)
        if isinstance(text, str) and (clean := _CONTROL.sub(" ", _SURROGATE.sub("\ufffd", text)).strip()):
            return clean
    return None


# JSON Lines: a document a line. A bad line costs itself alone. Which field is what: ``json_record``.

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


# A JSON file: an object, or an array of objects, with the fields of JSON Lines. JSON Lines under this name is read too.
#
# JSON that holds no document, as configuration and metadata do, is skipped.


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
    value = unfolded(value)
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
