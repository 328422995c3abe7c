"""Quality that must not fall unseen: `python -m benchmarks.floors [--data ../shared/data]`.

150 fixed pages through ``pipeline.clean`` (4-gram F1 against the main text as people marked it) and 40 fixed digests through
the sections (F1 of boundaries), each held against a floor a little under what this tree does. Prints each figure; exit
code 1 when one is under its floor, 0 when the data are not there. Quick and in-sample: a gate, not a measurement. When a
change moves a figure up for good, move its floor.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.sections import flatten, run
from pipeline import CleanDocument, clean
from pipeline.sites.effect import f1

#: How many pages of each folder; the second has Chinese pages of many kinds.
N_PAGES = {"extraction": 100, "extraction-zh": 50}
N_DIGESTS = 40
#: Smallest figure that passes, by its name.
FLOORS = {"extraction": 0.87, "extraction-zh": 0.89, "digests": 0.89}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    if not (data / "extraction" / "gold.jsonl").exists():
        print(f"No data in {data}: no floors are held.")
        return
    found = figures(data)
    for name, value in found.items():
        print(f"{name:18} {value:.4f}  floor {FLOORS[name]:.4f}  {'held' if value >= FLOORS[name] else 'FELL'}")
    sys.exit(any(value < FLOORS[name] for name, value in found.items()))


def figures(data: Path) -> dict[str, float]:
    """Each figure by its name."""
    digests = [row for row in _rows(data / "sections" / "docs.jsonl") if row["kind"] == "digest"]
    found = {name: statistics.fmean(_pages(data / name, n)) for name, n in N_PAGES.items()}
    return {**found, "digests": statistics.fmean(map(boundary_score, chosen(digests, "id", N_DIGESTS)))}


def _pages(folder: Path, n: int) -> Iterator[float]:
    for row in chosen(_rows(folder / "gold.jsonl"), "page", n):
        yield page_score(folder / row["page"], row["gold"])


def chosen(rows: Sequence[dict[str, Any]], key: str, n: int) -> list[dict[str, Any]]:
    """``n`` rows that stay the same whatever the order of the file."""
    return sorted(rows, key=lambda row: zlib.crc32(str(row[key]).encode()))[:n]


def page_score(file: Path, gold: str) -> float:
    """4-gram F1 of a page's clean text."""
    document = clean(gzip.decompress(file.read_bytes()), media_type="text/html")
    text = document.text if isinstance(document, CleanDocument) else ""
    return f1(text, gold).f1


def boundary_score(row: dict[str, Any]) -> float:
    """F1 of a digest's boundaries, its first line aside."""
    outcome = run(flatten(row, headings=True, blank=True))
    said, true = outcome.starts - {0}, outcome.case.starts - {0}
    return 2 * len(said & true) / max(1, len(said) + len(true))


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.open(encoding="utf-8")]


if __name__ == "__main__":
    main()
