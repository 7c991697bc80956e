"""Waits for what a stack comes to."""

from __future__ import annotations

from collections.abc import Callable

from infra.stack.waiting import wait_until
from schemas.core.errors import TidelineError


def settles(holds: Callable[[], bool], told: Callable[[], str] = str, *, seconds: float) -> None:
    """Return once it holds; while it cannot be asked, or there is nothing to ask about yet, it does not."""

    def is_so() -> bool:
        try:
            return holds()
        except (TidelineError, ValueError):
            return False

    assert wait_until(is_so, seconds=seconds), told()
