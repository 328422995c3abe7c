"""Clean text out of pages and out of flattened pages, beside other extractors, on pages whose main text is marked.

    python -m training.train_labeller --no-write --folds FOLDS
    python -m benchmarks.extraction --folds FOLDS [--cache DIR] [--magic-python PYTHON]
        [--sample N] [--no-peers] [--no-flat] [--no-decoding] [--show-worst N]

Prints 4-gram F1, word F1 and line F1 (``extraction_tables`` defines them) by set, language and page type with
intervals, the lead over trafilatura, pages that are bad or empty, CPU time of extraction a page, and a table
of decoding (``extraction_decoding``). Peers get the text that our decoder made.

Our text is the whole decision: rules, scores and ``label.decide``; beside it the model alone and, of HTML, rules and
site templates learned from these pages. What is kept only as the title counts as left out, as it stands in a column of
its own. Scores are out of fold: each page is judged by weights trained without its brand, which the trainer leaves in
``--folds``. ``--shipped`` in its place takes the weights in the package, which have seen the pages. Peers take 15
minutes; ``--cache`` keeps what they found, by version and options.

magic-html needs Python 3.12. Where this Python has none, ``--magic-python`` names one that has (``pip install
magic-html`` in an environment of its own); without it the tool is left out.

Page types are those of the sets, or the ``type`` of gold.jsonl, or of ``--types FILE`` (lines of page, tab, type).
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.extraction_decoding import Stored, print_decisions, print_decoders
from benchmarks.extraction_ours import decided, fold_scores, shipped_scores, template_hits, timed_extraction
from benchmarks.extraction_peers import PEERS, answers, magic_html, magic_python
from benchmarks.extraction_tables import (
    LINE_RULES,
    Case,
    Measured,
    Output,
    measure_all,
    print_groups,
    print_tools,
    print_worst,
)
from benchmarks.labelled_pages import VARIANTS, Page, flattened, read_pages, reframed
from pipeline.boilerplate.model import Floats
from pipeline.boilerplate.rules import RuleSet, load_rules

AGAINST = "trafilatura"
TYPES = {"magic_forum": "forum", "wcxb_dev_other": "not article"}  # of a set, where gold.jsonl does not say


@dataclass(frozen=True, slots=True)
class Row:
    """A line of gold.jsonl."""

    name: str
    file: str
    collection: str
    lang: str
    type: str
    site: str
    gold: str


#: Rows of the tables that a page counts in; "" for none. The last one is shown beside the worst pages.
GROUPS: tuple[Callable[[Row, Page], str], ...] = (
    lambda row, page: "all",
    lambda row, page: f"lang {row.lang}",
    lambda row, page: f"type {row.type}",
    lambda row, page: f"{row.lang}, {row.type}",
    lambda row, page: "set wcxb" if row.collection.startswith("wcxb") else "",
    lambda row, page: f"style {page.style}" if page.style != "html" else "",
    lambda row, page: f"set {row.collection} {row.lang}",
)
DETAILED = ("all", "lang en", "lang zh", "zh, article", "zh, forum", "set wcxb", "en, article", "en, not article")


def read_rows(data: Path, types: Path | None) -> list[Row]:
    """The lines of gold.jsonl; ``types`` overrules its page types."""
    told = dict(line.split("\t") for line in types.read_text("utf-8").split("\n") if line) if types else {}
    rows = []
    for line in (data / "gold.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        row = json.loads(line)
        name = Path(row["page"]).name.removesuffix(".html.gz")
        kind = told.get(name) or row.get("type") or TYPES.get(row["set"], "article")
        rows.append(Row(name, row["page"], row["set"], row["lang"], kind, row["site"], row["gold"]))
    return rows


def case_of(row: Row, page: Page) -> Case:
    groups = tuple(dict.fromkeys(filter(None, (group(row, page) for group in GROUPS))))
    wanted = () if page.style == "html" else tuple(share >= 0.5 for share in page.shares)
    return Case(row.name, groups, page.gold, wanted)


def our_outputs(
    pages: Sequence[Page], scores: Sequence[Floats], chosen: Sequence[int], rules: RuleSet
) -> dict[str, list[Output]]:
    """Our outputs for the chosen pages, the whole decision first."""
    html = pages[chosen[0]].style == "html"
    hits = template_hits(pages, scores) if html else []
    outputs: dict[str, list[Output]] = {
        name: [] for name in ("winnow", "no rules", *(["and templates"] if html else []))
    }
    if html:
        timed_extraction(pages[chosen[0]], rules)  # what is loaded at the first call is no part of a page's time
    for at in chosen:
        page, score = pages[at], [float(one) for one in scores[at]]
        seconds = timed_extraction(page, rules) if html else 0.0
        whole = decided(page.blocks, score, rules=rules, site=page.site, head=page.head)
        outputs["winnow"].append(replace(whole, seconds=seconds))
        outputs["no rules"].append(decided(page.blocks, score, rules=None, site=page.site, head=page.head))
        if html:
            ours = decided(page.blocks, score, rules=rules, site=page.site, hits=hits[at], head=page.head)
            outputs["and templates"].append(ours)
    return outputs


def peer_outputs(rows: Sequence[Row], pages: Sequence[Page], given: argparse.Namespace) -> dict[str, list[Output]]:
    asked = [(row.name, page.source, row.lang) for row, page in zip(rows, pages, strict=True)]
    outputs = {}
    python = magic_python(given.magic_python)
    with magic_html(python) if python else nullcontext() as magic:
        for peer in (*(make() for make in PEERS), *([magic] if magic else [])):
            found = answers(peer, asked, given.cache)
            outputs[peer.name] = [Output(answer.text, seconds=answer.seconds) for answer in found]
            print(f"{peer.name} {peer.version}, options {dict(peer.options)}")
    return outputs


def line_outputs(pages: Sequence[Page]) -> dict[str, list[Output]]:
    """What the rules for lines keep of flattened pages, and what the marks would."""

    def output(page: Page, kept: tuple[bool, ...]) -> Output:
        return Output("\n".join(block.text for block, was in zip(page.blocks, kept, strict=True) if was), kept)

    outputs = {
        name: [output(page, tuple(rule(block.text) for block in page.blocks)) for page in pages]
        for name, rule in LINE_RULES.items()
    }
    return outputs | {"marked lines": [output(page, tuple(share >= 0.5 for share in page.shares)) for page in pages]}


def measured(cases: Sequence[Case], outputs: Mapping[str, Sequence[Output]]) -> dict[str, Measured]:
    return {name: measure_all(cases, mine) for name, mine in outputs.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/extraction"))
    judges = parser.add_mutually_exclusive_group(required=True)
    judges.add_argument("--folds", type=Path, metavar="FILE", help="networks of the folds (.npz), from train_labeller")
    judges.add_argument("--shipped", action="store_true", help="score with the weights in the package instead")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where the peers' texts are kept")
    parser.add_argument("--types", type=Path, metavar="FILE", help="page types: lines of page, tab, type")
    parser.add_argument("--sample", type=int, metavar="N", help="so many pages, for a quick look")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-flat", action="store_true", help="HTML only")
    parser.add_argument("--no-decoding", action="store_true")
    parser.add_argument("--magic-python", metavar="PYTHON", help="a Python that has magic-html")
    parser.add_argument("--show-worst", type=int, default=0, metavar="N")
    given = parser.parse_args(arguments)
    rows = read_rows(given.data, given.types)
    chosen = sorted(random.Random(0).sample(range(len(rows)), min(given.sample or len(rows), len(rows))))
    if not given.no_decoding:
        report_decoding([rows[at] for at in chosen], given)
    print("reading pages", file=sys.stderr)
    pages = read_pages(given.data)
    report_html(rows, pages, chosen, given)
    if not given.no_flat:
        report_flat(rows, pages, {rows[at].name for at in chosen}, given)


def report_decoding(rows: Sequence[Row], given: argparse.Namespace) -> None:
    stored = [
        Stored(row.name, row.lang, gzip.decompress((given.data / row.file).read_bytes()), row.gold) for row in rows
    ]
    print_decisions(stored)
    print_decoders(stored, peers=not given.no_peers)


def heading(form: str, given: argparse.Namespace) -> str:
    seen = "SHIPPED WEIGHTS, WHICH HAVE SEEN THESE PAGES" if given.shipped else "out of fold by brand"
    return f"\n=== {form}, {seen} ==="


def report_html(rows: Sequence[Row], pages: Sequence[Page], chosen: Sequence[int], given: argparse.Namespace) -> None:
    scores = shipped_scores(pages) if given.shipped else fold_scores(pages, given.folds, mode="markup")
    print(heading("HTML", given))
    outputs = our_outputs(pages, scores, chosen, load_rules())
    cases = [case_of(rows[at], pages[at]) for at in chosen]
    if not given.no_peers:
        outputs |= peer_outputs([rows[at] for at in chosen], [pages[at] for at in chosen], given)
    tools = measured(cases, outputs)
    for figure in ("4-gram F1", "word F1"):
        print_groups(figure, cases, tools, against=AGAINST)
    for group in DETAILED:
        print_tools(group, cases, tools, figures=("4-gram F1", "word F1"))
    if given.show_worst:
        print_worst(cases, tools, number=given.show_worst)


def report_flat(rows: Sequence[Row], pages: Sequence[Page], names: set[str], given: argparse.Namespace) -> None:
    """The same for the pages with their mark-up taken away, in several styles, which no peer reads."""
    flat = flattened(pages, variants=VARIANTS) + reframed(pages)
    scores = shipped_scores(flat) if given.shipped else fold_scores(flat, given.folds, mode="plain")
    origin = {(page.collection, page.site, page.gold): row for row, page in zip(rows, pages, strict=True)}
    row_of = [origin[page.collection, page.site, page.gold] for page in flat]
    chosen = [at for at, row in enumerate(row_of) if row.name in names]
    print(heading("Flattened text", given))
    outputs = our_outputs(flat, scores, chosen, load_rules()) | line_outputs([flat[at] for at in chosen])
    cases = [case_of(row_of[at], flat[at]) for at in chosen]
    tools = measured(cases, outputs)
    for figure in ("4-gram F1", "line F1", "word F1"):
        print_groups(figure, cases, tools, against="C4 lines")
    for group in DETAILED:
        print_tools(group, cases, tools, figures=("line F1", "word F1"))
    if given.show_worst:
        print_worst(cases, tools, number=given.show_worst)


if __name__ == "__main__":
    main()
