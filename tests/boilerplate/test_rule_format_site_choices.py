"""Pins and vetoes of site files."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.rule_format import apply_choices, choices_of, parse_choices
from pipeline.boilerplate.rules import load_choices, load_rules
from pipeline.boilerplate.templates import TEMPLATES_SCHEMA, line_key, match_templates
from pipeline.errors import RuleError

FILE = "sites/example.org.toml"


def parse(text: str):
    return parse_choices(text.encode(), file=FILE)


def templates(*lines: str, site: str = "example.org") -> pa.Table:
    rows = [
        {"site": site, "key": line_key(line), "n_documents": 9, "n_site_documents": 12, "share": 0.75} for line in lines
    ]
    return pa.Table.from_pylist(rows, schema=TEMPLATES_SCHEMA)


def hits(table: pa.Table, *lines: str, site: str = "example.org") -> list[str]:
    found = match_templates(table, site, [line_key(line) for line in lines])
    return [line for line, hit in zip(lines, found, strict=True) if hit]


def test_a_pin_is_template_and_a_veto_is_not_however_often_they_were_seen() -> None:
    choices = {"example.org": parse('[template]\npin = ["编后语 12"]\nveto = ["Reader  LETTERS"]\n')}
    table = apply_choices(templates("Reader letters", "Contact"), ["example.org", "other.org"], choices)
    assert hits(table, "编后语 7", "reader letters", "Contact") == ["编后语 7", "Contact"]
    assert hits(table, "编后语 7", site="other.org") == []


def test_a_pin_of_a_learned_line_keeps_its_counts() -> None:
    choices = {"example.org": parse('[template]\npin = ["Contact", "Imprint"]\n')}
    table = apply_choices(templates("Contact"), ["example.org"], choices)
    assert sorted(table["n_documents"].to_pylist()) == [0, 9]
    assert table.schema == TEMPLATES_SCHEMA


def test_a_domain_speaks_for_the_sites_under_it_and_the_nearer_one_is_heard() -> None:
    choices = {"a.org": parse('[template]\npin = ["One", "Two"]\n'), "b.a.org": parse('[template]\nveto = ["Two"]\n')}
    assert {one.text: one.pinned for one in choices_of(choices, "b.a.org").values()} == {"One": True, "Two": False}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "碳", "市场"]), max_size=4), st.sets(st.sampled_from(["a", "碳", "c"])))
def test_choices_touch_nothing_else(learned: list[str], pins: set[str]) -> None:
    before = templates(*sorted(set(learned)), site="other.org")
    after = apply_choices(before, ["example.org"], {"example.org": parse(f"[template]\npin = {sorted(pins)!r}\n")})
    assert hits(after, *learned, site="other.org") == learned
    assert set(hits(after, "a", "碳", "c")) == pins
    assert apply_choices(before, ["other.org"], {}).equals(before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("template = 3", "template is not a table"),
        ("[template]\npins = []", "unknown key template.pins"),
        ("[template]\npin = 'x'", "template.pin is 'x'"),
        ("[template]\nveto = ['12.5 %']", "has no letters"),
        ("[template]\npin = ['Page 1']\nveto = ['PAGE 2']", "is pinned and vetoed"),
        ("[template", "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RuleError, match=r"sites/example\.org\.toml") as error:
        parse(text)
    assert said in str(error.value)
    (tmp_path / "sites").mkdir()
    (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(RuleError):  # and so a run stops before it starts
        load_rules(tmp_path)


def test_only_the_file_of_a_site_has_a_template(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[template]\npin = ['Home']\n", "utf-8")
    with pytest.raises(RuleError, match="sites/DOMAIN"):
        load_rules(tmp_path)


def test_choices_are_read_from_the_users_folder(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / FILE).write_text("[template]\npin = ['编后语']\n", "utf-8")
    assert [one.text for one in load_choices(tmp_path)["example.org"]] == ["编后语"]


def test_rules_that_are_named_can_be_left_out() -> None:
    assert {"any-copyright-line"} == {rule.id for rule in load_rules().general.rules} - {
        rule.id for rule in load_rules(without=["any-copyright-line"]).general.rules
    }
