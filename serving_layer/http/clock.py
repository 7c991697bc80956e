"""Time as an argument: what a request reads of the clock, and how it waits."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from schemas.core.instants import Instant


class Clock(Protocol):
    """The time of this process; tests move one by hand."""

    def now(self) -> Instant:
        """The wall clock."""

    def elapsed(self) -> float:
        """Seconds that only grow, from an arbitrary start."""

    async def pause(self, seconds: float) -> None:
        """Let others run for about that long."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> Instant:
        """Whole milliseconds since 1970 in UTC."""
        return Instant(time.time_ns() // 1_000_000)

    def elapsed(self) -> float:
        """The monotonic clock."""
        return time.monotonic()

    async def pause(self, seconds: float) -> None:
        """Yield to the event loop."""
        await asyncio.sleep(seconds)
