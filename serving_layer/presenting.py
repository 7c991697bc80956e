"""Answers out of merged states: the common cases in machine code, the rest by the algebra of the core.

A cell is left to the core (`EXACT`) where 64-bit arithmetic would not give its very result: a sum beyond 64 bits, the
mean of a total that float64 cannot hold. So both paths say the same, and the slow one is the definition itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.core.aggregates import (
    Count,
    Max,
    Mean,
    Min,
    Stddev,
    Sum,
    Total,
    Variance,
    answer_value,
    partials_of,
    present,
)
from schemas.core.names import partial_column
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp, Type, Value
from schemas.core.views import Feature, View
from schemas.core.windows import Window
from serving_layer.compiled import Bytes, Ints, compiled
from serving_layer.kernel import pick_bytes
from serving_layer.layout import NO_EARLIEST, NO_LATEST, Column, Layout, Op, state_of
from serving_layer.speed_rows import scaled


class Form(IntEnum):
    """How a feature's answer comes out of its slots."""

    TALLY = 0
    WIDE_SUM = 1
    FLOAT_SUM = 2
    WIDE_MEAN = 3
    FLOAT_MEAN = 4
    VARIANCE = 5
    STDDEV = 6
    FLAGGED = 7
    FLOAT = 8
    PICK = 9


VALUE: Final = 0
NOTHING: Final = 1
EXACT: Final = 2

FLOAT_FORMS: Final = (Form.FLOAT_SUM, Form.WIDE_MEAN, Form.FLOAT_MEAN, Form.VARIANCE, Form.STDDEV, Form.FLOAT)
_EXACT_FLOAT: Final = 2**53
_BEFORE_VALUE: Final = 1 + 16 + 10 + 19 + 1
"""Characters of a pick from the blank after the id to its value; see `schemas.core.picks`."""

_TALLY: Final = int(Form.TALLY)
_WIDE_SUM: Final = int(Form.WIDE_SUM)
_FLOAT_SUM: Final = int(Form.FLOAT_SUM)
_WIDE_MEAN: Final = int(Form.WIDE_MEAN)
_FLOAT_MEAN: Final = int(Form.FLOAT_MEAN)
_VARIANCE: Final = int(Form.VARIANCE)
_FLAGGED: Final = int(Form.FLAGGED)
_FLOAT: Final = int(Form.FLOAT)
_BLANK: Final = ord(" ")

States = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int64]
Statuses = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Presentation:
    """How one feature is presented: `form` on the slots `n` and `at`, then `finish` on what the kernel gave.

    `unit` is what an integer total is divided by beside n (10^scale). `finish` is None where the number is the answer;
    for a pick it takes the text of the value.
    """

    form: Form
    n: int
    at: int
    unit: int
    finish: Callable[[Any], Value] | None


@dataclass(frozen=True)
class Plan:
    """What the kernel does for a choice of features: one state a distinct window.

    `merges` are (operation, slot) grouped by window up to `merge_ends`; a row of `table` is the form, window, slot of
    n, first slot of the value and unit of a feature.
    """

    view: View
    layout: Layout
    features: tuple[Feature, ...]
    presentations: tuple[Presentation, ...]
    windows: tuple[Window | None, ...]
    merge_ends: Ints
    merges: Ints
    table: Ints


@dataclass(frozen=True)
class Picks:
    """Where the picks of merged states lie: buckets of segments (flat), and joined speed rows."""

    buckets: Ints
    speed: Bytes

    def text(self, reference: int) -> bytes:
        """The whole pick."""
        return pick_bytes(reference, self.buckets, self.speed).tobytes()


def plan_of(view: View, features: tuple[Feature, ...], layout: Layout) -> Plan:
    """The plan of some features of a view, in their order."""
    windows = tuple(dict.fromkeys(feature.window for feature in features))
    columns: Mapping[Window | None, set[tuple[int, int]]] = {window: set() for window in windows}
    for feature in features:
        columns[feature.window].update((column.op, column.at) for column in _columns(feature, layout))
    presentations = tuple(presentation_of(feature, layout) for feature in features)
    table = [
        (each.form, windows.index(feature.window), each.n, each.at, each.unit)
        for each, feature in zip(presentations, features, strict=True)
    ]
    merges = [each for window in windows for each in sorted(columns[window])]
    return Plan(
        view=view,
        layout=layout,
        features=features,
        presentations=presentations,
        windows=windows,
        merge_ends=np.cumsum([len(columns[window]) for window in windows], dtype=np.int64),
        merges=np.array(merges, np.int64).reshape(-1, 2),
        table=np.array(table, np.int64).reshape(-1, 5),
    )


def presentation_of(feature: Feature, layout: Layout) -> Presentation:
    """The presentation of a feature; its aggregate decides the form, its type the finish."""
    columns = _columns(feature, layout)
    n, value = columns[0], columns[1] if len(columns) > 1 else columns[0]
    form = _form(feature.aggregate, value)
    unit = 10**value.kind.scale if isinstance(value.kind, Total) else 1
    return Presentation(
        form, n.at, value.at, unit, _finish_pick(feature.type) if form is Form.PICK else _finish(feature.type)
    )


def present_all(plan: Plan, states: States, picks: Picks) -> list[list[Value]]:
    """Answer values by entity and feature."""
    cells = np.empty((len(plan.features), states.shape[0]), np.int64)
    statuses = np.empty(cells.shape, np.uint8)
    special = present_entities(states, plan.table, cells, statuses)
    integers, floats = cells.tolist(), cells.view(np.float64).tolist()
    odd = _odd(statuses) if special else {}
    columns = []
    for f, presentation in enumerate(plan.presentations):
        column: list[Any] = floats[f] if presentation.form in FLOAT_FORMS else integers[f]
        if presentation.form is Form.PICK:
            column = _pick_values(cells[f], statuses[f], picks)
        for k, _ in odd.get(f, ()):
            column[k] = None
        finish = presentation.finish
        if finish is not None:
            column = [None if each is None else finish(each) for each in column]
        for k, status in odd.get(f, ()):
            column[k] = None if status == NOTHING else _exact(plan, f, states[k], picks)
        columns.append(column)
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in states]


@compiled
def present_entities(states: States, table: Ints, cells: Cells, statuses: Statuses) -> bool:  # noqa: PLR0912 - one branch a form
    """Fill `cells[feature, entity]` and say whether any status is not VALUE; floats leave bits, picks a reference."""
    floats = cells.view(np.float64)
    slots = states.reshape(-1)
    reals = slots.view(np.float64)
    windows, width = states.shape[1], states.shape[2]
    special = False
    for f in range(table.shape[0]):
        form, unit = table[f, 0], table[f, 4]
        for k in range(states.shape[0]):
            state = (k * windows + table[f, 1]) * width
            at, n, status = state + table[f, 3], slots[state + table[f, 2]], VALUE
            if form == _TALLY:
                cells[f, k] = n
            elif form == _FLAGGED:
                cells[f, k] = slots[at + 1]
                status = VALUE if slots[at] != 0 else NOTHING
            elif form == _FLOAT:
                floats[f, k] = reals[at] + 0.0
                status = NOTHING if np.isnan(reals[at]) else VALUE
            elif form > _FLOAT:
                cells[f, k] = slots[at + 1]
                status = NOTHING if slots[at] == NO_EARLIEST or slots[at] == NO_LATEST else VALUE
            elif n == 0:
                status = NOTHING
            elif form == _WIDE_SUM:
                cells[f, k] = slots[at]
                status = VALUE if slots[at + 1] == slots[at] >> 63 else EXACT
            elif form == _WIDE_MEAN:
                total = slots[at]
                fits = slots[at + 1] == total >> 63 and -_EXACT_FLOAT < total < _EXACT_FLOAT
                fits = fits and n < _EXACT_FLOAT // unit
                floats[f, k] = float(total) / float(n * unit)
                status = VALUE if fits else EXACT
            elif form == _FLOAT_SUM:
                floats[f, k] = reals[at] + 0.0
            elif form == _FLOAT_MEAN:
                floats[f, k] = reals[at] / n
            elif n == 1:
                floats[f, k] = 0.0
            else:
                mean = reals[at] / n
                variance = max(0.0, reals[at + 1] / n - mean * mean)
                floats[f, k] = variance if form == _VARIANCE else np.sqrt(variance)
            statuses[f, k] = status
            special = special or status != VALUE
    return special


@compiled
def join_pick_values(references: Ints, statuses: Statuses, buckets: Ints, speed: Bytes, ends: Ints) -> Bytes:
    """The text of the value in each pick, joined up to `ends`; empty where the status is not VALUE."""
    size = np.int64(0)
    for k in range(references.size):
        if statuses[k] == VALUE:
            size += pick_bytes(references[k], buckets, speed).size
    joined, end = np.empty(size, np.uint8), np.int64(0)
    for k in range(references.size):
        if statuses[k] == VALUE:
            pick, at = pick_bytes(references[k], buckets, speed), 0
            while pick[at] != _BLANK:
                at += 1
            for i in range(at + _BEFORE_VALUE, pick.size):
                joined[end] = pick[i]
                end += 1
        ends[k] = end
    return joined[:end]


def decimal_text(value: int, scale: int) -> str:
    """An integer of 10^-scale as decimal text.

    >>> decimal_text(-5, 2)
    '-0.05'
    """
    if scale == 0:
        return str(value)
    whole, fraction = divmod(abs(value), 10**scale)
    return f"{'-' if value < 0 else ''}{whole}.{fraction:0{scale}d}"


def _pick_values(references: Ints, statuses: Statuses, picks: Picks) -> list[bytes]:
    ends = np.empty(references.size, np.int64)
    joined = join_pick_values(references, statuses, picks.buckets, picks.speed, ends).tobytes()
    stops = ends.tolist()
    return [joined[start:stop] for start, stop in itertools.pairwise((0, *stops))]


def _exact(plan: Plan, f: int, states: Any, picks: Picks) -> Value:
    """The cell by the algebra of the core."""
    feature = plan.features[f]
    partials = plan.layout.decode(states[plan.table[f, 1]].tolist(), picks.text)
    state = state_of(plan.view, feature.measure, partials)
    return answer_value(present(feature.aggregate, state), feature.type)


def _odd(statuses: Statuses) -> dict[int, list[tuple[int, int]]]:
    """By feature, the entities whose status is not VALUE, with it."""
    found: dict[int, list[tuple[int, int]]] = {}
    features, entities = np.nonzero(statuses)
    for f, k, status in zip(features.tolist(), entities.tolist(), statuses[features, entities].tolist(), strict=True):
        found.setdefault(f, []).append((k, status))
    return found


def _columns(feature: Feature, layout: Layout) -> list[Column]:
    return [layout.by_name[partial_column(feature.measure, partial.name)] for partial in partials_of(feature.aggregate)]


def _finish(of: Type) -> Callable[[Any], Value] | None:
    match of:
        case Decimal(scale):
            return lambda value: decimal_text(value, scale)
        case Timestamp():
            return lambda value: answer_value(value, of)
    return None


def _finish_pick(of: Type) -> Callable[[bytes], Value]:
    match of:
        case String():
            return bytes.decode
        case Int64():
            return int
        case Float64():
            return lambda text: float(text) + 0.0
        case Bool():
            return lambda text: text == b"true"
        case Timestamp():
            return lambda text: answer_value(int(text), of)
        case Decimal(scale):
            return lambda text: decimal_text(scaled(text.decode(), scale), scale)


def _form(aggregate: object, value: Column) -> Form:
    match aggregate, value.op:
        case Count(), _:
            return Form.TALLY
        case Sum(), Op.ADD_WIDE:
            return Form.WIDE_SUM
        case Sum(), Op.ADD_FLOAT:
            return Form.FLOAT_SUM
        case Mean(), Op.ADD_WIDE:
            return Form.WIDE_MEAN
        case Mean(), Op.ADD_FLOAT:
            return Form.FLOAT_MEAN
        case Variance(), _:
            return Form.VARIANCE
        case Stddev(), _:
            return Form.STDDEV
        case ((Min() | Max()), (Op.LEAST | Op.GREATEST)):
            return Form.FLAGGED
        case ((Min() | Max()), _):
            return Form.FLOAT
    return Form.PICK
