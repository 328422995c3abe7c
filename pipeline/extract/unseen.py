"""The text of a page that shows none before its scripts have run: what JSON-LD holds, else the description.

Pages of single-page applications and of forums are often stored so. To read another name, add it to NAMES.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.extract.assemble import RawBlock
from pipeline.extract.json_strings import json_strings
from pipeline.text.prose import ends_sentence
from pipeline.types import Markup, PageHead

#: Names whose strings are the text itself, and names of summaries, which count only where there is no text.
NAMES: tuple[tuple[str, ...], ...] = (("articleBody", "text", "reviewBody"), ("description",))
MIN_CHARS = 20  # a shorter string is a label
SHOWN_CHARS = 60  # a page with a block of so many, or with a sentence, shows its text
SENTENCE_CHARS = 12  # a shorter one is a label with a point
_DESCRIPTIONS = ("description", "og:description", "twitter:description")
_IN_SCRIPT = Markup(("html", "head", "script"), "")
_IN_META = Markup(("html", "head", "meta"), "")


def unseen_blocks(source: str, head: PageHead, *, shown: Sequence[str] = ()) -> list[RawBlock]:
    """Blocks for a page whose shown blocks hold no sentence, in source order; no text twice; else none."""
    if any(len(text) >= SHOWN_CHARS or _says_a_sentence(text) for text in shown):
        return []
    for names in NAMES:
        if blocks := _told(source, head, names):
            return blocks
    meta = dict(reversed(head.meta))
    for name in _DESCRIPTIONS:
        text = " ".join(meta.get(name, "").split())
        start = source.find(meta[name]) if len(text) >= MIN_CHARS else -1
        if start >= 0:
            return [RawBlock(start, start + len(meta[name]), text, markup=_IN_META)]
    return []


def _says_a_sentence(text: str) -> bool:
    """Whether a shown text is a sentence; one that only begins and runs out in points is a teaser."""
    return len(text) > SENTENCE_CHARS and ends_sentence(text) and not text.rstrip().endswith(("...", "…"))


def _told(source: str, head: PageHead, names: tuple[str, ...]) -> list[RawBlock]:
    blocks: list[RawBlock] = []
    seen: set[str] = set()
    after = 0
    for script in head.json_ld:
        begin = source.find(script, after)
        if begin < 0:
            continue
        after = begin + len(script)
        for one in json_strings(script, names):
            text = " ".join(one.text.split())
            if len(text) >= MIN_CHARS and text not in seen:
                seen.add(text)
                blocks.append(RawBlock(begin + one.start, begin + one.end, text, markup=_IN_SCRIPT))
    return blocks
