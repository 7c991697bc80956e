"""How long flights leave, by airport and carrier: all that a new view takes."""

from schemas.core.language import View, col, count, max_, mean
from schemas.flights.events import departure

long_departures = View(
    "long_departures",
    doc="Flights over 500 miles: how many, how late, and how late at worst.",
    on=departure,
    by=("origin", "carrier"),
    where=col("distance") > 500,
    features={
        "departures": count().over("3h", "1d"),
        "late_share": mean(col("dep_delay") > 15).over("3h", "7d"),
        "worst_delay": max_("dep_delay").over("1d"),
    },
)
