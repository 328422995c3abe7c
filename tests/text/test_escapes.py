"""Escapes that a text suffers from are undone; those that it shows are not."""

import html
import json
import quopri
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import CleanDocument, clean
from pipeline.text.escapes import holds_markup, plain, undo_escapes

ZH = "盐场的风车去年换了新叶片，转起来比从前安静。\n管风车的老邱说，最怕的是盐霜；轴承一个月要擦三遍。"
EN = "The mills have new sails, and they turn so quietly that the terns nest again.\nOld Mr Quill says: storms worry me less than salt."


def named(text):
    """Signs as named entities, as editors for the web write them."""
    return "&nbsp;&nbsp;" + text.replace("，", "&#65292;").replace(",", "&#44;").replace("say", "&ldquo;say&rdquo;")


ESCAPES = {
    "unicode": lambda text: (
        json.dumps(text)[1:-1].replace("\\n", "\n") if not text.isascii() else text.replace(" ", "\\u0020")
    ),
    "decimal": lambda text: "".join(f"&#{ord(char)};" if char not in " \n" else char for char in text),
    "hexadecimal": lambda text: "".join(f"&#x{ord(char):X};" if char not in " \n" else char for char in text),
    "percent": quote,
    "form": quote_plus,
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode() if not text.isascii() else quote(text),
    "javascript": lambda text: "".join(f"%u{ord(char):04X}" if char != "\n" else char for char in text),
    "json string": json.dumps,
    "json string twice": lambda text: json.dumps(json.dumps(text)),
    "bytes": lambda text: repr(text.encode()),
    "gbk bytes": lambda text: repr(text.encode("gbk")),
}


@pytest.mark.parametrize("kind", ESCAPES)
@pytest.mark.parametrize("text", [ZH, EN])
def test_a_text_escaped_as_a_whole_is_undone(kind, text):
    assert undo_escapes(ESCAPES[kind](text)).text == text


@pytest.mark.parametrize("text", [ZH, EN])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_references_are_undone_however_often_they_were_escaped(text, times):
    escaped = named(text)
    for _ in range(times - 1):
        escaped = html.escape(escaped)
    found = undo_escapes(escaped)
    assert found.text == html.unescape(named(text))
    assert found.names == ("html_escapes",)


@pytest.mark.parametrize("text", [ZH, EN])
def test_escaped_mark_up_is_mark_up(text):
    paragraphs = "".join(f"<p class='a'>{line}</p>" for line in text.split("\n"))
    document = clean(html.escape(paragraphs))
    assert isinstance(document, CleanDocument)
    assert document.text == text


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("到站了。\\n\\n站台上没有人。\\t他把伞收起来。", "到站了。\n\n站台上没有人。\t他把伞收起来。"),
        ('It rained.\\nNobody came.\\nHe said \\"wait\\".', 'It rained.\nNobody came.\nHe said "wait".'),
        ("第一段。\\r\\n第二段。\\r\\n第三段。", "第一段。\n第二段。\n第三段。"),
        ("他说\\u201c好\\u201d。\\xa0再见。", "他说“好”。\xa0再见。"),
        ("雨停了😀。\\ud83d\\ude00", "雨停了😀。😀"),
    ],
)
def test_escapes_of_strings_in_a_text(line, wanted):
    assert undo_escapes(line).text == wanted


@pytest.mark.parametrize(
    "text",
    [
        "In HTML a space that does not break is written &nbsp; and an ampersand &amp;.",
        "段落用 &lt;p&gt; 标签开始，用 &lt;/p&gt; 标签结束。",
        "Python 里换行写成 \\n，制表符写成 \\t。",
        "The escape \\u00e9 stands for an accented letter in JSON.",
        "Copy C:\\new\\table to D:\\reports\\total.",
        "We have \\nabla f = \\nu \\times \\tau for all \\theta.",
        "The page is at http://w.example.cn/%E7%9B%90%E5%9C%BA/%E9%A3%8E%E8%BD%A6 and nowhere else.",
        "Output fell 20% and 30% in 2 years; a=b and c=d.",
        "The shell has `\\n` and `&nbsp;` in its ``code``.\n```\n&lt;b&gt;\\n\\n&lt;/b&gt;\n```",
        "R&D and Q&A; AT&T; fish & chips;",
    ],
)
def test_what_a_text_shows_it_keeps(text):
    assert undo_escapes(text).text == text


def page(body, title="盐场"):
    return f"<!DOCTYPE html><html><head><meta charset=utf-8><title>{title}</title></head><body>{body}</body></html>"


def test_twice_escaped_references_of_a_page():
    body = "".join(f"<p>{html.escape(named(line))}</p>" for line in (*ZH.split("\n"), *EN.split("\n")))
    document = clean(page(body, "Salt &amp;amp; Wind"))
    assert isinstance(document, CleanDocument)
    assert "&" not in document.text
    assert document.title == "Salt & Wind"


def test_escaped_tags_in_a_page():
    body = f"<div>{html.escape(''.join(f'<p>{line}</p>' for line in ZH.split(chr(10))))}</div>"
    document = clean(page(body))
    assert isinstance(document, CleanDocument)
    assert document.text == ZH


def test_a_page_saved_as_a_string_of_a_programme():
    source = (
        page("\n".join(f"<p>{line}</p>" for line in ZH.split("\n")))
        .replace("<body>", "\n<body>\n")
        .replace("<head>", "\n<head>\n")
    )
    for written in (json.dumps(source), repr(source.encode())):
        document = clean(written)
        assert isinstance(document, CleanDocument), written
        assert document.text == ZH


def test_scripts_and_attributes_of_a_page_stay():
    body = f'<div data-tip="&lt;b&gt;a&lt;/b&gt;&lt;b&gt;b&lt;/b&gt;"><p>{ZH}</p></div><script>var a = "\\u6e05\\u6cb3\\n\\n&amp;nbsp;"</script>'
    assert undo_escapes(page(body), html=True).names == ()


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("Salt &#8217;n&#8217; wind", "Salt ’n’ wind"),
        ("盐场&amp;nbsp;风车", "盐场\xa0风车"),
        ("\\u76d0\\u573a", "盐场"),
        ("&lt;em&gt;盐场&lt;/em&gt;的风车", "盐场的风车"),
        ("How to escape &lt; in XML", "How to escape &lt; in XML"),
        ("盐场 100%", "盐场 100%"),
    ],
)
def test_titles(title, wanted):
    assert plain(title) == wanted


@given(st.text(alphabet=st.sampled_from("&amp;lt;gt;#x6e05\\u6xn%E6=<p>/ \n茶。"), max_size=120))
def test_undoing_comes_to_rest_and_leads_back(text):
    for as_page in (False, True):
        found = undo_escapes(text, html=as_page)
        assert found.text.strip() or found.text == text
        for at in range(0, len(found.text), 5):
            start, end = at, at + 1
            for step in reversed(found.steps):
                start, end = step.place(start, end)
            assert 0 <= start <= end <= len(text)


def test_mark_up_in_a_plain_field():
    assert holds_markup("<p>盐场。</p>\n<p>风车。</p>")
    assert holds_markup("盐场。<br>风车。<br>老邱。")
    assert not holds_markup("a < b and c > d")
    assert not holds_markup("在 HTML 里，<p>这样</p> 写一段。")
