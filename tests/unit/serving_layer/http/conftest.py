"""A desk with two views, a handful of readings, and claims up to a second ago."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.core.instants import Instant
from tests.unit.serving_layer.http.asking import NOW, SENSORS, UNITS, Desk, reading
from tests.unit.serving_layer.http.scores import Scores

READINGS = [
    reading(0, "07:10:00.000", {"temp": 18.0, "ticks": 2**62, "paid": 1250, "note": "first"}),
    reading(1, "07:25:00.000", {"temp": 22.0, "ticks": 2**62, "open": False}),
    reading(2, "07:31:00.000", {"temp": 26.0, "ticks": 2**62, "paid": -5, "seen_at": Instant(-1)}),
    reading(3, "07:34:00.000", {"sensor": "s2", "unit": 7, "note": 'a "quoted" \u00fc\U0001f600'}),
]


@pytest.fixture(name="desk")
def desk_fixture() -> Iterator[Desk]:
    """Served from generation 1 and run `r1`."""
    desk = Desk()
    desk.store.receive("reading", READINGS)
    desk.publish(SENSORS)
    desk.publish(UNITS)
    desk.store.claim("reading", {0: 4, 1: 0}, Instant(NOW - 1_000))
    yield desk
    desk.transport.close()


@pytest.fixture(name="empty")
def empty_fixture() -> Iterator[Desk]:
    """Nothing is loaded."""
    desk = Desk()
    yield desk
    desk.transport.close()


@pytest.fixture(name="scores")
def scores_fixture(desk: Desk) -> Iterator[Scores]:
    """The desk with a champion for alarms."""
    first = desk.transport
    scores = Scores(desk)
    yield scores
    scores.scorers.shadow.close()
    first.close()
