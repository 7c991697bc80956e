"""What of a model decides its outcomes, prepared once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.core.evaluation import Evaluator, evaluator
from schemas.core.events import Event
from schemas.core.feedback import outcome_of, prediction_of, row_field
from schemas.core.instants import Duration, Instant, format_instant
from schemas.core.models import Model
from schemas.core.names import event_topic
from schemas.core.types import Value
from schemas.core.verdict import Valid
from serving_layer.event_body import event_body

_LEAST: Final = 1e-12
"""Probabilities are kept this far from 0, so that one certain mistake is not infinitely bad."""
_SCORED: Final = ("bucket", "model_version", "score", "source")
_DIGEST: Final = 16


@dataclass(frozen=True)
class Known:
    """What labels a prediction, and since when that is known."""

    at: Instant
    label: bool


class Terms:
    """The events of a join, those that are read by topic, and how rows of them are read."""

    def __init__(self, model: Model) -> None:
        self.model = model.name
        self.predictions, self.labels, self.outcomes = prediction_of(model), model.label.on, outcome_of(model)
        self.events: Mapping[str, Event] = {event_topic(each.name): each for each in (self.predictions, self.labels)}
        self.within: Duration = model.label.within
        self.absent = model.label.absent
        self._label: Evaluator = evaluator(model.label.value)
        self._label_key = [name for name, _ in model.label.by]
        self._row_key = [row_field(field) for _, field in model.label.by]
        held = self.predictions.types
        self._slices = {name: row_field(name) for name in model.gates.slices if row_field(name) in held}
        self._unheld: Mapping[str, Value] = {name: None for name in model.gates.slices if name not in self._slices}

    def key_of_prediction(self, valid: Valid) -> bytes | None:
        """By what its label is found; None where the row had no such key."""
        return _digest([valid.values[name] for name in self._row_key])

    def key_of_label(self, valid: Valid) -> bytes | None:
        """What it labels."""
        row = self._row(valid)
        return _digest([row[name] for name in self._label_key])

    def label(self, valid: Valid) -> bool | None:
        """What it says; None where it says nothing."""
        value = self._label(self._row(valid))
        return None if value is None else bool(value)

    def kept(self, valid: Valid) -> dict[str, Value]:
        """What of a prediction stands in its outcome."""
        held = {**{name: name for name in _SCORED}, **self._slices}
        return {**self._unheld, **{name: valid.values[field] for name, field in held.items()}}

    def outcome(self, event_id: str, predicted_at: Instant, kept: Mapping[str, Any], known: Known) -> bytes:
        """The body of an outcome: the same bytes whenever it is made."""
        given = kept["score"] if known.label else 1 - kept["score"]
        return event_body(
            {
                "event_id": event_id,
                "event_time": format_instant(known.at),
                **kept,
                "label": known.label,
                "loss": -math.log(max(given, _LEAST)) + 0.0,
                "predicted_at": format_instant(predicted_at),
                "after": known.at - predicted_at,
            }
        )

    @staticmethod
    def _row(valid: Valid) -> Mapping[str, Value]:
        system: Mapping[str, Value] = {
            "event_id": valid.event_id,
            "event_time": valid.event_time,
            "available_at": valid.available_at,
        }
        return {**valid.values, **system}


def digest(text: str) -> bytes:
    """What stands for an id: keys of LMDB are short."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()


def _digest(key: list[Value]) -> bytes | None:
    if None in key:
        return None
    return hashlib.blake2b(orjson.dumps(key), digest_size=_DIGEST).digest()
