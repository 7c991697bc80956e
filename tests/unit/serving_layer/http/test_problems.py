"""Whatever a request gets wrong is a 4xx that names what there is; nothing of it reaches the store."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from schemas.core.errors import UnavailableError
from schemas.core.language import Event, View, count, string
from serving_layer.http.bodies import MOST_BYTES
from serving_layer.http.problems import KINDS
from tests.unit.serving_layer.http.asking import SENSORS, Desk, problem

FEATURES = [feature.name for feature in SENSORS.features]
OPTIONS = ["features", "through", "wait_for", "timeout"]


@pytest.mark.parametrize(
    ("path", "kind", "available"),
    [
        ("/v1/views/nothing/answer?sensor=s1", "unknown-view", ["sensors", "units"]),
        ("/v1/views/nothing", "unknown-view", ["sensors", "units"]),
        ("/v1/views/nothing/explain?sensor=s1", "unknown-view", ["sensors", "units"]),
        ("/v1/views/%F0%9F%98%80%FF/answer", "unknown-view", ["sensors", "units"]),
        ("/v1/views/sensors/answer", "bad-key", ["sensor: string"]),
        ("/v1/views/sensors/answer?Sensor=s1", "bad-key", ["sensor: string"]),
        ("/v1/views/sensors/answer?sensor=s1&unit=1", "unknown-parameter", ["sensor", *OPTIONS]),
        ("/v1/views/sensors/answer?sensor=s1&at=2026-03-01T07:00:00Z", "unknown-parameter", ["sensor", *OPTIONS]),
        ("/v1/views/sensors/answer?sensor=s1&=", "unknown-parameter", ["sensor", *OPTIONS]),
        ("/v1/views/sensors/answer?sensor=s1&sensor=s1", "repeated-parameter", None),
        ("/v1/views/sensors/answer?sensor=s1&%73ensor=s2", "repeated-parameter", None),
        ("/v1/views/sensors/answer?sensor=%FF", "bad-parameter", None),
        ("/v1/views/sensors/answer?sensor=%ED%A0%80", "bad-parameter", None),
        ("/v1/views/sensors/answer?sensor=s1&features=", "unknown-feature", FEATURES),
        ("/v1/views/sensors/answer?sensor=s1&features=readings", "unknown-feature", FEATURES),
        ("/v1/views/sensors/answer?sensor=s1&features=note,", "unknown-feature", FEATURES),
        ("/v1/views/sensors/answer?sensor=s1&features=note,note", "repeated-feature", ["note", "note"]),
        ("/v1/views/units/answer?unit=1", "bad-key", ["open: bool", "unit: int64"]),
        ("/v1/views/units/answer?unit=&open=true", "bad-key", ["open: bool", "unit: int64"]),
        ("/v1/views/units/answer?unit=1.0&open=true", "bad-key", ["open: bool", "unit: int64"]),
        ("/v1/views/units/answer?unit=01&open=true", "bad-key", ["open: bool", "unit: int64"]),
        ("/v1/views/units/answer?unit=9223372036854775808&open=true", "bad-key", ["open: bool", "unit: int64"]),
        ("/v1/views/units/answer?unit=%D9%A3&open=true", "bad-key", ["open: bool", "unit: int64"]),
        ("/v1/views/units/answer?unit=1&open=True", "bad-key", ["open: bool", "unit: int64"]),
        ("/v1/views/sensors/explain?sensor=s1&features=note", "unknown-parameter", ["sensor"]),
        ("/v1/views/sensors/explain", "bad-key", ["sensor: string"]),
    ],
)
def test_wrong_questions(desk: Desk, path: str, kind: str, available: list[str] | None) -> None:
    told = problem(desk.get(path))
    assert (told["kind"], told.get("available")) == (kind, available)
    assert told["status"] == KINDS[kind][0]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", "bad-body", "the body is no JSON"),
        (b"{", "bad-body", "the body is no JSON"),
        (b'{"keys": [{"sensor": "\xff"}]}', "bad-body", "the body is no JSON"),
        (rb'{"keys": [{"sensor": "\ud800"}]}', "bad-body", "the body is no JSON"),
        (b"\xef\xbb\xbf{}", "bad-body", "the body is no JSON"),
        (b"[" * 5_000, "bad-body", "the body is no JSON"),
        ([], "bad-body", "no JSON object"),
        (7, "bad-body", "no JSON object"),
        ({}, "bad-body", "`keys` is missing or no array"),
        ({"keys": None}, "bad-body", "`keys` is missing or no array"),
        ({"keys": {"sensor": "s1"}}, "bad-body", "`keys` is missing or no array"),
        ({"keys": [], "through": "x"}, "bad-body", "unknown member `through`"),
        ({"keys": [], "features": "note"}, "bad-body", "`features` is no array"),
        ({"keys": [], "features": []}, "bad-body", "one or more names"),
        ({"keys": [], "features": [1]}, "bad-body", "`features` is no array"),
        ({"keys": [], "features": ["nothing"]}, "unknown-feature", "unknown feature of view `sensors` `nothing`"),
        ({"keys": [], "features": ["note", "note"]}, "repeated-feature", "`note` is asked for twice"),
        ({"keys": ["s1"]}, "bad-key", "key 0 is no object"),
        ({"keys": ["s"]}, "bad-key", "key 0 is no object"),
        ({"keys": [["sensor"]]}, "bad-key", "key 0 is no object"),
        ({"keys": [None]}, "bad-key", "key 0 is no object"),
        ({"keys": [{"sensor": "s1"}, {}]}, "bad-key", "key 1: key field `sensor` of view `sensors` is missing"),
        ({"keys": [{"sensor": 1}]}, "bad-key", "key 0: key field `sensor` of view `sensors` is string, not `1`"),
        ({"keys": [{"sensor": None}]}, "bad-key", "is string, not `None`"),
        ({"keys": [{"sensor": "s1", "unit": 1}]}, "unknown-key-field", "key 0: unknown key field"),
        ({"keys": [{"unit": 1}]}, "unknown-key-field", "`unit`; available: `sensor`"),
        ({"keys": [{"sensor": "s1"}] * 1_001}, "too-many-keys", "1001 keys are asked for; ask for at most 1000"),
        (b'{"keys": [], "keys": []}', "bad-body", "gives `keys` twice"),
        (b'{"keys": [{"sensor": "s1", "sensor": "s2"}]}', "bad-body", "gives `sensor` twice"),
        (rb'{"keys": [{"sensor": "s1", "\u0073ensor": "s2"}]}', "bad-body", "gives `sensor` twice"),
        (b'{"keys": ' + b"[" * 900 + b"]" * 900 + b', "keys": []}', "bad-body", "twice"),
        (b'{"keys": ' + b"[" * 1_020 + b"]" * 1_020 + b', "keys": []}', "bad-body", "nested too deeply"),
    ],
)
def test_wrong_bodies(desk: Desk, body: Any, kind: str, said: str) -> None:
    told = problem(desk.lookup("sensors", body))
    assert told["kind"] == kind
    assert said in told["detail"]


@pytest.mark.parametrize(
    "key",
    [
        {"unit": 1},
        {"unit": True, "open": True},
        {"unit": 1, "open": 1},
        {"unit": 1.0, "open": True},
        {"unit": 2**63, "open": True},
    ],
)
def test_wrong_keys_of_several_fields(desk: Desk, key: dict[str, Any]) -> None:
    told = problem(desk.lookup("units", {"keys": [{"unit": 1, "open": True}, key]}))
    assert (told["kind"], told["available"]) == ("bad-key", ["open: bool", "unit: int64"])
    assert told["detail"].startswith("key 1: key field ")


def test_quotes_within_keys_are_no_repetition(desk: Desk) -> None:
    body = rb'{"keys": [{"sensor": "a\"b"}, {"sensor": "\u0022"}, {"s\u0065nsor": "s1"}]}'
    response = desk.lookup("sensors", body)
    assert [each["key"]["sensor"] for each in response.json()["answers"]] == ['a"b', '"', "s1"]


def test_a_lookup_has_no_features_in_its_query(desk: Desk) -> None:
    told = problem(desk.lookup("sensors", {"keys": []}, features="note"))
    assert told["kind"] == "unknown-parameter"


def test_a_body_declared_too_large_is_not_read(desk: Desk) -> None:
    response = desk.lookup("sensors", b" " * (MOST_BYTES + 1))
    assert (problem(response)["status"], problem(response)["kind"]) == (413, "body-too-large")
    assert response.headers["connection"] == "close"
    assert problem(desk.lookup("sensors", b" " * MOST_BYTES))["kind"] == "bad-body"


def test_a_body_of_undeclared_length_is_read_up_to_the_limit(desk: Desk) -> None:
    """Chunked: eight chunks of an eighth fit, the ninth is refused, and no further one is asked for."""
    chunk, taken, sent = b" " * (MOST_BYTES // 8), 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/views/sensors/lookup", "query_string": b"", "headers": []}
    asyncio.run(desk.app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert taken == 9


def test_a_client_that_goes_away_gets_nothing(desk: Desk) -> None:
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/views/sensors/lookup", "query_string": b"", "headers": []}
    asyncio.run(desk.app(scope, receive, send))
    assert sent == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/views/sensors/answer", ["GET", "HEAD"]),
        ("GET", "/v1/views/sensors/lookup", ["POST"]),
        ("DELETE", "/v1/views/sensors", ["GET"]),
        ("PUT", "/healthz", ["GET"]),
    ],
)
def test_a_method_that_a_route_has_not(desk: Desk, method: str, path: str, allowed: list[str]) -> None:
    response = desk.http.request(method, path)
    told = problem(response)
    assert (told["status"], told["kind"], told["available"]) == (405, "method-not-allowed", allowed)
    assert response.headers["allow"] == ", ".join(allowed)


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/views/", "/v1/views/a/b", "/v1/views//answer", "/v1/views/sensors/answer/", "/v2/views", "/docs/"],
)
def test_a_route_that_there_is_not(desk: Desk, path: str) -> None:
    told = problem(desk.get(path))
    assert (told["status"], told["kind"]) == (404, "unknown-route")
    assert "/v1/views/{view}/answer" in told["available"]


def test_before_anything_is_loaded(empty: Desk) -> None:
    for response in (
        empty.get("/v1/views/sensors/answer", sensor="s1"),
        empty.lookup("sensors", {"keys": []}),
        empty.get("/v1/views/sensors"),
        empty.get("/v1/views/sensors/explain", sensor="s1"),
    ):
        told = problem(response)
        assert (told["status"], told["kind"], told["available"]) == (503, "nothing-loaded", [])
        assert response.headers["retry-after"] == "1"
    assert empty.get("/v1/views").json() == {"views": []}


def test_a_view_that_is_applied_but_not_loaded(desk: Desk) -> None:
    desk.applied["later"] = "d"
    told = problem(desk.get("/v1/views/later/answer", sensor="s1"))
    assert (told["status"], told["kind"], told["available"]) == (503, "nothing-loaded", ["sensors", "units"])


def test_a_key_field_wins_over_an_option_of_its_name(desk: Desk) -> None:
    event = Event("odd", fields={"through": string, "features": string})
    desk.publish(View("odd", on=event, by=("through", "features"), features={"n": count()}))
    assert desk.features("odd", through="a", features="b") == {"n": 0}
    told = problem(desk.get("/v1/views/odd/answer", through="a", features="b", x="y"))
    assert told["available"] == ["features", "through", "wait_for", "timeout"]
    body = {"keys": [{"through": "a", "features": "b"}], "features": ["n"]}
    assert desk.lookup("odd", body, through="2026-03-01T07:30:00Z").json()["as_of"] == "2026-03-01T07:30:00.000Z"


def test_what_a_problem_repeats_is_bounded(desk: Desk) -> None:
    response = desk.get("/v1/views/units/answer", unit="7" * 10_000, open="true")
    assert len(problem(response)["detail"]) < 300
    body = {"keys": [{"unit": ["x" * 10_000], "open": True}]}
    assert len(problem(desk.lookup("units", body))["detail"]) < 600


def test_a_store_that_does_not_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise UnavailableError("the store is being rebuilt; wait")

    monkeypatch.setattr(desk.store, "snapshot", broken)
    for path in ("/v1/views/sensors/answer?sensor=s1", "/v1/views", "/readyz", "/metrics", "/docs"):
        told = problem(desk.get(path))
        assert (told["status"], told["kind"], told["detail"]) == (
            503,
            "unavailable",
            "the store is being rebuilt; wait",
        )
    assert desk.get("/healthz").status_code == 200


def test_a_fault_of_ours_shows_nothing_of_its_inside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(desk.store, "snapshot", broken)
    response = desk.get("/v1/views/sensors/answer", sensor="s1")
    assert (problem(response)["status"], problem(response)["kind"]) == (500, "internal")
    assert "secret" not in response.text
