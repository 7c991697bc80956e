"""What turned out: the quality of versions day by day, and how many predictions have an outcome at all. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_layer.models.judging import quality
from schemas.core.feedback import CHAMPION
from schemas.core.instants import DAY, Instant
from schemas.lake.watches import Coverage, Outcomes


def by_day(outcomes: Any) -> tuple[Outcomes, ...]:
    """Of each UTC day on which something turned out and each version that had scored it, oldest first."""
    own = _of_champions(outcomes)
    at = own["event_time"].to_numpy()
    days = at - at % DAY
    return tuple(
        each
        for day in np.unique(days).tolist()
        for each in _by_version(own.filter(pa.array(days == day)), Instant(day))
    )


def since(outcomes: Any, start: Instant) -> tuple[Outcomes, ...]:
    """Of each version, of what turned out at `start` or later."""
    own = _of_champions(outcomes)
    return _by_version(own.filter(pc.greater_equal(own["event_time"], start)), None)


def coverage(predictions: Any, outcomes: Any, keys: list[str]) -> Coverage:
    """Of predictions whose horizon has passed; `keys` are their fields with the label's key."""
    told = pc.is_in(predictions["event_id"], outcomes["event_id"].combine_chunks())
    without = np.zeros(predictions.num_rows, np.bool_)
    for key in keys:
        without |= np.asarray(predictions[key].is_null())
    return Coverage(predictions.num_rows, pc.sum(told).as_py() or 0, int(without.sum()))


def _of_champions(outcomes: Any) -> Any:
    """Of rows that a version scored on features as they were: what fell back says nothing of it."""
    return outcomes.filter(pc.equal(outcomes["source"], CHAMPION)).combine_chunks()


def _by_version(outcomes: Any, day: Instant | None) -> tuple[Outcomes, ...]:
    versions = sorted(pc.unique(outcomes["model_version"]).to_pylist(), key=lambda each: (len(each), each))
    return tuple(_outcomes(version, day, outcomes) for version in versions)


def _outcomes(version: str, day: Instant | None, outcomes: Any) -> Outcomes:
    own = outcomes.filter(pc.equal(outcomes["model_version"], version))
    labels = own["label"].cast(pa.int8()).to_numpy().astype(np.float64)
    found = quality(own["score"].to_numpy(), labels)
    return Outcomes(version, day, found.rows, found.positives, found.auc, found.log_loss, found.calibration)
