"""What the scenarios ask: events of every type, and views of every aggregate, key and filter.

All of it is made twice, under names that end in `_early` and `_late`: a scenario is played on both, and the boundary
between batch and stream falls into another place of it in each.
"""

from __future__ import annotations

from typing import Final

from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    first,
    float64,
    int64,
    last,
    max_,
    mean,
    min_,
    stddev,
    string,
    sum_,
    timestamp,
    variance,
    when,
)
from schemas.core.measures import Measure

POSITIONS: Final = ("early", "late")


def reading(position: str) -> Event:
    """An event of every type; short epochs let the boundary move within a test."""
    return Event(
        f"reading_{position}",
        fields={
            "site": string.optional,
            "gate": int64.optional,
            "up": bool_.optional,
            "n": int64.optional,
            "x": float64.optional,
            "fare": decimal(2).optional,
            "word": string.optional,
            "seen_at": timestamp.optional,
        },
        rules={"sane": col("n").is_null() | (col("n") != 666)},
        epoch="1s",
    )


def note(position: str) -> Event:
    """What hostile bodies are sent to; copies that are 8 s apart both count."""
    return Event(f"note_{position}", fields={"a": string, "n": float64}, epoch="5s", horizon="8s", partitions=1)


def views(position: str) -> list[View]:
    """Every view on the two events of one position."""
    on, notes = reading(position), note(position)
    return [
        View(f"everything_{position}", on=on, by="site", features=everything()),
        View(
            f"gates_{position}",
            on=on,
            by=("site", "gate", "up"),
            features={"events": count().over("1d"), "sum_n": sum_("n"), "last_n": last("n").over("1d")},
        ),
        View(f"numbers_{position}", on=on, by="gate", features={"events": count(), "sum_n": sum_("n")}),
        View(
            f"kept_{position}",
            on=on,
            by="site",
            where=(col("n") > 10) | ~(col("word") == "skip"),
            features={"events": count().over("1d"), "which": sum_("x"), "last_word": last("word")},
        ),
        View(f"conditions_{position}", on=on, by="site", features=conditions()),
        View(f"windows_{position}", on=on, by="site", features=windows()),
        View(f"lifetime_{position}", on=on, by="site", features=lifetime()),
        View(
            f"notes_{position}",
            on=notes,
            by="a",
            features={"notes": count(), "least": min_("n"), "most": max_("n"), "last_n": last("n")},
        ),
    ]


def everything() -> dict[str, Measure]:
    """Every aggregate of every type that it takes, over a day."""
    numbers = ("n", "x", "fare")
    return {
        "events": count().over("1h", "1d", "7d"),
        **{f"sum_{field}": sum_(field).over("1d") for field in (*numbers, "up")},
        **{f"mean_{field}": mean(field).over("1d") for field in (*numbers, "up")},
        **{f"min_{field}": min_(field).over("1d") for field in (*numbers, "seen_at")},
        **{f"max_{field}": max_(field).over("1d") for field in (*numbers, "seen_at")},
        **{f"variance_{field}": variance(field).over("1d") for field in ("n", "x")},
        **{f"stddev_{field}": stddev(field).over("1d") for field in ("n", "x")},
        **{f"first_{field}": first(field).over("1d") for field in (*numbers, "up", "word", "seen_at")},
        **{f"last_{field}": last(field).over("1d") for field in (*numbers, "up", "word", "seen_at")},
    }


def conditions() -> dict[str, Measure]:
    """Expressions of every kind, among them those that are null."""
    both, either = (col("n") > 10) & (col("word") == "skip"), (col("n") > 10) | (col("word") == "skip")
    return {
        "events": count(),
        "both": sum_(both),
        "both_unknown": sum_(both.is_null()),
        "either": sum_(either),
        "either_unknown": sum_(either.is_null()),
        "share": mean(col("n") > 10),
        "listed": sum_(col("word").is_in(["go", "stop"])),
        "chosen": sum_(when(col("n") > 10, col("n"), -1)),
        "quotient": sum_(col("x") / col("n")),
        "quotients": sum_((col("x") / col("n")).is_not_null()),
    }


def windows() -> dict[str, Measure]:
    """Windows of every hop, and none."""
    return {
        "events": count().over("1h", "6h", "3d", "30d"),
        "which": sum_("n").over("1h", "6h", "3d", "30d"),
        "ever": sum_("n"),
        "fine": sum_("n").over("2h", hop="1m"),
        "last_n": last("n").over("6h"),
        "first_n": first("n").over("3d"),
    }


def lifetime() -> dict[str, Measure]:
    """What no window ends."""
    return {
        "events": count(),
        "began": min_("event_time"),
        "ended": max_("event_time"),
        "first_word": first("word"),
        "last_word": last("word"),
        "last_id": last("event_id"),
        "latest_sight": max_("seen_at"),
        "total": sum_("x"),
        "plain": variance("x"),
        "around": variance("x", around=1e9),
        "deviation": stddev("x", around=1e9),
    }


# The catalog collects what a module names.
globals().update({view.name: view for position in POSITIONS for view in views(position)})
