"""Pages with their mark-up taken away, as several flatteners and copyists would leave them.

Each style is a function from a page's blocks to groups: the block numbers that share a line, with what joins
them, and the blank lines before it. To add a style, write the function and name it in STYLES.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.text.tokens import count_tokens
from pipeline.types import Block, BlockKind

_MENU_TOKENS = 8  # tokens: a linked block no longer is a menu entry
_JOINTS = (" | ", "|", " / ", " ", "  ", " · ", "、", " > ")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of flattened text: which blocks are on it and how many blank lines stand before it."""

    members: tuple[int, ...]
    joint: str = " "
    blank: int = 0


Style = Callable[[Sequence[Block], Sequence[bool], random.Random], list[Line]]


def one_a_line(blocks: Sequence[Block], content: Sequence[bool], rng: random.Random) -> list[Line]:
    return [Line((at,)) for at in range(len(blocks))]


def blank_between(blocks: Sequence[Block], content: Sequence[bool], rng: random.Random) -> list[Line]:
    return [Line((at,), blank=1) for at in range(len(blocks))]


def blank_by_form(blocks: Sequence[Block], content: Sequence[bool], rng: random.Random) -> list[Line]:
    """Blank lines around paragraphs and headings, none between list items and cells."""
    tight = {BlockKind.LIST_ITEM, BlockKind.TABLE_ROW}
    return [
        Line((at,), blank=int(block.kind not in tight or at == 0 or blocks[at - 1].kind not in tight))
        for at, block in enumerate(blocks)
    ]


def blank_by_breaks(blocks: Sequence[Block], content: Sequence[bool], rng: random.Random) -> list[Line]:
    """As many blank lines as elements opened and closed in between, up to six."""
    return [Line((at,), blank=min(block.n_breaks, 6)) for at, block in enumerate(blocks)]


def menus_joined(blocks: Sequence[Block], content: Sequence[bool], rng: random.Random) -> list[Line]:
    """Menu entries of one list on one line, as a browser shows and a copyist keeps them."""
    lines: list[Line] = []
    joint, blank = rng.choice(_JOINTS), rng.randrange(2)
    for at, block in enumerate(blocks):
        before = lines[-1].members[-1] if lines else None
        if before is not None and _same_menu(blocks[before], block) and len(lines[-1].members) < 30:
            lines[-1] = replace(lines[-1], members=(*lines[-1].members, at))
        else:
            joint = rng.choice(_JOINTS) if rng.random() < 0.2 else joint
            lines.append(Line((at,), joint, blank))
    return lines


def trimmed(blocks: Sequence[Block], content: Sequence[bool], rng: random.Random) -> list[Line]:
    """The main text with only a few lines of its frame left: what somebody cut by hand, or a crude tool."""
    lines = menus_joined(blocks, content, rng)
    main = [at for at, line in enumerate(lines) if any(content[member] for member in line.members)]
    if not main:
        return lines
    before, after, inside = rng.choice((0, 0, 1, 2, 4)), rng.choice((0, 0, 1, 3, 6)), rng.random()
    low, high = main[0], main[-1]
    head = rng.sample(range(low), min(before, low))
    tail = rng.sample(range(high + 1, len(lines)), min(after, len(lines) - high - 1))
    chosen = sorted({*head, *tail, *main, *(at for at in range(low, high) if rng.random() < inside * 0.5)})
    return [lines[at] for at in chosen]


#: Name to style. "markdown" keeps kinds and levels, "bullets" list items; the others are paragraphs all.
STYLES: dict[str, Style] = {
    "lines": one_a_line,
    "blank": blank_between,
    "form": blank_by_form,
    "breaks": blank_by_breaks,
    "joined": menus_joined,
    "trimmed": trimmed,
    "markdown": blank_by_form,
    "bullets": blank_by_form,
}


def flatten(
    blocks: Sequence[Block], shares: Sequence[float], *, style: str, seed: int = 0
) -> tuple[list[Block], list[float]]:
    """The page without mark-up, and each new block's share of main text weighted by tokens."""
    rng = random.Random(seed)
    lines = STYLES[style](blocks, [share >= 0.5 for share in shares], rng)
    flat, flat_shares = [], []
    for ordinal, line in enumerate(lines):
        members = [blocks[at] for at in line.members]
        text = line.joint.join(member.text for member in members)
        kind, level = _form(members[0], style)
        if style == "bullets" and kind is BlockKind.LIST_ITEM:
            text = "• " + text
        flat.append(Block(ordinal, text, kind, 0, len(text), level, line.blank))
        sizes = [count_tokens(member.text) + 0.01 for member in members]
        weighted = sum(size * shares[at] for size, at in zip(sizes, line.members, strict=True))
        flat_shares.append(weighted / sum(sizes))
    return flat, flat_shares


def reframe(
    page: tuple[Sequence[Block], Sequence[float]], other: tuple[Sequence[Block], Sequence[float]], *, seed: int = 0
) -> tuple[list[Block], list[float]]:
    """A trimmed page between lines of another page's frame: an article of one language on a site of another."""
    rng = random.Random(seed)
    blocks, shares = flatten(*page, style="trimmed", seed=seed)
    frame, frame_shares = flatten(*other, style=rng.choice(("joined", "lines")), seed=seed)
    main = [at for at, share in enumerate(frame_shares) if share >= 0.2]
    if not main:
        return blocks, shares
    n_head, n_tail = rng.randint(0, 8), rng.randint(0, 12)
    head = frame[max(0, main[0] - n_head) : main[0]]
    tail = frame[main[-1] + 1 : main[-1] + 1 + n_tail]
    joined = [*head, *blocks, *tail]
    return (
        [block._replace(ordinal=at) for at, block in enumerate(joined)],
        [0.0] * len(head) + list(shares) + [0.0] * len(tail),
    )


def _form(block: Block, style: str) -> tuple[BlockKind, int]:
    if style == "markdown":
        return block.kind, block.level
    if style == "bullets" and block.kind is BlockKind.LIST_ITEM:
        return block.kind, 1
    return BlockKind.PARAGRAPH, 0


def _same_menu(one: Block, other: Block) -> bool:
    if one.markup is None or other.markup is None:
        return False
    return (
        one.markup.path == other.markup.path
        and one.markup.classes == other.markup.classes
        and all(_is_entry(block) for block in (one, other))
    )


def _is_entry(block: Block) -> bool:
    linked = block.markup is not None and block.markup.link_chars >= 0.8 * len(block.text)
    return linked and count_tokens(block.text) <= _MENU_TOKENS
