"""Which run of `archive` the demo follows: one of the schedule that has yet to read the log, or one of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.airflow.client import DagRun, Task
from infra.demo.batch import run_batch


class FakeAirflow:
    """One run of `archive` by the schedule, in a state; whatever is followed succeeds."""

    def __init__(self, state: str, task: str | None) -> None:
        self.scheduled = DagRun("archive", "scheduled", state, None, [Task("archive", -1, None, task, 1, None)])
        self.followed: list[str] = []

    def runs(self, dag: str) -> list[Mapping[str, Any]]:
        return [{"dag_run_id": self.scheduled.run, "state": self.scheduled.state}] if dag == "archive" else []

    def run(self, _: str, __: str) -> DagRun:
        return self.scheduled

    def trigger(self, dag: str) -> str:
        return f"{dag} by hand"

    def follow(self, dag: str, run: str, *, seconds: float, report: Callable[[str], None]) -> DagRun:
        report(f"{run} of {dag} within {seconds:.0f} s")
        self.followed.append(run)
        return DagRun(dag, run, "success", None, [Task(dag, -1, None, "success", 1, None)])

    def started_by(self, dag: str, emitter: DagRun) -> str:
        return f"{dag} after {emitter.run}"

    def result(self, dag: str, run: str, task: str, key: str = "return_value") -> str:
        return f"{dag} {run} {task} {key}"


@pytest.mark.parametrize(
    ("state", "task", "followed"),
    [
        ("queued", None, "scheduled"),
        ("running", "scheduled", "scheduled"),
        ("running", "queued", "scheduled"),
        ("running", "running", "archive by hand"),
        ("running", "up_for_retry", "archive by hand"),
        ("success", "success", "archive by hand"),
    ],
)
def test_a_run_that_has_yet_to_read_the_log_is_not_doubled(state: str, task: str | None, followed: str) -> None:
    airflow = FakeAirflow(state, task)
    said: list[str] = []
    ran = run_batch(airflow, said.append)  # type: ignore[arg-type] # as much of it as is asked
    assert airflow.followed == [followed, f"views after {followed}"]
    assert ran["events"] == f"views views after {followed} build events"
