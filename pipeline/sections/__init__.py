"""How a document falls into stories: one section for an article, one a story for a digest.

First the whole document is judged digest or single (``pipeline.sections.digests``), then a digest is cut at its headlines
(``pipeline.sections.digests``), and where it has none at the openings of its stories (``pipeline.sections.openings``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.metadata.titles import normalised
from pipeline.sections.digests import MIN_STORIES, headline_candidates, is_announced, is_digest
from pipeline.sections.events import event_dates, is_truncated
from pipeline.sections.openings import find_openings
from pipeline.text.prose import is_prose_line
from pipeline.text.tokens import count_tokens
from pipeline.types import Block, BlockKind, Decision, DocumentKind, Label, Metadata, Section, Sectioning

#: A document with less content than this is a notice, in tokens (a CJK character is one).
NOTICE_TOKENS = 80
#: A listing has at least so many blocks, of which hardly any is prose.
LISTING_BLOCKS = 8
LISTING_PROSE_SHARE = 0.25  # of its tokens
#: Or so many entries, and this share of its blocks.
LISTING_ENTRIES = 3
LISTING_ENTRY_SHARE = 0.5
_ENTRY = 200  # characters of an entry, at most, and of its link, at least
_ENTRY_LINK = 4
_DAY = re.compile(
    r"(?:19|20)\d\d\s?[-/.年]\s?\d{1,2}(?:\s?[-/.月]\s?\d{1,2})?|(?<!\d)\d{1,2}[-/月]\d{1,2}(?:日|(?!\d))"
)
_COUNTED = 500  # characters of a block that are counted
_ARTICLE_TOKENS = 300  # of prose, at which a document is no listing


def split_sections(blocks: Sequence[Block], decisions: Sequence[Decision], metadata: Metadata) -> Sectioning:
    """The sections of a document; every content block is in one of them, as its title or in its body.

    Args:
        blocks: all blocks of the document; decisions: one a block. Only content and titles are looked at.
        metadata: of the document, for its title and for the year of datelines.

    The title of a digest that stands above its stories is the document's; it is in no section.
    """
    kept = [
        block
        for block, decision in zip(blocks, decisions, strict=True)
        if decision.label is Label.CONTENT or block.ordinal == metadata.title_ordinal
    ]
    if not any(decision.label is Label.CONTENT for decision in decisions):
        return Sectioning(DocumentKind.NOTICE, metadata.title, metadata.title_ordinal, ())
    heads = headline_candidates(kept)
    above = _title_above(kept, heads, metadata)
    below = [block for block in kept if block.ordinal != above]
    if above is not None:
        heads = headline_candidates(below)
    if is_digest(below, heads, title=metadata.title, above=above is not None):
        return _digest(below, heads, above, metadata)
    body = [block for block in kept if block.ordinal != metadata.title_ordinal]
    starts = find_openings(body) if len(heads) < MIN_STORIES else ()
    if starts:
        return _headless_digest(body, starts, metadata)
    return _single(kept, metadata)


def _title_above(kept: Sequence[Block], heads: Sequence[int], metadata: Metadata) -> int | None:
    """The ordinal of the title if it stands above all stories of a digest, not above the first of them only.

    It does if it is no headline (another follows at once, or its level is higher), or announces a digest.
    """
    index = next((i for i, block in enumerate(kept) if block.ordinal == metadata.title_ordinal), None)
    if index is None:
        return None
    return metadata.title_ordinal if index not in heads or is_announced([kept[index]]) else None


def _single(kept: Sequence[Block], metadata: Metadata) -> Sectioning:
    """One section with all the content. A title with nothing under it is the content itself."""
    title_ordinal = metadata.title_ordinal
    body = [block for block in kept if block.ordinal != title_ordinal]
    if not body:
        title_ordinal, body = None, list(kept)
    section = _sections([(metadata.title, title_ordinal, body)], kept, metadata)
    return Sectioning(_kind(body), metadata.title, title_ordinal, section)


def _kind(body: Sequence[Block]) -> DocumentKind:
    """What a document that is no digest is: a listing, a notice or an article."""
    if _is_list(body):
        return DocumentKind.LISTING
    total = prose = 0
    for block in body:
        n = count_tokens(block.text[:_COUNTED])
        total += n
        prose += n if is_prose_line(block.text) else 0
        if prose >= _ARTICLE_TOKENS:  # enough for an article, however long the rest of it
            return DocumentKind.ARTICLE
    if len(body) >= LISTING_BLOCKS and prose < LISTING_PROSE_SHARE * total:
        return DocumentKind.LISTING
    return DocumentKind.NOTICE if total < NOTICE_TOKENS else DocumentKind.ARTICLE


def _is_list(body: Sequence[Block]) -> bool:
    """Whether most blocks are entries: a link to a text with the day of it, in a row or line of its own."""
    entries = sum(_is_entry(block) for block in body)
    return entries >= LISTING_ENTRIES and entries >= LISTING_ENTRY_SHARE * len(body)


def _is_entry(block: Block) -> bool:
    linked = block.markup is not None and block.markup.n_links > 0 and block.markup.link_chars >= _ENTRY_LINK
    return (
        linked and len(block.text) <= _ENTRY and not is_prose_line(block.text) and _DAY.search(block.text) is not None
    )


def _digest(kept: Sequence[Block], heads: Sequence[int], above: int | None, metadata: Metadata) -> Sectioning:
    """A section a story; what stands before the first headline is one without a title."""
    stories: list[tuple[str | None, int | None, list[Block]]] = []
    if heads[0] > 0:
        stories.append((None, None, list(kept[: heads[0]])))
    for head, end in zip(heads, [*heads[1:], len(kept)], strict=True):
        stories.append((kept[head].text, kept[head].ordinal, list(kept[head + 1 : end])))
    first_headline = kept[heads[0]]
    title = metadata.title
    if above is None and title is not None and normalised(title) == normalised(first_headline.text):
        title = None
    return Sectioning(DocumentKind.DIGEST, title, above, _sections(stories, kept, metadata))


def _headless_digest(body: Sequence[Block], starts: Sequence[int], metadata: Metadata) -> Sectioning:
    """A section a story, none with a title; the document's title stands above them."""
    ends = [*starts[1:], len(body)]
    stories: list[tuple[str | None, int | None, list[Block]]] = [
        (None, None, list(body[start:end])) for start, end in zip(starts, ends, strict=True)
    ]
    return Sectioning(DocumentKind.DIGEST, metadata.title, metadata.title_ordinal, _sections(stories, body, metadata))


def _sections(
    stories: Sequence[tuple[str | None, int | None, list[Block]]], kept: Sequence[Block], metadata: Metadata
) -> tuple[Section, ...]:
    """Sections with the day and the truncation of each."""
    dates = event_dates([(title, body) for title, _, body in stories], document=kept, metadata=metadata)
    return tuple(
        Section(
            title=title,
            title_ordinal=ordinal,
            ordinals=tuple(block.ordinal for block in body),
            event_date=day,
            event_date_source=words,
            truncated=is_truncated(_without_headings(body)),
        )
        for (title, ordinal, body), (day, words) in zip(stories, dates, strict=True)
    )


def _without_headings(body: Sequence[Block]) -> Sequence[Block]:
    """The body without headings at its end: they belong to what follows."""
    end = len(body)
    while end > 1 and body[end - 1].kind is BlockKind.HEADING:
        end -= 1
    return body[:end]
