# ruff: noqa: E501
"""A page whose text is in its scripts has that text, once, from true places; what else lies there is not taken."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from growth import linear, repeated

from pipeline.extract import extract
from pipeline.types import Block, BlockKind

EN = [
    "The lighthouse on Gull Point was lit again on Sunday, eleven years after the last keeper had left it.",
    "Volunteers cleaned the lens with soft cloths, and a clockmaker from Harle mended the gear that turns it.",
    "“Ships no longer need it,” said the harbour master, “but people do,” and then he went up once more.",
]
ZH = [
    "鸥嘴的灯塔在星期天重新点亮，距离最后一位守塔人离开已经过去了十一年。",
    "志愿者用软布擦净了透镜，哈尔镇的一位钟表匠修好了带动它旋转的齿轮。",
    "港务长说：“船已经用不着它了，可是人还用得着。”说完他又上了一次塔。",
]
HANT = [
    "鷗嘴的燈塔在星期天重新點亮，距離最後一位守塔人離開已經過去了十一年。",
    "志願者用軟布擦淨了透鏡，哈爾鎮的一位鐘錶匠修好了帶動它旋轉的齒輪。",
    "港務長說：「船已經用不著它了，可是人還用得著。」說完他又上了一次塔。",
]
OTHER_EN = (
    "Another story altogether, about a bakery in the north that sells bread by the yard to sailors and their aunts. "
    * 4
)
OTHER_ZH = "这是另一篇文章，讲北边的一家面包房按尺卖面包，水手和他们的姑母都来排队，与灯塔没有关系。" * 4


def dumps(value: object, *, ascii_only: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ascii_only).replace("</", "<\\/")


def page(script: str, *, title: str = "灯塔 Lighthouse", body: str = "<div id=app>Loading…</div>") -> str:
    return f"<html><head><title>{title}</title></head><body>{body}{script}</body></html>"


def told(source: str) -> list[str]:
    found = extract(source, "text/html")
    inside = [block for block in found.blocks if block.markup and "script" in block.markup.path]
    at = 0
    for block in inside:
        assert at <= block.start < block.end <= len(source)
        at = block.end
    assert bool(inside) is ("text_from_script" in found.flags)
    return [block.text for block in inside]


def html(lines: list[str]) -> str:
    return "".join(f"<p>{line}</p>\n" for line in lines)


def typed(lines: list[str]) -> list[object]:
    return [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]


def cut(line: str) -> list[dict[str, object]]:
    return [{"text": line[:9]}, {"text": line[9:20], "bold": True}, {"text": line[20:]}]


SHAPES = {
    "html": html,
    "lines": "\n\n".join,
    "strings": list,
    "objects": lambda lines: [{"text": line, "scramble": False} for line in lines],
    "prosemirror": lambda lines: {"type": "doc", "content": typed(lines)},
    "slate": lambda lines: [{"type": "p", "children": cut(line)} for line in lines],
    "lexical": lambda lines: {
        "root": {"type": "root", "children": [{"type": "paragraph", "children": cut(line)} for line in lines]}
    },
    "draft": lambda lines: {
        "blocks": [{"key": "a1", "text": line, "type": "unstyled", "depth": 0} for line in lines],
        "entityMap": {},
    },
    "portable": lambda lines: [
        {"_type": "block", "_key": "x", "children": [{"_type": "span", "text": line}]} for line in lines
    ],
    "editorjs": lambda lines: {"blocks": [{"id": "q", "type": "paragraph", "data": {"text": line}} for line in lines]},
    "arc": lambda lines: [{"type": "text", "_id": "X", "content": line} for line in lines],
    "sections": lambda lines: [{"heading": "", "body": f"<p>{line}</p>"} for line in lines],
    "contentful": lambda lines: {
        "nodeType": "document",
        "content": [
            {"nodeType": "paragraph", "content": [{"nodeType": "text", "value": line, "marks": []}]} for line in lines
        ],
    },
    "json in json": lambda lines: json.dumps({"type": "doc", "content": typed(lines)}, ensure_ascii=False),
    "escaped html": lambda lines: html(lines).replace("<", "&lt;").replace(">", "&gt;"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lines", [EN, ZH, HANT], ids=["en", "hans", "hant"])
def test_a_text_in_any_shape_is_found(shape: str, lines: list[str]) -> None:
    state = {"props": {"pageProps": {"post": {"title": "灯塔", "slug": "lighthouse", "content": SHAPES[shape](lines)}}}}  # type: ignore[operator]
    assert told(page(f'<script id="__NEXT_DATA__" type="application/json">{dumps(state)}</script>')) == lines


def react(lines: list[str]) -> str:
    body = [
        "$",
        "article",
        None,
        {"className": "x", "children": [["$", "p", str(n), {"children": line}] for n, line in enumerate(lines)]},
    ]
    menu = ["$", "nav", None, {"children": [["$", "a", None, {"href": "/", "children": OTHER_EN}]]}]
    stream = f'0:["$","$L1",null,{{}}]\n5:{json.dumps(["$", "main", None, {"children": [menu, body]}], ensure_ascii=False)}\n'
    half = len(stream) // 2
    parts = (stream[:half], stream[half:])
    return "".join(f"<script>self.__next_f.push([1,{dumps(part)}])</script>" for part in parts)


def long_row(lines: list[str]) -> str:
    text = html(lines)
    stream = f'3:I[1,[]]\n1a:T{len(text.encode()):x},{text}5:["$","div",null,{{"dangerouslySetInnerHTML":{{"__html":"$1a"}}}}]\n'
    return f"<script>self.__next_f.push([0])</script><script>self.__next_f.push([1,{dumps(stream)}])</script>"


def nuxt(lines: list[str]) -> str:
    body = dumps(html(lines))
    return f'<script>window.__NUXT__=(function(a,b,c){{return {{layout:"default",data:[{{article:{{id:3,title:a,content:b,hot:c}}}}],error:null}}}}("灯塔",{body},false));</script>'


FORMS = {
    "initial state": lambda lines: f"<script>window.__INITIAL_STATE__={dumps({'detail': {'content': html(lines)}})};(function(){{var s;}}());</script>",
    "ascii": lambda lines: f"<script>window.__INITIAL_STATE__ = {dumps({'a': {'content': html(lines)}}, ascii_only=True)}</script>",
    "preloaded": lambda lines: f"<script>var a=1;window.__PRELOADED_STATE__ = JSON.parse({dumps(dumps({'story': {'body': html(lines)}}))});</script>",
    "single quotes": lambda lines: "<script>var d = {title: '灯塔', 'content': '" + html(lines).replace("\n", "\\n").replace("</", "<\\/") + "', list: []};</script>",
    "percent in a call": lambda lines: f"<script>window.D = JSON.parse(decodeURIComponent(\"{quote(json.dumps({'content': html(lines)}))}\"))</script>",
    "render data": lambda lines: f'<script id="RENDER_DATA" type="application/json">{quote(json.dumps({"content": html(lines)}, ensure_ascii=False))}</script>',
    "unnamed json": lambda lines: f'<script type="application/json" data-x>{dumps({"page": {"main": {"html": html(lines)}}})}</script>',
    "apollo": lambda lines: f"<script>window.__APOLLO_STATE__={dumps({'ROOT_QUERY': {}, 'Article:1': {'body': {'json': typed(lines)}}})}</script>",
    "nuxt": nuxt,
    "react": react,
    "react, long": long_row,
    "json-ld": lambda lines: '<script type="application/ld+json">' + dumps({"@type": "Article", "articleBody": "\n".join(lines)}) + "</script>",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lines", [EN, ZH, HANT], ids=["en", "hans", "hant"])
def test_a_text_in_any_script_is_found(form: str, lines: list[str]) -> None:
    source = page(FORMS[form](lines))  # type: ignore[operator]
    found = [
        block.text for block in extract(source, "text/html").blocks if block.markup and "script" in block.markup.path
    ]
    assert "\n".join(found) == "\n".join(lines) or " ".join(found) == " ".join(lines)


@pytest.mark.parametrize(("lines", "other"), [(EN, OTHER_EN), (ZH, OTHER_ZH)], ids=["en", "zh"])
@pytest.mark.parametrize(
    "around",
    [
        lambda post, other: {"article": post, "related": [{"title": "x", "content": other}]},
        lambda post, other: {"article": post, "comments": [{"content": other, "user": {"name": "u"}}]},
        lambda post, other: {"article": post, "recommendList": [{"summary": other, "url": "/1"}] * 3},
        lambda post, other: {"Article:1": post, "Article:2": {"title": "Bakery 面包", "slug": "b", "content": other}},
        lambda post, other: {"posts": [{"title": f"{n}", "url": f"/{n}", "content": other} for n in range(3)] + [post]},
        lambda post, other: {"i18n": {"privacy_text": other}, "detail": post},
        lambda post, other: {"article": {**post, "author": {"bio": other}, "description": other}},
    ],
)
def test_other_texts_of_the_state_are_not_taken(
    around: Callable[[object, str], object], lines: list[str], other: str
) -> None:
    post = {"title": "灯塔 Lighthouse", "url": "/l", "content": html(lines)}
    assert told(page(f"<script>window.S={dumps(around(post, other))}</script>")) == lines


@pytest.mark.parametrize(("lines", "other"), [(EN, OTHER_EN), (ZH, OTHER_ZH)], ids=["en", "zh"])
def test_a_list_of_other_texts_is_no_text(lines: list[str], other: str) -> None:
    posts = [{"title": f"No. {n}", "url": f"/{n}", "date": "2024-01-02", "excerpt": other} for n in range(5)]
    assert told(page(f"<script>window.S={dumps({'posts': posts})}</script>", title="Home 首页")) == []


@pytest.mark.parametrize("lines", [EN, ZH, HANT], ids=["en", "hans", "hant"])
def test_what_the_page_shows_is_not_said_twice(lines: list[str]) -> None:
    script = f"<script>window.S={dumps({'article': {'content': html(lines)}})}</script>"
    assert told(page(script, body=html(lines))) == []
    assert told(page(script, body=f"<h1>灯塔</h1><div>{'<br>'.join(lines)}</div>")) == []


@pytest.mark.parametrize("lines", [EN, ZH, HANT], ids=["en", "hans", "hant"])
def test_a_teaser_is_not_the_text(lines: list[str]) -> None:
    script = f"<script>window.S={dumps({'article': {'content': html(lines)}})}</script>"
    for teaser in (lines[0], f"{lines[0][:24]}……"):
        assert told(page(script, body=f"<h1>灯塔</h1><p>{teaser}</p>")) == lines


def test_places_are_those_of_the_words() -> None:
    source = page(f"<script>window.S={dumps({'content': html(ZH)}, ascii_only=True)}</script>")
    blocks = [block for block in extract(source, "text/html").blocks if block.markup and "script" in block.markup.path]
    assert [json.loads(f'"{source[block.start : block.end]}"') for block in blocks] == ZH


def test_headings_lists_and_hidden_words_within_are_what_they_are() -> None:
    inner = f"<h2>灯塔</h2><p>{ZH[0]}<i style='display:none'>qx</i></p><ul><li>{ZH[1]}</li></ul><p>{ZH[2]}</p>"
    source = page(f"<script>window.S={dumps({'content': inner})}</script>")
    blocks: list[Block] = [
        block for block in extract(source, "text/html").blocks if block.markup and "script" in block.markup.path
    ]
    assert [(block.kind, block.hidden) for block in blocks] == [
        (BlockKind.HEADING, False), (BlockKind.PARAGRAPH, False), (BlockKind.PARAGRAPH, True), (BlockKind.LIST_ITEM, False),
        (BlockKind.PARAGRAPH, False),
    ]  # fmt: skip


def test_what_the_object_says_beside_its_text_is_in_the_head() -> None:
    post = {"title": "灯塔重亮", "publishedAt": "2024-05-06T07:08:09+08:00", "content": html(ZH)}
    meta = dict(extract(page(f"<script>window.S={dumps({'p': post})}</script>"), "text/html").head.meta)
    assert (meta["headline"], meta["datepublished"]) == ("灯塔重亮", "2024-05-06T07:08:09+08:00")


HOSTILE = ['{"a":', "[", '{"content":"', "\\", '"', "'", "`", "=[", "={", "=(function(a){", "%7B", '["$","p",', '"{\\"a\\":', "self.__next_f.push([1,\"a", "/*", "//", "1:T9,"]  # fmt: skip


@pytest.mark.parametrize("bait", HOSTILE)
@pytest.mark.parametrize("kind", ["", ' type="application/json"'])
def test_hostile_scripts_take_linear_time(bait: str, kind: str) -> None:
    def told(baits: str) -> None:
        found = extract(f"<p>灯塔</p><script{kind}>x{baits}</script>", "text/html")
        assert found.blocks[0].text == "灯塔"

    assert linear(told, repeated(bait), 150_000)
