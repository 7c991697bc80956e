"""Batch, stream and serving as pure functions of the core: what any engine has to be equal to.

available_at   ───────S─────────────B──────────────q──
batch          [-inf ──────)[───────)                    segments, each read from one horizon before its start
stream                [──────┼──────┼──────┼───────       epochs from S on, read from one horizon before S
served         segments up to B, and epochs from B on
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.core.aggregates import State, add, answer_value, merge, present, zero
from schemas.core.counting import counted
from schemas.core.instants import Instant, floor
from schemas.core.records import Record
from schemas.core.reference import key_of, passes
from schemas.core.types import Value
from schemas.core.views import View
from schemas.core.windows import tile_of

Key = tuple[Value, ...]
Partials = Mapping[tuple[Key, Instant], tuple[State, ...]]
"""By key and tile: one state a measure of the view."""


@dataclass(frozen=True)
class Segment:
    """Partials of the availability interval `[start, end)`."""

    start: Instant | None
    end: Instant
    partials: Partials


def build_segment(view: View, records: Iterable[Record], start: Instant | None, end: Instant) -> Segment:
    """A segment from valid records, of which it reads none before one horizon back."""
    back = None if start is None else start - view.on.horizon
    read = [each for each in records if (back is None or each.available_at >= back) and each.available_at < end]
    live = [each for each in counted(read, view.on.horizon) if start is None or each.available_at >= start]
    return Segment(start, end, _partials(view, live))


def merge_segments(view: View, segments: Sequence[Segment]) -> Segment:
    """Adjacent segments as one."""
    merged: dict[tuple[Key, Instant], tuple[State, ...]] = {}
    for segment in segments:
        for place, states in segment.partials.items():
            merged[place] = _merged(view, merged[place], states) if place in merged else states
    return Segment(segments[0].start, segments[-1].end, merged)


def stream(view: View, records: Iterable[Record], start: Instant) -> dict[Instant, Partials]:
    """The epochs that a run writes, by their start."""
    read = [each for each in records if each.available_at >= start - view.on.horizon]
    epochs: dict[Instant, list[Record]] = {}
    for record in counted(read, view.on.horizon):
        if record.available_at >= start:
            epochs.setdefault(Instant(floor(record.available_at, view.on.epoch)), []).append(record)
    return {epoch: _partials(view, live) for epoch, live in epochs.items()}


def serve(
    view: View, segments: Sequence[Segment], epochs: Mapping[Instant, Partials], key: Key, at: Instant
) -> dict[str, Value]:
    """The answer of one entity: the segments, and the epochs from where they end."""
    boundary = segments[-1].end
    parts = [segment.partials for segment in segments]
    parts += [partials for epoch, partials in epochs.items() if epoch >= boundary]
    answers = {}
    for feature in view.features:
        tail = None if feature.window is None else feature.window.tail(at)
        place = [name for name, _ in view.measures].index(feature.measure)
        state = zero(feature.aggregate)
        for partials in parts:
            for (entity, tile), states in partials.items():
                if entity == key and (tail is None or tile >= tail):
                    state = merge(feature.aggregate, state, states[place])
        answers[feature.name] = answer_value(present(feature.aggregate, state), feature.type)
    return answers


def _partials(view: View, live: Iterable[Record]) -> Partials:
    aggregates = [measure.aggregate for _, measure in view.measures]
    found: dict[tuple[Key, Instant], tuple[State, ...]] = {}
    for record in live:
        key = key_of(view, record)
        if key is None or not passes(view, record):
            continue
        place = (key, tile_of(record.event_time, view.tile))
        states = found.get(place, tuple(zero(aggregate) for aggregate in aggregates))
        found[place] = tuple(add(aggregate, state, record) for aggregate, state in zip(aggregates, states, strict=True))
    return found


def _merged(view: View, left: tuple[State, ...], right: tuple[State, ...]) -> tuple[State, ...]:
    aggregates = (measure.aggregate for _, measure in view.measures)
    return tuple(merge(aggregate, a, b) for aggregate, a, b in zip(aggregates, left, right, strict=True))
