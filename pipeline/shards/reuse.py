"""What of an earlier ``finish`` of the same cleaned records still holds: every record whose template lines are the same.

A finished record depends on the cleaned one, the language backend and which of its lines are site templates. So when
a site's templates change, only the records with a line that became or ceased to be one are finished again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.boilerplate.templates import TemplateIndex, index_templates
from pipeline.disk import link_or_copy
from pipeline.ids import document_id
from pipeline.shards.chunks import proven, write_table

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


def outdated(earlier: Earlier, records: pa.Table, blocks: pa.Table) -> NDArray[np.bool_]:
    """Whether each cleaned record has a line among the changed ones."""
    changed = earlier.changed.keys
    keys, n_blocks = blocks["key"].to_numpy(), records["n_blocks"].to_numpy()
    ends = np.cumsum(n_blocks)
    return np.array(
        [
            site in changed and bool(np.isin(keys[end - n : end], changed[site]).any())
            for site, n, end in zip(records["site"].to_pylist(), n_blocks, ends, strict=True)
        ],
        dtype=bool,
    )


def chosen(records: pa.Table, blocks: pa.Table, mask: NDArray[np.bool_]) -> tuple[pa.Table, pa.Table]:
    """The records of a mask and their blocks."""
    return records.filter(pa.array(mask)), blocks.filter(pa.array(np.repeat(mask, records["n_blocks"].to_numpy())))


def holds_chunk(earlier: Earlier, name: str) -> bool:
    """Whether the earlier result has a chunk of this name, all its tables."""
    return all((earlier.folder / f"{name}.{table}.parquet").exists() for table in TABLES)


def take_chunk(earlier: Earlier, name: str, folder: Path) -> None:
    """Take a chunk of the earlier result as it is. Raises OSError."""
    for table in TABLES:
        file = f"{name}.{table}.parquet"
        (folder / file).unlink(missing_ok=True)
        link_or_copy(earlier.folder / file, folder / file)


def merged(
    earlier: Earlier, name: str, made: Mapping[str, pa.Table], *, order: Collection[str], redone: Collection[str]
) -> dict[str, pa.Table]:
    """Tables of a chunk: what was made again, the rest as it was, records in order (their doc_ids)."""
    rank = {doc_id: at for at, doc_id in enumerate(order)}
    again = frozenset(redone)
    tables = {}
    for table_name, table in made.items():
        old = pq.read_table(earlier.folder / f"{name}.{table_name}.parquet", use_threads=False)
        both = pa.concat_tables([old.filter(pa.array([one not in again for one in _ids(old)], pa.bool_())), table])
        places = np.argsort([rank[one] for one in _ids(both)], kind="stable")
        tables[table_name] = both.take(pa.array(places, pa.int64()))
    return tables


def _ids(table: pa.Table) -> list[str]:
    if "doc_id" in table.column_names:
        ids: list[str] = table["doc_id"].to_pylist()
        return ids
    return [document_id(*one) for one in zip(table["path"].to_pylist(), table["member"].to_pylist(), strict=True)]
