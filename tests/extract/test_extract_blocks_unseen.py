"""A page that shows nothing before its scripts have run still says something, once, from a true place."""

import json

import pytest

from pipeline.extract import extract

EN = "The council opened a second repair café in the old harbour hall on Saturday, and forty people came."
ZH = "市政府周六在旧港口大厅开设了第二家维修咖啡馆，共有四十人到场，修好了二十六件旧电器。"


def page(ld: object, *, meta: str = "", body: str = "<div id='app'></div>") -> str:
    script = f'<script type="application/ld+json">{json.dumps(ld, ensure_ascii=False)}</script>'
    return f"<html><head><title>t</title>{meta}{script}</head><body>{body}</body></html>"


@pytest.mark.parametrize("text", [EN, ZH])
def test_the_body_in_json_ld_is_the_text(text: str) -> None:
    source = page({"@type": "Article", "description": "Short summary of the article.", "articleBody": f"<p>{text}</p>"})
    found = extract(source, "text/html")
    assert [block.text for block in found.blocks] == [text]
    block = found.blocks[0]
    assert source[block.start : block.end] == f"<p>{text}</p>"
    assert "text_from_head" in found.flags


@pytest.mark.parametrize("text", [EN, ZH])
def test_without_a_body_the_description_is(text: str) -> None:
    meta = f'<meta name="description" content="{text}">'
    found = extract(page({"@type": "WebPage"}, meta=meta), "text/html")
    assert [block.text for block in found.blocks] == [text]


def test_no_text_twice_and_in_source_order() -> None:
    graph = [{"text": EN}, {"text": ZH}, {"text": EN}]
    found = extract(page(graph, body="<p>Loading</p>"), "text/html")
    assert [block.text for block in found.blocks] == [EN, ZH, "Loading"]
    assert [block.start for block in found.blocks] == sorted(block.start for block in found.blocks)


def test_a_page_that_shows_its_text_is_left_alone() -> None:
    found = extract(page({"articleBody": ZH}, body=f"<p>{EN}</p>"), "text/html")
    assert [block.text for block in found.blocks] == [EN]
    assert "text_from_head" not in found.flags


@pytest.mark.parametrize("broken", ['{"text": "' + EN, '{"text": "' + "\\" * 50_000, '"text":"' * 20_000, "[[[[", ""])
def test_broken_json_harms_nothing(broken: str) -> None:
    found = extract(f'<script type="application/ld+json">{broken}</script><p>Loading</p>', "text/html")
    assert found.blocks[-1].text == "Loading"


@pytest.mark.parametrize("notice", ["The harbour library is closed on Monday.", "港口图书馆周一闭馆，周二照常开放。"])
def test_a_short_notice_is_text_enough(notice: str) -> None:
    meta = f'<meta name="description" content="{notice} {EN}">'
    found = extract(page({"text": EN}, meta=meta, body=f"<p>{notice}</p>"), "text/html")
    assert [block.text for block in found.blocks] == [notice]
