"""The text of a page that shows none before its scripts have run: what JSON-LD holds, else the description.

Pages of single-page applications and of forums are often stored so. To read another name, add it to NAMES.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from pipeline.blocks import Blocks
from pipeline.extract.markup import Hider
from pipeline.text.escapes import plain
from pipeline.text.prose import ends_sentence
from pipeline.text.repair import close_up, is_clean, is_spaced, repair
from pipeline.types import BlockKind, Extracted, Flag, Markup, PageHead

# Raw blocks to an ``Extracted``: text repaired, empty blocks dropped, ordinals given. For every format.

EMPTY_HEAD: Final = PageHead()


class RawBlock(NamedTuple):
    """A block before its text is repaired; fields as in ``Block``."""

    start: int
    end: int
    text: str
    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0
    n_breaks: int = 0
    markup: Markup | None = None
    hidden: bool = False  # for good, amid text that is not
    hiders: tuple[Hider, ...] = ()  # what hides it unless the page shows it later


def assemble(
    raw: Iterable[RawBlock], head: PageHead = EMPTY_HEAD, *, flags: Iterable[Flag] = (), keep_spaces: bool = False
) -> Extracted:
    """Repair each block's text and number what is left.

    ``keep_spaces``: white space inside a block stays as it is, where the source has no mark-up that made it mean nothing.

    Most documents need no repair: whether this one does is asked once, of all its texts together.
    """
    found = [block for block in raw if block[2]]
    fixes: set[str] = set()
    if not is_clean("\n".join([block[2] for block in found])):
        found = _repaired(found, fixes, keep_spaces)
    if any(map(is_spaced, [block[2] for block in found if block[3] is not BlockKind.CODE])):
        found = [block._replace(text=close_up(block.text)) if is_spaced(block.text) else block for block in found]
        fixes.add("spaced_characters")
    starts, ends, texts, kinds, levels, n_breaks, marks, hidden, _ = (
        zip(*found, strict=True) if found else ((),) * len(RawBlock._fields)
    )
    blocks = Blocks.of_columns(texts, kinds, marks, (starts, ends, levels, n_breaks, hidden))
    return Extracted(blocks, _repaired_head(head), tuple(sorted(fixes)), tuple(sorted(set(flags))))


def _repaired(raw: list[RawBlock], fixes: set[str], keep_spaces: bool) -> list[RawBlock]:
    """The blocks with repaired texts, those without text left out; adds the names of the fixes to the set."""
    kept = []
    for block in raw:
        repaired = repair(block.text)
        if repaired.fixes:
            fixes.update(repaired.fixes)
            text = repaired.text.strip() if keep_spaces else _trimmed(repaired.text, block.kind)
            block = block._replace(text=text)
        if block.text:
            kept.append(block)
    return kept


def _trimmed(text: str, kind: BlockKind) -> str:
    return text.strip("\r\n").rstrip() if kind is BlockKind.CODE else " ".join(text.split())


def _repaired_head(head: PageHead) -> PageHead:
    """The head with its title and metadata repaired and without escapes, white space collapsed."""
    title = " ".join(repair(plain(head.title)).text.split()) if head.title else ""
    meta = tuple((name, repair(plain(content)).text) for name, content in head.meta)
    return replace(head, title=title or None, meta=meta)


# Strings of JSON by the name they are given under, with their places, without parsing: scripts of pages are often broken.

MAX_JSON = 400_000  # code points of a script that are read
MAX_STRING = 100_000  # code points of one string
_END = re.compile(r'"|\\.', re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,500}>")


class JsonString(NamedTuple):
    """A string between its quotes: where it stands in the script, and what it says."""

    name: str
    start: int
    end: int
    text: str


def json_strings(script: str, names: tuple[str, ...]) -> Iterator[JsonString]:
    """The strings given under these names, in order; mark-up in them left out, escapes and entities resolved."""
    script = script[:MAX_JSON]
    at = 0
    while match := _given(names).search(script, at):
        at = start = match.end()
        while (mark := _END.search(script, at, start + MAX_STRING)) and mark[0] != '"':
            at = mark.end()
        if mark is None:
            return
        at = mark.end()
        yield JsonString(match[1], start, mark.start(), _plain(script[start : mark.start()]))


@lru_cache(maxsize=16)
def _given(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f'"({"|".join(names)})"\\s{{0,9}}:\\s{{0,9}}"')


def _plain(raw: str) -> str:
    try:
        text = str(json.loads(f'"{raw}"', strict=False)) if "\\" in raw else raw
    except ValueError:
        text = raw
    return html.unescape(_TAG.sub(" ", text) if "<" in text else text)


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
