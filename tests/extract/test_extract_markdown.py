"""Markdown to blocks: forms are told apart, mark-up leaves the text, places stay exact."""

from __future__ import annotations

import re

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.markdown import extract_markdown, plain_text
from pipeline.types import BlockKind

PAGE = """---
title: "碳市场周报"
Date: 2024-05-01
lang: zh
tags:
  - carbon
---

# 标题 One #

第一段 **重点** 的
第二行见[链接](https://example.org/c_(d) "t")。

Setext heading
--------------

- item one
  continued
  * nested `a*b`
- [x] done
1. first

> quoted line
> and more
>
> another

| 年份 | Tonnes |
|---|:-:|
| 2023 | **1** |
| 2024 | x\\|y |

![image](x.png)

```python
  def f():

    return 1
```
***
last line\x20\x20
after a hard break
[ref]: https://example.org "t"
"""


def test_each_form_makes_its_blocks() -> None:
    found = [(block.kind.value, block.level, block.text) for block in extract_markdown(PAGE).blocks]
    assert found == [
        ("front_matter", 0, 'title: "碳市场周报"'),
        ("front_matter", 0, "Date: 2024-05-01"),
        ("front_matter", 0, "lang: zh"),
        ("front_matter", 0, "tags:"),
        ("front_matter", 0, "- carbon"),
        ("heading", 1, "标题 One"),
        ("paragraph", 0, "第一段 重点 的第二行见链接。"),
        ("heading", 2, "Setext heading"),
        ("list_item", 1, "item one continued"),
        ("list_item", 2, "nested a*b"),
        ("list_item", 1, "done"),
        ("list_item", 1, "first"),
        ("quote", 0, "quoted line and more"),
        ("quote", 0, "another"),
        ("table_row", 0, "年份 | Tonnes"),
        ("table_row", 0, "2023 | 1"),
        ("table_row", 0, "2024 | x|y"),
        ("code", 0, "  def f():\n\n    return 1"),
        ("paragraph", 0, "last line"),
        ("paragraph", 0, "after a hard break"),
    ]


def test_front_matter_makes_the_head() -> None:
    head = extract_markdown(PAGE).head
    assert (head.title, head.lang) == ("碳市场周报", "zh")
    assert head.meta == (("title", "碳市场周报"), ("date", "2024-05-01"), ("lang", "zh"))


def test_places_begin_and_end_with_the_text() -> None:
    for block in extract_markdown(PAGE).blocks:
        lines = PAGE[block.start : block.end].split("\n")
        first, last = block.text.split()[0], block.text.split()[-1]
        assert first[:2] in lines[0] and last[-1:] in lines[-1]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("**粗体** and *emphasis*, __strong__ _em_ ~~gone~~", "粗体 and emphasis, strong em gone"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("[![logo](a.png)](https://e.org) text", "text"),
        ("[text][ref], <https://e.org/x> &amp; a\\*b", "text, https://e.org/x & a*b"),
        ("`a_b_c` ``*x*``", "a_b_c *x*"),
        ("a<br>b <!-- c --> d<sup>2</sup>", "a b d2"),
        ("note[^1] and [1]", "note and [1]"),
        ("中文**加粗**中文", "中文加粗中文"),
        ("&#**20013 R&**amp; 碳&amp;市场", "&#20013 R&amp; 碳&市场"),
    ],
)
def test_inline_markup_leaves_the_text(source: str, text: str) -> None:
    assert plain_text(source) == text


def test_long_lines_are_paragraphs_and_short_ones_are_joined() -> None:
    long = "全国碳排放权交易市场第二个履约周期顺利结束。" * 5
    assert len(extract_markdown(f"{long}\n{long}").blocks) == 2
    assert [block.text for block in extract_markdown("carbon\nmarket").blocks] == ["carbon market"]


def test_an_open_fence_or_front_matter_loses_nothing() -> None:
    assert [block.text for block in extract_markdown("a\n\n```\nb\nc").blocks] == ["a", "b\nc"]
    assert [block.text for block in extract_markdown("---\ntitle: x\n\ntext").blocks] == ["title: x", "text"]


def test_what_defines_no_link_and_opens_no_code_is_text() -> None:
    for source in ("[公告]:<碳市场开市", "[a]: <the market opens", "正文\n    ```配额分配方案"):
        assert [block.text for block in extract_markdown(source).blocks] == [" ".join(source.split())]
    assert extract_markdown("[a]: <b c> '题'").blocks == ()
    assert [block.kind for block in extract_markdown("- a\n\n    ```py\n    b\n    ```").blocks] == [
        "list_item",
        "code",
    ]


MARKS = set(" \t\n\r　#>-*+=_`~|:.)(0123456789[]\\xX!<")


@given(st.text(alphabet="a碳 \n#>-*`|1.=_[](!", max_size=50))
@settings(max_examples=300, deadline=None)
def test_between_blocks_lie_only_white_space_and_markup(source: str) -> None:
    at = 0
    gaps = []
    for number, block in enumerate(extract_markdown(source).blocks):
        assert block.ordinal == number
        assert at <= block.start < block.end <= len(source)
        gaps.append(source[at : block.start])
        at = block.end
    gap = "".join((*gaps, source[at:]))
    gap = re.sub(r"\[[^\[\]]*\][:(\[].*|```.*", "", gap)  # images, references, the word after a fence
    assert set(gap) <= MARKS


BAITS = [
    "[",
    "*",
    "_",
    "`",
    "[](",
    "![",
    "](",
    "<!--",
    "<a ",
    "*a",
    "_a",
    "[a](b",
    "\\",
    "&",
    "| ",
    "> ",
    "- ",
    "a*b_",
    "-",
]


@pytest.mark.parametrize("bait", BAITS)
def test_baits_take_linear_time(bait: str) -> None:
    assert linear(extract_markdown, repeated(bait), 50_000)
    assert linear(extract_markdown, repeated(f"{bait}\n"), 50_000)


def test_block_kinds_are_of_the_closed_list() -> None:
    assert {block.kind for block in extract_markdown(PAGE).blocks} <= set(BlockKind)
