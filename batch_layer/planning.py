"""What a run appends for a view, decided before anything is read: pure, so that every interleaving can be tried."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.core.generations import Compact, Extend, Generation, Segment
from schemas.core.instants import Instant

MOST: Final = 4
"""Segments that a generation has at most after a run."""


@dataclass(frozen=True)
class Plan:
    """What a run appends for one view: the segment that extends it, and before that what is compacted."""

    extend: Extend
    compact: Compact | None


def new_segment(start: Instant | None, end: Instant) -> Segment:
    """A segment under an id that is never used again."""
    return Segment(uuid.uuid4().hex, start, end)


def plan_run(
    current: Generation | None,
    end: Instant,
    rows: Mapping[str, int],
    *,
    may_compact: bool = True,
    cut: Instant | None = None,
) -> Plan:
    """Extend to `end`; compact first where the view would have more than `MOST` segments then.

    `cut` is up to where a running recompute goes: what ends there is not merged with what begins there, since the
    recompute fits a cut alone.
    """
    extend = Extend(new_segment(current.boundary if current else None, end))
    held = current.segments if current else ()
    apart = next((index for index, each in enumerate(held) if each.start is not None and each.start == cut), None)
    sizes = [rows.get(each.id, 0) for each in held]
    window = to_compact(sizes, most=MOST - 1, apart=apart) if may_compact else None
    if window is None:
        return Plan(extend, None)
    inputs = held[window.start : window.stop]
    segment = Segment(uuid.uuid4().hex, inputs[0].start, inputs[-1].end)
    return Plan(extend, Compact(tuple(each.id for each in inputs), segment))


def to_compact(rows: Sequence[int], *, most: int, apart: int | None = None) -> range | None:
    """The adjacent segments, given their sizes in order, that cost least to merge so that `most` are left.

    None where there are no more than that, or all would merge segment `apart` with the one before it.

    Merging the fewest rows keeps an old, large segment out of it until its neighbours have grown to its size:
    each row is then rewritten a number of times that grows with the logarithm of all rows alone.

    >>> to_compact([1_000_000, 40, 10, 20], most=3)
    range(2, 4)
    >>> to_compact([1_000_000, 40, 10, 20], most=3, apart=3)
    range(1, 3)
    """
    length = len(rows) - most + 1
    if length < 2:
        return None
    starts = [start for start in range(len(rows) - length + 1) if apart is None or not start < apart < start + length]
    if not starts:
        return None
    cheapest = min(starts, key=lambda start: (sum(rows[start : start + length]), -start))
    return range(cheapest, cheapest + length)
