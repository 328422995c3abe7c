"""Saved pages and mail, under any name: the text of a message once, with what the message says of itself."""

from __future__ import annotations

import base64
import gzip
import quopri
from pathlib import Path

import pytest
from growth import linear
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import ReadLimits, detect_format, read_file
from pipeline.read.limits import skip
from pipeline.types import Record

ENGLISH = "The ropewalk closes in May. Its last apprentice has taken the looms to the island."
SIMPLIFIED = "绳厂五月关门。最后一名学徒把织机搬到了岛上，朱镕也去了。"
TRADITIONAL = "繩廠五月關門。最後一名學徒把織機搬到了島上。"


def read(folder: Path, content: bytes | str, name: str = "a.eml", **limits: int) -> list[Record | Rejection | Skipped]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_file(folder, name, limits=ReadLimits(**limits)))


def one(folder: Path, content: bytes | str, name: str = "a.eml") -> Record:
    (outcome,) = read(folder, content, name)
    assert isinstance(outcome, Record), outcome
    return outcome


def text_of(record: Record) -> str:
    return record.content.decode(record.charset or "utf-8")


def part(text: str, kind: str = "text/html", *, charset: str = "utf-8", coding: str = "8bit", more: str = "") -> bytes:
    raw = text.encode("gb18030" if charset == "gb2312" else charset)
    codings = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
    body = codings[coding](raw) if coding in codings else raw
    head = f"Content-Type: {kind}; charset={charset}\nContent-Transfer-Encoding: {coding}\n{more}\n"
    return head.encode() + body


def message(kind: str, *parts: bytes, head: str = "Subject: x\nFrom: a@example.org\n") -> bytes:
    top = f'{head}MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="=_b"\n\n'.encode()
    return top + b"".join(b"--=_b\n" + one + b"\n" for one in parts) + b"--=_b--\n"


SAVED = "From: <Saved by Blink>\nSnapshot-Content-Location: https://example.org/rope\nDate: Tue, 5 Mar 2024 08:30:00 -0000\n"


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
@pytest.mark.parametrize("coding", ["8bit", "base64", "quoted-printable"])
@pytest.mark.parametrize("name", ["page.mhtml", "page.MHT", "page.html", "page.htm", "page", "page.txt"])
def test_a_saved_page_is_its_html_with_its_address_under_any_name(
    tmp_path: Path, text: str, coding: str, name: str
) -> None:
    page = f"<html><body><p>{text}</p></body></html>"
    style = part("p{}", "text/css", more="Content-Location: https://example.org/a.css\n")
    record = one(tmp_path, message("related", part(page, coding=coding), style, head=SAVED), name)
    assert (text_of(record).strip(), record.media_type, record.member) == (page, "text/html", None)
    assert record.url == "https://example.org/rope"


def test_when_a_page_was_saved_and_by_which_browser_is_not_its_time_and_author(tmp_path: Path) -> None:
    record = one(tmp_path, message("related", part("<p>x</p>"), head=SAVED))
    assert (record.published, record.author) == (None, None)


def test_the_part_says_the_address_where_the_whole_does_not(tmp_path: Path) -> None:
    page = part("<p>x</p>", more="Content-Location: https://example.org/b\n")
    assert one(tmp_path, message("related", page)).url == "https://example.org/b"
    assert one(tmp_path, message("related", part("<p>x</p>", more="Content-Location: cid:1@x\n"))).url is None


def test_the_root_of_related_parts_is_the_one_that_is_named(tmp_path: Path) -> None:
    parts = (part("<p>frame</p>", more="Content-ID: <f@x>\n"), part("<p>root</p>", more="Content-ID: <r@x>\n"))
    whole = message("related", *parts).replace(b'boundary="=_b"', b'start="<r@x>"; boundary="=_b"')
    assert text_of(one(tmp_path, whole)) == "<p>root</p>"


def test_the_pages_of_a_frameset_are_all_read(tmp_path: Path) -> None:
    frames = part("<html><frameset><frame src=a></frameset></html>")
    record = one(tmp_path, message("related", frames, part(f"<p>{SIMPLIFIED}</p>"), part(f"<p>{ENGLISH}</p>")))
    assert SIMPLIFIED in text_of(record)
    assert ENGLISH in text_of(record)


@pytest.mark.parametrize(("label", "codec"), [("gb2312", "gb18030"), ("GBK", "gb18030"), ("big5", "big5")])
def test_the_charset_of_the_part_is_honoured_and_gb2312_has_all_of_gb18030(
    tmp_path: Path, label: str, codec: str
) -> None:
    text = TRADITIONAL if codec == "big5" else SIMPLIFIED
    raw = f"Subject: x\nFrom: a@b.c\nMIME-Version: 1.0\nContent-Type: text/plain; charset={label}\n\n".encode()
    record = one(tmp_path, raw + text.encode(codec))
    assert (record.charset, record.content.decode(codec)) == (codec, text)


def test_alternatives_are_one_record_html_before_plain_text(tmp_path: Path) -> None:
    plain, html = part(ENGLISH, "text/plain"), part(f"<p>{ENGLISH}</p>", coding="base64")
    for order in ((plain, html), (html, plain)):
        record = one(tmp_path, message("alternative", *order))
        assert (text_of(record), record.media_type) == (f"<p>{ENGLISH}</p>", "text/html")
    assert text_of(one(tmp_path, message("alternative", plain, part(" ")))) == ENGLISH


def test_pictures_and_attachments_are_no_text(tmp_path: Path) -> None:
    picture = part("iVBORw0KGgo=", "image/png")
    attached = part("secret", "text/plain", more='Content-Disposition: attachment; filename="a.txt"\n')
    assert text_of(one(tmp_path, message("mixed", part(SIMPLIFIED, "text/plain"), picture, attached))) == SIMPLIFIED
    assert read(tmp_path, message("mixed", picture)) == [skip("a.eml", None, "mail without a text: image/png")]


def test_all_texts_of_a_digest_are_read_once(tmp_path: Path) -> None:
    inner = [b"Content-Type: message/rfc822\n\nSubject: s\n\n" + text.encode() for text in (ENGLISH, SIMPLIFIED)]
    digest = b'Content-Type: multipart/digest; boundary="d"\n\n' + b"".join(b"--d\n" + one + b"\n" for one in inner)
    text = text_of(
        one(tmp_path, message("mixed", part("Masthead", "text/plain"), digest + b"--d--", part("<p>foot</p>")))
    )
    for wanted in ("Masthead", ENGLISH, SIMPLIFIED, "foot"):
        assert text.count(wanted) == 1


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"=?utf-8?B?" + base64.b64encode("关于绳厂".encode()) + b"?=", "关于绳厂"),
        (b"=?gb2312?B?" + base64.b64encode("朱镕".encode("gbk")) + b"?=", "朱镕"),
        (b"=?utf-8?Q?Rope_=E7=BB=B3?=\r\n =?utf-8?Q?=E5=8E=82?=", "Rope 绳厂"),
        ("关于召开绳厂座谈会的通知".encode("gbk"), "关于召开绳厂座谈会的通知"),
        ("关于绳厂".encode(), "关于绳厂"),
        (b"=?utf-8?B?broken", "=?utf-8?B?broken"),
    ],
)
def test_a_subject_is_decoded_whatever_its_form(tmp_path: Path, raw: bytes, expected: str) -> None:
    record = one(tmp_path, b"From: a@b.c\nMessage-ID: <1@x>\nSubject: " + raw + b"\n\n" + ENGLISH.encode())
    assert record.title == expected


def test_a_mail_says_who_wrote_it_and_when(tmp_path: Path) -> None:
    head = "From: =?utf-8?B?546L5bCP5piO?= <w@example.org>\nDate: Tue, 5 Mar 2024 08:30:00 +0800\nTo: b@c.d\n\n"
    record = one(tmp_path, head + ENGLISH)
    assert (record.author, record.published) == ("王小明", "Tue, 5 Mar 2024 08:30:00 +0800")


@pytest.mark.parametrize("name", ["box.mbox", "box", "box.txt", "box.mbox.gz"])
def test_each_message_of_an_mbox_is_a_record(tmp_path: Path, name: str) -> None:
    texts = [ENGLISH, SIMPLIFIED, f"{TRADITIONAL}\n\nFrom here on it is only rain.\n\n>From the quay"]
    whole = "\n".join(
        f"From a@b.c Tue Mar  5 08:30:00 2024\nFrom: a@b.c\nMessage-ID: <1>\n\n{text}\n" for text in texts
    )
    found = read(tmp_path, gzip.compress(whole.encode()) if name.endswith("gz") else whole, name)
    assert [(one.member, text_of(one).strip()) for one in found if isinstance(one, Record)] == [
        ("1", texts[0]),
        ("2", texts[1]),
        ("3", texts[2].replace(">From", "From")),
    ]


def test_a_message_of_an_mbox_that_is_too_large_costs_itself_alone(tmp_path: Path) -> None:
    texts = [ENGLISH, "word " * 100_000, SIMPLIFIED]
    whole = "\n".join(
        f"From a@b.c Tue Mar  5 08:30:00 2024\nFrom: a@b.c\nMessage-ID: <1>\n\n{text}\n" for text in texts
    )
    found = read(tmp_path, whole, "a.mbox", max_record_bytes=100_000)
    assert [(one.member, getattr(one, "reason", None)) for one in found] == [
        ("1", None),
        ("2", Reason.TOO_LARGE),
        ("3", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"Subject: On ropes\n\n{ENGLISH}",
        f"Subject: On ropes\nDate: 5 March 2024\nFrom: the clerk\n\n{ENGLISH}",
        f"From the quay: {ENGLISH}",
        f"Date: 2024-03-05\nTitle: Ropes\nTags: a, b\n\n{ENGLISH}",
        f"主题：绳厂\n来源：本报\n\n{SIMPLIFIED}",
        f"Content-Type: text/html\nServer: x\n\n{ENGLISH}",
    ],
)
def test_an_article_that_begins_like_a_form_is_no_mail(tmp_path: Path, text: str) -> None:
    assert one(tmp_path, text, "a.txt").content.decode() == text


def test_a_post_of_a_news_group_is_mail(tmp_path: Path) -> None:
    record = one(tmp_path, f"From: b@u.edu (Bob)\nSubject: Re: ropes\nOrganization: U\nLines: 3\n\n{ENGLISH}", "12345")
    assert (record.content.decode(), record.title, record.author) == (ENGLISH, "Re: ropes", "Bob")


def test_a_message_that_was_cut_keeps_what_there_is_and_is_flagged(tmp_path: Path) -> None:
    whole = message("mixed", part(f"<p>{ENGLISH}</p>"), part(f"<p>{SIMPLIFIED}</p>"))
    record = one(tmp_path, whole[:-40])
    assert record.flags == ("truncated",)
    assert ENGLISH in text_of(record)


def test_a_line_that_is_no_field_begins_the_text(tmp_path: Path) -> None:
    record = one(tmp_path, f"Subject: x\nMIME-Version: 1.0\nno field at all\n\n{ENGLISH}")
    assert record.content.decode() == f"no field at all\n\n{ENGLISH}"


BELLS = (
    "The rope of the great bell was changed on Friday. It took four men and a boy, and the sexton, who had tied the old "
    "one himself, went home before they were done and did not come back until Monday."
)
CLOCKS = {
    ENGLISH: BELLS,
    SIMPLIFIED: "大钟的绳子星期五换了。四个大人和一个孩子忙了一天，旧绳子是敲钟人自己系上去的，他没等换完就回家了，到下个星期一才回来。",
    TRADITIONAL: "大鐘的繩子星期五換了。四個大人和一個孩子忙了一天，舊繩子是敲鐘人自己繫上去的，他沒等換完就回家了，到下個星期一才回來。",
}


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
@pytest.mark.parametrize(
    "torn",
    [
        "Subject: x\nMIME-Version: 1.0\nFrom: a@exam{}\n{}\n",
        "Subject: x\nMIME-Version: 1.0{}\n\nThe rest.\n",
        "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mi{}\n\n--b\nContent-Type: image/png\n\n{}\n--b--\n",
        "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\n\n{}\n--b\n"
        "To: a@example.org\nDate: Tue\n\n{}\n--b--\n",
        "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n-b\nContent-Type: text/plain\n\n{}\n"
        "--b\n\n{}\n--b--\n",
    ],
)
def test_a_message_that_is_torn_is_flagged(tmp_path: Path, torn: str, text: str) -> None:
    assert one(tmp_path, torn.format(CLOCKS[text], text)).flags == ("truncated",)


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_what_no_media_type_has_is_not_of_it(tmp_path: Path, text: str) -> None:
    for said in ("text/plain{{{", "text/plain charset=utf-8", "text/plain\u6d6a", " Text/Plain"):
        record = one(tmp_path, message("alternative", part(text, said), part("iVBOR", "image/png")))
        assert (text_of(record), record.flags) == (text, ())
    assert read(tmp_path, message("mixed", part("iVBOR", "image/png name=a.png")))[0] == skip(
        "a.eml", None, "mail without a text: image/png"
    )


def test_a_field_needs_no_space_behind_its_colon(tmp_path: Path) -> None:
    record = one(tmp_path, f"Message-ID: <1@example.org>\nX-Mailer:m\nX-Empty:\nSubject:t\nFrom: a@b.c\n\n{ENGLISH}")
    assert (text_of(record), record.title, record.flags) == (ENGLISH, "t", ())


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_alternatives_of_one_kind_that_are_other_texts_are_said(tmp_path: Path, text: str) -> None:
    page = f"<p>{text}</p>"
    assert one(tmp_path, message("alternative", part(page), part(f"<p>{CLOCKS[text]}</p>"))).flags == ("two_texts",)
    assert one(tmp_path, message("alternative", part(page), part(f"{page}\n"))).flags == ()
    assert one(tmp_path, message("alternative", part(CLOCKS[text], "text/plain"), part(page))).flags == ()


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_parts_behind_the_last_line_are_said_and_a_footer_is_not(tmp_path: Path, text: str) -> None:
    whole = message("mixed", part(ENGLISH, "text/plain"))
    assert one(tmp_path, whole + b"--\nThe list\nhttps://example.org/list\n").flags == ()
    assert one(tmp_path, whole + b"\n--=_b\n\n" + text.encode()).flags == ("trailing_garbage",)


DEEP = "MIME-Version: 1.0\nSubject: x\n" + "".join(
    f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(40)
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Subject: x\nMIME-Version: 1.0\n\n  \n", Reason.EMPTY),
        (DEEP, Reason.TOO_DEEP),
        ("MIME-Version: 1.0\nSubject: x\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 20_000, Reason.TOO_LARGE),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_rejected(tmp_path: Path, content: str, reason: Reason) -> None:
    (outcome,) = read(tmp_path, content)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    "bait",
    [
        b"a: " * 500_000,
        b"Subject: " + b"=?utf-8?q?=?= " * 100_000,
        b"Content-Type: text/plain" + b';a="' * 200_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b" * 500_000,
        b"\n\nFrom " * 200_000,
    ],
)
def test_hostile_headers_are_linear(tmp_path: Path, bait: bytes) -> None:
    def both(found: bytes) -> None:
        for name in ("a.eml", "a.mbox"):
            read(tmp_path, b"MIME-Version: 1.0\nFrom: a@b.c\n" + found + b"\n\ntext", name)

    assert linear(both, lambda size: bait[:size], len(bait))


def test_looking_for_mail_does_not_take_other_formats() -> None:
    assert detect_format("a.txt", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n") == "plain"
    assert detect_format("a.md", b"---\ntitle: x\ndate: 2024-03-05\n---\n") == "markdown"


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(
    lambda text: bool(text.strip("\ufeff \u3000").strip()) and not text.startswith(("--", "\ufeff"))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(["8bit", "base64", "quoted-printable"]))
def test_every_text_of_a_message_is_in_its_record_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], coding: str
) -> None:
    whole = message("mixed", *(part(f"«{text}»", "text/plain", coding=coding) for text in texts))
    record = one(tmp_path_factory.mktemp("mail"), whole)
    held, at = text_of(record), 0
    for text in texts:
        at = held.index(f"«{text}»", at) + 1
    assert held.count("«") >= len(texts)
