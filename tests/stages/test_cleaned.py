"""Cleaned records go through their tables unchanged."""

from __future__ import annotations

from dataclasses import replace

from pipeline.boilerplate.rules import load_rules
from pipeline.recipe import Cleaned, clean_record
from pipeline.stages.cleaned import cleaned_tables, cleaned_values
from pipeline.types import Record

PAGE = "<h1>堰长退休</h1><p>守堰人每天早饭以前都把水位记在一本旧账簿上，四十年没有间断。</p><p>The weir has a new keeper.</p>"


def test_what_the_container_says_of_a_record_comes_back_from_its_tables() -> None:
    record = Record(
        "a.jsonl",
        "3",
        PAGE.encode(),
        "text/html",
        url="https://example.org/a",
        charset="utf-8",
        published="2024-03-05",
        title="堰长",
        author="王小明",
        source="晚报",
        taken_from=("gb18030", 0.9),
        flags=("mixed_encoding",),
    )
    cleaned = clean_record(record, rules=load_rules())
    assert isinstance(cleaned, Cleaned)
    assert (cleaned.encoding, cleaned.encoding_confidence) == ("gb18030", 0.9)
    ((back, _),) = cleaned_values(*cleaned_tables([cleaned], ["0" * 64]))
    assert back.record == replace(record, content=b"", charset=None, taken_from=None)
    assert (back.encoding, back.encoding_confidence) == ("gb18030", 0.9)
