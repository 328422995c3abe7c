"""Train the block model, and print how well it does on sites it has not seen.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.train_labeller [--data ../shared/data/extraction] [--peers] [--no-write]

Five folds by brand (finance.sina.com.cn and k.sina.cn are one), so that no site is on both sides. Each page
is judged by the whole decision (scores, then ``label.decide`` without rules or templates), as HTML and as
flattened text. Then the weights are trained on all pages and written beside ``model.py``. Same data, same
seed, same number of threads: same weights. Takes about ten minutes on a core.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.context_mlp import Plan, Sample, fit
from benchmarks.extraction_metrics import align, brand, f1
from benchmarks.flatten import STYLES, flatten, reframe
from pipeline.boilerplate.features import block_features
from pipeline.boilerplate.label import decide
from pipeline.boilerplate.model import Floats, Weights, load_weights, predict
from pipeline.decode import decode
from pipeline.extract import extract
from pipeline.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block

FOLDS = 5
VARIANTS = 2  # styles of flattening each page is trained in
WEIGHTS = Path(__file__).parents[1] / "pipeline" / "boilerplate" / "weights.npz"
LENGTH_POWER, LENGTH_CAP = 0.75, 400  # a block weighs its tokens, at most so many, to this power
PAGE_WEIGHT = 20.0
_FORUM_SETS = frozenset({"magic_forum"})


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the development data in one form (HTML or a style of flattening)."""

    collection: str
    lang: str
    site: str
    gold: str
    source: str  # decoded HTML
    style: str  # "html" or one of flatten.STYLES
    blocks: tuple[Block, ...]
    shares: tuple[float, ...]  # how much of each block the gold text holds

    @property
    def fold(self) -> int:
        return zlib.crc32(brand(self.site).encode()) % FOLDS


def read_pages(data: Path) -> list[Page]:
    """Every page, decoded and cut to blocks by the pipeline itself."""
    pages = []
    for line in (data / "gold.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        row = json.loads(line)
        content = gzip.decompress((data / row["page"]).read_bytes())
        source = decode(content, media_type="text/html").text
        blocks = extract(source, "text/html").blocks
        shares = align([block.text for block in blocks], row["gold"])
        pages.append(Page(row["set"], row["lang"], row["site"], row["gold"], source, "html", blocks, tuple(shares)))
    return pages


def flattened(pages: Sequence[Page], *, variants: int) -> list[Page]:
    """Each page in some of the styles, in turn, so that every style has its share."""
    names = list(STYLES)
    flat = []
    for at, page in enumerate(pages):
        for turn in range(variants):
            style = names[(at + turn * len(names) // variants) % len(names)]
            blocks, shares = flatten(page.blocks, page.shares, style=style, seed=at)
            flat.append(replace(page, style=style, blocks=tuple(blocks), shares=tuple(shares), source=""))
    return flat


def reframed(pages: Sequence[Page]) -> list[Page]:
    """Pages between frame lines of a page in the other script, from the same fold so that no site leaks."""
    made = []
    for at, page in enumerate(pages):
        rng = random.Random(at)
        chinese = page.lang == "zh"
        if not chinese and rng.random() < 0.6:
            continue
        others = [one for one in pages if (one.lang == "zh") != chinese and one.fold == page.fold and one.blocks]
        if others and page.blocks:
            other = rng.choice(others)
            blocks, shares = reframe((page.blocks, page.shares), (other.blocks, other.shares), seed=at)
            made.append(replace(page, style="reframed", blocks=tuple(blocks), shares=tuple(shares), source=""))
    return made


def sample(page: Page) -> Sample:
    """Features, soft labels and weights: a page counts as a page, a block by its length."""
    tokens = np.array([count_tokens(block.text) for block in page.blocks], dtype=np.float64)
    weight = (np.minimum(tokens, LENGTH_CAP) + 2) ** LENGTH_POWER
    return Sample(
        block_features(page.blocks),
        np.array(page.shares, dtype=np.float32),
        (weight / max(weight.sum(), 1) * PAGE_WEIGHT).astype(np.float32),
    )


def cross_validated(pages: Sequence[Page], *, plan: Plan) -> list[Floats]:
    """Probabilities for each page by the network that has not seen its brand."""
    samples = [sample(page) for page in pages]
    scores = [np.zeros(0, dtype=np.float32)] * len(pages)
    for fold in range(FOLDS):
        weights = fit([one for one, page in zip(samples, pages, strict=True) if page.fold != fold], plan=plan)
        for at, page in enumerate(pages):
            if page.fold == fold and page.blocks:
                scores[at] = predict(weights, samples[at].table)
    return scores


def main_text(page: Page, scores: Floats) -> str:
    """What the decision keeps of a page. A heading kept only as the title goes to the title column."""
    none = [None] * len(page.blocks)
    decisions = decide(page.blocks, rule_decisions=none, scores=[float(score) for score in scores], template_hits=none)
    return "\n".join(
        block.text
        for block, one in zip(page.blocks, decisions, strict=True)
        if one.label in KEPT_LABELS and not one.decided_by.endswith("/title")
    )


def groups(page: Page) -> list[str]:
    """Rows of the table a page counts in."""
    names = [f"{page.collection} {page.lang}", "all"]
    if page.lang == "zh":
        names.append("zh, all")
        names.append("zh, forums" if page.collection in _FORUM_SETS else "zh, articles")
    if page.collection == "wcxb_dev_article":
        names.append("en, articles")
    if page.style != "html":
        names.append(f"style {page.style}")
    return names


def print_table(title: str, pages: Sequence[Page], texts: Iterable[str]) -> None:
    rows: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for page, text in zip(pages, texts, strict=True):
        score, words = f1(text, page.gold), f1(text, page.gold, n=1)
        for name in groups(page):
            rows[name].append((score.f1, words.f1, float(score.f1 < 0.5)))
    print(f"\n{title}\n{'':34}{'pages':>6}{'4-gram F1':>11}{'token F1':>10}{'under .5':>10}")
    for name, values in sorted(rows.items()):
        four, one, bad = np.mean(values, axis=0)
        print(f"{name:34}{len(values):6}{four:11.3f}{one:10.3f}{bad:10.3f}")


def peers() -> dict[str, Callable[[str], str]]:
    """Other extractors, by name, from HTML to text."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    return {
        "trafilatura": lambda html: trafilatura.extract(html, include_comments=False) or "",
        "resiliparse": lambda html: extract_plain_text(html, main_content=True),
    }


def write_weights(modes: dict[str, Weights], path: Path) -> None:
    """One archive for all modes, arrays named MODE_NAME."""
    arrays = {f"{mode}_{name}": getattr(weights, name) for mode, weights in modes.items() for name in Weights.__slots__}
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/extraction"))
    parser.add_argument("--peers", action="store_true", help="print the table of other extractors too")
    parser.add_argument("--no-write", action="store_true", help="leave the weights as they are")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    html = read_pages(given.data)
    flat = flattened(html, variants=VARIANTS) + reframed(html)
    plan = Plan()
    for name, pages in (("HTML", html), ("flattened text", flat)):
        scores = cross_validated(pages, plan=plan)
        texts = (main_text(page, score) for page, score in zip(pages, scores, strict=True))
        print_table(f"{name}, out of fold", pages, texts)
    print_table("best possible with these blocks (HTML)", html, map(_oracle, html))
    if given.peers:
        for name, run in peers().items():
            print_table(name, html, (run(page.source) for page in html))
    if not given.no_write:
        write_weights(
            {
                mode: fit([sample(page) for page in pages], plan=plan)
                for mode, pages in (("markup", html), ("plain", flat))
            },
            WEIGHTS,
        )
        load_weights.cache_clear()
    print(f"\n{time.monotonic() - started:.0f} s")


def _oracle(page: Page) -> str:
    return "\n".join(b.text for b, share in zip(page.blocks, page.shares, strict=True) if share >= 0.5)


if __name__ == "__main__":
    main()
