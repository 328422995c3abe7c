"""Our side of ``benchmarks.extraction``: scores by networks that have not seen the page, and the decision over them.

``fold_scores`` is the only place that knows how the model is trained: change it with the trainer.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.context_mlp import Plan, fit
from benchmarks.extraction_tables import Output
from benchmarks.train_labeller import FOLDS, Page, sample
from pipeline.boilerplate.label import decide
from pipeline.boilerplate.model import Floats, Weights, predict, score_blocks
from pipeline.boilerplate.rules import RuleSet, apply_rules
from pipeline.boilerplate.templates import (
    LINES_SCHEMA,
    index_templates,
    learn_templates,
    line_keys,
    match_templates,
    neighbours,
)
from pipeline.debris import debris
from pipeline.extract import extract
from pipeline.metadata.site import site_of_url
from pipeline.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block

ROOT = Path(__file__).parents[1]
#: Folds are stale when one of these has changed since they were trained.
TRAINED_WITH = (
    "pipeline/boilerplate/features.py",
    "pipeline/boilerplate/model.py",
    "benchmarks/context_mlp.py",
    "benchmarks/train_labeller.py",
)


def fold_scores(pages: Sequence[Page], folds_file: Path | None, *, mode: str) -> list[Floats]:
    """Scores of each page's blocks by the network that has not seen its brand.

    The five networks of a mode ("markup" or "plain") come from the file, or are trained on these pages, which must
    then be all there are, and added to it.
    """
    samples = [sample(page) for page in pages]
    weights = _read_folds(folds_file, mode)
    if not weights:
        for fold in range(FOLDS):
            print(f"training {mode}, fold {fold + 1} of {FOLDS}", file=sys.stderr)
            chosen = [one for one, page in zip(samples, pages, strict=True) if page.fold != fold]
            weights.append(fit(chosen, plan=Plan()))
        _write_folds(folds_file, mode, weights)
    none = np.zeros(0, dtype=np.float32)
    return [
        predict(weights[page.fold], one.table) if page.blocks else none
        for one, page in zip(samples, pages, strict=True)
    ]


def _fingerprint() -> int:
    return zlib.crc32(b"".join((ROOT / name).read_bytes() for name in TRAINED_WITH))


def _read_folds(file: Path | None, mode: str) -> list[Weights]:
    if not file or not file.exists():
        return []
    with np.load(file, allow_pickle=False) as archive:
        if f"{mode}_made_with" not in archive:
            return []
        if archive[f"{mode}_made_with"] != _fingerprint():
            print(f"WARNING: {file} was trained with other code ({mode}); remove it to train anew.", file=sys.stderr)
        return [
            Weights(**{name: archive[f"{mode}_{fold}_{name}"] for name in Weights.__slots__}) for fold in range(FOLDS)
        ]


def _write_folds(file: Path | None, mode: str, weights: Sequence[Weights]) -> None:
    if not file:
        return
    arrays = dict(np.load(file, allow_pickle=False)) if file.exists() else {}
    for fold, one in enumerate(weights):
        arrays |= {f"{mode}_{fold}_{name}": getattr(one, name) for name in Weights.__slots__}
    np.savez(file, **arrays, **{f"{mode}_made_with": np.array(_fingerprint())})


def shipped_scores(pages: Sequence[Page]) -> list[Floats]:
    """Scores by the weights in the package."""
    return [np.array(score_blocks(page.blocks), dtype=np.float32) for page in pages]


def decided(
    blocks: Sequence[Block],
    scores: Sequence[float],
    *,
    rules: RuleSet | None,
    site: str,
    hits: Sequence[str | None] = (),
) -> Output:
    """What the decision keeps of a page, as ``train_labeller.main_text``; with rules debris is nothing, as in a run."""
    none = [None] * len(blocks)
    decisions = decide(
        blocks,
        rule_decisions=apply_rules(rules, blocks, site=site) if rules else none,
        scores=scores,
        template_hits=hits or none,
    )
    kept = tuple(one.label in KEPT_LABELS and not one.decided_by.endswith("/title") for one in decisions)
    text = "\n".join(block.text for block, was in zip(blocks, kept, strict=True) if was)
    return Output("" if rules and text and debris(text) else text, kept)


def template_hits(pages: Sequence[Page], scores: Sequence[Floats]) -> list[list[str | None]]:
    """Site templates learned from all pages, looked up in each."""
    sites = [site_of_url(f"https://{page.site}/") for page in pages]
    keys = [line_keys(page.blocks) for page in pages]
    tables = [LINES_SCHEMA.empty_table()]
    for number, (page, site, mine, score) in enumerate(zip(pages, sites, keys, scores, strict=True)):
        before, after = neighbours(mine)
        columns = {
            "site": [site] * len(mine),
            "doc_id": [str(number)] * len(mine),
            "text_sha256": [str(number)] * len(mine),
            "key": mine,
            "prev_key": before,
            "next_key": after,
            "n_tokens": [count_tokens(block.text) for block in page.blocks],
            "score": score,
            "ordinal": np.arange(len(mine)),
        }
        arrays = [pa.array(columns[field.name]).cast(field.type) for field in LINES_SCHEMA]
        tables.append(pa.table(arrays, schema=LINES_SCHEMA))
    index = index_templates(learn_templates(pa.concat_tables(tables)))
    return [match_templates(index, site, mine) for site, mine in zip(sites, keys, strict=True)]


def timed_extraction(page: Page, rules: RuleSet) -> float:
    """CPU seconds from decoded text to the decision, with the weights in the package: a peer's share of the work."""
    start = time.process_time()
    blocks = extract(page.source, "text/html").blocks
    decided(blocks, score_blocks(blocks), rules=rules, site=page.site)
    return time.process_time() - start
