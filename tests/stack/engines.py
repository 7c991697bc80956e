"""The answer of one engine alone: from batch's segments in the lake, or from the stream's rows in the log.

Neither goes through serving. Rows of partials are merged by the algebra of the core, in plain Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal as Exact
from typing import Any

from deltalake import DeltaTable

from schemas.core import names
from schemas.core.aggregates import Greatest, Kind, Least, Total, answer_value, merge, partials_of, present, zero
from schemas.core.codec import definition_of
from schemas.core.instants import Instant
from schemas.core.types import Decimal, Value
from schemas.core.views import Feature, View
from schemas.lake.generations import current
from schemas.lake.runs import started_runs
from schemas.lake.tables import data_of
from schemas.settings import Settings
from tests.stack.topics import read_topic


@dataclass(frozen=True)
class Row:
    """What is stored of one entity and tile: partials by column."""

    tile: Instant
    partials: Mapping[str, Value]


Rows = Mapping[tuple[Value, ...], list[Row]]
"""By key."""


def batch_rows(settings: Settings, view: View) -> Rows:
    """All segments of the current generation."""
    definition = definition_of(view)
    generation = current(settings.lake, view.name, definition)
    assert generation is not None, f"`{view.name}` was never published"
    table = DeltaTable(str(settings.lake / names.segments_table(view.name, definition)))
    segments = {each.id for each in generation.segments}
    stored = (row for row in data_of(table).to_table().to_pylist() if row[names.SEGMENT] in segments)
    return _by_key(view, ((row, row) for row in stored))


def stream_rows(settings: Settings, view: View) -> Rows:
    """All epochs that the view's run has written: of each row the one that merged most events."""
    definition = definition_of(view)
    runs = [run for run in started_runs(settings.lake) if definition in run.topics]
    assert runs, f"`{view.name}` is not streamed"
    greatest: dict[bytes, dict[str, Any]] = {}
    for record in read_topic(settings.kafka, runs[-1].topics[definition]):
        row = json.loads(record.value)
        if record.key not in greatest or row[names.N] > greatest[record.key][names.N]:
            greatest[record.key] = row
    return _by_key(view, ((json.loads(key), value) for key, value in greatest.items()))


def answer(view: View, rows: Iterable[Row], at: Instant) -> dict[str, Value]:
    """Every feature of an entity at `at`, from all of its rows."""
    kept = list(rows)
    return {feature.name: _feature(feature, kept, at) for feature in view.features}


def _feature(feature: Feature, rows: Iterable[Row], at: Instant) -> Value:
    partials = partials_of(feature.aggregate)
    columns = [names.partial_column(feature.measure, partial.name) for partial in partials]
    state = zero(feature.aggregate)
    for row in rows:
        if feature.window is None or row.tile >= feature.window.tail(at):
            state = merge(feature.aggregate, state, tuple(row.partials[column] for column in columns))
    return answer_value(present(feature.aggregate, state), feature.type)


def _by_key(view: View, rows: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Rows:
    found: dict[tuple[Value, ...], list[Row]] = {}
    for places, stored in rows:
        partials = {column: _value(partial.kind, stored[column]) for column, partial in view.partials}
        key = tuple(places[name] for name in view.by)
        found.setdefault(key, []).append(Row(places[names.TILE], partials))
    return found


def _value(kind: Kind, stored: Any) -> Value:
    """A partial as the core holds it: exact numbers as integers of 10^-scale."""
    match kind:
        case Total(scale) | Least(Decimal(scale)) | Greatest(Decimal(scale)) if stored is not None:
            return int(Exact(str(stored)).scaleb(scale))
    value: Value = stored
    return value
