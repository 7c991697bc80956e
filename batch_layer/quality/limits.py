"""Beyond what an event's publication is stopped: no part of its meaning, so no definition hash knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.core.instants import DAY, HOUR, Duration

WEEK: Final = Duration(7 * DAY)


@dataclass(frozen=True)
class Limits:
    """`share` of what was received may be quarantined, once `share_of` records were.

    A volume is far off where all of these say so, against the same hours of up to `weeks` former weeks, of which at
    least `least_weeks` must be there: more than `times` the usual or less than the `times`-th part of it; further from
    it than `spreads` of what those weeks differ by; and by at least `records`. Each week is taken an hour earlier and
    later too, since clocks change. Of what was not published for longer, the last `hours` are looked at.

    An event is silent too long after `silence`, and after `silences` times the longest silence in which it stood at
    this moment of those weeks.
    """

    share: float = 0.25
    share_of: int = 1_000
    weeks: int = 4
    least_weeks: int = 2
    times: float = 4.0
    spreads: float = 6.0
    records: int = 30
    hours: int = 168
    silence: Duration = HOUR
    silences: float = 3.0


LIMITS: Final = Limits()
