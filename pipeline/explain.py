"""Show one file as the pipeline sees it: every block with its label, what decided it, and what came of all.

The file is untrusted, so it goes the same supervised road as in a run (``trial``); only the results are shown here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.boilerplate.rule_format import Choices, choices_of
from pipeline.boilerplate.rules import load_choices
from pipeline.boilerplate.templates import line_key
from pipeline.errors import RawFolderError, Rejection
from pipeline.read.scan import RawFolder, hash_file, portable_path
from pipeline.report import print_left_out
from pipeline.settings import Settings
from pipeline.sites.effect import Tried, scratch_folder, try_files
from pipeline.sites.lines import learned_templates
from pipeline.stages.left_out import gathered
from pipeline.stages.outcomes import left_out_by_scan, left_out_in
from pipeline.store.files import chunk_names
from pipeline.text.safety import printable
from pipeline.types import KEPT_LABELS, Label
from pipeline.workers.nursery import Nursery

#: Colour of a label; what is left out is dim.
STYLES = {Label.CONTENT: "green", Label.TITLE: "bold green", Label.METADATA: "cyan"}
CHAFF_STYLE = "red"
_TEXT_LIMIT = 5000  # code points of a block that are shown
_SHOWN = ("title", "kind", "lang", "site", "source", "author", "published_at", "encoding", "media_type", "n_tokens")


def explain_file(
    file: Path,
    nursery: Nursery,
    *,
    settings: Settings,
    console: Console,
    kept_only: bool = False,
    out: Path | None = None,
    raw: Path | None = None,
) -> None:
    """Print the blocks of a file, then its language, metadata and sections; ``nursery`` is left open.

    Site templates are those that the output folder ``out`` has learned, if it has, with the pins and vetoes of the
    site files. ``raw`` is the folder of raw files, where it is known: a file's path in it may name its site.
    Raises RawFolderError when there is no such file.
    """
    if not os.path.lexists(file):
        raise RawFolderError(f"There is no file {printable(str(file))}.", mend="Give the path of one raw file.")
    if file.is_dir():
        raise RawFolderError(f"{printable(str(file))} is a folder.", mend="Give the path of one raw file.")
    root, name = _place(file, raw)
    with RawFolder(root) as folder:
        scanned = hash_file(folder, portable_path(name))
    if isinstance(scanned, Rejection):
        print_left_out(left_out_by_scan([scanned]), "quarantine", console)
        return
    learned = None if out is None else learned_templates(out)
    with scratch_folder() as scratch:
        tried = try_files([scanned], root, scratch, nursery, settings=settings, learned=learned)
        evidence = _evidence(tried.templates, load_choices(settings.rules))
        for document in _documents(tried):
            _show(document, evidence, console, kept_only=kept_only)
        left_out = gathered(left_out_in(folder) for folder in (tried.cleaned, tried.finished))
    for outcome in ("quarantine", "skipped"):
        print_left_out(left_out, outcome, console)


def _place(file: Path, raw: Path | None) -> tuple[Path, str]:
    """The folder that the file is read from, and its path there: the raw folder when it lies in that."""
    folder = Path(os.path.realpath(file.parent))
    root = None if raw is None else Path(os.path.realpath(raw))
    if root is None or not folder.is_relative_to(root):
        return folder, file.name
    return root, str(folder.relative_to(root) / file.name)


def _evidence(templates: pa.Table, choices: Choices) -> dict[tuple[str, int], str]:
    """Why a line is a site's template, in words, by site and line key."""
    words = {}
    for row in templates.to_pylist():
        choice = choices_of(choices, row["site"]).get(row["key"])
        counted = f"in {row['n_documents']} of {row['n_site_documents']} documents of the site"
        seen = [counted] if row["n_documents"] else []
        pinned = [f"pinned in {choice.file}"] if choice else []
        words[row["site"], row["key"]] = ", ".join(seen + pinned)
    return words


def _documents(tried: Tried) -> Iterator[dict[str, Any]]:
    """Each document with its blocks and sections, a chunk of records in memory at a time."""
    names = ("documents", "sections", "blocks")
    for files in zip(*(chunk_names(tried.finished, name) for name in names), strict=True):
        tables = {name: pq.read_table(file).to_pylist() for name, file in zip(names, files, strict=True)}
        documents = {row["doc_id"]: row for row in tables["documents"]}
        rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for name in ("blocks", "sections"):
            for row in tables[name]:
                rows.setdefault(row["doc_id"], {"blocks": [], "sections": []})[name].append(row)
        for doc_id, of_it in rows.items():
            yield {"document": documents.get(doc_id), **of_it}


def _show(found: dict[str, Any], evidence: Mapping[tuple[str, int], str], console: Console, *, kept_only: bool) -> None:
    document = found["document"]
    if document is not None:
        name = document["path"] if document["member"] is None else f"{document['path']} [{document['member']}]"
        console.rule(Text(printable(name)))
    _show_blocks(found["blocks"], evidence, console, kept_only=kept_only)
    if document is None:
        return
    facts = Table.grid(padding=(0, 2))
    for field in _SHOWN:
        facts.add_row(Text(field, style="bold"), Text(printable(str(document[field]))))
    shares = ", ".join(f"{one['lang']} {one['share']:.0%}" for one in document["lang_shares"])
    facts.add_row(Text("lang_shares", style="bold"), Text(shares))
    console.print(facts)
    for section in found["sections"]:
        date = f" {section['event_date']}" if section["event_date"] else ""
        cut = " (truncated)" if section["truncated"] else ""
        title = printable(section["title"] or "(no title)")
        chars = section["char_end"] - section["char_start"]
        console.print(Text(f"section {section['ordinal']}:{date} {title}{cut}, {chars} characters, {section['lang']}"))


def _show_blocks(
    rows: Sequence[dict[str, Any]], evidence: Mapping[tuple[str, int], str], console: Console, *, kept_only: bool
) -> None:
    """A line a block with what decided it, then its text, in the colour of its label."""
    for row in rows:
        label = Label(row["label"])
        if kept_only and label not in KEPT_LABELS:
            continue
        head = f"{row['ordinal']:>4} {label.value:<11} {row['score']:.2f}  {row['decided_by']}  {row['lang']}"
        voice, _, site = row["decided_by"].partition(":")
        why = evidence.get((site, line_key(row["text"])), "") if voice == "template" else ""
        console.print(Text(f"{head}  {why}".rstrip(), style="dim"))
        text = Text(printable(row["text"], limit=_TEXT_LIMIT), style=STYLES.get(label, CHAFF_STYLE))
        console.print(Padding(text, (0, 0, 0, 5)))
