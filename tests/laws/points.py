"""Rows as Spark gives them to `batch_layer.point_in_time.points`, made of records in plain Python, chunk by chunk."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from batch_layer.point_in_time.points import CHUNK, KIND, Kind, Measured, key_column, measured, reach, value_column
from batch_layer.tables import arrow_type, partial_type
from schemas.core import names
from schemas.core.aggregates import Count, State, add, partials_of, zero
from schemas.core.counting import counted
from schemas.core.evaluation import evaluate
from schemas.core.instants import floor
from schemas.core.models import Ask
from schemas.core.records import Record
from schemas.core.reference import key_of, passes
from schemas.core.resolution import type_of
from schemas.core.types import Decimal, Type, Value

Row = dict[str, Any]


def rows_of(ask: Ask, records: Iterable[Record], spine: Sequence[Record], chunk: int) -> pa.Table:
    """Everything that the answers at the spine events need, cut into chunks of time."""
    measures = measured(ask)
    known = [
        each
        for each in counted(records, ask.view.on.horizon)
        if key_of(ask.view, each) is not None and passes(ask.view, each)
    ]
    asked = [each for each in spine if None not in _key(ask, each)]
    rows = [_asked(ask, each, chunk) for each in asked]
    ever = sorted({floor(each.available_at, chunk) for each in asked})
    for each in known:
        rows += [_event(ask, measures, each, start, chunk) for start in ever if _is_in(ask, each, start, chunk)]
    for key, start in {(_key(ask, each), floor(each.available_at, chunk)) for each in asked}:
        before = [each for each in known if key_of(ask.view, each) == key and each.available_at < start]
        if before and any(each.is_lifetime for each in measures):
            rows.append(_before(ask, measures, before, start))
    return pa.Table.from_pylist(rows, schema=schema_of(ask))


def schema_of(ask: Ask) -> pa.Schema:
    """All columns that any row may have."""
    view, measures = ask.view, measured(ask)
    stored = [
        (names.partial_column(each.name, partial.name), partial_type(partial.kind))
        for each in measures
        if each.is_lifetime
        for partial in partials_of(each.aggregate)
    ]
    return pa.schema(
        [
            (KIND, pa.int32()),
            (CHUNK, pa.int64()),
            *((key_column(name), arrow_type(of)) for name, of in view.key_types.items()),
            ("available_at", pa.int64()),
            ("event_time", pa.int64()),
            ("event_id", pa.string()),
            (names.PARTITION, pa.int32()),
            (names.OFFSET, pa.int64()),
            *((value_column(each.name), _value_type(each)) for each in measures),
            *stored,
        ]
    )


def _is_in(ask: Ask, record: Record, start: int, chunk: int) -> bool:
    own, beyond = floor(record.available_at, chunk), reach(ask)
    return start == own or (beyond is not None and own < start <= record.event_time + beyond)


def _asked(ask: Ask, record: Record, chunk: int) -> Row:
    return {
        KIND: int(Kind.ASKED),
        CHUNK: floor(record.available_at, chunk),
        **_keys(ask, _key(ask, record)),
        "available_at": record.available_at,
        names.PARTITION: record.partition,
        names.OFFSET: record.offset,
    }


def _event(ask: Ask, measures: Sequence[Measured], record: Record, start: int, chunk: int) -> Row:
    is_own = start == floor(record.available_at, chunk)
    return {
        KIND: int(Kind.EVENT if is_own else Kind.AGAIN),
        CHUNK: start,
        **_keys(ask, tuple(record.row[name] for name in ask.view.by)),
        "available_at": record.available_at,
        "event_time": record.event_time,
        "event_id": record.event_id,
        names.PARTITION: record.partition,
        names.OFFSET: record.offset,
        **{value_column(each.name): _value(each, record) for each in measures},
    }


def _before(ask: Ask, measures: Sequence[Measured], before: Sequence[Record], start: int) -> Row:
    row = {KIND: int(Kind.BEFORE), CHUNK: start, "available_at": start - 1}
    row |= _keys(ask, tuple(before[0].row[name] for name in ask.view.by))
    for each in measures:
        if not each.is_lifetime:
            continue
        state: State = zero(each.aggregate)
        for record in before:
            state = add(each.aggregate, state, record)
        for partial, value in zip(partials_of(each.aggregate), state, strict=True):
            row[names.partial_column(each.name, partial.name)] = _stored(value, partial_type(partial.kind))
    return row


def _key(ask: Ask, record: Record) -> tuple[Value, ...]:
    return tuple(record.row.get(field) for _, field in ask.by)


def _keys(ask: Ask, key: tuple[Value, ...]) -> Row:
    return {key_column(name): value for name, value in zip(ask.view.by, key, strict=True)}


def _value(each: Measured, record: Record) -> Any:
    if isinstance(each.aggregate, Count):
        return True
    return _stored(evaluate(each.aggregate.of, record.row), _value_type(each))


def _value_type(each: Measured) -> pa.DataType:
    of: Type | None = None if isinstance(each.aggregate, Count) else type_of(each.aggregate.of)
    return pa.bool_() if of is None else arrow_type(of)


def _stored(value: Value, of: pa.DataType) -> Any:
    if value is None or not pa.types.is_decimal(of):
        return value
    return decimal.Decimal(int(value)).scaleb(-of.scale, decimal.Context(prec=60))


def plain(value: Any, of: Type) -> Value:
    """A value of an answers table as the core has it: a decimal as an integer of 10^-scale."""
    if isinstance(value, decimal.Decimal):
        return int(value.scaleb(of.scale if isinstance(of, Decimal) else 0, decimal.Context(prec=60)))
    found: Value = value
    return found
