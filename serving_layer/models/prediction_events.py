"""Predictions as the events that the applied model's contract wants, whatever definition they were scored under."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.core.aggregates import answer_value
from schemas.core.feedback import CHAMPION, bucket_of, prediction_of, row_field
from schemas.core.instants import format_instant
from schemas.core.models import Model
from schemas.core.names import event_topic
from schemas.core.types import Type, Value
from schemas.core.verdict import value_of
from serving_layer.event_body import event_body
from serving_layer.http.presentation import proof_json
from serving_layer.models.recording import Prediction, Predictions


@dataclass(frozen=True)
class Column:
    """A value of the row or a feature: how it was scored, and the field and type that it is recorded by."""

    name: str
    scored: Type
    field: str
    type: Type

    def text(self, value: Value) -> Value:
        """As the contract wants it in JSON; None where it is none of the type."""
        told = answer_value(value, self.scored)
        return told if value_of(told, self.type) is not None else None


class PredictionForm:
    """The events of one applied model's predictions, scored under one definition; prepared once."""

    def __init__(self, applied: Model, scored: Model) -> None:
        event = prediction_of(applied)
        self.topic = event_topic(event.name)
        self._fields = dict(event.fields)
        rows = {*applied.row, *(field for _, field in applied.label.by)}
        types, features = scored.on.types, {each.name: each.type for each in scored.inputs}
        self._row = [self._column(each, types, row_field(each)) for each in sorted(rows) if each in types]
        asked = [each.name for each in applied.inputs if each.name not in applied.request]
        self._features = [self._column(each, features, each) for each in asked if each in features]

    def _column(self, name: str, scored: Mapping[str, Type], field: str) -> Column:
        return Column(name, scored[name], field, self._fields[field].type)

    def events(self, of: Predictions, unfit: Counter[str]) -> Iterator[tuple[bytes, bytes]]:
        """Key and body of each; `unfit` counts by field the values that the contract has no place for."""
        through = min((claim.speed_through for _, claim in of.proofs.values()), default=None)
        proofs = {view: orjson.Fragment(proof_json(*proof)) for view, proof in of.proofs.items()}
        shared = {
            "event_time": format_instant(of.as_of),
            "model_version": of.version or "",
            "definition": of.definition,
            "proofs": orjson.dumps(proofs).decode(),
            "speed_through": None if through is None else format_instant(through),
        }
        for each in of.predictions:
            yield each.id.encode(), event_body({**shared, **self._own(each, unfit)})

    def _own(self, each: Prediction, unfit: Counter[str]) -> dict[str, Any]:
        return {
            "event_id": each.id,
            "bucket": bucket_of(each.score),
            "score": each.score,
            "source": CHAMPION if each.fallback is None else str(each.fallback.source),
            "decision": each.decision,
            **_texts(self._row, each.row, unfit),
            **_texts(self._features, each.features or {}, unfit),
        }


def _texts(columns: list[Column], values: Mapping[str, Value], unfit: Counter[str]) -> dict[str, Value]:
    found = {}
    for column in columns:
        value = values.get(column.name)
        found[column.field] = told = None if value is None else column.text(value)
        if value is not None and told is None:
            unfit[column.field] += 1
    return found
