"""Windows, hops and tiles: which tiles an answer at q takes in.

W = 1h, h = 5m, q = 12:03

tile  …│10:55│11:00│11:05│ … │11:55│12:00│
             └─ floor(q - W, h) = 11:00      the tail: rounded down to the hop
               ├───────── counted ─────────┤ q   the head: exact
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.core.errors import DefinitionError
from schemas.core.instants import DAY, HOUR, MINUTE, Duration, Instant, floor, format_duration, parse_duration

LIFETIME_TILE = Instant(0)
"""The start of the one tile of a view that has lifetime features only."""


@dataclass(frozen=True)
class Window:
    """`length` and `hop` in milliseconds; `length` is a multiple of `hop`. No window means lifetime."""

    length: Duration
    hop: Duration

    def tail(self, at: Instant) -> Instant:
        """The start of the first tile that an answer at `at` takes in; the window holds [W, W + h)."""
        return Instant(floor(at - self.length, self.hop))

    @property
    def is_coarse(self) -> bool:
        """Whether the rounding of the tail may exceed a sixth of the window: worth a warning."""
        return self.hop * 6 > self.length


def window(length: str, hop: str | None = None) -> Window:
    """A window from text such as `"7d"`; `hop` may only be finer than the default of that length."""
    size = parse_duration(length)
    default = default_hop(size)
    step = default if hop is None else parse_duration(hop)
    if step > default:
        raise DefinitionError(
            f"hop `{hop}` is coarser than the default {format_duration(default)} of a window of `{length}`; "
            "choose a finer one or leave it out"
        )
    if size % step:
        raise DefinitionError(
            f"window `{length}` is no multiple of its hop {format_duration(step)}; "
            f"choose a multiple, or a finer `hop=` that divides `{length}`"
        )
    return Window(size, step)


def default_hop(length: int) -> Duration:
    """5 minutes below 12 hours, 1 hour below 12 days, else 1 day."""
    if length < 12 * HOUR:
        return Duration(5 * MINUTE)
    return HOUR if length < 12 * DAY else DAY


def tile_length(windows: Iterable[Window]) -> Duration | None:
    """The greatest common divisor of the hops, or None where there is no window: one tile for all time."""
    length = math.gcd(*(each.hop for each in windows))
    return Duration(length) if length else None


def tile_of(event_time: Instant, length: Duration | None) -> Instant:
    """The start of the tile in which an event lies."""
    return LIFETIME_TILE if length is None else Instant(floor(event_time, length))
