"""Where a page is published, as far as its times need it: the zone of a time without one, and the order of 05/03/2024.

By the last label of its site's domain, then by its language where one country writes it. A country is a row of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

#: Minutes east of UTC where clocks are not changed, by country code.
_FIXED = {
    "cn": 480, "tw": 480, "hk": 480, "mo": 480, "sg": 480, "my": 480, "ph": 480, "jp": 540, "kr": 540, "kp": 540, "th": 420, "vn": 420,
    "in": 330, "lk": 330, "np": 345, "bd": 360, "pk": 300, "uz": 300, "ae": 240, "sa": 180, "tr": 180, "by": 180, "ke": 180, "za": 120,
    "ng": 60, "is": 0, "gh": 0, "ar": -180, "uy": -180, "co": -300, "pe": -300, "ec": -300, "xn--fiqs8s": 480, "中国": 480,
}  # fmt: skip
#: The same in winter, where summer time is that of the European Union (Directive 2000/84/EC).
_EUROPEAN = {
    **dict.fromkeys("uk gb ie pt".split(), 0),
    **dict.fromkeys("fr de es it nl be lu at ch li pl cz sk hu si hr dk se no mt mc ba rs me mk al".split(), 60),
    **dict.fromkeys("fi ee lv lt gr bg ro ua cy".split(), 120),
}
#: The country of a language that hardly another one writes, or whose countries keep one time.
_COUNTRY = {
    "ja": "jp", "ko": "kr", "th": "th", "vi": "vn", "tr": "tr", "de": "de", "it": "it", "nl": "nl", "pl": "pl", "cs": "cz", "sk": "sk",
    "hu": "hu", "sl": "si", "hr": "hr", "da": "dk", "sv": "se", "nb": "no", "no": "no", "nn": "no", "fi": "fi", "et": "ee", "lv": "lv",
    "lt": "lt", "el": "gr", "bg": "bg", "ro": "ro", "uk": "ua", "is": "is",
}  # fmt: skip
#: Where the day or the year stands first in all figures, everywhere but where the month does.
_MONTH_FIRST = frozenset("us gov mil edu ph".split())
_DAY_FIRST_LANGUAGES = frozenset(
    "fr de es it pt nl ca gl eu da sv nb no nn fi is pl cs sk sl hr sr bs mk bg ro el tr ru uk be et lv lt vi id ms th ar he hi bn".split()
)
_DAY_FIRST_COUNTRIES = frozenset(
    (
        *_EUROPEAN,
        *"au nz in za ng ke gh sg my id th vn br ar cl co mx pe uy ve ec ae sa eg ma tn tr ru by pk bd lk np hk eu scot wales".split(),
    )
)


@dataclass(frozen=True, slots=True)
class Country:
    """What a page's times are read by."""

    offset: int  # minutes east of UTC, of a time without a zone; in winter
    has_summer: bool  # the clocks are those of the European Union
    day_first: bool | None  # None where nothing tells

    def offset_on(self, moment: datetime) -> int:
        """Minutes east of UTC at a local time."""
        return self.offset + (60 if self.has_summer and _is_summer(moment, self.offset) else 0)


def country_of(site: str | None, lang: str | None, *, is_chinese: bool = False) -> Country:
    """The country of a page by its registrable domain and the language it is declared to be in (BCP 47).

    >>> country_of("example.jp", None).offset, country_of("example.com", "fr-CA").day_first, country_of(None, "en").day_first
    (540, True, None)
    """
    parts = (lang or "").replace("_", "-").lower().split("-")
    language, region = parts[0], next((part for part in parts[1:] if len(part) == 2), "")
    domain = (site or "").rpartition(".")[2].lower()
    country = next((one for one in (domain, region) if one in _FIXED or one in _EUROPEAN), "")
    country = country or ("cn" if is_chinese else _COUNTRY.get(language, "") if not region else "")
    has_summer = country in _EUROPEAN
    offset = _EUROPEAN[country] if has_summer else _FIXED.get(country, 0)
    return Country(offset, has_summer, _day_first(domain, language, region))


def _day_first(domain: str, language: str, region: str) -> bool | None:
    if domain in _MONTH_FIRST or region in _MONTH_FIRST:
        return False
    if domain in _DAY_FIRST_COUNTRIES or region in _DAY_FIRST_COUNTRIES or language in _DAY_FIRST_LANGUAGES:
        return True
    return None


def _is_summer(moment: datetime, offset: int) -> bool:
    """Between one o'clock UTC of the last Sundays of March and of October."""
    at = moment.replace(tzinfo=None) - timedelta(minutes=offset)
    if at.year < 1996:
        return False
    begin, end = (_last_sunday(at.year, month) for month in (3, 10))
    return begin + timedelta(hours=1) <= at < end + timedelta(hours=1)


def _last_sunday(year: int, month: int) -> datetime:
    last = date(year, month, 31)
    day = last - timedelta(days=(last.weekday() + 1) % 7)
    return datetime(day.year, day.month, day.day)
