"""JSON as the engines' parser reads it: against what both were seen to give, and the two paths against each other."""

from __future__ import annotations

import base64
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core import json_text
from schemas.core.json_text import DEPTH, KEY_LENGTH, NUMBER_LENGTH, parse_object, top_level

DATA: Final = Path(__file__).parents[3] / "data"
SEEN: Final = json.loads((DATA / "parsed.json").read_text(encoding="utf-8"))["parsed"]
DOUBLE: Final = re.compile(r"-?[0-9]+(?=[.eE])(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def comparable(text: str) -> Any:
    """Strings by value, doubles by value, objects and arrays by kind: notation is each engine's own."""
    if text[0] in "{[":
        return text[0]
    if text[0] == '"':
        return ("string", json.loads(text))
    return float(text) if DOUBLE.fullmatch(text) else text


@pytest.mark.parametrize("case", SEEN, ids=lambda case: base64.b64decode(case["body"])[:40].decode(errors="replace"))
def test_bodies_parse_as_both_engines_were_seen_to_parse_them(case: dict[str, Any]) -> None:
    parsed = top_level(base64.b64decode(case["body"]).decode())
    if case["fields"] is None:
        assert parsed is None
    else:
        assert parsed is not None
        got = {name: comparable(text) for name, text in parsed.items() if name in ("a", "n")}
        assert got == {name: comparable(text) for name, text in case["fields"].items()}


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1", 1),
        ("1.0", 1),
        ("-0", 0),
        ("-0.0", 0),
        ("1200.00", 1200),
        ("12.70", Decimal("12.70")),
        ("1e3", 1000.0),
        ("9" * 38, int("9" * 38)),
        ("9" * 39, 1e39),
        ("0." + "0" * 37 + "1", Decimal("1e-38")),
        ("0." + "0" * 38 + "1", 1e-39),
        ("0." + "0" * 39, 0.0),
        ("1." + "1" * 37, Decimal("1." + "1" * 37)),
        ("1." + "1" * 38, 1.1111111111111112),
    ],
)
def test_a_number_is_exact_up_to_38_digits_without_an_exponent(number: str, value: float | Decimal) -> None:
    parsed = parse_object(f'{{"n":{number}}}')
    assert parsed is not None
    assert (parsed["n"], type(parsed["n"])) == (value, type(value))


@pytest.mark.parametrize(
    ("number", "accepted"),
    [
        ("1" * NUMBER_LENGTH, True),
        ("1" * (NUMBER_LENGTH + 1), False),
        ("-" + "1" * NUMBER_LENGTH, True),
        ("1." + "1" * 999, True),
        ("1." + "1" * 1000, False),
        ("1e" + "0" * 999, True),
        ("1e-" + "0" * 1000, False),
        ("1.5e+" + "0" * 998, True),
        ("1.5e+" + "0" * 999, False),
        ("0." + "1" * 1000, True),  # a zero before a fraction or an exponent is not counted
        ("0." + "1" * 1001, False),
        ("-0e-" + "0" * 1000, True),
        ("0.5e" + "0" * 998, True),  # before both it is
        ("0.5e" + "0" * 999, False),
    ],
    ids=lambda value: str(value)[:8],
)
def test_a_number_has_at_most_1000_digits(number: str, accepted: bool) -> None:
    assert (parse_object(f'{{"n":{number}}}') is not None) is accepted


# More brackets than the C decoder is given send a body down the other path.
BRACKETS: Final = '"pad":"' + "[" * 101 + '"'


@pytest.mark.parametrize(
    "body",
    [
        '{"a":1,"a":2}',
        '{"a":1,"\\u0061":2}',
        '{"a":{"b":1,"b":2}}',
        '{"a":[{"b":1,"b":2}]}',
        '{"a":1,}',
        '{"a":1 "b":2}',
        '{"a" 1}',
        '{"a":}',
        "{a:1}",
        '{"a":[1,]}',
        '{"a":[,1]}',
        '{"a":[1 2]}',
        '{"a":[1}',
        '{"a":NaN}',
        '{"a":01}',
        '{"a":"\x01"}',
        '{"a":tru}',
        '{"a":1]',
    ],
)
def test_both_paths_refuse_the_same(body: str) -> None:
    assert parse_object(body) is None
    assert parse_object("{" + BRACKETS + "," + body[1:]) is None
    assert parse_object("{" + BRACKETS + "}" + body) is not None


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ('{"a":' + "[" * (DEPTH - 1) + "]" * (DEPTH - 1) + "}", True),
        ('{"a":' + "[" * DEPTH + "]" * DEPTH + "}", False),
        ('{"a":' + '{"b":' * (DEPTH - 1) + "1" + "}" * (DEPTH - 1) + "}", True),
        ('{"a":' + '{"b":' * DEPTH + "1" + "}" * DEPTH + "}", False),
        ('{"a":' + "[" * 100_000, False),
        ('{"%s":1}' % ("k" * KEY_LENGTH), True),
        ('{"%s":1}' % ("k" * (KEY_LENGTH + 1)), False),
        ('{"%s":1}' % ("\U0001f600" * (KEY_LENGTH // 2)), True),  # counted in UTF-16 units
        ('{"%s":1}' % ("\U0001f600" * (KEY_LENGTH // 2 + 1)), False),
        ('{"%s":1}' % (r"\u0061" * KEY_LENGTH), True),  # and without their escapes
        ('{"a":{"%s":1}}' % ("k" * (KEY_LENGTH + 1)), False),
        ('{"a":"%s"}' % ("{[" * 200), True),
        ('{"a":"%s"}' % ("x" * 200_000), True),
    ],
    ids=range(13),
)
def test_depth_and_keys_are_bounded(body: str, accepted: bool) -> None:
    assert (parse_object(body) is not None) is accepted


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
SPOILT: Final = st.sampled_from(list('{}[]",:0123456789.eE+-\\u/ ntrufals\n\x00é😀'))


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=5))
def test_plain_bodies_are_read_as_python_reads_them(body: dict[str, Any]) -> None:
    parsed = parse_object(json.dumps(body))
    assert parsed is not None
    assert parsed.keys() == body.keys()
    for name, value in body.items():
        if isinstance(value, str | bool | None):
            assert parsed[name] == value
        elif isinstance(value, int | float):
            number = parsed[name]
            assert isinstance(number, int | float | Decimal)
            assert float(number) == float(value)
        else:
            assert isinstance(parsed[name], type(value))


@given(
    st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.lists(st.tuples(st.integers(0, 200), SPOILT), max_size=3)
)
def test_both_paths_agree(body: dict[str, Any], edits: list[tuple[int, str]]) -> None:
    text = json.dumps(body, ensure_ascii=False)
    for at, char in edits:
        text = text[:at] + char + text[at + 1 :]
    assert kinds(text) == kinds_by_reader(text)


def kinds(text: str) -> dict[str, Any] | None:
    parsed = parse_object(text)
    return None if parsed is None else {name: kind(value) for name, value in parsed.items()}


def kinds_by_reader(text: str) -> dict[str, Any] | None:
    start = len(text) - len(text.lstrip(" \t\n\r"))
    if text[start : start + 1] != "{":
        return None
    try:
        return {name: kind(value) for name, value in json_text._Reader(text, start).read().items()}
    except ValueError:
        return None


def kind(value: Any) -> Any:
    return type(value) if isinstance(value, dict | list) else (type(value), value)
