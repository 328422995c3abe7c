"""The compiled extractor finds what the plain one finds, on pages as they come and on mark-up broken in every way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_html import Page, read_page
from test_extract_html import PAGES

from pipeline.extract import html, machine, scanner
from pipeline.extract.markup import KNOWN, REFERENCES, SAYING
from pipeline.extract.styles import page_sheet

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "html").glob("*.html"))

#: What mark-up is made of, whole and in pieces.
PARTS = (
    *("<p>", "</p>", "<div>", "</div>", "<div class='a b'>", '<div id="x" class="c">', "<P CLASS=q>", "<section>"),
    *("<ul>", "<li>", "</li>", "</ul>", "<ol>", "<dl>", "<dt>", "<dd>", "<h1>", "<h2>", "</h1>", "</h3>", "<hr>"),
    *(
        "<table>",
        "<table role=presentation>",
        "<tr>",
        "<td>",
        "<th>",
        "</td>",
        "</tr>",
        "</table>",
        "<tbody>",
        "<caption>",
    ),
    *("<a href='/x'>", "<a>", "</a>", '<a href="/x?id=3" class="k">', "<b>", "</b>", "<i>", "</i>", "<font>", "<span>"),
    *(
        "</span>",
        "<br>",
        "<br/>",
        "</br>",
        "<pre>",
        "</pre>",
        "<textarea>",
        "</textarea>",
        "<xmp>",
        "</xmp>",
        "<button>",
    ),
    *("</button>", "<option>", "<optgroup>", "<select>", "</select>", "<html lang=zh>", "<body>", "<head>", "</body>"),
    *("<svg>", "</svg>", "<title>", "</title>", "<title/>", "<style>", "</style>", "<script>", "</script>", "<!--"),
    *("-->", "--!>", "<![CDATA[", "]]>", "<!doctype html>", "<?xml?>", "<ruby>", "<rt>", "</ruby>", "<template>"),
    *("<meta name=author content=Ann>", "<span class=author>", "<my-part>", "</my-part>", "</x y>", "</>", "<", ">"),
    *("<div style='display:none'>", '<p style="display: none">', "<p hidden>", '<b class="sr-only">', "<a title='>'>"),
    *('<i a="x>y">', "<i a='", '<i a="', "<i =x>", "<i/b=c>", "<i x'=\"y'>z\">", '"', "'", "/", "=", " ", "\n", "\r\n"),
    *(
        "a",
        "word ",
        "two words",
        "碳",
        "市场",
        "\u3000",
        "\xa0",
        "\u200b",
        "\ufeff",
        "&nbsp;",
        "&amp;",
        "&lt;",
        "&",
        ";",
    ),
    *("&#39;", "&#x78b3;", "&hellip;", "&copy", "&bogus;", "AT&T", "&#0;", "&#128512;", "By Ann Lee", "\x00", "\x1c"),
    *("<style>.h{display:none}</style>", '<p class="h">', "<noscript>", "</noscript>", "<iframe>", "</iframe>", "😀"),
)


def said(page: Page | html.Page) -> tuple[object, ...]:
    return page.blocks, page.head.page_head(), page.scripts, page.flags


def compiled_page(source: str, max_depth: int = html.MAX_DEPTH) -> html.Page | None:
    page = html._page(source, page_sheet(source), max_depth)
    page.blocks = html.settle_hidden(page.blocks)
    return None if page.is_too_deep else page


def assert_equal(source: str) -> None:
    plain, compiled = read_page(source), compiled_page(source)
    assert plain is not None and compiled is not None
    assert said(compiled) == said(plain)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_golden_pages_are_read_alike(file: Path) -> None:
    assert_equal(file.read_bytes().decode("utf-8", "replace"))


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_the_extractor_are_read_alike(name: str) -> None:
    assert_equal(PAGES[name])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join))
def test_mark_up_of_any_parts_is_read_alike(source: str) -> None:
    assert_equal(source)


def mutated(rng: random.Random, source: str) -> str:
    """A page with some of its characters gone, doubled, moved, or mark-up put between them."""
    for _ in range(rng.randint(1, 12)):
        at, other = rng.randrange(len(source) + 1), rng.randrange(len(source) + 1)
        stretch = source[at : at + rng.choice((1, 2, 9, 60))]
        source = rng.choice(
            (
                source[:at] + source[at + len(stretch) :],
                source[:at] + rng.choice(PARTS) + source[at:],
                source[:other] + stretch + source[other:],
            )
        )
    return source


def mutants(count: int) -> Iterator[str]:
    rng = random.Random(20)
    pages = [file.read_bytes().decode("utf-8", "replace")[:20_000] for file in GOLDEN] + list(PAGES.values())
    for _ in range(count):
        yield mutated(rng, rng.choice(pages))


def test_broken_pages_are_read_alike() -> None:
    for source in mutants(400):
        assert_equal(source)


def test_an_element_without_a_box_in_a_line_is_read_alike() -> None:
    assert_equal('<div>one <b>two <div style="display: none">not said</div> three</b> four</div>')


def test_elements_deeper_than_a_path_are_read_alike() -> None:
    nested = "".join(f"<div class=c{depth}>" for depth in range(400))
    assert_equal(f"{nested}<p>deep <b>text</b></p><table><tr><td>a<td>b</table>{'</div>' * 200}less deep")


def test_a_text_deeper_than_it_may_be_is_refused_alike() -> None:
    source = "<p>first</p>" + "<div>" * 30 + "deep"
    assert read_page(source, max_depth=20) is None
    assert compiled_page(source, 20) is None
    assert compiled_page(source, 31) is not None


def test_kernels_do_the_same_with_the_jit_off() -> None:
    for source in [*mutants(12), *PAGES.values()]:
        codes = scanner.code_points(source[:4_000]).view(np.int32)
        most = source.count("<") + 1
        table, plain = (f(codes, 0, 0, False, most, KNOWN) for f in (machine.tokenize, machine.tokenize.py_func))
        assert np.array_equal(table, plain)
        walked, slow = (f(codes, 0, table.copy(), 5_000) for f in (machine.walk, machine.walk.py_func))
        for one, other in zip(walked, slow, strict=True):
            assert np.array_equal(one[:, :4], other[:, :4]) if isinstance(one, np.ndarray) else one == other
        tables = [walked.nodes.copy(), walked.pieces, walked.runs.copy()]
        again = [walked.nodes.copy(), walked.pieces, walked.runs.copy()]
        assert np.array_equal(
            machine.read_runs(codes, *tables, *REFERENCES, True),
            machine.read_runs.py_func(codes, *again, *REFERENCES, True),
        )
        kinds = machine.find_kinds(codes, table, tables[0], tables[1], SAYING)
        for one, other in zip(kinds, machine.find_kinds.py_func(codes, table, again[0], again[1], SAYING), strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(tables[0], again[0])
