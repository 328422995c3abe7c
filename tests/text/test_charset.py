"""The detector reads the charsets of the pages we meet, admits doubt, and is not fooled by noise."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text import charset

HANS = "生态环境部今天发布了全国碳排放权交易市场的年度报告，重点排放单位的履约情况总体良好。"
HANT = "環境部今天公布了氣候變遷因應法的子法草案，邀請各界就碳費的費率提供意見。"
JA = "環境省は今日、排出量取引の新しい制度についての報告書を発表しました。"
KO = "환경부는 오늘 배출권 거래제의 새로운 기본 계획을 발표했다고 밝혔다."
RU = "Министерство опубликовало новый доклад о торговле квотами на выбросы."
FR = "Le ministère a publié une étude détaillée : les émissions ont baissé l’été dernier, même à l’étranger."
PL = "Ministerstwo ogłosiło dziś, że sprzedaż uprawnień do emisji będzie się odbywać częściej."

CASES = [
    (HANS, "gb18030", "gb18030"),
    (HANT, "big5", "big5"),
    (HANT, "gb18030", "gb18030"),
    (JA, "shift_jis", "shift_jis"),
    (JA, "euc_jp", "euc-jp"),
    (KO, "cp949", "euc-kr"),
    (RU, "cp1251", "windows-1251"),
    (RU, "koi8-r", "koi8-r"),
    (FR, "cp1252", "windows-1252"),
    (PL, "cp1250", "windows-1250"),
]


@pytest.mark.parametrize(("text", "codec", "encoding"), CASES)
def test_a_sentence_is_enough_to_tell_its_charset(text: str, codec: str, encoding: str) -> None:
    guess = charset.guess(text.encode(codec))
    assert guess.encoding == encoding
    assert guess.plausible
    assert guess.margin > 10


@pytest.mark.parametrize(("text", "codec", "encoding"), CASES)
def test_markup_around_the_words_does_not_matter(text: str, codec: str, encoding: str) -> None:
    page = f"<div class='nav'><a href='/x'>menu</a></div>\n<p>{text}</p>\n".encode(codec)
    assert charset.guess(page).encoding == encoding


@pytest.mark.parametrize("codec", ["gb18030", "big5", "shift_jis", "cp949"])
def test_a_cut_last_character_changes_nothing(codec: str) -> None:
    text = {"gb18030": HANS, "big5": HANT, "shift_jis": JA, "cp949": KO}[codec]
    whole = text.encode(codec)
    assert charset.guess(whole[:-1]).encoding == charset.guess(whole).encoding


def test_a_declared_charset_breaks_a_tie_but_does_not_beat_evidence() -> None:
    short = "café".encode("latin-1")
    assert charset.guess(short, declared=(("windows-1250", 12.0),)).encoding == "windows-1250"
    assert charset.guess(HANS.encode("gb18030"), declared=(("windows-1252", 14.0),)).encoding == "gb18030"


def test_noise_is_not_plausible() -> None:
    noise = bytes((i * i * 31 + i * 17 + 7) % 256 for i in range(4000))
    assert not charset.guess(noise).plausible


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("GB2312", "gb18030"),
        ("gbk", "gb18030"),
        ("ISO-8859-1", "windows-1252"),
        ("ks_c_5601-1987", "euc-kr"),
        ("Shift-JIS", "shift_jis"),
        (" 'utf8' ", "utf-8"),
        ("x-user-defined", None),
        ("hz-gb-2312", None),
        ("中文", None),
        ("", None),
        (None, None),
    ],
)
def test_labels_are_read_as_browsers_read_them(label: str | None, name: str | None) -> None:
    assert charset.known(label) == name


def test_decoding_knows_what_only_the_browsers_tables_have() -> None:
    assert charset.decode_as(b"\x80", "gb18030") == "€"
    assert charset.decode_as(b"\xad\xa1", "euc-jp") == "①"
    assert charset.decode_as(b"\x81\x93quoted\x94", "windows-1252") == "\x81“quoted”"
    assert charset.decode_as(b"\xff\xd6\xd0", "gb18030") == "\ufffd中"


@given(st.binary(max_size=300), st.sampled_from([candidate.encoding for candidate in charset.CANDIDATES]))
@settings(max_examples=300, deadline=None)
def test_decoding_never_raises(content: bytes, encoding: str) -> None:
    charset.decode_as(content, encoding).encode()


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_guessing_never_raises(content: bytes) -> None:
    assert charset.guess(content).margin >= 0


def test_guessing_looks_at_the_start_only() -> None:
    line = (HANS + "\n").encode("gb18030")
    start = line * (charset.SAMPLE_BYTES // len(line) + 1)
    assert charset.guess(start + "Écrit en français, à côté.\n".encode("cp1252") * 10_000) == charset.guess(start)


def test_frequent_characters_cost_less_than_rare_ones() -> None:
    assert charset.cost("的是在") < charset.cost("龘靐齉")
    assert charset.cost("é") < charset.cost("\x81") < charset.cost("\ufffd" + os.linesep * 0) + 1


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_sample_is_the_words_that_are_not_ascii(content: bytes) -> None:
    words = [re.sub(rb"([\x80-\xff])\1\1+", rb"\1\1", word) for word in re.split(rb"[\x00-\x2f\x3a-\x3f]+", content)]
    first = re.search(rb"[\x80-\xff]", content)
    if first is None or first.start() <= 64:
        assert charset.sample(content) == b" ".join(dict.fromkeys(word for word in words if not word.isascii()))


ODD = (
    ("[a-zß-öø-ÿа-яёα-ωά-ώ][A-ZÀ-ÖØ-ÞА-ЯЁΑ-Ω]", 5.0),
    ("[A-Za-z][\u0370-\u0e7f]|[\u0370-\u0e7f][A-Za-z]", 6.0),
    ("[A-Za-z][\u00a1-\u00ac\u00ae-\u00b6\u00b8-\u00bf×÷†‡…‰€‚„ˆ˜][a-z]", 5.0),
    ("[À-ÖØ-öø-ɏ](?=[À-ÖØ-öø-ɏ])", 2.0),
)


@given(st.text("abAZéÀßяЖαΩ×÷€…¡Āɏ的国，한ก 1", max_size=60))
@settings(max_examples=300, deadline=None)
def test_odd_neighbours_cost_what_their_patterns_say(text: str) -> None:
    alone = sum(charset.cost(char, ("french",)) for char in text)
    odd = sum(bits * len(re.findall(pattern, text)) for pattern, bits in ODD)
    assert charset.cost(text, ("french",)) == alone + odd


ENGLISH = "The council’s plan — agreed on Monday — doesn’t say “why” the ferry’s late…\n"


@pytest.mark.parametrize("before", [b"", b"x" * 70_000, b"<p>plain ascii</p>\n" * 9_000])
def test_signs_of_word_processors_are_windows_1252_wherever_they_stand(before: bytes) -> None:
    assert charset.guess(before + b" " + ENGLISH.encode("windows-1252")).encoding == "windows-1252"


@pytest.mark.parametrize("before", [b"", b"<p>plain ascii</p>\n" * 9_000])
def test_chinese_after_much_ascii_is_found(before: bytes) -> None:
    text = "全国碳市场今日开市，首日成交量超过四百万吨，有关负责人出席并讲话。"
    assert charset.guess(before + text.encode("gb18030")).encoding == "gb18030"


@pytest.mark.parametrize("sign", ["\u00a0", "¶", "·", "×", "§", "»", "©"])
def test_one_sign_over_and_over_is_no_other_alphabet(sign: str) -> None:
    page = f"Home{sign * 4} {sign} News{sign} {sign}{sign} About {sign} " * 40
    assert charset.guess(page.encode("windows-1252")).encoding == "windows-1252"
