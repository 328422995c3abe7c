"""A broken rule file is refused with the file, the line, the rule and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.boilerplate.rule_format import parse_rules
from pipeline.boilerplate.rules import all_rules, load_rules
from pipeline.errors import RuleError
from pipeline.types import Label

GOOD = """
[[rule]]
id = "mine-one"
label = "footer"
why = "A test."
match.pattern = 'abc'
examples = ["abc"]
"""


def parse_error(text: str | bytes) -> str:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(RuleError) as caught:
        parse_rules(content, file="mine.toml")
    assert caught.value.message.startswith("mine.toml")
    assert caught.value.mend.endswith(".")
    return str(caught.value)


def test_a_good_file_gives_its_rules_in_order() -> None:
    first, second = parse_rules((GOOD + GOOD.replace("mine-one", "mine-two")).encode(), file="mine.toml")
    assert (first.id, first.label, first.line, second.id, second.line) == ("mine-one", Label.FOOTER, 2, "mine-two", 9)
    assert first.examples == ("abc",)


def test_an_empty_file_has_no_rules_and_a_byte_order_mark_does_no_harm() -> None:
    assert parse_rules(b"", file="mine.toml") == ()
    assert len(parse_rules(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(), file="mine.toml")) == 1


BROKEN = {
    "not TOML": (GOOD + "oops\n", "line 8"),
    "unclosed string": (GOOD.replace("'abc'", "'abc"), "not TOML"),
    "unknown top key": ("[rules]\n", "unknown key rules"),
    "rule is no list": ('rule = "x"\n', "not a list of tables"),
    "unknown key": (GOOD + 'colour = "red"\n', "unknown key colour"),
    "unknown key of match": (GOOD + "match.patern = 'x'\n", "unknown key match.patern"),
    "no id": (GOOD.replace('id = "mine-one"\n', ""), "no id"),
    "id not kebab-case": (GOOD.replace("mine-one", "Mine_one"), "'Mine_one'"),
    "no why": (GOOD.replace('why = "A test."\n', ""), "no why"),
    "unknown label": (GOOD.replace("footer", "foot"), "unknown label 'foot'"),
    "no examples": (GOOD.replace('["abc"]', "[]"), "no examples"),
    "examples no list": (GOOD.replace('["abc"]', '"abc"'), "examples is not a list"),
    "empty example": (GOOD.replace('["abc"]', '["abc", ""]'), "examples holds ''"),
    "page without a mark": (GOOD.replace('["abc"]', '[["abc", "def"]]'), "marks no line"),
    "no match": (GOOD.replace("match.pattern = 'abc'\n", ""), "no match"),
    "empty match": (GOOD.replace("match.pattern = 'abc'", "match = {}"), "no match"),
    "pattern that does not compile": (GOOD.replace("'abc'", "'a(bc'"), "match.pattern 'a(bc'"),
    "look-around": (GOOD.replace("'abc'", "'abc(?!d)'"), "RE2"),
    "back-reference": (GOOD.replace("'abc'", r"'(a)\1'"), "RE2"),
    "too many repeats": (GOOD.replace("'abc'", "'a{2000}'"), "1000"),
    "\\W in brackets": (GOOD.replace("'abc'", r"'\A[a\W]bc'"), "inside brackets"),
    "empty pattern": (GOOD.replace("'abc'", "''"), "a pattern or a list of patterns"),
    "pattern a number": (GOOD.replace("'abc'", "3"), "a pattern or a list of patterns"),
    "unless that does not compile": (GOOD + "match.unless = '['\n", "match.unless"),
    "unknown position": (GOOD + 'match.position = "top"\n', "one of any, head, tail, edge"),
    "max_tokens too large": (GOOD + "match.max_tokens = 5000\n", "from 1 to 300"),
    "max_tokens zero": (GOOD + "match.max_tokens = 0\n", "from 1 to 300"),
    "separators no number": (GOOD + "match.separators = true\n", "from 1 to 10"),
    "near no truth value": (GOOD + 'match.near = "yes"\n', "true or false"),
    "role no list": (GOOD + 'match.role = "navigation"\n', "a list of words"),
    "only a place": (GOOD.replace("match.pattern = 'abc'", 'match.position = "tail"'), "nothing to look for"),
    "only a script": (GOOD.replace("match.pattern = 'abc'", "match.lang_differs = true"), "nothing to look for"),
    "script alone with a pattern": (GOOD + "match.lang_differs = true\n", "match.lang_differs"),
    "whole without a pattern": (
        GOOD.replace("match.pattern = 'abc'", "match.whole = true\nmatch.separators = 2"),
        "without match.pattern",
    ),
    "plain text without a pattern": (
        GOOD.replace("match.pattern = 'abc'", 'match.role = ["navigation"]\nmatch.markup_optional = true'),
        "match.markup_optional without match.pattern",
    ),
    "not UTF-8": (GOOD.replace("A test.", "中文").encode("gb18030"), "not UTF-8"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_mistake_is_named_with_its_mend(text: str | bytes, said: str) -> None:
    assert said in parse_error(text)


def test_a_mistake_in_a_rule_names_its_line() -> None:
    broken = GOOD + GOOD.replace("mine-one", "mine-two").replace("footer", "foot")
    assert "mine.toml, line 9, rule mine-two: unknown label 'foot'" in parse_error(broken)


def test_an_id_is_taken_only_once_in_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/haiwan.example.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(
        RuleError, match=r"haiwan\.example\.toml, line 2, rule mine-one: the id is taken \(a\.toml, line 2\)"
    ):
        load_rules(tmp_path)
    taken = GOOD.replace("mine-one", all_rules(load_rules())[-1].id)
    (tmp_path / "sites/haiwan.example.toml").write_text(taken, encoding="utf-8")
    with pytest.raises(RuleError, match="the id is taken"):
        load_rules(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="no such folder of rules"):
        load_rules(tmp_path / "nowhere")


def test_an_empty_folder_adds_nothing(tmp_path: Path) -> None:
    assert all_rules(load_rules(tmp_path)) == all_rules(load_rules())
