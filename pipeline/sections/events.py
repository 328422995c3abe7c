"""The day a story tells of, read from its dateline; a year left out is found elsewhere in the document.

Where a year is looked for is the order in ``_year`` and ``_best_year``; conferences that did not follow their yearly count are in
``COP_YEARS``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.text.dates import MAX_YEAR, MIN_YEAR, FoundDate, find_dates
from pipeline.text.forms import has_cjk
from pipeline.text.prose import CLAUSE_ENDS, ends_sentence
from pipeline.text.tokens import count_tokens
from pipeline.types import Block, BlockKind, Metadata

#: Conferences of the Parties to the UNFCCC (https://unfccc.int/process/bodies/supreme-bodies/conference-of-the-parties-cop):
#: COP1 was in 1995, one a year. COP6's second part (2001) and COP7 fell into one year; COP26 was put off from 2020 to 2021,
#: and every one since keeps that year more.
_COP_BASE = 1994
_COP_POSTPONED = 26
_COP_LAST = 60  # a greater number is no conference
_COP = re.compile(r"COP[ -]?(\d{1,2})(?!\d)")
#: A document number: [2022] No. 149, 〔2022〕149号, (2022) 12 号.
_DOCUMENT_NUMBER = re.compile(r"[\[〔［【(（](\d{4})[\]〕］】)）]\s{0,2}(?:No\.?\s?|第)?\d{1,5}(?:\s?号)?")
_YEAR_DIGITS = re.compile(r"(?:19[5-9]|20[0-4])\d")  # a cheap look for where the next may be
#: A year by itself, but for targets ("by 2030", 到2030年) and amounts.
_YEAR = re.compile(
    r"(?<![\d.,-])(?<!\bby )(?<!before )(?<!until )(?<!到)(?<!至)((?:19[5-9]|20[0-4])\d)"
    r"(?:\s?年(?!代)|(?=[\s,.;:)])(?![\d.,-]\d|\s?(?:年代|kg|km|MW|GW|tons?|people|元|吨|人|家|个|万|%)))"
)
_ANY_YEAR = re.compile(r"[12１２][0-9０-９]{3}|COP|[〇零]")  # a cheap look
_RELATIVE_YEAR = re.compile(
    r"(?:去年|前年|明年|上年|上一年|往年|last|next|every|each|每年)\s{0,2}(?:的|on )?\s?\Z", re.IGNORECASE
)

#: A year with a month or a range of days, as the headings of issues and of their parts have it.
_HEADED = re.compile(
    r"(?<![\d.])((?:19[5-9]|20[0-4])\d)(?:\s?年\s?\d{1,2}\s?月|([./-])\d{1,2}\2\d{1,2}\s?[-–—~～至到]\s?(?=\d))"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December),?\s(?:\d{1,2}[-–—]\d{1,2},?\s)?"
    r"((?:19[5-9]|20[0-4])\d)(?!\d)"
)
_HEADING_CHARS = 60  # a longer line is no heading of an issue

_BODY_BLOCKS = 2  # the dateline stands in the first paragraphs
_DATELINE_REACH = 300  # characters of each that are searched
_WHOLE = 20_000  # characters of a block that are searched for a year
_SIGN_OFF_CHARS = 40  # a line at the end that is a date, or an office and a date


def event_dates(
    stories: Sequence[tuple[str | None, Sequence[Block]]], *, document: Sequence[Block], metadata: Metadata
) -> list[tuple[date | None, str | None]]:
    """The day each story tells of and the words it was read from; (None, None) where it names no day.

    Args:
        stories: headline and body blocks of each.
        document: the content blocks of the whole document, for the year.
        metadata: of the document, for the year as a last resort.

    The first date of the first paragraphs counts, then one of the headline, then one that signs the end.
    """
    found = [_dateline(title, body) for title, body in stories]
    lacking = any(one is not None and one.year is None for one in found)
    stated = {block.ordinal: _stated_years(block.text) for block in document} if lacking else {}
    headed = _headed_year([metadata.title or "", *(block.text for block in document)]) if lacking else None
    whole = _best_year(stated.values(), headed)
    days: list[tuple[date | None, str | None]] = []
    for one, (title, body) in zip(found, stories, strict=True):
        if one is None:
            days.append(_sign_off(body))
            continue
        year = one.year
        if year is None:
            told = [stated[block.ordinal] for block in body if block.ordinal in stated]
            own = _best_year(told, _headed_year([title or ""]))
            year = _year(one, own, whole, _published_year(one, metadata), body)
        day = one.as_date(year)
        days.append((day, one.text) if day is not None else (None, None))
    return days


def _dateline(title: str | None, body: Sequence[Block]) -> FoundDate | None:
    """The first date of the first paragraphs, else of the headline, that is not of some other year."""
    texts = [block.text[:_DATELINE_REACH] for block in body[:_BODY_BLOCKS]] + ([title] if title else [])
    for text in texts:
        for found in find_dates(text):
            relative = _RELATIVE_YEAR.search(text, max(0, found.start - 12), found.start)
            if found.year is not None or relative is None:
                return found
    return None


def _sign_off(body: Sequence[Block]) -> tuple[date | None, str | None]:
    """The date that signs a document, in one of its last lines by itself."""
    for block in reversed(body[-2:]):
        if len(block.text) <= _SIGN_OFF_CHARS:
            for found in find_dates(block.text):
                day = found.as_date()
                if day is not None and count_tokens(block.text[found.end :]) <= 1:
                    return day, found.text
    return None, None


def _year(
    found: FoundDate, own: int | None, whole: int | None, published: int | None, body: Sequence[Block]
) -> int | None:
    """The year of a date without one: the story's own, the document's, that of the publication.

    A year that would put the day after the publication is not believed.
    """
    for year in (own, whole):
        if year is not None and (published is None or year <= published):
            return year
    return published if published is not None else _only_year(" ".join(block.text for block in body)[:_WHOLE])


def _published_year(found: FoundDate, metadata: Metadata) -> int | None:
    """The year of the last such day before the publication (one day of slack for zones)."""
    if metadata.published_at is None:
        return None
    published = metadata.published_at.date()
    day = found.as_date(published.year)
    ahead = day is not None and (day - published).days > 1
    return published.year - 1 if ahead else published.year


@dataclass(frozen=True, slots=True)
class _Years:
    """The years that a block states: of document numbers, numbers of conferences, years of full dates."""

    numbers: tuple[int, ...] = ()
    conferences: tuple[int, ...] = ()
    dates: tuple[int, ...] = ()


def _stated_years(text: str) -> _Years:
    """What a block's text states; a cheap look first, for most blocks state nothing."""
    text = text[:_WHOLE]
    if not _ANY_YEAR.search(text):
        return _NO_YEARS
    numbers = (int(match[1]) for match in _DOCUMENT_NUMBER.finditer(text))
    return _Years(
        tuple(number for number in numbers if MIN_YEAR <= number <= MAX_YEAR),
        tuple(int(match[1]) for match in _COP.finditer(text)),
        tuple(found.year for found in find_dates(text) if found.year is not None),
    )


def _headed_year(texts: Iterable[str]) -> int | None:
    """The year of the first heading that gives it with a month or a range of days: 2024年5月, 2024.05.13-05.17.

    >>> _headed_year(["一周要闻（2024.05.13-05.17）"]), _headed_year(["News of May 2024"]), _headed_year(["2024 in brief"])
    (2024, 2024, None)
    """
    found = (_HEADED.search(text) for text in texts if len(text) <= _HEADING_CHARS)
    return next((int(match[1] or match[3]) for match in found if match), None)


def _best_year(stated: Iterable[_Years], headed: int | None = None) -> int | None:
    """The year that blocks state: of a document number, of the conference they name most, of a heading, of the first full date."""
    blocks = list(stated)
    numbers = [number for one in blocks for number in one.numbers]
    if numbers:
        return numbers[0]
    conferences = Counter(number for one in blocks for number in one.conferences)
    if conferences:
        return conference_year(conferences.most_common(1)[0][0])
    return headed if headed is not None else next((year for one in blocks for year in one.dates), None)


def conference_year(number: int) -> int | None:
    """The year of the climate conference COPn, None if there is no such number.

    >>> conference_year(21), conference_year(26), conference_year(27)
    (2015, 2021, 2022)
    """
    if not 1 <= number <= _COP_LAST:
        return None
    return _COP_BASE + number + (1 if number >= _COP_POSTPONED else 0)


def _only_year(text: str) -> int | None:
    """The one year that a text names, None if it names several."""
    years = {int(digits[0]) for digits in _YEAR_DIGITS.finditer(text) if _YEAR.match(text, digits.start())}
    return years.pop() if len(years) == 1 else None


_NO_YEARS = _Years()


# Whether a text was cut off: its last paragraph ends in mid-sentence.
#
# Headings, list items, signatures, dates and marks such as （完） end without a full stop and are not cut off; the
# tables below say what such lines look like.

#: A shorter last line is a signature, a caption or a leftover heading, in tokens (a CJK character is one).
MIN_TOKENS = 10
#: Beginnings of lines that end a text and are no sentence: credits, contacts, notes, pointers.
_SIGN_OFF = re.compile(
    r"\W{0,3}(?:来源|作者|记者|编辑|责编|责任编辑|原标题|原文|注|附件?|附录|联系|电话|传真|地址|邮编|邮箱|网址|抄送|主题词|相关|参考|延伸阅读"
    r"|Source|By |Author|Editor|Contact|Tel|Phone|Fax|E-?mail|Notes?|Photo|Image|Annex|Attachment|Reference|Read more|Related"
    r"|See also|Via\b|Translated|Written|Reporting by|Editing by)",
    re.IGNORECASE,
)
#: Ends of such lines: （完）, credits in brackets, addresses, tables.
_SIGN_OFF_END = re.compile(
    r"[（(【\[](?:完|全文完|待续|本文完|[^（）()]{0,30}(?:记者|报道|编辑|供稿|作者|来源|图|文|摄|通讯员))|https?://|@[a-z0-9-]{1,40}\.|[|｜]"
)
#: A whole sentence with a credit behind it: "…。（某某局）", "…world.” — Jane Doe, writer".
_CREDITED = re.compile(
    r"[.!?。！？][\"”’」]?\s?(?:[（(【\[][^（）()]{1,60}[)）】\]]|[—–-]{1,2}\s?[^.!?。！？]{2,80})\Z"
)
_END_REACH = 120  # characters from the end in which one stands
_LIST_START = re.compile(
    r"\W{0,2}(?:[•·●○◆■□▪*→–-]|[（(]?(?:\d{1,3}|[一二三四五六七八九十]{1,3}|[a-zA-Z])[.、．)）])\s?"
)
#: Signs after which a sentence cannot end: a comma, an open bracket, a hyphen.
_OPEN_END = re.compile(r"[,，、(（\[“‘《<&/—–-]\s*\Z|[a-z]-\Z")
#: Words after which an English sentence cannot end.
_OPEN_WORD = re.compile(
    r"\b(?:the|a|an|of|to|and|or|in|on|at|for|with|by|from|as|that|which|is|are|was|were|be|been|will|would|has|have|had|its|their"
    r"|into|than|but|if|this|these)\s*\Z"
)
_SENTENCE_INSIDE = re.compile(r"[。！？]|[.!?][\"”’]?\s[A-Z]")
_CODE = re.compile(r"[{}<>\\=$]|;\s*\Z")


def is_truncated(blocks: Sequence[Block]) -> bool:
    """Whether the last of a section's body blocks stops before its sentence does.

    >>> from pipeline.types import Block, BlockKind
    >>> text = "It is necessary to strengthen the awareness of corporate social responsibility and of the"
    >>> is_truncated([Block(0, text, BlockKind.PARAGRAPH, 0, len(text))])
    True
    """
    last = blocks[-1] if blocks else None
    if last is None or last.kind not in (BlockKind.PARAGRAPH, BlockKind.QUOTE):
        return False
    text = last.text.rstrip()
    if ends_sentence(text) or text.endswith((":", "：", *CLAUSE_ENDS)):
        return False
    if _OPEN_END.search(text, max(0, len(text) - 4)) and count_tokens(text) >= MIN_TOKENS:
        return True
    if count_tokens(text) < MIN_TOKENS or _SIGN_OFF.match(text) or _LIST_START.match(text) or _CODE.search(text):
        return False
    reach = max(0, len(text) - _END_REACH)
    if _SIGN_OFF_END.search(text, reach) or _CREDITED.search(text, reach):
        return False
    return not _is_signature(text) and _continues_prose(text, blocks[:-1])


def _is_signature(text: str) -> bool:
    """Whether a line is a name, an office or a date that signs a document."""
    dates = find_dates(text[-60:])
    return bool(dates) and len(text) <= 80 and len(text[-60:]) - dates[-1].end <= 3


def _continues_prose(text: str, before: Sequence[Block]) -> bool:
    """Whether the line is a sentence at all: it has one inside, hangs on a small word, or its neighbours are prose."""
    if _OPEN_WORD.search(text, max(0, len(text) - 12)):
        return True
    if _SENTENCE_INSIDE.search(text) or count_tokens(text) >= 40:
        return True
    if has_cjk(text):
        return "，" in text or "、" in text[-20:]
    words = text.split()
    lower = sum(word[:1].islower() for word in words)
    prose = [block for block in before if count_tokens(block.text) >= 8]
    ended = sum(ends_sentence(block.text) for block in prose)
    return 2 * lower >= len(words) and 2 * ended >= len(prose) > 0
