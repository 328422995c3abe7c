r"""Text that was escaped once too often, undone where the whole of it shows that: ``&amp;nbsp;``, ``\u6e05``, ``%E6``.

One escape proves nothing: a page about HTML shows ``&nbsp;``, one about Python ``\n``. So an escape *works* only where
no word of ``_TOPIC`` stands near it and it is not in code, and a kind of escape is undone only if nearly all of its
escapes work. To add a kind: a function to the changes that undo it, and a line in ``KINDS``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from html.entities import html5
from typing import Final, NamedTuple

from pipeline.text.rewrite import Piece, Rewritten, replaced

#: Words of texts that show escapes rather than suffer from them.
_TOPIC: Final = re.compile(
    r"(?<![a-z./])(?:x?html5?|xml|entit(?:y|ies)|escap(?:e|es|ed|ing)|mark-?up|unicode|utf-?8|ascii|python|javascript|json"
    r"|regexp?|backslash(?:es)?|url-?encod\w{0,5}|percent-?encod\w{0,5}|latex|tags?|code|character references?|newlines?"
    r"|strings?|syntax|sequences?)(?![a-z])"
    r"|转义|轉義|跳脫|实体|實體|标签|標籤|编码|編碼|字符串|字串|代码|代碼|程式碼|正则|反斜|换行符|換行符|占位|空格符",
    re.IGNORECASE,
)
#: Those of them that make a whole text one about escapes.
_STRONG: Final = re.compile(
    r"(?<![a-z./])(?:x?html5?|xml|entit(?:y|ies)|escap(?:e|es|ed|ing)|unicode)(?![a-z])|转义|轉義|跳脫|实体|實體",
    re.IGNORECASE,
)
_STEMS: Final = ("html", "xml", "entit", "escap", "unicode", "转义", "轉義", "跳脫", "实体", "實體")  # of _STRONG
_MAX_TOPIC: Final = 40  # code points of the longest of _TOPIC
_MANY_STRONG: Final = 3
_NEAR: Final = 60  # code points on either side of an escape in which such a word counts
_WORKING: Final = 0.75  # share of a kind's escapes that must work
_DENSE: Final = 0.3  # of the visible characters in escapes: from here on the topic does not matter
_DENSE_REFERENCES: Final = 0.6  # the same of character references, which are long
_MAX_ROUNDS: Final = 3  # how many times over a text is undone

_SIGN: Final = re.compile(
    r"&[#a-zA-Z]\w{1,30};|\\[uxnrt\"]|%[0-9a-fA-F]{2}|%u[0-9a-fA-F]{4}|=[0-9A-F]{2}="
)  # without one of these a title has no escapes

_MARKDOWN_CODE: Final = re.compile(r"```(?:[^`]++|`(?!``))*+(?:```|\Z)|`[^`\n]{1,300}`")
_HTML_CODE: Final = re.compile(
    r"<(script|style|pre|code|textarea|samp|kbd|tt|xmp)(?=[\s>])(?:[^<]++|<(?!/\1[\s>]))*+(?:</\1[^>]*+>|\Z)"
    r"|<!--(?:[^-]++|-(?!->))*+(?:-->|\Z)",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"<[/!a-zA-Z][^<>]*+>")
_VISIBLE: Final = re.compile(r"\S")
_ADDRESS: Final = re.compile(r"(?:https?:|ftp:|www\.|/)[^\s<>\"']{1,3000}", re.IGNORECASE)


class Undone(NamedTuple):
    """A text without its escapes, the ways back (the first was done first), and the names of what was undone."""

    text: str
    steps: tuple[Rewritten, ...] = ()
    names: tuple[str, ...] = ()
    html: bool = False  # whether it is mark-up now


def undo_escapes(text: str, *, html: bool = False) -> Undone:
    r"""The text with each kind of escape undone that all of it suffers from, also several times over.

    ``html``: the text is the source of a page, so that one level of character references is its own.

    >>> undo_escapes(r"\u6e05\u6cb3\u9547").text, undo_escapes("&ldquo;明天&rdquo;&mdash;再来").text
    ('清河镇', '“明天”—再来')
    >>> undo_escapes("Write &nbsp; where HTML needs a space.").names
    ()
    """
    steps: list[Rewritten] = []
    names: list[str] = []
    for _ in range(_MAX_ROUNDS):
        before, n_before = text, len(names)
        quoted = "\\" in text and _literal(text) is not None
        shown = _shown(text, html) if _SIGN.search(text) and (not html or _may_be_escaped(text)) else ""
        for kind in KINDS:
            if kind.sign not in shown or (html and not kind.in_html):
                continue
            changes = kind.find(text, shown, html)
            if changes:
                step = replaced(text, changes)
                if step.text != text and step.text.strip():
                    steps.append(step)
                    names.append(kind.name)
                    text = step.text
                    html = html or holds_markup(text)
                    shown = _shown(text, html)
        if quoted and len(names) > n_before:
            steps.append(replaced(text, _ends_of(text)))
            text = steps[-1].text
            html = html or holds_markup(text)
        if text == before:
            break
    return Undone(text, tuple(steps), tuple(dict.fromkeys(names)), html)


def holds_markup(text: str) -> bool:
    """Whether a text that came as plain is mark-up: its lines are in elements, and it is not about them.

    >>> holds_markup("导语<p>第一段。</p><p>第二段。</p>"), holds_markup("HTML writes <p>a paragraph</p> so.")
    (True, False)
    """
    if "<" not in text:
        return False
    if _PAGE.match(text):
        return True
    n_opened, n_closed = len(_OPENED.findall(text)), len(_CLOSED.findall(text))
    n_lines = len(_LINE.findall(text))
    if not n_opened or n_lines > n_opened + n_closed or "```" in text:
        return False
    if not _WHOLE.search(text) and len(_LINE_BREAK.findall(text)) < _FEW_BREAKS:
        return False
    return not _TOPIC.search(_bare(text)) or _around_sentences(_AFTER_SENTENCE_RAW, text)


_PAGE: Final = re.compile(r"""\s*(?:[bu]?["'])?\s*<(?:!doctype\s|html[\s>]|\?xml\s)""", re.IGNORECASE)
_OPENED: Final = re.compile(
    r"<(?:p|br|div|li|h[1-6]|tr|section|article|blockquote)(?:\s[^<>]{0,500})?/?>", re.IGNORECASE
)
_CLOSED: Final = re.compile(r"</(?:p|div|li|h[1-6]|tr|section|article|blockquote)>", re.IGNORECASE)
_WHOLE: Final = re.compile(
    r"<(p|div|li|h[1-6]|article|section|blockquote)(?:\s[^<>]{0,500})?>(?:[^<]|<(?!/?\1)[^<>]{0,300}>){2,3000}?</\1>",
    re.IGNORECASE,
)
_LINE_BREAK: Final = re.compile(r"<br ?/?>", re.IGNORECASE)
_FEW_BREAKS: Final = 2
_LINE: Final = re.compile(r"[^\s][^\n]*+")


def plain(text: str) -> str:
    """A title or a name without escapes and the tags that they hid.

    >>> plain("Tom &amp;amp; Jerry"), plain("&lt;em&gt;清河&lt;/em&gt;新闻"), plain("What &nbsp; means in HTML")
    ('Tom & Jerry', '清河新闻', 'What &nbsp; means in HTML')
    """
    if not _SIGN.search(text):
        return text
    undone = undo_escapes(text)
    if "<" in undone.text and "<" not in text:
        return " ".join(_TAG.sub("", undone.text).split())
    return undone.text


# Evidence.


def _shown(text: str, html: bool) -> str:
    """The text with spaces for code, and for the tags of a page, place by place."""
    if html:
        return _bare(text)
    return _MARKDOWN_CODE.sub(_blank, text) if "`" in text else text


def _may_be_escaped(page: str) -> bool:
    """Whether any of a page's kinds may be there; most pages are done with here, without being laid bare."""
    if "&lt;" in page or ("&amp;" in page and _DOUBLE.search(page)):
        return True
    n_slashes = page.count("\\")
    if not n_slashes or not (
        any(sign in page for sign in ("\\u", "\\U", "\\x", "%u")) or n_slashes >= 4 * page.count("\n")
    ):
        return False
    return "\\" in _HTML_CODE.sub("", page)


def _inside(spans: Sequence[tuple[int, int]]) -> Callable[[int], bool]:
    starts = [start for start, _ in spans]

    def holds(place: int) -> bool:
        at = bisect_right(starts, place) - 1
        return at >= 0 and place < spans[at][1]

    return holds


def _works(shown: str, matches: Sequence[re.Match[str]], *, at_least: int = 1, dense: float = _DENSE) -> bool:
    """Whether the escapes at these places are more than examples."""
    if not matches:
        return False
    covered = sum(match.end() - match.start() for match in matches)
    if covered >= dense * len(_VISIBLE.findall(shown)) and len(matches) >= 4:
        return True
    if _has_strong(shown, max(_MANY_STRONG, len(matches) // 2)):
        return False
    working = sum(not _is_near_topic(match, shown) for match in matches)
    return working >= at_least and working >= _WORKING * len(matches)


def _bare(text: str) -> str:
    """The text with spaces for its tags and code, place by place."""
    if "<" not in text:
        return text
    return _TAG.sub(_blank, _HTML_CODE.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _is_near_topic(match: re.Match[str], shown: str) -> bool:
    """Whether a word about escapes begins near the match."""
    end = match.end() + _NEAR
    topic = _TOPIC.search(shown, max(0, match.start() - _NEAR + 1), end + _MAX_TOPIC)
    return topic is not None and topic.start() < end


def _has_strong(text: str, n: int) -> bool:
    """Whether so many words make the text one about escapes; few texts have their stems so often."""
    lower = text.lower()
    return sum(map(lower.count, _STEMS)) >= n and len(_STRONG.findall(text)) >= n


# The kinds.

_REFERENCE: Final = r"#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[a-zA-Z][a-zA-Z0-9]{1,30}"
_ENTITY: Final = re.compile(rf"&(?:amp;)*?({_REFERENCE});")
_DOUBLE: Final = re.compile(rf"&amp;(?:amp;)*+({_REFERENCE});")
_TAG_NAMES: Final = (
    "p|br|div|span|strong|b|em|i|u|a|img|font|h[1-6]|ul|ol|li|table|tbody|tr|td|th|section|article|blockquote|center"
    "|figure|figcaption|hr|sup|sub|small|html|head|body|title|meta|link"
)
_ESCAPED_TAG: Final = re.compile(
    rf"&lt;(/?)({_TAG_NAMES})((?:\s(?:[^&<>]|&(?:quot|amp|apos|nbsp|#3[49]|#x2[27]);){{0,800}})?)(/?)&gt;"
    r"|&lt;(!)(doctype|--)((?:[^&<>]|&quot;){0,800})(--)?&gt;",
    re.IGNORECASE,
)
_CODE_SHOWN: Final = re.compile(r"&lt;(?:script|\?php|input|form|style|%)", re.IGNORECASE)
_VOID: Final = frozenset(("br", "img", "hr", "meta", "link"))


def _is_known(reference: str) -> bool:
    return reference[0] == "#" or f"{reference};" in html5


def _entities(_text: str, shown: str, html: bool) -> list[Piece]:
    """Character references that readers see as such: those of a plain text, the twice escaped ones of a page."""
    pattern = _DOUBLE if html else _ENTITY
    found = [one for one in pattern.finditer(shown) if _is_known(one[1])]
    if not _works(shown, found, dense=_DENSE_REFERENCES):
        return []
    if html:
        return [Piece(one.start(), one.end(), f"&{one[1]};") for one in found]
    return [Piece(one.start(), one.end(), unescape(f"&{one[1]};")) for one in found]


def _escaped_tags(text: str, shown: str, html: bool) -> list[Piece]:
    """Escaped mark-up that belongs to the text around it: tags that mostly come in pairs, and around sentences."""
    found = list(_ESCAPED_TAG.finditer(shown))
    opened = sum(not one[1] and (one[2] or "").lower() not in _VOID for one in found)
    closed = sum(bool(one[1]) for one in found)
    n_void = sum((one[2] or "").lower() in _VOID for one in found)
    if opened + n_void == 0 or 2 * min(opened, closed) < opened:
        return []
    if not _around_sentences(_AFTER_SENTENCE, shown) and not _works(shown, found, at_least=2, dense=1.0):
        return []
    if html and _CODE_SHOWN.search(text):
        return []
    return [Piece(one.start(), one.end(), _as_tag(one[0])) for one in found]


_AFTER_SENTENCE: Final = re.compile(
    r"[。！？.!?…”\"'；;：:]\s{0,9}&lt;/(?:p|div|li|td|blockquote|h[1-6])&gt;", re.IGNORECASE
)
_AFTER_SENTENCE_RAW: Final = re.compile(
    r"[。！？.!?…”\"'；;：:]\s{0,9}</(?:p|div|li|td|blockquote|h[1-6])>", re.IGNORECASE
)


def _around_sentences(end: re.Pattern[str], text: str) -> bool:
    """Whether elements end where sentences do, in a text that is not about mark-up."""
    return len(end.findall(text)) >= 2 and not _has_strong(_bare(text), _MANY_STRONG)


def _as_tag(escaped: str) -> str:
    return f"<{unescape(escaped[4:-4])}>"


_UNICODE: Final = re.compile(
    r"(?:\\{1,4}u[dD][89abAB][0-9a-fA-F]{2}\\{1,4}u[dD][c-fC-F][0-9a-fA-F]{2})"  # a surrogate pair
    r"|\\{1,4}u([0-9a-fA-F]{4})|\\{1,4}u\{([0-9a-fA-F]{1,6})\}|\\{1,4}U([0-9a-fA-F]{8})|%u([0-9a-fA-F]{4})"
    r"|(?:\\{1,4}x[0-9a-fA-F]{2})++",
)
_MIN_IN_PAGE: Final = 20  # code points of such escapes that a page must show
_HEX: Final = re.compile(r"\\{1,4}x([0-9a-fA-F]{2})")
_PAIR: Final = re.compile(r"u([0-9a-fA-F]{4})")


def _unicode(_text: str, shown: str, html: bool) -> list[Piece]:
    r"""``\u6e05``, ``\x`` bytes of UTF-8 or GBK, ``%u6e05``."""
    found = list(_UNICODE.finditer(shown))
    if (html and sum(len(one[0]) for one in found) < _MIN_IN_PAGE) or not _works(shown, found):
        return []
    return [piece for one in found for piece in _characters(one)]


def _characters(match: re.Match[str]) -> Iterator[Piece]:
    """A piece for each character of an escape, or of a run of escaped bytes."""
    digits = match[1] or match[2] or match[3] or match[4]
    if digits:
        code = int(digits, 16)
        if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            yield Piece(match.start(), match.end(), chr(code))
        return
    if pair := _PAIR.findall(match[0]):
        high, low = (int(one, 16) for one in pair)
        yield Piece(match.start(), match.end(), chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF)))
        return
    yield from _decoded(list(_HEX.finditer(match[0])), match.start())


def _decoded(byte_matches: Sequence[re.Match[str]], offset: int) -> Iterator[Piece]:
    """A piece for each character that escaped bytes are: in UTF-8, else in GBK, else one a byte."""
    raw = bytes(int(one[1], 16) for one in byte_matches)
    for encoding in ("utf-8", "gb18030", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        at = 0
        for char in text:
            size = len(char.encode(encoding))
            yield Piece(offset + byte_matches[at].start(), offset + byte_matches[at + size - 1].end(), char)
            at += size
        return


_BACKSLASH: Final = re.compile(r"\\{1,4}(?:(r)\\{1,4}n|([nrt\"'/]))")
_COMMANDS: Final = re.compile(  # of TeX, and what follows the backslash of a path
    r"\\(?:n(?:abla|eq?|u|ot|ew|oindent|ode|ormal|onumber|atural|earrow|i|mid|subset)|t(?:au|heta|imes|o|op|ext|extbf|extit"
    r"|riangle|ilde|an|frac|itle|able|abular)|r(?:ho|ight|m|ef|enewcommand|angle|ceil|floor))(?![a-z])"
)
_PATH: Final = re.compile(r"[A-Za-z]:\\|(?:\A|\s)\\\\[A-Za-z]")
_SIGNS: Final = {"n": "\n", "r": "\n", "t": "\t", '"': '"', "'": "'", "/": "/"}


def _backslashes(text: str, shown: str, html: bool) -> list[Piece]:
    r"""Line ends, tabs and quotes spelled as in a string of a programme: ``\n``, ``\t``, ``\"``."""
    found = list(_BACKSLASH.finditer(shown))
    ends = [one for one in found if one[1] or one[2] in ("n", "r")]
    if html:  # a page whose line ends are all spelled so
        between = sum(_is_between_tags(text, one) for one in ends)
        if len(ends) < 4 or text.count("\n") > len(ends) // 4 or 2 * between < len(ends):
            return []
        found = list(_BACKSLASH.finditer(text))
    elif not (_has_line_ends(text, ends, len(found)) and _works(shown, found)):
        return []
    return [Piece(one.start(), one.end(), "\n" if one[1] else _SIGNS[one[2]]) for one in found]


def _is_between_tags(text: str, end: re.Match[str]) -> bool:
    return text[max(0, end.start() - 1) : end.start()] == ">" or text[end.end() : end.end() + 1] == "<"


def _has_line_ends(text: str, ends: Sequence[re.Match[str]], n_escapes: int) -> bool:
    """Whether these are line ends, and not commands of TeX or parts of paths."""
    if not ends or _PATH.search(text):
        return False
    n_commands = len(_COMMANDS.findall(text))
    return 4 * n_commands <= len(ends) and (n_escapes > 1 or _literal(text) is not None)


_QUOTES: Final = re.compile(r"""\s*[bu]?(["'])(?=\S)""")


_UNESCAPED: Final = {quote: re.compile(rf"(?<!\\){quote}") for quote in "\"'"}


def _literal(text: str) -> tuple[Piece, Piece] | None:
    """The quotes around a text that is one string of a programme, to be left out."""
    quote = _QUOTES.match(text)
    last = len(text.rstrip()) - 1
    if (
        quote is None
        or last <= quote.end()
        or text[last] != quote[1]
        or _UNESCAPED[quote[1]].search(text, quote.end(), last)
    ):
        return None
    return Piece(0, quote.end(), ""), Piece(last, len(text), "")


_PERCENT: Final = re.compile(r"(?:%[0-9a-fA-F]{2})++")
_PERCENT_BYTE: Final = re.compile(r"%([0-9a-fA-F]{2})")
_MIN_PERCENT: Final = 8  # escaped bytes


def _percent(text: str, _shown: str, _html: bool) -> list[Piece]:
    """A text that was written as an address: ``%E6%B8%85``, ``in%20the%20vale``, with "+" for spaces."""
    in_address = _inside([one.span() for one in _ADDRESS.finditer(text)])
    found = [one for one in _PERCENT.finditer(text) if not in_address(one.start())]
    n_bytes = sum(len(one[0]) for one in found) // 3
    n_visible = len(_VISIBLE.findall(text))
    as_form = " " not in text.strip() and len(text.split()) <= 1 + n_visible // 80
    spaces = sum(one[0].count("%20") for one in found) + text.count("+") if as_form else 0
    if spaces < max(4, n_visible // 40) and (n_bytes < _MIN_PERCENT or 3 * n_bytes < _DENSE * n_visible):
        return []
    if not found:
        return []
    changes = [piece for one in found for piece in _decoded(list(_PERCENT_BYTE.finditer(one[0])), one.start())]
    if as_form and text.count("+") >= 2 and "%20" not in text:
        changes += [Piece(at, at + 1, " ") for at, char in enumerate(text) if char == "+"]
    return sorted(changes)


_QUOTED: Final = re.compile(r"(?:=[0-9A-F]{2})++|=[ \t]{0,9}\r?\n")
_QUOTED_BYTE: Final = re.compile(r"=([0-9A-F]{2})")


def _quoted_printable(text: str, _shown: str, _html: bool) -> list[Piece]:
    """The quoted-printable form of mail (RFC 2045, 6.7): ``=E6=B8=85``, "=" at the end of a line."""
    found = list(_QUOTED.finditer(text))
    n_bytes = sum(len(one[0]) for one in found if not one[0].isspace()) // 3
    if n_bytes < _MIN_PERCENT or 3 * n_bytes < _DENSE * len(_VISIBLE.findall(text)):
        return []
    soft = [Piece(one.start(), one.end(), "") for one in found if one[0].endswith("\n")]
    joined = [one for one in found if not one[0].endswith("\n")]
    return sorted((*soft, *(piece for run in _runs(joined, soft) for piece in _decoded(run, 0))))


def _runs(found: Sequence[re.Match[str]], soft: Sequence[Piece]) -> Iterator[list[re.Match[str]]]:
    """The escaped bytes of stretches between which there is nothing but a soft line end."""
    breaks = {one.start: one.end for one in soft}
    run: list[re.Match[str]] = []
    end = -1
    for match in found:
        if run and breaks.get(end, end) != match.start():
            yield run
            run = []
        run += _QUOTED_BYTE.finditer(match.string, match.start(), match.end())
        end = match.end()
    if run:
        yield run


_OPENING: Final = re.compile(r"""\s*[bu]?(["']{1,4})""")


def _ends_of(text: str) -> tuple[Piece, Piece]:
    """The quotes of what is known to be a string of a programme, or a string in a string."""
    found = _OPENING.match(text)
    size = len(text.rstrip())
    n_opened = len(found[1]) if found else 0
    n_closed = size - len(text.rstrip().rstrip("\"'"))
    n = max(1, min(n_opened, n_closed))
    start = found.end() - n_opened + n if found else 0
    return Piece(0, start, ""), Piece(max(size - n, start), len(text), "")


class Kind(NamedTuple):
    """A kind of escape: the name of its repair, a sign without which there is none, and what undoes it."""

    name: str
    sign: str
    find: Callable[[str, str, bool], Sequence[Piece]]  # from the text, the same without code, whether it is a page
    in_html: bool = True


#: In this order; ``undo_escapes`` goes through them until none acts.
KINDS: Final[tuple[Kind, ...]] = (
    Kind("percent_encoding", "%", _percent, in_html=False),
    Kind("quoted_printable", "=", _quoted_printable, in_html=False),
    Kind("unicode_escapes", "\\", _unicode),
    Kind("unicode_escapes", "%u", _unicode, in_html=False),
    Kind("backslash_escapes", "\\", _backslashes),
    Kind("escaped_markup", "&lt;", _escaped_tags),
    Kind("html_escapes", "&", _entities),
)
