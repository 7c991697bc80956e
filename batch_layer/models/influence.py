"""How much of what a model learns from its own decisions may have changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from batch_layer.models.examples import Instants
from batch_layer.recorded import recorded
from schemas.core.feedback import prediction_of, row_field
from schemas.core.instants import Duration
from schemas.core.models import Model


def influenced(lake: Path, model: Model, rows: Any) -> float:
    """The share of training rows for whose label's key a recorded prediction decided for true; 0 if nothing acts on it.

    A prediction further away than the label's horizon decided about another row of the key.
    """
    if not model.is_acted_on or not rows.num_rows:
        return 0.0
    fields = [field for _, field in model.label.by]
    kept = [row_field(field) for field in fields]
    decisions = recorded(lake, prediction_of(model)).rows(["event_time", *kept], ds.field("decision"))
    decisions = decisions.rename_columns(["available_at", *fields])
    return float(decided(rows, decisions, fields, model.label.within).mean())


def decided(rows: Any, decisions: Any, fields: Sequence[str], within: Duration) -> npt.NDArray[np.bool_]:
    """Which rows of an Arrow table have a decision of the same key, none of it null, within that time of them."""
    both = pa.concat_tables([each.select(["available_at", *fields]) for each in (rows, decisions)]).combine_chunks()
    group, named = _groups(both, fields)
    at, is_decision = both["available_at"].to_numpy(), np.arange(both.num_rows) >= rows.num_rows
    order = np.lexsort((at, group))
    near = _after(group[order], at[order], is_decision[order], within)
    near |= _after(group[order][::-1], -at[order][::-1], is_decision[order][::-1], within)[::-1]
    found = np.empty(both.num_rows, np.bool_)
    found[order] = near
    return (found & named)[: rows.num_rows]


def _groups(rows: Any, fields: Sequence[str]) -> tuple[Instants, npt.NDArray[np.bool_]]:
    """The number of each row's key, and which keys are whole."""
    group, named = np.zeros(rows.num_rows, np.int64), np.ones(rows.num_rows, np.bool_)
    for field in fields:
        codes = rows[field].combine_chunks().dictionary_encode()
        both = group * (1 + len(codes.dictionary)) + pc.fill_null(codes.indices, -1).to_numpy() + 1
        group = np.unique(both, return_inverse=True)[1]
        named &= np.asarray(codes.is_valid())
    return group, named


def _after(
    group: Instants, at: Instants, is_decision: npt.NDArray[np.bool_], within: Duration
) -> npt.NDArray[np.bool_]:
    """Which rows, in order of group and instant, have a decision of their group at most so long before them."""
    last = np.maximum.accumulate(np.where(is_decision, np.arange(len(at)), -1))
    known = np.maximum(last, 0)
    near: npt.NDArray[np.bool_] = (last >= 0) & (group[known] == group) & (at - at[known] <= within)
    return near
