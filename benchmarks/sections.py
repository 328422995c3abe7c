"""Stories in digests: boundary F1, exact titles, digest recall, and how many single articles are split.

    python -m benchmarks.sections [--data ../shared/data/sections] [--articles FILE]

``docs.jsonl`` in the data folder has one document a line: archive, kind (digest or single), blocks with role
(title of a story, body, ...) and text. Each is flattened to lines four ways, with and without headings and blank
lines. A boundary is the line a story begins with. ``--articles`` names a JSON-lines file of main texts (``set``,
``gold``) that are single articles of many sites. ``training.sections_fit`` fits the weights and has the figures on
archives that they were not fitted on.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.metadata import find_metadata
from pipeline.sections import split_sections
from pipeline.types import Block, BlockKind, Decision, DocumentKind, Extracted, Label, Record

DATA = Path("../shared/data/sections")
ARTICLES = Path("../shared/data/extraction/gold.jsonl")
NEWS = ("bbc-mix", "xwlb")  # digests of news; the others are newsletters
_KEEP = Decision(Label.CONTENT, "benchmark", 1.0)


@dataclass(frozen=True, slots=True)
class Case:
    """A flattened document and where its stories begin."""

    archive: str
    digest: bool
    blocks: tuple[Block, ...]
    starts: frozenset[int]
    titles: frozenset[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of a case."""

    case: Case
    digest: bool
    starts: frozenset[int]
    titles: frozenset[tuple[int, str]]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--articles", type=Path, default=ARTICLES)
    options = parser.parse_args()
    documents = [json.loads(line) for line in (options.data / "docs.jsonl").open(encoding="utf-8")]
    articles = list(read_articles(options.articles)) if options.articles.exists() else []
    for headings in (True, False):
        for blank in (True, False):
            extra = articles if headings else []
            cases = [*(flatten(one, headings=headings, blank=blank) for one in documents), *extra]
            print(f"\n## headings {'present' if headings else 'removed'}, {'with' if blank else 'without'} blank lines")
            report([run(case) for case in cases])


def flatten(document: dict[str, object], *, headings: bool, blank: bool) -> Case:
    """A document as lines; without headings a story begins with the first line of its body."""
    texts: list[str] = []
    starts: set[int] = set()
    titles: set[tuple[int, str]] = set()
    pending = False
    blocks = document["blocks"]
    assert isinstance(blocks, list)
    for block in blocks:
        text = " ".join(block["t"].split())
        if not text or (not headings and block["role"] == "sub"):
            continue
        if block["role"] == "title" and not headings:
            pending = True
            continue
        if block["role"] == "title":
            titles.add((len(texts), text))
        if pending or block["role"] == "title":
            starts.add(len(texts))
        pending = False
        texts.append(text)
    digest = document["kind"] == "digest"
    return Case(str(document["archive"]), digest, lines_of(texts, blank=blank), frozenset(starts), frozenset(titles))


def read_articles(path: Path) -> Iterator[Case]:
    """Single articles of many sites, as lines."""
    for line in path.open(encoding="utf-8"):
        page = json.loads(line)
        if "article" in page["set"] or page["set"] == "gne":
            texts = [" ".join(text.split()) for text in page["gold"].split("\n") if text.strip()]
            if len(texts) >= 3:
                yield Case("articles", False, lines_of(texts, blank=False), frozenset(), frozenset())


def lines_of(texts: Sequence[str], *, blank: bool) -> tuple[Block, ...]:
    return tuple(Block(i, text, BlockKind.PARAGRAPH, 0, len(text), n_breaks=int(blank)) for i, text in enumerate(texts))


def run(case: Case) -> Outcome:
    """Split one case, as a record of plain text all of which is content."""
    decisions = [_KEEP] * len(case.blocks)
    begin = time.process_time()
    metadata = find_metadata(
        Extracted(case.blocks), decisions, record=Record("a.txt", None, b"", "text/plain"), site=None
    )
    found = split_sections(case.blocks, decisions, metadata)
    seconds = time.process_time() - begin
    stories = found.sections if found.kind is DocumentKind.DIGEST else ()
    starts = frozenset(s.ordinals[0] if s.title_ordinal is None else s.title_ordinal for s in stories)
    titles = frozenset(
        (s.title_ordinal, s.title) for s in stories if s.title_ordinal is not None and s.title is not None
    )
    return Outcome(case, found.kind is DocumentKind.DIGEST, starts, titles, seconds)


def report(outcomes: Sequence[Outcome]) -> None:
    """A line an archive and the totals of news, of all digests and of all singles."""
    by_archive: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_archive[outcome.case.archive].append(outcome)
    for archive, found in by_archive.items():
        print(f"{archive:12}", _figures(found))
    groups = {
        "news": [o for o in outcomes if o.case.archive in NEWS],
        "all digests": [o for o in outcomes if o.case.digest],
        "all singles": [o for o in outcomes if not o.case.digest],
    }
    for name, found in groups.items():
        print(f"{name:12}", _figures(found))


def _figures(found: Sequence[Outcome]) -> str:
    split = sum(outcome.digest for outcome in found) / len(found)
    cost = f"{1000 * sum(o.seconds for o in found) / len(found):6.2f} ms a document"
    if not found[0].case.digest:
        return f"split {split:6.1%} of {len(found)}{'':38}{cost}"
    # A document's first line is a boundary in any reading; it is not counted.
    right = sum(len((o.starts & o.case.starts) - {0}) for o in found)
    said = sum(len(o.starts - {0}) for o in found)
    true = sum(len(o.case.starts - {0}) for o in found)
    titles = sum(len(o.case.titles) for o in found)
    exact = sum(len(o.titles & o.case.titles) for o in found) / titles if titles else math.nan
    return (
        f"recall {split:6.1%} of {len(found)}  F1 {2 * right / max(1, said + true):.3f} P {right / max(1, said):.3f} "
        f"R {right / max(1, true):.3f} titles {exact:.3f} {cost}"
    )


if __name__ == "__main__":
    main()
