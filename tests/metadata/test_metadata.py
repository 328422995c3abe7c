"""Metadata: the most telling place wins, nothing is taken from the body, and hostile pages do no harm."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metadata import find_metadata
from pipeline.metadata.page_data import read_page_data, read_source_line
from pipeline.metadata.titles import cut_site_name
from pipeline.types import Block, BlockKind, Decision, Extracted, Label, PageHead, Record

CHINA, JAPAN = (timezone(timedelta(hours=hours)) for hours in (8, 9))
PROSE = (
    "The ministry said on November 7, 2021 that the national carbon market had covered more than two thousand firms."
)
ZH_PROSE = "记者11月7日从生态环境部获悉，全国碳排放权交易市场运行平稳，覆盖企业两千余家，成交量稳步上升。"


def find(*lines, labels=None, head=None, site=None, published=None, title=None, author=None, source=None, kinds=None):
    """Metadata of lines, all content unless labelled otherwise."""
    kinds = kinds or {}
    blocks = tuple(
        Block(i, line, kinds.get(i, BlockKind.PARAGRAPH), 0, len(line), level=int(i in kinds))
        for i, line in enumerate(lines)
    )
    decisions = [Decision((labels or {}).get(i, Label.CONTENT), "test", 1.0) for i in range(len(lines))]
    record = Record("a.txt", None, b"", "text/plain", published=published, title=title, author=author, source=source)
    return find_metadata(Extracted(blocks, head or PageHead()), decisions, record=record, site=site)


# -- titles


@pytest.mark.parametrize(
    ("given_title", "wanted"),
    [
        ("全国碳市场启动_要闻_中国环境网", "全国碳市场启动"),
        ("全国碳市场启动-中国政府网", "全国碳市场启动"),
        ("全国碳市场正式启动上线交易 | 某某日报", "全国碳市场正式启动上线交易"),
        ("Carbon market opens for trading in Shanghai | Example News", "Carbon market opens for trading in Shanghai"),
        (
            "Carbon market opens in Shanghai after delays - Example Times",
            "Carbon market opens in Shanghai after delays",
        ),
        ("Net zero - what it means for the power sector", "Net zero - what it means for the power sector"),
        ("COP27—a fund at last", "COP27—a fund at last"),
        ("No separators here", "No separators here"),
    ],
)
def test_the_site_name_is_cut_off_a_title(given_title, wanted):
    assert cut_site_name(given_title) == wanted


def test_a_known_site_name_is_cut_off_either_end():
    assert cut_site_name("Example | Carbon market opens", ["Example"]) == "Carbon market opens"
    assert cut_site_name("Carbon market opens — Example", ["Example"]) == "Carbon market opens"


def test_the_part_that_stands_on_the_page_is_the_title():
    page_title = "Net zero - what it means - Explainers"
    assert cut_site_name(page_title, headlines=["Net zero - what it means"]) == "Net zero - what it means"


def test_the_title_of_flattened_text_is_its_first_heading_like_line():
    found = find("Skip to content", "Carbon market covers two thousand firms", PROSE, labels={0: Label.NAVIGATION})
    assert (found.title, found.title_ordinal) == ("Carbon market covers two thousand firms", 1)
    found = find("全国碳市场运行平稳 覆盖企业两千余家", ZH_PROSE)
    assert (found.title, found.title_ordinal) == ("全国碳市场运行平稳 覆盖企业两千余家", 0)


def test_a_first_line_that_is_prose_is_no_title():
    assert find(PROSE, PROSE).title is None
    assert find(ZH_PROSE, ZH_PROSE).title_ordinal is None


def test_a_page_title_finds_its_block():
    head = PageHead(title="Carbon market covers more - Example News")
    found = find("Home", "Carbon market covers more", PROSE, head=head, labels={0: Label.NAVIGATION})
    assert (found.title, found.title_ordinal) == ("Carbon market covers more", 1)


def test_a_page_title_without_a_block_is_kept_by_itself():
    found = find(PROSE, PROSE, head=PageHead(title="全国碳市场启动_要闻_中国环境网"))
    assert (found.title, found.title_ordinal) == ("全国碳市场启动", None)


def test_the_only_first_level_heading_is_the_title():
    found = find("Carbon market covers more", PROSE, kinds={0: BlockKind.HEADING}, head=PageHead(title="Example News"))
    assert found.title_ordinal == 0


def test_the_containers_title_is_used():
    assert find(PROSE, title="Market news").title == "Market news"


# -- source, author, time of publication


@pytest.mark.parametrize(
    ("line", "source", "author", "date"),
    [
        ("文章来源:生态环境部碳交易网2024-09-11 08:46", "生态环境部碳交易网", None, "2024-09-11 08:46"),
        ("来源：新华网 作者：张三 李四 责任编辑：王五 2024-09-11 10:00", "新华网", "张三 李四", "2024-09-11 10:00"),
        ("来源： 中国环境报 发布时间：2024年9月11日", "中国环境报", None, "2024年9月11日"),
        ("发布时间:2024-09-11 来源:央视网 浏览次数:100", "央视网", None, "2024-09-11"),
        ("2024年09月11日08:46 | 来源：人民网", "人民网", None, "2024年09月11日08:46"),
        ("稿源：人民网-人民日报", "人民网-人民日报", None, None),
        ("转自：上海证券报", "上海证券报", None, None),
        ("来源：生态环境部 字号：[大] [中] [小] 打印", "生态环境部", None, None),
        ("记者 张三 通讯员 李四", None, "张三", None),
        ("文/张三", None, "张三", None),
        ("责任编辑：王五", None, None, None),
        ("作者：", None, None, None),
        ("来源：", None, None, None),
        ("Source: China Daily | Date: 2024-09-11", "China Daily", None, "2024-09-11"),
        ("By Jane Doe | September 11, 2024", None, "Jane Doe", "September 11, 2024"),
        ("By John Smith and Mary Jones", None, "John Smith and Mary Jones", None),
        ("By the numbers", None, None, None),
        ("Published on September 11, 2024", None, None, "September 11, 2024"),
        ("Last updated 11 Sep 2024", None, None, "11 Sep 2024"),
        ("今天是2024年9月11日 星期三", None, None, None),
        ("报名截止日期：2024-09-11", None, None, None),
    ],
)
def test_what_a_source_line_says(line, source, author, date):
    found = read_source_line(line)
    assert (found.source, found.author, found.date and found.date.text) == (source, author, date)


def test_a_source_line_is_read_whether_or_not_it_is_labelled():
    for labels in ({1: Label.METADATA}, {}):
        found = find("全国碳市场运行平稳", "来源：某某报 2024-09-11 08:46", ZH_PROSE, labels=labels)
        assert found.source == "某某报"
        assert found.published_at == datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)


def test_a_publication_key_beats_an_update_whatever_the_order():
    found = find(
        "更新时间：2024-09-12", "发布时间：2024-09-11", ZH_PROSE, labels={0: Label.METADATA, 1: Label.METADATA}
    )
    assert found.published_at == datetime(2024, 9, 11, tzinfo=CHINA)


def test_a_dateline_in_the_body_is_never_the_time_of_publication():
    assert find("Carbon market covers more", PROSE, PROSE).published_at is None
    assert find("全国碳市场运行平稳", "2024年11月7日，" + ZH_PROSE, ZH_PROSE).published_at is None


def test_page_metadata_beats_the_container_and_the_container_beats_lines():
    lines = ("Carbon market", "Published 2020-01-01", PROSE)
    head = PageHead(meta=(("article:published_time", "2022-02-02T00:00:00Z"),))
    labels = {1: Label.METADATA}
    assert find(*lines, labels=labels).published_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert find(*lines, labels=labels, published="2021-01-01").published_at == datetime(2021, 1, 1, tzinfo=UTC)
    assert find(*lines, labels=labels, published="2021-01-01", head=head).published_at == datetime(
        2022, 2, 2, tzinfo=UTC
    )


def test_author_and_source_of_the_container_stand_between_the_pages_head_and_its_lines():
    lines = ("船闸关闭", "来源：晚报 作者：李四", ZH_PROSE)
    assert (find(*lines).source, find(*lines).author) == ("晚报", "李四")
    found = find(*lines, author="王小明", source="日报")
    assert (found.author, found.source) == ("王小明", "日报")
    head = PageHead(meta=(("author", "张三"), ("source", "通讯社")))
    found = find(*lines, author="王小明", source="日报", head=head)
    assert (found.author, found.source) == ("张三", "通讯社")
    assert find(ZH_PROSE, author="admin", source="https://example.org").author is None


def test_an_unbelievable_claim_gives_way_to_the_next():
    head = PageHead(meta=(("article:published_time", "1970-01-01"), ("pubdate", "soon"), ("date", "2022-02-02")))
    assert find(PROSE, head=head).published_at == datetime(2022, 2, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "site", "wanted"),
    [
        ((PROSE,), None, UTC),
        ((PROSE,), "example.com", UTC),
        ((PROSE,), "mee.gov.cn", CHINA),
        ((ZH_PROSE,), None, CHINA),
        (("東京都は二酸化炭素の排出量を取引する市場について、新しい計画を発表しました。",), None, JAPAN),
    ],
)
def test_a_time_without_a_zone_is_chinas_on_a_chinese_page(lines, site, wanted):
    head = PageHead(meta=(("pubdate", "2024-09-11 08:46"),))
    assert find(*lines, site=site, head=head).published_at == datetime(2024, 9, 11, 8, 46, tzinfo=wanted)


def test_chinese_government_names_are_read():
    meta = (
        ("articletitle", "关于印发方案的通知"),
        ("pubdate", "2024-09-11 08:46"),
        ("contentsource", "来源：某某司"),
        ("author", "张三"),
    )
    found = find(ZH_PROSE, head=PageHead(title="关于印发方案的通知_某某部", meta=meta))
    assert (found.title, found.source, found.author) == ("关于印发方案的通知", "某某司", "张三")
    assert found.published_at == datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)


def test_json_ld_is_read_through_graphs_and_lists():
    article = {
        "@type": ["NewsArticle"], "headline": "Carbon market opens", "datePublished": "2024-09-11T08:46:00+08:00",
        "author": [{"@type": "Person", "name": "Jane Doe"}, "John Smith"], "publisher": {"name": "Example News"},
    }  # fmt: skip
    scripts = ("not json", json.dumps({"@graph": [{"@type": "Organization", "name": "X"}, article]}))
    found = find(PROSE, head=PageHead(json_ld=scripts))
    assert (found.title, found.author, found.source) == ("Carbon market opens", "Jane Doe, John Smith", "Example News")
    assert found.published_at == datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)


@pytest.mark.parametrize("name", ["admin", "https://www.facebook.com/someone", "佚名", "", "  ", "123"])
def test_accounts_and_addresses_are_no_authors(name):
    assert find(PROSE, head=PageHead(meta=(("author", name),))).author is None


@pytest.mark.parametrize(
    "script",
    ["[" * 100_000, '{"@graph":' * 50_000, '{"@type":"Article","headline":{"a":1},"author":7,"datePublished":[null]}', "9" * 5_000,
     json.dumps([{"@type": "Article"}] * 50_000), "\x00", "null", '"x"'],
)  # fmt: skip
def test_hostile_json_ld_does_no_harm(script):
    data = read_page_data(PageHead(json_ld=(script,) * 30))
    assert data.titles == data.published == ()


@given(st.lists(st.text(max_size=80), min_size=1, max_size=8), st.data())
@settings(max_examples=80, deadline=None)
def test_nothing_raises_and_the_title_is_a_block_of_the_document(lines, data):
    lines = [line or "x" for line in lines]
    labels = {i: data.draw(st.sampled_from(Label)) for i in range(len(lines))}
    found = find(*lines, labels=labels, head=PageHead(title=data.draw(st.text(max_size=40))))
    assert found.title_ordinal is None or lines[found.title_ordinal] == found.title


def test_a_title_that_was_taken_for_chaff_above_the_body_is_still_the_title():
    title, body = (
        "全国碳市场启动上线交易",
        "全国碳排放权交易市场今日开市，首日成交量超过四百万吨，有关负责人出席并讲话。",
    )
    blocks = [
        Block(n, text, BlockKind.PARAGRAPH, 100 * n, 100 * n + len(text))
        for n, text in enumerate(["首页", title, body, title])
    ]
    labels = [Label.NAVIGATION, Label.BOILERPLATE, Label.CONTENT, Label.RELATED]
    decisions = [Decision(label, "model:x", 0.5) for label in labels]
    extracted = Extracted(tuple(blocks), PageHead(title=title))
    record = Record("a.html", None, b"", "text/html")
    assert find_metadata(extracted, decisions, record=record, site=None).title_ordinal == 1
