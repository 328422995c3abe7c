"""A page of numbered chapters is its table of contents; every other list of links is a menu."""

import pytest

from pipeline.boilerplate.label import decide
from pipeline.boilerplate.steps import CHAPTERS, chapters
from pipeline.types import Block, BlockKind, Decision, Label, Markup

NONE: list[None] = [None] * 100


def links(lines: list[str]) -> list[Block]:
    return [
        Block(at, line, BlockKind.LIST_ITEM, 0, len(line), markup=Markup(("body", "ul", "li", "a"), "list", 1, len(line)))
        for at, line in enumerate(lines)
    ]  # fmt: skip


def paragraph(text: str) -> Block:
    return Block(0, text, BlockKind.PARAGRAPH, 0, len(text), markup=Markup(("body", "p"), ""))


def decided(blocks: list[Block], scores: list[float], rule: Decision | None = None) -> tuple[Decision, ...]:
    n = len(blocks)
    return decide(blocks, rule_decisions=[rule, *NONE[: n - 1]], scores=scores, template_hits=NONE[:n])


@pytest.mark.parametrize("form", ["第{}章 潮水又涨了", "Chapter {}: the tide comes in", "{}. The tide comes in again"])
def test_chapters_are_content_where_there_is_little_else(form: str) -> None:
    blocks = [paragraph("灯塔与潮水"), *links([form.format(number) for number in range(1, 41)])]
    decisions = decided(blocks, [0.2] + [0.01] * 40)
    assert {(one.label, one.decided_by) for one in decisions[1:]} == {(Label.CONTENT, "step:chapters")}


@pytest.mark.parametrize("form", ["第{}章 潮水又涨了", "Chapter {}: the tide comes in"])
def test_chapters_beside_a_text_are_a_menu(form: str) -> None:
    text = "潮水退下去以后，码头上的人开始数船。" * 30
    blocks = [paragraph(text), *links([form.format(number) for number in range(1, 41)])]
    assert all(one.label is not Label.CONTENT for one in decided(blocks, [0.9] + [0.01] * 40)[1:])


def test_a_list_of_links_without_numbers_or_a_short_one_is_a_menu() -> None:
    for lines in ([f"海湾新闻第{'甲乙丙丁'[at % 4]}组" for at in range(40)], [f"Port of {at} ships" for at in range(40)],
                  [f"第{at}章 潮水" for at in range(CHAPTERS - 1)]):  # fmt: skip
        assert chapters(links(lines), [False] * len(lines), None) == []  # type: ignore[arg-type]


def test_a_rule_has_its_say_over_a_chapter() -> None:
    rule = Decision(Label.NAVIGATION, "rule:example-menu", 0.0)
    blocks = links([f"第{number}章 潮水又涨了" for number in range(1, 41)])
    decisions = decided(blocks, [0.01] * 40, rule)
    assert decisions[0] is rule
    assert {one.decided_by for one in decisions[1:]} == {"step:chapters"}
