"""Served answers against the reference, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.core.agreement import agree
from schemas.core.instants import Instant
from schemas.core.records import Record
from schemas.core.reference import answer_counted, in_window
from schemas.core.types import Value
from schemas.core.views import View


@dataclass(frozen=True)
class Difference:
    """One cell on which serving and the reference do not agree."""

    view: str
    key: tuple[Value, ...]
    feature: str
    served: Value
    expected: Value


@dataclass(frozen=True)
class Comparison:
    """What was compared for one view, all of it at instant `through`; `records` are those of entities that differ."""

    view: str
    through: Instant
    entities: int
    cells: int
    differences: tuple[Difference, ...]
    records: Mapping[tuple[Value, ...], Sequence[Record]]


def compare(
    view: View,
    through: Instant,
    served: Mapping[tuple[Value, ...], Mapping[str, Value]],
    records: Mapping[tuple[Value, ...], Sequence[Record]],
) -> Comparison:
    """Compare every feature of every served entity; `records` are those of the view that count, by key."""
    differences = tuple(
        difference
        for key, features in served.items()
        for difference in _entity(view, through, key, features, records.get(key, ()))
    )
    differing = {each.key: records.get(each.key, ()) for each in differences}
    return Comparison(view.name, through, len(served), len(served) * len(view.features), differences, differing)


def _entity(
    view: View, through: Instant, key: tuple[Value, ...], served: Mapping[str, Value], records: Iterable[Record]
) -> Iterator[Difference]:
    known = [record for record in records if record.available_at < through]
    expected = answer_counted(view, known, through)
    for feature in view.features:
        window = in_window(view, feature, known, through)
        got = served.get(feature.name)
        if feature.name not in served or not agree(feature.aggregate, got, expected[feature.name], window):
            yield Difference(view.name, key, feature.name, got, expected[feature.name])
