"""What Prometheus is told: valid text whatever the labels hold, and the figures of the run."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local import local_runner
from pipeline.metrics import MAX_REASONS, METRICS, REST, Facts, LastRun, facts_of, last_run, metrics_text
from pipeline.run import run
from pipeline.settings import Settings

RUN = LastRun(100.0, 101.5, True, {"scan": 0.5, "clean": 1.0}, {"new": 2, "changed": 1, "gone": 0}, 3.25, 1e8, 0.5, 2e8)
FACTS = Facts("000007", 100.0, "2", 9, 6, 1, {"empty": 2}, {"unsupported type": 1}, RUN)


def families(text):
    """Read by Prometheus' own client."""
    parser = pytest.importorskip("prometheus_client.parser")
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in parser.text_string_to_metric_families(text)
        for one in family.samples
    }


def test_the_figures_are_those_of_the_snapshot_and_the_last_run():
    found = families(metrics_text(FACTS, now=160.0))
    assert found["winnow_documents",] == 6
    assert found["winnow_quarantined_records", ("reason", "empty")] == 2
    assert found["winnow_snapshot_age_seconds",] == 60
    assert found["winnow_last_run_stage_seconds", ("stage", "clean")] == 1.0
    assert found["winnow_last_run_files", ("change", "changed")] == 1
    assert found["winnow_last_run_cpu_seconds", ("process", "workers")] == 3.25


def test_of_a_run_that_nothing_is_known_of_nothing_is_said():
    text = metrics_text(Facts("000001", math.nan, "2", 0, 0, 0, {}, {}, None), now=1.0)
    assert "last_run" not in text
    assert families(text)["winnow_raw_files",] == 0


@given(st.dictionaries(st.text(max_size=30), st.integers(0, 10**15), max_size=5))
def test_whatever_a_label_holds_the_text_is_valid_and_says_it(reasons):
    text = metrics_text(Facts("000001", 1.0, "2", 0, 0, 0, reasons, {}, None), now=2.0)
    found = families(text)
    values = [value for key, value in found.items() if key[0] == "winnow_quarantined_records"]
    assert sorted(values) == sorted(reasons.values()) or len(values) < len(reasons)
    assert not set("\x1b\x9b\u202e\r") & set(text)
    assert all(line.startswith(("#", "winnow_")) for line in text.removesuffix("\n").split("\n"))


@pytest.mark.parametrize("label", ['a"b', "a\\b", "a\nb", "碳市场：说明"])
def test_a_label_comes_back_as_it_was(label):
    found = families(metrics_text(Facts("1", 1.0, "2", 0, 0, 0, {label: 3}, {}, None), now=2.0))
    assert found["winnow_quarantined_records", ("reason", label)] == 3


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    raw, out = folder / "raw", folder / "out"
    raw.mkdir()
    (raw / "a.txt").write_text("The council agreed on a plan for the river. " * 9, "utf-8")
    (raw / "b.txt").write_text("全国碳排放权交易市场今日开市，首日成交量超过四百万吨。" * 9, "utf-8")
    (raw / "empty.txt").write_text("")
    for number in range(MAX_REASONS + 10):
        (raw / f"x.pic{number}").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9))
    reports = []
    for change in (lambda: None, lambda: None, (raw / "a.txt").unlink):
        change()
        with local_runner(1) as (runner, on_stage):
            reports.append(run(raw, out, settings=Settings(workers=1), runner=runner, on_stage=on_stage))
        reports.append((reports[-1].snapshot.path / METRICS).read_text("utf-8"))
    return out, reports


def test_every_run_writes_what_the_command_prints(ran):
    out, (first, one, second, two, third, three) = ran
    assert (first.published, second.published, third.published) == (True, False, True)
    found = [families(text) for text in (one, two, three)]
    assert [one["winnow_last_run_published",] for one in found] == [1, 0, 1]
    assert [one["winnow_documents",] for one in found] == [2, 2, 1]
    assert [one["winnow_last_run_files", ("change", "new")] for one in found] == [MAX_REASONS + 13, 0, 0]
    assert found[2]["winnow_last_run_files", ("change", "gone")] == 1
    assert found[0]["winnow_last_run_cpu_seconds", ("process", "workers")] > 0
    assert found[0]["winnow_last_run_peak_memory_bytes", ("process", "run")] > 1 << 20
    assert metrics_text(facts_of(third.snapshot, last_run(out)), now=last_run(out).ended) == three


def test_reasons_that_raw_files_choose_are_bounded(ran):
    found = families(ran[1][1])
    skipped = {key[1][1]: value for key, value in found.items() if key[0] == "winnow_skipped_records"}
    assert sum(skipped.values()) == MAX_REASONS + 10
    assert len(skipped) <= MAX_REASONS + 1
    assert REST not in skipped  # they are all of one sort


def test_without_what_is_kept_of_the_last_run_the_rest_is_told(ran, tmp_path):
    assert last_run(tmp_path) is None
    assert "winnow_last_run" not in metrics_text(facts_of(ran[1][4].snapshot, None), now=1.0)
