"""Hostile inputs by the minute, each on its road from bytes to a finished document: `python -m proofs.fuzz`.

    python -m proofs.fuzz --minutes 60 [--seed N] [--data FOLDER ...] [--only FAMILY] [--case SEED]

Prints cases and findings by family and, for each new finding, the smallest input that still shows it and the seed that
makes it again. Exit code 1 if there are any. Folders of real pages (--data; .html, .txt, .gz) are what some families
begin with; the five sample files are always among them. What is tried is in ``fuzz_cases``, what must
hold in ``fuzz_oracle``.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.text.decode import decode
from proofs.fuzz_cases import Case, make
from proofs.fuzz_oracle import Finding, check

RAW: Final = Path(__file__).parent.parent / "raw"
MAX_SHOWN: Final = 6  # findings of one kind in one family that are made smaller and printed
_MAX_TRIALS: Final = 1500  # of making one smaller
_MAX_SECONDS: Final = 40.0
_TWICE: Final = 8  # one case in so many is run twice
_MAX_PAGES: Final = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first case; the next is one more")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="folders of real pages")
    parser.add_argument("--only", default="", help="families whose name has this in it")
    parser.add_argument("--case", type=int, help="only the case of this seed, shown as it is")
    options = parser.parse_args()
    data = read_texts([RAW, *options.data])
    if options.case is not None:
        case = make(options.case, data)
        print(case, *check(case), sep="\n")
        return
    sys.exit(1 if run(options.minutes, seed=options.seed, data=data, only=options.only) else 0)


def read_texts(folders: Sequence[Path]) -> list[str]:
    """The texts of files, decoded, an even choice of at most ``_MAX_PAGES`` of each folder."""
    texts = []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".txt", ".html", ".htm", ".gz"})
        for path in files[:: len(files) // _MAX_PAGES + 1]:
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            texts.append(decode(content, media_type="text/html").text)
    return texts


def run(minutes: float, *, seed: int, data: Sequence[str], only: str = "") -> int:
    """Try cases until the time is over; the number of findings."""
    end = time.monotonic() + 60 * minutes
    cases: Counter[str] = Counter()
    findings: Counter[tuple[str, str]] = Counter()
    shown: set[tuple[str, bytes]] = set()
    first = seed
    with suppress(KeyboardInterrupt):  # what was found so far is told
        while time.monotonic() < end:
            case = make(seed, data)
            if only in case.family:
                cases[case.family] += 1
                for finding in {one.kind: one for one in check(case, twice=seed % _TWICE == 0)}.values():
                    key = (case.family, finding.kind)
                    findings[key] += 1
                    if findings[key] <= MAX_SHOWN:
                        show(case, finding, seed, shown)
            seed += 1
    print(f"{sum(cases.values()):,} cases, seeds {first} to {seed - 1}")
    for family, count in sorted(cases.items()):
        found = {kind: n for (name, kind), n in findings.items() if name == family}
        print(f"{family:16} {count:9,}  {', '.join(f'{kind}: {n}' for kind, n in found.items()) or 'no finding'}")
    return findings.total()


def show(case: Case, finding: Finding, seed: int, shown: set[tuple[str, bytes]]) -> None:
    """Print a finding with its smallest input, unless that was printed before."""
    small = minimised(case, finding)
    if (finding.kind, small.raw) in shown:
        return
    shown.add((finding.kind, small.raw))
    print(f"--- {finding.kind} in {case.family}, seed {seed}: {finding.detail}")
    print(f"    {small.name}, {small.encoding}: {small.raw[:2000]!r}", flush=True)


def minimised(case: Case, finding: Finding) -> Case:
    """The case with all cut out that the finding does not need: halves, quarters ... single bytes."""
    if not case.exact:
        return case
    end = time.monotonic() + _MAX_SECONDS
    trials, size = 0, max(1, len(case.raw) // 2)
    while trials < _MAX_TRIALS and time.monotonic() < end:
        at, cut = 0, False
        while at < len(case.raw) and trials < _MAX_TRIALS and time.monotonic() < end:
            smaller = replace(case, raw=case.raw[:at] + case.raw[at + size :])
            trials += 1
            if any(one.kind == finding.kind for one in check(smaller, twice=finding.kind == "changes")):
                case, cut = smaller, True
            else:
                at += size
        if size == 1 and not cut:
            break
        size = max(1, size // 2) if not cut or size > 1 else 1
    return case


if __name__ == "__main__":
    main()
