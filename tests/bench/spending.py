"""What a piece of work takes: seconds, processor seconds and memory of this process and all that it has started."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
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
    """Do it, watched; a process that ends meanwhile counts with what it had taken when it was last looked at."""
    ended, before = threading.Event(), _look()
    look, began = before, time.monotonic()

    def watch() -> None:
        nonlocal look
        while not ended.wait(_EVERY):
            look = look.and_then(_look())

    watching = threading.Thread(target=watch, name="watching", daemon=True)
    watching.start()
    try:
        done = work()
    finally:
        seconds = time.monotonic() - began
        ended.set()
        watching.join()
        look = look.and_then(_look())
    cores = sum(look.cores.values()) - sum(before.cores.values())
    return done, Spent(seconds, cores, look.resident >> 20)


@dataclass(frozen=True)
class _Look:
    """Processor seconds by process, and the bytes resident in all of them."""

    cores: Mapping[tuple[int, float], float]
    resident: int

    def and_then(self, later: _Look) -> _Look:
        """With those of a process that is not there any more, and the most that was resident."""
        return _Look({**self.cores, **later.cores}, max(self.resident, later.resident))


def _look() -> _Look:
    """At this process and each that it has started and that still lives."""
    own, cores, resident = psutil.Process(), dict[tuple[int, float], float](), 0
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cores[process.pid, process.create_time()] = times.user + times.system
            resident += process.memory_info().rss
    return _Look(cores, resident)
