"""JSON as the VARIANT parser of both engines reads it, in plain Python.

The parser refuses duplicate keys at any depth, NaN, leading zeros, bare control characters, comments, a byte
order mark, nesting beyond `DEPTH`, numbers beyond `NUMBER_LENGTH` and keys beyond `KEY_LENGTH` characters. What
follows a complete value is not read at all. A number without exponent of at most 38 digits and 38 decimals is an
exact decimal without trailing zeros, any other a double.

Not told apart: a number of exactly 1,001 digits, without a fraction or without an exponent, that lies across one of
the parser's read buffers in a body of more than 32,768 characters; the engines take it, and this refuses it.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

DEPTH: Final = 1_000
NUMBER_LENGTH: Final = 1_000
KEY_LENGTH: Final = 50_000
DECIMAL_DIGITS: Final = 38

Json = str | bool | int | float | Decimal | None | dict[str, Any] | list[Any]
"""A whole number of at most 38 digits is an int, another exact one a Decimal, any other number a float."""

_SHALLOW: Final = 100
"""Brackets up to which the C decoder may recurse; it has no bound of its own on every Python."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")


class _Refused(ValueError):
    """The parser of the engines takes no such text."""


def parse_object(text: str) -> dict[str, Json] | None:
    """The fields of the object with which `text` begins, or None where the engines refuse it.

    Fields that are objects or arrays come back as a dict or a list whose content is not to be used.
    """
    start = _skip(text, 0)
    if text[start : start + 1] != "{":
        return None
    try:
        if 2 * len(text) <= KEY_LENGTH and text.count("{") + text.count("[") <= _SHALLOW:
            found: dict[str, Json] = _DECODER.raw_decode(text, start)[0]
            return found
        return _Reader(text, start).read()
    except ValueError:
        return None


def top_level(text: str) -> dict[str, str] | None:
    """The canonical text of each field of the object: `1`, `12.7`, `"x"` with its quotes, `true`, `null`.

    `1.0` is `1`. Objects and arrays are only shown as `{}` and `[]`, doubles in Python's notation, and a double
    beyond all bounds as `Infinity`.
    """
    parsed = parse_object(text)
    return None if parsed is None else {key: _canonical(value) for key, value in parsed.items()}


def _canonical(value: Json) -> str:
    match value:
        case Decimal():
            return f"{value:f}".rstrip("0")
        case dict():
            return "{}"
        case list():
            return "[]"
    return json.dumps(value, ensure_ascii=False)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _whole(text: str) -> int | float:
    if len(text) <= DECIMAL_DIGITS:
        return int(text)
    digits = len(text.lstrip("-"))
    if digits > NUMBER_LENGTH:
        raise _Refused
    return int(text) if digits <= DECIMAL_DIGITS else float(text)


def _fraction(text: str) -> int | float | Decimal:
    if len(text) > NUMBER_LENGTH:
        _check_length(text)
    if "e" in text or "E" in text:
        return float(text)
    whole, _, decimals = text.partition(".")
    if len(text) > DECIMAL_DIGITS:
        significant = (whole.lstrip("-") + decimals).lstrip("0")
        if len(decimals) > DECIMAL_DIGITS or len(significant) > DECIMAL_DIGITS:
            return float(text)
    return Decimal(text) if decimals.strip("0") else int(whole)


def _check_length(text: str) -> None:
    parts = re.split("[.eE]", text.lstrip("-"))
    digits = sum(len(part.lstrip("+-")) for part in parts)
    uncounted = parts[0] == "0" and len(parts) == 2  # the engines' parser miscounts by one there
    if digits - uncounted > NUMBER_LENGTH:
        raise _Refused


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused
    return found


def _constant(_: str) -> Json:
    raise _Refused


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)


class _Reader:
    """The same without recursion and with bounds on depth and keys, for the bodies that the C decoder is not for."""

    def __init__(self, text: str, start: int) -> None:
        self._text, self._at = text, start
        self._open: list[set[str] | None] = []  # the keys so far of each open object; None for an array

    def read(self) -> dict[str, Json]:
        """The fields of the object at the start; raises ValueError where the engines refuse it."""
        top: dict[str, Json] = {}
        self._value()
        first = True
        while self._open:
            keys = self._open[-1]
            if self._takes("]" if keys is None else "}"):
                self._open.pop()
                first = False
                continue
            if not first:
                self._must_take(",")
            key = "" if keys is None else self._key(keys)
            is_field, depth = len(self._open) == 1, len(self._open)
            value = self._value()
            if is_field:
                top[key] = value
            first = len(self._open) > depth
        return top

    def _value(self) -> Json:
        """A scalar, or the opening of an object or array."""
        if self._takes("{"):
            self._open.append(set())
        elif self._takes("["):
            self._open.append(None)
        else:
            return self._scalar()
        if len(self._open) > DEPTH:
            raise _Refused
        return [] if self._open[-1] is None else {}

    def _key(self, keys: set[str]) -> str:
        if not self._text.startswith('"', _skip(self._text, self._at)):
            raise _Refused
        key = self._scalar()
        assert isinstance(key, str)
        if key in keys or len(key.encode("utf-16-le", "surrogatepass")) > 2 * KEY_LENGTH:
            raise _Refused
        keys.add(key)
        self._must_take(":")
        return key

    def _scalar(self) -> Json:
        value: Json
        value, self._at = _DECODER.raw_decode(self._text, _skip(self._text, self._at))
        return value

    def _takes(self, char: str) -> bool:
        at = _skip(self._text, self._at)
        taken = self._text.startswith(char, at)
        self._at = at + taken
        return taken

    def _must_take(self, char: str) -> None:
        if not self._takes(char):
            raise _Refused
