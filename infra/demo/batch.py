"""The batch side as Airflow does it: runs of its DAGs, started and followed from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from infra.airflow.client import ENDED, Airflow, DagRun
from infra.stack import airflow
from infra.stack.layout import Layout
from infra.stack.waiting import wait_until
from schemas.core.errors import RefusedError, UnavailableError
from schemas.core.instants import Instant, parse_instant

ENDS_WITHIN: Final = 1_800.0
"""Seconds for a run of a DAG, so many that only one that hangs meets it: on two busy cores a year took 40 to build."""
_PARSED_WITHIN: Final = 120.0
_STARTS_WITHIN: Final = 5.0
_TO_BEGIN: Final = (None, "scheduled", "queued")
"""States of a task that waits for what comes before it, or for its pool."""

Say = Callable[[str], None]


@contextmanager
def connected(layout: Layout) -> Iterator[Airflow]:
    """Airflow's REST interface once it knows the DAGs. Raises `RefusedError` in a stack without it."""
    password = airflow.password(layout)
    if not layout.settings.airflow or password is None:
        raise RefusedError("Airflow does the batch side of the demo, and this stack has none; unset `TIDELINE_AIRFLOW`")
    with Airflow(layout.settings.airflow, airflow.USER, password) as client:
        if not wait_until(lambda: {"archive", "views", "retrain"} <= client.dags().keys(), seconds=_PARSED_WITHIN):
            why = "; ".join(client.import_errors()) or "no error is told"
            raise UnavailableError(f"airflow has not read its DAGs after {_PARSED_WITHIN:.0f} s ({why})")
        yield client


def run_batch(client: Airflow, say: Say, *, through: Instant | None = None) -> dict[str, Any]:
    """Archive, then judge, build and publish; `events` and `views` as the task `build` tells them.

    Takes all that is in the log when this is called, or with `through` at least what was available before that. What
    the schedule has under way is waited for first, as a run of our own would have to, and is often enough.
    """
    under_way = _under_way(client)
    if under_way is not None:
        ran = _followed(client, under_way.run, say)
        if not _has_begun(under_way) or (through is not None and _reaches(ran, through)):
            return ran
    return _followed(client, client.trigger("archive"), say)


def _under_way(client: Airflow) -> DagRun | None:
    """The first run of `archive` that has not ended."""
    runs = [each["dag_run_id"] for each in client.runs("archive") if each["state"] not in ENDED]
    return client.run("archive", runs[-1]) if runs else None


def _has_begun(run: DagRun) -> bool:
    """Whether it may have read the log; one that has not takes as much as one that is started now."""
    return any(task.state not in _TO_BEGIN for task in run.tasks)


def _reaches(ran: Mapping[str, Any], through: Instant) -> bool:
    """Whether there are events, and the boundary of each is this far."""
    boundaries = [each["boundary"] for each in ran["events"]]
    return bool(boundaries) and all(each is not None and parse_instant(each) >= through for each in boundaries)


def _followed(client: Airflow, run: str, say: Say) -> dict[str, Any]:
    """What the views have become after a run of `archive`; both are well."""
    archived = client.follow("archive", run, seconds=ENDS_WITHIN, report=say)
    require_well(client, archived)
    done = client.follow("views", _views_after(client, archived), seconds=ENDS_WITHIN, report=say)
    require_well(client, done)
    return {
        "views": client.result("views", done.run, "build"),
        "events": client.result("views", done.run, "build", key="events"),
    }


def _views_after(client: Airflow, archived: DagRun) -> str:
    """The run of `views` that the assets of an archive have started, or else one that is started here."""
    if wait_until(lambda: client.started_by("views", archived) is not None, seconds=_STARTS_WITHIN):
        return client.started_by("views", archived) or ""
    return client.trigger("views")


def require_well(client: Airflow, run: DagRun) -> None:
    """Raises `UnavailableError` with the end of the log of what failed."""
    for task in run.tasks:
        if task.state == "failed":
            end = "\n".join(client.log(run.dag, run.run, task).splitlines()[-8:])
            raise UnavailableError(
                f"task `{task.task}` of DAG `{run.dag}` failed; see {client.url}/dags/{run.dag}\n{end}"
            )
