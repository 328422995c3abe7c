"""What the block model is trained from and how, apart from the trainer (``block_net``), which needs JAX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.model import PageInputs

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """A page for training: what the model reads, wanted probabilities and weights of its blocks."""

    page: PageInputs
    wanted: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. Found by trials on out-of-fold F1 (docs/model-card.md)."""

    units: int = 96
    word_units: int = 24
    class_units: int = 12
    tag_units: int = 8
    epochs: int = 9
    forms: int = 2  # of each page, in an epoch
    rate: float = 3e-3
    decay: float = 0.05
    dropout: float = 0.3
    word_dropout: float = 0.4  # of single words, classes, tags and marks
    class_blind: float = 0.4  # share of pages whose classes are left out
    f1_share: float = 6.0  # weight of the loss that is one minus the promised F1
    crop: int = 768  # blocks of a page seen at a time
    blocks: int = 4096  # in a batch; with it the other sizes, which are padded
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows each embedding has."""

    words: int
    classes: int
    tags: int
    marks: int
