"""Where a document comes from: title, author, source, time of publication.

Each field is the first believable value of a list of places, the most telling first; the lists are the bodies of
``_title``, ``_published_at`` and ``find_metadata``. Names in page heads are tables in ``page_data``, keys of
source-and-date lines tables in ``source_lines``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

from pipeline.language import identify
from pipeline.metadata.countries import Country, country_of
from pipeline.metadata.page_data import MAX_LINE, PageData, SourceLine, clean_name, read_page_data, read_source_line
from pipeline.metadata.titles import find_title
from pipeline.text.dates import parse_timestamp, precision_of, writes_day_first
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
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_HANGUL_SHARE = 5  # one syllable in so many characters makes it Korean
_MAY_BE_DATED = re.compile(r"[\d月]")  # every date has one of these
_NOWHERE = Country(0, False, None)
_TIME_REACH = 400  # code points before the first of the lines of the head and after the last, of a <time>
_HEAD_CHARS = 600  # characters of it that say what language it is in, where nothing declares one
_MAX_BLOCKS = 500  # whose dates say how the page writes them
_TIME_STRENGTH = 3  # of such a <time>, beside those of source lines


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

    A time without a zone is that of the page's country (``places``): China's on a Chinese page (a site under .cn, a
    Chinese source line, or Chinese text), and UTC where nothing tells. A day alone is its midnight there, in Europe that
    of UTC. A dateline in the body is never the time of publication.
    """
    blocks = extracted.blocks
    page = read_page_data(extracted.head)
    title, title_ordinal = _title(extracted, decisions, page, record=record, site=site)
    candidates, reach = _line_candidates(blocks, decisions, title_ordinal)
    dated = page.published or page.times or record.published or any(_MAY_BE_DATED.search(text) for text in candidates)
    country = _country(extracted, decisions, site) if dated else _NOWHERE  # it is asked for times alone
    lines = [_Line(text, read_source_line(text, day_first=bool(country.day_first))) for text in candidates]
    published = _published(page, lines, record=record, country=country, reach=reach)
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
        published_at=published.moment if published else None,
        published_date=published.day if published else None,
        published_precision=published.precision if published else None,
        site=site,
    )


@dataclass(frozen=True, slots=True)
class _Published:
    moment: datetime  # with a zone
    day: date  # where it was published
    precision: str  # "day", "minute" or "second"


def _country(extracted: Extracted, decisions: Sequence[Decision], site: str | None) -> Country:
    """Where the page is published, by its site, by what its head says of its language, and by its letters."""
    sample = _sample(extracted.blocks, decisions)
    kana = 0 if sample.isascii() else len(_KANA.findall(sample))
    lang = extracted.head.lang or next((value for name, value in extracted.head.meta if name == "og:locale"), None)
    cjk = 0 if sample.isascii() else count_cjk(sample)
    if kana * _KANA_SHARE > cjk:
        lang = "ja"
    elif not sample.isascii() and len(_HANGUL.findall(sample)) * _HANGUL_SHARE > len(sample):
        lang = "ko"
    elif not lang and not cjk:
        lang = identify(sample[:_HEAD_CHARS]).lang
    country = country_of(site, lang, is_chinese=_is_chinese(site, sample, cjk, kana))
    if country.day_first is None:
        texts = (block.text for block in extracted.blocks[:_MAX_BLOCKS])
        told = writes_day_first(" ".join(text[:200] for text in texts if "/" in text))
        country = replace(country, day_first=told)
    return country


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


def _line_candidates(
    blocks: Sequence[Block], decisions: Sequence[Decision], title_ordinal: int | None
) -> tuple[list[str], range]:
    """The lines that may name a source, labelled ones and those of the head before those of the tail; and the head's place."""
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
        if i in tail and i not in labelled and is_prose_line(block.text):
            continue
        lines.append(block.text)
    return lines, _reach(blocks, head, prose, title_ordinal)


def _reach(blocks: Sequence[Block], head: Sequence[int], prose: int, title_ordinal: int | None) -> range:
    """The code points of the source, from the title to the text under it, in which a <time> is of the document."""
    if not blocks:
        return range(0)
    below = [at for at in head if title_ordinal is None or blocks[at].ordinal >= title_ordinal]
    first = min([*below, prose])
    if title_ordinal is not None:
        first = min(first, next((at for at, block in enumerate(blocks) if block.ordinal == title_ordinal), first))
    return range(max(0, blocks[first].start - _TIME_REACH), blocks[prose].start)


def _published(
    page: PageData, lines: Sequence[_Line], *, record: Record, country: Country, reach: range
) -> _Published | None:
    """When it was published: the page's head, then the container, then the plainest line or <time> over the text."""
    for claim in (*page.published, *([record.published] if record.published else [])):
        if (found := _of_claim(claim, country)) is not None:
            return found
    ranked = sorted((line for line in lines if line.read.date), key=lambda line: -line.read.strength)
    strong = [line for line in ranked if line.read.strength > _TIME_STRENGTH]
    found = next((one for line in strong if (one := _of_line(line, country)) is not None), None)
    found = found or next((one for at, value in page.times if at in reach and (one := _of_claim(value, country))), None)
    return found or next((one for line in ranked if (one := _of_line(line, country)) is not None), None)


def _of_claim(claim: str, country: Country) -> _Published | None:
    moment = parse_timestamp(claim, default_offset_minutes=None, day_first=bool(country.day_first))
    return None if moment is None else _placed(moment, precision_of(claim, moment), country)


def _of_line(line: _Line, country: Country) -> _Published | None:
    found = line.read.date
    moment = found.as_datetime() if found else None
    if found is None or moment is None:
        return None
    if not (country.offset or country.has_summer) and has_cjk(line.text) and not _KANA.search(line.text):
        country = replace(country, offset=CHINA_STANDARD_TIME)
    precision = "day" if found.hour is None else precision_of(found.text, moment)
    return _placed(moment, precision, country)


def _placed(moment: datetime, precision: str, country: Country) -> _Published | None:
    """A time in the zone that it names, else in the page's."""
    if moment.year < _MIN_PUBLISHED_YEAR:
        return None
    if moment.tzinfo is None:
        is_alone = precision == "day" and country.has_summer
        moment = moment.replace(tzinfo=timezone(timedelta(minutes=0 if is_alone else country.offset_on(moment))))
        return _Published(moment, moment.date(), precision)
    local = moment if moment.utcoffset() else moment + timedelta(minutes=country.offset_on(moment))
    return _Published(moment, moment.date() if precision == "day" else local.date(), precision)


def _sample(blocks: Sequence[Block], decisions: Sequence[Decision]) -> str:
    return " ".join(
        block.text[:500] for block, decision in zip(blocks, decisions, strict=True) if decision.label in KEPT_LABELS
    )[:_SAMPLE]


def _is_chinese(site: str | None, sample: str, cjk: int, kana: int) -> bool:
    """Whether a time without a zone is China's: a site under .cn, or mostly Chinese content."""
    if site and site.endswith((".cn", ".中国", ".xn--fiqs8s")):
        return True
    return cjk > 0 and kana * _KANA_SHARE <= cjk and 2 * cjk >= count_tokens(sample)
