"""A stream in any charset as UTF-8, told once from a sample, byte for byte what decoding the whole gives."""

from __future__ import annotations

import random
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.read.stream import StoredStream
from pipeline.read.transcode import SAMPLE_BYTES, Utf8Stream

SIMPLIFIED = "邮差每天走三十里山路，把信送到最后一户人家。雨天他把信揣在怀里，从来没有湿过一封。"
TRADITIONAL = "郵差每天走三十里山路，把信送到最後一戶人家。雨天他把信揣在懷裡，從來沒有濕過一封。"
ENGLISH = "The postman walks twenty miles a day. On wet days he carries the letters inside his coat."


class Pieces:
    """A stream that gives its bytes in pieces of odd sizes."""

    member = 0

    def __init__(self, content: bytes, seed: int) -> None:
        self._file, self._rng, self.consumed = BytesIO(content), random.Random(seed), 0

    def read(self) -> bytes:
        data = self._file.read(self._rng.choice((1, 2, 3, 7, 100, 5_000)))
        self.consumed += len(data)
        return data

    def resync(self) -> bool:
        return False


def all_of(stream: Utf8Stream) -> str:
    parts = []
    while data := stream.read():
        parts.append(data)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    ("codec", "encoding", "text"),
    [
        ("utf-8", "utf-8", SIMPLIFIED),
        ("utf-8-sig", "utf-8", TRADITIONAL),
        ("gbk", "gb18030", SIMPLIFIED),
        ("gb18030", "gb18030", SIMPLIFIED + "\U00020000"),
        ("big5", "big5", TRADITIONAL),
        ("utf-16", "utf-16le", SIMPLIFIED),
        ("utf-16-be", "utf-16be", ENGLISH + SIMPLIFIED),
        ("ascii", "utf-8", ENGLISH),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_the_text_is_the_same_however_the_bytes_come(codec: str, encoding: str, text: str, seed: int) -> None:
    whole = "\n".join(f"{n} {text}" for n in range(200))
    stream = Utf8Stream(Pieces(whole.encode(codec), seed))
    assert (stream.encoding, all_of(stream)) == (encoding, whole)


def test_what_lies_beyond_the_sample_is_in_the_same_charset() -> None:
    whole = f"{SIMPLIFIED}\n" * (SAMPLE_BYTES // 40)
    assert all_of(Utf8Stream(StoredStream(BytesIO(whole.encode("gbk"))))) == whole


def test_bytes_of_utf8_are_left_as_they_are() -> None:
    content = SIMPLIFIED.encode() * 9 + b"\xff" + SIMPLIFIED.encode()
    stream = Utf8Stream(StoredStream(BytesIO(content)))
    assert (stream.read(), stream.taken_from) == (content, ("utf-8", 1.0))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 99))
def test_any_bytes_come_to_valid_utf8_or_stay(content: bytes, seed: int) -> None:
    stream = Utf8Stream(Pieces(content, seed))
    parts = []
    while data := stream.read():
        parts.append(data)
    if stream.encoding != "utf-8":
        b"".join(parts).decode("utf-8")
    assert stream.consumed == len(content)
