"""Finished documents to the rows of the datasets, and to the signatures that dedup compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.blocks import KINDS, Blocks
from pipeline.dedup.signature import sequence_bytes, to_bytes
from pipeline.recipe import Contentless, Finished
from pipeline.schema import BLOCKS, DOCUMENTS, SECTIONS, SIGNATURES
from pipeline.stages.cleaned import add_row, new_columns
from pipeline.types import section_id

_EPOCH = date(1970, 1, 1).toordinal()


def document_row(one: Finished, *, raw_sha256: str, version: str) -> dict[str, Any]:
    """A row of the documents dataset, without what dedup and the clock fill in later."""
    cleaned, metadata, language = one.cleaned, one.metadata, one.language
    published = metadata.published_at
    return {
        "doc_id": cleaned.doc_id,
        "path": cleaned.record.path,
        "member": cleaned.record.member,
        "url": cleaned.record.url or cleaned.extracted.head.canonical,
        "site": cleaned.site,
        "media_type": cleaned.record.media_type,
        "encoding": cleaned.encoding,
        "encoding_confidence": cleaned.encoding_confidence,
        "title": one.sectioning.title,
        "author": metadata.author,
        "source": metadata.source,
        "published_at": None if published is None else published.astimezone(UTC),
        "published_date": metadata.published_date,
        "published_precision": metadata.published_precision,
        "kind": one.sectioning.kind.value,
        "lang": language.lang,
        "lang_confidence": language.confidence,
        "lang_shares": [{"lang": lang, "share": share} for lang, share in language.shares],
        "text": one.text,
        "n_chars": len(one.text),
        "n_tokens": one.n_tokens,
        "n_sections": len(one.sections),
        "n_duplicates": 0,
        "quality": asdict(one.quality),
        "repairs": list(cleaned.extracted.repairs),
        "flags": list(cleaned.record.flags),
        "raw_sha256": raw_sha256,
        "text_sha256": one.signature.text_sha256,
        "extraction_confidence": one.confidence,
        "first_seen_at": 0,
        "pipeline_version": version,
    }


def section_rows(one: Finished) -> Iterator[dict[str, Any]]:
    """Rows of the sections dataset, without duplicate_of."""
    doc_id = one.cleaned.doc_id
    for ordinal, (section, placed) in enumerate(zip(one.sectioning.sections, one.sections, strict=True)):
        yield {
            "section_id": section_id(doc_id, ordinal),
            "doc_id": doc_id,
            "ordinal": ordinal,
            "title": section.title,
            "text": placed.text,
            "lang": placed.lang,
            "event_date": section.event_date,
            "event_date_source": section.event_date_source,
            "char_start": placed.start,
            "char_end": placed.end,
            "truncated": section.truncated,
            "duplicate_of": None,
        }


def block_table(finished: Sequence[Finished | Contentless]) -> pa.Table:
    """The blocks dataset of these records, in order."""
    if not finished:
        return BLOCKS.empty_table()
    blocks = [Blocks.of(one.cleaned.extracted.blocks) for one in finished]
    decisions = [decision for one in finished for decision in one.decisions]
    columns = {
        "doc_id": _for_each_block([one.cleaned.doc_id for one in finished], [len(one) for one in blocks]),
        "ordinal": np.concatenate([one.ordinals for one in blocks]),
        "text": [text for one in blocks for text in one.texts],
        "start": np.concatenate([one.starts for one in blocks]),
        "end": np.concatenate([one.ends for one in blocks]),
        "kind": pa.array([kind.value for kind in KINDS]).take(pa.array(np.concatenate([one.kinds for one in blocks]))),
        "label": [decision.label.value for decision in decisions],
        "decided_by": [decision.decided_by for decision in decisions],
        "score": [decision.score for decision in decisions],
        "lang": [guess.lang for one in finished for guess in one.languages],
        "section_ordinal": [ordinal for one in finished for ordinal in _section_ordinals(one)],
    }
    return pa.table({name: pa.array(columns[name], BLOCKS.field(name).type) for name in columns}, schema=BLOCKS)


def _for_each_block(values: Sequence[str], n_blocks: Sequence[int]) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(np.repeat(np.arange(len(values)), n_blocks)))


def _section_ordinals(one: Finished | Contentless) -> list[int | None]:
    """The section of each block, as headline or body."""
    found: list[int | None] = [None] * len(one.decisions)
    for ordinal, section in enumerate(one.sectioning.sections if isinstance(one, Finished) else ()):
        for at in section.ordinals:
            found[at] = ordinal
        if section.title_ordinal is not None:
            found[section.title_ordinal] = ordinal
    return found


def signature_rows(one: Finished) -> Iterator[dict[str, Any]]:
    """Rows of SIGNATURES: the document's, and each story's when it is a digest."""
    doc_id, published = one.cleaned.doc_id, one.metadata.published_date
    stories = zip(one.section_signatures, one.sectioning.sections, strict=False)
    units = [(doc_id, one.signature, published)]
    for ordinal, (signature, section) in enumerate(stories):
        units.append((section_id(doc_id, ordinal), signature, section.event_date))
    for unit_id, signature, day in units:
        yield {
            "id": unit_id,
            "doc_id": doc_id,
            "text_sha256": signature.text_sha256,
            "minhash": to_bytes(signature.minhash),
            "shingles": to_bytes(signature.shingles),
            "sequence": sequence_bytes(signature.sequence),
            "n_shingles": signature.n_shingles,
            "n_tokens": signature.n_tokens,
            "day": -1 if day is None else day.toordinal() - _EPOCH,
        }


def finished_tables(finished: Iterable[tuple[Finished | Contentless, str]], *, version: str) -> dict[str, pa.Table]:
    """Tables "documents", "sections", "blocks" and "signatures" of finished records, in order.

    A record without content has blocks only.
    """
    finished = list(finished)
    schemas = {"documents": DOCUMENTS, "sections": SECTIONS, "signatures": SIGNATURES}
    columns = {name: new_columns(schema) for name, schema in schemas.items()}
    for one, raw_sha256 in finished:
        if isinstance(one, Contentless):
            continue
        add_row(columns["documents"], document_row(one, raw_sha256=raw_sha256, version=version))
        for name, rows in (("sections", section_rows), ("signatures", signature_rows)):
            for row in rows(one):
                add_row(columns[name], row)
    tables = {name: pa.table(columns[name], schema=schema) for name, schema in schemas.items()}
    return {**tables, "blocks": block_table([one for one, _ in finished])}
