"""Source-and-date lines: 文章来源：…2024-09-11 08:46, By NAME, 发布时间：…, Published on ….

Every key is a line of a table. To teach a key, add its words to the table of what it introduces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.dates import FoundDate, find_dates
from pipeline.headings import has_cjk
from pipeline.metadata.page_data import clean_name

MAX_LINE = 240  # characters: a source line is no paragraph

_COLON = r"\s{0,3}[:：]\s{0,3}"
#: Who published it first.
_SOURCE = re.compile(
    rf"(?:(?:文章|稿件|信息|新闻|本文|内容|资料|消息|文稿)?(?:来\s?源|來\s?源)(?:于|自)?{_COLON}|稿\s?源{_COLON}|"
    rf"(?:转载?自|转自|摘自|来自|出处|供稿单位){_COLON}|"
    rf"\b(?:Source|Sources|Originally published (?:by|at|in)|Reposted from|Via){_COLON})",
    re.IGNORECASE,
)
#: Who wrote it; editors, proof-readers and photographers are not authors.
_AUTHOR = re.compile(
    rf"(?<!原)(?:作\s?者|撰\s?文|撰\s?稿|(?<!责任)记\s?者|通讯员|供稿人?|文字){_COLON}|(?:\A|\s)文\s?[/／丨|]\s?|"
    rf"(?:\A|[\s|｜])(?:本报|本网|新华社|中新社)?记者\s(?=[\u4e00-\u9fff])|\b(?:Author|Authors|Written by|Reporter|Correspondent){_COLON}"
)
_BYLINE = re.compile(r"(?:\A|[|·]\s?)(?:Words |Written |Posted |Report |Story )?[Bb][Yy] (?=[^\W\d_a-z])")
_BY_NAME = re.compile(r"(?:(?:[^\W\d_a-z][\w.'’-]{0,30}|and|de|la|van|von|der|bin|al|&),?[ ]?){1,10}")
#: When it was published; the words of _UPDATED say when it was changed, of _OTHER_DATE what else a date may be.
_PUBLISHED = re.compile(
    r"发布(?:时间|日期|于)|发表(?:时间|日期|于)|发稿时间|刊发时间|發[布表](?:時間|日期|於)|公布日期|上网时间|(?:添加|录入|创建)(?:时间|日期)|"
    r"(?:\A|[\s|【\[])(?:时间|日期|時間)\s{0,2}[:：]|\b(?:Published|Posted|Publish (?:time|date)|Publication date|Released|Release date|"
    r"Post date|First published|Date published|Issued|Pub(?:lish)?Date)\b|(?:\A|[\s|])(?:Date|Time)\s{0,2}[:：]",
    re.IGNORECASE,
)
_UPDATED = re.compile(
    r"更新(?:时间|日期|于)?|修改时间|最后编辑|更新時間|\b(?:Last )?(?:Updated|Modified|Revised|Edited)\b", re.IGNORECASE
)
_OTHER_DATE = re.compile(
    r"今天是|今日是|现在是|当前时间|today is|截止|截至|报名|会议时间|活动时间|举办|开幕|有效期|实施日期|生效|施行|到期|开标|"
    r"deadline|expires|valid until|effective|copyright|©|版权|备案|register by",
    re.IGNORECASE,
)
#: Where a value ends: the next key, or a separator.
_NEXT = re.compile(
    r"[|｜;；\t\u3000]|分享到?|收藏|\s[-–—/]\s|\s{2,}|[\[【（(]\s?(?:字体|字号|打印|大\s?中\s?小)|(?:作\s?者|责任编辑|责编|编\s?辑|编\s?审|审\s?核|校\s?对|记\s?者|"
    r"通讯员|(?:发布|发表|发稿|刊发|更新|添加|录入|创建|上网|上传|修改)(?:时\s?间|日\s?期)?|时\s?间|日\s?期|字\s?号|字\s?体|点\s?击|浏\s?览|阅\s?读|访\s?问|人气|分\s?享|打\s?印|关\s?闭|来\s?源|稿\s?源|摄影|次数)"
    r"\s{0,3}[:：【\[(（\s]|\b(?:Author|Editor|Date|Time|Views?|Hits|Share|Print|Published|Posted|Updated|Source|Font)\b\s{0,2}:?",
    re.IGNORECASE,
)
_NAME_ZH = re.compile(r"[\u3400-\u9fff·]{2,12}(?:[、,，/ ][\u3400-\u9fff·]{2,5}){0,5}")
_SOURCE_ZH = re.compile(r"[^\s|｜,，;；]{1,60}")
_NOISE = re.compile(
    r"[\s\W_]+|\b(?:on|at|by|views?|reads?)\b|浏览|阅读|次|点击|字号|来源|大|中|小|打印|\d+", re.IGNORECASE
)


_ANY = re.compile(r"[:：/／|｜丨\d]|记者|[Bb]y ")  # a cheap look: every key has one of these, and every date


@dataclass(frozen=True, slots=True)
class SourceLine:
    """What one line says of its document's origin. None where it says nothing."""

    source: str | None
    author: str | None
    date: FoundDate | None
    strength: int  # of the date: 4 a publication key, 3 a source line, 2 little but a date, 1 an update key, 0 none


_NOTHING = SourceLine(None, None, None, 0)


def read_source_line(text: str) -> SourceLine:
    """The source, author and publication date that a line names.

    >>> line = read_source_line("文章来源:生态环境部碳交易网2024-09-11 08:46")
    >>> line.source, line.date.text, line.strength
    ('生态环境部碳交易网', '2024-09-11 08:46', 3)
    """
    text = text[:MAX_LINE]
    if not _ANY.search(text):
        return _NOTHING
    dates = find_dates(text)
    source, author = _source(text, dates), _author(text, dates)
    date, strength = _publication(text, dates, sourced=source is not None or author is not None)
    return SourceLine(source, author, date, strength)


def _publication(text: str, dates: tuple[FoundDate, ...], *, sourced: bool) -> tuple[FoundDate | None, int]:
    """The date of publication in a line and how plainly the line says so."""
    dated = [found for found in dates if found.year is not None]
    if not dated or _OTHER_DATE.search(text):
        return None, 0
    key = _PUBLISHED.search(text)
    if key:
        after = next((found for found in dated if found.start >= key.end() - 1), dated[0])
        return after, 4
    updated = _UPDATED.search(text)
    if updated and dated[0].start >= updated.start():
        return dated[0], 1
    if sourced:
        return dated[0], 3
    rest = "".join(text[: dated[0].start] + text[dated[0].end :])
    left = len(_NOISE.sub("", rest))
    return (dated[0], 2) if left <= max(12, dated[0].end - dated[0].start) else (None, 0)


def _value(text: str, start: int, dates: tuple[FoundDate, ...]) -> str:
    """The text from ``start`` to the next key, separator or date."""
    end = min((found.start for found in dates if found.start >= start), default=len(text))
    following = _NEXT.search(text, start + 1)
    return text[start : min(end, following.start()) if following else end].strip()


def _source(text: str, dates: tuple[FoundDate, ...]) -> str | None:
    """The name after a source key; a Chinese one ends at a space."""
    key = _SOURCE.search(text)
    if key is None:
        return None
    value = _value(text, key.end(), dates)
    first = _SOURCE_ZH.match(value)
    if first and has_cjk(first[0]):
        value = first[0]
    return clean_name(value)


def _author(text: str, dates: tuple[FoundDate, ...]) -> str | None:
    """The name or names after an author key or in a byline."""
    key = _AUTHOR.search(text)
    if key is not None:
        value = _value(text, key.end(), dates)
        chinese = _NAME_ZH.match(value)
        return clean_name(chinese[0] if chinese else value)
    byline = _BYLINE.search(text)
    if byline is None:
        return None
    name = _BY_NAME.match(_value(text, byline.end(), dates))
    return clean_name(re.sub(r"(?:[\s,]+(?:and|&))?[\s,]*\Z", "", name[0])) if name else None
