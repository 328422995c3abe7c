"""The rule format: TOML files to ``Rule`` values, with every mistake named.

The format itself is told at the top of ``pipeline/rules/any.toml``. A new key of ``match`` is one field of
``Match``, one line in ``_KINDS`` and one condition in ``rules.py``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import re2

from pipeline.boilerplate.rule_search import How, how_anchored, re2_options, widen
from pipeline.boilerplate.templates import NO_LETTERS, TEMPLATES_SCHEMA, line_key
from pipeline.errors import RuleError
from pipeline.types import Label

#: A page given as an example: its lines, those that the rule must take led by "> ".
Example = str | tuple[str, ...]

POSITIONS = ("any", "head", "tail", "edge")
MAX_TOKENS = 300
#: Marks a line of an example page that the rule must take.
TAKEN = "> "
#: Characters that stand between the items of a navigation row.
SEPARATORS = "|｜¦│/／·・•‧】>›»＞→"

_OUTER = r"\W*"
_SIGN_IN_CLASS = re.compile(r"\[(?:[^\]\\]|\\[^W])*\\W")
#: A repeat that may make a pattern of few letters too large for RE2: whether it is, compiling tells.
_LONG_REPEAT = re.compile(r"\{\d*,?\d{3}")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RULE_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Match:
    """What a block must be for a rule to take it: every condition that is set must hold."""

    pattern: tuple[str, ...] = ()  # RE2 syntax, any of them found in the block, upper and lower case alike
    whole: bool = False  # the pattern covers the block, but for outer punctuation and space
    row: int = 0  # the block is the pattern so many times or more, with punctuation between, and nothing else
    unless: tuple[str, ...] = ()  # patterns of which none may be found in the block
    max_tokens: int = 40  # the block has at most so many; a CJK character is one
    position: str = "any"  # "head", "tail", "edge" (either): outside the body; "any"
    separators: int = 0  # at least so many between items that are all short
    near: bool = False  # another rule has taken a block at most two away
    lang_differs: bool = False  # the block's script is not the body's
    tag: tuple[str, ...] = ()  # one of these elements is the block's or around it
    class_words: tuple[str, ...] = ()  # one of these words is a class or id of the block or around it
    role: tuple[str, ...] = ()  # the nearest landmark is one of these
    markup_optional: bool = False  # text without mark-up passes tag, class_words and role

    @property
    def wants_markup(self) -> bool:
        """Whether any condition is about mark-up."""
        return bool(self.tag or self.class_words or self.role)

    @property
    def is_bare(self) -> bool:
        """Whether the match looks at mark-up alone."""
        return not (self.pattern or self.separators)

    @property
    def searches(self) -> tuple[tuple[How, str], ...]:
        """What to search a block's text for, any of which is enough; nothing for a bare match."""
        either = "|".join(f"(?:{pattern})" for pattern in self.pattern)
        if self.row:
            return ((How.COVERS, f"{_OUTER}(?:(?:{either}){_OUTER}){{{self.row},}}"),)
        if self.whole:
            return ((How.COVERS, f"{_OUTER}(?:{either}){_OUTER}"),)
        if self.separators and not self.pattern:
            return ((How.ANYWHERE, f"(?:[{SEPARATORS}][^{SEPARATORS}]*){{{self.separators}}}"),)
        return tuple((how_anchored(pattern), pattern) for pattern in self.pattern)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a pack, with its own tests."""

    id: str
    file: str  # "zh.toml", "sites/example.org.toml"
    line: int  # of its [[rule]] header, 1-based; 0 when not known
    label: Label
    why: str
    match: Match
    examples: tuple[Example, ...]
    counterexamples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """What the value of a key may be: in words, and read (None for a value that it may not be)."""

    says: str
    read: Callable[[object], object]


def _flag() -> Kind:
    return Kind("true or false", lambda value: value if isinstance(value, bool) else None)


def _number(most: int) -> Kind:
    return Kind(
        f"a number from 1 to {most}", lambda value: value if type(value) is int and 1 <= value <= most else None
    )


def _one_of(names: Sequence[str]) -> Kind:
    return Kind(f"one of {', '.join(names)}", lambda value: value if value in names else None)


def _strings(value: object) -> tuple[str, ...] | None:
    fine = isinstance(value, list) and value and all(isinstance(word, str) and word for word in value)
    return tuple(value) if fine else None  # type: ignore[arg-type]  # it is a list


def _words(value: object) -> tuple[str, ...] | None:
    found = _strings(value)
    return None if found is None else tuple(word.lower() for word in found)


PATTERNS = Kind("a pattern or a list of patterns", lambda value: _strings([value] if isinstance(value, str) else value))
WORDS = Kind("a list of words", _words)
#: The keys of ``match``.
_KINDS: Mapping[str, Kind] = {
    "pattern": PATTERNS,
    "whole": _flag(),
    "row": _number(10),
    "unless": PATTERNS,
    "max_tokens": _number(MAX_TOKENS),
    "position": _one_of(POSITIONS),
    "separators": _number(10),
    "near": _flag(),
    "lang_differs": _flag(),
    "tag": WORDS,
    "class_words": WORDS,
    "role": WORDS,
    "markup_optional": _flag(),
}
_RULE_KEYS = ("id", "why", "label", "match", "examples", "counterexamples")


@dataclass(frozen=True, slots=True)
class RulePlace:
    """Where in which file a mistake is."""

    file: str
    rule: str = ""
    line: int = 0

    def error(self, message: str, mend: str) -> RuleError:
        """An error that names the place."""
        line = f", line {self.line}" if self.line else ""
        rule = f", rule {self.rule}" if self.rule else ""
        return RuleError(f"{self.file}{line}{rule}: {message}", mend=mend)


@lru_cache(maxsize=1024)  # the parent and each child ask for the same files again and again
def parse_rules(content: bytes, *, file: str) -> tuple[Rule, ...]:
    """The rules of one file, in file order; ``file`` is its name for messages. Raises RuleError.

    What a site's file says under [template] is for ``site_choices``.
    """
    place = RulePlace(file)
    text, table = read_toml(content, place)
    if "template" in table and not file.startswith("sites/"):
        raise place.error("[template] outside of sites/.", "Only the file of a site, sites/DOMAIN.toml, has one.")
    _refuse_unknown(table, ("rule", "template"), place, "Every rule starts with a line [[rule]].")
    entries = table.get("rule", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise place.error("rule is not a list of tables.", "Every rule starts with a line [[rule]].")
    lines = [text.count("\n", 0, m.start()) + 1 for m in _RULE_HEADER.finditer(text)]
    if len(lines) != len(entries):
        lines = [0] * len(entries)
    return tuple(_rule(entry, RulePlace(file, line=line)) for entry, line in zip(entries, lines, strict=True))


def read_toml(content: bytes, place: RulePlace) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file and its table. Raises RuleError."""
    try:
        text = content.decode("utf-8-sig")
        return text, tomllib.loads(text.replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise place.error(f"not UTF-8 (byte {error.start}).", "Save the file as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise place.error(f"not TOML: {error}.", "Mend the line; patterns go in 'single quotes'.") from error


def _rule(entry: Mapping[str, Any], place: RulePlace) -> Rule:
    rule_id = entry.get("id")
    if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id):
        mend = 'Give an id in kebab-case, like id = "zh-filing-number".'
        raise place.error(f"{'id ' + repr(rule_id) if rule_id else 'no id'}.", mend)
    place = RulePlace(place.file, rule_id, place.line)
    _refuse_unknown(entry, _RULE_KEYS, place, f"A rule has {', '.join(_RULE_KEYS)}.")
    why = entry.get("why")
    if not isinstance(why, str) or not why.strip():
        raise place.error("no why.", 'Say in a sentence why this is no content, like why = "...".')
    label = entry.get("label")
    if label not in list(Label):
        raise place.error(f"unknown label {label!r}.", f"Take one of {', '.join(Label)}.")
    examples = _examples(entry, "examples", place)
    if not examples:
        raise place.error("no examples.", 'Give at least one block that the rule takes: examples = ["..."].')
    match = _match(entry.get("match"), place)
    return Rule(
        rule_id, place.file, place.line, Label(label), why, match, examples, _examples(entry, "counterexamples", place)
    )


def _examples(entry: Mapping[str, Any], key: str, place: RulePlace) -> tuple[Example, ...]:
    found = entry.get(key, [])
    mend = f"{key} is a list; each entry a block's text, or a list of lines that make a page."
    if not isinstance(found, list):
        raise place.error(f"{key} is not a list.", mend)
    for example in found:
        lines = example if isinstance(example, list) else [example]
        if not lines or not all(isinstance(line, str) and line.strip() for line in lines):
            raise place.error(f"{key} holds {example!r}.", mend)
    if key == "examples":
        for example in found:
            if isinstance(example, list) and not any(line.startswith(TAKEN) for line in example):
                mend = f'Lead the lines that the rule must take by "{TAKEN}".'
                raise place.error(f"an example page marks no line: {example!r}.", mend)
    return tuple(tuple(example) if isinstance(example, list) else example for example in found)


def _match(table: object, place: RulePlace) -> Match:
    if not isinstance(table, dict) or not table:
        raise place.error("no match.", "Say what the rule takes, like match.pattern = '...'.")
    _refuse_unknown(table, tuple(_KINDS), place, f"match knows {', '.join(_KINDS)}.", prefix="match.")
    values: dict[str, Any] = {key: _value(key, value, place) for key, value in table.items()}
    match = Match(**values)
    for wrong, message, mend in _contradictions(match):
        if wrong:
            raise place.error(message, mend)
    return match


def _contradictions(match: Match) -> tuple[tuple[bool, str, str], ...]:
    """Keys of a match that make no sense together: whether so, what is wrong, and the mend."""
    return (
        (
            not (match.pattern or match.separators or match.wants_markup),
            "match has nothing to look for.",
            "near, position and lang_differs only narrow a match: add pattern, separators, class_words or role.",
        ),
        (
            bool(match.whole or match.row) and not match.pattern,
            "match.whole or match.row without match.pattern.",
            "Add what covers the block.",
        ),
        (
            match.markup_optional and not match.pattern,
            "match.markup_optional without match.pattern.",
            "Plain text needs a pattern to look for.",
        ),
        (
            match.lang_differs and not (match.near or match.separators or match.position != "any"),
            "match.lang_differs proves nothing alone.",
            "Add near, separators or a position.",
        ),
    )


def _value(key: str, value: object, place: RulePlace) -> object:
    """One value of ``match``, as its kind reads it."""
    kind = _KINDS[key]
    found = kind.read(value)
    if found is None:
        raise place.error(f"match.{key} is {value!r}.", f"It must be {kind.says}.")
    if kind is PATTERNS and isinstance(found, tuple):
        _check_patterns(key, found, place)
    return found


def _check_patterns(key: str, alternatives: Sequence[str], place: RulePlace) -> None:
    parsed = re2.Set.SearchSet(re2_options())
    for pattern in alternatives:
        if _SIGN_IN_CLASS.search(pattern):
            raise place.error(rf"match.{key} {pattern!r} has \W inside brackets.", r"Write (?:\W|...) instead.")
        try:
            with suppress(re2.error):  # a set parses what it is given, in a tenth of the time of compiling it
                parsed.Add(widen(pattern))
                if not _LONG_REPEAT.search(pattern):
                    continue
            re2.compile(widen(pattern), re2_options())
        except re2.error as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
            mend = "RE2 syntax has no look-around and no back-references; a repeat goes up to 1000."
            raise place.error(f"match.{key} {pattern!r}: {reason}.", mend) from error


def _refuse_unknown(
    table: Mapping[str, Any], known: tuple[str, ...], place: RulePlace, mend: str, *, prefix: str = ""
) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise place.error(f"unknown key {prefix}{unknown[0]}.", mend)


# What a site's file says of its template: lines that always belong to it (pin), lines that never do (veto).
#
# In ``sites/DOMAIN.toml``, beside its rules::
#
#     [template]
#     pin = ["编后语", "Reader service"]
#     veto = ["本期要点"]
#
# A line is written as it stands on the page; digits, case and white space are alike, as in the learned template
# (``templates.line_key``). Rules still go before the template: a veto does not stop a rule.

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
    place = RulePlace(file)
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
