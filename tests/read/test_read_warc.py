"""WARC and WET: a record a page, and what is damaged costs itself alone and is said."""

from __future__ import annotations

import gzip
import os
import random
import re
import zlib
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import ReadLimits, read_file
from pipeline.read.limits import skip
from pipeline.types import Record

PAGE = "<html><body><p>Emissions fell. 排放量下降。</p></body></html>"
HTML = "text/html; charset=UTF-8"
CODED = {"Content_Type": HTML, "Content_Encoding": "gzip"}
LENGTH = rb"Content-Length: \d+"


class Writer(WARCWriter):  # type: ignore[misc]
    """warcio's, without the temporary files that it leaves open."""

    @staticmethod
    def _create_temp_file() -> BytesIO:
        return BytesIO()


def response(
    body: bytes = PAGE.encode(), *, status: str = "200 OK", url: str = "https://example.org/碳", **headers: str
) -> bytes:
    """One response record, not compressed."""
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    head = StatusAndHeaders(status, fields, protocol="HTTP/1.1")
    return record("response", url, body, head)


def record(kind: str, url: str | None, body: bytes, head: StatusAndHeaders | None = None, **headers: str) -> bytes:
    out = BytesIO()
    writer = Writer(out, gzip=False)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    made = writer.create_warc_record(
        url,
        kind,
        payload=BytesIO(body),
        http_headers=head,
        warc_headers_dict=fields,
        warc_content_type=fields.pop("Content-Type", ""),
    )
    writer.write_record(made)
    return out.getvalue()


def read(folder: Path, content: bytes, name: str = "a.warc", **limits: int) -> list[Record | Rejection | Skipped]:
    (folder / name).write_bytes(content)
    return list(read_file(folder, name, limits=ReadLimits(**limits)))


def one(folder: Path, content: bytes, **limits: int) -> Record:
    (outcome,) = read(folder, content, **limits)
    assert isinstance(outcome, Record), outcome
    return outcome


def shape(outcomes: list[Record | Rejection | Skipped]) -> list[tuple[str | None, str | None]]:
    return [
        (o.member, None if isinstance(o, Record) else o.message if isinstance(o, Skipped) else o.reason)
        for o in outcomes
    ]


def broken(pattern: bytes, instead: bytes) -> bytes:
    """A response with something else in the place of what matches."""
    return re.sub(pattern, instead, response(Content_Type=HTML))


def numbered(n: int) -> list[bytes]:
    """n records of one page each, with text that does not compress and its number in it."""
    return [response(f"<p>page {k} {os.urandom(300).hex()}".encode(), Content_Type=HTML) for k in range(1, n + 1)]


def pages(outcomes: list[Record | Rejection | Skipped]) -> list[int]:
    """The numbers that are still in the pages."""
    found = [re.match(rb"<p>page (\d) ", o.content) for o in outcomes if isinstance(o, Record)]
    return [int(match[1]) for match in found if match]


def test_a_response_is_a_record_with_its_url_and_charset(tmp_path: Path) -> None:
    page = PAGE.encode("gb18030")
    expected = Record("a.warc", "1", page, "text/html", "https://example.org/碳", "gb2312")
    assert one(tmp_path, response(page, Content_Type='text/html; Charset="GB2312"')) == expected


@pytest.mark.parametrize("packed", ["plain", "a member a record", "one member"])
def test_compressed_or_not_members_count_every_record(tmp_path: Path, packed: str) -> None:
    records = [
        record("warcinfo", None, b"software: x", Content_Type="application/warc-fields"),
        response(Content_Type=HTML),
        record("request", "https://example.org/", b"", StatusAndHeaders("GET / HTTP/1.1", [], is_http_request=True)),
        response(Content_Type=HTML),
        record("metadata", "https://example.org/", b"a: b", Content_Type="application/warc-fields"),
        record("resource", "file:///a.txt", "碳价".encode(), Content_Type="text/plain"),
        record("conversion", "https://example.org/", "碳 price".encode(), Content_Type="text/plain"),
    ]
    if packed == "a member a record":
        outcomes = read(tmp_path, b"".join(map(gzip.compress, records)), "a.warc.gz")
    elif packed == "one member":
        outcomes = read(tmp_path, gzip.compress(b"".join(records)), "a.warc.gz")
    else:
        outcomes = read(tmp_path, b"".join(records))
    assert shape(outcomes) == [("2", None), ("4", None), ("6", None), ("7", None)]
    assert [o.media_type for o in outcomes if isinstance(o, Record)] == ["text/html"] * 2 + ["text/plain"] * 2


def test_a_file_without_documents_is_empty(tmp_path: Path) -> None:
    assert shape(read(tmp_path, record("warcinfo", None, b"software: x"))) == [(None, Reason.EMPTY)]


@pytest.mark.parametrize("status", ["301 Moved", "404 Not Found", "500", "304 Not Modified"])
def test_other_statuses_are_skipped(tmp_path: Path, status: str) -> None:
    outcomes = read(tmp_path, response(status=status, Content_Type=HTML))
    assert outcomes == [skip("a.warc", "1", f"HTTP status {status[:3]}")]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/xhtml+xml", PAGE.encode(), "text/html"),
        ("TEXT/PLAIN", b"<b>not bold</b>", "text/plain"),
        ("", PAGE.encode(), "text/html"),
        ("application/octet-stream", "碳价".encode(), "text/plain"),
    ],
)
def test_the_media_type_is_what_the_server_says_or_else_what_it_looks_like(
    tmp_path: Path, content_type: str, body: bytes, expected: str
) -> None:
    assert one(tmp_path, response(body, Content_Type=content_type)).media_type == expected


@pytest.mark.parametrize(
    ("content_type", "body", "what"),
    [
        ("image/png", b"x", "image/png"),
        ("application/json", b"{}", "application/json"),
        ("text/html", b"\x89PNG\r\n\x1a\n", "PNG image"),
        ("", bytes(range(32)) * 9, "no text"),
    ],
)
def test_other_media_types_are_skipped(tmp_path: Path, content_type: str, body: bytes, what: str) -> None:
    outcomes = read(tmp_path, response(body, Content_Type=content_type))
    assert outcomes == [skip("a.warc", "1", f"unsupported type: {what}")]


def chunked(body: bytes) -> bytes:
    parts = [body[at : at + 50] for at in range(0, len(body), 50)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", bare_deflate),
        ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("gzip", lambda body: gzip.compress(body[:99]) + gzip.compress(body[99:])),
        ("identity", bytes),
        ("gzip", bytes),  # decoded by the crawler, header left
        ("br", bytes),
    ],
)
@pytest.mark.parametrize("in_chunks", [True, False])
def test_transfer_and_content_codings_are_undone(tmp_path: Path, coding: str, code: object, in_chunks: bool) -> None:
    page = (PAGE * 9).encode()
    body = code(page)  # type: ignore[operator]
    headers = {"Content_Type": HTML, "Content_Encoding": coding}
    if in_chunks:
        body, headers["Transfer_Encoding"] = chunked(body), "Chunked"
    made = one(tmp_path, response(body, **headers))
    assert (made.content, made.flags) == (page, ())


def test_chunked_by_the_header_only_is_left_as_it_is(tmp_path: Path) -> None:
    assert one(tmp_path, response(Content_Type=HTML, Transfer_Encoding="chunked")).content == PAGE.encode()


def test_a_coding_that_is_not_read_is_rejected(tmp_path: Path) -> None:
    outcomes = read(tmp_path, response(bytes(range(256)) * 9, Content_Type=HTML, Content_Encoding="compress"))
    assert shape(outcomes) == [("1", Reason.UNSUPPORTED_TYPE)]


def test_a_body_cut_by_the_crawler_is_kept_and_flagged(tmp_path: Path) -> None:
    body = gzip.compress(f"<p>{os.urandom(2000).hex()}".encode())[:-900]
    assert one(tmp_path, response(body, Content_Type=HTML, Content_Encoding="gzip")).flags == ("truncated",)
    said = record("resource", "https://example.org/", b"cut off he", Content_Type="text/plain", WARC_Truncated="length")
    assert one(tmp_path, said).flags == ("truncated",)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (response(b"", Content_Type=HTML), Reason.EMPTY),
        (response(bytes(500), Content_Type=HTML), Reason.BINARY_CONTENT),
        (response(b"x" * 400_000, Content_Type=HTML), Reason.TOO_LARGE),
        (response(gzip.compress(os.urandom(300_000).hex().encode()), **CODED), Reason.TOO_LARGE),
        (response(gzip.compress(b" " * 3_000_000), **CODED), Reason.DECOMPRESSION_BOMB),
        (response(gzip.compress(PAGE.encode())[:-4] + bytes(4), **CODED), Reason.BROKEN_CONTAINER),
        (broken(b"HTTP/1.1 200", b"no header at"), Reason.BROKEN_CONTAINER),
        (broken(b"HTTP/1.1 200", b"HTTP/1.1 two"), Reason.BROKEN_CONTAINER),
        (broken(LENGTH, b"Content-Length: -5"), Reason.BROKEN_CONTAINER),
        (broken(LENGTH, b"X-Length: 5"), Reason.BROKEN_CONTAINER),
        (broken(LENGTH, b"Content-Length: 900"), Reason.BROKEN_CONTAINER),
        (broken(LENGTH, b"Content-Length: 99999999999"), Reason.BROKEN_CONTAINER),
        (broken(LENGTH, b"Content-Length: 80"), Reason.BROKEN_CONTAINER),
        (broken(b"WARC-Type: ", b"X-Type: "), Reason.BROKEN_CONTAINER),
        (broken(b"WARC/1.0", b"WRAC/1.0"), Reason.BROKEN_CONTAINER),
        (b"not a record at all\r\n\r\n", Reason.BROKEN_CONTAINER),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_bad_record_costs_itself_alone(tmp_path: Path, bad: bytes, reason: Reason, packed: bool) -> None:
    good = response(Content_Type=HTML)
    parts = [good, bad, good, good]
    content = b"".join(map(gzip.compress, parts)) if packed else b"".join(parts)
    name = "a.warc.gz" if packed else "a.warc"
    outcomes = read(tmp_path, content, name, max_record_bytes=300_000, ratio_after_bytes=100_000)
    assert shape(outcomes) == [("1", None), ("2", reason), ("3", None), ("4", None)]
    assert isinstance(outcomes[1], Rejection)
    assert outcomes[1].message.isprintable()
    assert "ecord 2" in outcomes[1].message


def test_a_record_that_is_large_and_no_document_is_skipped(tmp_path: Path) -> None:
    parts = [response(os.urandom(400_000), Content_Type="video/mp4"), response(Content_Type=HTML)]
    outcomes = read(tmp_path, b"".join(parts), max_record_bytes=300_000)
    assert shape(outcomes) == [("1", "unsupported type: video/mp4"), ("2", None)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_keeps_the_whole_records_and_reports_the_cut_one(tmp_path: Path, packed: bool, share: float) -> None:
    first, last = (gzip.compress(one) if packed else one for one in numbered(2))
    content = first + last[: int(len(last) * share)]
    outcomes = read(tmp_path, content, "a.warc.gz" if packed else "a.warc")
    assert shape(outcomes) == [("1", None), ("2", Reason.BROKEN_CONTAINER)]


@pytest.mark.parametrize("bad", [{3}, {1}, {6}, {2, 3}, {1, 4, 6}])
@pytest.mark.parametrize("where", ["front", "middle", "checksum"])
def test_damaged_gzip_members_cost_themselves_alone(tmp_path: Path, bad: set[int], where: str) -> None:
    members = []
    for number, made in enumerate(numbered(6), 1):
        packed = bytearray(gzip.compress(made))
        if number in bad:
            at = {"front": 14, "middle": len(packed) // 2, "checksum": len(packed) - 8}[where]
            packed[at : at + 4] = bytes(b ^ 0x5A for b in packed[at : at + 4])
        members.append(bytes(packed))
    outcomes = read(tmp_path, b"".join(members), "a.warc.gz")
    assert pages(outcomes) == [n for n in range(1, 7) if n not in bad]
    losses = [o for o in outcomes if isinstance(o, Rejection)]
    assert 1 <= len(losses) <= len(bad)
    assert {o.reason for o in losses} == {Reason.BROKEN_CONTAINER}


def test_damage_in_a_file_of_one_member_keeps_what_came_before(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"".join(numbered(600))))
    packed[len(packed) // 2] ^= 0xFF
    outcomes = read(tmp_path, bytes(packed), "a.warc.gz")
    assert len(outcomes) > 100
    assert pages(outcomes)[:9] == list(range(1, 10))
    assert isinstance(outcomes[-1], Rejection)


def test_the_gzip_magic_inside_a_damaged_member_is_no_record(tmp_path: Path) -> None:
    first, middle, last = numbered(3)
    damaged = bytearray(gzip.compress(middle))
    damaged[20:44] = b"\x1f\x8b\x08\x00" * 6
    outcomes = read(tmp_path, gzip.compress(first) + bytes(damaged) + gzip.compress(last), "a.warc.gz")
    assert shape(outcomes) == [("1", None), ("2", Reason.BROKEN_CONTAINER), ("3", None)]


def test_a_page_about_warc_is_one_page(tmp_path: Path) -> None:
    body = b"<pre>\r\n\r\nWARC/1.0\r\nWARC-Type: response\r\n\r\n</pre>"
    assert one(tmp_path, response(body, Content_Type=HTML)).content == body


def test_a_response_without_a_url_or_of_another_scheme_is_no_crash(tmp_path: Path) -> None:
    dns = record("response", "dns:example.org", b"example.org A 1", Content_Type="text/dns")
    nameless = response(Content_Type=HTML).replace(b"WARC-Target-URI", b"X-URI")
    assert [member for member, _ in shape(read(tmp_path, dns + nameless))] == ["1", "2"]


def test_damages_are_bounded(tmp_path: Path) -> None:
    bad = response(Content_Type=HTML).replace(b"Content-Length: ", b"Content-Length: -")
    outcomes = read(tmp_path, bad * 50, max_damages=10)
    assert len(outcomes) == 12
    assert len({o.member for o in outcomes}) == 12


def test_nothing_is_written_to_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    body = gzip.compress(os.urandom(9000).hex().encode())
    read(tmp_path, response(body[:200] + b"\0" + body[200:], Content_Type=HTML, Content_Encoding="gzip") + b"rest")
    assert capfd.readouterr() == ("", "")


WARC = b"".join(numbered(4))
PACKED = b"".join(gzip.compress(one) for one in numbered(4))


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.integers(0, 1 << 30), st.integers(1, 40), st.sampled_from(["flip", "cut", "insert"]))
def test_no_damage_raises_or_costs_a_record_that_it_does_not_touch(
    tmp_path_factory: pytest.TempPathFactory, packed: bool, seed: int, size: int, how: str
) -> None:
    rng = random.Random(seed)
    content = PACKED if packed else WARC
    starts = [0, *(at for at in range(1, len(content)) if content.startswith((b"\x1f\x8b\x08", b"WARC/1.0\r\n"), at))]
    at = rng.randrange(len(content))
    noise = rng.randbytes(size)
    damaged = content[:at] + (b"" if how == "cut" else noise) + content[at + (0 if how == "insert" else size) :]
    outcomes = read(tmp_path_factory.mktemp("w"), damaged, "a.warc.gz" if packed else "a.warc")
    touched = {sum(s <= place for s in starts) for place in range(at - 1, at + size + 1)}
    assert {1, 2, 3, 4} - touched <= set(pages(outcomes))
    assert len({o.member for o in outcomes}) == len(outcomes)


def test_br_and_zstd_are_undone_and_text_under_their_name_is_left(tmp_path: Path) -> None:
    page = PAGE * 50
    coded = {"br": pa.Codec("brotli").compress(page.encode(), asbytes=True), "zstd": zstandard.compress(page.encode())}
    for coding, body in coded.items():
        for content in (body, page.encode(), page.encode("gb18030")):
            record = one(tmp_path, response(content, Content_Type=HTML, Content_Encoding=coding))
            assert record.content == (content if content is not body else page.encode())
        (cut,) = read(tmp_path, response(body[: len(body) // 2], Content_Type=HTML, Content_Encoding=coding))
        assert getattr(cut, "reason", None) is Reason.BROKEN_CONTAINER or getattr(cut, "flags", ()) == ("truncated",)


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_body_that_expands_too_much_is_a_bomb(tmp_path: Path, coding: str) -> None:
    body = bytes(b" " * 5_000_000)
    packed = pa.Codec("brotli").compress(body, asbytes=True) if coding == "br" else zstandard.compress(body)
    assert shape(read(tmp_path, response(packed, Content_Type=HTML, Content_Encoding=coding))) == [
        ("1", Reason.DECOMPRESSION_BOMB)
    ]


@pytest.mark.parametrize(
    ("kind", "url", "reason"),
    [
        ("resource", "metadata://gnu.org/software/wget/warc/wget.log", "log of the crawler"),
        ("resource", "urn:pageinfo:https://example.org/", "list of a page's requests"),
        ("response", "dns:example.org", "answer of a name server"),
        ("resource", "dns:example.org", "answer of a name server"),
        ("response", "ftp://example.org/a.txt", "response of ftp"),
    ],
)
def test_records_about_no_page_are_skipped_with_what_they_are(tmp_path: Path, kind: str, url: str, reason: str) -> None:
    content = record(kind, url, b"20240305 example.org. IN A 203.0.113.5\n", Content_Type="text/plain")
    assert read(tmp_path, content) == [skip("a.warc", "1", f"no document: {reason}")]


@pytest.mark.parametrize(
    ("url", "body", "what"),
    [
        ("https://example.org/robots.txt", "User-agent: *\nDisallow: /\n", "robots.txt"),
        ("https://example.org/app.js?v=2", "anything", "script"),
        ("https://example.org/load.php", "(function(){var a=1;window.x=function(){return a}})();", "script"),
        ("https://example.org/site.css", "p{}", "style sheet"),
        ("https://example.org/sitemap", "<?xml version='1.0'?><urlset><url/></urlset>", "sitemap"),
    ],
)
@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
def test_what_a_site_serves_beside_its_pages_is_skipped(
    tmp_path: Path, url: str, body: str, what: str, content_type: str
) -> None:
    content = response(body.encode(), url=url, Content_Type=content_type)
    assert read(tmp_path, content) == [skip("a.warc", "1", f"no document: {what}")]


@pytest.mark.parametrize("text", ["The weir is low.", "堰水很低。"])
def test_texts_of_resource_and_conversion_records_are_documents(tmp_path: Path, text: str) -> None:
    for kind, url in (
        ("conversion", "https://example.org/1"),
        ("resource", "file:///a.txt"),
        ("resource", "urn:text:https://example.org/1"),
    ):
        found = one(tmp_path, record(kind, url, text.encode(), Content_Type="text/plain"))
        assert (found.content.decode(), found.url) == (text, url.removeprefix("urn:text:"))


@pytest.mark.parametrize("is_packed", [True, False])
def test_a_file_with_a_dictionary_of_its_own_is_read(tmp_path: Path, is_packed: bool) -> None:
    records = [
        response(f"<html><body><p>Notice {n}. 第{n}号通知。</p>".encode() * 9, Content_Type=HTML) for n in range(40)
    ]
    dictionary = zstandard.train_dictionary(8_000, records * 5)
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    held = zstandard.compress(dictionary.as_bytes()) if is_packed else dictionary.as_bytes()
    head = b"\x5d\x2a\x4d\x18" + len(held).to_bytes(4, "little") + held
    content = head + b"".join(map(packer.compress, records))
    for name in ("a.warc.zst", "a"):
        found = read(tmp_path, content, name)
        assert [f"Notice {n}." in r.content.decode() for n, r in enumerate(found) if isinstance(r, Record)] == [
            True
        ] * 40
    cut = read(tmp_path, content[: len(content) * 3 // 4], "a.warc.zst")
    assert all(isinstance(r, Record) for r in cut[:-1])
    assert isinstance(cut[-1], Rejection)
    assert read(tmp_path, content + b"\x50\x2a\x4d\x18\x03\0\0\0abc", "a.warc.zst") == read(
        tmp_path, content, "a.warc.zst"
    )
    for damaged in (head[:10], head[:4] + b"\xff" * 4, head[:8] + b"x" * len(held) + content[len(head) :]):
        assert all(isinstance(r, (Rejection, Skipped)) for r in read(tmp_path, damaged, "a.warc.zst"))


def test_a_frame_that_is_passed_over_may_come_first(tmp_path: Path) -> None:
    content = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc" + zstandard.compress(response(Content_Type=HTML))
    (found,) = read(tmp_path, content, "a.warc.zst")
    assert isinstance(found, Record)
