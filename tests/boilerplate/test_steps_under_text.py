"""Comments and the next text under an article go; forums, questions, digests and front pages stay whole."""

import pytest

from pipeline.boilerplate.label import decide
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Label, Markup, PageHead

BODY = (
    "The harbour office has bought two electric ferries, which will sail between the pier and the island from May, and "
    "it says that the crossing will take twenty minutes, five fewer than now, while the price of a ticket stays as it "
    "is until the end of next year. The old ferries, built forty years ago, are to be sold to a museum that keeps ships "
    "of every age in the dock behind the station, where children may climb on board on Sundays and sound the horn."
)
正文 = (
    "海湾港务处买了两条电动渡船，五月起在码头和小岛之间航行。港务处说，单程二十分钟，比现在快五分钟，票价到明年年底"
    "都不会变。开了四十年的旧渡船将卖给车站后面的船舶博物馆，孩子们星期天可以上船参观，还可以拉一拉汽笛。新船充一次电"
    "能跑十个来回，夜里在码头充电，冬天也照常开。"
)
COMMENTS = ["Nora 3 days ago", "I hope that they keep the old horn, which one hears as far as the lighthouse.", "Reply",
            "Piet 2 days ago", "Twenty minutes is still slow, and the bridge would have cost hardly more.", "Reply"]  # fmt: skip
评论 = ["阿海 3天前", "希望旧汽笛能留下来，在灯塔那边都听得见。", "回复",
      "小船 2天前", "二十分钟还是慢，修桥也贵不了多少，大家说呢。", "回复"]  # fmt: skip
ARTICLE = PageHead(title="Electric ferries for the harbour", meta=(("og:type", "article"),))


def block(text: str, classes: str = "", kind: BlockKind = BlockKind.PARAGRAPH, level: int = 0) -> Block:
    tag = f"h{level}" if level else "p"
    return Block(0, text, kind, 0, len(text), level=level, markup=Markup(("html", "body", tag), classes))


def heading(text: str, level: int = 1, classes: str = "title") -> Block:
    return block(text, classes, BlockKind.HEADING, level)


def decided(blocks: list[Block], head: PageHead, rules: list[Decision | None] | None = None) -> tuple[Decision, ...]:
    none: list[None] = [None] * len(blocks)
    return decide(blocks, rule_decisions=rules or none, scores=[0.9] * len(blocks), template_hits=none, head=head)


def n_kept(blocks: list[Block], head: PageHead) -> int:
    return sum(one.label in KEPT_LABELS for one in decided(blocks, head))


def commented(body: str, said: list[str], classes: str = "page comments") -> list[Block]:
    return [block(body), *(block(text, classes) for text in said)]


@pytest.mark.parametrize("classes", ["page comments", "post-comment_list", "cmt", "wp respond"])
@pytest.mark.parametrize(("body", "said"), [(BODY, COMMENTS), (正文, 评论)])
def test_comments_under_an_article_go(body: str, said: list[str], classes: str) -> None:
    decisions = decided(commented(body, said, classes), ARTICLE)
    assert decisions[0].label is Label.CONTENT
    assert {(one.label, one.decided_by) for one in decisions[1:]} == {(Label.COMMENTS, "step:comments")}


@pytest.mark.parametrize(
    "head",
    [
        PageHead(title="电动渡船_海湾论坛"),
        PageHead(title="Electric ferries - Harbour Community"),
        PageHead(title="Ferries", json_ld=('{"@type": "DiscussionForumPosting"}',)),
        PageHead(title="Ferries", json_ld=('{"@type": "QAPage", "mainEntity": {}}',)),
        PageHead(title="Ferries", meta=(("generator", "Discourse 3.2"),)),
        PageHead(title="Ferries", canonical="https://bbs.harbour.example/t/1"),
        PageHead(title="Ferries", meta=(("og:url", "https://forum.harbour.example/t/1"),)),
    ],
)
@pytest.mark.parametrize(("body", "said"), [(BODY, COMMENTS), (正文, 评论)])
def test_a_page_that_says_it_is_a_forum_or_answers_a_question_keeps_its_comments(
    head: PageHead, body: str, said: list[str]
) -> None:
    assert n_kept(commented(body, said), head) == 7


@pytest.mark.parametrize("mark", ["楼主", "最佳答案", "Thread starter", "Joined: May 2019"])
def test_a_line_that_only_forums_have_is_enough(mark: str) -> None:
    assert n_kept([*commented(正文, 评论), block(mark)], ARTICLE) == 8


def test_comments_under_answers_stay() -> None:
    assert n_kept([*commented(BODY, COMMENTS), block(BODY, "answer post-text")], PageHead(title="Ferries?")) == 8


@pytest.mark.parametrize(("body", "said"), [(BODY, COMMENTS), (正文, 评论)])
def test_a_page_whose_content_is_the_comments_keeps_them(body: str, said: list[str]) -> None:
    assert n_kept(commented(body[:60], said), ARTICLE) == 7, "a teaser is no article"
    assert n_kept(commented(body, said * 12), PageHead(title="Ferries")) == 73, "a long talk over a short text"


def test_a_box_with_a_comment_of_the_editors_stays() -> None:
    """Nobody replies to it."""
    for body, text in ((BODY, "The office told us that the horn stays."), (正文, "港务处回电：汽笛保留。")):
        assert n_kept([block(body), block(text, "editors-comment")], ARTICLE) == 2


def test_a_rule_that_keeps_a_comment_keeps_it() -> None:
    keep = Decision(Label.CONTENT, "rule:example-keep", 1.0)
    blocks = commented(BODY, COMMENTS)
    decisions = decided(blocks, ARTICLE, [None, keep, *[None] * 5])
    assert [one.label in KEPT_LABELS for one in decisions] == [True, True, *[False] * 5]


def story(title: str, date: str, body: str, level: int = 1) -> list[Block]:
    return [heading(title, level), block(date), block(body)]


TWO = (
    (story("Electric ferries for the harbour", "May 3, 2024", BODY),
     story("The lighthouse gets a new lamp", "May 2, 2024", BODY[::-1]), "Electric ferries for the harbour | The Tide"),
    (story("海湾添了两条电动渡船", "2024-05-03 08:00", 正文),
     story("灯塔换上了新灯泡", "2024-05-02 09:30", 正文[::-1]), "海湾添了两条电动渡船_海湾网"),
)  # fmt: skip


@pytest.mark.parametrize(("first", "second", "title"), TWO)
def test_of_a_page_that_goes_on_with_the_next_article_the_first_is_kept(
    first: list[Block], second: list[Block], title: str
) -> None:
    decisions = decided([*first, *second], PageHead(title=title))
    assert all(one.label in KEPT_LABELS for one in decisions[:3])
    assert {(one.label, one.decided_by) for one in decisions[3:]} == {(Label.RELATED, "step:next-text")}


@pytest.mark.parametrize(("first", "second", "title"), TWO)
def test_front_pages_and_digests_stay_whole(first: list[Block], second: list[Block], title: str) -> None:
    """Their own title is the page's, and their stories stand a level lower."""
    blog = [*first, *second]
    assert n_kept(blog, PageHead(title="The Tide: a diary of the harbour 潮水日记")) == 6
    assert n_kept(blog, PageHead()) == 6
    stories = [heading(one.text, 2) if one.level else one for one in blog]
    week = [heading("This week at the harbour 本周港口"), block("May 4, 2024")]
    assert n_kept([*week, *stories], PageHead(title="This week at the harbour 本周港口")) == 8


@pytest.mark.parametrize(("first", "second", "title"), TWO)
def test_chapters_of_one_text_stay(first: list[Block], second: list[Block], title: str) -> None:
    """They have no date of their own, or another form than the title."""
    assert n_kept([*first, second[0], second[2]], PageHead(title=title)) == 5
    assert n_kept([*first, heading(second[0].text, 2), *second[1:]], PageHead(title=title)) == 6
    assert n_kept([*first, heading(second[0].text, 1, "part"), *second[1:]], PageHead(title=title)) == 6


@pytest.mark.parametrize("canonical", ["http://[::1", "https://" + "a" * 100_000, "//", "\x00"])
def test_any_address_will_do(canonical: str) -> None:
    assert n_kept(commented(BODY, COMMENTS), PageHead(title="Ferries", canonical=canonical)) == 1


def test_linear_on_long_lines() -> None:
    bait = ["1" * 100_000, "jan" * 50_000, " " * 100_000 + "回复", "-" * 100_000]
    head = PageHead(title="年" * 100_000, json_ld=('"Article' * 20_000,))
    assert len(decided([block(BODY), *(block(text, "comments " * 9_000) for text in bait)], head)) == 5
