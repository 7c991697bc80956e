"""`wait_for`: an answer once a record is claimed, or none."""

from __future__ import annotations

import pytest

from schemas.core.instants import Instant
from tests.unit.serving_layer.http.asking import NOW, SENSORS, Desk, problem, reading

ASK = "/v1/views/sensors/answer"


def test_a_claimed_record_is_not_waited_for(desk: Desk) -> None:
    assert desk.get(ASK, sensor="s1", wait_for="events.reading:0:3").status_code == 200
    assert desk.clock.pauses == 0


def test_the_answer_comes_with_the_claim_and_holds_the_record(desk: Desk) -> None:
    def arrive() -> None:
        desk.store.receive("reading", [reading(4, "07:34:50.000")])

    def claim() -> None:
        desk.store.claim("reading", {0: 5, 1: 0}, Instant(NOW))

    desk.clock.then = [lambda: None, arrive, lambda: None, claim]
    response = desk.get(ASK, sensor="s1", wait_for="events.reading:0:4", features="readings_1h")
    assert response.json()["answers"][0]["features"] == {"readings_1h": 4}
    assert desk.clock.pauses == 4


def test_shown_is_not_claimed(desk: Desk) -> None:
    desk.store.receive("reading", [reading(4, "07:34:50.000")])
    assert desk.features("sensors", sensor="s1", features="readings_1h") == {"readings_1h": 4}
    assert desk.get(ASK, sensor="s1", wait_for="events.reading:0:4", timeout="1").status_code == 504


@pytest.mark.parametrize(("timeout", "waited"), [("0", 0), ("0.5", 500), ("10", 10_000)])
def test_after_the_timeout_there_is_no_answer(desk: Desk, timeout: str, waited: int) -> None:
    response = desk.get(ASK, sensor="s1", wait_for="events.reading:0:4", timeout=timeout)
    refused = problem(response)
    assert (refused["status"], refused["kind"]) == (504, "not-claimed")
    assert refused["available"] == ["events.reading:0:3"]
    assert "answers" not in response.text.replace("an answer", "")
    assert waited <= desk.clock.time - NOW <= waited + 5


def test_a_claim_at_the_very_end_of_the_timeout_is_seen(desk: Desk) -> None:
    desk.clock.then = [lambda: None, lambda: desk.store.claim("reading", {0: 5, 1: 0}, Instant(NOW))]
    assert desk.get(ASK, sensor="s1", wait_for="events.reading:0:4", timeout="0.01").status_code == 200


def test_each_partition_is_claimed_by_itself(desk: Desk) -> None:
    assert desk.get(ASK, sensor="s1", wait_for="events.reading:1:0", timeout="1").status_code == 504


def test_a_view_that_goes_away_meanwhile_is_not_answered(desk: Desk) -> None:
    desk.clock.then = [lambda: desk.publish(SENSORS, run=None)]
    refused = problem(desk.get(ASK, sensor="s1", wait_for="events.reading:0:4", timeout="1"))
    assert refused["kind"] == "not-claimed"
    assert "no stream run serves this definition" in refused["detail"]


def test_a_lookup_waits_too(desk: Desk) -> None:
    desk.clock.then = [lambda: desk.store.claim("reading", {0: 5, 1: 0}, Instant(NOW))]
    body = {"keys": [{"sensor": "s1"}]}
    assert desk.lookup("sensors", body, wait_for="events.reading:0:4", timeout="1").status_code == 200
    assert desk.lookup("sensors", body, wait_for="events.reading:0:5", timeout="1").status_code == 504


@pytest.mark.parametrize(
    ("wait_for", "said"),
    [
        ("", "`topic:partition:offset`, like `events.reading:0:17`"),
        ("events.reading", "topic:partition:offset"),
        ("events.reading:0:-1", "topic:partition:offset"),
        ("events.reading:0:1.5", "topic:partition:offset"),
        ("events.reading:0:9223372036854775808", "topic:partition:offset"),
        ("events.reading:0:٣", "topic:partition:offset"),
        ("events.arrival:0:1", "reads nothing; it reads partitions 0 to 1 of `events.reading`"),
        ("events.reading:2:1", "reads nothing"),
    ],
)
def test_other_positions_are_refused(desk: Desk, wait_for: str, said: str) -> None:
    refused = problem(desk.get(ASK, sensor="s1", wait_for=wait_for))
    assert (refused["status"], refused["kind"], refused["available"]) == (400, "bad-parameter", ["events.reading"])
    assert said in refused["detail"]


@pytest.mark.parametrize("timeout", ["", "-1", "61", "nan", "1e1", "999999"])
def test_other_timeouts_are_refused(desk: Desk, timeout: str) -> None:
    refused = problem(desk.get(ASK, sensor="s1", wait_for="events.reading:0:3", timeout=timeout))
    assert (refused["kind"], refused["detail"].endswith("seconds from 0 to 60")) == ("bad-parameter", True)
