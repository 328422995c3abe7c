"""Which text of a page's scripts is the page's own, and its blocks: for pages that show none, or a teaser of it.

The longest text wins; one whose object names the page's title, or that goes on where the page's teaser ends, before all
others. Texts that stand among others of their sort, as a list of articles does, need such a sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from pipeline.extract.blocks import MIN_CHARS, RawBlock
from pipeline.extract.runs import collapse, decode
from pipeline.extract.state import (
    BODIES,
    SUMMARIES,
    Coded,
    Leaf,
    Paragraph,
    Script,
    Text,
    heading_level,
    paragraphs,
    texts,
    trees,
    unentitied,
)
from pipeline.text.prose import holds_sentence
from pipeline.text.tokens import count_tokens
from pipeline.types import BlockKind, Markup, PageHead

SHOWN_TOKENS: Final = 400  # a page that shows more prose than this shows its text
MIN_TOKENS: Final = 20  # a shorter text of a script is a label
GOES_ON: Final = 1.5  # so many times what the page shows is more of the same text
OUTWEIGHS: Final = 3.0  # so many times what the page shows is its text, whatever else it is
SAID: Final = 0.5  # of a text's paragraphs: so many are shown, and the page shows it
SHELL_TOKENS: Final = 150  # a page that shows more words than this, menus and all, is no empty shell
_MAX_TRIED: Final = 5  # texts that are looked at, the likeliest first
_SIGNED, _NAMED, _LISTED, _SUMMARY = 8.0, 1.5, 0.25, 0.2
_LEAD: Final = 12  # code points, space apart, by which a teaser and its text are known
IN_SCRIPT: Final = ("html", "head", "script")

Parse = Callable[[str], list[RawBlock]]


class Told(NamedTuple):
    """A page's text as its scripts hold it, and what they say beside it, as names and values of a page's head."""

    blocks: list[RawBlock]
    meta: tuple[tuple[str, str], ...]


def is_told(markup: Markup | None) -> bool:
    """Whether a block comes out of a script."""
    return markup is not None and markup.path[:3] == IN_SCRIPT


def told_text(
    source: str, scripts: Sequence[Script], head: PageHead, *, shown: Sequence[RawBlock], parse: Parse
) -> Told | None:
    """The text that the scripts hold and the page does not show; None where it shows its text or there is none.

    Args:
        source: the page; places are code points of it.
        scripts: all of the page, in order.
        head: for the page's titles.
        shown: the blocks of the page that readers see.
        parse: HTML within a string to blocks.
    """
    prose = [block.text for block in shown if len(block.text) >= _LEAD and holds_sentence(block.text)]
    n_shown = 0
    for one in prose:
        n_shown += count_tokens(one[:4_000])
        if n_shown > SHOWN_TOKENS:
            return None
    n_words = sum(count_tokens(block.text[:400]) for block in shown)
    titles = {_squeeze(one) for one in _titles(head, shown)} - {""}
    leads = [lead for one in prose if len(lead := _squeeze(one.rstrip(".…。 "))) >= _LEAD]
    found = [text for tree, _ in trees(source, scripts) for text in texts(tree)]
    ranked = sorted(
        ((_score(text, titles), -at, text) for at, text in enumerate(found)), reverse=True, key=lambda one: one[:2]
    )
    whole = "".join(_squeeze(block.text) for block in shown)
    for _, _, text in ranked[:_MAX_TRIED]:
        blocks = _without_overlap(_blocks(text, parse))
        said = [_squeeze(block.text) for block in blocks if len(block.text) >= _LEAD]
        n_tokens = sum(count_tokens(block.text) for block in blocks)
        if n_tokens < MIN_TOKENS or not any(holds_sentence(block.text) for block in blocks):
            continue
        if said and sum(one in whole for one in said) >= SAID * len(said) and n_tokens < GOES_ON * n_shown:
            return None
        joined = "".join(said)
        is_own = any(lead[:_LEAD] in joined for lead in leads) or _is_signed(text, titles)
        if not is_own and (text.is_listed or n_words > SHELL_TOKENS):
            continue
        if n_shown and n_tokens < (GOES_ON if is_own else OUTWEIGHS) * n_shown:
            continue
        return Told(blocks, tuple(_meta(text)))
    return None


def _titles(head: PageHead, shown: Sequence[RawBlock]) -> Iterator[str]:
    yield head.title or ""
    yield from (content for name, content in head.meta if name in ("og:title", "twitter:title"))
    yield from (block.text for block in shown if block.kind is BlockKind.HEADING and block.level == 1)


def _score(text: Text, titles: set[str]) -> float:
    """How likely a text is the page's own, in code points of it."""
    score = float(text.weight)
    names = [name.lower().replace("_", "") for name in text.path if not name.isdigit()]
    if names and names[-1] in SUMMARIES:
        score *= _SUMMARY
    elif any(name in BODIES for name in names[-2:]):
        score *= _NAMED
    if _is_signed(text, titles):
        score *= _SIGNED
    elif text.is_listed:
        score *= _LISTED
    return score


def _is_signed(text: Text, titles: set[str]) -> bool:
    """Whether the text's object has a title that the page has."""
    for name, leaf in text.beside:
        if name.lower() in _TITLE_NAMES:
            said = _squeeze(leaf.read().text[:300])
            if len(said) >= 2 and any(said == title or (len(said) >= 6 and said in title) for title in titles):
                return True
    return False


_TITLE_NAMES: Final = ("headline", "title", "name", "subject", "articletitle", "maintitle")
_DATE_NAMES: Final = (
    *(
        "datepublished",
        "publishedat",
        "published_at",
        "publishtime",
        "publish_time",
        "pubdate",
        "pub_date",
        "publisheddate",
    ),
    *("published_time", "publishdate", "publish_date", "first_published_at", "ptime", "pubtime"),
)
_AUTHOR_NAMES: Final = ("author", "authorname", "author_name", "byline")


def _meta(text: Text) -> Iterator[tuple[str, str]]:
    """What the text's object says of its origin, under the names that a page's head has for it."""
    for names, known in ((_TITLE_NAMES[:2], "headline"), (_DATE_NAMES, "datepublished"), (_AUTHOR_NAMES, "authors")):
        for name, leaf in text.beside:
            if name.lower() in names and 0 < leaf.end - leaf.start < 400:
                yield known, " ".join(_TAG.sub("", leaf.read().text).split())
                break


_TAG: Final = re.compile(r"<[^<>]{0,500}>")
_MARKUP: Final = re.compile(
    r"<(?:/?(?:p|div|br|h[1-6]|ul|ol|li|span|a|img|strong|em|b|i|section|article|figure|table|tr|td|blockquote|pre|hr)\b)",
    re.IGNORECASE,
)
_ESCAPED_MARKUP: Final = re.compile(r"&lt;/?(?:p|div|br|h[1-6]|span|section|strong)\b", re.IGNORECASE)


def _blocks(text: Text, parse: Parse) -> list[RawBlock]:
    key = text.path[-1] if text.path else ""
    found: list[RawBlock] = []
    for one in paragraphs(text.node, key):
        found += _of_string(one, parse) if len(one.leaves) == 1 else _of_pieces(one)
    return [block for block in found if block.text]


def leaf_blocks(leaf: Leaf, parse: Parse) -> list[RawBlock]:
    """The blocks of one string: of the HTML in it, or of its lines. A single one has the place of the whole string."""
    return _of_string(Paragraph((leaf,)), parse)


def _of_string(paragraph: Paragraph, parse: Parse) -> list[RawBlock]:
    leaf = paragraph.leaves[0]
    coded = leaf.read()
    if _ESCAPED_MARKUP.search(coded.text) and not _MARKUP.search(coded.text):
        coded = unentitied(coded)
    if _MARKUP.search(coded.text):
        found = [_placed(block, coded) for block in parse(coded.text)]
    else:
        found = [_line(coded, line.start(), line.end(), paragraph.tag) for line in _LINE.finditer(coded.text)]
    if len(found) == 1 and not found[0].hidden:
        return [found[0]._replace(start=leaf.coded.origin(leaf.start), end=leaf.coded.origin(leaf.end))]
    return found


_LINE: Final = re.compile(r"[^\s][^\n\r\u2028\u2029]*+")


def _placed(block: RawBlock, coded: Coded) -> RawBlock:
    """A block of HTML in a string, as a block of the source."""
    inner = block.markup
    path = tuple(name for name in inner.path if name not in ("html", "head", "body")) if inner else ()
    markup = (
        Markup((*IN_SCRIPT, *path), inner.classes, inner.n_links, inner.link_chars) if inner else Markup(IN_SCRIPT, "")
    )
    return block._replace(start=coded.origin(block.start), end=coded.origin(block.end), markup=markup, hiders=())


def _line(coded: Coded, start: int, end: int, tag: str) -> RawBlock:
    text = collapse(decode(_TAG.sub("", coded.text[start:end])))
    return _block(coded.origin(start), coded.origin(end), text, tag)


def _of_pieces(paragraph: Paragraph) -> list[RawBlock]:
    """One block of a paragraph whose words are in several strings; its place is from the first to the last of them."""
    text = collapse(decode(_TAG.sub("", "".join(leaf.read().text for leaf in paragraph.leaves))))
    first, last = paragraph.leaves[0], paragraph.leaves[-1]
    return [_block(first.coded.origin(first.start), last.coded.origin(last.end), text, paragraph.tag)]


def _block(start: int, end: int, text: str, tag: str) -> RawBlock:
    level = heading_level(tag)
    kind = (
        BlockKind.HEADING
        if level
        else BlockKind.LIST_ITEM
        if tag in _ITEMS
        else BlockKind.QUOTE
        if "quote" in tag
        else BlockKind.PARAGRAPH
    )
    name = f"h{level}" if level else "li" if kind is BlockKind.LIST_ITEM else "p"
    return RawBlock(
        start, end, text, kind, level or int(kind is BlockKind.LIST_ITEM), 1, Markup((*IN_SCRIPT, name), "")
    )


_ITEMS: Final = frozenset(
    ("li", "list_item", "listitem", "list-item", "unordered-list-item", "ordered-list-item", "bulleted_list_item")
)


def _without_overlap(blocks: Sequence[RawBlock]) -> list[RawBlock]:
    """The blocks in the order of the source; what is said by one string again, or stands within another, is left out."""
    kept: list[RawBlock] = []
    said: set[str] = set()
    for block in sorted(blocks, key=lambda block: (block.start, -block.end)):
        again = len(block.text) >= MIN_CHARS and block.text in said
        if block.end > block.start and not again and (not kept or block.start >= kept[-1].end or block.hidden):
            kept.append(block)
            said.add(block.text)
    return kept


def _squeeze(text: str) -> str:
    return "".join(text.split())
