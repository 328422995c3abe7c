"""A JSON object as a record: which field is its text, its address, its title and its time.

Another name for a field is one more word in the tables below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.errors import Reason
from pipeline.read.outcome import Origin, ReadFailure, ReadLimits
from pipeline.read.sniff import starts_with_markup
from pipeline.text_safety import clean_url
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
