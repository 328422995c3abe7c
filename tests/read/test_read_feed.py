"""Feeds: an item a record, in every dialect, well formed or not, and never more than what is in the file."""

from __future__ import annotations

import gzip
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from growth import linear
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import ReadLimits, read_file
from pipeline.read.limits import skip
from pipeline.types import Record

ENGLISH = "The lock keeper opens the gates at six. Barges wait below the weir."
SIMPLIFIED = "船闸每天六点开门。驳船在堰下面等着。"
TRADITIONAL = "船閘每天六點開門。駁船在堰下面等著。"


def read(folder: Path, content: bytes | str, name: str = "a.xml", **limits: int) -> list[Record | Rejection | Skipped]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_file(folder, name, limits=ReadLimits(**limits)))


def records(folder: Path, content: bytes | str, name: str = "a.xml") -> list[Record]:
    found = read(folder, content, name)
    assert all(isinstance(one, Record) for one in found), found
    return [one for one in found if isinstance(one, Record)]


def rss(*items: str, encoding: str = "UTF-8", doctype: str = "") -> str:
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n{doctype}<rss version="2.0" xmlns:content="c" xmlns:dc="d">'
    return f"{head}<channel><title>Gazette</title>{''.join(f'<item>{one}</item>' for one in items)}</channel></rss>"


def texts(found: list[Record]) -> list[str]:
    return [one.content.decode() for one in found]


@pytest.mark.parametrize("name", ["a.xml", "a.rss", "feed", "a.txt", "a.xml.gz", "a.html"])
def test_each_item_of_rss_is_a_record_under_any_name(tmp_path: Path, name: str) -> None:
    items = (
        f"<title>Weir</title><link>https://example.org/1?a=1&amp;b=2</link><pubDate>Tue, 05 Mar 2024 08:30:00 GMT</pubDate>"
        f"<dc:creator><![CDATA[王小明]]></dc:creator><source url='u'>Evening Post</source><description>{ENGLISH}</description>",
        f"<title>船闸</title><description>{SIMPLIFIED}</description>",
    )
    content = rss(*items).encode()
    first, second = records(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
    assert (first.member, second.member) == ("1", "2")
    assert (first.title, first.url) == ("Weir", "https://example.org/1?a=1&b=2")
    assert (first.published, first.author, first.source) == ("Tue, 05 Mar 2024 08:30:00 GMT", "王小明", "Evening Post")
    assert texts([first, second]) == [ENGLISH, SIMPLIFIED]


@pytest.mark.parametrize(
    "body",
    [
        f"<description>teaser</description><content:encoded><![CDATA[<p>{SIMPLIFIED}</p>]]></content:encoded>",
        f"<content:encoded>&lt;p&gt;{SIMPLIFIED}&lt;/p&gt;</content:encoded><description>teaser</description>",
        f"<description><p>{SIMPLIFIED}</p></description>",
        f"<content:encoded>short</content:encoded><description>&lt;p&gt;{SIMPLIFIED}&lt;/p&gt;</description>",
    ],
)
def test_the_full_text_is_taken_and_is_html(tmp_path: Path, body: str) -> None:
    (record,) = records(tmp_path, rss(f"<title>t</title>{body}"))
    assert (record.content.decode(), record.media_type) == (f"<p>{SIMPLIFIED}</p>", "text/html")


def test_atom_has_its_own_names(tmp_path: Path) -> None:
    entry = (
        "<title type='html'>Weir &amp;amp; lock</title><link rel='self' href='https://example.org/self'/>"
        "<link href='https://example.org/1'/><id>tag:x</id><updated>2024-03-06T00:00:00Z</updated>"
        "<published>2024-03-05T00:00:00Z</published><author><name>Ann</name><email>a@b.c</email></author>"
        f"<summary>s</summary><content type='xhtml'><div><p>{ENGLISH} A &amp; B</p></div></content>"
    )
    for opening, closing in (
        ("<feed xmlns='http://www.w3.org/2005/Atom'>", "</feed>"),
        ("<atom:feed>", "</atom:feed>"),
    ):
        prefix = "atom:" if "atom:" in opening else ""
        content = f"{opening}<title>F</title><{prefix}entry>{entry}</{prefix}entry>{closing}"
        (record,) = records(tmp_path, content)
        assert record.content.decode() == f"<div><p>{ENGLISH} A &amp; B</p></div>"
        assert (record.title, record.url) == ("Weir & lock", "https://example.org/1")
        assert (record.published, record.author) == ("2024-03-05T00:00:00Z", "Ann")


def test_rdf_has_its_items_beside_the_channel(tmp_path: Path) -> None:
    items = f"<item rdf:about='https://example.org/1'><title>t</title><dc:date>2024-03-05</dc:date><description>{TRADITIONAL}</description></item>"
    (record,) = records(
        tmp_path, f"<rdf:RDF xmlns:rdf='r'><channel rdf:about='x'><title>F</title></channel>{items}</rdf:RDF>"
    )
    assert (record.url, record.published, record.content.decode()) == (
        "https://example.org/1",
        "2024-03-05",
        TRADITIONAL,
    )


def test_atom_text_is_no_markup(tmp_path: Path) -> None:
    (record,) = records(
        tmp_path, f"<feed><entry><content type='text'>Write &lt;p&gt;: {ENGLISH}</content></entry></feed>"
    )
    assert (record.content.decode(), record.media_type) == (f"Write <p>: {ENGLISH}", "text/plain")


def test_html_without_a_block_keeps_its_paragraphs(tmp_path: Path) -> None:
    (record,) = records(
        tmp_path, rss(f"<content:encoded><![CDATA[{ENGLISH}\n\n<b>{SIMPLIFIED}</b>]]></content:encoded>")
    )
    assert record.content.decode() == f"<p>{ENGLISH}</p>\n<p><b>{SIMPLIFIED}</b></p>"


@pytest.mark.parametrize(
    ("label", "codec", "name"),
    [
        ("gb2312", "gbk", "gb18030"),
        ("Big5", "big5", "big5"),
        ("utf-16", "utf-16", "utf-16le"),
        ("UTF-8", "utf-8", "utf-8"),
    ],
)
def test_the_declared_charset_is_that_of_the_feed_and_is_told(
    tmp_path: Path, label: str, codec: str, name: str
) -> None:
    text = TRADITIONAL if codec == "big5" else SIMPLIFIED
    content = rss(f"<title>船</title><description>{text}</description>", encoding=label).encode(codec)
    (record,) = records(tmp_path, content)
    assert record.content.decode() == text
    assert record.taken_from is not None
    assert record.taken_from[0] == name


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (f"<description>{ENGLISH} A & B</description>", f"{ENGLISH} A & B"),
        (f"<description>{ENGLISH}&nbsp;end</description>", f"{ENGLISH}\xa0end"),
        (f"<description>{ENGLISH}&unknown;</description>", f"{ENGLISH}&unknown;"),
        (f"<description><![CDATA[{ENGLISH}</description>", ENGLISH),
        (f"<description>{ENGLISH}", ENGLISH),
        (f"<!-- <description>no</description> --><description>{ENGLISH}</description>", ENGLISH),
    ],
)
def test_what_is_not_well_formed_is_read(tmp_path: Path, item: str, text: str) -> None:
    (first, second) = records(tmp_path, rss(f"<title>t</title>{item}", f"<description>{SIMPLIFIED}</description>"))
    assert text in first.content.decode()
    assert second.content.decode() == SIMPLIFIED


def test_a_section_may_hold_what_looks_like_an_item(tmp_path: Path) -> None:
    body = f"<p>{ENGLISH} &lt;item&gt; <item>one</item></p>"
    found = records(
        tmp_path, rss(f"<description><![CDATA[{body}]]></description>", f"<description>{SIMPLIFIED}</description>")
    )
    assert texts(found) == [body, SIMPLIFIED]


def test_no_entity_of_a_document_type_is_expanded_and_no_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    doctype = f'<!DOCTYPE rss [{entities}<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    (record,) = records(tmp_path, rss(f"<title>&x;</title><description>&i; {ENGLISH}</description>", doctype=doctype))
    assert record.content.decode() == f"&i; {ENGLISH}"
    assert record.title == "&x;"


def test_an_item_without_a_text_is_skipped_and_one_with_a_teaser_is_a_record(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        rss(
            "<title>t</title><link>https://example.org</link>",
            f"<title>u</title><description>{SIMPLIFIED}</description>",
        ),
    )
    assert found[0] == skip("a.xml", "1", "feed item without a text: its title alone")
    assert isinstance(found[1], Record)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('<?xml version="1.0"?><urlset><url><loc>https://example.org</loc></url></urlset>', "no document: sitemap"),
        ("<sitemapindex><sitemap/></sitemapindex>", "no document: sitemap"),
        ("<opml version='2.0'><body><outline text='a'/></body></opml>", "no document: list of feeds (OPML)"),
        ("<root><item>text</item></root>", "unsupported type: .xml"),
        (rss(), "no document: feed without items"),
    ],
)
def test_other_xml_is_skipped_with_what_it_is(tmp_path: Path, content: str, reason: str) -> None:
    assert read(tmp_path, content) == [skip("a.xml", None, reason)]


def test_a_page_about_feeds_is_a_page(tmp_path: Path) -> None:
    page = f"<!DOCTYPE html><html><body><p>{ENGLISH} &lt;rss&gt;&lt;channel&gt;</p></body></html>"
    (record,) = records(tmp_path, page, "a.html")
    assert record.content.decode() == page


def test_a_feed_that_was_cut_gives_the_whole_items_and_says_what_is_lost(tmp_path: Path) -> None:
    content = gzip.compress(
        rss(*(f"<title>{n}</title><description>{ENGLISH} {n * 7919}</description>" for n in range(3_000))).encode()
    )
    found = read(tmp_path, content[: len(content) // 2], "a.rss.gz")
    assert sum(isinstance(one, Record) for one in found) > 1_000
    assert isinstance(found[-1], Rejection)
    assert found[-1].reason is Reason.BROKEN_CONTAINER


def test_an_item_that_is_too_large_costs_itself_alone(tmp_path: Path) -> None:
    items = [f"<description>{text}</description>" for text in (ENGLISH, "word " * 100_000, SIMPLIFIED)]
    found = read(tmp_path, rss(*items), max_record_bytes=100_000)
    assert [(one.member, getattr(one, "reason", None)) for one in found] == [
        ("1", None),
        ("2", Reason.TOO_LARGE),
        ("3", None),
    ]


def test_an_item_whose_beginning_is_lost_is_said(tmp_path: Path) -> None:
    found = read(
        tmp_path, f"<rss><channel><title>F</title>{ENGLISH}</item><item><description>{SIMPLIFIED}</description></item>"
    )
    assert [getattr(one, "reason", None) for one in found] == [Reason.BROKEN_CONTAINER, None]


LONG = (
    f"{ENGLISH} The clerk counts them from his window, and enters each in a book with a red cover that he shows to nobody. "
    "On Mondays he counts them again."
)
LONG_SIMPLIFIED = f"{SIMPLIFIED}书记员从窗口数驳船，一条一条记在红皮的本子上，从来不给别人看。星期一他再数一遍。"
LONG_TRADITIONAL = f"{TRADITIONAL}書記員從窗口數駁船，一條一條記在紅皮的本子上，從來不給別人看。星期一他再數一遍。"


@pytest.mark.parametrize("text", [LONG, LONG_SIMPLIFIED, LONG_TRADITIONAL])
@pytest.mark.parametrize(
    "torn",
    [
        "<-item><title>t</title><content:encoded><![CDATA[<p>{}</p>]]></content:encoded></-item>",
        "<-item><title>t</title><description>{}</description></-item>",
        "{}",
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_text_that_is_in_no_item_is_said(tmp_path: Path, torn: str, text: str, is_first: bool) -> None:
    item = f"<item><title>i</title><description>{ENGLISH}</description></item>"
    items = [torn.format(text), item] if is_first else [item, torn.format(text)]
    record, rejection = read(tmp_path, f"<rss><channel><title>F</title>{''.join(items)}</channel></rss>")
    assert isinstance(record, Record)
    assert isinstance(rejection, Rejection)
    assert (record.member, rejection.member, rejection.reason) == ("1", "2", Reason.BROKEN_CONTAINER)


def test_what_a_channel_says_of_itself_is_no_item(tmp_path: Path) -> None:
    said = f"<title>F</title><description>{LONG}</description><itunes:summary>{LONG}</itunes:summary>"
    more = f"<g:description>{LONG}</g:description><image><title>F</title><description>{LONG}</description></image>"
    item = f"<item><title>i</title><description>{ENGLISH}</description></item>"
    for content in (f"{said}{more}{item}<!-- {LONG} -->", f"{item}{said}{more}"):
        assert texts(records(tmp_path, f"<rss><channel>{content}</channel></rss>")) == [ENGLISH]
    rdf = f"<channel rdf:about='u'>{said}</channel>{item}<textinput><title>S</title><description>{LONG}</description></textinput>"
    assert texts(records(tmp_path, f"<rdf:RDF>{rdf}</rdf:RDF>")) == [ENGLISH]


@pytest.mark.parametrize("text", [LONG, LONG_SIMPLIFIED, LONG_TRADITIONAL])
def test_text_between_the_elements_of_an_item_is_flagged(tmp_path: Path, text: str) -> None:
    (record,) = records(tmp_path, rss(f"<description>{ENGLISH}</description></itemded>{text}</content:encoded>"))
    assert (record.content.decode(), record.flags) == (ENGLISH, ("unclosed_markup",))
    (record,) = records(
        tmp_path, rss(f"\n<title>t</title> <!-- c -->\n<description>{ENGLISH}</description>\n<link/>\n")
    )
    assert record.flags == ()


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_an_item_with_an_end_that_nothing_begins_is_flagged(tmp_path: Path, text: str) -> None:
    (record,) = records(
        tmp_path, rss(f"<content:encoded>{LONG}</content:encoded></link><description>{text}</description>")
    )
    assert (record.content.decode(), record.flags) == (LONG, ("unclosed_markup",))
    (record,) = records(tmp_path, rss(f"<x><x>1</x></x><description>{text}</p></description><y/>"))
    assert record.flags == ()


@pytest.mark.parametrize("text", [LONG, LONG_SIMPLIFIED, LONG_TRADITIONAL])
@pytest.mark.parametrize(
    "torn", ["<link>http://e.org</lin k><x>{}</x></link>", "<con=tent type='html'>{}", "<title>{}</title>"]
)
def test_a_text_in_an_element_that_has_none_is_flagged(tmp_path: Path, torn: str, text: str) -> None:
    (record,) = records(tmp_path, rss(f"{torn.format(text)}<description>{ENGLISH}</description>"))
    assert (record.content.decode(), record.flags) == (ENGLISH, ("unclosed_markup",))
    (record,) = records(tmp_path, rss(f"<title>{text}</title><description>{text} #1</description>"))
    assert record.flags == ()


@pytest.mark.parametrize("text", [ENGLISH, SIMPLIFIED, TRADITIONAL])
def test_a_comment_that_nothing_closes_before_an_item_hides_none(tmp_path: Path, text: str) -> None:
    item = f"<item><title>i</title><description>{text}</description></item>\n"
    content = f"<rss><channel><title>F</title>{item}{' ' * 500}<!-- {item}{item}</channel></rss>"
    assert texts(records(tmp_path, content)) == [text] * 3


@pytest.mark.parametrize(
    "bait",
    [
        b"<item><![CDATA[" + b"<![CDATA[" * 200_000,
        b"<item>" + b"<!--" * 300_000,
        b"<!--" * 300_000,
        b"<item>" + b"<a b=" * 200_000,
        b"<item>" + b"<b>" * 200_000,
        b"<item><title " + b'a="b" ' * 200_000,
        b"<item>" + b"&amp;" * 300_000,
        b"<item><description>" + b"</x>" * 200_000,
    ],
)
def test_hostile_mark_up_is_linear(tmp_path: Path, bait: bytes) -> None:
    assert linear(lambda found: read(tmp_path, b"<rss><channel>" + found), lambda size: bait[:size], len(bait))


TEXTS = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="\ufeff"), min_size=1
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=6))
def test_every_text_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[str, bool]]
) -> None:
    def body(text: str, in_section: bool) -> str:
        return f"<![CDATA[{text}]]>" if in_section and "]]>" not in text else escape(text)

    items = [f"<title>t</title><description>{body(text, section)}</description>" for text, section in made]
    found = read(tmp_path_factory.mktemp("feed"), rss(*items))
    assert len(found) == len(made)
    assert [one.content.decode() for one in found if isinstance(one, Record)] == [
        text for (text, _), one in zip(made, found, strict=True) if isinstance(one, Record)
    ]
