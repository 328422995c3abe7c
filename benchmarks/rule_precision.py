"""How often each boilerplate rule takes text that people marked as the article's, and how long the rules take.

    python -m benchmarks.rule_precision [--data ../shared/data/extraction] [--lang zh] [--flat] [--show RULE-ID]

``--flat`` takes the mark-up away first; ``--show`` prints the marked texts that a rule takes. A block counts as
the article's when the gold text holds it (as a line, or anywhere when it is long) more often than blocks with the same
text are left: a menu entry that the article also has as a heading is no loss while the heading stays.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.boilerplate.rules import RuleSet, all_rules, apply_rules, load_rules
from pipeline.extract import extract
from pipeline.text.decode import decode
from pipeline.text.tokens import count_cjk
from pipeline.types import Block, BlockKind, Decision

DATA = Path("../shared/data/extraction")
#: A block with at least so many characters may stand anywhere in the gold text; a shorter one must be a line of it.
LONG_CHARS = 16
LONG_CJK_CHARS = 8


@dataclass
class Tally:
    hits: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)
    n_blocks: int = 0
    seconds: float = 0.0


def pages(data: Path, lang: str | None) -> Iterator[tuple[str, list[Block], str]]:
    """Site, blocks and gold text of each labelled page."""
    for line in (data / "gold.jsonl").read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        row = json.loads(line)
        if lang is None or row["lang"] == lang:
            content = gzip.decompress((data / row["page"]).read_bytes())
            text = decode(content, media_type="text/html").text
            yield row["site"], list(extract(text, "text/html").blocks), row["gold"]


def squeeze(text: str) -> str:
    return "".join(text.split())


def lost_texts(blocks: Sequence[Block], decisions: Sequence[Decision | None], gold: str) -> Counter[str]:
    """The texts that the rules took from the article, each with how often."""
    lines = Counter(squeeze(line) for line in gold.splitlines())
    whole = squeeze(gold)
    kept = Counter(squeeze(block.text) for block, found in zip(blocks, decisions, strict=True) if not found)
    taken = Counter(squeeze(block.text) for block, found in zip(blocks, decisions, strict=True) if found)
    lost: Counter[str] = Counter()
    for text, n_taken in taken.items():
        wanted = lines[text]
        if len(text) >= (LONG_CJK_CHARS if count_cjk(text) else LONG_CHARS):
            wanted = max(wanted, whole.count(text))
        lost[text] = max(0, min(n_taken, wanted - kept[text]))
    return lost


def count_page(tally: Tally, rules: RuleSet, blocks: Sequence[Block], gold: str, site: str) -> None:
    start = time.process_time()
    decisions = apply_rules(rules, blocks, site=site)
    tally.seconds += time.process_time() - start
    tally.n_blocks += len(blocks)
    lost = lost_texts(blocks, decisions, gold)
    for block, found in zip(blocks, decisions, strict=True):
        if found is None:
            continue
        rule_id = found.decided_by.removeprefix("rule:")
        tally.hits[rule_id] += 1
        text = squeeze(block.text)
        if lost[text] > 0:
            lost[text] -= 1
            tally.lost[rule_id] += 1
            tally.samples.setdefault(rule_id, []).append(f"{site}: {block.text[:120]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--lang", help="only pages of this language in gold.jsonl")
    parser.add_argument("--flat", action="store_true")
    parser.add_argument("--show", action="append", default=[], metavar="RULE-ID")
    options = parser.parse_args()
    rules = load_rules()
    # The automata are compiled at the first call: not part of a page's time.
    apply_rules(rules, [Block(0, "compile", BlockKind.PARAGRAPH, 0, 7)])
    tally = Tally()
    n_pages = 0
    for site, blocks, gold in pages(options.data, options.lang):
        shown = [block._replace(markup=None) for block in blocks] if options.flat else blocks
        count_page(tally, rules, shown, gold, site)
        n_pages += 1
    print(f"{'rule':32}{'hits':>8}{'in gold':>9}{'share':>8}")
    for rule in all_rules(rules):
        hits, lost = tally.hits[rule.id], tally.lost[rule.id]
        print(f"{rule.id:32}{hits:8}{lost:9}{lost / hits if hits else 0:8.3f}")
    hits, lost = tally.hits.total(), tally.lost.total()
    print(f"{'all':32}{hits:8}{lost:9}{lost / max(1, hits):8.3f}")
    print(f"{n_pages} pages, {tally.n_blocks} blocks, {tally.seconds / max(1, n_pages) * 1000:.2f} ms a page")
    for rule_id in options.show:
        print(rule_id, *tally.samples.get(rule_id, []), sep="\n    ")


if __name__ == "__main__":
    main()
