"""A store that scores `arrival_delay`: weeks of real flights in segments and in rows, and a champion of the real shape.

    ├─────────── one segment ───────────┤─── another ───┤─ rows of LMDB ─┤
    now - 35 d                     now - 1 d        boundary            now

No engine takes part: partials are made by the algebra of the core, and taken up by loader, applier and model loader as
those of an engine would be. The champion's trees are grown on noise by the definition's own parameters: what they say
is of no matter, how long they take is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from batch_layer.models.learning import Trees, fit
from infra.demo.faults import body
from infra.demo.flights import Year, load_year
from infra.demo.replay import json_rows, shift
from schemas.core.artifacts import EXAMPLE, FITTED, SIGNATURE
from schemas.core.errors import UnavailableError
from schemas.core.events import Event
from schemas.core.instants import DAY, HOUR, Instant, floor
from schemas.core.models import Model
from schemas.core.records import Record
from schemas.core.reference import passes
from schemas.core.types import String, type_name
from schemas.core.verdict import Valid, judge
from schemas.core.views import View
from schemas.flights.models import arrival_delay
from schemas.lake.models import append_model
from serving_layer.models.canary import try_out
from serving_layer.models.loading import ModelLoader, Waits
from serving_layer.models.registry import MlflowRegistry
from tests.unit.serving_layer.models.alarms import LINE, Artifact, FakeMlflow
from tests.unit.serving_layer.replicas import Replica

Row = dict[str, Any]

MODEL: Final = arrival_delay
HISTORY: Final = 35 * DAY
"""Longer than the longest window that the model asks."""
STREAMED: Final = HOUR
"""What the stream alone covers: many times what it does where batch publishes every few minutes."""
TREES: Final = 150
LEAVES: Final = 31
_TAUGHT: Final = 20_000


def write_store(home: Path, clock: Callable[[], Instant]) -> list[Row]:
    """Make the store under a home; gives the departures of the last day as rows to be scored.

    The clock is asked when it begins, and for the claims when all is there: no view is stale for its being made.
    """
    now = clock()
    year = load_year(shift(now).duration)
    replica = Replica(home)
    events = {view.on.name: view.on for view in MODEL.views.values()}
    kept = {name: _records(event, year[name], now) for name, event in events.items()}
    of_views = {view.name: [each for each in kept[view.on.name] if passes(view, each)] for view in MODEL.views.values()}
    for name in events:
        _publish(replica, [view for view in MODEL.views.values() if view.on.name == name], of_views, now)
    replica.load()
    replica.meet()
    for view in MODEL.views.values():
        run, boundary = _run(view.on), _boundary(view.on, now)
        if batch := replica.speed_batch(run, view, of_views[view.name], boundary):
            replica.applying.apply(batch)
    _load_champion(replica, year)
    for name, event in events.items():
        places = range(event.partitions)
        replica.claim(_run(event), dict.fromkeys(places, len(kept[name])), dict.fromkeys(places, int(clock())))
    replica.environment.close()
    return [
        {name: row[name] for name in MODEL.row}
        for row in json_rows(_between(year[MODEL.on.name], Instant(now - DAY), now))
    ]


def _load_champion(replica: Replica, year: Year) -> None:
    """As the model loader does from MLflow, which is played."""
    append_model(replica.lake, MODEL, now=Instant(0))
    mlflow = FakeMlflow()
    mlflow.register(_champion(year), MODEL)
    waits = Waits(threading.Event(), threading.Event(), grace=0.0)
    registry = MlflowRegistry("http://mlflow", mlflow.transport())
    loader = ModelLoader(
        replica.root, replica.environment, lake=replica.lake, registry=registry, waits=waits, try_out=try_out
    )
    loader.step()
    with replica.store.snapshot() as snapshot:
        served = snapshot.models()[MODEL.name]
    if served.champion is None:
        raise UnavailableError(f"the champion is refused, so nothing is measured: {served.refused}")


def _publish(replica: Replica, views: Sequence[View], kept: Mapping[str, Sequence[Record]], now: Instant) -> None:
    """Two segments of each view of an event, and the run that serves them all."""
    for view in views:
        replica.apply_definition(view)
        replica.extend(view, kept[view.name], floor(Instant(now - DAY), view.on.epoch))
        replica.extend(view, kept[view.name], _boundary(view.on, now))
    replica.list_run(_run(views[0].on), views)


def _boundary(event: Event, now: Instant) -> Instant:
    return Instant(floor(now - STREAMED, event.epoch))


def _run(event: Event) -> str:
    return f"run-{event.name}"


def _records(event: Event, table: Any, now: Instant) -> list[Record]:
    """What the contract lets through of the weeks before now, available when it happened."""
    found = []
    for offset, row in enumerate(json_rows(_between(table, Instant(now - HISTORY), now))):
        judged = judge(event, body(row), available_at=now, imported=True)
        if isinstance(judged, Valid):
            at = judged.event_time
            found.append(Record(judged.event_id, at, at, 0, offset, judged.values))
    return found


def _between(table: Any, start: Instant, end: Instant) -> Any:
    at = table["event_time"].cast(pa.int64())
    return table.filter(pc.and_(pc.greater_equal(at, start), pc.less(at, end)))


def _champion(year: Year) -> Artifact:
    """The texts of a version; raises AssertionError where its trees are of another shape."""
    draw, columns = np.random.default_rng(2013), [(each.name, type_name(each.type)) for each in MODEL.inputs]
    categories = _categories(MODEL, year)
    numbers = draw.normal(0, 30, (_TAUGHT, len(columns)))
    for place, (name, _) in enumerate(columns):
        if name in categories:
            numbers[:, place] = draw.integers(0, len(categories[name]), _TAUGHT)
    labels = (numbers.sum(axis=1) + draw.normal(0, 200, _TAUGHT) > 0).astype(float)
    numbers[draw.random(numbers.shape) < 0.1] = np.nan
    names = [name for name, _ in columns]
    fitted = fit(
        MODEL.estimator, numbers, labels, columns=names, categorical=[names.index(each) for each in categories]
    )
    assert isinstance(fitted, Trees)
    assert fitted.text.count(f"\nnum_leaves={LEAVES}\n") == TREES, "the champion is not of the shape that is measured"
    plain = [(name, of) for name, of in columns if name == MODEL.baseline]
    texts = {"model": (fitted.text.encode(), columns), "baseline": (orjson.dumps(LINE), plain)}
    return {
        f"{part}/{name}": text
        for part, (own, read) in texts.items()
        for name, text in ((FITTED, own), (SIGNATURE, _signature(read, categories)), (EXAMPLE, _example(read)))
    }


def _categories(model: Model, year: Year) -> Mapping[str, list[str]]:
    """What there is of each input that is text: request fields alone."""
    strings = [each.name for each in model.inputs if isinstance(each.type, String)]
    return {name: sorted(pc.unique(year[model.on.name][name]).to_pylist()) for name in strings}


def _signature(columns: Sequence[tuple[str, str]], categories: Mapping[str, list[str]]) -> bytes:
    return orjson.dumps([{"name": name, "type": of, "categories": categories.get(name, [])} for name, of in columns])


def _example(columns: Sequence[tuple[str, str]]) -> bytes:
    return orjson.dumps({"columns": [name for name, _ in columns], "data": [[1.0] * len(columns)]})
