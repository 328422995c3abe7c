"""What a whole run's benchmark counts, and what it makes of its targets."""

import gzip
import json

import pytest

from benchmarks import end_to_end
from benchmarks.corpus import Page, Truth
from benchmarks.end_to_end import (
    Found,
    Line,
    Rate,
    Result,
    Text,
    chosen_tools,
    make_truth,
    middle,
    rate_of,
    stories_found,
    targets_of,
    text_found,
    two_stories,
)
from benchmarks.measure import Cost


def test_the_fixed_cost_is_taken_out_by_the_run_on_a_few_files():
    whole, few = Cost(9.0, 5.0, 300.0, ""), Cost(1.0, 1.0, 200.0, "")
    assert rate_of(whole, few, (1_100_000, 100_000), 100_000) == Rate(
        cpu_ms=400.0, cpu_ms_whole=pytest.approx(454.5, abs=0.1), few_cpu=1.0, wall_ms=800.0, peak_mb=300.0
    )


def test_a_round_that_was_disturbed_does_not_count():
    rates = [Rate(n, n, n, n, n) for n in (1.0, 90.0, 2.0)]
    assert middle(rates) == Rate(2.0, 2.0, 2.0, 2.0, 2.0)


def truth(*clusters):
    return [Truth(path, None, "document", cluster=cluster) for cluster, paths in clusters for path in paths]


def test_of_a_story_one_record_is_kept_and_the_others_are_found():
    rows = truth(("1", "abc"), ("2", "d"))
    found = stories_found(rows, Result({"b": "", "d": ""}, frozenset("ac")))
    assert found == Found(duplicates=2, found=2, stories=2, wrong=0, lost=0)


def test_a_duplicate_that_is_kept_is_missed():
    found = stories_found(truth(("1", "abc")), Result({"b": "", "c": ""}, frozenset("a")))
    assert (found.duplicates, found.found) == (2, 1)


def test_a_story_left_out_as_a_duplicate_is_wrong_and_one_that_is_nowhere_is_lost():
    found = stories_found(truth(("1", "a"), ("2", "b"), ("3", "cd")), Result({"a": ""}, frozenset("b")))
    assert (found.wrong, found.lost, found.duplicates, found.found) == (1, 1, 1, 0)


def test_a_lost_page_is_worth_nothing_and_one_left_out_as_a_duplicate_is_not_judged():
    text = "the council met on monday and agreed on a plan"
    golds = dict.fromkeys("abc", text)
    assert text_found(golds, Result({"a": text}, frozenset("b"))) == Text(f1=0.5, pages=3, lost=1, left_out=1)


def test_the_pages_with_truth_come_as_html_and_as_lines(tmp_path):
    data, work = tmp_path / "data", tmp_path / "work"
    (data / "pages").mkdir(parents=True)
    gold = "The council met on Monday and agreed on a plan for the river, officials said. " * 2
    for name in "ab":
        (data / f"pages/{name}.html.gz").write_bytes(gzip.compress(f"<p>{gold}<p>{name}".encode()))
    rows = [{"page": f"pages/{name}.html.gz", "lang": "en", "site": "a.example", "gold": gold} for name in "ab"]
    (data / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    html, text = make_truth(work, [data], 10)
    assert list(html) == ["a.example/0000.html"] and list(text) == ["a.example/0000.txt"], "a text that is there twice"
    assert (work / "truth-html/a.example/0000.html").read_text().startswith("<p>The council")
    assert (work / "truth-text/a.example/0000.txt").read_text().startswith("The council")


def test_the_run_that_is_taken_out_is_on_two_english_stories():
    rows = [Truth(str(n), None, "document", cluster=str(n // 2), page="en" if n > 1 else "zh") for n in range(8)]
    pages = [Page(lang, lang, "a.example", "") for lang in ("zh", "en")]
    assert two_stories(rows, pages) == ["3", "5"]


def test_targets_are_met_or_missed_by_what_was_measured():
    def line(ms):
        return Line(Rate(ms, ms, 1.0, ms, 380.0), Found(0, 0, 0, 0, 0), Text(1.0, 1, 0, 0))

    kinds = {mix: {"winnow": line(2.0), "script": line(8.0)} for mix in ("html", "text")}
    met = {one.name: one.met for one in targets_of(kinds, 1.8)}
    assert met["100 KB page, times the speed of script"] is True
    assert met["stretch: 100 KB page, times the speed of script"] is False
    assert met["4 KB texts, peak memory of the tree, MB"] is False
    assert met["pages, times the speed with two workers"] is True
    assert not [name for name in met if "datatrove" in name], "it was not measured"


def test_a_tool_that_is_not_installed_is_left_out_and_said(monkeypatch, capsys):
    monkeypatch.setattr(end_to_end.Tool, "installed", property(lambda tool: False))
    monkeypatch.setattr(end_to_end, "CONSOLE", end_to_end.Console(width=200))
    assert [tool.name for tool in chosen_tools(["script", "datatrove"])] == ["winnow"]
    said = capsys.readouterr().out
    assert "make bench-setup" in said and "make bench-peers" in said and "frontier" not in said


def test_without_data_it_is_said_what_is_missing(tmp_path):
    with pytest.raises(SystemExit, match="No data"):
        end_to_end.main(["--data", str(tmp_path)])
