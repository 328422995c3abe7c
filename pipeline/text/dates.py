"""Dates in running text and in page metadata, in English, Chinese and the commonest other languages of the web.

``find_dates`` reads text, ``parse_timestamp`` a metadata value. The written forms are the tables of
``pipeline.text.dates``; add one there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import chain

# The written forms of dates and times of day, as tables of patterns for ``pipeline.text.dates``.
#
# To add a form, add a line to ``FORMS``: a pattern whose named groups are ``y`` (``zy`` in Chinese digits), ``m``
# (``mon`` an English name, ``zm``) and ``d`` (``zd``). Times, zones, validation and overlaps are done for every form
# alike. Every repeat is bounded, so the cost is linear in the length of the text. ``\d`` is any decimal digit:
# full-width digits are common in Chinese text.

#: Minutes east of UTC by abbreviation. CST is left out: it is American or Chinese.
ZONES = {
    "Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "BST": 60, "CET": 60, "CEST": 120, "MSK": 180, "HKT": 480, "SGT": 480,
    "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420,
    "MDT": -360, "PST": -480, "PDT": -420, "北京时间": 480, "北京時間": 480,
}  # fmt: skip

MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}

#: Months of other languages, in small letters, as they stand between a day and a year; by language, from January on.
_OTHER_MONTHS = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jänner feber mrz apr mai jun jul aug sept okt nov dez",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "januari februari mars april maj juni juli augusti september oktober november december",
    "januar februar marts april maj juni juli august september oktober november december",
    "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ledna února března dubna května června července srpna září října listopadu prosince",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "januari februari maret april mei juni juli agustus september oktober november desember",
    "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "jan fev mar abr mai jun jul ago set out nov dez",
)
OTHER_MONTHS = {
    name: number for names in _OTHER_MONTHS for number, name in enumerate(names.split(), start=1)
} | {f"{name}": number for name, number in MONTHS.items()}  # fmt: skip

NUMERALS = {
    sign: value
    for value, signs in enumerate(("〇零○Ｏ", "一", "二", "三", "四", "五", "六", "七", "八", "九"))
    for sign in signs
}

_NAMES = (
    "Jan(?:uary)?", "Feb(?:ruary)?", "Mar(?:ch)?", "Apr(?:il)?", "May", "June?", "July?", "Aug(?:ust)?",
    "Sep(?:t(?:ember)?)?", "Oct(?:ober)?", "Nov(?:ember)?", "Dec(?:ember)?",
)  # fmt: skip
#: Months begin with a capital: "may 5" is no date. All capitals are fine.
_ANY_MONTH = "(?:" + "|".join([*_NAMES, *(re.sub("[a-z]+", lambda m: m[0].upper(), n) for n in _NAMES)]) + ")"
_LATIN = r"A-Za-zÀ-ɏ"
_MONTH = rf"(?P<mon>{_ANY_MONTH})(?![{_LATIN}])\.?"
_S = r"[\s\u00a0]{1,3}"  # space that must be there
_Z = r"[\s\u00a0]{0,2}"  # space that may be
_TH = r"(?:st|nd|rd|th|ST|ND|RD|TH)?"
_TO = rf"{_Z}(?:-|–|—|~|/|to|and|&|through|until){_Z}"
_NO_MONEY = r"(?<![\d.\-/_#$€£¥￥])"

_PATTERNS = {
    # 2024-09-11, 2024/9/11, 2024.09.11; not 2024.9.11.3, 400-2024-11-22
    "year-first": _NO_MONEY + r"(?P<y>\d{4})(?P<sep>[-/.．－])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})"
    r"(?!\d|[_A-SU-Za-z]|[.\-/]\d)",
    # 25.12.2024, 12/25/2024, 25-12-2024: which of a and b is the month, dates._month_and_day says
    "year-last": _NO_MONEY + r"(?P<a>\d{1,2})(?P<sep>[/.-])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4})"
    r"(?!\d|[_A-Za-z]|[.\-/]\d)",
    # 2024년 3월 5일
    "korean": r"(?<!\d)(?P<y>\d{4})년[ ]?(?P<m>\d{1,2})월[ ]?(?P<d>\d{1,2})일",
    # 5 mars 2024, 5. März 2024, 5 de marzo de 2024, 1er mai 2024
    "other-month": rf"(?<![{_LATIN}\d_.,$€£¥:/-])(?P<d>\d{{1,2}})(?:\.|er|º|°)?[ \u00a0]{{1,2}}(?:de[ ]|d['’])?"
    rf"(?P<omon>[^\W\d_]{{3,14}})\.?,?[ \u00a0]{{1,2}}(?:del?[ ])?(?P<y>\d{{4}})(?![\d%]|,\d)",
    # 09-11 08:46: without a year only beside a time of day
    "no-year": r"(?<![\d.\-/:_])(?P<m>[01]\d)(?P<sep>[-/])(?P<d>[0-3]\d)(?=[ \u00a0]{1,3}[0-2]?\d[:：][0-5]\d(?!\d))",
    # 2024年9月11日, 9月11日, 9月4日至6日, 9月4-6日, 24年9月11号, 民国113年9月11日
    "chinese": rf"(?:(?<!\d)(?P<roc>民[国國])?(?P<y>\d{{2,4}}){_Z}年{_Z})?(?<!\d)(?P<m>\d{{1,2}}){_Z}月{_Z}(?P<d>\d{{1,2}})"
    rf"(?:{_Z}[日号號]|(?={_Z}[-–—－~～至到]{_Z}(?:\d{{1,2}}{_Z}月{_Z})?\d{{1,2}}{_Z}[日号號]))",
    # 二〇二四年九月十一日
    "chinese-numerals": r"(?:(?P<zy>[〇零○Ｏ一二三四五六七八九]{4})年)?(?<!十)(?P<zm>十[一二]?|[一二三四五六七八九])月"
    r"(?P<zd>[二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?|卅一?|[一二三四五六七八九])[日号號]",
    # November 7, 2022; Nov. 7th; September 4-6, 2024; September 30 to October 2, 2024
    "month-day": rf"(?<![{_LATIN}]){_MONTH}{_Z}(?P<d>\d{{1,2}}){_TH}(?![\d%:]|[.,]\d\d?(?!\d))"
    rf"(?:{_TO}(?:{_ANY_MONTH}\.?{_S})?\d{{1,2}}{_TH}(?![\d:]))?(?:(?:,{_Z}|{_S})(?P<y>\d{{4}})(?![\d%]|,\d))?",
    # 7 November 2022, 7th of Nov., 11-Sep-2024, 7-11 November 2022
    "day-month": rf"(?<![{_LATIN}\d_.,$€£¥:-])(?P<d>\d{{1,2}}){_TH}(?:{_TO}\d{{1,2}}{_TH})?(?:{_S}|-)(?:of{_S})?{_MONTH}"
    rf"(?:(?:,?{_S}|-)(?P<y>\d{{4}})(?![\d%]|,\d))?",
    # 2024 September 11, 2024-Sep-11
    "year-month-day": rf"(?<![{_LATIN}\d_.,-])(?P<y>\d{{4}})(?:,?{_S}|-){_MONTH}(?:{_S}|-)?(?P<d>\d{{1,2}})(?!\d)",
}

#: (words one of which a text must have to be searched at all, pattern)
_DIGIT_FORMS = ("year-first", "year-last", "no-year")
_ENGLISH_FORMS = ("month-day", "day-month", "year-month-day")
FORMS = {name: re.compile(pattern) for name, pattern in _PATTERNS.items()}

#: Which forms a text can hold at all: a cheap look before the patterns are run.
HINTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"\d[-/.．－]\d\d?[-/.．－ \u00a0]"), _DIGIT_FORMS),
    (re.compile(r"月"), ("chinese", "chinese-numerals")),
    (re.compile(r"\d월"), ("korean",)),
    (re.compile(r"\d(?:\.|er|º|°)?[ \u00a0]{1,2}(?:de[ ]|d['’])?[^\W\d_]{3,14}\.?,?[ \u00a0]{1,2}(?:del?[ ])?[12]\d{3}"),
     ("other-month",)),
    (re.compile(r"Jan|Feb|Mar|Apr|May|Ju[nl]|Aug|Sep|Oct|Nov|Dec|J[AU][NL]|FEB|MA[RY]|A[PU][RG]|SEP|OCT|NOV|DEC"),
     _ENGLISH_FORMS),
)  # fmt: skip

_WEEKDAY = r"(?:Mon|Tue(?:s)?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?(?![a-z])"
_ZONE = (
    r"(?:[ \u00a0]{0,2}(?:(?:GMT|UTC)?[ ]?(?P<sign>[+\-−])(?P<zh>\d{1,2})(?::?(?P<zmin>\d{2}))?(?!\d)"
    r"|[(（]?(?P<zone>Z|[A-Z]{2,4}|北京[时時][间間])(?![A-Za-z\d])))?"
)
_HALF = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|晚间|晚間|午前|午後|오전|오후"
_AM_PM = r"(?:[ \u00a0]?(?P<apm>[AaPp]\.?[Mm](?![A-Za-z])\.?))?"

#: A time of day right after a date.
TIME_AFTER = re.compile(
    rf"(?:[\s\u00a0]{{0,2}}[(（]?(?:星期|周|週|礼拜|禮拜)[一二三四五六日天][)）]?)?(?:,?[\s\u00a0]{{0,2}}{_WEEKDAY})?"
    r"(?:T|[\s\u00a0,，.|·-]{0,4})(?:(?:at|à|um|a las|alle|ore|alle ore|às|kl\.?|klo|om)[ ]|(?P<beijing>北京[时時][间間])[ ]?)?"
    rf"(?P<half>{_HALF})?[ ]?(?P<H>\d{{1,2}})"
    r"(?:[:：](?P<M>\d{2})(?:[:：](?P<S>\d{2})(?:[.,]\d{1,9})?)?"
    r"|[ ]?[hH][ ]?(?P<M3>\d{2})|[时時点點시](?:[ ]?(?P<M2>\d{1,2})[分분])?(?:[ ]?(?P<S2>\d{1,2})[秒초])?"
    r"|(?=[ ]?[AaPp]\.?[Mm]))(?![\d:])" + _AM_PM + _ZONE
)
#: A time of day right before a date: "08:46, Wednesday 11 September 2024". Searched in the characters before it.
TIME_BEFORE = re.compile(
    r"(?<![\d:.])(?P<H>\d{1,2})[:：](?P<M>\d{2})(?:[:：](?P<S>\d{2}))?"
    + _AM_PM
    + _ZONE
    + rf"[\s\u00a0,|·]{{0,3}}(?:on[ ])?(?:{_WEEKDAY},?[ ])?\Z"
)
#: What makes "2024.9.11" after it a version or an address.
VERSION_BEFORE = re.compile(r"(?:[Vv]|[Vv]er(?:sion)?\.?[ :]?|版本(?:号)?[ :：]?|IP[ :：]?|[A-Za-z]\.)\Z")
AFTERNOON = frozenset({"下午", "傍晚", "晚上", "晚间", "晚間", "午後", "오후", "p"})


#: Longest metadata value that is looked at, in characters. The longest real ones have about 60.
MAX_TIMESTAMP_LENGTH = 200
#: Years that a date in text may have; outside it is a number that looks like a year.
MIN_YEAR, MAX_YEAR = 1800, 2100
#: First and last second of an epoch in a metadata value: the years 1990 to 2100.
_MIN_EPOCH, _MAX_EPOCH = 631_152_000, 4_102_444_800
_TIME_BEFORE_REACH = 48  # characters: the longest "08:46:00 p.m. GMT+08:00 on Wednesday, "
_MAX_OFFSET = 14 * 60  # minutes, https://www.rfc-editor.org/rfc/rfc9557 calls no greater one in use
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2})(\d{2})(\d{2})?)?\Z")


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date as a text writes it. ``year`` is None where the text leaves it out; offsets count code points."""

    year: int | None
    month: int
    day: int
    hour: int | None
    minute: int | None
    second: int | None
    offset: int | None  # minutes east of UTC
    start: int
    end: int
    text: str  # the words it was read from

    def as_date(self, default_year: int | None = None) -> date | None:
        """The calendar day; None if its year is unknown or has no such day (29 February).

        >>> find_dates("On November 7, the ministry")[0].as_date(2022)
        datetime.date(2022, 11, 7)
        """
        year = self.year if self.year is not None else default_year
        if year is None:
            return None
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return None

    def as_datetime(
        self, default_year: int | None = None, *, default_offset_minutes: int | None = None
    ) -> datetime | None:
        """The moment, at midnight where no time is given; naive if neither the text nor the default has a zone."""
        day = self.as_date(default_year)
        if day is None:
            return None
        offset = self.offset if self.offset is not None else default_offset_minutes
        zone = None if offset is None else timezone(timedelta(minutes=offset))
        time = (self.hour or 0, self.minute or 0, self.second or 0)
        return datetime(day.year, day.month, day.day, *time, tzinfo=zone)


def find_dates(text: str, *, day_first: bool = False) -> tuple[FoundDate, ...]:
    """The dates in a text, in order and without overlap, each with the time of day and the zone beside it.

    A day and a month are needed: "2024年9月" and "September 2024" are no dates. 09/11/2024 is read month first
    (as CLDR writes American dates) unless that is no month or ``day_first``; 11.09.2024 and 11-09-2024 day first.

    >>> [found.text for found in find_dates("来源:碳交易网2024-09-11 08:46")]
    ['2024-09-11 08:46']
    """
    forms = chain.from_iterable(names for hint, names in HINTS if hint.search(text))
    matches = chain.from_iterable(FORMS[name].finditer(text) for name in forms)
    found: list[FoundDate] = []
    for match in sorted(matches, key=lambda m: (m.start(), -m.end())):
        if not found or match.start() >= found[-1].end:
            found.extend(_read(text, match, since=found[-1].end if found else 0, day_first=day_first))
    return tuple(found)


_BY_SLASHES = re.compile(r"(?<![\d./])(\d{1,2})/(\d{1,2})/\d{4}(?![\d/])")


def writes_day_first(text: str) -> bool | None:
    """Whether the dates of a text with slashes have the day first; None where none of them tells, or they disagree.

    >>> writes_day_first("17/03/2024, 05/03/2024"), writes_day_first("03/17/2024"), writes_day_first("03/05/2024")
    (True, False, None)
    """
    pairs = [(int(first), int(second)) for first, second in _BY_SLASHES.findall(text)]
    day_first = any(first > 12 >= second for first, second in pairs)
    month_first = any(second > 12 >= first for first, second in pairs)
    return None if day_first == month_first else day_first


def parse_timestamp(text: str, *, default_offset_minutes: int | None, day_first: bool = False) -> datetime | None:
    """A metadata value as a moment: ISO 8601, epoch seconds or milliseconds, a written form, RFC 2822, or None.

    Args:
        text: the value, of any length; only the first ``MAX_TIMESTAMP_LENGTH`` characters are read.
        default_offset_minutes: zone of a value without one, minutes east of UTC. With None it stays naive.
        day_first: whether 05/03/2024 is in March.
    """
    value = text[:MAX_TIMESTAMP_LENGTH].strip()
    if not any(sign.isdecimal() for sign in value):
        return None
    moment = _iso(value) or _epoch(value) or _written(value, day_first) or _dateutil(value, day_first)
    if moment is None or not MIN_YEAR <= moment.year <= MAX_YEAR:
        return None
    if moment.tzinfo is None and default_offset_minutes is not None:
        return moment.replace(tzinfo=timezone(timedelta(minutes=default_offset_minutes)))
    return moment


_SECONDS = re.compile(
    r"\d[:：]\d\d[:：]\d\d|\d[秒초]|(?<!\d)\d{10}(?:\d{3}){0,3}(?:\.\d+)?\Z|(?<!\d)\d{8}T?\d{6}(?!\d)"
)


def precision_of(value: str, moment: datetime) -> str:
    """How exactly a metadata value says its moment: "day" (midnight says no more), "minute" or "second".

    >>> precision_of("2024-03-05", datetime(2024, 3, 5)), precision_of("2024-03-05 08:30", datetime(2024, 3, 5, 8, 30))
    ('day', 'minute')
    """
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return "day"
    return "second" if _SECONDS.search(value.strip()[:MAX_TIMESTAMP_LENGTH]) else "minute"


def _read(text: str, match: re.Match[str], *, since: int, day_first: bool) -> Iterator[FoundDate]:
    """The date of a match, unless it is a version, an address or no day of the calendar."""
    groups = match.groupdict()
    year = _year(groups)
    month, day = _month_and_day(groups, day_first=day_first)
    if year is not None and not MIN_YEAR <= year <= MAX_YEAR:
        return
    try:
        date(2000 if year is None else year, month, day)
    except ValueError:
        return
    if groups.get("sep") and VERSION_BEFORE.search(text, max(0, match.start() - 10), match.start()):
        return
    start, end = match.span()
    time = TIME_AFTER.match(text, end)
    clock = _clock(time) if time else None
    if time and clock:
        end = time.end()
    else:
        time = TIME_BEFORE.search(text, max(since, start - _TIME_BEFORE_REACH), start)
        clock = _clock(time) if time else None
        if time and clock:
            start = time.start()
    hour, minute, second = clock or (None, None, None)
    offset = _offset(time.groupdict()) if time and clock else None
    if time and clock and time["zone"] and offset is None and end == time.end():
        end = time.start("zone")  # letters that are no zone we know belong to the text
    span = text[start:end].rstrip(" \u00a0(（")
    yield FoundDate(year, month, day, hour, minute, second, offset, start, start + len(span), span)


def _year(groups: dict[str, str | None]) -> int | None:
    """The year of a match's groups; two digits are 1950 to 2049."""
    if numerals := groups.get("zy"):
        return int("".join(str(NUMERALS[sign]) for sign in numerals))
    digits = groups.get("y")
    if not digits:
        return None
    if groups.get("roc"):
        return 1911 + int(digits)
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year


def _month_and_day(groups: dict[str, str | None], *, day_first: bool) -> tuple[int, int]:
    """Month and day of a match's groups, not checked against the calendar."""
    if name := groups.get("omon"):
        return OTHER_MONTHS.get(name.lower(), 0), int(groups["d"] or 0)
    if name := groups.get("mon"):
        return MONTHS[name[:3].lower()], int(groups["d"] or 0)
    if numeral := groups.get("zm"):
        return _numeral(numeral), _numeral(groups["zd"] or "")
    if groups.get("a"):
        first, second = int(groups["a"] or 0), int(groups["b"] or 0)
        is_day_first = first > 12 or (second <= 12 and (day_first or groups["sep"] != "/"))
        return (second, first) if is_day_first else (first, second)
    return int(groups["m"] or 0), int(groups["d"] or 0)


def _numeral(text: str) -> int:
    """A Chinese numeral below 40.

    >>> _numeral("二十一"), _numeral("十"), _numeral("廿三")
    (21, 10, 23)
    """
    text = text.replace("廿", "二十").replace("卅", "三十")
    tens, ten, ones = text.rpartition("十")
    return (NUMERALS.get(tens, 1) * 10 if ten else 0) + NUMERALS.get(ones, 0)


def _clock(match: re.Match[str]) -> tuple[int, int, int] | None:
    """Hour, minute and second of a time match; None if there is no such time."""
    groups = match.groupdict()
    hour = int(groups["H"])
    minute = int(groups["M"] or groups.get("M2") or groups.get("M3") or 0)
    second = min(59, int(groups["S"] or groups.get("S2") or 0))  # a leap second is the one before
    half = groups.get("half") or (groups.get("apm") or "")[:1].lower()
    if half in AFTERNOON and hour < 12:
        hour += 12
    elif half == "a" and hour == 12:
        hour = 0
    if hour == 24 and minute == second == 0:
        hour = 0
    return (hour, minute, second) if hour < 24 and minute < 60 else None


def _offset(groups: dict[str, str | None]) -> int | None:
    """Minutes east of UTC of a time match's zone."""
    if groups.get("beijing"):
        return 480
    if groups["sign"]:
        minutes = int(groups["zh"] or 0) * 60 + int(groups["zmin"] or 0)
        if minutes > _MAX_OFFSET:
            return None
        return minutes if groups["sign"] == "+" else -minutes
    return ZONES.get(groups["zone"] or "")


def _iso(value: str) -> datetime | None:
    """ISO 8601 as Python reads it, with a comma of fractions and a space for the T."""
    if compact := _COMPACT.match(value):
        year, month, day, hour, minute, second = (int(part or 0) for part in compact.groups())
        try:
            return datetime(year, month, day, hour, minute, second)
        except ValueError:
            return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _epoch(value: str) -> datetime | None:
    """Seconds (10 digits, with a fraction or without), or 13, 16 or 19 digits of their parts, since 1970."""
    value = re.sub(r"(?<=\A\d{10})\.\d{0,9}\Z", "", value)
    if not (value.isascii() and value.isdigit() and len(value) in (10, 13, 16, 19)):
        return None
    seconds = int(value[:10])
    return datetime.fromtimestamp(seconds, tz=UTC) if _MIN_EPOCH <= seconds <= _MAX_EPOCH else None


def _written(value: str, day_first: bool) -> datetime | None:
    """The first date of a value that has a year."""
    found = find_dates(value, day_first=day_first)
    return next((one.as_datetime() for one in found if one.year is not None), None)


def _dateutil(value: str, day_first: bool) -> datetime | None:
    """Whatever else python-dateutil reads, if it reads year, month and day out of the value itself."""
    from dateutil import parser  # a hundredth of a second, for the few values that nothing above reads

    moments = []
    for default in (datetime(2001, 1, 1), datetime(2002, 2, 2)):
        try:
            moments.append(parser.parse(value, default=default, tzinfos=_tzinfo, dayfirst=day_first))
        except (ValueError, OverflowError, TypeError, AttributeError):
            return None  # dateutil raises any of these on odd input
    return moments[0] if moments[0] == moments[1] else None


def _tzinfo(name: str | None, seconds: int | None) -> timezone | None:
    """Zones for dateutil: ours by name, never the machine's own."""
    if seconds is None and name in ZONES:
        seconds = ZONES[name] * 60
    return None if seconds is None else timezone(timedelta(seconds=seconds))
