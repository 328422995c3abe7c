"""What hides text from readers: inline styles, the ``hidden`` attribute and rules of the page's own <style> elements.

A style hides by one of six aspects (``_aspects``): to teach another way, add its line there. Selectors are read as far
as tag, .class, #id, their compounds, lists of them and what they stand in; a rule with anything else (:hover,
[attribute], ``+``) says nothing, and neither does one for print or for narrow screens. The last rule wins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

#: Aspects: whether a style hides by it (True), shows (False) or says nothing of it (not there).
Aspects = Mapping[str, bool]
NOTHING: Final[Aspects] = MappingProxyType({})
#: Aspects that text inside is free of as soon as it has a size, a colour or a visibility of its own.
FREEABLE: Final = frozenset({"size", "color", "visibility", "fades"})

_FAR: Final = 900  # pixels, or a tenth in em and rem, beyond which text is off the screen
_TINY: Final = 1  # pixels in which no text can be read
_DECLARATION: Final = re.compile(r"([a-z-]{1,40})\s{0,9}:\s{0,9}([^;{}]{1,300})")
_LENGTH: Final = re.compile(r"(-?\d{0,9}\.?\d{1,9})\s?(px|em|rem|vw|vh|pt|%)?")
_CLEAR: Final = re.compile(
    r"transparent|(?:rgb|hsl)a?\([^)]{1,40}(?:,[^,)]{1,9},[^,)]{1,9},|/)\s?0?\.?0+%?\s?\)|#(?:...0|......00)\Z"
)
_CLIPPED: Final = re.compile(r"rect\((?:\s?[01](?:px)?[\s,]{1,3}){3}[01](?:px)?\s?\)")
_CLIPPED_PATH: Final = re.compile(
    r"inset\((?:50|100)%|circle\(0|polygon\(0(?:px|%)? 0(?:px|%)?(?:, ?0(?:px|%)? 0(?:px|%)?)*\)"
)
#: The aspect of what is transparent or invisible now and is moved, too: a script fades it in.
FADES: Final = "fades"
_MOVING: Final = ("animation", "animation-name", "transform", "-webkit-transform", "will-change", "transition")
_SIDES: Final = ("left", "right", "top", "bottom", "margin-left", "margin-top", "text-indent")
_SPEAKS: Final = re.compile(
    "display|visib|opacity|font|color|clip|left|top|right|bottom|indent|overflow|scale|position"
)


@lru_cache(maxsize=4096)
def aspects(style: str) -> Aspects:
    """What the declarations of a style, in lower case, say of each aspect.

    >>> dict(aspects("top:0; display : none")), dict(aspects("position:absolute; left:-9999px"))
    ({'display': True}, {'place': True})
    """
    if not _SPEAKS.search(style):
        return NOTHING
    said = {name: value.replace("!important", "").strip() for name, value in _DECLARATION.findall(style)}
    return MappingProxyType(dict(_aspects(said))) if said else NOTHING


def _aspects(said: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    if display := said.get("display"):
        yield "display", display == "none"
    moves = any(said.get(name, "none") != "none" for name in _MOVING)
    if visibility := said.get("visibility"):
        hides = visibility in ("hidden", "collapse")
        yield "visibility", hides and not moves
        yield FADES, hides and moves
    if "opacity" in said:
        hides = _pixels(said["opacity"]) == 0
        yield "opacity", hides and not moves
        yield FADES, hides and moves
    size = said.get("font-size") or said.get("font", "").partition("/")[0].rpartition(" ")[2]
    if size and (length := _pixels(size)) is not None:
        yield "size", length <= _TINY
    if color := said.get("color"):
        painted = "text" in (said.get("background-clip"), said.get("-webkit-background-clip"))
        yield "color", _CLEAR.match(color) is not None and not painted
    if _is_away(said):
        yield "place", True
    elif said.get("position") in ("static", "relative") or said.get("clip") == "auto":
        yield "place", False


def _is_away(said: Mapping[str, str]) -> bool:
    """Off the screen, clipped away, or in a box without room."""
    if any((length := _pixels(said.get(side, ""))) is not None and length <= -_FAR for side in _SIDES):
        return True
    if _CLIPPED.match(said.get("clip", "")) or _CLIPPED_PATH.match(said.get("clip-path", "")):
        return True
    if said.get("transform", "").startswith(("scale(0)", "scale(0,", "scale3d(0,")):
        return True
    heights = [_pixels(said.get(side, "")) for side in ("height", "max-height")]  # a cell of no width shows its text
    return said.get("overflow") in ("hidden", "clip") and any(one is not None and one <= _TINY for one in heights)


def _pixels(value: str) -> float | None:
    """A length, roughly, in pixels; None where the value is no length."""
    found = _LENGTH.match(value)
    if found is None or found.end() != len(value.rstrip()):
        return None
    return float(found[1]) * (10 if found[2] in ("em", "rem", "vw", "vh") else 1)


class Compound(NamedTuple):
    """``tag#id.class``: what one element must be."""

    tag: str
    id: str
    classes: frozenset[str]


@dataclass(frozen=True, slots=True)
class StyleRule:
    """A rule that speaks of an aspect: what the element must be, what must be around it, what it says."""

    element: Compound
    around: tuple[str, ...]  # tags and words
    said: Aspects
    order: int  # among the rules of the page

    def fits(self, tag: str, own_id: str, classes: frozenset[str]) -> bool:
        """Whether an element is what it must be."""
        element = self.element
        return element.tag in ("", tag) and element.id in ("", own_id) and element.classes <= classes


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rules of a page by the word that an element must have: a class, an id, else its tag."""

    rules: Mapping[str, tuple[StyleRule, ...]]
    opened: Callable[[], frozenset[str]] = frozenset  # ids of what a click shows; few pages are asked

    def said_of(self, tag: str, own_id: str, words: str, around: tuple[tuple[str, ...], str]) -> Aspects:
        """What the rules say of an element: its lower-case name, id and classes, names and words of those around it."""
        own = frozenset(words.split())
        found = [
            rule for word in {tag, own_id, *own} for rule in self.rules.get(word, ()) if rule.fits(tag, own_id, own)
        ]
        if not found:
            return NOTHING
        outer = frozenset((*around[0], *around[1].split())) if any(rule.around for rule in found) else frozenset()
        said: dict[str, bool] = {}
        for rule in sorted(found, key=lambda rule: rule.order):
            if outer.issuperset(rule.around):
                said.update(rule.said)
        return said


EMPTY_SHEET: Final = Sheet(MappingProxyType({}))
_MAX_CSS: Final = 2_000_000  # code points of a page's styles that are read
_MAX_RULES: Final = 20_000
_MAX_ID: Final = 200  # characters
_MAX_STYLE: Final = 2_000  # code points of the declarations of one rule
#: Comments and scripts are passed over: what they say of styles holds for no reader of the page as it is.
_STYLE: Final = re.compile(
    r"<!--(?:[^-]++|-(?!->))*+(?:-->|\Z)|<(script|noscript|template)\b(?:[^<]++|<(?!/\1))*+"
    r"|<style\b([^>]*+)>((?:[^<]++|<(?!/style))*+)",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"([^{}]*+)([{}])")
_CSS_COMMENT: Final = re.compile(r"/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)|<!--|-->")
#: A cheap look: no style hides without one of these.
_HIDES: Final = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}[hc]o?[il]|opacity\s{0,9}:\s{0,9}0?\.?0*(?:[;}!%\s]|\Z)"
    r"|font(?:-size)?\s{0,9}:\s{0,9}(?:0|\.|1px)|:\s{0,9}-\d{3}"
    r"|(?:\A|[;{\s])color\s{0,9}:\s{0,9}(?:transparent|rgba|hsla|#(?:[0-9a-f]{3}0|[0-9a-f]{6}00)\b)"
    r"|rect\(|inset\(|circle\(|polygon\(|scale3?d?\(0|(?<!line-)height\s{0,9}:\s{0,9}[01](?:px)?\s{0,9}(?:[;}!]|\Z)"
)
_WORD: Final = re.compile(r"[\w-]{1,200}")
_SCREEN: Final = re.compile(r"@(?:media\s{1,9}(?:only\s{1,9})?(?:all|screen)\s{0,9}|layer\b[^(]{0,99})\Z")
_SIMPLE: Final = re.compile(r"""[^:\[\]+~*()&"'@\\]{1,300}\Z""")
#: A media attribute that asks for more than a screen.
_CONDITION: Final = re.compile(r"""\bmedia\s{0,3}=\s{0,3}["']?(?!(?:all|screen|only screen)?\s{0,3}(?:["'>]|\Z))""")
_PIECE: Final = re.compile(r"([.#]?)([\w-]{1,200})")


def page_sheet(source: str) -> Sheet:
    """The rules of a page's <style> elements, none where none hides anything, and the ids of what a click shows."""
    bodies: list[_Body] = []
    length = 0
    for style in _STYLE.finditer(source) if "<style" in source or "<STYLE" in source else ():
        css = style[3]
        if css and (length := length + len(css)) <= _MAX_CSS and "print" not in style[2].lower():
            css = css.lower()
            if _HIDES.search(css):
                bodies += _bodies(css, always=_CONDITION.search(style[2].lower()) is None)
    opened = cache(lambda: frozenset(_opened(source)))
    hiding = [list(_read(*one)) if _HIDES.search(one[1]) else [] for one in bodies]
    words = {
        word for found in hiding for element, _, said in found if True in said.values() for word in _words(element)
    }
    if not words:
        return Sheet(MappingProxyType({}), opened)
    spoken = (
        found if found or words.isdisjoint(_WORD.findall(one[0])) else _read(*one)
        for one, found in zip(bodies, hiding, strict=True)
    )
    rules: dict[str, list[StyleRule]] = {}
    for order, (element, around, said) in enumerate(islice((rule for found in spoken for rule in found), _MAX_RULES)):
        if not words.isdisjoint(_words(element)):
            rules.setdefault(_key(element), []).append(StyleRule(element, around, said, order))
    return Sheet({key: tuple(some) for key, some in rules.items()}, opened)


def _words(element: Compound) -> frozenset[str]:
    """Id and classes of an element, which weigh more than its tag; the tag where there are none."""
    return element.classes | ({element.id} if element.id else frozenset()) or frozenset((element.tag,))


def _opened(source: str) -> Iterator[str]:
    """The ids that a button says it opens (https://www.w3.org/TR/wai-aria/#aria-controls), or a link leads to."""
    for mark in ('aria-controls="', 'target="#', 'href="#'):
        for part in source.split(mark)[1:]:
            for name in part[:_MAX_ID].partition('"')[0].split():
                yield name.lower()


def _key(element: Compound) -> str:
    return element.id or min(element.classes, default=element.tag)


#: Selectors and declarations of a rule as written, and whether it holds on every screen.
_Body = tuple[str, str, bool]


def _bodies(css: str, *, always: bool) -> Iterator[_Body]:
    """The rules of a stylesheet that may say something of an aspect."""
    selector = ""
    conditions: list[bool] = []  # of the blocks around: whether what stands there always holds
    for before, brace in _PART.findall(_CSS_COMMENT.sub("", css) if "/*" in css or "<!--" in css else css):
        if brace == "{":
            prelude = before.rpartition(";")[2].strip()
            if selector or prelude.startswith("@"):  # a rule within a rule, or a condition
                conditions.append(not selector and _SCREEN.match(prelude) is not None)
                selector = ""
            else:
                selector = prelude or "*"
        elif selector:
            if len(before) < _MAX_STYLE and _SPEAKS.search(before):
                yield selector, before, always and all(conditions)
            selector = ""
        elif conditions:
            conditions.pop()


def _read(selectors: str, body: str, always: bool) -> Iterator[tuple[Compound, tuple[str, ...], Aspects]]:
    """What a rule says of each element that it selects.

    What is hidden on some screens alone is not hidden; what is shown on some is shown.
    """
    said = aspects(body.strip())
    if not always:
        said = {aspect: False for aspect, hides in said.items() if not hides}
    for selector in selectors.split(",") if said else ():
        parts = selector.replace(">", " ").split()
        if not parts or not _SIMPLE.match(selector):
            continue
        pieces = [_PIECE.findall(part) for part in parts]
        own = pieces[-1]
        element = Compound(
            next((name for sign, name in own if not sign), ""),
            next((name for sign, name in own if sign == "#"), ""),
            frozenset(name for sign, name in own if sign == "."),
        )
        yield element, tuple(name for piece in pieces[:-1] for _, name in piece), said
