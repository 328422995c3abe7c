"""The five files in raw/ must become exactly what a careful reader expects of them, line by line."""

import json
import unicodedata
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.local import local_runner
from pipeline.run import run
from pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
EXPECTED = json.loads((Path(__file__).parent / "samples.json").read_text("utf-8"))["files"]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    with local_runner(2) as (runner, on_stage):
        report = run(
            ROOT / "raw",
            tmp_path_factory.mktemp("out") / "processed",
            settings=Settings(workers=2),
            runner=runner,
            on_stage=on_stage,
        )
    return report.snapshot


def rows(snapshot, dataset, path):
    documents = {row["doc_id"]: row for row in snapshot.table("documents").to_pylist()}
    doc_id = next(doc_id for doc_id, row in documents.items() if row["path"] == path)
    return [row for row in snapshot.table(dataset).to_pylist() if row["doc_id"] == doc_id]


def raw_lines(path, numbers):
    """The lines of a raw file by 1-based number, as a reader sees them: no edges, plain spaces."""
    lines = (ROOT / "raw" / path).read_text("utf-8").split("\n")
    return [unicodedata.normalize("NFC", lines[n - 1].replace("\u00a0", " ").strip()) for n in numbers]


@pytest.mark.parametrize("path", EXPECTED)
class TestSample:
    def test_the_clean_text_is_the_kept_lines_in_order(self, snapshot, path):
        (document,) = rows(snapshot, "documents", path)
        assert document["text"].split("\n") == raw_lines(path, EXPECTED[path]["keep"])

    def test_the_removed_lines_are_blocks_that_are_left_out(self, snapshot, path):
        kept = {"content", "title"}
        left_out = [row["text"] for row in rows(snapshot, "blocks", path) if row["label"] not in kept]
        assert left_out == raw_lines(path, EXPECTED[path]["removed"])

    def test_each_removed_line_has_the_label_a_reader_would_give_it(self, snapshot, path):
        labels = {row["text"]: row["label"] for row in rows(snapshot, "blocks", path)}
        for number, kind in EXPECTED[path].get("removed_as", {}).items():
            (line,) = raw_lines(path, [int(number)])
            assert labels[line] in LABELS[kind.split(" (")[0]], line

    def test_what_the_document_says_of_itself(self, snapshot, path):
        (document,) = rows(snapshot, "documents", path)
        expected = EXPECTED[path]
        for field in ("kind", "lang", "title", "source"):
            assert document[field] == expected[field], field
        published = expected["published_at"]
        assert document["published_at"] == (published and datetime.fromisoformat(published))
        if "site" in expected:
            assert document["site"] == expected["site"]

    def test_the_sections(self, snapshot, path):
        sections = sorted(rows(snapshot, "sections", path), key=lambda row: row["ordinal"])
        expected = EXPECTED[path]["sections"]
        assert len(sections) == len(expected)
        keep = EXPECTED[path]["keep"]
        for section, wanted in zip(sections, expected, strict=True):
            body = [n for n in keep if wanted["first"] <= n <= wanted["last"]]
            assert section["text"].split("\n") == raw_lines(path, body)
            title = wanted["title_line"] and raw_lines(path, [wanted["title_line"]])[0]
            assert section["title"] == title
            assert section["truncated"] == wanted["truncated"]
            if "event_date" in wanted:
                assert str(section["event_date"]) == wanted["event_date"]


#: Which labels answer to a reader's word for a line.
LABELS = {
    "metadata": {"metadata"},
    "navigation": {"navigation"},
    "footer": {"footer", "legal", "navigation"},
}
