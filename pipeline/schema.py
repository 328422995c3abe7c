"""The Arrow schemas of the seven datasets, each field described once.

The descriptions are written into the Parquet metadata and into the data dictionary (docs/data-dictionary.md).
A new column is one line here and one value in the stage that fills it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import Reason
from pipeline.text.quality import QUALITY_FIELDS
from pipeline.types import Flag, Label

SCHEMA_VERSION = "2"

#: What each of ``documents.flags`` means.
FLAGS: Final[Mapping[Flag, str]] = {
    Flag.SUFFIX_MISMATCH: "the file is not what its name says; it was read as what it is",
    Flag.TRUNCATED: "the file or a part of it ends before its end, or a message has lost its header; what is there was read",
    Flag.TRAILING_GARBAGE: "something else follows behind the end of what was read",
    Flag.RAGGED_ROW: "a row of a table has more or fewer cells than the table, or quotes that do not close",
    Flag.TWO_TEXTS: "the record holds a second text that is not in this document",
    Flag.LONE_SURROGATES: "half of a surrogate pair was replaced by U+FFFD",
    Flag.INVALID_UTF8: "bytes of a JSON line that are no UTF-8 were replaced by U+FFFD",
    Flag.DECODE_REPLACEMENTS: "bytes that are no text in the charset were replaced by U+FFFD",
    Flag.MIXED_ENCODING: "parts of it are in different charsets, each was decoded by itself",
    Flag.MOJIBAKE_REPAIRED: "text that was decoded wrongly before it was saved was repaired",
    Flag.VIEW_SOURCE: "it was the source of a page as a browser shows it",
    Flag.INTERSTITIAL: "a challenge, a wall or an error stands beside the text",
    Flag.HIDDEN_TEXT: "the page holds text that it does not show: blocks with the label hidden",
    Flag.TEXT_FROM_SCRIPT: "the text lies in data of a script, where the page shows none or a teaser",
    Flag.TEXT_FROM_HEAD: "the text is the page's description, as the page has no other",
    Flag.UNCLOSED_MARKUP: "mark-up that nothing closes or begins; text may be missing or in a wrong place",
    Flag.DEEP_NESTING: "elements deeper in one another than are told apart",
    Flag.HTML_FALLBACK_PARSER: "a slower, more patient parser had to read the page",
}

_TIME = pa.timestamp("us", tz="UTC")


def _field(name: str, kind: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


_INTEGER_SIGNALS = frozenset({"n_chars", "n_tokens", "n_lines"})

_QUALITY = pa.struct(
    [
        _field(name, pa.int64() if name in _INTEGER_SIGNALS else pa.float64(), description)
        for name, description in QUALITY_FIELDS
    ]
)

_SHARES = pa.list_(
    pa.struct(
        [
            _field("lang", pa.string(), "BCP 47 tag"),
            _field("share", pa.float64(), "share of the letters of the content, 0 to 1"),
        ]
    )
)

_SKIPPED = pa.list_(
    pa.struct(
        [
            _field("member", pa.string(), "record of the file; null for the file itself", nullable=True),
            _field("reason", pa.string(), "why it was skipped"),
            _field(
                "n_records",
                pa.int64(),
                "records it stands for: 1, or after the first hundred of a file all the rest of its sort",
            ),
        ]
    )
)

_PATH = _field("path", pa.string(), "raw file, relative to the raw folder, / between parts")
_MEMBER = _field(
    "member",
    pa.string(),
    'record of a container: line, record number or entry ("a.jsonl:3", "a.txt#2" for a second of that name); null for a plain file',
    nullable=True,
)
_RAW_SHA256 = _field("raw_sha256", pa.string(), "SHA-256 of the raw file as stored, hex")
_FIRST_SEEN = _field("first_seen_at", _TIME, "start of the run that first published this row")
_DOC_ID = _field("doc_id", pa.string(), "document: derived from path and member, the same in every run")

DOCUMENTS = pa.schema(
    [
        _DOC_ID,
        _PATH,
        _MEMBER,
        _field("url", pa.string(), "address the record says it was fetched from", nullable=True),
        _field(
            "site",
            pa.string(),
            "registrable domain: of the URL, a folder, or the page's own footer",
            nullable=True,
        ),
        _field("media_type", pa.string(), "text/html, text/plain or text/markdown"),
        _field("encoding", pa.string(), "charset the bytes were decoded with, WHATWG name"),
        _field(
            "encoding_confidence",
            pa.float64(),
            "how sure we are of it, 0 to 1; 1 for UTF-8 and byte order marks",
        ),
        _field("title", pa.string(), "title, not repeated in text", nullable=True),
        _field("author", pa.string(), "author, as the page gives it", nullable=True),
        _field("source", pa.string(), "who published it first, as the page gives it", nullable=True),
        _field("published_at", _TIME, "publication time; never taken from a dateline in the body", nullable=True),
        _field("published_date", pa.date32(), "day of publication, by the clocks of its place", nullable=True),
        _field(
            "published_precision", pa.string(), "how exactly published_at is said: day, minute or second", nullable=True
        ),
        _field("kind", pa.string(), "article, digest, listing or notice"),
        _field("lang", pa.string(), "main language of the content, BCP 47; und where nothing tells"),
        _field("lang_confidence", pa.float64(), "how sure we are of it, 0 to 1"),
        _field("lang_shares", _SHARES, "languages of the content by share of letters, largest first"),
        _field("text", pa.string(), "clean text: the content blocks, a line each"),
        _field("n_chars", pa.int64(), "code points of text"),
        _field("n_tokens", pa.int64(), "tokens of text: a CJK character or a run of other letters or digits"),
        _field("n_sections", pa.int32(), "stories in it: 1 for an article"),
        _field("n_duplicates", pa.int32(), "documents left out as duplicates of this one"),
        _field("quality", _QUALITY, "signals of quality; nothing is filtered by them"),
        _field("repairs", pa.list_(pa.string()), "names of the text repairs that acted"),
        _field(
            "flags",
            pa.list_(pa.string()),
            "what readers and extractors noticed: see below",
        ),
        _RAW_SHA256,
        _field(
            "text_sha256",
            pa.string(),
            "SHA-256 of the normalised clean text, hex: equal for exact duplicates",
        ),
        _field(
            "extraction_confidence",
            pa.float64(),
            "how good the clean text is likely to be: a calibrated prediction of its F1, 0 to 1",
        ),
        _FIRST_SEEN,
        _field("pipeline_version", pa.string(), "version of Winnow that made the row"),
    ]
)

SECTIONS = pa.schema(
    [
        _field("section_id", pa.string(), "doc_id, a dash and the ordinal"),
        _DOC_ID,
        _field("ordinal", pa.int32(), "0-based place in the document"),
        _field("title", pa.string(), "headline of the story", nullable=True),
        _field("text", pa.string(), "body: documents.text[char_start:char_end]"),
        _field("lang", pa.string(), "main language of the section, BCP 47"),
        _field("event_date", pa.date32(), "day the story tells of, from its dateline", nullable=True),
        _field("event_date_source", pa.string(), "words the date was read from", nullable=True),
        _field("char_start", pa.int64(), "first code point of the body in documents.text"),
        _field("char_end", pa.int64(), "past the last one"),
        _field("truncated", pa.bool_(), "the last paragraph ends in mid-sentence"),
        _field("duplicate_of", pa.string(), "section_id of the story it repeats", nullable=True),
    ]
)

BLOCKS = pa.schema(
    [
        _DOC_ID,
        _field("ordinal", pa.int32(), "0-based place among the record's blocks"),
        _field("text", pa.string(), "repaired text of the block"),
        _field("start", pa.int64(), "first code point in the decoded source (the mark-up included)"),
        _field("end", pa.int64(), "past the last one"),
        _field(
            "kind",
            pa.string(),
            "form: paragraph, heading, list_item, table_row, quote, code, caption, front_matter",
        ),
        _field("label", pa.string(), "content and title are kept; navigation, legal, footer ... are left out"),
        _field("decided_by", pa.string(), "rule:ID, template:SITE, step:NAME, model:NAME ...: what decided the label"),
        _field("score", pa.float64(), "how likely the block is content, 0 to 1"),
        _field("lang", pa.string(), "language of the block, BCP 47"),
        _field("section_ordinal", pa.int32(), "section it belongs to, as headline or body", nullable=True),
    ]
)

DUPLICATES = pa.schema(
    [
        _DOC_ID,
        _PATH,
        _MEMBER,
        _field("duplicate_of", pa.string(), "doc_id of the document that stands for it"),
        _field("method", pa.string(), "exact, near or contained"),
        _field("jaccard", pa.float64(), "Jaccard similarity of the shingle sets, 0 to 1"),
        _field("containment", pa.float64(), "share of its shingles that are in the other, 0 to 1"),
        _field("cluster_id", pa.string(), "doc_id of the cluster's representative"),
    ]
)

QUARANTINE = pa.schema(
    [
        _field("doc_id", pa.string(), "document it would have been; finds its blocks when reason is no_content"),
        _PATH,
        _MEMBER,
        _field(
            "raw_sha256",
            pa.string(),
            "SHA-256 of the raw file, hex; null if it could not be read",
            nullable=True,
        ),
        _field("stage", pa.string(), "where it failed: scan, read, decode, extract, finish"),
        _field("reason", pa.string(), "closed list: see the analyst's page"),
        _field("message", pa.string(), "the cause and the mend, for people"),
        _field("attempts", pa.int32(), "how often it was tried"),
        _FIRST_SEEN,
        _field(
            "n_records",
            pa.int64(),
            "records it stands for: 1, or after the first hundred of a file all the rest with its stage and reason",
        ),
    ]
)

INPUTS = pa.schema(
    [
        _PATH,
        _field("size", pa.int64(), "bytes; null if it is no regular file", nullable=True),
        _field("mtime", _TIME, "modification time; null if it is no regular file", nullable=True),
        _field("raw_sha256", pa.string(), "SHA-256 of the file as stored, hex; null if unread", nullable=True),
        _field("n_records", pa.int64(), "records found in it: the sum of the next four"),
        _field("n_documents", pa.int64(), "records that are documents"),
        _field("n_duplicates", pa.int64(), "records left out as duplicates"),
        _field("n_quarantined", pa.int64(), "records (or the file) in quarantine: the sum of n_records there"),
        _field("n_skipped", pa.int64(), "records (or the file) that are no documents by their type"),
        _field("outcome", pa.string(), "documents, duplicates, quarantined or skipped when all are alike, else mixed"),
        _field("reason", pa.string(), "why it, or the first record of it that was skipped, was skipped", nullable=True),
        _field("skipped", _SKIPPED, "what of it was skipped; n_skipped is the sum of n_records"),
    ]
)

RUNS = pa.schema(
    [
        _field("run_id", pa.string(), "run"),
        _field("started_at", _TIME, "start"),
        _field("seconds", pa.map_(pa.string(), pa.float64()), "wall-clock seconds a stage"),
        _field(
            "counts",
            pa.map_(pa.string(), pa.int64()),
            "files, records, documents, duplicates, quarantine, skipped",
        ),
        _field("versions", pa.map_(pa.string(), pa.string()), "pipeline, schema, python, pyarrow, rules"),
        _field("settings", pa.string(), "the settings, JSON"),
    ]
)

#: Every dataset of a snapshot by its folder name.
DATASETS: dict[str, pa.Schema] = {
    "documents": DOCUMENTS,
    "sections": SECTIONS,
    "blocks": BLOCKS,
    "duplicates": DUPLICATES,
    "quarantine": QUARANTINE,
    "inputs": INPUTS,
    "runs": RUNS,
}

#: Sort order of the rows within a part.
SORT_KEYS: dict[str, tuple[str, ...]] = {
    "documents": ("site", "doc_id"),
    "sections": ("doc_id", "ordinal"),
    "blocks": ("doc_id", "ordinal"),
    "duplicates": ("doc_id",),
    "quarantine": ("path", "member"),
    "inputs": ("path",),
    "runs": ("started_at",),
}

#: What dedup compares: a row a document, and a row a story of a digest.
SIGNATURES = pa.schema(
    [
        ("id", pa.string()),  # doc_id, or section_id of a digest's story
        ("doc_id", pa.string()),
        ("text_sha256", pa.string()),
        ("minhash", pa.binary()),
        ("shingles", pa.binary()),
        ("sequence", pa.binary()),  # the tokens of title and text in order, with their flags
        ("n_shingles", pa.int64()),
        ("n_tokens", pa.int64()),
        ("day", pa.int32()),  # of published_at or of the event, days since 1970-01-01; -1 when unknown
    ]
)

#: What dedup says of a document or a section; ``id`` is a doc_id or a section_id.
VERDICTS = pa.schema(
    [
        ("id", pa.string()),
        ("duplicate_of", pa.string()),
        ("method", pa.string()),
        ("jaccard", pa.float64()),
        ("containment", pa.float64()),
        ("cluster_id", pa.string()),
    ]
)


#: When a document was published first.
FIRST_SEEN = pa.schema([("doc_id", pa.string()), ("first_seen_at", pa.timestamp("us", tz="UTC"))])


def sort_rows(name: str, table: pa.Table) -> pa.Table:
    """The rows of a dataset's part in the dataset's order, under its schema."""
    keys = [(key, "ascending") for key in SORT_KEYS[name]]
    return table.take(pc.sort_indices(table, sort_keys=keys)).cast(DATASETS[name])


# The data dictionary, generated from ``pipeline.schema``: ``winnow dictionary > docs/data-dictionary.md``.

_ROWS = {
    "documents": "a clean document that stands for its duplicates",
    "sections": "a story of a digest, or the one section of an article",
    "blocks": "a block of a document, duplicate or page without content, kept or not",
    "duplicates": "a document left out",
    "quarantine": "a file or record that could not be processed",
    "inputs": "a raw file",
    "runs": "a run that published, the latest last",
}


def data_dictionary() -> str:
    """The seven datasets and their columns as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "Generated by `winnow dictionary`. The descriptions are in the Parquet files too, as field metadata."
    yield "Times are UTC. Languages are BCP 47 tags. Offsets count code points."
    for name, schema in DATASETS.items():
        yield from ("", f"## {name}", "", f"One row: {_ROWS[name]}. Sorted by {', '.join(SORT_KEYS[name])} in a part.")
        yield from ("", "| column | type | what it is |", "| --- | --- | --- |")
        for field in schema:
            yield from _field_lines(field, "")
    yield from ("", "## Labels of blocks", "", ", ".join(f"`{label.value}`" for label in Label) + ".")
    yield from ("", "## Flags of documents", "", "| flag | what was noticed |", "| --- | --- |")
    yield from (f"| `{flag.value}` | {meaning} |" for flag, meaning in FLAGS.items())
    yield from ("", "## Reasons of quarantine", "", ", ".join(f"`{reason.value}`" for reason in Reason) + ".")


def _field_lines(field: pa.Field, prefix: str) -> Iterator[str]:
    inner = field.type.value_type if pa.types.is_list(field.type) else field.type
    kind = "list of struct" if inner is not field.type and pa.types.is_struct(inner) else str(field.type)
    kind = "struct" if pa.types.is_struct(field.type) else kind
    null = ", may be null" if field.nullable and not prefix else ""
    description = (field.metadata or {}).get(b"description", b"").decode()
    yield f"| `{prefix}{field.name}` | {kind}{null} | {description} |"
    if pa.types.is_struct(inner):
        for child in inner:
            yield from _field_lines(child, f"{prefix}{field.name}.")
