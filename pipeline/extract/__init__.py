"""Decoded text to blocks with their exact places. A new format is a module and a line in ``EXTRACTORS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pipeline.extract.html import extract_html
from pipeline.extract.markdown import extract_markdown
from pipeline.extract.plain import extract_plain
from pipeline.types import Extracted

#: By media type, lower case, without parameters.
EXTRACTORS: Final[Mapping[str, Callable[[str], Extracted]]] = MappingProxyType(
    {
        "text/html": extract_html,
        "application/xhtml+xml": extract_html,
        "text/plain": extract_plain,
        "text/markdown": extract_markdown,
    }
)


def extract(text: str, media_type: str) -> Extracted:
    """The blocks of a decoded text and what its head says. Raises KeyError for a media type not in the table."""
    return EXTRACTORS[media_type](text)
