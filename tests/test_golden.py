"""Pairs of files: ``golden/KIND/NAME.SUFFIX`` is a document, ``NAME.gold`` beside it what must come of it.

Dropping a pair in adds a test; see ``golden/README.md`` for the form of a gold file.
"""

from pathlib import Path

import pytest

from pipeline import CleanDocument, clean
from pipeline.types import KEPT_LABELS

GOLDEN = Path(__file__).parent / "golden"
MEDIA_TYPES = {"html": "text/html", "plain": "text/plain", "markdown": "text/markdown"}
FILES = sorted(file for file in GOLDEN.glob("*/*") if file.is_file())
SOURCES = [file for file in FILES if file.suffix != ".gold"]


def told(document):
    """The blocks of a document in the form of a gold file: kept or left out."""
    return [f"{'+' if block.label in KEPT_LABELS else '-'} {block.text}" for block in document.blocks]


def read_gold(file):
    """The facts that a gold file names, and its lines of blocks."""
    lines = file.with_suffix(".gold").read_text("utf-8").splitlines()
    facts = dict(line.split(": ", 1) for line in lines if line[:2] not in {"+ ", "- "})
    return facts, [line for line in lines if line[:2] in {"+ ", "- "}]


#: Pairs that do not come out yet, with the reason. One that does must leave the table.
KNOWN_FAILURES = {
    "plain/zh-flattened.txt": "a headline without mark-up is taken for boilerplate",
    "plain/en-flattened.txt": "a headline without mark-up is taken for boilerplate",
}


def pairs():
    for file in SOURCES:
        name = str(file.relative_to(GOLDEN))
        why = KNOWN_FAILURES.get(name)
        yield pytest.param(file, id=name, marks=[pytest.mark.xfail(reason=why, strict=True)] if why else [])


@pytest.mark.parametrize("file", [*pairs()])
def test_what_comes_of_a_document_is_what_its_gold_says(file):
    document = clean(file.read_bytes(), media_type=MEDIA_TYPES[file.parent.name])
    assert isinstance(document, CleanDocument), document
    facts, blocks = read_gold(file)
    assert blocks
    assert told(document) == blocks
    assert facts == {name: str(getattr(document, name)) for name in facts}


def test_no_file_is_without_its_other_half():
    halves = {file.with_suffix("") for file in SOURCES}
    assert len(halves) == len(SOURCES), "two sources share a gold file"
    assert halves == {file.with_suffix("") for file in FILES if file.suffix == ".gold"}


def test_every_kind_is_one_we_know():
    assert {file.parent.name for file in FILES} <= set(MEDIA_TYPES)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(GOLDEN)))
def test_blocks_lie_where_they_say(file):
    document = clean(file.read_bytes(), media_type=MEDIA_TYPES[file.parent.name])
    assert isinstance(document, CleanDocument)
    ends = [0, *(block.end for block in document.blocks)]
    assert all(block.start >= end for block, end in zip(document.blocks, ends, strict=False))
