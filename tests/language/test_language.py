"""What ``identify`` promises of one text."""

from __future__ import annotations

import socket
from typing import get_args

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.language import Backend, identify
from pipeline.language.backends import LID_TAGS
from pipeline.language.lid176 import lid176
from pipeline.language.scripts import _CODE_MARKS, _marks_of, looks_like_code, strip_addresses

BACKENDS: tuple[Backend, ...] = get_args(Backend)

SENTENCES = {
    "en": "The working group agreed on the next steps and thanked the host country for its support.",
    "zh-Hans": "各地区应当按照要求组织开展重点排放单位的数据质量管理工作。",
    "zh-Hant": "各地區應當按照要求組織開展重點排放單位的數據質量管理工作。",
    "ja": "この報告書では、再生可能エネルギーの導入状況について説明します。",
    "ko": "이번 회의에서는 온실가스 감축 목표를 논의하였다.",
    "de": "Die Arbeitsgruppe einigte sich auf die nächsten Schritte und dankte dem Gastgeberland.",
    "fr": "Le groupe de travail s'est mis d'accord sur les prochaines étapes de la négociation.",
    "es": "El grupo de trabajo acordó los próximos pasos y agradeció el apoyo del país anfitrión.",
    "pt": "O grupo de trabalho concordou com os próximos passos e agradeceu ao país anfitrião.",
    "ru": "Рабочая группа согласовала следующие шаги и поблагодарила принимающую страну.",
    "uk": "Робоча група погодила наступні кроки та подякувала країні, що приймає зустріч.",
    "ar": "اتفقت مجموعة العمل على الخطوات التالية وشكرت البلد المضيف على دعمه.",
    "fa": "گروه کاری درباره گام‌های بعدی به توافق رسید و از کشور میزبان تشکر کرد.",
    "hi": "कार्य समूह ने अगले कदमों पर सहमति व्यक्त की और मेज़बान देश को धन्यवाद दिया।",
    "el": "Η ομάδα εργασίας συμφώνησε για τα επόμενα βήματα.",
    "th": "คณะทำงานเห็นพ้องกันเกี่ยวกับขั้นตอนต่อไป",
    "he": "קבוצת העבודה הסכימה על הצעדים הבאים והודתה למדינה המארחת.",
    "vi": "Nhóm công tác đã thống nhất các bước tiếp theo và cảm ơn nước chủ nhà.",
}

NOT_LANGUAGE = (
    "2024-09-11 08:46",
    "010-62345678",
    "3.1415, 12%, ¥500",
    "https://example.org/en/about-the-organisation/history?lang=fr",
    "www.example.com.cn/zwgk/tongzhi.html",
    "contact.person@example-ministry.gov.cn",
    "→",
    "|",
    "·",
    "",
    "   ",
    "OK",
    "PDF 2.3MB",
    "A",
    "COP29",
    "UNFCCC",
    "const total = items.map((item) => item.price);",
    "for (int i = 0; i < n; i++) {",
    "docker run --rm -it --name test_container -p 8080:80",
    "</div>",
    "{{ page.title }}",
)


@pytest.mark.parametrize("lang", SENTENCES)
def test_a_sentence_is_known_by_its_language(lang: str) -> None:
    assert identify(SENTENCES[lang]).lang == lang


@pytest.mark.parametrize("lang", sorted(set(SENTENCES) - {"he"}))
def test_langdetect_behind_the_scripts_knows_the_same_sentences(lang: str) -> None:
    assert identify(SENTENCES[lang], backend="langdetect").lang == lang


@pytest.mark.parametrize("text", NOT_LANGUAGE)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_no_language_is_und(text: str, backend: Backend) -> None:
    assert identify(text, backend=backend).lang == "und"


@pytest.mark.parametrize(
    "text",
    [
        "碳市场 UNFCCC COP29 会议",
        "《联合国气候变化框架公约》（UNFCCC）秘书处执行秘书 Simon Stiell 致辞",
        "与 Microsoft 和 Google 签署协议",
        "使用 `git status` 查看状态",
        "更多资讯：https://example.org/a-long-english-address/of-many-words",
    ],
)
def test_english_names_do_not_flip_a_chinese_line(text: str) -> None:
    assert identify(text).lang == "zh-Hans"


def test_a_chinese_name_does_not_flip_an_english_line() -> None:
    assert identify("The minister, Liu Zhenmin (刘振民), met the delegation in Baku on Monday.").lang == "en"


@pytest.mark.parametrize("text", ["山水", "上海", "生日"])
def test_plain_zh_where_no_character_tells(text: str) -> None:
    assert identify(text).lang == "zh"


@pytest.mark.parametrize("text", ["検索", "駅前広場", "お知らせ", "カタログ", "東京都千代田区霞が関"])
def test_short_japanese_lines(text: str) -> None:
    assert identify(text).lang == "ja"


def test_one_kana_in_a_chinese_sign_is_not_japanese() -> None:
    assert identify("优の良品旗舰店").lang == "zh-Hans"


def test_a_shouted_line_has_the_language_of_a_spoken_one() -> None:
    assert identify(SENTENCES["de"].upper()).lang == "de"
    assert identify("WHAT YOU WILL LEARN HERE").lang == "en"


def test_line_breaks_do_not_matter() -> None:
    text = SENTENCES["fr"]
    assert identify(text.replace(" ", "\n")) == identify(text)


@pytest.mark.parametrize("text", ["Home page", "About us", "Terms of Use", "Read more", "I love this place."])
def test_short_english_lines(text: str) -> None:
    assert identify(text).lang in ("en", "und")


def test_greek_and_legal_semicolons_are_not_code() -> None:
    assert identify("Τι ώρα φεύγεις;").lang == "el"
    assert identify("recalling the decision adopted at its last session;").lang == "en"


@given(st.text(max_size=200), st.sampled_from(BACKENDS), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_any_text_has_an_answer_and_always_the_same(text: str, backend: Backend, seed: int) -> None:
    guess = identify(text, backend=backend, seed=seed)
    assert 0.0 <= guess.confidence <= 1.0
    assert guess.lang == "und" or guess.lang.replace("-", "").isalpha()
    assert identify(text + "", backend=backend, seed=seed) == guess


def test_langdetect_repeats_itself_whatever_was_asked_in_between() -> None:
    texts = ["Kontakt", "Menu principal", "Si no", "Tom er her i dag", "Da li je to ona?"]
    first = [identify(text, backend="langdetect", seed=7) for text in texts]
    for text in reversed(texts):
        identify(text + " x" * 60, backend="langdetect", seed=1)
    assert [identify(text + " ", backend="langdetect", seed=7).lang for text in texts] == [g.lang for g in first]


@given(st.text(alphabet="0123456789 .,:;%()/-+¥$€", max_size=80))
@settings(max_examples=60, deadline=None)
def test_numbers_are_und(text: str) -> None:
    assert identify(text).lang == "und"


@given(st.text(alphabet="的一是在不了有和人这", min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_han_only_text_is_chinese_or_japanese_never_korean(text: str) -> None:
    assert identify(text).lang in ("zh", "zh-Hans", "zh-Hant", "ja")


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    lid176.cache_clear()
    assert identify("Nothing here needs a network connection to be understood by anyone.").lang == "en"


def test_lone_surrogates_and_astral_characters_do_no_harm() -> None:
    assert identify("\ud800\udfff").lang in ("und", "zh")
    assert identify("𠮷野家").lang.startswith("zh")
    assert identify("😀😀😀").lang == "und"


def test_labels_of_the_model_are_mapped_to_bcp_47() -> None:
    assert LID_TAGS["als"] == "gsw"
    assert identify("مصر").lang != "arz"


@pytest.mark.parametrize("unit", ["x", "a ", "碳", "a.b@", "-a", "A-1 "])
def test_a_huge_text_costs_no_more_than_a_long_one(unit: str) -> None:
    assert linear(identify, repeated(unit), 800_000)


@pytest.mark.parametrize("bait", ["a_" * 50_000, "(" * 100_000, "a." * 50_000, "-a" * 50_000, "[-a|--b]" * 12_500])
def test_patterns_are_linear(bait: str) -> None:
    assert isinstance(strip_addresses(bait), str)
    assert isinstance(strip_addresses(f"{bait}@ # :/ www. x.cn"), str)  # every form is looked for
    every = _marks_of(tuple({sort for sort, _ in _CODE_MARKS}))
    assert sum(1 for _ in every.finditer(bait)) >= 0
    assert isinstance(looks_like_code(bait), bool)
