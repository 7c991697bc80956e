"""What a job's entry in Flink's overview says."""

from __future__ import annotations

from typing import Any

import pytest

from infra.airflow.jobs import state_of


def job(name: str, state: str, began: int, running: int = 3) -> dict[str, Any]:
    return {"name": name, "state": state, "start-time": began, "tasks": {"total": 3, "running": running}}


@pytest.mark.parametrize(
    ("jobs", "state"),
    [
        ([], None),
        ([job("another", "RUNNING", 1)], None),
        ([job("sale-1", "RUNNING", 1)], "RUNNING"),
        ([job("sale-1", "RUNNING", 1, running=2)], "STARTING"),
        ([job("sale-1", "FAILED", 1, running=0)], "FAILED"),
        ([job("sale-1", "RUNNING", 2), job("sale-1", "CANCELED", 1, running=0)], "RUNNING"),
        ([job("sale-1", "CANCELED", 1, running=0), job("sale-1", "INITIALIZING", 2, running=0)], "INITIALIZING"),
    ],
)
def test_the_newest_job_of_a_name_counts(jobs: list[dict[str, Any]], state: str | None) -> None:
    assert state_of(jobs, "sale-1") == state
