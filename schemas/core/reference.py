"""The one rule in plain Python: what every engine, boundary and store must agree with.

answer(k, f, q) = present of the merge over all events that count, with key(e) = k, filter true,
                  available_at(e) < q, and tile(e) >= floor(q - W, h)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.core.aggregates import add, answer_value, present, zero
from schemas.core.counting import counted
from schemas.core.errors import BadValue
from schemas.core.evaluation import evaluate, evaluator
from schemas.core.events import Event
from schemas.core.instants import Instant, format_instant, to_instant
from schemas.core.records import Record
from schemas.core.types import Value
from schemas.core.verdict import Valid, judge
from schemas.core.views import Feature, View
from schemas.core.windows import tile_of


def answer(view: View, records: Iterable[Record], key: tuple[Value, ...], at: Instant) -> dict[str, Value]:
    """Every feature of one entity at instant `at`, over all valid records of the view's event."""
    known = (record for record in counted(records, view.on.horizon) if record.available_at < at)
    return answer_counted(view, [record for of, record in keyed(view, known) if of == key], at)


def answer_counted(view: View, records: Sequence[Record], at: Instant) -> dict[str, Value]:
    """The answer over records that count, pass the filter, belong to one entity and were available before `at`."""
    return {feature.name: _feature(feature, in_window(view, feature, records, at)) for feature in view.features}


def in_window(view: View, feature: Feature, records: Iterable[Record], at: Instant) -> list[Record]:
    """The records whose tile is in the feature's window at `at`."""
    if feature.window is None:
        return list(records)
    tail, tile = feature.window.tail(at), view.tile
    return [record for record in records if tile_of(record.event_time, tile) >= tail]


def key_of(view: View, record: Record) -> tuple[Value, ...] | None:
    """The entity of a record, or None where a key field is null: such an event is in no entity."""
    return _key(view, record.row)


def passes(view: View, record: Record) -> bool:
    """Whether the filter is true; null is not."""
    return view.where is None or evaluate(view.where, record.row) is True


def keyed(view: View, records: Iterable[Record]) -> Iterator[tuple[tuple[Value, ...], Record]]:
    """The records that are in an entity and pass the filter, each with its key: `key_of` and `passes` for many."""
    holds = None if view.where is None else evaluator(view.where)
    for record in records:
        row = record.row
        key = _key(view, row)
        if key is not None and (holds is None or holds(row) is True):
            yield key, record


def _key(view: View, row: Mapping[str, Value]) -> tuple[Value, ...] | None:
    key = tuple([row.get(name) for name in view.by])
    return None if None in key else key


def _feature(feature: Feature, records: Iterable[Record]) -> Value:
    state = zero(feature.aggregate)
    for record in records:
        state = add(feature.aggregate, state, record)
    return answer_value(present(feature.aggregate, state), feature.type)


def answer_events(
    view: View,
    events: Iterable[Mapping[str, Any]],
    key: Mapping[str, object],
    at: Any,
) -> dict[str, Value]:
    """`answer` over plain mappings, each judged by the contract first; see `View.answer`."""
    return answer(view, list(_records(view.on, events)), view.key(key), to_instant(at))


def _records(event: Event, events: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    for index, given in enumerate(events):
        body = {name: value for name, value in given.items() if name not in ("available_at", "partition", "offset")}
        if "event_time" not in body:
            raise BadValue(f"event {index} has no `event_time`; give RFC 3339 text or an aware datetime")
        event_time = to_instant(body["event_time"])
        body["event_time"] = format_instant(event_time)
        available_at = to_instant(given.get("available_at", event_time))
        verdict = judge(event, json.dumps(body, default=_text).encode(), available_at=available_at)
        if isinstance(verdict, Valid):
            yield Record(
                event_id=verdict.event_id,
                event_time=verdict.event_time,
                available_at=available_at,
                partition=given.get("partition", 0),
                offset=given.get("offset", index),
                values=verdict.values,
            )


def _text(value: object) -> str:
    """What JSON has no word for: aware datetimes as RFC 3339, decimals as their digits."""
    return format_instant(to_instant(value)) if isinstance(value, datetime) else str(value)
