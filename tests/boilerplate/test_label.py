"""The decision: one a block, precedence as written, nothing lost that is prose."""

import re
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.label import THRESHOLDS, decide, page_threshold
from pipeline.boilerplate.model import MODEL_ID, score_blocks
from pipeline.text.prose import is_prose
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Label, Markup

PROSE = (
    "The ministry said on Monday that trading in the national carbon market would be extended to the cement "
    "and steel sectors, and that the first compliance period would end in December."
)
文 = "生态环境部周一表示，全国碳市场将扩大到水泥和钢铁行业，第一个履约期将于明年十二月结束，有关企业应当做好准备。"
RULE = Decision(Label.LEGAL, "rule:zh-icp-filing", 0.0)


def make(text: str, at: int = 0, **fields: object) -> Block:
    return Block(at, text, fields.pop("kind", BlockKind.PARAGRAPH), 0, len(text), **fields)  # type: ignore[arg-type]


def label(blocks: list[Block], scores: list[float], **given_: list[object]) -> tuple[Decision, ...]:
    none: list[None] = [None] * len(blocks)
    return decide(
        blocks,
        rule_decisions=given_.get("rules", none),  # type: ignore[arg-type]
        scores=scores,
        template_hits=given_.get("templates", none),  # type: ignore[arg-type]
    )


def kept(decisions: tuple[Decision, ...]) -> list[bool]:
    return [one.label in KEPT_LABELS for one in decisions]


def read(lines: list[str]) -> list[bool]:
    blocks = [make(line, at, n_breaks=1) for at, line in enumerate(lines)]
    return kept(label(blocks, score_blocks(blocks)))


cells = st.tuples(
    st.sampled_from([PROSE, 文, "Home", "首页 | 新闻", "关于开展核查工作的通知", "A headline of some words"]),
    st.sampled_from([None, RULE, Decision(Label.CONTENT, "rule:keep", 1.0)]),
    st.sampled_from([None, None, "template:example.org"]),
    st.floats(0, 1),
    st.sampled_from([None, Markup(("body", "div"), "x", 1, 4), Markup(("body", "nav"), "", 1, 9, "navigation")]),
    st.sampled_from(BlockKind),
)


@given(st.lists(cells, max_size=12))
@settings(max_examples=150, deadline=None)
def test_one_decision_a_block_and_precedence(rows: list[tuple]) -> None:  # type: ignore[type-arg]
    blocks = [make(row[0], at, markup=row[4], kind=row[5]) for at, row in enumerate(rows)]
    rules, hits, scores = [r[1] for r in rows], [r[2] for r in rows], [r[3] for r in rows]
    decisions = decide(blocks, rule_decisions=rules, scores=scores, template_hits=hits)
    assert len(decisions) == len(blocks)
    for one, rule, hit in zip(decisions, rules, hits, strict=True):
        if rule:
            assert one is rule
        elif hit:
            assert (one.label, one.decided_by) == (Label.TEMPLATE, hit)
        else:
            assert one.decided_by.startswith((MODEL_ID, "step:"))
    assert decisions == decide(blocks, rule_decisions=rules, scores=scores, template_hits=hits)
    free_prose = [
        is_prose(block) and not rule and not hit for block, rule, hit in zip(blocks, rules, hits, strict=True)
    ]
    if any(free_prose):
        assert any(kept(decisions))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 500)), max_size=20))
@settings(max_examples=100, deadline=None)
def test_threshold_stays_in_its_bounds(pairs: list[tuple[float, int]]) -> None:
    low, high = THRESHOLDS
    assert low <= page_threshold([score for score, _ in pairs], [size for _, size in pairs]) <= high


def test_sequences_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        decide([make(PROSE)], rule_decisions=[], scores=[0.5], template_hits=[None])


def test_a_rule_can_keep_what_the_template_and_the_model_would_drop() -> None:
    keep = Decision(Label.CONTENT, "rule:example-lead", 1.0)
    assert kept(label([make("x")], [0.0], rules=[keep], templates=["template:example.org"])) == [True]


def test_doubtful_page_keeps_its_likeliest_prose() -> None:
    assert kept(label([make("Home"), make(PROSE), make("Share")], [0.01, 0.05, 0.02]))[1]


def test_a_rule_that_keeps_a_line_does_not_cost_the_prose() -> None:
    keep = Decision(Label.CONTENT, "rule:example-lead", 1.0)
    assert kept(label([make("x"), make(PROSE)], [0.0, 0.01], rules=[keep, None])) == [True, True]


def test_short_notice_of_sentences_survives_low_scores() -> None:
    lines = ["通知", "今日停水。", "请大家做好准备。", "网站地图"]
    assert kept(label([make(line) for line in lines], [0.02] * 4)) == [False, True, True, False]


def test_heading_before_kept_prose_is_kept() -> None:
    def page(score: float) -> list[bool]:
        heading = make("背景", 1, kind=BlockKind.HEADING, level=3, markup=Markup(("body", "h3"), ""))
        body = [make(文, at, markup=Markup(("body", "p"), "")) for at in (0, 2)]
        return kept(label([body[0], heading, body[1]], [0.9, score, 0.9]))

    assert page(0.2) == [True, True, True]
    assert page(0.0) == [True, False, True]


def test_title_heading_is_kept_though_its_score_is_low() -> None:
    title = make("全国碳市场扩围", 1, kind=BlockKind.HEADING, level=1, markup=Markup(("body", "h1"), ""))
    menu = make("首页", 0, markup=Markup(("body", "nav", "a"), "nav", 1, 2, "navigation"))
    date = make("2024-09-11 08:46", 2, markup=Markup(("body", "p"), "meta"))
    body = make(文, 3, markup=Markup(("body", "p"), ""))
    decisions = label([menu, title, date, body], [0.01, 0.02, 0.01, 0.9])
    assert kept(decisions) == [False, True, False, True]
    assert decisions[1].decided_by == f"{MODEL_ID}/title"
    assert decisions[0].label is Label.NAVIGATION


def test_line_before_the_body_of_flattened_text_is_the_title() -> None:
    blocks = [make("Skip to main content"), make("National carbon market to cover cement"), make(PROSE)]
    assert kept(label(blocks, [0.01, 0.02, 0.9])) == [False, True, True]


def test_a_date_line_is_no_title() -> None:
    assert kept(label([make("来源：新华社 2024-09-11 08:46"), make(文)], [0.01, 0.9])) == [False, True]


def plain(*paragraphs: list[str]) -> list[Block]:
    """Paragraphs of lines, a blank line between them."""
    lines = [(line, int(at > 0 and not n)) for at, lines in enumerate(paragraphs) for n, line in enumerate(lines)]
    return [make(line, at, n_breaks=breaks) for at, (line, breaks) in enumerate(lines)]


@pytest.mark.parametrize(
    ("text", "last"), [(PROSE, "he counted the ferries at dawn"), (文, "生僻字䶮龘"), (PROSE, "smile 😀 end")]
)
@pytest.mark.parametrize("score", [0.13, 0.2, 0.35])
def test_a_short_last_line_goes_with_its_paragraph(text: str, last: str, score: float) -> None:
    blocks = plain([text], [text], [text, last])
    decisions = label(blocks, [0.98, 0.97, 0.98, score])
    assert kept(decisions) == [True] * 4
    assert decisions[3].decided_by == f"{MODEL_ID}/paragraph"


def test_a_last_line_that_stands_alone_or_is_chaff_beyond_doubt_goes() -> None:
    assert kept(label(plain([PROSE], [PROSE], [PROSE], ["to the top"]), [0.98, 0.97, 0.98, 0.3]))[3] is False
    assert kept(label(plain([PROSE], [PROSE], [PROSE, "to the top"]), [0.98, 0.97, 0.98, 0.02]))[3] is False
    assert kept(label(plain([文], [文], [文, "首页 | 新闻 | 关于"]), [0.98, 0.97, 0.98, 0.3]))[3] is False


def test_a_paragraph_goes_on_only_where_blank_lines_set_paragraphs_off() -> None:
    blocks = [make(line, at, n_breaks=0) for at, line in enumerate([PROSE, 文, PROSE, "to the top"])]
    assert kept(label(blocks, [0.98, 0.97, 0.98, 0.3])) == [True, True, True, False]


def test_hard_wrapped_paragraphs_are_kept_whole() -> None:
    wrapped = textwrap.wrap(PROSE, 40), [文[at : at + 20] for at in range(0, len(文), 20)]
    for lines in wrapped:
        blocks = plain(lines, lines, lines)
        scores = [0.9 if at % 2 else 0.3 for at in range(len(blocks))]
        assert all(kept(label(blocks, scores)))


def test_a_rule_has_its_say_inside_a_paragraph() -> None:
    blocks = plain([文], [文], [文, "京ICP备00000000号"])
    assert kept(label(blocks, [0.98, 0.97, 0.98, 0.5], rules=[None, None, None, RULE]))[3] is False


def without_ends(text: str, times: int) -> str:
    return re.sub(r"[，。,.]", "", text) * times


@pytest.mark.parametrize(
    "text",
    [
        without_ends("人们说那时候的天气很好而且也没有人再提起这件事于是他们在河边等到了第二年的春天", 500),
        without_ends(PROSE + " It was the end of the year and of the work, they said, and so on. ", 300),
    ],
)
def test_a_page_of_one_long_text_without_punctuation_is_kept(text: str) -> None:
    """Transcripts and old texts have none; a score made on pages with punctuation says little of them."""
    menu = make("首页", 0, markup=Markup(("body", "nav", "a"), "nav", 1, 2, "navigation"))
    body = make(text, 1, markup=Markup(("body", "p"), ""))
    decisions = label([menu, body], [0.01, 0.01])
    assert (kept(decisions), decisions[1].decided_by) == ([False, True], f"{MODEL_ID}/rescue")


@pytest.mark.parametrize(
    "text",
    [
        "北京天津河北山西辽宁吉林黑龙江上海江苏浙江安徽福建江西山东河南湖北湖南广东海南四川贵州云南陕西甘肃青海" * 9,
        "Buffet Tables Office Chairs Reading Lamps Kitchen Carts Garden Swings Wall Shelves Bar Stools " * 20,
        "哈" * 9_000,
        "deadBEEF0123/" * 900,
    ],
)
def test_lists_and_repetitions_are_no_prose(text: str) -> None:
    assert not is_prose(make(text))


def test_chaff_is_named_only_where_form_and_place_are_plain() -> None:
    nav = make("Home", markup=Markup(("body", "nav", "a"), "", 1, 4, "navigation"))
    foot = make("京ICP备00000000号", markup=Markup(("body", "footer", "p"), "", 0, 0, "contentinfo"))
    menu = make("首页 | 新闻 | 关于我们")
    odd = make("Updated")
    body = make(PROSE)
    labels = [one.label for one in label([nav, menu, body, odd, body, foot], [0.0, 0.0, 0.9, 0.0, 0.9, 0.0])]
    assert labels == [Label.NAVIGATION, Label.NAVIGATION, Label.CONTENT, Label.BOILERPLATE, Label.CONTENT,
                      Label.FOOTER]  # fmt: skip


def test_short_chinese_notice_survives_whole() -> None:
    notice = ["停水通知", "因管道检修，本小区将于六月三日上午九时至下午四时停水。", "请各位住户提前储水，不便之处敬请谅解。",
              "物业服务中心"]  # fmt: skip
    assert read(notice)[1:3] == [True, True]


def test_text_of_nothing_but_paragraphs_keeps_every_line() -> None:
    other = PROSE.replace("ministry", "agency").replace("Monday", "Friday")
    assert all(read([PROSE, other, PROSE.replace("cement", "glass"), other.replace("carbon", "power")]))
    assert all(read([文, 文.replace("水泥", "化工"), 文.replace("周一", "周五"), 文.replace("钢铁", "造纸")]))


def test_digest_keeps_its_headlines() -> None:
    lines = []
    for city, thing in (("Suzhou", "solar plants"), ("Harbin", "heat networks"), ("Wuhan", "the carbon exchange")):
        lines += [f"{city} issues a new plan for {thing}", PROSE.replace("The ministry", f"The city of {city}"),
                  f"Officials in {city} added that {thing} would be built before the end of the decade, and that "
                  "the money for it had been set aside in the budget of the province."]  # fmt: skip
    assert all(read(lines))


def test_menus_of_both_scripts_go_without_any_rule() -> None:
    lines = ["首页 | 新闻中心 | 政策法规 | 联系我们", "全国碳市场将扩大覆盖范围", 文, 文.replace("周一", "周二"),
             "版权所有 网站地图 隐私政策 京ICP备00000000号"]  # fmt: skip
    assert read(lines) == [False, True, True, True, False]


def test_linear_on_long_lines() -> None:
    bait = ["a|" * 50_000, "》" * 100_000, "1-" * 50_000, " ." * 50_000]
    assert len(read(bait)) == 4
