"""Saved pages (MHTML) and mail: what a message says of itself, and its text; mbox, a message a record.

The standard library's email undoes transfer encodings and reads encoded words and parameters. Its parser of whole
messages matches each line against every boundary around it and recurses without a bound, so that parts are cut here
(RFC 2046 5.1). It is used with ``compat32``: the default policy's parser of header values raises on some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import parseaddr
from html import escape
from typing import Final

from pipeline.errors import Reason
from pipeline.read.fields import are_forms, reads_as_text
from pipeline.read.limits import Origin, Outcome, ReadFailure, ReadLimits, reject, skip
from pipeline.read.sniff import as_text, content_failure, has_markup
from pipeline.read.stream import CutStream, ForeignTail, Stream, check_size, read_whole, too_large
from pipeline.text.charset import decode_as, known
from pipeline.text.decode import decode
from pipeline.text.safety import clean_url, printable
from pipeline.types import Flag, Record

#: Content-Type of a part -> the media type of a Record, the preferred first.
MEDIA_TYPES: Final = {
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "text/plain": "text/plain",
    "text/markdown": "text/markdown",
}
_VALUE_CHARS = 4_000  # of a header field's value
_HEAD_LINES = 200
_FOOTER_BYTES = 300  # behind the last part, which nobody is meant to read

# What a head of header fields must have to be mail: one of the first with one of the second, or a sender's address and
# two more. An article that begins with "Subject: ..." has neither.
_SURE: Final = frozenset(
    """mime-version message-id received return-path delivered-to dkim-signature snapshot-content-location
    x-mailer x-mozilla-status content-transfer-encoding""".split()
)
_WITH: Final = frozenset("from date subject content-type to".split())
_MORE: Final = frozenset("date subject to message-id newsgroups organization lines sender reply-to cc path".split())
_FIELD = re.compile(r"([!-9;-~]{1,70}):(?:[ \t](.*))?\Z", re.DOTALL)
_CLOSE_FIELD = re.compile(r"([!-9;-~]{1,70}):(?!//)(.*)\Z", re.DOTALL)  # RFC 5322 2.2 asks for no space
_KIND = re.compile(r"\s*([a-z0-9][\w!#$&^.+-]{0,126}/[a-z0-9][\w!#$&^.+-]{0,126})", re.IGNORECASE | re.ASCII)
_FIRST_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]{0,20}[!-9;-~]{1,70}:[ \t]")
_FROM_LINE = re.compile(rb"From [^\r\n]{1,200}\d{4}[^\r\n]{0,20}\r?\n(?=[!-9;-~]{1,70}:|\r?\n)")
_NEXT_MESSAGE = re.compile(rb"\n\r?\n(?=From [^\r\n]{1,200}\d{4}[^\r\n]{0,20}\r?\n[!-9;-~]{1,70}:)")
_LONGEST_MATCH = 400  # bytes that _NEXT_MESSAGE may look at
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_PARAGRAPH_END = re.compile(r"\r?\n[ \t]*\r?\n")
_WORD_GAP = re.compile(r"(\?=)\s+(=\?)")
_PART_FIELD = re.compile(rb"(?mi)^content-type:")
#: Fields of a few words each: what reads as text in one of them is a piece of the body, by damage.
_TERSE: Final = ("from", "date", "mime-version", "content-transfer-encoding")
#: Fields of messages. A part that has two of them is two messages, and what was between them is not there.
_OF_MESSAGES: Final = frozenset({"from", "to", "date", "subject"})
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_FRAMESET = re.compile(rb"<frameset[\s>]", re.IGNORECASE)


def is_mail(head: bytes) -> bool:
    """Whether bytes begin with the header fields of a message, as far as they go."""
    return _FIRST_FIELD.match(head) is not None and _is_header(as_text(head).lstrip("\ufeff\r\n"))


def is_mbox(head: bytes) -> bool:
    """Whether bytes begin with an mbox's "From " line and a message behind it (RFC 4155)."""
    line = _FROM_LINE.match(head)
    return line is not None and _is_header(as_text(head[line.end() :]))


def _is_header(text: str) -> bool:
    seen: dict[str, str] = {}
    lines = text.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines[:_HEAD_LINES], 1):
        if not line.strip():
            break
        if line[0] in " \t" and seen:
            continue
        found = _FIELD.match(line)
        if not found:
            return number == len(lines) and _says_mail(seen)  # the last line is cut off
        seen[found[1].lower()] = found[2] or ""
    return _says_mail(seen)


def _says_mail(seen: dict[str, str]) -> bool:
    names = seen.keys()
    if names & _SURE and names & _WITH and not names <= {"content-type", "content-transfer-encoding"}:
        return True
    return "@" in seen.get("from", "") and len(names & _MORE) >= 2


def read_mail(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what a message comes to (member None), or each of an mbox under this name. Raises ReadFailure."""
    content, flags = read_whole(stream, limits=limits)
    if failure := content_failure(content):
        raise failure
    yield _message(content, None, replace(origin, flags=(*origin.flags, *flags)), limits)


def read_mbox(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what each message of an mbox comes to; member is its number, from 1."""
    number = 0
    try:
        for number, message in _messages(stream, limits):
            if isinstance(message, ReadFailure):
                yield reject(origin.path, str(number), message.reason, f"Message {number:,}: {message.message}")
                continue
            try:
                yield _message(_QUOTED_FROM.sub(rb"\1", message), str(number), origin, limits)
            except ReadFailure as failure:
                yield reject(origin.path, str(number), failure.reason, f"Message {number:,}: {failure.message}")
    except ReadFailure as failure:
        what = f"{failure.message} Messages from {number + 1:,} on are lost."
        yield reject(origin.path, str(number + 1), failure.reason, what)


def _messages(stream: Stream, limits: ReadLimits) -> Iterator[tuple[int, bytes | ReadFailure]]:
    """Yield each message of an mbox with its number, without its "From " line. Raises what the stream raises."""
    ahead = bytearray()
    number, looked, start = 1, 0, stream.consumed
    is_over = False
    cut: ReadFailure | None = None
    while True:
        try:
            data = stream.read()
        except (CutStream, ForeignTail) as failure:
            data, cut = b"", failure
        ahead += data
        while found := _NEXT_MESSAGE.search(ahead, looked):
            if data and len(ahead) - found.end() < _LONGEST_MATCH:
                break
            yield number, too_large(limits.max_record_bytes) if is_over else _without_line(bytes(ahead[: found.end()]))
            del ahead[: found.end()]
            number, looked, start, is_over = number + 1, 0, stream.consumed, False
        else:
            looked = max(looked, len(ahead) - _LONGEST_MATCH, 0)
        if not data:
            break
        try:
            check_size(len(ahead), stream.consumed - start, limits=limits)
        except ReadFailure as failure:
            if failure.reason is not Reason.TOO_LARGE:
                raise
            is_over = True
        if is_over:
            del ahead[:looked]
            looked = 0
    if ahead or is_over:
        yield number, too_large(limits.max_record_bytes) if is_over else _without_line(bytes(ahead))
    if cut:
        raise cut


def _without_line(message: bytes) -> bytes:
    line = _FROM_LINE.match(message)
    return message[line.end() :] if line else message


@dataclass(frozen=True, slots=True)
class _Header:
    """Header fields by their names in lower case, the first of each; bytes beyond ASCII are lone surrogates."""

    fields: Mapping[str, str]

    def get(self, name: str) -> str:
        """The value of a field, "" when there is none."""
        return self.fields.get(name, "")

    def param(self, name: str) -> str | None:
        """A parameter of Content-Type (RFC 2045 5.1, RFC 2231)."""
        message = Message(policy=compat32)
        message["Content-Type"] = _latin(self.get("content-type"))
        found = message.get_param(name)
        return found[2] if isinstance(found, tuple) else found

    @property
    def kind(self) -> str:
        """The media type, in lower case, without what RFC 6838 4.2 has no place for in it; "text/plain" when none is
        said (RFC 2045 5.2).
        """
        said = _KIND.match(self.get("content-type"))
        return said[1].lower() if said else "text/plain"

    @property
    def is_torn(self) -> bool:
        """Whether a piece of the body is in one of its fields."""
        said = self.get("content-type").partition(";")[0]  # a name of a file may be behind it
        return any(map(reads_as_text, (said, *map(self.get, _TERSE))))

    @property
    def is_attached(self) -> bool:
        """Whether it is meant to be saved, not read."""
        return self.get("content-disposition").strip().lower().startswith("attachment")


def _latin(value: str) -> str:
    """A value without surrogates, which email cannot take: a character a byte."""
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a message that has no parts, or not yet."""

    header: _Header
    body: bytes
    is_torn: bool = False  # nothing is between its header and its body, or a piece of the one in the other

    @property
    def kind(self) -> str:
        """Its media type."""
        return self.header.kind

    @property
    def content(self) -> bytes:
        """Its bytes, the transfer encoding undone."""
        message = Message(policy=compat32)
        message["Content-Transfer-Encoding"] = _latin(self.header.get("content-transfer-encoding"))[:40].strip()
        message.set_payload(self.body.decode("ascii", "surrogateescape"))
        decoded = message.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else self.body

    @property
    def charset(self) -> str | None:
        """What its header says of its charset."""
        return known(self.header.param("charset"))


@dataclass(slots=True)
class _Tree:
    """What was found in a message: its texts and those of messages in it, in order, and what else there is."""

    texts: list[_Part] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    n_parts: int = 0


def _message(content: bytes, member: str | None, origin: Origin, limits: ReadLimits) -> Outcome:
    """Turn a message into the record of its text. Raises ReadFailure: EMPTY, TOO_DEEP, TOO_LARGE."""
    whole = _part(content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    tree = _Tree()
    _gather(whole, tree, limits, depth=limits.max_mime_depth)
    if not tree.texts:
        kinds = ", ".join(dict.fromkeys(tree.others)) or "nothing"
        return skip(origin.path, member, f"mail without a text: {printable(kinds, limit=80)}")
    text, charset, media_type = _joined(tree.texts)
    if failure := content_failure(text):
        raise failure
    if media_type == "text/plain" and has_markup(text):
        media_type = "text/html"
    is_saved = _is_saved_page(whole.header)
    return Record(
        path=origin.path,
        member=member,
        content=text,
        media_type=media_type,
        url=_address(whole.header, tree.texts[0].header),
        charset=charset,
        published=None if is_saved else _line(whole.header, "date"),  # a page's says when it was saved
        title=_line(whole.header, "subject"),
        author=None if is_saved else _sender(whole.header),
        flags=tuple(dict.fromkeys((*origin.flags, *tree.flags))),
    )


def _gather(part: _Part, tree: _Tree, limits: ReadLimits, *, depth: int) -> None:
    """Take note of the texts of a part: the best of alternatives, the root of related ones, each of others."""
    if depth < 0:
        raise ReadFailure(Reason.TOO_DEEP, f"Its parts are nested more than {limits.max_mime_depth} deep. Flatten it.")
    tree.flags += [Flag.TRUNCATED] if part.is_torn else []
    boundary = part.header.param("boundary") if part.kind.startswith("multipart/") else None
    if boundary and boundary.strip():
        pieces, noticed = _pieces(part.body, boundary)
        tree.flags += [noticed] if noticed else []
        tree.n_parts += len(pieces)
        if tree.n_parts > limits.max_mime_parts:
            raise ReadFailure(Reason.TOO_LARGE, f"It has more than {limits.max_mime_parts:,} parts. Split it.")
        parts = [_part(piece) for piece in pieces]
        is_torn = any(one.is_torn or len(_OF_MESSAGES & one.header.fields.keys()) > 1 for one in parts)
        tree.flags += [Flag.TRUNCATED] if is_torn else []
        chosen = _chosen(part, parts)
        tree.flags += [Flag.TWO_TEXTS] if part.kind == "multipart/alternative" and _differ(parts, chosen) else []
        tree.others.extend(one.kind for number, one in enumerate(parts) if number not in chosen)
        for number in chosen:
            _gather(parts[number], tree, limits, depth=depth - 1)
    elif part.header.is_attached:
        tree.others.append(part.kind)
    elif part.kind == "message/rfc822":
        _gather(_part(part.content), tree, limits, depth=depth - 1)
    elif part.kind in MEDIA_TYPES:
        tree.texts.append(part)
    elif part.kind.startswith("multipart/"):  # without a boundary: as it stands
        tree.flags.append(Flag.TRUNCATED)
        tree.texts.append(_Part(_Header({}), part.body))
    else:
        tree.others.append(part.kind)


def _chosen(whole: _Part, parts: Sequence[_Part]) -> Sequence[int]:
    """Return which of the parts are read, by their numbers.

    RFC 2046 5.1.4: alternatives are one text, of which HTML is ours. RFC 2387: related parts are what the root needs,
    pictures and style sheets; the pages of a frameset are all read.
    """
    if whole.kind == "multipart/alternative":
        return sorted(range(len(parts)), key=lambda number: (_rank(parts[number]), -len(parts[number].body)))[:1]
    if whole.kind == "multipart/related":
        pages = [number for number, one in enumerate(parts) if one.kind in MEDIA_TYPES or _rank(one) == 1]
        start = whole.header.param("start")
        named = [number for number, one in enumerate(parts) if start and one.header.get("content-id").strip() == start]
        first = [number for number in (named or pages)[:1] if _rank(parts[number]) < _UNWANTED]
        return pages if first and _FRAMESET.search(parts[first[0]].content) else first or pages[:1]
    return range(len(parts))


def _differ(parts: Sequence[_Part], chosen: Sequence[int]) -> bool:
    """Whether alternatives of the kind of the one that was chosen are other texts, as where one was cut in two."""
    kinds = {MEDIA_TYPES.get(parts[number].kind) for number in chosen} - {None}
    rivals = [one for number, one in enumerate(parts) if number not in chosen and MEDIA_TYPES.get(one.kind) in kinds]
    return bool(rivals) and not are_forms(_text_of(parts[chosen[0]]), map(_text_of, rivals[:_MAX_RIVALS]))


def _text_of(part: _Part) -> str:
    return decode(part.content, http_charset=part.charset, media_type=part.kind).text


_UNWANTED: Final = 3
_MAX_RIVALS = 5


def _rank(part: _Part) -> int:
    """How much a part is wanted among alternatives: HTML, what may hold it, other text, anything else."""
    if MEDIA_TYPES.get(part.kind) == "text/html":
        return 0 if part.content.strip() else 2
    if part.kind in {"multipart/related", "multipart/mixed", "multipart/alternative"}:
        return 1
    return 2 if part.kind in MEDIA_TYPES else _UNWANTED


def _pieces(body: bytes, boundary: str) -> tuple[list[bytes], Flag | None]:
    """Return the parts between the lines of a boundary (RFC 2046 5.1.1), and what was noticed: that the first or last
    line was not there, or that more than a footer is behind it.
    """
    mark = b"--" + boundary.encode("latin-1", "replace")
    pieces: list[bytes] = []
    start: int | None = None
    noticed: Flag | None = None
    for line in re.finditer(rb"(?m)^" + re.escape(mark) + rb"(--)?[ \t]*\r?$", body):
        if start is not None:
            pieces.append(body[start : line.start()].removesuffix(b"\n").removesuffix(b"\r"))
        elif _PART_FIELD.search(body, 0, line.start()):
            noticed = Flag.TRUNCATED
        start = None if line[1] else min(line.end() + 1, len(body))
        if line[1]:
            rest = body[line.end() :].strip()
            return pieces, Flag.TRAILING_GARBAGE if len(
                rest
            ) > _FOOTER_BYTES or b"\n" + mark in b"\n" + rest else noticed
    if start is not None:
        pieces.append(body[start:])
    return pieces or [b"\n" + body], Flag.TRUNCATED


def _part(content: bytes) -> _Part:
    """Return a message or part as its header fields and its body; the first line that is no field begins the body."""
    fields: dict[str, str] = {}
    name, at, is_torn = "", 0, False
    while at < len(content):
        end = content.find(b"\n", at) + 1 or len(content)
        line = content[at:end].rstrip(b"\r\n")
        value = line[: _VALUE_CHARS + 1].decode("utf-8", "surrogateescape")
        if not line.strip():
            at = end
            break
        if line[:1] in (b" ", b"\t") and name:
            fields[name] = f"{fields[name]} {value.strip()}"[:_VALUE_CHARS]
        elif found := _FIELD.match(value) or (_CLOSE_FIELD.match(value) if fields else None):
            name = found[1].lower()
            fields.setdefault(name, found[2] or "")
        elif not line.startswith((b"From ", b">From ")) or fields:
            is_torn = bool(fields)
            break
        at = end
    header = _Header(fields)
    return _Part(header, content[at:], is_torn or header.is_torn)


def _joined(parts: Sequence[_Part]) -> tuple[bytes, str | None, str]:
    """Return the texts of parts as one, its charset and its media type: HTML when one of them is."""
    kinds = {MEDIA_TYPES[part.kind] for part in parts}
    if len(parts) == 1:
        return parts[0].content, parts[0].charset, kinds.pop()
    texts = [_text_of(part) for part in parts]
    if "text/html" in kinds:
        texts = [
            text if MEDIA_TYPES[part.kind] == "text/html" else _as_html(text)
            for part, text in zip(parts, texts, strict=True)
        ]
    media_type = "text/html" if "text/html" in kinds else "text/plain"
    return "\n\n".join(texts).encode("utf-8", "replace"), "utf-8", media_type


def _as_html(text: str) -> str:
    """Plain text as HTML, a paragraph an element."""
    return "\n".join(f"<p>{escape(one, quote=False)}</p>" for one in _PARAGRAPH_END.split(text) if one.strip())


def _is_saved_page(header: _Header) -> bool:
    return "snapshot-content-location" in header.fields or "saved by" in header.get("from").lower()[:40]


def _address(header: _Header, part: _Header) -> str | None:
    """Return the page's address: of the whole, of the part."""
    for said in (
        header.get("snapshot-content-location"),
        part.get("content-location"),
        header.get("content-location"),
    ):
        address = clean_url(_decoded(said))
        if _HTTP.match(address):
            return address
    return None


def _sender(header: _Header) -> str | None:
    """Return the name of whom a mail is from."""
    name, address = parseaddr(_line(header, "from") or "")
    return name if address and name else None


def _line(header: _Header, name: str) -> str | None:
    """Return a header field as text on one line, encoded words decoded (RFC 2047)."""
    return " ".join(_decoded(header.get(name)).split()) or None


def _decoded(value: str) -> str:
    """Decode a header field's value: encoded words by their charset, bare bytes by what they say."""
    value = _WORD_GAP.sub(r"\1\2", value)
    pieces: list[tuple[bytes | str, str | None]] = [(value, None)]
    with suppress(ValueError, LookupError, AssertionError):  # what email makes of words that are none
        pieces = list(decode_header(value))
    return "".join(_decoded_piece(text, charset) for text, charset in pieces)


def _decoded_piece(text: bytes | str, charset: str | None) -> str:
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    encoding = known(charset)
    return decode_as(raw, encoding) if encoding and encoding != "utf-8" else decode(raw).text
