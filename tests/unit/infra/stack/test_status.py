"""What status says of starts, states and sums."""

from __future__ import annotations

import pytest

from infra.stack.layout import Layout
from infra.stack.noted import process_ids, restarts
from infra.stack.status import Line, Status, read_status
from schemas.core.errors import UnavailableError


def line(name: str, state: str, resident_mb: int) -> Line:
    return Line(name, state, 4711, None, resident_mb, 0, f"/logs/{name}.log")


def test_starts_since_up_are_counted(layout: Layout) -> None:
    assert restarts(layout, "kafka") == 0
    layout.starts.mkdir(parents=True)
    (layout.starts / "kafka").write_text("11\n")
    assert restarts(layout, "kafka") == 0
    (layout.starts / "kafka").write_text("11\n12\n13\n")
    assert restarts(layout, "kafka") == 2
    assert process_ids(layout, "kafka") == [11, 12, 13]


def test_the_sum_and_the_verdict() -> None:
    well = Status("/home", (line("kafka", "running", 350), line("reader", "not started", 0)))
    assert (well.resident_mb, well.is_well) == (350, True)
    ill = Status("/home", (line("kafka", "dead, starting again", 0), line("reader", "running", 90)))
    assert (ill.resident_mb, ill.is_well) == (90, False)
    assert ill.encode()["resident_mb"] == 90


def test_a_stack_that_never_was_is_not_up(layout: Layout) -> None:
    with pytest.raises(UnavailableError, match="the stack is not up"):
        read_status(layout)
