"""Entity keys as they come in: text in a query, JSON in a body."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from schemas.core.types import INT64_MAX, INT64_MIN, Bool, Int64, Type, Value, type_name
from schemas.core.views import View
from serving_layer.http.problems import Problem, shown

Key = tuple[Value, ...]

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})")


def text_readers(view: View) -> tuple[tuple[str, Callable[[str | None], Value]], ...]:
    """How each key field is read from a query (None: it is not there); readers raise Problem."""
    return tuple((name, _text_reader(view, name, of)) for name, of in view.key_types.items())


def json_reader(view: View) -> Callable[[list[Any]], list[Key] | None]:
    """Takes a whole list of JSON keys if each is as the definition says, else gives None without saying why."""
    types = [(name, _python_type(of)) for name, of in view.key_types.items()]
    return _of_one_string(types[0][0]) if [of for _, of in types] == [str] else _of_any(types)


def field_types(view: View) -> list[str]:
    """The key fields as a problem lists them."""
    return [f"{name}: {type_name(of)}" for name, of in view.key_types.items()]


def all_are(of: type, values: list[Any]) -> bool:
    """Whether every value has exactly this type."""
    return set(map(type, values)) <= {of}


def _text_reader(view: View, name: str, of: Type) -> Callable[[str | None], Value]:
    def refused(text: str | None) -> Problem:
        what = "is missing; it is" if text is None else f"is not `{shown(text)}` but"
        detail = f"key field `{name}` of view `{view.name}` {what} {type_name(of)}"
        return Problem("bad-key", detail, available=field_types(view))

    def string(text: str | None) -> Value:
        if text is None:
            raise refused(text)
        return text

    def integer(text: str | None) -> Value:
        if text is None or _INTEGER.fullmatch(text) is None or not INT64_MIN <= int(text) <= INT64_MAX:
            raise refused(text)
        return int(text)

    def boolean(text: str | None) -> Value:
        if text not in ("true", "false"):
            raise refused(text)
        return text == "true"

    match of:
        case Int64():
            return integer
        case Bool():
            return boolean
    return string


def _of_one_string(name: str) -> Callable[[list[Any]], list[Key] | None]:
    def read(given: list[Any]) -> list[Key] | None:
        try:
            values = [each[name] for each in given if len(each) == 1]
        except (TypeError, KeyError):
            return None
        return [(value,) for value in values] if len(values) == len(given) and all_are(str, values) else None

    return read


def _of_any(types: list[tuple[str, type]]) -> Callable[[list[Any]], list[Key] | None]:
    names, expected = [name for name, _ in types], [of for _, of in types]
    integers = [index for index, of in enumerate(expected) if of is int]

    def read(given: list[Any]) -> list[Key] | None:
        keys: list[Key] = []
        for each in given:
            if type(each) is not dict or len(each) != len(names):
                return None
            values: list[Any] = [each.get(name) for name in names]
            if [type(value) for value in values] != expected:
                return None
            if any(not INT64_MIN <= values[index] <= INT64_MAX for index in integers):
                return None
            keys.append(tuple(values))
        return keys

    return read


def _python_type(of: Type) -> type:
    match of:
        case Int64():
            return int
        case Bool():
            return bool
    return str
