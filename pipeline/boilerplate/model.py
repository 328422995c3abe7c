"""How likely each block is main text: a small neural network over ``page_inputs``, in numpy.

A block is its features and the means of the embeddings of its words, classes and tags. One layer mixes them;
then the block is told of its page (means of that layer over the page, weighted by length and by four learned
kinds of attention, and the marks of the head), of its kin (means of the same over the blocks of one repeated
structure: the posts of a forum, the cards of a shop), and of its neighbours, by convolutions that look farther
each time. Two networks, trained from other seeds, are asked and their log odds averaged; where the first is sure, it
alone. Mark-up and flattened text have networks of their own, in ``weights.npz``, trained by
``python -m benchmarks.train_labeller`` (see docs/model-card.md). Change MODEL_ID with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from pipeline.boilerplate.page_inputs import Bags, PageInputs, page_inputs
from pipeline.boilerplate.vocabulary import load_vocabulary
from pipeline.types import Block, PageHead

#: What ``Decision.decided_by`` says where the model decided.
MODEL_ID = "model:page-cnn-2"

Floats = NDArray[np.float32]

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
    hidden = _rectified(_block_inputs(weights, page) @ weights.w_block + weights.b_block)
    hidden += _page_summary(weights, page, hidden)
    for at, reach in enumerate(REACHES):
        if at in KIN_BEFORE:
            which = KIN_BEFORE.index(at)
            hidden += _rectified(_told_by_kin(hidden, page, weights.w_kin[which]) + weights.b_kin[which])
        hidden += _rectified(_told_by_neighbours(hidden, reach, weights.w_near[at]) + weights.b_near[at])
    odds: Floats = np.clip(hidden @ weights.w_out + weights.b_out, -MAX_ODDS, MAX_ODDS)
    return odds


def _probability(odds: Floats) -> Floats:
    probability: Floats = np.reciprocal(1 + np.exp(-odds))
    return probability


def standardise(weights: Weights, table: Floats) -> Floats:
    """Features in standard deviations, clipped."""
    scaled: Floats = np.clip((table - weights.mean) * weights.scale, -CLIP, CLIP)
    return scaled


def _block_inputs(weights: Weights, page: PageInputs) -> Floats:
    classes = _mean_of_bags(weights.classes, page.classes, PLACE_DAMP)
    tags = _mean_of_bags(weights.tags, page.tags, PLACE_DAMP)
    words = _mean_of_bags(weights.words, page.words, WORD_DAMP)
    return np.hstack((standardise(weights, page.table), words, classes[page.place], tags[page.place]))


def _mean_of_bags(embeddings: Floats, bags: Bags, damp: float) -> Floats:
    """Weighted mean of each bag's embeddings; an empty bag is 0."""
    sums = np.zeros((bags.n, embeddings.shape[1]), dtype=np.float32)
    if len(bags.ids):
        starts = np.flatnonzero(np.diff(bags.rows, prepend=-1))
        sums[bags.rows[starts]] = np.add.reduceat(embeddings[bags.ids] * bags.weights[:, None], starts, axis=0)
    total = np.bincount(bags.rows, weights=bags.weights, minlength=bags.n).astype(np.float32)
    means: Floats = sums / (total + np.float32(damp))[:, None]
    return means


def _page_summary(weights: Weights, page: PageInputs, hidden: Floats) -> Floats:
    """What the page looks like, one row: its mean by length, its means by attention, its head."""
    size = page.tokens + 1
    asked = hidden @ weights.attention + np.log(size)[:, None] / 2
    attention = np.exp(asked - asked.max(axis=0))
    means = (attention / attention.sum(axis=0)).T @ hidden
    seen = np.concatenate((size @ hidden / size.sum(), means.ravel()))
    return _rectified(seen @ weights.w_page + weights.b_page + weights.marks[page.marks].sum(axis=0))


def _told_by_kin(hidden: Floats, page: PageInputs, w_kin: Floats) -> Floats:
    """Each block, and the means over its kin, by length and each block alike, through the weights."""
    own, by_length, alike = w_kin.reshape(3, len(w_kin) // 3, -1)
    order = np.argsort(page.kin, kind="stable")
    starts = np.flatnonzero(np.diff(page.kin[order], prepend=-1))
    sorted_hidden, size = hidden[order], (page.tokens[order] + 1)[:, None]
    counts = np.diff(starts, append=len(order))[:, None].astype(np.float32)
    means = np.add.reduceat(sorted_hidden, starts, axis=0) / counts
    weighted = np.add.reduceat(sorted_hidden * size, starts, axis=0) / np.add.reduceat(size, starts, axis=0)
    told: Floats = hidden @ own
    told += (weighted @ by_length + means @ alike)[page.kin]
    return told


def _told_by_neighbours(hidden: Floats, reach: int, w_near: Floats) -> Floats:
    """The block so many before, the block itself, the block so many after (0 beyond the page), through the weights."""
    before, own, after = w_near.reshape(3, len(w_near) // 3, -1)
    told: Floats = hidden @ own
    told[reach:] += hidden[:-reach] @ before
    told[:-reach] += hidden[reach:] @ after
    return told


def _rectified(values: Floats) -> Floats:
    positive: Floats = np.maximum(values, 0)
    return positive
