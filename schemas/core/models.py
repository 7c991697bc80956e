"""`Model`: what is predicted when an event comes in, from its own fields and from views, and how it is judged.

    spine event at q ─┬─ request fields ──────────────────────────┐
                      ├─ its fields as keys ─► views at q ─► features ─┴─► score
                      └─ its fields as keys ─► the label event in [q, q + within), known later

Features take in what was available before q, the label what was available at q or later: no event is on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.core.errors import DefinitionError, UnknownName
from schemas.core.estimators import Estimator
from schemas.core.events import Event, check_name
from schemas.core.expressions import Expr
from schemas.core.gates import METRICS, Gates
from schemas.core.instants import Duration, parse_duration
from schemas.core.nodes import Node
from schemas.core.records import SYSTEM_FIELDS
from schemas.core.resolution import columns_of, resolve_part, type_of
from schemas.core.types import Bool, Field, Float64, Int64, Type, type_name
from schemas.core.views import KEY_TYPES, View
from schemas.core.watching import Watch, watch

Pairs = tuple[tuple[str, str], ...]
"""For each key field of what is looked up, the field of the spine event that names it; by the former's name."""

_WATCH: Final = watch()

By = str | Iterable[str] | Mapping[str, str] | None


@dataclass(frozen=True)
class Ask:
    """Features of one view, for the entity that the spine event names; a null key has no features at all."""

    view: View
    features: tuple[str, ...]
    by: Pairs


@dataclass(frozen=True)
class Label:
    """Whether `value` is true of the first counted event of the key with `available_at` in `[q, q + within)`.

    First by (`available_at`, partition, offset). `absent` is what it means that none came; None: the label is missing.
    Where `value` is null it is missing too.
    """

    on: Event
    value: Node
    by: Pairs
    within: Duration
    absent: bool | None


@dataclass(frozen=True)
class Input:
    """A column that the estimator reads: a request field of the spine event, or a feature that was asked for."""

    name: str
    type: Type


@dataclass(frozen=True, init=False)
class Model:
    """What is predicted for each event `on`: the probability that its label is true.

    `request` are fields of the event itself; the features of each ask are called `{ask}_{feature}`. `baseline` is the
    request field on which a plain model stands beside it. Features of a view whose claims lag by more than
    `stale_after` are not used for a score as they are; `prior` is the score where nothing is known. A score of
    `threshold` or more decides for true. `watch` says what has it trained again; `is_acted_on` whether a decision
    changes what then turns out, so that learning from it has to be told.
    """

    name: str
    on: Event
    request: tuple[str, ...]
    asks: tuple[tuple[str, Ask], ...]
    label: Label
    estimator: Estimator
    baseline: str
    metric: str
    gates: Gates
    stale_after: Duration
    prior: float
    threshold: float
    watch: Watch
    is_acted_on: bool
    doc: str

    def __init__(  # noqa: PLR0913 - a definition is written once, by keyword
        self,
        name: str,
        *,
        on: Event,
        request: Iterable[str],
        features: Mapping[str, Ask],
        label: Label,
        estimator: Estimator,
        baseline: str,
        metric: str,
        gates: Gates,
        stale_after: str,
        prior: float,
        threshold: float = 0.5,
        watch: Watch = _WATCH,
        is_acted_on: bool = False,
        doc: str = "",
    ) -> None:
        check_name("model", name)
        put = object.__setattr__
        put(self, "name", name)
        put(self, "on", on)
        put(self, "request", _request(name, on, tuple(request)))
        put(self, "asks", tuple(sorted((each, _asked(name, each, on, ask)) for each, ask in features.items())))
        put(self, "label", _labelled(name, on, label))
        put(self, "estimator", estimator)
        put(self, "baseline", baseline)
        put(self, "metric", metric)
        put(self, "gates", gates)
        put(self, "stale_after", parse_duration(stale_after))
        put(self, "prior", float(prior))
        put(self, "threshold", float(threshold))
        put(self, "watch", watch)
        put(self, "is_acted_on", is_acted_on)
        put(self, "doc", doc)
        _check_judging(self)
        _check_columns(self)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Every column that the estimator reads, by name, whatever the order in which they are written."""
        types = self.on.types
        asked = [
            Input(f"{name}_{feature}", ask.view.feature(feature).type)
            for name, ask in self.asks
            for feature in ask.features
        ]
        return tuple(sorted([*(Input(each, types[each]) for each in self.request), *asked], key=lambda each: each.name))

    @property
    def spine(self) -> dict[str, Type]:
        """The fields of the spine event that a training row keeps: request, keys and slices, by name."""
        keys = {field for _, ask in self.asks for _, field in ask.by} | {field for _, field in self.label.by}
        kept = {*self.request, *keys, *self.gates.slices} - SYSTEM_FIELDS.keys()
        return {name: self.on.types[name] for name in sorted(kept)}

    @property
    def row(self) -> dict[str, Field]:
        """The fields of the spine event that a score asks for: request and keys of views, by name."""
        needed = {*self.request, *(field for _, ask in self.asks for _, field in ask.by)}
        fields = {**{name: Field(of) for name, of in SYSTEM_FIELDS.items()}, **dict(self.on.fields)}
        return {name: fields[name] for name in sorted(needed)}

    @property
    def events(self) -> dict[str, Event]:
        """Every event that a training row comes from, by name."""
        return {each.name: each for each in (self.on, self.label.on, *(ask.view.on for _, ask in self.asks))}

    @property
    def views(self) -> dict[str, View]:
        """The views that are asked, by name."""
        return {ask.view.name: ask.view for _, ask in self.asks}


def ask(view: View, *features: str, by: By = None) -> Ask:
    """Features of a view, or all; `by={"key of the view": "field of the spine"}` where the two differ in name."""
    if not isinstance(view, View):
        raise DefinitionError(f"`ask` takes a view, not `{view!r}`; import it from where it is defined")
    known = [feature.name for feature in view.features]
    for feature in features:
        if feature not in known:
            raise DefinitionError(str(UnknownName(f"feature of view `{view.name}`", feature, known)))
    if len(set(features)) != len(features):
        raise DefinitionError(f"a feature of view `{view.name}` is asked for twice in {features}; leave one out")
    return Ask(view, tuple(sorted(features or known)), _pairs(view.by if by is None else by))


def label(on: Event, value: Expr, *, within: str, by: By = "event_id", absent: bool | None = None) -> Label:
    """What turns out: a condition over the first event of the same key within a horizon; see `Label`."""
    node = resolve_part(f"label on event `{on.name}`", value.node, on.types)
    if not isinstance(type_of(node), Bool):
        raise DefinitionError(
            f"label on event `{on.name}` is {type_name(type_of(node))}; only conditions are learnt, like `col(…) > 15`"
        )
    if not columns_of(node):
        raise DefinitionError(f"label on event `{on.name}` reads no field of it, so it is known before; name a field")
    return Label(on, node, _pairs(by), parse_duration(within), absent)


def _pairs(by: By) -> Pairs:
    if isinstance(by, Mapping):
        return tuple(sorted(by.items()))
    named = (by,) if isinstance(by, str) else tuple(by or ())
    return tuple(sorted((name, name) for name in named))


def _request(model: str, on: Event, request: tuple[str, ...]) -> tuple[str, ...]:
    fields = [name for name, _ in on.fields]
    for name in request:
        if name not in fields:
            listed = ", ".join(f"`{each}`" for each in fields)
            raise DefinitionError(
                f"model `{model}` requests unknown field `{name}` of `{on.name}`; available: {listed}"
            )
    if not request or len(set(request)) != len(request):
        raise DefinitionError(f"model `{model}` needs one or more different request fields; `request` is {request}")
    return tuple(sorted(request))


def _asked(model: str, name: str, on: Event, ask: Ask) -> Ask:
    check_name("ask", name)
    view = ask.view
    where = f"`{name}` of model `{model}`"
    if set(view.by) != {key for key, _ in ask.by}:
        given = ", ".join(f"`{key}`" for key, _ in ask.by) or "nothing"
        keys = ", ".join(f"`{key}`" for key in view.by)
        raise DefinitionError(
            f"{where} gives {given} as key of view `{view.name}`, whose key is {keys}; give just these"
        )
    _check_key(f"{where} asks view `{view.name}`", on, ask.by, view.key_types)
    return ask


def _labelled(model: str, on: Event, label: Label) -> Label:
    where = f"label of model `{model}`"
    if label.on.name == on.name:
        raise DefinitionError(
            f"{where} is on its own spine event `{on.name}`, which would label itself; take it from another event"
        )
    if not label.by:
        raise DefinitionError(f"{where} has no key, so any `{label.on.name}` would do; give `by=`")
    types = label.on.types
    for key, _ in label.by:
        if key not in types:
            raise DefinitionError(f"{where} is keyed by unknown field `{key}`; available: {', '.join(sorted(types))}")
        if not isinstance(types[key], KEY_TYPES):
            raise DefinitionError(
                f"key field `{key}` of {where} is {type_name(types[key])}; keys are string, int64 or bool"
            )
    _check_key(where, on, label.by, types)
    return label


def _check_key(where: str, on: Event, by: Pairs, types: Mapping[str, Type]) -> None:
    """Every field of the spine is there and has the type of the key that it stands for."""
    for key, field in by:
        if field not in on.types:
            listed = ", ".join(sorted(on.types))
            raise DefinitionError(f"{where} by unknown field `{field}` of event `{on.name}`; available: {listed}")
        if on.types[field] != types[key]:
            raise DefinitionError(
                f"{where} by `{field}`, which is {type_name(on.types[field])}, where key `{key}` is "
                f"{type_name(types[key])}; give a field of that type"
            )


def _check_columns(model: Model) -> None:
    if not model.asks:
        raise DefinitionError(f"model `{model.name}` asks no view; give at least one in `features`")
    columns = [each.name for each in model.inputs]
    columns += [each for each in (*model.spine, *SYSTEM_FIELDS) if each not in model.request]
    for name in columns:
        if columns.count(name) > 1:
            raise DefinitionError(f"model `{model.name}` has two columns of the name `{name}`; rename the ask of one")


_NUMBERS: Final = (Int64, Float64)


def _check_judging(model: Model) -> None:
    types, name = model.on.types, model.name
    if model.baseline not in model.request or not isinstance(types[model.baseline], _NUMBERS):
        numbers = ", ".join(f"`{each}`" for each in model.request if isinstance(types[each], _NUMBERS)) or "none"
        raise DefinitionError(
            f"baseline `{model.baseline}` of model `{name}` is no request field of int64 or float64; "
            f"available: {numbers}"
        )
    if model.metric not in METRICS:
        raise DefinitionError(f"metric `{model.metric}` of model `{name}` is unknown; available: {', '.join(METRICS)}")
    if not 0 < model.prior < 1:
        raise DefinitionError(f"prior {model.prior:g} of model `{name}` is no probability between 0 and 1; give one")
    if not 0 < model.threshold < 1:
        raise DefinitionError(f"threshold {model.threshold:g} of model `{name}` is no probability between 0 and 1")
    for field in model.gates.slices:
        if field not in types or not isinstance(types[field], KEY_TYPES):
            listed = ", ".join(f"`{each}`" for each, of in sorted(types.items()) if isinstance(of, KEY_TYPES))
            raise DefinitionError(f"model `{name}` cannot be sliced by `{field}`; available: {listed}")
