"""Show one file as the pipeline sees it: every block with its label, what decided it, and what came of all.

The file is untrusted, so it goes the same supervised road as in a run; only the results are shown here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.boilerplate.templates import TEMPLATES_SCHEMA
from pipeline.errors import RawFolderError, Rejection
from pipeline.outcomes import LeftOut, left_out_in, quarantined
from pipeline.read.rawfile import portable_path
from pipeline.read.scan import hash_file
from pipeline.settings import Settings
from pipeline.shards.chunks import chunk_names, write_table
from pipeline.shards.plan import Shard, clean_spec
from pipeline.supervise import Job, Nursery, run_job
from pipeline.text_safety import printable
from pipeline.types import KEPT_LABELS, Label
from pipeline.version import VERSION

#: Colour of a label; what is left out is dim.
STYLES = {Label.CONTENT: "green", Label.TITLE: "bold green", Label.METADATA: "cyan"}
CHAFF_STYLE = "red"
_TEXT_LIMIT = 5000  # code points of a block that are shown
_SHOWN = ("title", "kind", "lang", "site", "source", "author", "published_at", "encoding", "media_type", "n_tokens")


def explain_file(
    file: Path, nursery: Nursery, *, settings: Settings, console: Console, kept_only: bool = False
) -> None:
    """Print the blocks of a file, then its language, metadata and sections; ``nursery`` is left open.

    Raises RawFolderError when there is no such file.
    """
    if not file.exists():
        raise RawFolderError(f"There is no file {printable(str(file))}.", mend="Give the path of one raw file.")
    with tempfile.TemporaryDirectory(prefix="winnow-") as scratch:
        finished, left_out = _results(file.absolute(), Path(scratch), settings, nursery)
        for document in finished:
            _show(document, console, kept_only=kept_only)
    for one in left_out:
        where = printable(one.path if one.member is None else f"{one.path} [{one.member}]")
        console.print(Text(f"{one.outcome}: {where}: {one.reason}: {printable(one.message)}", style="yellow"))


def _results(
    file: Path, scratch: Path, settings: Settings, nursery: Nursery
) -> tuple[list[dict[str, Any]], list[LeftOut]]:
    """The documents of the file, each with its blocks and sections, and what was left out."""
    scanned = hash_file(file.parent, portable_path(file.name))
    if isinstance(scanned, Rejection):
        return [], [quarantined(scanned)]
    spec = clean_spec(Shard("0001", (scanned,)), raw=file.parent, settings=settings)
    limits = {"memory_mb": settings.memory_mb, "record_seconds": settings.record_seconds}
    cleaned = run_job(Job("clean", "0001", str(scratch / "clean"), spec, 1, **limits), nursery).folder
    write_table(TEMPLATES_SCHEMA.empty_table(), scratch / "templates.parquet")
    spec = {
        "cleaned": cleaned,
        "templates": str(scratch / "templates.parquet"),
        "backend": settings.language_backend,
        "seed": settings.language_seed,
        "version": VERSION,
    }
    finished = run_job(Job("finish", "0001", str(scratch / "finish"), spec, 1, **limits), nursery).folder
    folders = [Path(cleaned), Path(finished)]
    return list(_documents(folders[1])), [one for folder in folders for one in left_out_in(folder)]


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    blocks: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(folder, "blocks"):
        blocks.setdefault(row["doc_id"], []).append(row)
    sections: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(folder, "sections"):
        sections.setdefault(row["doc_id"], []).append(row)
    documents = {row["doc_id"]: row for row in _rows(folder, "documents")}
    for doc_id, rows in blocks.items():
        yield {"document": documents.get(doc_id), "blocks": rows, "sections": sections.get(doc_id, [])}


def _rows(folder: Path, table: str) -> list[dict[str, Any]]:
    return [row for chunk in chunk_names(folder, table) for row in pq.read_table(chunk).to_pylist()]


def _show(found: dict[str, Any], console: Console, *, kept_only: bool) -> None:
    document = found["document"]
    if document is not None:
        name = document["path"] if document["member"] is None else f"{document['path']} [{document['member']}]"
        console.rule(Text(printable(name)))
    _show_blocks(found["blocks"], console, kept_only=kept_only)
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


def _show_blocks(rows: Sequence[dict[str, Any]], console: Console, *, kept_only: bool) -> None:
    """A line a block with what decided it, then its text, in the colour of its label."""
    for row in rows:
        label = Label(row["label"])
        if kept_only and label not in KEPT_LABELS:
            continue
        head = f"{row['ordinal']:>4} {label.value:<11} {row['score']:.2f}  {row['decided_by']}  {row['lang']}"
        console.print(Text(head, style="dim"))
        text = Text(printable(row["text"], limit=_TEXT_LIMIT), style=STYLES.get(label, CHAFF_STYLE))
        console.print(Padding(text, (0, 0, 0, 5)))
