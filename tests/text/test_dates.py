"""Dates: every written form in both scripts is read, what only looks like one is not, and nothing takes long."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.dates import MAX_YEAR, find_dates, parse_timestamp

CHINA = timezone(timedelta(hours=8))


def read(text):
    """(year, month, day, hour, minute) of each date."""
    return [(d.year, d.month, d.day, d.hour, d.minute) for d in find_dates(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-09-11 08:46", (2024, 9, 11, 8, 46)),
        ("2024/9/11", (2024, 9, 11, None, None)),
        ("2024.09.11", (2024, 9, 11, None, None)),
        ("25.12.2024", (2024, 12, 25, None, None)),
        ("12/25/2024", (2024, 12, 25, None, None)),
        ("09/11/2024", (2024, 9, 11, None, None)),
        ("09-11 08:46", (None, 9, 11, 8, 46)),
        ("2024-09-11T08:46:00Z", (2024, 9, 11, 8, 46)),
        ("2024年9月11日", (2024, 9, 11, None, None)),
        ("2024 年 9 月 11 日", (2024, 9, 11, None, None)),
        ("２０２４年９月１１日", (2024, 9, 11, None, None)),
        ("2024年9月11日 上午8:46", (2024, 9, 11, 8, 46)),
        ("2024年9月11日（星期三）下午3时20分", (2024, 9, 11, 15, 20)),
        ("2024年9月11日08：46", (2024, 9, 11, 8, 46)),
        ("9月11日", (None, 9, 11, None, None)),
        ("11月7日电", (None, 11, 7, None, None)),
        ("9月4日至6日", (None, 9, 4, None, None)),
        ("9月4-6日", (None, 9, 4, None, None)),
        ("24年9月11号", (2024, 9, 11, None, None)),
        ("民国113年9月11日", (2024, 9, 11, None, None)),
        ("二〇二四年九月十一日", (2024, 9, 11, None, None)),
        ("二零二四年十二月三十一日", (2024, 12, 31, None, None)),
        ("十月廿三日", (None, 10, 23, None, None)),
        ("September 4-6, 2024", (2024, 9, 4, None, None)),
        ("September 30 to October 2, 2024", (2024, 9, 30, None, None)),
        ("On November 7, the ministry", (None, 11, 7, None, None)),
        ("from November 11 to 22, 2024.", (2024, 11, 11, None, None)),
        ("Nov. 7th", (None, 11, 7, None, None)),
        ("NOVEMBER 7, 2022", (2022, 11, 7, None, None)),
        ("November 7,2022", (2022, 11, 7, None, None)),
        ("7 Nov 2022", (2022, 11, 7, None, None)),
        ("7th of November, 2022", (2022, 11, 7, None, None)),
        ("7-11 November 2022", (2022, 11, 7, None, None)),
        ("11-Sep-2024", (2024, 9, 11, None, None)),
        ("2024 September 11", (2024, 9, 11, None, None)),
        ("Wed, 11 Sep 2024 08:46:00 +0800", (2024, 9, 11, 8, 46)),
        ("Sept. 11, 2024, 8:46 p.m. EST", (2024, 9, 11, 20, 46)),
        ("3 May 2020, at 5 pm", (2020, 5, 3, 17, 0)),
        ("08:46, 11 September 2024", (2024, 9, 11, 8, 46)),
        ("网2024-09-11 08:46", (2024, 9, 11, 8, 46)),
        ("发布时间：2024-09-11来源：某网", (2024, 9, 11, None, None)),
    ],
)
def test_each_form_is_read(text, wanted):
    assert read(text) == [wanted]


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3", "v2024.9.11", "版本号：2024.9.11", "2024.9.11.3", "192.168.1.1", "010-2024-1122", "400-2024-11-22",
        "$2024.09", "12,024", "2024-13-45", "2024-02-30", "2月30日", "13月1日", "February 30, 2024", "March 2024", "2024年9月",
        "9/11", "24/7", "GB/T 2024-2019", "may 5 of them", "2023-24", "12345-67-89", "五月的风", "COP29", "第11届", "1.5 °C", "",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_date_is_none(text):
    assert read(text) == []


def test_the_span_is_the_words_it_was_read_from():
    text = "文章来源:某某网2024-09-11 08:46 浏览"
    (found,) = find_dates(text)
    assert text[found.start : found.end] == found.text == "2024-09-11 08:46"


def test_a_zone_beside_the_time_is_read():
    assert [d.offset for d in find_dates("2024-09-11 08:46 +0800; 2024-09-11 08:46 GMT; 2024-09-11 08:46")] == [
        480,
        0,
        None,
    ]
    assert find_dates("北京时间2024年9月11日 08:46")[0].offset is None
    assert find_dates("2024年9月11日 北京时间08:46")[0].offset == 480


def test_a_missing_year_comes_from_the_caller():
    (found,) = find_dates("11月7日，工业和信息化部发布方案")
    assert found.as_date() is None
    assert found.as_date(2022) == date(2022, 11, 7)
    assert find_dates("2月29日")[0].as_date(2023) is None
    assert found.as_datetime(2022, default_offset_minutes=480) == datetime(2022, 11, 7, tzinfo=CHINA)


@given(st.dates(date(1900, 1, 1), date(MAX_YEAR, 12, 31)))
@settings(max_examples=150, deadline=None)
def test_a_day_survives_being_written_in_any_form(day):
    forms = (
        f"{day:%Y-%m-%d}", f"{day.year}/{day.month}/{day.day}", f"{day.year}年{day.month}月{day.day}日",
        f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%b} {day.year}", f"{day:%a, %d %b %Y}", f"{day:%d.%m.%Y}",
    )  # fmt: skip
    for form in forms:
        assert [found.as_date() for found in find_dates(f"据{form}报道")] == [day], form
        assert [found.as_date() for found in find_dates(f"x {form} y")] == [day], form


@given(st.text(alphabet="0123456789年月日号-/.: 年月日 NovMay,至十二T+Z"))
@settings(max_examples=200, deadline=None)
def test_dates_are_in_order_inside_the_text_and_do_not_overlap(text):
    end = 0
    for found in find_dates(text):
        assert end <= found.start < found.end <= len(text)
        assert text[found.start : found.end] == found.text
        end = found.end


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_value_makes_the_timestamp_reader_raise(text):
    assert parse_timestamp(text, default_offset_minutes=0) is None or text.strip()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-09-11T08:46:00+08:00", datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)),
        ("2024-09-11 08:46:00.0", datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)),
        ("2024-09-11", datetime(2024, 9, 11, tzinfo=CHINA)),
        ("20240911", datetime(2024, 9, 11, tzinfo=CHINA)),
        ("20240911084600", datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)),
        ("20240911T084600Z", datetime(2024, 9, 11, 8, 46, tzinfo=UTC)),
        ("1726015600", datetime(2024, 9, 11, 0, 46, 40, tzinfo=UTC)),
        ("1726015600000", datetime(2024, 9, 11, 0, 46, 40, tzinfo=UTC)),
        ("Wed, 11 Sep 2024 08:46:00 GMT", datetime(2024, 9, 11, 8, 46, tzinfo=UTC)),
        ("Wed Sep 11 08:46:00 2024", datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)),
        ("2024年09月11日 08:46", datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)),
        ("发布于 2024/9/11 8:46", datetime(2024, 9, 11, 8, 46, tzinfo=CHINA)),
    ],
)
def test_metadata_values_become_moments(text, wanted):
    assert parse_timestamp(text, default_offset_minutes=480) == wanted


@pytest.mark.parametrize(
    "text", ["", "today", "Wednesday", "10 Sep", "2024", "0000-00-00", "12.5", "1", "9" * 400, "24:61"]
)
def test_a_value_that_names_no_whole_day_is_none(text):
    assert parse_timestamp(text, default_offset_minutes=480) is None


def test_without_a_default_zone_a_time_stays_naive():
    moment = parse_timestamp("2024-09-11 08:46", default_offset_minutes=None)
    assert moment == datetime(2024, 9, 11, 8, 46)


@pytest.mark.parametrize(
    "bait",
    ["2024-09-11 ", "1", "Nov ", "2024年", "9月", " ", "Nov. 7", "十月", "10:10 ", "1 ", "1-", "1 Nov 10:10 ", "(周"],
)
def test_bait_takes_linear_time(bait):
    assert linear(find_dates, repeated(bait), 100_000)
