"""bzip2, xz and Zstandard: read on the way, bounded, and honest about damage."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import tarfile
import zipfile
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


def honest(seed: str, n_members: int = 3) -> list[bytes]:
    """Texts of more than a megabyte that compress forty times, as templated pages do."""
    rng = random.Random(seed)
    line = "the same words of the frame again and again, 同一个框架的同一些字, " * 20
    return ["\n".join(f"{rng.getrandbits(320):x} {line}" for _ in range(900)).encode() for _ in range(n_members)]


PACKERS: dict[str, Pack] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


@pytest.mark.parametrize("packing", PACKERS)
def test_members_that_compress_well_are_no_bombs_however_they_lie_together(tmp_path: Path, packing: str) -> None:
    texts = honest(packing)
    assert all(len(text) > 1_100_000 for text in texts)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number, text in enumerate(texts):
            entry = tarfile.TarInfo(f"{number}.txt")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    lines = b"\n".join(json.dumps({"text": text.decode()}).encode() for text in texts)
    for name, content in ((f"a.tar.{packing}", out.getvalue()), (f"a.jsonl.{packing}", lines)):
        (tmp_path / name).write_bytes(PACKERS[packing](content))
        found = list(read_file(tmp_path, name))
        assert [one.content for one in found if isinstance(one, Record)] == texts


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.bz2", "a.txt.xz", "a.txt.zst", "a.zip", "a.tar.gz"])
@pytest.mark.parametrize(("size", "is_bomb"), [(900_000, False), (5_000_000, True)])
def test_the_ratio_counts_from_a_megabyte_on_in_every_packing(
    tmp_path: Path, name: str, size: int, is_bomb: bool
) -> None:
    text, out = b"a b. " * (size // 5), io.BytesIO()
    if name == "a.zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", text)
    elif name == "a.tar.gz":
        with tarfile.open(fileobj=out, mode="w:gz") as tape:
            entry = tarfile.TarInfo("a.txt")
            entry.size = len(text)
            tape.addfile(entry, io.BytesIO(text))
    else:
        out.write(PACKERS[name.rpartition(".")[2]](text))
    (tmp_path / name).write_bytes(out.getvalue())
    (outcome,) = read_file(tmp_path, name)
    assert getattr(outcome, "reason", None) is (Reason.DECOMPRESSION_BOMB if is_bomb else None)
