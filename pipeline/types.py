"""The values that stages hand to one another: frozen, with nothing but fields.

Every offset in this module counts code points of the decoded text (``Decoded.text``) of one record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NamedTuple

#: Where a record lies in what a task reads: the 0-based number of its file or chunk there, and its own in that.
Place = tuple[int, int]
#: What tells the language of a text.
Backend = Literal["lid176", "langdetect"]


class BlockKind(StrEnum):
    """What a block is by its form, whatever it says."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"
    QUOTE = "quote"
    CODE = "code"
    CAPTION = "caption"
    FRONT_MATTER = "front_matter"


class Flag(StrEnum):
    """What readers and extractors noticed of a record: the closed list of ``documents.flags``, explained in ``schema``."""

    SUFFIX_MISMATCH = "suffix_mismatch"
    TRUNCATED = "truncated"
    TRAILING_GARBAGE = "trailing_garbage"
    RAGGED_ROW = "ragged_row"
    TWO_TEXTS = "two_texts"
    LONE_SURROGATES = "lone_surrogates"
    INVALID_UTF8 = "invalid_utf8"
    DECODE_REPLACEMENTS = "decode_replacements"
    MIXED_ENCODING = "mixed_encoding"
    MOJIBAKE_REPAIRED = "mojibake_repaired"
    VIEW_SOURCE = "view_source"
    INTERSTITIAL = "interstitial"
    HIDDEN_TEXT = "hidden_text"
    TEXT_FROM_SCRIPT = "text_from_script"
    TEXT_FROM_HEAD = "text_from_head"
    UNCLOSED_MARKUP = "unclosed_markup"
    DEEP_NESTING = "deep_nesting"
    HTML_FALLBACK_PARSER = "html_fallback_parser"


class Label(StrEnum):
    """What a block is for. CONTENT blocks make the clean text, TITLE the title; the rest is left out."""

    CONTENT = "content"
    TITLE = "title"
    METADATA = "metadata"  # source and date lines, bylines, editor lines, view counts
    NAVIGATION = "navigation"  # menus, breadcrumbs, skip links, language switches, city directories, pagers
    RELATED = "related"  # related reading, previous and next, rankings, tags
    SHARE = "share"  # share bars, follow-us and QR lines, subscribe boxes
    TOOLS = "tools"  # font size, print, close, search, log in
    COMMENTS = "comments"  # comment forms and their counters
    LEGAL = "legal"  # statements, disclaimers, cookie notices, copyright
    FOOTER = "footer"  # filing numbers, licences, approving authorities, contacts, groups
    ADVERT = "advert"  # advertisements and promotions
    TEMPLATE = "template"  # recurs across the site's documents
    BOILERPLATE = "boilerplate"  # chaff of no sort that a rule names
    HIDDEN = "hidden"  # what the mark-up hides from readers


KEPT_LABELS = frozenset({Label.CONTENT, Label.TITLE})


class DocumentKind(StrEnum):
    """What a document is as a whole."""

    ARTICLE = "article"
    DIGEST = "digest"
    LISTING = "listing"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class RawInput:
    """One file of the raw tree, as the scan saw it."""

    path: str  # relative to the raw folder, "/" between parts
    size: int  # bytes
    mtime_ns: int
    sha256: str  # hex, of the file's bytes as stored
    ctime_ns: int = 0  # of the last change of its content, name or rights: no program can set it back
    inode: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One document's bytes, out of a file or out of a container in it."""

    path: str  # of the raw file
    member: str | None  # which record of a container: "3" (line or record number), "a/b.html" (entry)
    content: bytes
    media_type: str  # "text/html", "text/plain", "text/markdown"
    url: str | None = None
    charset: str | None = None  # what the HTTP header or the container says; None when silent
    published: str | None = None  # what the container says of the publication time
    title: str | None = None  # what the container says of the title
    author: str | None = None  # what the container says of the author
    source: str | None = None  # what the container says of who published it first
    #: Encoding of the file (WHATWG name) and how sure of it we are, where content is text that was taken out of it.
    taken_from: tuple[str, float] | None = None
    flags: tuple[Flag, ...] = ()  # what the reader noticed


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text out of bytes, with the doubt admitted."""

    text: str  # no lone surrogates; nothing else is changed
    encoding: str  # WHATWG name in lower case: "utf-8", "gb18030", "big5", ...
    confidence: float  # 0 to 1; 1.0 for a byte order mark or strict UTF-8
    method: str  # "bom", "utf-8", "http", "meta", "detected", "mixed", "fallback"
    n_replaced: int = 0  # U+FFFD put in place of undecodable bytes


class Markup(NamedTuple):
    """What the mark-up says of a block. Absent (None) for flattened text."""

    path: tuple[str, ...]  # element names from the outermost to the block's own: ("html", "body", "div", "p")
    classes: str  # class and id words of the block and its ancestors, nearest last, lower case, spaced
    n_links: int = 0  # <a href> that begin in or around the block
    link_chars: int = 0  # characters of the block's text inside links
    role: str = ""  # nearest ARIA role or landmark element: "navigation", "main", "contentinfo", ...


class Block(NamedTuple):
    """A run of text that a reader sees as one: a paragraph, a heading, a list item, a table row."""

    ordinal: int  # 0-based place among the record's blocks
    text: str  # repaired; white space collapsed, but kept in code and inside lines of plain text; never empty
    kind: BlockKind
    start: int  # of the first code point of the text in the decoded source
    end: int  # past the last one
    level: int = 0  # of a heading, 1 to 6; of a list item, its depth; else 0
    n_breaks: int = 0  # blank lines (text) or <br> runs and block edges (HTML) just before the block
    markup: Markup | None = None
    hidden: bool = False  # no reader sees it; its place may lie within the block before it


@dataclass(frozen=True, slots=True)
class PageHead:
    """What a document says of itself outside its blocks: <head>, JSON-LD, front matter."""

    title: str | None = None
    lang: str | None = None
    meta: tuple[tuple[str, str], ...] = ()  # (name or property in lower case, content), in source order
    canonical: str | None = None
    json_ld: tuple[str, ...] = ()  # the raw text of each script, unparsed


@dataclass(frozen=True, slots=True)
class Extracted:
    """A record's blocks, in source order and without overlap (a hidden one may lie within another), and its head."""

    blocks: Sequence[Block]  # as columns (``blocks.Blocks``) where an extractor made them
    head: PageHead = PageHead()
    repairs: tuple[str, ...] = ()  # names of the repairs that acted on any block, sorted
    flags: tuple[Flag, ...] = ()  # what the extractor noticed


class Decision(NamedTuple):
    """What a block is for and what decided it."""

    label: Label
    decided_by: str  # "rule:zh-icp-filing", "template:example.org", "step:copy", "model:NAME", "title"
    score: float  # 0 to 1: how sure we are that the block is content


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """A BCP 47 tag ("en", "zh-Hans", "zh-Hant", "zh", "und") and how sure we are of it, 0 to 1."""

    lang: str
    confidence: float


@dataclass(frozen=True, slots=True)
class DocumentLanguage:
    """The language of a whole document with the share of each, largest first."""

    lang: str
    confidence: float
    shares: tuple[tuple[str, float], ...]  # sums to 1 unless empty; weighted by letters of content blocks


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a document says of its origin. None where it says nothing."""

    title: str | None = None  # as the page gives it (<h1>, og:title, first heading), site name cut off
    title_ordinal: int | None = None  # the block that is the title, when one is
    author: str | None = None
    source: str | None = None  # 文章来源: who published it first
    published_at: datetime | None = None  # with a zone; that of the page's country where the page names none
    published_date: date | None = None  # the day where it was published
    published_precision: str | None = None  # "day", "minute" or "second"
    site: str | None = None  # registrable domain: of the URL, else the page's own footer, else None


@dataclass(frozen=True, slots=True)
class Section:
    """A story of a digest, or the one section of an article. Block numbers are ordinals."""

    title: str | None
    title_ordinal: int | None
    ordinals: tuple[int, ...]  # of the body's blocks (content only), ascending, never empty
    event_date: date | None = None
    event_date_source: str | None = None  # the words the date was read from
    truncated: bool = False  # its last paragraph ends in mid-sentence


@dataclass(frozen=True, slots=True)
class Sectioning:
    """How a document falls into stories. Every content block is in one section, as title or as body."""

    kind: DocumentKind
    title: str | None
    title_ordinal: int | None  # None for a digest: its first headline belongs to the first story
    sections: tuple[Section, ...]


# Names that stay the same from run to run.


def document_id(path: str, member: str | None) -> str:
    """32 hex digits: BLAKE2b of path and member, so that a document keeps its id from run to run."""
    name = path if member is None else f"{path}\0{member}"
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def section_id(doc_id: str, ordinal: int) -> str:
    """The id of a document's section: doc_id, a dash and its 0-based ordinal."""
    return f"{doc_id}-{ordinal}"
