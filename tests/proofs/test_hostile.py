"""Hostile files through a whole run: each comes to what it should, and costs no other file anything."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import stat
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.local import local_runner
from pipeline.read.scan import portable_path
from pipeline.report import write_report
from pipeline.run import RunReport, run
from pipeline.settings import Settings
from pipeline.store.check import check_snapshot

SECRET = "WORDOFTHESECRETFILE"

ENGLISH = (
    "In the year {n} the harbour council of Eastmere agreed on a plan to cut emissions from its {n} ferries, and the "
    "engineers said that work on the first of them would begin before winter. Observers welcomed the step, asked for "
    "figures that anybody can look up, and promised to come back when the berths are rebuilt."
)
CHINESE = (
    "第{n}次会议讨论了全国碳排放权交易市场的建设进展，与会代表认为，应当进一步完善制度体系，提高数据质量。"
    "会议要求各地区在{n}日之内提交自查报告，并公布企业名单，接受社会监督，有关情况将及时向公众说明。"
)


def mark(n: int) -> str:
    """A sentence that no other file has."""
    return f"The keeper of light number {n} counted {n * 7919} white herons on the pier before the sun rose again."


def article(n: int) -> str:
    """Four paragraphs with a mark in the middle, unlike any other number's."""
    return "\n\n".join(
        [ENGLISH.format(n=n * 31 + 7), CHINESE.format(n=n * 17 + 3), mark(n), ENGLISH.format(n=n * 13 + 1)]
    )


def page(n: int, *, head: str = "", before: str = "", after: str = "") -> bytes:
    body = "".join(f"<p>{line}</p>" for line in article(n).split("\n\n"))
    return f"<html><head>{head}</head><body>{before}<article>{body}</article>{after}</body></html>".encode()


def lines(*values: object) -> bytes:
    return b"\n".join(value if isinstance(value, bytes) else json.dumps(value).encode() for value in values)


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return held.getvalue()


def encrypted(n: int) -> bytes:
    content = bytearray(zipped(("locked.txt", article(0).encode()), ("open.txt", article(n).encode())))
    content[content.index(b"PK\1\2") + 8] |= 1
    return bytes(content)


def link_entry() -> zipfile.ZipInfo:
    made = zipfile.ZipInfo("link.txt")
    made.create_system, made.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return made


def tar_with_traps(n: int) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for name, kind in (("../up.txt", tarfile.REGTYPE), ("out", tarfile.SYMTYPE), ("pipe", tarfile.FIFOTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "../../secret.txt"
            archive.addfile(entry)
        good = tarfile.TarInfo("good.txt")
        good.size = len(article(n).encode())
        archive.addfile(good, io.BytesIO(article(n).encode()))
    return held.getvalue()


def nested_zips(depth: int) -> bytes:
    content = zipped(("a.txt", article(0).encode()))
    for level in range(depth):
        content = zipped((f"{level}.zip", content))
    return content


def warc(*bodies: bytes) -> bytes:
    records = []
    for number, body in enumerate(bodies):
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
        head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/{number}\r\n"
        head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
        records.append(gzip.compress(head.encode() + block + b"\r\n\r\n"))
    return b"".join(records)


@dataclass(frozen=True)
class Case:
    """A raw file, what must come of it, and which marks of its must be in the documents."""

    name: str | bytes
    content: bytes
    outcome: str  # as inputs.outcome, with ":reason" where it is told
    marks: tuple[int, ...] = ()
    lacks: tuple[str, ...] = field(default=())


_BOMB = b" " * 60_000_000
_LAUGHS = "<!DOCTYPE html [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {after} '{f'&{before};' * 10}'>" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)

CASES = (
    # what is compressed
    Case("bomb.txt.gz", gzip.compress(_BOMB), "quarantined:decompression_bomb"),
    Case("bomb.txt.gz.gz", gzip.compress(gzip.compress(_BOMB)), "quarantined:decompression_bomb"),
    Case("bomb.txt.xz", lzma.compress(_BOMB, preset=0), "quarantined:decompression_bomb"),
    Case(
        "cut.txt.gz", gzip.compress(article(1).encode() + os.urandom(20_000).hex().encode())[:-900], "documents", (1,)
    ),
    Case("bad-crc.txt.gz", gzip.compress(article(0).encode())[:-8] + bytes(8), "quarantined:broken_container"),
    # archives
    Case("bomb.zip", zipped(("bomb.txt", _BOMB), ("a.txt", article(2).encode())), "mixed:decompression_bomb", (2,)),
    Case("locked.zip", encrypted(3), "mixed:encrypted", (3,)),
    Case(
        "link.zip", zipped((link_entry(), b"../secret.txt"), ("a.txt", article(4).encode())), "mixed", (4,), (SECRET,)
    ),
    Case("up.zip", zipped(("../../up.txt", b"pwn"), ("a.txt", article(5).encode())), "mixed:unsafe_name", (5,)),
    Case("twice.zip", zipped(("a.zip", zipped(("a.txt", article(6).encode())))), "documents", (6,)),
    Case("deep.zip", nested_zips(9), "quarantined:too_deep"),
    Case("cut.zip", zipped(("a.txt", article(42).encode()))[:-40], "mixed:broken_container", (42,)),
    Case("junk.zip", zipped(("__MACOSX/._a", b"x"), ("a:1.txt", article(7).encode())), "mixed", (7,)),
    Case("lines.zip", zipped(("a.jsonl", lines({"text": article(8)}, {"text": article(9)}))), "documents", (8, 9)),
    Case("traps.tar.gz", tar_with_traps(10), "mixed", (10,), (SECRET,)),
    Case("cut.warc.gz", warc(page(11), page(0))[:-60], "mixed:broken_container", (11,)),
    # what says that it is text
    Case("nul.txt", bytes(300_000), "quarantined:binary_content"),
    Case("png.html", b"\x89PNG\r\n\x1a\n" + bytes(900), "quarantined:binary_content"),
    Case("docx.txt", zipped(("word/document.xml", b"<x/>")), "quarantined:binary_content"),
    Case("nothing.txt", b"", "quarantined:empty"),
    Case("bom.txt", b"\xef\xbb\xbf", "quarantined:empty"),
    Case("marks.txt", (article(12) + "\n\nh" + "\u0301\u0316" * 60_000).encode(), "documents", (12,)),
    Case("bidi.txt", (article(13) + "\u202e\u2066\x1b[2J\x07").encode(), "documents", (13,), ("\u202e", "\x1b")),
    Case("surrogate.txt", article(14).encode() + b"\n\ntail \xed\xa0\x80 here", "documents", (14,)),
    Case("digits.txt", (article(15) + "\n\n" + "1" * 200_000 + "x").encode(), "documents", (15,)),
    Case(
        "dates.txt",
        (article(16) + "\n\n" + "2024-01-" * 20_000 + "\n\n" + "2024年1" * 20_000).encode(),
        "documents",
        (16,),
    ),
    Case(
        "menu.txt",
        (article(17) + "\n\n" + "Home | " * 20_000 + "\n\n" + "首页 > " * 20_000).encode(),
        "documents",
        (17,),
    ),
    Case("blank.txt", (article(18) + "\n" * 400_000 + article(19)).encode(), "documents", (18, 19)),
    # pages
    Case("divs.html", page(20, before="<div>" * 1000, after="</div>" * 1000), "documents", (20,)),
    Case("tables.html", page(21, before="<table><tr><td>" * 2000), "documents", (21,)),
    Case(
        "attributes.html", page(22, before="<p " + " ".join(f"a{n}=1" for n in range(60_000)) + ">"), "documents", (22,)
    ),
    Case("comments.html", page(23, after="<!--" * 50_000), "documents", (23,)),
    Case("script.html", b"<html><body><script>" + b"var a=1;" * 9000 + b"</script></body></html>", "quarantined"),
    Case("frames.html", b"<html><frameset><frame src=a><frame src=b></frameset></html>", "quarantined"),
    Case("laughs.xhtml", (_LAUGHS + "]>").encode() + page(24, after="<p>&i;</p>"), "documents", (24,), ("hahaha",)),
    Case(
        "xxe.xhtml",
        b'<!DOCTYPE html [<!ENTITY x SYSTEM "../secret.txt">]>' + page(25, after="&x;"),
        "documents",
        (25,),
        (SECRET,),
    ),
    Case("hidden.html", page(26, after="<p style='display:none'>UNSEENWORD</p>"), "documents", (26,), ("UNSEENWORD",)),
    Case("xss.html", page(27, head="<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>"), "documents", (27,)),
    Case(
        "json-ld.html",
        page(28, head="<script type='application/ld+json'>" + "[" * 90_000 + "</script>"),
        "documents",
        (28,),
    ),
    # JSON Lines
    Case("deep.jsonl", lines({"text": article(29)}, b"[" * 200_000, {"text": article(30)}), "mixed:too_deep", (29, 30)),
    Case(
        "forged.jsonl",
        lines({"text": article(31), "doc_id": "x", "path": "/etc/passwd", "lang": "xx"}),
        "documents",
        (31,),
    ),
    Case(
        "numbers.jsonl",
        lines(b'{"text": "' + mark(32).encode() * 5 + b'", "n": ' + b"9" * 5000 + b', "x": NaN}'),
        "documents",
        (32,),
    ),
    Case(
        "poison.jsonl",
        lines(b'{"text": "' + mark(33).encode() * 5 + b'", "url": "http://a\\ud800b\\u0000", "title": "\\udfff"}'),
        "documents",
        (33,),
    ),
    # names
    Case("new\nline.txt", article(34).encode(), "documents", (34,)),
    Case("\x1b[2J\x1b]0;x\x07.txt", article(35).encode(), "documents", (35,)),
    Case("<img src=x onerror=alert(1)>.txt", article(36).encode(), "documents", (36,)),
    Case("{0.__class__}%s{{7*7}}.txt", article(37).encode(), "documents", (37,)),
    Case("-rf --help.txt", article(38).encode(), "documents", (38,)),
    Case("n" * 251 + ".txt", article(39).encode(), "documents", (39,)),
    Case("政策".encode("gbk") + b".txt", article(40).encode(), "documents", (40,)),
    Case("..%2f..%2fetc.txt", article(41).encode(), "documents", (41,)),
)

#: Made by hand below: path -> outcome.
SPECIAL = {
    "link.txt": "skipped",
    "dangling.txt": "skipped",
    "pipe.txt": "quarantined:not_a_regular_file",
    "sparse.txt": "quarantined:too_large",
}


@dataclass(frozen=True)
class Ran:
    """A run over all cases."""

    report: RunReport
    folder: Path

    def rows(self, dataset: str) -> list[dict]:
        return self.report.snapshot.table(dataset).to_pylist()


def path_of(case: Case) -> str:
    return portable_path(os.fsdecode(case.name))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("hostile")
    raw = folder / "raw"
    raw.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    for case in CASES:
        (raw / os.fsdecode(case.name)).write_bytes(case.content)
    (raw / "link.txt").symlink_to("../secret.txt")
    (raw / "dangling.txt").symlink_to("/nonexistent/x")
    os.mkfifo(raw / "pipe.txt")
    with (raw / "sparse.txt").open("wb") as file:
        file.truncate(10 << 30)
    with local_runner(2) as (runner, on_stage):
        report = run(raw, folder / "out", settings=Settings(workers=2), runner=runner, on_stage=on_stage)
    write_report(report, report.snapshot.path)
    return Ran(report, folder)


@pytest.fixture(scope="module")
def inputs(ran: Ran) -> dict[str, dict]:
    return {row["path"]: row for row in ran.rows("inputs")}


@pytest.fixture(scope="module")
def reasons(ran: Ran) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in ran.rows("quarantine"):
        found.setdefault(row["path"], set()).add(row["reason"])
    return found


@pytest.mark.parametrize(
    ("path", "expected"),
    [*((path_of(case), case.outcome) for case in CASES), *SPECIAL.items()],
    ids=lambda value: ascii(value)[:40],
)
def test_each_file_comes_to_what_it_should(
    inputs: dict[str, dict], reasons: dict[str, set[str]], path: str, expected: str
) -> None:
    outcome, _, reason = expected.partition(":")
    assert inputs[path]["outcome"] == outcome, reasons.get(path)
    if reason:
        assert reasons[path] == {reason}


def test_no_good_document_is_lost_or_doubled(ran: Ran) -> None:
    texts = [(row["path"], row["text"]) for row in ran.rows("documents")]
    for case in CASES:
        for n in case.marks:
            assert [path for path, text in texts if mark(n) in text] == [path_of(case)]


def test_what_must_not_get_into_a_text_does_not(ran: Ran) -> None:
    texts = {row["path"]: "" for row in ran.rows("documents")}
    for row in ran.rows("documents"):
        texts[row["path"]] += row["text"]
    for case in CASES:
        assert not [word for word in case.lacks if word in texts.get(path_of(case), "")]
    assert not [path for path, text in texts.items() if SECRET in text or "\0" in text]


def test_the_run_adds_up_and_names_every_file(ran: Ran, inputs: dict[str, dict]) -> None:
    assert set(inputs) == {path_of(case) for case in CASES} | set(SPECIAL)
    assert check_snapshot(ran.report.snapshot) > 5
    counts = ran.report.counts
    assert counts["records"] == sum(counts[name] for name in ("documents", "duplicates", "quarantined", "skipped"))


def test_nothing_is_killed_nothing_is_written_elsewhere_and_the_cost_is_bounded(ran: Ran) -> None:
    fatal = {"timeout", "out_of_memory", "parser_crash"}
    assert not [(row["path"], row["message"]) for row in ran.rows("quarantine") if row["reason"] in fatal]
    assert {path.name for path in ran.folder.iterdir()} == {"raw", "out", "secret.txt"}
    assert ran.report.peak_mb < 1024


def test_names_and_titles_are_harmless_in_the_report_and_in_messages(ran: Ran) -> None:
    html = (ran.report.snapshot.path / "report.html").read_text("utf-8")
    assert "<img" not in html
    assert "<script" not in html
    assert "\x1b" not in html
    assert all(row["message"].isprintable() for row in ran.rows("quarantine"))
    assert all(row["member"] is None or row["member"].isprintable() for row in ran.rows("quarantine"))
