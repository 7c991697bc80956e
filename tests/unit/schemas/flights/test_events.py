"""The contracts take sound records and name the mistake in broken ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.core.events import Event
from schemas.core.instants import MINUTE, Instant, parse_instant
from schemas.core.verdict import Quarantined, Valid, judge
from schemas.flights import events

SOUND: dict[str, dict[str, Any]] = {
    "departure": {
        "event_id": "UA1545-EWR-20130101T1015Z",
        "event_time": "2013-01-01T10:17:00.000Z",
        "carrier": "UA",
        "flight": 1545,
        "tailnum": "N14228",
        "origin": "EWR",
        "dest": "IAH",
        "scheduled_at": "2013-01-01T10:15:00.000Z",
        "dep_delay": 2,
        "distance": 1400,
    },
    "arrival": {
        "event_id": "UA1545-EWR-20130101T1015Z",
        "event_time": "2013-01-01T14:30:00.000Z",
        "carrier": "UA",
        "flight": 1545,
        "tailnum": "N14228",
        "origin": "EWR",
        "dest": "IAH",
        "departed_at": "2013-01-01T10:17:00.000Z",
        "scheduled_at": "2013-01-01T14:19:00.000Z",
        "dep_delay": 2,
        "arr_delay": 11,
        "air_time": 227,
        "distance": 1400,
    },
    "cancellation": {
        "event_id": "EV4352-EWR-20130701T1758Z",
        "event_time": "2013-07-01T17:58:00.000Z",
        "carrier": "EV",
        "flight": 4352,
        "tailnum": None,
        "origin": "EWR",
        "dest": "CVG",
    },
    "weather": {
        "event_id": "EWR-20130101T0600Z",
        "event_time": "2013-01-01T06:00:00.000Z",
        "origin": "EWR",
        "temp": 39.02,
        "dewp": 26.06,
        "humid": 59.37,
        "wind_dir": 270,
        "wind_speed": 10.35702,
        "wind_gust": None,
        "precip": "0.00",
        "pressure": 1012,
        "visib": 10,
    },
}

DEFINED: dict[str, Event] = {name: getattr(events, name) for name in SOUND}


def verdict(event: str, available_at: Instant | None = None, **changed: Any) -> Valid | Quarantined:
    record = SOUND[event] | changed
    known = parse_instant(record["event_time"]) if available_at is None else available_at
    return judge(DEFINED[event], json.dumps(record).encode(), available_at=known)


@pytest.mark.parametrize("event", SOUND)
def test_a_sound_record_is_valid(event: str) -> None:
    found = verdict(event)
    assert isinstance(found, Valid)
    assert found.event_time == parse_instant(SOUND[event]["event_time"])
    assert set(found.values) == set(SOUND[event]) - {"event_id", "event_time"}


@pytest.mark.parametrize("event", SOUND)
def test_an_import_was_available_when_it_happened(event: str) -> None:
    found = judge(DEFINED[event], json.dumps(SOUND[event]).encode(), available_at=Instant(0), imported=True)
    assert isinstance(found, Valid)
    assert found.available_at == found.event_time


@pytest.mark.parametrize("event", SOUND)
def test_the_stream_is_cut_into_minutes(event: str) -> None:
    assert DEFINED[event].epoch == MINUTE
    assert DEFINED[event].doc


@pytest.mark.parametrize(
    ("event", "changed", "reason"),
    [
        # an hour off, as from a wrong zone or a missed change of clocks
        ("departure", {"event_time": "2013-01-01T09:17:00.000Z"}, "rule:delay_fits_times"),
        ("departure", {"dep_delay": 0}, "rule:delay_fits_times"),
        ("departure", {"dep_delay": -2}, "rule:delay_fits_times"),
        # seconds where minutes are meant
        ("departure", {"dep_delay": 7200}, "rule:delay"),
        ("departure", {"distance": 0}, "rule:distance"),
        ("departure", {"flight": 0}, "rule:flight_number"),
        ("departure", {"origin": "LAX"}, "rule:origin_in_new_york"),
        ("departure", {"dest": "EWR"}, "rule:goes_elsewhere"),
        ("departure", {"tailnum": None}, "tailnum:missing"),
        ("departure", {"flight": "1545"}, "flight:type"),
        # local time of the destination taken for UTC
        ("arrival", {"event_time": "2013-01-01T08:30:00.000Z"}, "rule:arrives_after_departure"),
        ("arrival", {"event_time": "2013-01-01T14:00:00.000Z"}, "rule:delay_fits_times"),
        ("arrival", {"arr_delay": -300}, "rule:delay"),
        ("arrival", {"air_time": 0}, "rule:air_time"),
        ("arrival", {"air_time": None}, "rule:measured_or_diverted"),
        ("arrival", {"arr_delay": None}, "rule:measured_or_diverted"),
        ("cancellation", {"origin": "PHL"}, "rule:origin_in_new_york"),
        ("cancellation", {"dest": "EWR"}, "rule:goes_elsewhere"),
        # the published reading of Newark on February 12
        ("weather", {"wind_speed": 1048.36058}, "rule:wind"),
        ("weather", {"wind_dir": 361}, "rule:wind"),
        ("weather", {"humid": 100.5}, "rule:humidity"),
        # inches of mercury
        ("weather", {"pressure": 29.9}, "rule:pressure"),
        # kelvins
        ("weather", {"temp": 277.0}, "rule:temperature"),
        ("weather", {"visib": -1}, "rule:sight"),
        ("weather", {"precip": "-0.01"}, "rule:rain"),
        ("weather", {"precip": "0.001"}, "precip:type"),
        ("weather", {"precip": 0.01}, "precip:type"),
    ],
)
def test_a_mistake_is_named(event: str, changed: dict[str, Any], reason: str) -> None:
    assert verdict(event, **changed) == Quarantined(reason)


@pytest.mark.parametrize(
    ("event", "changed"),
    [
        ("arrival", {"arr_delay": None, "air_time": None}),
        ("departure", {"dep_delay": 0, "event_time": "2013-01-01T10:15:00.000Z"}),
        ("departure", {"dep_delay": -1, "event_time": "2013-01-01T10:14:00.000Z"}),
        ("cancellation", {"tailnum": "N14228"}),
        ("weather", dict.fromkeys(("temp", "dewp", "humid", "wind_dir", "wind_speed", "pressure"))),
    ],
)
def test_what_the_data_lacks_may_be_null(event: str, changed: dict[str, Any]) -> None:
    assert isinstance(verdict(event, **changed), Valid)


def test_a_departure_from_the_future_is_refused() -> None:
    known = Instant(parse_instant("2013-01-01T10:17:00Z") - 2 * MINUTE)
    assert verdict("departure", available_at=known) == Quarantined("event_time:future")
