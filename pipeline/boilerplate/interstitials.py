"""Pages that are no documents: challenges, refusals, error pages, walls, notices. What they say is in interstitials.toml.

Evidence, not a phrase: what the title says, what sentences begin with, how much else is there. A page about captchas
says other things too; an error page in front of a site's menu does not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from pipeline.boilerplate.rule_search import Finder, How, finder
from pipeline.text.prose import is_prose
from pipeline.text.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block, Decision, PageHead

#: The name in a head's ``meta`` under which an error that HTTP tells of stands.
HTTP_STATUS: Final = "http-status"

_MAX_TITLE: Final = 120  # code points; a longer one is no error page's
_MAX_SAYING: Final = 90  # tokens of a block that may be a saying of such a page
_FREE: Final = 12  # tokens of other text that a page with one sign may have
_FREE_SURE: Final = 40  # and one with two signs: its title and a sentence
_LONG: Final = 400  # tokens of other text beyond which nothing more is asked
_QUOTES: Final = "“”\"'「」『』‘’《》"
_TITLE_CUT: Final = re.compile(r"\s*[|｜_»«]+\s*|\s+[-–—·•:]+\s+|[-–—](?=[\u3400-\u9fff])")
#: What a sentence begins after.
_START: Final = r"(?:\A\W*|[.!?。！？;；:：…|»)\]】>*•·,，~\n-]\s*)"


class Page(NamedTuple):
    """A kind of page that is no document."""

    id: str
    what: str
    title: tuple[str, ...]
    line: tuple[str, ...]
    text: tuple[str, ...]
    examples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Interstitial:
    """What a page is instead of a document, and whether there is nothing else on it."""

    id: str
    what: str
    alone: bool


@cache
def known_pages() -> tuple[Page, ...]:
    """The kinds of interstitials.toml, in its order."""
    return tuple(
        Page(
            one["id"],
            one["what"],
            *(tuple(one.get(key, ())) for key in ("title", "line", "text")),
            tuple(map(tuple, one["examples"])),
        )
        for one in _table()["page"]
    )


@cache
def _table() -> dict[str, list[dict[str, list[str]]]]:
    table: dict[str, list[dict[str, list[str]]]] = tomllib.loads(
        resources.files("pipeline.boilerplate").joinpath("interstitials.toml").read_text("utf-8")
    )
    return table


@cache
def _title_finder() -> Finder:
    return finder(
        tuple((at, How.COVERS, rf"\W*(?:{one})\W*") for at, page in enumerate(known_pages()) for one in page.title)
    )


@cache
def _saying_finder() -> Finder:
    pages = tuple(enumerate(known_pages()))
    lines = [(at, How.COVERS, rf"\W*(?:{one})\W*") for at, page in pages for one in page.line]
    texts = [(at, How.ANYWHERE, rf"{_START}(?:{one})") for at, page in pages for one in page.text]
    return finder((*lines, *texts))


@cache
def _beside_finder() -> Finder:
    return finder(tuple((0, How.ANYWHERE, rf"{_START}(?:{one})") for one in _table()["beside"]))


def find_interstitial(head: PageHead, blocks: Sequence[Block], decisions: Sequence[Decision]) -> Interstitial | None:
    """What the page is instead of a document, or what stands in the way of one; None for a document.

    ``alone`` where next to nothing else is on it. Decisions are one a block.
    """
    kept = [one.label in KEPT_LABELS for one in decisions]
    sayings: dict[int, frozenset[int]] = {}
    n_said = n_other = 0
    for at, block in enumerate(blocks):
        prose = is_prose(block)
        if not (kept[at] or prose or len(blocks) <= _FREE):
            continue
        size = count_tokens(block.text)
        found = _said(block.text) if size <= _MAX_SAYING else frozenset()
        if found:
            sayings[at] = found
            n_said += size
        elif (kept[at] or prose) and not (size <= _MAX_SAYING and _beside_finder()(block.text)):
            n_other += size
            if n_other > _LONG and not sayings:
                return None
    titles = _titled(head, blocks)
    return _judged(titles, sayings, n_said, n_other, kept)


def _said(text: str) -> frozenset[int]:
    return frozenset() if text[0] in _QUOTES else _saying_finder()(text)


def _titled(head: PageHead, blocks: Sequence[Block]) -> frozenset[int]:
    """The kinds that the page's title is of, or what HTTP said, or the first block of a page without a title."""
    found: set[int] = set()
    status = next((value for name, value in head.meta if name == HTTP_STATUS), None)
    first = blocks[0].text if blocks and not head.title else ""
    for title in filter(None, (head.title, status, first)):
        if len(title) > _MAX_TITLE:
            continue
        parts = _TITLE_CUT.split(title)
        for part in {title, parts[0], parts[-1]}:
            found |= _title_finder()(part) if part else frozenset()
    return frozenset(found)


def _judged(
    titles: frozenset[int], sayings: dict[int, frozenset[int]], n_said: int, n_other: int, kept: Sequence[bool]
) -> Interstitial | None:
    said = [one for found in sayings.values() for one in found]
    if not said and not (titles and n_other <= _FREE):
        return None
    votes = [*said, *titles]
    kind = known_pages()[min(sorted(set(votes)), key=lambda one: -votes.count(one))]
    sure = bool(titles) and bool(said)
    free = max(_FREE_SURE, n_said) if sure else max(_FREE, n_said // 2)
    if n_other <= free:
        return Interstitial(kind.id, kind.what, alone=True)
    in_text = any(kept[at] for at in sayings)
    return Interstitial(kind.id, kind.what, alone=False) if in_text and (sure or n_said >= n_other // 4) else None
