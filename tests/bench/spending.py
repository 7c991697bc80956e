"""What a piece of work takes: seconds, processor seconds and memory of this process and all that it has started."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import psutil

_EVERY: Final = 0.1
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Spent:
    """`seconds` by the clock, `cores` of all processors, and the most `megabytes` resident of ten looks a second."""

    seconds: float
    cores: float
    megabytes: int

    def shown(self, rows: int) -> dict[str, float]:
        """As it stands in the JSON, with the rate of so many rows."""
        rate = round(rows / self.seconds)
        return {
            "rows": rows,
            "seconds": round(self.seconds, 2),
            "cores": round(self.cores, 2),
            "rows_a_second": rate,
            "megabytes": self.megabytes,
        }


def spent(work: Callable[[], _Out]) -> tuple[_Out, Spent]:
    """Do it, watched; processes that begin and end meanwhile count while they live."""
    ended, most = threading.Event(), [0]

    def watch() -> None:
        while True:
            most[0] = max(most[0], sum(int(each) for each in _each(_resident)))
            if ended.wait(_EVERY):
                return

    watching = threading.Thread(target=watch, name="watching", daemon=True)
    before, began = sum(_each(_cores)), time.monotonic()
    watching.start()
    try:
        done = work()
    finally:
        seconds, cores = time.monotonic() - began, sum(_each(_cores)) - before
        ended.set()
        watching.join()
    return done, Spent(seconds, cores, most[0] >> 20)


def _each(of: Callable[[psutil.Process], float]) -> list[float]:
    """Of this process and of each that it has started and that still lives."""
    own = psutil.Process()
    found = []
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(of(process))
    return found


def _resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss)


def _cores(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
