"""What the pipeline sees in one file or record: every block with its label and what decided it, and what came of all.

A raw file is untrusted, so it goes the same supervised road as in a run, from the same raw folder, with the templates,
pins and rules of the runs: the labels are those of the run. What the live snapshot says of the same records is put
beside, and where it says otherwise, that is said. Of a file that is gone, the snapshot's own rows are shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pds
import pyarrow.parquet as pq
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.boilerplate.rule_format import Choices, choices_of
from pipeline.boilerplate.rules import load_choices
from pipeline.boilerplate.templates import line_key
from pipeline.errors import RawFolderError, Rejection
from pipeline.read.scan import RawFolder, hash_file, native_path, passed_over, portable_path
from pipeline.report import print_left_out
from pipeline.safe_path import is_address
from pipeline.settings import Settings
from pipeline.sites.effect import Tried, scratch_folder, try_files
from pipeline.stages.outcomes import left_out_by_scan, left_out_in
from pipeline.store.files import chunk_names
from pipeline.store.left_out import LEFT_OUT, gathered
from pipeline.store.snapshots import Snapshot
from pipeline.text.safety import printable
from pipeline.types import KEPT_LABELS, Label, RawInput, document_id
from pipeline.workers.nursery import Nursery

#: Colour of a label; what is left out is dim.
STYLES = {Label.CONTENT: "green", Label.TITLE: "bold green", Label.METADATA: "cyan"}
CHAFF_STYLE = "red"
_TEXT_LIMIT = 5000  # code points of a block that are shown
_SHOWN = (
    "title",
    "kind",
    "site",
    "url",
    "source",
    "author",
    "published_date",
    "published_at",
    "published_precision",
    "media_type",
    "n_tokens",
)
_DOC_ID = re.compile(r"([0-9a-f]{32})(?:-\d+)?")
_MANY = 5  # duplicates, or records of a file, that are named

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be explained: a raw file, or one record of it."""

    root: Path  # the folder that the file is read from
    path: str  # the file's in it, as in the datasets
    member: str | None = None  # None: all its records
    known: bool = False  # the root is the raw folder: what lies on the way to the file may name its site

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self.root / native_path(self.path)

    @property
    def name(self) -> str:
        """File and member, safe to print."""
        return printable(self.path if self.member is None else f"{self.path}:{self.member}")


@dataclass(frozen=True, slots=True)
class Document:
    """A record with what was made of it. ``document`` is None where no document came of it."""

    doc_id: str
    document: Row | None
    blocks: Sequence[Row]
    sections: Sequence[Row]


# What is meant.


def find(target: str, *, raw: Path | None, snapshot: Snapshot | None, member: str | None = None) -> Found:
    """The file or record that is meant by a path, a path in the raw folder, either with ``:MEMBER``, or a doc_id.

    ``raw`` is the raw folder where it is known; ``snapshot`` the live one, if there is one. Raises RawFolderError.
    """
    if snapshot is not None and (named := _DOC_ID.fullmatch(target)) and not os.path.lexists(target):
        return _by_id(named[1], raw, snapshot)
    for path, inner in readings(target, member):
        if os.path.lexists(path):
            if Path(path).is_dir():
                raise RawFolderError(f"{printable(path)} is a folder.", mend="Give the path of one raw file.")
            return _on_disk(Path(path), raw, inner)
    for path, inner in readings(target, member):
        there = raw is not None and not Path(path).is_absolute() and os.path.lexists(raw / path)
        if raw is not None and there and not (raw / path).is_dir():
            return _on_disk(raw / path, raw, inner)
        portable = path if "\\" in path else portable_path(path)
        if snapshot is not None and _rows(snapshot, "inputs", "path", portable, ["path"]):
            return Found(raw or Path(), portable, inner, known=raw is not None)
    if is_address(target):
        raise RawFolderError(f"{printable(target)} is an address.", mend="Fetch it, then give the path of the file.")
    where = f", nor in the raw folder {printable(str(raw))}" if raw else ""
    mend = "Give the path of a raw file, FILE:MEMBER for a record of it, or the doc_id of a document."
    raise RawFolderError(f"There is no file {printable(target)}{where}.", mend=mend)


def readings(target: str, member: str | None = None) -> Iterator[tuple[str, str | None]]:
    """What a target may mean: all of it a path, or a path and a member after one of its colons."""
    yield target, member
    if member is None:
        for at in (one.start() for one in re.finditer(":", target)):
            if 0 < at < len(target) - 1:
                yield target[:at], target[at + 1 :]


def _on_disk(file: Path, raw: Path | None, member: str | None) -> Found:
    """A file by its place in the raw folder when it lies in that, else in its own folder."""
    folder = Path(os.path.realpath(file.parent))
    root = None if raw is None else Path(os.path.realpath(raw))
    if root is None or not folder.is_relative_to(root):
        return Found(folder, portable_path(file.name), member)
    return Found(root, portable_path(str(folder.relative_to(root) / file.name)), member, known=True)


def _by_id(doc_id: str, raw: Path | None, snapshot: Snapshot) -> Found:
    for dataset in ("documents", "duplicates", "quarantine"):
        for row in _rows(snapshot, dataset, "doc_id", doc_id, ["path", "member"]):
            return Found(raw or Path(), row["path"], row["member"], known=raw is not None)
    mend = "`winnow sql 'select doc_id, path from documents'` lists them."
    raise RawFolderError(f"There is no document {doc_id} in snapshot {snapshot.name}.", mend=mend)


def _rows(
    snapshot: Snapshot, dataset: str, column: str, value: str | Sequence[str], columns: Sequence[str] | None = None
) -> list[Row]:
    """The rows of a dataset in which a column is a value, or one of these."""
    wanted = pds.field(column).isin(pa.array([value] if isinstance(value, str) else list(value), pa.string()))
    try:
        rows: list[Row] = snapshot.dataset(dataset).to_table(columns=columns, filter=wanted).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise snapshot.damaged(error) from None
    return rows


# What is made of it.


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen in a file."""

    documents: Sequence[Document]
    left_out: pa.Table  # LEFT_OUT
    evidence: Mapping[tuple[str, int], str]  # why a line is a site's template, by site and line key


def look(
    found: Found,
    scanned: RawInput | Rejection,
    nursery: Nursery,
    *,
    settings: Settings,
    learned: pa.Table | None = None,
) -> Seen:
    """Read, clean and label a file as a run does; ``nursery`` is left open.

    ``scanned`` is what the scan says of it, ``learned`` are the site templates of the runs (TEMPLATES_SCHEMA). The pins
    and vetoes of site files count too. Raises RawFolderError when there is no such record in the file.
    """
    if isinstance(scanned, Rejection):
        return Seen((), left_out_by_scan([scanned]), {})
    with scratch_folder() as scratch:
        tried = try_files([scanned], found.root, scratch, nursery, settings=settings, learned=learned)
        return _seen(found, tried, load_choices(settings.rules))


def _seen(found: Found, tried: Tried, choices: Choices) -> Seen:
    wanted = None if found.member is None else document_id(found.path, found.member)
    documents = [one for one in _documents(tried) if wanted in (None, one.doc_id)]
    left_out = gathered(left_out_in(folder) for folder in (tried.cleaned, tried.finished))
    if wanted is not None:
        rows = left_out.to_pylist()
        left_out = pa.Table.from_pylist([row for row in rows if row["member"] == found.member], schema=LEFT_OUT)
        if not (documents or left_out.num_rows):
            members = [one.document["member"] for one in _documents(tried) if one.document] + [
                row["member"] for row in rows
            ]
            raise _no_member(found, [member for member in members if member is not None])
    return Seen(documents, left_out, _evidence(tried.templates, choices))


def scan_one(found: Found) -> RawInput | Rejection:
    """The file as a scan sees it."""
    with RawFolder(found.root) as folder:
        return hash_file(folder, found.path)


def _no_member(found: Found, members: Sequence[str]) -> RawFolderError:
    named = ", ".join(printable(one) for one in members[:_MANY]) + (", ..." if len(members) > _MANY else "")
    mend = f"Its records: {named}." if members else "It is one document: leave the member out."
    member = printable(str(found.member))
    return RawFolderError(f"There is no record {member} in {printable(found.path)}.", mend=mend)


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


def _documents(tried: Tried) -> Iterator[Document]:
    """Each record with its blocks and sections, a chunk of records in memory at a time."""
    names = ("documents", "sections", "blocks")
    for files in zip(*(chunk_names(tried.finished, name) for name in names), strict=True):
        tables = {name: pq.read_table(file).to_pylist() for name, file in zip(names, files, strict=True)}
        yield from _joined(**tables)


def _joined(documents: Sequence[Row], sections: Sequence[Row], blocks: Sequence[Row]) -> Iterator[Document]:
    by_id = {row["doc_id"]: row for row in documents}
    of: dict[str, tuple[list[Row], list[Row]]] = {}
    for index, rows in enumerate((blocks, sections)):
        for row in rows:
            of.setdefault(row["doc_id"], ([], []))[index].append(row)
    for doc_id, (mine, stories) in of.items():
        yield Document(doc_id, by_id.get(doc_id), mine, stories)


# What the live snapshot says of it.


@dataclass(frozen=True, slots=True)
class Published:
    """What a snapshot says of a raw file and its records."""

    snapshot: str  # its name
    raw_sha256: str | None
    documents: Mapping[str, Document]  # by doc_id; of a duplicate, without its row in documents
    duplicates: Mapping[str, Row]  # by doc_id
    copies: Mapping[str, Sequence[Row]]  # the rows of duplicates that a document stands for, by its doc_id
    quarantine: Sequence[Row]
    names: Mapping[str, str]  # of documents that duplicates point at, safe to print, by doc_id


def published(found: Found, snapshot: Snapshot) -> Published | None:
    """What a snapshot says of a raw file, or of one record of it; None when it has no such file."""
    inputs = _rows(snapshot, "inputs", "path", found.path, ["raw_sha256"])
    if not inputs:
        return None

    def mine(dataset: str) -> list[Row]:
        rows = _rows(snapshot, dataset, "path", found.path)
        return [row for row in rows if found.member is None or row["member"] == found.member]

    documents, duplicates, quarantine = mine("documents"), mine("duplicates"), mine("quarantine")
    ids = [row["doc_id"] for row in (*documents, *duplicates, *quarantine)]
    stood_for = _rows(snapshot, "duplicates", "cluster_id", [row["doc_id"] for row in documents])
    copies: dict[str, list[Row]] = {}
    for row in stood_for:
        copies.setdefault(row["cluster_id"], []).append(row)
    blocks = sorted(_rows(snapshot, "blocks", "doc_id", ids), key=lambda row: row["ordinal"])
    sections = sorted(_rows(snapshot, "sections", "doc_id", ids), key=lambda row: row["ordinal"])
    others = {row["duplicate_of"] for row in duplicates} | {row["cluster_id"] for row in duplicates}
    others |= {row["duplicate_of"].partition("-")[0] for row in sections if row["duplicate_of"]}
    named = _rows(snapshot, "documents", "doc_id", sorted(others), ["doc_id", "path", "member"])
    return Published(
        snapshot.name,
        inputs[0]["raw_sha256"],
        {one.doc_id: one for one in _joined(documents, sections, blocks)},
        {row["doc_id"]: row for row in duplicates},
        copies,
        quarantine,
        {row["doc_id"]: _name(row) for row in named},
    )


def _name(row: Row) -> str:
    return printable(row["path"] if row["member"] is None else f"{row['path']}:{row['member']}")


def differing(one: Document, other: Document) -> list[int]:
    """The ordinals of blocks of which two lookings at a record disagree: label, what decided it, or place."""
    names = ("start", "end", "label", "decided_by")
    told = ({row["ordinal"]: tuple(row[name] for name in names) for row in of.blocks} for of in (one, other))
    first, second = told
    return sorted(at for at in first.keys() | second.keys() if first.get(at) != second.get(at))


# What is shown.


def show_published(found: Found, said: Published, console: Console, *, kept_only: bool = False) -> None:
    """Print what a snapshot says of a file, without looking at the file."""
    for doc_id, document in said.documents.items():
        _show(found, document, {}, console, kept_only=kept_only)
        _show_standing(doc_id, said, console)
    _show_quarantine(said, console)


def show(
    found: Found, seen: Seen, said: Published | None, sha256: str | None, console: Console, *, kept_only: bool = False
) -> None:
    """Print what is seen in a file, with what the snapshot says of its records where there is one.

    ``sha256`` is that of the file now.
    """
    same = said is not None and sha256 == said.raw_sha256
    if said is not None and said.raw_sha256 is not None and not same:
        _note(f"The file has changed since snapshot {said.snapshot}: shown is what it is now.", console)
    for one in seen.documents:
        _show(found, one, seen.evidence, console, kept_only=kept_only)
        if said is not None:
            _show_standing(one.doc_id, said, console)
            other = said.documents.get(one.doc_id)
            if same and other is not None and (places := differing(one, other)):
                _show_difference(places, other, said, console)
    for outcome in ("quarantine", "skipped"):
        print_left_out(seen.left_out, outcome, console)
    if said is not None and same and not seen.left_out.num_rows:
        _show_quarantine(said, console)


def _note(text: str, console: Console) -> None:
    console.print(Text(f"note: {text}", style="cyan"), soft_wrap=True)


def _show_difference(places: Sequence[int], other: Document, said: Published, console: Console) -> None:
    rows = {row["ordinal"]: row for row in other.blocks}
    at = places[0]
    was = f"{rows[at]['label']} by {printable(rows[at]['decided_by'])}" if at in rows else "not there"
    _note(
        f"Snapshot {said.snapshot} says otherwise of {len(places)} {'block' if len(places) == 1 else 'blocks'}, first of "
        f"block {at}: {was}. Rules, settings or the version of Winnow have changed since, or later runs learned more.",
        console,
    )


def _show_standing(doc_id: str, said: Published, console: Console) -> None:
    """Of what a record is a duplicate, or which are duplicates of it, as the snapshot says."""
    facts = Table.grid(padding=(0, 2))
    if row := said.duplicates.get(doc_id):
        of = said.names.get(row["duplicate_of"], row["duplicate_of"])
        facts.add_row(Text("duplicate of", style="bold"), Text(f"{of} ({_similarity(row)}), in {said.snapshot}"))
        if row["cluster_id"] != row["duplicate_of"] and row["cluster_id"] in said.names:
            facts.add_row(Text("stood for by", style="bold"), Text(said.names[row["cluster_id"]]))
    elif copies := said.copies.get(doc_id):
        named = [f"{_name(row)} ({_similarity(row)})" for row in copies[:_MANY]]
        more = f" and {len(copies) - _MANY:,} more" if len(copies) > _MANY else ""
        facts.add_row(Text("duplicates", style="bold"), Text(f"{'; '.join(named)}{more}, in {said.snapshot}"))
    document = said.documents.get(doc_id)
    for section in document.sections if document else ():
        if section["duplicate_of"]:
            other, _, ordinal = section["duplicate_of"].partition("-")
            what = f"repeats section {ordinal} of {said.names.get(other, other)}"
            facts.add_row(Text(f"section {section['ordinal']}", style="bold"), Text(f"{what}, in {said.snapshot}"))
    if facts.row_count:
        console.print(facts)


def _similarity(row: Row) -> str:
    if row["method"] == "exact":
        return "exact"
    return f"{row['method']}, Jaccard {row['jaccard']:.2f}, containment {row['containment']:.2f}"


def _show_quarantine(said: Published, console: Console) -> None:
    for row in said.quarantine:
        where = f"In snapshot {said.snapshot}, {_name(row)} is in quarantine"
        _note(f"{where}: {row['reason']}: {printable(row['message'], limit=_TEXT_LIMIT)}", console)


def _show(
    found: Found, one: Document, evidence: Mapping[tuple[str, int], str], console: Console, *, kept_only: bool
) -> None:
    document = one.document
    name = _name(document) if document is not None else found.name
    console.rule(Text(f"{name}  {one.doc_id}"), characters="-" if not console.encoding.startswith("utf") else "─")
    _show_blocks(one.blocks, evidence, console, kept_only=kept_only)
    if document is not None:
        console.print(_facts(document))
    for section in one.sections:
        date = f" {section['event_date']}" if section["event_date"] else ""
        cut = " (truncated)" if section["truncated"] else ""
        title = printable(section["title"] or "(no title)")
        chars = section["char_end"] - section["char_start"]
        console.print(
            Text(f"section {section['ordinal']}:{date} {title}{cut}, {chars:,} code points, {section['lang']}")
        )


def _facts(document: Row) -> Table:
    shares = ", ".join(f"{one['lang']} {one['share']:.0%}" for one in document["lang_shares"])
    more = {
        "language": f"{document['lang']} (confidence {document['lang_confidence']:.2f}{f'; {shares}' if shares else ''})",
        "encoding": f"{document['encoding']} (confidence {document['encoding_confidence']:.2f})",
        "confidence": f"{document['extraction_confidence']:.2f} (predicted F1 of the clean text)",
        "flags": ", ".join(document["flags"]) or "none",
        "repairs": ", ".join(document["repairs"]) or "none",
    }
    facts = Table.grid(padding=(0, 2))
    for name in _SHOWN:
        value = document[name]
        facts.add_row(Text(name, style="bold"), Text("-" if value is None else printable(str(value))))
    for name, value in more.items():
        facts.add_row(Text(name, style="bold"), Text(printable(value)))
    return facts


def _show_blocks(
    rows: Sequence[Row], evidence: Mapping[tuple[str, int], str], console: Console, *, kept_only: bool
) -> None:
    """A line a block with what decided it, then its text, in the colour of its label."""
    for row in rows:
        label = Label(row["label"])
        if kept_only and label not in KEPT_LABELS:
            continue
        head = f"{row['ordinal']:>4} {label.value:<11} {row['score']:.2f}  {row['decided_by']}  {row['lang']}"
        voice, _, site = row["decided_by"].partition(":")
        why = evidence.get((site, line_key(row["text"])), "") if voice == "template" else ""
        console.print(Text(printable(f"{head}  {why}".rstrip()), style="dim"))
        text = Text(printable(row["text"], limit=_TEXT_LIMIT), style=STYLES.get(label, CHAFF_STYLE))
        console.print(Padding(text, (0, 0, 0, 5)))


# The command.


def explain(
    found: Found,
    nursery: Nursery,
    *,
    settings: Settings,
    console: Console,
    snapshot: Snapshot | None = None,
    learned: pa.Table | None = None,
    kept_only: bool = False,
) -> None:
    """Look at a file and print what is seen; of one that is gone, what the snapshot says. Raises RawFolderError."""
    said = None if snapshot is None or not found.known else published(found, snapshot)
    if not os.path.lexists(found.file) and said is not None:
        _note(f"{printable(str(found.file))} is gone: shown is what snapshot {said.snapshot} says of it.", console)
        show_published(found, said, console, kept_only=kept_only)
        return
    if snapshot is not None and found.known and said is None:
        _note(f"Snapshot {snapshot.name} does not know this file: it is new since.", console)
    if why := next(filter(None, map(passed_over, found.path.split("/"))), None):
        _note(f"A run skips this file: {why}.", console)
    scanned = scan_one(found)
    seen = look(found, scanned, nursery, settings=settings, learned=learned)
    show(found, seen, said, None if isinstance(scanned, Rejection) else scanned.sha256, console, kept_only=kept_only)
