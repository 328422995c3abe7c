"""Repairs mend what is broken and leave alone what is right."""

from __future__ import annotations

import re
import unicodedata

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text import repair as repair_module
from pipeline.text.repair import FIXES, Repaired, fix_mojibake, is_clean, repair

UNCHANGED = {
    "zh-Hans": "生态部：２０２４年《碳市场报告》——涨幅“２．３％”，约￥９５／吨……　缁州、浠水；涓涓细流。",
    "zh-Hans ASCII": "COP29在巴库召开,各方就NCQG、Art.6.4达成一致(共196方)。",
    "zh-Hant": "氣候變遷因應法「碳費」徵收對象：鋼鐵、水泥、錫、鉛、鎢業；鏡頭裡的錢不會說謊。鐘聲響起，鄉親們歡呼。",
    "rare": "龘靐齉齾爩，䶮㐀㙓，𠀀𪚥，〇、々、〆",
    "dots": "········ °°°° §§§§ ×××× ½½½½ ©©©© ¥¥¥¥ ¿¿¿¿ «««« »»»»",
    "ja": "環境省は「カーボン・プライシング」を発表しました。㈱ｶﾌﾞﾄ、①②③、がぎぐげご〜ー。",
    "ko": "환경부는 ‘배출권 거래제’ 기본계획을 발표했다. 뷁 쀍 ㈜한국, 똠방각하…",
    "fr": "« Où ça ? » Là-bas, à l’été, l’œuvre naïve d’Éric ; Noël, maïs, ambiguë, déjà… L’ÉTÉ À ÉVIAN – 12 °C, 5 €",
    "de": "„Größe“, ÄÖÜß, Fußgängerübergänge; ÜBERGRÖSSE: 20 °C – 3 × 4 m²",
    "pt, es": "São João, ação, coração, ¿Qué? ¡Sí! “Não”, irmã…",
    "alphabets": "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞß àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ áàâãäå éèêë íìîï",
    "vi": "Việt Nam cam kết đạt mức phát thải ròng bằng “0” vào năm 2050; Nghị định 06/2022/NĐ-CP, Đắk Lắk.",
    "is": "Það er ekki hægt að sjá í gegnum þokuna; Æðarfugl á Íslandi, þjóðþing.",
    "ru": "Россия: выбросы СО₂ снизились на 5 %, «Газпром» — В. Г. Сидоров, Р. С. Ёлкин; ещё раз! ГОСТ Р ИСО 14064.",
    "uk": "Україна: її ґанок, з’їзд, єдність — «Європейська зелена угода» № 5.",
    "el": "Η Ευρωπαϊκή Ένωση: «κλιματική ουδετερότητα» έως το 2050. Ϊ ΰ ΓΓ",
    "pl, cs": "Zażółć gęślą jaźń — „źdźbło”. Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "ar": "أعلنت الوزارة: «سوق الكربون» الوطنيّة، ٢٠٢٤؛ هل تنجح؟ مُحَمَّد",
    "fa": "او می\u200cخواهد کتاب\u200cها را بخواند؛ ه\u200d.ش",
    "hi": "क्षमा, ज्ञान, हिन्दी में पर्यावरण; क्\u200dष और क्\u200cष",
    "bn, si": "উৎ\u200dসব, ශ්\u200dරී ලංකා",
    "th": "กรุงเทพมหานครประกาศแผนปฏิบัติการด้านการเปลี่ยนแปลงสภาพภูมิอากาศที่เข้มข้นขึ้นอย่างต่อเนื่องน้ำ",
    "he": "ממשלת ישראל אישרה את „חוק האקלים” ב־2024. שָׁלוֹם",
    "emoji": "👩\u200d👩\u200d👧\u200d👦 👍🏽 🏳️\u200d🌈 ❤️\u200d🔥 🇨🇳 ☀️ 👩🏽\u200d💻 1️⃣",
    "signs": "CO₂e ≤ 1.5 ℃, ½ ﬁ ﬂ ﷼ ™ “curly” ‘quotes’ — – … ‰ √2 ≈ 1.41 ┌─┐│x│└─┘ Γ β",
    "entities": "A &amp; B &lt; C &nbsp; &#20013;",
    "code": "a\n\tb = c['\\x00'] # -*- coding: gbk -*-",
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_text_that_is_right_does_not_change(name: str) -> None:
    assert repair(UNCHANGED[name]) == Repaired(UNCHANGED[name], ())


ZH = "生态环境部发布《方案》，中国碳市场稳步发展。"

REPAIRED = [
    ("ÖÐ¹úÌ¼ÊÐ³¡", "中国碳市场", "mojibake"),
    ("鐢熸€佺幆澧冮儴", "生态环境部", "mojibake"),
    ("涓\ue15e浗", "中国", "mojibake"),
    (ZH.encode().decode("latin-1"), ZH, "mojibake"),
    (ZH.encode("gbk").decode("latin-1"), ZH, "mojibake"),
    ("碳費徵收對象說明會".encode("big5").decode("latin-1"), "碳費徵收對象說明會", "mojibake"),
    ("배출권 거래제 시장".encode("cp949").decode("latin-1"), "배출권 거래제 시장", "mojibake"),
    ("こんにちは".encode().decode("cp932"), "こんにちは", "mojibake"),
    ("La SociÃ©tÃ© gÃ©nÃ©rale", "La Société générale", "mojibake"),
    ("it wasnâ€™t â€œfairâ€\u009d", "it wasn’t “fair”", "mojibake"),
    ("â€œfairâ€ and â€œopenâ€, he said", "“fair” and “open”, he said", "mojibake"),
    ("â€œç¢³å¸‚åœºâ€å’Œâ€œé…\u008dé¢\u009dâ€\u009dã€‚", "“碳市场”和“配额”。", "mojibake"),
    ("the \x93quoted\x94 word\x85", "the “quoted” word…", "mojibake"),
    ("\ud83d\ude00 ok \ud800", "😀 ok \ufffd", "mojibake"),
    ("a\r\nb\rc\vd\fe\x85f\u2028g\u2029h\r\r\ni", "a\nb\nc\nd\ne\nf\ng\nh\ni", "line_ends"),
    ("a\x00b\x01\x1b[1;31mc\x1b[0m\x7f\ufffe", "abc", "control_characters"),
    ("abc\u202egpj.exe\u202c \u200eעברית\u200f", "abcgpj.exe עברית", "control_characters"),
    ("x\U000e0041\U000e007f\ufff9y\U0001ffff", "xy", "control_characters"),
    ("碳\u200b市\u2060场\ufeff", "碳市场", "zero_width"),
    ("co\u00adop a\u200db 中\u200c文", "coop ab 中文", "zero_width"),
    ("a\u00a0b\u202fc\u2007d\u3000e", "a b c d\u3000e", "nbsp"),
    ("Vie\u0323\u0302t か\u3099 Å", "Việt が Å", "nfc"),
    ("\uf900\ufa0c", "豈兀", "nfc"),
]


@pytest.mark.parametrize(("broken", "mended", "name"), REPAIRED)
def test_each_repair_mends_its_own_kind_and_signs_for_it(broken: str, mended: str, name: str) -> None:
    assert not is_clean(broken)
    result = repair(broken)
    assert result.text == mended
    assert name in result.fixes


def test_a_lost_byte_leaves_one_replacement_character() -> None:
    broken = "生态环境部今天发布全国碳市场".encode().decode("gb18030", "replace")
    assert "\ufffd" in broken
    assert fix_mojibake(broken) == "生态环境部今天发布全国碳市\ufffd"


def test_mojibake_is_mended_line_by_line() -> None:
    text = "\n".join(["第一行是好的。", ZH.encode("gbk").decode("latin-1"), "L’été à l’Élysée"])
    assert repair(text).text == "\n".join(["第一行是好的。", ZH, "L’été à l’Élysée"])


def test_names_are_sorted_and_in_the_table() -> None:
    fixes = repair("a\u00a0b\r\nc\x00\u200be\u0301").fixes
    assert fixes == ("control_characters", "line_ends", "nbsp", "nfc", "zero_width")
    assert set(fixes) <= {name for name, _ in FIXES}


_BAITS = st.sampled_from(
    [
        *"\r\n\v\f\x85\u2028\u00a0\u00ad\u200b\u200c\u200d\ufeff\x00\x1b[m\u202e\u0301\u0323\u034f\ud83d\ude00",
        *("Ã©", "â€™", "ÖÐ¹ú", "涓\ue15e浗", "鐢熸€", "\x93", "می", "क्", "👩", "❤️", "\U000e0041"),
        *("가", "ᆨ", "か", "\u3099", "é", "中", "€", "?", "\ufffd"),
    ]
)
_TEXTS = st.one_of(st.text(), st.lists(_BAITS | st.characters(), max_size=30).map("".join))


@given(_TEXTS)
@settings(max_examples=250, deadline=None)
def test_repair_is_idempotent_and_its_result_clean(text: str) -> None:
    once = repair(text)
    assert repair(once.text).text == once.text
    once.text.encode()
    assert unicodedata.is_normalized("NFC", once.text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00a0\u202a-\u202e\u2066-\u2069\ufeff]", once.text)
    assert (once.text == text) == (not once.fixes)


_MISREAD = [
    "â€œquotedâ€",
    "â€œç¢³å¸‚åœºâ€",
    "â€œ碳市场â€",
    "“碳â€“",
    "ä¸­å›½ï¼Œ",
    "SociÃ©tÃ© ",
    "ÖÐ¹úÌ¼ÊÐ³¡",
    "鐢熸€佺幆",
    "Ã",
    "a",
    "。",
]


@given(st.lists(st.sampled_from(_MISREAD), min_size=1, max_size=3), st.integers(300, 2000), st.sampled_from(["", "市"]))
@settings(max_examples=15, deadline=None)
def test_repair_is_idempotent_on_long_lines_of_misreadings(parts: list[str], times: int, start: str) -> None:
    once = repair(start + "".join(parts) * times).text
    assert repair(once).text == once


def test_long_lines_of_quotations_are_mended_whole() -> None:
    assert repair("â€œquotedâ€" * 3000).text == "“quoted”" * 3000
    assert repair("碳â€œç¢³å¸‚åœºâ€" * 3000).text == "碳“碳市场”" * 3000


@given(_TEXTS)
@settings(max_examples=120, deadline=None)
def test_what_is_called_clean_no_repair_changes(text: str) -> None:
    for whole in (text, "稳步推进。" * 250 + text, "steady work " * 100 + text):
        if is_clean(whole):
            for _, fix in FIXES:
                assert fix(whole) == whole


@pytest.mark.parametrize("name", UNCHANGED)
def test_long_text_is_judged_as_short_text_is(name: str) -> None:
    text = UNCHANGED[name]
    assert is_clean(text * 30) or not is_clean(text)
    assert not is_clean(text * 30 + "\u00a0")
    assert not is_clean(text * 30 + "Ã©")


@pytest.mark.parametrize("mark", ["\u0301", "\u0301\u0323", "\U0001e130", "\u0344"])
def test_runs_of_marks_are_broken_every_thirty(mark: str) -> None:
    text = repair("a" + mark * 200).text
    runs = re.split("\u034f", text)
    assert max(sum(unicodedata.combining(char) > 0 for char in run) for run in runs) <= 30
    assert repair(text).text == text


@pytest.mark.parametrize(
    "bait",
    [
        *("\u0301\u0323", "é", "Ã©", "ÖÐ", "涓\ue15e浗", "\r", "🇨", "\u200d", "\x1b[", "В", "€", "а\u0301", "鐢"),
        *("â€", "\x93"),
    ],
    ids=lambda bait: ascii(bait[:2]),
)
def test_no_bait_takes_more_than_linear_time(bait: str) -> None:
    assert linear(repair, repeated(bait), 100_000)


def test_clean_text_is_judged_in_linear_time() -> None:
    for text in (UNCHANGED["zh-Hans ASCII"], "Plain English text, “quoted”. "):
        assert is_clean(text * 100)
        assert linear(is_clean, repeated(text), 400_000)


def test_the_table_of_inert_characters_is_true() -> None:
    looks = repair_module._looks()
    for point in range(0x20, 0x10000):
        if looks[point] == 0 and not 0xD800 <= point < 0xE000:
            char = chr(point)
            assert unicodedata.is_normalized("NFC", char), hex(point)
            assert not unicodedata.combining(char), hex(point)
            assert is_clean("e" + char), hex(point)
