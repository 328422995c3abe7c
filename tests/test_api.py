import os
import subprocess
import sys

import pytest

from pipeline import CleanDocument, clean, open_snapshot
from pipeline.errors import Reason, Rejection
from pipeline.local import local_runner
from pipeline.run import run
from pipeline.settings import Settings

PAGE = """<!doctype html><meta charset="{charset}"><title>河流规划获批 - 示例网</title>
<nav><a href="/">首页</a> | <a href="/n">新闻</a></nav>
<h1>河流规划获批</h1><p>来源：示例网 2024-09-11 08:46</p>
<p>理事会周一召开会议，一致通过了河流治理规划，有关负责人出席会议并讲话。</p>
<p>The council met on Monday and agreed on a plan for the river, officials said after the meeting.</p>
<footer>版权所有 © 2024 示例网 京ICP备12345678号</footer>"""
TEXT = (
    "首页 | 新闻 | 论坛\n\nThe plan for the river\n\nThe council met on Monday and agreed on a plan for the river.\n\n"
    "全国碳排放权交易市场今日开市，首日成交量超过四百万吨，有关负责人出席并讲话。\n\nAll rights reserved\n"
)


def test_the_function_says_what_a_run_without_templates_says(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    sources = {"page.html": PAGE.format(charset="gbk").encode("gb18030"), "text.txt": TEXT.encode()}
    for name, content in sources.items():
        (raw / name).write_bytes(content)
    with local_runner(1) as (runner, on_stage):
        run(raw, tmp_path / "out", settings=Settings(workers=1), runner=runner, on_stage=on_stage)
    snapshot = open_snapshot(tmp_path / "out")
    documents = {row["path"]: row for row in snapshot.table("documents").to_pylist()}
    for name, content in sources.items():
        found, row = clean(content), documents[name]
        assert isinstance(found, CleanDocument)
        same = ("text", "title", "author", "source", "published_at", "site", "lang", "encoding", "flags")
        assert {k: getattr(found, k) for k in same} == {k: row[k] for k in same} | {"flags": tuple(row["flags"])}
        assert found.extraction_confidence == pytest.approx(row["extraction_confidence"])
        blocks = [one for one in snapshot.table("blocks").to_pylist() if one["doc_id"] == row["doc_id"]]
        columns = ("text", "start", "end", "kind", "label", "decided_by", "score", "lang")
        mine = [tuple(getattr(block, name) for name in columns) for block in found.blocks]
        assert mine == [tuple(one[name] for name in columns) for one in blocks]
        assert [one.text for one in found.sections] == [found.text[one.start : one.end] for one in found.sections]


@pytest.mark.parametrize("source", [PAGE.format(charset="utf-8"), TEXT])
def test_a_string_is_read_as_its_bytes_are(source):
    assert clean(source) == clean(source.encode())


def test_a_string_is_never_decoded_by_what_the_page_declares():
    found = clean(PAGE.format(charset="gbk"))
    assert isinstance(found, CleanDocument)
    assert found.title == "河流规划获批"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", Reason.EMPTY),
        (b" \n\n", Reason.EMPTY),
        (b"%PDF-1.7 ...", Reason.BINARY_CONTENT),
        (bytes(3000), Reason.BINARY_CONTENT),
        ("<nav><a href=/>Home</a> <a href=/n>News</a></nav>", Reason.NO_CONTENT),
    ],
)
def test_what_is_no_document_is_a_rejection(source, reason):
    found = clean(source)
    assert isinstance(found, Rejection)
    assert found.reason is reason


def test_another_media_type_is_an_error_of_the_caller():
    with pytest.raises(ValueError, match="text/markdown"):
        clean("text", media_type="application/pdf")


def test_url_names_the_site():
    found = clean(PAGE.format(charset="utf-8"), url="https://www.example.org/a")
    assert isinstance(found, CleanDocument)
    assert found.site == "example.org"


def test_reading_snapshots_loads_no_parser():
    code = "import sys, pipeline; pipeline.open_snapshot; sys.exit('pipeline.recipe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ)).returncode == 0
