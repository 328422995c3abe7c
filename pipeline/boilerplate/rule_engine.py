"""Rules onto blocks: all patterns are searched for at once, and the few rules that hit check their conditions.

A new condition is one field of ``Match`` (rule_format.py) and one line in ``_fits`` when it looks at the block
alone, or in ``_page_conditions`` when it looks at the block's place in the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pipeline.boilerplate.rule_format import SEPARATORS, Match, Rule
from pipeline.boilerplate.rule_search import Search, finder, is_found
from pipeline.boilerplate.zones import Zone, zones
from pipeline.text.prose import holds_sentence
from pipeline.tokens import count_cjk, count_tokens
from pipeline.types import KEPT_LABELS, Block, Decision

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
    decision: Decision


@dataclass(frozen=True, slots=True)
class Pack:
    """Rules that are asked together, the first first."""

    rules: tuple[Rule, ...]
    claims: tuple[Claim, ...]  # in step with rules
    searches: tuple[Search, ...]  # their patterns, each with the index of its rule
    max_chars: int  # a longer block is not looked at
    bare_by_role: Mapping[str, tuple[int, ...]]  # the rules that look at mark-up alone, by a role they can take
    bare_elsewhere: tuple[int, ...]  # and those of them that can take any other role


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Every rule that was loaded: the general ones, and those of single sites by domain."""

    general: Pack
    sites: Mapping[str, Pack]


def pack_rules(rules: Sequence[Rule]) -> Pack:
    """Rules as a pack, in the order given."""
    most = max((rule.match.max_tokens for rule in rules), default=0)
    bare = [(i, rule.match) for i, rule in enumerate(rules) if rule.match.is_bare]
    roles = {role for _, match in bare for role in match.role}
    by_role = {role: tuple(i for i, match in bare if not match.role or role in match.role) for role in roles}
    searches = tuple((i, how, pattern) for i, rule in enumerate(rules) for how, pattern in rule.match.searches)
    return Pack(
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
        holding = [claim for claim in found if holds(i, claim.match)]
        decisions[i] = next((claim.decision for claim in holding if not claim.match.near), None)
        if holding and decisions[i] is None:
            waiting[i] = holding
    for i in (*waiting, *reversed(waiting)):
        if decisions[i] is None and _near_chaff(decisions, i):
            decisions[i] = waiting[i][0].decision
    return decisions


def _claim(rule: Rule) -> Claim:
    score = 1.0 if rule.label in KEPT_LABELS else 0.0
    return Claim(rule.match, rule.match.wants_markup, Decision(rule.label, f"rule:{rule.id}", score))


def _near_chaff(decisions: Sequence[Decision | None], i: int) -> bool:
    around = decisions[max(0, i - NEAR_BLOCKS) : i + NEAR_BLOCKS + 1]
    return any(decision is not None and decision.label not in KEPT_LABELS for decision in around)


def _site_packs(rules: RuleSet, site: str | None) -> tuple[Pack, ...]:
    """The packs of the sites that a host belongs to, the longest domain first."""
    if not site or not rules.sites:
        return ()
    parts = site.lower().rstrip(".").split(".")
    domains = (".".join(parts[i:]) for i in range(len(parts)))
    return tuple(rules.sites[domain] for domain in domains if domain in rules.sites)


def _claims(packs: Iterable[Pack], blocks: Sequence[Block]) -> dict[int, list[Claim]]:
    """By index of the block, the claims of rules whose conditions on the block alone hold, in the order they are asked."""
    asked = [(pack, finder(pack.searches)) for pack in packs]
    longest = max(pack.max_chars for pack, _ in asked)
    claims: dict[int, list[Claim]] = {}
    for i, block in enumerate(blocks):
        text = block.text
        if len(text) > longest:
            continue
        for pack, find in asked:
            hits = find(text)
            bare = _bare(pack, block)
            if hits or bare:
                asking = sorted(hits.union(bare)) if hits else bare
                if fitting := [claim for hit in asking if _fits(claim := pack.claims[hit], block)]:
                    claims.setdefault(i, []).extend(fitting)
    return claims


def _bare(pack: Pack, block: Block) -> tuple[int, ...]:
    """The rules that look at mark-up alone and may take the block, ascending."""
    return () if block.markup is None else pack.bare_by_role.get(block.markup.role, pack.bare_elsewhere)


def _fits(claim: Claim, block: Block) -> bool:
    """Whether the conditions on the block alone hold, given that the pattern was found; the cheapest first."""
    match = claim.match
    if claim.wants_markup and not _fits_markup(match, block):
        return False
    if len(block.text) > match.max_tokens and count_tokens(block.text) > match.max_tokens:
        return False
    if match.separators and not _is_row(block.text, match.separators):
        return False
    return not match.unless or not any(is_found(pattern, block.text) for pattern in match.unless)


def _fits_markup(match: Match, block: Block) -> bool:
    markup = block.markup
    if markup is None:
        return match.markup_optional
    return (
        (not match.tag or not set(match.tag).isdisjoint(markup.path))
        and (not match.class_words or not set(match.class_words).isdisjoint(markup.classes.split()))
        and (not match.role or markup.role in match.role)
    )


def _is_row(text: str, separators: int) -> bool:
    """Whether a text is a row of at least ``separators`` + 1 short items with letters in them."""
    items = [item for item in _SEPARATOR.split(text) if any(char.isalpha() for char in item)]
    if len(items) <= separators or holds_sentence(text):
        return False
    return all(len(item) <= MAX_ITEM_TOKENS or count_tokens(item) <= MAX_ITEM_TOKENS for item in items)


def _page_conditions(blocks: Sequence[Block], claims: Mapping[int, Sequence[Claim]]) -> Callable[[int, Match], bool]:
    """The test of a rule's conditions on a block's place in the page: position and lang_differs."""
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
