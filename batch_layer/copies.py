"""Copies that count all the same: in another partition, or beyond the horizon. Pure, over an Arrow table.

     2 horizons                            1 horizon
├────────────────────────────────┼──────────────────────────────┤ a record that counts
 a copy here: beyond the horizon    one here does not let it count
 one in another partition that counts, here or there: stray
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Duration, Instant

COLUMNS: Final = ("event_id", names.PARTITION, names.OFFSET, "available_at", names.COUNTED)
"""What is looked at of a valid record."""


def reach(horizon: Duration) -> Duration:
    """How far back a copy is looked for."""
    return Duration(2 * horizon)


@dataclass(frozen=True)
class _Rows:
    """Columns of the records whose id occurs more than once; `id` is a number that stands for it."""

    id: Any
    partition: Any
    offset: Any
    at: Any
    counted: Any
    is_new: Any

    def ordered(self, by: Sequence[Any]) -> _Rows:
        """In the order of these keys, the first above all."""
        return self.only(np.lexsort(tuple(reversed(by))))

    def only(self, chosen: Any) -> _Rows:
        """These rows, by place or by a condition."""
        return _Rows(*(each[chosen] for each in vars(self).values()))


def count_copies(rows: pa.Table, start: Instant | None, horizon: Duration) -> tuple[int, int]:
    """How many records from `start` on are stray, and how many beyond the horizon; what lies before is looked back at.

    Of records of one instant, that of the higher partition is the later one.
    """
    ids = rows["event_id"].cast(pa.large_string()).combine_chunks().dictionary_encode().indices.to_numpy()
    partition, offset, at, counted = (rows[name].to_numpy() for name in COLUMNS[1:])
    is_new = np.ones(len(at), np.bool_) if start is None else at >= start
    several = _Rows(ids, partition, offset, at, counted, is_new).only(np.bincount(ids)[ids] > 1)
    return _stray(several, horizon), _beyond(several, horizon)


def _stray(rows: _Rows, horizon: Duration) -> int:
    rows = rows.only(rows.counted)
    rows = rows.ordered([rows.id, rows.at, rows.partition, rows.offset])
    begins = np.ones(len(rows.id), np.bool_)
    begins[1:] = (rows.id[1:] != rows.id[:-1]) | (rows.partition[1:] != rows.partition[:-1])
    # The last row before those of one id and partition that stand together.
    other = np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0)) - 1
    later, earlier = rows.only(other >= 0), rows.only(other[other >= 0])
    is_near = (later.id == earlier.id) & (later.at - earlier.at < reach(horizon))
    return int(np.count_nonzero(is_near & later.is_new))


def _beyond(rows: _Rows, horizon: Duration) -> int:
    rows = rows.ordered([rows.id, rows.partition, rows.at, rows.offset])
    later, earlier = rows.only(slice(1, None)), rows.only(slice(None, -1))
    is_copy = (later.id == earlier.id) & (later.partition == earlier.partition)
    distance = later.at - earlier.at
    is_between = (distance >= horizon) & (distance < reach(horizon))
    return int(np.count_nonzero(is_copy & is_between & later.counted & later.is_new))
