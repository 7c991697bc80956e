"""The walk: one pass over what one entity has done and what is asked of it, in order of availability, compiled.

A group is an entity within a chunk of time. Its events fall into the tiles that occur in it; a binary indexed tree over
them, newest first, holds merged partials:

    tile     10:00  10:05  10:10  10:15
    place      4      3      2      1        an event merges into O(log tiles) nodes,
    nodes     1-4     3     1-2     1        a tail at 10:05 into an answer from places 1 to 3: nodes 1-2 and 3

A late event merges into its own tile when its turn comes, so no order of event times is assumed, and nothing is ever
taken out again: `merge` alone is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]
"""int64 or float64; the walk is compiled for each."""

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Op(IntEnum):
    """How a column merges."""

    ADD = 0
    LEAST = 1
    GREATEST = 2


_ADD: Final = int(Op.ADD)
_LEAST: Final = int(Op.LEAST)


class Steps(NamedTuple):
    """What is walked: rows sorted by group, then instant, what is asked before what happens at the same instant.

    Group g has the rows `rows[g]` to `rows[g + 1]` and the tiles `tiles[ends[g]]` to `tiles[ends[g + 1]]`, ascending
    and different. `place` is an event's tile among those of its group, from 0; -1 where the row asks.
    """

    rows: Ints
    ends: Ints
    tiles: Ints
    at: Ints
    place: Ints


class Columns(NamedTuple):
    """The partials: a column of `values` merges by its `ops`, whose identity is in `zeros`."""

    values: Numbers
    ops: Ints
    zeros: Numbers


class Wanted(NamedTuple):
    """`windows` are (length, hop), hop 0 for a lifetime; w asks for the columns `columns[ends[w]:ends[w + 1]]`."""

    windows: Ints
    ends: Ints
    columns: Ints


def compiled(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """The function as machine code, cached on disk."""
    return cast("Callable[_Parameters, _Result]", numba.njit(function, cache=True, nogil=True, error_model="numpy"))


@compiled
def walk(steps: Steps, columns: Columns, wanted: Wanted, answers: Numbers) -> None:
    """Fill `answers`: a row for each row that asks, in order, with what each window wants."""
    most = 0
    for group in range(len(steps.ends) - 1):
        most = max(most, steps.ends[group + 1] - steps.ends[group])
    nodes = np.empty((most + 1, len(columns.ops)), columns.values.dtype)
    asked = 0
    for group in range(len(steps.rows) - 1):
        first, last = steps.ends[group], steps.ends[group + 1]
        size = last - first
        for node in range(1, size + 1):
            nodes[node] = columns.zeros
        for row in range(steps.rows[group], steps.rows[group + 1]):
            if steps.place[row] >= 0:
                node = size - steps.place[row]
                while node <= size:
                    for column in range(len(columns.ops)):
                        nodes[node, column] = _merged(
                            columns.ops[column], nodes[node, column], columns.values[row, column]
                        )
                    node += node & -node
                continue
            for window in range(len(wanted.windows)):
                begin, end = wanted.ends[window], wanted.ends[window + 1]
                for wish in range(begin, end):
                    answers[asked, wish] = columns.zeros[wanted.columns[wish]]
                length, hop = wanted.windows[window]
                node = size
                if hop > 0:
                    tail = steps.at[row] - length
                    node = last - _first_from(steps.tiles, first, last, tail - tail % hop)
                while node > 0:
                    for wish in range(begin, end):
                        column = wanted.columns[wish]
                        answers[asked, wish] = _merged(columns.ops[column], answers[asked, wish], nodes[node, column])
                    node -= node & -node
            asked += 1


@compiled
def _first_from(tiles: Ints, first: int, last: int, tail: int) -> int:
    """The first of `tiles[first:last]` that is not below the tail."""
    while first < last:
        middle = (first + last) // 2
        if tiles[middle] < tail:
            first = middle + 1
        else:
            last = middle
    return first


@compiled
def _merged(op: int, left: Any, right: Any) -> Any:
    if op == _ADD:
        return left + right
    if op == _LEAST:
        return min(left, right)
    return max(left, right)
