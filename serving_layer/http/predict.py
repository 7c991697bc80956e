"""`POST /v1/models/{model}/predict`: rows scored on the merged features of one instant, from one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope

from schemas.core.feedback import CHAMPION
from schemas.core.instants import SECOND
from serving_layer.http.hot import read_all
from serving_layer.http.presentation import instant_text, to_json
from serving_layer.http.problems import Problem, shown
from serving_layer.http.questions import parameters
from serving_layer.http.reader import Reader
from serving_layer.http.rows import RowForm
from serving_layer.models.figures import ModelFigures
from serving_layer.models.recording import Fallback, NoRecorder, Prediction, Predictions, Recorder
from serving_layer.models.scoring import Predictor, Scored
from serving_layer.models.served import ServedModel
from serving_layer.models.shadow import Shadow, Shadowed
from serving_layer.snapshot import Snapshot

PREDICT: Final = "/v1/models/{model}/predict"


@dataclass
class Scorers:
    """What a reader scores with, beside its store; `joined` says by model what came of predictions."""

    predictor: Predictor = field(default_factory=Predictor)
    shadow: Shadow = field(default_factory=Shadow)
    figures: ModelFigures = field(default_factory=ModelFigures)
    recorder: Recorder = field(default_factory=NoRecorder)
    joined: Callable[[], Mapping[str, Mapping[str, int]]] = dict


class PredictRoute:
    """Many rows, in order."""

    path: str = PREDICT
    methods: tuple[str, ...] = ("POST",)

    def __init__(self, reader: Reader, scorers: Scorers) -> None:
        self._reader = reader
        self._scorers = scorers
        self._forms: dict[str, RowForm] = {}

    async def read(self, name: str, scope: Scope, receive: Receive) -> bytes | None:
        """Score the rows of the body, record them, and offer them to a challenger."""
        body = await read_all(scope, receive, "rows")
        if body is None:
            return None
        for parameter in parameters(scope["query_string"]):
            detail = f"unknown parameter `{shown(parameter)}`; this route has none, what is asked is in the body"
            raise Problem("unknown-parameter", detail, available=[])
        with self._reader.store.snapshot() as snapshot:
            served = model_of(snapshot, name)
            wanted = self._form(served).read(body)
            scored = self._scorers.predictor.score(snapshot, served, wanted.rows, self._reader.clock.now())
        recorded = await self._scorers.recorder.record(scored.predictions)
        self._count(scored, served, recorded=recorded)
        return self._json(scored.predictions, recorded=recorded, features=wanted.features)

    def _form(self, served: ServedModel) -> RowForm:
        champion = served.champion
        definition, model = (
            (served.definition, served.model) if champion is None else (champion.definition, champion.model)
        )
        form = self._forms.get(definition)
        if form is None:
            form = self._forms[definition] = RowForm(model)
        return form

    def _count(self, scored: Scored, served: ServedModel, *, recorded: bool) -> None:
        found, figures, champion = scored.predictions, self._scorers.figures, served.champion
        name, version = found.model, found.version or ""
        for each in found.predictions:
            figures.predicted[name, version, each.fallback.source if each.fallback else CHAMPION] += 1
            figures.decided[name, version] += each.decision
        (figures.recorded if recorded else figures.unrecorded)[name, version] += len(found.predictions)
        figures.score(name, version, (each.score for each in found.predictions))
        if champion is None or scored.numbers is None:
            return
        figures.input(name, version, champion.scoring.columns.names, scored.numbers)
        if served.challenger is not None:
            self._scorers.shadow.offer(Shadowed(champion, served.challenger, scored.inputs, scored.scores, found.as_of))

    def _json(self, found: Predictions, *, recorded: bool, features: bool) -> bytes:
        proofs = {view: orjson.Fragment(self._reader.proof(*proof)) for view, proof in found.proofs.items()}
        return to_json(
            {
                "model": found.model,
                "version": found.version,
                "definition": found.definition,
                "as_of": instant_text(found.as_of),
                "recorded": recorded,
                "predictions": [_prediction(each, features=features) for each in found.predictions],
                "proofs": proofs,
            }
        )


def model_of(snapshot: Snapshot, name: str) -> ServedModel:
    """What a model is scored with; raises Problem where it is not applied."""
    models = snapshot.models()
    found = models.get(name)
    if found is not None:
        return found
    if not models:
        raise Problem(
            "nothing-loaded",
            "no model is loaded, so there is nothing to score with; run `tideline apply`, and look at `tideline "
            "status`: `model-loader` loads them from MLflow",
            available=[],
            headers={"retry-after": "1"},
        )
    listed = ", ".join(f"`{each}`" for each in sorted(models))
    raise Problem("unknown-model", f"unknown model `{shown(name)}`; available: {listed}", available=sorted(models))


def _prediction(each: Prediction, *, features: bool) -> Mapping[str, Any]:
    told = {
        "prediction_id": each.id,
        "score": each.score,
        "decision": each.decision,
        "fallback": None if each.fallback is None else _fallback(each.fallback),
    }
    return {**told, "features": each.features} if features else told


def _fallback(fallback: Fallback) -> Mapping[str, Any]:
    told = {"by": fallback.source, "because": fallback.because}
    return told if fallback.age is None else {**told, "age_seconds": fallback.age / SECOND}
