"""What a page arrives wrapped in, taken off, and what the wrapper says of the page: its address, title and time.

Tools that save pages add their own: view-source windows of browsers, archives' toolbars, caches' headers, comments of
savers, headers of readers for language models, HTTP heads, a server's own warnings. To add a wrapper: a line in one of
the tables, or a function ``(text, html) -> Wrapper | None`` and a line in ``WRAPPERS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import islice
from typing import Final, NamedTuple

from pipeline.extract.machine import BREAK, INLINE
from pipeline.extract.markup import ELEMENTS
from pipeline.extract.scanner import raw_parts, tags
from pipeline.text.escapes import holds_markup, undo_escapes
from pipeline.text.prose import holds_sentence
from pipeline.text.rewrite import Piece, Rewritten, rewrite
from pipeline.text.safety import clean_url
from pipeline.types import Flag

_HEAD: Final = 20_000  # code points at the beginning of a page in which savers say what they saved
_MAX_ROUNDS: Final = 4  # wrappers in one another


class Wrapper(NamedTuple):
    """A wrapper that was found: what is left of the text without it, and what it says."""

    pieces: Sequence[Piece] | None = None  # what remains; None: all of it
    url: str | None = None
    title: str | None = None
    published: str | None = None
    media_type: str | None = None  # of what is left, where the wrapper tells
    flag: Flag | None = None


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A text without its wrappers and escapes, the ways back to the source, and what the wrappers said."""

    text: str
    media_type: str
    steps: tuple[Rewritten, ...] = ()
    repairs: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    url: str | None = None
    title: str | None = None
    published: str | None = None

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the source that a stretch of the text, which must not be empty, came from."""
        for step in reversed(self.steps):
            start, end = step.place(start, end)
        return start, end


def unwrap(source: str, media_type: str, *, n_head: int = 0) -> Unwrapped:
    """The page or text in a source without what is around it, and without escapes that it has once too often.

    ``n_head`` code points at the beginning are an HTTP head and left out. What no wrapper and no escape is in comes
    back as it is.
    """
    text, html = source, "html" in media_type
    steps: list[Rewritten] = []
    found: list[Wrapper] = []
    repairs: tuple[str, ...] = ()
    if n_head:
        steps.append(rewrite(source, [Piece(n_head, len(source))]))
        text = steps[-1].text
    for _ in range(_MAX_ROUNDS):
        before = text
        if not html and holds_markup(text):
            media_type, html = "text/html", True
        for take_off in WRAPPERS:
            wrapper = take_off(text, html)
            if wrapper is None:
                continue
            if wrapper.pieces is not None:
                step = rewrite(text, wrapper.pieces)
                if not step.text.strip():
                    continue
                steps.append(step)
                text = step.text
            found.append(wrapper)
            media_type = wrapper.media_type or media_type
            html = "html" in media_type
        undone = undo_escapes(text, html=html)
        if undone.html and not html and media_type == "text/plain":
            media_type, html = "text/html", True
        steps += undone.steps
        repairs += undone.names
        text = undone.text
        if text == before:
            break
    return Unwrapped(
        text,
        media_type,
        tuple(steps),
        tuple(sorted(set(repairs))),
        tuple(dict.fromkeys(one.flag for one in found if one.flag)),
        url=next((original_address(one.url) for one in found if one.url), None),
        title=next((one.title for one in found if one.title), None),
        published=next((one.published for one in found if one.published), None),
    )


# Addresses.

#: What goes before an address in that of its copy. The part after it is the original's.
_COPY_OF: Final = re.compile(
    r"(?:https?:)?//(?:"
    r"(?:web|wayback|liveweb|replay)\.archive\.org/(?:web/)?\d{1,14}(?:[a-z]{2}_)?/"
    r"|[\w.-]{1,100}/(?:[\w.-]{1,40}/){0,3}\d{12,14}(?:[a-z]{2}_)?/(?=https?:)"
    r"|archive\.(?:today|is|ph|li|vn|fo|md)/(?:(?:\d{4}[.\d-]{4,20}|\d{4,14}|newest|oldest|o/\w{1,12})/)"
    r"|webcache\.googleusercontent\.com/search\?(?:[\w=&%-]{0,200}&)?q=cache(?::|%3A)(?:[\w-]{12}(?::|%3A))?"
    r"|r\.jina\.ai/)|view-source:",
    re.IGNORECASE,
)


_MAX_COPIES: Final = 3  # of copies of copies


def original_address(url: str | None) -> str | None:
    """The address of the page that an archive's or cache's address is a copy of, None if it is broken; others as they are.

    >>> original_address("https://web.archive.org/web/20040305083000/http://g.example.org/bees")
    'http://g.example.org/bees'
    """
    if not url or not _COPY_OF.match(url):
        return url
    for _ in range(_MAX_COPIES):
        match = _COPY_OF.match(url)
        if match is None:
            break
        url = re.sub(r"^(https?):/+", r"\1://", url[match.end() :])
        if match[0].lower().startswith("https://webcache") or "%3A" in url[:10]:
            url = re.split(r"[+&]|%20", url.replace("%3A", ":").replace("%2F", "/"))[0]
        if "://" not in url[:10]:
            url = f"http://{url}"
    return clean_url(url) or None


# View-source windows: the page is the text of the window.

#: The beginning of a page within a page; a cheap look.
_INNER: Final = re.compile(
    r"&lt;(?i:!doctype|html|head|\?xml)|<(?i:textarea|xmp)[^<>]{0,500}>\s{0,99}<(?i:!doctype|html|head|\?xml)"
)
_INNER_SIGNS: Final = (b"&lt;!doctype", b"&lt;html", b"&lt;head", b"&lt;?xml", b"<textarea", b"<xmp")  # one is in each
_WINDOW: Final = re.compile(
    r"""class\s*=\s*["']?line-content|id\s*=\s*["']?viewsource|viewsource\.css|<title>\s*(?:view-source:|source of:?)"""
    r"""|<(?:pre|textarea|xmp)[\s>]|<(?:span|a)\s[^<>]{0,200}class=["']?(?:start-tag|html-tag|webkit-html-tag)""",
    re.IGNORECASE,
)
_WINDOW_TITLE: Final = re.compile(r"<title>\s*(?:view-source:|source of:?)\s*([^\s<]{1,2000})", re.IGNORECASE)
_IS_PAGE: Final = re.compile(
    r"[\s\ufeff]*(?:<!--(?:[^-]|-(?!->)){0,3000}-->\s*|<\?xml[^>]{0,300}>\s*){0,9}<(?:!doctype\s|html[\s>]|head[\s>])",
    re.IGNORECASE,
)
_WITHIN: Final = 8  # how many times as long as what is beside it the page within must be
_MAX_BESIDE: Final = 120  # code points of a page beside the window


def _view_source(text: str, html: bool) -> Wrapper | None:
    if not html:
        return None
    lower = text.encode("ascii", "replace").lower()
    if not any(sign in lower for sign in _INNER_SIGNS) or not _INNER.search(text) or not _WINDOW.search(text):
        return None
    lines, beside = _window(text)
    inner = rewrite(text, lines)
    if (
        not _IS_PAGE.match(inner.text)
        or len(beside) > min(_MAX_BESIDE, len(inner.text) // _WITHIN)
        or holds_sentence(beside)
    ):
        return None
    title = _WINDOW_TITLE.search(text)
    return Wrapper(
        lines, url=clean_url(unescape(title[1])) if title else None, media_type="text/html", flag=Flag.VIEW_SOURCE
    )


def _window(text: str) -> tuple[list[Piece], str]:
    """The decoded text of the window, piece by piece, and the text beside it.

    The window is the cells of class line-content, else what is in <pre>, <textarea> and <xmp>.
    """
    cells = "line-content" in text
    lines: list[Piece] = []
    beside: list[str] = []
    depth = 0
    for start, shown, tag, closing, opening in tags(text):
        if shown:
            if depth:
                lines += _decoded(text, start, start + len(shown))
            else:
                beside.append(shown.strip())
        at = start + len(shown)
        name = (opening or closing or "").lower()
        if cells and name == "td":
            depth = int(opening is not None and "line-content" in tag)
            if closing is not None:
                lines.append(Piece(at, at + len(tag), "\n"))
        elif not cells and name == "pre":
            depth = max(0, depth + (1 if opening is not None else -1))
        elif depth and (opening or closing) and ELEMENTS.get(name, ("", INLINE))[1] == BREAK:
            lines.append(Piece(at, at + len(tag), "\n"))
        elif not cells and tag[:1] == "<" and opening is None and closing is None:
            raw, _, length, content = raw_parts(tag)
            if raw in ("textarea", "xmp"):
                begin = at + length
                whole = [Piece(begin, begin + len(content))]
                lines += whole if raw == "xmp" else _decoded(text, begin, begin + len(content))
    return lines, unescape(" ".join(filter(None, beside)))


_REFERENCE: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")


def _decoded(text: str, start: int, end: int) -> Iterator[Piece]:
    at = start
    for match in _REFERENCE.finditer(text, start, end):
        yield Piece(at, match.start())
        yield Piece(match.start(), match.end(), unescape(match[0]))
        at = match.end()
    yield Piece(at, end)


# Elements and comments that archives, caches and savers put into a page.

#: What stands on a page with an inserted element, what its start tag says, and what it must hold, if more is needed.
INSERTED: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "wm-ipp",
        r"""id=["']?(?:wm-ipp-base|wm-ipp-print|wm-ipp|wm-share-sidebar|donato)["'\s>]""",
        "",
    ),  # Wayback Machine
    ("google-cache-hdr", r"""id=["']?[\w-]{0,40}google-cache-hdr["'\s>]""", ""),
    ("bd_snap_", r"""id=["']?bd_snap_(?:head|note|txt)["'\s>]""", ""),  # Baidu
    ("HEADER", r"""id=["']?(?:HEADER|hashtags)["'\s>]""", r"archive\.(?:today|is|ph|li|vn|fo|md)\b"),  # archive.today
)
_INSERTED: Final = tuple(
    (sign, re.compile(rf"<(\w{{1,20}})\s[^<>]{{0,500}}?{tag}"), re.compile(holds)) for sign, tag, holds in INSERTED
)
_MAX_INSERTED: Final = 8  # elements of one kind on a page; each costs a look at the rest of it
_TOOLBAR: Final = re.compile(
    r"<!-- BEGIN WAYBACK TOOLBAR INSERT -->(?:[^<]++|<(?!!-- END WAYBACK))*+<!-- END WAYBACK[^>]*+>"
)

#: Where a saved page says what it is a copy of: a sign in lower case, and what to find, whose group is the address.
SAYS_ADDRESS: Final[tuple[tuple[str, str], ...]] = (
    ("saved from url", r"<!--\s*saved from url=\(\d{1,6}\)([^\s>]{1,3000})"),  # Internet Explorer, Chrome
    ("singlefile", r"<!--\s*Page saved with SingleFile\s{1,9}url:\s{0,9}([^\s>]{1,3000})"),
    ("mirrored from", r"<!--\s*Mirrored from ([^\s>]{1,3000}) by HTTrack"),
    ("saved from http", r"<!--\s*Saved from (https?:[^\s>]{1,3000}) (?:at|using)"),  # monolith
    (
        "<!--",
        r"<!--\s*(?:Page )?(?:saved|archived|downloaded|captured|fetched|source|retrieved)[^\n:>]{0,60}[:\s]\s{0,9}"
        r"(https?://[^\s>]{1,3000})",
    ),
    (
        "savepage-url",
        r"""<meta\s[^<>]{0,200}?name=["']?savepage-url["']?\s[^<>]{0,200}?content=["']?([^"'\s>]{1,3000})""",
    ),
    (
        "-url",
        r"""<meta\s[^<>]{0,200}?name=["']?(?:source|original)-url["']?\s[^<>]{0,200}?content=["']?([^"'\s>]{1,3000})""",
    ),
    ("data-scrapbook-source", r"""<html\s[^<>]{0,500}?data-scrapbook-source=["']?(https?:[^"'\s>]{1,3000})"""),
    ("__wm.", r"""__wm\.(?:wombat|init_url)\(\s{0,9}["']([^"']{1,3000})"""),  # Wayback Machine
    (
        "the wayback machine",
        r"The Wayback Machine\s{0,9}[-–—]\s{0,9}(?:<a[^<>]{0,3000}>)?(https?://[^\s<]{1,3000})",
    ),
    (
        "s cache of",
        r"This is Google(?:'|’|&#39;)s cache of\s{1,9}(?:<a[^<>]{0,3000}>)?(https?://[^\s<]{1,3000}?)[.]?[<\s]",
    ),
    (
        "google",
        r"Google\s{0,9}(?:对|對|快取儲存|为|為)[^<>]{0,20}(?:<a[^<>]{0,3000}>)?\s{0,9}(https?://[^\s<]{1,3000}?)[.。]?[<\s]",
    ),
    ("百度和网页", r"百度和网页\s{0,9}(?:<a[^<>]{0,3000}>)?\s{0,9}(https?://[^\s<]{1,3000}?)[<\s]"),
)
_SAYS_ADDRESS: Final = tuple((sign, re.compile(pattern, re.IGNORECASE)) for sign, pattern in SAYS_ADDRESS)


def _inserted(text: str, html: bool) -> Wrapper | None:
    if not html:
        return None
    spans = [match.span() for match in _TOOLBAR.finditer(text)] if "WAYBACK TOOLBAR" in text else []
    for sign, tag, holds in _INSERTED:
        for match in islice(tag.finditer(text), _MAX_INSERTED) if sign in text else ():
            end = _element_end(text, match.start(), match[1])
            if end and holds.search(text, match.start(), end):
                spans.append((match.start(), end))
    return Wrapper(list(_without(text, spans))) if spans else None


def _element_end(text: str, start: int, name: str) -> int | None:
    """Where the element that starts there ends; None when it is left open."""
    depth = 0
    for match in re.finditer(rf"<(/?){name}(?=[\s>/])[^>]*+>", text[start:], re.IGNORECASE):
        depth += -1 if match[1] else 1
        if not depth:
            return start + match.end()
    return None


def _without(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    at = 0
    for start, end in sorted(spans):
        if start > at:
            yield Piece(at, start)
        at = max(at, end)
    yield Piece(at, len(text))


def _saved(text: str, html: bool) -> Wrapper | None:
    head = text[:_HEAD] if html else text[:1_500]
    lower = head.lower()
    for sign, pattern in _SAYS_ADDRESS:
        if sign in lower and (match := pattern.search(head)):
            url = unescape(match[1]).removesuffix("-->").rstrip("-")
            url = url if "://" in url else f"http://{url}" if "." in url and ":" not in url else ""
            if url := clean_url(url):
                return Wrapper(url=url)
    return None


# Warnings of the server before the page, or in it.

_LEVEL: Final = r"(?:Notice|Warning|Deprecated|Strict Standards|Fatal error|Parse error|Recoverable fatal error)"
_NOTICES: Final = re.compile(
    rf"(?:<br ?/?>\s{{0,9}})?<b>{_LEVEL}</b>:(?:[^<]|<(?!br ?/?>)){{0,2000}}?\bon line <b>\d{{1,7}}</b>(?:<br ?/?>)?"
    rf"|<font [^<>]{{0,60}}><table class=['\"]xdebug-error(?:[^<]|<(?!/table)){{0,6000}}</table></font>",
)
_PLAIN_NOTICE: Final = re.compile(
    rf"\s*+(?:PHP )?{_LEVEL}: [^\n]{{0,2000}}? in [^\n]{{1,500}} on line \d{{1,7}}[ \t]*+(?:\r?\n|\Z)"
)


def _notices(text: str, html: bool) -> Wrapper | None:
    at = 0
    while match := _PLAIN_NOTICE.match(text, at):
        at = match.end()
    spans = [(0, at)] if at else []
    if (html and "on line <b>" in text) or "xdebug-error" in text:
        spans += [match.span() for match in _NOTICES.finditer(text) if match.start() >= at]
    return Wrapper(list(_without(text, spans))) if spans else None


# Headers that readers for language models, and people, put before a text; front matter.

#: What the keys of a header are for. Lower case.
KEYS: Final[dict[str, str]] = {
    **dict.fromkeys(("title", "标题", "標題", "page title"), "title"),
    **dict.fromkeys(
        (
            *(
                "url source",
                "url",
                "source url",
                "sourceurl",
                "source_url",
                "link",
                "original url",
                "page url",
                "source",
            ),
            *("网址", "链接", "原文链接", "来源网址", "網址", "連結", "permalink", "canonical"),
        ),
        "url",
    ),
    **dict.fromkeys(
        (
            *("published time", "published", "publishedtime", "published_time", "published at", "published date"),
            *(
                "publisheddate",
                "publish date",
                "publish_date",
                "article:published_time",
                "pubdate",
                "发布时间",
                "發佈時間",
            ),
        ),
        "published",
    ),
    **dict.fromkeys(
        (
            *("author", "description", "language", "lang", "warning", "number of pages", "image", "favicon", "site"),
            *("sitename", "site name", "status", "status code", "statuscode", "crawled at", "fetched at", "scraped at"),
            *(
                "retrieved",
                "retrieved at",
                "keywords",
                "date",
                "byline",
                "excerpt",
                "length",
                "dir",
                "tags",
                "作者",
                "抓取时间",
            ),
            *(
                "描述",
                "摘要",
                "timestamp",
                "content type",
                "usage",
                "images",
                "hostname",
                "categories",
                "id",
                "fingerprint",
            ),
        ),
        "",
    ),
}
_KEY_LINE: Final = re.compile(
    r"(?:\*\*|#{1,3} |[-*] )?([A-Za-z\u4e00-\u9fff][\w :]{0,30}?)(?:\*\*)?\s{0,3}[:：](?:\*\*)?[ \t]*+([^\n]*)"
)
_BODY_KEY: Final = re.compile(
    r"(?:\*\*|#{1,3} )?(markdown content|content|text|正文|内容|內容)\s{0,3}[:：](?:\*\*)?[ \t]*+(?:\r?\n|\Z)",
    re.IGNORECASE,
)
_RULE_LINE: Final = re.compile(r"[-=*_]{3,200}[ \t]*+(?:\r?\n|\Z)")
_LINE: Final = re.compile(r"[^\n]*+(?:\n|\Z)")
_MAX_KEYS: Final = 40  # lines of a header
_HTTP: Final = re.compile(r"<?(https?://[^\s<>]{3,3000})>?\s*\Z")


def _reader_header(text: str, html: bool) -> Wrapper | None:
    """``Title:``, ``URL Source:``, ``Markdown Content:`` and their like, of which one is an address."""
    if html or not text.strip():
        return None
    at = len(text) - len(text.lstrip())
    said: dict[str, str] = {}
    body = -1
    markdown = False
    for _ in range(_MAX_KEYS):
        match = _LINE.match(text, at)
        line = match[0].strip() if match else ""
        key = _KEY_LINE.match(line)
        if opens := _BODY_KEY.match(text, at):
            body, markdown = opens.end(), opens[1].lower().startswith("markdown")
            break
        name = key[1].strip().lower() if key else ""
        if key and name in KEYS:
            said.setdefault(KEYS[name], key[2].strip())
            body = match.end() if match else -1
        elif rule := _RULE_LINE.match(text, at):
            if said:
                body = rule.end()
                break
        elif line or match is None or match.end() == at:
            break
        if match is None:
            break
        at = match.end()
    address = _HTTP.match(said.get("url", ""))
    if address is None or len(said) + markdown < 2 or body < 0:
        return None
    return Wrapper(
        [Piece(body, len(text))],
        url=clean_url(address[1]),
        title=said.get("title") or None,
        published=said.get("published") or None,
        media_type="text/markdown" if markdown else None,
    )


_FRONT: Final = re.compile(r"\ufeff?\s{0,9}---[ \t]*+\r?\n((?:[^\n]*\n){1,200}?)(?:---|\.\.\.)[ \t]*+(?:\r?\n|\Z)")
_FRONT_KEY: Final = re.compile(r"^([A-Za-z][\w :-]{0,30}?):[ \t]+[\"']?([^\n]*?)[\"']?[ \t\r]*$", re.MULTILINE)


def _front_matter(text: str, html: bool) -> Wrapper | None:
    """Front matter of a text that says where it is from; ``extract_markdown`` takes it off."""
    found = _FRONT.match(text[:_HEAD]) if not html and "---" in text[:20] else None
    if found is None:
        return None
    said: dict[str, str] = {}
    for name, value in _FRONT_KEY.findall(found[1]):
        said.setdefault(KEYS.get(name.lower(), ""), value)
    address = _HTTP.match(said.get("url", ""))
    if address is None and "title" not in said:
        return None
    return Wrapper(
        url=clean_url(address[1]) if address else None,
        title=said.get("title"),
        published=said.get("published"),
        media_type="text/markdown",
    )


_CAPTURES: Final = re.compile(
    r"\s*+(?:[^\n]{0,200}\n){0,30}?[^\n]{0,40}The Wayback Machine\s{0,9}[-–—]\s{0,9}https?://[^\n]{1,3000}(?:\n|\Z)"
)


def _flat_toolbar(text: str, html: bool) -> Wrapper | None:
    """The lines of the Wayback Machine's toolbar over a flattened page."""
    found = _CAPTURES.match(text[:6_000]) if not html and "The Wayback Machine" in text[:6_000] else None
    if found is None or ("capture" not in found[0] and found[0].count("\n") > 2):
        return None
    return Wrapper([Piece(found.end(), len(text))])


# Sentences of a novel site that are spliced onto a paragraph of the novel: they get a line of their own.

_SPLICED: Final = re.compile(
    r"(?<=[。！？”…」』）.!?])[ \u3000]{0,4}("
    r"[（(]?(?:天才)?一秒(?:钟)?(?:就)?记住[^。！!\n<]{2,60}(?:[。！!]|(?=[\n<])|\Z)"
    r"|[（(【]?(?:本章未完|本章没完|未完待续[，,]请|本章还有|小主[，,]这个章节)[^。！!）)】\n<]{0,40}(?:[。！!）)】]{1,3}|(?=[\n<])|\Z)"
    r"|[（(]?手机(?:用户|读者|阅读)请(?:浏览|到|访问|登[录陆])[^。！!\n<]{2,60}(?:[。！!）)]{1,2}|(?=[\n<])|\Z)"
    r"|请记住(?:本书|本站)[^。！!\n<]{0,20}(?:域名|地址|网址)[^。！!\n<]{2,60}(?:[。！!]|(?=[\n<])|\Z)"
    r"|[^。！？!?\n<]{0,16}手机版(?:阅读|更新)?(?:最快)?网址[^。！!\n<]{2,40}(?:[。！!]|(?=[\n<])|\Z)"
    r"|最新章节[^。！!\n<]{0,40}(?:免费阅读|最快更新|首发)[。！!]?"
    r"|Read the latest chapters? (?:at|on|only)[^.\n<]{0,40}(?:\.\w{2,6}){1,3}[.!]?"
    r"|If you find any errors\s?\([^()\n<]{0,120}\)?[^.\n<]{0,20},?\s?[Pp]lease let us know[^\n.<]{0,120}\."
    r")"
)
#: One of these is in each such sentence; a common word counts with one of those that may follow.
_SPLICED_SIGNS: Final = {
    "记住": ("秒记住", "秒钟记住", "秒就记住", "请记住本"),
    "手机": ("手机版", "手机用户", "手机读者", "手机阅读"),
    **dict.fromkeys(("本章", "未完待续", "小主", "最新章节", "latest chapter", "If you find any errors"), ("",)),
}


def _spliced(text: str, html: bool) -> Wrapper | None:
    if not any(sign in text and any(one in text for one in longer) for sign, longer in _SPLICED_SIGNS.items()):
        return None
    edge = "<br>" if html else "\n"
    pieces: list[Piece] = []
    at = 0
    for match in _SPLICED.finditer(text):
        pieces += [
            Piece(at, match.start()),
            Piece(match.start(), match.start(1), edge),
            Piece(match.start(1), match.end()),
        ]
        at = match.end()
        if text[at : at + 1] not in ("", "\n", "\r", "<"):
            pieces.append(Piece(at, at, edge))
    return Wrapper([*pieces, Piece(at, len(text))]) if pieces else None


#: In this order, and again until nothing changes.
WRAPPERS: Final[tuple[Callable[[str, bool], Wrapper | None], ...]] = (
    _view_source,
    _notices,
    _saved,
    _inserted,
    _front_matter,
    _flat_toolbar,
    _reader_header,
    _spliced,
)


# HTTP heads before a body, as `curl -i`, `curl -v`, `wget -S` and `wget --save-headers` leave them.


@dataclass(frozen=True, slots=True)
class HttpHead:
    """What HTTP says of the body after it, by the last of several heads."""

    size: int  # bytes of all heads, all ASCII or Latin-1
    status: str  # "200 OK"
    media_type: str | None = None
    charset: str | None = None
    url: str | None = None


_MAX_HTTP: Final = 64 * 1024  # bytes
_STATUS: Final = re.compile(rb"[ \t]{0,4}(?:< )?HTTP/\d(?:\.\d)? (\d{3}[^\r\n]{0,100})\r?\n?")
_FIELD: Final = re.compile(rb"[ \t]{0,4}(?:< )?([A-Za-z][A-Za-z0-9_-]{0,60}):[ \t]*([^\r\n]{0,8000})\r?\n?")
_BLANK: Final = re.compile(rb"(?:[<>*] ?)?[ \t]*\r?\n")
_LOG: Final = re.compile(  # of wget -S and curl -v
    rb"(?:--\d{4}-\d\d-\d\d \d\d:\d\d:\d\d--  (?P<url>\S{1,3000})|[*>{}] [^\n]{0,3000}|[*>]|(?:Resolving|Connecting to|Reusing existing"
    rb"|HTTP request sent|Length:|Saving to:|Location:|Warning: wildcards|\xe6\xad\xa3\xe5\x9c\xa8|\xe5\xb7\xb2\xe5\x8f\x91\xe5\x87\xba"
    rb"|\xe9\x95\xbf\xe5\xba\xa6)[^\n]{0,3000}"
    rb"| {0,6}\d{1,6}K[ .]{1,80}[^\n]{0,40}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \([^\n]{1,200}|STDOUT[^\n]{0,100})\r?\n"
)
_TYPE: Final = re.compile(r"\s*([\w.+-]{1,40}/[\w.+-]{1,60})")
_CHARSET: Final = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([\w.:+-]{2,40})", re.IGNORECASE)
_LINKED: Final = re.compile(r"<([^<>]{1,2000})>;\s{0,9}rel=[\"']?canonical", re.IGNORECASE)


def http_head(content: bytes) -> HttpHead | None:
    """The HTTP heads that bytes begin with, None when they do not.

    >>> http_head(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/html; charset=GBK\\r\\n\\r\\n<p>").charset
    'GBK'
    """
    head = content[:_MAX_HTTP]
    at = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    status, url, n_fields = "", None, 0
    fields: dict[str, str] = {}
    while at < len(head):
        if line := _STATUS.match(head, at):
            status, fields = line[1].decode("latin-1").strip(), {}
        elif (log := _LOG.match(head, at)) and log.end() > at:
            line, url = log, log["url"].decode("latin-1") if log["url"] else url
        elif status and (line := _FIELD.match(head, at)):
            fields[line[1].decode("latin-1").lower()] = line[2].decode("latin-1").strip()
            n_fields += 1
        elif line := _BLANK.match(head, at):
            if status and n_fields and not _goes_on(head, line.end()):
                at = line.end()
                break
        else:
            break
        at = line.end()
    if not status or not n_fields:
        return None
    content_type = fields.get("content-type", "")
    media_type, charset = _TYPE.match(content_type), _CHARSET.search(content_type)
    linked = _LINKED.search(fields.get("link", ""))
    return HttpHead(
        at,
        status,
        media_type[1].lower() if media_type else None,
        charset[1] if charset else None,
        clean_url(linked[1] if linked else url or "") or None,
    )


def _goes_on(head: bytes, at: int) -> bool:
    """Whether another head, or a log's line, follows blank lines."""
    while blank := _BLANK.match(head, at):
        at = blank.end()
    log = _LOG.match(head, at)
    return _STATUS.match(head, at) is not None or (log is not None and log.end() > at)
