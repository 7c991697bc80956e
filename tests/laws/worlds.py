"""Random definitions and histories, each definition beside plain functions that mean the same.

Epoch 10 s, horizon 25 s. Instants fall on the edges of epochs, tiles and horizons, a millisecond before and after
them, on both sides of 1970; events are late by anything up to days; append times step back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from hypothesis import strategies as st

from schemas.core.availability import running_maximum
from schemas.core.instants import DAY, SECOND, Duration, Instant
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
    variance,
    when,
)
from schemas.core.measures import Measure
from schemas.core.records import IMPORTED, Record
from schemas.core.types import Value

EPOCH: Final = 10 * SECOND
HORIZON: Final = Duration(25 * SECOND)
FIRST, LAST = -3 * EPOCH, 4 * EPOCH

EVENT: Final = Event(
    "it",
    fields={
        "k": string.optional,
        "n": int64.optional,
        "x": float64.optional,
        "d": decimal(2),
        "up": bool_.optional,
    },
    epoch="10s",
    horizon="25s",
)

Row = Mapping[str, Value]
Plain = Callable[[Row], Value]


def _choice(row: Row) -> Value:
    return row["x"] if row["up"] is True else 0.0


MEASURES: Final[Mapping[str, tuple[Measure, Plain]]] = {
    "events": (count(), lambda _: 1),
    "total": (sum_("d"), lambda row: row["d"]),
    "floats": (sum_("x"), lambda row: row["x"]),
    "share": (mean(col("n") > 0), lambda row: None if row["n"] is None else int(row["n"]) > 0),
    "middle": (mean("d"), lambda row: row["d"]),
    "least": (min_("n"), lambda row: row["n"]),
    "most": (max_("x"), lambda row: row["x"]),
    "newest": (max_("event_time"), lambda row: row["event_time"]),
    "spread": (variance("x", around=5.0), lambda row: row["x"]),
    "wide": (stddev("n"), lambda row: row["n"]),
    "first_id": (first("event_id"), lambda row: row["event_id"]),
    "last_x": (last("x"), lambda row: row["x"]),
    "choice": (last(when(col("up"), col("x"), 0.0)), _choice),
}

FILTERS: Final[Mapping[str, tuple[object, Plain]]] = {
    "all": (None, lambda _: True),
    "not down": (~(col("up") == False), lambda row: None if row["up"] is None else row["up"]),  # noqa: E712
    "some": (
        (col("n") > -1) | col("up").is_null(),
        lambda row: row["up"] is None or (row["n"] is not None and int(row["n"]) > -1),
    ),
}

# length and hop in seconds
WINDOWS: Final[Sequence[tuple[int, int] | None]] = (None, (10, 10), (20, 5), (60, 20), (90, 30), (15, 3))
KEYS: Final[Sequence[tuple[str, ...]]] = (("k",), ("k",), ("k", "up"), ("n",))


@dataclass(frozen=True)
class World:
    """A view, its filter and values as plain functions, and all valid records of its event."""

    view: View
    passes: Plain
    values: Mapping[str, Plain]
    records: tuple[Record, ...]


@st.composite
def views(draw: st.DrawFn) -> tuple[View, Plain]:
    """A definition of two to four features."""
    names = draw(st.lists(st.sampled_from(sorted(MEASURES)), min_size=2, max_size=4, unique=True))
    features = {}
    for name in names:
        measure, over = MEASURES[name][0], draw(st.sampled_from(WINDOWS))
        features[name] = measure if over is None else measure.over(f"{over[0]}s", hop=f"{over[1]}s")
    condition, plain = FILTERS[draw(st.sampled_from(sorted(FILTERS)))]
    by = draw(st.sampled_from(KEYS))
    return View("it", on=EVENT, by=by, features=features, where=condition), plain  # type: ignore[arg-type]


# One drawing each where several would do: what is drawn is small, and hypothesis pays by the drawing.
EDGES: Final = st.sampled_from(
    [
        step + off
        for off in (0, 0, 0, -1, 1, 2500)
        for step in range(FIRST // (5 * SECOND) * 5 * SECOND, LAST + 1, 5 * SECOND)
    ]
)
LATENESS: Final = st.sampled_from(
    [0, 0, 0, 1, 5 * SECOND, 10 * SECOND, 25 * SECOND, 61 * SECOND, 2 * DAY, -60 * SECOND]
)
VALUES: Final = st.builds(
    lambda drawn, d: {**dict(zip(("k", "n", "x", "up"), drawn, strict=True)), "d": d},
    st.sampled_from(
        list(
            product(
                ["a", "a", "a", "a", "b", None],
                [-1, 0, 1, 2**62, None],
                [0.0, 1.5, -2.25, 1e16, 5.0, None],
                [True, False, None],
            )
        )
    ),
    st.integers(-999, 10**17),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Record, ...]:
    """Valid records of two partitions, whose clocks may step back, and of imports."""
    records = []
    for partition in (0, 1, IMPORTED):
        drawn = draw(st.lists(st.tuples(EDGES, LATENESS, st.sampled_from("ppq"), VALUES), min_size=1, max_size=8))
        if partition != IMPORTED and draw(st.booleans()):
            drawn.sort(key=lambda each: each[0])
        append_times = [Instant(each[0]) for each in drawn]
        available = append_times if partition == IMPORTED else running_maximum(append_times)
        for offset, (at, (_, late, event_id, values)) in enumerate(zip(available, drawn, strict=True)):
            assert at is not None
            records.append(Record(event_id, Instant(at - late), at, partition, offset, values))
    return tuple(records)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A definition and a history."""
    view, passes = draw(views())
    return World(view, passes, {name: plain for name, (_, plain) in MEASURES.items()}, draw(histories()))
