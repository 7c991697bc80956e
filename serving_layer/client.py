"""A small typed client of the HTTP plane: what the command, the check and the tests ask with.

with Client("http://127.0.0.1:18080") as client:
    client.answer("carrier_delays", {"carrier": "UA"}).answers[0].features["departures_1h"]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from schemas.core.errors import RequestError, UnavailableError
from schemas.core.instants import Instant, format_instant, parse_instant
from schemas.core.types import Value

TIMEOUT: Final = 10.0
"""Seconds that a request may take beside what it waits for a record."""


class Refused(RequestError):
    """A 4xx: `kind` as in the type of the problem (`unknown-view`), `available` what there is instead."""

    def __init__(self, status: int, kind: str, detail: str, available: Sequence[str]) -> None:
        super().__init__(detail)
        self.status, self.kind, self.available = status, kind, tuple(available)


class NotServing(UnavailableError):
    """No reader answers, or it has nothing to answer from (503), or a record was not claimed in time (504)."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True)
class Proof:
    """How an answer knows what it says; `batch_stopped` says since when batch publishes nothing, and by which rule."""

    generation: int
    boundary: Instant
    run: str | None
    speed_through: Instant
    complete: bool
    incomplete_because: str | None
    definition: str
    batch_stopped: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Answer:
    """One entity; values as they stand in the JSON, decimals and timestamps as text."""

    key: Mapping[str, Value]
    features: Mapping[str, Value]


@dataclass(frozen=True)
class Answers:
    """One response: `answers` in the order of the keys that were asked for."""

    view: str
    as_of: Instant
    answers: tuple[Answer, ...]
    proof: Proof


@dataclass(frozen=True)
class Scored:
    """One row's score; `fallback` says what answered instead of the champion on the features of now, and why."""

    prediction_id: str
    score: float
    decision: bool
    fallback: Mapping[str, Any] | None
    features: Mapping[str, Value] | None = None


@dataclass(frozen=True)
class Predictions:
    """One response: `predictions` in the order of the rows; `version` None where no champion is loaded."""

    model: str
    version: str | None
    definition: str
    as_of: Instant
    recorded: bool
    predictions: tuple[Scored, ...]
    proofs: Mapping[str, Proof]


@dataclass(frozen=True)
class VersionQuality:
    """One version in a window, `version` None for scores without a champion; what no outcomes can say is None."""

    version: str | None
    aliases: Sequence[str]
    predictions: int
    fallbacks: int
    outcomes: int
    positives: int
    coverage: float | None
    auc: float | None
    log_loss: float | None
    calibration_error: float | None
    mean_score: float | None
    positive_share: float | None


@dataclass(frozen=True)
class ModelQuality:
    """One response: the versions that have predictions or outcomes, and the one that was asked for."""

    model: str
    window: str
    as_of: Instant
    versions: tuple[VersionQuality, ...]
    proofs: Mapping[str, Proof]


class Client:
    """Connections to one reader; `transport` is for tests. Not to be shared by threads."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def answer(
        self,
        view: str,
        key: Mapping[str, Value],
        *,
        features: Iterable[str] | None = None,
        through: Instant | None = None,
        wait_for: str | None = None,
        timeout: float | None = None,
    ) -> Answers:
        """One entity, by `GET`; raises Refused or NotServing."""
        options = _options(through, wait_for, timeout)
        if features is not None:
            options["features"] = ",".join(features)
        given = {name: _text(value) for name, value in key.items()}
        return _answers(self._get(_path(view, "answer"), {**options, **given}, timeout))

    def lookup(
        self,
        view: str,
        keys: Sequence[Mapping[str, Value]],
        *,
        features: Sequence[str] | None = None,
        through: Instant | None = None,
        wait_for: str | None = None,
        timeout: float | None = None,
    ) -> Answers:
        """Up to 1,000 entities from one snapshot; raises Refused or NotServing."""
        body: dict[str, Any] = {"keys": list(keys)}
        if features is not None:
            body["features"] = list(features)
        options = _options(through, wait_for, timeout)
        return _answers(self._send("POST", _path(view, "lookup"), params=options, json=body, waits=timeout))

    def predict(self, model: str, rows: Sequence[Mapping[str, Value]], *, features: bool = False) -> Predictions:
        """Score up to 1,000 rows of one instant and one snapshot; raises Refused or NotServing."""
        body = {"rows": list(rows), "features": features}
        return _predictions(self._send("POST", _path(model, "predict", of="models"), json=body, waits=None))

    def quality(self, model: str, *, window: str | None = None, version: str | None = None) -> ModelQuality:
        """How good scores turned out to be, by version; raises Refused or NotServing."""
        given = {name: value for name, value in (("window", window), ("version", version)) if value is not None}
        return _quality(self._get(_path(model, "quality", of="models"), given))

    def models(self) -> list[dict[str, Any]]:
        """What can be scored, as the route describes it."""
        found: list[dict[str, Any]] = self._get("/v1/models")["models"]
        return found

    def model(self, name: str) -> dict[str, Any]:
        """One model, as the route describes it."""
        return self._get(_path(name, of="models"))

    def explain(self, view: str, key: Mapping[str, Value]) -> dict[str, Any]:
        """What each segment and each epoch gives to an answer, as the route says it."""
        return self._get(_path(view, "explain"), {name: _text(value) for name, value in key.items()})

    def views(self) -> list[dict[str, Any]]:
        """What is served, as the route describes it."""
        found: list[dict[str, Any]] = self._get("/v1/views")["views"]
        return found

    def view(self, name: str) -> dict[str, Any]:
        """One view, as the route describes it."""
        return self._get(_path(name))

    def ready(self) -> list[str]:
        """The views that are ready, all that are applied; raises NotServing naming those that are not."""
        found: list[str] = self._get("/readyz")["views"]
        return found

    def _get(
        self, path: str, parameters: Mapping[str, str] | None = None, waits: float | None = None
    ) -> dict[str, Any]:
        return self._send("GET", path, params=dict(parameters or {}), waits=waits)

    def _send(self, method: str, path: str, *, waits: float | None, **request: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, timeout=TIMEOUT + (waits or TIMEOUT), **request)
        except httpx.TransportError as error:
            raise NotServing(
                "unreachable", f"no reader answers at `{self._url}` ({error}); look at `tideline status`"
            ) from error
        # not orjson, which makes floats of integers beyond 64 bits
        content: dict[str, Any] = json.loads(response.content)
        if response.is_success:
            return content
        kind = content["type"].partition("#problem-")[2]
        if response.is_client_error:
            raise Refused(response.status_code, kind, content["detail"], content.get("available", ()))
        raise NotServing(kind, content["detail"])


def _path(name: str, last: str | None = None, *, of: str = "views") -> str:
    path = f"/v1/{of}/{quote(name, safe='')}"
    return path if last is None else f"{path}/{last}"


def _options(through: Instant | None, wait_for: str | None, timeout: float | None) -> dict[str, str]:
    given = {
        "through": None if through is None else format_instant(through),
        "wait_for": wait_for,
        "timeout": None if timeout is None else f"{timeout:.6f}".rstrip("0").rstrip("."),
    }
    return {name: value for name, value in given.items() if value is not None}


def _text(value: Value) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _proof(content: Mapping[str, Any]) -> Proof:
    instants = {name: parse_instant(content[name]) for name in ("boundary", "speed_through")}
    return Proof(**{**content, **instants})


def _predictions(content: Mapping[str, Any]) -> Predictions:
    return Predictions(
        model=content["model"],
        version=content["version"],
        definition=content["definition"],
        as_of=parse_instant(content["as_of"]),
        recorded=content["recorded"],
        predictions=tuple(Scored(**each) for each in content["predictions"]),
        proofs={view: _proof(each) for view, each in content["proofs"].items()},
    )


def _quality(content: Mapping[str, Any]) -> ModelQuality:
    return ModelQuality(
        model=content["model"],
        window=content["window"],
        as_of=parse_instant(content["as_of"]),
        versions=tuple(VersionQuality(**each) for each in content["versions"]),
        proofs={view: _proof(each) for view, each in content["proofs"].items()},
    )


def _answers(content: Mapping[str, Any]) -> Answers:
    return Answers(
        view=content["view"],
        as_of=parse_instant(content["as_of"]),
        answers=tuple(Answer(each["key"], each["features"]) for each in content["answers"]),
        proof=_proof(content["proof"]),
    )
