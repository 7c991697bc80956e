"""What happens at Newark, Kennedy and LaGuardia: departures, arrivals elsewhere, cancellations, hourly weather.

Names and units are those of the nycflights13 data set: delays and air time in minutes, distance in miles,
temperatures in °F, wind in mph, rain in inches, pressure in millibars, sight in miles. A flight has one id in every
event, `UA1545-EWR-20130101T1015Z`: carrier and number, origin, scheduled departure in UTC. A weather reading is
`EWR-20130101T0600Z`. Each event is known when it happens; a cancellation happens when the flight should have left,
since its announcement is not recorded.
"""

from __future__ import annotations

from schemas.core.expressions import Expr
from schemas.core.language import Event, col, decimal, float64, int64, string, timestamp

NEW_YORK = ("EWR", "JFK", "LGA")


def between(field: str, least: float, most: float) -> Expr:
    """The field is null or within both bounds: a rule must be true, and a comparison with null is not."""
    return col(field).is_null() | ((col(field) >= least) & (col(field) <= most))


def off_schedule(delay: str) -> Expr:
    """The delay is null or has the sign of `event_time` against `scheduled_at`: catches a wrong zone or day."""
    happened, scheduled = col("event_time"), col("scheduled_at")
    return (
        col(delay).is_null()
        | ((col(delay) > 0) & (happened > scheduled))
        | ((col(delay) == 0) & (happened == scheduled))
        | ((col(delay) < 0) & (happened < scheduled))
    )


FLIGHT = {"carrier": string, "flight": int64, "origin": string, "dest": string}
FLIGHT_RULES = {
    "flight_number": between("flight", 1, 9999),
    "origin_in_new_york": col("origin").is_in(NEW_YORK),
    "goes_elsewhere": col("origin") != col("dest"),
}

departure = Event(
    "departure",
    doc="A flight has left the gate.",
    fields={**FLIGHT, "tailnum": string, "scheduled_at": timestamp, "dep_delay": int64, "distance": int64},
    rules={
        **FLIGHT_RULES,
        "delay": between("dep_delay", -120, 2880),
        "delay_fits_times": off_schedule("dep_delay"),
        "distance": between("distance", 1, 6000),
    },
    epoch="1m",
    imported_at=col("event_time"),
)

arrival = Event(
    "arrival",
    doc="A flight has reached its destination; one that was diverted on the way has no `arr_delay` and no `air_time`.",
    fields={
        **FLIGHT,
        "tailnum": string,
        "departed_at": timestamp,
        "scheduled_at": timestamp,
        "dep_delay": int64,
        "arr_delay": int64.optional,
        "air_time": int64.optional,
        "distance": int64,
    },
    rules={
        **FLIGHT_RULES,
        "arrives_after_departure": col("event_time") > col("departed_at"),
        "delay": between("arr_delay", -240, 2880),
        "delay_fits_times": off_schedule("arr_delay"),
        "air_time": between("air_time", 1, 1080),
        "measured_or_diverted": col("air_time").is_null() == col("arr_delay").is_null(),
        "distance": between("distance", 1, 6000),
    },
    epoch="1m",
    imported_at=col("event_time"),
)

cancellation = Event(
    "cancellation",
    doc="A scheduled flight did not leave; known when it should have left.",
    fields={**FLIGHT, "tailnum": string.optional},
    rules=FLIGHT_RULES,
    epoch="1m",
    imported_at=col("event_time"),
)

weather = Event(
    "weather",
    doc="An hourly reading at an airport.",
    fields={
        "origin": string,
        "temp": float64.optional,
        "dewp": float64.optional,
        "humid": float64.optional,
        "wind_dir": int64.optional,
        "wind_speed": float64.optional,
        "wind_gust": float64.optional,
        "precip": decimal(2),
        "pressure": float64.optional,
        "visib": float64,
    },
    rules={
        "origin_in_new_york": col("origin").is_in(NEW_YORK),
        "temperature": between("temp", -60, 130) & between("dewp", -90, 100),
        "humidity": between("humid", 0, 100),
        # The year has one reading of 1048 mph: it belongs in quarantine, not in a strongest wind.
        "wind": between("wind_speed", 0, 200) & between("wind_gust", 0, 250) & between("wind_dir", 0, 360),
        "rain": between("precip", 0, 20),
        "pressure": between("pressure", 850, 1100),
        "sight": between("visib", 0, 100),
    },
    epoch="1m",
    imported_at=col("event_time"),
)
