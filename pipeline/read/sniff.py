"""What a file's first bytes give away: HTML, text in some encoding, or no text at all.

A type that is never a document is a line in ``NOT_TEXT``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.errors import Reason
from pipeline.read.limits import KIB, Origin, Outcome, ReadFailure, ReadLimits, reject
from pipeline.read.stream import Stream, read_whole
from pipeline.types import Record

HEAD_BYTES = 4 * KIB  # looked at to tell a format; what WHATWG's sniffing needs is 1,445

# name -> first bytes, of what is skipped whatever its suffix says
NOT_TEXT: tuple[tuple[str, bytes], ...] = (
    ("PNG image", b"\x89PNG\r\n\x1a\n"),
    ("JPEG image", b"\xff\xd8\xff"),
    ("PDF", b"%PDF-"),
    ("zip archive", b"PK\x03\x04"),
    ("zip archive", b"PK\x05\x06"),
    ("ELF program", b"\x7fELF"),
)
# The same of archives and compressions that nothing here opens: what they hold may be documents.
PACKED: tuple[tuple[str, bytes], ...] = (
    ("RAR archive", b"Rar!\x1a\x07"),
    ("7z archive", b"7z\xbc\xaf\x27\x1c"),
    ("CAB archive", b"MSCF\0\0\0\0"),
    ("cpio archive", b"070701"),
    ("cpio archive", b"070707"),
    ("lzip file", b"LZIP\1"),
    ("LZ4 file", b"\x04\x22\x4d\x18"),
    ("file packed by compress", b"\x1f\x9d"),
)

# https://encoding.spec.whatwg.org/#bom-sniff, and UTF-32, which must be looked for first
_BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)

# C0 controls that text has no use for: not tab, line feeds, form feed, ESC (ISO-2022), SUB (old end of file)
_CONTROLS = bytes(c for c in (*range(0x20), 0x7F) if c not in b"\t\n\v\f\r\x1a\x1b")
_CONTROL_SHARE = 0.05  # random bytes have 0.10, text with stray controls under 0.01
_FEW_CONTROLS = 3

# What a Unicode text is mostly made of, for UTF-16 and UTF-32 that come without a byte order mark
_LIKELY = re.compile(
    r"[\t\n\r -~\u00a0-\u024f\u0370-\u06ff\u2010-\u2027\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]"
)
_COMMON = re.compile(r"[ \n，。、的]")
_LIKELY_SHARE = 0.9

_PROLOGUE = re.compile(r"\s*(?:<\?xml[^>]{0,500}\?>\s*|<!--(?:(?!-->).){0,2000}-->\s*)", re.DOTALL | re.IGNORECASE)
_PAGE = re.compile(r"\s*<(?:!doctype\s{1,20}html|html|head|body)(?=[\s>/]|$)", re.IGNORECASE)
_ELEMENT = re.compile(
    r"\s*<(?:!doctype\s{1,20}html|html|head|body|title|meta|link|script|style|base|div|p|span|article|section|main|"
    r"header|footer|nav|aside|h[1-6]|ul|ol|dl|table|tbody|tr|td|form|center|font|figure|img|br|hr|a|b|strong|em|i|"
    r"blockquote|pre)(?=[\s>/]|$)",
    re.IGNORECASE,
)


_PROGRAM = re.compile(r"<\?(?:php|=)|<%[@=!\s]|\A\s*(?:#!|<cf[a-z])", re.IGNORECASE)
#: HTTP's head, a server's warning, or mark-up after these.
_SERVED = re.compile(
    r"\s*(?:HTTP/\d|(?:PHP )?(?:Notice|Warning|Deprecated|Strict Standards|Fatal error|Parse error): )"
)


def not_text(head: bytes) -> str | None:
    """Return the name of a type that is never a document, by its first bytes."""
    return next((name for name, magic in NOT_TEXT if head.startswith(magic)), None)


def packed_kind(head: bytes) -> str | None:
    """Return the name of a kind of archive or compression that nothing opens, by its first bytes, which are no text."""
    return next((name for name, magic in PACKED if head.startswith(magic) and is_binary(head)), None)


def is_page(head: bytes) -> bool:
    """Whether bytes begin like a whole HTML page: doctype, <html>, <head> or <body>, in any encoding."""
    return _PAGE.match(opening(as_text(head))) is not None


def starts_with_markup(text: str) -> bool:
    """Whether a text begins with an HTML element, as a page or as a fragment of one."""
    return _ELEMENT.match(opening(text[:HEAD_BYTES])) is not None


def has_markup(head: bytes) -> bool:
    """Whether bytes begin with an HTML element, in any encoding."""
    return starts_with_markup(as_text(head))


def is_served(head: bytes) -> bool:
    """Whether bytes under the suffix of a program are a page that it wrote, not the program."""
    text = as_text(head)
    if _PROGRAM.search(text):
        return False
    return starts_with_markup(text) or _SERVED.match(text) is not None


def is_blank(content: bytes) -> bool:
    """Whether there is nothing but white space and a byte order mark."""
    start = content[:HEAD_BYTES]
    for mark, _ in _BOMS:
        start = start.removeprefix(mark)
    return not start.strip(b" \t\r\n\v\f") and not content[HEAD_BYTES:].strip(b" \t\r\n\v\f")


def is_binary(content: bytes) -> bool:
    """Whether bytes hold no text: too many controls, and neither UTF-16 nor UTF-32."""
    n_controls = len(content) - len(content.translate(None, _CONTROLS))
    if n_controls <= max(_FEW_CONTROLS, _CONTROL_SHARE * len(content)):
        return False
    return wide_encoding(content[: 16 * HEAD_BYTES]) is None


def wide_encoding(head: bytes) -> str | None:
    """Return "utf-16-le" and the like, by the byte order mark or, without one, by what the bytes would then say."""
    marked = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    if marked == "utf-8":
        return None
    names = (marked,) if marked else ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
    return next((name for name in names if _reads_well(head, name)), None)


def _reads_well(head: bytes, encoding: str) -> bool:
    unit = 4 if encoding.startswith("utf-32") else 2
    text = head[: len(head) // unit * unit].decode(encoding, "replace").removeprefix("\ufeff")
    n_likely = len(_LIKELY.findall(text))
    return n_likely > 0 and n_likely >= _LIKELY_SHARE * len(text) and _COMMON.search(text) is not None


def as_text(head: bytes) -> str:
    """Decode enough of any encoding for ASCII mark-up to show."""
    head = head[:HEAD_BYTES]
    marked = next(((mark, name) for mark, name in _BOMS if head.startswith(mark)), None)
    if marked:
        return head[len(marked[0]) :].decode(marked[1], "replace")
    if head[:2] in (b"<\0", b"\0<"):
        return head.decode("utf-16-le" if head[0] else "utf-16-be", "replace")
    return head.decode("latin-1")


def opening(text: str) -> str:
    """Cut off an XML declaration and comments before the first element."""
    start = 0
    while match := _PROLOGUE.match(text, start):
        start = match.end()
    return text[start:]


# A stream that is one document: plain text, Markdown or HTML, kept as bytes for the decoder.


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
