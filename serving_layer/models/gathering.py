"""The inputs of rows: request fields, and of each view asked the merged features of one instant, or the last good ones.

each view asked: served? by the formula learnt? claims within `stale_after`?
    yes ─▶ features of now            no ─▶ last good features, if not too old ─▶ else none: a gap
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.core.codec import formula_of
from schemas.core.errors import UnknownName
from schemas.core.instants import Duration, Instant, format_duration
from schemas.core.models import Ask, Model
from schemas.core.types import Value
from serving_layer.models.last_good import Good, LastGood
from serving_layer.models.recording import Fallback, Source
from serving_layer.snapshot import Claim, Pair, Snapshot

GOOD_FOR: Final = 8
"""How many times `stale_after` the last good features of an entity may be old."""
_MOST: Final = 1_000

Row = Mapping[str, Value]
Inputs = list[Value]
Key = tuple[Value, ...]


@dataclass(frozen=True)
class Asking:
    """One ask of a model: the formula of its features, and their places among the inputs."""

    name: str
    ask: Ask
    formula: str
    places: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Where the inputs of a definition stand; `features` are those of asks, in the order of names."""

    names: tuple[str, ...]
    request: tuple[tuple[int, str], ...]
    asks: tuple[Asking, ...]
    features: tuple[tuple[int, str], ...]


def layout_of(model: Model) -> Layout:
    """The layout of a definition."""
    names = tuple(each.name for each in model.inputs)
    place = {name: index for index, name in enumerate(names)}
    asks = tuple(
        Asking(
            name,
            ask,
            formula_of(ask.view, ask.features),
            tuple(place[f"{name}_{feature}"] for feature in ask.features),
        )
        for name, ask in model.asks
    )
    asked = sorted(each for asking in asks for each in asking.places)
    request = tuple((place[name], name) for name in model.request)
    return Layout(names, request, asks, tuple((each, names[each]) for each in asked))


@dataclass(frozen=True)
class Gathered:
    """`inputs` of each row in the order of the layout's names; a gap says what is not of now, and why."""

    at: Instant
    inputs: Sequence[Inputs]
    gaps: Sequence[Fallback | None]
    proofs: Mapping[str, tuple[Pair, Claim]]


@dataclass
class Gatherer:
    """Reads the inputs of rows, and remembers features while they are fresh; used by one thread at a time."""

    good: LastGood = field(default_factory=LastGood)
    _formulas: dict[tuple[str, str], bool] = field(default_factory=dict)

    def gather(self, snapshot: Snapshot, model: Model, layout: Layout, rows: Sequence[Row], now: Instant) -> Gathered:
        """Everything from one snapshot, as of one instant."""
        pairs = snapshot.pairs()
        asked = {view: pairs[view] for view in model.views if view in pairs}
        at = Instant(max((now, *(pair.boundary for pair in asked.values()))))
        proofs = {view: (pair, snapshot.claim(view)) for view, pair in sorted(asked.items())}
        inputs: list[Inputs] = [[None] * len(layout.names) for _ in rows]
        for place, name in layout.request:
            for values, row in zip(inputs, rows, strict=True):
                values[place] = row[name]
        gaps: list[Fallback | None] = [None] * len(rows)
        for asking in layout.asks:
            keys: list[Key] = [tuple([row[field] for _, field in asking.ask.by]) for row in rows]
            because = self._unfit(asking, proofs.get(asking.ask.view.name), at, model.stale_after)
            if because is None:
                found = self._read(snapshot, asking, keys, at)
                _place(inputs, asking.places, [found.get(key) for key in keys])
            else:
                since = Instant(at - GOOD_FOR * model.stale_after)
                goods = [None if None in key else self.good.of(asking.formula, key, since) for key in keys]
                _place(inputs, asking.places, [None if each is None else each.features for each in goods])
                gaps = [
                    gap if None in key else _widened(gap, good, because, at)
                    for gap, key, good in zip(gaps, keys, goods, strict=True)
                ]
        return Gathered(at, inputs, gaps, proofs)

    def _unfit(
        self, asking: Asking, proof: tuple[Pair, Claim] | None, at: Instant, stale_after: Duration
    ) -> str | None:
        """Why the view's features of now are not scored on."""
        view = asking.ask.view.name
        if proof is None:
            return f"view `{view}` is not served"
        pair, claim = proof
        if not self._means(asking, pair):
            return f"view `{view}` is served by another definition than `{asking.name}` has learnt from"
        if at - claim.speed_through > stale_after:
            return f"view `{view}` is claimed up to more than {format_duration(stale_after)} ago"
        return None

    def _means(self, asking: Asking, pair: Pair) -> bool:
        """Whether the served view has the features that were learnt from."""
        asked = (asking.formula, pair.definition)
        known = self._formulas.get(asked)
        if known is None:
            if len(self._formulas) >= _MOST:
                self._formulas.clear()
            known = self._formulas[asked] = asking.formula == _served_formula(asking.ask, pair)
        return known

    def _read(
        self, snapshot: Snapshot, asking: Asking, keys: Sequence[Key], at: Instant
    ) -> Mapping[Key, Sequence[Value]]:
        """The merged features of each entity; a key with a null in it names none, as in training."""
        entities = [key for key in dict.fromkeys(keys) if None not in key]
        answers = snapshot.lookup(asking.ask.view.name, entities, at=at, features=asking.ask.features)
        for key, features in zip(entities, answers, strict=True):
            self.good.keep(asking.formula, key, Good(at, features))
        return dict(zip(entities, answers, strict=True))


def _place(inputs: Sequence[Inputs], places: Sequence[int], found: Sequence[Sequence[Value] | None]) -> None:
    for values, features in zip(inputs, found, strict=True):
        if features is not None:
            for place, value in zip(places, features, strict=True):
                values[place] = value


def _widened(gap: Fallback | None, good: Good | None, because: str, at: Instant) -> Fallback:
    """What a row falls back to, given what it did before this view; the oldest of last good features tells the age."""
    if good is None:
        return gap if gap is not None and gap.source is Source.BASELINE else Fallback(Source.BASELINE, because)
    age = Duration(at - good.at)
    if gap is None:
        return Fallback(Source.LAST_GOOD, because, age)
    return Fallback(gap.source, gap.because, age) if gap.age is not None and age > gap.age else gap


def _served_formula(ask: Ask, pair: Pair) -> str | None:
    try:
        return formula_of(pair.view, ask.features)
    except UnknownName:
        return None
