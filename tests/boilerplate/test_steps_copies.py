"""Text that a page says twice is kept once; text that is said again on purpose stays."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.label import decide
from pipeline.boilerplate.steps import later_copies, live_texts, noscript_copies
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Label, Markup, PageHead

HEAD = PageHead()
STORY = [
    "The ferry to the island leaves twice a day in summer and once in winter, when the weather lets it.",
    "Opening hours",
    "Tickets are sold at the pier from eight in the morning, and on board as long as there are seats left.",
    "Dogs travel free of charge if they are kept on a lead for the whole of the crossing.",
]
故事 = [
    "海湾轮渡夏季每天开两班，冬季每天开一班，遇到大风则停航，旅客可以在码头的布告栏查看当天的安排。",
    "开放时间",
    "船票早上八点起在码头出售，船上若还有空位，也可以上船以后再向船员补票，价钱和岸上一样。",
    "带狗的旅客不另收费，但全程必须牵好绳子，也不要让它坐在座位上，以免影响别的乘客。",
]
OTHER = ["A second leaflet tells of the lighthouse, which was built by hand in the years after the great storm."]
另 = ["另一张传单讲的是灯塔：大风暴以后的那几年，岛上的人用双手一块石头一块石头把它砌了起来。"]


def page(*lines: str, **fields: object) -> list[Block]:
    return [Block(at, line, BlockKind.PARAGRAPH, 0, len(line), **fields) for at, line in enumerate(lines)]  # type: ignore[arg-type]


def within(path: tuple[str, ...], *lines: str) -> list[Block]:
    return page(*lines, markup=Markup(path, ""))


def decided(blocks: list[Block], rules: list[Decision | None] | None = None) -> tuple[Decision, ...]:
    none: list[None] = [None] * len(blocks)
    return decide(blocks, rule_decisions=rules or none, scores=[0.9] * len(blocks), template_hits=none)


def kept(blocks: list[Block]) -> list[str]:
    return [block.text for block, one in zip(blocks, decided(blocks), strict=True) if one.label in KEPT_LABELS]


def test_what_a_page_says_twice_is_kept_once_where_it_stands_first() -> None:
    for story, other in ((STORY, OTHER), (故事, 另)):
        for lines in ([*story, *story], [*story, *other, *story], [*other, *story, *story, *other]):
            assert [text for text in kept(page(*lines)) if text in story] == story
        decisions = decided(page(*story, *other, *story))
        assert [(one.label, one.decided_by) for one in decisions[-4:]] == [(Label.BOILERPLATE, "step:copy")] * 4


def test_a_third_copy_goes_too() -> None:
    for story in (STORY, 故事):
        assert kept(page(*story, *story, *story)) == story


def test_what_a_rule_keeps_is_no_copy() -> None:
    keep = Decision(Label.CONTENT, "rule:example-keep", 1.0)
    rules: list[Decision | None] = [None] * 4 + [keep] * 4
    assert all(one.label is Label.CONTENT for one in decided(page(*STORY, *STORY), rules))


def test_a_refrain_stays() -> None:
    verse = ["He went down to the river on a Monday,", "he went down to the river in the rain,",
             "and the boatman said he would not sail on Monday,", "and the boatman would not sail again."]  # fmt: skip
    chorus = ["Row me over, row me over, boatman,", "row me over to the other side,",
              "for the one I love is waiting at the landing,", "and the river it is deep and it is wide."]  # fmt: skip
    second = [line.replace("Monday", "Tuesday").replace("rain", "wind") for line in verse]
    poem = [*verse, *chorus, *second, *chorus]
    assert kept(page(*poem)) == poem
    歌 = ["月亮爬上了东山坡", "渔船还在海上漂", "阿妈站在码头边", "一盏一盏数灯火"]
    副歌 = ["回来吧，回来吧", "我的船儿快回来", "风浪再大也不怕", "灯塔为你把路开"]
    诗 = [*歌, *副歌, *(line.replace("东", "西") for line in 歌), *副歌]
    assert kept(page(*诗)) == 诗


def test_a_law_that_repeats_a_sentence_stays_whole() -> None:
    for clause, penalty in (
        ("Article {}. Whoever runs vessel number {} without a licence breaks this part of the harbour law.",
         "The harbour office shall order the offender to mend this within thirty days and may impose a fine."),
        ("第{}条　违反本法规定，无证驾驶第{}号船舶的，由港口主管部门依照下列规定处理。",
         "由港口主管部门责令限期改正，给予警告；逾期不改正的，处一万元以上五万元以下的罚款。"),
    ):  # fmt: skip
        law = [line for number in range(1, 6) for line in (clause.format(number, number), penalty)]
        assert kept(page(*law)) == law


def test_a_post_that_is_quoted_in_an_answer_stays_with_the_answer() -> None:
    for post, answer in (
        (STORY[0], "That was so last year; since May there are three ferries, and the last of them leaves at nine."),
        (故事[0], "那是去年的安排了，今年五月起改成一天三班，最后一班晚上九点才开，大家可以放心去玩。"),
    ):
        thread = [*page(post), *page(post)]
        assert kept([*thread, *page(answer)]) == [post, post, answer]


def test_an_answer_stays_though_the_long_post_that_it_quotes_whole_is_said_once() -> None:
    for story, answer in ((STORY, OTHER[0]), (故事, 另[0])):
        assert kept(page(*story, *story, answer)) == [*story, answer]


def test_lines_in_another_order_are_no_copy() -> None:
    for story in (STORY, 故事):
        assert kept(page(*story, *reversed(story))) == [*story, *reversed(story)]


def test_rows_of_a_form_or_menu_that_come_again_are_left_to_the_model() -> None:
    for rows in (["Size", "Colour", "Price", "In stock"] * 12, ["尺寸", "颜色", "价格", "有货"] * 12):
        assert kept(page(*rows)) == rows


def test_of_a_noscript_copy_the_live_one_is_kept() -> None:
    """Also where the copy stands first, and where the model would have kept the copy alone."""
    for story in (STORY, 故事):
        live = within(("html", "body", "main", "p"), *story)
        copy = within(("html", "body", "noscript", "p"), *story)
        for blocks in ([*live, *copy], [*copy, *live]):
            is_live = [block in live for block in blocks]
            for scores in ([0.9] * 8, [0.05 if one else 0.9 for one in is_live]):
                decisions = decide(blocks, rule_decisions=[None] * 8, scores=scores, template_hits=[None] * 8)
                assert [one.label is Label.CONTENT for one in decisions] == is_live
                assert {one.decided_by for one, here in zip(decisions, is_live, strict=True) if not here} <= {
                    "step:noscript-copy"
                }


def test_noscript_text_that_is_nowhere_else_stays() -> None:
    for story, other in ((STORY, OTHER), (故事, 另)):
        blocks = [*within(("body", "p"), *other), *within(("body", "noscript", "p"), *story)]
        assert kept(blocks) == [*other, *story]
        assert live_texts(blocks, [True] * 5, HEAD) == noscript_copies(blocks, [True] * 5, HEAD) == []


lines = st.lists(st.sampled_from([*STORY, *故事, *OTHER, *另, "Menu", "首页"]), max_size=30)


@given(lines)
@settings(max_examples=150, deadline=None)
def test_every_text_that_was_kept_is_kept_still(texts: list[str]) -> None:
    blocks = page(*texts)
    gone = set(later_copies(blocks, [True] * len(blocks), HEAD))
    assert {text for at, text in enumerate(texts) if at not in gone} == set(texts)


@given(st.lists(st.sampled_from([*STORY, *故事, *OTHER, *另]), unique=True, max_size=10))
def test_nothing_goes_where_nothing_repeats(texts: list[str]) -> None:
    assert later_copies(page(*texts), [True] * len(texts), HEAD) == []


@given(st.permutations([*STORY, *故事, *OTHER, *另]), st.integers(5, 10))
@settings(max_examples=60, deadline=None)
def test_twice_is_once(texts: list[str], n: int) -> None:
    said = texts[:n]
    twice = page(*said, *said)
    gone = later_copies(twice, [True] * len(twice), HEAD)
    assert gone == list(range(len(said), 2 * len(said)))


def test_linear_on_pages_of_one_line() -> None:
    blocks = page(*[STORY[0]] * 20_000)
    assert len(kept(blocks)) == 20_000
