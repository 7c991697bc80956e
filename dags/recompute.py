"""### Build views again from all of raw, and compare with what the increments made

By hand: what undoes a human error, or answers the question whether the increments are right. Parameters: `view`, or
`all`; and the reason, which `tideline batch status` goes on showing.

    rebuild ─► differs? ─► approve ─► publish        for each view by itself

**Reads** raw. **Writes** one segment a view, compares it row by row with the segments of the current generation, and
publishes it where both are equal. Where they differ, a person decides: the run waits under *Required Actions* with the
rows that differ, for two days.

**When it fails**

| what is red | do |
|---|---|
| `rebuild` | its log has the reason; another recompute of the view may be running. Clear it: nothing was published |
| `approve` | nobody answered; `tideline batch publish-recomputed VIEW` publishes the segment still |
| `publish` | the generation has moved so that it no longer fits: start the DAG again |

Rejecting leaves the generation as it is. The increments differ from raw only where something was wrong with them: find
out what, by `tideline explain`, before you approve.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from dags.platform import CATALOG, SETTINGS, chosen, deadline, one_or_all
from infra.airflow.approvals import approve, done_by
from infra.airflow.operators import Application, Command, Done

_REBUILT = done_by("of_view.rebuild")

with DAG(
    "recompute",
    schedule=None,
    deadline=deadline("recompute", timedelta(days=3)),
    doc_md=__doc__,
    params={
        "view": one_or_all("view", CATALOG.views),
        "reason": Param(type="string", minLength=1, description="Why; it is kept with the recompute."),
    },
    **SETTINGS,
) as dag:

    @task(doc_md="Goes on where the rebuilt view differs and was left unpublished.")
    def differs(done: Done) -> str:
        """What a person has to decide; a short circuit would not stop the tasks after it in a mapped group."""
        if done["generation"] is not None:
            raise AirflowSkipException("it is equal, and published")
        return str(done["segment"])

    @task_group
    def of_view(view: str) -> None:
        """What is done for each view by itself."""
        rebuild = Application(
            task_id="rebuild",
            arguments=["recompute", view, "--publish-if-equal", "--reason", "{{ params.reason }}"],
            doc_md="Judges all of raw again and builds the view as one segment, then compares.",
        )
        approved = approve(
            _REBUILT, subject="Publish a recompute that differs from the increments?", shows="the rows that differ"
        )
        publish = Command(
            task_id="publish",
            arguments=["batch_layer", "publish-recomputed", view, f"{{{{ ({_REBUILT}).segment }}}}"],
            doc_md="Publishes what was rebuilt, if it still fits.",
        )
        differs(rebuild.output) >> approved >> publish

    of_view.expand(view=chosen("view", CATALOG.views))
