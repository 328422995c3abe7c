"""Site: the URL before the path before the footer, and never a domain that stands in anyone's footer."""

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metadata.site import site_of, site_of_url
from pipeline.types import Block, BlockKind


def blocks(*lines):
    return tuple(Block(i, line, BlockKind.PARAGRAPH, 0, len(line)) for i, line in enumerate(lines))


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.mee.gov.cn/xxgk/202409/t1.html", "mee.gov.cn"),
        ("https://www.bbc.co.uk/news", "bbc.co.uk"),
        ("http://WWW.Example.COM.", "example.com"),
        ("https://user:secret@sub.example.org:8080/x", "example.org"),
        ("www.example.org/x", "example.org"),
        ("https://someone.github.io/post", "someone.github.io"),
        ("http://127.0.0.1:8000/a", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://localhost:8000/", "localhost"),
        ("http://[::1/", None),
        ("mailto:a@example.org", None),
        ("about:blank", None),
        ("", None),
        (None, None),
    ],
)
def test_the_site_of_a_url_is_its_registrable_domain(url, site):
    assert site_of_url(url) == site


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_url_raises(url):
    site_of_url(url)


def test_url_before_path_before_footer():
    footer = blocks("正文。", "Copyright@2014 footer-site.com 某某网 All Rights Reserved")
    assert site_of(url="https://a.org/", path="b.com/x.txt", blocks=footer) == "a.org"
    assert site_of(url=None, path="mirror/www.b.com/2024/x.txt", blocks=footer) == "b.com"
    assert site_of(url=None, path="mirror/x.txt", blocks=footer) == "footer-site.com"
    assert site_of(url=None, path="mirror/x.txt", blocks=()) is None
    assert site_of(url=None, path="m.tar", member="www.b.com/x.txt", blocks=footer) == "b.com"
    assert site_of(url=None, path="m.zip", member="in.zip:www.b.com/2024/x.jsonl:7", blocks=footer) == "b.com"
    assert site_of(url=None, path="c.org/m.zip", member="www.b.com/x.txt", blocks=footer) == "c.org"
    assert site_of(url=None, path="m.jsonl", member="3", blocks=footer) == "footer-site.com"


@pytest.mark.parametrize(
    "path", ["a.html", "v1.0/a.txt", "site.zip/a.txt", "node.js/a.txt", "2024.09/a.txt", "www.b.com"]
)
def test_a_folder_that_is_no_domain_is_no_site(path):
    assert site_of(url=None, path=path, blocks=()) is None


@pytest.mark.parametrize(
    ("line", "site"),
    [
        ("版权所有：某某部 网址：www.bu.gov.cn 邮箱 bu@qq.com", "bu.gov.cn"),
        ("Copyright © 2020 www.tan-example.com版权所有", "tan-example.com"),
        ("Contact us: press@example.int", "example.int"),
        ("京ICP备05009132号 technical support: beian.miit.gov.cn", None),
        ("Photo: Getty. See example.com for more of it", None),
        ("Contact: i.e. v.10 and 2.5 of U.S.A.", None),
    ],
)
def test_a_footer_names_the_site_in_a_line_of_its_own_kind(line, site):
    assert site_of(url=None, path="a.txt", blocks=blocks("正文。", line)) == site


def test_the_copyright_line_wins_over_a_contact_line():
    footer = blocks("Copyright 2020 own.org", "联系我们 help@other.org")
    assert site_of(url=None, path="a.txt", blocks=footer) == "own.org"


def test_a_domain_far_above_the_end_is_no_footer():
    body = blocks("Copyright 2014 early.com", *["A paragraph of prose."] * 40)
    assert site_of(url=None, path="a.txt", blocks=body) is None


def test_footer_bait_takes_linear_time():
    path, line = repeated("a.."), "copyright " + "a.b@" * 140
    assert linear(lambda name: site_of(url=None, path=name + "/x", blocks=()), path, 100_000)
    assert linear(lambda found: site_of(url=None, path="a.txt", blocks=found), lambda n: blocks(*[line] * n), 400)
