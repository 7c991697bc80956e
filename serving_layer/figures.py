"""What the applier has done, as counters that a scrape reads from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

FRESHNESS_BOUNDS: Final = (
    *(5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 175, 200, 250, 300, 400, 500),
    *(1_000, 2_000, 5_000, 10_000, 30_000),
)
"""Upper bounds in milliseconds, each included; one more bucket holds what lies above all.

A quantile drawn from them lies within 10 ms of the true one up to 150 ms, which is where most are.
"""


@dataclass(frozen=True)
class Figures:
    """Speed records applied of one view since its store was made.

    `freshness` counts them by (applied - `_available_at`): one number a bound of `FRESHNESS_BOUNDS` and one above,
    not cumulative. `freshness_sum` is in milliseconds.
    """

    records: int
    freshness: tuple[int, ...]
    freshness_sum: int


class Measured(Protocol):
    """A store whose applier keeps figures."""

    def figures(self) -> Mapping[str, Figures]:
        """By view; a view whose applier has done nothing yet may be absent."""
