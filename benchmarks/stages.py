"""What each stage costs a document: CPU time for 100 KB of HTML and for 4 KB of text, beside trafilatura.

    python -m benchmarks.stages [--pages 300] [--texts 600] [--json FILE] [--before FILE] [--markdown] [--data FOLDER ...]

One pass: each stored page goes once through ``clean``, ``finish`` and ``assemble`` as in a run, from the raw file to
the parts of the datasets, and so does the main text of each page between the first and last lines of the page. A shard
of them has a child process of its own, forked from a warm one, as in a run; what is kept from one document to the next
is what a run keeps. A third is not English, and every second document is in a legacy charset, where it can be written
in one. Trafilatura reads the pages of each shard in a child of its own beside it, so that a busy machine slows both.

A row is the time in the calls that ``CALLS`` names, less that of the rows within them; "the rest" is what is in none.
The work of the parent (scan, plan, learn, dedup, check, publish) is not here: ``benchmarks.end_to_end`` has it.
To have a row for another call, add a line to ``CALLS``.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import gzip
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.corpus import DATA, DATA_ZH, Page, as_page, decode, read_pages, text_lines
from benchmarks.tables import as_markdown, as_table
from pipeline import recipe
from pipeline.boilerplate import model
from pipeline.read.limits import ReadLimits
from pipeline.read.scan import scan
from pipeline.schema import FIRST_SEEN, VERDICTS
from pipeline.stages import children
from pipeline.stages.child import GC_THRESHOLD
from pipeline.stages.tasks import AssembleTask, CleanTask, FinishTask
from pipeline.store.files import write_table
from pipeline.types import RawInput
from pipeline.workers.journal import Journal, Span
from pipeline.workers.task import Limits

HTML_BYTES = range(50_000, 200_000)  # pages of such sizes are taken; times are scaled to 100 KB
TEXT_BYTES = 4096
SHARD = 128  # files; the fixed cost of a child is not counted
LABEL_TARGET = 3.0  # ms from the file to a label for each block, for 100 KB of HTML

#: Charsets by language that every second document is written in, in turn.
LEGACY: Mapping[str, tuple[str, ...]] = {"zh": ("gb18030", "big5"), "ja": ("shift_jis",), "en": ("windows-1252",)}
#: Of its characters beyond ASCII, the share that a charset must have for a page to be written in it.
WRITABLE = 0.95

#: Row, where its caller looks the function up, and its name there. Several calls may be of one row.
CALLS: tuple[tuple[str, Any, str], ...] = (
    ("rules loaded", children, "load_rules"),
    ("file read", children, "read_file"),
    ("decode", recipe, "decode"),
    ("wrappers", recipe, "http_head"),
    ("wrappers", recipe, "unwrap"),
    ("page marks", recipe, "page_marks"),
    ("extract", recipe, "extract"),
    ("site", recipe, "site_of"),
    ("rules", recipe, "apply_rules"),
    ("features", model, "page_inputs"),
    ("model", recipe, "score_blocks"),
    ("line keys", recipe, "line_keys"),
    ("hand-over: rows to Arrow", children, "cleaned_tables"),
    ("hand-over: Arrow to objects", children, "cleaned_values"),
    ("templates", children, "match_templates"),
    ("decide", recipe, "decide"),
    ("metadata", recipe, "find_metadata"),
    ("sections", recipe, "split_sections"),
    ("languages", recipe, "tag_blocks"),
    ("languages", recipe, "document_language"),
    ("interstitials", recipe, "find_interstitial"),
    ("debris", recipe, "debris"),
    ("quality", recipe, "measure_quality"),
    ("signatures", recipe, "sign"),
    ("confidence", recipe, "extraction_confidence"),
    ("hand-over: finished rows", children, "finished_tables"),
    ("parts", children, "assemble_parts"),
    ("journal", Journal, "begin"),
    ("Parquet read", pq, "read_table"),
    ("Parquet write", pq, "write_table"),
)
#: What is done once a shard, however many documents that has: no part of the sums.
FIXED = ("rules loaded",)
#: Rows that several stages have.
SHARED = ("journal", "Parquet read", "Parquet write")
#: From bytes to a label for each block; line keys are for the site's template.
LABELLING = ("file read", "decode", "wrappers", "page marks", "extract", "site", "rules", "features", "model", "decide")

#: Row of a stage: "clean", "extract".
Row = tuple[str, str]


@dataclass(slots=True)
class Clock:
    """CPU time by row. A call within a call is of its own row alone."""

    spent: dict[Row, int] = field(default_factory=lambda: defaultdict(int))  # nanoseconds
    _open: list[str] = field(default_factory=list)
    _since: int = 0

    def enter(self, row: str) -> None:
        self._note()
        self._open.append(row)

    def leave(self) -> None:
        self._note()
        self._open.pop()

    def _note(self) -> None:
        now = time.process_time_ns()
        if self._open:
            name = self._open[-1] if len(self._open) > 1 else f"the rest of {self._open[0]}"
            self.spent[self._open[0], name] += now - self._since
        self._since = now

    @contextlib.contextmanager
    def within(self, row: str) -> Iterator[None]:
        self.enter(row)
        try:
            yield
        finally:
            self.leave()

    def timed(self, row: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its time going to a row, and that of what it yields if it is a generator."""

        def run(*given: Any, **named: Any) -> Any:
            if not self._open:  # warming up
                return call(*given, **named)
            with self.within(row):
                found = call(*given, **named)
            return self._each(row, found) if isinstance(found, Iterator) else found

        return run

    def _each(self, row: str, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            with self.within(row):
                item = next(items, _END)
            if item is _END:
                return
            yield item


_END = object()


@contextlib.contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Have the calls of ``CALLS`` timed. Raises SystemExit when one of them is gone."""
    before = []
    try:
        for row, owner, name in CALLS:
            call = getattr(owner, name, None)
            if call is None:
                raise SystemExit(f"{owner.__name__} has no {name} any more: mend CALLS of benchmarks/stages.py.")
            before.append((owner, name, call))
            setattr(owner, name, clock.timed(row, call))
        yield
    finally:
        for owner, name, call in before:
            setattr(owner, name, call)


# --- documents, each of them once ---


@dataclass(frozen=True, slots=True)
class Document:
    """A raw file of the corpus."""

    name: str
    content: bytes
    charset: str


def pages_of(folders: Sequence[Path], n: int) -> list[Document]:
    """At most so many stored pages of the sizes that count, in random order, the same each time."""
    found = []
    for number, (folder, page) in enumerate(in_order(folders)):
        stored = gzip.decompress((folder / page.page).read_bytes())
        if len(stored) in HTML_BYTES:
            content, charset = legacy_page(stored, page.lang, number // 2) if number % 2 else (stored, "as stored")
            found.append(Document(f"{number:05d}.html", content, charset))
            if len(found) == n:
                break
    return found


def texts_of(folders: Sequence[Path], n: int) -> list[Document]:
    """At most so many texts of 4 KB: the main text of a page between the page's first and last lines."""
    found = []
    for number, (folder, page) in enumerate(in_order(folders)):
        if len(page.gold.encode()) < TEXT_BYTES // 2:
            continue
        lines = text_lines(decode(gzip.decompress((folder / page.page).read_bytes())))
        around = [line[:80] for line in lines]
        text = "\n".join((*around[:5], page.gold, *around[-5:]))
        text = text.encode()[:TEXT_BYTES].decode("utf-8", "ignore")
        content, charset = legacy_text(text, page.lang, number // 2) if number % 2 else (text.encode(), "utf-8")
        found.append(Document(f"{number:05d}.txt", content, charset))
        if len(found) == n:
            break
    return found


def in_order(folders: Sequence[Path]) -> Iterator[tuple[Path, Page]]:
    """All pages in random order, the same each time: after each two English ones another, as long as there are such."""
    rows = [(folder, page) for folder in folders for page in read_pages(folder)]
    random.Random(0).shuffle(rows)
    english, other = ([row for row in rows if (row[1].lang == "en") == wanted] for wanted in (True, False))
    for number in range(max(len(english), 2 * len(other))):
        yield from english[number : number + 1]
        yield from other[number // 2 : number // 2 + 1] if number % 2 else ()


def legacy_page(stored: bytes, lang: str, turn: int) -> tuple[bytes, str]:
    """A page in a legacy charset, declared in two of three, what it has not as references; else as it is stored."""
    text = decode(stored)
    charset = _in_turn(lang, turn)
    text = _traditional(text) if charset == "big5" else text
    beyond = [character for character in text if character > "\x7f"]
    if not beyond or sum(_has(charset, one) for one in beyond) < WRITABLE * len(beyond):
        return stored, "as stored"
    return as_page(text, charset, declared=charset if turn % 3 else ""), charset


def legacy_text(text: str, lang: str, turn: int) -> tuple[bytes, str]:
    """A text in a legacy charset, where that has all its characters."""
    charset = _in_turn(lang, turn)
    text = _traditional(text) if charset == "big5" else text
    try:
        return text.encode(charset), charset
    except UnicodeEncodeError:
        return text.encode(), "utf-8"


def _in_turn(lang: str, turn: int) -> str:
    charsets = LEGACY.get(lang, LEGACY["en"])
    return charsets[turn % len(charsets)]


def _has(charset: str, character: str) -> bool:
    try:
        return bool(character.encode(charset))
    except UnicodeEncodeError:
        return False


def _traditional(text: str) -> str:
    """Simplified Chinese in traditional characters, as Big5 has them."""
    from opencc import OpenCC

    return str(OpenCC("s2t").convert(text))


# --- a pass ---


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass over documents took: nanoseconds by row, and of trafilatura (0 for texts)."""

    spent: Mapping[Row, int]
    peer: int
    n_shards: int
    n_files: int
    n_bytes: int
    charsets: Mapping[str, int]


def run(documents: Sequence[Document], work: Path, *, shard: int = SHARD) -> Pass:
    """All documents, a shard at a time, beside trafilatura where they are HTML."""
    spent: Counter[Row] = Counter()
    peer = 0
    few = documents[:2]  # what is done once in each child
    rest = documents[2:]
    html = documents[0].name.endswith(".html")
    for number, start in enumerate(range(0, len(rest), shard)):
        chunk, folder = rest[start : start + shard], work / f"shard-{number}"
        lay_out(folder, few, chunk)
        found = in_child(lambda folder=folder: through_stages(folder))  # type: ignore[misc]
        spent.update({(stage, row): ns for stage, row, ns in found})
        if html:
            peer += in_child(lambda chunk=chunk: through_trafilatura(few, chunk))  # type: ignore[misc]
        print(f"\r{start + len(chunk)} of {len(rest)} documents ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    n_bytes = sum(len(one.content) for one in rest)
    return Pass(spent, peer, number + 1, len(rest), n_bytes, Counter(one.charset for one in rest))


def lay_out(folder: Path, few: Sequence[Document], documents: Sequence[Document]) -> None:
    """The raw files that ``through_stages`` goes through: a few that it warms up on, and those that count."""
    for name, files in (("few", few), ("all", documents)):
        (folder / name / "raw").mkdir(parents=True)
        for one in files:
            (folder / name / "raw" / one.name).write_bytes(one.content)


def in_child(work: Callable[[], Any]) -> Any:
    """What a function gives that is called in a forked child. Raises SystemExit when the child fails."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            gc.set_threshold(*GC_THRESHOLD)  # as in the children of a run; trafilatura has it too
            with os.fdopen(writer, "w") as answer:
                json.dump(work(), answer)
            code = 0
        except BaseException:  # noqa: BLE001  # a child of ours ends here, whatever it is
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("A child failed.")
    return json.loads(said)


def through_stages(folder: Path) -> list[tuple[str, str, int]]:
    """Clean, finish and assemble the files of ``all``, after the ``few``; nanoseconds by row."""
    clock = Clock()
    with watched(clock):
        for name in ("few", "all"):
            for stage, do in stages_of(folder / name):
                with clock.within(stage) if name == "all" else contextlib.nullcontext():
                    do()
    return [(*row, ns) for row, ns in clock.spent.items()]


def stages_of(folder: Path) -> list[tuple[str, Callable[[], None]]]:
    """The stages that map over shards, for the files in ``raw``, each with its own folder of results."""
    # No budget a record: with a timer on CPU time set, Linux tells that time in ticks of some milliseconds only.
    limits, journal = Limits(memory_mb=3072, record_seconds=0), Journal(folder / "journal", 0)
    inputs = tuple(one for one in scan(folder / "raw") if isinstance(one, RawInput))
    for name in ("clean", "finish", "assemble"):
        (folder / name).mkdir()
    said = {"hits": HITS, "verdicts": VERDICTS, "seen": FIRST_SEEN}
    for name, schema in said.items():
        write_table(schema.empty_table(), folder / name)
    clean = CleanTask("all", folder / "clean", limits, folder / "raw", inputs, ReadLimits())
    finish = FinishTask(
        "all", folder / "finish", limits, len(inputs), clean.folder, folder / "hits", "lid176", seed=0, version=""
    )
    assemble = AssembleTask(
        "all", folder / "assemble", limits, finish.folder, folder / "verdicts", folder / "seen", 0, ()
    )
    return [
        ("clean", lambda: children.clean_shard(clean, clean.folder, Span(), journal)),
        ("finish", lambda: children.finish_shard(finish, finish.folder, Span(), journal)),
        ("assemble", lambda: children.assemble_shard(assemble, assemble.folder, Span(), journal)),
    ]


HITS = pa.schema([("site", pa.string()), ("key", pa.uint64())])


def through_trafilatura(few: Sequence[Document], documents: Sequence[Document]) -> int:
    import trafilatura

    for one in few:
        trafilatura.extract(one.content)
    start = time.process_time_ns()
    for one in documents:
        trafilatura.extract(one.content)
    return time.process_time_ns() - start


# --- figures ---


def figures(one: Pass, unit: int) -> dict[str, float]:
    """Milliseconds for so many bytes, by row, with the sums, in the order of a run."""
    scale = unit / one.n_bytes / 1e6
    names = list(dict.fromkeys(row for row, _, _ in CALLS))
    found: dict[str, float] = {}
    for stage in ("clean", "finish", "assemble"):
        rows = {row: ns * scale for (of, row), ns in one.spent.items() if of == stage and row not in FIXED}
        order = sorted(rows, key=lambda row: names.index(row) if row in names else len(names))
        found |= {f"{row} ({stage})" if row in SHARED else row: rows[row] for row in order}
        found[f"= {stage}"] = sum(rows.values())
    labelled = sum(ns * scale for (_, row), ns in one.spent.items() if row in LABELLING)
    found["= all three"] = sum(found[f"= {stage}"] for stage in ("clean", "finish", "assemble"))
    found["= file to label"] = labelled
    once = sum(ns for (_, row), ns in one.spent.items() if row in FIXED)
    found["once a shard"] = once / one.n_shards / 1e6
    if one.peer:
        found["trafilatura"] = one.peer * scale
    return found


def summary(page: Pass, text: Pass) -> dict[str, Any]:
    """What ``--json`` writes: milliseconds by row for a page and for a text, and of what documents."""
    of = {
        name: {"files": one.n_files, "bytes": one.n_bytes, "charsets": dict(one.charsets)}
        for name, one in (("page", page), ("text", text))
    }
    return {"page": figures(page, 100_000), "text": figures(text, TEXT_BYTES), "documents": of}


def rows_of(found: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[list[str]]:
    """A heading and a row a stage; with what was measured before, that and how many times as fast it is now.

    Machines differ from day to day: times as fast are told by the times of trafilatura in both runs.
    """
    peer = found["page"]["trafilatura"]
    heads = ("{}, before", "now", "times as fast") if before else ("{}, ms", "of trafilatura")
    rows = [["stage", *(head.format(kind) for kind in ("100 KB page", "4 KB text") for head in heads)]]
    old = before or {"page": {}, "text": {}}
    slower = peer / before["page"]["trafilatura"] if before else 1.0  # the machine now, as trafilatura tells
    for name in dict.fromkeys((*found["page"], *found["text"], *old["page"], *old["text"])):
        cells: list[str] = []
        for kind in ("page", "text"):
            now, was = found[kind].get(name), old[kind].get(name)
            if before:
                cells += [_ms(was), _ms(now), f"{slower * was / now:.1f}" if was and now else ""]
            else:
                cells += [_ms(now), f"{now / peer:.3f}" if now else ""]
        rows.append([name, *cells])
    return rows


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--texts", type=int, default=600)
    parser.add_argument("--shard", type=int, default=SHARD, help="documents a child process")
    parser.add_argument("--data", type=Path, nargs="+", default=[DATA, DATA_ZH], help="folders with gold.jsonl, pages/")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--before", type=Path, metavar="FILE", help="figures of another time to set beside these")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    given = parser.parse_args(arguments)
    before = json.loads(given.before.read_text("utf-8")) if given.before else None
    documents = pages_of(given.data, given.pages), texts_of(given.data, given.texts)
    children.warm_up()
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="winnow-stages-") as folder:
        page, text = (
            run(ones, Path(folder) / name, shard=given.shard)
            for ones, name in zip(documents, ("pages", "texts"), strict=True)
        )
    found = summary(page, text)
    console = Console(width=120)
    rows = rows_of(found, before)
    console.print(as_table(rows, "CPU ms")) if not given.markdown else print(as_markdown(rows))
    for name, of in found["documents"].items():
        charsets = ", ".join(f"{n} {charset}" for charset, n in sorted(of["charsets"].items()))
        console.print(f"{of['files']} {name}s of {of['bytes'] / of['files'] / 1000:.1f} KB: {charsets}")
    labelled = found["page"]["= file to label"]
    met = "met" if labelled <= LABEL_TARGET else "MISSED"
    console.print(f"File to label of a page at most {LABEL_TARGET:.1f} ms: {labelled:.2f}, {met}.")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
