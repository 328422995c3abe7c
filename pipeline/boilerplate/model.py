"""How likely each block is main text: a small neural network over ``features``, in numpy.

Two layers of rectified units a block. Between them each block is told what its neighbours and its page look
like: the means of the first layer over one and four blocks on both sides and, weighted by length, over the
page. Mark-up and flattened text have weights of their own, in ``weights.npz``, trained by
``python -m benchmarks.train_labeller`` (see docs/model-card.md). Change MODEL_ID with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.features import FEATURES, block_features
from pipeline.types import Block

#: What ``Decision.decided_by`` says where the model decided.
MODEL_ID = "model:context-mlp-1"

Floats = NDArray[np.float32]

REACHES = (1, 4)  # blocks on each side whose first layers are averaged
CLIP = 5.0  # standard deviations beyond which a feature tells no more
_TOKENS = FEATURES.index("tokens")
_HAS_MARKUP = FEATURES.index("has_markup")


@dataclass(frozen=True, slots=True)
class Weights:
    """One network. Rows of w1 are FEATURES; of w2 the first layer, its windows and its page mean."""

    mean: Floats
    scale: Floats  # one over the standard deviation
    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats
    w3: Floats
    b3: Floats


@cache
def load_weights(mode: str) -> Weights:
    """The weights for "markup" or "plain"; read once a process."""
    with files("pipeline.boilerplate").joinpath("weights.npz").open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        return Weights(**{name: archive[f"{mode}_{name}"] for name in Weights.__slots__})


def score_blocks(blocks: Sequence[Block]) -> list[float]:
    """Probability that each block of a page is main text, in page order, rounded to 4 digits."""
    if not blocks:
        return []
    table = block_features(blocks)
    mode = "markup" if table[:, _HAS_MARKUP].any() else "plain"
    return np.round(predict(load_weights(mode), table).astype(np.float64), 4).tolist()  # type: ignore[no-any-return]  # numpy types tolist() as Any


def predict(weights: Weights, table: Floats) -> Floats:
    """Probabilities for one page's rows of ``block_features``."""
    first = np.maximum(standardise(weights, table) @ weights.w1 + weights.b1, 0)
    share = page_shares(table)
    page = np.broadcast_to(share @ first, first.shape)
    near = [_window_mean(first, reach) for reach in REACHES]
    second = np.maximum(np.hstack((first, *near, page)) @ weights.w2 + weights.b2, 0)
    odds = second @ weights.w3 + weights.b3[0]
    probability: Floats = 1 / (1 + np.exp(-odds))
    return probability


def standardise(weights: Weights, table: Floats) -> Floats:
    """Features in standard deviations, clipped."""
    scaled: Floats = np.clip((table - weights.mean) * weights.scale, -CLIP, CLIP)
    return scaled


def page_shares(table: Floats) -> Floats:
    """Each block's share of its page's tokens (one added to each block, so that none is nothing)."""
    grown = np.exp(table[:, _TOKENS])
    shares: Floats = grown / grown.sum()
    return shares


def _window_mean(first: Floats, reach: int) -> Floats:
    """Mean over the block and up to ``reach`` blocks on both sides."""
    n, width = first.shape
    sums = np.concatenate((np.zeros((1, width), dtype=np.float32), np.cumsum(first, axis=0)))
    index = np.arange(n)
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach + 1, n)
    counts = (high - low)[:, None].astype(np.float32)
    means: Floats = np.divide(sums[high] - sums[low], counts, dtype=np.float32)
    return means
