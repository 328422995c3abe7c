"""JSON files: an object, an array of objects, or JSON Lines under this name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import Reason, Rejection
from pipeline.read import ReadLimits, Skipped, read_file
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
    assert read(tmp_path, content) == [Skipped("a.json", None, "JSON without a text field")]


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
