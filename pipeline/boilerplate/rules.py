"""The boilerplate rules: load the packs, then apply, list or check them.

A rule is data: to add one, write it into ``pipeline/rules`` (its ``any.toml`` tells how); nothing here changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipeline.boilerplate.rule_format import (
    SEPARATORS,
    TAKEN,
    Choice,
    Choices,
    Example,
    Match,
    Rule,
    parse_choices,
    parse_rules,
)
from pipeline.boilerplate.rule_search import Search, is_found, remembering, searcher
from pipeline.errors import RuleError
from pipeline.text.prose import PROSE_TOKENS, holds_sentence, is_prose
from pipeline.text.tokens import count_cjk, count_tokens
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Markup

# Where a block lies: before the body, in it, or after it.
#
# The body is the run of blocks with the most running text: every block of prose counts its tokens, every other
# block costs a little, and the run with the largest sum wins. So a table inside an article does not break it,
# and a teaser under thirty short lines does not stretch it to the foot of the page.


class Zone(StrEnum):
    """A block's place against the body."""

    HEAD = "head"
    BODY = "body"
    TAIL = "tail"


#: The most that one block adds to the sum, and the number of characters from which a block adds it uncounted.
MAX_PROSE_TOKENS = 100
LONG_CHARS = 600
#: What a block that is not prose takes off the sum, in tokens.
GAP_COST = 4


def prose_tokens(block: Block) -> int:
    """What a block adds to the sum: its tokens when it is prose, else 0. A long one is not counted but taken for the most."""
    if len(block.text) < PROSE_TOKENS or not is_prose(block):
        return 0
    return MAX_PROSE_TOKENS if len(block.text) > LONG_CHARS else min(count_tokens(block.text), MAX_PROSE_TOKENS)


def zones(blocks: Sequence[Block], *, doubtful: Collection[int] = frozenset()) -> tuple[Zone, ...]:
    """The zone of every block, in order.

    ``doubtful`` holds the indexes of blocks that may be chaff (a rule's words are in them): they count as prose
    only when no other block does, so that a disclaimer at the foot does not make itself part of the body.
    A page without any prose has no body: its first half is head and the rest tail.
    """
    weights = _weights(blocks, doubtful)
    if max(weights, default=0) <= 0:
        half = (len(blocks) + 1) // 2
        return (Zone.HEAD,) * half + (Zone.TAIL,) * (len(blocks) - half)
    first, end = _heaviest_run(weights)
    return (Zone.HEAD,) * first + (Zone.BODY,) * (end - first) + (Zone.TAIL,) * (len(blocks) - end)


def _weights(blocks: Sequence[Block], doubtful: Collection[int]) -> list[int]:
    return [(i not in doubtful and prose_tokens(block)) or -GAP_COST for i, block in enumerate(blocks)]


def _heaviest_run(weights: Sequence[int]) -> tuple[int, int]:
    """First index and end of the run with the largest sum; the earliest of equals (Kadane's algorithm)."""
    best = total = start = 0
    run = (0, 0)
    for i, weight in enumerate(weights):
        if total <= 0:
            total, start = 0, i
        total += weight
        if total > best:
            best, run = total, (start, i + 1)
    return run


# Rules onto blocks: all patterns are searched for at once, and the few rules that hit check their conditions.
#
# A new condition is one field of ``Match`` (rule_format.py) and one line in ``_fits`` when it looks at the block
# alone, or in ``_page_conditions`` when it looks at the block's place in the page.

#: How many blocks away a taken block still counts as near.
NEAR_BLOCKS = 2
#: Most tokens of an item between separators.
MAX_ITEM_TOKENS = 8
#: A block with more characters a token than this times a rule set's largest max_tokens is not looked at.
CHARS_PER_TOKEN = 10
#: How much of the body is looked at to tell its script.
SAMPLE_BLOCKS = 20
SAMPLE_CHARS = 200

_SEPARATOR = re.compile(f"[{SEPARATORS}]")


class Claim(NamedTuple):
    """What a rule asks of a block and what it says of it."""

    match: Match
    wants_markup: bool
    tags: frozenset[str]  # those of the match, to look for at once
    classes: frozenset[str]
    anywhere: bool  # nothing is asked of the block's place in the page
    decision: Decision


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are asked together, the first first."""

    rules: tuple[Rule, ...]
    claims: tuple[Claim, ...]  # in step with rules
    searches: tuple[Search, ...]  # their patterns, each with the index of its rule
    max_chars: int  # a longer block is not looked at
    bare_by_role: Mapping[str, tuple[int, ...]]  # the rules that look at mark-up alone, by a role they can take
    bare_elsewhere: tuple[int, ...]  # and those of them that can take any other role

    def __hash__(self) -> int:
        """Cheap, for things are remembered by a group for every page; two alike are told apart by what is in them."""
        return hash((len(self.rules), self.max_chars))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Every rule that was loaded: the general ones, and those of single sites by domain."""

    general: RuleGroup
    sites: Mapping[str, RuleGroup]


def pack_rules(rules: Sequence[Rule]) -> RuleGroup:
    """Rules as a group, in the order given."""
    most = max((rule.match.max_tokens for rule in rules), default=0)
    bare = [(i, rule.match) for i, rule in enumerate(rules) if rule.match.is_bare]
    roles = {role for _, match in bare for role in match.role}
    by_role = {role: tuple(i for i, match in bare if not match.role or role in match.role) for role in roles}
    searches = tuple((i, how, pattern) for i, rule in enumerate(rules) for how, pattern in rule.match.searches)
    return RuleGroup(
        tuple(rules),
        tuple(map(_claim, rules)),
        searches,
        most * CHARS_PER_TOKEN,
        by_role,
        tuple(i for i, match in bare if not match.role),
    )


def all_rules(rules: RuleSet) -> tuple[Rule, ...]:
    """Every rule, those of sites first, in the order they are asked."""
    return (*(rule for _, pack in sorted(rules.sites.items()) for rule in pack.rules), *rules.general.rules)


def apply_rules(rules: RuleSet, blocks: Sequence[Block], *, site: str | None = None) -> list[Decision | None]:
    """What the rules say of each block, in order; None where they are silent.

    ``site`` is the page's host or registrable domain: a file sites/DOMAIN.toml speaks for DOMAIN and the hosts
    under it, the longest domain first. Rules of sites go before the general ones; then files go in the order
    any, zh, en, and within a file the first rule wins. Rules with ``near`` speak last, about blocks that no
    other rule took: once down the page and once up, so that a block they take vouches for the next.
    """
    packs = (*_site_packs(rules, site), rules.general)
    claims = _claims(packs, blocks)
    if not claims:
        return [None] * len(blocks)
    holds = _page_conditions(blocks, claims)
    decisions: list[Decision | None] = [None] * len(blocks)
    waiting: dict[int, list[Claim]] = {}
    for i, found in claims.items():
        holding = [claim for claim in found if claim.anywhere or holds(i, claim.match)]
        decisions[i] = next((claim.decision for claim in holding if not claim.match.near), None)
        if holding and decisions[i] is None:
            waiting[i] = holding
    for i in (*waiting, *reversed(waiting)):
        if decisions[i] is None and _near_chaff(decisions, i):
            decisions[i] = waiting[i][0].decision
    return decisions


def _claim(rule: Rule) -> Claim:
    score = 1.0 if rule.label in KEPT_LABELS else 0.0
    match = rule.match
    anywhere = match.position == "any" and not match.lang_differs
    tags, classes = frozenset(match.tag), frozenset(match.class_words)
    return Claim(match, match.wants_markup, tags, classes, anywhere, Decision(rule.label, f"rule:{rule.id}", score))


def _near_chaff(decisions: Sequence[Decision | None], i: int) -> bool:
    around = decisions[max(0, i - NEAR_BLOCKS) : i + NEAR_BLOCKS + 1]
    return any(decision is not None and decision.label not in KEPT_LABELS for decision in around)


def _site_packs(rules: RuleSet, site: str | None) -> tuple[RuleGroup, ...]:
    """The packs of the sites that a host belongs to, the longest domain first."""
    if not site or not rules.sites:
        return ()
    parts = site.lower().rstrip(".").split(".")
    domains = (".".join(parts[i:]) for i in range(len(parts)))
    return tuple(rules.sites[domain] for domain in domains if domain in rules.sites)


def _claims(packs: Iterable[RuleGroup], blocks: Sequence[Block]) -> dict[int, list[Claim]]:
    """By index of the block, the claims of rules whose conditions on the block alone hold, in the order they are asked."""
    asked = [(pack, _finder(pack)) for pack in packs]
    longest = max(pack.max_chars for pack, _ in asked)
    claims: dict[int, list[Claim]] = {}
    for i, block in enumerate(blocks):
        text, markup = block.text, block.markup
        if len(text) > longest:
            continue
        for pack, find in asked:
            hits = find(text)
            bare = () if markup is None else pack.bare_by_role.get(markup.role, pack.bare_elsewhere)
            if not (hits or bare):
                continue
            asking = sorted({*hits, *bare}) if bare else hits
            if fitting := [
                claim
                for hit in asking
                if not (claim := pack.claims[hit]).wants_markup
                or (_fits_markup(claim, markup) and _fits_text(claim.match, text))
            ]:
                claims.setdefault(i, []).extend(fitting)
    return claims


@lru_cache(maxsize=64)
def _finder(pack: RuleGroup) -> Callable[[str], tuple[int, ...]]:
    """A function from a text to the rules whose words are in it, ascending.

    The other conditions on a text hold for those that ask nothing of the mark-up; for the rest they are asked after it.
    """
    search = searcher(pack.searches)

    def find(text: str) -> tuple[int, ...]:
        asking = [(hit, pack.claims[hit]) for hit in sorted(search(text))]
        return tuple([hit for hit, claim in asking if claim.wants_markup or _fits_text(claim.match, text)])

    return remembering(find)


def _fits_text(match: Match, text: str) -> bool:
    """Whether the conditions on a text hold, given that the pattern was found; the cheapest first."""
    if len(text) > match.max_tokens and count_tokens(text) > match.max_tokens:
        return False
    if match.separators and not _is_row(text, match.separators):
        return False
    return not match.unless or not any(is_found(pattern, text) for pattern in match.unless)


def _fits_markup(claim: Claim, markup: Markup | None) -> bool:
    if markup is None:
        return claim.match.markup_optional
    return (
        (not claim.match.role or markup.role in claim.match.role)
        and (not claim.tags or not claim.tags.isdisjoint(markup.path))
        and (not claim.classes or not claim.classes.isdisjoint(markup.classes.split()))
    )


def _is_row(text: str, separators: int) -> bool:
    """Whether a text is a row of at least ``separators`` + 1 short items with letters in them."""
    items = [item for item in _SEPARATOR.split(text) if any(char.isalpha() for char in item)]
    if len(items) <= separators or holds_sentence(text):
        return False
    return all(len(item) <= MAX_ITEM_TOKENS or count_tokens(item) <= MAX_ITEM_TOKENS for item in items)


def _page_conditions(blocks: Sequence[Block], claims: Mapping[int, Sequence[Claim]]) -> Callable[[int, Match], bool]:
    """The test of a rule's conditions on a block's place in the page: position and lang_differs."""
    if all(claim.anywhere for found in claims.values() for claim in found):
        return lambda _i, _match: True
    where = zones(blocks, doubtful=claims.keys())
    foreign = any(claim.match.lang_differs for found in claims.values() for claim in found)
    body = _is_cjk(_body_sample(blocks, where)) if foreign else None

    def holds(i: int, match: Match) -> bool:
        if match.position != "any" and not _in_position(where[i], match.position):
            return False
        return not match.lang_differs or (body is not None and _is_cjk([blocks[i].text]) is (not body))

    return holds


def _body_sample(blocks: Sequence[Block], where: Sequence[Zone]) -> Iterator[str]:
    """The starts of the first blocks of the body: enough to tell its script."""
    body = (block.text[:SAMPLE_CHARS] for block, zone in zip(blocks, where, strict=True) if zone is Zone.BODY)
    return islice(body, SAMPLE_BLOCKS)


def _in_position(zone: Zone, position: str) -> bool:
    return zone is not Zone.BODY if position == "edge" else zone == position


def _is_cjk(texts: Iterable[str]) -> bool | None:
    """Whether half of the tokens or more are CJK characters; None where there is no token."""
    n_tokens = n_cjk = 0
    for text in texts:
        n_tokens += count_tokens(text)
        n_cjk += count_cjk(text)
    return 2 * n_cjk >= n_tokens if n_tokens else None


# A rule set's own tests: every rule takes its examples and none of its counterexamples.
#
# An example is put on a page the rule could meet: before, between or after paragraphs of its own script,
# as the rule's position asks, with the mark-up that the rule asks for.

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


__all__ = ["Rule", "RuleFailure", "RuleSet", "all_rules", "apply_rules", "check_rules", "load_choices", "load_rules"]

#: The shipped packs in the order they are asked; sites/*.toml come before all of them.
PACKS = ("zh.toml", "en.toml", "any.toml")


def load_rules(extra: Path | None = None, *, without: Iterable[str] = ()) -> RuleSet:
    """The shipped packs, and the user's own from ``extra``: a folder with \\*.toml and sites/\\*.toml.

    The user's files are asked before the shipped ones of the same kind: zh, en, any, then the rest by name.
    ``without`` names rules that are left out, to see what they are good for.
    Raises RuleError that names the file, the rule and the mend.
    """
    return _read_rules(tuple(_files(extra)), frozenset(without))


@lru_cache(maxsize=4)  # parsing takes longer than a shard of a few small files
def _read_rules(files: tuple[tuple[str | None, str, bytes], ...], out: frozenset[str]) -> RuleSet:
    general: list[Rule] = []
    sites: dict[str, list[Rule]] = {}
    for domain, name, content in files:
        found = parse_rules(content, file=name)
        if domain is None:
            general += found
        else:
            parse_choices(content, file=name)  # a mistake there stops the run, too
            sites.setdefault(domain, []).extend(found)
    _refuse_duplicates([*general, *(rule for rules in sites.values() for rule in rules)])
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
