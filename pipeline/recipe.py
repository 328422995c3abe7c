"""One record's road through the stages: ``clean_record`` up to scores, ``finish_record`` from labels on.

Between the two lies ``learn``, which needs the lines of the whole collection. Everything here is a plain
call in the order a reader would expect; nothing here knows files, processes or Prefect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeVar

import numpy as np

from pipeline.blocks import Blocks
from pipeline.boilerplate.interstitials import HTTP_STATUS, Interstitial, find_interstitial
from pipeline.boilerplate.label import decide
from pipeline.boilerplate.model import extraction_confidence, score_blocks
from pipeline.boilerplate.rules import RuleSet, apply_rules
from pipeline.boilerplate.templates import line_keys
from pipeline.dedup.signature import Signature, sign
from pipeline.errors import Reason, Rejection
from pipeline.extract import EXTRACTORS, extract
from pipeline.extract.wrappers import HttpHead, Unwrapped, http_head, original_address, unwrap
from pipeline.language import Backend, document_language, tag_blocks
from pipeline.metadata import find_metadata
from pipeline.metadata.page_data import page_marks
from pipeline.metadata.site import site_of
from pipeline.sections import split_sections
from pipeline.text.decode import decode
from pipeline.text.escapes import holds_markup
from pipeline.text.quality import Quality, debris, measure_quality
from pipeline.text.tokens import count_tokens
from pipeline.types import (
    Block,
    Decision,
    Decoded,
    DocumentLanguage,
    Extracted,
    Flag,
    Label,
    LanguageGuess,
    Metadata,
    PageHead,
    Record,
    Sectioning,
    document_id,
)

_SNIFFED = 1_000  # bytes after an HTTP head that tell a page
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A record up to its blocks' scores; depends on nothing but its bytes, the rules and the model."""

    doc_id: str
    record: Record  # without its content
    encoding: str
    encoding_confidence: float
    extracted: Extracted
    site: str | None
    rule_decisions: tuple[Decision | None, ...]  # one a block
    scores: tuple[float, ...]  # one a block
    keys: tuple[int, ...]  # line keys for site templates, one a block


@dataclass(frozen=True, slots=True)
class FinishedSection:
    """A section with its place in the clean text (code points) and its language."""

    title: str | None
    text: str
    start: int
    end: int
    lang: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A document with everything the datasets say of it but its duplicates."""

    cleaned: Cleaned
    decisions: tuple[Decision, ...]  # one a block
    languages: tuple[LanguageGuess, ...]  # one a block
    language: DocumentLanguage
    metadata: Metadata
    sectioning: Sectioning
    sections: tuple[FinishedSection, ...]  # in step with sectioning.sections
    text: str
    n_tokens: int
    quality: Quality
    signature: Signature
    section_signatures: tuple[Signature, ...]  # of a digest's stories; empty for anything else
    confidence: float


@dataclass(frozen=True, slots=True)
class Contentless:
    """A record whose blocks are all chaff: it goes to quarantine, its blocks are kept with their labels."""

    cleaned: Cleaned
    decisions: tuple[Decision, ...]
    languages: tuple[LanguageGuess, ...]
    rejection: Rejection


def clean_record(record: Record, *, rules: RuleSet) -> Cleaned | Rejection:
    """Decode, take wrappers and escapes off, extract, repair, match rules, score: what needs no other document."""
    http = http_head(record.content)
    decoded = _decode(record, http)
    unwrapped = unwrap(decoded.text, _media_type(record, http), n_head=http.size if http else 0)
    extracted = _in_source(extract(unwrapped.text, unwrapped.media_type), unwrapped)
    if not extracted.blocks:
        return Rejection(record.path, record.member, "extract", Reason.EMPTY, "There is no text in it.")
    record, extracted = _told(record, extracted, unwrapped, http)
    shown = Blocks.of(extracted.blocks).shown
    site = site_of(url=record.url or unwrapped.url, path=record.path, blocks=shown, member=record.member)
    flags = (*extracted.flags, *_doubts(decoded, extracted))
    encoding, confidence = record.taken_from or (decoded.encoding, decoded.confidence)
    return Cleaned(
        doc_id=document_id(record.path, record.member),
        record=replace(record, content=b""),
        encoding=encoding,
        encoding_confidence=confidence,
        extracted=replace(extracted, flags=flags, head=_told_head(extracted.head, record, unwrapped.text)),
        site=site,
        rule_decisions=tuple(_for_all(extracted.blocks, apply_rules(rules, shown, site=site), None)),
        scores=tuple(_for_all(extracted.blocks, score_blocks(shown, extracted.head), 0.0)),
        keys=tuple(np.asarray(line_keys(extracted.blocks)).tolist()),
    )


def _decode(record: Record, http: HttpHead | None) -> Decoded:
    """The text of a record; an HTTP head before it is a character a byte, and says how to read the rest."""
    if http is None:
        return decode(record.content, http_charset=record.charset, media_type=record.media_type)
    head, body = record.content[: http.size], record.content[http.size :]
    decoded = decode(body, http_charset=record.charset or http.charset, media_type=_media_type(record, http))
    return replace(decoded, text=head.decode("latin-1") + decoded.text)


def _media_type(record: Record, http: HttpHead | None) -> str:
    """The media type by the HTTP head, where that is one that can be read, and by what follows it."""
    if http is None:
        return record.media_type
    if (said := http.media_type) and said != "text/plain" and said in EXTRACTORS:
        return said
    body = record.content[http.size : http.size + _SNIFFED].decode("latin-1")
    return "text/html" if record.media_type == "text/plain" and holds_markup(body) else record.media_type


def _in_source(extracted: Extracted, unwrapped: Unwrapped) -> Extracted:
    """The blocks with their places in the source, and what was undone to get at them."""
    blocks = extracted.blocks
    if unwrapped.steps and blocks:
        columns = Blocks.of(blocks)
        spans = zip(columns.starts.tolist(), columns.ends.tolist(), strict=True)
        blocks = columns.placed(*zip(*(unwrapped.place(start, end) for start, end in spans), strict=True))
    repairs = tuple(sorted({*extracted.repairs, *unwrapped.repairs}))
    return replace(extracted, blocks=blocks, repairs=repairs, flags=(*extracted.flags, *unwrapped.flags))


def _told(
    record: Record, extracted: Extracted, unwrapped: Unwrapped, http: HttpHead | None
) -> tuple[Record, Extracted]:
    """The record and the head with what wrappers say of the page, where the page and its container say nothing."""
    head = extracted.head
    canonical = original_address(head.canonical)
    url = original_address(record.url) or (canonical if canonical != head.canonical else None)
    if canonical is None and url is None:
        url = unwrapped.url or (http.url if http else None)
    meta = head.meta
    if http and http.status[:1] in ("4", "5"):
        meta = (*meta, (HTTP_STATUS, http.status))
    record = replace(
        record,
        media_type=unwrapped.media_type,
        url=url,
        title=record.title or unwrapped.title,
        published=record.published or unwrapped.published,
    )
    return record, replace(extracted, head=replace(head, canonical=canonical, meta=meta))


def _for_all(blocks: Sequence[Block], values: Sequence[_T], hidden: _T) -> list[_T]:
    """What was said of the shown blocks, in step with all of them."""
    of_shown = iter(values)
    return [hidden if block.hidden else next(of_shown) for block in blocks]


def _told_head(head: PageHead, record: Record, source: str) -> PageHead:
    """The head with what the rest of an HTML source says of account and time."""
    marks = tuple(page_marks(source)) if record.media_type in ("text/html", "application/xhtml+xml") else ()
    return replace(head, meta=(*head.meta, *marks)) if marks else head


def _doubts(decoded: Decoded, extracted: Extracted) -> Iterator[Flag]:
    """Flags for what decoding and repair had to guess or give up."""
    if decoded.method == "mixed":
        yield Flag.MIXED_ENCODING
    if decoded.n_replaced or decoded.encoding == "cesu-8":  # whose surrogate pairs are replaced by what they stand for
        yield Flag.DECODE_REPLACEMENTS
    if "mojibake" in extracted.repairs:
        yield Flag.MOJIBAKE_REPAIRED


def finish_record(
    cleaned: Cleaned, *, template_hits: Sequence[str | None], backend: Backend = "lid176", seed: int = 0
) -> Finished | Contentless:
    """Label, assemble the clean text, tag languages, find metadata and sections, sign."""
    blocks, record = Blocks.of(cleaned.extracted.blocks), cleaned.record
    decisions = decide(
        blocks,
        rule_decisions=cleaned.rule_decisions,
        scores=cleaned.scores,
        template_hits=template_hits,
        head=cleaned.extracted.head,
    )
    shown = blocks.shown
    of_shown = tuple(decisions[ordinal] for ordinal in shown.ordinals.tolist())
    metadata = find_metadata(replace(cleaned.extracted, blocks=shown), of_shown, record=record, site=cleaned.site)
    sectioning = split_sections(shown, of_shown, metadata)
    decisions = _mark_title(decisions, sectioning.title_ordinal)
    languages = tag_blocks(blocks, decisions, backend=backend, seed=seed)
    instead = find_interstitial(cleaned.extracted.head, shown, of_shown)
    if instead and instead.alone:
        return Contentless(cleaned, decisions, languages, _no_page(record, instead))
    if not any(decision.label is Label.CONTENT for decision in decisions):
        return Contentless(cleaned, decisions, languages, _no_content(record, decisions))
    if instead:
        cleaned = _flagged(cleaned, Flag.INTERSTITIAL)
    text, places = _assemble(blocks, decisions)
    if (why := debris(text)) is not None:
        return Contentless(cleaned, decisions, languages, Rejection(record.path, record.member, "finish", *why))
    sections = _place_sections(blocks, languages, sectioning, text, places)
    return Finished(
        cleaned=cleaned,
        decisions=decisions,
        languages=languages,
        language=document_language(blocks, decisions, languages),
        metadata=metadata,
        sectioning=sectioning,
        sections=sections,
        text=text,
        n_tokens=count_tokens(text),
        quality=measure_quality(text, [blocks[ordinal].text for ordinal in places]),
        signature=sign(text, title=sectioning.title or metadata.title),
        section_signatures=tuple(sign(one.text, title=one.title) for one in sections) if len(sections) > 1 else (),
        confidence=_confidence(cleaned, decisions),
    )


def _mark_title(decisions: tuple[Decision, ...], ordinal: int | None) -> tuple[Decision, ...]:
    if ordinal is None:
        return decisions
    title = Decision(Label.TITLE, "title", 1.0)
    return (*decisions[:ordinal], title, *decisions[ordinal + 1 :])


def _no_page(record: Record, instead: Interstitial) -> Rejection:
    message = f"It is no document but {instead.what} ({instead.id}); fetch the page again."
    return Rejection(record.path, record.member, "finish", Reason.NO_CONTENT, message)


def _flagged(cleaned: Cleaned, flag: Flag) -> Cleaned:
    return replace(cleaned, record=replace(cleaned.record, flags=(*cleaned.record.flags, flag)))


def _no_content(record: Record, decisions: Sequence[Decision]) -> Rejection:
    found = sorted({decision.label.value for decision in decisions})
    message = (
        f"None of its {len(decisions)} blocks is content ({', '.join(found)}); winnow explain shows what decided each."
    )
    return Rejection(record.path, record.member, "finish", Reason.NO_CONTENT, message)


def _assemble(blocks: Sequence[Block], decisions: Sequence[Decision]) -> tuple[str, dict[int, tuple[int, int]]]:
    """The clean text, a block a line, and the place of each content block in it, by ordinal."""
    content = [block for block, one in zip(blocks, decisions, strict=True) if one.label is Label.CONTENT]
    ends = list(accumulate((len(block.text) + 1 for block in content), initial=0))
    places = {block.ordinal: (end, end + len(block.text)) for block, end in zip(content, ends, strict=False)}
    return "\n".join(block.text for block in content), places


def _place_sections(
    blocks: Sequence[Block],
    languages: Sequence[LanguageGuess],
    sectioning: Sectioning,
    text: str,
    places: dict[int, tuple[int, int]],
) -> tuple[FinishedSection, ...]:
    placed = []
    for section in sectioning.sections:
        start, end = places[section.ordinals[0]][0], places[section.ordinals[-1]][1]
        lang = _main_language(blocks, languages, section.ordinals)
        placed.append(FinishedSection(section.title, text[start:end], start, end, lang))
    return tuple(placed)


def _main_language(blocks: Sequence[Block], languages: Sequence[LanguageGuess], ordinals: Sequence[int]) -> str:
    weight: dict[str, int] = {}
    for ordinal in ordinals:
        lang = languages[ordinal].lang
        weight[lang] = weight.get(lang, 0) + count_tokens(blocks[ordinal].text)
    known = {lang: tokens for lang, tokens in weight.items() if lang != "und"} or weight
    return max(sorted(known), key=known.__getitem__)


def _confidence(cleaned: Cleaned, decisions: Sequence[Decision]) -> float:
    """Predicted F1 of the clean text."""
    shown = Blocks.of(cleaned.extracted.blocks).shown
    ordinals = shown.ordinals.tolist()
    scores, of_shown = [cleaned.scores[at] for at in ordinals], [decisions[at] for at in ordinals]
    return extraction_confidence(scores, of_shown, shown.lengths.tolist(), has_markup=shown.has_markup)
