"""What site files, or one rule, do to pages whose main text somebody has marked: 4-gram F1 without and with them.

Labelled pages are ``PAGE.html`` (any suffix that is read) beside ``PAGE.gold.txt``, in folders as deep as you like, or
a ``gold.jsonl`` with a row a page: ``page`` (path beside it), ``gold``, and ``site`` if it is known.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.rule_format import Choices, apply_choices
from pipeline.boilerplate.rules import all_rules, load_choices, load_rules
from pipeline.boilerplate.templates import TEMPLATES_SCHEMA
from pipeline.errors import OutputError, RawFolderError, RuleError, version
from pipeline.read.limits import ReadLimits
from pipeline.read.scan import scan
from pipeline.settings import Settings
from pipeline.stages.tasks import CleanTask, FinishTask
from pipeline.store.files import chunk_names, write_table
from pipeline.store.fingerprint import limits_of
from pipeline.store.state import sites_in
from pipeline.text.safety import printable
from pipeline.text.tokens import tokens
from pipeline.types import RawInput
from pipeline.workers.nursery import Nursery
from pipeline.workers.supervise import supervise
from pipeline.workers.task import Limits

# How close extracted text is to the text people marked: multiset F1 of 4-token shingles.
#
# Each CJK character is a token (``pipeline.text.tokens``). A shorter n is an argument: ``f1(found, gold, n=1)``.

SHINGLE = 4


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, 0 to 1."""

    precision: float
    recall: float
    f1: float


def shingles(words: Sequence[str], n: int = SHINGLE) -> Counter[tuple[str, ...]]:
    """Multiset of n-token shingles; a text shorter than n is one shingle."""
    if len(words) < n:
        return Counter([tuple(words)] if words else [])
    return Counter(zip(*(words[at:] for at in range(n)), strict=False))


def f1(found: str, gold: str, *, n: int = SHINGLE) -> Score:
    """Overlap of the shingles of two texts. Two texts without a token agree.

    >>> f1("碳市场启动了", "碳市场启动了").f1
    1.0
    >>> f1("one two three four five", "one two three four").precision
    0.5
    """
    one, two = shingles(tokens(found.lower()), n), shingles(tokens(gold.lower()), n)
    if not one or not two:
        same = float(not one and not two)
        return Score(same, same, same)
    shared = (one & two).total()
    precision, recall = shared / one.total(), shared / two.total()
    return Score(precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0)


# A few files tried as a run would do them: the same supervised road, nothing published.
#
# The templates are those that an output folder has learned, with the pins and vetoes of the site files.


@dataclass(frozen=True, slots=True)
class Tried:
    """Where the results of ``clean`` and ``finish`` lie, and the templates (TEMPLATES_SCHEMA) that were used."""

    cleaned: Path
    finished: Path
    templates: pa.Table

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a table that ``finish`` made: documents, sections, blocks."""
        for chunk in chunk_names(self.finished, table):
            yield from pq.read_table(chunk).to_pylist()


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for the results of trials, gone afterwards. Raises OutputError when there is no place for it."""
    mend = "Name a folder that can be written to in TMPDIR."
    try:
        place = Path(tempfile.gettempdir())
        str(place).encode()
        if place == Path.cwd() and str(place) not in map(os.environ.get, ("TMPDIR", "TEMP", "TMP")):
            raise FileNotFoundError  # the last resort of tempfile: raw files may lie here
        scratch = tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True)
    except (OSError, UnicodeEncodeError):
        raise OutputError("There is no folder for temporary files.", mend=mend) from None
    with scratch as folder:
        yield Path(folder)


def try_files(
    inputs: Sequence[RawInput],
    raw: Path,
    scratch: Path,
    nursery: Nursery,
    *,
    settings: Settings,
    learned: pa.Table | None = None,
    without: Sequence[str] = (),
    site_files: bool = True,
) -> Tried:
    """Clean and finish files of the folder ``raw``; results go to ``scratch``, a folder of this trial's own.

    ``learned`` are templates (TEMPLATES_SCHEMA); ``without`` names rules to leave out; ``site_files`` False leaves
    out pins and vetoes.
    """
    limits = Limits(settings.memory_mb, settings.record_seconds)
    cleaning = CleanTask(
        name="0001",
        folder=scratch / "clean",
        limits=limits,
        raw=raw,
        inputs=tuple(inputs),
        read=ReadLimits(**limits_of(settings)),
        rules=None if settings.rules is None else settings.rules.absolute(),
        without=tuple(without),
    )
    cleaned = supervise(cleaning, nursery).folder
    choices = load_choices(settings.rules) if site_files else {}
    templates = _templates(learned, sites_in(cleaned), choices)
    write_table(templates, scratch / "templates.parquet")
    finishing = FinishTask(
        name="0001",
        folder=scratch / "finish",
        limits=limits,
        n_records=len(inputs),
        cleaned=cleaned,
        templates=scratch / "templates.parquet",
        backend=settings.language_backend,
        seed=settings.language_seed,
        version=version(),
    )
    return Tried(cleaned, supervise(finishing, nursery).folder, templates)


def _templates(learned: pa.Table | None, sites: Iterable[str], choices: Choices) -> pa.Table:
    """The templates of these sites, with what their files say."""
    known = TEMPLATES_SCHEMA.empty_table() if learned is None else learned.cast(TEMPLATES_SCHEMA)
    mine = sorted(filter(None, sites))
    return apply_choices(known.filter(pc.is_in(known["site"], value_set=pa.array(mine, pa.string()))), mine, choices)


GOLD_SUFFIX, GOLD_FILE = ".gold.txt", "gold.jsonl"


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """A page with its main text as somebody marked it."""

    name: str  # its path in the folder
    file: Path
    gold: str
    folder: str  # what it lies in, or its site: a folder named like a domain tells the site

    @property
    def path(self) -> str:
        """Where it would lie in a raw tree."""
        parts = [part for part in PurePosixPath(self.folder, self.name).parts if part not in ("/", "..")]
        return "/".join(parts)


@dataclass(frozen=True, slots=True)
class PageEffect:
    """F1 of a page's clean text without and with what is tried, 0 to 1."""

    name: str
    before: float
    after: float
    changed: bool  # the clean text differs


def labelled_pages(folder: Path) -> list[LabelledPage]:
    """The labelled pages of a folder, by name. Raises RawFolderError when there is none or one is broken."""
    if not folder.is_dir():
        raise RawFolderError(f"There is no folder {printable(str(folder))}.", mend="Name a folder of labelled pages.")
    listed = folder / GOLD_FILE
    pages = sorted(_listed(listed) if listed.exists() else _beside(folder), key=lambda page: page.name)
    if not pages:
        mend = f"Put PAGE.html beside PAGE{GOLD_SUFFIX}, or write a {GOLD_FILE}."
        raise RawFolderError(f"There is no labelled page in {printable(str(folder))}.", mend=mend)
    return pages


def _beside(folder: Path) -> Iterator[LabelledPage]:
    for gold in folder.rglob(f"*{GOLD_SUFFIX}"):
        stem = gold.name.removesuffix(GOLD_SUFFIX)
        found = [file for file in sorted(gold.parent.iterdir()) if _is_page(file.name, stem) and file.is_file()]
        if len(found) != 1:
            what = f"{len(found)} pages" if found else "no page"
            raise RawFolderError(
                f"There is {what} beside {printable(str(gold))}.", mend=f"{stem}.html or {stem}.txt, one of them."
            )
        page = found[0]
        text = gold.read_text("utf-8-sig", errors="replace")
        yield LabelledPage(page.relative_to(folder).as_posix(), page, text, folder.absolute().name)


def _is_page(name: str, stem: str) -> bool:
    suffix = name.removesuffix(".gz").removeprefix(stem)
    return (
        name.startswith(stem) and not name.endswith(GOLD_SUFFIX) and suffix.startswith(".") and suffix.count(".") == 1
    )


def _listed(file: Path) -> Iterator[LabelledPage]:
    for number, line in enumerate(file.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            site = row.get("site") or file.absolute().parent.name
            page = LabelledPage(row["page"], file.parent / row["page"], row["gold"] + "", site + "")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            where = f"{printable(str(file))}, line {number}"
            raise RawFolderError(f"{where} is no labelled page.", mend='A row is {"page": ..., "gold": ...}.') from None
        if not page.file.is_file():
            raise RawFolderError(f"{printable(str(page.file))} is not there.", mend=f"{GOLD_FILE}, line {number}.")
        yield page


def measure_effect(
    pages: Sequence[LabelledPage],
    scratch: Path,
    nursery: Nursery,
    *,
    settings: Settings,
    rule_id: str | None = None,
    learned: pa.Table | None = None,
) -> list[PageEffect]:
    """Each page without and with one rule, or, when ``rule_id`` is None, without and with the site files.

    ``learned`` are the templates (TEMPLATES_SCHEMA) that hold both times. Raises RuleError for an unknown rule.
    """
    without = _left_out(settings.rules, rule_id)
    inputs = _stage(pages, scratch / "raw")

    attempt = partial(try_files, inputs, scratch / "raw", nursery=nursery, settings=settings, learned=learned)
    before = _texts(attempt(scratch / "before", without=without, site_files=rule_id is not None))
    after = _texts(attempt(scratch / "after"))
    effects = []
    for number, page in enumerate(pages):
        was, now = before.get(number, ""), after.get(number, "")
        effects.append(PageEffect(page.name, f1(was, page.gold).f1, f1(now, page.gold).f1, was != now))
    return effects


def _left_out(folder: Path | None, rule_id: str | None) -> list[str]:
    rules = all_rules(load_rules(folder))
    if rule_id is None:
        return [rule.id for rule in rules if rule.file.startswith("sites/")]
    if rule_id not in {rule.id for rule in rules}:
        raise RuleError(f"There is no rule {rule_id}.", mend="`winnow rules list` names them all.")
    return [rule_id]


def _stage(pages: Sequence[LabelledPage], raw: Path) -> list[RawInput]:
    """Copy the pages into a raw tree, under their sites' names, or else under their own folders'."""
    for number, page in enumerate(pages):
        target = raw / str(number) / page.path
        target.parent.mkdir(parents=True)
        shutil.copyfile(page.file, target)
    return [one for one in scan(raw) if isinstance(one, RawInput)]


def _texts(tried: Tried) -> dict[int, str]:
    """The clean text of each page by its number; that of several records joined."""
    found: dict[int, list[str]] = {}
    for row in tried.rows("documents"):
        found.setdefault(int(row["path"].partition("/")[0]), []).append(row["text"])
    return {number: "\n".join(texts) for number, texts in found.items()}
