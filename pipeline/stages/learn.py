"""The site templates of the whole collection, learned anew only for the sites whose documents changed.

What is learned of one site depends on its lines alone. So the lines are dealt out to files by site, a chunk of records
at a time, and learned from a file at a time: memory grows with neither the documents nor the lines.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import LINES_SCHEMA, TEMPLATES_SCHEMA, TemplateIndex, learn_templates, neighbours
from pipeline.store.files import beside, block_bounds, chunk_names, keep_table, kept_table, read_columns
from pipeline.store.layout import LEARNED
from pipeline.store.state import Pack

#: Lines that are learned from at a time (one site's at least), about 1 KB each, and the most files for them.
BATCH_LINES, MAX_FILES = 60_000, 128
_SLICE = 10_000  # rows that are Python objects at a time


@dataclass(frozen=True, slots=True)
class Learned:
    """Templates, and the fingerprint of the documents that they were learned from, by site.

    A site of fewer documents than a template needs is not here: so nobody gains by naming a million of them.
    """

    templates: pa.Table  # TEMPLATES_SCHEMA
    sites: Mapping[str, str]


def learn(
    packs: Sequence[Pack], before: Learned | None, *, min_documents: int, min_share: float, spill: Path
) -> Learned:
    """The templates of every site; those of sites without a change are taken from ``before``.

    ``spill`` is a folder for lines, which must not exist. Raises OSError.
    """
    sites, n_lines = _site_fingerprints(packs, min_documents)
    known = before.sites if before else {}
    file_of = _deal({site: n for site, n in n_lines.items() if known.get(site) != sites[site]})
    spill.mkdir()
    files = [spill / f"{number:03d}.arrow" for number in range(1 + max(file_of.values(), default=-1))]
    _spill(packs, file_of, files)
    tables = [learn_templates(_read_lines(file), min_documents=min_documents, min_share=min_share) for file in files]
    if before:
        same = pa.array(sorted(sites.keys() - file_of.keys()), pa.string())
        tables.append(before.templates.filter(pc.is_in(before.templates["site"], value_set=same)))
    tables = [TEMPLATES_SCHEMA.empty_table(), *(table.cast(TEMPLATES_SCHEMA) for table in tables)]
    keys = [("site", "ascending"), ("key", "ascending")]
    return Learned(pa.concat_tables(tables).sort_by(keys), sites)


def _deal(n_lines: Mapping[str, int]) -> dict[str, int]:
    """The number of the file of each site: files of about as many lines, as many as memory asks for."""
    per_file = max(BATCH_LINES, sum(n_lines.values()) // MAX_FILES + 1)
    ends = np.cumsum(list(n_lines.values()), dtype=np.int64)
    files = (ends - list(n_lines.values())) // per_file
    numbers = np.unique(files, return_inverse=True)[1]
    return dict(zip(n_lines, numbers.tolist(), strict=True))


def _spill(packs: Sequence[Pack], file_of: Mapping[str, int], files: Sequence[Path]) -> None:
    """Write the lines of these sites to their files."""
    sites, numbers = pa.array(file_of.keys(), pa.string()), np.array(list(file_of.values()), dtype=np.int64)
    with contextlib.ExitStack() as stack:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        sinks = [stack.enter_context(pa.ipc.new_stream(file, LINES_SCHEMA, options=options)) for file in files]
        for pack in packs if files else ():
            dead = pack.dead_ids()
            for chunk in chunk_names(pack.folder, "records"):
                lines = _lines(chunk, sites, dead)
                targets = numbers[pc.index_in(lines["site"], value_set=sites).to_numpy()]
                for number in np.unique(targets).tolist():
                    sinks[number].write_table(lines.filter(pa.array(targets == number)))


def _read_lines(file: Path) -> pa.Table:
    with pa.ipc.open_stream(file) as lines:
        return lines.read_all()


def hits_in(pack: Pack, index: TemplateIndex) -> pa.Table:
    """The templates whose lines occur in a pack: all that its finishing depends on, sorted."""
    found: dict[str, set[int]] = {}
    for chunk in chunk_names(pack.folder, "records"):
        records = pq.read_table(chunk, columns=["site", "n_blocks"])
        keys = pq.read_table(beside(chunk, "blocks"), columns=["key"])["key"].to_numpy()
        bounds = block_bounds(records)
        for site, start, end in zip(records["site"].to_pylist(), bounds[:-1], bounds[1:], strict=True):
            if site in index.keys:
                mine = keys[start:end]
                found.setdefault(site, set()).update(mine[np.isin(mine, index.keys[site])].tolist())
    pairs = sorted((site, key) for site, hits in found.items() for key in hits)
    sites, hit = pa.array([site for site, _ in pairs], pa.string()), pa.array([key for _, key in pairs], pa.uint64())
    return pa.table({"site": sites, "key": hit})


def load_learned(out: Path, made_with: str) -> Learned | None:
    """What an earlier run learned with the same code and settings, or None. Raises DamagedError."""
    found = kept_table(out / LEARNED)
    if found is None or found[1]["made_with"] != made_with:
        return None
    return Learned(found[0], found[1]["sites"])


def save_learned(learned: Learned, out: Path, made_with: str) -> None:
    """Keep what was learned for the next run. Raises OutputError."""
    keep_table(learned.templates, out / LEARNED, {"made_with": made_with, "sites": dict(learned.sites)})


def _site_fingerprints(packs: Sequence[Pack], min_documents: int) -> tuple[dict[str, str], dict[str, int]]:
    """For each site of so many documents, what they say: ids and hashes of blocks, in order of id; and its lines."""
    columns = ["site", "doc_id", "blocks_hash", "n_blocks"]
    tables = [_live(read_columns(chunk_names(pack.folder, "records"), columns), pack.dead_ids()) for pack in packs]
    if not tables:
        return {}, {}
    rows = pa.concat_tables(tables)
    counted = pc.value_counts(rows["site"].drop_null())
    large = counted.field("values").filter(pc.greater_equal(counted.field("counts"), min_documents))
    rows = rows.filter(pc.is_in(rows["site"], value_set=large)).sort_by([(name, "ascending") for name in columns])
    sites: dict[str, str] = {}
    n_lines: dict[str, int] = {}
    for site, of_it in groupby(_values(rows), key=itemgetter(0)):
        digest, n_lines[site] = hashlib.blake2b(digest_size=16), 0
        for _, doc_id, blocks_hash, n_blocks in of_it:
            digest.update(f"{doc_id}{blocks_hash}".encode())
            n_lines[site] += n_blocks
        sites[site] = digest.hexdigest()
    return sites, n_lines


def _values(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples, some at a time."""
    for start in range(0, rows.num_rows, _SLICE):
        yield from zip(*(column.to_pylist() for column in rows.slice(start, _SLICE).columns), strict=True)


def _live(rows: pa.Table, dead: Sequence[str]) -> pa.Table:
    if not dead:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["doc_id"], value_set=pa.array(dead, pa.string()))))


def _lines(chunk: Path, sites: pa.Array, dead: Sequence[str]) -> pa.Table:
    """A row a block of the live documents of these sites."""
    records = pq.read_table(chunk, columns=["doc_id", "site", "blocks_hash", "n_blocks"])
    if not pc.any(pc.is_in(records["site"], value_set=sites)).as_py():
        return LINES_SCHEMA.empty_table()
    blocks = pq.read_table(beside(chunk, "blocks"), columns=["key", "n_tokens", "score"])
    n_blocks, bounds = records["n_blocks"].to_numpy(), block_bounds(records)
    keys = blocks["key"].to_numpy()
    pairs = [neighbours(part) for part in np.split(keys, bounds[1:-1])]
    before, after = (np.concatenate([pair[side] for pair in pairs] or [keys]) for side in (0, 1))
    spread = records.select(["site", "doc_id", "blocks_hash"]).take(
        pa.array(np.repeat(np.arange(len(n_blocks)), n_blocks))
    )
    places = [blocks["key"], pa.array(before), pa.array(after)]
    ordinals = np.arange(len(keys)) - np.repeat(bounds[:-1], n_blocks)
    arrays = [*spread.columns, *places, blocks["n_tokens"], blocks["score"], pa.array(ordinals.astype(np.int32))]
    table = pa.table(arrays, schema=LINES_SCHEMA)
    return _live(table.filter(pc.is_in(table["site"], value_set=sites)), dead)
