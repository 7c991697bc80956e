"""What waits for a person: the newest recompute, unless it is published or another came after it."""

from __future__ import annotations

import pytest

from batch_layer.approval import waiting
from schemas.core.generations import Generation, Recompute, Segment
from schemas.core.instants import Instant
from schemas.lake.recomputes import Recomputed

OLD, NEW, OTHER = (Segment(name, None, Instant(10)) for name in ("old", "new", "other"))
AT = Instant(1_000)


def recomputed(segment: Segment) -> Recomputed:
    return Recomputed("view", "d", Recompute(segment), AT, "", None)


def generation(*segments: Segment) -> Generation:
    return Generation("view", "d", 1, Instant(10), segments, AT, "recompute")


@pytest.mark.parametrize(
    ("recomputes", "generations", "expected"),
    [
        ([], [], None),
        ([OLD, NEW], [generation(OTHER)], NEW),
        ([OLD, NEW], [generation(NEW), generation(OTHER)], None),
        ([OLD, NEW], [generation(OLD)], NEW),
    ],
)
def test_the_newest_waits(recomputes: list[Segment], generations: list[Generation], expected: Segment | None) -> None:
    found = waiting([recomputed(each) for each in recomputes], generations)
    assert (found.segment if found else None) == expected
