"""Which labelled pages a folder holds."""

import json

import pytest

from pipeline.errors import RawFolderError
from pipeline.sites.effect import labelled_pages


def test_pages_beside_their_gold_text(tmp_path):
    (tmp_path / "example.org").mkdir()
    for name, text in (("a.html", "<p>x"), ("a.gold.txt", "碳"), ("ab.txt", "y"), ("ab.gold.txt", "b"), ("c.html", "")):
        (tmp_path / "example.org" / name).write_text(text, "utf-8")
    pages = labelled_pages(tmp_path)
    assert [(page.name, page.gold) for page in pages] == [("example.org/a.html", "碳"), ("example.org/ab.txt", "b")]
    assert pages[0].path == f"{tmp_path.name}/example.org/a.html"


def test_pages_in_a_list_lie_under_their_site_and_nowhere_else(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.html").write_text("x", "utf-8")
    row = {"page": "pages/../pages/a.html", "gold": "g", "site": "www.example.org", "lang": "zh"}
    (tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n\n", "utf-8")
    (page,) = labelled_pages(tmp_path)
    assert page.path == "www.example.org/pages/pages/a.html"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "There is no labelled page"),
        ({"a.gold.txt": "x"}, "no page beside"),
        ({"a.gold.txt": "x", "a.html": "", "a.txt": ""}, "2 pages beside"),
        ({"gold.jsonl": '{"page": "a.html"}'}, "gold.jsonl, line 1"),
        ({"gold.jsonl": '\n{"page": "a.html", "gold": 3}'}, "gold.jsonl, line 2"),
        ({"gold.jsonl": "[[[["}, "gold.jsonl, line 1"),
        ({"gold.jsonl": '{"page": "a.html", "gold": "x"}'}, "a.html is not there"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(tmp_path, files, said):
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(RawFolderError, match=said):
        labelled_pages(tmp_path)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(RawFolderError, match="There is no folder"):
        labelled_pages(tmp_path / "none")
