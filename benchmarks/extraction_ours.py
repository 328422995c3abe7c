"""Our side of ``benchmarks.extraction``: scores by networks that have not seen the page, and the decision over them.

``fold_scores`` is the only place that knows how the model is trained: change it with the trainer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.extraction_tables import Output
from benchmarks.fold_weights import read_folds
from benchmarks.labelled_pages import Page
from pipeline.boilerplate.label import decide
from pipeline.boilerplate.model import Floats, load_vocabulary, page_inputs, predict, score_blocks
from pipeline.boilerplate.rules import RuleSet, apply_rules
from pipeline.boilerplate.templates import (
    LINES_SCHEMA,
    index_templates,
    learn_templates,
    line_keys,
    match_templates,
    neighbours,
)
from pipeline.extract import extract
from pipeline.metadata.site import site_of_url
from pipeline.text.quality import debris
from pipeline.text.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block, PageHead


def fold_scores(pages: Sequence[Page], folds: Path, *, mode: str) -> list[Floats]:
    """Scores of each page's blocks by the network that has not seen its brand.

    The networks of a mode ("markup" or "plain") are those that ``train_labeller --folds`` left in the file; the
    vocabulary is the package's, for which no label was looked at.
    """
    networks, vocabulary = read_folds(folds, mode), load_vocabulary()
    none = np.zeros(0, dtype=np.float32)
    return [
        predict(networks[page.fold], page_inputs(page.blocks, page.head, vocabulary)) if page.blocks else none
        for page in pages
    ]


def shipped_scores(pages: Sequence[Page]) -> list[Floats]:
    """Scores by the weights in the package."""
    return [np.array(score_blocks(page.blocks, page.head), dtype=np.float32) for page in pages]


def decided(
    blocks: Sequence[Block],
    scores: Sequence[float],
    *,
    rules: RuleSet | None,
    site: str,
    hits: Sequence[str | None] = (),
    head: PageHead = PageHead(),  # noqa: B008  # a frozen value
) -> Output:
    """What the decision keeps of a page, as ``labelled_pages.main_text``; with rules debris is nothing, as in a run."""
    none = [None] * len(blocks)
    decisions = decide(
        blocks,
        rule_decisions=apply_rules(rules, blocks, site=site) if rules else none,
        scores=scores,
        template_hits=hits or none,
        head=head,
    )
    kept = tuple(one.label in KEPT_LABELS and not one.decided_by.endswith("/title") for one in decisions)
    text = "\n".join(block.text for block, was in zip(blocks, kept, strict=True) if was)
    return Output("" if rules and text and debris(text) else text, kept)


def site_of_page(page: Page) -> str:
    """The site whose template a page's lines teach."""
    return site_of_url(f"https://{page.site}/") or page.site


def line_rows(pages: Sequence[Page], scores: Sequence[Floats]) -> pa.Table:
    """What the pages teach (LINES_SCHEMA); a page's number is its ``doc_id``."""
    tables = [LINES_SCHEMA.empty_table()]
    for number, (page, score) in enumerate(zip(pages, scores, strict=True)):
        mine = line_keys(page.blocks)
        before, after = neighbours(mine)
        columns = {
            "site": [site_of_page(page)] * len(mine),
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
    return pa.concat_tables(tables)


def template_hits(pages: Sequence[Page], scores: Sequence[Floats]) -> list[list[str | None]]:
    """Site templates learned from all pages, looked up in each."""
    index = index_templates(learn_templates(line_rows(pages, scores)))
    return [match_templates(index, site_of_page(page), line_keys(page.blocks)) for page in pages]


def timed_extraction(page: Page, rules: RuleSet) -> float:
    """CPU seconds from decoded text to the decision, with the weights in the package: a peer's share of the work."""
    start = time.process_time()
    found = extract(page.source, "text/html")
    decided(found.blocks, score_blocks(found.blocks, found.head), rules=rules, site=page.site, head=found.head)
    return time.process_time() - start
