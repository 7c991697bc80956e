"""Which parts of an answer are wrong: what each segment and each epoch gives, against the records of its interval.

[-inf ─ segment ─)[─ segment ─)[ epoch )[ epoch ) through
  as stored        as stored                          the rows of the lake: batch's fault
  as served        as served    as served as served   what a reader explains: serving's or the stream's
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as Exact
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from schemas.core import names
from schemas.core.aggregates import Greatest, Kind, Least, Total, answer_value, merge, partials_of, present, zero
from schemas.core.agreement import agree
from schemas.core.instants import Instant, format_instant, parse_instant
from schemas.core.records import Record
from schemas.core.reference import answer_counted, in_window
from schemas.core.types import Decimal, Value
from schemas.core.views import Feature, View
from schemas.lake.generations import history
from schemas.lake.tables import data_of, open_table

_Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Part:
    """A segment or an epoch of an answer: what it gives to each feature at instant `at`, beside what it should."""

    name: str
    gives: Mapping[str, Value]
    records: Sequence[Record]
    at: Instant


def disagreeing(view: View, features: Iterable[str], parts: Sequence[Part]) -> dict[str, tuple[str, ...]]:
    """By feature, the parts that do not give what their records do."""
    return {
        name: tuple(part.name for part in parts if not _agrees(view, view.feature(name), part)) for name in features
    }


def parts_of(
    lake: Path, view: View, key: tuple[Value, ...], records: Sequence[Record], explained: Mapping[str, Any], at: Instant
) -> list[Part]:
    """The parts of an answer as a reader has `explained` it; `records` are those of the entity below `at` at least.

    Stored segments are looked at as of `at`, served parts as of when they were explained.
    """
    proof, sources = explained["proof"], {_name(each["source"]): each for each in explained["sources"]}
    as_of = parse_instant(explained["as_of"])
    number, definition = proof["generation"], proof["definition"]
    generation = next(each for each in history(lake, view.name, definition) if each.number == number)
    found: list[Part] = []
    for segment in generation.segments:
        if segment.end > at:  # published since: nobody has read all of its records
            continue
        known, name = _between(records, segment.start, segment.end), f"segment {segment.id}"
        stored = stored_answer(view, _stored(lake, view, definition, segment.id, key), at)
        found.append(Part(f"{name} as stored", stored, known, at))
        found.append(Part(f"{name} as served", _given(view, sources.get(name)), known, as_of))
    epochs = {*_epochs(view, records, generation.boundary, at), *(each for each in sources if each[:6] == "epoch ")}
    for name in sorted(epochs):
        start = parse_instant(name.removeprefix("epoch "))
        if start < at:
            known = _between(records, start, Instant(start + view.on.epoch))
            found.append(Part(f"{name} as served", _given(view, sources.get(name)), known, as_of))
    return found


def stored_answer(view: View, rows: _Rows, at: Instant) -> dict[str, Value]:
    """What rows of partials of one entity would answer alone."""
    return {feature.name: _merged(view, feature, rows, at) for feature in view.features}


def _merged(view: View, feature: Feature, rows: _Rows, at: Instant) -> Value:
    tail = None if feature.window is None else feature.window.tail(at)
    kinds = dict(view.partials)
    columns = [names.partial_column(feature.measure, each.name) for each in partials_of(feature.aggregate)]
    states = (
        tuple(_held(kinds[column].kind, row[column]) for column in columns)
        for row in rows
        if tail is None or row[names.TILE] >= tail
    )
    state = reduce(lambda left, right: merge(feature.aggregate, left, right), states, zero(feature.aggregate))
    return answer_value(present(feature.aggregate, state), feature.type)


def _agrees(view: View, feature: Feature, part: Part) -> bool:
    window = in_window(view, feature, part.records, part.at)
    expected = answer_counted(view, part.records, part.at)[feature.name]
    return feature.name in part.gives and agree(feature.aggregate, part.gives[feature.name], expected, window)


def _stored(lake: Path, view: View, definition: str, segment: str, key: tuple[Value, ...]) -> _Rows:
    wanted = ds.field(names.SEGMENT) == segment
    for name, value in zip(view.by, key, strict=True):
        wanted &= ds.field(name) == value
    table = open_table(lake / names.segments_table(view.name, definition))
    rows: _Rows = data_of(table).to_table(filter=wanted).to_pylist()
    return rows


def _given(view: View, source: Mapping[str, Any] | None) -> dict[str, Value]:
    """What a source gives to each feature; one that is not there gives what no records do."""
    if source is None:
        return answer_counted(view, (), Instant(0))
    return {name: value for window in source["windows"] for name, value in window["features"].items()}


def _name(source: str) -> str:
    """`segment <id> [from,to)` without its interval; `epoch <start>` as it is."""
    return " ".join(source.split(" ")[:2])


def _epochs(view: View, records: Iterable[Record], boundary: Instant, at: Instant) -> Iterator[str]:
    for record in records:
        if boundary <= record.available_at < at:
            yield f"epoch {format_instant(record.available_at - record.available_at % view.on.epoch)}"


def _between(records: Iterable[Record], start: Instant | None, end: Instant) -> list[Record]:
    return [each for each in records if (start is None or each.available_at >= start) and each.available_at < end]


def _held(kind: Kind, stored: Any) -> Value:
    match kind:
        case Total(scale) | Least(Decimal(scale)) | Greatest(Decimal(scale)) if isinstance(stored, Exact):
            return int(stored.scaleb(scale))
    value: Value = stored
    return value
