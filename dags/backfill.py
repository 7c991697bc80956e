"""### Build a new or changed view over long history, in chunks of days

By hand, for a view that is applied and has no generation yet. Parameters: `view`, and the days of availability a chunk.

    plan ─► build, one a chunk ─► publish

**Reads** the valid records of each chunk alone: the cost of a day does not grow with the history before it. **Writes**
one segment a chunk, and publishes all of them as the first generation. Other views are not disturbed, and runs of
`views` leave this one to the backfill.

**When it fails**, clear what is red: chunks that are built stay, and only those that are missing are built. `tideline
batch backfill drop VIEW` gives it up; the next run of `views` then builds the view at once.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from dags.platform import CATALOG, SETTINGS, deadline
from infra.airflow.operators import Application, Command, Done


def arguments_of(chunk: Done) -> list[str]:
    """The command that builds a chunk is part of the plan."""
    return list(chunk["arguments"])


with DAG(
    "backfill",
    schedule=None,
    deadline=deadline("backfill", timedelta(days=2)),
    doc_md=__doc__,
    params={
        "view": Param(type="string", enum=list(CATALOG.views), description="A view without a generation."),
        "days": Param(7, type="integer", minimum=1, description="Days of availability a chunk."),
    },
    **SETTINGS,
) as dag:
    plan = Application(
        task_id="plan",
        arguments=["backfill", "plan", "{{ params.view }}", "--days", "{{ params.days }}"],
        each="chunks",
        doc_md="Judges what is archived and cuts it into chunks; the same plan again, with what is built of it.",
    )
    build = Application.partial(
        task_id="build",
        map_index_template="{{ task.application_args[-1] }}",
        doc_md="Appends the segment of one chunk.",
    ).expand(arguments=plan.output.map(arguments_of))
    publish = Command(
        task_id="publish",
        arguments=["batch_layer", "backfill", "publish", "{{ params.view }}"],
        doc_md="Publishes all chunks as the first generation.",
    )
    build >> publish
