"""Where in a value the documents are, and which field of one is its text, title, address, time, author and source."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.errors import Reason
from pipeline.read.fields import Found, at_path, documents_in, is_markup, reads_as_text, record_of, says_origin
from pipeline.read.limits import Origin, ReadFailure, ReadLimits
from pipeline.types import Record

ENGLISH = (
    "The ferry stops at the mill on weekdays only. On Sundays the warden rows people across in a boat of his own, and "
    "asks for nothing but news from the other side of the river, which he writes into a book."
)
SIMPLIFIED = "渡船只在工作日停靠磨坊。星期天看守人用自己的小船把人摆渡过去，什么也不要，只问对岸的新闻，然后一条一条记在本子上，几十年从未间断过。"
TRADITIONAL = "渡船只在工作日停靠磨坊。星期天看守人用自己的小船把人擺渡過去，什麼也不要，只問對岸的新聞，然後一條一條記在本子上，幾十年從未間斷過。"
TEXTS = (ENGLISH, SIMPLIFIED, TRADITIONAL)
LIMITS = ReadLimits()


def made(value: object, **limits: str) -> list[Record | Reason]:
    """What each document of a value comes to."""
    bounds = ReadLimits(**limits)  # type: ignore[arg-type]
    found = documents_in(value, bounds)
    return [
        record_of(one, None, Origin("a"), bounds) if isinstance(one, Found) else Reason.MISSING_TEXT for one in found
    ]


def only(value: object, **limits: str) -> Record:
    (record,) = made(value, **limits)
    assert isinstance(record, Record)
    return record


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "name",
    [
        "text",
        "Content",
        "main_text",
        "maintext",
        "page_content",
        "articleBody",
        "full-text",
        "正文",
        "文章内容",
        "內文",
        "본문",
        "contenu",
    ],
)
def test_the_text_is_found_by_its_name_in_any_spelling(name: str, text: str) -> None:
    assert only({"id": "7", name: text}).content.decode() == text


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "twins", [{"TEXT": "a twin", "te xt": "孪生"}, {"text ": "a twin"}, {"Text_": "孪生", "title": "T"}]
)
def test_of_names_that_are_spelt_alike_the_plain_one_is_meant_and_else_the_first_that_is_filled(
    text: str, twins: dict[str, str]
) -> None:
    for value in ({**twins, "text": text}, {"text": text, **twins}):
        assert only(value).content.decode() == text
    assert only({"TEXT": text, **twins, "text": " "}).content.decode() == twins.get("TEXT", text)
    titled = only({"Title": "a twin", "title": "标题", "TITLE": "another", "text": text})
    assert titled.title == "标题"


@pytest.mark.parametrize("text", TEXTS)
def test_a_name_that_nobody_knows_is_told_by_what_it_holds(text: str) -> None:
    value = {"nid": "7", "kopf": "短标题", "blurbx": text, "other": "no sentence", "url": "https://example.org/a"}
    record = only(value)
    assert (record.content.decode(), record.url) == (text, "https://example.org/a")


@pytest.mark.parametrize(
    "wrapped",
    [[ENGLISH, SIMPLIFIED], {"rendered": f"{ENGLISH}\n{SIMPLIFIED}"}, [{"value": ENGLISH}, {"value": SIMPLIFIED}]],
)
def test_a_text_in_pieces_or_in_an_object_is_one_text(wrapped: object) -> None:
    assert only({"title": "t", "content": wrapped}).content.decode() == f"{ENGLISH}\n{SIMPLIFIED}"


def test_a_title_under_a_texts_name_yields_to_the_far_longer_text() -> None:
    assert only({"text": "Read more", "body": ENGLISH}).content.decode() == ENGLISH
    assert only({"text": ENGLISH, "body": SIMPLIFIED}).content.decode() == ENGLISH


LETTER = (
    "The gauge at the bridge was read twice that day. Nobody could say who had moved the mark, or when it was done."
)
LETTERS = {
    ENGLISH: LETTER * 2,
    SIMPLIFIED: "桥边的水尺那天读了两次。谁也说不出是谁动了刻度，又是什么时候动的；记录员只好把两个数目都写上，旁边画了一个问号，留给后来的人。",
    TRADITIONAL: "橋邊的水尺那天讀了兩次。誰也說不出是誰動了刻度，又是什麼時候動的；記錄員只好把兩個數目都寫上，旁邊畫了一個問號，留給後來的人。",
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "wrapped",
    [
        lambda one, other: {"text": one, "body": other},
        lambda one, other: {"text": {"rendered": one, "raw": other}},
        lambda one, other: {"text": one, "content": [other, 7]},
        lambda one, other: {"text": one, "copy": {"text": other}},
        lambda one, other: {"text": one, "list": [{"title": "t", "content": other}]},
        lambda one, other: {"text": one, "text#2": other},
        lambda one, other: {"text": one, "title": other},
        lambda one, other: {"text": one, "id": f"7 {one} {other}"},
        lambda one, other: {"text": one, "url": f"ht {other[: len(other) * 2 // 3]}"},
        lambda one, other: {"text": one[:9], "b<ody": other},
    ],
)
def test_a_text_beside_the_one_that_is_taken_is_said(wrapped: Callable[[str, str], object], text: str) -> None:
    record = only(wrapped(text, LETTERS[text]))
    assert (text.startswith(record.content.decode()), record.flags) == (True, ("two_texts",))


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "beside",
    [
        lambda text: {"html": f"<nav>A B C</nav><p>{text.replace('e', '&#101;')}</p><p>© 2024</p>"},
        lambda text: {"raw_text": f"{text.upper()} 1 2 3"},
        lambda text: {"content": [text[:40], text[40:]]},
        lambda text: {"title": text[:90]},
        lambda text: {"comments": [{"text": LETTER}], "summary": LETTER, "prompt": LETTER},
    ],
)
def test_another_form_of_a_text_and_what_is_none_are_no_second_text(
    beside: Callable[[str], dict[str, object]], text: str
) -> None:
    record = only({"text": text, **beside(text)})
    assert (record.content.decode(), record.flags) == (text, ())


def test_of_texts_that_a_setting_chose_from_the_others_are_no_matter() -> None:
    assert only({"body": ENGLISH, "story": LETTER}, text_field="story").flags == ()


def test_a_teaser_is_a_text_where_there_is_no_other() -> None:
    assert only({"title": "t", "description": "短讯一则。"}).content.decode() == "短讯一则。"
    assert only({"title": "t", "description": "teaser", "content": ENGLISH}).content.decode() == ENGLISH
    assert only({"title": "t", "content": "", "summary": "短讯"}).content.decode() == "短讯"


@pytest.mark.parametrize(
    "value",
    [
        {"_index": "n", "_id": "1", "_source": {"title": "t", "content": ENGLISH, "url": "https://example.org/1"}},
        {"page_content": ENGLISH, "metadata": {"source": "https://example.org/1", "title": "t"}, "type": "Document"},
        {"webTitle": "t", "webUrl": "https://example.org/1", "fields": {"body": ENGLISH}},
        {"url": "https://example.org/1", "title": "t", "article": {"text": ENGLISH}},
        {"type": "articles", "attributes": {"title": "t", "body": ENGLISH, "link": "https://example.org/1"}},
        {"id": "https://example.org/1", "title": "t", "content_html": f"<p>{ENGLISH}</p>"},
        {"title": {"rendered": "t"}, "link": "https://example.org/1", "content": {"rendered": ENGLISH}},
        {"title": ["t"], "link": ["https://example.org/1"], "paragraphs": [ENGLISH]},
    ],
)
def test_shapes_that_programs_write_are_one_record_with_its_origin(value: object) -> None:
    record = only(value)
    assert ENGLISH in record.content.decode()
    assert (record.title, record.url) == ("t", "https://example.org/1")


@pytest.mark.parametrize("name", ["data", "items", "results", "list", "articles", "文章列表"])
def test_envelopes_give_what_they_hold_in_order(name: str) -> None:
    documents = [{"title": str(n), "content": text} for n, text in enumerate(TEXTS)]
    for value in (
        {name: documents},
        {"code": "0", name: {"total": "3", "rows": documents}},
        {"hits": {"hits": documents}},
    ):
        assert [one.content.decode() for one in made(value) if isinstance(one, Record)] == list(TEXTS)


def test_what_should_have_been_a_document_of_a_list_is_said() -> None:
    assert made({"data": [{"content": ENGLISH}, {"id": "2"}, "x"]})[1:] == [Reason.MISSING_TEXT, Reason.MISSING_TEXT]


def test_what_lies_beside_a_document_is_none() -> None:
    value = {
        "title": "t",
        "content": ENGLISH,
        "comments": [{"content": SIMPLIFIED}],
        "related": [{"text": TRADITIONAL}],
    }
    assert [one.content.decode() for one in made(value) if isinstance(one, Record)] == [ENGLISH]
    assert made({"title": "t", "comments": [{"content": SIMPLIFIED}]}) == []


def test_the_time_and_title_of_an_envelope_are_not_the_documents() -> None:
    record = only({"timestamp": "1714521600", "title": "Feed", "items": [{"content": ENGLISH}]})
    assert (record.published, record.title) == (None, None)
    assert only({"time": "2024-01-01", "data": {"content": ENGLISH}}).published is None


@pytest.mark.parametrize(
    ("value", "author", "source", "published"),
    [
        ({"作者": "王小明", "来源": "晚报", "发布时间": "2024年3月5日"}, "王小明", "晚报", "2024年3月5日"),
        ({"authors": ["A", "B"], "source": {"id": "x", "name": "Post"}, "publishedAt": "2024-03-05"}, "A, B", "Post", "2024-03-05"),
        ({"author": {"name": "A"}, "source": "https://example.org", "date": {"$date": "2024-03-05T00:00:00Z"}}, "A", None, "2024-03-05T00:00:00Z"),
        ({"byline": "A", "source_name": "Post", "created_utc": 1709596800}, "A", "Post", "1709596800"),
        ({"author": None, "source": "", "date": True}, None, None, None),
    ],
)  # fmt: skip
def test_author_source_and_time_are_carried(
    value: dict[str, object], author: str | None, source: str | None, published: str | None
) -> None:
    record = only({"content": ENGLISH, **value})
    assert (record.author, record.source, record.published) == (author, source, published)


def test_named_fields_are_taken_and_nothing_else() -> None:
    value = {
        "text": "no",
        "doc": {"body": ENGLISH, "seen": "2024"},
        "where": "https://example.org/1",
        "url": "https://x.org",
    }
    record = only(value, text_field="doc.body", url_field="where", time_field="doc.seen")
    assert (record.content.decode(), record.url, record.published) == (ENGLISH, "https://example.org/1", "2024")
    assert made({"text": ENGLISH}, text_field="other") == []
    assert only({"a.b": ENGLISH}, text_field="a.b").content.decode() == ENGLISH
    with pytest.raises(ReadFailure, match="blank"):
        made({"other": " "}, text_field="other")


def test_a_path_leads_inside_and_never_fails() -> None:
    assert at_path({"a": {"b": {"c": 1}}}, "a.b.c") == 1
    assert at_path({"a": [1]}, "a.b") is None
    assert at_path(3, "a") is None


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        (f"<p>{SIMPLIFIED}</p>", True),
        (f"导语<br>{SIMPLIFIED}<br/>完", True),
        (f"{ENGLISH} <b>bold</b> <i>words</i></p>", True),
        ("Use <p> and <b> with care, a < b.", False),
        (ENGLISH, False),
    ],
)
def test_mark_up_is_told_from_text(text: str, is_it: bool) -> None:
    assert is_markup(text) is is_it


def test_prose_is_told_from_what_is_none() -> None:
    assert all(map(reads_as_text, TEXTS))
    assert not any(map(reads_as_text, ["https://example.org/a/b", "a1b2c3" * 50, "短", "item, item, item " * 20]))


def test_what_has_an_origin_should_have_been_a_document() -> None:
    assert says_origin({"Title": "x"})
    assert not says_origin({"name": "x", "files": []})


def test_a_deep_value_is_looked_into_so_far_and_no_further() -> None:
    value: object = {"content": ENGLISH}
    for _ in range(5):
        value = {"data": value}
    assert len(made(value)) == 1
    assert made({"data": {"data": value}}) == []
    assert documents_in([[[[]]]], LIMITS) == []
