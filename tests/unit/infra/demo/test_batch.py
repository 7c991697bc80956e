"""Which run of `archive` the demo follows: what the schedule has under way where that takes enough, or its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.airflow.client import DagRun, Task
from infra.demo.batch import run_batch
from schemas.core.instants import parse_instant

REACHED = "2026-11-20T12:00:00.000Z"
LATER = "2026-11-20T12:01:00.000Z"


class FakeAirflow:
    """One run of `archive` by the schedule, in a state; whatever is followed succeeds, and comes to `REACHED`."""

    def __init__(self, state: str, task: str | None, *boundaries: str | None) -> None:
        self.scheduled = DagRun("archive", "scheduled", state, None, [Task("archive", -1, None, task, 1, None)])
        self.followed: list[str] = []
        self._boundaries = boundaries

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

    def result(self, dag: str, run: str, task: str, key: str = "return_value") -> Any:
        if key == "events":
            return [{"boundary": each} for each in self._boundaries]
        return f"{dag} {run} {task}"


SCHEDULED = ["scheduled", "views after scheduled"]
BY_HAND = ["archive by hand", "views after archive by hand"]


@pytest.mark.parametrize(
    ("state", "task", "followed"),
    [
        ("queued", None, SCHEDULED),
        ("running", "scheduled", SCHEDULED),
        ("running", "queued", SCHEDULED),
        ("running", "running", [*SCHEDULED, *BY_HAND]),
        ("running", "up_for_retry", [*SCHEDULED, *BY_HAND]),
        ("success", "success", BY_HAND),
    ],
)
def test_all_that_is_in_the_log_is_in_no_run_that_may_have_read_it(
    state: str, task: str | None, followed: list[str]
) -> None:
    airflow = FakeAirflow(state, task, REACHED)
    said: list[str] = []
    ran = run_batch(airflow, said.append)  # type: ignore[arg-type] # as much of it as is asked
    assert airflow.followed == followed
    assert ran == {"views": f"views {followed[-1]} build", "events": [{"boundary": REACHED}]}


@pytest.mark.parametrize(
    ("boundaries", "through", "followed"),
    [
        ([REACHED, REACHED], REACHED, SCHEDULED),
        ([LATER, REACHED], REACHED, SCHEDULED),
        ([LATER, REACHED], LATER, [*SCHEDULED, *BY_HAND]),
        ([LATER, None], REACHED, [*SCHEDULED, *BY_HAND]),
        ([], REACHED, [*SCHEDULED, *BY_HAND]),
    ],
)
def test_a_run_under_way_is_enough_where_every_event_comes_as_far(
    boundaries: list[str | None], through: str, followed: list[str]
) -> None:
    airflow = FakeAirflow("running", "running", *boundaries)
    run_batch(airflow, lambda _: None, through=parse_instant(through))  # type: ignore[arg-type]
    assert airflow.followed == followed
