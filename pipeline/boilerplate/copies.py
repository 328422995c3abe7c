"""Text that a page says twice, for a phone and for a desk or for readers without scripts: which copy goes.

A copy is a run of blocks with prose among them: a refrain, a sentence of a law or a line of a form is said
again on purpose. Nothing is lost with a copy, for its text is kept where it stands first.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.text.prose import is_prose
from pipeline.tokens import count_tokens
from pipeline.types import Block, PageHead

# Constants are the best of a grid on 1,421 pages.
RUN_BLOCKS = 3  # a run of so many blocks, one of them prose
RUN_TOKENS = 40  # and so many tokens is a copy; a CJK character is one
NOSCRIPT_CHARS = 12  # code points from which a block of <noscript> is looked for outside of it
NOSCRIPT_SHARE = 0.6  # of the kept text in <noscript>, by code points: so much is said outside of it too


def later_copies(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """Kept blocks of later runs that say, in the same order, what kept blocks said before."""
    places = [at for at, was in enumerate(kept) if was]
    first: dict[str, int] = {}
    for at in reversed(places):
        first[blocks[at].text] = at
    if len(first) == len(places):
        return []
    found: list[int] = []
    run: list[int] = []
    for at in places:
        before = first[blocks[at].text]
        if before != at and run and first[blocks[run[-1]].text] < before < run[0]:
            run.append(at)
            continue
        found += _if_copy(blocks, run)
        run = [at] if before != at else []
    return [*found, *_if_copy(blocks, run)]


def _if_copy(blocks: Sequence[Block], run: Sequence[int]) -> Sequence[int]:
    """The run, or nothing where it is too short for a copy."""
    if len(run) < RUN_BLOCKS or sum(count_tokens(blocks[at].text) for at in run) < RUN_TOKENS:
        return ()
    return run if any(is_prose(blocks[at]) for at in run) else ()


def noscript_copies(blocks: Sequence[Block], kept: Sequence[bool], _head: PageHead) -> list[int]:
    """Kept blocks of <noscript>, where most of their text is said outside of it too."""
    inside = [at for at, was in enumerate(kept) if was and _in_noscript(blocks[at])]
    if not inside:
        return []
    live = {block.text for block in blocks if not _in_noscript(block)}
    sought = [blocks[at].text for at in inside if len(blocks[at].text) >= NOSCRIPT_CHARS]
    again = sum(len(text) for text in sought if text in live)
    return inside if again and again >= NOSCRIPT_SHARE * sum(map(len, sought)) else []


def live_texts(blocks: Sequence[Block], kept: Sequence[bool], head: PageHead) -> list[int]:
    """Blocks outside <noscript>, not kept so far, whose copy inside was kept and is about to go."""
    copies = noscript_copies(blocks, kept, head)
    if not copies:
        return []
    texts = {blocks[at].text for at in copies}
    return [at for at, block in enumerate(blocks) if not kept[at] and block.text in texts and not _in_noscript(block)]


def _in_noscript(block: Block) -> bool:
    return block.markup is not None and "noscript" in block.markup.path
