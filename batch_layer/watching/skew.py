"""Training–serving skew: features that were served, held against what batch computes for the same rows and instants.

A served answer differs from point in time by exactly the events that were not claimed yet: what differs is explained by
one of these, by what the prediction itself says, or not at all, and that has to be no cell.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from batch_layer.outcomes import Report
from batch_layer.point_in_time.answering import Read, answers_at, counted_relation, read_judged, rows_asked
from batch_layer.point_in_time.compile import ANSWER, Span, behind_sql
from batch_layer.point_in_time.points import IDENTITY, key_column
from batch_layer.watching.cells import Flags, Served, differing, skew_of
from batch_layer.watching.proofs import Proofs, read_proofs
from schemas.core.codec import definition_of
from schemas.core.feedback import CHAMPION, row_field
from schemas.core.instants import Instant
from schemas.core.models import Ask, Model
from schemas.lake.watches import CAUSES, LAST_GOOD, Skew

MOST: Final = 100_000
"""Predictions that are compared at most, the newest: a watch is a look, and the next one follows."""


def comparable(rows: Any, definition: str) -> Any:
    """The predictions that can be held against batch: scored on features by this definition; in order of asking."""
    of_features = pc.is_in(rows["source"], pa.array([CHAMPION, LAST_GOOD]))
    return rows.filter(pc.and_(of_features, pc.equal(rows["definition"], definition))).sort_by("event_time")


def asked_until(rows: Any, until: Instant) -> Any:
    """Those that batch can answer exactly: all that was available before them is judged."""
    found = rows.filter(pc.less_equal(rows["event_time"], until))
    return found.slice(max(0, found.num_rows - MOST)).combine_chunks()


def judged_of(lake: Path, model: Model) -> dict[str, Read]:
    """The events that features come from, as they are judged; raises RefusedError where one is not."""
    return {view.on.name: read_judged(lake, view.on) for view in model.views.values()}


def nothing_compared(model: Model) -> dict[str, Skew]:
    """What is found where there is no prediction to compare."""
    return {name: Skew(0, 0, dict.fromkeys(CAUSES, 0), ()) for name, _ in model.asks}


def skew(
    spark: SparkSession, model: Model, reads: Mapping[str, Read], predictions: Any, *, report: Report
) -> dict[str, Skew]:
    """By ask, of one prediction or more as `asked_until` gives them."""
    report(f"comparing {predictions.num_rows:,} predictions with batch")
    made = uuid.uuid4().hex
    at = predictions["event_time"]
    span = Span(Instant(pc.min(at).as_py()), Instant(pc.max(at).as_py() + 1))
    keys = sorted({field for _, ask in model.asks for _, field in ask.by})
    spine = {name: predictions[row_field(name)] for name in keys} | {
        "available_at": at,
        **{name: predictions[name] for name in IDENTITY},
    }
    spark.createDataFrame(pa.table(spine)).createOrReplaceTempView(f"spine_{made}")
    counted = {name: counted_relation(spark, each, f"counted_{name}_{made}") for name, each in reads.items()}
    proofs = read_proofs(predictions["proofs"])
    found = {}
    for name, ask in model.asks:
        event = ask.view.on.name
        rows = rows_asked(predictions.num_rows, reads[event])
        answered = answers_at(spark, ask, counted[event], f"spine_{made}", span, rows).toArrow()
        batch = _aligned(predictions, answered)
        found[name] = _of_ask(spark, (name, ask), counted[event], predictions, proofs, batch)
    return found


def _of_ask(
    spark: SparkSession, named: tuple[str, Ask], counted: str, predictions: Any, proofs: Sequence[Proofs], batch: Any
) -> Skew:
    """Rows whose view was served by another definition than is compared with say nothing."""
    name, ask = named
    view, definition = ask.view.name, definition_of(ask.view)
    kept = np.array(
        [
            source == LAST_GOOD or view not in proof or proof[view].definition == definition
            for source, proof in zip(predictions["source"].to_pylist(), proofs, strict=True)
        ]
    )
    places = np.flatnonzero(kept).tolist()
    predictions, batch = predictions.take(places).combine_chunks(), batch.take(places).combine_chunks()
    rows = _served(view, predictions, [proofs[place] for place in places])
    cells = {
        each: (predictions[f"{name}_{each}"].combine_chunks(), batch[each].combine_chunks()) for each in ask.features
    }
    aggregates = {feature.name: feature.aggregate for feature in ask.view.features}
    differ = {each: differing(aggregates[each], *columns) for each, columns in cells.items()}
    wrong = np.logical_or.reduce(list(differ.values())) if differ else np.zeros(len(rows), np.bool_)
    return skew_of(rows, cells, differ, _behind(spark, ask, counted, predictions, rows, wrong))


def _served(view: str, predictions: Any, proofs: Sequence[Proofs]) -> list[Served]:
    columns = (predictions[name].to_pylist() for name in ("event_id", "event_time", "source"))
    return [
        Served(
            identity,
            Instant(at),
            source,
            proof[view].through if view in proof else None,
            view in proof and proof[view].complete,
        )
        for identity, at, source, proof in zip(*columns, proofs, strict=True)
    ]


def _behind(
    spark: SparkSession, ask: Ask, counted: str, predictions: Any, rows: Sequence[Served], wrong: Flags
) -> Flags:
    """Which of the rows that differ were asked while an event of their entity was available and not claimed."""
    found = np.zeros(len(rows), np.bool_)
    places = [
        place for place in np.flatnonzero(wrong).tolist() if (rows[place].through or rows[place].at) < rows[place].at
    ]
    if not places:
        return found
    late = predictions.take(places)
    columns = {key_column(key): late[row_field(field)] for key, field in ask.by}
    columns |= {"available_at": late["event_time"], **{name: late[name] for name in IDENTITY}}
    columns["_through"] = pa.array([rows[place].through for place in places], pa.int64())
    relation = f"late_{uuid.uuid4().hex}"
    spark.createDataFrame(pa.table(columns)).createOrReplaceTempView(relation)
    span = Span(Instant(min(rows[place].at for place in places)), Instant(max(rows[place].at for place in places) + 1))
    known = set(_identities(spark.sql(behind_sql(ask, counted, relation, span)).toArrow()))
    for place, identity in zip(places, _identities(late), strict=True):
        found[place] = identity in known
    return found


def _aligned(predictions: Any, answered: Any) -> Any:
    """The features that batch computed in the order of predictions; null where a row names no entity."""
    place = {identity: place for place, identity in enumerate(_identities(answered))}
    order = pa.array([place.get(identity) for identity in _identities(predictions)], pa.int64())
    features = answered[ANSWER].combine_chunks()
    flat = pa.table(features.flatten(), names=[each.name for each in features.type])
    return flat.take(order)


def _identities(rows: Any) -> list[tuple[int, int]]:
    partitions, offsets = (rows[name].to_pylist() for name in IDENTITY)
    return list(zip(partitions, offsets, strict=True))
