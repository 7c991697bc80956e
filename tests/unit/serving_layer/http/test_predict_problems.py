"""Rows and bodies that are not scored: each is refused in words that name row and field."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.unit.serving_layer.http.asking import Desk, problem
from tests.unit.serving_layer.http.scores import ROW, Scores


def bad(**changed: Any) -> bytes:
    return json.dumps({"rows": [ROW, {**ROW, **changed}]}).encode()


def without(name: str) -> bytes:
    return json.dumps({"rows": [ROW, {each: value for each, value in ROW.items() if each != name}]}).encode()


WRONG: dict[str, tuple[bytes, str, str]] = {
    "no JSON": (b"{", "bad-body", "the body is no JSON"),
    "nothing": (b"", "bad-body", "the body is no JSON"),
    "no object": (b"[]", "bad-body", "the body is no JSON object; give one with `rows`"),
    "no rows": (b"{}", "bad-body", "`rows` is missing or no array"),
    "rows no array": (b'{"rows": {}}', "bad-body", "`rows` is missing or no array"),
    "another member": (b'{"rows": [], "keys": []}', "bad-body", "unknown member `keys`"),
    "features no bool": (b'{"rows": [], "features": ["a"]}', "bad-body", "`features` is neither"),
    "features a number": (b'{"rows": [], "features": 2}', "bad-body", "`features` is neither"),
    "row no object": (b'{"rows": [1]}', "bad-row", "row 0 is no object"),
    "unknown field": (bad(colour="red"), "unknown-row-field", "row 1: unknown field `colour`"),
    "no request field": (without("level"), "bad-row", "row 1: field `level` is missing; it is float64"),
    "no nullable field": (without("kind"), "bad-row", "row 1: field `kind` is missing; it is string or null"),
    "no key": (without("sensor"), "bad-row", "row 1: field `sensor` is missing; it is string"),
    "null": (bad(level=None), "bad-row", "row 1: field `level` is not `null` but float64"),
    "null key": (bad(sensor=None), "bad-row", "row 1: field `sensor` is not `null` but string"),
    "text for a number": (bad(level="7"), "bad-row", 'row 1: field `level` is not `"7"` but float64'),
    "number for text": (bad(sensor=7), "bad-row", "row 1: field `sensor` is not `7` but string"),
    "bool for a number": (bad(unit=True), "bad-row", "row 1: field `unit` is not `true` but int64"),
    "number for a bool": (bad(open=1), "bad-row", "row 1: field `open` is not `1` but bool"),
    "fraction": (bad(unit=1.5), "bad-row", "row 1: field `unit` is not `1.5` but int64"),
    "beyond 64 bits": (bad(unit=2**63), "bad-row", "row 1: field `unit` is not `9223372036854775808` but int64"),
    "decimal as a number": (bad(cost=1.5), "bad-row", "row 1: field `cost` is not `1.5` but decimal(2)"),
    "too many digits": (bad(cost="1.555"), "bad-row", 'row 1: field `cost` is not `"1.555"` but decimal(2)'),
    "no instant": (bad(since="yesterday"), "bad-row", 'row 1: field `since` is not `"yesterday"` but timestamp'),
    "nested": (bad(level={"a": 1}), "bad-row", 'row 1: field `level` is not `{"a": 1}` but float64'),
    "NaN": (bad(level=math.nan), "bad-row", "row 1: field `level` is not `NaN` but float64"),
    "infinity": (bad(level=-math.inf), "bad-row", "row 1: field `level` is not `-Infinity` but float64"),
    "beyond floats": (
        bad(level=0.125).replace(b"0.125", b"1e999"),
        "bad-row",
        "row 1: field `level` is not `Infinity`",
    ),
    "too large a float": (bad(level=1e300), "bad-row", "row 1: field `level` is not `1e+300` but float64"),
    "NaN elsewhere": (b'{"rows": [], "features": NaN}', "bad-body", ""),
    "twice": (
        bad().replace(b'"level": 7.5', b'"level": 7.5, "level": 8', 1),
        "bad-body",
        "the body gives `level` twice",
    ),
    "too many": (b'{"rows": [' + b",".join([b"{}"] * 1_001) + b"]}", "too-many-rows", "1001 rows"),
    "deep": (b'{"rows": ' + b"[" * 100_000, "bad-body", "the body is no JSON"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_question_is_refused_naming_row_and_field(scores: Scores, case: str) -> None:
    body, kind, detail = WRONG[case]
    told = problem(scores.post(body))
    assert (told["kind"], told["status"]) == (kind, 400)
    assert detail in told["detail"]
    if kind == "bad-row":
        assert "level: float64" in told["available"]


def test_other_wrong_questions(scores: Scores, empty: Desk) -> None:
    desk = scores.desk
    told = problem(desk.http.post("/v1/models/alarm/predict", content=b"{}"))
    assert (told["kind"], told["available"]) == ("unknown-model", ["alarms"])
    assert problem(desk.get("/v1/models/alarm"))["kind"] == "unknown-model"
    assert problem(desk.get("/v1/models/alarms/predict"))["kind"] == "method-not-allowed"
    told = problem(desk.http.post("/v1/models/alarms/predict?through=1", content=b"{}"))
    assert told["kind"] == "unknown-parameter"
    assert problem(scores.post(b" " * (1 << 21)))["kind"] == "body-too-large"
    assert problem(empty.http.post("/v1/models/alarms/predict", content=b"{}"))["kind"] == "nothing-loaded"
    assert desk.get("/v1/models").json()["models"]
    assert empty.get("/v1/models").json() == {"models": []}
