"""### Watch every model, and ask for training again where there is reason

Every hour, each model by itself. **Reads** the predictions and outcomes that are judged, the events that features come
from, and the champion's distributions in MLflow. **Writes** a row into the Delta table `watches`, and the page
`watch.html` into the day's run of the model's experiment in MLflow. **Emits** the asset `retrain.MODEL` where the model
should be trained again before its time, with the reasons; the DAG `retrain` follows it.

The label of the task says in short what was found, its log everything: quality by day and version, the share of
predictions with an outcome, drift of each input, and the features that were served otherwise than batch computes them.

| it found | do |
|---|---|
| drift, worse quality, or enough new labels | nothing: `retrain` runs, and promotes what is better |
| a reason that asks for nothing now | nothing: it asked, or a version was trained while it stood, less than a day ago |
| few outcomes | `tideline status`: the program that joins them, or producers leave out the label's key |
| no champion, or no prediction | nothing, if so it should be; else `tideline model list`, and who asks for scores |

**When it fails**

| what is red | do |
|---|---|
| `watch` | its log has the reason: an event is not judged yet, MLflow does not answer, or an artifact was edited |
| `explained` | features were served that batch does not compute, and nothing explains it; its log has samples |

Clear `watch` once `views` has run, `tideline status` shows MLflow, or `tideline train MODEL` has made a version; what
a run has listed is given again. For `explained`, `tideline verify` and `tideline reconcile` say whether serving or
batch is wrong.
"""

from __future__ import annotations

import json
from datetime import timedelta

from airflow.sdk import DAG, AssetAlias, Context, task, task_group
from airflow.sdk.exceptions import AirflowFailException

from dags.platform import CATALOG, SETTINGS, chosen, deadline, every, one_or_all, retraining_of
from infra.airflow.operators import Application, Done

RETRAINING = AssetAlias("retraining", group="tideline")


def asks(done: Done, context: Context) -> None:
    """What follows as the label of the task, and the asset that has the model trained again."""
    context["found"] = f"{done['model']}: {done['decision']}"  # type: ignore[typeddict-unknown-key]
    if done["asks"]:
        extra = {"reasons": [each["told"] for each in done["asks"]], "version": done["version"]}
        context["outlet_events"][RETRAINING].add(retraining_of(done["model"]), extra=extra)


with DAG(
    "watch",
    schedule=every("20 * * * *", "watch"),
    deadline=deadline("watch", timedelta(hours=1)),
    doc_md=__doc__,
    params={"model": one_or_all("model", CATALOG.models)},
    **SETTINGS,
) as dag:

    @task(doc_md="Red where features were served otherwise than batch computes them, and nothing explains it.")
    def explained(done: Done) -> int:
        """How many cells were compared. They would be as wrong in the next try, so there is none."""
        if wrong := {ask: each for ask, each in done["skew"].items() if each["differing"]["unexplained"]}:
            raise AirflowFailException(json.dumps(wrong, indent=2))
        return sum(each["cells"] for each in done["skew"].values())

    @task_group
    def of_model(model: str) -> None:
        """What is done for each model by itself."""
        watch = Application(
            task_id="watch",
            arguments=["watch", model, "--run", "{{ run_id }}"],
            outlets=[RETRAINING],
            emit=asks,
            map_index_template="{{ found }}",
            doc_md="Measures quality, coverage, drift and skew, and says whether to train again.",
        )
        explained(watch.output)

    of_model.expand(model=chosen("model", CATALOG.models))
