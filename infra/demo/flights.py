"""The year 2013 of flights from New York as events, with right instants in UTC.

The data set gives the hour of the scheduled departure in UTC, and all else as `hhmm` of the airport's own clocks.
From these follow

    scheduled departure   `time_hour` and the minute
    departure             scheduled departure + `dep_delay`
    scheduled arrival     the first moment after the scheduled departure when the destination's clocks show it
    arrival               scheduled arrival + `arr_delay`; a diverted flight has none and arrives the first moment
                          after its departure when the destination's clocks show `arr_time`
    cancellation          a flight without `dep_time`, at its scheduled departure

A flight that left and has no `arr_time` has no arrival. A weather reading happens at its `time_hour`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.demo.source import Source, read_source
from schemas.core.instants import DAY, HOUR, MINUTE, SECOND, Duration, parse_instant

Year = Mapping[str, Any]
"""By event, an Arrow table in order of (`event_time`, `event_id`): those two and the event's fields."""
Numbers = npt.NDArray[np.int64]
"""Instants, durations or clock times, as the name says."""

INSTANT: Final = pa.timestamp("ms", tz="UTC")
ZONES_BESIDE: Final = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
"""Destinations that the data set's airports leave out, with their IANA zones."""

_BEGINNING: Final = parse_instant("2012-12-31T00:00:00Z")
_HOURS: Final = 24 * 370


def load_year(by: Duration = Duration(0)) -> Year:  # noqa: B008 - a number
    """Every event of the year, later by a duration; read, checked and computed in about a second.

    Raises UnavailableError where the data set is not installed.
    """
    return events_of(read_source(), by)


def events_of(source: Source, by: Duration) -> Year:
    """The events of the data set's tables, every instant later by a duration."""
    flights, instants = source.flights, flight_instants(source)
    times = {name: instant + by for name, instant in instants.items()}
    left = pc.is_valid(flights["dep_time"]).to_numpy()
    landed = pc.is_valid(flights["arr_time"]).to_numpy()
    named = _ids(times["scheduled_departure"], "carrier", "flight", "origin", of=flights)
    flight = {name: flights[name] for name in ("carrier", "flight", "origin", "dest", "tailnum")}
    late = {name: flights[name] for name in ("dep_delay", "distance")}
    return {
        "departure": _events(
            left, named, times["departure"], {**flight, **late, "scheduled_at": _instants(times["scheduled_departure"])}
        ),
        "arrival": _events(
            landed,
            named,
            times["arrival"],
            {
                **flight,
                **late,
                "arr_delay": flights["arr_delay"],
                "air_time": flights["air_time"],
                "departed_at": _instants(times["departure"]),
                "scheduled_at": _instants(times["scheduled_arrival"]),
            },
        ),
        "cancellation": _events(~left, named, times["scheduled_departure"], flight),
        "weather": _weather(source.weather, by),
    }


def flight_instants(source: Source) -> Mapping[str, Numbers]:
    """The four instants of each row of `flights`; those of what did not happen mean nothing."""
    flights = source.flights
    scheduled = _milliseconds(flights["time_hour"]) + _numbers(flights["minute"]) * MINUTE
    departure = scheduled + _numbers(flights["dep_delay"]) * MINUTE
    zones = dict(zip(*(source.airports[name].to_pylist() for name in ("faa", "tzone")), strict=True)) | ZONES_BESIDE
    dest = flights["dest"].combine_chunks().dictionary_encode()
    names, zone = np.unique([zones[each] for each in dest.dictionary.to_pylist()], return_inverse=True)
    scheduled_arrival, shown = np.zeros_like(scheduled), np.zeros_like(scheduled)
    for code, name in enumerate(names):
        at, offsets = np.flatnonzero(zone[dest.indices] == code), zone_offsets(str(name))
        scheduled_arrival[at] = next_showing(_numbers(flights["sched_arr_time"])[at], scheduled[at], offsets)
        shown[at] = next_showing(_numbers(flights["arr_time"])[at], departure[at], offsets)
    delay = scheduled_arrival + _numbers(flights["arr_delay"]) * MINUTE
    return {
        "scheduled_departure": scheduled,
        "departure": departure,
        "scheduled_arrival": scheduled_arrival,
        "arrival": np.where(pc.is_valid(flights["arr_delay"]).to_numpy(), delay, shown),
    }


def zone_offsets(zone: str) -> Numbers:
    """What the clocks of an IANA zone are ahead of UTC, hour by hour through the year."""
    hours = (datetime.fromtimestamp((_BEGINNING + hour * HOUR) // SECOND, UTC) for hour in range(_HOURS))
    there = (hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours)
    return np.array([ahead.total_seconds() * SECOND for ahead in there if ahead is not None], dtype=np.int64)


def next_showing(clock: Numbers, after: Numbers, offsets: Numbers) -> Numbers:
    """The first instant later than `after` at which clocks show `hhmm`; 2400 is midnight.

    Of an hour that clocks show twice this is the first; one that they leave out lies an hour before its name.
    """
    local = after + _ahead(after, offsets)
    shown = local - local % DAY + (clock // 100 * 60 + clock % 100) % (24 * 60) * MINUTE
    shown += np.where(shown <= local, int(DAY), 0)
    near = shown - _ahead(after, offsets)
    exact: Numbers = shown - _ahead(near, offsets)
    return exact


def _ahead(at: Numbers, offsets: Numbers) -> Numbers:
    hour: Numbers = (at - _BEGINNING) // HOUR
    return offsets[hour]


def _weather(readings: Any, by: Duration) -> Any:
    at = _milliseconds(readings["time_hour"]) + by
    measured = ("origin", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "pressure", "visib")
    fields = {name: readings[name] for name in measured}
    precip = readings["precip"].cast(pa.decimal128(18, 2))
    return _events(np.full(len(at), True), _ids(at, "origin", of=readings), at, {**fields, "precip": precip})


def _ids(at: Numbers, *names: str, of: Any) -> Any:
    """`UA1545-EWR-20130101T1015Z`: the named columns, the last set off by `-`, and an instant to the minute."""
    minute = pc.strftime(pa.array(at // SECOND, pa.timestamp("s")), format="%Y%m%dT%H%MZ")
    *first, place = (of[name].cast(pa.string()).combine_chunks() for name in names)
    parts = [pc.binary_join_element_wise(*first, "")] if first else []
    return pc.binary_join_element_wise(*parts, place, minute, "-")


def _events(which: npt.NDArray[np.bool_], ids: Any, at: Numbers, fields: Mapping[str, Any]) -> Any:
    table = pa.table({"event_id": ids, "event_time": _instants(at), **dict(sorted(fields.items()))})
    return table.filter(pa.array(which)).sort_by([("event_time", "ascending"), ("event_id", "ascending")])


def _instants(at: Numbers) -> Any:
    return pa.array(at, pa.int64()).cast(INSTANT)


def _milliseconds(column: Any) -> Numbers:
    return _numbers(column.cast(INSTANT).cast(pa.int64()))


def _numbers(column: Any) -> Numbers:
    """Null becomes 0, to be masked by whoever reads it."""
    return np.asarray(pc.fill_null(column.cast(pa.int64()), 0).to_numpy(), dtype=np.int64)
