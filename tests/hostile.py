"""Hostile bodies for an event with a field of each type: each token in each field, and the poison corpus."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from schemas.core.language import Event, bool_, col, decimal, float64, int64, string, timestamp

POISON = Path(__file__).parent / "data" / "poison.json"
NUMBERS = [
    *("0", "1", "-1", "-0", "-0.0", "0.0", "1.0", "1.50", "12.7", "1e2", "1E2", "1e-7", "0.00000001", "0.1", "1e16"),
    *("1E400", "-1E400", "1e140", "1.0000001e140", "-1e140", "1e-400", "5e-324", "00", "+1", ".5", "5."),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *("9223372036854775807.0", "10000000000000000.0", "0.1234567890123456789012345"),
    *("123456789012345678901234567890", "12345678901234567890123456789012345678"),
    "123456789012345678901234567890123456789",
]
STRINGS = [
    *("", " ", "x", "1", "true", "null", " 1", "1 ", "a\\nb", "a\\u000bb", '\\"', "\\\\", "\\/", "\\u00e9", "é", "😀"),
    *("\\ud83d\\ude00", "\\ud800", "\\udc00\\ud800", "\\\\ud800", "\\\\\\ud800", "\\u0000", "\\u007f", "\u2028", "ٱ"),
    *(
        "0",
        "-0",
        "-0.00",
        "1.5",
        "1.50",
        "12.345",
        "0.01",
        "123456789012345678",
        "1234567890123456",
        "12345678901234567",
    ),
    *("1234567890123456.78", "1234567890123456.789", "12345678901234567.8", "+1", "1.", ".5", "1e2", "١", "NaN"),
    *("2013-01-01T00:00:00Z", "2013-01-01T00:00:00.000Z", "2013-01-01T00:00:00.9995Z", "1969-12-31T23:59:59.9995Z"),
    *("1969-12-31T23:59:59Z", "1600-02-29T00:00:00.001Z", "1599-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999Z"),
    *("2013-02-29T00:00:00Z", "2012-02-29T12:34:56.7Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00.12Z"),
    *("2013-02-30T00:00:00Z", "2013-04-31T00:00:00Z", "2013-12-31T23:59:60Z", "2013-13-01T00:00:00Z"),
    *("2013-01-01T24:00:00Z", "2013-01-01 00:00:00Z", "2013-01-01T00:00:00", "2013-01-01t00:00:00z"),
    *("2013-01-01T00:00:00.1234567890Z", "2013-01-01T00:00:00+05:30", "2013-01-01T00:00:00.5-12:00"),
    *("2013-01-01T00:00:00+24:00", "1970-01-01T00:00:00.001+23:59", "2013-01-01T00:00:00-00:00", "2013-01-01"),
    *("201\\u0033-01-01T00:00:00Z", "2013-01-01T00:00:00Z\\n", "２013-01-01T00:00:00Z", "2013-1-01T00:00:00Z"),
]
TOKENS = [*NUMBERS, *(f'"{each}"' for each in STRINGS), "true", "false", "null", "True", "{}", "[]", "[1]", '{"a":1}']

HOSTILE = Event(
    "hostile",
    fields={
        "a": string.optional,
        "n": float64.optional,
        "flag": bool_.optional,
        "whole": int64.optional,
        "money": decimal(2).optional,
        "exact": decimal(18).optional,
        "coin": decimal(0).optional,
        "at": timestamp.optional,
        "must": string,
    },
    rules={"not_banned": col("must") != "banned", "small": col("whole").is_null() | (col("whole") * 2 < 1e18)},
    partitions=1,
)


def body(**tokens: str) -> bytes:
    given = {"event_id": '"e"', "event_time": '"2013-01-01T00:00:00Z"', "must": '"here"'} | tokens
    return ("{" + ",".join(f'"{name}":{token}' for name, token in given.items() if token) + "}").encode()


def bodies() -> list[bytes | None]:
    found: list[bytes | None] = []
    for encoded in json.loads(POISON.read_text())["bodies"]:
        plain = None if encoded is None else base64.b64decode(encoded)
        found.append(plain)
        if plain is not None:
            within = b'{"event_id":"p","event_time":"2013-01-01T00:00:00Z","must":"here",'
            found.append(plain.replace(b"{", within, 1))
    for name in ("event_id", "event_time", *dict(HOSTILE.fields)):
        found += [body(**{name: token}) for token in TOKENS]
        found.append(body(**{name: ""}))
    found += [body(must='"banned"'), body(event_time='"2999-01-01T00:00:00Z"'), b" \r\n\t" + body(), b"\xc3" + body()]
    return found
