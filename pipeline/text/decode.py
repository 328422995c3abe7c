"""Bytes -> str, with the doubt admitted.

In this order: byte order mark; NUL pattern of UTF-16; ISO-2022-JP and HZ escapes; UTF-8, whole or cut, with encoded
surrogates or overlong sequences; what the HTTP header or the page declares, unless its reading is implausible; UTF-8
lines mixed with others; a guess (``charset.guess``); a fallback. Text never holds a lone surrogate and nothing but the
decoding is changed.

To add an encoding, see ``charset``; to add a step, write ``_try_something(content) -> Decoded | None`` and put it
into ``_UNDECLARED_STEPS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pipeline.text import charset
from pipeline.text.charset import count_high, sample
from pipeline.types import Decoded

DECLARATION_BYTES = 4096  # WHATWG looks at 1,024; real pages put it later
_NUL_SAMPLE_BYTES = 4096
_MAX_WIDE_BITS = 12  # a character of what is taken for UTF-16: Chinese has up to 10, other bytes read so over 13

_BOMS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32le", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32be", "utf-32-be"),
    (b"\xff\xfe", "utf-16le", "utf-16-le"),
    (b"\xfe\xff", "utf-16be", "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030", "gb18030"),
)
_META = re.compile(rb"<meta\b[^>]{0,600}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:+-]{2,40})", re.I)
_XML = re.compile(rb"\A\s{0,99}<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.:+-]{2,40})", re.I)
_COMMENT = re.compile(rb"<!--.{0,4096}?-->", re.S)
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LONG_SEQUENCE = rb"|[\xf5-\xf7][\x80-\xbf]{3}|[\xf8-\xfb][\x80-\xbf]{4}|[\xfc\xfd][\x80-\xbf]{5}"
_OVERLONG = re.compile(
    rb"\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}|\xf4[\x90-\xbf][\x80-\xbf]{2}" + _LONG_SEQUENCE
)
_UTF8_FORM = re.compile(rb"[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}" + _LONG_SEQUENCE)
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_FORM_SAMPLE_BYTES, _MAX_SEQUENCE = 1000, 6  # bytes; of the longest sequence, which the sample may cut
_HZ = re.compile(rb"~\{((?:[\x21-\x77][\x21-\x7e]){1,2000})(?:~\}|(?=\r?\n)|\Z)")

_HTTP_ADVANCE = 14.0  # bits: how much better than a declared encoding another must be
_META_ADVANCE = 12.0
_DAMAGED_UTF8 = 0.9  # share of the non-ASCII bytes in whole UTF-8 sequences, from which on it is damaged UTF-8


def declared_charset(content: bytes, http_charset: str | None = None, media_type: str = "text/plain") -> str | None:
    """WHATWG name of the charset that the HTTP header, else the page, declares; None if none or unknown.

    A page that declares UTF-16 in bytes that read as ASCII means UTF-8 (HTML standard, 13.2.3.2).

    >>> declared_charset(b'<meta charset="gb2312">', media_type="text/html")
    'gb18030'
    """
    return charset.known(http_charset) or _declared_inside(content, media_type)


def _declared_inside(content: bytes, media_type: str) -> str | None:
    if "html" not in media_type and "xml" not in media_type:
        return None
    head = _COMMENT.sub(b"", content[:DECLARATION_BYTES])
    found = _XML.search(head) or _META.search(head)
    name = charset.known(found[1].decode("ascii", "replace")) if found else None
    return "utf-8" if name and name.startswith("utf-16") else name


def decode(content: bytes, *, http_charset: str | None = None, media_type: str = "text/plain") -> Decoded:
    """Decode any bytes; never raises.

    ``http_charset`` is the charset of the HTTP header or container, whatever its spelling; ``media_type`` says
    whether to look for a declaration inside. ``method`` is "bom", "utf-8", "http", "meta", "detected", "mixed" or
    "fallback"; ``confidence`` is 1 for a byte order mark and strict UTF-8, about .95 for a clean declared charset, .9
    for a clear guess, .5 for a near tie and at most .3 for the fallback.

    >>> decode("碳市场".encode("gbk"), http_charset="GB2312").encoding
    'gb18030'
    """
    for step in _UNDECLARED_STEPS:
        decoded = step(content)
        if decoded is not None:
            return decoded
    http = charset.known(http_charset)
    inside = _declared_inside(content, media_type)
    return _try_damaged_utf8(content) or _try_mixed(content) or _weigh(content, http, inside)


def _try_bom(content: bytes) -> Decoded | None:
    for mark, encoding, codec in _BOMS:
        if content.startswith(mark):
            body = content[len(mark) :]
            text = body.decode(codec, "replace")
            lost = _introduced(text, body if encoding == "utf-8" else b"")
            if encoding == "utf-8" and lost > 1:
                return _try_damaged_utf8(body)  # else the mark lies: go on
            return Decoded(text, encoding, 1.0, "bom", lost)
    return None


def _try_nul_pattern(content: bytes) -> Decoded | None:
    """UTF-16 without a mark: the NUL bytes of its ASCII characters stand on one side."""
    head = content[:_NUL_SAMPLE_BYTES]
    if b"\0" not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if even + odd > 0.55 * len(head) or min(even, odd) > 0.05 * max(even, odd):
        return None
    encoding, codec = ("utf-16be", "utf-16-be") if even > odd else ("utf-16le", "utf-16-le")
    text = content.decode(codec, "replace")
    start = text[: len(head) // 2]
    if start.count("\ufffd") * 20 > len(start):
        return None
    bits = charset.cost(start)
    if bits > _MAX_WIDE_BITS * len(start) or bits > charset.cost(_as_bytes(head)):
        return None  # stray NULs in text of one byte a character
    return Decoded(text, encoding, 0.9, "detected", text.count("\ufffd"))


def _as_bytes(head: bytes) -> str:
    """The beginning of a text read as if it were not UTF-16: UTF-8 if it can be, else the likeliest other."""
    whole = len(head) < _NUL_SAMPLE_BYTES
    try:
        return head.decode() if whole else head[:-3].decode()
    except UnicodeDecodeError:
        return charset.decode_as(head, charset.guess(head).encoding)


def _try_escapes(content: bytes) -> Decoded | None:
    """ISO-2022-JP and HZ, whose bytes are all ASCII."""
    if not content.isascii():
        return None
    if b"\x1b$" in content:
        text = charset.decode_as(content, "iso-2022-jp")
        lost = text.count("\ufffd")
        if lost <= 2 and "\x1b" not in text:
            return Decoded(text, "iso-2022-jp", 0.95, "detected", lost)
    if b"~{" in content and _HZ.search(content):
        return _hz(content)
    return None


def _hz(content: bytes) -> Decoded | None:
    def high(match: re.Match[bytes]) -> bytes:
        return bytes(byte | 0x80 for byte in match[1])

    joined = b"".join(high(match) for match in _HZ.finditer(content))
    hanzi = joined.decode("gb2312", "replace")
    if "\ufffd" in hanzi or charset.cost(hanzi, ("simplified",)) > 11 * len(hanzi):
        return None
    raised = _HZ.sub(high, content).replace(b"~\n", b"").replace(b"~~", b"~")
    return Decoded(raised.decode("gb2312", "replace"), "hz-gb-2312", 0.9, "detected")


def _try_utf8(content: bytes) -> Decoded | None:
    """Strict UTF-8; a sequence cut off at either end costs one U+FFFD and no doubt."""
    try:
        return Decoded(content.decode(), "utf-8", 1.0, "utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(content) - 3 and error.start > 0:
            return None
    head = re.match(rb"[\x80-\xbf]{0,3}", content)
    start = head.end() if head else 0
    tail = re.search(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z", content[start:][-3:])
    end = len(content) - len(tail[0]) if tail else len(content)
    try:
        body = content[start:end].decode()
    except UnicodeDecodeError:
        return None
    if start and sum(char > "\x7f" for char in body) < 3:
        return None  # too little to be sure of
    cuts = (start > 0) + (end < len(content))
    long_ascii = start == 0 and (len(body) > 1000 or len(content) - end > 1)
    if body.isascii() and not long_ascii:
        return None  # a single Latin-1 letter at the end, as likely
    return Decoded("\ufffd" * (start > 0) + body + "\ufffd" * (end < len(content)), "utf-8", 1.0, "utf-8", cuts)


def _try_surrogates(content: bytes) -> Decoded | None:
    """CESU-8 and WTF-8: UTF-8 with encoded surrogates. Pairs are joined, lone ones replaced."""
    if b"\xed" not in content:
        return None
    try:
        raw = content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    text = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    encoding = "cesu-8" if len(text) < len(raw) else "utf-8"  # Unicode Technical Report 26
    return Decoded(text, encoding, 0.95, "utf-8", _introduced(text, content))


def _try_overlong(content: bytes) -> Decoded | None:
    """Text whose every byte beyond ASCII is of UTF-8's form, some in longer sequences than they may be, or beyond
    U+10FFFF (Unicode 16.0, table 3-7): U+FFFD for those. Two of three bytes or more are no accident of another charset.
    """
    if not _begins_in_form(content) or len(_OVERLONG.findall(content)) < 2:
        return None
    if not _UTF8_FORM.sub(b"", content).isascii():
        return None
    text = content.decode("utf-8", "replace")
    return Decoded(text, "utf-8", 0.6, "utf-8", _introduced(text, content))


def _begins_in_form(content: bytes) -> bool:
    """Whether the first bytes beyond ASCII are of UTF-8's form; those of other charsets are found out here, cheaply."""
    first = _HIGH.search(content)
    if first is None:
        return False
    left = _UTF8_FORM.sub(b"", content[first.start() : first.start() + _FORM_SAMPLE_BYTES])
    return left[:-_MAX_SEQUENCE].isascii()


_UNDECLARED_STEPS: tuple[Callable[[bytes], Decoded | None], ...] = (
    _try_bom,
    _try_nul_pattern,
    _try_escapes,
    _try_utf8,
    _try_surrogates,
    _try_overlong,
)


def _introduced(text: str, content: bytes) -> int:
    """Replacement characters of the text that are not in the UTF-8 source itself."""
    return text.count("\ufffd") - content.count(b"\xef\xbf\xbd")


def _utf8_share(content: bytes) -> tuple[float, int]:
    """Share of the non-ASCII bytes in whole UTF-8 sequences, and the number of sequences."""
    sequences = _UTF8_SEQUENCE.findall(b" ".join(_HIGH_RUN.findall(content)))  # none goes across ASCII
    return sum(map(len, sequences)) / max(1, count_high(content)), len(sequences)


def _try_damaged_utf8(content: bytes) -> Decoded | None:
    if _utf8_share(sample(content))[0] < _DAMAGED_UTF8 / 2:
        return None
    share, n_sequences = _utf8_share(content)
    if share < _DAMAGED_UTF8 or n_sequences < 4:
        return None
    text = content.decode("utf-8", "replace")
    return Decoded(text, "utf-8", round(share - 0.1, 2), "utf-8", _introduced(text, content))


def _try_mixed(content: bytes) -> Decoded | None:
    """Lines of UTF-8 among lines of one other encoding, as from files glued together."""
    lines = content.split(b"\n")
    broken: list[int] = []
    n_utf8 = 0
    for number, line in enumerate(lines):
        if line.isascii():
            continue
        try:
            text = line.decode()
        except UnicodeDecodeError:
            broken.append(number)
        else:
            n_high = sum(char >= "\u0800" for char in text)  # three bytes each: no accident
            n_utf8 += n_high if n_high > 1 else 0
    if n_utf8 < 6 or not broken:
        return None
    legacy = [number for number in broken if _utf8_share(lines[number])[0] < _DAMAGED_UTF8]
    if not legacy:
        return None
    guessed = charset.guess(b"\n".join(lines[number] for number in legacy))
    if not guessed.plausible or guessed.encoding.startswith("utf-16"):
        return None
    others = set(legacy)
    texts = [
        charset.decode_as(line, guessed.encoding if number in others else "utf-8") for number, line in enumerate(lines)
    ]
    text = "\n".join(texts)
    return Decoded(text, f"utf-8+{guessed.encoding}", 0.6, "mixed", _introduced(text, content))


def _weigh(content: bytes, http: str | None, inside: str | None) -> Decoded:
    """The declared encoding against the detector's: declarations lie."""
    advance = ((inside, _META_ADVANCE), (http, _HTTP_ADVANCE))
    declared = tuple((name, bits) for name, bits in advance if name and name != "utf-8")
    guessed = charset.guess(content, declared=declared)
    if not guessed.plausible and guessed.encoding not in dict(declared):
        return _fall_back(content)
    text = charset.decode_as(content, guessed.encoding)
    lost = text.count("\ufffd")
    certainty = min(1.0, max(0.0, guessed.margin / charset.CLEAR_MARGIN))
    if guessed.encoding in (http, inside):
        method = "http" if guessed.encoding == http else "meta"
        confidence = 0.6 + 0.35 * certainty
    else:
        method, confidence = "detected", 0.5 + 0.4 * certainty
    doubt = min(0.3, 10 * lost / (len(text) + 1))
    return Decoded(text, guessed.encoding, round(confidence - doubt, 2), method, lost)


def _fall_back(content: bytes) -> Decoded:
    """Nothing is plausible: UTF-8 or windows-1252, whichever loses less."""
    as_utf8 = content.decode("utf-8", "replace")
    as_western = charset.decode_as(content, "windows-1252")
    lost = _introduced(as_utf8, content)
    if lost <= len(re.findall("[\x80-\x9f]", as_western)):
        return Decoded(as_utf8, "utf-8", 0.2, "fallback", lost)
    return Decoded(as_western, "windows-1252", 0.2, "fallback")
