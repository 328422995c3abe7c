"""One decision a block: the place where precedence is written.

| who speaks                                   | when                           | decided_by              |
| -------------------------------------------- | ------------------------------ | ----------------------- |
| the mark-up: no reader sees the block, and   | block.hidden                   | hidden                  |
| no other voice does                          |                                |                         |
| a rule (a site's before a general one; the   | rule_decisions[i] is given     | rule:ID                 |
| rules module has chosen already)             |                                |                         |
| the site's template                          | template_hits[i] is given      | template:SITE           |
| the model: its score reaches the page's own  | otherwise                      | model:NAME              |
| threshold (``page_threshold``)               |                                |                         |
| the sequence, where a score alone falls      | rescue, paragraph, heading,    | model:NAME/title and so |
| short of what its neighbours say             | title (``_kept_by_model``)     | on                      |
| a step, over what the model or a step before | the whole page shows what a    | step:NAME               |
| it said; never over a rule or a template     | block is for (``STEPS``)       |                         |

The sequence only ever keeps more. A step that would leave nothing kept but a title does not act. Count, order and
text of the blocks never change. To let another voice speak, give it its row here and its line in ``decide``; a step
is a function from blocks, what of them is kept and the head to the blocks it takes, and a line in ``STEPS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from pipeline.boilerplate.model import MODEL_ID
from pipeline.boilerplate.steps import (
    chapter_lines,
    chapters,
    comments,
    later_copies,
    listings,
    live_texts,
    next_text,
    noscript_copies,
    side_cells,
    teasers,
    told,
    verse,
)
from pipeline.text.prose import LINK_DENSE, ends_sentence, is_prose, link_density
from pipeline.text.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Label, PageHead

# Constants are the best of a grid on 1,421 pages, out of fold by site (docs/model-card.md has the figures).
THRESHOLDS = (0.1, 0.6)  # the page's own threshold never leaves these bounds
HEADING_SHARE = 0.25  # a heading right before kept prose needs only this share of the threshold
PARAGRAPH_SHARE = 0.2  # a line of a paragraph that is kept in good part needs only this share of it
PARAGRAPH_KEPT = 0.3  # share of a paragraph's characters that is a good part of it
FULL_LINE = 0.6  # share of the longest line that all lines of a paragraph reach but the last
MIN_PARAGRAPHS = 3  # from so many on, blank lines are how a text sets its paragraphs off
NOTICE_TOKENS = 120  # a page of no more tokens is one short notice: its sentences are kept
TITLE_CHARS = 220  # longest line that may be a title (headlines of real digests reach it)

_SEPARATORS = re.compile(r"[|｜/／»›>＞·【】┊]")
_NO_TITLE = re.compile(r"[|｜»›┊【】©]|[:：]\s*$|\d{4}[-/年.]\d{1,2}[-/月.]\d{1,2}")
_LETTER = re.compile(r"[^\W\d_]")

Step = Callable[[Sequence[Block], Sequence[bool], PageHead], Sequence[int]]

#: What looks at the whole page after the model, in this order: its name, the label it gives, the blocks it takes.
STEPS: tuple[tuple[str, Label, Step], ...] = (
    ("step:told", Label.CONTENT, told),
    ("step:teaser", Label.BOILERPLATE, teasers),
    ("step:live-copy", Label.CONTENT, live_texts),
    ("step:noscript-copy", Label.BOILERPLATE, noscript_copies),
    ("step:copy", Label.BOILERPLATE, later_copies),
    ("step:next-text", Label.RELATED, next_text),
    ("step:comments", Label.COMMENTS, comments),
    ("step:side-cells", Label.NAVIGATION, side_cells),
    ("step:listing", Label.CONTENT, listings),
    ("step:chapters", Label.CONTENT, chapters),
    ("step:chapter-lines", Label.CONTENT, chapter_lines),
    ("step:verse", Label.CONTENT, verse),
)


def decide(
    blocks: Sequence[Block],
    *,
    rule_decisions: Sequence[Decision | None],
    scores: Sequence[float],
    template_hits: Sequence[str | None],
    head: PageHead = PageHead(),  # noqa: B008  # a frozen value
) -> tuple[Decision, ...]:
    """Exactly one decision a block, in block order. The four sequences are of one length (else ValueError).

    Never all chaff when a block without a rule or template is prose. The head is what the page says of itself.
    """
    shown = [at for at, block in enumerate(blocks) if not block.hidden]
    if len(shown) < len(blocks):
        decisions = [Decision(Label.HIDDEN, "hidden", 0.0)] * len(blocks)
        made = decide(
            [blocks[at] for at in shown],
            rule_decisions=[rule_decisions[at] for at in shown],
            scores=[scores[at] for at in shown],
            template_hits=[template_hits[at] for at in shown],
            head=head,
        )
        for at, decision in zip(shown, made, strict=True):
            decisions[at] = decision
        return tuple(decisions)
    fixed = [
        rule or (Decision(Label.TEMPLATE, hit, score) if hit else None)
        for _, rule, hit, score in zip(blocks, rule_decisions, template_hits, scores, strict=True)
    ]
    why = _kept_by_model(blocks, scores, fixed)
    kept = [one.label in KEPT_LABELS if one else at in why for at, one in enumerate(fixed)]
    first = kept.index(True) if any(kept) else len(blocks)
    last = len(kept) - 1 - kept[::-1].index(True) if any(kept) else -1
    decisions = [
        one
        or Decision(
            Label.CONTENT if kept[at] else _chaff_label(blocks, at, first, last),
            MODEL_ID + why.get(at, ""),
            scores[at],
        )
        for at, one in enumerate(fixed)
    ]
    for name, label, find in STEPS:
        open_to_it = {at for at in find(blocks, kept, head) if fixed[at] is None}
        if open_to_it and (label in KEPT_LABELS or _is_text_left(decisions, open_to_it)):
            for at in open_to_it:
                kept[at] = label in KEPT_LABELS
                decisions[at] = Decision(label, name, scores[at])
    return tuple(decisions)


def _is_text_left(decisions: Sequence[Decision], taken: set[int]) -> bool:
    """Whether more than a title is kept without the blocks taken."""
    return any(
        one.label in KEPT_LABELS and at not in taken and not one.decided_by.endswith("/title")
        for at, one in enumerate(decisions)
    )


def page_threshold(scores: Sequence[float], lengths: Sequence[int]) -> float:
    """The score from which keeping blocks makes the expected F1 of the page largest, within THRESHOLDS.

    Lengths weigh the blocks; code points do as well as tokens (same F1) and need no counting.

    So a page of doubtful blocks keeps its best ones and a page with a clear body drops doubtful ones
    (Ye et al. 2012, Optimizing F-measures: the expectation is taken over the probabilities themselves).
    """
    low, high = THRESHOLDS
    total = sum(score * size for score, size in zip(scores, lengths, strict=True))
    hit = size = 0.0
    best, threshold = 0.0, high
    for score, length in sorted(zip(scores, lengths, strict=True), reverse=True):
        hit += score * length
        size += length
        expected = 2 * hit / (size + total) if size else 0.0
        if expected > best:
            best, threshold = expected, score
    return min(max(threshold, low), high)


def _kept_by_model(
    blocks: Sequence[Block], scores: Sequence[float], fixed: Sequence[Decision | None]
) -> dict[int, str]:
    """Undecided blocks that are kept, with what kept them beside the score: "", "/rescue" and so on."""
    free = [at for at, one in enumerate(fixed) if one is None]
    threshold = page_threshold([scores[at] for at in free], [len(blocks[at].text) for at in free])
    kept = [one is not None and one.label in KEPT_LABELS for one in fixed]
    why = {at: "" for at in free if scores[at] >= threshold}
    for at in why:
        kept[at] = True
    if not why and not any(was and is_prose(block) for was, block in zip(kept, blocks, strict=True)):
        why |= dict.fromkeys(_rescued(blocks, scores, free), "/rescue")
    for name, find in (("/paragraph", _paragraphs), ("/heading", _headings), ("/title", _title)):
        for at in why:
            kept[at] = True
        found = find(blocks, [score / threshold for score in scores], kept)
        why |= {at: name for at in found if fixed[at] is None and not kept[at]}
    return why


def _rescued(blocks: Sequence[Block], scores: Sequence[float], free: Sequence[int]) -> list[int]:
    """Of a page that would lose everything: its likeliest prose, else a short notice's sentences."""
    prose = [at for at in free if is_prose(blocks[at])]
    if prose:
        best = max(scores[at] for at in prose)
        return [at for at in prose if scores[at] >= best / 2]
    if sum(count_tokens(block.text) for block in blocks) > NOTICE_TOKENS:
        return []
    return [at for at in free if ends_sentence(blocks[at].text)]


def _paragraphs(blocks: Sequence[Block], shares: Sequence[float], kept: Sequence[bool]) -> list[int]:
    """Lines of plain text's paragraphs that are kept in good part (hard-wrapped text, a short last line).

    Where blank lines set paragraphs off, full lines without one between them and the line after them are one.
    """
    if any(block.markup for block in blocks):
        return []
    starts = [at for at, block in enumerate(blocks) if not at or not _goes_on(blocks[at - 1], block)]
    if len(starts) < MIN_PARAGRAPHS:
        return []
    found: list[int] = []
    for start, end in pairwise((*starts, len(blocks))):
        sizes = [len(block.text) for block in blocks[start:end]]
        n_kept = sum(size for at, size in enumerate(sizes, start) if kept[at])
        if n_kept >= PARAGRAPH_KEPT * sum(sizes) and min(sizes[:-1], default=0) >= FULL_LINE * max(sizes):
            found += range(start, end)
    return [at for at in found if shares[at] >= PARAGRAPH_SHARE and not _is_menu_line(blocks[at].text)]


def _goes_on(before: Block, block: Block) -> bool:
    return not block.n_breaks and before.kind is block.kind is BlockKind.PARAGRAPH


def _headings(blocks: Sequence[Block], shares: Sequence[float], kept: Sequence[bool]) -> list[int]:
    """Headings (by mark-up, or short lines without an end) right before a kept block of prose."""
    return [
        at
        for at in range(len(blocks) - 1)
        if kept[at + 1]
        and not kept[at]
        and shares[at] >= HEADING_SHARE
        and (blocks[at].kind is BlockKind.HEADING or blocks[at].markup is None)
        and _may_be_title(blocks[at])
        and is_prose(blocks[at + 1])
    ]


def _title(blocks: Sequence[Block], shares: Sequence[float], kept: Sequence[bool]) -> list[int]:
    """The page's title: its last highest heading before the first kept prose, else (no mark-up) the line before.

    A later stage relabels it TITLE.
    """
    first = next((at for at, was in enumerate(kept) if was and is_prose(blocks[at])), None)
    if not first:
        return []
    headings = [at for at in range(first) if blocks[at].kind is BlockKind.HEADING and _may_be_title(blocks[at])]
    highest = min((blocks[at].level for at in headings), default=9)
    if highest <= 2:
        return [[at for at in headings if blocks[at].level == highest][-1]]
    if blocks[first - 1].markup is None and _may_be_title(blocks[first - 1]):
        return [first - 1]
    return []


def _may_be_title(block: Block) -> bool:
    text = block.text
    if len(text) > TITLE_CHARS or not _LETTER.search(text) or _NO_TITLE.search(text):
        return False
    return block.kind is BlockKind.HEADING or (not text.endswith((".", "。", "；", ";", "，", ",")))


def _is_menu_line(text: str) -> bool:
    return len(_SEPARATORS.findall(text)) >= 2 and not ends_sentence(text)


def _chaff_label(blocks: Sequence[Block], at: int, first: int, last: int) -> Label:
    """A sort of chaff only where zone and form leave no doubt: menus of the head, links of the tail."""
    block = blocks[at]
    path = block.markup.path if block.markup else ()
    role = block.markup.role if block.markup else ""
    if "nav" in path or role == "navigation":
        return Label.NAVIGATION
    if "footer" in path or role == "contentinfo":
        return Label.FOOTER
    menu = link_density(block) >= LINK_DENSE or (block.markup is None and _is_menu_line(block.text))
    if menu and at < first:
        return Label.NAVIGATION
    if menu and at > last >= 0 and at >= 0.75 * len(blocks):
        return Label.FOOTER
    return Label.BOILERPLATE
