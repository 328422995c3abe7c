"""The text that a page's scripts hold as data: JSON, state of a framework, JSON-LD, read as trees with exact places.

``__NEXT_DATA__``, ``self.__next_f``, ``__INITIAL_STATE__``, ``__NUXT__``, ``__APOLLO_STATE__``, ``RENDER_DATA`` and their kin
are no cases here: a script of type JSON is a value, any other script is looked through for values that are assigned or
passed. Nothing is executed; what is no string, list or object is passed over. To teach a name of what is not the page's own
text, add it to ``OTHERS``; a name of text within text, to ``TEXT_KEYS``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import Final, NamedTuple

MAX_STATE: Final = 3_000_000  # code points of a page's scripts that are read
MAX_DEPTH: Final = 100  # lists and objects; what lies deeper is part of the deepest
_MAX_WITHIN: Final = 3  # JSON in a string of JSON in a string

# Text within text: what a string says, and where each of its characters stands in the source.


@dataclass(frozen=True, slots=True)
class Coded:
    """A decoded text and the way back: ``starts[i]`` of the text stands at ``places[i]`` of what it is coded in."""

    text: str
    starts: Sequence[int]
    places: Sequence[int]
    outer: Coded | None = None

    def origin(self, offset: int) -> int:
        """The place in the source of a character, or of the end of the text."""
        at = bisect_right(self.starts, offset) - 1
        place = self.places[at] + offset - self.starts[at]
        return place if self.outer is None else self.outer.origin(place)


def plain(source: str, start: int, end: int, outer: Coded | None = None) -> Coded:
    """A stretch of a text as it stands."""
    return Coded(source[start:end], (0,), (start,), outer)


def decoded(coded: Coded, start: int, end: int, code: re.Pattern[str], decode: Callable[[str], str]) -> Coded:
    """A stretch with what ``code`` finds decoded."""
    raw = coded.text[start:end]
    parts: list[str] = []
    starts, places = [0], [start]
    at = length = 0
    for found in code.finditer(raw):
        said = decode(found[0])
        parts += (raw[at : found.start()], said)
        length += found.start() - at
        starts += (length, length + len(said))
        places += (start + found.start(), start + found.end())
        length += len(said)
        at = found.end()
    parts.append(raw[at:])
    return Coded("".join(parts), starts, places, coded)


_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|x[0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
#: A character by its bytes in UTF-8, else a byte.
_PERCENT: Final = re.compile(
    r"%[c-dC-D][0-9a-fA-F](?:%[89abAB][0-9a-fA-F])|%[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}"
    r"|%[fF][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){3}|%[0-9a-fA-F]{2}"
)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});")
_SHORT: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "", "f": "", "v": "", "0": "", "\n": ""}


def _unescaped(escape: str) -> str:
    """What an escape of JSON or JavaScript stands for; U+FFFD for half a surrogate pair."""
    if escape[1] not in "ux" or len(escape) < 4:
        return _SHORT.get(escape[1], escape[1])
    points = [int(part.strip("{}"), 16) for part in re.split(r"\\[ux]", escape)[1:]]
    if len(points) == 2:
        return chr(0x10000 + ((points[0] - 0xD800) << 10) + points[1] - 0xDC00)
    return "\ufffd" if 0xD800 <= points[0] < 0xE000 or points[0] > 0x10FFFF else chr(points[0])


def _unquoted(run: str) -> str:
    return bytes.fromhex(run.replace("%", "")).decode("utf-8", "replace")


def unpercented(coded: Coded) -> Coded:
    """A percent-encoded text, each of its characters by itself where it can be."""
    return decoded(coded, 0, len(coded.text), _PERCENT, _unquoted)


# Trees of strings.


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string between its quotes, or the name of one."""

    coded: Coded
    start: int
    end: int
    name: str = ""

    def read(self) -> Coded:
        """What it says."""
        if "\\" not in self.coded.text[self.start : self.end]:
            return plain(self.coded.text, self.start, self.end, self.coded)
        return decoded(self.coded, self.start, self.end, _ESCAPE, _unescaped)


@dataclass(slots=True)
class Tree:
    """A list (names are its places) or an object; ``tag`` says what of a text it is, where it says so."""

    pairs: list[tuple[str, Leaf | Tree]] = field(default_factory=list)
    is_list: bool = False
    is_call: bool = False
    tag: str = ""
    weight: int = 0
    names: set[str] = field(default_factory=set)  # of all its values, those that are no text among them


_TOKEN: Final = re.compile(
    r""""(?:[^"\\]++|\\.)*+(?:"|\Z)|'(?:[^'\\\n]++|\\.)*+(?:'|\n|\Z)|`(?:[^`\\]++|\\.)*+(?:`|\Z)|[{}\[\](),:]"""
    r"""|[A-Za-z_$][\w$]*+|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+""",
    re.DOTALL,
)
_OPENING: Final = {"{": "}", "[": "]", "(": ")"}


def read_tree(coded: Coded, start: int = 0, *, named: bool = False, within: int = 0) -> tuple[Tree, int]:
    """The value that begins at a bracket of a text, and where it ends; with the names that stand for values, if ``named``."""
    root = Tree(is_list=True)
    stack, keys = [root], [""]
    waiting: Leaf | None = None
    key = ""
    text = coded.text
    at = start
    for token in _TOKEN.finditer(text, start):
        sign, at = token[0], token.end()
        top = stack[-1]
        if sign in ",)]}":
            if waiting is not None:
                if named or not waiting.name:
                    _attach(top, key or str(len(top.pairs)), waiting, within)
                waiting = None
            if sign == ",":
                top.weight += 1  # the number of the next argument
                key = str(top.weight) if top.is_call else ""
                continue
            if len(stack) > 1:
                stack.pop()
                key = keys.pop()
                if top is not stack[-1]:
                    _attach(stack[-1], key or str(len(stack[-1].pairs)), _closed(top), within)
                key = ""
            if len(stack) == 1:
                break
        elif sign in _OPENING:
            waiting = None
            keys.append(key or (str(top.weight) if top.is_call else ""))
            deep = len(stack) >= MAX_DEPTH
            stack.append(top if deep else Tree(is_list=sign != "{", is_call=sign == "("))
            key = ""
        elif sign == ":":
            if waiting is not None:
                key = waiting.name or text[waiting.start : waiting.end][:_MAX_KEY]
                waiting = None
                if len(top.names) < _MAX_NAMES:
                    top.names.add(key)
        elif sign[0] in "\"'`":
            closed = len(sign) > 1 and sign[-1] == sign[0]
            waiting = Leaf(coded, token.start() + 1, token.end() - closed)
        elif sign[0] != "/":
            waiting = Leaf(coded, token.start(), token.start(), sign)
    if waiting is not None and not waiting.name:
        _attach(stack[-1], key or str(len(stack[-1].pairs)), waiting, within)
    while len(stack) > 1:  # what is cut off ends here
        top = stack.pop()
        key = keys.pop()
        if top is not stack[-1]:
            _attach(stack[-1], key or str(len(stack[-1].pairs)), _closed(top), within)
    return root, at


_MAX_KEY: Final = 100
_MAX_NAMES: Final = 200


def _attach(tree: Tree, key: str, child: Leaf | Tree, within: int) -> None:
    """Put a child into its tree, unless it can be no text of the page."""
    if isinstance(child, Tree):
        if child.pairs and not _is_other(key) and child is not tree:
            tree.pairs.append((key, child))
        return
    if child.name:
        tree.pairs.append((key, child))
        return
    raw = child.coded.text[child.start : min(child.end, child.start + 8)]
    if raw[:1] in ("{", "[") and child.end - child.start > _MIN_WITHIN and within < _MAX_WITHIN and '"' in raw:
        inner, _ = read_tree(child.read(), within=within + 1)
        if inner.pairs:
            tree.pairs += [(key, one) for _, one in inner.pairs]
            return
    if child.end > child.start and (key in _OWN or not _is_other(key)):
        tree.pairs.append((key, child))


_MIN_WITHIN: Final = 20


def _closed(tree: Tree) -> Tree:
    """The tree once it is whole: an element of React as what it shows, the kind of a piece of text as its tag."""
    tree.weight = 0
    if tree.is_list and tree.pairs and isinstance(tree.pairs[0][1], Leaf) and _says(tree.pairs[0][1], "$"):
        named = tree.pairs[1][1] if len(tree.pairs) > 2 else None
        tag = named.coded.text[named.start : named.end].lower() if isinstance(named, Leaf) else ""
        props = next((one for _, one in reversed(tree.pairs) if isinstance(one, Tree) and not one.is_list), Tree())
        shown = [(key, one) for key, one in props.pairs if key in ("children", "dangerouslySetInnerHTML")]
        return Tree([] if tag in _NO_TEXT else shown, tag=tag or "$", names={key for key, _ in shown})
    if not tree.is_list:
        kinds = [one for key, one in tree.pairs if key in _KINDS and isinstance(one, Leaf)]
        if kinds:
            tree.tag = kinds[0].coded.text[kinds[0].start : kinds[0].end].lower()[:_MAX_KEY]
            if not _NO_TEXT.isdisjoint(_words(tree.tag)) and len(tree.pairs) < _MAX_KEY:
                tree.pairs = []
    return tree


def _says(leaf: Leaf, said: str) -> bool:
    return leaf.coded.text[leaf.start : leaf.end] == said


# What names say.

#: Words of names whose values are no text of the page's own: other texts, readers' words, the words of the site.
OTHERS: Final = frozenset(
    """related recommend recommends recommendation recommendations recommended comment comments reply replies similar sidebar hot rank
    ranking rankings trending popular latest footer nav navigation menu menus i18n locale locales translation translations messages
    intl cookie cookies consent privacy terms policy advert ads ad promo promotions banner user users author authors profile bio
    breadcrumb breadcrumbs next prev previous suggestions suggested feed config settings error errors newsletter subscribe
    subscription paywall disclaimer copyright guess hotlist ranklist toplist relates relate siblings answers reviews
    readnext morefrom css styles script style href src url uri link image img icon logo id uuid sku hash token key lang slug
    language class classname width height color mime timezone editor editors typename""".split()
)
#: Names of values that are no text but say something of it.
_KINDS: Final = ("type", "_type", "nodeType", "tag", "tagName", "nodeName", "style", "@type")
_OWN: Final = frozenset((*_KINDS, "author", "title", "headline", "name", "id", "url", "slug"))
_NO_TEXT: Final = frozenset(
    "nav footer aside script style form button svg head meta link image img video audio ad advert iframe embed".split()
)
#: Names within a text.
TEXT_KEYS: Final = frozenset(
    """text children content contents value data html insert body paragraphs paragraph blocks block nodes items item spans leaves
    rich_text richtext plain_text ops document root json sections section heading title subtitle caption markdown attributes props
    dangerouslysetinnerhtml __html listitems columns rows cells txt para str p t c elements content_elements quote fields
    lines runs parts chunks""".split()
)
SUMMARIES: Final = frozenset(
    "description summary excerpt abstract digest intro desc subtitle teaser snippet brief lead alt caption standfirst".split()
)
_TITLES: Final = frozenset("title headline name subject heading".split())
_SIGNED: Final = re.compile(
    r"date|time|author|user|nick|avatar|published|created|updated|votes?|likes?|slug|url|link|href|cover|thumb|views?",
    re.I,
)
#: Names under which the text of an article stands.
BODIES: Final = frozenset(
    """body content contents text html articlebody article detail details paragraphs blocks post story document markdown richtext
    main fulltext maincontent newscontent articlecontent bodytext bodyhtml contenthtml""".split()
)
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+")


def _words(name: str) -> frozenset[str]:
    """The words of a name: relatedArticles, related_articles, related-articles."""
    return frozenset(word.lower() for word in _WORD.findall(name))


@lru_cache(maxsize=4096)
def _is_other(name: str) -> bool:
    return not OTHERS.isdisjoint(_words(name))


# The texts in a tree, and which of them is the page's.


class Text(NamedTuple):
    """A text as a tree or string holds it: its paragraphs, where it was found, what its object says beside it."""

    node: Leaf | Tree
    path: tuple[str, ...]
    beside: tuple[tuple[str, Leaf], ...]
    weight: int
    is_listed: bool  # among others of its sort


_LETTER: Final = re.compile(r"[^\W\d_]")
_NO_PROSE: Final = re.compile(r"(?:https?:|data:|//|/|\.|#|@media|function|\{|<svg|<script|<\?xml)\S{0,9}")
_TAGS: Final = re.compile(r"<[^<>]{0,500}>|(?:\\u003c|&lt;)[^<>]{0,500}?(?:\\u003e|&gt;)")
_CODED_CJK: Final = re.compile(r"\\u[2-9a-f][0-9a-f]{3}", re.I)
_SPACED: Final = re.compile(r"[\s\u2e80-\U0003ffff]|\\u[2-9a-f]|\\n", re.I)


def weigh(node: Leaf | Tree, key: str = "", strings: dict[str, Leaf] | None = None) -> int:
    """The code points of text in a node, roughly; noted in its trees."""
    if isinstance(node, Tree):
        node.weight = sum(weigh(child, name, strings) for name, child in node.pairs if name not in _KINDS)
        return node.weight
    if node.name:
        node = (strings or {}).get(node.name, node)
    raw = node.coded.text[node.start : node.end]
    if not raw or _NO_PROSE.match(raw) or not _LETTER.search(raw[:400]) or (len(raw) > 12 and not _SPACED.search(raw)):
        return 0
    if "<" in raw or "\\u003" in raw or "&lt;" in raw:
        raw = _TAGS.sub("", raw)
    return len(raw) - 5 * len(_CODED_CJK.findall(raw)) if "\\u" in raw else len(raw)


def texts(
    node: Leaf | Tree, path: tuple[str, ...] = (), beside: tuple[tuple[str, Leaf], ...] = (), *, listed: bool = False
) -> Iterator[Text]:
    """Every text of a weighed tree that is no part of another."""
    key = path[-1] if path else ""
    if isinstance(node, Leaf):
        yield Text(node, path, beside, weigh(node), listed)
        return
    if node.weight < MIN_TEXT:
        return
    if path and _is_text(node, key):
        yield Text(node, path, beside, node.weight, listed)
        return
    own = (
        beside
        if node.is_list
        else (tuple((name, one) for name, one in node.pairs if isinstance(one, Leaf) and not one.name) or beside)
    )
    entities = sum(isinstance(one, Tree) and _is_entity(one) for _, one in node.pairs) if len(node.pairs) > 1 else 0
    for name, child in node.pairs:
        if isinstance(child, Leaf) and weigh(child) < MIN_TEXT:
            continue
        yield from texts(child, (*path, name), own, listed=listed or (entities > 1 and isinstance(child, Tree)))


MIN_TEXT: Final = 40  # code points


def _is_entity(tree: Tree) -> bool:
    """Whether an object is a thing with a text, not a part of one: it has a title or a writer, and a time or an address."""
    if tree.is_list:
        return False
    return any(name.lower() in _TITLES for name in tree.names) and any(_SIGNED.search(name) for name in tree.names)


def _is_text(tree: Tree, key: str) -> bool:
    """Whether all that a list holds are pieces of one text."""
    if not tree.is_list and not all(name.isdigit() for name, _ in tree.pairs):
        return tree.tag == "$" or (
            tree.tag != "" and _is_piece(tree) and "children" in {name for name, _ in tree.pairs}
        )
    if len(tree.pairs) == 1 and isinstance(tree.pairs[0][1], Tree) and not tree.pairs[0][1].tag:
        return False
    leaves = [one for _, one in tree.pairs if isinstance(one, Leaf)]
    if leaves and key.lower() not in _JOINED and 2 * sum(weigh(one) >= _LINE for one in leaves) < len(leaves):
        return False
    return all(isinstance(one, Leaf) or _is_piece(one) for _, one in tree.pairs)


_LINE: Final = 12  # code points of a line of a text


def _is_piece(tree: Tree) -> bool:
    """Whether whatever text is in a tree stands under names that pieces of texts use."""
    if _is_entity(tree):
        return False
    for name, one in tree.pairs:
        if isinstance(one, Tree):
            if one.weight and not ((name.lower() in TEXT_KEYS or name.isdigit()) and _is_piece(one)):
                return False
        elif name not in _KINDS and not name.isdigit() and name.lower() not in TEXT_KEYS and weigh(one) >= _LINE:
            return False
    return True


# The paragraphs of a text.


class Paragraph(NamedTuple):
    """The strings that make a paragraph, and what it is: "h2", "li", "blockquote" or ""."""

    leaves: tuple[Leaf, ...]
    tag: str = ""


_HEADS: Final = re.compile(r"\Ah([1-6])\Z|head(?:ing|er)?(?:[-_ ]?([1-6]|one|two|three|four))?", re.I)
_INLINE: Final = frozenset(
    "text span a link hyperlink strong em b i u s code mark sub sup small br hardbreak hard_break inline mention emoji $ bold italic".split()
)
_BLOCK_KEYS: Final = frozenset(
    ("body", "html", "paragraph", "paragraphs", "heading", "title", "blocks", "section", "sections")
)
_JOINED: Final = frozenset(
    ("children", "content", "rich_text", "richtext", "spans", "leaves", "nodes", "runs", "text", "ops", "c")
)
_ENDS: Final = re.compile(r"[.!?。！？…”’」』\"')）】]\s*\Z")


def paragraphs(node: Leaf | Tree, key: str = "", tag: str = "") -> Iterator[Paragraph]:
    """The paragraphs of a text, in order."""
    if isinstance(node, Leaf):
        if weigh(node):
            yield Paragraph((node,), "h3" if key.lower() in ("heading", "title") else tag)
        return
    own = node.tag if node.tag not in ("", "$", *_INLINE) else tag
    inline: list[Leaf] = []
    joins = not node.is_list or (key.lower() in _JOINED and not _is_paragraphs(node))
    for name, child in node.pairs:
        if name in _KINDS or (not node.is_list and not name.isdigit() and name.lower() not in TEXT_KEYS):
            continue
        if joins and node.is_list and _is_inline(child):
            inline += _strings(child)
            continue
        if inline:
            yield Paragraph(tuple(inline), tag)
            inline = []
        yield from paragraphs(
            child, key if name.isdigit() and node.is_list and isinstance(child, Tree) and child.is_list else name, own
        )
    if inline:
        yield Paragraph(tuple(inline), tag)


def _is_paragraphs(tree: Tree) -> bool:
    """Whether each item of a list is a whole line, not a part of one."""
    said = [" ".join(one.read().text for one in _strings(child)) for _, child in tree.pairs]
    return len(said) > 1 and all(len(one) >= _LINE and _ENDS.search(one) for one in said)


def _is_inline(node: Leaf | Tree) -> bool:
    if isinstance(node, Leaf):
        return True
    if node.tag and node.tag not in _INLINE:
        return False
    return all(name.lower() not in _BLOCK_KEYS and _is_inline(one) for name, one in node.pairs)


def _strings(node: Leaf | Tree) -> list[Leaf]:
    if isinstance(node, Leaf):
        return [node]
    listed = node.is_list
    return [
        leaf
        for name, one in node.pairs
        if name not in _KINDS and (listed or name.isdigit() or name.lower() in TEXT_KEYS)
        for leaf in _strings(one)
    ]


def heading_level(tag: str) -> int:
    """1 to 6 for the tag of a heading, else 0.

    >>> heading_level("h2"), heading_level("heading-3"), heading_level("header-two"), heading_level("paragraph")
    (2, 3, 2, 0)
    """
    found = _HEADS.match(tag)
    if found is None:
        return 0
    said = found[1] or found[2] or "2"
    return {"one": 1, "two": 2, "three": 3, "four": 4}.get(said.lower()) or int(said)


# The values in scripts.


class Script(NamedTuple):
    """A <script>: its start tag, and its content with the place of that in the source."""

    tag: str
    start: int
    content: str


_ASSIGNED: Final = re.compile(
    r"(?:[=(,:]|\breturn)\s{0,9}(?:JSON\.parse\(\s{0,9})?(?:decodeURIComponent\(\s{0,9})?(?=[\[{\"'`]|\(?function)",
    re.IGNORECASE,
)
_FUNCTION: Final = re.compile(r"\(?function\s{0,3}[\w$]{0,40}\(([\w$,\s]{0,20000})\)\s{0,3}(?=\{)")
_FLIGHT: Final = re.compile(r"__next_f\.push\(\[\s{0,3}1\s{0,3},\s{0,3}\"((?:[^\"\\]++|\\.)*+)\"", re.DOTALL)
_ROW: Final = re.compile(r"^[0-9a-f]{1,6}:", re.MULTILINE)
_LONG_ROW: Final = re.compile(r"([0-9a-f]{1,6}):T([0-9a-f]{1,6}),")
_MIN_SCRIPT: Final = 80


def trees(source: str, scripts: Iterable[Script]) -> Iterator[tuple[Tree, dict[str, Leaf]]]:
    """Every value of a page's scripts with text in it, and the strings that names in it stand for."""
    left = MAX_STATE
    flight: list[Leaf] = []
    whole = plain(source, 0, len(source))
    for tag, start, content in scripts:
        if len(content) < _MIN_SCRIPT or left <= 0:
            continue
        coded = plain(source, start, start + min(len(content), left))
        left -= len(content)
        if "json" in tag.lower():
            stripped = content.lstrip()
            yield _weighed(*read_tree(unpercented(coded) if stripped[:1] == "%" else coded), {})
        elif "__next_f" in content:
            flight += [Leaf(whole, start + one.start(1), start + one.end(1)) for one in _FLIGHT.finditer(content)]
        else:
            yield from _assigned(coded)
    if flight:
        yield from _rows(flight)


def _weighed(tree: Tree, _end: int, strings: dict[str, Leaf]) -> tuple[Tree, dict[str, Leaf]]:
    weigh(tree, strings=strings)
    return tree, strings


def _assigned(coded: Coded) -> Iterator[tuple[Tree, dict[str, Leaf]]]:
    """The values that a script assigns or passes: objects, lists, JSON in strings, the value of a function."""
    text, at = coded.text, 0
    while found := _ASSIGNED.search(text, at):
        at = found.end()
        function = _FUNCTION.match(text, at)
        if function:
            value, end = _called(coded, function)
            yield value
            at = max(end, at + 1)
        elif text[at] in "{[":
            tree, end = read_tree(coded, at)
            yield _weighed(tree, end, {})
            at = max(end, at + 1)
        else:
            string = _TOKEN.match(text, at)
            if string is None:
                continue
            at = max(string.end(), at + 1)
            leaf = Leaf(coded, string.start() + 1, string.end() - 1)
            if leaf.end - leaf.start < _MIN_SCRIPT:
                continue
            said = leaf.read()
            if said.text[:1] == "%":
                said = unpercented(said)
            if said.text[:1] in ("{", "["):
                yield _weighed(*read_tree(said, within=1), {})


def _called(coded: Coded, function: re.Match[str]) -> tuple[tuple[Tree, dict[str, Leaf]], int]:
    """The value of ``(function(a,b){return {...}}("x","y"))``: its strings stand where they are passed."""
    names = [name.strip() for name in function[1].split(",")]
    tree, end = read_tree(coded, function.end(), named=True)
    arguments = Tree()
    follows = re.compile(r"\s{0,9}\)?\s{0,9}(?=\()").match(coded.text, end)
    if follows:
        passed, end = read_tree(coded, follows.end())
        arguments = next((one for _, one in passed.pairs if isinstance(one, Tree)), arguments)
    strings = {
        names[int(key)]: one
        for key, one in arguments.pairs
        if key.isdigit() and int(key) < len(names) and isinstance(one, Leaf) and not one.name
    }
    _resolve(tree, strings)
    return _weighed(tree, end, strings), end


def _resolve(tree: Tree, strings: dict[str, Leaf]) -> None:
    """Put the strings in the place of their names."""
    pairs: list[tuple[str, Leaf | Tree]] = []
    for key, one in tree.pairs:
        if isinstance(one, Tree):
            _resolve(one, strings)
            pairs.append((key, one))
        elif not one.name or one.name in strings:
            pairs.append((key, strings[one.name] if one.name else one))
    tree.pairs = pairs


def _rows(flight: Sequence[Leaf]) -> Iterator[tuple[Tree, dict[str, Leaf]]]:
    """The rows of React's stream, which its chunks cut anywhere: JSON, or text of a given length in bytes."""
    coded = _joined([one.read() for one in flight])
    text, at = coded.text, 0
    tree = Tree(is_list=True)
    while row := _ROW.search(text, at):
        long = _LONG_ROW.match(text, row.start())
        if long:
            end = long.end() + len(
                text[long.end() : long.end() + int(long[2], 16)].encode()[: int(long[2], 16)].decode("utf-8", "ignore")
            )
            tree.pairs.append((f"${long[1]}", Leaf(coded, long.end(), end)))
            at = end
        elif text[row.end() : row.end() + 1] in ("[", "{"):
            value, at = read_tree(coded, row.end())
            tree.pairs += [(str(len(tree.pairs)), one) for _, one in value.pairs]
            at = max(at, row.end())
        else:
            at = row.end()
    rows = {key: one for key, one in tree.pairs if key[0] == "$" and isinstance(one, Leaf)}
    _refer(tree, rows, set())
    yield _weighed(tree, at, {})


_REFERENCE: Final = re.compile(r"\$[\w@]{0,12}\Z")


def _refer(tree: Tree, rows: dict[str, Leaf], referred: set[str]) -> None:
    """Put long rows where they are referred to, and there alone; other references go."""
    pairs: list[tuple[str, Leaf | Tree]] = []
    own = [(key, one) for key, one in tree.pairs if key in rows]
    for key, one in tree.pairs:
        if isinstance(one, Tree):
            _refer(one, rows, referred)
            pairs.append((key, one))
        elif key not in rows:
            raw = one.coded.text[one.start : one.end]
            if not _REFERENCE.match(raw):
                pairs.append((key, one))
            elif raw in rows and raw not in referred:
                referred.add(raw)
                pairs.append((key, rows[raw]))
    tree.pairs = [*((key, one) for key, one in own if key not in referred), *pairs]


def _joined(parts: Sequence[Coded]) -> Coded:
    """Texts one after another."""
    starts: list[int] = []
    places: list[int] = []
    length = 0
    for part in parts:
        for start, place in zip(part.starts, part.places, strict=True):
            starts.append(length + start)
            places.append(place)
        length += len(part.text)
    return Coded(
        "".join(part.text for part in parts), starts or (0,), places or (0,), parts[0].outer if parts else None
    )


def unentitied(coded: Coded) -> Coded:
    """A text whose mark-up is spelled with character references, with these resolved once."""
    return decoded(coded, 0, len(coded.text), _ENTITY, unescape)
