"""The networks of the folds in a file: ``train_labeller`` writes them, ``extraction`` judges pages by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.labelled_pages import FOLDS
from pipeline.boilerplate.model import NETWORKS, Weights


def read_folds(file: Path, mode: str) -> list[tuple[Weights, ...]]:
    """The networks of each fold, as ``write_folds`` left them."""
    with np.load(file, allow_pickle=False) as archive:
        return [
            tuple(
                Weights(**{name: archive[f"{mode}_{fold}_{at}_{name}"] for name in Weights.__slots__})
                for at in range(NETWORKS)
            )
            for fold in range(FOLDS)
        ]


def write_folds(modes: Mapping[str, Sequence[Sequence[Weights]]], file: Path) -> None:
    """The networks of the folds, for ``benchmarks.extraction``."""
    arrays = {
        f"{mode}_{fold}_{at}_{name}": value
        for mode, folds in modes.items()
        for fold, networks in enumerate(folds)
        for at, weights in enumerate(networks)
        for name, value in asdict(weights).items()
    }
    np.savez(file, **arrays)
