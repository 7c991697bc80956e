"""Instants and durations: whole milliseconds in UTC, floored toward minus infinity wherever text comes in.

Both are plain integers behind a type: years 1 to 9999 and floors of negative instants then mean the same
in Python, Spark and Flink, which aware datetimes do not give.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NewType

from schemas.core.errors import BadValue, DefinitionError

Instant = NewType("Instant", int)
Duration = NewType("Duration", int)

SECOND: Final = Duration(1_000)
MINUTE: Final = Duration(60 * SECOND)
HOUR: Final = Duration(60 * MINUTE)
DAY: Final = Duration(24 * HOUR)

_UNITS: Final = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d|w)")

INSTANT_PATTERN: Final = (
    r"(?!9999-12-31T[0-9:.]*-)"  # a zone west of UTC would put it into the year 10000, which has no text
    r"(?:1[6-9]|[2-9][0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""RFC 3339 from the year 1600 on; every engine tests this pattern, then that the day exists in its month."""

_INSTANT: Final = re.compile(INSTANT_PATTERN)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_1000: Final = (datetime(1000, 1, 1, tzinfo=UTC) - _EPOCH).days * DAY // SECOND


def parse_duration(text: str) -> Duration:
    """`"90s"`, `"5m"`, `"7d"`, `"1w"` to milliseconds; raises DefinitionError on anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise DefinitionError(
            f"`{text}` is no duration; write a whole number and a unit of {', '.join(_UNITS)}, like `5m` or `7d`"
        )
    return Duration(int(match[1]) * _UNITS[match[2]])


def format_duration(duration: int) -> str:
    """The shortest text that `parse_duration` reads back, in units up to days.

    >>> format_duration(604_800_000)
    '7d'
    """
    for unit in ("d", "h", "m", "s"):
        if duration and duration % _UNITS[unit] == 0:
            return f"{duration // _UNITS[unit]}{unit}"
    return f"{duration}ms"


def floor(value: int, step: int) -> int:
    """The greatest multiple of `step` that is not above `value`; exact below zero too."""
    return value - value % step


def parse_instant(text: str) -> Instant:
    """RFC 3339 text to an instant, digits beyond the millisecond dropped (toward minus infinity).

    >>> parse_instant("1969-12-31T23:59:59.9995Z")
    -1
    """
    if _INSTANT.fullmatch(text) is None:
        raise BadValue(f"`{text}` is no instant; write RFC 3339 with a zone, like `2013-11-23T12:00:00.000Z`")
    try:
        return _since_epoch(datetime.fromisoformat(text))
    except ValueError as error:
        raise BadValue(f"`{text}` is no instant; its month has no such day") from error


def format_instant(instant: int) -> str:
    """RFC 3339 in UTC with milliseconds; instants outside the years 1000 to 9999 raise BadValue."""
    seconds, millis = divmod(instant, SECOND)
    if seconds < _YEAR_1000:
        raise BadValue(f"{instant} ms lies outside the years 1000 to 9999")
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadValue(f"{instant} ms lies outside the years 1000 to 9999") from error
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def to_instant(value: Instant | datetime | str | int) -> Instant:
    """An instant from what a person has at hand: milliseconds, RFC 3339 text, or an aware datetime."""
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadValue(f"`{value}` has no time zone; give an aware datetime")
        return _since_epoch(value)
    return Instant(value)


def _since_epoch(moment: datetime) -> Instant:
    elapsed = moment - _EPOCH
    return Instant(elapsed.days * DAY + elapsed.seconds * SECOND + elapsed.microseconds // 1000)
