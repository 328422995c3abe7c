"""A raw file to its records: every format, every reason for quarantine, and what is passed over."""

from __future__ import annotations

import errno
import gzip
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import READERS, ReadLimits, detect_format, read_file
from pipeline.read.limits import skip
from pipeline.read.scan import RawFile, RawFolder, native_path, portable_path
from pipeline.types import Record

ENGLISH = "The carbon market opened on Monday.\n\nPrices rose by two per cent.\n"
CHINESE = "全国碳市场周一开市。\n\n价格上涨百分之二。\n"
PAGE = "<!DOCTYPE html><html><body><p>Emissions fell. 排放量下降。</p></body></html>"
ANY_NAMES = ["a.txt", "a", "a.html", "a.jsonl", "a.json", "a.warc", "a.gz", "a.jsonl.gz", "a.zip", "a.tar", "a.txz"]
SMALL = ReadLimits(max_file_bytes=4_000_000, max_record_bytes=200_000, ratio_after_bytes=10_000)


def write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return name


def read(folder: Path, name: str, **limits: int) -> list[Record | Rejection | Skipped]:
    return list(read_file(folder, name, limits=ReadLimits(**limits)))


def reason_of(folder: Path, name: str, limits: ReadLimits = SMALL) -> Reason:
    (outcome,) = read_file(folder, name, limits=limits)
    assert isinstance(outcome, Rejection)
    assert (outcome.path, outcome.member, outcome.stage) == (name, None, "read")
    assert outcome.message.endswith(".")
    assert outcome.message.isprintable()
    return outcome.reason


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, ENGLISH + CHINESE])
@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain"),
        ("政策/通知.TEXT", "text/plain"),
        ("a.md", "text/markdown"),
        ("a.markdown", "text/markdown"),
        ("a.html", "text/html"),
        ("a.htm", "text/html"),
        ("a.shtml", "text/html"),
        ("a.xhtml", "text/html"),
        ("a.html?id=7", "text/html"),
        (" padded.txt ", "text/plain"),
        ("no suffix", "text/plain"),
        ("第1.5节", "text/plain"),
    ],
)
def test_a_file_is_one_record_with_its_bytes_untouched(tmp_path: Path, text: str, name: str, media_type: str) -> None:
    for content in (text.encode("utf-8"), text.encode("gb18030"), text.encode("utf-16")):
        write(tmp_path, name, content)
        assert read(tmp_path, name) == [Record(name, None, content, media_type)]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.gz"])
def test_gzip_is_unpacked_on_the_way_all_members_of_it(tmp_path: Path, name: str) -> None:
    packed = gzip.compress(ENGLISH.encode()) + gzip.compress(CHINESE.encode()) + bytes(512)
    write(tmp_path, name, packed)
    assert read(tmp_path, name) == [Record(name, None, (ENGLISH + CHINESE).encode(), "text/plain")]


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("page.txt", PAGE.encode(), "text/html"),
        ("page.php", PAGE.encode(), "text/html"),
        ("page.cn", b"\xef\xbb\xbf\n<!-- saved -->\n<HTML><p>x</p>", "text/html"),
        ("page.txt", PAGE.encode("utf-16"), "text/html"),
        ("page.txt", PAGE.encode("utf-16-le"), "text/html"),
        ("page.md", b"<?xml version='1.0'?>\n<html><p>x</p></html>", "text/html"),
        ("plain.txt.gz", CHINESE.encode(), "text/plain"),
        ("packed.html", gzip.compress(PAGE.encode(), mtime=0), "text/html"),
        ("packed.txt", gzip.compress(PAGE.encode(), mtime=0), "text/html"),
    ],
)
def test_magic_wins_over_the_suffix_and_the_record_says_so(
    tmp_path: Path, name: str, content: bytes, media_type: str
) -> None:
    write(tmp_path, name, content)
    (record,) = read(tmp_path, name)
    assert isinstance(record, Record)
    assert (record.media_type, record.flags) == (media_type, ("suffix_mismatch",))


def test_without_a_suffix_a_fragment_of_html_is_html_and_no_mismatch(tmp_path: Path) -> None:
    write(tmp_path, "page", "<div class=a><p>碳价</p></div>".encode())
    (record,) = read(tmp_path, "page")
    assert isinstance(record, Record)
    assert (record.media_type, record.flags) == ("text/html", ())


@pytest.mark.parametrize(
    "text",
    ["<h1>Title</h1> in Markdown", "a < b and b > c", "<html5> is what we call it", "WARC/1.0 is a format.", "%PDF is"],
)
def test_text_that_only_mentions_markup_stays_text(tmp_path: Path, text: str) -> None:
    write(tmp_path, "a.md", text.encode())
    (record,) = read(tmp_path, "a.md")
    assert isinstance(record, Record)
    assert (record.media_type, record.flags) == ("text/markdown", ())


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"\xff\xd8\xff\xe0", "JPEG image"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x7fELF", "ELF program"),
    ],
)
@pytest.mark.parametrize("suffix", [".bin", ".png", ".docx", ""])
def test_what_is_no_text_by_its_magic_is_skipped_under_no_document_s_name(
    tmp_path: Path, magic: bytes, name: str, suffix: str
) -> None:
    content = magic + os.urandom(200)
    for path, stored in (
        (f"a{suffix}", content),
        (f"a{suffix}.gz", gzip.compress(content, mtime=0)),
        (f"b{suffix}.gz", content),
    ):
        write(tmp_path, path, stored)
        if name == "zip archive" and not suffix:  # one without a name is to be opened; there is none in it
            assert reason_of(tmp_path, path) is Reason.BROKEN_CONTAINER
        else:
            assert read(tmp_path, path) == [skip(path, None, f"unsupported type: {name}")]


@pytest.mark.parametrize(
    "magic", [b"Rar!\x1a\x07\x01\0", b"7z\xbc\xaf\x27\x1c\0\4", b"MSCF\0\0\0\0", b"\x1f\x9d\x90", b"070701"]
)
@pytest.mark.parametrize("name", ["a.rar", "新闻.7z", "a", "a.rar.gz"])
def test_an_archive_that_nothing_opens_is_rejected_with_the_mend(tmp_path: Path, magic: bytes, name: str) -> None:
    content = magic + bytes(range(256)) * 3
    write(tmp_path, name, gzip.compress(content) if name.endswith(".gz") else content)
    assert reason_of(tmp_path, name) is Reason.UNSUPPORTED_TYPE


def test_text_that_begins_like_an_archive_is_text(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", f"070701 is a number. {ENGLISH}".encode())
    assert isinstance(read(tmp_path, "a.txt")[0], Record)


def test_a_zip_without_a_suffix_is_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "download", "w") as archive:
        archive.writestr("a.txt", CHINESE)
    assert read(tmp_path, "download") == [Record("download", "a.txt", CHINESE.encode(), "text/plain")]


@pytest.mark.parametrize("magic", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"%PDF-1.7", b"PK\x03\x04", b"\x7fELF"])
@pytest.mark.parametrize("suffix", [".html", ".txt", ".jsonl", ".json", ".warc"])
def test_what_says_text_and_is_none_by_its_magic_is_rejected(tmp_path: Path, magic: bytes, suffix: str) -> None:
    content = magic + os.urandom(200)
    for path, stored in (
        (f"a{suffix}", content),
        (f"a{suffix}.gz", gzip.compress(content, mtime=0)),
        (f"b{suffix}.gz", content),
    ):
        write(tmp_path, path, stored)
        assert reason_of(tmp_path, path) is Reason.BINARY_CONTENT


@pytest.mark.parametrize(("name", "what"), [("a.docx", ".docx"), ("a.xml", ".xml"), ("a.rar.gz", ".rar")])
def test_a_suffix_that_nothing_reads_is_skipped_with_the_suffix_named(tmp_path: Path, name: str, what: str) -> None:
    content = b"some, text"
    write(tmp_path, name, gzip.compress(content) if name.endswith(".gz") else content)
    assert read(tmp_path, name) == [skip(name, None, f"unsupported type: {what}")]


def test_binary_data_without_a_suffix_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "blob", bytes(range(32)) * 100)
    assert read(tmp_path, "blob") == [skip("blob", None, "unsupported type: no text")]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\t\n", b"\xff\xfe", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.txt.gz"])
def test_nothing_in_it_is_empty(tmp_path: Path, content: bytes, name: str) -> None:
    write(tmp_path, name, gzip.compress(content) if name.endswith(".gz") else content)
    assert reason_of(tmp_path, name) is Reason.EMPTY


@pytest.mark.parametrize("content", [bytes(3000), b"\x01\x02text\x00\x05" * 99, bytes(range(256)) * 40])
def test_binary_data_under_a_text_suffix_is_rejected(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "a.txt", content)
    assert reason_of(tmp_path, "a.txt") is Reason.BINARY_CONTENT


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [ENGLISH * 9, CHINESE * 9, "页一上丁 的。\n" * 40])
def test_wide_encodings_are_no_binary_data(tmp_path: Path, encoding: str, text: str) -> None:
    write(tmp_path, "a.txt", text.encode(encoding))
    (record,) = read(tmp_path, "a.txt")
    assert isinstance(record, Record)


def test_a_few_stray_controls_are_no_binary_data(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", (ENGLISH * 5 + "\0\x01\x02\x7f" + CHINESE * 5).encode())
    (record,) = read(tmp_path, "a.txt")
    assert isinstance(record, Record)


def test_a_file_over_the_limit_is_rejected_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RawFile, "read", lambda *_: pytest.fail("it was read"))
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.truncate(5 << 40)
    assert reason_of(tmp_path, "sparse.txt") is Reason.TOO_LARGE


def test_a_document_over_the_limit_is_too_large(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", b"word " * 50_000)
    assert reason_of(tmp_path, "a.txt") is Reason.TOO_LARGE
    write(tmp_path, "a.txt.gz", gzip.compress(os.urandom(400_000).hex().encode()))
    assert reason_of(tmp_path, "a.txt.gz") is Reason.TOO_LARGE


def test_gzip_that_expands_too_much_is_a_bomb(tmp_path: Path) -> None:
    write(tmp_path, "a.txt.gz", gzip.compress(b" " * 3_000_000))
    assert reason_of(tmp_path, "a.txt.gz") is Reason.DECOMPRESSION_BOMB
    limits = ReadLimits(max_expanded_bytes=100_000)
    write(tmp_path, "b.txt.gz", gzip.compress(os.urandom(100_000).hex().encode()))
    assert reason_of(tmp_path, "b.txt.gz", limits) is Reason.DECOMPRESSION_BOMB


def test_gzip_in_gzip_is_read_and_deeper_is_not(tmp_path: Path) -> None:
    twice = gzip.compress(gzip.compress(CHINESE.encode()))
    write(tmp_path, "a.txt.gz.gz", twice)
    assert read(tmp_path, "a.txt.gz.gz") == [Record("a.txt.gz.gz", None, CHINESE.encode(), "text/plain")]
    write(tmp_path, "a.txt.gz", gzip.compress(twice))
    assert reason_of(tmp_path, "a.txt.gz") is Reason.TOO_DEEP


def test_gzip_in_gzip_is_a_bomb_by_what_comes_out_in_the_end(tmp_path: Path) -> None:
    write(tmp_path, "a.txt.gz.gz", gzip.compress(gzip.compress(b" " * 90_000_000)))
    assert reason_of(tmp_path, "a.txt.gz.gz", ReadLimits()) is Reason.DECOMPRESSION_BOMB
    write(tmp_path, "b.txt.gz.gz", gzip.compress(gzip.compress(os.urandom(900_000).hex().encode())))
    small = ReadLimits(max_packed_bytes=500_000)
    assert reason_of(tmp_path, "b.txt.gz.gz", small) is Reason.TOO_LARGE


def test_gzip_that_was_cut_keeps_what_there_is_and_is_flagged(tmp_path: Path) -> None:
    text = os.urandom(50_000).hex().encode()
    write(tmp_path, "a.txt.gz", gzip.compress(text)[:-20_000])
    (record,) = read(tmp_path, "a.txt.gz")
    assert isinstance(record, Record)
    assert record.flags == ("truncated",)
    assert len(record.content) > 20_000
    assert text.startswith(record.content)


def test_gzip_with_something_else_behind_it_is_flagged(tmp_path: Path) -> None:
    write(tmp_path, "a.txt.gz", gzip.compress(CHINESE.encode()) + b"not gzip")
    (record,) = read(tmp_path, "a.txt.gz")
    assert isinstance(record, Record)
    assert (record.content.decode(), record.flags) == (CHINESE, ("trailing_garbage",))


def test_gzip_that_is_damaged_is_a_broken_container(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(os.urandom(5_000).hex().encode()))
    for place in (40, len(packed) // 2, len(packed) - 6):  # header, data, checksum
        damaged = bytearray(packed)
        damaged[place : place + 4] = b"\xff\x00\xff\x00"
        write(tmp_path, "a.txt.gz", bytes(damaged))
        assert reason_of(tmp_path, "a.txt.gz") is Reason.BROKEN_CONTAINER


def test_links_pipes_and_folders_are_not_read_and_nothing_hangs(tmp_path: Path) -> None:
    write(tmp_path, "outside.txt", b"secret")
    (tmp_path / "link.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "dangling.txt").symlink_to("nowhere")
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    for name in ("link.txt", "dangling.txt", "folder.txt", "pipe.txt"):
        assert reason_of(tmp_path, name) is Reason.NOT_A_REGULAR_FILE


def test_a_file_that_is_gone_has_changed(tmp_path: Path) -> None:
    assert reason_of(tmp_path, "gone.txt") is Reason.FILE_CHANGED


@pytest.mark.parametrize("change", ["grow", "cut", "touch"])
def test_a_file_that_changes_while_it_is_read_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(ENGLISH)
    plain = RawFile.read

    def meddle(self: RawFile, size: int = 100) -> bytes:
        data = plain(self, size)
        if change == "grow":
            with path.open("a") as file:
                file.write("more")
                file.truncate(200)
        elif change == "cut":
            os.truncate(path, 10)
        else:
            os.utime(path, ns=(1, 1))
        return data

    monkeypatch.setattr(RawFile, "read", meddle)
    assert reason_of(tmp_path, "a.txt") is Reason.FILE_CHANGED


def test_a_file_replaced_between_look_and_open_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text(ENGLISH)
    (tmp_path / "b.txt").write_text(CHINESE)
    status = RawFolder.status

    def replace_after(self: RawFolder, name: str) -> os.stat_result:
        seen = status(self, name)
        (tmp_path / "b.txt").replace(path)
        return seen

    monkeypatch.setattr(RawFolder, "status", replace_after)
    assert reason_of(tmp_path, "a.txt") is Reason.FILE_CHANGED


def test_what_the_system_refuses_is_unreadable_with_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.txt", b"text")

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(RawFile, "read", fail)
        (outcome,) = read_file(tmp_path, "a.txt")
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.UNREADABLE
    assert "Input/output error" in outcome.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", b"text")
    (tmp_path / "a.txt").chmod(0)
    assert reason_of(tmp_path, "a.txt") is Reason.UNREADABLE


def test_descriptors_are_closed_whether_or_not_the_reading_went_to_its_end(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", b'{"text": "x"}\n' * 9)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(9):
        reader = read_file(tmp_path, "a.jsonl")
        next(reader)
        reader.close()  # type: ignore[attr-defined]
        list(read_file(tmp_path, "a.jsonl"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(ANY_NAMES))
def test_any_bytes_come_to_something_and_nothing_is_raised(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for stored in (content, gzip.compress(content), b"WARC/1.0\r\n" + content, b"\x1f\x8b\x08" + content):
        write(folder, name, stored)
        outcomes = list(read_file(folder, name, limits=SMALL))
        members = [outcome.member for outcome in outcomes]
        assert len(members) == len(set(members))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=40).filter(lambda b: b"/" not in b and b"\0" not in b))
def test_any_file_name_has_a_clean_path_that_can_be_turned_back(name: bytes) -> None:
    native = os.fsdecode(name)
    path = portable_path(native)
    path.encode("utf-8")
    assert native_path(path) == native


def test_a_file_name_in_gbk_is_read(tmp_path: Path) -> None:
    native = os.fsdecode("政策.txt".encode("gbk"))
    (tmp_path / native).write_text(CHINESE)
    (record,) = read(tmp_path, portable_path(native))
    assert isinstance(record, Record)
    assert record.path.startswith("\\xd5\\xfe")
    assert record.path.isprintable()


def test_the_table_has_every_format_and_no_suffix_twice() -> None:
    suffixes = [suffix for known in READERS.values() for suffix in known.suffixes]
    assert len(suffixes) == len(set(suffixes))
    for name, known in READERS.items():
        for suffix in known.suffixes:
            head = bytes(99) if known.unpack else b"<p>" if name == "program" else b"text"
            assert detect_format(f"a{suffix}", head) == name


@pytest.mark.parametrize(
    "bait", [b"<!--" * 25_000, b"<?xml " * 20_000, b" " * 100_000, b"<" * 100_000, b"\n\0" * 50_000]
)
def test_looking_at_a_head_is_linear(bait: bytes) -> None:
    assert detect_format("a", bait) in {"plain", "html", None}
