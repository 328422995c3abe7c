"""The table of stages: each moment is counted once, every call has its row, no document comes as it never would."""

import json

import pytest

from benchmarks import stages
from benchmarks.stages import (
    CALLS,
    Clock,
    Document,
    Pass,
    figures,
    in_order,
    lay_out,
    legacy_page,
    legacy_text,
    rows_of,
    through_stages,
    watched,
)
from pipeline import recipe
from pipeline.text.decode import decode

CHINESE = "全国碳排放权交易市场今日开市，首日成交量超过四百万吨。"
PAGE = f"<html><head><meta charset=utf-8><title>碳市场</title></head><body>{f'<p>{CHINESE}</p>' * 20}</body></html>"


def busy(steps):
    return sum(number * number for number in range(steps))


def test_time_within_an_inner_row_is_not_that_of_the_outer_one():
    clock = Clock()
    inner = clock.timed("inner", lambda: busy(300_000))
    outer = clock.timed("outer", lambda: (busy(1_000), inner()))
    with clock.within("clean"):
        outer()
    assert set(clock.spent) == {("clean", "inner"), ("clean", "outer"), ("clean", "the rest of clean")}
    assert clock.spent["clean", "inner"] > 3 * clock.spent["clean", "outer"]


def test_what_a_generator_does_is_of_its_row_and_what_its_user_does_is_not():
    clock = Clock()
    items = clock.timed("items", lambda: (busy(300_000) for _ in range(2)))
    with clock.within("clean"):
        for _ in items():
            busy(1_000)
    assert clock.spent["clean", "items"] > 3 * clock.spent["clean", "the rest of clean"]


def test_nothing_is_counted_while_warming_up():
    clock = Clock()
    clock.timed("row", lambda: busy(1_000))()
    assert not clock.spent


def test_calls_are_as_they_were_after_a_pass():
    before = recipe.extract
    with watched(Clock()):
        assert recipe.extract is not before
    assert recipe.extract is before


def test_a_call_that_is_gone_is_said_by_name(monkeypatch):
    monkeypatch.setattr(stages, "CALLS", (*CALLS, ("gone", recipe, "no_such_call")))
    before = recipe.extract
    with pytest.raises(SystemExit, match="no_such_call"), watched(Clock()):
        pass
    assert recipe.extract is before


def test_documents_go_through_every_stage_and_nearly_every_row_has_some_time(tmp_path):
    documents = [Document(f"{n}.{kind}", PAGE.encode(), "utf-8") for n in range(3) for kind in ("html", "txt")]
    lay_out(tmp_path, documents[:1], documents[1:])
    spent = {(stage, row): ns for stage, row, ns in through_stages(tmp_path)}
    assert {stage for stage, _ in spent} == {"clean", "finish", "assemble"}
    assert {row for row, _, _ in CALLS} - {row for _, row in spent} == set()
    found = figures(Pass(spent, 0, 1, 5, 5_000, {}), 1_000)
    assert found["= all three"] == pytest.approx(found["= clean"] + found["= finish"] + found["= assemble"])
    assert sum(ns for (_, row), ns in spent.items() if row != "rules loaded") / 5e6 == pytest.approx(
        found["= all three"]
    )


@pytest.mark.parametrize(("lang", "turn", "charset"), [("zh", 0, "gb18030"), ("zh", 1, "big5"), ("zh", 3, "big5")])
def test_a_legacy_page_says_what_the_page_said(lang, turn, charset):
    content, name = legacy_page(PAGE.encode(), lang, turn)
    assert name == charset
    text = decode(content, media_type="text/html").text
    assert "成交量" in text or "成交量".encode("big5").decode("big5") in text
    assert (f'charset="{charset}"' in text) == bool(turn % 3)


def test_a_page_that_a_charset_cannot_hold_stays_as_it_is():
    assert legacy_page(PAGE.encode(), "en", 0) == (PAGE.encode(), "as stored")
    assert legacy_text("café", "en", 0) == ("café".encode("cp1252"), "windows-1252")
    assert legacy_text("café 碳", "en", 0) == ("café 碳".encode(), "utf-8")


def test_without_data_it_is_said_what_is_missing(tmp_path):
    with pytest.raises(SystemExit, match="No data"):
        stages.main(["--data", str(tmp_path)])


def test_what_was_measured_before_stands_beside_what_is_now():
    now = {"page": {"extract": 2.0, "= clean": 2.0, "trafilatura": 8.0}, "text": {"extract": 1.0}}
    before = {"page": {"extract": 6.0, "gone": 1.0, "trafilatura": 16.0}, "text": {}}
    rows = {row[0]: row[1:] for row in rows_of(now, before)}
    assert rows["extract"] == ["6.000", "2.000", "1.5", "", "1.000", ""], "this machine is twice as fast now"
    assert rows["gone"] == ["1.000", "", "", "", "", ""]
    assert rows_of(now, None)[2] == ["= clean", "2.000", "0.250", "", ""]


def test_every_page_comes_once_and_of_three_one_is_not_english(tmp_path):
    for folder, lang, n in (("a", "en", 9), ("b", "zh", 3), ("c", "ja", 2)):
        (tmp_path / folder).mkdir()
        row = {"lang": lang, "site": "", "gold": ""}
        rows = [json.dumps({"page": f"{lang}{number}", **row}) for number in range(n)]
        (tmp_path / folder / "gold.jsonl").write_text("\n".join(rows))
    pages = [page for _, page in in_order([tmp_path / name for name in "abc"])]
    assert len({page.page for page in pages}) == len(pages) == 14
    assert [page.lang == "en" for page in pages[:6]] == [True, True, False] * 2
