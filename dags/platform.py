"""What all DAGs share: their owner, their patience, their alarms, and the assets that join them."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, Final

from airflow.sdk import Asset, CronTriggerTimetable
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


def raw_of(event: str) -> Asset:
    """The raw table of an event: bytes as they came."""
    return Asset(name=f"raw.{event}", uri=f"tideline://raw/{event}", group="tideline")


def view_of(view: str) -> Asset:
    """The generations of a view."""
    return Asset(name=f"view.{view}", uri=f"tideline://view/{view}", group="tideline")


def model_of(model: str) -> Asset:
    """The champion of a model."""
    return Asset(name=f"model.{model}", uri=f"tideline://model/{model}", group="tideline")


RAW: Final = {event: raw_of(event) for event in sorted(CATALOG.events)}
