"""Where the body of a page is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate.rules import Zone, prose_tokens, zones
from pipeline.types import Block, BlockKind, Markup

ZH = "专家组用两个小时听取了各地的汇报，代表们围绕监测方法和数据质量进行了讨论，并就下一步的安排交换了看法。"
EN = "The experts spent two hours on the reports of the regions, and the delegates then talked about how they had measured."
H, B, T = Zone.HEAD, Zone.BODY, Zone.TAIL


def page(*lines: str) -> list[Block]:
    return [Block(i, line, BlockKind.PARAGRAPH, 0, len(line)) for i, line in enumerate(lines)]


def test_the_body_runs_from_the_first_to_the_last_paragraph() -> None:
    assert zones(page("首页", ZH, "小标题", EN, "版权")) == (H, B, B, B, T)


def test_a_table_inside_does_not_break_the_body() -> None:
    assert zones(page(ZH, ZH, *["表格"] * 20, ZH, ZH)) == (B,) * 24


def test_a_teaser_far_below_is_not_the_body() -> None:
    assert zones(page(ZH, ZH, *["链接"] * 40, ZH))[2:] == (T,) * 41


def test_doubtful_blocks_do_not_stretch_the_body() -> None:
    assert zones(page(ZH, "相关", ZH), doubtful={2}) == (B, T, T)


def test_a_page_without_prose_is_head_and_tail_in_halves() -> None:
    assert zones(page("a", "b", "c")) == (H, H, T)
    assert zones(page("a")) == (H,)
    assert zones(()) == ()


def test_prose_is_long_has_a_sentence_and_is_no_link() -> None:
    assert prose_tokens(page(ZH)[0]) >= 40
    assert prose_tokens(page("准时参加。")[0]) == 0
    assert prose_tokens(page(ZH.replace("。", ""))[0]) == 0
    link = Block(0, EN, BlockKind.PARAGRAPH, 0, 0, markup=Markup(("a",), "", 1, len(EN)))
    assert prose_tokens(link) == 0


@given(st.lists(st.sampled_from(["", ZH, EN, "短", "x. y"]).map(lambda text: text or "|"), max_size=30), st.data())
def test_zones_are_one_a_block_and_in_order(lines: list[str], data: st.DataObject) -> None:
    doubtful = data.draw(st.sets(st.integers(0, 30)))
    found = zones(page(*lines), doubtful=doubtful)
    assert len(found) == len(lines)
    assert list(found) == sorted(found, key=[H, B, T].index)
