"""What DAGs share: their owner, patience and alarms, the choice of one or all, and the assets that join them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from airflow.sdk import Asset, CronTriggerTimetable, Param, XComArg, task
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from infra.airflow.alarms import failed, late
from infra.airflow.freshness import GenerationOf
from schemas.core.catalog import load_catalog

CATALOG: Final = load_catalog()

SETTINGS: Final[dict[str, Any]] = {
    "catchup": False,
    "max_active_runs": 1,
    "default_args": {
        "owner": "tideline",
        "retries": 2,
        "retry_delay": timedelta(seconds=15),
        "execution_timeout": timedelta(minutes=30),
        "on_failure_callback": failed,
    },
    # A DAG's own docstring is its page.
    "tags": ["tideline"],
}
"""Arguments of every DAG; what one needs otherwise it says after them."""

UNHURRIED: Final = 10
"""The niceness of what takes minutes and nobody waits for, beside a stream that answers within a second."""


def every(cron: str, dag: str) -> CronTriggerTimetable:
    """The schedule of a DAG in UTC, or the one that the environment has for it: `TIDELINE_SCHEDULE_ARCHIVE=0 * * * *`.

    Its first run is the next one: a new stack would begin with everything that was due before there was one.
    """
    chosen = os.environ.get(f"TIDELINE_SCHEDULE_{dag.upper()}", cron)
    return CronTriggerTimetable(chosen, timezone="UTC", run_immediately=timedelta())


def deadline(dag: str, within: timedelta) -> DeadlineAlert:
    """The alarm of a run that has not ended `within` its being queued."""
    why = f"a run of `{dag}` has not ended {within} after it was queued"
    return DeadlineAlert(
        name=f"{dag} ends",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=within,
        callback=AsyncCallback(late, kwargs={"what": why, "dag": dag}),
    )


def freshness(view: str, within: timedelta) -> DeadlineAlert:
    """The alarm of a generation whose boundary lies further back than this, while a run has not moved it."""
    why = f"the generation of `{view}` is older than {within}; answers are exact through the stream meanwhile"
    return DeadlineAlert(
        name=f"freshness of {view}",
        reference=GenerationOf(view),
        interval=within,
        callback=AsyncCallback(late, kwargs={"what": why, "dag": "views"}),
    )


def one_or_all(kind: str, among: Iterable[str]) -> Param:
    """A parameter that is one name of a kind, or `all`; `chosen` gives what was meant."""
    return Param("all", type="string", enum=["all", *among], description=f"One {kind}, or all of them.")


def chosen(kind: str, among: Iterable[str]) -> XComArg:
    """A task that gives the names meant by the parameter `kind`, for tasks that are mapped over them."""
    names = list(among)

    @task(task_id="chosen", doc_md=f"The {kind}s that the parameters name.")
    def named(params: dict[str, Any] | None = None) -> list[str]:
        """All, or one."""
        assert params is not None
        return names if params[kind] == "all" else [params[kind]]

    return named()


def raw_of(event: str) -> Asset:
    """The raw table of an event: bytes as they came."""
    return _asset("raw", event)


def view_of(view: str) -> Asset:
    """The generations of a view."""
    return _asset("view", view)


def model_of(model: str) -> Asset:
    """The champion of a model."""
    return _asset("model", model)


def retraining_of(model: str) -> Asset:
    """Reasons to train a model again before its time."""
    return _asset("retrain", model)


def _asset(kind: str, name: str) -> Asset:
    return Asset(name=f"{kind}.{name}", uri=f"tideline://{kind}/{name}", group="tideline")


RAW: Final = {event: raw_of(event) for event in sorted(CATALOG.events)}
RETRAINING: Final = {model: retraining_of(model) for model in sorted(CATALOG.models)}
