"""Fit the prediction of a page's F1 (``pipeline.boilerplate.model``), and print how well it is calibrated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelled_pages import FOLDS, Page, decided
from pipeline.boilerplate.model import SIGNS, Floats, page_signs

RIDGE = 0.1  # of the regression
Doubles = NDArray[np.float64]


def fit_confidence(pages: Sequence[Page], scores: Sequence[Floats], wanted: Sequence[float]) -> Doubles:
    """Coefficients of ``confidence.SIGNS`` for the F1 of pages, by logistic regression on shares (IRLS)."""
    rows = np.array([_signs(page, score) for page, score in zip(pages, scores, strict=True) if page.blocks])
    target = np.array([f for page, f in zip(pages, wanted, strict=True) if page.blocks])
    coefficients = np.zeros(len(SIGNS))
    for _ in range(30):
        told = 1 / (1 + np.exp(-(rows @ coefficients)))
        slope = rows.T @ (target - told) - RIDGE * coefficients
        curve = (rows * (told * (1 - told))[:, None]).T @ rows + RIDGE * np.eye(len(SIGNS))
        coefficients += np.linalg.solve(curve, slope)
    return coefficients


def _signs(page: Page, scores: Floats) -> Doubles:
    return page_signs(scores.tolist(), decided(page, scores), [len(block.text) for block in page.blocks])


def print_confidence(pages: Sequence[Page], scores: Sequence[Floats], wanted: Sequence[float]) -> None:
    """Predicted against true F1 by fifths of the prediction, each page predicted without its fold."""
    told = np.full(len(pages), np.nan)
    for fold in range(FOLDS):
        seen = [at for at, page in enumerate(pages) if page.fold != fold]
        coefficients = fit_confidence(*([column[at] for at in seen] for column in (pages, scores, wanted)))
        for at, page in enumerate(pages):
            if page.fold == fold and page.blocks:
                told[at] = 1 / (1 + np.exp(-(_signs(page, scores[at]) @ coefficients)))
    given = np.flatnonzero(~np.isnan(told))
    truth = np.array(wanted)
    print(f"\n{'confidence, out of fold':34}{'predicted':>11}{'true F1':>10}{'under .5':>10}")
    for part in np.array_split(given[np.argsort(told[given])], 5):
        print(f"{'':34}{told[part].mean():11.3f}{truth[part].mean():10.3f}{(truth[part] < 0.5).mean():10.3f}")
    print(f"correlation {np.corrcoef(told[given], truth[given])[0, 1]:.3f}")
