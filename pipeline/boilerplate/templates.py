"""Site templates: which lines recur across a site's documents, learned from narrow columns, kept as a table.

A line is known by a 64-bit key of its text, never by the text, so a collection's lines fit in memory. A line is learned
when enough different documents of its site have it and it belongs to the frame rather than to a text that was
posted several times:

1. Documents count once, however often they are posted: equal texts by hash, nearly equal ones by two weighted
   samples of their lines (Ioffe, "Improved consistent sampling", ICDM 2010, for weights known beforehand), where
   a line weighs its tokens times its rarity on the site, so that the frame does not make documents alike. Daily
   bulletins that differ in figures only are one document here. A document with hardly any likely text of its own
   (an article posted again beside other related stories) is compared without its own lines, and such documents are
   one as soon as one of the samples is the same.
2. A line must stand at an edge of its documents, or between different lines in different documents, or next to
   a learned line, when it is about as frequent or has very many documents.
3. A line that looks like content by the model's score must be in half of the site's documents, or be long and
   in many.
4. A short line that stands amid the text of its documents must look like chaff: subheadings and the labels
   of fields recur, too. (Shops and manuals: templates that took them made pages worse than no templates.)

To teach a site a line that recurs less, or to keep one that recurs, pin or veto it in the site's file
(``site_choices``). DOM paths are no evidence: where all else that a site has in a place is chaff, the labeller has
left out the rest already, and what it keeps there is content as often as not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.compiled import kernel
from pipeline.text.codes import IDEOGRAPHS, N_POINTS, Classes, Points, lower_points, read_codes
from pipeline.types import Block

# Where recurring lines stand: in the frame of their documents or amid the text.
#
# A line of the frame stands at an edge of its documents, in varied company, or beside such a line. What a
# site's lines are and how often they recur is ``templates``' business.

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


CONTENT_SCORE = 0.4  # mean score from which a line looks like content
CONTENT_WEIGHT = (
    0.3  # of what looks like content, beside rarity, when documents are compared: counts where all share it
)
CHAFF_SCORE = 0.05  # mean score under which a line looks like chaff wherever it stands
PROSE = 25  # tokens from which a line is long; a long one without a score looks like content
OWN_SHARE = 0.2  # of a document's likely text that must be its own, for its own lines to make it another document
CONTENT_SHARE = 0.5  # of a site's documents that must have a line that looks like content ...

LINES_SCHEMA = pa.schema(
    [
        pa.field("site", pa.string()),  # registrable domain; lines without one are ignored
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("text_sha256", pa.string()),  # of the document: equal documents count once
        pa.field("key", pa.uint64(), nullable=False),
        pa.field("prev_key", pa.uint64(), nullable=False),  # of the block before; 0 at the edge
        pa.field("next_key", pa.uint64(), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("score", pa.float64()),  # score that the block is content, 0 to 1
        pa.field("ordinal", pa.int32(), nullable=False),  # of the block in its document
    ]
)
TEMPLATES_SCHEMA = pa.schema(
    [
        pa.field("site", pa.string(), nullable=False),
        pa.field("key", pa.uint64(), nullable=False),
        pa.field("n_documents", pa.int64(), nullable=False),  # different documents with the line
        pa.field("n_site_documents", pa.int64(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),
    ]
)


NO_LETTERS = np.uint64(1)  # the key of every block without letters; 0 is what lies beyond the edges

_SEEDS = (np.uint64(0x2545F4914F6CDD1D), np.uint64(0xD1342543DE82EF95))
_LETTER, _DIGIT, _SPACE = 1, 2, 3  # classes of a code point; 0 is any other
_BLANK, _ZERO, _DOTTED_I = 0x20, 0x30, 0x130


@dataclass(frozen=True, slots=True)
class TemplateIndex:
    """Learned lines by site, each ascending."""

    keys: dict[str, Keys]


def line_keys(blocks: Sequence[Block]) -> Keys:
    """The key of each block's text, see ``line_key``."""
    return _keys([block.text for block in blocks])


def line_key(text: str) -> int:
    """A 64-bit key of a line: of its text in lower case, white space collapsed, each run of digits as one 0.

    ``NO_LETTERS`` for a line without letters (a figure of a table, a page number): such a line is never learned.
    """
    return int(_keys([text])[0])


def _keys(texts: Sequence[str]) -> Keys:
    codes = read_codes(texts)
    content, ends, lettered = _plain_lines(codes.points, lower_points(codes.points), codes.starts, _line_classes())
    plain, edges = content.tobytes(), [0, *ends.tolist()]
    lines = [plain[start:end] for start, end in pairwise(edges)]
    keys = np.frombuffer(b"".join([blake2b(line, digest_size=8).digest() for line in lines]), "<u8")
    return np.where(lettered, np.maximum(keys, np.uint64(2)), NO_LETTERS)


@kernel
def _plain_lines(
    points: Points, lower: Points, starts: Ints, class_of: Classes
) -> tuple[npt.NDArray[np.uint8], Ints, Bools]:
    """What the keys of lines are of, in UTF-8; where each line ends in it; whether it has a letter."""
    n = len(starts) - 1
    content, size = np.empty(4 * len(points), np.uint8), 0
    ends, lettered = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    for line in range(n):
        begin, before = size, _SPACE
        for at in range(starts[line], starts[line + 1] - 1):
            found = class_of[points[at]]
            if found == _SPACE or (found == _DIGIT and before == _DIGIT):
                before = found
                continue
            if before == _SPACE and size > begin:
                content[size] = _BLANK
                size += 1
            before = found
            lettered[line] |= found == _LETTER
            point = np.int64(lower[at]) if found != _DIGIT else _ZERO
            if point < 0x80:
                content[size] = point
                size += 1
            elif point < 0x800:
                content[size], content[size + 1] = 0xC0 | point >> 6, 0x80 | point & 0x3F
                size += 2
            else:
                if point < 0x10000:
                    content[size] = 0xE0 | point >> 12
                else:
                    content[size], content[size + 1] = 0xF0 | point >> 18, 0x80 | point >> 12 & 0x3F
                    size += 1
                content[size + 1], content[size + 2] = 0x80 | point >> 6 & 0x3F, 0x80 | point & 0x3F
                size += 3
            if points[at] == _DOTTED_I:  # the one that grows in lower case: an i, and its dot U+0307
                content[size], content[size + 1] = 0xCC, 0x87
                size += 2
        ends[line] = size
    return content[:size], ends, lettered


@cache
def _line_classes() -> Classes:
    """What each code point is to lines; beyond planes 0 to 3 none is a letter, a digit or white space."""
    table = np.zeros(N_POINTS, np.uint8)
    for found in re.finditer(r"([^\W\d_]+)|(\d+)|(\s+)", "".join(map(chr, range(IDEOGRAPHS.stop)))):
        table[found.start() : found.end()] = found.lastindex or 0
    table.flags.writeable = False
    return table


def neighbours(keys: Keys) -> tuple[Keys, Keys]:
    """The columns ``prev_key`` and ``next_key`` of a document's keys; 0 beyond its edges."""
    edge = np.zeros(1, np.uint64)
    return np.concatenate([edge, keys])[: len(keys)], np.concatenate([keys[1:], edge])[: len(keys)]


def learn_templates(rows: pa.Table, *, min_documents: int = 4, min_share: float = 0.25) -> pa.Table:
    """The lines of ``rows`` (LINES_SCHEMA) that make up site templates (TEMPLATES_SCHEMA), by site and key.

    ``min_documents``: different documents that must have a line; ``min_share``: of the site's different documents.
    The order of rows does not matter. Time grows with the sort of the rows.
    """
    sites, lines = _prepare(rows)
    if not len(lines.line):
        return TEMPLATES_SCHEMA.empty_table()
    group, n_groups = _groups(lines, own=min_documents - 1)
    first = np.flatnonzero(changes(lines.line))
    line_site = lines.site[first]
    n_documents = _n_distinct(lines.line, group[lines.doc], len(first))
    share = n_documents / n_groups[line_site]
    n_lines = np.bincount(lines.line)
    tokens = np.maximum.reduceat(lines.n_tokens, first)
    score = np.add.reduceat(lines.score, first) / n_lines  # nan where one is unknown
    prosaic = np.where(np.isnan(score), tokens >= PROSE, score >= CONTENT_SCORE)
    prosaic &= (tokens < PROSE) | (n_documents < AMPLE)
    needed = np.where(prosaic, max(CONTENT_SHARE, min_share), min_share)
    recurs = (n_documents >= min_documents + prosaic) & (share >= needed)  # an article posted again, cut each time
    text = ~recurs[lines.line] & (_likely(lines) >= CONTENT_SCORE)
    recurs &= (tokens >= PROSE) | (score < CHAFF_SCORE) | ~amid_text(lines, text)
    learned = np.flatnonzero(in_frame(lines, recurs, n_documents, first))
    columns = {
        "site": pa.array(sites, pa.string()).take(pa.array(line_site[learned])),
        "key": pa.array(lines.key[first][learned]),
        "n_documents": pa.array(n_documents[learned]),
        "n_site_documents": pa.array(n_groups[line_site][learned]),
        "share": pa.array(share[learned]),
    }
    return pa.table(columns, schema=TEMPLATES_SCHEMA)


def index_templates(templates: pa.Table) -> TemplateIndex:
    """Learned lines made ready for look-up; build it once for many documents."""
    names, site = _codes(templates["site"])
    keys = templates["key"].to_numpy()
    return TemplateIndex({name: np.sort(keys[site == code]) for code, name in enumerate(names)})


def match_templates(
    templates: TemplateIndex | pa.Table, site: str | None, keys: Keys | Sequence[int]
) -> list[str | None]:
    """For each block ``template:<site>`` where its line is learned, else None."""
    if site is None or not len(keys):
        return [None] * len(keys)
    if isinstance(templates, TemplateIndex):
        known = templates.keys.get(site, np.empty(0, np.uint64))
    else:
        known = templates.filter(pc.equal(templates["site"], site))["key"].to_numpy()
    hits = np.isin(np.asarray(keys, dtype=np.uint64), known)
    return [f"template:{site}" if hit else None for hit in hits.tolist()]


def _prepare(rows: pa.Table) -> tuple[list[str], Lines]:
    """Site names in order, and one row a line and document, of documents that differ in their text."""
    rows = rows.filter(pc.and_(pc.is_valid(rows["site"]), pc.greater(rows["key"], pa.scalar(NO_LETTERS, pa.uint64()))))
    names, site = _codes(rows["site"])
    doc, text = (_codes(rows[name])[1] for name in ("doc_id", "text_sha256"))
    text = np.where(text < 0, text.max(initial=0) + 1 + doc, text)  # of unknown text: different
    doc = np.unique(site * (doc.max(initial=0) + 1) + doc, return_inverse=True)[1]
    kept = np.flatnonzero(_first_posted(site * (text.max(initial=0) + 1) + text, doc))
    columns = (rows[name].to_numpy()[kept] for name in ("key", "prev_key", "next_key", "n_tokens", "score", "ordinal"))
    key, before, after, tokens, score, ordinal = columns
    order = np.lexsort((ordinal, after, before, doc[kept], key, site[kept]))
    new_line = changes(site[kept][order]) | changes(key[order])
    new = new_line | changes(doc[kept][order])
    at = order[new]
    lines = Lines(
        line=(np.cumsum(new_line) - 1)[new],
        doc=np.unique(doc[kept][at], return_inverse=True)[1],
        site=site[kept][at],
        key=key[at],
        before=before[at],
        after=after[at],
        n_tokens=tokens[at].astype(np.int64),
        score=score[at].astype(np.float64),
        ordinal=ordinal[at].astype(np.int64),
    )
    return names, lines


def _codes(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    """Distinct strings, ascending, and the place of each row's among them; -1 for null."""
    encoded = column.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    places = np.empty(len(names) + 1, np.int64)
    places[order] = np.arange(len(names))
    places[-1] = -1
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return [names[at] for at in order], places[codes]


def _first_posted(text: Ints, doc: Ints) -> Bools:
    """Whether a row's document is the first of those with the same text on the site."""
    order = np.lexsort((doc, text))
    begins = np.flatnonzero(changes(text[order]))
    first = np.empty(len(doc), np.int64)
    first[order] = np.repeat(doc[order][begins], np.diff(begins, append=len(doc)))
    posted: Bools = first == doc
    return posted


def _groups(lines: Lines, *, own: int) -> tuple[Ints, Ints]:
    """For each document the number of its group of nearly equal ones, and for each site how many groups it has.

    ``own``: documents that have a line which is still a document's own.
    """
    first = np.unique(lines.doc, return_index=True)[1]
    doc_site = lines.site[first]
    n_docs = np.bincount(doc_site)
    n_rows = np.bincount(lines.line)[lines.line]
    tokens, likely = np.maximum(lines.n_tokens, 1), _likely(lines)
    weight = tokens * (np.log(n_docs[lines.site] / n_rows) + CONTENT_WEIGHT * likely + 1e-6)
    text = tokens * (likely + 1e-3)
    repeats = np.bincount(lines.doc, text * (n_rows <= own)) < OWN_SHARE * np.bincount(lines.doc, text)
    weight[repeats[lines.doc] & (n_rows <= own)] = 1e-9
    samples = [_sample(lines, weight, seed) for seed in _SEEDS]
    group = _numbered(doc_site, *samples)
    either = [_numbered(doc_site[repeats], sample[repeats]) for sample in samples]
    group[repeats] = _joined(group[repeats], *either)
    return group, _n_distinct(doc_site, group, len(n_docs))


def _numbered(*columns: npt.NDArray[np.generic]) -> Ints:
    """A number for each distinct row of the columns."""
    order = np.lexsort(columns)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(np.any([changes(column[order]) for column in columns], axis=0)) - 1
    return number


def _joined(labels: Ints, *links: Ints) -> Ints:
    """The labels after all that share a number in one of the links have come to share their least label."""
    before = None
    while before is None or not np.array_equal(labels, before):
        before = labels
        for link in links:
            least = np.full(link.max(initial=-1) + 1, np.iinfo(np.int64).max)
            np.minimum.at(least, link, labels)
            labels = least[link]
    return labels


def _likely(lines: Lines) -> Floats:
    """The score of each row, 0 or 1 by its length where that is unknown."""
    return np.where(np.isnan(lines.score), 1.0 * (lines.n_tokens >= PROSE), lines.score)


def _sample(lines: Lines, weight: Floats, seed: np.uint64) -> Keys:
    """A key of each document, drawn by weight; documents draw the same with the odds of their weighted Jaccard."""
    mixed = (lines.key ^ seed) * GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(32))) * GOLDEN
    uniform = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
    order = np.lexsort((lines.key, -np.log(uniform) / weight, lines.doc))
    return lines.key[order][changes(lines.doc[order])]


def _n_distinct(of: Ints, values: Ints, n: int) -> Ints:
    """For each number 0 to n - 1 in ``of``, how many different values go with it."""
    pairs = np.sort(of * (values.max(initial=0) + 1) + values)
    return np.bincount(pairs[changes(pairs)] // (values.max(initial=0) + 1), minlength=n)
