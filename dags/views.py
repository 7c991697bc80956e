"""### Raw → valid and quarantine → segments → generations

Runs when any raw table has grown, and every quarter of an hour. **Reads** raw. **Writes** the valid and quarantine
tables of each event, the segments of each view, and publishes one generation a view, up to the greatest epoch start
that every partition has passed. **Emits** the asset of each view that moved.

    build ─┬─► gate, one an event     does what was built meet the table rules
           └─► publish, one a view    move the pointer: one commit, at once or not at all

A view that fails leaves the others alone, and the generation before it goes on being served: answers stay exact
through the stream for as long as its retention lasts (`tideline batch status` says how long).

**When it fails**

| what is red | do |
|---|---|
| `build` | its log says which part of the stack it could not use; nothing is published, so clear the task |
| one of `gate` | its log names the table rule, the contract rule that would take the records out, and the time left |
| one of `publish` | its log has the reason of this view; `tideline batch recompute VIEW` builds it again from raw |

A `publish` that is skipped had nothing new, or its edit was overtaken by another run: the next one plans anew.
Clearing tasks, old runs and two runs at once are safe: what no longer fits is discarded and counted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAlias, AssetAny, AssetOrTimeSchedule, Context, CronTriggerTimetable

from dags.platform import CATALOG, RAW, SETTINGS, deadline, freshness, view_of
from infra.airflow.operators import Application, Command, Done

VIEWS = AssetAlias("views", group="tideline")


def moved(done: Done, context: Context) -> None:
    """The new generation, where there is one."""
    if done["edits"]:
        generation = done["generation"]
        extra: dict[str, Any] = {
            "generation": generation["generation"],
            "boundary": generation["boundary"],
            "segments": len(generation["segments"]),
            "edits": done["edits"],
            "discarded": done["discarded"],
        }
        context["outlet_events"][VIEWS].add(view_of(done["view"]), extra=extra)


def unmoved(done: Done) -> str | None:
    """Why nothing was published, where nothing was."""
    if done["edits"]:
        return None
    return "; ".join(done["notes"]) or "nothing new"


with DAG(
    "views",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/15 * * * *", timezone="UTC"), assets=AssetAny(*RAW.values())
    ),
    deadline=[
        deadline("views", timedelta(minutes=20)),
        *(freshness(view, timedelta(minutes=45)) for view in CATALOG.views),
    ],
    doc_md=__doc__,
    **SETTINGS,
) as dag:
    build = Application(
        task_id="build",
        arguments=["build"],
        each="views",
        doc_md="Judges what raw has beyond the last boundary and appends the segments of every view, unpublished.",
    )
    Command.partial(
        task_id="publish",
        arguments=["batch_layer", "publish"],
        outlets=[VIEWS],
        emit=moved,
        skip=unmoved,
        map_index_template="{{ task.document.view }}",
        doc_md="Publishes what was built of one view, if it still fits the generation that is current now.",
    ).expand(document=build.output)
