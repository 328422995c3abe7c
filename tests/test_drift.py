"""What an operator should look at after a run is told, and nothing else."""

from dataclasses import replace

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import winnow
from pipeline.drift import MOST, Drift, Figures, SiteFigures, drifts, figures
from pipeline.store.snapshots import open_snapshot

STEADY = SiteFigures(20, "zh-Hans", 0.3, 0.9)


def of(**changes):
    return [
        (one.what, one.before, one.after)
        for one in drifts(Figures({"a.cn": STEADY}, {}), Figures({"a.cn": replace(STEADY, **changes)}, {}))
    ]


def test_each_jump_of_a_site_is_told_with_what_it_was_and_is():
    assert of() == of(n_documents=25, removed=0.4, confidence=0.8) == []
    assert of(n_documents=8) == [("volume", "20 documents", "8 documents")]
    assert of(n_documents=41) == [("volume", "20 documents", "41 documents")]
    assert of(lang="en") == [("language", "zh-Hans", "en")]
    assert of(removed=0.95) == [("removed", "30% of the text", "95%")]
    assert of(confidence=0.4) == [("confidence", "0.90", "0.40")]


def test_a_site_that_yields_nothing_any_more_is_told_and_a_small_one_is_not():
    before = Figures({"a.cn": STEADY, "b.cn": replace(STEADY, n_documents=4)}, {})
    assert drifts(before, Figures({}, {})) == [Drift("a.cn", "gone", "20 documents", "none")]


def test_a_rule_that_takes_much_more_is_told():
    before, after = {"rule:menu": 40, "model": 4000}, {"rule:menu": 400, "model": 3600}
    assert drifts(Figures({}, before), Figures({}, after)) == [
        Drift("rule:menu", "takes", "40 of 4,040 blocks", "400 of 4,000")
    ]
    assert drifts(Figures({}, before), Figures({}, before)) == []


sites = st.dictionaries(
    st.text(min_size=1),
    st.builds(SiteFigures, st.integers(1, 10**6), st.text(), st.floats(0, 1), st.floats(0, 1)),
)
made = st.builds(Figures, sites, st.dictionaries(st.text(), st.integers(1, 10**9)))


@given(made, made)
def test_nothing_drifts_from_itself_and_what_is_told_is_bounded(one, other):
    assert drifts(one, one) == []
    assert len(drifts(one, other)) <= MOST


def test_figures_are_those_of_the_snapshot(tmp_path):
    raw = tmp_path / "raw" / "harbour.org"
    raw.mkdir(parents=True)
    for n in range(6):
        text = f"The council met for the {n}th time on Monday and agreed on plan {n * 31} for the river and its {n + 2} mills."
        (raw / f"{n}.html").write_text(f"<nav><a href=/>Home</a> <a href=/n>News</a></nav><p>{text} {text[::-1]}</p>")
    said = CliRunner().invoke(winnow, ["run", str(tmp_path / "raw"), str(tmp_path / "out"), "--workers", "1"])
    assert said.exit_code == 0, said.output
    snapshot = open_snapshot(tmp_path / "out")
    found = figures(snapshot)
    assert sum(one.n_documents for one in found.sites.values()) == snapshot.manifest["counts"]["documents"]
    assert sum(found.decided.values()) == snapshot.table("blocks", ["doc_id"]).num_rows
    assert all(0 <= one.removed <= 1 for one in found.sites.values())
