"""How likely each block is main text: a small neural network over ``page_inputs``, in numpy.

A block is its features and the means of the embeddings of its words, classes and tags. One layer mixes them;
then the block is told of its page (means of that layer over the page, weighted by length and by four learned
kinds of attention, and the marks of the head), of its kin (means of the same over the blocks of one repeated
structure: the posts of a forum, the cards of a shop), and of its neighbours, by convolutions that look farther
each time. Two networks, trained from other seeds, are asked and their log odds averaged; where the first is sure, it
alone. Mark-up and flattened text have networks of their own, in ``weights.npz``, trained by
``python -m training.train_labeller`` (see docs/model-card.md). Change MODEL_ID with the weights.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from pipeline.blocks import Blocks
from pipeline.boilerplate.charstats import Hashed, char_stats
from pipeline.boilerplate.features import MAX_MARKS, block_features, find_places, head_marks, repeats
from pipeline.compiled import kernel
from pipeline.types import KEPT_LABELS, Block, Decision, PageHead

# The words the block model knows: of texts, of classes and ids, tags, and marks of a page's head.
#
# Learned with the weights and kept beside them: what was seen on enough sites (``training.train_labeller``).
# A word of a text is known by its hash (``charstats.Hashed``), the others by their name. Ids are rows of the
# model's embeddings; 0 is what is not known, of texts also 1 for a pair of CJK characters.

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

UNKNOWN_WORD, UNKNOWN_PAIR, FIRST_KNOWN = 0, 1, 2
MAX_CHAIN = 240  # code points of a chain of classes that are read, from its near end
MAX_CLASS_WORDS, MAX_TAGS = 24, 10  # of one place, the nearest
_SLOT_BITS = 18  # of a few ten thousand keys, some in a hundred clash and count as unknown
_SLOT_SHIFT = np.uint64(64 - _SLOT_BITS)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth, TAOCP 3, 6.4)
_CLASS_WORD = re.compile(r"[a-z]+|[\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True, eq=False)
class HashIndex:
    """From a hash to its id, in one look (see ``_first_ids``): the hash that has the slot, and its id."""

    keys: Hashes
    ids: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Words of texts by hash; class words, tags and head marks by name, from 1."""

    words: HashIndex
    pairs: HashIndex
    class_words: Mapping[str, int]
    tags: Mapping[str, int]
    marks: Mapping[str, int]


def make_vocabulary(
    *, words: Hashes, pairs: Hashes, class_words: Sequence[str], tags: Sequence[str], marks: Sequence[str]
) -> Vocabulary:
    """A vocabulary of these; ids follow their order."""
    return Vocabulary(
        _index(words, FIRST_KNOWN),
        _index(pairs, FIRST_KNOWN + len(words)),
        _numbered(class_words),
        _numbered(tags),
        _numbered(marks),
    )


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary of the shipped weights; read once a process."""
    with files("pipeline.boilerplate").joinpath("weights.npz").open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        names = {name: str(archive[f"vocabulary_{name}"]).split("\n") for name in ("class_words", "tags", "marks")}
        return make_vocabulary(words=archive["vocabulary_words"], pairs=archive["vocabulary_pairs"], **names)


def split_classes(classes: str) -> list[str]:
    """The words a chain of classes and ids is made of, the nearest first.

    >>> split_classes("page post-419 entry_content")
    ['content', 'entry', 'post', 'page']
    """
    return [word.lower() for word in _CLASS_WORD.findall(classes[-MAX_CHAIN:])[: -MAX_CLASS_WORDS - 1 : -1]]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: at for at, name in enumerate(names, start=1)}


def _slot(hashes: Hashes) -> Ints:
    """Slots, seen as signed: numpy would copy unsigned indices."""
    return (hashes * _GOLDEN >> _SLOT_SHIFT).view(np.int64)


def _index(hashes: Hashes, first: int) -> HashIndex:
    keys = np.zeros(1 << _SLOT_BITS, dtype=np.uint64)
    ids = np.zeros(1 << _SLOT_BITS, dtype=np.int64)
    slot = _slot(hashes)[::-1]
    keys[slot], ids[slot] = hashes[::-1], np.arange(first, first + len(hashes))[::-1]
    return HashIndex(keys, ids)


# All that the block model reads of one page: numbers of each block, and ids of its words, classes, tags and marks.
#
# Bags of ids are flat: which row each id belongs to, in order, and what it counts. Blocks that lie in the same
# place (path and classes) share the place's bags.

Floats = NDArray[np.float32]

READ_CHARS = 1000  # code points of a block that are read: one wall of text must not be the page
MAX_WORDS = 48  # of a block, and as many pairs of characters: its beginning tells its trade
#: What a class word or tag counts for, by steps outwards.
_CLASS_FADES = [0.85**step for step in range(MAX_CLASS_WORDS)]
_TAG_FADES = [0.8**step for step in range(MAX_TAGS)]


@dataclass(frozen=True, slots=True)
class Bags:
    """Ids in some of ``n`` rows: the row of each id, ascending, and its weight."""

    n: int
    rows: Ints
    ids: Ints
    weights: Floats


@dataclass(frozen=True, slots=True)
class PageInputs:
    """One page as the model sees it; n blocks in p places."""

    table: Floats  # (n, len(FEATURES) + len(REPEATS))
    tokens: Floats  # (n,): tokens of each block
    words: Bags  # of n blocks
    place: Ints  # (n,): the place each block lies in
    classes: Bags  # of p places
    tags: Bags  # of p places
    kin: Ints  # (n,): the repeated structure each block is of
    marks: Ints  # ids of the head's marks
    has_markup: bool


def page_inputs(blocks: Sequence[Block], head: PageHead, vocabulary: Vocabulary) -> PageInputs:
    """What the model reads of a page of one block or more."""
    read = _beginnings(Blocks.of(blocks))
    stats = char_stats(read.texts)
    places = find_places(read)
    table = block_features(read, stats, places)
    marks = [vocabulary.marks[mark] for mark in head_marks(head) if mark in vocabulary.marks][:MAX_MARKS]
    return PageInputs(
        np.hstack((table, repeats(head, stats))),
        stats.tokens,
        _word_bags(stats.hashed_words, stats.hashed_pairs, len(blocks), vocabulary),
        places.of,
        _bags([_class_bag(mark.classes, vocabulary) for mark in places.marks]),
        _bags([_tag_bag(mark.path, vocabulary) for mark in places.marks]),
        places.kin_of,
        np.array(marks, dtype=np.int64),
        places.has_markup,
    )


def _beginnings(blocks: Blocks) -> Blocks:
    """As much of each block as the model reads, with its share of links."""
    long = blocks.lengths > READ_CHARS
    if not long.any():
        return blocks
    link_chars = np.where(long, blocks.link_chars * READ_CHARS // np.maximum(blocks.lengths, 1), blocks.link_chars)
    return replace(blocks, texts=[text[:READ_CHARS] for text in blocks.texts], link_chars=link_chars)


def _word_bags(words: Hashed, pairs: Hashed, n: int, vocabulary: Vocabulary) -> Bags:
    """The first words of each text, and after them its first pairs."""
    known = (vocabulary.words.keys, vocabulary.words.ids, vocabulary.pairs.keys, vocabulary.pairs.ids)
    rows, ids = _first_ids(words.owner, words.hashes, pairs.owner, pairs.hashes, n, *known)
    return _frozen(n, rows, ids, np.ones(len(ids), dtype=np.float32))


@kernel
def _first_ids(
    word_owner: Ints,
    words: Hashes,
    pair_owner: Ints,
    pairs: Hashes,
    n: int,
    word_keys: Hashes,
    word_ids: Ints,
    pair_keys: Hashes,
    pair_ids: Ints,
) -> tuple[Ints, Ints]:
    """Rows, ascending, and ids: of each of n texts the first MAX_WORDS words, then as many pairs."""
    size = len(words) + len(pairs)
    rows, ids = np.empty(size, np.int64), np.empty(size, np.int64)
    filled = word = pair = 0
    for row in range(n):
        first = word
        while word < len(words) and word_owner[word] == row:
            if word - first < MAX_WORDS:
                slot = np.int64((words[word] * _GOLDEN) >> _SLOT_SHIFT)
                rows[filled], ids[filled] = row, word_ids[slot] if word_keys[slot] == words[word] else UNKNOWN_WORD
                filled += 1
            word += 1
        first = pair
        while pair < len(pairs) and pair_owner[pair] == row:
            if pair - first < MAX_WORDS:
                slot = np.int64((pairs[pair] * _GOLDEN) >> _SLOT_SHIFT)
                known = pair_keys[slot] == pairs[pair]
                rows[filled], ids[filled] = row, pair_ids[slot] if known else UNKNOWN_PAIR
                filled += 1
            pair += 1
    return rows[:filled], ids[:filled]


@lru_cache(maxsize=8192)
def _class_bag(classes: str, vocabulary: Vocabulary) -> tuple[bytes, bytes]:
    ids: list[int] = []
    for word in reversed(classes[-MAX_CHAIN:].split()):
        ids += _class_ids(word, vocabulary)
    return _faded(ids, _CLASS_FADES)


@lru_cache(maxsize=65536)  # the same words are in many chains
def _class_ids(word: str, vocabulary: Vocabulary) -> tuple[int, ...]:
    return tuple(vocabulary.class_words.get(part, 0) for part in split_classes(word))


@lru_cache(maxsize=8192)
def _tag_bag(path: tuple[str, ...], vocabulary: Vocabulary) -> tuple[bytes, bytes]:
    return _faded([vocabulary.tags.get(tag, 0) for tag in path[: -MAX_TAGS - 1 : -1]], _TAG_FADES)


def _faded(found: Sequence[int], fades: Sequence[float]) -> tuple[bytes, bytes]:
    """Known ids (not 0), nearest first, and what each counts: less the farther out it stands. Bytes of arrays."""
    known = [(number, weight) for number, weight in zip(found, fades, strict=False) if number]
    ids, weights = zip(*known, strict=True) if known else ((), ())
    return array("q", ids).tobytes(), array("f", weights).tobytes()


def _bags(places: Sequence[tuple[bytes, bytes]]) -> Bags:
    """One bag a place."""
    ids = np.frombuffer(b"".join([ids for ids, _ in places]), dtype=np.int64)
    weights = np.frombuffer(b"".join([weights for _, weights in places]), dtype=np.float32)
    rows = np.repeat(np.arange(len(places)), [len(ids) // 8 for ids, _ in places])
    return _frozen(len(places), rows, ids, weights)


def _frozen(n: int, rows: Ints, ids: Ints, weights: Floats) -> Bags:
    """Bags of arrays that cannot be written, as loops are compiled for one type of array."""
    for one in (rows, ids, weights):
        one.flags.writeable = False
    return Bags(n, rows, ids, weights)


#: What ``Decision.decided_by`` says where the model decided.
MODEL_ID = "model:page-cnn-2"


NETWORKS = 2  # that are asked for each page
SURE = 0.94  # expected F1 of a page from which the first network is enough: half of the pages, no worse
REACHES = (1, 2, 4, 8)  # blocks on each side that the convolutions look at, in turn
KIN_BEFORE = (0, 3)  # numbers of the convolutions before which a block is told of its kin
MAX_ODDS = 9.0  # of one network, logarithm: none is surer than one in some thousand
CLIP = 5.0  # standard deviations beyond which a feature tells no more
WORD_DAMP, PLACE_DAMP = 1.0, 0.5  # added to the weight of a bag, so that a bag of one counts less


@dataclass(frozen=True, slots=True)
class Weights:
    """One network of u units. Embeddings have a row an id of ``Vocabulary``; f columns of features."""

    mean: Floats  # (f,)
    scale: Floats  # (f,): one over the standard deviation
    words: Floats
    classes: Floats
    tags: Floats
    marks: Floats  # (marks, u)
    w_block: Floats  # (f + embeddings, u)
    b_block: Floats
    attention: Floats  # (u, 4)
    w_page: Floats  # (5 u, u)
    b_page: Floats
    w_kin: Floats  # (len(KIN_BEFORE), 3 u, u): own, mean by length, mean
    b_kin: Floats
    w_near: Floats  # (len(REACHES), 3 u, u): before, own, after
    b_near: Floats
    w_out: Floats
    b_out: Floats


@cache
def load_weights(mode: str) -> tuple[Weights, ...]:
    """The networks for "markup" or "plain"; read once a process."""
    with files("pipeline.boilerplate").joinpath("weights.npz").open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        return tuple(
            Weights(**{name: archive[f"{mode}_{at}_{name}"].astype(np.float32) for name in Weights.__slots__})
            for at in range(NETWORKS)
        )


@cache
def _threads() -> ThreadpoolController:
    """Of the numeric libraries loaded. A page's products are so small that threads cost more than they do."""
    return ThreadpoolController()


def score_blocks(blocks: Sequence[Block], head: PageHead = PageHead()) -> list[float]:  # noqa: B008  # a frozen value
    """Probability that each block of a page is main text, in page order, rounded to 4 digits."""
    if not blocks:
        return []
    inputs = page_inputs(blocks, head, load_vocabulary())
    networks = load_weights("markup" if inputs.has_markup else "plain")
    with _threads().limit(limits=1, user_api="blas"):
        scores = predict(networks, inputs)
    return np.round(scores.astype(np.float64), 4).tolist()  # type: ignore[no-any-return]  # numpy types tolist() as Any


def predict(networks: Sequence[Weights], page: PageInputs) -> Floats:
    """Probabilities for one page: the networks' mean log odds, of the first alone where that promises SURE."""
    odds = _log_odds(networks[0], page)
    if _promised_f1(_probability(odds), page.tokens) < SURE:
        odds = sum((_log_odds(weights, page) for weights in networks[1:]), odds) / np.float32(len(networks))
    return _probability(odds)


def _promised_f1(probability: Floats, tokens: Floats) -> float:
    """The largest expected F1 that keeping the likeliest blocks gives (as in ``label.page_threshold``)."""
    size = tokens + 1
    likeliest = np.argsort(-probability)
    hit, kept = np.cumsum((probability * size)[likeliest]), np.cumsum(size[likeliest])
    return float((2 * hit / (kept + hit[-1])).max())


def _log_odds(weights: Weights, page: PageInputs) -> Floats:
    hidden = _rectified(_block_inputs(weights, page) @ weights.w_block, weights.b_block)
    hidden += _page_summary(weights, page, hidden)
    for at, reach in enumerate(REACHES):
        if at in KIN_BEFORE:
            which = KIN_BEFORE.index(at)
            hidden += _rectified(_told_by_kin(hidden, page, weights.w_kin[which]), weights.b_kin[which])
        hidden += _rectified(_told_by_neighbours(hidden, reach, weights.w_near[at]), weights.b_near[at])
    odds: Floats = np.clip(hidden @ weights.w_out + weights.b_out, -MAX_ODDS, MAX_ODDS)
    return odds


def _probability(odds: Floats) -> Floats:
    probability: Floats = np.reciprocal(1 + np.exp(-odds))
    return probability


def standardise(weights: Weights, table: Floats, out: Floats | None = None) -> Floats:
    """Features in standard deviations, clipped; written to ``out`` where that is given."""
    scaled: Floats = np.subtract(table, weights.mean, out=out)
    scaled *= weights.scale
    return np.clip(scaled, -CLIP, CLIP, out=scaled)


def _block_inputs(weights: Weights, page: PageInputs) -> Floats:
    parts = (weights.words.shape[1], weights.classes.shape[1], weights.tags.shape[1])
    edges = list(accumulate(parts, initial=page.table.shape[1]))
    inputs = np.empty((len(page.table), edges[-1]), dtype=np.float32)
    standardise(weights, page.table, inputs[:, : edges[0]])
    inputs[:, edges[0] : edges[1]] = _mean_of_bags(weights.words, page.words, WORD_DAMP)
    inputs[:, edges[1] : edges[2]] = _mean_of_bags(weights.classes, page.classes, PLACE_DAMP)[page.place]
    inputs[:, edges[2] :] = _mean_of_bags(weights.tags, page.tags, PLACE_DAMP)[page.place]
    return inputs


def _mean_of_bags(embeddings: Floats, bags: Bags, damp: float) -> Floats:
    """Weighted mean of each bag's embeddings; an empty bag is 0."""
    return _sum_bags(embeddings, bags.rows, bags.ids, bags.weights, np.full(bags.n, damp, dtype=np.float32))


@kernel
def _sum_bags(embeddings: Floats, rows: Ints, ids: Ints, weights: Floats, total: Floats) -> Floats:
    """Weighted sums of each row's embeddings, divided by what the weights add to ``total``, which is changed."""
    width = embeddings.shape[1]
    sums = np.zeros((len(total), width), np.float32)
    for at in range(len(ids)):
        into, one, weight = sums[rows[at]], embeddings[ids[at]], weights[at]
        total[rows[at]] += weight
        for unit in range(width):
            into[unit] += one[unit] * weight
    for row in range(len(total)):
        into = sums[row]
        for unit in range(width):
            into[unit] /= total[row]
    return sums


def _page_summary(weights: Weights, page: PageInputs, hidden: Floats) -> Floats:
    """What the page looks like, one row: its mean by length, its means by attention, its head."""
    size = page.tokens + 1
    asked = hidden @ weights.attention + np.log(size)[:, None] / 2
    attention = np.exp(asked - asked.max(axis=0))
    means = (attention / attention.sum(axis=0)).T @ hidden
    seen = np.concatenate((size @ hidden / size.sum(), means.ravel()))
    return _rectified(seen @ weights.w_page, weights.b_page + weights.marks[page.marks].sum(axis=0))


def _told_by_kin(hidden: Floats, page: PageInputs, w_kin: Floats) -> Floats:
    """Each block, and the means over its kin, by length and each block alike, through the weights."""
    units = hidden.shape[1]
    told: Floats = hidden @ w_kin[:units]
    told += (_mean_of_kin(hidden, page.kin, int(page.kin.max()) + 1, page.tokens + 1) @ w_kin[units:])[page.kin]
    return told


@kernel
def _mean_of_kin(hidden: Floats, kin: Ints, n: int, size: Floats) -> Floats:
    """A row for each of n kin: the mean of its blocks by size, and beside it their mean, each counting alike."""
    units = hidden.shape[1]
    means = np.zeros((n, 2 * units), np.float32)
    sizes, counts = np.zeros(n, np.float32), np.zeros(n, np.float32)
    for block in range(len(kin)):
        into, one, weight = means[kin[block]], hidden[block], size[block]
        sizes[kin[block]] += weight
        counts[kin[block]] += np.float32(1)
        for unit in range(units):
            into[unit] += one[unit] * weight
            into[units + unit] += one[unit]
    for row in range(n):
        into = means[row]
        for unit in range(units):
            into[unit] /= sizes[row]
            into[units + unit] /= counts[row]
    return means


def _told_by_neighbours(hidden: Floats, reach: int, w_near: Floats) -> Floats:
    """The block so many before, the block itself, the block so many after (0 beyond the page), through the weights."""
    before, own, after = w_near.reshape(3, len(w_near) // 3, -1)
    told: Floats = hidden @ own
    told[reach:] += hidden[:-reach] @ before
    told[:-reach] += hidden[reach:] @ after
    return told


def _rectified(values: Floats, bias: Floats) -> Floats:
    """What is above 0 of values and bias; takes the place of the values."""
    values += bias
    return np.maximum(values, np.float32(0), out=values)


# How good the clean text of one page is likely to be: a prediction of its 4-gram F1.
#
# A logistic regression on what the decision looks like from outside, fitted by ``training.train_labeller`` on
# the scores of pages whose site the block model had not seen, so that it is calibrated for new sites.

#: What the prediction is made from, in the order of its coefficients.
SIGNS: tuple[str, ...] = (
    "one", "expected_f1", "certainty", "certainty_of_kept", "kept_characters", "kept_share", "blocks",
)  # fmt: skip


def extraction_confidence(
    scores: Sequence[float], decisions: Sequence[Decision], lengths: Sequence[int], *, has_markup: bool
) -> float:
    """Predicted F1, 0 to 1, rounded to 3 digits: scores, decisions and code points of a page's blocks."""
    signs = page_signs(scores, decisions, lengths)
    odds = float(signs @ load_coefficients("markup" if has_markup else "plain"))
    return round(1 / (1 + float(np.exp(-odds))), 3)


def page_signs(scores: Sequence[float], decisions: Sequence[Decision], lengths: Sequence[int]) -> NDArray[np.float64]:
    """One row of SIGNS. What a rule, a template or a step decided is certain, whatever the model thinks of it."""
    size = np.asarray(lengths, dtype=np.float64)
    chosen = np.array([one.label in KEPT_LABELS for one in decisions], dtype=np.float64)
    doubtful = np.array([one.decided_by.startswith(MODEL_ID) for one in decisions])
    score = np.where(doubtful, np.asarray(scores, dtype=np.float64), chosen)
    total, kept_size = max(float(size.sum()), 1.0), float((chosen * size).sum())
    likely = float((score * size).sum())
    certain = np.abs(2 * score - 1) * size
    return np.array(
        [
            1.0,
            2 * float((chosen * score * size).sum()) / max(kept_size + likely, 1.0),
            float(certain.sum()) / total,
            float((certain * chosen).sum()) / max(kept_size, 1.0),
            np.log1p(kept_size) / 10,
            kept_size / total,
            np.log1p(len(score)) / 10,
        ]
    )


@cache
def load_coefficients(mode: str) -> NDArray[np.float64]:
    """Coefficients for "markup" or "plain"; read once a process."""
    with files("pipeline.boilerplate").joinpath("weights.npz").open("rb") as file:
        found: NDArray[np.float64] = np.load(file, allow_pickle=False)[f"confidence_{mode}"]
        return found
