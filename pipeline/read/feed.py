"""Feeds: RSS of every version, RDF and Atom, an item a record.

Of XML nothing is needed here but tags, character data, CDATA sections and entities, and half of the feeds that people
have are not well formed (``&nbsp;``, bare ampersands, bytes of another charset), so that they are scanned, not parsed:
https://www.w3.org/TR/xml/ is named below. A document type declaration is stepped over, whatever it declares: no entity
is ever expanded but the five of XML, those of HTML, and numbers, so that nothing can grow. A new name is a word in one
of the tables.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import PurePosixPath
from typing import Final

from pipeline.errors import Reason
from pipeline.read.apart import xml_root
from pipeline.read.fields import is_no_code, reads_as_text, stands_in
from pipeline.read.limits import Origin, Outcome, ReadFailure, ReadLimits, reject, skip
from pipeline.read.sniff import as_text, content_failure
from pipeline.read.stream import Stream, check_size
from pipeline.read.transcode import Utf8Stream
from pipeline.text.safety import clean_url
from pipeline.types import Flag, Record

#: Elements of an item, lower case, by prefix where it matters; the fullest or most telling first.
TEXT_NAMES: Final = ("content:encoded", "content", "fulltext", "yandex:full-text", "description", "summary", "body")
TITLE_NAMES: Final = ("title", "dc:title", "media:title")
URL_NAMES: Final = ("link", "feedburner:origlink", "guid", "id", "rdf:about")
PUBLISHED_NAMES: Final = (
    "pubdate", "published", "dc:date", "issued", "dcterms:issued", "dcterms:created", "wp:post_date_gmt", "date",
    "created", "updated", "modified", "dcterms:modified",
)  # fmt: skip
AUTHOR_NAMES: Final = ("dc:creator", "creator", "author", "itunes:author", "media:credit")
SOURCE_NAMES: Final = ("source", "dc:publisher", "dc:source", "publisher")
_ROOTS: Final = {"rss", "feed", "rdf", "channel"}
_ITEMS: Final = frozenset({"item", "entry"})

_MARK: Final = re.compile(rb"<!\[CDATA\[|<!--|<(/?)(?:[a-z][\w.-]{0,40}:)?(?:item|entry)(?=[\s>/])", re.IGNORECASE)
_LONGEST_MARK = 60  # bytes that _MARK may look at
#: What is no mark-up inside -> where it ends (XML 2.5 and 2.7).
_SECTIONS: Final = {b"<![cdata[": b"]]>", b"<!--": b"-->"}
_FEED: Final = re.compile(r"<(?:[\w.-]{1,40}:)?(?:channel|item|entry|title)[\s>]", re.IGNORECASE)
_PIECE: Final = re.compile(
    r"<!\[CDATA\[|<!--|<\?|<(?P<close>/?)(?P<name>[A-Za-z_][\w.:-]{0,80})"
    r"(?P<attributes>(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>",
    re.IGNORECASE,
)
_PIECE_ENDS: Final = {"<![cdata[": "]]>", "<!--": "-->", "<?": "?>"}
_ATTRIBUTE: Final = re.compile(r"([A-Za-z_][\w.:-]{0,80})\s{0,20}=\s{0,20}(?:\"([^\"<]*)\"|'([^'<]*)')")
#: Elements with text that no channel or feed has of its own; text that is in none is one of them.
_OF_ITEMS: Final = frozenset({"content:encoded", "content", "fulltext", "yandex:full-text", "body", ""})
_ROOT_TAG: Final = re.compile(r"</?(?:[\w.-]{1,40}:)?(?:rss|feed|rdf|channel)(?=[\s>/])[^<>]{0,4000}>", re.IGNORECASE)
_PREFIXES: Final = frozenset("content dc dcterms media itunes feedburner yandex wp rdf".split())  # others say nothing
_ANY_TAG: Final = re.compile(r"<[a-z/!][^<>]{0,2000}>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z]\w{1,30});", re.IGNORECASE)
_BLOCK_TAG: Final = re.compile(r"<(?:p|br|div|h[1-6]|li|td|blockquote|section|pre)[\s>/]", re.IGNORECASE)
#: What an item cannot have in it, unless a section or comment of it was not closed.
_SWALLOWED: Final = re.compile(r"</(?:item|entry)>\s{0,200}<(?!/)", re.IGNORECASE)
_BLANK_LINE: Final = re.compile(r"\n[ \t\r]*\n\s*")
_NAME_IN_BRACKETS: Final = re.compile(r"[^\s()]{1,100}@[^\s()]{1,100}\s{0,9}\(([^()]{1,100})\)\s*\Z")
_FAR_LONGER = 2  # a text so many times longer than one before it in the table is the fuller one
_MOST_OUTSIDE = 1 << 20  # bytes in no item that are looked at
_HEAD_CHARS = 4_000  # that tell a feed
_MOST_FIELDS = 1_000  # elements of an item that are looked at


def is_feed(head: bytes) -> bool:
    """Whether bytes begin like a feed: <rss>, <feed> or <rdf:RDF>, with a channel, item or entry near."""
    return b"<" in head[:200] and xml_root(head) in _ROOTS and _FEED.search(as_text(head)) is not None


def read_feed(stream: Stream, origin: Origin, limits: ReadLimits) -> Iterator[Outcome]:
    """Yield what each item comes to; member is its number, from 1. Raises ReadFailure."""
    text = Utf8Stream(stream, media_type="application/xml")
    if failure := content_failure(text.sample.encode("utf-8", "replace")):
        raise failure
    if not is_feed(text.sample[:_HEAD_CHARS].encode("utf-8", "replace")):
        yield skip(origin.path, None, f"unsupported type: {PurePosixPath(origin.name).suffix.lower() or 'XML'}")
        return
    number, n_items = 0, 0
    try:
        for number, item in _items(text, limits):
            n_items += 1
            if isinstance(item, ReadFailure):
                yield reject(origin.path, str(number), item.reason, f"Item {number:,}: {item.message}")
            else:
                yield _outcome(item, str(number), origin, text)
    except ReadFailure as failure:
        message = f"{failure.message} Items from {number + 1:,} on are lost."
        yield reject(origin.path, str(number + 1), failure.reason, message)
        return
    if not n_items:
        yield skip(origin.path, None, "no document: feed without items")


class _Cutter:
    """The bytes of a feed that lie ahead, cut at the tags of items; tags in CDATA sections and comments are none."""

    def __init__(self, stream: Stream, limits: ReadLimits) -> None:
        self.stream = stream
        self.ahead = bytearray()
        self.start: int | None = None  # of the item that is open
        self.is_over = False  # it is too large, and its beginning was dropped
        self.outside = bytearray()  # what is in no item, as far as ``_MOST_OUTSIDE``
        self.failure: ReadFailure | None = None
        self._most = limits.max_record_bytes
        self._at = 0  # what was looked at
        self._section: int | None = None  # where the one begins that ``_at`` is in
        self._open_for_ever: set[bytes] = set()  # ends of which no more follow
        self._ended = False

    def next_tag(self) -> tuple[int, int, bool] | None:
        """Return start and end of the next item's tag, the end without what follows the name, and whether it closes."""
        while True:
            found = _MARK.search(self.ahead, self._at)
            if found is None or (len(self.ahead) - found.start() < _LONGEST_MARK and not self._ended):
                self._at = max(self._at, len(self.ahead) - _LONGEST_MARK) if found is None else found.start()
                if not self._fill() and found is None:
                    return None
                continue
            self._at = found.end()
            end = _SECTIONS.get(bytes(found[0]).lower())
            if end is None:
                return found.start(), found.end(), bool(found[1])
            if end not in self._open_for_ever:
                self._pass_section(found.start(), end)

    def leave(self, end: int) -> None:
        """Note what lies ahead as far as ``end`` as being in no item, and drop it."""
        self.outside += self.ahead[: min(end, max(_MOST_OUTSIDE - len(self.outside), 0))]
        del self.ahead[:end]
        self._at -= end

    def take(self, end: int) -> bytes:
        """Cut the open item off at ``end``, and return it."""
        item = bytes(self.ahead[self.start or 0 : end])
        del self.ahead[:end]
        self._at -= end
        self.start = None
        return item

    def _pass_section(self, start: int, end: bytes) -> None:
        """Step over a section or comment. One that never ends is none."""
        behind = self._at - start  # from the section's beginning, which moves when what is before it is dropped
        self._section = start
        while (place := self.ahead.find(end, self._at)) < 0:
            self._at = max(self._at, len(self.ahead) - len(end) + 1)
            before = len(self.ahead)
            if not self._fill():
                self._open_for_ever.add(end)
                self._at = min(self._section + behind, len(self.ahead))
                self._section = None
                return
            if len(self.ahead) < before:  # what was dropped is not looked at again
                behind = self._at - self._section
        self._at = place + len(end)
        self._section = None

    def _fill(self) -> bool:
        """Have more ahead; False at the end, or at damage, which ``failure`` then is."""
        if self._ended:
            return False
        self._drop()
        try:
            data = self.stream.read()
        except ReadFailure as failure:
            data, self.failure = b"", failure
        self._ended = not data
        self.ahead += data
        return bool(data)

    def _drop(self) -> None:
        """Drop what no item can need, or of the one that is too large what was looked at."""
        keep = self.start if self.start is not None else self._section if self._section is not None else self._at
        if self._at - keep > self._most:
            self.is_over = self.is_over or self.start is not None
            del self.ahead[keep : self._at]
            self._at = keep
        elif self.start is None and keep:
            self.leave(keep)
            self._section = None if self._section is None else 0


def _items(stream: Stream, limits: ReadLimits) -> Iterator[tuple[int, bytes | ReadFailure]]:
    """Yield the source of each item with its number. An item ends where it is closed, where the next one begins, or
    with the file. Raises what the stream raised, last.
    """
    cutter = _Cutter(stream, limits)
    number, stored = 0, 0
    while tag := cutter.next_tag():
        start, end, closes = tag
        if cutter.start is not None:
            number += 1
            size = start - cutter.start
            is_over = cutter.is_over
            item = cutter.take(start)
            start, end = 0, end - start
            yield number, _whole(item, size, cutter.stream.consumed - stored, limits, is_over=is_over)
        elif closes:
            number += 1
            yield number, ReadFailure(Reason.BROKEN_CONTAINER, "Its beginning is not there. Fetch the feed again.")
        if not closes:
            cutter.leave(start)
            cutter.start, cutter.is_over, stored = 0, False, stream.consumed
    if cutter.start is not None:
        number += 1
        item = cutter.take(len(cutter.ahead))
        yield number, _whole(item, len(item), stream.consumed - stored, limits, is_over=cutter.is_over)
    cutter.leave(len(cutter.ahead))
    if number and _holds_item(cutter.outside.decode("utf-8", "replace")):
        what = "A text is in no item: where one begins or ends is damaged. Fetch the feed again."
        yield number + 1, ReadFailure(Reason.BROKEN_CONTAINER, what)
    if cutter.failure:
        raise cutter.failure


def _holds_item(outside: str) -> bool:
    """Whether what is in no item holds the text of one: a text that no channel has, or a second one.

    A channel has a title and a description (RSS 2.0), a feed a title (RFC 4287 4.1.1); another one in an image or a
    field for a search is inside of that.
    """
    elements = list(_elements(f"<x>{_ROOT_TAG.sub('', outside)}"))
    names = Counter(one.tag for one in elements)
    has_two = names["title"] > 1
    return any(
        (one.tag in _OF_ITEMS or (one.tag in TEXT_NAMES and (has_two or names[one.tag] > 1)))
        and reads_as_text(one.words)
        for one in elements
    )


def _whole(item: bytes, size: int, stored: int, limits: ReadLimits, *, is_over: bool) -> bytes | ReadFailure:
    try:
        check_size(limits.max_record_bytes + 1 if is_over else size, max(stored, 1), limits=limits)
    except ReadFailure as failure:
        return failure
    return item


@dataclass(frozen=True, slots=True)
class _Element:
    """A child of an item, or (without a name) text that is in none."""

    name: str  # lower case, with a prefix that says something
    attributes: Mapping[str, str]
    value: str  # its text, entities and sections undone; mark-up, when it holds elements
    is_closed: bool = True
    tag: str = ""  # its name as it is, in lower case

    @property
    def words(self) -> str:
        """Its value without tags, on one line."""
        return " ".join(unescape(_ANY_TAG.sub(" ", self.value)).split())


def _outcome(item: bytes, member: str, origin: Origin, text: Utf8Stream) -> Outcome:
    """Turn an item into the Record of its text."""
    source = item.decode("utf-8", "replace")
    elements = list(_elements(source))
    chosen = _fullest(elements)
    if chosen is None:
        return skip(origin.path, member, "feed item without a text: its title alone")
    content, media_type = _content_of(chosen)
    return Record(
        path=origin.path,
        member=member,
        content=content.encode("utf-8", "replace"),
        media_type=media_type,
        url=_address(elements, source),
        charset="utf-8",
        published=_words(elements, PUBLISHED_NAMES),
        title=_words(elements, TITLE_NAMES),
        author=_author(elements),
        source=_words(elements, SOURCE_NAMES),
        flags=(*origin.flags, *((Flag.UNCLOSED_MARKUP,) if _is_torn(elements, chosen, source) else ())),
        taken_from=text.taken_from,
    )


def _is_torn(elements: Sequence[_Element], chosen: _Element, source: str) -> bool:
    """Whether an item may have something of another in it, or lack something of its own."""
    names = [one.name for one in elements]
    is_open = any(not one.is_closed and (one.name in TEXT_NAMES or reads_as_text(one.words)) for one in elements)
    if any(one.name in URL_NAMES and is_no_code(one.words) for one in elements):
        return True
    titles = [words for one in elements if one.name in TITLE_NAMES and reads_as_text(words := one.words)]
    if not all(stands_in(words, chosen.words) for words in titles):
        return True
    is_double = any(names.count(name) > 1 for name in ("title", *TEXT_NAMES))
    return is_open or is_double or "" in names or _SWALLOWED.search(source) is not None


def _elements(source: str) -> Iterator[_Element]:
    """Yield the children of an item, and text between them or the end of one that has no beginning. One that is never
    closed ends where the next known one begins.
    """
    pieces = list(_pieces(source))
    closes: dict[str, list[int]] = {}
    n_open: Counter[str] = Counter()
    for number, piece in enumerate(pieces):
        if piece.closes:
            closes.setdefault(piece.name, []).append(number)
            n_open[piece.name] -= 1
        elif not piece.is_empty:
            n_open[piece.name] += 1
    at, n_fields = 1, 0  # the first is the item's own tag
    between = at  # the first piece of what is in no child
    while at < len(pieces) and n_fields < _MOST_FIELDS:
        piece = pieces[at]
        at += 1
        if not piece.name or piece.closes:
            continue
        n_fields += 1
        yield from _stray(source, pieces, between, at - 1, n_open)
        between = at
        if piece.is_empty:
            yield _Element(_known(piece.name), piece.attributes, "", tag=piece.name)
            continue
        ends = closes.get(piece.name, [])
        place = bisect_left(ends, at)
        end = ends[place] if place < len(ends) else _next_known(pieces, at)
        is_closed = place < len(ends)
        value = _value(source, pieces, at - 1, end)
        yield _Element(_known(piece.name), piece.attributes, value, is_closed, piece.name)
        at = end
        between = end + is_closed
    yield from _stray(source, pieces, between, len(pieces), n_open)


def _stray(
    source: str, pieces: Sequence[_Piece], first: int, end: int, n_open: Mapping[str, int]
) -> Iterator[_Element]:
    """Yield the text from before one piece to before another, tags left out, if there is some or one of them closes
    what none opens.
    """
    if 0 < first <= len(pieces):
        parts = (
            f"{pieces[at].literal or ''} {source[pieces[at].end : pieces[at + 1].start if at + 1 < len(pieces) else None]}"
            for at in range(first - 1, end)
        )
        text = "".join(parts).removeprefix(pieces[first - 1].literal or "")
        if text.strip() or any(n_open[one.name] < 0 for one in pieces[first:end] if one.closes):
            yield _Element("", {}, unescape(text))


def _next_known(pieces: Sequence[_Piece], at: int) -> int:
    known = (n for n in range(at, len(pieces)) if not pieces[n].closes and _known(pieces[n].name) in _NAMES)
    return next(known, len(pieces))


_NAMES: Final = frozenset(
    (*TEXT_NAMES, *TITLE_NAMES, *URL_NAMES, *PUBLISHED_NAMES, *AUTHOR_NAMES, *SOURCE_NAMES, "category", "comments")
) - {"source", "id", "body", "date"}  # which are HTML, or in names of people's own


@dataclass(frozen=True, slots=True)
class _Piece:
    """A tag, or a section or comment (without a name)."""

    start: int
    end: int
    name: str = ""  # lower case
    closes: bool = False
    is_empty: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    literal: str | None = None  # what a section holds; "" for a comment


def _pieces(source: str) -> Iterator[_Piece]:
    at = 0
    open_for_ever: set[str] = set()
    while found := _PIECE.search(source, at):
        at = found.end()
        if found["name"] is None:
            end = _PIECE_ENDS[found[0].lower()]
            place = -1 if end in open_for_ever else source.find(end, at)
            if place < 0:
                open_for_ever.add(end)
                continue
            yield _Piece(found.start(), place + len(end), literal=source[at:place] if end == "]]>" else "")
            at = place + len(end)
            continue
        inner = found["attributes"]
        attributes = {name.lower(): unescape(one or other) for name, one, other in _ATTRIBUTE.findall(inner[:4_000])}
        is_empty = inner.rstrip().endswith("/")
        yield _Piece(found.start(), at, found["name"].lower(), bool(found["close"]), is_empty, attributes)


def _value(source: str, pieces: Sequence[_Piece], first: int, end: int) -> str:
    """Return what stands between two pieces: text as it is meant, or mark-up as it stands when it holds elements."""
    stop = pieces[end].start if end < len(pieces) else len(source)
    inner = pieces[first + 1 : end]
    has_elements = any(piece.name for piece in inner)
    parts = []
    at = pieces[first].end
    for piece in inner:
        if piece.literal is not None:
            between = source[at : piece.start]
            parts += [between if has_elements else unescape(between), piece.literal]
            at = piece.end
    between = source[at:stop]
    parts.append(between if has_elements else unescape(between))
    return "".join(parts)


def _known(name: str) -> str:
    """A name with its prefix only where that says something: "atom:title" is "title"."""
    prefix, colon, local = name.rpartition(":")
    return name if colon and prefix in _PREFIXES else local


def _fullest(elements: Sequence[_Element]) -> _Element | None:
    """Return the element that has an item's full text, as far as there is one."""
    found: _Element | None = None
    size = 0
    for name in TEXT_NAMES:
        for one in elements:
            if one.name == name and (length := len(one.words)) and (found is None or length > _FAR_LONGER * size):
                found, size = one, length
    return found


def _content_of(element: _Element) -> tuple[str, str]:
    """Return an element's text and its media type. HTML without a block in it has blank lines between paragraphs."""
    text = element.value.strip()
    if element.attributes.get("type", "").lower() in {"text", "text/plain"}:
        return text, "text/plain"
    if not _ANY_TAG.search(text) and not _ENTITY.search(text):
        return text, "text/plain"
    if not _BLOCK_TAG.search(text) and "\n" in text:
        text = "\n".join(f"<p>{one}</p>" for one in _BLANK_LINE.split(text) if one.strip())
    return text, "text/html"


def _words(elements: Sequence[_Element], names: Sequence[str]) -> str | None:
    """Return the words of the first of the named elements that has some; of a source its title."""
    for name in names:
        for one in elements:
            if one.name == name and (words := _inner(one, "title") if name == "source" else one.words):
                return words
    return None


def _inner(element: _Element, name: str) -> str:
    """Return the words of an element inside of one, or of the whole when it has none."""
    inner = next((one for one in _elements(f"<x>{element.value}") if one.name == name), None)
    return inner.words if inner else element.words


def _author(elements: Sequence[_Element]) -> str | None:
    """Return the author's name, out of Atom's <name> or RSS's "address (name)"."""
    for name in AUTHOR_NAMES:
        for one in elements:
            if one.name == name and (words := _inner(one, "name")):
                bracketed = _NAME_IN_BRACKETS.match(words)
                return bracketed[1] if bracketed else words
    return None


def _address(elements: Sequence[_Element], source: str) -> str | None:
    """Return the address of an item: the first that is one, Atom's links by what they are to it."""
    for name in URL_NAMES:
        for one in elements:
            if one.name != name or one.attributes.get("rel", "alternate") != "alternate":
                continue
            address = clean_url(one.attributes.get("href", "") or one.words)
            if address.lower().startswith(("http://", "https://")):
                return address
    own = next(_pieces(source), None)
    about = own.attributes.get("rdf:about", "") if own else ""
    return clean_url(about) if about.startswith(("http://", "https://")) else None
