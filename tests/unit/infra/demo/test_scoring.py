"""Which flights the demo scores, and what the live replay does about scores that fail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from infra.demo.faults import Faults
from infra.demo.flights import Year
from infra.demo.producer import follow
from infra.demo.replay import Delivery, Replay
from infra.demo.scoring import MOST, MOST_LANDING, Scoring, flights, row_of, score
from schemas.core.instants import HOUR, MINUTE, SECOND, Instant, parse_instant
from serving_layer.client import NotServing

NOW = parse_instant("2013-12-12T20:00:00Z")
DESCRIBED = {"row": [{"name": name} for name in ("carrier", "dest", "dep_delay", "event_id")]}


class FakeClient:
    """Takes rows, or fails."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self.fails = False

    def model(self, _: str) -> dict[str, Any]:
        if self.fails:
            raise NotServing("unreachable", "no reader answers")
        return DESCRIBED

    def predict(self, _: str, rows: list[Mapping[str, Any]]) -> int:
        self.rows += rows
        return len(rows)


@pytest.fixture(name="replay", scope="module")
def replay_fixture(year: Year) -> Replay:
    return Replay.of(year, Instant(NOW - 12 * HOUR), Faults(minutes_late=0, days_late=0, twice=0, poison=0))


def test_flights_that_have_left_and_those_that_land_soon_are_scored(replay: Replay, year: Year) -> None:
    some = flights(replay, NOW)
    names = [each.row["event_id"] for each in some]
    assert len(set(names)) == len(names)
    assert len(some) >= MOST
    for each in some:
        assert parse_instant(each.row["event_time"]) <= NOW
    arrivals = (
        year["arrival"]
        .filter(pc.is_in(year["arrival"]["event_id"], value_set=pa.array(names, pa.string())))
        .to_pylist()
    )
    landed = {each["event_id"]: each["event_time"] for each in arrivals}
    for each in some:
        if each.lands is not None:
            assert NOW + 5 * SECOND <= each.lands < NOW + 5 * MINUTE
            # The record itself comes in within the minute that clocks show.
            shown = landed[each.row["event_id"]].timestamp() * 1_000
            assert shown <= each.lands < shown + MINUTE
    for hour in range(4):
        landing = [each for each in flights(replay, Instant(NOW - hour * HOUR)) if each.lands is not None]
        assert 1 <= len(landing) <= MOST_LANDING
    assert datetime.fromtimestamp(NOW / 1_000, UTC).hour == 20


def test_no_outcome_is_waited_for_of_a_diverted_flight(year: Year) -> None:
    diverted = year["arrival"].filter(pc.is_null(year["arrival"]["arr_delay"])).slice(0, 5).to_pylist()
    assert len(diverted) == 5
    for each in diverted:
        now = Instant(int(each["event_time"].timestamp() * 1_000) - 2 * MINUTE)
        replay = Replay.of(year, Instant(now - HOUR), Faults(minutes_late=0, days_late=0, twice=0, poison=0))
        assert each["event_id"] in {sent.event_id for sent in replay.deliveries(now, Instant(now + 5 * MINUTE))}
        assert each["event_id"] not in {flight.row["event_id"] for flight in flights(replay, now) if flight.lands}


def test_rows_have_the_key_of_their_label(replay: Replay) -> None:
    client: Any = FakeClient()
    some = flights(replay, NOW)
    score(client, some)
    assert len(client.rows) == len(some)
    assert client.rows[0] == {name: some[0].row[name] for name in ("carrier", "dest", "dep_delay", "event_id")}
    assert row_of(DESCRIBED, some[0].row) == client.rows[0]


def test_departures_are_scored_before_they_are_sent_and_failures_stop_nothing(replay: Replay) -> None:
    client: Any = FakeClient()
    said: list[str] = []
    scoring = Scoring(client, said.append, lambda: NOW)
    (left,) = [each for each in replay.deliveries(Instant(NOW - HOUR), NOW) if each.event == "departure"][-1:]

    def delivery(**changed: Any) -> Delivery:
        return Delivery(**{**vars(left), "at": NOW, **changed})

    order: list[str] = []

    class Log:
        def send(self, *_: Any, **__: Any) -> Any:
            order.append(f"sent after {len(client.rows)}")
            return self

        def flush(self, timeout: float) -> None:
            assert timeout

        def get(self, timeout: float) -> Any:
            assert timeout
            return self

        topic, partition, offset = "events.departure", 0, 0

    assert len(list(follow(Log(), [delivery()], now=lambda: NOW, wait=lambda _: None, before=scoring))) == 1
    assert order == ["sent after 1"]
    assert client.rows[0]["event_id"] == orjson.loads(left.body or b"{}")["event_id"]
    for other in (
        delivery(kind="copy"),
        delivery(kind="late"),
        delivery(kind="poison", body=None),
        delivery(event="arrival"),
        delivery(at=Instant(NOW - MINUTE - 1)),
    ):
        scoring(other)
    assert (scoring.scored, scoring.failed) == (1, 0)
    client.fails = True
    for _ in range(3):
        scoring(delivery())
    client.fails = False
    scoring(delivery())
    assert (scoring.scored, scoring.failed) == (2, 3)
    assert said == [
        "flights are scored before they are sent; 0 were not",
        "flights are sent without a score, 1 by now: no reader answers",
        "flights are scored before they are sent; 3 were not",
    ]
