"""What must hold of any input on its road from bytes to a finished document: the judge of ``proofs.fuzz``.

Nothing raises; nothing that a reader would see is nowhere; offsets, sections, clean text and repairs keep their
promises; twice is the same; time is bounded. lexbor says what of a page can be seen, markdown-it what a Markdown text
comes to as HTML. A new promise is a function that yields Findings, and a line in ``_check``.
"""

from __future__ import annotations

import re
import signal
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from html import escape, unescape
from pathlib import Path
from types import FrameType
from typing import Any, Final

from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.boilerplate.rules import RuleSet, load_rules
from pipeline.errors import Reason, Rejection, Skipped
from pipeline.extract import extract
from pipeline.read import read_file
from pipeline.recipe import Cleaned, Contentless, Finished, clean_record, finish_record
from pipeline.stages.finished import finished_tables
from pipeline.text.decode import decode
from pipeline.text.repair import repair
from pipeline.types import Decoded, Label, Record
from proofs.fuzz_cases import CANARIES, Case, canary, core

MAX_SECONDS: Final = 2.0  # CPU, of one record
_ALARM: Final = 20.0  # CPU seconds after which a case is cut off
_MAX_SKETCH: Final = 300  # characters of a finding's detail

#: The canaries, whole, without white space: what must be seen. Of each its core must be found.
_WHOLE: Final = {"".join(canary(*one).split()): core(*one) for one in CANARIES}
#: What a browser does not show, and what ends up as mark-up in text where there should be none.
_UNSEEN: Final = frozenset("script style title iframe noembed noframes template plaintext".split())
_UNCLEAN: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FOOTNOTE: Final = re.compile(r"\[\^[^\[\]\s]{1,60}\]")  # no part of CommonMark, and read all the same
_SWALLOWING: Final = re.compile(r"<textarea|<xmp|<!\[cdata\[", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&#?\w{1,40};?")
_LINE_END: Final = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
#: In SVG and MathML scripts and styles are mark-up for a browser; for us they are code there as well.
_FOREIGN: Final = re.compile("<(?:svg|math)", re.IGNORECASE)
_CODE: Final = re.compile(
    r"<script/>.*?(?:</script[\s/>]|\Z)|<(script|style)(?:\s[^<>]*[^<>/])?>.*?(?:</\1[\s/>]|\Z)", re.I | re.S
)
#: For us a title that ends itself is whole, and a long one with tags in it was left open: what follows is the page.
_TITLE: Final = re.compile(r"<title(?:\s*/>|(?:\s[^<>]*)?>(?!.{0,300}</title))", re.I | re.S)
#: A CDATA section ends at its first ">" for us; the rest is read as mark-up.
_SECTION: Final = re.compile(r"<!\[CDATA\[([^>]*?)(?:\]\])?>", re.IGNORECASE)
#: A link's definition right after a paragraph is one for us, as for the first Markdown; CommonMark reads text.
_DEFINITION: Final = re.compile(r"""^\s*\[[^\[\]\n]+\]:\s*<[^<>\n]*>\s+(?:"[^"\n]*"|'[^'\n]*')\s*$""", re.MULTILINE)
#: An address with spaces is one for us; CommonMark reads text.
_SPACED: Final = re.compile(r"\]\(\s{0,9}(?:https?:|[./#])(?:[^()\n]|\([^()\n]*\))*\)")
#: Indented code is text for us, and links count within HTML blocks too.
_MARKDOWN: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("code")
_TAGLESS: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("code")


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise broken: which one, and the particulars."""

    kind: str
    detail: str


class OvertimeError(BaseException):
    """The alarm has rung."""


@cache
def _rules() -> RuleSet:
    return load_rules()


def check(case: Case, *, twice: bool = True) -> list[Finding]:
    """Every promise that the case breaks; empty when all is well. Takes at most about ``_ALARM`` seconds."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise OvertimeError

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, _ALARM)
    try:
        return list(_check(case, twice=twice))
    except OvertimeError as alarm:
        return [Finding("hangs", _place(traceback.extract_tb(alarm.__traceback__), ""))]
    except Exception as error:  # noqa: BLE001 - any exception at all is what is looked for
        return [Finding("raises", _place(traceback.extract_tb(error.__traceback__), type(error).__name__))]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _place(frames: Sequence[traceback.FrameSummary], name: str) -> str:
    inside = [frame for frame in frames if "/pipeline/" in frame.filename] or list(frames)
    last = inside[-1]
    return f"{name} in {Path(last.filename).name}, {last.name}: {last.line}".strip()


def _check(case: Case, *, twice: bool) -> Iterator[Finding]:
    outcomes = _read(case)
    records = [one for one in outcomes if isinstance(one, Record)]
    yield from _check_reading(case, outcomes, records)
    for record in records:
        begin = time.process_time()
        cleaned = clean_record(record, rules=_rules())
        finished = _finish(cleaned)
        seconds = time.process_time() - begin
        if seconds > MAX_SECONDS * max(1.0, len(record.content) / 200_000):
            yield Finding("slow", f"over {MAX_SECONDS} s")
        decoded = decode(record.content, http_charset=record.charset, media_type=record.media_type)
        yield from _check_loss(case, record, decoded, cleaned)
        if isinstance(cleaned, Cleaned):
            yield from _check_blocks(cleaned, decoded.text)
        if isinstance(finished, (Finished, Contentless)):
            tables = finished_tables([(finished, "0" * 64)], version="0")
            yield from (Finding("unclean", where) for where, text in _strings(tables) if _UNCLEAN.search(text))
        if isinstance(finished, Finished):
            yield from _check_finished(finished)
        if twice and isinstance(cleaned, Cleaned):
            hits = ["example.org" if block.ordinal % 3 == 1 else None for block in cleaned.extracted.blocks]
            templated = finish_record(cleaned, template_hits=hits)
            yield from _check_finished(templated) if isinstance(templated, Finished) else ()
        if twice and repr(finished) != repr(_finish(clean_record(record, rules=_rules()))):
            yield Finding("changes", "the second run differs")


def _read(case: Case) -> list[Any]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        (Path(folder) / case.name).write_bytes(case.raw)
        return list(read_file(Path(folder), case.name))


def _finish(cleaned: Cleaned | Rejection) -> Finished | Contentless | Rejection:
    if isinstance(cleaned, Rejection):
        return cleaned
    return finish_record(cleaned, template_hits=[None] * len(cleaned.extracted.blocks))


def _check_reading(case: Case, outcomes: Sequence[Any], records: Sequence[Record]) -> Iterator[Finding]:
    """What was put into a container is in a record, unless the reader says that something is lost."""
    if not outcomes:
        yield Finding("nothing", "reading gives no outcome")
    for one in outcomes:
        if isinstance(one, Rejection | Skipped) and _UNCLEAN.search(
            getattr(one, "message", "") + getattr(one, "reason", "")
        ):
            yield Finding("unclean", "message of a rejection")
    if len(records) < len(outcomes) or any(record.flags for record in records):
        return
    held = "\n".join(_squeezed(record.content.decode("utf-8", "replace")) for record in records)
    for wanted in case.planted:
        if wanted not in held:
            yield Finding("lost in reading", wanted)


def _check_loss(case: Case, record: Record, decoded: Decoded, cleaned: Cleaned | Rejection) -> Iterator[Finding]:
    """Every canary that can be seen is in a block or the title, or the record is quarantined for a reason that fits."""
    if isinstance(cleaned, Rejection) and cleaned.reason is not Reason.EMPTY:
        return
    content = record.content
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\xff\xfe", b"\xfe\xff"):
        content = content.removeprefix(mark) if content.startswith(mark) else content
    encoding = "utf-8" if record.media_type != "text/plain" and case.family == "jsonl" else case.encoding
    text = content.decode(encoding, "replace")
    sure = case.chinese and "\ufffd" not in text
    recovered = _SWALLOWING.search(text) and "unclosed_markup" in extract(decoded.text, record.media_type).flags
    unseen = (
        _UNSEEN | {"textarea", "xmp", "svg", "math"} if recovered else _UNSEEN
    )  # what it holds is then read as mark-up
    wanted = [one for one in _visible(text, record.media_type, unseen) if sure or one.isascii()]
    if not wanted:
        return
    blocks = cleaned.extracted.blocks if isinstance(cleaned, Cleaned) else ()
    held = [_squeezed(block.text) for block in blocks]
    if isinstance(cleaned, Cleaned):
        held.append(_squeezed(cleaned.extracted.head.title or ""))
    for one in wanted:
        if not any(one in text for text in held):
            yield Finding("lost", f"{one} of a {record.media_type}")


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _visible(text: str, media_type: str, unseen: frozenset[str]) -> list[str]:
    """The cores of the canaries that a reader would see in a document."""
    squeezed = _squeezed(text)
    if not any(one in squeezed for one in _WHOLE):
        return []
    if media_type == "text/plain":
        lines = [_squeezed(line) for line in _LINE_END.split(text)]
        seen = {one for one in _WHOLE if any(one in line for line in lines)}
    elif media_type == "text/html":
        seen = _seen(text, unseen)
    else:
        text = _SPACED.sub("]()", _FOOTNOTE.sub("", _DEFINITION.sub("", text)))
        seen = _seen(_MARKDOWN.render(text), unseen)
        if seen:
            seen &= _seen(_TAGLESS.render(text), unseen)
    return [found for one, found in _WHOLE.items() if one in seen]


def _seen(page: str, unseen: frozenset[str]) -> set[str]:
    """The canaries of a page that a browser shows, and would show were SVG's code and sections no mark-up
    and no title left open.
    """
    seen = _shown(page, unseen)
    if seen and _TITLE.search(page):
        seen &= _shown(_TITLE.sub("", page), unseen)
    if seen and _FOREIGN.search(page):
        seen &= _shown(_CODE.sub("", _SECTION.sub(lambda found: escape(found[1]), page)), unseen)
    return seen


def _shown(page: str, unseen: frozenset[str]) -> set[str]:
    root = LexborHTMLParser(page).root
    shown: set[str] = set()
    for node in root.traverse(include_text=True) if root else ():
        text = _squeezed(node.text_content or "") if node.tag == "-text" else ""
        found = {one for one in _WHOLE if one in text}
        if found and not unseen & set(_around(node)):
            shown |= found
    return shown


def _around(node: LexborNode) -> Iterator[str]:
    parent = node.parent
    while parent is not None:
        yield parent.tag or ""
        parent = parent.parent


def _check_blocks(cleaned: Cleaned, source: str) -> Iterator[Finding]:
    """Blocks ascend without overlap, their places hold their words, their text needs no repair."""
    at = 0
    mojibake = "mojibake" in cleaned.extracted.repairs
    for number, block in enumerate(cleaned.extracted.blocks):
        if block.ordinal != number or not at <= block.start < block.end <= len(source):
            yield Finding("overlap", f"block {number} at {block.start} to {block.end} after {at} of {len(source)}")
            return
        at = block.end
        if not block.text.strip():
            yield Finding("empty block", repr(block.text))
        if repair(block.text).text != block.text:
            yield Finding("unrepaired", repr(block.text)[:_MAX_SKETCH])
        span = source[block.start : block.end]
        if not mojibake and not _holds(_ENTITY.sub(_both, span), block.text):
            yield Finding("misplaced", f"{block.text!r} at {span!r}"[:_MAX_SKETCH])
            return


def _holds(source: str, text: str) -> bool:
    """Whether the letters of a text are in the source in order."""
    letters = iter(_letters(source))
    return all(letter in letters for letter in _letters(text))


def _both(entity: re.Match[str]) -> str:
    """An entity as it stands, and what it means: in code it is text."""
    return entity[0] + unescape(entity[0])


def _letters(text: str) -> Iterator[str]:
    return (char for char in unicodedata.normalize("NFD", text) if char.isalnum())


def _strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every string in the rows of the tables, with the column it is in."""
    for name, table in value.items():
        for row in table.to_pylist():
            for column, cell in row.items():
                if isinstance(cell, str):
                    yield f"{name}.{column}", cell
                elif isinstance(cell, list):
                    yield from ((f"{name}.{column}", item) for item in cell if isinstance(item, str))


def _check_finished(one: Finished) -> Iterator[Finding]:
    """The clean text is its blocks; each content block is in one section, as title or body; sections lie in the text."""
    blocks, decisions = one.cleaned.extracted.blocks, one.decisions
    if len(decisions) != len(blocks) or len(one.languages) != len(blocks):
        yield Finding("labels", "not one label a block")
        return
    content = [block for block, decision in zip(blocks, decisions, strict=True) if decision.label is Label.CONTENT]
    if one.text != "\n".join(block.text for block in content):
        yield Finding("text", "the clean text is not its blocks")
    numbers = sorted(
        ordinal
        for section in one.sectioning.sections
        for ordinal in (*section.ordinals, *(() if section.title_ordinal is None else (section.title_ordinal,)))
        if decisions[ordinal].label is Label.CONTENT
    )
    if numbers != [block.ordinal for block in content]:
        yield Finding("sections", f"cover {numbers} of {[block.ordinal for block in content]}"[:_MAX_SKETCH])
    at = 0
    for section, placed in zip(one.sectioning.sections, one.sections, strict=True):
        bodies = "\n".join(blocks[ordinal].text for ordinal in section.ordinals)
        if not at <= placed.start < placed.end or one.text[placed.start : placed.end] != placed.text:
            yield Finding("sections", "a section is not where it says")
        if placed.text != bodies:
            yield Finding("sections", "a section's text is not its blocks")
        at = placed.end
    if not 0 <= one.confidence <= 1 or any(value != value for value in asdict(one.quality).values()):
        yield Finding("numbers", "a share is not a share")
