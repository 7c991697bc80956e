"""### Train a challenger of each model, and replace the champion if it is better beyond noise

Every night, by hand, or as soon as a watch asks for it: then only the models that it asks for, and the label of
`training_set` says why. Parameters: `model`, or `all`; and whether a person is asked before a champion is replaced.

    training_set ─► train ─► decide ─► waits? ─► approve ─► promote        for each model by itself

**Reads** valid records, one version of each table, and the registry. **Writes** a training set with a row for each
event of the model whose label is known by now, a version in MLflow as `challenger`, and on it why it did or did not
become `champion`: the label of `decide` in this run says it in short, its log gate by gate. **Emits** the asset of each
model that has a new champion.

The champion goes on scoring meanwhile, whatever fails here.

**When it fails**

| what is red | do |
|---|---|
| `training_set` | an event is not judged yet, or no horizon has passed: `views` has to run first; clear it then |
| `train` | its log says what is missing: rows, both outcomes, or MLflow (`tideline status`); clear it |
| `decide` | the challenger could not be held against the champion; its log names what to write or train again |
| `approve` | nobody answered within two days; `tideline model promote MODEL` promotes it still |

A challenger that is not promoted is no failure. A champion that was wrong: `tideline model rollback MODEL`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAlias, AssetAny, AssetOrTimeSchedule, Context, Param, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from dags.platform import CATALOG, RETRAINING, SETTINGS, deadline, every, model_of, one_or_all
from infra.airflow.approvals import approve, done_by
from infra.airflow.operators import Application, Command, Done

MODELS = AssetAlias("models", group="tideline")
_DECIDED = done_by("of_model.decide")


def crowned(done: Done, context: Context) -> None:
    """What was decided as the label of the task, and the asset of a model whose champion is another one."""
    became = "promoted" if done["promoted"] else "waits" if done["waits"] else "not promoted"
    context["decided"] = f"{done['model']} {done['version']} {became}: {done['reason']}"  # type: ignore[typeddict-unknown-key]
    if done["promoted"]:
        extra = {"version": done["version"], "former": done["former"], "reason": done["reason"]}
        context["outlet_events"][MODELS].add(model_of(done["model"]), extra=extra)


def asked_for(events: Mapping[Any, Sequence[Any]] | None) -> dict[str, list[str]]:
    """The models that a watch asks for, with its reasons; none where time or a person started the run."""
    names = {asset.name: model for model, asset in RETRAINING.items()}
    return {
        names[asset.name]: [reason for event in some for reason in event.extra.get("reasons", ["asked for by hand"])]
        for asset, some in (events or {}).items()
        if asset.name in names  # each event stands under the alias that a watch emits it by, too
    }


def because(done: Done, context: Context) -> None:
    """Why the model is trained as the label of the task."""
    reasons = asked_for(context.get("triggering_asset_events")).get(done["model"])
    why = "; ".join(dict.fromkeys(reasons)) if reasons else "as every night, or by hand"
    context["because"] = f"{done['model']}: {why}"  # type: ignore[typeddict-unknown-key]


with DAG(
    "retrain",
    schedule=AssetOrTimeSchedule(timetable=every("0 5 * * *", "retrain"), assets=AssetAny(*RETRAINING.values())),
    deadline=deadline("retrain", timedelta(days=3)),
    doc_md=__doc__,
    params={
        "model": one_or_all("model", CATALOG.models),
        "ask_first": Param(False, type="boolean", description="A person promotes what every gate lets pass."),
    },
    **SETTINGS,
) as dag:

    @task(doc_md="The models that a watch asks for; else those that the parameters name.")
    def chosen(params: dict[str, Any] | None = None, triggering_asset_events: Any = None) -> list[str]:
        """All, one, or those that started the run."""
        assert params is not None
        asked = sorted(asked_for(triggering_asset_events))
        return asked or (list(CATALOG.models) if params["model"] == "all" else [params["model"]])

    @task(doc_md="Goes on where every gate holds and a person has the last word.")
    def waits(done: Done) -> str:
        """What a person has to decide; a short circuit would not stop the tasks after it in a mapped group."""
        if not done["waits"]:
            raise AirflowSkipException("nobody is asked")
        return str(done["reason"])

    @task_group
    def of_model(model: str) -> None:
        """What is done for each model by itself."""
        training_set = Application(
            task_id="training_set",
            arguments=["training-set", model],
            emit=because,
            map_index_template="{{ because }}",
            doc_md="Writes a row for each event of the model, as it would have been answered then, with its label.",
        )
        train = Command(
            task_id="train",
            arguments=["batch_layer", "train", model],
            doc_md="Learns from the older rows and registers the version as challenger, judged by the newest window.",
        )
        decide = Command(
            task_id="decide",
            arguments=[
                *("batch_layer", "model", "promote", model),
                "{{ '--ask-first' if params.ask_first else '--at-once' }}",
            ],
            outlets=[MODELS],
            emit=crowned,
            map_index_template="{{ decided }}",
            doc_md="Holds the challenger against the champion on rows that neither has learnt from.",
        )
        approved = approve(_DECIDED, subject="Replace the champion?", shows="every gate")
        promote = Command(
            task_id="promote",
            arguments=["batch_layer", "model", "promote", model, "--version", f"{{{{ ({_DECIDED}).version }}}}"],
            outlets=[MODELS],
            emit=crowned,
            doc_md="Promotes it, if every gate still holds.",
        )
        training_set >> train >> decide
        waits(decide.output) >> approved >> promote

    of_model.expand(model=chosen())
