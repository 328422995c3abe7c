"""What of an earlier ``finish`` of the same cleaned records still holds: every record whose template lines are the same.

A finished record depends on the cleaned one, the language backend and which of its lines are site templates. So when
a site's templates change, only the records with a line that became or ceased to be one are finished again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.boilerplate.templates import TemplateIndex, index_templates
from pipeline.disk import link_or_copy
from pipeline.ids import document_id
from pipeline.shards.chunks import proven, read_columns, write_table

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


def earlier_result(folder: str | None, hits: pa.Table, made_with: Mapping[str, Any]) -> Earlier | None:
    """The result in this folder, if it is there and made with the same but for templates."""
    if folder is None or not (Path(folder) / HITS).exists() or not proven(Path(folder)):
        return None
    before = pq.read_table(Path(folder) / HITS, use_threads=False)
    if json.loads((before.schema.metadata or {}).get(_MADE_WITH, b"null")) != json.loads(json.dumps(made_with)):
        return None
    pairs = [set(zip(one["site"].to_pylist(), one["key"].to_pylist(), strict=True)) for one in (before, hits)]
    changed = sorted(pairs[0] ^ pairs[1])
    sites, keys = (
        pa.array([site for site, _ in changed], pa.string()),
        pa.array([key for _, key in changed], pa.uint64()),
    )
    return Earlier(Path(folder), index_templates(pa.table({"site": sites, "key": keys})))


def pieces_of(earlier: Earlier, number: int) -> list[str]:
    """The names of the earlier result's chunks that were made of this chunk of cleaned records.

    There are several when a child died while it worked on them. One that has lost a table does not count.
    """
    files = earlier.folder.glob(f"{number:07d}-*.blocks.parquet")
    names = sorted(file.name.removesuffix(".blocks.parquet") for file in files)
    return [name for name in names if all((earlier.folder / f"{name}.{table}.parquet").exists() for table in TABLES)]


def outdated(earlier: Earlier, pieces: Sequence[str], records: pa.Table, blocks: pa.Table) -> NDArray[np.bool_]:
    """Whether each cleaned record has a line among the changed ones, or is not in these pieces: it was given up."""
    changed = earlier.changed.keys
    keys, n_blocks = blocks["key"].to_numpy(), records["n_blocks"].to_numpy()
    ends = np.cumsum(n_blocks)
    other = [
        site in changed and bool(np.isin(keys[end - n : end], changed[site]).any())
        for site, n, end in zip(records["site"].to_pylist(), n_blocks, ends, strict=True)
    ]
    known = read_columns([earlier.folder / f"{name}.blocks.parquet" for name in pieces], ["doc_id"])["doc_id"]
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
        file = f"{name}.{table}.parquet"
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
        old = [pq.read_table(earlier.folder / f"{piece}.{name}.parquet", use_threads=False) for piece in pieces]
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
