"""The pages of the development data, as HTML and as flattened text, and how the decision does on them.

Each block of a page knows how much of it the gold text holds. Pages are told apart by brand, so that no site is
on both sides of a split.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.extraction_metrics import align, brand, f1
from benchmarks.flatten import STYLES, flatten, reframe
from pipeline.boilerplate.label import decide
from pipeline.boilerplate.model import Floats
from pipeline.extract import extract
from pipeline.text.decode import decode
from pipeline.types import KEPT_LABELS, Block, Decision, PageHead

FOLDS = 5
VARIANTS = 2  # styles of flattening each page is judged in
#: Classes that people's marking left in some pages: they name the main text.
_ANNOTATION = re.compile(r"\bmark(?:-selected|ed-(?:text|tail))\b")
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
    head: PageHead = PageHead()  # noqa: RUF009  # a frozen value

    @property
    def fold(self) -> int:
        return zlib.crc32(brand(self.site).encode()) % FOLDS


def read_pages(data: Path) -> list[Page]:
    """Every page, decoded and cut to blocks by the pipeline itself."""
    pages = []
    for line in (data / "gold.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        row = json.loads(line)
        content = gzip.decompress((data / row["page"]).read_bytes())
        source = _ANNOTATION.sub("", decode(content, media_type="text/html").text)
        found = extract(source, "text/html")
        shares = tuple(align([block.text for block in found.blocks], row["gold"]))
        named = (row["set"], row["lang"], row["site"], row["gold"], source, "html")
        pages.append(Page(*named, tuple(found.blocks), shares, found.head))
    return pages


def flattened(pages: Sequence[Page], *, variants: int) -> list[Page]:
    """Each page in some of the styles, in turn, so that every style has its share."""
    names = list(STYLES)
    return [
        _flat(page, names[(at + turn * len(names) // variants) % len(names)], seed=at)
        for at, page in enumerate(pages)
        for turn in range(variants)
    ]


def reframed(pages: Sequence[Page]) -> list[Page]:
    """Pages between frame lines of a page in the other script: all Chinese pages, some of the others."""
    made = []
    for at, page in enumerate(pages):
        rng = random.Random(at)
        if page.lang == "zh" or rng.random() >= 0.6:
            made += _reframed(page, [one for one in pages if (one.lang == "zh") != (page.lang == "zh")], rng, seed=at)
    return made


def plain_forms(pages: Sequence[Page]) -> list[list[Page]]:
    """Each page in every style, and between frame lines of others, of which a Chinese page gets more: there are few."""
    chinese, others = ([one for one in pages if (one.lang == "zh") == wanted] for wanted in (True, False))
    forms = []
    for at, page in enumerate(pages):
        rng = random.Random(~at)
        made = [_flat(page, style, seed=rng.randrange(1 << 30)) for style in STYLES]
        for frames in (others, others, chinese, chinese) if page.lang == "zh" else (chinese,):
            made += _reframed(page, frames, rng, seed=rng.randrange(1 << 30))
        forms.append(made)
    return forms


def _flat(page: Page, style: str, *, seed: int) -> Page:
    blocks, shares = flatten(page.blocks, page.shares, style=style, seed=seed)
    return replace(page, style=style, blocks=tuple(blocks), shares=tuple(shares), source="", head=PageHead())


def _reframed(page: Page, frames: Sequence[Page], rng: random.Random, *, seed: int) -> list[Page]:
    """The page in the frame of one of these, which is of its fold so that no site leaks; none if there is none."""
    able = [one for one in frames if one.fold == page.fold and one.blocks and one is not page]
    if not able or not page.blocks:
        return []
    other = rng.choice(able)
    blocks, shares = reframe((page.blocks, page.shares), (other.blocks, other.shares), seed=seed)
    return [replace(page, style="reframed", blocks=tuple(blocks), shares=tuple(shares), source="", head=PageHead())]


def main_text(page: Page, scores: Floats) -> str:
    """What the decision keeps of a page. A heading kept only as the title goes to the title column."""
    return "\n".join(
        block.text
        for block, one in zip(page.blocks, decided(page, scores), strict=True)
        if one.label in KEPT_LABELS and not one.decided_by.endswith("/title")
    )


def decided(page: Page, scores: Floats) -> tuple[Decision, ...]:
    none = [None] * len(page.blocks)
    values = [float(score) for score in scores]
    return decide(page.blocks, rule_decisions=none, scores=values, template_hits=none, head=page.head)


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


def print_table(title: str, pages: Sequence[Page], texts: Iterable[str]) -> list[float]:
    """Print means by group; the 4-gram F1 of each page."""
    rows: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    scores = []
    for page, text in zip(pages, texts, strict=True):
        score, words = f1(text, page.gold), f1(text, page.gold, n=1)
        scores.append(score.f1)
        for name in groups(page):
            rows[name].append((score.f1, words.f1, float(score.f1 < 0.5)))
    print(f"\n{title}\n{'':34}{'pages':>6}{'4-gram F1':>11}{'token F1':>10}{'under .5':>10}")
    for name, values in sorted(rows.items()):
        four, one, bad = np.mean(values, axis=0)
        print(f"{name:34}{len(values):6}{four:11.3f}{one:10.3f}{bad:10.3f}")
    return scores
