"""The boilerplate rules: load the packs, then apply, list or check them.

A rule is data: to add one, write it into ``pipeline/rules`` (its ``any.toml`` tells how); nothing here changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pipeline.boilerplate.rule_check import RuleFailure, check_rules
from pipeline.boilerplate.rule_engine import RuleSet, all_rules, apply_rules, pack_rules
from pipeline.boilerplate.rule_format import Rule, parse_rules
from pipeline.boilerplate.site_choices import Choice, Choices, parse_choices
from pipeline.errors import RuleError

__all__ = ["Rule", "RuleFailure", "RuleSet", "all_rules", "apply_rules", "check_rules", "load_choices", "load_rules"]

#: The shipped packs in the order they are asked; sites/*.toml come before all of them.
PACKS = ("zh.toml", "en.toml", "any.toml")


def load_rules(extra: Path | None = None, *, without: Iterable[str] = ()) -> RuleSet:
    """The shipped packs, and the user's own from ``extra``: a folder with \\*.toml and sites/\\*.toml.

    The user's files are asked before the shipped ones of the same kind: zh, en, any, then the rest by name.
    ``without`` names rules that are left out, to see what they are good for.
    Raises RuleError that names the file, the rule and the mend.
    """
    general: list[Rule] = []
    sites: dict[str, list[Rule]] = {}
    for domain, name, content in _files(extra):
        found = parse_rules(content, file=name)
        if domain is None:
            general += found
        else:
            parse_choices(content, file=name)  # a mistake there stops the run, too
            sites.setdefault(domain, []).extend(found)
    _refuse_duplicates([*general, *(rule for rules in sites.values() for rule in rules)])
    out = frozenset(without)
    kept = {domain: [rule for rule in rules if rule.id not in out] for domain, rules in sites.items()}
    return RuleSet(
        pack_rules([rule for rule in general if rule.id not in out]),
        {domain: pack_rules(rules) for domain, rules in kept.items()},
    )


def load_choices(extra: Path | None = None) -> Choices:
    """The pins and vetoes of the site files, the user's before the shipped ones. Raises RuleError."""
    choices: dict[str, tuple[Choice, ...]] = {}
    for domain, name, content in _files(extra):
        if domain is not None and (found := parse_choices(content, file=name)):
            choices[domain] = (*choices.get(domain, ()), *found)
    return choices


def _files(extra: Path | None) -> Iterator[tuple[str | None, str, bytes]]:
    """Every rule file in the order it is asked: the domain it speaks for (None: all), its name, its content."""
    roots: list[Traversable] = [resources.files("pipeline.rules")]
    if extra is not None:
        if not extra.is_dir():
            raise RuleError(f"{extra}: no such folder of rules.", mend="Name a folder with *.toml and sites/*.toml.")
        roots.insert(0, extra)
    for root in roots:
        for file in _toml_files(root):
            yield None, file.name, file.read_bytes()
        if root.joinpath("sites").is_dir():
            for file in _toml_files(root.joinpath("sites")):
                yield file.name.removesuffix(".toml").lower(), f"sites/{file.name}", file.read_bytes()


def _toml_files(folder: Traversable) -> list[Traversable]:
    """The folder's TOML files: the packs in their order, then the rest by name."""
    files = [file for file in folder.iterdir() if file.name.endswith(".toml") and file.is_file()]
    return sorted(files, key=lambda file: (PACKS.index(file.name) if file.name in PACKS else len(PACKS), file.name))


def _refuse_duplicates(rules: Iterable[Rule]) -> None:
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in seen:
            first = seen[rule.id]
            message = (
                f"{rule.file}, line {rule.line}, rule {rule.id}: the id is taken ({first.file}, line {first.line})."
            )
            raise RuleError(message, mend="Give it another id.")
        seen[rule.id] = rule
