"""The body of a request for scores: `{"rows": [{"carrier": "UA", "dep_delay": 4, …}, …], "features": true?}`.

A row has each field that the model asks for, null where the event's contract allows it, and may have the key of its
label, by which its outcome is found later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from schemas.core.models import Model
from schemas.core.types import Field, Type, Value, type_name
from schemas.core.verdict import value_of
from serving_layer.http.bodies import refuse_repeated, require_object
from serving_layer.http.problems import Problem, shown

MOST_ROWS: Final = 1_000
MEMBERS: Final = ("rows", "features")


class Wanted(NamedTuple):
    """What is to be scored, as the core holds it, and whether the features are told."""

    rows: list[dict[str, Value]]
    features: bool


class RowForm:
    """The rows of one definition, prepared once."""

    def __init__(self, model: Model) -> None:
        self.needed = model.row
        own = dict(model.on.fields)
        types = model.on.types
        also = {name: own.get(name, Field(types[name])) for _, name in model.label.by if name not in self.needed}
        self.known: Mapping[str, Field] = {**self.needed, **also}
        self.listed = [field_text(name, field) for name, field in self.known.items()]

    def read(self, body: bytes) -> Wanted:
        """The rows in the order given; raises Problem naming the row and the field."""
        content, fault = _content(body)
        given, features = content.get("rows"), content.get("features")
        if not isinstance(given, list):
            raise Problem("bad-body", "`rows` is missing or no array; give an array of objects", available=MEMBERS)
        if len(given) > MOST_ROWS:
            raise Problem("too-many-rows", f"{len(given)} rows are to be scored; send at most {MOST_ROWS} at once")
        if features not in (None, True, False):
            raise Problem("bad-body", "`features` is neither true nor false", available=["true", "false"])
        rows = [self._row(index, each) for index, each in enumerate(given)]
        if fault is not None:
            raise fault
        if body.count(b'"') != _quotes(content, given):
            refuse_repeated(body)
        return Wanted(rows, bool(features))

    def _row(self, index: int, given: Any) -> dict[str, Value]:
        if type(given) is not dict:
            raise Problem("bad-row", f"row {index} is no object; give one with its fields", available=self.listed)
        row: dict[str, Value] = {}
        for name, field in self.known.items():
            if name in given:
                value = given[name]
                row[name] = read = None if value is None else value_of(value, field.type)
                if read is None and not (value is None and field.nullable):
                    raise self._refused(index, name, value, field.type)
            elif name in self.needed:
                what = f"field `{name}` is missing; it is {_described(field)}"
                raise Problem("bad-row", f"row {index}: {what}", available=self.listed)
        if len(row) != len(given):
            name = next(each for each in given if each not in self.known)
            detail = f"row {index}: unknown field `{shown(name)}`"
            raise Problem("unknown-row-field", detail, available=self.listed)
        return row

    def _refused(self, index: int, name: str, value: Any, of: Type) -> Problem:
        text = shown(json.dumps(value, default=str))
        return Problem(
            "bad-row", f"row {index}: field `{name}` is not `{text}` but {type_name(of)}", available=self.listed
        )


def field_text(name: str, field: Field) -> str:
    """`dep_delay: int64`."""
    return f"{name}: {_described(field)}"


def _described(field: Field) -> str:
    return f"{type_name(field.type)} or null" if field.nullable else type_name(field.type)


def _content(body: bytes) -> tuple[dict[str, Any], Problem | None]:
    """The object, and what is wrong with a body that JSON knows no word for: NaN, whose field is found first."""
    try:
        return require_object(orjson.loads(body), MEMBERS), None
    except orjson.JSONDecodeError as error:
        fault = Problem("bad-body", f"the body is no JSON: {error}", available=MEMBERS)
    try:
        return require_object(json.loads(body), MEMBERS), fault
    except (ValueError, RecursionError):
        raise fault from None


def _quotes(content: Mapping[str, Any], rows: list[dict[str, Any]]) -> int:
    """How many quotes the body has if no member is given twice and no string holds an escaped one."""
    return 2 * (len(content) + sum(len(row) + sum(type(value) is str for value in row.values()) for row in rows))
