"""What of an earlier ``finish`` of the same cleaned records still holds: every record whose template lines are the same.

A finished record depends on the cleaned one, the language backend and which of its lines are site templates. So when
a site's templates change, only the records with a line that became or ceased to be one are finished again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.blocks import NO_ELEMENT, Blocks, Element
from pipeline.boilerplate.templates import TemplateIndex, index_templates
from pipeline.recipe import Cleaned
from pipeline.store.files import (
    beside,
    block_bounds,
    chunk_file,
    chunk_names,
    chunk_place,
    link_or_copy,
    name_of,
    proven,
    read_columns,
    write_table,
)
from pipeline.text.tokens import count_tokens
from pipeline.types import Decision, Extracted, Flag, Label, PageHead, Record, document_id

# Building Arrow tables as plain lists: far cheaper than a dictionary a row.


def new_columns(schema: pa.Schema) -> dict[str, list[Any]]:
    """An empty list for each column of a schema."""
    return {name: [] for name in schema.names}


def add_row(columns: dict[str, list[Any]], row: Mapping[str, Any]) -> None:
    """Append one row; it must have every column."""
    for name, values in columns.items():
        values.append(row[name])


# What ``clean`` hands to ``finish``, as Arrow tables: records and their blocks.

_NAMES = pa.dictionary(pa.int32(), pa.string())
_LINE = "\n"  # in no role, and in no name of an element

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
        ("author", pa.string()),
        ("source", pa.string()),
        ("head", pa.string()),  # PageHead as JSON
        ("blocks_hash", pa.string()),  # of all block texts: equal for exact copies before labels are known
        ("n_blocks", pa.int32()),
    ]
)

CLEANED_BLOCKS = pa.schema(
    [
        ("text", pa.string()),
        ("kind", pa.int8()),  # place in blocks.KINDS
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("level", pa.int16()),
        ("n_breaks", pa.int32()),
        ("element", _NAMES),  # role, path ("/" between names) and classes, a line each; null for flattened text
        ("n_links", pa.int32()),
        ("link_chars", pa.int32()),
        ("hidden", pa.bool_()),
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
    records = new_columns(CLEANED_RECORDS)
    for one, sha256 in zip(cleaned, raw_sha256, strict=True):
        add_row(records, _record_row(one, sha256))
    return pa.table(records, schema=CLEANED_RECORDS), _block_table(cleaned)


def _block_table(cleaned: Sequence[Cleaned]) -> pa.Table:
    if not cleaned:
        return CLEANED_BLOCKS.empty_table()
    blocks = [Blocks.of(one.extracted.blocks) for one in cleaned]
    rules = [rule for one in cleaned for rule in one.rule_decisions]
    texts = [text for one in blocks for text in one.texts]
    columns = {
        "text": texts,
        "kind": np.concatenate([one.kinds for one in blocks]),
        "start": np.concatenate([one.starts for one in blocks]),
        "end": np.concatenate([one.ends for one in blocks]),
        "level": np.concatenate([one.levels for one in blocks]),
        "n_breaks": np.concatenate([one.n_breaks for one in blocks]),
        "element": _element_column(blocks),
        "n_links": np.concatenate([one.n_links for one in blocks]),
        "link_chars": np.concatenate([one.link_chars for one in blocks]),
        "hidden": np.concatenate([one.hidden for one in blocks]),
        "rule_label": [rule.label.value if rule else None for rule in rules],
        "rule_by": [rule.decided_by if rule else None for rule in rules],
        "rule_score": [rule.score if rule else None for rule in rules],
        "score": [score for one in cleaned for score in one.scores],
        "key": np.array([key for one in cleaned for key in one.keys], dtype=np.uint64),
        "n_tokens": [count_tokens(text) for text in texts],
    }
    return pa.table({name: pa.array(columns[name], CLEANED_BLOCKS.field(name).type) for name in columns})


def _element_column(blocks: Sequence[Blocks]) -> pa.DictionaryArray:
    """The element of each block of several records; the dictionary holds each once."""
    numbers: dict[Element, int] = {}
    of = []
    for one in blocks:
        own = [numbers.setdefault(element, len(numbers)) for element in one.elements]
        of.append(np.array([*own, NO_ELEMENT], dtype=np.int32)[one.element])  # the last for NO_ELEMENT, which is -1
    found = np.concatenate(of)
    names = pa.array([_LINE.join((role, "/".join(path), classes)) for path, classes, role in numbers], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(found, mask=found == NO_ELEMENT), names)


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
        "author": record.author,
        "source": record.source,
        "head": _head_json(one.extracted.head),
        "blocks_hash": digest.hexdigest(),
        "n_blocks": len(blocks),
    }


def _head_json(head: PageHead) -> str:
    named = {name: getattr(head, name) for name in PageHead.__slots__}  # asdict would copy all of it, string by string
    return json.dumps(named, ensure_ascii=False)


def cleaned_values(records: pa.Table, blocks: pa.Table) -> Iterator[tuple[Cleaned, str]]:
    """The way back: each record with the SHA-256 of its raw file, in order."""
    n_blocks = records["n_blocks"].to_numpy()
    each = zip(records.to_pylist(), _blocks_of_each(blocks, n_blocks), _ruled_each(blocks, n_blocks), strict=True)
    scores, keys = blocks["score"].to_numpy().tolist(), blocks["key"].to_numpy().tolist()
    start = 0
    for row, own, rules in each:
        end = start + len(own)
        yield _cleaned_value(row, own, rules, tuple(scores[start:end]), tuple(keys[start:end])), row["raw_sha256"]
        start = end


def _cleaned_value(
    row: Mapping[str, Any],
    blocks: Blocks,
    rules: tuple[Decision | None, ...],
    scores: tuple[float, ...],
    keys: tuple[int, ...],
) -> Cleaned:
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
        author=row["author"],
        source=row["source"],
        flags=tuple(map(Flag, row["flags"])),
    )
    return Cleaned(
        doc_id=row["doc_id"],
        record=record,
        encoding=row["encoding"],
        encoding_confidence=row["encoding_confidence"],
        extracted=Extracted(blocks, page_head, tuple(row["repairs"])),
        site=row["site"],
        rule_decisions=rules,
        scores=scores,
        keys=keys,
    )


def _blocks_of_each(table: pa.Table, n_blocks: Sequence[int]) -> Iterator[Blocks]:
    """The blocks of each record."""
    texts: list[str] = table["text"].to_pylist()
    numbers = {name: table[name].to_numpy().astype(np.int64) for name in _NUMBERS}
    hidden = table["hidden"].to_numpy()
    element, elements = _elements_of(table["element"])
    start = 0
    for n in n_blocks:
        rows = slice(start, start + n)
        own, known = _renumbered(element[rows], elements)
        kinds, starts, ends, levels, n_breaks, n_links, link_chars = (numbers[name][rows] for name in _NUMBERS)
        yield Blocks(
            texts[rows],
            np.arange(n),
            kinds,
            starts,
            ends,
            levels,
            n_breaks,
            own,
            n_links,
            link_chars,
            hidden[rows],
            known,
        )
        start += n


def _renumbered(
    numbers: NDArray[np.int64], elements: Sequence[Element]
) -> tuple[NDArray[np.int64], tuple[Element, ...]]:
    """One record's numbers and elements, out of those of many records."""
    met, own = np.unique(numbers, return_inverse=True)
    unmarked = int(met[:1].tolist() == [NO_ELEMENT])
    return own - unmarked, tuple(elements[at] for at in met[unmarked:].tolist())


#: Columns of numbers, in the order of the fields of ``Blocks``.
_NUMBERS = ("kind", "start", "end", "level", "n_breaks", "n_links", "link_chars")


def _elements_of(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], tuple[Element, ...]]:
    """The number of each block's element and the elements of all."""
    found = column.combine_chunks()
    found = found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
    elements = []
    for name in found.dictionary.to_pylist():
        role, path, classes = name.split(_LINE, 2)
        elements.append(Element(tuple(path.split("/")) if path else (), classes, role))
    return found.indices.fill_null(NO_ELEMENT).to_numpy().astype(np.int64), tuple(elements)


def _ruled_each(table: pa.Table, n_blocks: Sequence[int]) -> Iterator[tuple[Decision | None, ...]]:
    """What rules said of each record's blocks: of most nothing."""
    said = table.select(["rule_label", "rule_by", "rule_score"])
    ruled = np.flatnonzero(said["rule_label"].is_valid().to_numpy())
    rows = said.take(pa.array(ruled)).to_pydict()
    decisions: list[Decision | None] = [None] * table.num_rows
    for at, label, by, score in zip(ruled.tolist(), *rows.values(), strict=True):
        decisions[at] = Decision(Label(label), by, score)
    start = 0
    for n in n_blocks:
        yield tuple(decisions[start : start + n])
        start += n


#: The templates a folder of results was made with, and what else it depends on, as its metadata.
HITS = "hits.parquet"
#: The tables of a chunk of finished records.
TABLES = ("documents", "sections", "blocks", "signatures", "left_out")
_MADE_WITH = b"made_with"


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier result and the template lines that it was made with and are none now, or the other way round."""

    folder: Path
    changed: TemplateIndex


def note_hits(hits: pa.Table, made_with: Mapping[str, Any], folder: Path) -> None:
    """Keep what a result is made with beside it. Raises OutputError."""
    said = json.dumps(made_with, sort_keys=True).encode()
    write_table(hits.replace_schema_metadata({_MADE_WITH: said}), folder / HITS)


def earlier_result(folder: Path | None, hits: pa.Table, made_with: Mapping[str, Any]) -> Earlier | None:
    """The result in this folder, if it is there and made with the same but for templates."""
    if folder is None or not (folder / HITS).exists() or not proven(folder):
        return None
    before = pq.read_table(folder / HITS, use_threads=False)
    if json.loads((before.schema.metadata or {}).get(_MADE_WITH, b"null")) != json.loads(json.dumps(made_with)):
        return None
    pairs = [set(zip(one["site"].to_pylist(), one["key"].to_pylist(), strict=True)) for one in (before, hits)]
    changed = sorted(pairs[0] ^ pairs[1])
    sites, keys = (
        pa.array([site for site, _ in changed], pa.string()),
        pa.array([key for _, key in changed], pa.uint64()),
    )
    return Earlier(folder, index_templates(pa.table({"site": sites, "key": keys})))


def pieces_of(earlier: Earlier, number: int) -> list[str]:
    """The names of the earlier result's chunks that were made of this chunk of cleaned records.

    There are several when a child died while it worked on them. One that has lost a table does not count.
    """
    files = [file for file in chunk_names(earlier.folder, "blocks") if (chunk_place(file) or (-1,))[0] == number]
    return [name_of(file) for file in files if all(beside(file, table).exists() for table in TABLES)]


def outdated(earlier: Earlier, pieces: Sequence[str], records: pa.Table, blocks: pa.Table) -> NDArray[np.bool_]:
    """Whether each cleaned record has a line among the changed ones, or is not in these pieces: it was given up."""
    changed = earlier.changed.keys
    keys, bounds = blocks["key"].to_numpy(), block_bounds(records)
    other = [
        site in changed and bool(np.isin(keys[start:end], changed[site]).any())
        for site, start, end in zip(records["site"].to_pylist(), bounds[:-1], bounds[1:], strict=True)
    ]
    known = read_columns([earlier.folder / chunk_file(name, "blocks") for name in pieces], ["doc_id"])["doc_id"]
    missing = pc.invert(pc.is_in(records["doc_id"], value_set=pc.unique(known)))
    again: NDArray[np.bool_] = np.array(other, dtype=bool) | np.asarray(missing)
    return again


def chosen(records: pa.Table, blocks: pa.Table, mask: NDArray[np.bool_]) -> tuple[pa.Table, pa.Table]:
    """The records of a mask and their blocks."""
    if mask.all():
        return records, blocks
    return records.filter(pa.array(mask)), blocks.filter(pa.array(np.repeat(mask, records["n_blocks"].to_numpy())))


def take_chunk(earlier: Earlier, name: str, folder: Path) -> None:
    """Take a chunk of the earlier result as it is. Raises OSError."""
    for table in TABLES:
        file = chunk_file(name, table)
        link_or_copy(earlier.folder / file, folder / file)


def merged(
    earlier: Earlier,
    pieces: Sequence[str],
    made: Mapping[str, pa.Table],
    *,
    records: pa.Table,
    again: NDArray[np.bool_],
) -> dict[str, pa.Table]:
    """Tables of a chunk: what was made again, the rest as it was in these pieces, in the order of the records."""
    order: list[str] = records["doc_id"].to_pylist()
    rank = {doc_id: at for at, doc_id in enumerate(order)}
    redone = frozenset(doc_id for doc_id, once_more in zip(order, again, strict=True) if once_more)
    tables = {}
    for name, table in made.items():
        old = [pq.read_table(earlier.folder / chunk_file(piece, name), use_threads=False) for piece in pieces]
        kept = [one.filter(pa.array([doc_id not in redone for doc_id in _ids(one)], pa.bool_())) for one in old]
        both = pa.concat_tables([*kept, table])
        places = np.argsort([rank[one] for one in _ids(both)], kind="stable")
        tables[name] = both.take(pa.array(places, pa.int64()))
    return tables


def _ids(table: pa.Table) -> list[str]:
    if "doc_id" in table.column_names:
        ids: list[str] = table["doc_id"].to_pylist()
        return ids
    return [document_id(*one) for one in zip(table["path"].to_pylist(), table["member"].to_pylist(), strict=True)]
