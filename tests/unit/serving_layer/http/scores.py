"""A desk that scores alarms, and a row that it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from schemas.core.codec import model_of
from schemas.core.models import Model
from schemas.core.signatures import decode_signature
from serving_layer.http.app import create_app
from serving_layer.http.predict import Scorers
from serving_layer.models.columns import Columns
from serving_layer.models.fitted import read_scorer
from serving_layer.models.recording import Predictions
from serving_layer.models.served import Opened, Scoring, ServedModel
from tests.unit.serving_layer.http.asking import AppTransport, Desk
from tests.unit.serving_layer.models.alarms import Artifact, alarms, artifact

ROW: dict[str, Any] = {
    "sensor": "s1",
    "unit": 1,
    "open": True,
    "level": 7.5,
    "kind": "smoke",
    "cost": "12.50",
    "since": "2026-03-01T07:00:00.250Z",
}


def opened(texts: Artifact, of: Model, number: str = "1") -> Opened:
    """A version as a reader has it open."""
    names = [each.name for each in of.inputs]
    scorings = []
    for part, format_ in (("model", "lightgbm-text"), ("baseline", "logistic-json")):
        columns = Columns(decode_signature(texts[f"{part}/signature.json"].decode()), names)
        scorings.append(Scoring(columns, read_scorer(format_, texts[f"{part}/fitted.txt"], columns.names)))
    return Opened(number, of, model_of(of), *scorings)


class Kept:
    """A recorder that keeps what it is given, and says what it is told to."""

    def __init__(self) -> None:
        self.answer, self.given = True, list[Predictions]()

    async def record(self, predictions: Predictions) -> bool:
        self.given.append(predictions)
        return self.answer


class Scores:
    """A desk that scores alarms."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.recorder = desk, Kept()
        self.joined: dict[str, dict[str, int]] = {}
        self.scorers = Scorers(recorder=self.recorder, joined=lambda: self.joined)
        self.app = create_app(desk.reader(), self.scorers)
        desk.app, desk.transport = self.app, AppTransport(self.app)
        desk.http = httpx.Client(transport=desk.transport, base_url="http://reader")
        self.serve()

    def serve(self, of: Model | None = None, **versions: Opened | None) -> None:
        of = of or alarms()
        given: dict[str, Any] = {"champion": opened(artifact(), of), **versions}
        self.desk.store.serve_model(ServedModel(of, model_of(of), **given))

    def post(self, body: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.desk.http.post("/v1/models/alarms/predict", content=content)

    def predict(self, *rows: Mapping[str, Any], features: bool = True) -> dict[str, Any]:
        response = self.post({"rows": list(rows), "features": features})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def one(self, **changed: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.predict({**ROW, **changed})["predictions"][0]
        return found
