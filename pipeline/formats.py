"""Which formats are read, what of each, and by which suffixes: the table of the README, out of ``READERS``.

Nothing is parsed here. A new reader may say in ``TAKEN`` what it takes of a file; else its docstring does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from pipeline.read import READERS, Format

_PACKED = "what is compressed, by its own format"
_ARCHIVED = "each member by its own format, archives in archives too"
_ROW = "a document a row with a text"
#: What is taken of a file, by the format's name; formats of which the same is taken are one row of the table.
TAKEN: Mapping[str, str] = {
    "gzip": _PACKED,
    "bzip2": _PACKED,
    "xz": _PACKED,
    "zstd": _PACKED,
    "tar": _ARCHIVED,
    "zip": _ARCHIVED,
    "warc": "a document a page that was fetched (WARC, WET), with its address and date",
    "html": "one document: the text with the mark-up as evidence, the head, meta data and JSON-LD",
    "program": "one document: the page that a program wrote, not the source of one",
    "markdown": "one document, with its front matter",
    "jsonl": "a document a line with a text",
    "json": "a document an object with a text: Elasticsearch, Scrapy, LangChain, news-please, WordPress, answers of APIs",
    "json text": "JSON that is called `.txt` or has no suffix, as JSON",
    "mbox": "a document a message",
    "mail": "one document: the page of a saved page (MHTML), the HTML of a message or else its text",
    "feed": "a document an item of RSS, Atom or RDF, with its full text where the feed has it",
    "parquet": _ROW,
    "arrow": _ROW,
    "csv": _ROW,
    "plain": "one document; so is text without a suffix",
}
#: What is no document, and named in `inputs.skipped` with the reason.
NOT_READ = (
    "Everything else is skipped and named in `inputs.skipped`, with what it is: PDF, Office files, pictures, sitemaps, style "
    "sheets, what is hidden. A file that is called by one of these suffixes and holds no text, or is damaged, is in "
    "`quarantine`."
)


def formats() -> list[tuple[str, str, str]]:
    """Names, suffixes and what is taken: formats of which the same is taken are one row."""
    rows: dict[str, list[str]] = {}
    for name, known in READERS.items():
        rows.setdefault(taken(name, known), []).append(name)
    return [
        (", ".join(names), " ".join(suffix for name in names for suffix in READERS[name].suffixes), what)
        for what, names in rows.items()
    ]


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
        yield f"| {name} | {' '.join(f'`{one}`' for one in suffixes.split())} | {what} |"
