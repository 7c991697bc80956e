"""What is asked of flights: by carrier, airport, route, flight number and aircraft."""

from __future__ import annotations

from schemas.core.language import View, col, count, last, max_, mean, min_, stddev, sum_, when
from schemas.flights.events import arrival, cancellation, departure, weather

LATE = 15
"""Minutes after which a flight is called late, as the US Department of Transportation does."""

carrier_delays = View(
    "carrier_delays",
    doc="How punctually a carrier leaves New York: minutes after schedule, negative when early.",
    on=departure,
    by="carrier",
    features={
        "departures": count().over("1h", "6h", "1d", "7d"),
        "mean_delay": mean("dep_delay").over("1h", "6h", "1d", "7d"),
        "late_share": mean(col("dep_delay") > LATE).over("1d", "7d"),
        "worst_delay": max_("dep_delay").over("1d"),
        "delay_spread": stddev("dep_delay", around=12).over("7d"),
    },
)

origin_traffic = View(
    "origin_traffic",
    doc="How busy an airport is, and how late its flights leave.",
    on=departure,
    by="origin",
    features={
        "departures": count().over("30m", "1h", "6h", "1d"),
        "miles": sum_("distance").over("1d"),
        "mean_delay": mean("dep_delay").over("1h", "6h"),
        "waiting": sum_(when(col("dep_delay") > 0, col("dep_delay"), 0)).over("6h"),
        "last_dest": last("dest"),
    },
)

origin_weather = View(
    "origin_weather",
    doc="The last reading at an airport, its strongest wind and its rain.",
    on=weather,
    by="origin",
    features={
        "temp": last("temp"),
        "wind": last("wind_speed"),
        "sight": last("visib"),
        "read_at": max_("event_time"),
        "strongest_wind": max_("wind_speed").over("6h", "1d"),
        "strongest_gust": max_("wind_gust").over("1d"),
        "rain": sum_("precip").over("6h", "1d", "7d"),
        "lowest_pressure": min_("pressure").over("1d"),
    },
)

route_arrivals = View(
    "route_arrivals",
    doc="How flights of a route arrive, without those diverted on the way.",
    on=arrival,
    by=("origin", "dest"),
    where=col("arr_delay").is_not_null(),
    features={
        "arrivals": count().over("7d", "30d"),
        "late_share": mean(col("arr_delay") > LATE).over("7d", "30d"),
        "mean_delay": mean("arr_delay").over("7d", "30d"),
        "caught_up": mean(col("dep_delay") - col("arr_delay")).over("30d"),
        "speed": mean(col("distance") / col("air_time") * 60).over("30d"),
        "last_delay": last("arr_delay"),
    },
)

flight_arrivals = View(
    "flight_arrivals",
    doc="How one flight number arrives.",
    on=arrival,
    by=("carrier", "flight"),
    features={
        "arrivals": count().over("30d"),
        "diverted": sum_(col("arr_delay").is_null()).over("30d"),
        "mean_delay": mean("arr_delay").over("30d"),
        "worst_delay": max_("arr_delay").over("30d"),
    },
)

aircraft_history = View(
    "aircraft_history",
    doc="What an aircraft has done: `flights_1d` and `air_time_1d` are those of the last 24 hours.",
    on=arrival,
    by="tailnum",
    features={
        "last_delay": last("arr_delay"),
        "last_dest": last("dest"),
        "flights": count().over("1d", "7d"),
        "air_time": sum_("air_time").over("1d", "7d"),
    },
)

aircraft_lifetime = View(
    "aircraft_lifetime",
    doc="All flights of an aircraft from New York.",
    on=departure,
    by="tailnum",
    features={
        "departures": count(),
        "miles": sum_("distance"),
        "mean_delay": mean("dep_delay"),
        "first_seen": min_("event_time"),
        "last_seen": max_("event_time"),
    },
)

carrier_cancellations = View(
    "carrier_cancellations",
    doc="Flights that a carrier did not fly.",
    on=cancellation,
    by="carrier",
    features={
        "cancellations": count().over("1d", "7d", "30d"),
        "last_dest": last("dest"),
        "last_at": max_("event_time"),
    },
)
