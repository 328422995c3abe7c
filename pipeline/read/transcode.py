"""A stream of text as UTF-8, whatever its charset: told once from a sample, so that what splits it need not know."""

from __future__ import annotations

from pipeline.read.limits import KIB
from pipeline.read.stream import Peeked, Stream
from pipeline.text.charset import incremental
from pipeline.text.decode import decode

SAMPLE_BYTES = 256 * KIB
_UTF8 = frozenset({"utf-8", "cesu-8"})
_BOM = b"\xef\xbb\xbf"


class Utf8Stream:
    """The bytes of a stream in UTF-8, without a byte order mark.

    Where the sample is UTF-8, or mixed, they are left as they are: what is wrong with them is its line's matter alone.
    """

    def __init__(self, stream: Stream, *, media_type: str = "text/plain") -> None:
        peeked = Peeked(stream, SAMPLE_BYTES)
        found = decode(peeked.head, media_type=media_type)
        self.sample = found.text
        is_utf8 = found.encoding in _UTF8 or found.method == "mixed"
        self.encoding = "utf-8" if is_utf8 else found.encoding
        self.confidence = 1.0 if is_utf8 else found.confidence
        self._stream = peeked
        self._decoder = None if is_utf8 else incremental(found.encoding)
        self._is_first = True

    @property
    def consumed(self) -> int:
        """As of Stream."""
        return self._stream.consumed

    @property
    def member(self) -> int:
        """As of Stream."""
        return self._stream.member

    @property
    def taken_from(self) -> tuple[str, float]:
        """As of Record."""
        return self.encoding, self.confidence

    def read(self) -> bytes:
        """As of Stream."""
        text = b""
        while True:
            data = self._stream.read()
            text += self._utf8(data)
            if self._is_first and len(text) < len(_BOM) and data:
                continue
            if self._is_first:
                self._is_first = False
                text = text.removeprefix(_BOM)
            if text or not data:
                return text

    def resync(self) -> bool:
        """As of Stream."""
        if self._decoder:
            self._decoder.reset()
        return self._stream.resync()

    def _utf8(self, data: bytes) -> bytes:
        if self._decoder is None:
            return data
        return self._decoder.decode(data, final=not data).encode("utf-8", "replace")
