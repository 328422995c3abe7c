"""What an HTML page says of itself: title, language, <meta>, canonical address, JSON-LD."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import unescape
from typing import Final

from pipeline.extract.markup import attributes
from pipeline.text_safety import clean_url
from pipeline.types import PageHead

_MAX_META: Final = 500  # a page has some thirty


@dataclass(slots=True)
class HeadParts:
    """The head as it is gathered; what comes first counts."""

    title: str | None = None
    lang: str | None = None
    canonical: str | None = None
    meta: list[tuple[str, str]] = field(default_factory=list)
    json_ld: list[str] = field(default_factory=list)

    def page_head(self) -> PageHead:
        """The value."""
        return PageHead(self.title, self.lang, tuple(self.meta), self.canonical, tuple(self.json_ld))


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
