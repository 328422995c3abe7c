"""What a page arrives wrapped in leaves the text, and says where the page is from; the page's own word wins."""

import html
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import CleanDocument, clean
from pipeline.extract.wrappers import http_head, original_address, unwrap

ZH = (
    "盐场的风车去年换了新叶片，转起来比从前安静，海鸟又回到堤上做窝。",
    "管风车的老邱说，最怕的不是台风，是盐霜，轴承一个月要擦三遍。",
    "镇里想把最老的一座留作纪念，木齿轮已经送到城里去修了。",
)
EN = (
    "The salt works has put new sails on its windmills, and they turn so quietly that the terns nest on the dyke again.",
    "Old Mr Quill, who minds them, says that storms worry him less than salt: the bearings must be wiped three times a month.",
    "The oldest mill is to be kept as a monument, and its wooden wheel has been sent to the city for repair.",
)
FOOTER = "<div class=footer>Copyright 2023 Salt Gazette. All rights reserved.</div>"


def page(lines, title="风车", head="", top=""):
    body = "".join(f"<p>{line}</p>\n" for line in lines)
    return (
        f'<!DOCTYPE html>\n<html lang="zh"><head><meta charset="utf-8"><title>{title}</title>{head}</head>\n'
        f"<body>{top}<h1>{title}</h1>\n{body}{FOOTER}</body></html>"
    )


def cleaned(source, **kwargs):
    found = clean(source, **kwargs)
    assert isinstance(found, CleanDocument), found
    return found


def told_exactly(source, document):
    """Each block's place in the source encloses what it came from."""
    places = [(block.start, block.end) for block in document.blocks]
    assert all(start < end <= len(source) for start, end in places)
    assert places == sorted(places)
    assert all(before[1] <= after[0] for before, after in pairwise(places))


# View-source windows.


def chrome(source):
    rows = "".join(
        f'<tr><td class="line-number" value="{n}"></td><td class="line-content">{coloured(line)}</td></tr>'
        for n, line in enumerate(source.split("\n"), 1)
    )
    return (
        '<html><head><meta name="color-scheme" content="light dark"></head><body><div class="line-gutter-backdrop"></div>'
        '<form autocomplete="off"><label class="line-wrap-control">自动换行<input type="checkbox"></label></form>'
        f"<table><tbody>{rows}</tbody></table></body></html>"
    )


def coloured(line):
    return html.escape(line).replace("&lt;p&gt;", '<span class="html-tag">&lt;p&gt;</span>')


def firefox(source):
    lines = "\n".join(f'<span id="line{n}"></span>{html.escape(line)}' for n, line in enumerate(source.split("\n"), 1))
    return (
        "<html><head><title>view-source:http://w.example.cn/mill</title>"
        '<link rel="stylesheet" href="resource://content-accessible/viewsource.css"></head>'
        f'<body id="viewsource" class="highlight"><pre id="line1">{lines}</pre></body></html>'
    )


def textarea(source):
    return f"<html><head><title>source</title></head><body><textarea rows=40>{html.escape(source)}</textarea></body></html>"


def in_pre(source):
    return f"<html><body><h3>源代码</h3><pre>{html.escape(source)}</pre></body></html>"


@pytest.mark.parametrize("window", [chrome, firefox, textarea, in_pre])
@pytest.mark.parametrize("lines", [ZH, EN])
def test_the_page_in_a_view_source_window_is_what_counts(window, lines):
    source = window(page(lines))
    document = cleaned(source, media_type="text/html")
    assert document.text == "\n".join(lines)
    assert document.title == "风车"
    assert "view_source" in document.flags
    told_exactly(source, document)
    for block in document.blocks:
        assert block.text in html.unescape(source[block.start : block.end]).replace("\n", " ")


def test_a_window_says_its_address():
    assert cleaned(firefox(page(ZH)), media_type="text/html").url == "http://w.example.cn/mill"


def test_a_lesson_that_shows_a_page_keeps_it():
    shown = html.escape(page(("Hello.",)))
    lesson = (
        "<html><head><title>第一个网页</title></head><body><h1>第一个网页</h1><p>打开记事本，把下面的代码抄进去，存成 a.html。</p>"
        f"<pre>{shown}</pre><p>再用浏览器打开它，就能看到一行问候的话和一个标题。</p></body></html>"
    )
    document = cleaned(lesson)
    assert "view_source" not in document.flags
    assert "打开记事本" in document.text


# Archives, caches, savers.

TOOLBAR = (
    "<!-- BEGIN WAYBACK TOOLBAR INSERT --><div id=\"wm-ipp-base\" lang=\"en\"><div id=\"wm-ipp\"><a>Wayback Machine</a>"
    "<div>12 captures</div><p>The goal is to fix all broken links, says the crawl that collected this page.</p></div></div>"
    '<div id="wm-ipp-print">The Wayback Machine - https://web.archive.org/web/20120102030405/http://w.example.cn/mill</div>'
    "<!-- END WAYBACK TOOLBAR INSERT -->"
)  # fmt: skip
GOOGLE = (
    '<div id="bN015htcoyT__google-cache-hdr"><div><span>This is Google&#39;s cache of <a href="http://w.example.cn/mill">'
    "http://w.example.cn/mill</a>.</span> <span>It is a snapshot of the page as it appeared on 2 Jan 2012 03:04:05 GMT.</span>"
    "<div>Full version</div></div></div>"
)
TODAY = (
    '<div id="HEADER"><div><a href="/">archive.today</a> webpage capture</div><form><input name="q" value="http://w.example.cn/mill">'
    "</form><div>2 Jan 2012 03:04:05 UTC</div><div>All snapshots from host w.example.cn</div></div>"
)
BAIDU = (
    '<div id="bd_snap_head"><p>您查询的关键词是：风车。如果打开速度慢，可以尝试快速版。</p></div><div id="bd_snap_note">百度和网页 '
    '<a href="http://w.example.cn/mill">http://w.example.cn/mill</a> 的作者无关，不对其内容负责。百度快照谨为网络故障时之索引。</div>'
)


@pytest.mark.parametrize(
    ("head", "top"),
    [
        ("", TOOLBAR),
        ('<link rel="canonical" href="http://web.archive.org/web/20120102030405/http://w.example.cn/mill">', ""),
        ("", GOOGLE),
        ('<link rel="canonical" href="https://archive.ph/2012.01.02-030405/http://w.example.cn/mill">', TODAY),
        ("", BAIDU),
        ("<!--\n Page saved with SingleFile \n url: http://w.example.cn/mill \n saved date: Mon Jan 02 2012 -->", ""),
        ("<!-- saved from url=(0025)http://w.example.cn/mill -->", ""),
        ("<!-- Mirrored from w.example.cn/mill by HTTrack Website Copier/3.x [XR&CO'2014], Mon, 02 Jan 2012 -->", ""),
        ('<meta name="savepage-url" content="http://w.example.cn/mill">', ""),
        ("<!-- Saved from http://w.example.cn/mill at 2012-01-02T03:04:05Z using monolith v2.8.1 -->", ""),
        ("<script>__wm.wombat('http://w.example.cn/mill','20120102030405')</script>", ""),
    ],
)
@pytest.mark.parametrize("lines", [ZH, EN])
def test_a_copy_has_the_address_of_the_page_and_nothing_of_its_keeper(head, top, lines):
    source = page(lines, head=head, top=top)
    document = cleaned(source)
    assert document.url == "http://w.example.cn/mill"
    assert document.site == "example.cn"
    assert document.text == "\n".join(lines)
    assert not any(
        "captures" in block.text or "snapshot" in block.text or "快照" in block.text for block in document.blocks
    )
    told_exactly(source, document)


def test_the_page_s_own_address_wins_over_a_saver_s():
    head = '<link rel="canonical" href="http://w.example.cn/mills/1"><!-- saved from url=(0025)http://w.example.cn/mill -->'
    assert cleaned(page(ZH, head=head)).url == "http://w.example.cn/mills/1"


def test_an_address_of_nowhere_is_none():
    assert cleaned(page(ZH, head="<!-- saved from url=(0014)about:internet -->")).url is None


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        ("https://web.archive.org/web/20040305083000id_/https://w.example.cn/a?b=c", "https://w.example.cn/a?b=c"),
        ("http://web.archive.org/web/2004/w.example.cn/a", "http://w.example.cn/a"),
        ("https://web.archive.org/web/20200101/https://web.archive.org/web/20100101/http://w.example.cn/", "http://w.example.cn/"),
        ("https://archive.is/20120102030405/http://w.example.cn/a", "http://w.example.cn/a"),
        ("https://webcache.googleusercontent.com/search?q=cache:AbCdEfGhIjKl:http://w.example.cn/a+&cd=1&hl=en", "http://w.example.cn/a"),
        ("https://r.jina.ai/https://w.example.cn/a", "https://w.example.cn/a"),
        ("https://w.example.cn/20120102/a", "https://w.example.cn/20120102/a"),
    ],
)  # fmt: skip
def test_addresses_of_copies(copy, original):
    assert original_address(copy) == original


# Headers of readers, front matter.


@pytest.mark.parametrize(
    "header",
    [
        "Title: 风车\n\nURL Source: http://w.example.cn/mill\n\nPublished Time: 2021-04-05T06:07:08Z\n\nMarkdown Content:\n",
        "Title: 风车\nURL Source: http://w.example.cn/mill\nPublished Time: 2021-04-05T06:07:08Z\nNumber of Pages: 3\n\nMarkdown Content:\n",
        "---\ntitle: 风车\nurl: http://w.example.cn/mill\npublishedTime: 2021-04-05T06:07:08Z\n---\n\n",
        '---\nsourceURL: "http://w.example.cn/mill"\ntitle: "风车"\nstatusCode: 200\npublished_time: "2021-04-05T06:07:08Z"\n---\n',
        "标题：风车\n网址：http://w.example.cn/mill\n发布时间：2021-04-05T06:07:08Z\n\n",
        "URL: http://w.example.cn/mill\nTitle: 风车\nPublished: 2021-04-05T06:07:08Z\n------\n",
    ],
)
@pytest.mark.parametrize("lines", [ZH, EN])
def test_headers_before_a_text_are_read_and_left_out(header, lines):
    source = header + "\n\n".join(lines)
    document = cleaned(source)
    assert document.text == "\n".join(lines)
    assert (document.title, document.url) == ("风车", "http://w.example.cn/mill")
    assert document.published_at is not None
    assert document.published_at.isoformat() == "2021-04-05T06:07:08+00:00"
    assert all(source[block.start : block.end] == block.text for block in document.blocks if block.label == "content")


def test_a_text_that_begins_with_a_key_is_a_text():
    text = "Title: a play in three acts\nThe curtain rises on a mill.\n" + "\n".join(EN)
    assert unwrap(text, "text/plain").text == text


# HTTP.


@pytest.mark.parametrize("charset", ["gbk", "utf-8", "big5"])
def test_http_heads_leave_and_say_how_to_read_the_body(charset):
    lines = [
        line.replace("转", "轉")
        for line in ("鹽場的風車去年換了新葉片，海鳥又回到堤上做窩。", "老邱說，最怕的是鹽霜，軸承一個月要擦三遍。")
    ]
    head = (
        "HTTP/1.1 301 Moved Permanently\r\nLocation: http://w.example.cn/mill\r\n\r\n"
        f"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html; charset={charset}\r\n\r\n"
    )
    source = head.encode() + "".join(f"<p>{line}</p>" for line in lines).encode(charset)
    document = cleaned(source)
    assert document.text == "\n".join(lines)
    told_exactly(head + "".join(f"<p>{line}</p>" for line in lines), document)


@pytest.mark.parametrize(
    "head",
    [
        "  HTTP/1.1 200 OK\n  Server: nginx\n  Content-Type: text/plain\n\n",
        "--2024-03-05 08:30:00--  http://w.example.cn/mill\nResolving w.example.cn... 203.0.113.9\nConnecting to w.example.cn|203.0.113.9|:80... "
        "connected.\nHTTP request sent, awaiting response... \n  HTTP/1.1 200 OK\n  Content-Type: text/plain\nLength: 300 [text/plain]\n"
        "Saving to: ‘STDOUT’\n\n",
        "* Connected to w.example.cn (203.0.113.9) port 80\n> GET /mill HTTP/1.1\n> Host: w.example.cn\n> \n"
        "< HTTP/1.1 200 OK\n< Content-Type: text/plain\n< \n",
        "HTTP/1.1 200 Connection established\r\nVia: proxy\r\n\r\nHTTP/2 200 \r\ncontent-type: text/plain\r\n\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("lines", [ZH, EN])
def test_heads_of_many_tools(head, lines):
    document = cleaned(head + "\n".join(lines))
    assert document.text == "\n".join(lines)


def test_an_error_by_http_is_no_document():
    found = clean("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<h1>Sorry</h1>")
    assert not isinstance(found, CleanDocument)


def test_a_letter_about_http_has_no_head():
    assert http_head(b"HTTP/1.1 is a protocol of the year 1997.\n\nIt has heads.") is None


# Warnings of the server.


@pytest.mark.parametrize(
    "notice",
    [
        "<br />\n<b>Warning</b>:  Undefined array key \"id\" in <b>/srv/w/a.php</b> on line <b>7</b><br />\n",
        "\nWarning: session_start(): headers already sent in /srv/w/a.php on line 7\n",
        "PHP Deprecated:  Function each() is deprecated in C:\\w\\a.php on line 7\nPHP Notice:  Undefined index: a in C:\\w\\b.php on line 9\n",
        "<br />\n<font size='1'><table class='xdebug-error xe-notice' dir='ltr'><tr><th>Notice: Undefined variable</th></tr></table></font>\n",
    ],
)  # fmt: skip
def test_warnings_before_a_page_leave(notice):
    source = notice + page(ZH)
    document = cleaned(source, media_type="text/html")
    assert document.text == "\n".join(ZH)
    assert not any(
        "Undefined" in block.text or "on line" in block.text or "a.php" in block.text for block in document.blocks
    )
    told_exactly(source, document)


def test_a_page_about_a_warning_keeps_it():
    lesson = page(("Warning: file not found in /srv/a.php on line 7 就是这样的一行，它说的是第七行出了错。", *ZH))
    assert "on line 7" in cleaned(lesson).text


# A novel site's sentences at the end of a paragraph.


@pytest.mark.parametrize("html_", [True, False])
def test_spliced_sentences_of_a_novel_site_get_their_own_block(html_):
    line = "　　船家把灯挂在桅杆上。天才一秒记住本站地址：n.example.cn。"
    source = page((line, *ZH), title="第九章 夜渡") if html_ else "第九章 夜渡\n" + "\n".join((line, *ZH))
    document = cleaned(source)
    assert "船家把灯挂在桅杆上。" in document.text.split("\n")
    assert "天才" not in document.text
    told_exactly(source, document)


@given(st.text(alphabet=st.sampled_from("<>&;/\\u0123 \n:-#apHTPtle\"'=茶。"), max_size=200))
def test_any_text_is_unwrapped_to_places_within_it(source):
    for media_type in ("text/html", "text/plain"):
        found = unwrap(source, media_type)
        for at in range(0, len(found.text), 7):
            start, end = found.place(at, at + 1)
            assert 0 <= start < end <= len(source)


@pytest.mark.parametrize(
    "text", ["\\n" * 40_000, "&lt;p&gt;" * 20_000, "<pre>&lt;html&gt;" * 8_000, "Title: a\n" * 20_000, "%E6" * 40_000]
)
def test_hostile_input_takes_no_time(text):
    for media_type in ("text/html", "text/plain"):
        assert isinstance(unwrap(text, media_type).text, str)


def test_json_in_a_window_stays_json():
    value = json.dumps({"text": ZH[0]})
    assert unwrap(f"<html><body><pre>{html.escape(value)}</pre></body></html>", "text/html").flags == ()
