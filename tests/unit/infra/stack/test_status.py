"""What status says of starts, states and sums."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.stack.layout import Layout
from infra.stack.noted import process_ids, restarts
from infra.stack.status import Line, Status, Stopped, read_status, stopped_events
from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.lake.stopped import Stop, put_stop


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


def test_airflow_and_mlflow_are_beside_what_the_limit_is_of() -> None:
    core = (line("kafka", "running", 1_350), line("reader", "running", 150))
    assert Status("/home", core).memory == "1,500 MB resident of 3,500"
    beside = (line("airflow-scheduler", "running", 2_600), line("mlflow", "running", 400))
    both = Status("/home", (*core, *beside))
    assert both.memory == "1,500 MB resident of 3,500, and 3,000 of Airflow and MLflow"
    assert (both.encode()["resident_mb"], both.encode()["beside_mb"]) == (4_500, 3_000)


def test_events_that_batch_stands_still_with_are_named(tmp_path: Path) -> None:
    assert stopped_events(tmp_path) == ()
    contract = ("sale", "hash")
    put_stop(tmp_path, contract, Stop("volume", "too many", Instant(0), Instant(0)), live=[contract])
    found = stopped_events(tmp_path)
    assert found == (Stopped("sale", "1970-01-01T00:00:00.000Z", "volume"),)
    status = Status("/home", (line("kafka", "running", 1),), stopped=found)
    assert status.encode()["stopped"] == [{"event": "sale", "since": "1970-01-01T00:00:00.000Z", "rule": "volume"}]
    assert status.is_well, "no program is ill"


def test_a_stack_that_never_was_is_not_up(layout: Layout) -> None:
    with pytest.raises(UnavailableError, match="the stack is not up"):
        read_status(layout)
