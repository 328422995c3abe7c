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


PAGES = (
    "<nav><a href=/>Home</a> <a href=/n>新闻</a></nav><main class='a b'><h2>The weir</h2><p>It <a href=/x>leaks</a>.<p>堰漏水。</main>",
    "<p style='display:none'>hidden words of a page</p><table><tr><td>1<td>2<tr><td>3<td>4</table><p>版权所有 example.org</p>",
)


def test_blocks_of_many_records_come_back_from_their_tables() -> None:
    texts = ("# Weir\n\nThe keeper writes the level down.\n\n- one\n- two\n", "堰长退休\n\n守堰人每天把水位记下来。\n")
    records = [Record(f"{at}.html", None, page.encode(), "text/html") for at, page in enumerate(PAGES)]
    records += [Record(f"{at}.txt", None, text.encode(), "text/plain") for at, text in enumerate(texts)]
    rules = load_rules()
    cleaned = [one for one in (clean_record(record, rules=rules) for record in records) if isinstance(one, Cleaned)]
    assert len(cleaned) == len(records)
    back = [one for one, _ in cleaned_values(*cleaned_tables(cleaned, ["0" * 64] * len(cleaned)))]
    for one, same in zip(cleaned, back, strict=True):
        assert same.extracted.blocks == one.extracted.blocks
        assert same.extracted.head == one.extracted.head
        assert (same.rule_decisions, same.scores, same.keys) == (one.rule_decisions, one.scores, one.keys)
