"""What site files, or one rule, do to pages whose main text somebody has marked: 4-gram F1 without and with them.

Labelled pages are ``PAGE.html`` (any suffix that is read) beside ``PAGE.gold.txt``, in folders as deep as you like, or
a ``gold.jsonl`` with a row a page: ``page`` (path beside it), ``gold``, and ``site`` if it is known.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pyarrow as pa

from pipeline.boilerplate.rules import all_rules, load_rules
from pipeline.errors import RawFolderError, RuleError
from pipeline.read.scan import scan
from pipeline.scores import f1
from pipeline.settings import Settings
from pipeline.supervise import Nursery
from pipeline.text_safety import printable
from pipeline.trial import Tried, try_files
from pipeline.types import RawInput

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
