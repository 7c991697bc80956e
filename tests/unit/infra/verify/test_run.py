"""Through which instant a check asks: what was closed before it read, or since, but never beyond what it has read."""

from __future__ import annotations

import pytest

from infra.verify.run import latest
from schemas.core.instants import Instant
from schemas.core.language import Event, string

EVENT = Event("reading", fields={"place": string}, epoch="10s")


@pytest.mark.parametrize(
    ("before", "now", "read", "through"),
    [
        (20_000, 20_000, 25_000, 20_000),
        (20_000, 50_000, 60_000, 50_000),
        (20_000, 50_000, 41_000, 40_000),
        (20_000, 50_000, 40_000, 40_000),
        (20_000, 50_000, 19_000, 20_000),
        (20_000, 50_000, None, 20_000),
    ],
)
def test_the_last_closed_epoch_that_was_read(before: int, now: int, read: int | None, through: int) -> None:
    found = latest(Instant(before), Instant(now), None if read is None else Instant(read), EVENT)
    assert found == through
