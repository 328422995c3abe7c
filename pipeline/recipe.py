"""One record's road through the stages: ``clean_record`` up to scores, ``finish_record`` from labels on.

Between the two lies ``learn``, which needs the lines of the whole collection. Everything here is a plain
call in the order a reader would expect; nothing here knows files, processes or Prefect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from pipeline.boilerplate.label import decide
from pipeline.boilerplate.model import extraction_confidence, score_blocks
from pipeline.boilerplate.rules import RuleSet, apply_rules
from pipeline.boilerplate.templates import line_keys
from pipeline.dedup.signature import Signature, sign
from pipeline.errors import Reason, Rejection
from pipeline.extract import extract
from pipeline.language import Backend, document_language, tag_blocks
from pipeline.metadata import find_metadata
from pipeline.metadata.page_data import page_marks
from pipeline.metadata.site import site_of
from pipeline.sections import split_sections
from pipeline.text.decode import decode
from pipeline.text.quality import Quality, debris, measure_quality
from pipeline.text.tokens import count_tokens
from pipeline.types import (
    Block,
    Decision,
    Decoded,
    DocumentLanguage,
    Extracted,
    Label,
    LanguageGuess,
    Metadata,
    PageHead,
    Record,
    Sectioning,
    document_id,
)


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
    """Decode, repair, extract, match rules, score: everything that needs no other document."""
    decoded = decode(record.content, http_charset=record.charset, media_type=record.media_type)
    extracted = extract(decoded.text, record.media_type)
    if not extracted.blocks:
        return Rejection(record.path, record.member, "extract", Reason.EMPTY, "There is no text in it.")
    site = site_of(url=record.url, path=record.path, blocks=extracted.blocks, member=record.member)
    flags = (*extracted.flags, *_doubts(decoded, extracted))
    encoding, confidence = record.taken_from or (decoded.encoding, decoded.confidence)
    return Cleaned(
        doc_id=document_id(record.path, record.member),
        record=replace(record, content=b""),
        encoding=encoding,
        encoding_confidence=confidence,
        extracted=replace(extracted, flags=flags, head=_told_head(extracted.head, record, decoded.text)),
        site=site,
        rule_decisions=tuple(apply_rules(rules, extracted.blocks, site=site)),
        scores=tuple(score_blocks(extracted.blocks, extracted.head)),
        keys=tuple(np.asarray(line_keys(extracted.blocks)).tolist()),
    )


def _told_head(head: PageHead, record: Record, source: str) -> PageHead:
    """The head with what the rest of an HTML source says of account and time."""
    marks = tuple(page_marks(source)) if record.media_type in ("text/html", "application/xhtml+xml") else ()
    return replace(head, meta=(*head.meta, *marks)) if marks else head


def _doubts(decoded: Decoded, extracted: Extracted) -> Iterator[str]:
    """Flags for what decoding and repair had to guess or give up."""
    if decoded.method == "mixed":
        yield "mixed_encoding"
    if decoded.n_replaced or decoded.encoding == "cesu-8":  # whose surrogate pairs are replaced by what they stand for
        yield "decode_replacements"
    if "mojibake" in extracted.repairs:
        yield "mojibake_repaired"


def finish_record(
    cleaned: Cleaned, *, template_hits: Sequence[str | None], backend: Backend = "lid176", seed: int = 0
) -> Finished | Contentless:
    """Label, assemble the clean text, tag languages, find metadata and sections, sign."""
    blocks, record = cleaned.extracted.blocks, cleaned.record
    decisions = decide(
        blocks,
        rule_decisions=cleaned.rule_decisions,
        scores=cleaned.scores,
        template_hits=template_hits,
        head=cleaned.extracted.head,
    )
    metadata = find_metadata(cleaned.extracted, decisions, record=record, site=cleaned.site)
    sectioning = split_sections(blocks, decisions, metadata)
    decisions = _mark_title(decisions, sectioning.title_ordinal)
    languages = tag_blocks(blocks, decisions, backend=backend, seed=seed)
    if not any(decision.label is Label.CONTENT for decision in decisions):
        return Contentless(cleaned, decisions, languages, _no_content(record, decisions))
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
    blocks = cleaned.extracted.blocks
    lengths, has_markup = [len(block.text) for block in blocks], any(block.markup for block in blocks)
    return extraction_confidence(cleaned.scores, decisions, lengths, has_markup=has_markup)
