"""Which formats are read, what of each, and by which suffixes: the table of the README, out of ``READERS``.

Nothing is parsed here. A new reader may say in ``TAKEN`` what it takes of a file; else its docstring does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from pipeline.read import READERS, Format

#: What is taken of a file, by the format's name.
TAKEN: Mapping[str, str] = {
    "gzip": "what is compressed, by its own format; several members in one file; `.tgz` is a tar",
    "bzip2": "what is compressed, by its own format",
    "xz": "what is compressed, by its own format",
    "zstd": "what is compressed, by its own format",
    "tar": "each member by its own format, archives in archives too",
    "zip": "each member by its own format, archives in archives too; nothing that needs a password",
    "warc": "each response and resource record (WARC, WET) of a type that is read: one document, with its URL and date",
    "html": "one document: its text with the mark-up as evidence, its head, meta data, JSON-LD; also without a suffix",
    "program": "one document: the page that a program wrote (not the source of one)",
    "markdown": "one document, with its front matter",
    "jsonl": "a document a line: a text field, with URL, title and date beside it where there are such",
    "json": "one document, or one for each object of a list: a text field, as in JSON lines",
    "json text": "JSON that is called `.txt` or has no suffix, as JSON",
    "mbox": "each message, as mail",
    "mail": "one document: the page of an MHTML file, the body of a mail with its subject, sender and date",
    "feed": "a document an entry of RSS, Atom or RDF, with its link, title and date",
    "parquet": "a document a row: a text column, with URL, title and date beside it where there are such",
    "arrow": "a document a row, as Parquet",
    "csv": "a document a row, as Parquet; the separator is found",
    "plain": "one document; also without a suffix",
}
#: What is no document, and named in `inputs.skipped` with the reason.
NOT_READ = (
    "Everything else is skipped and named in `inputs.skipped` (PDF, Office files, pictures, style sheets, hidden files); a "
    "file that says it is of a format above and is not, or is damaged, is in `quarantine`."
)


def formats() -> list[tuple[str, str, str]]:
    """Name, suffixes and what is taken, a row a format, in the order in which first bytes are tried."""
    return [(name, " ".join(known.suffixes) or "-", taken(name, known)) for name, known in READERS.items()]


def taken(name: str, known: Format) -> str:
    """What is taken of a file of a format, in words."""
    if name in TAKEN:
        return TAKEN[name]
    reader = known.reader or known.unpack or known.entries
    said = (reader.func if isinstance(reader, partial) else reader).__doc__ if reader else None
    return (said or "").strip().partition("\n")[0].rstrip(".")


def markdown() -> Iterator[str]:
    """The table as Markdown, line by line."""
    yield "| format | suffixes | what is read |"
    yield "| --- | --- | --- |"
    for name, suffixes, what in formats():
        yield f"| {name} | {' '.join(f'`{one}`' for one in suffixes.split()) if suffixes != '-' else ''} | {what} |"
