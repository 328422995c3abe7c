"""What each stage costs: CPU time for 100 KB of HTML and for 4 KB of text, beside trafilatura on the same pages.

    python -m benchmarks.stages [--pages 60] [--runs 3] [--data ../shared/data/extraction]

The stages are the calls of ``pipeline.recipe``, in its order, each timed alone over all pages (the best of several
runs). What the whole of ``clean_record`` or ``finish_record`` takes beyond its stages (titles marked, texts put
together, values made) is the line "the rest". On a busy machine milliseconds grow, the ratios do not.
To add a stage, write it as a line of ``CLEAN`` or ``FINISH``.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.corpus import DATA
from pipeline.boilerplate.label import decide
from pipeline.boilerplate.model import load_vocabulary, load_weights, page_inputs, predict
from pipeline.boilerplate.rules import RuleSet, apply_rules, load_rules
from pipeline.boilerplate.templates import line_keys
from pipeline.dedup.signature import sign
from pipeline.extract import extract
from pipeline.language import document_language, tag_blocks
from pipeline.metadata import find_metadata
from pipeline.metadata.site import site_of
from pipeline.read import read_file
from pipeline.recipe import Cleaned, Finished, clean_record, finish_record
from pipeline.sections import split_sections
from pipeline.stages.child import GC_THRESHOLD
from pipeline.text.decode import decode
from pipeline.text.quality import debris, measure_quality
from pipeline.types import Label, Record

HTML_BYTES = range(50_000, 200_000)  # pages of such sizes are taken; times are scaled to 100 KB
TEXT_BYTES = 4096

#: What is known of one document: the stages' results, by name.
State = dict[str, Any]
Stage = Callable[[State], object]

CLEAN: Mapping[str, Stage] = {
    "read": lambda s: list(read_file(s["raw"], s["path"])),
    "decode": lambda s: decode(s["record"].content, media_type=s["record"].media_type),
    "extract": lambda s: extract(s["text"], s["record"].media_type),
    "site": lambda s: site_of(url=None, path=s["path"], blocks=s["blocks"]),
    "rules": lambda s: apply_rules(s["rules"], s["blocks"], site=s["cleaned"].site),
    "features": lambda s: page_inputs(s["blocks"], s["head"], load_vocabulary()),
    "model": lambda s: predict(s["weights"], s["features"]),
    "line keys": lambda s: line_keys(s["blocks"]),
}
FINISH: Mapping[str, Stage] = {
    "decide": lambda s: decide(
        s["blocks"],
        rule_decisions=s["cleaned"].rule_decisions,
        scores=s["cleaned"].scores,
        template_hits=s["hits"],
        head=s["head"],
    ),
    "metadata": lambda s: find_metadata(s["cleaned"].extracted, s["decisions"], record=s["record"], site=None),
    "sections": lambda s: split_sections(s["blocks"], s["decisions"], s["finished"].metadata),
    "languages": lambda s: (
        tag_blocks(s["blocks"], s["decisions"]),
        document_language(s["blocks"], s["decisions"], s["finished"].languages),
    ),
    "debris": lambda s: debris(s["finished"].text),
    "quality": lambda s: measure_quality(s["finished"].text, s["content"]),
    "signature": lambda s: sign(s["finished"].text),
}


def make_files(data: Path, n_pages: int, raw: Path) -> tuple[list[str], list[str]]:
    """Write pages and the main texts of them into a folder; the names of both."""
    rows = [json.loads(line) for line in (data / "gold.jsonl").read_text("utf-8").split("\n") if line]
    pages: list[str] = []
    texts: list[str] = []
    for row in rows[:: max(1, len(rows) // (3 * n_pages))]:
        content = gzip.decompress((data / row["page"]).read_bytes())
        gold = row["gold"].encode()[:TEXT_BYTES].decode("utf-8", "ignore")
        if len(content) in HTML_BYTES and len(pages) < n_pages:
            pages.append(f"{len(pages)}.html")
            (raw / pages[-1]).write_bytes(content)
        if len(gold) * 4 > TEXT_BYTES and len(texts) < n_pages:
            texts.append(f"{len(texts)}.txt")
            (raw / texts[-1]).write_text(gold, "utf-8")
    return pages, texts


def states_of(raw: Path, paths: Iterable[str], rules: RuleSet) -> list[State]:
    """All that the stages need of each file that comes through them."""
    found = []
    for path in paths:
        record = next(read_file(raw, path))
        cleaned = clean_record(record, rules=rules) if isinstance(record, Record) else record
        if not isinstance(record, Record) or not isinstance(cleaned, Cleaned):
            continue
        hits = [None] * len(cleaned.keys)
        finished = finish_record(cleaned, template_hits=hits)
        if not isinstance(finished, Finished):
            continue
        blocks, head = cleaned.extracted.blocks, cleaned.extracted.head
        content = [b.text for b, one in zip(blocks, finished.decisions, strict=True) if one.label is Label.CONTENT]
        weights = load_weights("plain" if blocks[0].markup is None else "markup")
        text = decode(record.content, media_type=record.media_type).text
        found.append(
            {"raw": raw, "path": path, "record": record, "text": text, "rules": rules, "cleaned": cleaned}
            | {"blocks": blocks, "head": head, "features": page_inputs(blocks, head, load_vocabulary())}
            | {"weights": weights, "hits": hits}
            | {"finished": finished, "decisions": finished.decisions, "content": content}
        )
    return found


#: From bytes to a label for each block; line keys are for the site's template.
LABELLING = ("read", "decode", "extract", "site", "rules", "features", "model", "decide")


def cpu_ms(stage: Stage, states: Sequence[State], runs: int) -> float:
    """Milliseconds of CPU time over all documents, the least of the runs."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        for state in states:
            stage(state)
        times.append(time.process_time() - start)
    return 1000 * min(times)


def measure(states: Sequence[State], runs: int) -> dict[str, float]:
    """Milliseconds by stage, with the sums of both halves and of all."""
    wholes: tuple[tuple[str, Mapping[str, Stage], Stage], ...] = (
        ("clean", CLEAN, lambda s: (list(read_file(s["raw"], s["path"])), clean_record(s["record"], rules=s["rules"]))),
        ("finish", FINISH, lambda s: finish_record(s["cleaned"], template_hits=s["hits"])),
    )
    found: dict[str, float] = {}
    for name, stages, whole in wholes:
        parts = {stage: cpu_ms(call, states, runs) for stage, call in stages.items()}
        total = cpu_ms(whole, states, runs)
        found |= {**parts, f"the rest of {name}": total - sum(parts.values()), f"= {name}": total}
    labelled = sum(found[stage] for stage in LABELLING)
    return {**found, "= both": found["= clean"] + found["= finish"], "= read to label": labelled}


def show(html: Sequence[State], text: Sequence[State], runs: int) -> Table:
    """The table: a row a stage."""
    import trafilatura

    n_html, n_text = (sum(len(state["record"].content) for state in states) for states in (html, text))
    peer = cpu_ms(lambda s: trafilatura.extract(s["record"].content), html, runs) * 100_000 / n_html
    of_html, of_text = measure(html, runs), measure(text, runs)
    table = Table(title=f"CPU ms; trafilatura {peer:.1f} for 100 KB of HTML (ratios are to that)")
    for column in ("stage", f"100 KB of HTML ({len(html)})", "ratio", f"4 KB of text ({len(text)})", "ratio"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for name in of_html:
        each = of_html[name] * 100_000 / n_html, of_text[name] * TEXT_BYTES / n_text
        cells = [cell for ms in each for cell in (f"{ms:.3f}", f"{ms / peer:.4f}")]
        table.add_row(name, *cells, end_section=name.startswith("="))
    table.add_row("trafilatura", f"{peer:.3f}", "1", "", "")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=60, help="pages, and texts, to time")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the best counts")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with gold.jsonl and pages/")
    given = parser.parse_args()
    rules = load_rules()
    gc.set_threshold(*GC_THRESHOLD)  # as in the children of a run; trafilatura has it too
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder)
        pages, texts = make_files(given.data, given.pages, raw)
        Console(width=120).print(show(states_of(raw, pages, rules), states_of(raw, texts, rules), given.runs))


if __name__ == "__main__":
    main()
