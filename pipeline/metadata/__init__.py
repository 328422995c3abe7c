"""Where a document comes from: title, author, source, time of publication.

Each field is the first believable value of a list of places, the most telling first; the lists are the bodies of
``_title``, ``_published_at`` and ``find_metadata``. Names in page heads are tables in ``page_data``, keys of
source-and-date lines tables in ``source_lines``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.metadata.page_data import MAX_LINE, PageData, SourceLine, clean_name, read_page_data, read_source_line
from pipeline.metadata.titles import find_title
from pipeline.text.dates import parse_timestamp
from pipeline.text.escapes import plain
from pipeline.text.forms import has_cjk
from pipeline.text.prose import is_prose_line
from pipeline.text.repair import repair
from pipeline.text.tokens import count_cjk, count_tokens
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Extracted, Label, Metadata, Record

CHINA_STANDARD_TIME = 480  # minutes east of UTC
_MIN_PUBLISHED_YEAR = 1990  # the web has no older pages; 1970 is an empty field
_HEAD_REACH = 12  # blocks before the first prose in which a source line may stand without the label
_TAIL_REACH = 3  # kept blocks at the end in which "来源：…" may stand
_SAMPLE = 4_000  # characters of content that say whether a page is Chinese
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_KANA_SHARE = 20  # one kana in so many CJK characters makes it Japanese


@dataclass(frozen=True, slots=True)
class _Line:
    """A source line and the text it was read from."""

    text: str
    read: SourceLine


def find_metadata(extracted: Extracted, decisions: Sequence[Decision], *, record: Record, site: str | None) -> Metadata:
    """What a document says of its origin.

    Args:
        extracted: its blocks and head.
        decisions: one a block, as the labeller gives them; a source line that it missed is found as well.
        record: for what the container says (title, published, author, source).
        site: the registrable domain, as ``pipeline.metadata.site.site_of`` gives it.

    A time without a zone is China Standard Time on a Chinese page (a site under .cn, a Chinese source line, or
    Chinese text) and UTC elsewhere. A dateline in the body is never the time of publication.
    """
    blocks = extracted.blocks
    page = read_page_data(extracted.head)
    title, title_ordinal = _title(extracted, decisions, page, record=record, site=site)
    lines = _source_lines(blocks, decisions, title_ordinal)
    timed = bool(page.published or record.published or any(line.read.date for line in lines))
    offset = CHINA_STANDARD_TIME if timed and _is_chinese(site, blocks, decisions) else 0
    return Metadata(
        title=title,
        title_ordinal=title_ordinal,
        author=next(iter(page.authors), None)
        or _said(record.author)
        or next((line.read.author for line in lines if line.read.author), None),
        source=next(iter(page.sources), None)
        or _said(record.source)
        or next((line.read.source for line in lines if line.read.source), None)
        or next(iter(page.publishers), None),
        published_at=_published_at(page, lines, record=record, offset=offset),
        site=site,
    )


def _title(
    extracted: Extracted, decisions: Sequence[Decision], page: PageData, *, record: Record, site: str | None
) -> tuple[str | None, int | None]:
    """The title out of the page's claims, the container's and the blocks."""
    head_title = extracted.head.title
    names = (*page.site_names, *([site, site.partition(".")[0]] if site else []))
    return find_title(
        extracted.blocks,
        decisions,
        claims=(*page.titles, *([head_title] if head_title else [])),
        site_names=names,
        other=(repair(plain(record.title)).text,) if record.title else (),
    )


def _said(name: str | None) -> str | None:
    """A name that the container gives, if it is one."""
    return clean_name(repair(name).text) if name else None


def _source_lines(
    blocks: Sequence[Block], decisions: Sequence[Decision], title_ordinal: int | None
) -> tuple[_Line, ...]:
    """The lines that may name a source, labelled ones and those of the head before those of the tail."""
    kept = [i for i, decision in enumerate(decisions) if decision.label in KEPT_LABELS]
    after_title = [i for i in kept if title_ordinal is None or blocks[i].ordinal > title_ordinal]
    prose = next((i for i in after_title if is_prose_line(blocks[i].text)), after_title[0] if after_title else 0)
    labelled = [i for i, decision in enumerate(decisions) if decision.label is Label.METADATA]
    head = [i for i in range(max(0, prose - _HEAD_REACH), prose) if decisions[i].label is not Label.RELATED]
    if title_ordinal is not None:  # the lines under the title before those above it
        head.sort(key=lambda i: blocks[i].ordinal < title_ordinal)
    tail = [i for i in kept[-_TAIL_REACH:] if i > prose]
    order = dict.fromkeys((*labelled, *head, *tail))
    lines = []
    for i in order:
        block = blocks[i]
        if len(block.text) > MAX_LINE or block.ordinal == title_ordinal or block.kind is BlockKind.HEADING:
            continue
        read = read_source_line(block.text)
        if i in tail and i not in labelled and is_prose_line(block.text):
            continue
        lines.append(_Line(block.text, read))
    return tuple(lines)


def _published_at(page: PageData, lines: Sequence[_Line], *, record: Record, offset: int) -> datetime | None:
    """The time of publication: the page's head, then the container, then the plainest source line.

    ``offset`` is the zone of a time without one, minutes east of UTC; of one in a Chinese line it is China's.
    """
    for claim in (*page.published, *([record.published] if record.published else [])):
        moment = parse_timestamp(claim, default_offset_minutes=offset)
        if moment is not None and moment.year >= _MIN_PUBLISHED_YEAR:
            return moment
    for line in sorted(lines, key=lambda line: -line.read.strength):
        if line.read.date is None:
            continue
        zone = CHINA_STANDARD_TIME if has_cjk(line.text) else offset
        moment = line.read.date.as_datetime(default_offset_minutes=zone)
        if moment is not None and moment.year >= _MIN_PUBLISHED_YEAR:
            return moment
    return None


def _is_chinese(site: str | None, blocks: Sequence[Block], decisions: Sequence[Decision]) -> bool:
    """Whether a time without a zone is China's: a site under .cn, or mostly Chinese content."""
    if site and site.endswith((".cn", ".中国", ".xn--fiqs8s")):
        return True
    sample = " ".join(
        block.text[:500] for block, decision in zip(blocks, decisions, strict=True) if decision.label in KEPT_LABELS
    )[:_SAMPLE]
    cjk = count_cjk(sample)
    return 2 * cjk >= count_tokens(sample) > 0 and len(_KANA.findall(sample)) * _KANA_SHARE <= cjk
