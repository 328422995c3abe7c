"""What the cheap confirmation of a page's language promises: it never takes a line of another one along."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.language import Backend, tag_blocks
from pipeline.language.backends import LATIN, PROFILES, log_likelihoods, margins
from pipeline.language.reading import CONFIRMED, confirmed, running_words
from pipeline.types import Block, BlockKind, Decision, Label

ENGLISH = (
    "About the secretariat",
    "Latest news and events",
    "Reports and publications",
    "Frequently asked questions",
    "Subscribe to our newsletter",
    "The plenary adopted the decision and thanked all delegations for their constructive work.",
    "Each party shall communicate its contribution every five years.",
    "Terms of use and privacy policy",
)
FOREIGN = {
    "de": "Die Versammlung nahm den Beschluss an und dankte allen Delegationen für ihre Arbeit.",
    "fr": "Le groupe de travail s'est mis d'accord sur les prochaines étapes de la négociation.",
    "zh-Hans": "全体会议通过了该决定，并对各代表团的建设性工作表示感谢。",
    "zh-Hant": "全體會議通過了該決定，並對各代表團的建設性工作表示感謝。",
    "ja": "全体会議はこの決定を採択し、各代表団の建設的な取り組みに感謝しました。",
    "ru": "Рабочая группа согласовала следующие шаги и поблагодарила принимающую страну.",
}
BACKENDS: tuple[Backend, ...] = get_args(Backend)


def tags(texts: list[str], label: Label, backend: Backend = "lid176") -> list[str]:
    blocks = [Block(i, text, BlockKind.PARAGRAPH, 0, len(text)) for i, text in enumerate(texts)]
    guesses = tag_blocks(blocks, [Decision(label, "test", 0.5)] * len(blocks), backend=backend)
    return [guess.lang for guess in guesses]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("label", [Label.CONTENT, Label.NAVIGATION])
@pytest.mark.parametrize("lang", sorted(FOREIGN))
@given(place=st.integers(0, len(ENGLISH)))
@settings(max_examples=3, deadline=None)
def test_one_foreign_line_among_many_keeps_its_language(lang: str, label: Label, backend: Backend, place: int) -> None:
    lines = [*ENGLISH[:place], FOREIGN[lang], *ENGLISH[place:]]
    found = tags(lines, label, backend)
    assert found.pop(place) == lang
    assert set(found) == {"en"}


@pytest.mark.parametrize(
    "line", ["Kontakt und Anfahrt", "Datenschutzerklärung", "Mentions légales", "网站地图", "서울"]
)
def test_a_short_foreign_line_in_a_menu_is_not_taken_along(line: str) -> None:
    assert tags([*ENGLISH[:4], line, *ENGLISH[4:]], Label.NAVIGATION)[4] != "en"


@pytest.mark.parametrize(
    "line", ["2024-11-22", "PDF", "const total = items.map((item) => item.price);", "a@example.org"]
)
def test_what_is_no_language_stays_und_on_a_page_of_one(line: str) -> None:
    assert tags([*ENGLISH[:4], line, *ENGLISH[4:]], Label.CONTENT)[4] == "und"


def test_short_names_between_lines_take_the_language_of_the_page() -> None:
    lines = [*ENGLISH, "Log in", "Simon Stiell", "Home", "Media centre"]
    assert set(tags(lines, Label.NAVIGATION)) == {"en"}


@given(st.lists(st.text(alphabet="abcdeéñüß THEnd,.中я", max_size=80), min_size=1, max_size=6), st.sampled_from(LATIN))
@settings(max_examples=60, deadline=None)
def test_margins_of_texts_together_are_those_of_each(texts: list[str], lang: str) -> None:
    each = [margins([text], lang)[0] for text in texts]
    assert all(math.isclose(one, other, abs_tol=0.01) for one, other in zip(margins(texts, lang), each, strict=True))


@pytest.mark.parametrize("text", [ENGLISH[0], "Über uns und unsere Arbeit", "Mentions légales"])
def test_a_margin_is_the_distance_to_the_likeliest_other_language(text: str) -> None:
    known = dict(zip(PROFILES, log_likelihoods([text])[0], strict=True))
    for lang in CONFIRMED:
        others = max(value for name, value in known.items() if name != lang)
        assert margins([text], lang)[0] == pytest.approx(known[lang] - others, abs=0.05)


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_running_words_are_never_of_another_script(text: str) -> None:
    words = running_words([text])[0]
    assert not words or not any("\u0370" <= char <= "\u1dff" or "\u3040" <= char <= "\ud7ff" for char in words)


def test_every_text_has_an_answer() -> None:
    assert confirmed([], "en", "lid176", 0) == []
    assert confirmed(["zzzz", "1234"], "en", "lid176", 0) == [False, False]
