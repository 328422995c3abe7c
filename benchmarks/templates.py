"""What site templates win and cost on pages whose main text is marked, and whether a reposted article becomes one.

    python -m benchmarks.templates --folds FILE [--data ../shared/data/extraction] [--show SITE]

Pages of one site teach its template (``pipeline.boilerplate.templates``), in two ways: "all" learns from every page and
looks up each; "others" learns from the site's other pages, as for a page that comes new. A row is a form and a set:
sites and pages; blocks hit and the share of their tokens that lies in the gold text; those hits that rules and model
would have kept, and how many of them are gold; 4-gram F1 without and with templates, and the difference with its
95 % interval over resampled sites. ``--show`` prints the gold text that a site's template takes.

The repost check: one article posted many times on a made-up site, whole or each time without one of its paragraphs,
beside other articles or alone. Exit code 1 if any line of such an article is template.

Scores are out of fold, as in ``benchmarks.extraction``; ``--shipped`` takes the weights in the package. Flattened
pages come in ``STYLES_A_SITE`` styles a site, each learned apart, as one tool makes all texts of a site.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from benchmarks.extraction_metrics import f1
from benchmarks.extraction_ours import decided, fold_scores, line_rows, shipped_scores, site_of_page
from benchmarks.extraction_tables import bootstrap
from benchmarks.flatten import STYLES, flatten
from benchmarks.labelled_pages import Page, read_pages
from pipeline.boilerplate.model import Floats
from pipeline.boilerplate.rules import RuleSet, load_rules
from pipeline.boilerplate.templates import (
    TemplateIndex,
    index_templates,
    learn_templates,
    line_key,
    line_keys,
    match_templates,
)
from pipeline.extract import extract
from pipeline.text.tokens import count_tokens
from pipeline.types import PageHead

MIN_PAGES = 4  # of a site that can teach anything, see learn_templates
STYLES_A_SITE = 4
MODES = {"HTML": "markup", "flattened": "plain"}  # of the networks
ARTICLES = 4  # posted again and again, of each language
PARAGRAPHS = range(5, 40)  # that such an article has
POSTS, BESIDE = (4, 12, 30), (0, 10, 40)  # times it is posted; other articles on the site
Scorer = Callable[[Sequence[Page], str], list[Floats]]
Hits = list[str | None]

FRAMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {  # over the article, under it, a related story
    "en": (
        ("Home", "Markets", "Policy", "About us", "Print this page"),
        ("Follow us for more stories like this", "Contact the newsroom", "© 2026 Harbour Daily. All rights reserved."),
        "Related: the harbour in the week of {}",
    ),
    "zh": (
        ("首页", "市场", "政策", "关于我们", "字号：大 中 小"),
        ("打印本页", "联系我们", "版权所有 © 2026 港口日报 未经许可不得转载"),
        "相关阅读：港口一周{}",
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What templates do to one page."""

    site: str
    group: str
    hits: int  # blocks
    tokens: int  # of the hits
    gold_tokens: float
    taken: int  # hits that would have been kept
    gold_taken: int
    without: float  # 4-gram F1
    templated: float


def by_site(pages: Sequence[Page]) -> dict[str, list[int]]:
    """The numbers of the pages of each site."""
    found: dict[str, list[int]] = defaultdict(list)
    for at, page in enumerate(pages):
        found[site_of_page(page)].append(at)
    return found


def learned_hits(pages: Sequence[Page], scores: Sequence[Floats], *, left_out: bool) -> list[Hits]:
    """The template of one site looked up in each of its pages; ``left_out``: learned from the others only."""
    rows = line_rows(pages, scores)

    def index(at: int) -> TemplateIndex:
        return index_templates(learn_templates(rows.filter(pc.not_equal(rows["doc_id"], str(at)))))

    everything = index(-1)
    return [
        match_templates(index(at) if left_out else everything, site_of_page(page), line_keys(page.blocks))
        for at, page in enumerate(pages)
    ]


def measure(page: Page, scores: Floats, hits: Hits, rules: RuleSet) -> Row:
    values = [float(score) for score in scores]
    before = decided(page.blocks, values, rules=rules, site=page.site, head=page.head)
    after = decided(page.blocks, values, rules=rules, site=page.site, hits=hits, head=page.head)
    hit = [at for at, one in enumerate(hits) if one]
    sizes = [count_tokens(page.blocks[at].text) for at in hit]
    taken = [at for at in hit if before.kept[at] and not after.kept[at]]
    return Row(
        site_of_page(page),
        f"{page.collection} {page.lang}",
        len(hit),
        sum(sizes),
        sum(size * page.shares[at] for size, at in zip(sizes, hit, strict=True)),
        len(taken),
        sum(page.shares[at] >= 0.5 for at in taken),
        f1(before.text, page.gold).f1,
        f1(after.text, page.gold).f1,
    )


def flattened_sites(pages: Sequence[Page]) -> Iterator[list[Page]]:
    """The pages of each site in some of the styles, a list for each site and style."""
    for number, places in enumerate(by_site(pages).values()):
        for style in (list(STYLES)[(number + turn) % len(STYLES)] for turn in range(STYLES_A_SITE)):
            flat = []
            for page in (pages[at] for at in places):
                blocks, shares = flatten(page.blocks, page.shares, style=style, seed=number)
                bare = replace(page, source="", head=PageHead(), style=style)
                flat.append(replace(bare, blocks=tuple(blocks), shares=tuple(shares)))
            yield flat


def print_rows(name: str, rows: Sequence[Row]) -> None:
    groups = {"all": list(rows)}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for group, mine in groups.items():
        sites = [row.site for row in mine]
        hits, tokens = sum(row.hits for row in mine), sum(row.tokens for row in mine)
        gold = sum(row.gold_tokens for row in mine) / max(1, tokens)
        taken = f"{sum(row.taken for row in mine)} ({sum(row.gold_taken for row in mine)})"
        without, templated = (np.array([getattr(row, name) for row in mine]) for name in ("without", "templated"))
        won = bootstrap(templated - without, sites).show(signed=True)
        counts = f"{len(set(sites)):6}{len(mine):7}{hits:7}{gold:9.3f}{taken:>13}"
        print(f"{name:19}{group:20}{counts}{without.mean():9.3f}{templated.mean():8.3f}  {won}")


def report(form: str, sites: Sequence[Sequence[Page]], score: Scorer, rules: RuleSet, show: str | None) -> None:
    """The rows of one form, learned from all pages of a site and from the others."""
    every = [page for pages in sites for page in pages]
    scores = iter(score(every, MODES[form]))
    scored = [(pages, [next(scores) for _ in pages]) for pages in sites]
    for name, left_out in (("all", False), ("others", True)):
        rows = []
        for pages, mine in scored:
            if len(pages) < MIN_PAGES + left_out:
                continue
            for page, values, hits in zip(pages, mine, learned_hits(pages, mine, left_out=left_out), strict=True):
                rows.append(measure(page, values, hits, rules))
                if show == site_of_page(page):
                    print_taken(page, hits)
        if rows:
            print_rows(f"{form}, {name}", rows)


def print_taken(page: Page, hits: Hits) -> None:
    for block, share, hit in zip(page.blocks, page.shares, hits, strict=True):
        if hit and share >= 0.5:
            print(f"    {page.style}: {block.text[:100]}")


def post(page: Page, lines: Sequence[str], number: int) -> Page:
    """An article as a page of the made-up site; scored as a page of the site it came from."""
    over, under, related = FRAMES[page.lang]
    other = related.format(
        "".join(random.Random(number).choices("碳价配额航运气候市场" if page.lang == "zh" else "abcdefgh", k=8))
    )
    body = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    menu = "".join(f"<li><a href='/{at}'>{escape(line)}</a></li>" for at, line in enumerate(over))
    tail = "".join(f"<p>{escape(line)}</p>" for line in under)
    source = (
        f"<body><ul>{menu}</ul><h1>{number}. {escape(lines[0][:40])}</h1>{body}<a href='/x'>{other}</a>{tail}</body>"
    )
    found = extract(source, "text/html")
    return replace(page, source=source, blocks=tuple(found.blocks), shares=(0.0,) * len(found.blocks), head=found.head)


@dataclass(frozen=True, slots=True)
class Posted:
    """The pages of the repost check, of one language, with their scores."""

    whole: list[tuple[Page, Floats]]  # the article, again and again
    cut: list[tuple[Page, Floats]]  # each time without another paragraph
    beside: list[tuple[Page, Floats]]  # other articles of the site
    keys: frozenset[int]  # of the article's lines
    frame: frozenset[int]  # of the frame's


def check_reposts(pages: Sequence[Page], form: str, score: Scorer) -> int:
    """Print how many lines of reposted articles become template, by how they are posted; their sum."""
    learned: dict[str, list[int]] = {}
    for one in _posted(pages, form, score):
        for way, posts in (("whole", one.whole), ("cut", one.cut)):
            for n_posts, n_beside in ((n_posts, beside) for n_posts in POSTS for beside in BESIDE):
                others = "no" if not n_beside else "as many" if n_beside >= n_posts else "fewer"
                chosen = [*posts[:n_posts], *one.beside[:n_beside]]
                site = [replace(page, site="example.org") for page, _ in chosen]
                keys = set(learn_templates(line_rows(site, [mine for _, mine in chosen]))["key"].to_pylist())
                counts = learned.setdefault(f"{way}, beside {others} others", [0, 0, 0])
                for at, number in enumerate((1, len(keys & one.keys), len(keys & one.frame))):
                    counts[at] += number
    for name, (n_sites, article, frame) in learned.items():
        print(
            f"{form}, posted {name}: {n_sites} sites, {article} lines of the article, {frame} of the frame are template"
        )
    return sum(article for _, article, _ in learned.values())


def _posted(pages: Sequence[Page], form: str, score: Scorer) -> Iterator[Posted]:
    for lang in FRAMES:
        texts = [
            (page, [line for line in page.gold.split("\n") if line.strip()]) for page in pages if page.lang == lang
        ]
        texts = [(page, lines) for page, lines in texts if len(lines) in PARAGRAPHS]
        random.Random(0).shuffle(texts)
        beside = [post(page, lines, at) for at, (page, lines) in enumerate(texts[ARTICLES:][: max(BESIDE)])]
        for page, lines in texts[:ARTICLES]:
            numbers = range(max(POSTS))
            whole = [post(page, lines, 100 + at) for at in numbers]
            cut = [post(page, lines[: at % len(lines)] + lines[at % len(lines) + 1 :], 200 + at) for at in numbers]
            made = [_flat(one) if form == "flattened" else one for one in (*whole, *cut, *beside)]
            scored = list(zip(made, score(made, MODES[form]), strict=True))
            n = max(POSTS)
            frame = frozenset(map(line_key, (*FRAMES[lang][0], *FRAMES[lang][1])))
            keys = frozenset(map(line_key, lines)) - frame
            yield Posted(scored[:n], scored[n : 2 * n], scored[2 * n :], keys, frame)


def _flat(page: Page) -> Page:
    blocks, shares = flatten(page.blocks, page.shares, style="lines")
    return replace(page, blocks=tuple(blocks), shares=tuple(shares), head=PageHead(), style="lines")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/extraction"))
    judges = parser.add_mutually_exclusive_group(required=True)
    judges.add_argument("--folds", type=Path, metavar="FILE", help="networks of the folds (.npz), from train_labeller")
    judges.add_argument("--shipped", action="store_true", help="score with the weights in the package instead")
    parser.add_argument("--show", metavar="SITE", help="the gold text that this site's template takes")
    given = parser.parse_args(arguments)

    def score(pages: Sequence[Page], mode: str) -> list[Floats]:
        return shipped_scores(pages) if given.shipped else fold_scores(pages, given.folds, mode=mode)

    pages, rules = read_pages(given.data), load_rules()
    several = [pages[at] for places in by_site(pages).values() if len(places) >= MIN_PAGES for at in places]
    counts = f"{'sites':>6}{'pages':>7}{'hits':>7}{'in gold':>9}{'kept (gold)':>13}"
    print(f"{'':39}{counts}{'without':>9}{'with':>8}  difference, 95 %")
    report("HTML", [[several[at] for at in places] for places in by_site(several).values()], score, rules, given.show)
    report("flattened", list(flattened_sites(several)), score, rules, given.show)
    sys.exit(1 if sum(check_reposts(pages, form, score) for form in MODES) else 0)


if __name__ == "__main__":
    main()
