"""Training rows in plain Python: the one rule at each spine event, and what then turned out.

          q - W      q                     q + within     as_of
features ──[━━━━━━━━━)
label                [━━━━━━━━━━━━━━━━━━━━)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.core import reference
from schemas.core.counting import counted
from schemas.core.evaluation import evaluate
from schemas.core.instants import Instant
from schemas.core.models import Ask, Model
from schemas.core.records import Record
from schemas.core.types import Value


@dataclass(frozen=True)
class TrainingRow:
    """One counted spine event; `features` as served at its `available_at`.

    `label` is None where it is missing; `label_at` when the label event was available, None where none came.
    """

    record: Record
    features: Mapping[str, Value]
    label: bool | None
    label_at: Instant | None


def training_rows(model: Model, records: Mapping[str, Sequence[Record]], as_of: Instant) -> list[TrainingRow]:
    """A row for each counted spine event whose horizon had passed at `as_of`, by (available_at, partition, offset).

    `records` are all valid ones by event. What is available at or after `as_of` changes no row.
    """
    spine = sorted(counted(records[model.on.name], model.on.horizon), key=_arrival)
    return [
        TrainingRow(each, _features(model, records, each), *_label(model, records, each))
        for each in spine
        if each.available_at + model.label.within <= as_of
    ]


def _features(model: Model, records: Mapping[str, Sequence[Record]], spine: Record) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, ask in model.asks:
        answer = _answer(ask, records[ask.view.on.name], spine)
        found |= {f"{name}_{feature}": answer[feature] for feature in ask.features}
    return found


def _answer(ask: Ask, records: Iterable[Record], spine: Record) -> Mapping[str, Value]:
    row = spine.row
    key = tuple(row.get(field) for _, field in ask.by)
    if None in key:
        return dict.fromkeys(ask.features)
    return reference.answer(ask.view, records, key, spine.available_at)


def _label(model: Model, records: Mapping[str, Sequence[Record]], spine: Record) -> tuple[bool | None, Instant | None]:
    label, row = model.label, spine.row
    key = [row.get(field) for _, field in label.by]
    among = [
        each
        for each in counted(records[label.on.name], label.on.horizon)
        if None not in key
        and [each.row.get(name) for name, _ in label.by] == key
        and spine.available_at <= each.available_at < spine.available_at + label.within
    ]
    if not among:
        return label.absent, None
    first = min(among, key=_arrival)
    value = evaluate(label.value, first.row)
    return None if value is None else bool(value), first.available_at


def _arrival(record: Record) -> tuple[int, int, int]:
    return record.available_at, record.partition, record.offset
