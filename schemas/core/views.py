"""`View`: an entity key, a filter, and named features over windows of one event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.core.aggregates import Aggregate, Partial, partials_of, result_type
from schemas.core.errors import BadValue, DefinitionError, UnknownName
from schemas.core.events import Event, check_name
from schemas.core.expressions import Expr
from schemas.core.instants import Duration
from schemas.core.measures import Measure, resolved
from schemas.core.names import partial_column
from schemas.core.nodes import Node
from schemas.core.resolution import resolve_part, type_of
from schemas.core.types import INT64_MAX, INT64_MIN, Bool, Int64, String, Type, Value, type_name
from schemas.core.windows import Window, tile_length

KEY_TYPES: Final = (String, Int64, Bool)


@dataclass(frozen=True)
class Feature:
    """One column of an answer: `measure` says whose partials, `window` which tiles (None: all)."""

    name: str
    measure: str
    aggregate: Aggregate
    window: Window | None

    @property
    def type(self) -> Type:
        """The type of its answer."""
        return result_type(self.aggregate)


@dataclass(frozen=True, init=False)
class View:
    """What is asked of one event: `by` the entity key, `where` the filter, `features` by name.

    >>> View("carrier_traffic", on=departure, by="carrier", features={"flights": count().over("1h")})
    """

    name: str
    on: Event
    by: tuple[str, ...]
    where: Node | None
    measures: tuple[tuple[str, Measure], ...]
    doc: str

    def __init__(
        self,
        name: str,
        *,
        on: Event,
        by: str | Iterable[str],
        features: Mapping[str, Measure],
        where: Expr | None = None,
        doc: str = "",
    ) -> None:
        check_name("view", name)
        put = object.__setattr__
        put(self, "name", name)
        put(self, "on", on)
        put(self, "by", _key(name, on, (by,) if isinstance(by, str) else tuple(by)))
        put(self, "where", None if where is None else _filter(name, where.node, on.types))
        put(self, "measures", tuple((each, resolved(on.types, each, m)) for each, m in features.items()))
        put(self, "doc", doc)
        _check_features(name, [feature.name for feature in self.features])

    @property
    def features(self) -> tuple[Feature, ...]:
        """Every column of an answer, by measure and then by window as written."""
        return tuple(
            Feature(f"{name}_{suffix}" if suffix else name, name, measure.aggregate, over)
            for name, measure in self.measures
            for suffix, over in (measure.windows or (("", None),))
        )

    @property
    def tile(self) -> Duration | None:
        """The length of a tile, or None where every feature is a lifetime one."""
        return tile_length(feature.window for feature in self.features if feature.window)

    @property
    def key_types(self) -> dict[str, Type]:
        """The key fields, in the order in which they are stored (by name)."""
        return {name: self.on.types[name] for name in self.by}

    @property
    def partials(self) -> tuple[tuple[str, Partial], ...]:
        """Every stored column, as `({measure}__{partial}, partial)`."""
        return tuple(
            (partial_column(name, partial.name), partial)
            for name, measure in self.measures
            for partial in partials_of(measure.aggregate)
        )

    def feature(self, name: str) -> Feature:
        """The feature of that name; raises UnknownName listing what there is."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise UnknownName(f"feature of view `{self.name}`", name, (each.name for each in self.features))

    def key(self, given: Mapping[str, object]) -> tuple[Value, ...]:
        """The key values in stored order; raises RequestError naming the field that is wrong."""
        for name in given:
            if name not in self.by:
                raise UnknownName(f"key field of view `{self.name}`", name, self.by)
        return tuple(_key_value(self.name, name, of, given) for name, of in self.key_types.items())

    def answer(self, events: Iterable[Mapping[str, Any]], key: Mapping[str, object], at: Any) -> dict[str, Value]:
        """The answer by the one rule over a list of events: what to try before any engine runs.

        Each event is a mapping of `event_id`, `event_time`, its fields, and if they matter `available_at`
        (default: `event_time`), `partition` and `offset`; instants are RFC 3339 text or aware datetimes.
        Events that break the contract do not count. Values are those of a served answer.
        """
        from schemas.core import reference  # noqa: PLC0415 - reference is defined in terms of views

        return reference.answer_events(self, events, key, at)


def _key(view: str, on: Event, by: tuple[str, ...]) -> tuple[str, ...]:
    if not by or len(set(by)) != len(by):
        raise DefinitionError(f"view `{view}` needs one or more different key fields; `by` is {by}")
    types = on.types
    for name in by:
        if name not in types:
            raise DefinitionError(
                f"view `{view}` is keyed by unknown field `{name}`; available: {', '.join(sorted(types))}"
            )
        if not isinstance(types[name], KEY_TYPES):
            raise DefinitionError(
                f"key field `{name}` of view `{view}` is {type_name(types[name])}; keys are string, int64 or bool"
            )
    return tuple(sorted(by))


def _filter(view: str, node: Node, types: Mapping[str, Type]) -> Node:
    condition = resolve_part(f"`where` of view `{view}`", node, types)
    if not isinstance(type_of(condition), Bool):
        raise DefinitionError(f"`where` of view `{view}` is {type_name(type_of(condition))}; write a condition")
    return condition


def _check_features(view: str, names: list[str]) -> None:
    if not names:
        raise DefinitionError(f"view `{view}` has no features; give at least one")
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(f"view `{view}` has two features of the name `{name}`; rename one")


def _key_value(view: str, name: str, of: Type, given: Mapping[str, object]) -> Value:
    if name not in given:
        raise BadValue(f"key field `{name}` of view `{view}` is missing; it is {type_name(of)}")
    value = given[name]
    if isinstance(of, String) and isinstance(value, str):
        return value
    if isinstance(of, Bool) and isinstance(value, bool):
        return value
    if isinstance(of, Int64) and isinstance(value, int) and not isinstance(value, bool):
        if INT64_MIN <= value <= INT64_MAX:
            return value
        raise BadValue(f"key field `{name}` of view `{view}` is int64; `{value}` does not fit 64 bits")
    raise BadValue(f"key field `{name}` of view `{view}` is {type_name(of)}, not `{value!r}`")
