"""What changed in a way that an operator should look at, from one snapshot to the next: sites, rules and templates.

A crawler that is served a challenge, a site that was made anew, a rule that takes more than it should: each shows as a
jump of a figure that is steady from day to day. ``figures`` gathers them, ``drifts`` compares two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.store.snapshots import Snapshot
from pipeline.types import KEPT_LABELS

#: Documents of a site from which its figures are steady enough to be compared; of blocks that one thing decided.
MIN_DOCUMENTS, MIN_BLOCKS = 5, 50
#: Volume is this many times as much, or as little; the share of what a rule decides is so many times as much.
VOLUME, TAKES = 2.0, 3.0
#: Jumps of shares and of a mean confidence, 0 to 1.
REMOVED, CONFIDENCE = 0.2, 0.15
MOST = 100  # drifts that are told


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """Figures of the documents of a site."""

    n_documents: int
    lang: str  # the most frequent one
    removed: float  # share of the text that is not kept, 0 to 1
    confidence: float  # mean extraction_confidence


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a snapshot."""

    sites: Mapping[str, SiteFigures]
    decided: Mapping[str, int]  # blocks by what decided them


@dataclass(frozen=True, slots=True)
class Drift:
    """A jump: of which site, rule or template; what jumped; from what to what."""

    subject: str
    what: str  # "gone", "volume", "language", "removed", "confidence" or "takes"
    before: str
    after: str


def figures(snapshot: Snapshot) -> Figures:
    """The figures of a snapshot, a row a site and a decider. Raises SnapshotError."""
    import duckdb  # a fifth of a second

    kept = ", ".join(f"'{label.value}'" for label in sorted(KEPT_LABELS))
    sites = f"""
        with text as (
            select doc_id, sum("end" - start) said, sum("end" - start) filter (label in ({kept})) kept
            from blocks group by doc_id
        )
        select coalesce(site, ''), count(*), mode(lang), 1 - coalesce(sum(kept), 0) / greatest(sum(said), 1),
               avg(extraction_confidence)
        from documents left join text using (doc_id) group by 1
    """
    decided = "select decided_by, count(*) from blocks group by 1"
    with snapshot.duckdb() as connection:
        try:
            rows, counts = connection.sql(sites).fetchall(), connection.sql(decided).fetchall()
        except duckdb.Error as error:
            raise snapshot.damaged(error) from None
    return Figures({site: SiteFigures(*rest) for site, *rest in rows if site}, dict(counts))


def drifts(before: Figures, after: Figures) -> list[Drift]:
    """What jumped between two snapshots, sites first, the largest first; at most ``MOST``."""
    large = {site: one for site, one in before.sites.items() if one.n_documents >= MIN_DOCUMENTS}
    found = [
        drift
        for site, one in sorted(large.items(), key=lambda item: (-item[1].n_documents, item[0]))
        for drift in _of_site(site, one, after.sites.get(site))
    ]
    return [*found, *_of_deciders(before.decided, after.decided)][:MOST]


def _of_site(site: str, before: SiteFigures, after: SiteFigures | None) -> Iterator[Drift]:
    if after is None:
        yield Drift(site, "gone", f"{before.n_documents:,} documents", "none")
        return
    if not 1 / VOLUME < after.n_documents / before.n_documents < VOLUME:
        yield Drift(site, "volume", f"{before.n_documents:,} documents", f"{after.n_documents:,} documents")
    if after.lang != before.lang:
        yield Drift(site, "language", before.lang, after.lang)
    if abs(after.removed - before.removed) > REMOVED:
        yield Drift(site, "removed", f"{before.removed:.0%} of the text", f"{after.removed:.0%}")
    if abs(after.confidence - before.confidence) > CONFIDENCE:
        yield Drift(site, "confidence", f"{before.confidence:.2f}", f"{after.confidence:.2f}")


def _of_deciders(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[Drift]:
    n_before, n_after = max(sum(before.values()), 1), max(sum(after.values()), 1)
    for name, n in sorted(after.items(), key=lambda item: (-item[1], item[0])):
        was = before.get(name, 0)
        if n >= MIN_BLOCKS and n / n_after > TAKES * max(was, 1) / n_before:
            yield Drift(name, "takes", f"{was:,} of {n_before:,} blocks", f"{n:,} of {n_after:,}")
