"""What needs the whole collection at once, on narrow columns: site templates and duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import LINES_SCHEMA, learn_templates
from pipeline.dedup.clusters import Index, find_duplicates
from pipeline.dedup.signature import N_HASHES, Words, from_bytes
from pipeline.shards.assemble import VERDICTS
from pipeline.shards.columns import SIGNATURES
from pipeline.store.chunks import chunk_names


def learn(cleaned: Sequence[Path], *, min_documents: int, min_share: float) -> pa.Table:
    """The site templates of a collection, from the folders that ``clean`` made."""
    lines = [_lines(chunk) for folder in cleaned for chunk in chunk_names(folder, "records")]
    table = pa.concat_tables([LINES_SCHEMA.empty_table(), *lines])
    return learn_templates(table, min_documents=min_documents, min_share=min_share)


def _lines(chunk: Path) -> pa.Table:
    """A row a block of the documents whose site is known, with the keys of its neighbours (0 at the ends)."""
    columns = ["doc_id", "site", "blocks_hash", "n_blocks"]
    records = pq.read_table(chunk, columns=columns)
    blocks = pq.read_table(
        chunk.with_name(chunk.name.replace(".records.", ".blocks.")), columns=["key", "n_tokens", "score"]
    )
    n_blocks = records["n_blocks"].to_numpy()
    of_record = np.repeat(np.arange(len(n_blocks)), n_blocks)
    keys = blocks["key"].to_numpy()
    same = of_record[1:] == of_record[:-1]
    before, after = np.zeros_like(keys), np.zeros_like(keys)
    before[1:][same] = keys[:-1][same]
    after[:-1][same] = keys[1:][same]
    spread = records.select(["site", "doc_id", "blocks_hash"]).take(pa.array(of_record))
    arrays = [
        *spread.columns,
        blocks["key"],
        pa.array(before),
        pa.array(after),
        blocks["n_tokens"],
        blocks["score"].cast(pa.float32()),
    ]
    table = pa.table(arrays, schema=LINES_SCHEMA)
    return table.filter(pc.is_valid(table["site"]))


@dataclass(frozen=True, slots=True)
class _Units:
    """Documents or stories that are compared: their narrow columns and where their shingles lie."""

    columns: pa.Table  # id, doc_id, text_sha256, minhash, n_shingles, n_tokens, day
    files: Sequence[Path]
    file_of: npt.NDArray[np.int64]  # a row: which of files
    row_of: npt.NDArray[np.int64]  # a row: which row of that file

    def filter(self, mask: npt.NDArray[np.bool_]) -> _Units:
        return _Units(self.columns.filter(pa.array(mask)), self.files, self.file_of[mask], self.row_of[mask])

    def index(self) -> Index:
        words = b"".join(self.columns["minhash"].to_pylist())
        return Index(
            doc_id=self.columns["id"].to_pylist(),
            text_sha256=self.columns["text_sha256"].to_pylist(),
            minhash=from_bytes(words).reshape(-1, N_HASHES),
            n_shingles=self.columns["n_shingles"].to_numpy(),
            n_tokens=self.columns["n_tokens"].to_numpy(),
            day=self.columns["day"].to_numpy(),
        )

    def shingles(self, rows: Sequence[int]) -> list[Words]:
        """The shingles of these rows, each file read once a call."""
        places = np.asarray(rows, dtype=np.int64)
        found: list[Words] = [from_bytes(b"")] * len(places)
        for number in np.unique(self.file_of[places]):
            mine = np.flatnonzero(self.file_of[places] == number)
            column = pq.read_table(self.files[number], columns=["shingles"])["shingles"]
            stored = column.take(pa.array(self.row_of[places[mine]])).to_pylist()
            for place, value in zip(mine.tolist(), stored, strict=True):
                found[place] = from_bytes(value)
        return found


def deduplicate(finished: Sequence[Path], *, jaccard: float, containment: float) -> pa.Table:
    """VERDICTS on the documents that are duplicates and on the stories that repeat another document's."""
    units = _load(finished)
    stories = np.asarray(pc.not_equal(units.columns["id"], units.columns["doc_id"]))
    documents = _verdicts(units.filter(~stories), jaccard=jaccard, containment=containment)
    left_out = np.asarray(pc.is_in(units.columns["doc_id"], value_set=documents["id"].combine_chunks()))
    if not stories.any():
        return documents
    digests = pc.unique(units.columns["doc_id"].filter(pa.array(stories)))
    whole_digests = np.asarray(pc.is_in(units.columns["id"], value_set=digests))
    alive = units.filter(~left_out & ~whole_digests)
    repeated = _verdicts(_as_sections(alive), jaccard=jaccard, containment=containment)
    return pa.concat_tables([documents, repeated])


def _load(finished: Sequence[Path]) -> _Units:
    narrow = pa.schema([field for field in SIGNATURES if field.name != "shingles"])
    files = [chunk for folder in finished for chunk in chunk_names(folder, "signatures")]
    tables = [pq.read_table(file, columns=narrow.names) for file in files]
    sizes = [table.num_rows for table in tables]
    columns = pa.concat_tables([narrow.empty_table(), *tables]).combine_chunks()
    file_of = np.repeat(np.arange(len(files)), sizes)
    row_of = np.concatenate([np.zeros(0, np.int64), *(np.arange(size) for size in sizes)])
    return _Units(columns, files, file_of, row_of)


def _as_sections(units: _Units) -> _Units:
    """The same units under section ids: an article is its own section 0."""
    articles = pc.equal(units.columns["id"], units.columns["doc_id"])
    ids = pc.if_else(articles, pc.binary_join_element_wise(units.columns["id"], "0", "-"), units.columns["id"])
    return _Units(units.columns.set_column(0, "id", ids), units.files, units.file_of, units.row_of)


def _verdicts(units: _Units, *, jaccard: float, containment: float) -> pa.Table:
    index = units.index()
    duplicates = find_duplicates(index, units.shingles, jaccard=jaccard, containment=containment)
    return pa.table(
        {
            "id": [index.doc_id[one.row] for one in duplicates],
            "duplicate_of": [index.doc_id[one.duplicate_of] for one in duplicates],
            "method": [one.method for one in duplicates],
            "jaccard": [one.jaccard for one in duplicates],
            "containment": [one.containment for one in duplicates],
            "cluster_id": [one.cluster_id for one in duplicates],
        },
        schema=VERDICTS,
    )
