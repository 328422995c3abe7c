"""A function for people who want a function: one document in, what Winnow makes of it out.

    >>> from pipeline import clean
    >>> page = clean(b"<title>River plan</title><ul><li><a href=/>Home</a></ul><p>The council met on Monday and agreed "
    ...              b"on a plan for the river, officials said. Work begins in May.</p>")
    >>> page.lang, page.text
    ('en', 'The council met on Monday and agreed on a plan for the river, officials said. Work begins in May.')

The same stages as in a run, in the caller's own process: no files, no child processes, and so none of what these give.
A document that hangs or eats memory does so to the caller; site templates and duplicates need the collection. For
bytes from strangers use ``winnow run``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from pipeline.boilerplate.rules import RuleSet, load_rules
from pipeline.errors import Reason, Rejection
from pipeline.read.sniff import content_failure, has_markup, not_text
from pipeline.recipe import Contentless, Finished, clean_record, finish_record
from pipeline.types import BlockKind, DocumentKind, Label, Record

MEDIA_TYPES = ("text/html", "text/plain", "text/markdown")


@dataclass(frozen=True, slots=True)
class CleanBlock:
    """A block of the document, kept or not; offsets are code points of the decoded source."""

    text: str
    start: int
    end: int
    kind: BlockKind
    label: Label  # CONTENT makes the text, TITLE the title
    decided_by: str  # "rule:zh-icp-filing", "model:NAME", "step:copy", "title"
    score: float  # 0 to 1: how sure we are that it is content
    lang: str  # BCP 47


@dataclass(frozen=True, slots=True)
class CleanSection:
    """A story of a digest, or the one section of an article; offsets are code points of ``CleanDocument.text``."""

    title: str | None
    text: str
    start: int
    end: int
    lang: str  # BCP 47
    event_date: date | None
    truncated: bool  # its last paragraph ends in mid-sentence


@dataclass(frozen=True, slots=True)
class CleanDocument:
    """What one document comes to. The fields mean what the columns of the same name in ``documents`` do."""

    text: str  # the content blocks, one a line
    title: str | None
    author: str | None
    source: str | None
    published_at: datetime | None  # with a zone
    published_date: date | None  # the day where it was published
    published_precision: str | None  # of published_at: "day", "minute" or "second"
    site: str | None  # registrable domain
    url: str | None
    kind: DocumentKind
    lang: str  # BCP 47
    lang_shares: tuple[tuple[str, float], ...]  # largest first
    sections: tuple[CleanSection, ...]
    blocks: tuple[CleanBlock, ...]
    extraction_confidence: float  # predicted F1 of the text, 0 to 1
    encoding: str  # WHATWG name
    flags: tuple[str, ...]  # what was noticed, of ``types.Flag``


def clean(
    source: bytes | str, *, media_type: str | None = None, url: str | None = None, charset: str | None = None
) -> CleanDocument | Rejection:
    """What Winnow makes of one document, or why it cannot be one.

    ``source`` is a page or a text as it came; ``media_type`` one of MEDIA_TYPES (None: HTML where it begins with
    mark-up, else plain text); ``url`` where it is from, which helps to name its site; ``charset`` what the HTTP header
    said of bytes. Labels are those of a run that has learned no site templates. Raises ValueError for another media
    type.
    """
    content = source.encode("utf-8", "replace") if isinstance(source, str) else source
    if media_type is not None and media_type not in MEDIA_TYPES:
        raise ValueError(f"media_type is {media_type!r}; there are {', '.join(MEDIA_TYPES)}")
    if kind := not_text(content):
        return Rejection("", None, "read", Reason.BINARY_CONTENT, f"It holds no text but: {kind}.")
    if failure := content_failure(content):
        return Rejection("", None, "read", failure.reason, failure.message)
    found = media_type or ("text/html" if has_markup(content) else "text/plain")
    record = Record("", None, content, found, url=url, charset="utf-8" if isinstance(source, str) else charset)
    cleaned = clean_record(record, rules=_built_in_rules())
    if isinstance(cleaned, Rejection):
        return cleaned
    finished = finish_record(cleaned, template_hits=[None] * len(cleaned.keys))
    return finished.rejection if isinstance(finished, Contentless) else _document(finished)


@cache
def _built_in_rules() -> RuleSet:
    return load_rules()


def _document(one: Finished) -> CleanDocument:
    extracted, metadata = one.cleaned.extracted, one.metadata
    return CleanDocument(
        text=one.text,
        title=one.sectioning.title,
        author=metadata.author,
        source=metadata.source,
        published_at=metadata.published_at,
        published_date=metadata.published_date,
        published_precision=metadata.published_precision,
        site=one.cleaned.site,
        url=one.cleaned.record.url or extracted.head.canonical,
        kind=one.sectioning.kind,
        lang=one.language.lang,
        lang_shares=one.language.shares,
        sections=tuple(
            CleanSection(at.title, at.text, at.start, at.end, at.lang, section.event_date, section.truncated)
            for at, section in zip(one.sections, one.sectioning.sections, strict=True)
        ),
        blocks=tuple(
            CleanBlock(b.text, b.start, b.end, b.kind, d.label, d.decided_by, d.score, guess.lang)
            for b, d, guess in zip(extracted.blocks, one.decisions, one.languages, strict=True)
        ),
        extraction_confidence=one.confidence,
        encoding=one.cleaned.encoding,
        flags=tuple(dict.fromkeys((*one.cleaned.record.flags, *extracted.flags))),
    )
