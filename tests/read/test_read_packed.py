"""bzip2, xz and Zstandard: read on the way, bounded, and honest about damage."""

from __future__ import annotations

import bz2
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import Reason, Rejection
from pipeline.read import ReadLimits, read_file
from pipeline.types import Record

CHINESE = "全国碳市场周一开市。\n\n价格上涨百分之二。\n" * 50


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


PACKS = pytest.mark.parametrize(("suffix", "pack"), [("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstd)])
Pack = Callable[[bytes], bytes]


def read(folder: Path, name: str, content: bytes, **limits: int) -> Record | Rejection:
    (folder / name).write_bytes(content)
    (outcome,) = read_file(folder, name, limits=ReadLimits(**limits))
    assert isinstance(outcome, Record | Rejection)
    return outcome


@PACKS
def test_a_document_is_unpacked_on_the_way_all_members_of_it(tmp_path: Path, suffix: str, pack: Pack) -> None:
    packed = pack(CHINESE.encode()) + pack(b"") + pack(CHINESE.encode())
    assert read(tmp_path, f"a.txt.{suffix}", packed) == Record(
        f"a.txt.{suffix}", None, (CHINESE * 2).encode(), "text/plain"
    )
    record = read(tmp_path, "a.html", pack(b"<html><p>x</p>"))
    assert isinstance(record, Record)
    assert (record.media_type, record.flags) == ("text/html", ("suffix_mismatch",))


@PACKS
def test_a_bomb_is_found_while_it_expands(tmp_path: Path, suffix: str, pack: Pack) -> None:
    for limits in ({}, {"max_expanded_bytes": 1_000_000, "max_ratio": 10**6, "max_record_bytes": 10**9}):
        outcome = read(tmp_path, f"a.txt.{suffix}", pack(b" " * 30_000_000), **limits)
        assert isinstance(outcome, Rejection)
        assert outcome.reason is Reason.DECOMPRESSION_BOMB


@PACKS
def test_what_was_cut_keeps_what_there_is_and_what_is_damaged_is_rejected(
    tmp_path: Path, suffix: str, pack: Pack
) -> None:
    text = os.urandom(900_000).hex().encode()
    packed = pack(text)
    record = read(tmp_path, f"a.txt.{suffix}", packed[: len(packed) * 3 // 4])
    assert isinstance(record, Record)
    assert record.flags == ("truncated",)
    assert text.startswith(record.content)
    damaged = bytearray(packed)
    place = 5 if suffix == "zst" else len(packed) // 2  # whose checksum is optional, and pyarrow leaves it out
    damaged[place : place + 60] = b"\xff" * 60
    outcome = read(tmp_path, f"a.txt.{suffix}", bytes(damaged))
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.BROKEN_CONTAINER


@PACKS
def test_text_that_only_has_the_name_is_text(tmp_path: Path, suffix: str, pack: Pack) -> None:
    record = read(tmp_path, f"a.txt.{suffix}", CHINESE.encode())
    assert isinstance(record, Record)
    assert record.content == CHINESE.encode()
