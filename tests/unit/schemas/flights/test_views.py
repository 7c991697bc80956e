"""The views, answered from a handful of events by the one rule."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.core.views import View
from schemas.flights import views

VIEWS = {name: value for name, value in vars(views).items() if isinstance(value, View)}

FLIGHT = {"carrier": "UA", "flight": 1545, "tailnum": "N14228", "origin": "EWR", "dest": "IAH"}


def schedule(at: str, delay: int) -> str:
    if delay == 0:
        return at
    return "2000-01-01T00:00:00Z" if delay > 0 else "2020-01-01T00:00:00Z"


def departure(event_id: str, hhmm: str, delay: int, **changed: Any) -> dict[str, Any]:
    """A departure on 2013-01-02, with some schedule that its delay fits."""
    at = f"2013-01-02T{hhmm}:00Z"
    return FLIGHT | {
        "event_id": event_id,
        "event_time": at,
        "scheduled_at": schedule(at, delay),
        "dep_delay": delay,
        "distance": 1400,
        **changed,
    }


def arrival(event_id: str, at: str, delay: int | None, **changed: Any) -> dict[str, Any]:
    """An arrival; one without delay was diverted."""
    return FLIGHT | {
        "event_id": event_id,
        "event_time": at,
        "departed_at": "2013-01-01T00:00:00Z",
        "scheduled_at": schedule(at, delay or 0),
        "dep_delay": 10,
        "arr_delay": delay,
        "air_time": None if delay is None else 200,
        "distance": 1400,
        **changed,
    }


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_every_view_says_what_it_is_and_is_named_as_it_is_bound(view: View) -> None:
    assert VIEWS[view.name] is view
    assert view.doc.endswith(".")


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_an_entity_without_events_is_an_answer(view: View) -> None:
    key: dict[str, object] = {name: 1 if name == "flight" else "XX" for name in view.by}
    values = view.answer([], key, "2013-01-02T00:00:00Z")
    assert set(values) == {feature.name for feature in view.features}
    assert set(values.values()) <= {0, None}


# q = 12:02.  1h reaches from floor(11:02, 5m) = 11:00, 6h from 6:00, 1d from 12:00 of the day before.
#
#      5:59   6:00        10:59  11:00      12:01  12:02
#     ───c──────d───────────e──────f──────────a──────b───
#                                  ├── 1h ──────────q
#               ├── 6h ─────────────────────────────q
def test_delays_of_a_carrier() -> None:
    events = [
        departure("a", "12:01", 20),
        departure("b", "12:02", 99),
        departure("c", "05:59", 0),
        departure("d", "06:00", 16),
        departure("e", "10:59", -4),
        departure("f", "11:00", 15),
        departure("other", "11:30", 60, carrier="AA"),
    ]
    answer = views.carrier_delays.answer(events, {"carrier": "UA"}, "2013-01-02T12:02:00Z")
    assert [answer[f"departures_{window}"] for window in ("1h", "6h", "1d", "7d")] == [2, 4, 5, 5]
    assert [answer[f"mean_delay_{window}"] for window in ("1h", "6h", "1d")] == [17.5, 11.75, 9.4]
    assert answer["late_share_1d"] == 2 / 5
    assert answer["worst_delay_1d"] == 20


def test_traffic_of_an_airport_counts_only_minutes_waited() -> None:
    events = [departure("a", "11:40", 20), departure("b", "11:50", -5, dest="ORD", distance=719)]
    answer = views.origin_traffic.answer(events, {"origin": "EWR"}, "2013-01-02T12:00:00Z")
    assert answer["waiting_6h"] == 20
    assert answer["miles_1d"] == 2119
    assert answer["last_dest"] == "ORD"
    assert answer["departures_30m"] == 2


def test_a_diverted_flight_is_left_out_of_its_route_and_counted_for_its_number() -> None:
    events = [
        arrival("a", "2013-01-02T10:00:00Z", 16),
        arrival("b", "2013-01-02T11:00:00Z", -4),
        arrival("c", "2013-01-02T11:30:00Z", None),
    ]
    route = views.route_arrivals.answer(events, {"origin": "EWR", "dest": "IAH"}, "2013-01-02T12:00:00Z")
    assert route["arrivals_7d"] == 2
    assert route["late_share_7d"] == 0.5
    assert route["caught_up_30d"] == ((10 - 16) + (10 + 4)) / 2
    assert route["speed_30d"] == 420.0
    assert route["last_delay"] == -4

    number = views.flight_arrivals.answer(events, {"carrier": "UA", "flight": 1545}, "2013-01-02T12:00:00Z")
    assert number == {"arrivals_30d": 3, "diverted_30d": 1, "mean_delay_30d": 6.0, "worst_delay_30d": 16}


def test_an_aircraft_keeps_its_last_delay_after_a_diversion() -> None:
    events = [
        arrival("a", "2013-01-01T11:59:00Z", 7),
        arrival("b", "2013-01-02T08:00:00Z", 16),
        arrival("c", "2013-01-02T11:30:00Z", None, dest="ORD"),
    ]
    answer = views.aircraft_history.answer(events, {"tailnum": "N14228"}, "2013-01-02T12:00:00Z")
    assert answer["last_delay"] == 16
    assert answer["last_dest"] == "ORD"
    assert [answer["flights_1d"], answer["flights_7d"]] == [2, 3]
    assert answer["air_time_1d"] == 200


def test_a_lifetime_has_no_tail() -> None:
    events = [departure("a", "12:01", 20), departure("b", "12:30", -4, event_time="2001-01-02T12:30:00Z")]
    answer = views.aircraft_lifetime.answer(events, {"tailnum": "N14228"}, "2013-01-02T13:00:00Z")
    assert views.aircraft_lifetime.tile is None
    assert answer == {
        "departures": 2,
        "miles": 2800,
        "mean_delay": 8.0,
        "first_seen": "2001-01-02T12:30:00.000Z",
        "last_seen": "2013-01-02T12:01:00.000Z",
    }


def test_rain_is_summed_exactly_and_the_strongest_wind_is_no_broken_reading() -> None:
    def reading(hour: int, precip: str, wind: float) -> dict[str, Any]:
        at = f"2013-01-02T{hour:02d}:00:00Z"
        return {
            "event_id": f"EWR-{hour}",
            "event_time": at,
            "origin": "EWR",
            "precip": precip,
            "wind_speed": wind,
            "visib": 10.0,
        }

    events = [reading(3, "0.10", 12.0), reading(4, "0.20", 1048.36058), reading(5, "0.20", 15.0)]
    answer = views.origin_weather.answer(events, {"origin": "EWR"}, "2013-01-02T06:00:00Z")
    assert answer["rain_6h"] == "0.30"
    assert answer["strongest_wind_6h"] == 15.0
    assert answer["wind"] == 15.0
    assert answer["temp"] is None


def test_cancellations_of_a_carrier() -> None:
    events = [
        {**FLIGHT, "event_id": "a", "event_time": "2013-01-01T12:00:00Z", "tailnum": None},
        {**FLIGHT, "event_id": "b", "event_time": "2013-01-02T11:00:00Z", "dest": "ORD"},
    ]
    answer = views.carrier_cancellations.answer(events, {"carrier": "UA"}, "2013-01-02T13:00:00Z")
    assert answer == {
        "cancellations_1d": 1,
        "cancellations_7d": 2,
        "cancellations_30d": 2,
        "last_dest": "ORD",
        "last_at": "2013-01-02T11:00:00.000Z",
    }
