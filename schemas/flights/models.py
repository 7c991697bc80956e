"""What is predicted of flights."""

from __future__ import annotations

from schemas.core.language import Model, ask, col, gates, label, lightgbm
from schemas.flights.events import arrival, departure
from schemas.flights.views import (
    LATE,
    aircraft_history,
    carrier_delays,
    origin_traffic,
    origin_weather,
    route_arrivals,
)

arrival_delay = Model(
    "arrival_delay",
    doc="Will a flight that now leaves the gate arrive more than 15 minutes late? Not known of diverted ones.",
    on=departure,
    request=("carrier", "origin", "dest", "dep_delay", "distance"),
    features={
        "carrier": ask(
            carrier_delays,
            *("departures_1h", "departures_6h", "departures_1d"),
            *("mean_delay_1h", "mean_delay_6h", "mean_delay_1d", "mean_delay_7d"),
            *("late_share_1d", "late_share_7d", "worst_delay_1d", "delay_spread_7d"),
        ),
        "route": ask(route_arrivals),
        "traffic": ask(
            origin_traffic,
            *("departures_30m", "departures_1h", "departures_6h"),
            *("mean_delay_1h", "mean_delay_6h", "waiting_6h"),
        ),
        "weather": ask(origin_weather),
        "aircraft": ask(aircraft_history, "last_delay", "flights_1d", "flights_7d", "air_time_1d", "air_time_7d"),
    },
    label=label(arrival, col("arr_delay") > LATE, by="event_id", within="1d"),
    estimator=lightgbm(num_iterations=150, learning_rate=0.08, num_leaves=31, min_data_in_leaf=100, lambda_l2=1.0),
    baseline="dep_delay",
    metric="auc",
    gates=gates(window="14d", margin=0.0, calibration=0.08, slices=("carrier", "origin"), slice_loss=0.02),
    stale_after="15m",
    prior=0.24,
)
