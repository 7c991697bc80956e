"""A model of alarms that asks two views, artifacts of it fitted without our code, and a registry that is a dict."""

from __future__ import annotations

import decimal
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
import lightgbm
import numpy as np

from schemas.core.codec import inputs_of, model_of
from schemas.core.instants import Instant
from schemas.core.language import (
    Event,
    Model,
    ask,
    bool_,
    col,
    float64,
    int64,
    label,
    string,
    timestamp,
)
from schemas.core.language import (
    decimal as decimal_of,
)
from schemas.lake.models import AppliedModel
from tests.models import plain_model
from tests.unit.serving_layer.http.asking import SENSORS, UNITS

ALARM: Final = Event(
    "alarm",
    fields={
        "sensor": string,
        "unit": int64.optional,
        "open": bool_,
        "level": float64,
        "kind": string.optional,
        "cost": decimal_of(2).optional,
        "since": timestamp.optional,
    },
)
CHECKED: Final = Event("checked", fields={"real": bool_})
KINDS: Final = ["é", "fire", "smoke"]

Values = Mapping[str, Any]
Artifact = dict[str, bytes]


def alarms(**changed: Any) -> Model:
    given: dict[str, Any] = {
        "on": ALARM,
        "request": ("level", "kind", "cost", "since", "open"),
        "features": {
            "sensor": ask(SENSORS, "readings_1h", "temp_1h", "ticks", "paid", "seen", "open", "note"),
            "unit": ask(UNITS),
        },
        "label": label(CHECKED, col("real"), within="1d"),
        "baseline": "level",
        "stale_after": "10m",
        "prior": 0.3,
        "threshold": 0.5,
    }
    return plain_model("alarms", **{**given, **changed})


COLUMNS: Final = [
    ("cost", "decimal(2)"),
    ("kind", "string"),
    ("level", "float64"),
    ("open", "bool"),
    ("sensor_note", "string"),
    ("sensor_open", "bool"),
    ("sensor_paid", "decimal(2)"),
    ("sensor_readings_1h", "int64"),
    ("sensor_seen", "timestamp"),
    ("sensor_temp_1h", "float64"),
    ("sensor_ticks", "int64"),
    ("since", "timestamp"),
    ("unit_last_tick", "int64"),
    ("unit_readings", "int64"),
]
"""What the model reads, by hand: names in order, and types."""


def applied(of: Model) -> AppliedModel:
    return AppliedModel(of, model_of(of), Instant(0))


def number(name: str, of: str, value: Any, at: datetime) -> float:
    """A value of an answer or a request as the trees take it, by other means than ours."""
    if value is None:
        return math.nan
    if of == "string":
        known = KINDS if name == "kind" else NOTES
        return float(known.index(value)) if value in known else math.nan
    if of == "timestamp":
        return (at - datetime.fromisoformat(value)).total_seconds()
    return float(decimal.Decimal(value)) if of.startswith("decimal") else float(value)


NOTES: Final = ["first", "last"]


def booster(seed: int, columns: list[tuple[str, str]] | None = None) -> lightgbm.Booster:
    """Trees grown on noise: what they say is of no matter, that it is said of the right numbers is."""
    columns = COLUMNS if columns is None else columns
    draw = np.random.default_rng(seed)
    rows = draw.normal(0, 30, (400, len(columns)))
    rows[draw.random(rows.shape) < 0.2] = math.nan
    labels = (np.nan_to_num(rows).sum(axis=1) + draw.normal(0, 30, 400) > 0).astype(float)
    parameters = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    data = lightgbm.Dataset(rows, labels, feature_name=[name for name, _ in columns])
    return lightgbm.train(parameters, data, num_boost_round=20)


def signature(columns: list[tuple[str, str]]) -> bytes:
    categories = {"kind": KINDS, "sensor_note": NOTES}
    return json.dumps(
        [{"name": name, "type": of, "categories": categories.get(name, [])} for name, of in columns]
    ).encode()


def example(columns: list[tuple[str, str]]) -> bytes:
    names = [name for name, _ in columns]
    return json.dumps({"columns": names, "data": [[1.0] * len(names), [None] * len(names)]}).encode()


LINE: Final = {"means": [2.0], "scales": [4.0], "weights": [1.5], "intercept": -0.25}
"""The baseline; `line_score` says it again."""


def line_score(level: float) -> float:
    return 1 / (1 + math.exp(-(-0.25 + 1.5 * (level - 2.0) / 4.0)))


@functools.cache
def trees(seed: int) -> bytes:
    return booster(seed).model_to_string().encode()


def artifact(seed: int = 1) -> Artifact:
    """Every text of another seed is another text, but signatures and examples."""
    level = [("level", "float64")]
    return {
        "model/fitted.txt": trees(seed),
        "model/signature.json": signature(COLUMNS),
        "model/input_example.json": example(COLUMNS),
        "baseline/fitted.txt": json.dumps(LINE, indent=seed).encode(),
        "baseline/signature.json": signature(level),
        "baseline/input_example.json": example(level),
    }


def tags_of(texts: Artifact, of: Model) -> dict[str, str]:
    """As they stand on a version, spelt out."""
    found = {
        "tideline.format": "lightgbm-text",
        "tideline.baseline.format": "logistic-json",
        "tideline.inputs_of": inputs_of(of),
    }
    for path, text in texts.items():
        part, name = path.split("/")
        before = "" if part == "model" else "baseline."
        found[f"tideline.{before}sha256.{name}"] = hashlib.sha256(text).hexdigest()
    return found


@dataclass
class FakeMlflow:
    """The REST interface of one tracking server, as far as serving asks it; `down` while it does not answer."""

    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    texts: dict[str, Artifact] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def register(self, texts: Artifact, of: Model, *, alias: str = "champion", **tags: str) -> str:
        """The next version; `tags` without prefix replace those that fit."""
        number = str(1 + len(self.versions))
        known = {**tags_of(texts, of), **{f"tideline.{name}": value for name, value in tags.items()}}
        self.versions[number], self.texts[f"run{number}"] = known, dict(texts)
        self.aliases[alias] = number
        return number

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        path, given = request.url.path.removeprefix("/api/2.0/mlflow/"), request.url.params
        self.asked.append(path)
        body = json.loads(request.content) if request.content else {}
        match (request.method, path.partition("/")[0], path):
            case ("GET", _, "registered-models/get"):
                if not self.versions:
                    return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST"})
                aliases = [{"alias": alias, "version": number} for alias, number in self.aliases.items()]
                return httpx.Response(200, json={"registered_model": {"name": given["name"], "aliases": aliases}})
            case ("GET", _, "model-versions/get"):
                number = given["version"]
                tags = [{"key": key, "value": value} for key, value in self.versions[number].items()]
                version = {"name": given["name"], "version": number, "run_id": f"run{number}", "tags": tags}
                return httpx.Response(200, json={"model_version": version})
            case ("GET", _, "/get-artifact"):
                text = self.texts[given["run_id"]].get(given["path"])
                return httpx.Response(500) if text is None else httpx.Response(200, content=text)
            case ("POST", _, "model-versions/set-tag"):
                self.versions[body["version"]][body["key"]] = body["value"]
            case ("DELETE", _, "model-versions/delete-tag"):
                del self.versions[body["version"]][body["key"]]
            case ("GET", _, "webhooks"):
                hooks = [{"webhook_id": key, **each} for key, each in self.webhooks.items()]
                return httpx.Response(200, json={"webhooks": hooks})
            case ("POST", _, "webhooks"):
                self.webhooks[f"w{len(self.asked)}"] = body
            case ("DELETE", "webhooks", _):
                del self.webhooks[path.rpartition("/")[2]]
            case _:
                raise AssertionError(f"{request.method} {path} is not of MLflow's that serving asks")
        return httpx.Response(200, json={})
