"""What the mark-up around a block says of it: path, class words, role, kind, whether it is hidden.

A node is a tuple ``(name, parent, depth, tag, code, memo)``, the cheapest thing to make for each tag; what
it means is worked out here, only for nodes that hold text, and kept in its memo.
To read another attribute, add it to ``_own``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from html.entities import html5
from typing import Final, NamedTuple

import numpy as np

from pipeline.extract.machine import (
    BARRIER,
    BLOCK,
    BREAK,
    CAPTION,
    CELL,
    DATA,
    FOREIGN,
    FORMATTING,
    HEAD,
    HEADING,
    HTML,
    INLINE,
    ITEM,
    KEEPS_SPACE,
    LINE_BREAK,
    LINK,
    LIST,
    LIST_ITEM,
    ONE_OPTION,
    OPTION,
    OPTION_GROUP,
    OUTER,
    PARAGRAPH,
    PRE,
    RAW,
    ROW,
    RULE,
    SCRIPT,
    SECTION,
    SVG,
    SVG_RAW,
    TABLE,
    TEMPLATE,
    TERM,
    TEXT,
    TITLE,
    TRANSPARENT,
    VOID,
    Elements,
    Ints,
    Longs,
)
from pipeline.extract.styles import EMPTY_SHEET, FREEABLE, NOTHING, Aspects, Sheet, aspects
from pipeline.text.safety import clean_url
from pipeline.types import BlockKind, Markup, PageHead

# What each HTML element means for blocks: one table. Add an element by one word in one line of it.

_WORDS: Final = {
    VOID: "area base basefont bgsound col colgroup embed frame img input keygen param source track wbr",
    LINK: "a",
    BREAK: "br",
    RULE: "hr",
    ITEM: "li dd dt",
    HEADING: "h1 h2 h3 h4 h5 h6",
    OPTION: "option optgroup",
    TABLE: "table",
    SECTION: "tbody thead tfoot caption",
    ROW: "tr",
    CELL: "td th",
    OUTER: "html body head",
    DATA: "meta link",
    RAW: "script style textarea title xmp iframe noembed noframes",
    PRE: "pre listing plaintext",
    INLINE: (
        "abbr b bdi bdo big cite code del em font i ins label mark nobr q s small span strike strong sub sup time tt u"
    ),
    BLOCK: (
        "address article aside audio blockquote button canvas center details dialog dir div dl fieldset "
        "figcaption figure footer form frameset header hgroup legend main marquee menu nav noscript object ol "
        "p search section select summary template text ul video"
    ),
}

#: Element name, in lower or upper case, to its lower-case name and its treatment.
ELEMENTS: Final = {
    spelling: (name, code)
    for code, names in _WORDS.items()
    for name in names.split()
    for spelling in (name, name.upper())
}

#: Elements whose content the tokenizer takes whole (https://html.spec.whatwg.org/#parsing-html-fragments).
RAW_ELEMENTS: Final = ("script", "style", "title", "textarea", "iframe", "xmp", "noembed", "noframes")

#: In these, a CDATA section is text (https://html.spec.whatwg.org/#markup-declaration-open-state).
FOREIGNERS: Final = ("svg", "math", "text")

#: An end tag closes nothing beyond these (the "has an element in scope" of the standard).
BARRIERS: Final = frozenset(("td", "th", "caption", "table", "template", "html", "body", "button", "object", "marquee"))

LISTS: Final = frozenset(("ul", "ol", "dl", "menu", "dir"))

#: <li>, <dd> and <dt> look for an open sibling through these and through inline elements only.
TRANSPARENTS: Final = frozenset(("address", "div", "p"))

#: Formatting elements whose end tag works across an open block.
FORMATTERS: Final = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)

#: Raw elements whose content is shown.
SHOWN_RAW: Final = ("textarea", "xmp")

PREFORMATTED: Final = frozenset(("pre", "listing", "plaintext", "xmp"))

_TRAITS: Final = {
    BARRIER: BARRIERS,
    LIST: LISTS,
    TRANSPARENT: TRANSPARENTS,
    FORMATTING: FORMATTERS,
    KEEPS_SPACE: PREFORMATTED,
    FOREIGN: FOREIGNERS,
    SVG: ("svg",),
    PARAGRAPH: ("p",),
    LIST_ITEM: ("li",),
    TERM: ("dd", "dt"),
    ONE_OPTION: ("option",),
    OPTION_GROUP: ("optgroup",),
    HTML: ("html",),
    HEAD: ("head",),
    CAPTION: ("caption",),
    SCRIPT: ("script",),
    TITLE: ("title",),
    TEXT: SHOWN_RAW,
    TEMPLATE: ("template",),
    SVG_RAW: ("style", "title"),
    LINE_BREAK: ("br",),
}
#: Attributes that say something of a block; the first is told by its name alone.
_SAYING_NAMES: Final = ("hidden", "class", "id", "role", "style", "itemprop", "aria-hidden", "aria-labelledby")

#: Elements by number, as the stack machine knows them.
NAMES: Final = tuple(dict.fromkeys((*(name for name, _ in ELEMENTS.values()), *FOREIGNERS)))


def _key(name: str) -> int:
    """The same as ``machine.name_key``."""
    key = 0
    if len(name) <= 10 and name.isalnum():
        for char in name:
            key = key * 64 + (ord(char) - 21 if char.isdigit() else ord(char) - 96)
        return key
    for char in name:
        key = (key * 33 ^ ord(char)) & (1 << 56) - 1
    return key | 1 << 61


def _slots(numbers: Mapping[int, int]) -> tuple[Longs, Ints]:
    """A table of keys and numbers for ``machine.slot``."""
    size = 4 * len(numbers) + 1
    keys, values = np.full(size, -1, np.int64), np.zeros(size, np.int32)
    for key, number in numbers.items():
        at = key % size
        while keys[at] != -1:
            at = (at + 1) % size
        keys[at], values[at] = key, number
    return keys, values


def _elements() -> Elements:
    """What the stack machine is told of elements."""
    known = {_key(name): number for number, name in enumerate(NAMES)}
    traits = [sum(bit for bit, names in _TRAITS.items() if name in names) for name in NAMES]
    raw = [RAW_ELEMENTS.index(name) if name in RAW_ELEMENTS else -1 for name in NAMES]
    treatments = [ELEMENTS.get(name, (name, INLINE))[1] for name in NAMES]
    return Elements(np.array(treatments, np.int32), np.array(traits, np.int32), np.array(raw, np.int32), *_slots(known))


KNOWN: Final = _elements()
#: Character references that the machine reads itself: keys of their names, and what they mean.
REFERENCES: Final = _slots(
    {
        _key(name[:-1]): ord(chars)
        for name, chars in html5.items()
        if len(chars) == 1 and re.fullmatch(r"[a-z0-9]{1,10};", name)
    }
)
SAYING: Final = np.array([_key(name) for name in _SAYING_NAMES], np.int64)

#: What a block is by the nearest of these elements around it; None looks no further out.
KINDS: Final[dict[str, BlockKind]] = {
    "li": BlockKind.LIST_ITEM,
    "dd": BlockKind.LIST_ITEM,
    "dt": BlockKind.LIST_ITEM,
    "pre": BlockKind.CODE,
    "listing": BlockKind.CODE,
    "plaintext": BlockKind.CODE,
    "xmp": BlockKind.CODE,
    "blockquote": BlockKind.QUOTE,
    "figcaption": BlockKind.CAPTION,
    "caption": BlockKind.CAPTION,
    **dict.fromkeys(
        ("table", "article", "section", "aside", "main", "nav", "header", "footer", "form", "body"),
        BlockKind.PARAGRAPH,
    ),
}
HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}

#: Landmark elements as the roles they stand for (https://www.w3.org/TR/html-aam-1.0/).
LANDMARKS: Final = {
    "nav": "navigation",
    "main": "main",
    "header": "banner",
    "footer": "contentinfo",
    "aside": "complementary",
    "article": "article",
    "form": "form",
    "search": "search",
    "dialog": "dialog",
}
#: Roles that say what a part of the page is for; the others (button, presentation ...) do not count.
ROLES: Final = frozenset(
    (
        *("alert", "alertdialog", "article", "banner", "complementary", "contentinfo", "dialog", "feed", "form"),
        *("main", "menu", "menubar", "navigation", "search", "tablist", "toolbar"),
    )
)


NAME: Final = 0
PARENT: Final = 1
DEPTH: Final = 2
TAG: Final = 3
CODE: Final = 4
MEMO: Final = 5

#: One element: name, parent, depth, start tag as written, treatment, memo of what it means.
Node = tuple[str, "Node | None", int, str, int, "list[Meaning]"]

_MAX_PATH: Final = 256  # elements; deeper than this only the nearest are kept
_DEEP_PATH: Final = 32
_MAX_CLASSES: Final = 1_500  # characters, the nearest words
_MAX_OWN_CLASSES: Final = 160  # characters of one element: utility class names run to hundreds
_ATTRIBUTE: Final = re.compile(r"""([^\s"'>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)))?""")
_NAME_OF_TAG: Final = re.compile(r"<[^\s/>]*+")
#: Attributes that say something of a block, looked for without reading the others, which is much faster;
#: what looks like one within another's value may be taken for one.
_SAYING: Final = re.compile(
    r"""[\s"'/](class|id|itemprop|role|style|aria-hidden)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"']++))"""
)
_HIDDEN: Final = re.compile(r"""[\s"'/]hidden(?=[\s=>/])""")
_MAX_CACHED: Final = 400  # characters of a tag
_HIDING: Final = re.compile(r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden")
_MAX_HIDERS: Final = 8
#: Classes that hide wherever their stylesheet is: what Discuz! puts between words, what only screen readers say.
KNOWN_HIDDEN: Final = frozenset(
    (
        "jammer",
        "sr-only",
        "visually-hidden",
        "visuallyhidden",
        "screen-reader-text",
        "screen-reader-only",
        "assistive-text",
    )
)
#: The aspect of such a class: what is said aloud is no part of the words around it, but may be text by itself.
SPOKEN: Final = "class"
_OPENED_ROLES: Final = frozenset(("tabpanel", "region"))
#: Words of what a click or the scrolling of the page shows.
_PANEL: Final = re.compile(
    r"\btab(?!le)|panel|\bpanes?\b|accordion|collaps|\bfaq|answer|toggle|expand|fold\b|spoiler|slide|swiper|carousel|more\b|fulltext|full-?text"
)


class Hider(NamedTuple):
    """What hides the text in an element; elements marked up alike have equal ones."""

    aspect: str
    name: str
    words: str


@dataclass(slots=True)
class Meaning:
    """What a node says of the blocks in it, inherited from its ancestors where it says nothing itself.

    Siblings that are marked up alike share one: ``children`` finds it by the tag as written
    and by what the tag says.
    """

    path: tuple[str, ...] = ()
    classes: str = ""
    role: str = ""
    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0
    n_lists: int = 0
    preformatted: bool = False  # in a <pre>
    keeps_space: bool = False  # so that its blocks are code
    hiders: tuple[Hider, ...] = ()  # what hides it, the outermost first
    sheet: Sheet = EMPTY_SHEET  # of the page
    plain: Markup | None = None  # of a block without links, once there is one
    children: dict[str | tuple[str, str, str, tuple[Hider, ...]], Meaning] = field(default_factory=dict)


def attributes(tag: str) -> dict[str, str]:
    """The attributes of a start tag, names in lower case, values decoded; the first of equal names counts."""
    start = _NAME_OF_TAG.match(tag)
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag, start.end() if start else 0):
        value = double or single or bare
        found.setdefault(name.lower(), unescape(value) if "&" in value else value)
    return found


def is_no_box(tag: str) -> bool:
    """Whether a start tag says ``display: none``: text before and after the element is one line then."""
    return aspects(attributes(tag).get("style", "").lower()).get("display", False)


def meaning(node: Node) -> Meaning:
    """What a node says of its blocks. Looks no further than ``_MAX_PATH`` elements up."""
    if node[MEMO]:
        return node[MEMO][0]
    chain = [node]
    at = node[PARENT]
    while at is not None and not at[MEMO] and len(chain) < _MAX_PATH:
        chain.append(at)
        at = at[PARENT]
    known = at[MEMO][0] if at is not None and at[MEMO] else Meaning()
    for at in reversed(chain):
        tag = at[TAG] or at[NAME]
        found = known.children.get(tag)
        if found is None:
            found = known.children[tag] = likeness(known, at[NAME], at[TAG])
        at[MEMO].append(found)
        known = found
    return known


def likeness(above: Meaning, name: str, tag: str) -> Meaning:
    """What a tag says in its place: one value for all tags there that differ in nothing that counts."""
    words, role, said, parts = NO_WORDS
    if "=" in tag or "hidden" in tag:
        words, role, said, parts = _own(tag) if len(tag) < _MAX_CACHED else _own.__wrapped__(tag)
    if name == "template" and "shadowroot" not in tag:
        words = f"{words} hidden".lstrip()
        said = {**said, "template": True}
        parts = (*parts, "hidden")
    rules = above.sheet.rules
    if rules and (name in rules or not rules.keys().isdisjoint(parts)):
        said = {**_by_sheet(above, name, tag), **said}
    hiders = above.hiders
    if said or hiders:
        hiders = _hiders(hiders, name, words, said, styled=bool(words) or "=" in tag)
        if len(hiders) > len(above.hiders) and _is_opened(above.sheet, tag):
            hiders = above.hiders
    key = (name, words, role, hiders)
    found = above.children.get(key)
    if found is None:
        found = above.children[key] = _child(above, name, words, role)
        found.hiders = hiders
        found.sheet = above.sheet
    return found


def _by_sheet(above: Meaning, name: str, tag: str) -> Aspects:
    """What the page's own stylesheet says of an element."""
    own = attributes(tag.lower()) if "=" in tag else {}
    return above.sheet.said_of(name, own.get("id", ""), own.get("class", ""), (above.path, above.classes))


def _is_opened(sheet: Sheet, tag: str) -> bool:
    """Whether a click shows the element, as far as its own tag and who names its id tell."""
    found = attributes(tag.lower())
    return found.get("id") in sheet.opened() or found.get("role") in _OPENED_ROLES or "aria-labelledby" in found


def _hiders(above: tuple[Hider, ...], name: str, words: str, said: Aspects, *, styled: bool) -> tuple[Hider, ...]:
    """What hides the text of an element, given what hides that around it and what is said of its own aspects.

    What a click shows is not hidden: a tab, the answer to a question, the rest of a text.
    """
    freed = {aspect for aspect in FREEABLE if said.get(aspect) is False}
    if styled or ELEMENTS.get(name, (name, INLINE))[1] > LINK:  # it may have a size and a colour from elsewhere
        freed |= {"size", "color"}
    left = tuple(one for one in above if one.aspect not in freed)
    own = [aspect for aspect, hides in said.items() if hides]
    if not own or len(left) >= _MAX_HIDERS or _PANEL.search(words):
        return left
    return (*left, Hider(own[0], name, words))


def _child(above: Meaning, name: str, words: str, role: str) -> Meaning:
    classes = above.classes
    if words:
        classes = f"{classes} {words}" if classes else words
        if len(classes) > _MAX_CLASSES:
            hidden = "hidden " if "hidden" in classes.split() else ""
            classes = hidden + classes[-_MAX_CLASSES:].partition(" ")[2]
    path = (*above.path, name)
    if len(path) > _MAX_PATH:
        path = path[-_DEEP_PATH:]
    role = role or LANDMARKS.get(name, above.role)
    kind, level, n_lists = above.kind, above.level, above.n_lists
    if name in LISTS:
        n_lists += 1
    elif name in HEADINGS:
        kind, level = BlockKind.HEADING, HEADINGS[name]
    elif name in KINDS:
        kind = KINDS[name]
        level = max(1, n_lists) if kind is BlockKind.LIST_ITEM else 0
    preformatted = above.preformatted or name in PREFORMATTED
    keeps_space = preformatted and kind is BlockKind.CODE
    return Meaning(path, classes, role, kind, level, n_lists, preformatted, keeps_space)


def plain_markup(found: Meaning) -> Markup:
    """The mark-up of a block without links: one value for all that a node and its likes hold."""
    found.plain = Markup(found.path, found.classes, role=found.role)
    return found.plain


#: What a tag says: words, role, aspects, the words one by one.
_Own = tuple[str, str, Aspects, tuple[str, ...]]
NO_WORDS: Final[_Own] = ("", "", NOTHING, ())


@lru_cache(maxsize=8192)
def _own(tag: str) -> _Own:
    """Class, id and itemprop words of a start tag, with "hidden" if it hides its content, its role, how it hides it."""
    tag = tag.lower()
    words = role = ""
    said: dict[str, bool] = {}
    if not ("class" in tag or "id" in tag or "role" in tag or "style" in tag or "itemprop" in tag):
        return NO_WORDS
    hidden = "hidden" in tag and _HIDDEN.search(tag) is not None
    if hidden and attributes(tag).get("hidden", "until-found") != "until-found":
        said["attribute"] = True
    for name, double, single, bare in _SAYING.findall(tag):
        value = double or single or bare
        if name == "role":
            role = value if value in ROLES else ""
        elif name == "style":
            hidden = hidden or _HIDING.search(value) is not None
            said.update(aspects(value))
        elif name == "aria-hidden":
            hidden = hidden or value == "true"
        elif value:
            words = f"{words} {value}" if words else value
    if not KNOWN_HIDDEN.isdisjoint(words.split()):
        said[SPOKEN] = True
    if words and not (words.isprintable() and "  " not in words):
        words = " ".join(words.split())
    if len(words) > _MAX_OWN_CLASSES:
        words = words[:_MAX_OWN_CLASSES].rpartition(" ")[0]
    words = f"{words} hidden".lstrip() if hidden else words
    return words, role, said or NOTHING, tuple(words.split())


# What an HTML page says of itself: title, language, <meta>, canonical address, JSON-LD.

_MAX_META: Final = 500  # a page has some thirty


@dataclass(slots=True)
class HeadParts:
    """The head as it is gathered; what comes first counts."""

    title: str | None = None
    lang: str | None = None
    canonical: str | None = None
    meta: list[tuple[str, str]] = field(default_factory=list)
    json_ld: list[str] = field(default_factory=list)
    author: str = ""  # whom an element of the page names as its author

    def page_head(self) -> PageHead:
        """The value."""
        meta = (*self.meta, *([("byline", self.author)] if self.author else []))
        return PageHead(self.title, self.lang, meta, self.canonical, tuple(self.json_ld))


def add_tag(head: HeadParts, name: str, tag: str) -> None:
    """Take in a <meta>, <link> or <html> start tag, as written."""
    found = attributes(tag)
    if name == "meta":
        key = found.get("name") or found.get("property") or found.get("itemprop") or ""
        if key and "content" in found and len(head.meta) < _MAX_META:
            head.meta.append((key.strip().lower(), found["content"].strip()))
    elif name == "link":
        if head.canonical is None and "canonical" in found.get("rel", "").lower().split():
            head.canonical = clean_url(found.get("href", "")) or None
    elif head.lang is None:
        head.lang = (found.get("lang") or found.get("xml:lang") or "").strip() or None


def add_title(head: HeadParts, content: str) -> None:
    """Take in the content of a <title>, entities and all."""
    title = " ".join(unescape(content).split())
    if head.title is None and title:
        head.title = title


def add_script(head: HeadParts, start_tag: str, content: str) -> None:
    """Take in a script if it is JSON-LD; its text stays as written."""
    if "ld+json" in attributes(start_tag).get("type", "").lower() and content.strip():
        head.json_ld.append(content.strip())
