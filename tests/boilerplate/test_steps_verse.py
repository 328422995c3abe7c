"""The lines of a poem are kept together; a menu beside prose is no poem."""

import pytest

from pipeline.boilerplate.steps import verse
from pipeline.types import Block, BlockKind, PageHead

ZH = "雪落在瓦上\n瓦在梦里\n谁把门轻轻推开\n\n灯落在雪上\n人在灯里\n谁把名字写在窗台"
HANT = "雪落在瓦上\n瓦在夢裡\n誰把門輕輕推開\n\n燈落在雪上\n人在燈裡\n誰把名字寫在窗台"
EN = "Snow on the slates\nand slates in a dream\nwho is it opens the door\n\nLight on the snow\nand a man in the light\nwho is it writes on the pane"


def lines(text: str) -> list[Block]:
    blocks: list[Block] = []
    gap = 0
    for line in text.split("\n"):
        if line:
            blocks.append(Block(len(blocks), line, BlockKind.PARAGRAPH, 0, len(line), 0, gap))
        gap = 0 if line else 1
    return blocks


@pytest.mark.parametrize("poem", [ZH, HANT, EN])
def test_stanzas_of_the_form_of_a_kept_one_are_kept(poem: str) -> None:
    assert list(verse(lines(poem), [True] * 3 + [False] * 3, PageHead())) == [3, 4, 5]


@pytest.mark.parametrize("poem", [ZH, EN])
def test_without_a_stanza_kept_in_good_part_nothing_is_taken(poem: str) -> None:
    assert not verse(lines(poem), [True, False, False, False, False, False], PageHead())


@pytest.mark.parametrize("poem", [ZH, HANT, EN])
def test_a_stanza_kept_in_good_part_is_kept_whole_with_the_title_over_it(poem: str) -> None:
    one = lines("夜雪\n\n" + poem.split("\n\n")[0])
    assert sorted(verse(one, [False, True, True, False], PageHead())) == [0, 3]


def test_beside_prose_short_lines_are_a_menu() -> None:
    prose = "\n\n县里的气象站搬到了山坡上，站里的老周每天早晚各记一次数，三十年来从没有漏过一天，本子摞起来有一人高。"
    assert not verse(lines(ZH + prose), [True] * 3 + [False] * 3 + [True], PageHead())


def test_groups_of_another_form_are_not_taken() -> None:
    blocks = lines(ZH.split("\n\n")[0] + "\n\n首页\n新闻\n生活\n论坛\n图片\n视频")
    assert not verse(blocks, [True] * 3 + [False] * 6, PageHead())
