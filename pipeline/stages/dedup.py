"""Duplicates over the whole collection, on narrow columns, and what they mean for each pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dedup.clusters import Index, find_duplicates
from pipeline.dedup.signature import N_HASHES, Sequence16, Words, from_bytes, sequence_from_bytes
from pipeline.schema import SIGNATURES, VERDICTS
from pipeline.store.files import chunk_names, read_columns
from pipeline.store.fingerprint import fingerprint, table_fingerprint
from pipeline.store.state import FinishedPack


@dataclass(frozen=True, slots=True)
class _Units:
    """Documents or stories that are compared: their narrow columns and where their shingles lie."""

    columns: pa.Table  # id, doc_id, text_sha256, n_shingles, n_tokens, day
    minhash: Words  # a row a unit
    files: Sequence[Path]
    file_of: npt.NDArray[np.int64]  # a row: which of files
    row_of: npt.NDArray[np.int64]  # a row: which row of that file

    def filter(self, mask: npt.NDArray[np.bool_]) -> _Units:
        if mask.all():
            return self
        columns = self.columns.filter(pa.array(mask))
        return _Units(columns, self.minhash[mask], self.files, self.file_of[mask], self.row_of[mask])

    def index(self) -> Index:
        return Index(
            doc_id=self.columns["id"].to_pylist(),
            text_sha256=self.columns["text_sha256"].to_pylist(),
            minhash=self.minhash,
            n_shingles=self.columns["n_shingles"].to_numpy(),
            n_tokens=self.columns["n_tokens"].to_numpy(),
            day=self.columns["day"].to_numpy(),
        )

    def shingles(self, rows: Sequence[int]) -> list[Words]:
        """The shingles of these rows, each file read once a call."""
        return [from_bytes(value) for value in self._stored("shingles", rows)]

    def sequences(self, rows: Sequence[int]) -> list[Sequence16]:
        """The sequences of tokens of these rows, each file read once a call."""
        return [sequence_from_bytes(value) for value in self._stored("sequence", rows)]

    def _stored(self, name: str, rows: Sequence[int]) -> list[bytes]:
        places = np.asarray(rows, dtype=np.int64)
        found = [b""] * len(places)
        for number in np.unique(self.file_of[places]):
            mine = np.flatnonzero(self.file_of[places] == number)
            column = pq.read_table(self.files[number], columns=[name])[name]
            stored = column.take(pa.array(self.row_of[places[mine]])).to_pylist()
            for place, value in zip(mine.tolist(), stored, strict=True):
                found[place] = value
        return found


def deduplicate(finished: Sequence[FinishedPack], *, jaccard: float, containment: float) -> pa.Table:
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


def _load(finished: Sequence[FinishedPack]) -> _Units:
    narrow = pa.schema([field for field in SIGNATURES if field.name not in {"minhash", "shingles", "sequence"}])
    files = [(chunk, one) for one in finished for chunk in chunk_names(one.folder, "signatures")]
    sizes = [pq.read_metadata(file).num_rows for file, _ in files]
    minhash = np.empty((sum(sizes), N_HASHES), np.uint32)
    alive = np.empty(sum(sizes), bool)
    tables, end = [narrow.empty_table()], 0
    for (file, one), size in zip(files, sizes, strict=True):
        table = pq.read_table(file, columns=[*narrow.names, "minhash"])
        start, end = end, end + size
        minhash[start:end] = from_bytes(b"".join(table["minhash"].to_pylist())).reshape(-1, N_HASHES)
        alive[start:end] = ~np.asarray(pc.is_in(table["doc_id"], value_set=pa.array(one.dead, pa.string())))
        tables.append(table.select(narrow.names))
    columns = pa.concat_tables(tables).combine_chunks()
    file_of = np.repeat(np.arange(len(files)), sizes)
    row_of = np.concatenate([np.zeros(0, np.int64), *(np.arange(size) for size in sizes)])
    return _Units(columns, minhash, [file for file, _ in files], file_of, row_of).filter(alive)


def _as_sections(units: _Units) -> _Units:
    """The same units under section ids: an article is its own section 0."""
    articles = pc.equal(units.columns["id"], units.columns["doc_id"])
    ids = pc.if_else(articles, pc.binary_join_element_wise(units.columns["id"], "0", "-"), units.columns["id"])
    return replace(units, columns=units.columns.set_column(0, "id", ids))


def _verdicts(units: _Units, *, jaccard: float, containment: float) -> pa.Table:
    index = units.index()
    duplicates = find_duplicates(
        index, units.shingles, load_sequences=units.sequences, jaccard=jaccard, containment=containment
    )
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


def verdict_fingerprints(finished: Sequence[FinishedPack], verdicts: pa.Table) -> list[str]:
    """For each pack, what the verdicts say of its documents, its stories and what its documents stand for."""
    counted = pc.value_counts(verdicts["cluster_id"])
    clusters = pa.table({"id": counted.field("values"), "n": counted.field("counts")})
    tables = [table.append_column("doc_id", _doc_ids(table["id"])) for table in (verdicts, clusters)]
    found = []
    for one in finished:
        rows = read_columns(chunk_names(one.folder, "signatures"), ["doc_id"])["doc_id"]
        rows = pc.unique(rows.filter(pc.invert(pc.is_in(rows, value_set=pa.array(one.dead, pa.string())))))
        mine = (table.filter(pc.is_in(table["doc_id"], value_set=rows)).sort_by("id") for table in tables)
        found.append(fingerprint([*map(table_fingerprint, mine), sorted(one.dead)]))
    return found


def _doc_ids(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """The document of each id, which is a document's own or a section's."""
    return pc.list_element(pc.split_pattern(ids, "-", max_splits=1), 0)
