"""The bytes that tell a charset: words that are not ASCII, from wherever they stand in a document."""

from __future__ import annotations

import re

SAMPLE_BYTES = 1 << 16  # only so much is looked at, from the first byte that is not ASCII
SAMPLE_HIGH_BYTES = 2000  # enough non-ASCII bytes for certainty

_HIGH = re.compile(rb"[\x80-\xff]")
_RUN = re.compile(rb"([\x80-\xff])\1{2,}")
_MAX_WORD = 64  # bytes of the first word before its first byte that is not ASCII
#: By byte: a space where words end, 0x80 for what is not ASCII, else "a".
_BYTE_KINDS = b" " * 0x30 + b"a" * 10 + b" " * 6 + b"a" * 0x40 + b"\x80" * 0x80
_ASCII = bytes(range(0x80))


def sample(content: bytes) -> bytes:
    """The words with non-ASCII bytes, each once, as many as decide the matter.

    Words end at bytes below 0x40 but digits: no second byte of a legacy charset is one of them. A byte that is repeated,
    as for indents, says no more than twice.
    """
    first = _HIGH.search(content)
    begin = max(0, first.start() - _MAX_WORD) if first else 0
    content = content[begin : begin + SAMPLE_BYTES]
    kinds = content.translate(_BYTE_KINDS)
    words: dict[bytes, None] = {}
    high = end = 0
    while high < SAMPLE_HIGH_BYTES and (at := kinds.find(b"\x80", end)) >= 0:
        start = kinds.rfind(b" ", end, at) + 1 or end
        end = kinds.find(b" ", at)
        end = end if end >= 0 else len(kinds)
        word = _RUN.sub(rb"\1\1", content[start:end])
        if word not in words:
            high += kinds.count(b"\x80", at, end)
            words[word] = None
    return b" ".join(words)[: 4 * SAMPLE_HIGH_BYTES]


def count_high(content: bytes) -> int:
    """Number of bytes from 0x80 up."""
    return len(content.translate(None, _ASCII))
