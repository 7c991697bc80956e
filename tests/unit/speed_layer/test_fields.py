"""The patterns that decide types, against the calendar of the standard library."""

from __future__ import annotations

import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from schemas.core.types import Timestamp
from speed_layer.fields import typed

PATTERN = re.compile(re.findall(r"REGEXP\(`_text:at`, '\\A(.*?)\\z'\)", typed("at", Timestamp()))[0])


def takes(day: str) -> bool:
    return PATTERN.fullmatch(f'["{day}T00:00:00Z"]') is not None


@given(st.integers(1600, 9999), st.integers(0, 13), st.integers(0, 32))
def test_a_day_exists_or_is_refused(year: int, month: int, day: int) -> None:
    try:
        date(year, month, day)
        exists = True
    except ValueError:
        exists = False
    assert takes(f"{year}-{month:02d}-{day:02d}") is exists


def test_every_end_of_february() -> None:
    for year in range(1600, 10_000):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        assert takes(f"{year}-02-29") is leap
        assert takes(f"{year}-02-28")
        assert not takes(f"{year}-02-30")


def test_years_before_1600_are_refused() -> None:
    assert not takes("1599-12-31")
    assert not takes("0000-01-01")
