"""How good the clean text of one page is likely to be: a prediction of its 4-gram F1.

A logistic regression on what the decision looks like from outside, fitted by ``benchmarks.train_labeller`` on
the scores of pages whose site the block model had not seen, so that it is calibrated for new sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from pipeline.boilerplate.model import MODEL_ID
from pipeline.types import KEPT_LABELS, Decision

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
