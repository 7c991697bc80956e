"""What a run may never have read, because the log lost it first: pure.

A source that finds its place gone goes on where the log begins and says nothing. So a claim that steps over that place
is suspected; a run that had read it in time is suspected too where it was lost within a moment.

    claimed ──────┬── gone ──┬── read ──▶ the next claim
                  first      end
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.core.damage import Gap, kept_offsets
from schemas.core.instants import Instant, format_instant


@dataclass(frozen=True)
class Missed:
    """Offsets that a run may not have read. Answers with a boundary from `until` on do not depend on them.

    That is a horizon after the last of them was available: copies of them that come later count as they would.
    """

    gap: Gap
    until: Instant


Misses = Mapping[int, Missed]
"""By partition."""


def with_skipped(known: Misses, skipped: Iterable[Gap], until: Instant) -> dict[int, Missed]:
    """What is missed once more was stepped over; of one partition it is one gap, and the later end of it."""
    found = dict(known)
    for gap in skipped:
        before = found.get(gap.partition, Missed(gap, until))
        first, end = min(before.gap.first, gap.first), max(before.gap.end, gap.end)
        found[gap.partition] = Missed(Gap(gap.partition, first, end), max(before.until, until))
    return found


def without_accepted(known: Misses, accepted: Sequence[Gap]) -> dict[int, Missed]:
    """What is still missed where a person has accepted losses: what no layer is to have is missed by none."""
    return {
        partition: each
        for partition, each in known.items()
        if kept_offsets({partition: each.gap.first}, accepted)[partition] < each.gap.end
    }


def told(run: str, misses: Misses, boundary: Instant) -> str | None:
    """What answers with this boundary may lack, or None."""
    found = [each for _, each in sorted(misses.items()) if boundary < each.until]
    if not found:
        return None
    until = format_instant(max(each.until for each in found))
    return (
        f"the run `{run}` may not have read {', '.join(str(each.gap) for each in found)} before the log lost them; "
        f"whole again once batch has passed {until}"
    )


def encode_misses(misses: Misses) -> Any:
    """As a record."""
    return [[each.gap.partition, each.gap.first, each.gap.end, each.until] for _, each in sorted(misses.items())]


def decode_misses(record: Any) -> dict[int, Missed]:
    """What `encode_misses` wrote."""
    return {
        partition: Missed(Gap(partition, first, end), Instant(until)) for partition, first, end, until in record or ()
    }
