"""Definitions as JSON, and the hash that changes exactly when their meaning does.

The lake keeps definitions as JSON, so that a layer runs what was applied, whatever the files of a domain say by
then, and no stored definition can carry code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

from schemas.core import aggregates, nodes, types
from schemas.core.errors import DefinitionError
from schemas.core.estimators import Estimator
from schemas.core.events import Event
from schemas.core.gates import Gates
from schemas.core.measures import Measure
from schemas.core.models import Ask, Label, Model
from schemas.core.views import View
from schemas.core.watching import Watch
from schemas.core.windows import Window

SEMANTICS: Final = 1
"""Raised by hand when the core or a compiler changes any result; golden files fail until then."""

_CLOSED_SET: Final[Mapping[str, type]] = {
    each.__name__: each
    for each in (
        *(types.Bool, types.Int64, types.Float64, types.Decimal, types.String, types.Timestamp, types.Field),
        *(nodes.Column, nodes.Literal, nodes.Cast, nodes.Compare, nodes.IsIn, nodes.And, nodes.Or, nodes.Not),
        *(nodes.IsNull, nodes.Arithmetic, nodes.When),
        *(aggregates.Count, aggregates.Sum, aggregates.Mean, aggregates.Min, aggregates.Max),
        *(aggregates.Variance, aggregates.Stddev, aggregates.First, aggregates.Last),
        *(Window, Measure, Event, View),
        *(Ask, Label, Gates, Estimator, Watch, Model),
    )
}
_TAG: Final = "is"
_Definition = TypeVar("_Definition", Event, View, Model)


def encode_view(view: View) -> dict[str, Any]:
    """A view with its event as plain JSON values."""
    return dict(_encode(view))


def decode_view(encoded: Mapping[str, Any]) -> View:
    """The view that `encode_view` wrote; raises DefinitionError on anything else."""
    return _expect(View, _decode(encoded))


def encode_event(event: Event) -> dict[str, Any]:
    """An event as plain JSON values."""
    return dict(_encode(event))


def decode_event(encoded: Mapping[str, Any]) -> Event:
    """The event that `encode_event` wrote; raises DefinitionError on anything else."""
    return _expect(Event, _decode(encoded))


def encode_model(model: Model) -> dict[str, Any]:
    """A model with its views and events as plain JSON values."""
    return dict(_encode(model))


def decode_model(encoded: Mapping[str, Any]) -> Model:
    """The model that `encode_model` wrote; raises DefinitionError on anything else."""
    return _expect(Model, _decode(encoded))


def contract_of(event: Event) -> str:
    """The hash of what decides which records are valid, when they were available, and which copies count."""
    return _hash(_meaning_of_event(event))


def definition_of(view: View) -> str:
    """The hash of what decides an answer: neither the view's own name nor its documentation is part of it."""
    return _hash(_meaning_of_view(view, [feature.name for feature in view.features]))


def training_set_of(model: Model) -> str:
    """The hash of what decides a training row: two models that learn from the same rows have one."""
    return _hash(_meaning_of_rows(model))


def model_of(model: Model) -> str:
    """The hash of what decides a score and its promotion: neither the name nor the documentation is part of it."""
    judged = {part: _encode(getattr(model, part)) for part in ("estimator", "baseline", "metric", "gates", "watch")}
    return _hash(
        {
            **_meaning_of_rows(model),
            "request": model.request,
            **judged,
            "stale_after": model.stale_after,
            "prior": model.prior,
            "threshold": model.threshold,
            "is_acted_on": model.is_acted_on,
        }
    )


def inputs_of(model: Model) -> str:
    """The hash of what a score is made of: a version that has learnt from other inputs is not scored."""
    asks = [[name, ask.by, formula_of(ask.view, ask.features)] for name, ask in model.asks]
    request = [[name, _encode(model.on.types[name])] for name in model.request]
    return _hash({"on": model.on.name, "request": request, "asks": asks})


def formula_of(view: View, features: Collection[str]) -> str:
    """The hash of how these features come about, whatever the contract says by then of which records are valid.

    Raises UnknownName where the view lacks one of them.
    """
    named = [view.feature(name).name for name in features]
    return _hash({**_meaning_of_view(view, named), "event": view.on.name})


def _meaning_of_rows(model: Model) -> dict[str, Any]:
    label = model.label
    return {
        "spine": _meaning_of_event(model.on),
        "kept": list(model.spine),
        "asks": [[name, ask.by, _meaning_of_view(ask.view, ask.features)] for name, ask in model.asks],
        "label": {**_encode(label), "on": _meaning_of_event(label.on)},
    }


def _meaning_of_view(view: View, features: Collection[str]) -> dict[str, Any]:
    """Of these features alone: those beside them change no answer."""
    return {
        "event": _meaning_of_event(view.on),
        "by": view.by,
        "where": _encode(view.where),
        "features": [
            [feature.name, _encode(feature.aggregate), _encode(feature.window)]
            for feature in sorted(view.features, key=lambda feature: feature.name)
            if feature.name in features
        ],
    }


def _meaning_of_event(event: Event) -> dict[str, Any]:
    encoded = _encode(event)
    return {key: encoded[key] for key in encoded if key not in (_TAG, "doc", "partitions")}


def _hash(meaning: Mapping[str, Any]) -> str:
    text = json.dumps({"semantics": SEMANTICS, **meaning}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        return {_TAG: name, **{f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}}
    if isinstance(value, tuple):
        return [_encode(each) for each in value]
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(each) for each in value)
    if not isinstance(value, Mapping):
        return value
    kind = _CLOSED_SET.get(str(value.get(_TAG)))
    if kind is None or {field.name for field in dataclasses.fields(kind)} != value.keys() - {_TAG}:
        raise DefinitionError(f"stored definition holds `{value.get(_TAG)}`, which this version does not know")
    decoded: Any = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(decoded, field.name, _decode(value[field.name]))
    return decoded


def _expect(kind: type[_Definition], decoded: object) -> _Definition:
    if not isinstance(decoded, kind):
        raise DefinitionError(f"stored definition is no {kind.__name__.lower()}")
    return decoded
