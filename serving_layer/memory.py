"""A store in plain Python over the algebra of the core: for tests and notebooks, and to read how merging works.

records that count ──┬── available_at <  B ──▶ segments  [key, tile]          ─┐
                     └── available_at >= B ──▶ epochs    [key, tile, epoch]   ─┴▶ merge ▶ cut the tail ▶ present
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from schemas.core.aggregates import State, answer_value, lift, merge, partials_of, present, zero
from schemas.core.codec import definition_of
from schemas.core.counting import counted
from schemas.core.errors import UnknownName
from schemas.core.instants import Instant, floor, format_instant
from schemas.core.names import event_topic, partial_column
from schemas.core.records import Record
from schemas.core.reference import key_of, passes
from schemas.core.types import Value
from schemas.core.views import Feature, View
from schemas.core.windows import tile_of
from serving_layer.models.served import ServedModel
from serving_layer.snapshot import IMPORT_PENDING, NO_RUN, Claim, Contribution, Pair

Key = tuple[Value, ...]


@dataclass(frozen=True)
class Row:
    """One stored row of one entity; `epoch` is None in a segment, `states` are by measure."""

    source: str
    epoch: Instant | None
    tile: Instant
    n: int
    states: Mapping[str, State]


@dataclass(frozen=True)
class Position:
    """How far an event's partitions are claimed: next offsets by partition, and the `available_at` they reach."""

    applied: Mapping[int, int]
    through: Instant


@dataclass(frozen=True)
class _State:
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    cuts: Mapping[str, tuple[Instant, ...]] = field(default_factory=dict)
    records: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    rows: Mapping[str, Mapping[Key, tuple[Row, ...]]] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    models: Mapping[str, ServedModel] = field(default_factory=dict)


class MemoryStore:
    """Every method makes the next state in one step; a snapshot keeps the state that it was taken of.

    >>> store = MemoryStore()
    >>> store.receive("arrival", records)
    >>> store.publish(route_arrivals, boundary, run="r1", now=now)
    >>> store.claim("arrival", {0: 17, 1: 12}, through)
    """

    def __init__(self) -> None:
        self._state = _State()

    def receive(self, event: str, records: Iterable[Record]) -> None:
        """Valid records of an event, added to those before; they show in answers at once, unclaimed."""
        state = self._state
        held = (*state.records.get(event, ()), *records)
        rows = {name: _rows(pair, state.cuts[name], held) for name, pair in _on(state.pairs, event)}
        self._state = replace(state, records={**state.records, event: held}, rows={**state.rows, **rows})

    def publish(
        self, view: View, boundary: Instant, *, now: Instant, run: str | None = None, cuts: Sequence[Instant] = ()
    ) -> Pair:
        """Serve the view from a new generation whose segments end at each of `cuts` and at `boundary`."""
        state = self._state
        before = state.pairs.get(view.name)
        pair = Pair(
            view=view,
            definition=definition_of(view),
            generation=1 + (before.generation if before else 0),
            boundary=boundary,
            run=run,
            published_at=now,
            held_from=boundary if before is None else min(boundary, before.held_from),
        )
        ends = (*sorted(cut for cut in cuts if cut < boundary), boundary)
        self._state = replace(
            state,
            pairs={**state.pairs, view.name: pair},
            cuts={**state.cuts, view.name: ends},
            rows={**state.rows, view.name: _rows(pair, ends, state.records.get(view.on.name, ()))},
        )
        return pair

    def claim(self, event: str, applied: Mapping[int, int], through: Instant) -> None:
        """A completed checkpoint: every record below the offsets is in answers."""
        positions = {**self._state.positions, event: Position(dict(applied), through)}
        self._state = replace(self._state, positions=positions)

    def withdraw(self, view: str) -> None:
        """Serve the view no longer."""
        state = self._state
        self._state = replace(state, pairs={name: pair for name, pair in state.pairs.items() if name != view})

    def serve_model(self, served: ServedModel) -> None:
        """Score a model with these versions from here on."""
        self._state = replace(self._state, models={**self._state.models, served.model.name: served})

    def prune(self, view: str, held_from: Instant) -> None:
        """Drop the epochs of a view below an instant; a boundary below it makes answers incomplete."""
        state = self._state
        kept = {
            key: tuple(row for row in rows if row.epoch is None or row.epoch >= held_from)
            for key, rows in state.rows[view].items()
        }
        pair = replace(state.pairs[view], held_from=held_from)
        self._state = replace(state, pairs={**state.pairs, view: pair}, rows={**state.rows, view: kept})

    @contextmanager
    def snapshot(self) -> Iterator[MemorySnapshot]:
        """The state as it is now."""
        yield MemorySnapshot(self._state)


class MemorySnapshot:
    """One state of a `MemoryStore`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def pairs(self) -> Mapping[str, Pair]:
        """What is served now, by view."""
        return self._state.pairs

    def models(self) -> Mapping[str, ServedModel]:
        """What is scored with now, by model."""
        return self._state.models

    def claim(self, view: str) -> Claim:
        """What the answers of the view promise to hold."""
        pair = self._pair(view)
        position = self._state.positions.get(pair.view.on.name)
        topic = event_topic(pair.view.on.name)
        applied = {(topic, each): offset for each, offset in position.applied.items()} if position else {}
        because = IMPORT_PENDING if pair.import_pending else None
        if pair.run is None:
            because, applied = NO_RUN, {}
        elif pair.boundary < pair.held_from:
            because = f"the run `{pair.run}` is held from {format_instant(pair.held_from)} only"
        through = max(pair.boundary, position.through) if position and pair.run else pair.boundary
        return Claim(through, because is None, because, applied)

    def lookup(
        self,
        view: str,
        keys: Sequence[Key],
        *,
        at: Instant,
        through: Instant | None = None,
        features: Sequence[str] | None = None,
    ) -> list[list[Value]]:
        """Answer values by key and feature, merged row by row."""
        of = self._pair(view).view
        chosen = of.features if features is None else tuple(of.feature(name) for name in features)
        return [[_answer(each, self._read(view, key, through), at) for each in chosen] for key in keys]

    def contributions(self, view: str, key: Key) -> list[Contribution]:
        """The rows of one entity, suffix-merged by source."""
        of = self._pair(view).view
        merged: list[Row] = []
        for row in reversed(self._read(view, key, None)):
            later = merged[-1] if merged and merged[-1].source == row.source else None
            merged.append(row if later is None else _merged(of, row, later))
        return [Contribution(row.source, row.tile, row.n, dict(_columns(of, row))) for row in reversed(merged)]

    def _read(self, view: str, key: Key, through: Instant | None) -> list[Row]:
        rows = self._state.rows[view].get(key, ())
        boundary = self._pair(view).boundary
        return [row for row in rows if row.epoch is None or is_served(row.epoch, boundary, through)]

    def _pair(self, view: str) -> Pair:
        if view not in self._state.pairs:
            raise UnknownName("view", view, self._state.pairs)
        return self._state.pairs[view]


def is_served(epoch: Instant, boundary: Instant, through: Instant | None) -> bool:
    """Whether a row of speed is merged to segments that end at the boundary; `through` leaves open epochs out."""
    return epoch >= boundary and (through is None or epoch < through)


def is_in_window(tile: Instant, tail: Instant | None) -> bool:
    """Whether a row is merged for a window that begins at `tail`; None is a lifetime."""
    return tail is None or tile >= tail


def _answer(feature: Feature, rows: Iterable[Row], at: Instant) -> Value:
    tail = None if feature.window is None else feature.window.tail(at)
    state = zero(feature.aggregate)
    for row in rows:
        if is_in_window(row.tile, tail):
            state = merge(feature.aggregate, state, row.states[feature.measure])
    return answer_value(present(feature.aggregate, state), feature.type)


def _rows(pair: Pair, ends: Sequence[Instant], records: Iterable[Record]) -> dict[Key, tuple[Row, ...]]:
    view, rows = pair.view, dict[tuple[Key, int, Instant], Row]()
    for record in counted(records, view.on.horizon):
        key = key_of(view, record)
        if key is None or not passes(view, record):
            continue
        order, source, epoch = _place(pair, ends, record.available_at)
        if epoch is None or pair.run is not None:
            at = (key, order, tile_of(record.event_time, view.tile))
            rows[at] = _grown(view, rows.get(at, Row(source, epoch, at[2], 0, {})), record)
    ordered = sorted(rows, key=lambda at: (repr(at[0]), at[1], at[2]))
    return {key: tuple(rows[at] for at in group) for key, group in itertools.groupby(ordered, lambda at: at[0])}


def _place(pair: Pair, ends: Sequence[Instant], available_at: Instant) -> tuple[int, str, Instant | None]:
    """Where a record is kept: its order among the sources, their name, and its epoch unless in a segment."""
    for index, end in enumerate(ends):
        if available_at < end:
            start = format_instant(ends[index - 1]) if index else "-inf"
            return index, f"segment g{pair.generation}-{index} [{start},{format_instant(end)})", None
    epoch = Instant(floor(available_at, pair.view.on.epoch))
    return len(ends) + epoch - pair.boundary, f"epoch {format_instant(epoch)}", epoch


def _grown(view: View, row: Row, record: Record) -> Row:
    states = {
        name: merge(measure.aggregate, row.states.get(name, zero(measure.aggregate)), lift(measure.aggregate, record))
        for name, measure in view.measures
    }
    return replace(row, n=row.n + 1, states=states)


def _merged(view: View, row: Row, later: Row) -> Row:
    states = {name: merge(measure.aggregate, row.states[name], later.states[name]) for name, measure in view.measures}
    return replace(row, n=row.n + later.n, states=states)


def _columns(view: View, row: Row) -> Iterator[tuple[str, Value]]:
    for name, measure in view.measures:
        for partial, value in zip(partials_of(measure.aggregate), row.states[name], strict=True):
            yield partial_column(name, partial.name), value


def _on(pairs: Mapping[str, Pair], event: str) -> Iterator[tuple[str, Pair]]:
    return ((name, pair) for name, pair in pairs.items() if pair.view.on.name == event)
