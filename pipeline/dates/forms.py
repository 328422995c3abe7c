r"""The written forms of dates and times of day, as tables of patterns for ``pipeline.dates``.

To add a form, add a line to ``FORMS``: a pattern whose named groups are ``y`` (``zy`` in Chinese digits), ``m``
(``mon`` an English name, ``zm``) and ``d`` (``zd``). Times, zones, validation and overlaps are done for every form
alike. Every repeat is bounded, so the cost is linear in the length of the text. ``\d`` is any decimal digit:
full-width digits are common in Chinese text.
"""

from __future__ import annotations

import re

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
    # 25.12.2024, 12/25/2024: which of a and b is the month, dates._month_and_day says
    "year-last": _NO_MONEY + r"(?P<a>\d{1,2})(?P<sep>[/.])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4})"
    r"(?!\d|[_A-Za-z]|[.\-/]\d)",
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
    (re.compile(r"Jan|Feb|Mar|Apr|May|Ju[nl]|Aug|Sep|Oct|Nov|Dec|J[AU][NL]|FEB|MA[RY]|A[PU][RG]|SEP|OCT|NOV|DEC"),
     _ENGLISH_FORMS),
)  # fmt: skip

_WEEKDAY = r"(?:Mon|Tue(?:s)?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?(?![a-z])"
_ZONE = (
    r"(?:[ \u00a0]{0,2}(?:(?:GMT|UTC)?[ ]?(?P<sign>[+\-−])(?P<zh>\d{1,2})(?::?(?P<zmin>\d{2}))?(?!\d)"
    r"|[(（]?(?P<zone>Z|[A-Z]{2,4}|北京[时時][间間])(?![A-Za-z\d])))?"
)
_HALF = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|晚间|晚間"
_AM_PM = r"(?:[ \u00a0]?(?P<apm>[AaPp]\.?[Mm](?![A-Za-z])\.?))?"

#: A time of day right after a date.
TIME_AFTER = re.compile(
    rf"(?:[\s\u00a0]{{0,2}}[(（]?(?:星期|周|週|礼拜|禮拜)[一二三四五六日天][)）]?)?(?:,?[\s\u00a0]{{0,2}}{_WEEKDAY})?"
    r"(?:T|[\s\u00a0,，|·-]{0,4})(?:at[ ]|(?P<beijing>北京[时時][间間])[ ]?)?"
    rf"(?P<half>{_HALF})?[ ]?(?P<H>\d{{1,2}})"
    r"(?:[:：](?P<M>\d{2})(?:[:：](?P<S>\d{2})(?:[.,]\d{1,9})?)?"
    r"|[时時点點](?:(?P<M2>\d{1,2})分)?(?:(?P<S2>\d{1,2})秒)?|(?=[ ]?[AaPp]\.?[Mm]))(?![\d:])" + _AM_PM + _ZONE
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
AFTERNOON = frozenset({"下午", "傍晚", "晚上", "晚间", "晚間", "p"})
