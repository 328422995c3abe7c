"""What an output folder knows of one site: its template, and the lines that recur in its documents.

It is read from what the runs keep in ``.state``: the learned templates and the cleaned records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.templates import NO_LETTERS, TEMPLATES_SCHEMA
from pipeline.errors import SnapshotError
from pipeline.store.files import beside, block_bounds, chunk_names, kept_table, proven
from pipeline.store.layout import LEARNED, PACKS
from pipeline.store.snapshots import Snapshot, open_snapshot
from pipeline.text.safety import printable

#: Documents of a site that are looked through for its lines: enough to see what recurs, few enough to wait for.
MAX_DOCUMENTS = 1000

#: Mean score from which a learned line may be content after all: a maintainer should look at it.
DOUBTFUL = 0.2

_RECORDS = ("path", "raw_sha256", "site", "blocks_hash", "n_blocks")
_BLOCKS = ("text", "key", "n_tokens", "score", "rule_by")


@dataclass(frozen=True, slots=True)
class SiteLine:
    """A line that stands in two or more documents of a site."""

    key: int
    text: str  # as it stands in one of them
    n_tokens: int
    n_seen: int  # of the documents looked through, equal ones once
    score: float  # mean score that it is content, 0 to 1
    place: float  # mean place in its documents, 0 the first block to 1 the last
    rules: tuple[str, ...]  # ids of the rules that take it
    n_documents: int  # different documents it was learned from; 0: it was not learned


@dataclass(frozen=True, slots=True)
class SiteLines:
    """A site as the runs saw it."""

    site: str
    n_documents: int  # looked through, equal ones once
    n_learned_from: int  # different documents, nearly equal ones once; 0 when nothing was learned
    lines: tuple[SiteLine, ...]  # the most frequent first
    rules: tuple[tuple[str, int], ...]  # id and number of documents of each rule that took a block, by number

    @property
    def learned(self) -> tuple[SiteLine, ...]:
        """The lines of the template, the most frequent first."""
        return tuple(line for line in self.lines if line.n_documents)


@dataclass(slots=True)
class _Tally:
    text: str
    n_tokens: int
    n_seen: int = 0
    score: float = 0.0
    place: float = 0.0
    rules: set[str] = field(default_factory=set)


def learned_templates(out: Path, site: str | None = None) -> pa.Table | None:
    """The templates (TEMPLATES_SCHEMA) that the last run learned, of one site or all; None before the first run.

    Raises DamagedError.
    """
    found = kept_table(out / LEARNED)
    if found is None:
        return None
    templates = found[0].cast(TEMPLATES_SCHEMA)
    return templates if site is None else templates.filter(pc.equal(templates["site"], site))


def sites_of(out: Path) -> list[tuple[str, int]]:
    """The sites of the documents in the live snapshot with the number of each, the largest first."""
    sites = open_snapshot(out).table("documents", ["site"])["site"].drop_null()
    counts = Counter(sites.to_pylist())
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def lines_of(out: Path, site: str) -> SiteLines:
    """The lines that recur in a site's documents, learned or not.

    Raises SnapshotError when there is no snapshot, no kept state or no document of the site.
    """
    snapshot = open_snapshot(out)
    learned = learned_templates(out, site)
    packs = [out / PACKS / name for name in snapshot.manifest.get("state", {}).get("packs", ())]
    if learned is None or not all(proven(pack) for pack in packs):
        raise SnapshotError(
            f"What {printable(str(out))} keeps of its runs is gone or damaged.", mend="Run `winnow run RAW OUT` again."
        )
    tallies: dict[int, _Tally] = {}
    fired: Counter[str] = Counter()
    n_documents = 0
    for blocks in _documents(snapshot, packs, site):
        n_documents += 1
        _count(blocks, tallies)
        fired.update({row["rule_by"] for row in blocks if row["rule_by"]})
    if not n_documents:
        known = ", ".join(name for name, _ in sites_of(out)[:10]) or "none"
        raise SnapshotError(
            f"There is no document of the site {site} in {printable(str(out))}.", mend=f"Its sites: {known}."
        )
    counts = {row["key"]: row for row in learned.to_pylist()}
    lines = [_line(key, one, counts) for key, one in tallies.items() if one.n_seen > 1]
    return SiteLines(
        site,
        n_documents,
        max((row["n_site_documents"] for row in counts.values()), default=0),
        tuple(sorted(lines, key=lambda line: (-line.n_seen, line.place, line.text))),
        tuple((name.removeprefix("rule:"), n) for name, n in sorted(fired.items(), key=lambda one: (-one[1], one[0]))),
    )


def _line(key: int, one: _Tally, counts: dict[int, dict[str, Any]]) -> SiteLine:
    n_documents = counts[key]["n_documents"] if key in counts else 0
    rules = tuple(sorted(name.removeprefix("rule:") for name in one.rules))
    score, place = one.score / one.n_seen, one.place / one.n_seen
    return SiteLine(key, one.text, one.n_tokens, one.n_seen, score, place, rules, n_documents)


def _count(blocks: list[dict[str, Any]], tallies: dict[int, _Tally]) -> None:
    """Count each line of a document once."""
    seen: set[int] = set()
    for at, row in enumerate(blocks):
        key = row["key"]
        if key == NO_LETTERS or key in seen:
            continue
        seen.add(key)
        tally = tallies.setdefault(key, _Tally(row["text"], row["n_tokens"]))
        tally.n_seen += 1
        tally.score += row["score"]
        tally.place += at / max(len(blocks) - 1, 1)
        if row["rule_by"]:
            tally.rules.add(row["rule_by"])


def _documents(snapshot: Snapshot, packs: list[Path], site: str) -> Iterator[list[dict[str, Any]]]:
    """The blocks of the site's documents that differ, in path order, at most MAX_DOCUMENTS."""
    inputs = snapshot.table("inputs", ["path", "raw_sha256"]).to_pylist()
    live = {(row["path"], row["raw_sha256"]) for row in inputs}
    places: dict[str, tuple[str, Path, int, int]] = {}  # by hash of the blocks
    for chunk in (one for pack in packs for one in chunk_names(pack, "records")):
        records = pq.read_table(chunk, columns=list(_RECORDS))
        mine = records.append_column("start", pa.array(block_bounds(records)[:-1])).filter(
            pc.equal(records["site"], site)
        )
        for row in mine.to_pylist():
            if (row["path"], row["raw_sha256"]) in live:
                place = (row["path"], chunk, row["start"], row["n_blocks"])
                places[row["blocks_hash"]] = min(places.get(row["blocks_hash"], place), place)
    chosen = sorted(places.values())[:MAX_DOCUMENTS]
    tables: dict[Path, list[tuple[str, int, int]]] = {}
    for path, chunk, start, n_blocks in chosen:
        tables.setdefault(chunk, []).append((path, start, n_blocks))
    for chunk, found in sorted(tables.items(), key=lambda one: one[1]):
        blocks = pq.read_table(beside(chunk, "blocks"), columns=list(_BLOCKS))
        for _, start, n_blocks in found:
            yield blocks.slice(start, n_blocks).to_pylist()
