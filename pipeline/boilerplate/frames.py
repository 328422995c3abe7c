"""Where recurring lines stand: in the frame of their documents or amid the text.

A line of the frame stands at an edge of its documents, in varied company, or beside such a line. What a
site's lines are and how often they recur is ``templates``' business.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VARIED = 3  # different lines before or after that prove different neighbourhoods
AS_FREQUENT = 0.5  # of a learned neighbour's documents, for a line inside a run that has not AMPLE documents
AMPLE = 20  # so many different documents prove a line whatever else: no one writes the same paragraph so often
AMID_TOKENS = 10  # tokens from which a block of the text marks where the text is
AMID_SHARE = 0.1  # of its documents in which a line stands amid the text; more is no slip of the model's
_MAX_RUN = 200  # lines of a frame that are followed from its end

Keys = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's odd multiplier


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """One row a line and document, sorted by line, then document; parallel arrays."""

    line: Ints  # 0-based number of the (site, key)
    doc: Ints  # 0-based number of the (site, document)
    key: Keys
    site: Ints
    before: Keys
    after: Keys
    n_tokens: Ints
    score: Floats
    ordinal: Ints  # of the block in its document


def amid_text(lines: Lines, text: Bools) -> Bools:
    """Which lines stand, in more than AMID_SHARE of their documents, between two rows of ``text``."""
    marks = text & (lines.n_tokens >= AMID_TOKENS)
    n_docs = lines.doc.max(initial=-1) + 1
    first, last = np.full(n_docs, np.iinfo(np.int64).max), np.full(n_docs, -1)
    np.minimum.at(first, lines.doc[marks], lines.ordinal[marks])
    np.maximum.at(last, lines.doc[marks], lines.ordinal[marks])
    amid = (first[lines.doc] < lines.ordinal) & (lines.ordinal < last[lines.doc])
    often: Bools = np.bincount(lines.line, amid) > AMID_SHARE * np.bincount(lines.line)
    return often


def in_frame(lines: Lines, recurs: Bools, n_documents: Ints, first: Ints) -> Bools:
    """Which recurring lines belong to the frame: at an edge, in varied company, or beside such a line."""
    n_rows = np.bincount(lines.line)
    framed = np.zeros(len(first), np.bool_)
    links = []
    for side in (lines.before, lines.after):
        order = np.lexsort((side, lines.line))
        begins = np.flatnonzero(changes(lines.line[order]) | changes(side[order]))
        line, key = lines.line[order][begins], side[order][begins]
        count = np.diff(begins, append=len(order))
        usual = 2 * count >= n_rows[line]
        framed |= np.bincount(line) >= VARIED
        framed[line[usual & (key == 0)]] = True
        links.append(_linked(line[usual], key[usual], lines.site[first], lines.key[first]))
    line, beside = np.concatenate(links, axis=1)
    enough = np.minimum(AS_FREQUENT * n_documents[beside], AMPLE)
    near = recurs[line] & recurs[beside] & (n_documents[line] >= enough)
    line, beside = line[near], beside[near]
    framed &= recurs
    for _ in range(_MAX_RUN):
        fresh = line[framed[beside] & ~framed[line]]
        if not len(fresh):
            break
        framed[fresh] = True
    return framed


def _linked(line: Ints, key: Keys, sites: Ints, keys: Keys) -> Ints:
    """Pairs of a line and the line that has ``key`` on the same site, where there is one."""
    known = keys ^ (sites.astype(np.uint64) * GOLDEN)
    order = np.argsort(known)
    wanted = key ^ (sites[line].astype(np.uint64) * GOLDEN)
    at = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    found = known[at] == wanted
    return np.stack([line[found], at[found]])


def changes(values: npt.NDArray[np.generic]) -> Bools:
    """Where a sorted array begins a new value."""
    changed = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return changed
