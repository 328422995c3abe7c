"""What a page says of itself in its head: <meta> names, Dublin Core, Chinese government names, JSON-LD.

A new name is a new word in one of the tables; the first name of a table that a page has wins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.repair import repair
from pipeline.types import PageHead

#: <meta> names, lower case, the most telling first. ArticleTitle, PubDate and ContentSource are required of Chinese
#: government sites (政府网站发展指引, State Council, 2017, annex 2).
TITLE_NAMES = ("articletitle", "og:title", "twitter:title", "dc.title", "dcterms.title", "headline", "title")
SOURCE_NAMES = ("contentsource", "source", "dc.source", "dcterms.source", "article:source", "og:article:source")
AUTHOR_NAMES = (
    "author", "article:author", "og:article:author", "byl", "dc.creator", "dcterms.creator", "parsely-author",
    "sailthru.author", "citation_author", "authors", "byline",
)  # fmt: skip
PUBLISHED_NAMES = (
    "article:published_time", "og:published_time", "bytedance:published_time", "datepublished", "pubdate",
    "publishdate", "publish_date", "publish-date", "publication_date", "published_time", "published", "dc.date.issued",
    "dcterms.issued", "dc.date", "dcterms.date", "dc.date.created", "dcterms.created", "parsely-pub-date",
    "sailthru.date", "citation_publication_date", "weibo:article:create_at", "og:release_date", "article:published",
    "datecreated", "date",
)  # fmt: skip
SITE_NAMES = ("og:site_name", "sitename", "application-name", "apple-mobile-web-app-title", "publisher")

#: schema.org types that are the document; others (Organization, BreadcrumbList, ...) are about something else.
_ARTICLE = re.compile(r"Article|BlogPosting|Report\b|SocialMediaPosting|DiscussionForumPosting|WebPage|CreativeWork")
#: Bounds on JSON-LD: scripts of a page, characters of one, values looked at, depth. Real ones stay far below.
_MAX_SCRIPTS, _MAX_SCRIPT, _MAX_NODES, _MAX_DEPTH = 20, 500_000, 5_000, 8
_WRAPPING = re.compile(
    r"\A\s*(?:<!--|(?://|/\*)?\s{0,4}<!\[CDATA\[(?:\s{0,4}\*/)?)|(?:-->|(?://|/\*)?\s{0,4}\]\]>(?:\s{0,4}\*/)?)\s*\Z"
)
_NOBODY = re.compile(
    r"(?:admin(?:istrator)?|editor|webmaster|root|user|unknown|anonymous|none|null|n/a|guest|system|管理员|佚名|未知|本站|"
    r"本网|网络|匿名|无|发布|编辑|作者|来源)\Z",
    re.IGNORECASE,
)
_URL = re.compile(r"(?:https?:)?//|www\.|@", re.IGNORECASE)
_MAX_NAME = 100  # characters of an author or source
_MAX_STRING = 2_000  # characters of a string of JSON-LD that are read


@dataclass(frozen=True, slots=True)
class PageData:
    """The head's claims as strings, the most telling first, not yet believed."""

    titles: tuple[str, ...]
    authors: tuple[str, ...]
    sources: tuple[str, ...]
    publishers: tuple[str, ...]
    published: tuple[str, ...]
    site_names: tuple[str, ...]


def read_page_data(head: PageHead) -> PageData:
    """The claims of a page's head. Never raises on what a page may hold."""
    ld = _JsonLd.of(head.json_ld)
    return PageData(
        titles=(*_values(head, TITLE_NAMES), *ld.titles),
        authors=tuple(filter(None, map(clean_name, (*_values(head, AUTHOR_NAMES), *ld.authors)))),
        sources=tuple(filter(None, map(clean_name, _values(head, SOURCE_NAMES)))),
        publishers=tuple(filter(None, map(clean_name, ld.publishers))),
        published=(*_values(head, PUBLISHED_NAMES), *ld.published),
        site_names=(*_values(head, SITE_NAMES), *ld.publishers),
    )


def clean_name(text: str) -> str | None:
    """An author's or source's name, or None if it is a URL, an account of the system, or no name at all.

    >>> clean_name("来源：中国环境报 "), clean_name("admin"), clean_name("https://example.org/a")
    ('中国环境报', None, None)
    """
    name = re.sub(r"\A(?:文章)?(?:来源|作者|Source|Author)\s*[:：]\s*", "", " ".join(text.split()))
    name = name.strip(" -—|·,，、;；:：()（）[]【】<>《》\"'“”")
    if not name or len(name) > _MAX_NAME or _URL.search(name) or _NOBODY.match(name):
        return None
    return name if any(sign.isalpha() for sign in name) else None


def _values(head: PageHead, names: Sequence[str]) -> Iterator[str]:
    """The non-empty contents of the first-named <meta> elements, in the order of ``names``."""
    for name in names:
        for key, content in head.meta:
            if key == name and content.strip():
                yield content


@dataclass(frozen=True, slots=True)
class _JsonLd:
    """What the JSON-LD scripts say of the document."""

    titles: tuple[str, ...]
    authors: tuple[str, ...]
    publishers: tuple[str, ...]
    published: tuple[str, ...]

    @classmethod
    def of(cls, scripts: Sequence[str]) -> _JsonLd:
        """Of all readable scripts, articles before pages."""
        nodes = [node for script in scripts[:_MAX_SCRIPTS] for node in _nodes(_parse(script))]
        nodes.sort(key=lambda node: "WebPage" in str(node.get("@type")))
        return cls(
            titles=tuple(text for node in nodes for text in _strings(node.get("headline"))),
            authors=tuple(", ".join(names) for node in nodes if (names := _names(node.get("author")))),
            publishers=tuple(name for node in nodes for name in _names(node.get("publisher"))),
            published=tuple(text for node in nodes for text in _strings(node.get("datePublished"))),
        )


def _parse(script: str) -> object:
    """The value of a script, None if it is no JSON or too large or deep for one."""
    if len(script) > _MAX_SCRIPT:
        return None
    try:
        value: object = json.loads(_WRAPPING.sub("", script).strip().rstrip(";"), strict=False)
    except (ValueError, RecursionError):
        return None
    return value


def _nodes(value: object) -> Iterator[dict[str, object]]:
    """The objects of an article type in a JSON-LD value, through lists, @graph and mainEntity."""
    stack: list[tuple[object, int]] = [(value, 0)]
    for _ in range(_MAX_NODES):
        if not stack:
            return
        node, depth = stack.pop()
        if depth > _MAX_DEPTH:
            continue
        if isinstance(node, list):
            stack.extend((item, depth + 1) for item in reversed(node))
        elif isinstance(node, dict):
            if _ARTICLE.search(str(node.get("@type"))[:200]):
                yield node
            stack.extend((node[key], depth + 1) for key in ("mainEntity", "mainEntityOfPage", "@graph") if key in node)


def _strings(value: object) -> list[str]:
    """A value or list of values that are non-empty strings; repaired, for JSON can spell any character."""
    values = value if isinstance(value, list) else [value]
    texts = (repair(text[:_MAX_STRING]).text for text in values[:10] if isinstance(text, str))
    return [text for text in texts if text.strip()]


def _names(value: object) -> list[str]:
    """Names out of a string, an object with a name, or a list of these."""
    values = value[:10] if isinstance(value, list) else [value]
    names = [item.get("name") if isinstance(item, dict) else item for item in values]
    return [name for item in names for name in _strings(item)]
