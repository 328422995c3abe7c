"""JSON Lines and JSON files. Which field of an object is what, and where in a value documents are: ``fields``.

What is no document by its name or form is a line in ``NO_DOCUMENTS``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import PurePosixPath
from typing import Final

from pipeline.errors import Reason
from pipeline.read.fields import Found, Number, documents_in, missing_text, object_of, record_of, says_origin
from pipeline.read.limits import Origin, Outcome, ReadFailure, ReadLimits, reject, skip
from pipeline.read.sniff import as_text, content_failure
from pipeline.read.stream import CutStream, StoredStream, Stream, check_size, read_whole
from pipeline.read.transcode import Utf8Stream
from pipeline.text.decode import decode
from pipeline.types import Flag, Record

#: What it is -> names of files, lower case; suffixes begin with a dot.
NO_DOCUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "package manifest": (
        "package.json", "package-lock.json", "npm-shrinkwrap.json", "composer.json", "bower.json", "lerna.json",
        "pipfile.lock", "deno.json", "jsr.json",
    ),
    "settings": (
        "settings.json", "config.json", "tsconfig.json", "jsconfig.json", "appsettings.json", "launch.json",
        "tasks.json", "extensions.json", "angular.json", "vercel.json", "now.json", "firebase.json", "turbo.json",
        "nest-cli.json", "project.json", "global.json", "renovate.json", "biome.json", "babel.config.json",
        "dataset_info.json", "dataset_infos.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
        "special_tokens_map.json", "vocab.json", ".eslintrc.json", ".prettierrc.json",
    ),
    "web app manifest": ("manifest.json", ".webmanifest", "asset-manifest.json", "browserconfig.json"),
    "JSON schema": (".schema.json", "schema.json", "swagger.json", "openapi.json"),
    "source map": (".map.json", ".js.map", ".css.map"),
}  # fmt: skip
#: What it is -> the fields that an object of it has, all of them.
NO_DOCUMENT_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "JSON schema": frozenset({"$schema", "properties"}),
    "API description": frozenset({"paths", "info"}),
    "package manifest": frozenset({"name", "version", "dependencies"}),
    "package lock": frozenset({"lockfileVersion"}),
    "web app manifest": frozenset({"start_url", "icons"}),
    "source map": frozenset({"mappings", "sources"}),
    "GeoJSON": frozenset({"features", "type"}),
    "compiler settings": frozenset({"compilerOptions"}),
}
#: Elasticsearch's bulk format has a line like this before each document.
_BULK_ACTIONS: Final = frozenset({"index", "create", "update", "delete"})


def bound_values(source: bytes, limits: ReadLimits) -> None:
    """Raise ReadFailure if JSON holds more values than are to be unfolded in memory."""
    if sum(map(source.count, (b",", b"[", b"{"))) > limits.max_json_values:
        what = f"It holds more than {limits.max_json_values:,} values."
        raise ReadFailure(Reason.TOO_LARGE, f"{what} Leave out what is no text.")


def parse_json(source: str, limits: ReadLimits) -> object:
    """Return a JSON value. Raises ReadFailure: BROKEN_JSON, TOO_DEEP.

    More is let through than RFC 8259 allows where no text depends on it: raw controls in strings, NaN, numbers of any
    length (kept as written, so that no conversion can fail).
    """
    try:
        value: object = json.loads(
            source, strict=False, parse_int=Number, parse_float=Number, object_pairs_hook=object_of
        )
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


# JSON Lines: a document a line, and a bad line costs itself alone.

_UTF8_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*")
_ARRAY = re.compile(r"\s*\[\s*(?:\{|\n)")
_OBJECT = re.compile(r"\s*(?:\[\s*)?\{\s*\"[^\"\\]{1,100}\"\s*:\s*[\"\[{\dtfn-]")
_SURE = 0.9  # of the charset of a line that is not in the file's


def read_jsonl(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what each line that is not blank comes to; member is the line's number, from 1; "3.2" the second in one.

    The charset is that of the whole; a line of UTF-8 that has another one's bytes is read by itself. An array of
    objects under this name is read as ``read_json`` does.
    """
    text = Utf8Stream(stream)
    if _ARRAY.match(text.sample) and not _first_line_is_whole(text.sample, limits):
        yield from read_json(text, origin, limits)
        return
    number = 0
    try:
        for number, line in _lines(text, limits):
            if isinstance(line, ReadFailure):
                yield reject(origin.path, str(number), line.reason, f"Line {number:,}: {line.message}")
            elif line.removeprefix(_UTF8_BOM).strip():
                yield from _outcomes(line.removeprefix(_UTF8_BOM), str(number), origin, limits, text.taken_from)
    except ReadFailure as failure:
        message = f"{failure.message} Lines from {number + 1:,} on are lost."
        yield reject(origin.path, str(number + 1), failure.reason, message)


def _first_line_is_whole(sample: str, limits: ReadLimits) -> bool:
    first, _, rest = sample.strip().partition("\n")
    try:
        return bool(rest) and parse_json(first, limits) is not None
    except ReadFailure:
        return False


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


def _outcomes(
    line: bytes, member: str, origin: Origin, limits: ReadLimits, taken_from: tuple[str, float]
) -> Iterator[Outcome]:
    """Turn one line into what it comes to."""
    try:
        bound_values(line, limits)
        source, encoding, flags = _decoded_line(line, taken_from)
        value = parse_json(source, limits)
        if _is_bulk_action(value):
            yield skip(origin.path, member, "no document: Elasticsearch action")
            return
        found = documents_in(value, limits)
        if not found:
            raise missing_text(value, limits)
    except ReadFailure as failure:
        yield reject(origin.path, member, failure.reason, f"Line {member}: {failure.message}")
        return
    origin = replace(origin, flags=(*origin.flags, *flags))
    for number, one in enumerate(found, 1):
        name = member if len(found) == 1 else f"{member}.{number}"
        yield _document(one, name, origin, limits, encoding, f"Line {name}")


def _document(
    found: Found | object, member: str | None, origin: Origin, limits: ReadLimits, encoding: tuple[str, float], at: str
) -> Record | Outcome:
    """Turn what ``documents_in`` gives into a Record, or the Rejection."""
    try:
        if not isinstance(found, Found):
            raise missing_text(found, limits)
        return replace(record_of(found, member, origin, limits), taken_from=encoding)
    except ReadFailure as failure:
        return reject(origin.path, member, failure.reason, f"{at}: {failure.message}")


def _decoded_line(line: bytes, taken_from: tuple[str, float]) -> tuple[str, tuple[str, float], tuple[Flag, ...]]:
    """Return a line's text, its encoding, and what was noticed: one that is not in the file's charset is by itself."""
    try:
        return line.decode("utf-8"), taken_from, ()
    except UnicodeDecodeError:
        found = decode(line)
    if found.encoding != "utf-8" and not found.n_replaced and found.confidence >= _SURE:
        return found.text, (found.encoding, found.confidence), (Flag.MIXED_ENCODING,)
    return line.decode("utf-8", "replace"), taken_from, (Flag.INVALID_UTF8,)


def _is_bulk_action(value: object) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name, said = next(iter(value.items()))
    return name in _BULK_ACTIONS and isinstance(said, dict) and all(key.startswith("_") for key in said)


# A JSON file: an object, or an array of objects, with the fields of JSON Lines. JSON Lines under this name is read too.
#
# JSON that holds no document, as configuration and metadata do, is skipped.


def read_json(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield the Record of an object (member None), or what each document of a list comes to (member from 1).

    Raises ReadFailure for what is wrong with the file.
    """
    if kind := _kind_by_name(origin.name):
        yield skip(origin.path, None, f"no document: {kind}")
        return
    content, flags = read_whole(stream, limits=limits)
    origin = replace(origin, flags=(*origin.flags, *flags))
    if failure := content_failure(content):
        raise failure
    bound_values(content, limits)
    source, encoding = _decoded(content)
    try:
        value = parse_json(source, limits)
    except ReadFailure as failure:
        if failure.reason is not Reason.BROKEN_JSON or not _is_lines(source, limits):
            raise
        yield from read_jsonl(StoredStream(BytesIO(content)), origin, limits)
        return
    if kind := _kind_by_fields(value):
        yield skip(origin.path, None, f"no document: {kind}")
        return
    found = documents_in(value, limits)
    if not found:
        yield _without_documents(value, origin, limits)
    is_one = len(found) == 1 and isinstance(found[0], Found) and not found[0].listed
    for number, one in enumerate(found, 1):
        yield _document(one, None if is_one else str(number), origin, limits, encoding, f"Object {number:,}")


def is_json(head: bytes) -> bool:
    """Whether a text begins like an object of JSON, or an array of such."""
    return _OBJECT.match(as_text(head)) is not None


def read_json_text(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Read what is called text and begins like JSON: as JSON or JSON Lines where it is that, else as the text it is.

    Raises ReadFailure for what is wrong with the file.
    """
    text = Utf8Stream(stream)
    if _first_line_is_whole(text.sample, limits):
        yield from read_jsonl(text, origin, limits)
        return
    content, flags = read_whole(text, limits=limits)
    origin = replace(origin, flags=(*origin.flags, *flags))
    try:
        bound_values(content, limits)
        parse_json(content.decode("utf-8", "replace"), limits)
    except ReadFailure:
        record = Record(origin.path, None, content, "text/plain", charset="utf-8", flags=origin.flags)
        yield replace(record, taken_from=text.taken_from)
        return
    for outcome in read_json(StoredStream(BytesIO(content)), origin, limits):
        yield replace(outcome, taken_from=text.taken_from) if isinstance(outcome, Record) else outcome


def _without_documents(value: object, origin: Origin, limits: ReadLimits) -> Outcome:
    """Return what JSON without a document comes to: rejected when it says where documents are from."""
    records = [one for one in (value if isinstance(value, list) else [value]) if says_origin(one)]
    if records or (limits.text_field and isinstance(value, (dict, list)) and value):
        failure = missing_text(records[0] if records else value, limits)
        return reject(origin.path, None, failure.reason, failure.message)
    return skip(origin.path, None, "JSON without a text field")


def _kind_by_name(name: str) -> str | None:
    file = PurePosixPath(name).name.lower()
    return next((kind for kind, names in NO_DOCUMENTS.items() if _has_name(file, names)), None)


def _has_name(file: str, names: tuple[str, ...]) -> bool:
    return any(file == name or (name.startswith(".") and file.endswith(name)) for name in names)


def _kind_by_fields(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    return next((kind for kind, fields in NO_DOCUMENT_FIELDS.items() if fields <= value.keys()), None)


def _decoded(content: bytes) -> tuple[str, tuple[str, float]]:
    """Decode JSON (RFC 8259 8.1 asks for UTF-8; RFC 4627 3 allowed UTF-16 and UTF-32; people have GBK and Big5)."""
    named = json.detect_encoding(content)
    if not named.startswith("utf-8"):
        return content.decode(named, "replace").removeprefix("\ufeff"), (
            named.replace("-le", "le").replace("-be", "be"),
            1.0,
        )
    found = decode(content)
    return found.text.removeprefix("\ufeff"), (found.encoding, found.confidence)


def _is_lines(source: str, limits: ReadLimits) -> bool:
    """Whether the first line is an object of its own."""
    first, _, rest = source.lstrip().partition("\n")
    try:
        return bool(rest.strip()) and isinstance(parse_json(first, limits), dict)
    except ReadFailure:
        return False
