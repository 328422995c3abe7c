"""The site templates of the whole collection, learned anew only for the sites whose documents changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import LINES_SCHEMA, index_templates, learn_templates, neighbours
from pipeline.disk import write_text
from pipeline.shards.chunks import chunk_names, read_columns, write_table
from pipeline.store.packs import Pack


@dataclass(frozen=True, slots=True)
class Learned:
    """Templates, and the fingerprint of each site's documents that they were learned from."""

    templates: pa.Table  # TEMPLATES_SCHEMA
    sites: Mapping[str, str]


def learn(packs: Sequence[Pack], before: Learned | None, *, min_documents: int, min_share: float) -> Learned:
    """The templates of every site; those of sites without a change are taken from ``before``."""
    sites = _site_fingerprints(packs)
    known = before.sites if before else {}
    changed = pa.array(sorted(site for site, made_of in sites.items() if known.get(site) != made_of), pa.string())
    lines = [_lines(chunk, changed, pack.dead_ids()) for pack in packs for chunk in chunk_names(pack.folder, "records")]
    rows = pa.concat_tables([LINES_SCHEMA.empty_table(), *lines])
    fresh = learn_templates(rows, min_documents=min_documents, min_share=min_share)
    same = pa.array(sorted(site for site, made_of in sites.items() if known.get(site) == made_of), pa.string())
    kept = before.templates.filter(pc.is_in(before.templates["site"], value_set=same)) if before else None
    tables = [fresh] if kept is None else [fresh, kept.cast(fresh.schema)]
    keys = [("site", "ascending"), ("key", "ascending")]
    return Learned(pa.concat_tables(tables).sort_by(keys), sites)


def hits_in(pack: Pack, templates: pa.Table) -> pa.Table:
    """The templates whose lines occur in a pack: all that its finishing depends on, sorted."""
    index = index_templates(templates)
    found: dict[str, set[int]] = {}
    for chunk in chunk_names(pack.folder, "records"):
        records = pq.read_table(chunk, columns=["site", "n_blocks"])
        keys = pq.read_table(_blocks_of(chunk), columns=["key"])["key"].to_numpy()
        ends = np.cumsum(records["n_blocks"].to_numpy())
        for site, end, n_blocks in zip(records["site"].to_pylist(), ends, records["n_blocks"].to_numpy(), strict=True):
            if site in index.keys:
                mine = keys[end - n_blocks : end]
                found.setdefault(site, set()).update(mine[np.isin(mine, index.keys[site])].tolist())
    pairs = sorted((site, key) for site, hits in found.items() for key in hits)
    sites, hit = pa.array([site for site, _ in pairs], pa.string()), pa.array([key for _, key in pairs], pa.uint64())
    return pa.table({"site": sites, "key": hit})


def load_learned(folder: Path, made_with: str) -> Learned | None:
    """What an earlier run learned with the same code and settings, or None."""
    try:
        about = json.loads((folder / "learned.json").read_text("utf-8"))
        if about["made_with"] != made_with:
            return None
        return Learned(pq.read_table(folder / "learned.parquet"), about["sites"])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def save_learned(learned: Learned, folder: Path, made_with: str) -> None:
    """Keep what was learned for the next run; the note is taken away first, so that it never vouches for a torn file."""
    (folder / "learned.json").unlink(missing_ok=True)
    write_table(learned.templates, folder / "learned.parquet")
    note = json.dumps({"made_with": made_with, "sites": dict(learned.sites)})
    write_text(note, folder / "learned.json")


def _blocks_of(chunk: Path) -> Path:
    return chunk.with_name(chunk.name.replace(".records.", ".blocks."))


def _site_fingerprints(packs: Sequence[Pack]) -> dict[str, str]:
    """For each site, what its documents say: their ids and the hashes of their blocks, in order of id."""
    columns = ["site", "doc_id", "blocks_hash"]
    tables = [_live(read_columns(chunk_names(pack.folder, "records"), columns), pack.dead_ids()) for pack in packs]
    if not tables:
        return {}
    rows = pa.concat_tables(tables)
    rows = rows.filter(pc.is_valid(rows["site"])).sort_by([(name, "ascending") for name in columns])
    digests: dict[str, hashlib.blake2b] = {}
    for site, doc_id, blocks_hash in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        digests.setdefault(site, hashlib.blake2b(digest_size=16)).update(f"{doc_id}{blocks_hash}".encode())
    return {site: digest.hexdigest() for site, digest in digests.items()}


def _live(rows: pa.Table, dead: Sequence[str]) -> pa.Table:
    if not dead:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["doc_id"], value_set=pa.array(dead, pa.string()))))


def _lines(chunk: Path, sites: pa.Array, dead: Sequence[str]) -> pa.Table:
    """A row a block of the live documents of these sites."""
    records = pq.read_table(chunk, columns=["doc_id", "site", "blocks_hash", "n_blocks"])
    if not pc.any(pc.is_in(records["site"], value_set=sites)).as_py():
        return LINES_SCHEMA.empty_table()
    blocks = pq.read_table(_blocks_of(chunk), columns=["key", "n_tokens", "score"])
    n_blocks = records["n_blocks"].to_numpy()
    keys = blocks["key"].to_numpy()
    pairs = [neighbours(part) for part in np.split(keys, np.cumsum(n_blocks)[:-1])]
    before, after = (np.concatenate([pair[side] for pair in pairs] or [keys]) for side in (0, 1))
    spread = records.select(["site", "doc_id", "blocks_hash"]).take(
        pa.array(np.repeat(np.arange(len(n_blocks)), n_blocks))
    )
    places = [blocks["key"], pa.array(before), pa.array(after)]
    arrays = [*spread.columns, *places, blocks["n_tokens"], blocks["score"]]
    table = pa.table(arrays, schema=LINES_SCHEMA)
    return _live(table.filter(pc.is_in(table["site"], value_set=sites)), dead)
