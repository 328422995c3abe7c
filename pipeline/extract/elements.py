"""What each HTML element means for blocks: one table. Add an element by one word in one line of it."""

from __future__ import annotations

from typing import Final

from pipeline.types import BlockKind

# How the stack machine treats a start tag. Plain integers: the loop compares them for every tag of a page.
INLINE: Final = 0  # part of the run of text around it; also every element not named below
LINK: Final = 1
BLOCK: Final = 2  # ends the run before it and begins another
ITEM: Final = 3  # li, dd, dt: a block that ends an open sibling
HEADING: Final = 4  # a block that ends an open heading
OPTION: Final = 5  # a block that ends an open option
PRE: Final = 6  # a block that keeps its white space
VOID: Final = 7  # no content and no edge: an image, an input
BREAK: Final = 8
RULE: Final = 9  # a void element with an edge: <hr>
TABLE: Final = 10
SECTION: Final = 11  # tbody, thead, tfoot, caption
ROW: Final = 12
CELL: Final = 13
OUTER: Final = 14  # html, body, head: once each, never closed before the end
DATA: Final = 15  # meta, link: goes to the page head
RAW: Final = 16  # its content is no mark-up

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
FOREIGN: Final = frozenset(("svg", "math", "text"))

#: An end tag closes nothing beyond these (the "has an element in scope" of the standard).
BARRIERS: Final = frozenset(("td", "th", "caption", "table", "template", "html", "body", "button", "object", "marquee"))

#: <li>, <dd> and <dt> look for an open sibling through these and through inline elements only.
TRANSPARENT: Final = frozenset(("address", "div", "p"))

#: Formatting elements whose end tag works across an open block.
FORMATTING: Final = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)

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
LISTS: Final = frozenset(("ul", "ol", "dl", "menu", "dir"))
PREFORMATTED: Final = frozenset(("pre", "listing", "plaintext", "xmp"))

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
