"""Any bytes become text; what was said, guessed or lost is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.decode import declared_charset, decode

ZH = "生态环境部今天发布了全国碳市场的年度报告，各地将继续推进绿色低碳发展。\n"
ZH_2 = "有关负责人表示，下一步将扩大行业覆盖范围，完善配额分配方法。\n"
EN = "The ministry published its yearly report on the national carbon market.\n"
JA = "環境省は今日、新しい報告書を発表しました。\n"


@given(st.binary(max_size=400), st.sampled_from([None, "gbk", "utf-8", "utf-16", "nonsense"]))
@settings(max_examples=400, deadline=None)
def test_no_bytes_raise_and_no_surrogate_comes_out(content: bytes, http: str | None) -> None:
    decoded = decode(content, http_charset=http, media_type="text/html")
    decoded.text.encode()
    assert 0 <= decoded.confidence <= 1
    assert 0 <= decoded.n_replaced <= decoded.text.count("\ufffd")


@given(st.text(st.characters(exclude_categories=("Cs",)).filter(lambda c: c not in "\0\x1b~\ufeff"), max_size=80))
@settings(max_examples=200, deadline=None)
def test_utf8_is_read_as_utf8_without_doubt(text: str) -> None:
    decoded = decode(text.encode())
    assert (decoded.text, decoded.encoding, decoded.confidence, decoded.n_replaced) == (text, "utf-8", 1.0, 0)


@pytest.mark.parametrize(
    ("mark", "codec", "encoding"),
    [
        (b"\xef\xbb\xbf", "utf-8", "utf-8"),
        (b"\xff\xfe", "utf-16-le", "utf-16le"),
        (b"\xfe\xff", "utf-16-be", "utf-16be"),
        (b"\xff\xfe\0\0", "utf-32-le", "utf-32le"),
        (b"\0\0\xfe\xff", "utf-32-be", "utf-32be"),
    ],
)
def test_a_byte_order_mark_wins_and_is_left_out(mark: bytes, codec: str, encoding: str) -> None:
    decoded = decode(mark + (ZH + EN).encode(codec), http_charset="gbk")
    assert (decoded.text, decoded.encoding, decoded.method, decoded.confidence) == (ZH + EN, encoding, "bom", 1.0)


@pytest.mark.parametrize("cut", [1, 2])
def test_a_sequence_cut_off_at_either_end_costs_one_replacement(cut: int) -> None:
    whole = ("中" + ZH + "中").encode()
    tail = decode(whole[:-cut])
    assert (tail.text, tail.encoding, tail.confidence, tail.n_replaced) == ("中" + ZH + "\ufffd", "utf-8", 1.0, 1)
    head = decode(whole[cut:])
    assert (head.text, head.n_replaced) == ("\ufffd" + ZH + "中", 1)


def test_one_latin_letter_at_the_end_is_no_cut_sequence() -> None:
    assert decode("a small café".encode("latin-1")).text == "a small café"


@pytest.mark.parametrize("label", ["GB2312", "gbk", "GB18030"])
def test_the_http_charset_is_taken_with_gb2312_as_gb18030_and_the_euro_byte(label: str) -> None:
    decoded = decode((ZH + "價格").encode("gb18030") + b"\x80 5", http_charset=label)
    assert decoded.text == ZH + "價格€ 5"
    assert (decoded.encoding, decoded.method) == ("gb18030", "http")
    assert decoded.confidence >= 0.9


@pytest.mark.parametrize(
    "declaration",
    [
        '<meta charset="gb2312">',
        '<META http-equiv="Content-Type" content="text/html; charset=gbk">',
        '<?xml version="1.0" encoding="gb2312"?>',
    ],
)
def test_the_declaration_in_the_page_is_taken(declaration: str) -> None:
    page = f"{declaration}<p>{ZH}".encode("gb18030")
    decoded = decode(page, media_type="text/html")
    assert (decoded.encoding, decoded.method) == ("gb18030", "meta")
    assert ZH in decoded.text


@pytest.mark.parametrize("lie", ["iso-8859-1", "big5", "utf-8", "shift_jis", "koi8-r"])
def test_a_declaration_that_lies_loses(lie: str) -> None:
    page = f'<meta charset="{lie}"><p>{ZH}{ZH_2}</p>'.encode("gb18030")
    decoded = decode(page, media_type="text/html")
    assert ZH_2 in decoded.text
    assert (decoded.encoding, decoded.method) == ("gb18030", "detected")


def test_utf8_wins_over_any_declaration() -> None:
    decoded = decode(f'<meta charset="gbk"><p>{ZH}'.encode(), http_charset="big5", media_type="text/html")
    assert (decoded.encoding, decoded.method) == ("utf-8", "utf-8")
    assert ZH in decoded.text


@pytest.mark.parametrize(
    ("content", "http", "media_type", "name"),
    [
        (b'<meta charset="gb2312">', None, "text/html", "gb18030"),
        (b'<meta charset="gb2312">', "big5", "text/html", "big5"),
        (b'<meta charset="gb2312">', None, "text/plain", None),
        (b'<meta charset="utf-16">', None, "text/html", "utf-8"),
        (b'<!-- <meta charset="big5"> --><meta charset="euc-kr">', None, "text/html", "euc-kr"),
        (b" " * 2000 + b'<meta charset="gbk">', None, "text/html", "gb18030"),
        (b'<meta name="a" content="charset"><p>', None, "text/html", None),
        (b'<meta charset="x-user-defined">', "klingon", "text/html", None),
    ],
)
def test_what_is_declared_can_be_asked(content: bytes, http: str | None, media_type: str, name: str | None) -> None:
    assert declared_charset(content, http, media_type) == name


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [EN * 3, ZH * 3, ZH + EN])
def test_utf16_without_a_mark_is_found(codec: str, text: str) -> None:
    assert decode(text.encode(codec)).text == text


def test_escaped_charsets_are_found_among_ascii_bytes() -> None:
    assert decode(JA.encode("iso2022_jp")).text == JA
    hz = decode("碳市场的年度报告\n".encode("hz") + b"see ~user and ~{ code")
    assert hz.text == "碳市场的年度报告\nsee ~user and ~{ code"
    assert hz.encoding == "hz-gb-2312"
    assert decode(b"if [ ~{x~} ]; then ~{ab~}").encoding == "utf-8"


@pytest.mark.parametrize("lines", [ZH + EN + "{}", "{}" + ZH * 2, ZH + "{}" + ZH_2])
def test_lines_of_two_charsets_are_read_each_in_its_own(lines: str) -> None:
    before, after = lines.split("{}")
    decoded = decode(before.encode() + (ZH_2 * 2).encode("gb18030") + after.encode())
    assert decoded.text == before + ZH_2 * 2 + after
    assert (decoded.encoding, decoded.method) == ("utf-8+gb18030", "mixed")
    assert decoded.confidence <= 0.7


def test_damaged_utf8_stays_utf8() -> None:
    content = bytearray((ZH + EN + ZH_2).encode())
    content[6] = 0xFF
    decoded = decode(bytes(content))
    assert (decoded.encoding, decoded.n_replaced > 0) == ("utf-8", True)
    assert ZH_2 in decoded.text
    assert decoded.confidence < 1


def test_surrogates_in_utf8_are_joined_or_replaced() -> None:
    pair = decode(b"ok \xed\xa0\xbd\xed\xb8\x80 end")
    assert (pair.text, pair.encoding, pair.n_replaced) == ("ok 😀 end", "cesu-8", 0)
    lone = decode(ZH.encode() + b"\xed\xa0\x80 end")
    assert (lone.text, lone.encoding, lone.n_replaced) == (ZH + "\ufffd end", "utf-8", 1)


@pytest.mark.parametrize("text", [EN, ZH])
def test_overlong_utf8_is_replaced_and_never_taken_for_what_it_hides(text: str) -> None:
    hidden = b" ..\xc0\xaf..\xe0\x80\xafetc \xf0\x80\x80\xaf \xf8\x88\x80\x80\x80 end"
    decoded = decode(text.encode() + hidden)
    assert decoded.encoding == "utf-8"
    assert decoded.n_replaced == decoded.text.count("\ufffd") >= 4
    assert decoded.text.startswith(text)
    assert "/" not in decoded.text[len(text) :]


@given(st.text("来去老拉昆中国碳市场，。abc ", min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_two_byte_text_is_never_taken_for_overlong_utf8(text: str) -> None:
    assert decode((ZH + text).encode("gb18030")).text == ZH + text


def test_replacement_characters_of_the_source_are_not_ours() -> None:
    assert decode((ZH + "\ufffd").encode()).n_replaced == 0


@pytest.mark.parametrize("content", [bytes(range(256)) * 4, b"\x89PNG\r\n\x1a\n" + bytes(range(255, 0, -1)) * 9])
def test_noise_is_a_fallback_with_low_confidence(content: bytes) -> None:
    decoded = decode(content)
    assert decoded.method == "fallback"
    assert decoded.confidence <= 0.3


def test_a_clear_guess_and_a_near_tie_differ_in_confidence() -> None:
    clear, short = decode((ZH * 3).encode("gb18030")), decode("中国".encode("gb18030"))
    assert clear.method == short.method == "detected"
    assert clear.confidence >= 0.85 > short.confidence >= 0.5


def test_empty_content_is_empty_text() -> None:
    assert decode(b"").text == ""
    assert decode(b"\xef\xbb\xbf").text == ""
