"""JSON files: an object, an array of objects, or JSON Lines under this name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import ReadLimits, read_file
from pipeline.read.limits import skip
from pipeline.types import Record

ENGLISH, CHINESE = "The carbon market opened on Monday.", "全国碳市场周一开市。"


def read(folder: Path, content: str | bytes, **limits: int) -> list[Record | Rejection | Skipped]:
    (folder / "a.json").write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_file(folder, "a.json", limits=ReadLimits(**limits)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_an_object_is_one_record(tmp_path: Path, encoding: str) -> None:
    value = {"标题": "开市", "正文": CHINESE, "url": "https://example.org/1", "date": "2021-07-16"}
    (record,) = read(tmp_path, json.dumps(value, ensure_ascii=False, indent=2).encode(encoding))
    assert isinstance(record, Record)
    assert (record.member, record.content.decode(), record.title) == (None, CHINESE, "开市")
    assert (record.url, record.published) == ("https://example.org/1", "2021-07-16")


def test_each_object_of_an_array_is_a_record_or_says_why_not(tmp_path: Path) -> None:
    found = read(tmp_path, json.dumps([{"text": ENGLISH}, {"id": 2}, 3, {"text": " "}, {"html": f"<p>{CHINESE}</p>"}]))
    outcomes = [(one.member, getattr(one, "reason", "record")) for one in found]
    assert outcomes == [
        ("1", "record"),
        ("2", Reason.MISSING_TEXT),
        ("3", Reason.MISSING_TEXT),
        ("4", Reason.EMPTY),
        ("5", "record"),
    ]


def test_json_lines_under_this_name_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, "".join(json.dumps({"text": text}) + "\n" for text in (ENGLISH, CHINESE)))
    assert [(one.member, type(one)) for one in found] == [("1", Record), ("2", Record)]


@pytest.mark.parametrize("content", ["{}", "[]", "3", '{"name": "winnow", "files": ["a", "b"]}', "[[1, 2], [3]]"])
def test_json_that_is_no_document_is_skipped(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == [skip("a.json", None, "JSON without a text field")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"text": "cut', Reason.BROKEN_JSON),
        ('{"text": "a"} {"text": "b"}', Reason.BROKEN_JSON),
        ("[" * 200_000, Reason.TOO_DEEP),
        ('{"text": ' + '{"a": ' * 120 + "1" + "}" * 121, Reason.TOO_DEEP),
        ("[" + "1," * 300 + "1]", Reason.TOO_LARGE),
        (" \n ", Reason.EMPTY),
        (bytes(range(256)), Reason.BINARY_CONTENT),
    ],
)
def test_what_is_wrong_is_one_rejection(tmp_path: Path, content: str | bytes, reason: Reason) -> None:
    limits = {"max_json_values": 200} if reason is Reason.TOO_LARGE else {}
    (outcome,) = read(tmp_path, content, **limits)
    assert isinstance(outcome, Rejection)
    assert (outcome.member, outcome.reason) == (None, reason)


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16"])
def test_a_file_in_a_legacy_charset_is_read_and_its_charset_told(tmp_path: Path, encoding: str) -> None:
    text = (
        "全國碳市場週一開市，成交價格上漲百分之二。"
        if encoding == "big5"
        else "全国碳市场周一开市，成交价格上涨百分之二。"
    )
    value = [{"title": "開市" if encoding == "big5" else "开市", "text": text}] * 2
    found = read(tmp_path, json.dumps(value, ensure_ascii=False).encode(encoding))
    assert [one.content.decode() for one in found if isinstance(one, Record)] == [text, text]
    assert all(isinstance(one, Record) and one.taken_from and one.taken_from[0].startswith(encoding) for one in found)


def test_an_envelope_numbers_its_documents_and_a_single_object_has_no_number(tmp_path: Path) -> None:
    assert [one.member for one in read(tmp_path, json.dumps({"data": {"list": [{"text": "a"}]}}))] == ["1"]
    assert [one.member for one in read(tmp_path, json.dumps({"data": {"text": "a"}}))] == [None]
    assert [one.member for one in read(tmp_path, json.dumps({"x": {"text": "a"}, "y": {"text": "b"}}))] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "package.json",
            '{"name": "a", "description": "It is a library. It does much, and all of it in a single pass."}',
        ),
        ("tsconfig.json", "{}"),
        ("article.schema.json", '{"title": "Article", "description": "x"}'),
        ("a.json", '{"$schema": "x", "properties": {"text": {"description": "The text of it."}}}'),
        ("a.json", '{"type": "FeatureCollection", "features": []}'),
        ("site.webmanifest.json", '{"start_url": "/", "icons": []}'),
    ],
)
def test_what_is_no_document_by_name_or_form_is_skipped_with_what_it_is(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    (outcome,) = read_file(tmp_path, name)
    assert isinstance(outcome, Skipped)
    assert outcome.message.startswith("no document: ")


def test_a_list_of_pages_without_text_is_one_rejection_with_the_names_that_were_seen(tmp_path: Path) -> None:
    (outcome,) = read(tmp_path, json.dumps([{"title": "a", "url": "https://example.org", "nr": 3}] * 500))
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.MISSING_TEXT
    assert "title, url, nr" in outcome.message
    assert "text_field" in outcome.message


@pytest.mark.parametrize("name", ["a", "a.txt", "dump.text"])
def test_json_that_is_called_text_is_read_as_json(tmp_path: Path, name: str) -> None:
    for content in (
        json.dumps({"title": "t", "text": CHINESE}),
        json.dumps({"text": CHINESE}) + "\n" + json.dumps({"text": ENGLISH}),
    ):
        (tmp_path / name).write_text(content, "utf-8")
        found = list(read_file(tmp_path, name))
        assert isinstance(found[0], Record)
        assert found[0].content.decode() == CHINESE


@pytest.mark.parametrize(
    "content", ['{"a": 1} is how an object begins. More follows.', '[{"a": 1}, which never ends', '{"text": "cut']
)
def test_text_that_only_begins_like_json_stays_text(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    (record,) = read_file(tmp_path, "a.txt")
    assert isinstance(record, Record)
    assert (record.content.decode(), record.media_type) == (content, "text/plain")
