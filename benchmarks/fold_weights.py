"""The networks of the folds in a file: ``train_labeller`` writes them, ``extraction`` judges pages by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.labelled_pages import FOLDS
from pipeline.boilerplate.model import Weights


def read_folds(file: Path, mode: str) -> list[Weights]:
    """The networks of the folds, as ``write_folds`` left them."""
    with np.load(file, allow_pickle=False) as archive:
        return [
            Weights(**{name: archive[f"{mode}_{fold}_{name}"] for name in Weights.__slots__}) for fold in range(FOLDS)
        ]


def write_folds(modes: Mapping[str, Sequence[Weights]], file: Path) -> None:
    """The networks of the folds, for ``benchmarks.extraction``."""
    arrays = {
        f"{mode}_{fold}_{name}": value
        for mode, folds in modes.items()
        for fold, weights in enumerate(folds)
        for name, value in asdict(weights).items()
    }
    np.savez(file, **arrays)
