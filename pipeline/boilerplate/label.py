"""One decision a block: the place where precedence is written.

| who speaks                                   | when                           | decided_by              |
| -------------------------------------------- | ------------------------------ | ----------------------- |
| a rule (a site's before a general one; the   | rule_decisions[i] is given     | rule:ID                 |
| rules module has chosen already)             |                                |                         |
| the site's template                          | template_hits[i] is given      | template:SITE           |
| the model, its score over the threshold      | otherwise                      | model:NAME              |
| the sequence, where a score alone is a block | title, heading, gap, rescue    | model:NAME/title and so |
| short of what its neighbours say             | (see ``_kept_by_sequence``)    |                         |

The sequence only ever keeps more; count, order and text of the blocks never change. To let another voice
speak, give it its row here and its line in ``decide``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.boilerplate.model import MODEL_ID
from pipeline.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Label

# Constants are the best of a grid on 1,421 pages, out of fold by site (benchmarks/train_labeller.py).
THRESHOLD = 0.4  # a block this likely is content
GAP_BLOCKS = 2  # at most so many blocks in a row between two kept ones ...
GAP_SCORE = 0.2  # ... are kept when each is at least this likely
HEADING_SCORE = 0.1  # a heading right before kept prose needs no more
PROSE_TOKENS = 20  # with the end of a sentence: prose (features.py means the same by it)
NOTICE_TOKENS = 120  # a page of no more tokens is one short notice: its sentences are kept
TITLE_CHARS = 220  # longest line that may be a title (evidence: sample digests have such headlines)
LINK_DENSE = 0.6  # share of a block's characters inside links that makes it a menu entry

_SENTENCE_END = re.compile(r"[.!?。！？…؟।][\"'”’」』)）\]》 ]{0,3}$")
_SEPARATORS = re.compile(r"[|｜/／»›>＞·【】┊]")
_NO_TITLE = re.compile(r"[|｜»›┊【】©]|[:：]\s*$|\d{4}[-/年.]\d{1,2}[-/月.]\d{1,2}")
_LETTER = re.compile(r"[^\W\d_]")


def decide(
    blocks: Sequence[Block],
    *,
    rule_decisions: Sequence[Decision | None],
    scores: Sequence[float],
    template_hits: Sequence[str | None],
) -> tuple[Decision, ...]:
    """Exactly one decision a block, in block order. The four sequences are of one length (else ValueError).

    Never all chaff when a block without a rule or template is prose.
    """
    fixed = [
        rule or (Decision(Label.TEMPLATE, hit, score) if hit else None)
        for _, rule, hit, score in zip(blocks, rule_decisions, template_hits, scores, strict=True)
    ]
    kept = [
        one.label in KEPT_LABELS if one else score >= THRESHOLD
        for one, score in zip(fixed, scores, strict=True)
    ]
    free = [one is None for one in fixed]
    why = _kept_by_sequence(blocks, scores, kept, free)
    kept = [was or at in why for at, was in enumerate(kept)]
    first = kept.index(True) if any(kept) else len(blocks)
    last = len(kept) - 1 - kept[::-1].index(True) if any(kept) else -1
    return tuple(
        one
        or Decision(
            Label.CONTENT if kept[at] else _chaff_label(blocks, at, first, last),
            MODEL_ID + why.get(at, ""),
            scores[at],
        )
        for at, one in enumerate(fixed)
    )


def _kept_by_sequence(
    blocks: Sequence[Block], scores: Sequence[float], kept: Sequence[bool], free: Sequence[bool]
) -> dict[int, str]:
    """Blocks kept for what stands around them, with the reason: "/gap", "/heading", "/title", "/rescue"."""
    why: dict[int, str] = dict.fromkeys(_rescued(blocks, scores, kept, free), "/rescue")
    now = [was or at in why for at, was in enumerate(kept)]
    for name, find in (("/gap", _gaps), ("/heading", _headings), ("/title", _title)):
        found = [at for at in find(blocks, scores, now) if free[at] and not now[at]]
        for at in found:
            why[at], now[at] = name, True
    return why


def _rescued(
    blocks: Sequence[Block], scores: Sequence[float], kept: Sequence[bool], free: Sequence[bool]
) -> list[int]:
    """Of a page that would lose everything: a short notice's sentences, else its likeliest prose."""
    if any(kept):
        return []
    prose = [at for at, block in enumerate(blocks) if free[at] and is_prose(block)]
    if prose:
        best = max(scores[at] for at in prose)
        return [at for at in prose if scores[at] >= best / 2]
    if sum(count_tokens(block.text) for block in blocks) > NOTICE_TOKENS:
        return []
    return [at for at, block in enumerate(blocks) if free[at] and _ends_sentence(block.text)]


def _gaps(blocks: Sequence[Block], scores: Sequence[float], kept: Sequence[bool]) -> list[int]:
    """Short runs between two kept blocks, none of them unlikely."""
    found: list[int] = []
    places = [at for at, was in enumerate(kept) if was]
    for left, right in zip(places, places[1:], strict=False):
        run = range(left + 1, right)
        if len(run) <= GAP_BLOCKS and all(scores[at] >= GAP_SCORE for at in run):
            found.extend(run)
    return found


def _headings(blocks: Sequence[Block], scores: Sequence[float], kept: Sequence[bool]) -> list[int]:
    """Headings (by mark-up, or short lines without an end) right before a kept block of prose."""
    return [
        at
        for at in range(len(blocks) - 1)
        if kept[at + 1]
        and not kept[at]
        and scores[at] >= HEADING_SCORE
        and (blocks[at].kind is BlockKind.HEADING or blocks[at].markup is None)
        and _may_be_title(blocks[at])
        and is_prose(blocks[at + 1])
    ]


def _title(blocks: Sequence[Block], scores: Sequence[float], kept: Sequence[bool]) -> list[int]:
    """The page's title: its last first-level heading before the first kept prose, else the line right before.

    With mark-up only a heading serves. A later stage relabels it TITLE.
    """
    first = next((at for at, was in enumerate(kept) if was and is_prose(blocks[at])), None)
    if first is None:
        return []
    headings = [at for at in range(first) if blocks[at].kind is BlockKind.HEADING and _may_be_title(blocks[at])]
    highest = min((blocks[at].level for at in headings), default=0)
    if headings and highest <= 2:
        return [[at for at in headings if blocks[at].level == highest][-1]]
    if first and blocks[first - 1].markup is None and _may_be_title(blocks[first - 1]):
        return [first - 1]
    return []


def is_prose(block: Block) -> bool:
    """A sentence or more of running text: long enough, with an end, most of it outside links."""
    if count_tokens(block.text) < PROSE_TOKENS or not re.search(r"[.!?。！？…]", block.text):
        return False
    return _link_density(block) < LINK_DENSE


def _may_be_title(block: Block) -> bool:
    text = block.text
    if len(text) > TITLE_CHARS or not _LETTER.search(text) or _NO_TITLE.search(text):
        return False
    return block.kind is BlockKind.HEADING or (not text.endswith((".", "。", "；", ";", "，", ",")))


def _ends_sentence(text: str) -> bool:
    return bool(_SENTENCE_END.search(text[-5:]))


def _link_density(block: Block) -> float:
    return block.markup.link_chars / len(block.text) if block.markup else 0.0


def _chaff_label(blocks: Sequence[Block], at: int, first: int, last: int) -> Label:
    """A sort of chaff only where zone and form leave no doubt: menus of the head, links of the tail."""
    block = blocks[at]
    path = block.markup.path if block.markup else ()
    role = block.markup.role if block.markup else ""
    if "nav" in path or role == "navigation":
        return Label.NAVIGATION
    if "footer" in path or role == "contentinfo":
        return Label.FOOTER
    menu = _link_density(block) >= LINK_DENSE or (
        block.markup is None and len(_SEPARATORS.findall(block.text)) >= 2 and not _ends_sentence(block.text)
    )
    if menu and at < first:
        return Label.NAVIGATION
    if menu and at > last >= 0 and at >= 0.75 * len(blocks):
        return Label.FOOTER
    return Label.BOILERPLATE
