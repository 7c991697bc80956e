"""Partials by key and tile: as stored, and as the algebra of the core makes them of records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal as Exact
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from batch_layer.tables import segments_table
from schemas.core import names
from schemas.core.aggregates import FloatTotal, Greatest, Kind, Least, Tally, Total, lift, merge_kind, partials_of
from schemas.core.agreement import PRECISION
from schemas.core.picks import decode_pick
from schemas.core.records import Record
from schemas.core.reference import key_of, passes
from schemas.core.types import Decimal, Float64, Value
from schemas.core.views import View
from schemas.core.windows import tile_of
from schemas.lake.tables import data_of

Partials = dict[tuple[Value, ...], dict[str, Value]]
"""By key and tile: `_n` and each column."""


def of_records(view: View, records: Iterable[Record]) -> Partials:
    """Folded from records that count."""
    found: Partials = {}
    for record in records:
        key = key_of(view, record)
        if key is None or not passes(view, record):
            continue
        one: dict[str, Value] = {names.N: 1}
        for name, measure in view.measures:
            columns = [names.partial_column(name, each.name) for each in partials_of(measure.aggregate)]
            one |= dict(zip(columns, lift(measure.aggregate, record), strict=True))
        place = (*key, tile_of(record.event_time, view.tile))
        found[place] = _merged(view, found[place], one) if place in found else one
    return found


def of_segments(lake: Path, view: View, segments: Iterable[str]) -> Partials:
    """Read from the lake and merged."""
    wanted, found = set(segments), Partials()
    for row in data_of(DeltaTable(str(segments_table(lake, view)))).to_table().to_pylist():
        if row[names.SEGMENT] in wanted:
            place = (*(row[name] for name in view.by), row[names.TILE])
            one = {names.N: row[names.N]} | {name: _held(each.kind, row[name]) for name, each in view.partials}
            found[place] = _merged(view, found[place], one) if place in found else one
    return found


def differences(view: View, expected: Partials, found: Partials, magnitudes: float) -> list[Any]:
    """The cells that differ; float sums may by 1e-9 of `magnitudes`, the sum of what was added at most."""
    if expected.keys() != found.keys():
        return [("keys", expected.keys() ^ found.keys())]
    kinds = {names.N: Tally(), **{name: each.kind for name, each in view.partials}}
    return [
        (place, name, expected[place][name], found[place][name])
        for place in expected
        for name, kind in kinds.items()
        if not _agree(kind, expected[place][name], found[place][name], magnitudes)
    ]


def _agree(kind: Kind, expected: Value, found: Value, magnitudes: float) -> bool:
    match kind:
        case FloatTotal():
            total = found or 0.0
            assert isinstance(expected, float)
            assert isinstance(total, float)
            return math.isclose(expected, total, rel_tol=0, abs_tol=PRECISION * magnitudes)
        case Tally() | Total():
            return expected == (found or 0)
        case Least() | Greatest():
            return repr(expected) == repr(found)
    if not isinstance(expected, str) or not isinstance(found, str) or not isinstance(kind.of, Float64):
        return expected == found
    # Engines write a float in different ways; the head must be equal, and the value read back.
    heads = [pick.rsplit(" ", 1)[0] for pick in (expected, found)]
    return heads[0] == heads[1] and decode_pick(expected, kind.of) == decode_pick(found, kind.of)


def _merged(view: View, left: Mapping[str, Value], right: Mapping[str, Value]) -> dict[str, Value]:
    merged: dict[str, Value] = {names.N: merge_kind(Tally(), left[names.N], right[names.N])}
    return merged | {name: merge_kind(each.kind, left[name], right[name]) for name, each in view.partials}


def _held(kind: Kind, stored: Any) -> Value:
    match kind:
        case Total(scale) | Least(Decimal(scale)) | Greatest(Decimal(scale)) if isinstance(stored, Exact):
            return int(stored.scaleb(scale))
    value: Value = stored
    return value
