"""Tar archives, compressed or not: entries as they come, links and devices never, damage stepped over."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import ReadLimits, read_file
from pipeline.types import Record

ENGLISH = "The carbon market opened on Monday.\n\nPrices rose by two per cent.\n"
CHINESE = "全国碳市场周一开市。\n\n价格上涨百分之二。\n"


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def tarred(*entries: tuple[str | tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        for one, content in entries:
            entry = info(one) if isinstance(one, str) else one
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


def read(folder: Path, content: bytes, name: str = "a.tar", **limits: int) -> dict[str | None, object]:
    (folder / name).write_bytes(content)
    found: dict[str | None, object] = {}
    for one in read_file(folder, name, limits=ReadLimits(**limits)):
        assert one.member not in found
        if isinstance(one, Record):
            found[one.member] = one.content.decode("utf-8", "replace")
        else:
            assert isinstance(one, Rejection | Skipped)
            found[one.member] = one.message if isinstance(one, Skipped) else one.reason
    return found


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.tar", bytes),
        ("a.tar.gz", gzip.compress),
        ("a.tgz", gzip.compress),
        ("a.tar.bz2", bz2.compress),
        ("a.tar.xz", lzma.compress),
        ("a.tar.zst", zstd),
        ("no suffix", gzip.compress),
    ],
)
def test_each_file_in_an_archive_is_read(tmp_path: Path, form: int, name: str, pack: type[bytes]) -> None:
    lines = "".join(json.dumps({"text": text}) + "\n" for text in (ENGLISH, CHINESE))
    content = tarred(
        (info("folder", tarfile.DIRTYPE), b""),
        ("folder/a.txt", ENGLISH.encode()),
        ("政策.txt", CHINESE.encode()),
        ("b.jsonl", lines.encode()),
        ("._a.txt", b"\0"),
        ("c.jpg", b"\xff\xd8\xff"),
        form=form,
    )
    assert read(tmp_path, pack(content), name) == {
        "folder/a.txt": ENGLISH,
        "政策.txt": CHINESE,
        "b.jsonl:1": ENGLISH,
        "b.jsonl:2": CHINESE,
        "._a.txt": "hidden",
        "c.jpg": "unsupported type: JPEG image",
    }


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_keep_their_suffix(tmp_path: Path, form: int) -> None:
    names = ["长" * 400 + ".jsonl", "x/" * 90 + "a.html"]
    content = tarred(*[(name, json.dumps({"text": CHINESE}).encode()) for name in names], form=form)
    found = read(tmp_path, content)
    assert next(iter(found.values())) == CHINESE
    assert "x/" * 90 + "a.html" in found


def test_links_devices_and_names_that_leave_the_archive_are_rejected_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    content = tarred(
        ("../up.txt", b"pwn"),
        ("/tmp/abs.txt", CHINESE.encode()),
        (info("link", tarfile.SYMTYPE, "/etc"), b""),
        ("link/hostname.txt", b"pwn"),
        (info("hard.txt", tarfile.LNKTYPE, "/etc/hostname"), b""),
        (info("device.txt", tarfile.CHRTYPE), b""),
        (info("pipe.txt", tarfile.FIFOTYPE), b""),
        ("good.txt", CHINESE.encode()),
    )
    assert read(tmp_path / "in", content) == {
        "../up.txt": Reason.UNSAFE_NAME,
        "tmp/abs.txt": CHINESE,
        "link": Reason.NOT_A_REGULAR_FILE,
        "link/hostname.txt": Reason.UNSAFE_NAME,
        "hard.txt": Reason.NOT_A_REGULAR_FILE,
        "device.txt": Reason.NOT_A_REGULAR_FILE,
        "pipe.txt": Reason.NOT_A_REGULAR_FILE,
        "good.txt": CHINESE,
    }
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.tar"]


def test_a_damaged_header_is_said_and_stepped_over(tmp_path: Path) -> None:
    content = bytearray(tarred(*[(f"{n}.txt", f"{n} {CHINESE}".encode()) for n in range(3)], form=tarfile.GNU_FORMAT))
    content[1024 + 4] ^= 0xFF
    found = read(tmp_path, bytes(content))
    assert found == {"0.txt": f"0 {CHINESE}", "byte 1024": Reason.BROKEN_CONTAINER, "2.txt": f"2 {CHINESE}"}


def test_a_cut_archive_keeps_what_there_is_and_says_so(tmp_path: Path) -> None:
    content = tarred(("a.txt", ENGLISH.encode()), ("b.txt", b"word " * 900), form=tarfile.GNU_FORMAT)
    for stored, name in ((content[:3000], "a.tar"), (gzip.compress(content)[:-40], "a.tar.gz")):
        found = read(tmp_path, stored, name)
        assert found["a.txt"] == ENGLISH
        assert found[None] is Reason.BROKEN_CONTAINER
    (record,) = (one for one in read_file(tmp_path, "a.tar") if one.member == "b.txt")
    assert isinstance(record, Record)
    assert record.flags == ("truncated",)


def test_a_header_that_promises_too_much_costs_no_memory(tmp_path: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE):
        entry = info("a.txt", kind)
        entry.size = 1 << 40
        found = read(tmp_path, entry.tobuf(tarfile.GNU_FORMAT) + b"12 path=x\n" + bytes(1014))
        assert found[None] is Reason.BROKEN_CONTAINER


def test_bombs_and_crowds_are_bounded(tmp_path: Path) -> None:
    bomb = tarred(("bomb.txt", b" " * 20_000_000), ("b.txt", CHINESE.encode()))
    found = read(tmp_path, gzip.compress(bomb), "a.tgz")
    assert found == {"bomb.txt": Reason.DECOMPRESSION_BOMB, "b.txt": CHINESE}
    assert read(tmp_path, gzip.compress(bomb), "a.tgz", max_expanded_bytes=9_000_000)[None] is Reason.DECOMPRESSION_BOMB
    crowd = tarred(*[(f"{n}.txt", CHINESE.encode()) for n in range(9)])
    expected = {**{f"{n}.txt": CHINESE for n in range(7)}, None: Reason.TOO_LARGE}
    assert read(tmp_path, crowd, max_entries=7) == expected


def test_archives_in_archives_are_read_to_the_second(tmp_path: Path) -> None:
    one = gzip.compress(tarred(("a.txt", ENGLISH.encode())))
    two = tarred(("one.tgz", one))
    assert read(tmp_path, gzip.compress(two), "a.tgz") == {"one.tgz:a.txt": ENGLISH}
    assert read(tmp_path, tarred(("two.tar", two))) == {"two.tar:one.tgz": Reason.TOO_DEEP}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_comes_to_something_and_nothing_is_raised(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tar.zst"]))
    content = tarred(("长" * 200, ENGLISH.encode()), ("b.tar", tarred(("c.txt", CHINESE.encode()))))
    packs = {".tar": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}
    stored = bytearray(packs[Path(name).suffix](content))
    for _ in range(data.draw(st.integers(1, 5))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(stored)))
    assert read(tmp_path_factory.mktemp("tar"), bytes(stored[: cut + 1]), name)
