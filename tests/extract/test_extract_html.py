"""HTML to blocks: nothing visible is lost, every place is exact, the time is linear."""

from __future__ import annotations

import gzip
import json
import re
from html import unescape
from pathlib import Path

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.extract import EXTRACTORS, extract
from pipeline.extract.html import extract_html
from pipeline.types import Block, BlockKind, Extracted

SHARED = Path(__file__).parents[3] / "shared" / "data" / "extraction"
SKIPPED = {"script", "style", "title", "iframe", "noembed", "noframes", "template", "rt", "rp", "rtc"}
INVISIBLE = re.compile(r"[\s\u200b-\u200d\u2060\ufeff\u00ad]+")


def visible(text: str) -> str:
    return INVISIBLE.sub("", text)


def browser_text(source: str) -> str:
    """What a browser-grade parser takes for the text, without white space."""
    found: list[str] = []
    root = LexborHTMLParser(source).root
    stack: list[LexborNode] = [root] if root is not None else []
    while stack:
        node = stack.pop()
        if node.tag == "-text":
            found.append(node.text_content or "")
        elif node.tag not in SKIPPED:
            children = []
            child = node.first_child
            while child is not None:
                children.append(child)
                child = child.next
            stack.extend(reversed(children))
    return visible("".join(found))


def own_text(extracted: Extracted) -> str:
    shown = (b for b in extracted.blocks if b.markup is None or {"template", "script"}.isdisjoint(b.markup.path))
    return visible("".join(b.text.replace(" | ", "") if b.kind is BlockKind.TABLE_ROW else b.text for b in shown))


def stripped(source: str) -> str:
    """A stretch of source without comments, scripts, styles and tags, decoded."""
    source = re.sub(r"(?s)<!--.*?-->|<(script|style|title|iframe)\b.*?</\1>", "", source)
    return visible(unescape(re.sub(r"</?[a-zA-Z!](?:[^>\"']|\"[^\"]*\"|'[^']*')*>", "", source)))


def assert_places(source: str, blocks: tuple[Block, ...]) -> None:
    at = 0
    for number, block in enumerate(blocks):
        assert block.ordinal == number
        assert block.start < block.end <= len(source)
        assert block.text
        if not block.hidden:  # which may lie within another
            assert at <= block.start
            at = block.end


def texts(source: str) -> list[str]:
    return [block.text for block in extract_html(source).blocks]


def only(source: str) -> Block:
    (block,) = extract_html(source).blocks
    return block


PAGES = {
    "article": """<!DOCTYPE html><html lang="en"><head><title>A &amp; B</title><style>p{color:red}</style></head>
        <body><nav><ul><li><a href="/">Home</a><li><a href="/n">News</a></ul></nav><main><h1>Title</h1>
        <p>First <b>bold</b> and <a href="x?a=1&b=2">linked</a> text.<p>Second &lt;paragraph&gt;&nbsp;&hellip;
        <table><tr><th>Year<th>Tonnes<tr><td>2023<td>1,200<tr><td>2024<td>1,150</table>
        <script>document.write("<p>no</p>")</script><noscript><p>Without scripts</p></noscript>
        </main><footer>&copy; 2024</footer></body></html>""",
    "chinese": """<html><body><div id="content">　　生态环境部发布《碳排放权交易管理办法》。<br><br>　　第一条 为了
        规范全国碳排放权交易<br/>&nbsp;&nbsp;&nbsp;&nbsp;第二条 本办法适用于&ldquo;全国市场&rdquo;。</div>
        <div class=foot>责任编辑：李明</div></body></html>""",
    "old_style": """<HTML><BODY BGCOLOR=white><CENTER><FONT SIZE=5><B>通知</B></FONT></CENTER><TABLE><TR><TD>
        <A HREF=a.htm>首页</A><TD><A HREF=b.htm>新闻</A></TABLE><FONT><P>正文第一段<P>正文第二段</FONT>
        <DL><DT>术语<DD>解释</DL><HR>页脚""",
    "misnested": "<p><b>one <i>two</b> three</i> four<p>five</div></span>six<a href=x>seven<div>eight</a>nine</div>",
    "quotes": """<p title="a > b" data-x='</p>'>one</p><p class="x"">two</p><a href=it's>three</a><b c=d"e>four</b>""",
    "comments": "a<!-- b --><!-->c<!--->d<!-- e --!>f<!doctype x>g<?php h ?>i</ j>k<![CDATA[l]]>m< n <3 o",
    "entities": "&amp;&lt;b&gt; &notit; &copy &#x4e2d;&#25991; &#128; AT&T &unknown; R&D;",
    "scripts": "a<script>if (a<b) '<!--<script></script>' </script>b<SCRIPT src=x></SCRIPT >c<style></styl></style>d",
    "forms": "<form>名称<input value=x><select><option>甲<option>乙</select><button>提交</button><textarea>&lt;t></textarea>",
    "ruby": "<p><ruby>漢<rp>(<rt>kan<rp>)</ruby>字<wbr>符<img alt=no>号</p>",
    "foreign": "<p>x <svg viewBox='0 0 1 1'><path d='M0'/><text>label</text></svg> y <math><mi>z</mi></math></p>",
}


@pytest.mark.parametrize("name", PAGES)
def test_text_is_what_a_browser_shows(name: str) -> None:
    assert own_text(extract_html(PAGES[name])) == browser_text(PAGES[name])


@pytest.mark.parametrize("name", PAGES)
def test_places_are_exact_and_ascending(name: str) -> None:
    blocks = extract_html(PAGES[name]).blocks
    assert_places(PAGES[name], blocks)
    for block in blocks:
        shown = block.text.replace(" | ", "") if block.kind is BlockKind.TABLE_ROW else block.text
        if name not in ("comments", "scripts", "quotes", "ruby"):  # what lies in these, the simple stripper cannot say
            assert stripped(PAGES[name][block.start : block.end]) == visible(shown)


def saved_pages() -> list[str]:
    if not (SHARED / "gold.jsonl").exists():
        return []
    with (SHARED / "gold.jsonl").open(encoding="utf-8") as lines:
        return sorted(json.loads(line)["page"] for line in lines)[::30]


@pytest.mark.skipif(not saved_pages(), reason="the development data is not here")
def test_text_of_saved_pages_is_what_a_browser_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.extract.blocks.is_clean", lambda _: True)  # repairs are not the question
    monkeypatch.setattr("pipeline.extract.blocks.repair", lambda text: type("R", (), {"text": text, "fixes": ()}))
    pages = saved_pages()
    different = []
    for name in pages:
        source = gzip.decompress((SHARED / name).read_bytes()).decode("utf-8", "replace")
        extracted = extract_html(source)
        assert_places(source, extracted.blocks)
        own, true = own_text(extracted).replace("|", ""), browser_text(source).replace("|", "")
        if any(block.hidden for block in extracted.blocks):  # and so behind the text that it lies within
            own, true = "".join(sorted(own)), "".join(sorted(true))
        if own != true:
            different.append(name)
    assert len(different) <= len(pages) * 21 / 1421, different


WORDS = st.sampled_from(
    ["carbon", "market", "碳市场", "，", "2024", " ", "\n", "　", "&nbsp;", "&amp;", "a < b", "&#x4e2d;"]
)
INLINE = st.sampled_from(["b", "span", "a href='x'", "em", "font color=red", "I"])
BLOCK = st.sampled_from(["p", "div", "li", "h2", "blockquote", "td", "section class='x y'", "DIV"])


def element(tag: str, inner: list[str]) -> str:
    return f"<{tag}>{''.join(inner)}</{tag.split()[0]}>"


INNER = st.recursive(WORDS, lambda inner: st.builds(element, INLINE, st.lists(inner, max_size=4)), max_leaves=6)
TREE = st.recursive(
    st.one_of(INNER, st.sampled_from(["<br>", "<hr/>", "<!-- c -->", "<img src=x>", "<script>1<2</script>"])),
    lambda inner: st.builds(element, BLOCK, st.lists(inner, max_size=5)),
    max_leaves=25,
)


@given(st.lists(TREE, max_size=6).map("".join))
@settings(max_examples=70, deadline=None)
def test_blocks_hold_the_text_of_their_places_and_gaps_hold_none(source: str) -> None:
    blocks = extract_html(source).blocks
    assert_places(source, blocks)
    at = 0
    for block in blocks:
        assert stripped(source[at : block.start]) == ""
        assert stripped(source[block.start : block.end]) == visible(block.text)
        assert source[block.start] not in " \n　"
        at = block.end
    assert stripped(source[at:]) == ""


SOUP_TAGS = """<p> </p> <b> </b> <a_href=x> </a> <div> </div> <li> <ul> </ul> </li> <h1> </h2> <br> </br> <span_class='x'>
</span> <i> </i> <dd> <dt> <dl> </dl> <!--_x_--> <!x> <hr> <form> </form> <pre> </pre> <blockquote> <img_alt=>
<noscript> </noscript> </x> <x>"""
SOUP = st.lists(
    st.one_of(
        WORDS.filter(lambda word: "<" not in word),
        st.sampled_from([tag.replace("_", " ") for tag in SOUP_TAGS.split()]),
    ),
    max_size=30,
).map("".join)


@given(SOUP)
@settings(max_examples=120, deadline=None)
def test_tag_soup_keeps_its_text(source: str) -> None:
    extracted = extract_html(source)
    assert_places(source, extracted.blocks)
    assert own_text(extracted) == browser_text(source)


@given(st.text(alphabet="<>/!-ab=\"' &;\n碳[]?", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_has_ascending_places(source: str) -> None:
    assert_places(source, extract_html(source).blocks)


def test_line_breaks_part_paragraphs() -> None:
    source = "<div>　　第一段。<br>　　第二段。<br><br><br>第三段。</div>"
    blocks = extract_html(source).blocks
    assert [(block.text, block.n_breaks) for block in blocks] == [("第一段。", 1), ("第二段。", 1), ("第三段。", 3)]
    assert [source[block.start : block.end] for block in blocks] == ["第一段。", "第二段。", "第三段。"]


def test_a_wrapped_line_is_no_space_between_chinese_characters() -> None:
    assert texts("<p>全国碳排放权\n   交易市场 carbon\nmarket 建设</p>") == ["全国碳排放权交易市场 carbon market 建设"]


def test_spaces_spelled_as_entities_are_not_part_of_the_place() -> None:
    source = "<p>&nbsp;&emsp;&#12288; 正文&nbsp;<b>&nbsp;</b> </p>"
    block = only(source)
    assert (block.text, source[block.start : block.end]) == ("正文", "正文")


@pytest.mark.parametrize(
    ("source", "kind", "level"),
    [
        ("<h3>标题</h3>", BlockKind.HEADING, 3),
        ("<ul><li><p>item</p></ul>", BlockKind.LIST_ITEM, 1),
        ("<ul><li><ol><li>inner</ol></ul>", BlockKind.LIST_ITEM, 2),
        ("<blockquote><p>引文</p></blockquote>", BlockKind.QUOTE, 0),
        ("<pre>x</pre>", BlockKind.CODE, 0),
        ("<figure><img><figcaption>图 1</figcaption></figure>", BlockKind.CAPTION, 0),
        ("<ul><li><article><p>text</p></article></ul>", BlockKind.PARAGRAPH, 0),
        ("<span>text</span>", BlockKind.PARAGRAPH, 0),
    ],
)
def test_kind_is_that_of_the_nearest_telling_element(source: str, kind: BlockKind, level: int) -> None:
    block = only(source)
    assert (block.kind, block.level) == (kind, level)


def test_preformatted_text_keeps_its_white_space() -> None:
    assert only("<pre>\nif x:\n    y &lt; 1<br>  z\n</pre>").text == "if x:\n    y < 1\n  z"


def test_rows_of_a_data_table_are_one_block_each() -> None:
    source = """<table><caption>排放</caption><thead><tr><th>年份</th><th>排放量</th></tr></thead>
      <tbody><tr><td>2023</td><td><p>1,200 <a href=x>注</a></p></td></tr><tr><td>2024<td></td></tr></table>"""
    blocks = extract_html(source).blocks
    assert [block.text for block in blocks] == ["排放", "年份 | 排放量", "2023 | 1,200 注", "2024"]
    assert [block.kind for block in blocks] == [BlockKind.CAPTION, *[BlockKind.TABLE_ROW] * 3]
    assert blocks[2].markup is not None
    assert (blocks[2].markup.path[-1], blocks[2].markup.n_links, blocks[2].markup.link_chars) == ("tr", 1, 1)


@pytest.mark.parametrize(
    "cell",
    [
        "<h2>Title</h2>",
        "<ul><li>a<li>b</ul>",
        "<table><tr><td>a<td>b</table>",
        "长文" * 200,
        "<p>" + "段落" * 40 + "<p>二",
    ],
)
def test_a_layout_table_gives_the_blocks_in_it(cell: str) -> None:
    found = texts(f"<table><tr><td>menu</td><td>{cell}</td></tr></table>")
    assert found[0] == "menu"


def test_links_are_counted_with_their_characters() -> None:
    block = only("<p>see <a href=a>one</a>, <a href=b>two 二</a> and <a name=c>no link</a></p>")
    assert block.markup is not None
    assert (block.markup.n_links, block.markup.link_chars) == (2, 8)


def test_path_classes_and_role_come_from_the_elements_around() -> None:
    source = """<body class=Page><div ID="Main  box" itemprop=articleBody><NAV><p><b class=x>a</b></p></NAV>
        <div role=main><p class='a b'>b <i class=z>c</i></p></div></div>"""
    first, second = (block.markup for block in extract_html(source).blocks)
    assert first is not None and second is not None
    assert (first.path, first.classes) == (("body", "div", "nav", "p", "b"), "page main box articlebody x")
    assert (first.role, second.role) == ("navigation", "main")
    assert (second.path, second.classes) == (("body", "div", "div", "p"), "page main box articlebody a b")


@pytest.mark.parametrize(
    "attribute", ["hidden", "aria-hidden='true'", "style='color:red; DISPLAY : none'", 'style="visibility:hidden"']
)
def test_hidden_text_is_kept_and_says_so(attribute: str) -> None:
    extracted = extract_html(f"<div {attribute}><p>secret</p></div><p class=unhidden>open</p>")
    assert ["hidden" in block.markup.classes.split() for block in extracted.blocks if block.markup] == [True, False]
    assert [block.hidden for block in extracted.blocks] == ["aria" not in attribute, False]
    assert extracted.flags == ("hidden_text",)


def test_head_is_read_wherever_it_stands() -> None:
    extracted = extract_html(
        """<html lang="zh-CN"><head><title> 碳市场
        &amp; 周报 </title><meta name="Author" content="王&quot;芳&quot;"></head><body><p>x</p>
        <svg><title>icon</title></svg><meta property="og:title" content="T"><link rel="x canonical" href="https://e.org/">
        <script type="application/ld+json"> {"a": "</p>"} </script></body></html>"""
    )
    assert extracted.head.title == "碳市场 & 周报"
    assert extracted.head.lang == "zh-CN"
    assert extracted.head.meta == (("author", '王"芳"'), ("og:title", "T"))
    assert extracted.head.canonical == "https://e.org/"
    assert extracted.head.json_ld == ('{"a": "</p>"}',)
    assert [block.text for block in extracted.blocks] == ["x"]


def test_image_text_and_unseen_elements_are_no_text() -> None:
    source = "<p>a<img alt='b'><iframe srcdoc='<p>c'>d</iframe><style>e</style><noframes>f</noframes><br>"
    assert texts(source) == ["a"]


def test_noscript_is_read_and_named_in_the_path() -> None:
    block = only("<noscript><p>正文</p></noscript>")
    assert block.markup is not None and "noscript" in block.markup.path


ARTICLE = "<p>" + "The meeting agreed on rules for carbon markets. 会议通过了碳市场规则。" * 20 + "</p>"


@pytest.mark.parametrize(
    "opening",
    ["<!-- note ", "<title>t", "<textarea>", "<a href='x", '<a href="x', "<a b=c ", "<script src=x />\n", "<!x "],
)
def test_markup_left_open_does_not_swallow_the_article(opening: str) -> None:
    extracted = extract_html(f"<body><h1>Head</h1>{opening}{ARTICLE}<p>end")
    assert any("会议通过了碳市场规则。" in block.text for block in extracted.blocks)


def test_code_cut_off_by_the_end_of_the_page_is_no_text() -> None:
    assert texts("<p>a</p><script>" + "if (a < b) document.write('<p>c</p>');" * 20) == ["a"]


def test_xhtml_is_read_as_html() -> None:
    assert EXTRACTORS["application/xhtml+xml"] is EXTRACTORS["text/html"]
    source = (
        '<?xml version="1.0"?>\n<!DOCTYPE html [<!ENTITY a "no"> ]>\n<html xmlns="x"><body><p>yes</p></body></html>'
    )
    assert [block.text for block in extract(source, "application/xhtml+xml").blocks] == ["yes"]


HOSTILE = {
    "nested": "<div>",
    "inline": "<b>x",
    "unbalanced": "</div><p>",
    "stray_end": "<b></i>",
    "open_tags": "<a ",
    "open_quotes": "<a b='",
    "open_mixed": "<a b=\"'",
    "comments": "<!--",
    "declarations": "<!",
    "cdata": "<![CDATA[",
    "scripts": "<script>",
    "escaped_scripts": "<script><!--<script>",
    "titles": "<title>",
    "svg_titles": "<svg><title>x</title>",
    "tables": "<table><tr><td>",
    "rows": "<td>x<tr>",
    "selects": "<select><option>x",
    "entities": "&nbsp;",
    "ampersands": "&",
    "lists": "<ul><li>x",
    "links": "<a href=x>y",
    "misnested": "<a href=x><div></a>",
    "attributes": "<p a=b c='d' e=\"f\" ",
    "doctype": "<!DOCTYPE x [",
    "less": "<",
    "spaces": " \u3000&#8203;",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_linear_time_and_keep_the_article(name: str) -> None:
    bait = repeated(HOSTILE[name])
    extracted = extract_html(f"<h1>Title 标题</h1>{ARTICLE}{bait(30_000)}")
    assert any("会议通过了碳市场规则。" in block.text for block in extracted.blocks)
    assert linear(
        lambda end: extract_html(f"<h1>Title 标题</h1>{ARTICLE}{end}"), bait, 20_000
    )  # more is read otherwise


def test_deep_nesting_goes_to_the_fallback_parser_and_keeps_text_and_places() -> None:
    source = (
        "<title>t</title>"
        + "<div class=d>" * 6_000
        + "<p>深处的 <b>正文</b><br>二<p>&nbsp;three</p>"
        + "</div>" * 6_000
    )
    extracted = extract_html(source)
    assert [block.text for block in extracted.blocks] == ["深处的 正文", "二", "three"]
    assert [source[block.start : block.end] for block in extracted.blocks] == ["深处的 <b>正文", "二", "three"]
    assert "html_fallback_parser" in extracted.flags
    assert extracted.head.title == "t"


def test_a_hundred_thousand_nested_elements_are_no_trouble() -> None:
    extracted = extract_html("<div>" * 100_000 + "正文" + "</div>" * 100_000)
    assert [block.text for block in extracted.blocks] == ["正文"]
    assert extracted.flags == ("deep_nesting",)


def test_repairs_are_named_and_empty_blocks_dropped() -> None:
    extracted = extract_html("<p>one&#8203;two</p><p>&#8203;</p><p>three</p>")
    assert [(block.ordinal, block.text) for block in extracted.blocks] == [(0, "onetwo"), (1, "three")]
    assert extracted.repairs


@pytest.mark.parametrize(
    "tag",
    [
        '<p class="x" title="1 > 0">',
        '<p class="x" title="1 > 0" >',
        '<p class="x" hidden>',
        '<p class="x" title=>',
        '<p class="x" />',
        '<p class="x"title="1 > 0">',
        "<p class='x' title='1 > 0'>",
        '<p  class = "x"\n title = "1 > 0">',
        '<p class="x" title=a">',
        '<p class="x" ="1">',
    ],
)
def test_a_tag_ends_where_a_browser_ends_it_however_its_attributes_are_spelled(tag: str) -> None:
    source = f'{tag}碳市场 opens today<p class="y">次日 the next'
    extracted = extract_html(source)
    assert own_text(extracted) == browser_text(source)
    first = extracted.blocks[0].markup
    assert first is not None
    assert "x" in first.classes.split()


@pytest.mark.parametrize("title", ["Use <b> tags", "The <style> element", "〈<p>〉是什么"])
def test_a_title_may_name_tags(title: str) -> None:
    found = extract(f"<title>{title}</title><p>Hello</p>", "text/html")
    assert [block.text for block in found.blocks] == ["Hello"]
    assert found.head.title == title
