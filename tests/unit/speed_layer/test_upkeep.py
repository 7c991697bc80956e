"""Whose topics may go: of runs that are stopped, have no job, and are served by nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.core.instants import Instant
from schemas.core.runs import Run
from speed_layer.upkeep import ended

STARTED = Run("started", "sale", "v", Instant(0), {0: 0}, "events.sale", {"d": "speed.r.d"}, Instant(0), "started")
STOPPED = replace(STARTED, run="stopped", state="stopped")


@pytest.mark.parametrize(("used", "over"), [(set(), [STOPPED]), ({"started"}, [STOPPED]), ({"stopped"}, [])])
def test_a_run_is_over_once_it_is_stopped_and_nobody_uses_it(used: set[str], over: list[Run]) -> None:
    assert ended([STARTED, STOPPED], used) == over
