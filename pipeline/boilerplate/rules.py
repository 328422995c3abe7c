"""The boilerplate rules: load the packs, then apply, list or check them.

A rule is data: to add one, write it into ``pipeline/rules`` (its ``any.toml`` tells how); nothing here changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pipeline.boilerplate.rule_check import RuleFailure, check_rules
from pipeline.boilerplate.rule_engine import RuleSet, all_rules, apply_rules, pack_rules
from pipeline.boilerplate.rule_format import Rule, parse_rules
from pipeline.errors import RuleError

__all__ = ["Rule", "RuleFailure", "RuleSet", "all_rules", "apply_rules", "check_rules", "load_rules"]

#: The shipped packs in the order they are asked; sites/*.toml come before all of them.
PACKS = ("zh.toml", "en.toml", "any.toml")


def load_rules(extra: Path | None = None) -> RuleSet:
    """The shipped packs, and the user's own from ``extra``: a folder with \\*.toml and sites/\\*.toml.

    The user's files are asked before the shipped ones of the same kind: zh, en, any, then the rest by name.
    Raises RuleError that names the file, the rule and the mend.
    """
    roots: list[Traversable] = [resources.files("pipeline.rules")]
    if extra is not None:
        if not extra.is_dir():
            raise RuleError(f"{extra}: no such folder of rules.", mend="Name a folder with *.toml and sites/*.toml.")
        roots.insert(0, extra)
    general: list[Rule] = []
    sites: dict[str, list[Rule]] = {}
    for root in roots:
        for file in _toml_files(root):
            general += parse_rules(file.read_bytes(), file=file.name)
        if root.joinpath("sites").is_dir():
            for file in _toml_files(root.joinpath("sites")):
                found = parse_rules(file.read_bytes(), file=f"sites/{file.name}")
                sites.setdefault(file.name.removesuffix(".toml").lower(), []).extend(found)
    _refuse_duplicates([*general, *(rule for rules in sites.values() for rule in rules)])
    return RuleSet(pack_rules(general), {domain: pack_rules(rules) for domain, rules in sites.items()})


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
