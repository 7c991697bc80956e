"""One watch over a model: what is recorded in, a row of `schemas/lake/watches.py` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import SparkSession

from batch_layer.models.distributions import Distributions
from batch_layer.models.registry import Registry, Version
from batch_layer.outcomes import Report
from batch_layer.point_in_time.points import IDENTITY
from batch_layer.recorded import Recorded, recorded
from batch_layer.watching.deciding import Evidence, held_back, reasons, rest_of
from batch_layer.watching.moved import moved
from batch_layer.watching.skew import asked_until, comparable, judged_of, nothing_compared, skew
from batch_layer.watching.turned_out import by_day, coverage, since
from schemas.core.artifacts import CHAMPION
from schemas.core.codec import inputs_of
from schemas.core.feedback import CHAMPION as BY_CHAMPION
from schemas.core.feedback import outcome_of, prediction_of, row_field
from schemas.core.instants import DAY, Instant
from schemas.core.models import Model
from schemas.lake.models import AppliedModel
from schemas.lake.watches import Coverage, Drift, Reason, Skew, Watched, append_watch, read_watches

_DAYS: Final = 30
"""Of so many days the quality is told."""
_BY_HAND: Final = "watched by hand, which asks for nothing; the DAG `watch` asks, and `tideline train` trains"

Session = Callable[[], SparkSession]


@dataclass(frozen=True)
class Sources:
    """What a watch reads, and what it computes with; `spark` gives the session, once it is needed."""

    lake: Path
    registry: Registry
    spark: Session
    report: Report


@dataclass(frozen=True)
class _Looked:
    """What was recorded of a model, and the window that is looked at."""

    model: Model
    start: Instant
    now: Instant
    predictions: Recorded
    outcomes: Recorded
    told: Any

    @property
    def since(self) -> ds.Expression:
        """The predictions of the window."""
        return (ds.field("event_time") >= self.start) & (ds.field("event_time") <= self.now)


def watch(sources: Sources, applied: AppliedModel, *, now: Instant, run: str = "") -> Watched:
    """Look, and list what was found; what a `run` has listed already is given as it stands.

    Raises RefusedError where an event that features come from is not judged, or an artifact was edited.
    """
    model, rest = applied.model, rest_of(applied.model.watch)
    before = [each for each in read_watches(sources.lake, since=Instant(now - 2 * rest)) if each.model == model.name]
    for each in before:
        if run and each.run == run:
            return each
    looked = _look(sources, model, now)
    done = _watched(sources, applied, looked, before, run)
    append_watch(sources.lake, done)
    return done


def _look(sources: Sources, model: Model, now: Instant) -> _Looked:
    sources.report(f"reading what is recorded of `{model.name}`")
    predictions, outcomes = (recorded(sources.lake, of(model)) for of in (prediction_of, outcome_of))
    told = outcomes.rows(
        ["event_id", "event_time", "predicted_at", "model_version", "source", "score", "label"],
        ds.field("event_time") >= min(now - _DAYS * DAY, now - model.watch.window),
    )
    return _Looked(model, Instant(now - model.watch.window), now, predictions, outcomes, told)


def _watched(sources: Sources, applied: AppliedModel, looked: _Looked, before: list[Watched], run: str) -> Watched:
    model, bounds, now = looked.model, looked.model.watch, looked.now
    versions = sources.registry.versions(model.name)
    champion = next((each for each in versions if CHAMPION in each.aliases), None)
    trained = Instant(max((int(each.tags["training_as_of"]) for each in versions), default=0))
    rows = looked.predictions.rows(_columns(model), looked.since)
    learnt, note = _learnt(sources.registry, model, champion)
    drift, scored = _drift(model, learnt, champion, rows)
    recent = since(looked.told, looked.start)
    labels = looked.outcomes.count(ds.field("event_time") >= trained)
    found, held = tuple[Reason, ...](), dict[str, str]()
    if champion is not None:
        now_worth = next((each for each in recent if each.version == champion.number), None)
        judged = float(champion.tags["quality"])
        found = reasons(bounds, Evidence(champion.number, scored, drift, model.metric, judged, now_worth, labels))
        held = held_back(found, bounds, before, trained, now)
        held |= {} if run else {each.kind: _BY_HAND for each in found if each.kind not in held}
    return Watched(
        run=run,
        model=model.name,
        version="" if champion is None else champion.number,
        definition=applied.definition,
        at=now,
        start=looked.start,
        rows=scored,
        labels=labels,
        drift=drift,
        quality=by_day(looked.told),
        recent=recent,
        coverage=_coverage(looked),
        skew=_skew(sources, applied, rows),
        reasons=found,
        held_back=held,
        note=note or _few(rows.num_rows, scored, bounds.rows),
    )


def _learnt(registry: Registry, model: Model, champion: Version | None) -> tuple[Distributions, str]:
    """The distributions that the champion is held against, or why there are none."""
    if champion is None:
        return {}, f"no champion: `tideline model promote {model.name}` makes one"
    if champion.tags.get("inputs_of") != inputs_of(model):
        return {}, f"champion {champion.number} has learnt from other inputs than are applied; train it again"
    found = registry.distributions(champion)
    note = "" if found else f"champion {champion.number} was trained before distributions were kept; train it again"
    return found, note


def _few(predicted: int, scored: int, enough: int) -> str:
    """What is said of too little to go by, so that large figures of drift beside it are not taken for a finding."""
    if predicted == 0:
        return "nothing was predicted since"
    return "" if scored >= enough else f"{scored:,} rows scored on features are too few to judge by, below {enough:,}"


def _drift(model: Model, learnt: Distributions, champion: Version | None, rows: Any) -> tuple[Mapping[str, Drift], int]:
    """Of the rows that the champion scored on features, and how many they are."""
    if champion is None:
        return {}, 0
    of_champion = pc.and_(pc.equal(rows["model_version"], champion.number), pc.equal(rows["source"], BY_CHAMPION))
    own = rows.filter(of_champion)
    return (moved(model, learnt, own) if learnt and own.num_rows else {}), own.num_rows


def _coverage(looked: _Looked) -> Coverage:
    """Of the predictions of a window whose horizon had passed where outcomes are judged up to."""
    label, until = looked.model.label, looked.outcomes.until
    if until is None or looked.predictions.until is None:
        return Coverage(0, 0, 0)
    last = min(until, looked.predictions.until) - label.within
    passed = (ds.field("event_time") >= last - looked.model.watch.window) & (ds.field("event_time") < last)
    keys = [row_field(field) for _, field in label.by]
    told = looked.outcomes.rows(["event_id"], ds.field("predicted_at") >= last - looked.model.watch.window)
    return coverage(looked.predictions.rows(["event_id", *keys], passed), told, keys)


def _skew(sources: Sources, applied: AppliedModel, rows: Any) -> Mapping[str, Skew]:
    chosen = comparable(rows, applied.definition)
    if chosen.num_rows:
        reads = judged_of(sources.lake, applied.model)
        chosen = asked_until(chosen, Instant(min(each.until for each in reads.values())))
        if chosen.num_rows:
            return skew(sources.spark(), applied.model, reads, chosen, report=sources.report)
    return nothing_compared(applied.model)


def _columns(model: Model) -> list[str]:
    """What is read of predictions."""
    keys = {row_field(field) for _, ask in model.asks for _, field in ask.by}
    needed = {*keys, *(each.name for each in model.inputs), *IDENTITY, "event_id", "event_time"}
    return sorted({*needed, "score", "source", "model_version", "definition", "proofs"})
