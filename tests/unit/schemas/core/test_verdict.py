"""One verdict: the reasons in their order, the types by their patterns, the bounds at their edges."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.instants import Instant, parse_instant
from schemas.core.language import Event, bool_, col, decimal, float64, int64, string, timestamp
from schemas.core.types import Field, Value
from schemas.core.verdict import LONE_SURROGATE, Quarantined, Valid, decimal_pattern, judge

NOON: Final = parse_instant("2013-11-23T12:00:00Z")
EVENT: Final = Event(
    "reading",
    fields={"n": int64, "x": float64.optional},
    rules={"big": col("n") < 100, "alike": col("x").is_null() | (col("x") > col("n"))},
    skew="1m",
)


def verdict(body: bytes | str | None, *, event: Event = EVENT, **how: Any) -> str | Valid:
    judged = judge(event, body.encode() if isinstance(body, str) else body, **{"available_at": NOON, **how})
    return judged.reason if isinstance(judged, Quarantined) else judged


def reading(**changes: Any) -> str:
    body = {"event_id": "a", "event_time": "2013-11-23T11:00:00Z", "n": 1, **changes}
    return json.dumps({name: value for name, value in body.items() if value is not ...})


def test_what_a_valid_record_holds() -> None:
    expected = Valid("a", parse_instant("2013-11-23T11:00:00Z"), NOON, {"n": 1, "x": None})
    assert verdict(reading(more={"than": ["the", "contract"]})) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "null_body"),
        (b"", "not_json_object"),
        (b"\xff", "not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
        (b'{"a":"\xc0\x80"}', "not_utf8"),
        ("{} \N{REPLACEMENT CHARACTER}", "not_utf8"),
        (r'["\ud800"]', "lone_surrogate"),
        ("[]", "not_json_object"),
        ('\ufeff{"n":1}', "not_json_object"),
        ("\xa0{}", "not_json_object"),
        ("{'n':1}", "not_json_object"),
        ("{}", "event_id:missing"),
        (reading(event_id=None), "event_id:missing"),
        (reading(event_id=""), "event_id:type"),
        (reading(event_id=1), "event_id:type"),
        (reading(event_time=...), "event_time:missing"),
        (reading(event_time=0), "event_time:type"),
        (reading(event_time="2013-11-31T11:00:00Z"), "event_time:type"),
        (reading(event_time="yesterday"), "event_time:type"),
        (reading(n=...), "n:missing"),
        (reading(n=None), "n:missing"),
        (reading(n="1"), "n:type"),
        (reading(x="1"), "x:type"),
        (reading(x=False), "x:type"),
        (reading(event_time="2013-11-23T12:01:00.001Z"), "event_time:future"),
        (reading(n=100), "rule:big"),
        (reading(n=5, x=5.0), "rule:alike"),
    ],
)
def test_reasons(body: bytes | str | None, reason: str) -> None:
    assert verdict(body) == reason


# Each body breaks everything from its reason on; taking one fault away shows the next.
def test_the_first_reason_in_the_order_is_given() -> None:
    future = "2013-11-23T13:00:00Z"
    worst = {"event_id": "", "event_time": "", "n": "", "x": ""}
    bodies: list[tuple[bytes | str | None, dict[str, Any], str]] = [
        (None, {"log_append": False}, "timestamp_type"),
        (None, {}, "null_body"),
        (rb"\ud800" + b"\xff", {}, "not_utf8"),
        (r"\ud800", {}, "lone_surrogate"),
        ("x", {}, "not_json_object"),
        (json.dumps(worst | {"event_id": None}), {}, "event_id:missing"),
        (json.dumps(worst), {}, "event_id:type"),
        (json.dumps(worst | {"event_id": "a"}), {}, "event_time:type"),
        (reading(event_time=future, n=None, x=""), {}, "n:missing"),
        (reading(event_time=future, n="", x=""), {}, "n:type"),
        (reading(event_time=future, n=200, x=""), {}, "x:type"),
        (reading(event_time=future, n=200, x=1), {}, "event_time:future"),
        (reading(n=200, x=1), {}, "rule:alike"),
        (reading(n=200, x=201), {}, "rule:big"),
    ]
    assert [verdict(body, **how) for body, how, _ in bodies] == [reason for _, _, reason in bodies]


# available_at ─────┬──────── skew 1m ────────┬──
#                 12:00                     12:01
#                                    valid ──►│◄── event_time:future from 12:01:00.001
def test_skew_is_inclusive() -> None:
    assert isinstance(verdict(reading(event_time="2013-11-23T12:01:00Z")), Valid)
    assert isinstance(verdict(reading(event_time="2013-11-23T12:01:00.0009Z")), Valid)
    assert verdict(reading(event_time="2013-11-23T12:01:00.001Z")) == "event_time:future"


def of_type(field: Field, given: str) -> Value | str:
    """The value of one field from its JSON text, or its reason."""
    event = Event("it", fields={"v": field})
    body = f'{{"event_id":"a","event_time":"2013-11-23T11:00:00Z","v":{given}}}'
    judged = judge(event, body.encode(), available_at=NOON)
    return judged.values["v"] if isinstance(judged, Valid) else judged.reason


T: Final = "v:type"


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        (bool_, "true", True),
        (bool_, "false", False),
        (bool_, "1", T),
        (bool_, '"true"', T),
        (int64, "1.0", 1),
        (int64, "-0", 0),
        (int64, "1e0", T),  # an exponent makes a double, whose text has a point
        (int64, "1.5", T),
        (int64, "true", T),
        (int64, '"1"', T),
        (int64, "9223372036854775807", 2**63 - 1),
        (int64, "9223372036854775807.000", 2**63 - 1),
        (int64, "9223372036854775808", T),
        (int64, "-9223372036854775808", -(2**63)),
        (int64, "-9223372036854775809", T),
        (float64, "1", 1.0),
        (float64, "-0.0", 0.0),
        (float64, "-0e0", 0.0),
        (float64, "0.1", 0.1),
        (float64, "1e140", 1e140),
        (float64, "1.0000000000000001e140", 1e140),
        (float64, "1.0000000000000002e140", T),
        (float64, "-1e141", T),
        (float64, "1e400", T),
        (float64, "1e-400", 0.0),
        (float64, '"NaN"', T),
        (float64, "true", T),
        (float64, "9007199254740993", 9007199254740992.0),
        (string, '""', ""),
        (string, r'"\u00e9\ud83d\ude00\u0000"', "é😀\0"),
        (string, "1", T),
        (string, "1e400", T),
        (string, "{}", T),
        (string, "[]", T),
        (timestamp, '"1969-12-31T23:59:59.9995Z"', -1),
        (timestamp, '"2013-11-23T12:00:00+01:00"', parse_instant("2013-11-23T11:00:00Z")),
        (timestamp, '"2013-11-23"', T),
        (timestamp, "0", T),
        (decimal(2), '"12.34"', 1234),
        (decimal(2), '"-0.5"', -50),
        (decimal(2), '"-0.00"', 0),
        (decimal(2), '"007"', 700),
        (decimal(2), '"1234567890123456.78"', 123456789012345678),
        (decimal(2), '"12345678901234567"', T),
        (decimal(2), '"1.234"', T),
        (decimal(2), '"1."', T),
        (decimal(2), '".5"', T),
        (decimal(2), '"+1"', T),
        (decimal(2), '"1e3"', T),
        (decimal(2), '"١"', T),
        (decimal(2), '"1\\n"', T),
        (decimal(2), "12.34", T),
        (decimal(0), '"999999999999999999"', 999999999999999999),
        (decimal(0), '"1.0"', T),
        (decimal(18), '"-0.123456789012345678"', -123456789012345678),
        (decimal(18), '"1"', T),
    ],
)
def test_types_decide_before_any_cast(field: Field, given: str, expected: Value | str) -> None:
    value = of_type(field, given)
    assert (value, type(value)) == (expected, type(expected))
    assert repr(value) == repr(expected)


@pytest.mark.parametrize("field", [bool_, int64, float64, decimal(2), string, timestamp])
def test_null_and_absent(field: Field) -> None:
    assert of_type(field, "null") == "v:missing"
    assert of_type(field.optional, "null") is None


@pytest.mark.parametrize("scale", range(19))
def test_every_decimal_fits_18_digits(scale: int) -> None:
    greatest = "9" * (18 - scale) or "0"
    text = greatest + ("." + "9" * scale if scale else "")
    assert of_type(decimal(scale), f'"{text}"') == 10**18 - 1
    assert of_type(decimal(scale), f'"1{text}"') == T
    assert re.fullmatch(decimal_pattern(scale), f"{text}9") is None


# Imports declare when they were available; the partition's running maximum has no say.
def test_imports() -> None:
    event = Event("it", fields={"n": timestamp.optional}, imported_at=col("n"), skew="1s")
    early, late = "2013-11-23T11:00:00Z", "2013-11-23T11:00:02Z"
    assert verdict(reading(n=late), event=event, imported=True) == Valid(
        "a", parse_instant(early), parse_instant(late), {"n": parse_instant(late)}
    )
    assert verdict(reading(n=None), event=event, imported=True) == "available_at:missing"
    assert verdict(reading(n=early, event_time=late), event=event, imported=True) == "event_time:future"
    assert verdict(reading(), imported=True) == "available_at:missing"


def test_a_rule_may_read_what_is_not_a_field() -> None:
    event = Event(
        "it", fields={}, rules={"soon": col("available_at") <= col("event_time"), "named": col("event_id") != "b"}
    )
    late = Instant(parse_instant("2013-11-23T11:00:00Z") + 1)
    assert verdict(reading(), event=event) == "rule:soon"
    assert isinstance(verdict(reading(), event=event, available_at=Instant(late - 1)), Valid)
    assert verdict(reading(event_id="b"), event=event, available_at=Instant(late - 1)) == "rule:named"


def test_a_rule_that_is_null_is_broken() -> None:
    event = Event("it", fields={"x": float64.optional}, rules={"positive": col("x") > 0})
    assert verdict(reading(), event=event) == "rule:positive"


ESCAPES: Final = st.lists(
    st.sampled_from(
        [
            "\\\\",
            r"\n",
            r"\u0041",
            r"\ud83d\ude00",
            r"\ud83d",
            r"\uDE00",
            "ud83d",
            "ude00",
            "u",
            "d",
            '\\"',
            "x",
            r"\uD8",
        ]
    ),
    max_size=12,
).map("".join)


def has_lone_surrogate(text: str) -> bool:
    """Escape by escape from the left, as a parser does."""
    at, high = 0, False
    while at < len(text):
        unit = None
        if text[at] == "\\" and text[at + 1 : at + 2] == "u":
            head = text[at + 2 : at + 4].lower()
            unit = "high" if re.fullmatch("d[89ab]", head) else "low" if re.fullmatch("d[c-f]", head) else None
            if unit and not re.fullmatch("[0-9a-fA-F]{4}", text[at + 2 : at + 6]):
                return True
            at += 6 if unit else 2
        else:
            at += 2 if text[at] == "\\" else 1
        if high is not (unit == "low"):
            return True
        high = unit == "high"
    return high


@given(ESCAPES)
def test_lone_surrogates_are_found_behind_any_escapes(text: str) -> None:
    assert bool(re.search(LONE_SURROGATE, text)) is has_lone_surrogate(text)


@pytest.mark.parametrize(
    ("text", "lone"),
    [("\\" * 100_000 + "ud800", False), ("\\" * 100_001 + "ud800", True), (r"\ud83d\ude00" * 20_000, False)],
    ids=["even", "odd", "pairs"],
)
def test_long_runs_of_escapes(text: str, lone: bool) -> None:
    assert bool(re.search(LONE_SURROGATE, text)) is lone
