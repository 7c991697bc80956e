"""What counts: one copy of an `event_id`, until a horizon has passed without another.

horizon 25, copies of one id in one partition, by available_at

  1        20            40                   66
  ●────19───○─────20──────○────────26──────────●
counts    within 25     within 25            counts: the copy at 40 is 26 back
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.core.instants import Duration, Instant
from schemas.core.records import Record


def counts(previous: Instant | None, available_at: Instant, horizon: Duration) -> bool:
    """Whether a copy counts, given when the copy before it in its partition was available (None: there is none)."""
    return previous is None or available_at - previous >= horizon


def counted(records: Iterable[Record], horizon: Duration) -> Iterator[Record]:
    """The valid records that count, partition by partition in order of arrival.

    Rows of equal (partition, offset) are one row. What counts at t depends on `[t - horizon, t)` alone, so a run
    that starts from one horizon back decides as if it had read everything.
    """
    seen: dict[tuple[int, str], Instant] = {}
    rows = {(record.partition, record.offset): record for record in records}
    for record in sorted(rows.values(), key=lambda each: (each.partition, each.available_at, each.offset)):
        copy = (record.partition, record.event_id)
        if counts(seen.get(copy), record.available_at, horizon):
            yield record
        seen[copy] = record.available_at
