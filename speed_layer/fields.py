"""A field's canonical VARIANT text as its typed value: patterns decide, before any cast.

Every cast is a TRY_CAST all the same: one that throws would end the job again and again at the same record.
The text stands in brackets: that of a string has its quotes and escapes, a number, `true`, `false` and `null` are as
they are, and NULL is no field.

    ["UA1545"]   [-12]   [1.50]   [true]   [null]   [NULL]
"""

from __future__ import annotations

from typing import Final

from schemas.core.events import Event
from schemas.core.instants import DAY, HOUR, INSTANT_PATTERN, MINUTE, SECOND
from schemas.core.types import Bool, Decimal, Field, Float64, Int64, String, Timestamp, Type
from schemas.core.verdict import decimal_pattern
from speed_layer.expressions import bounded, quoted, sql_type, text_sql

_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_INTEGER: Final = r"-?(?:0|[1-9][0-9]{0,18})"
_LEAP_YEAR: Final = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY_EXISTS: Final = rf"(?!.{{5}}(?:02-3|(?:0[2469]|11)-31))(?!(?=.{{5}}02-29)(?!{_LEAP_YEAR}))"
"""Before `INSTANT_PATTERN`: no 31st in a short month, no 30th of February, its 29th in leap years alone."""


def fields_of(event: Event) -> list[tuple[str, Field]]:
    """What a body must hold, in the order in which a verdict looks: the system's fields, then the event's by name."""
    return [("event_id", Field(String())), ("event_time", Field(Timestamp())), *event.fields]


def text_of(name: str) -> str:
    """The column of a field's canonical text."""
    return quoted(f"_text:{name}")


def typed(name: str, of: Type) -> str:
    """The value, null where the field is absent, null or of another type."""
    text = text_of(name)
    match of:
        case Bool():
            return f"CASE {text} WHEN '[true]' THEN TRUE WHEN '[false]' THEN FALSE END"
        case Int64():
            return f"CASE WHEN {_matches(text, _INTEGER)} THEN TRY_CAST({_inside(text)} AS BIGINT) END"
        case Float64():
            return f"CASE WHEN {_matches(text, _NUMBER)} THEN {bounded(f'TRY_CAST({_inside(text)} AS DOUBLE)')} END"
        case Decimal(scale):
            pattern = f'"{decimal_pattern(scale)}"'
            exact = f"TRY_CAST({_quoted(text)} AS DECIMAL(38, {scale}))"  # `0` is an overflow of DECIMAL(18, 18)
            return f"CASE WHEN {_matches(text, pattern)} THEN CAST({exact} AS {sql_type(of)}) END"
        case String():
            is_string = f"{text} LIKE '[\"%'" + (f" AND {text} <> '[\"\"]'" if name == "event_id" else "")
            return f"CASE WHEN {is_string} THEN {_unescaped(text)} END"
        case Timestamp():
            pattern = f'"{_DAY_EXISTS}{INSTANT_PATTERN}"'
            return f"CASE WHEN {_matches(text, pattern)} THEN {_instant(text)} END"


def _matches(text: str, pattern: str) -> str:
    whole = rf"\A\[(?:{pattern})\]\z"
    return f"REGEXP({text}, {text_sql(whole)})"


def _inside(text: str) -> str:
    return f"SUBSTRING({text}, 2, CHAR_LENGTH({text}) - 2)"


def _quoted(text: str) -> str:
    return f"SUBSTRING({text}, 3, CHAR_LENGTH({text}) - 4)"


def _unescaped(text: str) -> str:
    """JSON_UNQUOTE parses its argument again, so it is for texts with an escape alone; others hold no inner quote."""
    return f"CASE WHEN {text} LIKE '%\\%' THEN JSON_UNQUOTE({_inside(text)}) ELSE {_quoted(text)} END"


def _instant(text: str) -> str:
    r"""Milliseconds of a quoted instant that matches: whole numbers alone, so that it is right before 1970.

    position  1  3          13 14    17    20    22
              [" 2013-11-23 T  12  : 00  : 00    .123  Z"]  or  +05:30"]
    """

    def number(of: str, start: int) -> str:
        return f"TRY_CAST(SUBSTRING({of}, {start}, 2) AS BIGINT)"

    days = f"CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', TRY_CAST(SUBSTRING({text}, 3, 10) AS DATE)) AS BIGINT)"
    millis = ", ".join(
        f"TRY_CAST(SUBSTRING({text}, 23, {digits}) AS BIGINT) * {10 ** (3 - digits)}" for digits in (3, 2, 1)
    )
    zone = f"RIGHT({text}, 8)"
    offset = f"({number(zone, 2)} * {HOUR} + {number(zone, 5)} * {MINUTE})"
    return (
        f"{days} * {DAY} + {number(text, 14)} * {HOUR} + {number(text, 17)} * {MINUTE} + {number(text, 20)} * {SECOND}"
        f" + CASE WHEN SUBSTRING({text}, 22, 1) = '.' THEN COALESCE({millis}) ELSE 0 END"
        f" + CASE WHEN {text} LIKE '%Z\"]' THEN 0 WHEN LEFT({zone}, 1) = '-' THEN {offset} ELSE -{offset} END"
    )
