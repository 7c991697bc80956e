"""Answers over the real year, beside figures that anyone can count in the published tables.

Each expected figure was counted with pandas from the published columns alone, at the instants that `test_flights`
checks; windows reach from floor(q - W, h) to q. With `d` the departures of UA and `t` their instants in UTC:
`d[(t >= "2013-12-09T17:00Z") & (t < "2013-12-16T17:00Z")].dep_delay.agg(["count", "sum"])` gives 1075 and 16063.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from infra.demo.faults import body
from infra.demo.flights import Year
from infra.demo.replay import json_rows
from schemas.core.instants import Instant
from schemas.core.verdict import Quarantined, judge
from schemas.core.views import View
from schemas.flights import events, views

MONDAY_NOON = datetime(2013, 12, 16, 17, tzinfo=UTC)


def answer(year: Year, view: View, at: datetime, days: int = 366, **key: str) -> dict[str, Any]:
    """The reference's answer over the last `days` of the year's events for a key."""
    table = year[view.on.name]
    chosen = pc.greater_equal(table["event_time"], pa.scalar(at - timedelta(days)))
    for name, value in key.items():
        chosen = pc.and_(chosen, pc.equal(table[name], value))
    return view.answer(json_rows(table.filter(chosen)), key, at)


def test_uniteds_delays_on_a_monday_noon(year: Year) -> None:
    assert answer(year, views.carrier_delays, MONDAY_NOON, days=8, carrier="UA") == {
        "departures_1h": 6,
        "departures_6h": 66,
        "departures_1d": 169,
        "departures_7d": 1075,
        "mean_delay_1h": pytest.approx(22 / 6),
        "mean_delay_6h": pytest.approx(179 / 66),
        "mean_delay_1d": pytest.approx(1768 / 169),
        "mean_delay_7d": pytest.approx(16063 / 1075),
        "late_share_1d": pytest.approx(44 / 169),
        "late_share_7d": pytest.approx(292 / 1075),
        "worst_delay_1d": 134,
        "delay_spread_7d": pytest.approx(33.4713820725629),
    }


def test_the_route_from_kennedy_to_los_angeles(year: Year) -> None:
    assert answer(year, views.route_arrivals, MONDAY_NOON, days=32, origin="JFK", dest="LAX") == {
        "arrivals_7d": 212,
        "arrivals_30d": 915,
        "late_share_7d": pytest.approx(69 / 212),
        "late_share_30d": pytest.approx(274 / 915),
        "mean_delay_7d": pytest.approx(2573 / 212),
        "mean_delay_30d": pytest.approx(7823 / 915),
        "caught_up_30d": pytest.approx(-2363 / 915),
        "speed_30d": pytest.approx(425.613170578372),
        "last_delay": 114,
    }


def test_cancellations_of_expressjet(year: Year) -> None:
    assert answer(year, views.carrier_cancellations, MONDAY_NOON, carrier="EV") == {
        "cancellations_1d": 1,
        "cancellations_7d": 183,
        "cancellations_30d": 343,
        "last_dest": "CMH",
        "last_at": "2013-12-15T17:29:00.000Z",
    }


def test_a_wet_day_at_newark(year: Year) -> None:
    found = answer(year, views.origin_weather, datetime(2013, 6, 8, 12, tzinfo=UTC), days=8, origin="EWR")
    assert found == {
        "temp": 62.06,
        "wind": 5.7539,
        "sight": 10.0,
        "read_at": "2013-06-08T11:00:00.000Z",
        "strongest_wind_6h": 19.56326,
        "strongest_wind_1d": 19.56326,
        "strongest_gust_1d": 26.46794,
        "rain_6h": "0.02",
        "rain_1d": "2.94",
        "rain_7d": "5.58",
        "lowest_pressure_1d": 1001.7,
    }


def test_the_year_of_the_busiest_aircraft(year: Year) -> None:
    # 575 flights were planned for N725MQ, of which 29 were cancelled.
    assert answer(year, views.aircraft_lifetime, datetime(2014, 1, 2, tzinfo=UTC), tailnum="N725MQ") == {
        "departures": 546,
        "miles": 306_006,
        "mean_delay": pytest.approx(3753 / 546),
        "first_seen": "2013-01-01T13:32:00.000Z",
        "last_seen": "2013-11-01T16:05:00.000Z",
    }


@pytest.mark.parametrize("event", ["departure", "arrival", "cancellation", "weather"])
def test_the_contract_holds_for_the_year_but_for_one_broken_reading(year: Year, event: str) -> None:
    # Every 100th record, and all that hold the least or the greatest value of any number.
    table, definition = year[event], getattr(events, event)
    chosen = pa.array([row % 100 == 0 for row in range(table.num_rows)])
    for name in table.column_names:
        if pa.types.is_integer(table[name].type) or pa.types.is_floating(table[name].type):
            bounds = pc.min_max(table[name]).as_py().values()
            chosen = pc.or_(chosen, pc.fill_null(pc.is_in(table[name], pa.array(bounds, table[name].type)), False))
    broken: Counter[str] = Counter()
    for row in json_rows(table.filter(chosen)):
        verdict = judge(definition, body(row), available_at=Instant(0), imported=True)
        if isinstance(verdict, Quarantined):
            broken[f"{row['event_id']} {verdict.reason}"] += 1
    assert broken == ({"EWR-20130212T0800Z rule:wind": 1} if event == "weather" else {})
