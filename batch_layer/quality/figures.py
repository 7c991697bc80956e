"""What the rules over whole tables look at, counted by Arrow: beside Spark, and not by what built it.

   former weeks                                     this week
─┤[a─7d, b─7d)├── … known at end─7d ───────────────┤[a, b)├── known at end ──▶ event_time
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from batch_layer.conservation import Conservation
from batch_layer.quality.limits import WEEK, Limits
from batch_layer.quality.rules import Figures, Piece
from batch_layer.tables import greatest, least, quarantine_table, valid_table
from schemas.core import names
from schemas.core.events import Event
from schemas.core.instants import DAY, HOUR, Duration, Instant
from schemas.lake.tables import data_at

_SHIFTS: Final = (HOUR, Duration(0), Duration(-HOUR))


def read_figures(  # noqa: PLR0913 - what is looked at, what is known of it, and how
    lake: Path,
    event: Event,
    start: Instant | None,
    end: Instant,
    conservation: Conservation,
    *,
    floor: Instant | None,
    limits: Limits,
) -> Figures:
    """Count what became available below `end`, beside the `conservation` there; a person has looked below `floor`."""
    since = max((each for each in (start, floor) if each is not None), default=None)
    begun = least(valid_table(lake, event), "available_at")
    received, reasons = _received(lake, event, since, end)
    return Figures(
        conservation=conservation,
        received=received,
        quarantined=sum(reasons.values()),
        pieces=_pieces(lake, event, cut(start, end, floor=floor, limits=limits), end, begun, limits),
        silence=_silence(lake, event, end, floor),
        silences=_silences(lake, event, end, begun, limits),
        reasons=dict(reasons.most_common()),
    )


def cut(start: Instant | None, end: Instant, *, floor: Instant | None, limits: Limits) -> list[tuple[Instant, Instant]]:
    """The hours of which the volume is looked at, back from the end: of all that is unpublished, and the last always.

    What has no start is looked at from `floor` on.
    """
    lowest = min(end - HOUR, end if start is None else start)
    if floor is not None:
        lowest = floor if start is None else max(lowest, floor)
    lowest = max(lowest, end - limits.hours * HOUR)
    ends = range(end, lowest, -HOUR)
    return [(Instant(max(lowest, each - HOUR)), Instant(each)) for each in ends]


def _received(lake: Path, event: Event, start: Instant | None, end: Instant) -> tuple[int, Counter[str]]:
    at = ds.field("available_at")
    within = at < end if start is None else (at >= start) & (at < end)
    valid = data_at(valid_table(lake, event)).count_rows(filter=within)
    found = data_at(quarantine_table(lake, event)).to_table(columns=["reason"], filter=within)
    reasons = Counter[str](found["reason"].to_pylist())
    return valid + sum(reasons.values()), reasons


def _pieces(
    lake: Path,
    event: Event,
    spans: Sequence[tuple[Instant, Instant]],
    end: Instant,
    begun: Instant | None,
    limits: Limits,
) -> list[Piece]:
    if begun is None or not spans:
        return []
    lowest = min(start for start, _ in spans)
    weeks = [each for each in range(1, limits.weeks + 1) if begun <= lowest - each * WEEK - HOUR]
    ranges = [(lowest - each * WEEK - HOUR, end - each * WEEK + HOUR) for each in (0, *weeks)]
    happened, available = _instants(lake, event, ranges)

    def counts(shift: int) -> list[int]:
        known = np.sort(happened[available < end - shift])
        edges = np.array(spans, np.int64) - shift
        found = np.searchsorted(known, edges)
        return [int(last - first) for first, last in found]

    now = counts(0)
    former = [list(zip(*(counts(each * WEEK + shift) for shift in _SHIFTS), strict=True)) for each in weeks]
    return [
        Piece(start, last, now[index], [(week[index][0], week[index][1], week[index][2]) for week in former])
        for index, (start, last) in enumerate(spans)
    ]


def _instants(lake: Path, event: Event, ranges: Sequence[tuple[int, int]]) -> tuple[Any, Any]:
    """`event_time` and `available_at` of what counts and happened within any of the ranges."""
    happened = ds.field("event_time")
    within = reduce(or_, [(happened >= first) & (happened < last) for first, last in ranges])
    rows = data_at(valid_table(lake, event)).to_table(
        columns=["event_time", "available_at"], filter=within & ds.field(names.COUNTED)
    )
    return rows["event_time"].to_numpy(), rows["available_at"].to_numpy()


def records_of(lake: Path, event: Event, piece: Piece, end: Instant) -> tuple[pa.Table, pa.Table]:
    """The records of a piece that count, and those of the same hours of former weeks."""
    fields = [name for name, _ in event.fields]

    def read(ranges: Sequence[tuple[int, int]]) -> pa.Table:
        happened = ds.field("event_time")
        within = reduce(or_, [(happened >= first) & (happened < last) for first, last in ranges])
        known = ds.field("available_at") < end
        return data_at(valid_table(lake, event)).to_table(
            columns=fields, filter=within & known & ds.field(names.COUNTED)
        )

    weeks = range(1, len(piece.former) + 1)
    former = [(piece.start - each * WEEK - HOUR, piece.end - each * WEEK + HOUR) for each in weeks]
    return read([(piece.start, piece.end)]), read(former)


def _silence(lake: Path, event: Event, end: Instant, floor: Instant | None) -> Duration | None:
    reached = greatest(valid_table(lake, event), "available_at").value
    if reached is None:
        return None
    return Duration(max(0, end - max(reached, floor or reached)))


def _silences(lake: Path, event: Event, end: Instant, begun: Instant | None, limits: Limits) -> list[Duration]:
    """How long nothing had come at this moment of each former week, or an hour before or after it."""
    found = []
    for week in range(1, limits.weeks + 1):
        moments = [Instant(end - week * WEEK - shift) for shift in _SHIFTS]
        if begun is None or begun > min(moments) - WEEK:
            break
        found.append(max(_silent_before(lake, event, moment) for moment in moments))
    return found


def _silent_before(lake: Path, event: Event, moment: Instant) -> Duration:
    """Looked for further and further back, a week at most."""
    for back in (HOUR, DAY, WEEK):
        at = ds.field("available_at")
        rows = data_at(valid_table(lake, event)).to_table(
            columns=["available_at"], filter=(at >= moment - back) & (at < moment)
        )
        if rows.num_rows:
            return Duration(moment - int(rows["available_at"].to_numpy().max()))
    return WEEK
