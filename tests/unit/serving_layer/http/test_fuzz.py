"""Never a 500 and never HTML where a problem is due, whatever comes in."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.serving_layer.http.asking import Desk, problem

SEGMENT = st.one_of(
    st.sampled_from(["v1", "views", "sensors", "units", "answer", "lookup", "explain", "docs", "", ".", "..", "%2F"]),
    st.text(max_size=8),
)
PART = st.one_of(
    st.sampled_from(["sensor", "unit", "open", "features", "through", "wait_for", "timeout", "=", "&", "%", "+", ","]),
    st.sampled_from(["s1", "1", "true", "note", "2026-03-01T07:31:00Z", "events.reading:0:1", "0.01", "%ff", "%00"]),
    st.text(max_size=6),
)
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from(["s1", "note", "keys"])
)
NAME = st.one_of(st.sampled_from(["keys", "features", "sensor", "unit", "open"]), st.text(max_size=4))
BODY = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAME, inner, max_size=4), max_leaves=12
)
FUZZ = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(response: Any) -> None:
    assert response.status_code in (200, 400, 404, 405, 409, 413, 503, 504)
    if response.status_code == 200:
        assert response.headers["content-type"].partition(";")[0] in ("application/json", "text/html", "text/plain")
    else:
        problem(response)


@FUZZ
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    path=st.lists(SEGMENT, max_size=5),
    query=st.lists(PART, max_size=12),
)
def test_any_path_and_query(desk: Desk, method: str, path: list[str], query: list[str]) -> None:
    response = desk.raw(method, "/" + "/".join(path), "".join(query).encode("utf-8", "surrogatepass"))
    check(response)


@FUZZ
@given(view=st.sampled_from(["sensors", "units"]), query=st.binary(max_size=40))
def test_any_bytes_as_a_query(desk: Desk, view: str, query: bytes) -> None:
    for last in ("answer", "explain"):
        check(desk.raw("GET", f"/v1/views/{view}/{last}", query))


@FUZZ
@given(view=st.sampled_from(["sensors", "units"]), body=BODY)
def test_any_json_as_a_body(desk: Desk, view: str, body: Any) -> None:
    check(desk.lookup(view, json.dumps(body).encode()))


@FUZZ
@given(view=st.sampled_from(["sensors", "units"]), body=st.binary(max_size=60))
def test_any_bytes_as_a_body(desk: Desk, view: str, body: bytes) -> None:
    check(desk.lookup(view, body))


@FUZZ
@given(keys=st.lists(st.fixed_dictionaries({"unit": LEAF, "open": LEAF}), max_size=4))
def test_almost_right_keys_are_answered_only_if_right(desk: Desk, keys: list[dict[str, Any]]) -> None:
    """The fast check of keys and the definition's own say the same."""
    response = desk.lookup("units", json.dumps({"keys": keys}).encode())
    check(response)
    right = all(
        type(key["unit"]) is int and -(2**63) <= key["unit"] < 2**63 and type(key["open"]) is bool for key in keys
    )
    assert (response.status_code == 200) is right
