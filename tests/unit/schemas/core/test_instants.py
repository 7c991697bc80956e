"""Text, integers and datetimes as one instant; checked against datetime where datetime can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.errors import BadValue, DefinitionError
from schemas.core.instants import (
    DAY,
    HOUR,
    Instant,
    floor,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
    to_instant,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.001Z", 1),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1970-01-01T00:00:00.12Z", 120),
        ("1970-01-01T00:00:00.0019999Z", 1),
        ("1969-12-31T23:59:59.9995Z", -1),  # toward minus infinity, not toward zero
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1969-12-31T23:59:59.0001Z", -1000),
        ("1969-12-31T23:59:59Z", -1000),
        ("1970-01-01T00:00:00.5+00:01", 500 - 60_000),
        ("1970-01-01T00:00:00-23:59", 23 * HOUR + 59 * 60_000),
        ("2000-02-29T12:00:00Z", 951_825_600_000),
        ("1600-01-01T00:00:00+23:59", -11_676_182_340_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ],
)
def test_text_is_floored_to_the_millisecond(text: str, instant: int) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2013-11-23",
        "2013-11-23T12:00:00",
        "2013-11-23 12:00:00Z",
        "2013-11-23t12:00:00z",
        "2013-11-23T12:00Z",
        "2013-11-23T24:00:00Z",
        "2013-11-23T23:59:60Z",
        "2013-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2013-04-31T00:00:00Z",
        "2013-00-10T00:00:00Z",
        "1599-12-31T23:59:59Z",
        "9999-12-31T23:59:59-00:01",
        "2013-11-23T12:00:00.Z",
        "2013-11-23T12:00:00.1234567890Z",
        "2013-11-23T12:00:00+24:00",
        "2013-11-23T12:00:00+0100",
        " 2013-11-23T12:00:00Z",
        "2013-11-23T12:00:00Z\n",
        "٢013-11-23T12:00:00Z",
        "",
    ],
)
def test_other_text_is_no_instant(text: str) -> None:
    with pytest.raises(BadValue, match="is no instant"):
        parse_instant(text)


@given(
    st.datetimes(datetime(1601, 1, 1), datetime(9998, 12, 31)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from(["milliseconds", "microseconds", "seconds"]),
)
def test_it_agrees_with_datetime(moment: datetime, offset: int, digits: str) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    if digits == "seconds":
        aware = aware.replace(microsecond=0)
    if digits == "milliseconds":
        aware = aware.replace(microsecond=aware.microsecond // 1000 * 1000)
    expected = (aware - EPOCH) // timedelta(milliseconds=1)
    assert parse_instant(aware.isoformat(timespec=digits)) == expected == to_instant(aware)


@given(st.integers(parse_instant("1600-01-01T00:00:00Z"), parse_instant("9999-12-31T23:59:59.999Z")))
def test_format_is_read_back(instant: int) -> None:
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize("instant", [253_402_300_800_000, -30_610_224_000_001, 10**18, -(10**18)])
def test_what_has_no_text_is_named(instant: int) -> None:
    with pytest.raises(BadValue, match="outside the years 1000 to 9999"):
        format_instant(instant)


def test_a_datetime_needs_a_zone() -> None:
    with pytest.raises(BadValue, match="has no time zone"):
        to_instant(datetime(2013, 1, 1))


def test_an_instant_stays_itself() -> None:
    assert to_instant(Instant(-5)) == -5


@pytest.mark.parametrize(
    ("text", "duration"),
    [("1ms", 1), ("90s", 90_000), ("5m", 300_000), ("1h", HOUR), ("7d", 7 * DAY), ("2w", 14 * DAY)],
)
def test_durations(text: str, duration: int) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["0s", "5", "m", "1.5h", "-5m", "5 m", "5M", "1y", "", "1h30m", "01h", "5m\n"])
def test_other_text_is_no_duration(text: str) -> None:
    with pytest.raises(DefinitionError, match="is no duration"):
        parse_duration(text)


@given(st.integers(1, 10**12))
def test_a_duration_is_read_back(duration: int) -> None:
    text = format_duration(duration)
    if len(text) <= 10:
        assert parse_duration(text) == duration


@given(st.integers(), st.integers(1, 10**12))
def test_floor_is_the_greatest_multiple_not_above(value: int, step: int) -> None:
    floored = floor(value, step)
    assert floored % step == 0
    assert floored <= value < floored + step
