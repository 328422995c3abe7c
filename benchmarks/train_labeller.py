"""Train the block model, and print how well it does on sites it has not seen.

    python -m benchmarks.train_labeller [--data ../shared/data/extraction] [--peers] [--no-write]

Five folds by brand (finance.sina.com.cn and k.sina.cn are one), so that no site is on both sides. Each page
is judged by the whole decision (scores, then ``label.decide`` without rules or templates), as HTML and as
flattened text. Then the weights are trained on all pages and written beside ``model.py`` with the vocabulary
they speak. Same data and same seed, one thread: same weights. Takes about an hour on a core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.confidence_fit import Doubles, fit_confidence, print_confidence
from benchmarks.extraction_metrics import brand
from benchmarks.fold_weights import write_folds
from benchmarks.labelled_pages import FOLDS, VARIANTS, Page, flattened, main_text, print_table, read_pages, reframed
from benchmarks.train_plan import Plan, Rows, Sample
from pipeline.boilerplate.charstats import char_stats
from pipeline.boilerplate.confidence import load_coefficients
from pipeline.boilerplate.head_marks import head_marks
from pipeline.boilerplate.model import NETWORKS, Floats, Weights, load_weights, predict
from pipeline.boilerplate.page_inputs import page_inputs
from pipeline.boilerplate.vocabulary import FIRST_KNOWN, Vocabulary, load_vocabulary, make_vocabulary, split_classes
from pipeline.tokens import count_tokens

WEIGHTS = Path(__file__).parents[1] / "pipeline" / "boilerplate" / "weights.npz"
LENGTH_POWER, LENGTH_CAP = 0.75, 400  # a block weighs its tokens, at most so many, to this power
PAGE_WEIGHT = 20.0
CHINESE_WEIGHT = 2.0  # a Chinese page counts for so many: there are few
#: Sites (brands) that a word must be seen on to be known.
SITES_NEEDED = {"words": 12, "pairs": 5, "class_words": 8, "tags": 8, "marks": 10}
_EXACT = frozenset({"mean", "scale"})  # kept in single precision


def learn_vocabulary(pages: Sequence[Page]) -> dict[str, Any]:
    """Words that enough sites use, as ``make_vocabulary`` takes them. No label is looked at."""
    sites: dict[str, dict[Any, set[str]]] = {name: defaultdict(set) for name in SITES_NEEDED}
    for page in pages:
        if page.blocks:
            mine, stats = brand(page.site), char_stats([block.text for block in page.blocks])
            marks = [block.markup for block in page.blocks if block.markup]
            seen: dict[str, Iterable[Any]] = {
                "words": np.unique(stats.hashed_words.hashes).tolist(),
                "pairs": np.unique(stats.hashed_pairs.hashes).tolist(),
                "class_words": {word for chain in {m.classes for m in marks} for word in split_classes(chain)},
                "tags": {tag for path in {m.path for m in marks} for tag in path},
                "marks": head_marks(page.head),
            }
            for name, words in seen.items():
                for word in words:
                    sites[name][word].add(mine)
    known = {
        name: sorted(w for w, on in sites[name].items() if len(on) >= needed) for name, needed in SITES_NEEDED.items()
    }
    return {
        name: np.array(words, dtype=np.uint64) if name in {"words", "pairs"} else words for name, words in known.items()
    }


def rows_of(learnt: Mapping[str, Sequence[object]]) -> Rows:
    """Rows of the embeddings for these words."""
    words = FIRST_KNOWN + len(learnt["words"]) + len(learnt["pairs"])
    return Rows(words, *(1 + len(learnt[name]) for name in ("class_words", "tags", "marks")))


def sample(page: Page, vocabulary: Vocabulary) -> Sample | None:
    """What the model reads, soft labels and weights: a page counts as a page, a block by its length."""
    if not page.blocks:
        return None
    tokens = np.array([count_tokens(block.text) for block in page.blocks], dtype=np.float64)
    weight = (np.minimum(tokens, LENGTH_CAP) + 2) ** LENGTH_POWER
    weight *= PAGE_WEIGHT * (CHINESE_WEIGHT if page.lang == "zh" else 1) / max(weight.sum(), 1)
    shares = np.array(page.shares, dtype=np.float32)
    return Sample(page_inputs(page.blocks, page.head, vocabulary), shares, weight.astype(np.float32))


def fit_networks(samples: Sequence[Sample], rows: Rows, *, plan: Plan) -> tuple[Weights, ...]:
    """The networks that are asked together, one after another, from other seeds."""
    from benchmarks.block_net import fit  # needs JAX (extra "bench")

    return tuple(fit(samples, rows, plan=replace(plan, seed=plan.seed + at)) for at in range(NETWORKS))


def cross_validated(
    pages: Sequence[Page], vocabulary: Vocabulary, rows: Rows, *, plan: Plan
) -> tuple[list[Floats], list[tuple[Weights, ...]]]:
    """Probabilities for each page by the networks that have not seen its brand; and the networks of each fold."""
    samples = [sample(page, vocabulary) for page in pages]
    folds = []
    for fold in range(FOLDS):
        seen = [one for one, page in zip(samples, pages, strict=True) if one and page.fold != fold]
        folds.append(fit_networks(seen, rows, plan=plan))
        print(f"fold {fold + 1} of {FOLDS} trained on {len(seen)} pages", file=sys.stderr, flush=True)
    none = np.zeros(0, dtype=np.float32)
    scored = zip(samples, pages, strict=True)
    return [predict(folds[page.fold], one.page) if one else none for one, page in scored], folds


def peers() -> dict[str, Callable[[str], str]]:
    """Other extractors, by name, from HTML to text."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    return {
        "trafilatura": lambda html: trafilatura.extract(html, include_comments=False) or "",
        "resiliparse": lambda html: extract_plain_text(html, main_content=True),
    }


def write_weights(
    modes: Mapping[str, Sequence[Weights]], learnt: Mapping[str, Any], confidence: Mapping[str, Doubles], path: Path
) -> None:
    """One archive for all modes, arrays in half precision named MODE_NUMBER_NAME, the vocabulary, the confidence."""
    arrays: dict[str, Any] = {
        f"{mode}_{at}_{name}": np.asarray(getattr(weights, name), dtype=np.float32 if name in _EXACT else np.float16)
        for mode, networks in modes.items()
        for at, weights in enumerate(networks)
        for name in Weights.__slots__
    }
    for mode, coefficients in confidence.items():
        arrays[f"confidence_{mode}"] = coefficients
    for name, words in learnt.items():
        arrays[f"vocabulary_{name}"] = words if isinstance(words, np.ndarray) else np.array("\n".join(words))
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/extraction"))
    parser.add_argument("--folds", type=Path, help="keep the networks of the folds here, for benchmarks.extraction")
    parser.add_argument("--peers", action="store_true", help="print the table of other extractors too")
    parser.add_argument("--no-write", action="store_true", help="leave the weights as they are")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    html = read_pages(given.data)
    plan, learnt = Plan(), learn_vocabulary(html)
    vocabulary, rows = make_vocabulary(**learnt), rows_of(learnt)
    print(f"{rows} in the vocabulary", file=sys.stderr)
    modes = {"markup": html, "plain": flattened(html, variants=VARIANTS) + reframed(html)}
    folds, confidence = {}, {}
    for mode, pages in modes.items():
        scores, folds[mode] = cross_validated(pages, vocabulary, rows, plan=plan)
        texts = (main_text(page, score) for page, score in zip(pages, scores, strict=True))
        reached = print_table(f"{mode}, out of fold", pages, texts)
        print_confidence(pages, scores, reached)
        confidence[mode] = fit_confidence(pages, scores, reached)
    print_table("best possible with these blocks (HTML)", html, map(_oracle, html))
    if given.peers:
        for name, run in peers().items():
            print_table(name, html, (run(page.source) for page in html))
    if given.folds:
        write_folds(folds, given.folds)
    if not given.no_write:
        ready = {mode: [one for page in pages if (one := sample(page, vocabulary))] for mode, pages in modes.items()}
        trained = {mode: fit_networks(one, rows, plan=plan) for mode, one in ready.items()}
        write_weights(trained, learnt, confidence, WEIGHTS)
        for load in (load_vocabulary, load_weights, load_coefficients):
            load.cache_clear()
    print(f"\n{time.monotonic() - started:.0f} s")


def _oracle(page: Page) -> str:
    return "\n".join(b.text for b, share in zip(page.blocks, page.shares, strict=True) if share >= 0.5)


if __name__ == "__main__":
    main()
