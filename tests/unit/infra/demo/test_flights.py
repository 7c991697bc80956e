"""The year as events: instants checked by hand, nothing lost, clocks that agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from infra.demo.flights import ZONES_BESIDE, Year, events_of, next_showing, zone_offsets
from infra.demo.source import Source
from schemas.core.instants import DAY, Duration, format_instant, parse_instant

# Published clock times → UTC, worked out by hand: dep_time hhmm at New York, arr_time hhmm at the destination.
DEPARTURES = [
    # 5:17 EST
    ("UA1545-EWR-20130101T1015Z", "2013-01-01T10:17:00Z"),
    # 10:05 EDT
    ("HA51-JFK-20130701T1400Z", "2013-07-01T14:05:00Z"),
    # due 23:59 EDT of July 1, left at 0:02 of July 2
    ("B61503-JFK-20130702T0359Z", "2013-07-02T04:02:00Z"),
    # due 9:00 EST of January 9, left 1,301 minutes later at 6:41 of January 10
    ("HA51-JFK-20130109T1400Z", "2013-01-10T11:41:00Z"),
    # due 23:59 EDT of October 30, left at "2400"
    ("B6839-JFK-20131031T0359Z", "2013-10-31T04:00:00Z"),
    # 5:19 EST, hours after clocks went back at 2:00 EDT
    ("UA322-EWR-20131103T1020Z", "2013-11-03T10:19:00Z"),
    # 0:41 EDT of March 11, due 21:00 EDT the day before, the day on which clocks went forward
    ("EV4368-EWR-20130311T0100Z", "2013-03-11T04:41:00Z"),
]
ARRIVALS = [
    # IAH 8:30 CST
    ("UA1545-EWR-20130101T1015Z", "2013-01-01T14:30:00Z"),
    # HNL 15:16, UTC-10
    ("HA51-JFK-20130101T1400Z", "2013-01-02T01:16:00Z"),
    # HNL 15:27, no summer time there
    ("HA51-JFK-20130701T1400Z", "2013-07-02T01:27:00Z"),
    # PHX 8:55 MST, no summer time there
    ("UA1138-EWR-20130701T1058Z", "2013-07-01T15:55:00Z"),
    # ANC 19:54 AKDT
    ("UA887-EWR-20130706T2015Z", "2013-07-07T03:54:00Z"),
    # SJU 4:18 AST the next day, an hour ahead of New York in winter
    ("B6707-JFK-20130102T0459Z", "2013-01-02T08:18:00Z"),
    # SJU 0:42 AST the next day, New York's own time in summer
    ("UA1244-EWR-20130702T0029Z", "2013-07-02T04:42:00Z"),
    # STT 11:54 AST
    ("AA655-JFK-20130701T1200Z", "2013-07-01T15:54:00Z"),
    # BQN 4:43 AST, due 23:59 EST of December 1 and left at 0:17
    ("B6839-JFK-20131202T0459Z", "2013-12-02T08:43:00Z"),
    # PSE 3:59 AST
    ("B6739-JFK-20130402T0355Z", "2013-04-02T07:59:00Z"),
    # BNA "2400" CST
    ("MQ4660-LGA-20130123T0225Z", "2013-01-23T06:00:00Z"),
    # FLL "2400" EST, due 0:18 of the next day
    ("B6383-LGA-20130106T0230Z", "2013-01-06T05:00:00Z"),
    # LAX 0:10 PDT of November 3: clocks go back in New York during the flight
    ("B6523-JFK-20131103T0040Z", "2013-11-03T07:10:00Z"),
    # PBI: due 0:34 EST, 89 minutes late, is 3:03 EDT; the published 2:03 was skipped that night
    ("B635-JFK-20130310T0245Z", "2013-03-10T07:03:00Z"),
    # XNA 19:34 CST, diverted: no `arr_delay`
    ("MQ4525-LGA-20130101T2030Z", "2013-01-02T01:34:00Z"),
    # DFW 0:29 CST of the next day, diverted
    ("9E3325-JFK-20130101T2340Z", "2013-01-02T06:29:00Z"),
]


@pytest.mark.parametrize(
    ("event", "cases"), [("departure", DEPARTURES), ("arrival", ARRIVALS)], ids=["departure", "arrival"]
)
def test_instants_are_those_worked_out_by_hand(year: Year, event: str, cases: list[tuple[str, str]]) -> None:
    table = year[event]
    named = table.filter(pc.is_in(table["event_id"], pa.array([name for name, _ in cases])))
    found = dict(zip(named["event_id"].to_pylist(), named["event_time"].cast(pa.int64()).to_pylist(), strict=True))
    assert found == {name: parse_instant(instant) for name, instant in cases}


def test_a_cancellation_happens_when_the_flight_should_have_left(year: Year) -> None:
    # EV4352, 13:58 EDT
    table = year["cancellation"].to_pandas().set_index("event_id")["event_time"]
    assert table["EV4352-EWR-20130701T1758Z"] == pd.Timestamp("2013-07-01T17:58:00Z")


def test_every_flight_leaves_or_is_cancelled_and_most_arrive(year: Year, source: Source) -> None:
    rows = {event: table.num_rows for event, table in year.items()}
    assert rows == {"departure": 328_521, "arrival": 328_063, "cancellation": 8_255, "weather": 26_115}
    assert rows["departure"] + rows["cancellation"] == source.flights.num_rows == 336_776

    departed, arrived, cancelled = (set(year[event]["event_id"].to_pylist()) for event in list(rows)[:3])
    assert departed.isdisjoint(cancelled)
    assert arrived < departed
    assert len(departed - arrived) == 458
    assert year["arrival"]["arr_delay"].null_count == 717


def test_no_two_events_share_an_id(year: Year) -> None:
    for table in year.values():
        assert len(set(table["event_id"].to_pylist())) == table.num_rows


def test_a_shift_moves_every_instant_and_names_flights_anew(source: Source) -> None:
    some = replace(source, flights=source.flights.slice(0, 2000))
    weeks = pd.Timedelta(675 * 7, "D")
    shifted = events_of(some, Duration(675 * 7 * DAY))
    for event, table in events_of(some, Duration(0)).items():
        before, after = table.to_pandas(), shifted[event].to_pandas()
        for column in before.columns.intersection(["event_time", "scheduled_at", "departed_at"]):
            assert (after[column] - before[column] == weeks).all()
    assert shifted["departure"]["event_id"][0].as_py() == "UA1545-EWR-20251209T1015Z"


def clocks(at: pd.Series[pd.Timestamp], zones: pd.Series[str]) -> npt.NDArray[np.int64]:
    """What clocks of each row's zone show, as `hhmm`."""
    shown = np.zeros(len(at), dtype=np.int64)
    for zone in zones.unique():
        local = at[zones == zone].dt.tz_convert(zone)
        shown[zones == zone] = local.dt.hour * 100 + local.dt.minute
    return shown


@pytest.fixture(scope="module", name="departures")
def departures_fixture(year: Year, source: Source) -> pd.DataFrame:
    """Departures beside the published clock times of their flights."""
    columns = ["event_time", "scheduled_at", "carrier", "flight", "origin"]
    table: pd.DataFrame = year["departure"].select(columns).to_pandas()
    return table.merge(published(source), on=["carrier", "flight", "origin", "scheduled_at"], validate="1:1")


@pytest.fixture(scope="module", name="arrivals")
def arrivals_fixture(year: Year, source: Source) -> pd.DataFrame:
    """Arrivals beside the published clock times of their flights, with the destination's zone."""
    table: pd.DataFrame = year["arrival"].to_pandas()
    scheduled_dep = table["departed_at"] - pd.to_timedelta(table["dep_delay"], "min")
    flights = published(source).rename(columns={"scheduled_at": "scheduled_dep"})
    zones = source.airports.select(["faa", "tzone"]).to_pandas().set_index("faa")["tzone"].to_dict() | ZONES_BESIDE
    return table.assign(scheduled_dep=scheduled_dep, zone=table["dest"].map(zones)).merge(
        flights, on=["carrier", "flight", "origin", "scheduled_dep"], validate="1:1"
    )


def published(source: Source) -> pd.DataFrame:
    """Clock times by carrier, number, origin and scheduled departure."""
    names = ["carrier", "flight", "origin", "dep_time", "sched_dep_time", "arr_time", "sched_arr_time"]
    flights: pd.DataFrame = source.flights.select([*names, "time_hour", "minute"]).to_pandas()
    scheduled = (flights["time_hour"] + pd.to_timedelta(flights["minute"], "min")).dt.as_unit("ms")
    return flights[names].assign(scheduled_at=scheduled)


def test_departures_agree_with_every_published_clock_time(departures: pd.DataFrame) -> None:
    assert len(departures) == 328_521
    zones = pd.Series("America/New_York", index=departures.index)
    assert (clocks(departures["event_time"], zones) == departures["dep_time"] % 2400).all()
    assert (clocks(departures["scheduled_at"], zones) == departures["sched_dep_time"]).all()


def test_arrivals_agree_with_published_clock_times_but_for_one_in_the_hour_left_out(arrivals: pd.DataFrame) -> None:
    assert len(arrivals) == 328_063
    assert (clocks(arrivals["scheduled_at"], arrivals["zone"]) == arrivals["sched_arr_time"]).all()
    differ = arrivals[clocks(arrivals["event_time"], arrivals["zone"]) != arrivals["arr_time"] % 2400]
    assert list(differ["event_id"]) == ["B635-JFK-20130310T0245Z"]


def test_the_rule_for_diverted_flights_gives_all_other_arrivals_too(arrivals: pd.DataFrame) -> None:
    differ = []
    for zone, rows in arrivals[arrivals["arr_delay"].notna()].groupby("zone"):
        left, landed = (
            rows[each].dt.as_unit("ms").astype("int64").to_numpy() for each in ("departed_at", "event_time")
        )
        shown = next_showing(rows["arr_time"].to_numpy(np.int64), left, zone_offsets(str(zone)))
        differ += list(rows["event_id"][shown != landed])
    assert differ == ["B635-JFK-20130310T0245Z"]


def test_no_flight_is_faster_than_its_time_in_the_air(year: Year) -> None:
    table = year["arrival"].to_pandas()
    taxiing = (table["event_time"] - table["departed_at"]) / pd.Timedelta("1min") - table["air_time"]
    assert taxiing.min() == 5
    assert taxiing.max() == 235
    diverted = table[table["arr_delay"].isna()]
    assert (diverted["event_time"] > diverted["scheduled_at"] - pd.Timedelta("1h")).all()


def test_weather_happens_at_the_published_hour_of_new_york(year: Year, source: Source) -> None:
    table, readings = year["weather"].to_pandas(), source.weather.to_pandas()
    local = table["event_time"].dt.tz_convert("America/New_York")
    shown = table.assign(month=local.dt.month, day=local.dt.day, hour=local.dt.hour)
    columns = ["origin", "month", "day", "hour"]
    assert (shown[columns].sort_values(columns).to_numpy() == readings[columns].sort_values(columns).to_numpy()).all()
    assert str(table["precip"].sum()) == "116.71"


# New York, March 10: 1:59 EST → 3:00 EDT at 07:00Z.  November 3: 1:59 EDT → 1:00 EST at 06:00Z.
@pytest.mark.parametrize(
    ("clock", "after", "expected"),
    [
        (130, "2013-03-10T05:00:00Z", "2013-03-10T06:30:00Z"),
        (330, "2013-03-10T05:00:00Z", "2013-03-10T07:30:00Z"),
        (230, "2013-03-10T05:00:00Z", "2013-03-10T06:30:00Z"),
        (30, "2013-11-03T03:00:00Z", "2013-11-03T04:30:00Z"),
        (130, "2013-11-03T03:00:00Z", "2013-11-03T05:30:00Z"),
        (230, "2013-11-03T03:00:00Z", "2013-11-03T07:30:00Z"),
        (2400, "2013-06-01T03:00:00Z", "2013-06-01T04:00:00Z"),
        (0, "2013-06-01T03:00:00Z", "2013-06-01T04:00:00Z"),
        (2400, "2013-06-01T04:00:00Z", "2013-06-02T04:00:00Z"),
        (2300, "2013-06-01T03:00:00Z", "2013-06-02T03:00:00Z"),
        (2301, "2013-06-01T03:00:00Z", "2013-06-01T03:01:00Z"),
    ],
)
def test_the_next_moment_when_new_yorks_clocks_show(clock: int, after: str, expected: str) -> None:
    shown = next_showing(np.array([clock]), np.array([parse_instant(after)]), zone_offsets("America/New_York"))
    assert format_instant(int(shown[0])) == expected.replace("Z", ".000Z")
