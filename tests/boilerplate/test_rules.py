"""The shipped rules, and how rules are applied."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.rule_search import finder
from pipeline.boilerplate.rules import Rule, all_rules, apply_rules, check_rules, load_rules
from pipeline.types import KEPT_LABELS, Block, BlockKind, Label, Markup

RAW = Path(__file__).parents[2] / "raw"
RULES = load_rules()

ZH = "专家组用两个小时听取了各地的汇报，代表们围绕监测方法和数据质量进行了讨论，并就下一步的安排交换了看法。"
EN = (
    "The experts spent two hours on the reports of the regions, and the delegates then talked about methods of "
    "measurement and about the quality of the figures they had been given."
)


def page(*lines: str, markup: Markup | None = None) -> list[Block]:
    return [Block(i, line, BlockKind.PARAGRAPH, 0, len(line), markup=markup) for i, line in enumerate(lines)]


def labels(lines: Sequence[str], *, site: str | None = None) -> list[Label | None]:
    return [found and found.label for found in apply_rules(RULES, page(*lines), site=site)]


def write_rules(folder: Path, name: str, *rules: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rules), encoding="utf-8")


def rule(rule_id: str, pattern: str, *, label: str = "navigation", more: str = "") -> str:
    return (
        f'[[rule]]\nid = "{rule_id}"\nlabel = "{label}"\nwhy = "a test"\n'
        f"match.pattern = '{pattern}'\n{more}\nexamples = [\"{pattern}\"]\n"
    )


# -- the shipped rules


def test_every_shipped_rule_passes_its_own_tests() -> None:
    assert check_rules(RULES) == []


@pytest.mark.parametrize("shipped", all_rules(RULES), ids=lambda shipped: shipped.id)
def test_a_shipped_rule_is_complete(shipped: Rule) -> None:
    pack = shipped.file.removesuffix(".toml")
    assert shipped.examples
    assert shipped.counterexamples, "a rule shows what it must not take"
    assert shipped.why.endswith(".")
    assert shipped.line > 0
    assert shipped.file.startswith("sites/") or shipped.id.startswith(f"{pack}-")


RAW_CHAFF = {"000": [], "001": [2, 13, 14, 15, 16, 17, 18], "002": [1, 16], "003": [], "004": [1]}


@pytest.mark.parametrize(("name", "expected"), RAW_CHAFF.items())
def test_the_rules_alone_find_what_surrounds_the_sample_articles(name: str, expected: list[int]) -> None:
    (path,) = RAW.glob(f"{name}_*.txt")
    lines = [
        (n, line.strip()) for n, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1) if line.strip()
    ]
    found = apply_rules(RULES, page(*(line for _, line in lines)))
    assert [n for (n, _), decision in zip(lines, found, strict=True) if decision] == expected


CHAFF = [
    "当前位置：首页 > 要闻 > 港口",
    "首页 新闻 财经 国际 社会 体育 娱乐",
    "来源：海湾日报 作者：李明",
    "责任编辑：李明",
    "上一篇：港口局召开年中会议",
    "相关阅读",
    "分享到：微信 微博",
    "扫一扫在手机打开当前页",
    "字号：大 中 小",
    "【打印本页】【关闭窗口】",
    "免责声明：本站转载此文是为了传递信息，内容真假由原作者负责。",
    "转载请注明出处：绿碳观察网",
    "版权所有：海湾能源网 粤ICP备17000000号-1",
    "粤公网安备 44000000000000号",
    "違法和不良資訊，本網站版權所有，翻印必究",
    "發表評論 | 關於我們 | 聯絡我們",
    "登录后发表评论",
    "Home | About Us | Contact | Site Map",
    "Skip to main content",
    "You are here: Home > News",
    "Share this article",
    "Follow us on Twitter",
    "Related articles",
    "Previous: Ministers meet on coast fund",
    "Leave a Reply",
    "Sign up for our weekly newsletter",
    "This website uses cookies to give you the best service.",
    "Copyright © 2019 Northwind Gazette. All rights reserved.",
    "Privacy Policy",
]


@pytest.mark.parametrize("line", CHAFF)
def test_chaff_around_the_body_is_taken(line: str) -> None:
    prose = EN if line.isascii() else ZH
    after = labels([prose, prose, line])[2]
    before = labels([line, prose, prose])[0]
    assert (after or before) not in (None, *KEPT_LABELS)


SAME_WORDS = [
    "当前位置：首页 > 要闻 > 港口",
    "来源：海湾日报 作者：李明",
    "上一篇：港口局召开年中会议",
    "免责声明：本站转载此文是为了传递信息，内容真假由原作者负责。",
    "版权所有：海湾能源网",
    "关于我们",
    "北京、天津、河北、山西、山东、河南、陕西、江苏",
    "地址：海湾市灯塔路8号 电话：000-00000000",
    "Home > News > Carbon markets",
    "All rights reserved, said the label.",
    "Related links",
    "Source: Northwind Gazette",
    "Tags: wind, grid, storage",
    "Follow us on Twitter",
]


@pytest.mark.parametrize("line", SAME_WORDS)
def test_the_same_words_inside_the_body_stay(line: str) -> None:
    prose = EN if line.isascii() else ZH
    assert labels([prose, prose, line, prose, prose]) == [None] * 5


SENTENCES = [
    "环保部门说，凡是没有办理ICP备案的监测平台都要在月底以前关闭，已经备案的也要公布责任单位和联系电话。",
    "他在上一篇文章里写过这件事，读者的评论有三百多条，大多数人赞成把港口的老仓库改成图书馆，也有人反对。",
    "法院认定，这家网站没有得到作者的同意就转载了全文，应当停止侵权，并且在首页公开道歉三十天。",
    "The company says that its website uses fewer cookies than before, but two of the three privacy groups that looked "
    "at it found that the share of trackers had not changed at all.",
    "Subscribers who follow the paper on social networks were asked to print the page, sign it and send it back.",
]


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("where", [0, 1, 2])
def test_sentences_of_an_article_stay_wherever_they_are(sentence: str, where: int) -> None:
    lines = [EN if sentence.isascii() else ZH] * 2
    lines.insert(where, sentence)
    assert labels(lines)[where] is None


NOTICES = [
    [
        "关于停水的通知",
        "各位住户：",
        "因检修水管，八月五日上午九时至十二时停水，请提前储水。",
        "海湾小区物业",
        "2021年8月3日",
    ],
    [
        "关于开会的通知",
        "时间：八月五日（周一）上午九时",
        "地点：三楼会议室",
        "主办单位：海湾大学",
        "联系人：王工 电话：000-00000000",
    ],
    [
        "Water off on Monday",
        "Time: 9 to 12 o'clock",
        "Place: all of Heron Street",
        "Questions: call the clerk's office",
    ],
]


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: notice[0])
def test_a_short_notice_survives_whole(notice: list[str]) -> None:
    assert labels(notice) == [None] * len(notice)


def test_a_short_notice_survives_between_chaff() -> None:
    lines = ["首页 > 通知公告 > 正文", *NOTICES[0], "【打印本页】【关闭窗口】", "版权所有：海湾小区 粤ICP备17000000号"]
    found = labels(lines)
    assert found[1:-2] == [None] * 5
    assert None not in (found[0], *found[-2:])


# -- how rules are applied


def test_another_script_proves_nothing_without_company() -> None:
    line = "碧空读者之家: 一号厅—碧空论坛"
    assert labels([EN, EN, line])[2] is None
    assert labels([EN, EN, line, "Copyright © 2018 碧空网"])[2] is Label.FOOTER
    assert labels([ZH, ZH, line, "Copyright © 2018 碧空网"])[2] is None


def test_near_rules_vouch_for_one_another_down_and_up() -> None:
    lines = ["主办：海湾市人民政府", "承办：海湾市信息中心", "地址：海湾市灯塔路8号"]
    assert labels([ZH, ZH, *lines])[2:] == [None] * 3
    assert labels([ZH, ZH, *lines, "粤ICP备17000000号"])[2:] == [Label.FOOTER] * 4
    assert labels([ZH, ZH, "粤ICP备17000000号", *lines])[2:] == [Label.FOOTER] * 4


def test_landmarks_count_where_there_is_markup() -> None:
    markup = Markup(("html", "body", "nav", "a"), "", role="navigation")
    blocks = [*page("潮汐专栏", markup=markup), *page(ZH, ZH)]
    assert apply_rules(RULES, blocks)[0] is not None
    assert apply_rules(RULES, page("潮汐专栏", ZH, ZH))[0] is None


def test_a_site_file_speaks_for_its_hosts_and_before_the_general_rules(tmp_path: Path) -> None:
    write_rules(tmp_path, "sites/haiwan.example.toml", rule("haiwan-keep", "^返回顶部$", label="content"))
    write_rules(tmp_path, "sites/news.haiwan.example.toml", rule("haiwan-news", "^返回顶部$", label="related"))
    rules = load_rules(tmp_path)
    blocks = page(ZH, ZH, "返回顶部")

    def deciders(site: str | None) -> str:
        found = apply_rules(rules, blocks, site=site)[2]
        assert found is not None
        return found.decided_by

    assert deciders(None) == "rule:zh-nav-word"
    assert deciders("otherhaiwan.example") == "rule:zh-nav-word"
    assert deciders("haiwan.example") == "rule:haiwan-keep"
    assert deciders("WWW.haiwan.example") == "rule:haiwan-keep"
    assert deciders("m.news.haiwan.example") == "rule:haiwan-news"


def test_scores_say_content_or_not(tmp_path: Path) -> None:
    write_rules(
        tmp_path, "mine.toml", rule("mine-keep", "^keep this$", label="content"), rule("mine-drop", "^drop this$")
    )
    found = apply_rules(load_rules(tmp_path), page("keep this", "drop this", "neither"))
    assert [decision and decision.score for decision in found] == [1.0, 0.0, None]


def test_the_users_files_go_before_the_shipped_ones_and_the_first_rule_of_a_file_wins(tmp_path: Path) -> None:
    write_rules(
        tmp_path, "mine.toml", rule("mine-first", "^返回顶部$", label="tools"), rule("mine-second", "^返回顶部$")
    )
    found = apply_rules(load_rules(tmp_path), page(ZH, ZH, "返回顶部"))[2]
    assert found is not None
    assert found.decided_by == "rule:mine-first"


def test_a_rule_for_markup_fails_on_plain_text_unless_it_says_so(tmp_path: Path) -> None:
    more = 'match.class_words = ["foot"]\n'
    write_rules(
        tmp_path,
        "mine.toml",
        rule("mine-strict", "^strict$", more=more),
        rule("mine-loose", "^loose$", more=more + "match.markup_optional = true"),
    )
    rules = load_rules(tmp_path)
    assert [bool(found) for found in apply_rules(rules, page("strict", "loose"))] == [False, True]
    inside = Markup(("html", "body", "div"), "page foot")
    outside = Markup(("html", "body", "div"), "football")
    assert all(apply_rules(rules, page("strict", "loose", markup=inside)))
    assert not any(apply_rules(rules, page("strict", "loose", markup=outside)))


def test_a_failing_example_is_reported_with_its_reason(tmp_path: Path) -> None:
    broken = rule("mine-broken", "^abc$").replace('["^abc$"]', '["abd"]\ncounterexamples = ["abc"]')
    write_rules(tmp_path, "mine.toml", broken)
    missed, taken = check_rules(load_rules(tmp_path))
    assert (missed.rule_id, missed.file, missed.example) == ("mine-broken", "mine.toml", "abd")
    assert "no rule takes" in missed.why
    assert (taken.example, taken.why) == ("abc", "the rule takes 'abc'")


def test_a_rule_set_can_be_sent_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(RULES))
    assert list(all_rules(again)) == list(all_rules(RULES))
    assert apply_rules(again, page(ZH, ZH, "返回顶部")) == apply_rules(RULES, page(ZH, ZH, "返回顶部"))


# -- whatever the blocks

texts = st.one_of(
    st.text(min_size=1, max_size=60),
    st.sampled_from([*CHAFF, *SAME_WORDS, *SENTENCES, ZH, EN]),
    st.text(alphabet="首页>|｜/·:：©\u3000\xa0 上一篇转载评论a1", min_size=1, max_size=40),
)
markups = st.one_of(
    st.none(),
    st.builds(
        Markup,
        path=st.just(("html", "body", "div")),
        classes=st.sampled_from(["", "nav foot", "x"]),
        n_links=st.integers(0, 3),
        link_chars=st.integers(0, 60),
        role=st.sampled_from(["", "navigation", "contentinfo", "dialog", "main"]),
    ),
)
pages = st.lists(
    st.builds(
        Block,
        ordinal=st.just(0),
        text=texts,
        kind=st.sampled_from(BlockKind),
        start=st.just(0),
        end=st.just(0),
        markup=markups,
    ),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(pages, st.sampled_from([None, "", ".", "www.tanpaifang.com", "example.org", "bücher.example"]))
def test_one_entry_a_block_whatever_the_blocks(blocks: list[Block], site: str | None) -> None:
    found = apply_rules(RULES, blocks, site=site)
    assert len(found) == len(blocks)
    known = {f"rule:{rule.id}" for rule in all_rules(RULES)}
    assert all(decision is None or decision.decided_by in known for decision in found)
    assert apply_rules(RULES, blocks, site=site) == found


def test_a_lone_surrogate_does_no_harm() -> None:
    assert labels(["\ud800", ZH]) == [None, None]


BAITS = [
    "a",
    "转载",
    "【、】",
    "北京",
    "| ",
    "首页>",
    "违法不良举报",
    "this site uses ",
    "©2019 copyright ",
    "1 2 3 ",
    "如有侵权",
]
BAITS += ["来源：2020-01-01 "]


@pytest.mark.parametrize("bait", BAITS)
def test_the_whole_set_is_linear(bait: str) -> None:
    assert linear(finder(RULES.general.searches), lambda size: f"{repeated(bait)(size)}x", 100_000)
    assert linear(lambda line: apply_rules(RULES, page(line, line[:2_000], line[:300])), repeated(bait), 100_000)
