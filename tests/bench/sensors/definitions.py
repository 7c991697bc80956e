"""What the freshness bench sends and asks: `latest` tells which events an answer holds."""

from schemas.core.language import Event, View, count, float64, int64, max_, mean

reading = Event("reading", fields={"sensor": int64, "number": int64, "value": float64}, epoch="1m")

sensors = View(
    "sensors",
    on=reading,
    by="sensor",
    features={
        "readings": count().over("5m", "1h", "1d"),
        "level": mean("value").over("5m", "1h", "1d"),
        "highest": max_("value").over("1h", "1d"),
        "latest": max_("number"),
    },
)
