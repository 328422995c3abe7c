"""What a site serves beside its documents, told by what it says: robots.txt, sitemaps, scripts, style sheets, logs.

Another kind is a line in ``KINDS``. All looks are at the first ``HEAD_BYTES`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from pipeline.read.sniff import HEAD_BYTES, as_text, opening
from pipeline.text.prose import is_prose_line

_ROOT = re.compile(r"\s*<(?:([\w.-]{1,40}):)?([\w.-]{1,40})[\s/>]")
_DOCTYPE = re.compile(r"\s*<!DOCTYPE\s{1,20}(?:([\w.-]{1,40}):)?(?!html)([\w.-]{1,40})[\s>\[]", re.IGNORECASE)
#: Root element of an XML file -> what it is.
_XML_KINDS: Final = {
    "urlset": "sitemap",
    "sitemapindex": "sitemap",
    "opml": "list of feeds (OPML)",
    "opensearchdescription": "search description",
    "browserconfig": "settings",
    "cross-domain-policy": "cross-domain policy",
    "wsdl": "service description",
    "svg": "picture (SVG)",
    "kml": "map (KML)",
    "gpx": "track (GPX)",
    "plist": "settings",
    "project": "build file",
    "xsd": "XML schema",
    "schema": "XML schema",
    "stylesheet": "XSL style sheet",
}
_ROBOTS = re.compile(
    r"(?:user-agent|disallow|allow|sitemap|crawl-delay|host|clean-param|request-rate|visit-time|noindex|content-signal)"
    r"\s{0,9}:",
    re.IGNORECASE,
)
_ADS = re.compile(
    r"[\w.-]{3,80}\s{0,9},[^,]{1,80},\s{0,9}(?:direct|reseller)\b|(?:contact|subdomain|ownerdomain|managerdomain)\s{0,9}=",
    re.IGNORECASE,
)
_SECURITY = re.compile(
    r"(?:contact|expires|encryption|acknowledgments|preferred-languages|canonical|policy|hiring)\s{0,9}:",
    re.IGNORECASE,
)
_HUMANS = re.compile(r"\s*/\*\s{0,9}(?:team|site|thanks|humans?)\b", re.IGNORECASE)
_WGET = re.compile(r"--\d{4}-\d\d-\d\d \d\d:\d\d:\d\d--  |(?:Resolving|Connecting to) \S+ ?\.\.\.|HTTP request sent,")
_SCRIPT = re.compile(
    r"\s*(?:/\*.{0,3000}?\*/\s*|//[^\n]{0,500}\n\s*){0,9}"
    r"(?:[!;(+~]{0,4}\(?\s{0,9}function\s?[\w$]{0,60}\s?\(|['\"]use strict['\"]|\(\(\)\s?=>|!?\(\(?\w{0,20}(?:,\w{1,20}){0,9}\)?\s?=>"
    r"|(?:var|let|const)\s[\w$\[{][^\n=]{0,200}=|window[.\[]|document\.|define\(|jQuery|\$\(|self\.|import\s[^\n]{0,200}from\s"
    r"|if\s?\(\s?typeof\s)",
    re.DOTALL,
)
_STYLES = re.compile(
    r"\s*(?:/\*.{0,3000}?\*/\s*){0,9}(?:@(?:charset|import|media|font-face|keyframes|layer|namespace)\b"
    r"|[.#:*\w\[][^{}<>;\n]{0,400}\{\s{0,99}(?:--)?[a-z-]{2,40}\s{0,9}:[^{}]{1,400}[;}])",
    re.DOTALL,
)
#: What KINDS may begin with: a look at so much spares all others the rest.
_MAY_BE = re.compile(
    rb"[\xef\xbb\xbf\xff\xfe\0\s]{0,20}(?:#|/\*|--\d|[\w.-]{1,80}[\s\0]{0,9}[:,=]|Resolving|Connecting|HTTP)"
)
_XML_WITHIN = 200  # bytes of white space and marks before XML
_CODE_SIGNS = frozenset("{}()[];=<>&|:,.+*/\"'_#")
_CODE_SHARE = 0.12  # of the signs of code among what is not white space; prose has less than 0.06


def xml_root(head: bytes) -> str | None:
    """The name of the element that an XML file begins with, in lower case and without its prefix; None for no XML."""
    text = opening(as_text(head))
    found = _DOCTYPE.match(text) or _ROOT.match(text)
    return found[2].lower() if found else None


def _is_fields(pattern: re.Pattern[str], *, needed: str = "") -> Callable[[str], bool]:
    """What is nothing but lines of fields and comments, the first 4 KiB of it."""

    def told(text: str) -> bool:
        whole = text.splitlines()[: None if len(text) < HEAD_BYTES // 2 else -1]  # UTF-16 has half as many characters
        lines = (line for line in map(str.strip, whole) if line and not line.startswith("#"))
        first = next(lines, "")
        if not pattern.match(first):
            return False
        fields = [first, *lines]
        fits = bool(fields) and all(map(pattern.match, fields))
        return fits and (not needed or any(line.lower().startswith(needed) for line in fields))

    return told


def _is_wget_log(text: str) -> bool:
    return _WGET.match(text.lstrip()) is not None and len(_WGET.findall(text)) >= 2


def _is_code(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    """What begins like code and is dense in its signs."""

    def told(text: str) -> bool:
        if not pattern.match(text) or any(is_prose_line(line) for line in text.splitlines() if "{" not in line):
            return False
        signs = [char for char in text if not char.isspace()]
        return sum(char in _CODE_SIGNS for char in signs) >= _CODE_SHARE * len(signs)

    return told


#: What it is -> whether a text, by its beginning, is it.
KINDS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("robots.txt", _is_fields(_ROBOTS, needed="user-agent")),
    ("ads.txt", _is_fields(_ADS)),
    ("security.txt", _is_fields(_SECURITY, needed="expires")),
    ("humans.txt", lambda text: _HUMANS.match(text) is not None),
    ("log of wget", _is_wget_log),
)
#: The same of what may be served as plain text: looked for where nothing but that is known of it, as in a WARC.
CODE: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("script", _is_code(_SCRIPT)),
    ("style sheet", _is_code(_STYLES)),
)
#: Last part of an address -> what it is; a suffix begins with a dot.
ADDRESSES: Final = {
    ".js": "script",
    ".mjs": "script",
    ".css": "style sheet",
    ".map": "source map",
    "robots.txt": "robots.txt",
    "ads.txt": "ads.txt",
    "app-ads.txt": "ads.txt",
    "humans.txt": "humans.txt",
    "security.txt": "security.txt",
}


def apart(head: bytes) -> str | None:
    """What a file is that a site serves beside its documents, by its first bytes; None when it may be a document."""
    if b"<" in head[:_XML_WITHIN] and (root := xml_root(head)) in _XML_KINDS:
        return _XML_KINDS[root]
    if not _MAY_BE.match(head):
        return None
    text = as_text(head)
    return next((kind for kind, told in KINDS if told(text)), None)


def apart_at(url: str, head: bytes) -> str | None:
    """The same of what an address gave as plain text: its name counts, and code is looked for."""
    try:
        name = PurePosixPath(urlsplit(url).path).name.lower()
    except ValueError:
        name = ""
    named = ADDRESSES.get(name) or ADDRESSES.get(PurePosixPath(name).suffix)
    text = as_text(head)
    return named or apart(head) or next((kind for kind, told in CODE if told(text)), None)
