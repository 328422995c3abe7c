"""What a site serves beside its documents is told from documents, by what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from growth import linear, repeated

from pipeline.read import read_file
from pipeline.read.apart import apart, apart_at, xml_root
from pipeline.read.limits import skip
from pipeline.types import Record

ENGLISH = "The signalman wrote a diary for forty years. It says which trains were late, and why."
SIMPLIFIED = "信号员写了四十年日记。里面记着哪些火车晚点，以及为什么晚点。"

BESIDE = [
    ("robots.txt", "User-agent: *\nDisallow: /admin/\n\n# a comment\nSitemap: https://example.org/s.xml\n"),
    ("robots.txt", "# 网站协议\r\nUser-Agent: Baiduspider\r\nCrawl-delay: 5\r\n"),
    ("ads.txt", "example.com, pub-1, DIRECT, f08\n# x\nexample.net,2,RESELLER\n"),
    ("security.txt", "Contact: mailto:a@example.org\nExpires: 2030-01-01T00:00:00Z\n"),
    ("humans.txt", "/* TEAM */\nChef: Ann\nFrom: Harbour\n"),
    ("log of wget", "--2024-03-05 08:30:00--  http://n.example.cn/\nResolving n.example.cn... 203.0.113.5\n"),
    (
        "sitemap",
        "<?xml version='1.0'?>\n<!-- x --><urlset xmlns='s'><url><loc>https://example.org</loc></url></urlset>",
    ),
    ("sitemap", "\ufeff<sitemapindex><sitemap/></sitemapindex>"),
    ("list of feeds (OPML)", "<opml version='1.0'><head/></opml>"),
]
DOCUMENTS = [
    ENGLISH,
    SIMPLIFIED,
    f"User-agent: what it is\n\n{ENGLISH}",
    f"Contact: the author\n{SIMPLIFIED}",
    f"Allow: a word with a history. {ENGLISH}",
    f"/* A note */ {ENGLISH}",
    "Sitemap: https://example.org/s.xml\n",
    f"<p>{SIMPLIFIED}</p>",
]


@pytest.mark.parametrize(("kind", "content"), BESIDE)
@pytest.mark.parametrize("name", ["robots.txt", "a", "a.txt"])
def test_it_is_skipped_with_what_it_is_under_any_name(tmp_path: Path, kind: str, content: str, name: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    assert list(read_file(tmp_path, name)) == [skip(name, None, f"no document: {kind}")]


@pytest.mark.parametrize("content", DOCUMENTS)
@pytest.mark.parametrize("name", ["robots.txt", "humans.txt", "a"])
def test_a_document_is_none_of_them_whatever_its_name(tmp_path: Path, content: str, name: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    (record,) = read_file(tmp_path, name)
    assert isinstance(record, Record)


SCRIPTS = [
    "(function(){var a=1;window.x=function(){return a}})();",
    "/*! lib 1.2 */\n!function(e,t){e.exports=t()}(this,function(){});",
    '"use strict";\nconst a = require("a");\n',
    'var _hmt = _hmt || [];\n(function() {\n  var hm = document.createElement("script");\n})();',
    "jQuery(function($){$('.a').hide();});",
]
STYLES = [
    "body{margin:0;padding:0}\n.a{color:red}",
    '/* 样式 */\n@charset "utf-8";\n.nav > li { float: left; }',
    "@media print{.a{display:none}}",
]


@pytest.mark.parametrize("content", SCRIPTS)
def test_a_script_served_as_text_is_told(content: str) -> None:
    assert apart_at("https://example.org/s", content.encode()) == "script"
    assert apart_at("https://example.org/app.js?v=1", b"anything") == "script"


@pytest.mark.parametrize("content", STYLES)
def test_a_style_sheet_served_as_text_is_told(content: str) -> None:
    assert apart_at("https://example.org/s", content.encode()) == "style sheet"


@pytest.mark.parametrize(
    "content",
    [
        *DOCUMENTS,
        f"var is a small river. {ENGLISH}",
        f"function (noun): {ENGLISH}",
        f"if (typeof is new to you)\n{ENGLISH}",
    ],
)
def test_prose_is_no_code(content: str) -> None:
    assert apart_at("https://example.org/article", content.encode()) is None


def test_an_address_that_is_none_does_not_fail() -> None:
    assert apart_at("http://[", ENGLISH.encode()) is None
    assert apart_at("", SIMPLIFIED.encode()) is None


@pytest.mark.parametrize(
    ("content", "root"),
    [
        ("<?xml version='1.0'?><rss>", "rss"),
        ("<?xml version='1.0'?><?xml-stylesheet href='a'?><!-- c --><atom:feed xmlns='x'>", "feed"),
        ("<!DOCTYPE rdf:RDF [<!ENTITY a 'b'>]><rdf:RDF>", "rdf"),
        ("plain", None),
        ("<!DOCTYPE html><html>", None),
    ],
)
def test_the_root_of_xml_is_found_behind_what_may_precede_it(content: str, root: str | None) -> None:
    assert xml_root(content.encode()) == root


@pytest.mark.parametrize("bait", [b"/*", b"//\n", b"a{", b".", b"(", b"<!--", b"#\n"])
def test_a_look_is_linear_in_anything(bait: bytes) -> None:
    assert linear(lambda head: (apart(head), apart_at("https://example.org/a", head)), repeated(bait), 64_000)
