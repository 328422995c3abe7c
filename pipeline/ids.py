"""Names that stay the same from run to run."""

from __future__ import annotations

import hashlib


def document_id(path: str, member: str | None) -> str:
    """32 hex digits: BLAKE2b of path and member, so that a document keeps its id from run to run."""
    name = path if member is None else f"{path}\0{member}"
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def section_id(doc_id: str, ordinal: int) -> str:
    """The id of a document's section: doc_id, a dash and its 0-based ordinal."""
    return f"{doc_id}-{ordinal}"
