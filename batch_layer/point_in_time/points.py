"""What a view would have answered at many instants at once: point in time, over the rows of some entities.

A table of rows goes in, whatever their order, and a table of answers comes out. Rows are of four kinds, and those of
one entity are cut into chunks of time, so that the busiest entity is work for many:

    chunk    [────── c-1 ──────)[─────── c ───────)
    asked                          q    q      q
    event                         e    e   e            available in the chunk
    again         e    e   e                            available before, in reach of a window that is asked in c
    before   ━━━━━━━━━━━━━━━━━━                         what lifetime features hold of all before, as stored partials
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_layer.point_in_time.lifting import Lifted, answer_type, carried, lifted, presented
from batch_layer.point_in_time.walk import Columns, Ints, Numbers, Steps, Wanted, walk
from batch_layer.tables import arrow_type
from schemas.core import names
from schemas.core.aggregates import Aggregate, First, Last, partials_of
from schemas.core.instants import Duration
from schemas.core.models import Ask
from schemas.core.picks import decode_head, decode_pick
from schemas.core.resolution import type_of
from schemas.core.types import Decimal, Type, Value
from schemas.core.views import Feature

CHUNK: Final = "_chunk"
KIND: Final = "_kind"
IDENTITY: Final = (names.PARTITION, names.OFFSET)
"""What tells one asking row from another."""

_HEAD: Final = ("event_time", "event_id", "available_at", *IDENTITY)
Merged = Mapping[str, Mapping[str, Numbers]]
"""By feature, its columns of the walk with a value for each asking row."""


class Kind(IntEnum):
    """What a row is."""

    ASKED = 0
    EVENT = 1
    AGAIN = 2
    BEFORE = 3


@dataclass(frozen=True)
class Measured:
    """A measure of a view that is asked for, with the features over it."""

    name: str
    aggregate: Aggregate
    features: tuple[Feature, ...]

    @property
    def is_lifetime(self) -> bool:
        """Whether it reaches back for ever; a measure has windows or a lifetime, never both."""
        return self.features[0].window is None

    @property
    def is_pick(self) -> bool:
        """Whether it is one of the events themselves."""
        return isinstance(self.aggregate, First | Last)

    @property
    def partials(self) -> dict[str, str]:
        """The stored columns by the names of their partials."""
        return {each.name: names.partial_column(self.name, each.name) for each in partials_of(self.aggregate)}


def measured(ask: Ask) -> tuple[Measured, ...]:
    """The measures of an ask, in the order of the view."""
    asked = [feature for feature in ask.view.features if feature.name in ask.features]
    by_name = {name: tuple(each for each in asked if each.measure == name) for name, _ in ask.view.measures}
    return tuple(Measured(name, each[0].aggregate, each) for name, each in by_name.items() if each)


def reach(ask: Ask) -> Duration | None:
    """How long an event may be in a window after it has happened; None where nothing that is asked for has a window."""
    windows = [feature.window for each in measured(ask) for feature in each.features if feature.window]
    return Duration(max(each.length + each.hop for each in windows)) if windows else None


def key_column(field: str) -> str:
    """Where a key field of the view stands: clear of measures that have its name."""
    return f"_key:{field}"


def value_column(measure: str) -> str:
    """Where the value of a measure's expression stands, null where it has none; true for a count."""
    return f"_value:{measure}"


def answers_schema(ask: Ask) -> pa.Schema:
    """The columns of `answers`."""
    types = {feature.name: answer_type(feature.aggregate) for feature in ask.view.features}
    features = [(name, types[name]) for name in ask.features]
    return pa.schema([(names.PARTITION, pa.int32()), (names.OFFSET, pa.int64()), *features])


def answers(ask: Ask, rows: pa.Table) -> pa.Table:
    """The answer of each asking row, whatever the order of rows; whole chunks of entities have to be there together.

    `rows` have `_kind`, `_chunk`, `key_column` of each key field, `available_at` (where they ask, the instant) and the
    `IDENTITY`; events their `event_time`, `event_id` and values; what is carried the stored partials of each lifetime
    measure.
    """
    measures, schema = measured(ask), answers_schema(ask)
    if any(each.is_pick and each.is_lifetime for each in measures):
        rows = pa.concat_tables([rows, *_picked(rows, measures)], promote_options="default")
    rows, group = _in_order(ask, rows.combine_chunks())
    kind = rows[KIND].to_numpy()
    rank, order = _ranked(rows, any(each.is_pick for each in measures))
    asking = rows.filter(pa.array(kind == Kind.ASKED)).select(list(IDENTITY))
    found: dict[str, Any] = {name: asking[name] for name in IDENTITY}
    columns = {each: _columns(each, rows, kind, rank) for each in measures}
    merged = _walked(columns, _steps(ask, rows, kind, group), asking.num_rows)
    for each in measures:
        for feature in each.features:
            values = rows[value_column(each.name)].combine_chunks() if each.is_pick else None
            found[feature.name] = presented(each.aggregate, merged[feature.name], values, order)
    return pa.table([found[name] for name in schema.names], schema=schema)


def _picked(rows: pa.Table, measures: Iterable[Measured]) -> list[pa.Table]:
    """What `first` and `last` carry is an event, so it becomes a row like one, with the value of its measure alone."""
    found = []
    for each in measures:
        if not isinstance(each.aggregate, First | Last) or not each.is_lifetime:
            continue
        (column,) = each.partials.values()
        some = rows.filter(pc.and_(pc.equal(rows[KIND], int(Kind.BEFORE)), rows[column].is_valid()))
        of, picks = type_of(each.aggregate.of), some[column].to_pylist()
        heads = [decode_head(pick) for pick in picks]
        known = {name: some[name] for name in some.column_names if name in (CHUNK, KIND) or name.startswith("_key:")}
        for place, name in enumerate(_HEAD):
            known[name] = pa.array([head[place] for head in heads], rows.schema.field(name).type)
        known[value_column(each.name)] = pa.array(
            [_stored(decode_pick(pick, of), of) for pick in picks], arrow_type(of)
        )
        found.append(pa.table(known))
    return found


def _stored(value: Value, of: Type) -> Any:
    return decimal.Decimal(int(value)).scaleb(-of.scale) if isinstance(of, Decimal) and value is not None else value


def _in_order(ask: Ask, rows: pa.Table) -> tuple[pa.Table, Ints]:
    """Rows sorted by group and instant, what asks first, with the number of each one's group."""
    group = np.zeros(rows.num_rows, np.int64)
    for name in (CHUNK, *(key_column(field) for field in ask.view.by)):
        codes = rows[name].combine_chunks().dictionary_encode()
        both = group * len(codes.dictionary) + codes.indices.to_numpy()
        group = np.unique(both, return_inverse=True)[1]
    happened = rows[KIND].to_numpy() != Kind.ASKED
    order = np.lexsort((happened, rows["available_at"].to_numpy(), group))
    return rows.take(pa.array(order)), group[order]


def _ranked(rows: pa.Table, is_needed: bool) -> tuple[Ints, Ints]:
    """The place of each row in the order of `first` and `last`, and the row at each place."""
    if not is_needed:
        return np.zeros(rows.num_rows, np.int64), np.empty(0, np.int64)
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in _HEAD]).to_numpy().astype(np.int64)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank, order


def _steps(ask: Ask, rows: pa.Table, kind: Ints, group: Ints) -> Steps:
    groups = int(group[-1]) + 1 if len(group) else 0
    events = np.flatnonzero(kind != Kind.ASKED)
    # What is carried holds lifetime measures alone, which take in every tile: any will do for it.
    happened = pc.fill_null(rows["event_time"], 0).to_numpy()[events]
    tile = np.zeros_like(happened) if ask.view.tile is None else happened - happened % ask.view.tile
    order = np.lexsort((tile, group[events]))
    of, tiles = group[events][order], tile[order]
    is_new = np.ones(len(tiles), np.bool_)
    is_new[1:] = (of[1:] != of[:-1]) | (tiles[1:] != tiles[:-1])
    ends = np.searchsorted(of[is_new], np.arange(groups + 1))
    place = np.full(rows.num_rows, -1)
    place[events[order]] = np.cumsum(is_new) - 1 - ends[of]
    return Steps(
        np.searchsorted(group, np.arange(groups + 1)), ends, tiles[is_new], rows["available_at"].to_numpy(), place
    )


def _columns(each: Measured, rows: pa.Table, kind: Ints, rank: Ints) -> dict[str, Lifted]:
    values = rows[value_column(each.name)].combine_chunks()
    if not each.is_lifetime:
        return lifted(each.aggregate, values, rank)
    # What was available before the chunk is in what is carried.
    values = pc.if_else(pa.array(kind == Kind.AGAIN), pa.scalar(None, values.type), values)
    found = lifted(each.aggregate, values, rank)
    if each.is_pick:
        return found
    before = np.flatnonzero(kind == Kind.BEFORE)
    some = rows.take(pa.array(before))
    partials = {partial: some[column].combine_chunks() for partial, column in each.partials.items()}
    for name, numbers in carried(each.aggregate, partials).items():
        whole = found[name].values.copy()
        whole[before] = numbers
        found[name] = replace(found[name], values=whole)
    return found


def _walked(columns: Mapping[Measured, Mapping[str, Lifted]], steps: Steps, asking: int) -> Merged:
    """Two walks, one over whole numbers and one over floats."""
    found: dict[str, dict[str, Numbers]] = {feature.name: {} for each in columns for feature in each.features}
    windows = list(dict.fromkeys(feature.window for each in columns for feature in each.features))
    lengths = np.array([(each.length, each.hop) if each else (0, 0) for each in windows], np.int64)
    for kind in (np.int64, np.float64):
        own = [
            (each, name, column)
            for each, found_columns in columns.items()
            for name, column in found_columns.items()
            if column.values.dtype == kind
        ]
        if not own:
            continue
        wishes = [
            [
                (feature.name, name, place)
                for place, (each, name, _) in enumerate(own)
                for feature in each.features
                if feature.window == over
            ]
            for over in windows
        ]
        ends = np.cumsum([0, *map(len, wishes)])
        flat = [wish for some in wishes for wish in some]
        out = np.empty((asking, len(flat)), kind)
        walk(
            steps,
            Columns(
                np.column_stack([column.values for _, _, column in own]),
                np.array([column.op for _, _, column in own], np.int64),
                np.array([column.zero for _, _, column in own], kind),
            ),
            Wanted(lengths, ends, np.array([place for _, _, place in flat], np.int64)),
            out,
        )
        for index, (feature, name, _) in enumerate(flat):
            found[feature][name] = out[:, index]
    return found
