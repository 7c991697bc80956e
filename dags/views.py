"""### Raw → valid and quarantine → segments → generations

Runs when any raw table has grown, and every quarter of an hour. **Reads** raw. **Writes** the valid and quarantine
tables of each event, the segments of each view, and publishes one generation a view, up to the greatest epoch start
that every partition has passed. **Emits** the asset of each view that moved.

`build` ─► `gate`, which asks whether what was judged and built meets the rules, and `publish`, one a view, which moves
its pointer: one commit, at once or not at all.

`build` judges, builds and checks in one Spark application. Where a rule is broken nothing of that event is published;
`gate` is red then, and its log is the alarm.

A view that fails leaves the others alone, and the generation before it goes on being served: answers stay exact
through the stream for as long as its retention lasts (`tideline batch status` says how long).

**When it fails**

| what is red | do |
|---|---|
| `build` | its log says which part of the stack it could not use; nothing is published, so clear the task |
| `gate` | its log names the rule, what in the contract would take the records out, the time left, and the page |
| one of `publish` | its log has the reason of this view; `tideline batch recompute VIEW` builds it again from raw |

A `publish` that is skipped had nothing new, was stopped by the gate, or was overtaken: the next run plans anew.
Clearing tasks, old runs and two runs at once are safe: what no longer fits is discarded and counted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAlias, AssetAny, AssetOrTimeSchedule, Context, XComArg, task
from airflow.sdk.exceptions import AirflowFailException

from dags.platform import CATALOG, RAW, SETTINGS, deadline, every, freshness, view_of
from infra.airflow.operators import Application, Command, Done

VIEWS = AssetAlias("views", group="tideline")


def moved(done: Done, context: Context) -> None:
    """The new generation, where there is one, and what its event counts up to the boundary."""
    if done["edits"]:
        generation, built = done["generation"], context["ti"].xcom_pull(task_ids="build", key="events")
        event = CATALOG.views[done["view"]].on.name
        counts = next(each["conservation"] for each in built if each["event"] == event)
        extra: dict[str, Any] = {
            **{name: counts[name] for name in ("received", "valid", "duplicate", "quarantined")},
            "boundary": generation["boundary"],
            "generation": generation["generation"],
            "segments": len(generation["segments"]),
            "edits": done["edits"],
            "discarded": done["discarded"],
            "seconds": context["ti"].xcom_pull(task_ids="build", key="seconds"),
        }
        context["outlet_events"][VIEWS].add(view_of(done["view"]), extra=extra)


def unmoved(done: Done) -> str | None:
    """Why nothing was published, where nothing was."""
    if done["edits"]:
        return None
    return "; ".join(done["notes"]) or "nothing new"


with DAG(
    "views",
    schedule=AssetOrTimeSchedule(timetable=every("*/15 * * * *", "views"), assets=AssetAny(*RAW.values())),
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

    @task(doc_md="Red where a rule over whole tables stops an event; its log is the alarm, and says what to do.")
    def gate(checks: Done) -> int:
        """How many events were checked. It would be as broken in the next try, so there is none."""
        if alarms := [check["alarm"] for check in checks if check["alarm"]]:
            raise AirflowFailException("\n\n".join(alarms))
        return len(checks)

    gate(XComArg(build, "checks"))
    Command.partial(
        task_id="publish",
        arguments=["batch_layer", "publish"],
        outlets=[VIEWS],
        emit=moved,
        skip=unmoved,
        map_index_template="{{ task.document.view }}",
        doc_md="Publishes what was built of one view, if it still fits the generation that is current now.",
    ).expand(document=build.output)
