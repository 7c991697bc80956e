"""A reconciliation: a rotating part of all entities from raw against what is answered, and what differs traced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
from deltalake.exceptions import DeltaError

from infra.verify.comparison import Comparison
from infra.verify.tracing import disagreeing, parts_of
from schemas.core.codec import definition_of
from schemas.core.errors import TidelineError
from schemas.core.instants import HOUR, Instant
from schemas.core.types import Value
from schemas.core.views import View
from schemas.lake.reconciliations import Reconciliation, append_reconciliation

TRACED: Final = 20
"""Entities of a view that are named and traced to segments and epochs, at most; all are counted."""

Cells = dict[str, tuple[Value, Value]]
"""By feature, what was expected and what was answered."""


class Explaining(Protocol):
    """What tracing asks of a serving process: `serving_layer.client.Client` implements it."""

    def explain(self, view: str, key: Mapping[str, Value]) -> dict[str, Any]:
        """What each segment and each epoch gives to an answer."""


@dataclass(frozen=True)
class Run:
    """One reconciliation: `name` tells a retry from another one, `rotation` which part of the keys it compares."""

    name: str
    rotation: int
    at: Instant


def rotation_of(now: Instant) -> int:
    """The part that is compared in this hour."""
    return now // HOUR


def record(
    lake: Path, run: Run, serving: Explaining, views: Sequence[View], compared: Sequence[Comparison]
) -> list[Reconciliation]:
    """List what was compared, traced: a row a view; one that a retry of this run meets stays as it is."""
    by_name = {view.name: view for view in views}
    return [
        append_reconciliation(
            lake,
            Reconciliation(
                run=run.name,
                view=each.view,
                definition=definition_of(by_name[each.view]),
                at=run.at,
                through=each.through,
                rotation=run.rotation,
                entities=each.entities,
                cells=each.cells,
                differing=len(each.differences),
                found=tuple(_found(lake, serving, by_name[each.view], each)),
            ),
        )
        for each in compared
    ]


def _found(lake: Path, serving: Explaining, view: View, compared: Comparison) -> Iterator[dict[str, Any]]:
    entities: dict[tuple[Value, ...], Cells] = {}
    for each in compared.differences:
        entities.setdefault(each.key, {})[each.feature] = (each.expected, each.served)
    for key, cells in list(entities.items())[:TRACED]:
        entity = dict(zip(view.by, key, strict=True))
        parts = _parts(lake, serving, view, key, cells, compared)
        for feature, (expected, answered) in cells.items():
            cell = {"entity": entity, "feature": feature, "expected": expected, "answered": answered}
            yield {**cell, "parts": parts[feature]}


def _parts(
    lake: Path, serving: Explaining, view: View, key: tuple[Value, ...], cells: Cells, compared: Comparison
) -> dict[str, list[str]]:
    """The parts that disagree; where they cannot be read, why: what differs is listed all the same."""
    try:
        explained = serving.explain(view.name, dict(zip(view.by, key, strict=True)))
        parts = parts_of(lake, view, key, compared.records[key], explained, compared.through)
    except (TidelineError, DeltaError, OSError, pa.ArrowException) as error:
        return {feature: [f"not traced: {error}"] for feature in cells}
    return {feature: list(names) for feature, names in disagreeing(view, cells, parts).items()}
