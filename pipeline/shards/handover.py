"""What ``clean`` hands to ``finish``, as Arrow tables: records and their blocks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from pipeline.recipe import Cleaned
from pipeline.shards.columns import add_row, new_columns
from pipeline.tokens import count_tokens
from pipeline.types import Block, BlockKind, Decision, Extracted, Label, Markup, PageHead, Record

_NAMES = pa.dictionary(pa.int32(), pa.string())

#: A record as ``clean`` left it; its blocks lie in CLEANED_BLOCKS, in the same order.
CLEANED_RECORDS = pa.schema(
    [
        ("doc_id", pa.string()),
        ("path", pa.string()),
        ("member", pa.string()),
        ("raw_sha256", pa.string()),
        ("url", pa.string()),
        ("site", pa.string()),
        ("media_type", pa.string()),
        ("encoding", pa.string()),
        ("encoding_confidence", pa.float64()),
        ("repairs", pa.list_(pa.string())),
        ("flags", pa.list_(pa.string())),
        ("published", pa.string()),
        ("title", pa.string()),
        ("head", pa.string()),  # PageHead as JSON
        ("blocks_hash", pa.string()),  # of all block texts: equal for exact copies before labels are known
        ("n_blocks", pa.int32()),
    ]
)

CLEANED_BLOCKS = pa.schema(
    [
        ("text", pa.string()),
        ("kind", _NAMES),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("level", pa.int16()),
        ("n_breaks", pa.int32()),
        ("markup_path", pa.string()),  # "/" between names; null for flattened text
        ("classes", pa.string()),
        ("n_links", pa.int32()),
        ("link_chars", pa.int32()),
        ("role", pa.string()),
        ("rule_label", _NAMES),
        ("rule_by", _NAMES),
        ("rule_score", pa.float64()),
        ("score", pa.float64()),
        ("key", pa.uint64()),
        ("n_tokens", pa.int32()),
    ]
)


def cleaned_tables(cleaned: Sequence[Cleaned], raw_sha256: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """Records and their blocks as (CLEANED_RECORDS, CLEANED_BLOCKS) tables."""
    records, blocks = new_columns(CLEANED_RECORDS), new_columns(CLEANED_BLOCKS)
    for one, sha256 in zip(cleaned, raw_sha256, strict=True):
        add_row(records, _record_row(one, sha256))
        for block, rule, score, key in zip(one.extracted.blocks, one.rule_decisions, one.scores, one.keys, strict=True):
            add_row(blocks, _block_row(block, rule, score, key))
    return pa.table(records, schema=CLEANED_RECORDS), pa.table(blocks, schema=CLEANED_BLOCKS)


def _record_row(one: Cleaned, raw_sha256: str) -> dict[str, Any]:
    record, blocks = one.record, one.extracted.blocks
    digest = hashlib.blake2b("\n".join(block.text for block in blocks).encode(), digest_size=16)
    return {
        "doc_id": one.doc_id,
        "path": record.path,
        "member": record.member,
        "raw_sha256": raw_sha256,
        "url": record.url,
        "site": one.site,
        "media_type": record.media_type,
        "encoding": one.encoding,
        "encoding_confidence": one.encoding_confidence,
        "repairs": list(one.extracted.repairs),
        "flags": [*record.flags, *one.extracted.flags],
        "published": record.published,
        "title": record.title,
        "head": json.dumps(asdict(one.extracted.head), ensure_ascii=False),
        "blocks_hash": digest.hexdigest(),
        "n_blocks": len(blocks),
    }


def _block_row(block: Block, rule: Decision | None, score: float, key: int) -> dict[str, Any]:
    markup = block.markup
    return {
        "text": block.text,
        "kind": block.kind.value,
        "start": block.start,
        "end": block.end,
        "level": block.level,
        "n_breaks": block.n_breaks,
        "markup_path": "/".join(markup.path) if markup else None,
        "classes": markup.classes if markup else None,
        "n_links": markup.n_links if markup else None,
        "link_chars": markup.link_chars if markup else None,
        "role": markup.role if markup else None,
        "rule_label": rule.label.value if rule else None,
        "rule_by": rule.decided_by if rule else None,
        "rule_score": rule.score if rule else None,
        "score": score,
        "key": key,
        "n_tokens": count_tokens(block.text),
    }


def cleaned_values(records: pa.Table, blocks: pa.Table) -> Iterator[tuple[Cleaned, str]]:
    """The way back: each record with the SHA-256 of its raw file, in order."""
    columns = {name: blocks.column(name).to_pylist() for name in blocks.column_names}
    start = 0
    for row in records.to_pylist():
        end = start + row["n_blocks"]
        part = {name: values[start:end] for name, values in columns.items()}
        yield _cleaned_value(row, part), row["raw_sha256"]
        start = end


def _cleaned_value(row: Mapping[str, Any], part: Mapping[str, list[Any]]) -> Cleaned:
    head = json.loads(row["head"])
    page_head = PageHead(
        title=head["title"],
        lang=head["lang"],
        meta=tuple((name, content) for name, content in head["meta"]),
        canonical=head["canonical"],
        json_ld=tuple(head["json_ld"]),
    )
    record = Record(
        path=row["path"],
        member=row["member"],
        content=b"",
        media_type=row["media_type"],
        url=row["url"],
        published=row["published"],
        title=row["title"],
        flags=tuple(row["flags"]),
    )
    return Cleaned(
        doc_id=row["doc_id"],
        record=record,
        encoding=row["encoding"],
        encoding_confidence=row["encoding_confidence"],
        extracted=Extracted(tuple(_blocks(part)), page_head, tuple(row["repairs"])),
        site=row["site"],
        rule_decisions=tuple(_decisions(part)),
        scores=tuple(part["score"]),
        keys=tuple(part["key"]),
    )


def _blocks(part: Mapping[str, list[Any]]) -> Iterator[Block]:
    names = ("text", "kind", "start", "end", "level", "n_breaks")
    marks = ("markup_path", "classes", "n_links", "link_chars", "role")
    forms = zip(*(part[name] for name in names), strict=True)
    markups = zip(*(part[name] for name in marks), strict=True)
    for ordinal, (form, mark) in enumerate(zip(forms, markups, strict=True)):
        text, kind, start, end, level, n_breaks = form
        path, *rest = mark
        markup = None if path is None else Markup(tuple(path.split("/")), *rest)
        yield Block(ordinal, text, BlockKind(kind), start, end, level, n_breaks, markup)


def _decisions(part: Mapping[str, list[Any]]) -> Iterator[Decision | None]:
    for label, by, score in zip(part["rule_label"], part["rule_by"], part["rule_score"], strict=True):
        yield None if label is None else Decision(Label(label), by, score)
