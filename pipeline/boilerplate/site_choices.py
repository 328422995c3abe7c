"""What a site's file says of its template: lines that always belong to it (pin), lines that never do (veto).

In ``sites/DOMAIN.toml``, beside its rules::

    [template]
    pin = ["编后语", "Reader service"]
    veto = ["本期要点"]

A line is written as it stands on the page; digits, case and white space are alike, as in the learned template
(``templates.line_key``). Rules still go before the template: a veto does not stop a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.boilerplate.rule_format import Place, read_toml
from pipeline.boilerplate.templates import NO_LETTERS, TEMPLATES_SCHEMA, line_key

_MEND = '[template] has two lists of lines, like pin = ["编后语"] and veto = ["本期要点"].'


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of a site file's [template]."""

    text: str
    pinned: bool  # else vetoed
    file: str  # "sites/example.org.toml"


#: By domain, what its files say; of two that speak of one line, the first is heard.
Choices = Mapping[str, tuple[Choice, ...]]


def parse_choices(content: bytes, *, file: str) -> tuple[Choice, ...]:
    """The pins and vetoes of one site file, in file order. Raises RuleError."""
    place = Place(file)
    table = read_toml(content, place)[1].get("template", {})
    if not isinstance(table, dict):
        raise place.error("template is not a table.", _MEND)
    unknown = sorted(set(table) - {"pin", "veto"})
    if unknown:
        raise place.error(f"unknown key template.{unknown[0]}.", _MEND)
    choices: dict[int, Choice] = {}
    for name in ("pin", "veto"):
        lines = table.get(name, [])
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise place.error(f"template.{name} is {lines!r}.", _MEND)
        for line in lines:
            key = line_key(line)
            if key == NO_LETTERS:
                raise place.error(f"template.{name} {line!r} has no letters.", "Write a rule for such a line.")
            if choices.get(key, Choice("", name == "pin", "")).pinned != (name == "pin"):
                raise place.error(f"{line!r} is pinned and vetoed.", "Take it out of one of the lists.")
            choices[key] = Choice(line, name == "pin", file)
    return tuple(choices.values())


def choices_of(choices: Choices, site: str) -> dict[int, Choice]:
    """What is said of a site's lines, by line key; the longest domain is heard first."""
    parts = site.lower().split(".")
    domains = [".".join(parts[at:]) for at in range(len(parts))]
    found: dict[int, Choice] = {}
    for choice in (one for domain in domains for one in choices.get(domain, ())):
        found.setdefault(line_key(choice.text), choice)
    return found


def apply_choices(templates: pa.Table, sites: Iterable[str], choices: Choices) -> pa.Table:
    """The templates (TEMPLATES_SCHEMA) of these sites with their pinned lines, and without the vetoed ones.

    A pinned line that was not learned has no documents: ``n_documents`` is 0.
    """
    said = {site: choices_of(choices, site) for site in sites} if choices else {}
    said = {site: lines for site, lines in said.items() if lines}
    if not said:
        return templates
    spoken_of = pc.is_in(templates["site"], value_set=pa.array(sorted(said), pa.string()))
    rows = {(row["site"], row["key"]): row for row in templates.filter(spoken_of).to_pylist()}
    for site, lines in said.items():
        for key, choice in lines.items():
            if not choice.pinned:
                rows.pop((site, key), None)
            elif (site, key) not in rows:
                rows[site, key] = {"site": site, "key": key, "n_documents": 0, "n_site_documents": 0, "share": 0.0}
    chosen = pa.Table.from_pylist(list(rows.values()), schema=TEMPLATES_SCHEMA)
    others = templates.filter(pc.invert(spoken_of)).cast(TEMPLATES_SCHEMA)
    return pa.concat_tables([others, chosen]).sort_by([("site", "ascending"), ("key", "ascending")])
