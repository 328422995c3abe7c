"""A rule set's own tests: every rule takes its examples and none of its counterexamples.

An example is put on a page the rule could meet: before, between or after paragraphs of its own script,
as the rule's position asks, with the mark-up that the rule asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.boilerplate.rule_engine import RuleSet, all_rules, apply_rules
from pipeline.boilerplate.rule_format import TAKEN, Example, Match, Rule
from pipeline.tokens import count_cjk, count_tokens
from pipeline.types import Block, BlockKind, Decision, Markup

_PROSE = {
    True: "专家组用两个小时听取了各地的汇报，代表们围绕监测方法和数据质量进行了讨论，并就下一步的安排交换了看法。",
    False: "The experts spent two hours on the reports of the regions, and the delegates then talked about methods of "
    "measurement and about the quality of the figures they had been given.",
}


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """An example that a rule misses, or a counterexample that it takes."""

    rule_id: str
    file: str
    example: str
    why: str


def check_rules(rules: RuleSet) -> list[RuleFailure]:
    """Every failed example and counterexample, in the order of the rules; empty when all is well."""
    return [failure for rule in all_rules(rules) for failure in _check_rule(rules, rule)]


def _check_rule(rules: RuleSet, rule: Rule) -> Iterator[RuleFailure]:
    site = rule.file.removeprefix("sites/").removesuffix(".toml") if rule.file.startswith("sites/") else None
    for wanted, examples in ((True, rule.examples), (False, rule.counterexamples)):
        for example in examples:
            for blocks, marked in _pages(example, rule.match, wanted=wanted):
                decisions = apply_rules(rules, blocks, site=site)
                why = _missed(rule, decisions, marked, blocks) if wanted else _wrong(rule, decisions, (), blocks)
                if why:
                    yield RuleFailure(rule.id, rule.file, _shown(example), why)
                    break


def _missed(rule: Rule, decisions: Sequence[Decision | None], marked: Sequence[int], blocks: Sequence[Block]) -> str:
    for i in marked:
        decision = decisions[i]
        if decision is None:
            return f"no rule takes {blocks[i].text!r}"
        if decision.decided_by != f"rule:{rule.id}" and decision.label is not rule.label:
            return f"{decision.decided_by} takes {blocks[i].text!r} as {decision.label}"
    return _wrong(rule, decisions, marked, blocks)


def _wrong(rule: Rule, decisions: Sequence[Decision | None], marked: Sequence[int], blocks: Sequence[Block]) -> str:
    for i, decision in enumerate(decisions):
        if decision is not None and decision.decided_by == f"rule:{rule.id}" and i not in marked:
            return f"the rule takes {blocks[i].text!r}"
    return ""


def _pages(example: Example, match: Match, *, wanted: bool) -> Iterator[tuple[list[Block], list[int]]]:
    """The pages to try an example on, each with the indexes of the blocks the rule must take."""
    markup = _markup(match) if wanted or match.pattern else None
    if not isinstance(example, str):
        taken = [i for i, line in enumerate(example) if line.startswith(TAKEN)]
        lines = [line.removeprefix(TAKEN) for line in example]
        yield _blocks(lines, taken if wanted else range(len(lines)), markup), taken
        return
    prose = _PROSE[2 * count_cjk(example) >= count_tokens(example)]
    if match.position in ("head", "edge"):
        yield _blocks([example, prose, prose], [0], markup), [0]
    if match.position in ("tail", "edge"):
        yield _blocks([prose, prose, example], [2], markup), [2]
    if match.position == "any":
        yield _blocks([prose, example, prose], [1], markup), [1]


def _markup(match: Match) -> Markup | None:
    """Mark-up that meets a rule's conditions on it."""
    if not match.wants_markup:
        return None
    role = match.role[0] if match.role else ""
    return Markup(("html", "body", *match.tag[:1]), " ".join(match.class_words[:1]), role=role)


def _blocks(lines: Sequence[str], with_markup: Sequence[int], markup: Markup | None) -> list[Block]:
    return [
        Block(i, line, BlockKind.PARAGRAPH, 0, len(line), markup=markup if i in with_markup else None)
        for i, line in enumerate(lines)
    ]


def _shown(example: Example) -> str:
    return example if isinstance(example, str) else "\n".join(example)
