"""The rows that a speed topic must end with, by a plain fold over what was sent: no SQL, no engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.core import names
from schemas.core.aggregates import Earliest, FloatTotal, Greatest, Kind, Latest, Least, Total, lift, merge, zero
from schemas.core.counting import counted
from schemas.core.events import Event
from schemas.core.instants import Instant, floor
from schemas.core.picks import decode_pick
from schemas.core.records import Record
from schemas.core.reference import key_of, passes
from schemas.core.types import Decimal
from schemas.core.verdict import Valid, judge
from schemas.core.views import View
from schemas.core.windows import tile_of
from tests.stack.speed.running import Acknowledged

Rows = Mapping[tuple[tuple[str, Any], ...], Mapping[str, Any]]


def records_of(event: Event, sent: Iterable[Acknowledged]) -> list[Record]:
    """The valid records, each available at the greatest time of its partition so far, ticks included."""
    greatest: dict[int, int] = {}
    found = []
    for each in sorted(sent, key=lambda each: (each.sent.partition, each.offset)):
        partition = each.sent.partition
        greatest[partition] = max(greatest.get(partition, each.timestamp), each.timestamp)
        verdict = judge(event, each.sent.body, available_at=Instant(greatest[partition]))
        if not each.sent.headers and isinstance(verdict, Valid):
            coordinates = (Instant(greatest[partition]), partition, each.offset)
            found.append(Record(verdict.event_id, verdict.event_time, *coordinates, verdict.values))
    return found


def rows_of(view: View, records: Iterable[Record], start: int) -> Rows:
    """Each row as the topic shows it, for records that count and were available at `start` or later."""
    groups: dict[tuple[tuple[str, Any], ...], list[Record]] = {}
    for record in counted(records, view.on.horizon):
        values = key_of(view, record)
        if values is not None and passes(view, record) and record.available_at >= start:
            key = dict(zip(view.by, values, strict=True))
            key[names.TILE] = tile_of(record.event_time, view.tile)
            key[names.EPOCH] = floor(record.available_at, view.on.epoch)
            groups.setdefault(tuple(sorted(key.items())), []).append(record)
    return {key: _row(view, group) for key, group in groups.items()}


def differences(view: View, found: Rows, expected: Rows) -> list[tuple[Any, ...]]:
    """Every cell in which the two differ; float sums may by 1e-9 of what was added."""
    kinds = dict(view.partials)
    wrong: list[tuple[Any, ...]] = [(key, "only one side") for key in found.keys() ^ expected.keys()]
    for key in found.keys() & expected.keys():
        for name, value in expected[key].items():
            shown, expected_value = found[key][name], value
            if name in kinds:
                shown = stored(shown, kinds[name].kind)
                expected_value = stored(value, kinds[name].kind, of_topic=False)
            if not _alike(shown, expected_value):
                wrong.append((key, name, shown, value))
    return wrong


def stored(shown: Any, kind: Kind, *, of_topic: bool = True) -> Any:
    """A value of a speed topic as the core holds it: exact decimals are text there.

    A pick is shown as its head, which decides, and its value, whose text is each engine's own.
    """
    match kind:
        case Earliest(of) | Latest(of) if shown is not None:
            head, _, tail = shown.partition(" ")
            return head, tail.partition(" ")[0], decode_pick(shown, of)
        case Total() | Least(Decimal()) | Greatest(Decimal()) if shown is not None and of_topic:
            whole, _, decimals = shown.partition(".")
            return int(whole + decimals)
        case FloatTotal() if shown is not None:
            return float(shown)
    return shown


def _row(view: View, group: list[Record]) -> dict[str, Any]:
    row: dict[str, Any] = {names.N: len(group), names.AVAILABLE_AT: max(record.available_at for record in group)}
    columns = iter(view.partials)
    for _, measure in view.measures:
        aggregate, state = measure.aggregate, zero(measure.aggregate)
        for record in group:
            state = merge(aggregate, state, lift(aggregate, record))
        # A sum of nothing is null on the topic; the count beside it says so as well.
        is_nothing = len(state) > 1 and state[0] == 0
        for position, value in enumerate(state):
            name, _ = next(columns)
            row[name] = None if is_nothing and position > 0 else value
    return row


def _alike(shown: Any, expected: Any) -> bool:
    if isinstance(shown, float) and isinstance(expected, float):
        return math.isclose(shown, expected, rel_tol=1e-9, abs_tol=1e-6)
    return shown == expected and (shown is None) == (expected is None)
