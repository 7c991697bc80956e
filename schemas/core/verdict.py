"""One verdict: which records are valid and what they hold; both engines decide by the same patterns.

The reason is the first that applies, in the order of `judge`, in the same words everywhere: `null_body`,
`event_id:type`, `arr_delay:missing`, `rule:positive`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal as Exact
from typing import Any, Final

from schemas.core.errors import BadValue
from schemas.core.evaluation import Evaluator, evaluator
from schemas.core.events import Event
from schemas.core.instants import Instant, parse_instant
from schemas.core.json_text import Json, parse_object
from schemas.core.types import (
    DECIMAL_DIGITS,
    FLOAT_BOUND,
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Field,
    Float64,
    Int64,
    String,
    Timestamp,
    Type,
    Value,
)

_HIGH: Final = "[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = "[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF: Final = "[dD][89a-fA-F][0-9a-fA-F]{2}"

LONE_SURROGATE: Final = (
    rf"(?=\\)(?<!\\)(?<!\\u{_HALF})"  # where a run of escapes begins
    rf"(?:\\\\(?:u{_HALF})?+|\\u{_HIGH}\\u{_LOW})*+"  # an escaped backslash begins no escape; pairs are whole
    r"\\u[dD][89a-fA-F]"
)
"""Found in a body where `\\ud800` to `\\udfff` stands without its partner; the same in Python and Java.

One engine keeps such a character as `?` and the other refuses it. Both quantifiers are possessive, since Java
would otherwise recurse once an escape and overflow its stack; no match is begun within a run, so time is linear.
"""

REPLACEMENT: Final = "\ufffd"
"""What decoders put for invalid UTF-8; a body that holds it is refused, since Flink sees text alone."""

_LONE_SURROGATE: Final = re.compile(LONE_SURROGATE)


@dataclass(frozen=True)
class Valid:
    """What a record holds; `available_at` is the declared one for imports. Fields that are null are there."""

    event_id: str
    event_time: Instant
    available_at: Instant
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Quarantined:
    """`reason` is one word, or a field and a word: what a person filters the quarantine by."""

    reason: str


Verdict = Valid | Quarantined

_Reader = Callable[[Json, Type], Value]


class _Broken(Exception):
    """The reason why a record is not valid."""


def judge(
    event: Event, body: bytes | None, *, available_at: Instant, log_append: bool = True, imported: bool = False
) -> Verdict:
    """Judge one record that is no tick.

    `available_at` is the running maximum of its partition; an import declares its own and ignores it.
    `log_append` is whether the broker set the timestamp.
    """
    try:
        if not log_append:
            raise _Broken("timestamp_type")
        return _judge(event, _parsed(body), None if imported else available_at)
    except _Broken as broken:
        return Quarantined(str(broken))


def decimal_pattern(scale: int) -> str:
    """The text of a decimal that DECIMAL(18, scale) holds exactly: at most 18 - scale digits before the point.

    >>> decimal_pattern(2)
    '-?[0-9]{1,16}(\\\\.[0-9]{1,2})?'
    """
    whole = f"[0-9]{{1,{DECIMAL_DIGITS - scale}}}" if scale < DECIMAL_DIGITS else "0"
    return f"-?{whole}" + (rf"(\.[0-9]{{1,{scale}}})?" if scale else "")


def _parsed(body: bytes | None) -> dict[str, Json]:
    if body is None:
        raise _Broken("null_body")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _Broken("not_utf8") from None
    if REPLACEMENT in text:
        raise _Broken("not_utf8")
    if "\\" in text and _LONE_SURROGATE.search(text):
        raise _Broken("lone_surrogate")
    parsed = parse_object(text)
    if parsed is None:
        raise _Broken("not_json_object")
    return parsed


_EVENT_ID: Final = Field(String())
_EVENT_TIME: Final = Field(Timestamp())


def _judge(event: Event, parsed: Mapping[str, Json], available_at: Instant | None) -> Valid:
    event_id = _read("event_id", _EVENT_ID, _string, parsed)
    if not event_id:
        raise _Broken("event_id:type")
    event_time = _read("event_time", _EVENT_TIME, _timestamp, parsed)
    prepared = _prepared(event)
    values = {name: _read(name, field, read, parsed) for name, field, read in prepared.fields}
    row: dict[str, Any] = {**values, "event_id": event_id, "event_time": event_time}
    if available_at is None:
        available_at = row["available_at"] = _declared(prepared, row)
    else:
        row["available_at"] = available_at
    if row["event_time"] > available_at + event.skew:
        raise _Broken("event_time:future")
    for name, holds in prepared.rules:
        if holds(row) is not True:
            raise _Broken(f"rule:{name}")
    return Valid(row["event_id"], row["event_time"], available_at, values)


@dataclass(frozen=True)
class _Prepared:
    """The expressions of an event as functions, and what reads each field."""

    event: Event
    fields: tuple[tuple[str, Field, _Reader], ...]
    rules: tuple[tuple[str, Evaluator], ...]
    imported_at: Evaluator | None


_last_prepared: _Prepared | None = None


def _prepared(event: Event) -> _Prepared:
    """Made once for a run of records of one event; looked up by identity, since hashing an event takes longer."""
    global _last_prepared  # noqa: PLW0603 - a memo of one entry, replaced whole
    known = _last_prepared
    if known is None or known.event is not event:
        rules = tuple((name, evaluator(rule)) for name, rule in event.rules)
        imported_at = None if event.imported_at is None else evaluator(event.imported_at)
        fields = tuple((name, field, _READ[type(field.type)]) for name, field in event.fields)
        _last_prepared = known = _Prepared(event, fields, rules, imported_at)
    return known


def _declared(prepared: _Prepared, row: Mapping[str, Value]) -> Instant:
    declared = None if prepared.imported_at is None else prepared.imported_at(row)
    if declared is None:
        raise _Broken("available_at:missing")
    return Instant(int(declared))


def value_of(given: Json, of: Type) -> Value:
    """What a JSON value is as a value of the type; None where it is none of it, NaN and infinity among that."""
    return _READ[type(of)](given, of)


def _read(name: str, field: Field, read: _Reader, parsed: Mapping[str, Json]) -> Value:
    given = parsed.get(name)
    if given is None:
        if field.nullable:
            return None
        raise _Broken(f"{name}:missing")
    value = read(given, field.type)
    if value is None:
        raise _Broken(f"{name}:type")
    return value


def _bool(given: Json, _: Type) -> Value:
    return given if isinstance(given, bool) else None


def _int64(given: Json, _: Type) -> Value:
    return given if type(given) is int and INT64_MIN <= given <= INT64_MAX else None


def _float64(given: Json, _: Type) -> Value:
    if isinstance(given, bool) or not isinstance(given, int | float | Exact):
        return None
    number = float(given)
    return number + 0.0 if abs(number) <= FLOAT_BOUND else None


_DECIMALS: Final = [re.compile(decimal_pattern(scale)) for scale in range(DECIMAL_DIGITS + 1)]


def _decimal(given: Json, of: Type) -> Value:
    assert isinstance(of, Decimal)
    if not isinstance(given, str) or _DECIMALS[of.scale].fullmatch(given) is None:
        return None
    whole, _, decimals = given.partition(".")
    return int(whole + decimals.ljust(of.scale, "0"))


def _string(given: Json, _: Type) -> Value:
    return given if isinstance(given, str) else None


def _timestamp(given: Json, _: Type) -> Value:
    if not isinstance(given, str):
        return None
    try:
        return parse_instant(given)
    except BadValue:
        return None


_READ: Final[Mapping[type, _Reader]] = {
    Bool: _bool,
    Int64: _int64,
    Float64: _float64,
    Decimal: _decimal,
    String: _string,
    Timestamp: _timestamp,
}
