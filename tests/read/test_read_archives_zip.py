"""ZIP archives: every entry comes to something, nothing is believed, and one bad entry costs itself alone."""

from __future__ import annotations

import gzip
import io
import json
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import ReadLimits, read_file
from pipeline.text.safety import printable
from pipeline.types import Record

ENGLISH = "The carbon market opened on Monday.\n\nPrices rose by two per cent.\n"
CHINESE = "全国碳市场周一开市。\n\n价格上涨百分之二。\n"


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return held.getvalue()


def read(folder: Path, content: bytes, name: str = "a.zip", **limits: int) -> dict[str | None, object]:
    """What each member came to: a record's text, a rejection's reason, why it was skipped."""
    (folder / name).write_bytes(content)
    found: dict[str | None, object] = {}
    for one in read_file(folder, name, limits=ReadLimits(**limits)):
        assert one.path == name
        assert one.member not in found
        assert one.member is None or one.member == printable(one.member, limit=300)
        match one:
            case Record():
                found[one.member] = one.content.decode("utf-8", "replace")
            case Rejection():
                assert one.message.endswith(".")
                found[one.member] = one.reason
            case Skipped():
                found[one.member] = one.message
    return found


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_each_file_in_an_archive_is_read_by_its_own_format(tmp_path: Path, method: int) -> None:
    lines = "".join(json.dumps({"text": text}) + "\n" for text in (ENGLISH, CHINESE))
    content = zipped(
        ("folder/", b""),
        ("folder/a.txt", ENGLISH.encode()),
        ("政策.html", f"<html><p>{CHINESE}</p>".encode()),
        ("b.jsonl", lines.encode()),
        ("c.txt.gz", gzip.compress(CHINESE.encode())),
        ("d.jsonl.gz", gzip.compress(lines.encode())),
        ("e.docx", b"PK\x03\x04 anything"),
        ("f.png", b"\x89PNG\r\n\x1a\n"),
        ("g.html", b"\x89PNG\r\n\x1a\n"),
        ("__MACOSX/._a.txt", b"\0\5\x16\7"),
        (".DS_Store", b"\0\0\0\1Bud1"),
        ("empty.txt", b""),
        method=method,
    )
    assert read(tmp_path, content) == {
        "folder/a.txt": ENGLISH,
        "政策.html": f"<html><p>{CHINESE}</p>",
        "b.jsonl:1": ENGLISH,
        "b.jsonl:2": CHINESE,
        "c.txt.gz": CHINESE,
        "d.jsonl.gz:1": ENGLISH,
        "d.jsonl.gz:2": CHINESE,
        "e.docx": "unsupported type: zip archive",
        "f.png": "unsupported type: PNG image",
        "g.html": Reason.BINARY_CONTENT,
        "__MACOSX/._a.txt": "temporary",
        ".DS_Store": "hidden",
        "empty.txt": Reason.EMPTY,
    }


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_are_different_and_printable_whatever_the_entries_are_called(tmp_path: Path) -> None:
    names = ["a.txt", "a.txt", "a.txt#2", "a.jsonl", "a.jsonl:1", "\x1b[2J\u202etxt", "b\\c.txt", "x" * 9000]
    text = json.dumps({"text": ENGLISH}).encode()
    found = read(tmp_path, zipped(*[(name, text) for name in names]))
    assert len(found) == len(names)
    assert {"a.txt", "a.txt#2", "a.txt#2#2", "a.jsonl:1", "a.jsonl\\x3a1", "b/c.txt"} <= set(found)


def test_a_name_in_gbk_is_read_as_such(tmp_path: Path) -> None:
    name = "政策通知.txt".encode("gbk")
    content = zipped(("x" * len(name), CHINESE.encode())).replace(b"x" * len(name), name)
    assert read(tmp_path, content) == {"政策通知.txt": CHINESE}


@pytest.mark.parametrize("name", ["../a.txt", "a/../../b.txt", "/../a.txt", "C:/../a.txt", "..\\a.txt"])
def test_a_name_that_leaves_the_archive_is_rejected(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, zipped((name, b"pwned"), ("good.txt", CHINESE.encode())))
    assert sorted(map(str, found.values())) == sorted([Reason.UNSAFE_NAME.value, CHINESE])
    assert not (tmp_path.parent / "a.txt").exists()


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    found = read(tmp_path, zipped((link, b"secret"), ("good.txt", CHINESE.encode())))
    assert found == {"link.txt": Reason.NOT_A_REGULAR_FILE, "good.txt": CHINESE}


def test_archives_in_archives_are_read_to_the_second(tmp_path: Path) -> None:
    one = zipped(("a.txt", ENGLISH.encode()))
    two = zipped(("one.zip", one), ("b.txt", CHINESE.encode()))
    assert read(tmp_path, two) == {"one.zip:a.txt": ENGLISH, "b.txt": CHINESE}
    three = zipped(("two.zip", two), ("c.txt", CHINESE.encode()))
    assert read(tmp_path, three) == {"two.zip:one.zip": Reason.TOO_DEEP, "two.zip:b.txt": CHINESE, "c.txt": CHINESE}


def test_entries_over_the_limit_are_one_rejection(tmp_path: Path) -> None:
    content = zipped(*[(f"{n}.txt", CHINESE.encode()) for n in range(9)])
    expected = {**{f"{n}.txt": CHINESE for n in range(7)}, None: Reason.TOO_LARGE}
    assert read(tmp_path, content, max_entries=7) == expected


def test_an_encrypted_entry_is_rejected_and_the_rest_is_read(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.txt", ENGLISH.encode()), ("b.txt", CHINESE.encode())))
    content[content.index(b"PK\1\2") + 8] |= 1
    assert read(tmp_path, bytes(content)) == {"a.txt": Reason.ENCRYPTED, "b.txt": CHINESE}


def test_a_bomb_is_rejected_and_the_rest_is_read(tmp_path: Path) -> None:
    content = zipped(("bomb.txt", b" " * 30_000_000), ("b.txt", CHINESE.encode()))
    assert read(tmp_path, content) == {"bomb.txt": Reason.DECOMPRESSION_BOMB, "b.txt": CHINESE}


def test_what_all_entries_come_to_is_bounded_nested_ones_too(tmp_path: Path) -> None:
    inner = zipped(*[(f"{n}.txt", b"word " * 10_000) for n in range(9)])
    found = read(tmp_path, zipped(("a.zip", inner), ("b.zip", inner)), max_expanded_bytes=600_000)
    texts = [one for one in found.values() if isinstance(one, str) and one.startswith("word")]
    assert len(texts) == 11
    assert set(found.values()) - set(texts) == {Reason.DECOMPRESSION_BOMB}


def test_entries_that_share_their_bytes_are_rejected(tmp_path: Path) -> None:
    """As zip bombs do: each name in the directory points to the same data."""
    content = zipped(("a.txt", ENGLISH.encode()))
    start = content.index(b"PK\1\2")
    end = content.index(b"PK\5\6")
    listed = content[start:end]
    many = b"".join(listed.replace(b"a.txt", b"%d.txt" % n) for n in range(5))
    forged = content[:start] + many + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5, 5, len(many), start, 0)
    found = read(tmp_path, forged)
    assert [one for one in found.values() if one == ENGLISH] == [ENGLISH]
    assert [one for one in found.values() if one != ENGLISH] == [Reason.DECOMPRESSION_BOMB] * 4


def test_bytes_that_fail_their_checksum_cost_their_entry_alone(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.txt", ENGLISH.encode()), ("b.txt", CHINESE.encode()), method=zipfile.ZIP_STORED))
    content[content.index(b"carbon")] ^= 1
    assert read(tmp_path, bytes(content)) == {"a.txt": Reason.BROKEN_CONTAINER, "b.txt": CHINESE}


def test_a_directory_that_lies_costs_what_it_lies_about(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.txt", ENGLISH.encode()), ("b.txt", CHINESE.encode())))
    second = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
    for field, size in ((16, 4), (20, 4), (42, 4)):  # checksum, stored size, place
        forged = bytearray(content)
        forged[second + field : second + field + size] = b"\xf0\xf1\xf2\xf3"
        found = read(tmp_path, bytes(forged))
        assert found.pop("a.txt") == ENGLISH
        assert len(found) == 1
        assert isinstance(found["b.txt"], Reason)
    forged = bytearray(content)
    forged[second] = 0  # no entry begins here
    assert read(tmp_path, bytes(forged)) == {"a.txt": ENGLISH, "b.txt": CHINESE, None: Reason.BROKEN_CONTAINER}


def test_an_end_record_that_leaves_out_entries_loses_none(tmp_path: Path) -> None:
    content = zipped(("a.txt", ENGLISH.encode()), ("b.txt", CHINESE.encode()))
    one = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1) - content.index(b"PK\1\2")
    end = content.index(b"PK\5\6")
    forged = content[: end + 12] + struct.pack("<L", one) + content[end + 16 :]
    assert read(tmp_path, forged) == {"a.txt": ENGLISH, "b.txt": CHINESE, None: Reason.BROKEN_CONTAINER}


def test_an_archive_without_its_end_or_without_anything(tmp_path: Path) -> None:
    content = zipped(("a.txt", ENGLISH.encode()))
    assert read(tmp_path, content[:-30]) == {"a.txt": ENGLISH, None: Reason.BROKEN_CONTAINER}
    for broken in (b"no archive at all", b"PK\5\6" + bytes(5)):
        assert read(tmp_path, broken) == {None: Reason.BROKEN_CONTAINER}
    assert read(tmp_path, zipped()) == {None: Reason.EMPTY}


def test_zip64_and_bytes_before_the_archive_are_no_hindrance(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive, archive.open("a.txt", "w", force_zip64=True) as entry:
        entry.write(CHINESE.encode())
    assert read(tmp_path, b"#!/bin/sh\n" + held.getvalue()) == {"a.txt": CHINESE}
    end = held.getvalue().index(b"PK\5\6")
    start = held.getvalue().index(b"PK\1\2")
    size = end - start
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert read(tmp_path, held.getvalue()[:end] + end64 + locator + last) == {"a.txt": CHINESE}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_the_end_records_and_the_directory_say_each_entry_comes_to_one_thing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.comment = held.getvalue() + b"PK\5\6" + bytes(18)
        for name in ("a.txt", "b.txt"):
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(CHINESE.encode())
    content = bytearray(b"before" + held.getvalue())
    directory = content.index(b"PK\1\2")
    numbers = st.sampled_from(
        [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0\0\0", b"PK\5\6", b"PK\1\2"]
    )
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(directory, len(content) - 4))
        content[place : place + 4] = data.draw(numbers)
    found = read(tmp_path_factory.mktemp("zip"), bytes(content))
    assert found
    assert len([one for one in found.values() if one == CHINESE]) == 2 or len(found) > 1 or None in found


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_comes_to_something_and_nothing_is_raised(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(zipped(("a.txt", ENGLISH.encode()), ("b.zip", zipped(("c.txt", CHINESE.encode())))))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    assert read(tmp_path_factory.mktemp("zip"), bytes(content[: cut + 1]))
