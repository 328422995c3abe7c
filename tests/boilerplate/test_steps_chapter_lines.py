"""Lines of a chapter that a novel site's own lines stand around are told too; what is under other pages is not."""

import pytest

from pipeline.boilerplate.steps import chapter_lines
from pipeline.types import Block, BlockKind, Markup, PageHead


def lines(*texts: str, place: str | None = None) -> list[Block]:
    markup = Markup(("body", "div"), place) if place else None
    return [Block(at, text, BlockKind.PARAGRAPH, 0, len(text), markup=markup) for at, text in enumerate(texts)]


NOVEL = ("第九章 夜渡", "船家把灯挂在桅杆上。", "求推荐票", "“还有多远？”", "上一章 下一章")
ENGLISH = ("Chapter 9: By Night", "The boatman hung up his lamp.", "Vote here", '"How far?"', "Prev Next")


@pytest.mark.parametrize("texts", [NOVEL, ENGLISH])
@pytest.mark.parametrize("place", [None, "content"])
def test_a_line_after_a_site_s_line_is_told(texts: tuple[str, ...], place: str | None) -> None:
    assert chapter_lines(lines(*texts, place=place), [True, True, False, False, False], PageHead()) == [3]


def test_the_heading_is_kept_too() -> None:
    assert chapter_lines(lines(*NOVEL), [False, True, False, False, False], PageHead()) == [0, 3]


def test_other_pages_are_left_alone() -> None:
    assert chapter_lines(lines("夜渡", *NOVEL[1:]), [True, True, False, False, False], PageHead()) == []


def test_another_place_is_another_matter() -> None:
    blocks = [*lines(*NOVEL[:3], place="content"), *lines("本站不对内容负责。", place="footer")]
    assert chapter_lines(blocks, [True, True, False, False], PageHead()) == []


def test_nothing_told_nothing_found() -> None:
    assert chapter_lines(lines(*NOVEL), [False] * 5, PageHead()) == []
