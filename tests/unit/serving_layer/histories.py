"""Histories for tests of the data plane: one view with every kind of partial, and what batch and stream make of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as Number
from decimal import localcontext
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from schemas.core.aggregates import (
    Earliest,
    Greatest,
    Kind,
    Latest,
    Least,
    State,
    Tally,
    Total,
    lift,
    merge,
    partials_of,
    zero,
)
from schemas.core.instants import Instant, floor
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
)
from schemas.core.names import AVAILABLE_AT, EPOCH, TILE, N, partial_column
from schemas.core.records import Record
from schemas.core.types import INT64_MAX, INT64_MIN, Decimal, Float64, Int64, Value
from schemas.core.windows import tile_of

EPOCH_LENGTH = 60_000

READING = Event(
    "reading",
    fields={
        "site": string,
        "room": int64.optional,
        "whole": int64.optional,
        "real": float64.optional,
        "price": decimal(2).optional,
        "seen": timestamp.optional,
        "note": string.optional,
        "fine": bool_.optional,
    },
    epoch="1m",
)

EVERYTHING = View(
    "everything",
    on=READING,
    by=("site", "room"),
    features={
        "events": count().over("1h", "7d"),
        "ever": count(),
        "whole_sum": sum_("whole").over("1h", "30d"),
        "whole_mean": mean("whole").over("6h"),
        "whole_least": min_("whole").over("1d"),
        "whole_most": max_("whole"),
        "real_sum": sum_("real").over("1h"),
        "real_mean": mean("real").over("1d"),
        "real_least": min_("real").over("1h"),
        "real_most": max_("real").over("1h"),
        "real_variance": variance("real").over("1d"),
        "real_spread": stddev("real", around=5.0),
        "price_sum": sum_("price").over("7d"),
        "price_mean": mean("price").over("7d"),
        "price_least": min_("price"),
        "price_last": last("price").over("1d"),
        "seen_most": max_("seen").over("7d"),
        "seen_first": first("seen"),
        "note_first": first("note").over("1h"),
        "note_last": last("note"),
        "real_last": last("real").over("1d"),
        "whole_first": first("whole"),
        "fine_last": last("fine").over("7d"),
        "fine_share": mean("fine").over("7d"),
        "late_sum": sum_(col("real") > 3),
    },
)

Row = dict[str, Value]


@dataclass(frozen=True)
class Stored:
    """A stored row: key, tile, epoch (None: in a segment), events and the state of each measure."""

    key: tuple[Value, ...]
    tile: int
    epoch: int | None
    n: int
    available_at: int
    states: Mapping[str, State]


def records(size: int = 40) -> st.SearchStrategy[list[Record]]:
    """Records over ten days around 1970, few keys, values at the edges of their types."""
    day = 86_400_000
    return st.lists(
        st.builds(
            record,
            event_time=st.one_of(
                st.integers(-5 * day, 5 * day), st.sampled_from([0, -1, 1, 3_600_000, -3_600_000, 300_000])
            ),
            available_at=st.integers(0, 20).map(lambda each: each * 30_000),
            offset=st.integers(0, 10**6),
            values=st.fixed_dictionaries(
                {
                    "site": st.sampled_from(["JFK", "LGA", 'q"\\\u20ac\U0001f600']),
                    "room": st.sampled_from([1, INT64_MIN]),
                    "whole": st.none()
                    | st.sampled_from([0, 1, INT64_MAX, INT64_MIN, INT64_MAX - 1])
                    | st.integers(-9, 9),
                    "real": st.none() | st.sampled_from([0.0, 1e16, -1e16, 1e140, -1e140]) | st.floats(-10, 10),
                    "price": st.none() | st.sampled_from([10**18 - 1, -(10**18) + 1, 5, -5]) | st.integers(-999, 999),
                    "seen": st.none() | st.sampled_from([-1, 0, 1_383_000_000_123]),
                    "note": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
                    "fine": st.none() | st.booleans(),
                }
            ),
        ),
        max_size=size,
        unique_by=lambda each: each.offset,
    )


def record(event_time: int, available_at: int, offset: int, values: Mapping[str, Value]) -> Record:
    """A record whose id sorts by its offset's digits reversed, so that ids and offsets disagree."""
    clean = {name: value + 0.0 if isinstance(value, float) else value for name, value in values.items()}
    return Record(f"id-{str(offset)[::-1]}", Instant(event_time), Instant(available_at), offset % 2, offset, clean)


def stored(view: View, kept: Iterable[Record], boundary: int | None) -> list[Stored]:
    """One row a (key, tile) for records below the boundary, one a (key, tile, epoch) from it on (None: all below)."""
    rows: dict[tuple[Any, int, int | None], Stored] = {}
    for each in kept:
        key = tuple(each.row[name] for name in view.by)
        tile = int(tile_of(each.event_time, view.tile))
        epoch = None if boundary is None or each.available_at < boundary else floor(each.available_at, EPOCH_LENGTH)
        row = rows.get((key, tile, epoch), Stored(key, tile, epoch, 0, 0, {}))
        states = {
            name: merge(m.aggregate, row.states.get(name, zero(m.aggregate)), lift(m.aggregate, each))
            for name, m in view.measures
        }
        latest = max(row.available_at, each.available_at)
        rows[key, tile, epoch] = Stored(key, tile, epoch, row.n + 1, latest, states)
    return list(rows.values())


def delta_batch(view: View, rows: Sequence[Stored]) -> pa.RecordBatch:
    """Rows as Spark leaves them in a segment table."""
    columns = {
        name: pa.array([row.key[i] for row in rows], pa.int64() if isinstance(of, Int64) else pa.string())
        for i, (name, of) in enumerate(view.key_types.items())
    }
    columns[TILE] = pa.array([row.tile for row in rows], pa.int64())
    columns[N] = pa.array([row.n for row in rows], pa.int64())
    for name, measure in view.measures:
        for i, partial in enumerate(partials_of(measure.aggregate)):
            values = [row.states[name][i] for row in rows]
            of = _arrow_type(partial.kind)
            if pa.types.is_decimal(of):
                values = [None if each is None else _decimal(int(each), of.scale) for each in values]  # type: ignore[misc]
            columns[partial_column(name, partial.name)] = pa.array(values, of)
    return pa.record_batch(columns)


def speed_message(view: View, row: Stored) -> tuple[bytes, bytes]:
    """Key and value of a speed topic's record as Flink writes them."""
    key = {**dict(zip(view.by, row.key, strict=True)), TILE: row.tile, EPOCH: row.epoch}
    value: dict[str, Any] = {N: row.n, AVAILABLE_AT: row.available_at}
    for name, measure in view.measures:
        for i, partial in enumerate(partials_of(measure.aggregate)):
            value[partial_column(name, partial.name)] = _json(partial.kind, row.states[name][i])
    return json.dumps(key).encode(), json.dumps(value).encode()


def _json(kind: Kind, value: Value) -> Value:
    match kind:
        case Total(scale) | Least(Decimal(scale)) | Greatest(Decimal(scale)) if value is not None:
            return f"{_decimal(int(value), scale):f}"
    return value


def _decimal(value: int, scale: int) -> Number:
    with localcontext(prec=60):
        return Number(value).scaleb(-scale)


def _arrow_type(kind: Kind) -> Any:
    match kind:
        case Tally():
            return pa.int64()
        case Total(scale):
            return pa.decimal128(38, scale)
        case Least(Decimal(scale)) | Greatest(Decimal(scale)):
            return pa.decimal128(18, scale)
        case Least(Float64()) | Greatest(Float64()):
            return pa.float64()
        case Least() | Greatest():
            return pa.int64()
        case Earliest() | Latest():
            return pa.string()
    return pa.float64()
