"""Figures and tables of ``benchmarks.extraction``: scores a page, bootstrap intervals, tables by group and by tool.

- 4-gram F1: multiset overlap of 4-token shingles, each CJK character a token (``extraction_metrics.f1``).
- word F1: as WCXB's evaluate.py defines it, multiset overlap of the runs of word characters (``\\w+``) in lower case,
  two empty texts agreeing; but each CJK character is a word of its own, which ``\\w+`` would join to sentences. On
  flattened text this is what others call token F1.
- line F1, of flattened text: of the lines kept against the lines that hold main text, each line counting one.

All are means over pages. An interval is the 2.5th and 97.5th percentile of the mean over 1,000 resamples of the pages
(all forms of a page are drawn together), of a difference over the same pages for both tools. To add a figure, name
it in ``METRICS``; to add rows, ``benchmarks.extraction.GROUPS``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.extraction_metrics import f1
from pipeline.text.tokens import CJK, count_tokens

Values = NDArray[np.float64]

RESAMPLES = 1000
BAD = 0.5  # 4-gram F1 below which a page is counted as bad
_WORD = re.compile(f"[{CJK}]|[^\\W{CJK}]+")


@dataclass(frozen=True, slots=True)
class Case:
    """A page in one form, with what people marked in it."""

    name: str  # of the page; all forms of a page have the same
    groups: tuple[str, ...]  # rows of the tables it counts in
    gold: str
    wanted: tuple[bool, ...] = ()  # of flattened text: which lines hold main text


@dataclass(frozen=True, slots=True)
class Output:
    """What a tool made of a page."""

    text: str
    kept: tuple[bool, ...] = ()  # of flattened text: which lines it kept
    seconds: float = 0.0  # of CPU


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def show(self, *, signed: bool = False) -> str:
        one, rest = (".3f", "+.3f")[signed], ("-", " ")[signed]
        return f"{self.mean:{one}} [{self.low:{one}}{rest}{self.high:{one}}]"


def word_f1(found: str, gold: str) -> float:
    """Multiset F1 of lower-case words; a CJK character is a word.

    >>> word_f1("One two two", "two one three four"), word_f1("碳市场", "碳交易市场")
    (0.5714285714285714, 0.75)
    """
    one, two = Counter(_WORD.findall(found.lower())), Counter(_WORD.findall(gold.lower()))
    if not one or not two:
        return float(not one and not two)
    return 2 * (one & two).total() / (one.total() + two.total())


def line_f1(kept: Sequence[bool], wanted: Sequence[bool]) -> float:
    """F1 of the lines kept; 1 where none is wanted and none kept."""
    total = sum(kept) + sum(wanted)
    return 2 * sum(one and two for one, two in zip(kept, wanted, strict=True)) / total if total else 1.0


def measure(case: Case, output: Output) -> dict[str, float]:
    """Every figure of one page, by name; ``print_tools`` and ``print_groups`` take them from here."""
    score = f1(output.text, case.gold)
    return {
        "4-gram F1": score.f1,
        "precision": score.precision,
        "recall": score.recall,
        "word F1": word_f1(output.text, case.gold),
        "line F1": line_f1(output.kept, case.wanted) if case.wanted else float("nan"),
        f"under {BAD}": float(score.f1 < BAD),
        "empty": float(count_tokens(output.text) == 0 < count_tokens(case.gold)),
        "ms": output.seconds * 1000,
    }


Measured = Mapping[str, Values]  # figure to a value a case


def measure_all(cases: Sequence[Case], outputs: Sequence[Output]) -> Measured:
    """The figures of one tool over all cases, a column a figure."""
    rows = [measure(case, output) for case, output in zip(cases, outputs, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def bootstrap(values: Values, names: Sequence[str], *, seed: int = 0) -> Interval:
    """Mean of the values and its interval, values of one name being drawn together."""
    known, at = np.unique(np.asarray(names), return_inverse=True)
    sums, counts = np.bincount(at, values), np.bincount(at)
    drawn = np.random.default_rng(seed).integers(0, len(known), (RESAMPLES, len(known)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), (2.5, 97.5))
    return Interval(float(values.mean()), float(low), float(high))


def _width(name: str) -> int:
    return max(len(name) + 2, 11)


def rows_of(cases: Sequence[Case]) -> dict[str, NDArray[np.int64]]:
    """Each group with the numbers of its cases, in order of name but for "all"."""
    names = sorted({group for case in cases for group in case.groups}, key=lambda name: (name != "all", name))
    return {name: np.array([at for at, case in enumerate(cases) if name in case.groups]) for name in names}


def print_groups(figure: str, cases: Sequence[Case], tools: Mapping[str, Measured], *, against: str) -> None:
    """A row a group: the first tool with its interval, its lead over ``against``, then the other tools' means."""
    ours, *others = tools
    heads = "".join(f"{name:>{_width(name)}}" for name in others)
    lead = f"  {f'{ours} - {against}':<24}" if against in tools else ""
    print(f"\n{figure}\n{'':24}{'pages':>6}  {f'{ours}, 95 %':<18}{lead}{heads}")
    for group, at in rows_of(cases).items():
        names = [cases[one].name for one in at]
        row = f"{group:24}{len(set(names)):6}  {bootstrap(tools[ours][figure][at], names).show():<18}"
        if against in tools:
            difference = tools[ours][figure][at] - tools[against][figure][at]
            row += f"  {bootstrap(difference, names).show(signed=True):<24}"
        print(row + "".join(f"{tools[name][figure][at].mean():{_width(name)}.3f}" for name in others))


def print_tools(group: str, cases: Sequence[Case], tools: Mapping[str, Measured], *, figures: Sequence[str]) -> None:
    """A row a tool for one group of pages: these figures with intervals and the first tool's lead in each."""
    at = rows_of(cases).get(group)
    if at is None:
        return
    names = [cases[one].name for one in at]
    ours = next(iter(tools))
    heads = "".join(f"{figure:<21}{f'lead of {ours}':<24}" for figure in figures)
    print(f"\n{group}: {len(set(names))} pages, {len(at)} forms")
    print(f"{'':24}{heads}{'P':>6}{'R':>6}{'<.5':>6}{'none':>6}{'ms':>8}")
    for name, tool in tools.items():
        row = f"{name:24}"
        for figure in figures:
            row += f"{bootstrap(tool[figure][at], names).show():<21}"
            lead = bootstrap(tools[ours][figure][at] - tool[figure][at], names)
            row += f"{lead.show(signed=True) if name != ours else '':<24}"
        row += f"{tool['precision'][at].mean():6.3f}{tool['recall'][at].mean():6.3f}"
        row += f"{tool[f'under {BAD}'][at].sum():6.0f}{tool['empty'][at].sum():6.0f}"
        print(row + (f"{tool['ms'][at].mean():8.1f}" if tool["ms"].any() else f"{'':>8}"))


def print_worst(cases: Sequence[Case], tools: Mapping[str, Measured], *, number: int) -> None:
    """The pages with the lowest 4-gram F1 of the first tool, and what the others make of them; then its empty pages."""
    ours = tools[next(iter(tools))]
    print(f"\nworst pages, 4-gram F1\n{'':24}{'':24}" + "".join(f"{name:>{_width(name)}}" for name in tools))
    for at in np.argsort(ours["4-gram F1"], kind="stable")[:number].tolist():
        case = cases[at]
        scores = "".join(f"{tool['4-gram F1'][at]:{_width(name)}.3f}" for name, tool in tools.items())
        print(f"{case.name:24}{case.groups[-1]:24}{scores}")
    print("empty:", *(cases[at].name for at in np.flatnonzero(ours["empty"]).tolist()))


def is_sentence_line(text: str) -> bool:
    """C4's rule for a line (Raffel et al. 2020): it ends like a sentence and has five words, CJK marks included."""
    return text.rstrip().endswith(tuple('.!?"”。！？…」』')) and count_tokens(text) >= 5


#: What to set beside us on flattened text, for which there is no tool: which lines each keeps.
LINE_RULES: Mapping[str, Callable[[str], bool]] = {"keep all": lambda text: True, "C4 lines": is_sentence_line}
