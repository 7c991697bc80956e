"""What scores leave behind: an event of each prediction, one of what then turned out, and views of both.

    prediction ─┬─────────────────────────────────► `{model}_scores`
                └─ by the label's key, in its horizon ─► outcome ─► `{model}_quality`
    label event ──────────────────────────────────┘

Both events have the `event_id` that the response called `prediction_id`: however often one is sent, it counts once.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from schemas.core.errors import DefinitionError
from schemas.core.events import Event
from schemas.core.expressions import col
from schemas.core.measures import count, mean, sum_
from schemas.core.models import Model
from schemas.core.records import SYSTEM_FIELDS
from schemas.core.types import Field, bool_, float64, int64, string, timestamp
from schemas.core.views import View

BUCKETS: Final = 100
"""Scores are counted by hundredths: quality of any window is merged from what each holds."""
CHAMPION: Final = "champion"
"""The source of a score that fell back to nothing."""
SOURCES: Final = (CHAMPION, "last_good", "baseline", "prior")

_SCORED: Final = {"bucket": int64, "model_version": string, "score": float64, "source": string}
_RULES: Final = {
    "bucket_of_score": (col("bucket") >= 0) & (col("bucket") < BUCKETS),
    "score_is_probability": (col("score") >= 0) & (col("score") <= 1),
    "known_source": col("source").is_in(SOURCES),
}


def bucket_of(score: float) -> int:
    """Which hundredth a score is counted in; 1 is in the last."""
    return min(int(score * BUCKETS), BUCKETS - 1)


def row_field(name: str) -> str:
    """The field of a prediction that holds a field of the row: `event_id` is `of_event_id`, all others their own."""
    return f"of_{name}" if name in SYSTEM_FIELDS else name


@cache
def prediction_of(model: Model) -> Event:
    """The event of one scored row, at the instant that its features are of.

    Holds the row with the label's key, both null where the request left them out, the inputs scored on (null where
    none were), the score with what gave it, and the proof of each view as JSON text. `model_version` is empty where no
    champion was loaded. `speed_through` is the earliest of the proofs, null where no view was served. Raises
    DefinitionError where a column of the model has the name of one of these.
    """
    types = {**model.on.types, **SYSTEM_FIELDS}
    row = {*model.row, *(field for _, field in model.label.by)}
    columns = {
        **{row_field(name): Field(types[name]) for name in row},
        **{each.name: Field(each.type) for each in model.inputs},
    }
    own = {**_SCORED, "decision": bool_, "definition": string, "proofs": string, "speed_through": timestamp.optional}
    for name in sorted(columns.keys() & own.keys()):
        raise DefinitionError(
            f"column `{name}` of model `{model.name}` has the name of what its predictions are recorded with; rename "
            f"it, and use none of {', '.join(f'`{each}`' for each in sorted(own))}"
        )
    return Event(
        f"{model.name}_prediction",
        doc=f"A row that was scored by model `{model.name}`.",
        fields={**{name: field.optional for name, field in columns.items()}, **own},
        rules=_RULES,
        epoch="1m",
    )


@cache
def outcome_of(model: Model) -> Event:
    """The event of what turned out for one prediction, at the instant when that was known.

    `loss` is the negative logarithm of the probability that was given to it; `after` how many milliseconds later than
    the prediction it was known. Slices are those of the gates, where the row had them.
    """
    slices = {name: Field(model.on.types[name]).optional for name in model.gates.slices}
    for name in sorted(slices.keys() & {*_SCORED, "label", "loss", "predicted_at", "after"}):
        raise DefinitionError(f"model `{model.name}` cannot be sliced by `{name}`: its outcomes have a field so named")
    return Event(
        f"{model.name}_outcome",
        doc=f"What turned out for a prediction of model `{model.name}`.",
        fields={**_SCORED, "label": bool_, "loss": float64, "predicted_at": timestamp, "after": int64, **slices},
        rules={**_RULES, "known_later": col("after") >= 0},
        epoch="1m",
    )


@cache
def scores_of(model: Model) -> View:
    """How scores lie, live and exact."""
    return View(
        f"{model.name}_scores",
        doc=f"Scores of model `{model.name}` by version and hundredth.",
        on=prediction_of(model),
        by=("model_version", "bucket"),
        features={
            "predictions": count().over("1h", "1d", "7d"),
            "decisions": sum_("decision").over("1d", "7d"),
            "fallbacks": sum_(col("source") != CHAMPION).over("1h", "1d", "7d"),
        },
    )


@cache
def quality_of(model: Model) -> View:
    """How scores met what turned out, live and exact; area and calibration are merged from the hundredths."""
    return View(
        f"{model.name}_quality",
        doc=f"Outcomes of model `{model.name}` by version and hundredth of the score.",
        on=outcome_of(model),
        by=("model_version", "bucket"),
        features={
            "outcomes": count().over("1d", "7d"),
            "positives": sum_("label").over("1d", "7d"),
            "mean_score": mean("score").over("1d", "7d"),
            "mean_loss": mean("loss").over("1d", "7d"),
            "mean_wait": mean("after").over("1d", "7d"),
        },
    )


def feedback_of(model: Model) -> tuple[View, View]:
    """The views that follow from a model, and with them its events."""
    return scores_of(model), quality_of(model)
