"""Sections: every content block in one section, digests cut at their headlines, articles left whole."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metadata import find_metadata
from pipeline.metadata.site import site_of
from pipeline.sections import split_sections
from pipeline.sections.events import conference_year, is_truncated
from pipeline.types import Block, BlockKind, Decision, DocumentKind, Extracted, Label, Metadata, Record

RAW = Path(__file__).parents[2] / "raw"
CONTENT = Decision(Label.CONTENT, "test", 1.0)

STORIES = (
    ("Ministry issues plan for carbon peaking in cement", "On November 7, the ministry issued a plan for the cement industry. "
     "Clinker is to use three percent less energy.", "The plan asks kilns to burn less coal and more waste."),
    ("Schools are to teach low-carbon living from next year", "On November 8, the education department told schools to teach "
     "pupils about saving power.", "Textbooks follow in spring, teachers will be trained before."),
    ("Suzhou opens a market for small solar panels", "On November 16, the industrial park in Suzhou opened a platform where "
     "owners of rooftop panels sell reductions.", "Fifteen owners have joined so far."),
    ("Climate summit agrees on a fund for losses", "On November 20, negotiators in Egypt ended COP27 with a fund for loss and "
     "damage after thirty-six hours of overtime.", "Delegates from islands called it historic."),
)  # fmt: skip
ZH_STORIES = (
    ("四部门联合印发建材行业碳达峰实施方案", "11月7日，工业和信息化部等四部门联合印发建材行业碳达峰实施方案（联原〔2022〕149号）。",
     "水泥熟料单位产品综合能耗将进一步下降。"),
    ("教育部部署绿色低碳发展国民教育体系建设", "11月8日，教育部发布通知，要求大中小学普及低碳生活理念。", "教材修订工作将于明年春季启动。"),
    ("苏州上线全国首个市场化碳普惠体系", "11月16日，苏州工业园区碳普惠平台正式启动，屋顶光伏业主可出售减排量。", "目前已有十五家业主加入。"),
    ("气候大会达成损失与损害基金协议", "11月20日，沙姆沙伊赫的谈判在加时三十六小时后落幕。", "岛国代表称之为历史性突破。"),
)  # fmt: skip
GUIDE = (
    "How to install the meter at home",
    "The meter counts the power that your home draws from the grid. This guide shows how to install the meter and read it.",
    "1. Prepare the meter",
    "Take the meter out of its box and check that the meter fits the board in your home. Switch off the power first.",
    "2. Install the meter",
    "Fix the meter to the board, then connect the power cables of your home to the meter. You need a small screwdriver.",
    "3. Read the meter",
    "When the meter is installed, switch on the power. The meter shows the power your home draws from the grid.",
    "Conclusion",
    "You have learned how to install the meter at home and how to read the power that the meter counts.",
)


def blocks_of(*lines, kinds=None):
    kinds = kinds or {}
    return tuple(
        Block(i, line, BlockKind.HEADING if i in kinds else BlockKind.PARAGRAPH, 0, len(line), level=kinds.get(i, 0))
        for i, line in enumerate(lines)
    )


def split(*lines, metadata=None, kinds=None, labels=None):
    blocks = blocks_of(*lines, kinds=kinds)
    decisions = [Decision((labels or {}).get(i, Label.CONTENT), "test", 1.0) for i in range(len(lines))]
    if metadata is None:
        metadata = find_metadata(Extracted(blocks), decisions, record=Record("a", None, b"", "text/plain"), site=None)
    return split_sections(blocks, decisions, metadata)


def lines_of(stories):
    return [line for story in stories for line in story]


# -- digests


@pytest.mark.parametrize("stories", [STORIES, ZH_STORIES])
def test_a_news_digest_is_cut_at_its_headlines(stories):
    found = split(*lines_of(stories))
    assert found.kind is DocumentKind.DIGEST
    assert [section.title for section in found.sections] == [story[0] for story in stories]
    assert [section.ordinals for section in found.sections] == [(1, 2), (4, 5), (7, 8), (10, 11)]
    assert (found.title, found.title_ordinal) == (None, None)


@pytest.mark.parametrize("stories", [STORIES, ZH_STORIES])
def test_the_years_of_datelines_come_from_the_document(stories):
    found = split(*lines_of(stories))
    days = [section.event_date for section in found.sections]
    assert days == [date(2022, 11, 7), date(2022, 11, 8), date(2022, 11, 16), date(2022, 11, 20)]
    assert found.sections[0].event_date_source in {"November 7", "11月7日"}


def test_what_stands_before_the_first_headline_is_a_section_without_a_title():
    intro = "Here is what happened in November, story by story, with the day of each of them."
    found = split(intro, *lines_of(STORIES))
    assert (found.sections[0].title, found.sections[0].ordinals) == (None, (0,))
    assert len(found.sections) == 5


def test_the_title_of_a_digest_above_its_stories_is_the_documents():
    found = split("Carbon Weekly News Digest, Issue #12", *lines_of(STORIES))
    assert found.kind is DocumentKind.DIGEST
    assert (found.title, found.title_ordinal) == ("Carbon Weekly News Digest, Issue #12", 0)
    assert [section.title for section in found.sections] == [story[0] for story in STORIES]


def test_with_markup_stories_are_the_level_that_has_bodies():
    lines = ["碳市场周报", *lines_of(ZH_STORIES)]
    kinds = {0: 1} | {1 + 3 * i: 2 for i in range(4)}
    found = split(*lines, kinds=kinds)
    assert found.kind is DocumentKind.DIGEST
    assert found.title == "碳市场周报"
    assert [section.title_ordinal for section in found.sections] == [1, 4, 7, 10]


def test_a_page_title_that_is_no_headline_stays_the_digests():
    found = split(*lines_of(STORIES), metadata=Metadata(title="November in brief"))
    assert (found.title, found.title_ordinal) == ("November in brief", None)


# -- single documents


def test_an_article_with_subheadings_stays_whole():
    found = split(*GUIDE)
    assert found.kind is DocumentKind.ARTICLE
    assert len(found.sections) == 1
    assert found.sections[0].ordinals == tuple(range(1, len(GUIDE)))
    assert found.sections[0].title == found.title == GUIDE[0]


def test_a_chinese_article_with_numbered_subheadings_stays_whole():
    body = "绿色建材认证工作是推动绿色建材发展的重要抓手，要完善绿色建材认证制度，扩大绿色建材应用范围。"
    lines = ["关于推进绿色建材认证工作的实施意见"]
    for heading in ("一、总体要求", "二、完善绿色建材认证制度", "三、扩大绿色建材应用", "四、保障措施"):
        lines += [heading, body]
    assert split(*lines).kind is DocumentKind.ARTICLE


def test_a_short_document_is_a_notice_and_a_list_of_links_a_listing():
    assert split("停电通知", "因设备检修，本小区明日停电两小时。").kind is DocumentKind.NOTICE
    assert (
        split(*[f"Annual report of the agency for the year {year}" for year in range(1990, 2020)]).kind
        is DocumentKind.LISTING
    )


def test_a_title_with_nothing_under_it_is_the_content():
    found = split("A heading alone", metadata=Metadata(title="A heading alone", title_ordinal=0))
    assert found.title_ordinal is None
    assert found.sections[0].ordinals == (0,)


def test_a_document_without_content_has_no_sections():
    assert split("Home", labels={0: Label.NAVIGATION}).sections == ()


# -- properties

_LINES = st.lists(
    st.one_of(
        st.sampled_from([line for story in (*STORIES, *ZH_STORIES) for line in story]), st.text(min_size=1, max_size=60)
    ),
    min_size=1,
    max_size=16,
)


@given(_LINES, st.data())
@settings(max_examples=150, deadline=None)
def test_every_content_block_is_in_one_section_and_in_order(lines, data):
    labels = {
        i: data.draw(st.sampled_from([Label.CONTENT] * 5 + [Label.FOOTER, Label.TITLE])) for i in range(len(lines))
    }
    kinds = {i: data.draw(st.integers(1, 3)) for i in range(len(lines)) if data.draw(st.integers(0, 4)) == 0}
    found = split(*lines, labels=labels, kinds=kinds)
    content = [i for i, label in labels.items() if label is Label.CONTENT]
    own = [] if found.title_ordinal is None else [found.title_ordinal]
    titles = [s.title_ordinal for s in found.sections if s.title_ordinal is not None and s.title_ordinal not in own]
    bodies = [i for section in found.sections for i in section.ordinals]
    assert set(content) <= {*own, *titles, *bodies}
    assert len([*own, *titles, *bodies]) == len({*own, *titles, *bodies})
    assert bodies == sorted(bodies)
    assert set(bodies) <= set(content)
    assert all(section.ordinals for section in found.sections)
    assert not content or found.sections


@given(_LINES)
@settings(max_examples=60, deadline=None)
def test_the_same_document_is_always_cut_the_same(lines):
    assert split(*lines) == split(*lines)


# -- event dates


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (("2024年9月11日，会议在北京召开，与会代表讨论了今年的工作安排。",), date(2024, 9, 11)),
        (("On September 4-6, 2024, China hosted a meeting of the working group in Beijing.",), date(2024, 9, 4)),
        (("去年9月11日，会议在北京召开，与会代表讨论了工作安排。",), None),
        (("各地要认真落实，确保按期完成各项任务。", "某某部办公厅", "2023年3月2日"), date(2023, 3, 2)),
        (("The committee will meet again and no day has been set for it.",), None),
    ],
)
def test_the_day_a_story_tells_of(lines, wanted):
    assert split(*lines, metadata=Metadata()).sections[0].event_date == wanted


def test_a_dateline_without_a_year_takes_the_last_such_day_before_publication():
    line = "12月30日，会议在北京召开，与会代表讨论了工作安排。"
    metadata = Metadata(published_at=datetime(2024, 1, 2, tzinfo=UTC))
    assert split(line, metadata=metadata).sections[0].event_date == date(2023, 12, 30)


@pytest.mark.parametrize(
    "title",
    [
        "一周环保要闻（2022.11.07-11.20）",
        "环保要闻 2022年11月",
        "環保要聞｜2022年11月7日—20日",
        "Climate news, November 2022",
        "Notes of November 7-20, 2022",
    ],
)
def test_a_heading_with_a_month_or_a_range_gives_its_stories_their_year(title):
    chinese = not title.isascii()
    line = (
        "11月7日，镇里的第二座沼气站开始送气，三个村的灶台当天换了新。"
        if chinese
        else "On November 7, the second plant began to send gas to three villages."
    )
    late = "去年的计划于2021年3月2日公布。" if chinese else "The plan was made public on March 2, 2021."
    found = split(line, late, metadata=Metadata(title=title))
    assert found.sections[0].event_date == date(2022, 11, 7)


def test_conferences_and_their_years():
    assert [conference_year(n) for n in (1, 21, 25, 26, 27, 29)] == [1995, 2015, 2019, 2021, 2022, 2024]
    assert conference_year(0) is conference_year(99) is None


# -- truncation


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("In addition, the plan also mentioned that it is necessary to strengthen the awareness of corporate social", True),
        ("The cooperation covers power, steel and cement. The two sides will also work together on", True),
        ("The cooperation covers power, steel, cement, paper, aviation and the chemical industry,", True),
        ("会议要求，各地区各部门要进一步提高认识，加强组织领导，扎实推进各项重点", True),
        ("方案提出，到2025年绿色低碳产品供给能力显著增强。到2030年，绿色低碳循环发展的", True),
        ("The cooperation covers power, steel and cement.", False),
        ("He said: “We are ready to start the market in the coming year.”", False),
        ("会议强调，要坚定不移推进生态优先、绿色低碳的高质量发展。（完）", False),
        ("记者从会上获悉，全国碳市场将于明年扩大行业覆盖范围（记者 张三 李四）", False),
        ("（责任编辑：王五）", False),
        ("只有充分竞争，才能让全球绿色发展的底色更亮、成色更足。（某某日报评论员）", False),
        ("“Be the change that you want to see in the world.” — Jane Doe, women's rights activist", False),
        ("责任编辑：王五 校对：赵六 审核：钱七 来源：某某日报客户端", False),
        ("生态环境部办公厅 国家发展和改革委员会办公厅 2024年9月11日", False),
        ("Ministry of Ecology and Environment of China, Beijing, September 11, 2024", False),
        ("Jane Doe, director of the centre", False),
        ("Contact: press office of the ministry of industry, 10 Long Street, Beijing", False),
        ("更多信息请访问 https://www.example.org/carbon/market/2024/report", False),
        ("The plan has these parts:", False),
        ("5. Reduction of emissions in power generation, heat supply and transport", False),
        ("Thank you", False),
    ],
)  # fmt: skip
def test_only_a_sentence_that_stops_midway_is_truncated(text, cut):
    before = Block(
        0, "The first paragraph is a whole sentence that ends as it should. 第一段是完整的。", BlockKind.PARAGRAPH, 0, 1
    )
    assert is_truncated([before, Block(1, text, BlockKind.PARAGRAPH, 0, len(text))]) is cut


def test_headings_and_list_items_are_never_truncated():
    text = "strengthen the awareness of corporate social responsibility and of the"
    for kind in (BlockKind.HEADING, BlockKind.LIST_ITEM, BlockKind.TABLE_ROW, BlockKind.CODE):
        assert not is_truncated([Block(0, text, kind, 0, len(text))])


# -- the sample files, given right labels


def sample(name, labels):
    """Blocks, decisions and line numbers of a sample file: a line a block; labels by line number, content otherwise."""
    blocks, numbers = [], []
    for number, line in enumerate((RAW / name).read_text(encoding="utf-8").split("\n"), start=1):
        text = " ".join(line.split())
        if text:
            blocks.append(Block(len(blocks), text, BlockKind.PARAGRAPH, 0, len(text)))
            numbers.append(number)
    decisions = [Decision(labels.get(number, Label.CONTENT), "test", 1.0) for number in numbers]
    return tuple(blocks), decisions, numbers


SAMPLES = {
    "000_01aaea9838cc89e5.txt": ({}, "article", None, [(None, 1, 8, "2024-11-11", False)]),
    "001_c9206281606896e0.txt": (
        {2: Label.METADATA, **dict.fromkeys(range(13, 19), Label.FOOTER)}, "article", 4, [(4, 5, 10, "2024-09-04", False)],
    ),
    "002_218c8b5be42b0351.txt": (
        {1: Label.NAVIGATION, 16: Label.FOOTER}, "article", 2, [(2, 4, 14, "2024-04-26", False)],
    ),
    "003_d26b2301afedb334.txt": (
        {}, "digest", None,
        [
            (1, 3, 9, "2022-11-07", True), (13, 15, 17, "2022-11-08", False), (24, 26, 30, "2022-11-15", False),
            (37, 39, 43, "2022-11-16", False), (46, 48, 52, "2022-11-20", False),
        ],
    ),
    "004_5f1adda7c17a3a7d.txt": ({1: Label.NAVIGATION}, "article", 3, [(3, 5, 15, "2018-12-07", False)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sample_files(name):
    labels, kind, title_line, wanted = SAMPLES[name]
    blocks, decisions, numbers = sample(name, labels)
    site = site_of(url=None, path=name, blocks=blocks)
    metadata = find_metadata(Extracted(blocks), decisions, record=Record(name, None, b"", "text/plain"), site=site)
    found = split_sections(blocks, decisions, metadata)
    line = dict(enumerate(numbers))
    assert found.kind == kind
    assert (None if found.title_ordinal is None else line[found.title_ordinal]) == title_line
    assert [
        (
            None if one.title_ordinal is None else line[one.title_ordinal],
            line[one.ordinals[0]], line[one.ordinals[-1]], str(one.event_date), one.truncated,
        )
        for one in found.sections
    ] == wanted  # fmt: skip


def test_the_source_line_of_a_sample():
    name = "001_c9206281606896e0.txt"
    blocks, decisions, _ = sample(name, SAMPLES[name][0])
    site = site_of(url=None, path=name, blocks=blocks)
    found = find_metadata(Extracted(blocks), decisions, record=Record(name, None, b"", "text/plain"), site=site)
    assert (found.site, found.source) == ("tanpaifang.com", "生态环境部碳交易网")
    assert found.published_at is not None
    assert found.published_at.isoformat() == "2024-09-11T08:46:00+08:00"


# -- cost


@pytest.mark.parametrize(
    "bait",
    ["a" * 50, "碳" * 50, "「" * 50, "a@" * 25, "a.b " * 12, "COP27 [2022] No. 1 ", "a " * 25, "2024年9月", "《"],
)
def test_long_lines_and_many_take_linear_time(bait):
    assert linear(lambda line: split(line, *[bait * 4] * 5), repeated(bait), 100_000)
    assert linear(lambda n: split(bait * 20, *[bait * 4] * n), int, 800)


def test_weights_and_features_go_together():
    from pipeline.sections import digests, openings

    blocks = blocks_of(*lines_of(STORIES))
    assert set(digests.features(blocks, (0, 3, 6, 9))) == set(digests.WEIGHTS)
    assert all(set(openings.opening_features(blocks)[0]) == set(weights) for weights in openings.WEIGHTS.values())
    assert json.dumps(digests.WEIGHTS)
