"""Waiting for a condition, within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable

_PAUSE = 0.1


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = _PAUSE) -> bool:
    """Whether the condition came true within the bound; it is asked `every` so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True
