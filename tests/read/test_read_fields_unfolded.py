"""JSON within a string of JSON is unfolded; a text in quotes or brackets is a text."""

import json
from pathlib import Path

import pytest

from pipeline.read import read_file
from pipeline.read.fields import unfolded
from pipeline.types import Record

LINES = ["盐场的风车去年换了新叶片。", 'The old mill is kept.\nIts wheel is "away".']


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_text_written_as_json_more_than_once(text: str, times: int) -> None:
    value = text
    for _ in range(times):
        value = json.dumps(value)
    assert unfolded({"title": "a", "text": value}) == {"title": "a", "text": text}


@pytest.mark.parametrize("text", LINES)
def test_an_object_in_a_text_field_gives_what_the_outer_lacks(text: str) -> None:
    inner = json.dumps({"title": "inner", "url": "http://w.example.cn/", "content": text})
    assert unfolded({"title": "outer", "body": inner}) == {
        "title": "outer",
        "url": "http://w.example.cn/",
        "content": text,
    }


def test_paragraphs_in_a_list() -> None:
    assert unfolded({"content": json.dumps(LINES)}) == {"content": "\n".join(LINES)}


@pytest.mark.parametrize("text", ['"全文引用"', "[1] 见第三条", "{这里}", '{"a": 1}', '"He said \\"no', "[]", '"'])
def test_a_text_that_only_looks_so(text: str) -> None:
    assert unfolded({"text": text}) == {"text": text}


def test_a_line_that_is_a_string_of_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(json.dumps({"text": LINES[0]})) + "\n", "utf-8")
    (record,) = read_file(tmp_path, "a.jsonl")
    assert isinstance(record, Record)
    assert record.content.decode() == LINES[0]


def test_depth_does_not_break_it() -> None:
    assert unfolded({"text": "[" * 100_000 + "]" * 100_000})
