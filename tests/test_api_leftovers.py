"""What pages have around and in the place of their text: walls, tool rows, menus in cells, lists, authors, spaced letters."""

import pytest

from pipeline import CleanDocument, clean
from pipeline.types import DocumentKind, Label

EN = [
    "The mill at Harle ground its first flour in forty years on Saturday, watched by two hundred people and a goat.",
    "Its new wheel was cut from larch by three carpenters, who had to learn the craft from a book of drawings.",
    "The miller, who used to drive a bus, says that the stones sing when the water is right, and groan when it is not.",
]
ZH = [
    "哈尔的水磨坊星期六磨出了四十年来的第一袋面粉，两百个人和一只山羊在旁边看着。",
    "新的水轮是三位木匠用落叶松做的，他们照着一本图册学会了这门手艺，花了整整一个冬天。",
    "磨坊主从前开公共汽车，他说水量合适的时候石磨会唱歌，不合适的时候就只会叹气。",
]


def made(source: str, media_type: str = "text/html") -> CleanDocument:
    found = clean(source, media_type=media_type)
    assert isinstance(found, CleanDocument), found
    return found


def page(lines: list[str], *, before: str = "", after: str = "") -> str:
    return f"<html><head><title>t</title></head><body>{before}{''.join(f'<p>{line}</p>' for line in lines)}{after}</body></html>"


@pytest.mark.parametrize("lines", [EN, ZH])
@pytest.mark.parametrize(
    "chaff",
    [
        "We and our 317 partners store and access information on your device, such as unique identifiers.",
        "You may change your mind and withdraw consent at any time in the footer.",
        "我们与217家合作伙伴会在您的设备上存储并访问信息，以便投放广告。",
        "您可以随时撤回您的同意。",
        "【网友评论】【收藏本页】【打印】【关闭】",
        "[推薦給好友] [列印此頁] [關閉視窗]",
        "Subscribe now to read the full story.",
        "本文为会员专享内容，开通会员后可阅读全文。",
    ],
)
def test_a_wall_or_a_tool_row_amid_the_text_leaves_it(lines: list[str], chaff: str) -> None:
    found = made(page([lines[0], chaff, *lines[1:]]))
    assert found.text.split("\n") == lines
    told = next(block for block in found.blocks if block.text == chaff)
    assert told.decided_by.startswith("rule:")


@pytest.mark.parametrize("lines", [EN, ZH])
def test_menus_in_cells_are_no_part_of_the_article_in_its_cell(lines: list[str]) -> None:
    menu = "<td width=120><a href=1>渡轮时刻 Ferry times</a><br><a href=2>港口天气 Harbour weather</a></td>"
    body = "<td>" + "<br><br>".join(f"　　{line}" for line in lines) + "</td>"
    for row in (menu + body, body + menu):
        found = made(f"<html><head><title>t</title></head><body><table><tr>{row}</tr></table></body></html>")
        assert "Ferry times" not in found.text
        assert all(line in found.text for line in lines)


ENTRIES = [
    "关于延长图书馆开放时间的通知",
    "關於渡輪停航檢修的公告",
    "Minutes of the harbour committee",
    "水磨坊志愿者招募公示",
]


@pytest.mark.parametrize(
    "row",
    [
        "<li><a href={n}>{text}</a><span>2024-03-0{n}</span></li>",
        "<tr><td>{n}</td><td><a href={n}>{text}</a></td><td>2024年3月{n}日</td></tr>",
        "<div class=row><span>03-1{n}</span> <a href={n}>{text}</a></div>",
    ],
)
def test_a_page_of_dated_entries_is_a_listing(row: str) -> None:
    rows = "".join(row.format(n=n, text=text) for n, text in enumerate(ENTRIES, 1))
    box = "table" if row.startswith("<tr") else "ul" if row.startswith("<li") else "div"
    found = made(
        f"<html><head><title>公告 Notices</title></head><body><{box}>{rows}</{box}><div><a>上一页</a> <a>下一页</a></div></body></html>"
    )
    assert found.kind is DocumentKind.LISTING
    assert all(text in found.text for text in ENTRIES)
    assert "上一页" not in found.text


@pytest.mark.parametrize("lines", [EN, ZH])
@pytest.mark.parametrize(
    ("box", "name"),
    [
        (
            '<div class="meta"><span class="author vcard"><a class="url fn n" href="/a">Mara Quill</a></span> <span>News</span></div>',
            "Mara Quill",
        ),
        ('<p>By <a rel="author" href="/a/3">Mara Quill</a></p>', "Mara Quill"),
        ('<span itemprop="author" itemscope><span itemprop="name">陆小满</span></span>', "陆小满"),
        ('<div class="post-author">作者：陆小满</div>', "陆小满"),
    ],
)
def test_the_author_is_whom_an_element_names(lines: list[str], box: str, name: str) -> None:
    comments = '<div class="comment"><cite class="comment-author author">Somebody Else</cite></div>'
    assert made(page(lines, before=f"<h1>水磨坊 Mill</h1>{box}", after=comments)).author == name
    assert made(page(lines, after=comments)).author is None


@pytest.mark.parametrize("gap", [" ", "  ", "\u3000", "\u00a0"])
def test_chinese_with_a_space_after_each_character_is_closed_up(gap: str) -> None:
    found = made("\n".join(gap.join(line) for line in ZH), "text/plain")
    assert found.text.split("\n") == ZH


@pytest.mark.parametrize(
    "line",
    [
        "首页 新闻 体育 财经 旅游 教育 生活 论坛 博客 图片",
        "春 夏 秋 冬",
        "我们 在 上海 见面 ， 然后 坐 船 去 外岛 看 灯塔 。",
    ],
)
def test_spaces_between_words_stay(line: str) -> None:
    found = made("\n".join([*ZH, line]), "text/plain")
    assert line in [block.text for block in found.blocks]


@pytest.mark.parametrize("lines", [EN, ZH])
def test_a_hidden_line_costs_its_neighbours_nothing(lines: list[str]) -> None:
    spam = "<i style='display:none'>版权所有 禁止转载 All rights reserved 2024</i>"
    found = made(page([f"{line[:9]}{spam}{line[9:]}" for line in lines]))
    assert found.text.split("\n") == lines
    assert [block.decided_by for block in found.blocks if block.label is Label.HIDDEN] == ["hidden"] * len(lines)
