"""`through`: answers from segments and closed epochs only, as of that instant.

07:20     07:30  :31 :32 :33 :34  07:34:55.789
  ├── s1 ───┼─────┼───┼───┼───┼──┤ speed_through
            B     ^ through is one of these, B and 07:34 included
"""

from __future__ import annotations

import pytest

from schemas.core.instants import Instant, parse_instant
from tests.unit.serving_layer.http.asking import NOW, SENSORS, Desk, problem, reading


@pytest.mark.parametrize(("through", "readings"), [("07:30:00", 2), ("07:31:00", 2), ("07:32:00", 3), ("07:34:00", 3)])
def test_epochs_from_there_on_stay_out(desk: Desk, through: str, readings: int) -> None:
    response = desk.get("/v1/views/sensors/answer", sensor="s1", through=f"2026-03-01T{through}Z")
    content = response.json()
    assert content["as_of"] == f"2026-03-01T{through}.000Z"
    assert content["answers"][0]["features"]["readings_1h"] == readings


def test_it_is_repeatable_while_events_flow(desk: Desk) -> None:
    ask = {"sensor": "s1", "through": "2026-03-01T07:34:00Z"}
    before = desk.get("/v1/views/sensors/answer", **ask)
    desk.store.receive("reading", [reading(10, "07:34:30.000")])
    desk.store.claim("reading", {0: 11, 1: 0}, Instant(NOW))
    desk.clock.time = Instant(NOW + 60_000)
    after = desk.get("/v1/views/sensors/answer", **ask)
    assert after.json()["answers"] == before.json()["answers"]
    assert after.json()["as_of"] == before.json()["as_of"]


def test_a_zone_is_understood(desk: Desk) -> None:
    response = desk.get("/v1/views/sensors/answer", sensor="s1", through="2026-03-01T08:31:00+01:00")
    assert response.json()["as_of"] == "2026-03-01T07:31:00.000Z"


def test_a_lookup_takes_it_in_the_query(desk: Desk) -> None:
    response = desk.lookup("sensors", {"keys": [{"sensor": "s1"}]}, through="2026-03-01T07:31:00Z")
    assert response.json()["answers"][0]["features"]["readings_1h"] == 2


@pytest.mark.parametrize(
    ("through", "status", "kind", "said"),
    [
        ("yesterday", 400, "bad-parameter", "is no instant"),
        ("", 400, "bad-parameter", "is no instant"),
        ("2026-02-30T07:31:00Z", 400, "bad-parameter", "has no such day"),
        ("2026-03-01T07:31:00", 400, "bad-parameter", "with a zone"),
        ("2026-03-01T07:31:00.001Z", 400, "bad-parameter", "the start before it is 2026-03-01T07:31:00.000Z"),
        ("2026-03-01T07:29:00Z", 409, "through-below-boundary", "from 2026-03-01T07:30:00.000Z to"),
        ("2026-03-01T07:35:00Z", 409, "through-not-closed", "to 2026-03-01T07:34:55.789Z"),
        ("9999-12-31T23:59:00Z", 409, "through-not-closed", "not claimed yet"),
    ],
)
def test_other_instants_are_refused(desk: Desk, through: str, status: int, kind: str, said: str) -> None:
    refused = problem(desk.get("/v1/views/sensors/answer", sensor="s1", through=through))
    assert (refused["status"], refused["kind"]) == (status, kind)
    assert said in refused["detail"]


def test_a_claim_exactly_at_an_epoch_start_closes_it(desk: Desk) -> None:
    desk.store.claim("reading", {0: 4, 1: 0}, parse_instant("2026-03-01T07:35:00.000Z"))
    assert desk.get("/v1/views/sensors/answer", sensor="s1", through="2026-03-01T07:35:00Z").status_code == 200


def test_without_a_run_only_the_boundary_is_closed(desk: Desk) -> None:
    desk.publish(SENSORS, run=None)
    ask = "/v1/views/sensors/answer"
    assert desk.get(ask, sensor="s1", through="2026-03-01T07:30:00Z").status_code == 200
    assert problem(desk.get(ask, sensor="s1", through="2026-03-01T07:31:00Z"))["kind"] == "through-not-closed"
