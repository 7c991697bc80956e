"""One entity at a time: the same kernel, entered once, with all that two answers share prepared.

Handing arrays to machine code one by one costs more than an answer does. So what stays the same goes by address, and
what comes out is one row of words:

    result   [special] cell…  status…  end of each pick…      a cell, a status a feature
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.core.instants import Instant
from schemas.core.types import INT64_MAX, INT64_MIN, Value
from serving_layer.compiled import Bytes, Ints, compiled, ints_at
from serving_layer.kernel import BUCKET_COLUMNS, Entities, Segments, Speed, Windows, merge_entities
from serving_layer.presenting import EXACT, FLOAT_FORMS, VALUE, Form, Plan, join_pick_values, present_entities

_ZEROS, _SEGMENTS, _BUCKETS, _TAILS, _MERGE_ENDS, _MERGES, _FEATURES, _PICKS, _RESULT, _BOUNDARY = range(0, 20, 2)
"""Where the prepared words have an address and a number of rows; the boundary is a number of its own."""
_BUCKET_COLUMNS: Final = int(BUCKET_COLUMNS)
_TABLE_COLUMNS: Final = 5
_NO_TILE: Final = INT64_MAX


@dataclass
class Single:
    """Answers single entities by one plan; used by one thread at a time. `kept` holds what `prepared` points to.

    `tails` are those of every instant from `tails_from` on, for the length of a tile: all hops are multiples of it.
    `places` says for each feature where its cell lies in the result's words, read as integers and then as floats.
    """

    plan: Plan
    prepared: Ints
    kept: tuple[Ints, ...]
    tails: Ints
    result: Ints
    reals: npt.NDArray[np.float64]
    places: tuple[int, ...]
    picks: tuple[int, ...]
    finishes: tuple[tuple[int, Callable[[Any], Value]], ...]
    tile: int
    tails_from: int | None = None

    def answer(
        self, key: bytes, hashed: int, speed: bytes, *, at: Instant, through: Instant | None
    ) -> list[Value] | None:
        """Answer values in the order of the plan, or None where one of them is left to the algebra of the core."""
        begin = at - at % self.tile
        if begin != self.tails_from:
            self.tails[:] = [INT64_MIN if each is None else each.tail(at) for each in self.plan.windows]
            self.tails_from = begin
        texts = answer_entity(
            self.prepared,
            hashed - (hashed >> 63 << 64),
            np.frombuffer(key, np.uint8),
            np.frombuffer(speed, np.uint8),
            INT64_MAX if through is None else through,
        )
        words = self.result.tolist()
        both = words + self.reals.tolist()
        row: list[Any] = [both[place] for place in self.places]
        return self._finished(row, words, texts) if words[0] or self.finishes else row

    def _finished(self, row: list[Any], words: Sequence[int], texts: Bytes) -> list[Value] | None:
        statuses = words[1 + len(row) : 1 + 2 * len(row)]
        if EXACT in statuses:
            return None
        if self.picks:
            text, start = texts.tobytes(), 0
            for feature, end in zip(self.picks, words[1 + 2 * len(row) :], strict=True):
                row[feature] = text[start:end]
                start = end
        for feature, finish in self.finishes:
            if statuses[feature] == VALUE:
                row[feature] = finish(row[feature])
        return [each if status == VALUE else None for each, status in zip(row, statuses, strict=True)]


def single(plan: Plan, segments: Segments, zeros: Ints, boundary: Instant) -> Single:
    """A plan prepared for the segments of a pair; `zeros` is the row of no events."""
    picks = tuple(index for index, each in enumerate(plan.presentations) if each.form is Form.PICK)
    features = len(plan.features)
    tails = np.zeros(len(plan.windows), np.int64)
    result = np.zeros(1 + 2 * features + len(picks), np.int64)
    kept = (
        *(zeros, segments.table, segments.buckets, tails, plan.merge_ends, plan.merges, plan.table),
        *(np.array(picks, np.int64), result),
    )
    words = [word for each in kept for word in (each.ctypes.data, each.shape[0])]
    return Single(
        plan=plan,
        prepared=np.array([*words, boundary], np.int64),
        kept=kept,
        tails=tails,
        result=result,
        reals=result.view(np.float64),
        places=tuple(
            1 + index + (result.size if each.form in FLOAT_FORMS else 0)
            for index, each in enumerate(plan.presentations)
        ),
        picks=picks,
        finishes=tuple((index, each.finish) for index, each in enumerate(plan.presentations) if each.finish),
        tile=plan.view.tile or _NO_TILE,
    )


@compiled
def answer_entity(prepared: Ints, hashed: int, key: Bytes, speed: Bytes, through: int) -> Bytes:
    """Fill the result with the answer of one entity; returns the values of its picks as text, joined."""
    buckets = ints_at(prepared[_BUCKETS], _BUCKET_COLUMNS * prepared[_BUCKETS + 1])
    features = ints_at(prepared[_FEATURES], _TABLE_COLUMNS * prepared[_FEATURES + 1]).reshape(-1, _TABLE_COLUMNS)
    picks = ints_at(prepared[_PICKS], prepared[_PICKS + 1])
    result = ints_at(prepared[_RESULT], prepared[_RESULT + 1])
    hashes, ends, interval = np.empty(1, np.uint64), np.empty(2, np.int64), np.empty(2, np.int64)
    hashes[0], ends[0], ends[1] = np.uint64(hashed), key.size, speed.size
    interval[0], interval[1] = prepared[_BOUNDARY], through
    states = merge_entities(
        ints_at(prepared[_ZEROS], prepared[_ZEROS + 1]),
        Entities(hashes, ends[:1], key),
        Windows(
            ints_at(prepared[_TAILS], prepared[_TAILS + 1]),
            ints_at(prepared[_MERGE_ENDS], prepared[_MERGE_ENDS + 1]),
            ints_at(prepared[_MERGES], 2 * prepared[_MERGES + 1]).reshape(-1, 2),
        ),
        Segments(
            ints_at(prepared[_SEGMENTS], 2 * prepared[_SEGMENTS + 1]).reshape(-1, 2),
            buckets.reshape(-1, _BUCKET_COLUMNS),
        ),
        Speed(ends[1:], speed, interval),
    )
    count = features.shape[0]
    cells, statuses = np.empty((count, 1), np.int64), np.empty((count, 1), np.uint8)
    result[0] = 1 if present_entities(states, features, cells, statuses) else 0
    result[1 : 1 + count] = cells[:, 0]
    result[1 + count : 1 + 2 * count] = statuses[:, 0]
    if picks.size == 0:
        return key[:0]
    references, known = np.empty(picks.size, np.int64), np.empty(picks.size, np.uint8)
    for p in range(picks.size):
        references[p], known[p] = cells[picks[p], 0], statuses[picks[p], 0]
    return join_pick_values(references, known, buckets, speed, result[1 + 2 * count :])
