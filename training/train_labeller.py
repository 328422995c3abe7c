"""Train the block model, and print how well it does on sites it has not seen.

    python -m training.train_labeller [--data ../shared/data/extraction] [--folds FILE] [--peers] [--no-write]
        [--jobs N]
    python -m training.train_labeller --refit FILE

Five folds by brand (finance.sina.com.cn and k.sina.cn are one), so that no site is on both sides. Each page
is judged by the whole decision (scores, then ``label.decide`` without rules or templates), as HTML and as
flattened text. Then the weights are trained on all pages and written beside ``model.py`` with the vocabulary
they speak. Same data and same seeds: same weights, however many are trained at once. Takes some 70 minutes of a
core, which ``--jobs`` divides. After a change of the decision alone, ``--refit`` judges again with the networks that
``--folds`` left in a file, and writes the confidence anew beside the weights as they are.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.extraction_metrics import brand
from benchmarks.fold_weights import read_folds, write_folds
from benchmarks.labelled_pages import (
    FOLDS,
    VARIANTS,
    Page,
    decided,
    flattened,
    main_text,
    plain_forms,
    print_table,
    read_pages,
    reframed,
)
from pipeline.boilerplate.charstats import char_stats
from pipeline.boilerplate.features import head_marks
from pipeline.boilerplate.model import (
    FIRST_KNOWN,
    NETWORKS,
    SIGNS,
    Floats,
    Vocabulary,
    Weights,
    load_coefficients,
    load_vocabulary,
    load_weights,
    make_vocabulary,
    page_inputs,
    page_signs,
    predict,
    split_classes,
)
from pipeline.text.tokens import count_tokens
from training.train_plan import Plan, Rows, Sample

Doubles = NDArray[np.float64]

WEIGHTS = Path(__file__).parents[1] / "pipeline" / "boilerplate" / "weights.npz"
LENGTH_POWER, LENGTH_CAP = 0.75, 400  # a block weighs its tokens, at most so many, to this power
PAGE_WEIGHT = 20.0
CHINESE_WEIGHT = 2.0  # a Chinese page counts for so many: there are few
#: Sites (brands) that a word must be seen on to be known.
SITES_NEEDED = {"words": 12, "pairs": 5, "class_words": 8, "tags": 8, "marks": 10}
RIDGE = 0.1  # of the regression that the confidence is
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


@dataclass(frozen=True, slots=True)
class Mode:
    """Pages as one of the model's two modes sees them: those it is judged by, and all forms of each to learn from."""

    pages: Sequence[Page]
    forms: Sequence[Sequence[Page]]


def modes_of(html: Sequence[Page]) -> dict[str, Mode]:
    """The modes by name. Flattened pages are judged in some styles and learnt from in all."""
    judged = flattened(html, variants=VARIANTS) + reframed(html)
    return {"markup": Mode(html, [[page] for page in html]), "plain": Mode(judged, plain_forms(html))}


def train(
    modes: Mapping[str, Mode], learnt: Mapping[str, Any], *, plan: Plan, folds: Sequence[int | None], jobs: int
) -> dict[tuple[str, int | None], tuple[Weights, ...]]:
    """The networks of each mode that have not seen a fold's pages, or (None) have seen them all."""
    vocabulary, rows = make_vocabulary(**learnt), rows_of(learnt)
    print(f"{rows} in the vocabulary", file=sys.stderr)
    work: dict[Hashable, Callable[[], Weights]] = {}
    for name, mode in modes.items():
        groups = [(forms[0].fold, [one for page in forms if (one := sample(page, vocabulary))]) for forms in mode.forms]
        for fold in folds:
            seen = [samples for its_fold, samples in groups if samples and its_fold != fold]
            for seed in range(NETWORKS):
                work[name, fold, seed] = partial(_fit, seen, rows, replace(plan, seed=plan.seed + seed))
    found = run_forked(work, at_once=jobs)
    return {
        (name, fold): tuple(found[name, fold, seed] for seed in range(NETWORKS)) for name in modes for fold in folds
    }


def _fit(groups: Sequence[Sequence[Sample]], rows: Rows, plan: Plan) -> Weights:
    from training.block_net import fit  # needs JAX (extra "bench"), which must not be forked

    return fit(groups, rows, plan=plan)


def run_forked(jobs: Mapping[Hashable, Callable[[], Any]], *, at_once: int) -> dict[Hashable, Any]:
    """The result of each job, by name, run side by side in forked processes, which share the memory of their parent.

    Jobs need not be picklable, their results must be. A library that must not be forked (JAX) is imported in the job.
    Raises RuntimeError for a job that failed; its traceback is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, str(at)) for at, name in enumerate(jobs)}
        waiting, running = list(jobs), dict[Any, tuple[Hashable, ForkProcess]]()
        while waiting or running:
            while waiting and len(running) < at_once:
                name = waiting.pop(0)
                child = get_context("fork").Process(target=_write, args=(jobs[name], files[name]))
                child.start()
                running[child.sentinel] = (name, child)
            for ended in connection.wait(list(running)):
                name, child = running.pop(ended)
                child.join()
                if child.exitcode:
                    raise RuntimeError(f"{name} failed with exit code {child.exitcode}")
                print(f"{name} done", file=sys.stderr, flush=True)
        return {name: pickle.loads(file.read_bytes()) for name, file in files.items()}


def _write(job: Callable[[], Any], file: Path) -> None:
    file.write_bytes(pickle.dumps(job()))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # what libraries do at the exit of a process is their parent's


def judged(pages: Sequence[Page], vocabulary: Vocabulary, folds: Sequence[Sequence[Weights]]) -> list[Floats]:
    """Probabilities for each page by the networks that have not seen its brand."""
    none = np.zeros(0, dtype=np.float32)
    samples = (sample(page, vocabulary) for page in pages)
    return [predict(folds[page.fold], one.page) if one else none for one, page in zip(samples, pages, strict=True)]


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
    for name, words in learnt.items():
        arrays[f"vocabulary_{name}"] = words if isinstance(words, np.ndarray) else np.array("\n".join(words))
    _write_archive(arrays | {f"confidence_{mode}": fitted for mode, fitted in confidence.items()}, path)


def rewrite_confidence(confidence: Mapping[str, Doubles], path: Path) -> None:
    """The archive as it is but for the confidence."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    _write_archive(arrays | {f"confidence_{mode}": fitted for mode, fitted in confidence.items()}, path)


def _write_archive(arrays: Mapping[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    for load in (load_vocabulary, load_weights, load_coefficients):
        load.cache_clear()


def fit_confidence(pages: Sequence[Page], scores: Sequence[Floats], wanted: Sequence[float]) -> Doubles:
    """Coefficients of ``confidence.SIGNS`` for the F1 of pages, by logistic regression on shares (IRLS)."""
    rows = np.array([_page_signs(page, score) for page, score in zip(pages, scores, strict=True) if page.blocks])
    target = np.array([f for page, f in zip(pages, wanted, strict=True) if page.blocks])
    coefficients = np.zeros(len(SIGNS))
    for _ in range(30):
        told = 1 / (1 + np.exp(-(rows @ coefficients)))
        slope = rows.T @ (target - told) - RIDGE * coefficients
        curve = (rows * (told * (1 - told))[:, None]).T @ rows + RIDGE * np.eye(len(SIGNS))
        coefficients += np.linalg.solve(curve, slope)
    return coefficients


def _page_signs(page: Page, scores: Floats) -> Doubles:
    return page_signs(scores.tolist(), decided(page, scores), [len(block.text) for block in page.blocks])


def print_confidence(pages: Sequence[Page], scores: Sequence[Floats], wanted: Sequence[float]) -> None:
    """Predicted against true F1 by fifths of the prediction, each page predicted without its fold."""
    told = np.full(len(pages), np.nan)
    for fold in range(FOLDS):
        seen = [at for at, page in enumerate(pages) if page.fold != fold]
        coefficients = fit_confidence(
            [pages[at] for at in seen], [scores[at] for at in seen], [wanted[at] for at in seen]
        )
        for at, page in enumerate(pages):
            if page.fold == fold and page.blocks:
                told[at] = 1 / (1 + np.exp(-(_page_signs(page, scores[at]) @ coefficients)))
    given = np.flatnonzero(~np.isnan(told))
    truth = np.array(wanted)
    print(f"\n{'confidence, out of fold':34}{'predicted':>11}{'true F1':>10}{'under .5':>10}")
    for part in np.array_split(given[np.argsort(told[given])], 5):
        print(f"{'':34}{told[part].mean():11.3f}{truth[part].mean():10.3f}{(truth[part] < 0.5).mean():10.3f}")
    print(f"correlation {np.corrcoef(told[given], truth[given])[0, 1]:.3f}")


def judge(name: str, pages: Sequence[Page], scores: Sequence[Floats]) -> Doubles:
    """Print the tables of a mode; the confidence fitted to them."""
    texts = (main_text(page, score) for page, score in zip(pages, scores, strict=True))
    reached = print_table(f"{name}, out of fold", pages, texts)
    print_confidence(pages, scores, reached)
    return fit_confidence(pages, scores, reached)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/extraction"))
    parser.add_argument("--folds", type=Path, help="keep the networks of the folds here, for benchmarks.extraction")
    parser.add_argument("--refit", type=Path, help="do not train; judge with the networks of the folds kept here")
    parser.add_argument("--peers", action="store_true", help="print the table of other extractors too")
    parser.add_argument("--no-write", action="store_true", help="leave the weights as they are")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="networks trained at once (default: cores)")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    html = read_pages(given.data)
    modes, learnt = modes_of(html), learn_vocabulary(html)
    wanted = [*range(FOLDS), *([] if given.no_write else [None])]
    if given.refit:
        folds = {name: read_folds(given.refit, name) for name in modes}
        vocabulary = load_vocabulary()
    else:
        networks = train(modes, learnt, plan=Plan(), folds=wanted, jobs=given.jobs)
        folds = {name: [networks[name, fold] for fold in range(FOLDS)] for name in modes}
        vocabulary = make_vocabulary(**learnt)
        if given.folds:
            write_folds(folds, given.folds)
        if not given.no_write:
            write_weights({name: networks[name, None] for name in modes}, learnt, {}, WEIGHTS)
    confidence = {
        name: judge(name, mode.pages, judged(mode.pages, vocabulary, folds[name])) for name, mode in modes.items()
    }
    if not given.no_write:
        rewrite_confidence(confidence, WEIGHTS)
    print_table("best possible with these blocks (HTML)", html, map(_oracle, html))
    if given.peers:
        for name, run in peers().items():
            print_table(name, html, (run(page.source) for page in html))
    print(f"\n{time.monotonic() - started:.0f} s")


def _oracle(page: Page) -> str:
    return "\n".join(b.text for b, share in zip(page.blocks, page.shares, strict=True) if share >= 0.5)


if __name__ == "__main__":
    main()
