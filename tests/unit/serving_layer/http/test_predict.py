"""Scores over HTTP: against trees asked directly about what the reference answers, and every step of the chain."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import lightgbm
import numpy as np
import pytest

from schemas.core import reference
from schemas.core.codec import model_of
from schemas.core.instants import MINUTE, SECOND, Instant, format_instant
from schemas.core.language import View, col, count, last
from schemas.core.models import Model
from schemas.core.signatures import decode_signature
from schemas.core.types import Value
from serving_layer.http.app import create_app
from serving_layer.http.predict import Scorers
from serving_layer.http.reader import Reader
from serving_layer.models.columns import Columns
from serving_layer.models.fitted import Floats, read_scorer
from serving_layer.models.gathering import GOOD_FOR
from serving_layer.models.recording import Predictions
from serving_layer.models.served import Opened, Scoring, ServedModel
from serving_layer.models.shadow import Shadow
from tests.unit.serving_layer.http.asking import NOW, SENSORS, UNITS, AppTransport, Desk, problem, reading
from tests.unit.serving_layer.http.conftest import READINGS
from tests.unit.serving_layer.http.test_metrics import at, scraped
from tests.unit.serving_layer.models.alarms import COLUMNS, Artifact, alarms, artifact, line_score, number, trees

ROW: dict[str, Any] = {
    "sensor": "s1",
    "unit": 1,
    "open": True,
    "level": 7.5,
    "kind": "smoke",
    "cost": "12.50",
    "since": "2026-03-01T07:00:00.250Z",
}
NO_LEVEL = {**ROW, "kind": None, "cost": None, "since": None}


def opened(texts: Artifact, of: Model, number_: str = "1") -> Opened:
    names = [each.name for each in of.inputs]
    scorings = []
    for part, format_ in (("model", "lightgbm-text"), ("baseline", "logistic-json")):
        columns = Columns(decode_signature(texts[f"{part}/signature.json"].decode()), names)
        scorings.append(Scoring(columns, read_scorer(format_, texts[f"{part}/fitted.txt"], columns.names)))
    return Opened(number_, of, model_of(of), *scorings)


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
        self.scorers = Scorers(recorder=self.recorder)
        reader = Reader(desk.store, desk.clock, lambda: desk.applied, lambda: desk.figures)
        self.app = create_app(reader, self.scorers)
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


@pytest.fixture(name="scores")
def scores_fixture(desk: Desk) -> Iterator[Scores]:
    first = desk.transport
    scores = Scores(desk)
    yield scores
    scores.scorers.shadow.close()
    first.close()


def expected(row: Mapping[str, Any], now: Instant = NOW, seed: int = 1) -> tuple[dict[str, Value], float]:
    """Features by the reference over all readings, and the trees asked about numbers that are made here."""
    features: dict[str, Value] = {}
    for name, view in (("sensor", SENSORS), ("unit", UNITS)):
        key = tuple(row[each] for each in view.by)
        answered = reference.answer(view, READINGS, key, now) if None not in key else {}
        mine = [column for column, _ in COLUMNS if column.startswith(f"{name}_")]
        features |= {column: answered.get(column.removeprefix(f"{name}_")) for column in mine}
    when = datetime.fromtimestamp(now / 1_000, UTC)
    numbers = [number(name, of, features.get(name, row.get(name)), when) for name, of in COLUMNS]
    booster = lightgbm.Booster(model_str=trees(seed).decode())
    return features, float(booster.predict(np.array([numbers]))[0])


ROWS = [
    ROW,
    NO_LEVEL,
    {**ROW, "sensor": "s2", "unit": 7, "kind": "é", "open": True},
    {**ROW, "sensor": "nobody", "unit": None, "kind": "unheard of"},
    {**ROW, "level": -3, "open": False, "cost": "-0.05"},
]


def test_scores_are_those_of_the_trees_on_the_answers_of_the_reference(scores: Scores) -> None:
    found = scores.predict(*ROWS)
    assert (found["model"], found["version"], found["definition"]) == ("alarms", "1", model_of(alarms()))
    assert found["as_of"] == format_instant(NOW)
    for row, got in zip(ROWS, found["predictions"], strict=True):
        features, score = expected(row)
        assert got["features"] == features
        assert got["score"] == score
        assert got["decision"] == (score >= 0.5)
        assert got["fallback"] is None
    assert len({round(each["score"], 9) for each in found["predictions"]}) > 2, "rows tell nothing apart"
    assert len({each["prediction_id"] for each in found["predictions"]}) == len(ROWS)


def test_rows_are_scored_alike_alone_and_together(scores: Scores) -> None:
    together = [each["score"] for each in scores.predict(*ROWS)["predictions"]]
    assert together == [scores.predict(row)["predictions"][0]["score"] for row in ROWS]


def test_the_proofs_are_those_of_answers_at_the_same_instant(scores: Scores) -> None:
    proofs = scores.predict(ROW)["proofs"]
    for view, key in (("sensors", {"sensor": "s1"}), ("units", {"unit": "1", "open": "true"})):
        answer = scores.desk.get(f"/v1/views/{view}/answer", **key).json()
        assert proofs[view] == answer["proof"]
    assert sorted(proofs) == ["sensors", "units"]


def test_the_instant_is_not_before_any_boundary(scores: Scores) -> None:
    scores.desk.publish(UNITS, Instant(NOW + MINUTE))
    found = scores.predict(ROW)
    assert found["as_of"] == format_instant(NOW + MINUTE)
    assert found["predictions"][0]["score"] == expected(ROW, Instant(NOW + MINUTE))[1]


def test_features_are_told_only_if_asked_for_and_no_rows_are_no_predictions(scores: Scores) -> None:
    assert "features" not in scores.predict(ROW, features=False)["predictions"][0]
    assert "features" not in scores.post({"rows": [ROW]}).json()["predictions"][0]
    assert scores.predict()["predictions"] == []


def test_predictions_are_recorded_before_they_are_answered_or_the_answer_says_so(scores: Scores) -> None:
    found = scores.predict({**ROW, "event_id": "flight 1"})
    assert found["recorded"] is True
    (given,) = scores.recorder.given
    (one,) = given.predictions
    assert (one.id, one.score) == (found["predictions"][0]["prediction_id"], found["predictions"][0]["score"])
    assert (one.row["event_id"], one.row["cost"], one.row["since"]) == ("flight 1", 1250, NOW - 2_096_539)
    scores.recorder.answer = False
    assert scores.predict(ROW)["recorded"] is False


def test_without_a_recorder_nothing_is_recorded(desk: Desk) -> None:
    desk.store.serve_model(ServedModel(alarms(), model_of(alarms())))
    response = desk.http.post("/v1/models/alarms/predict", content=json.dumps({"rows": [ROW]}))
    assert response.json()["recorded"] is False


# The chain.


def test_the_last_good_features_answer_where_a_view_is_stale(scores: Scores) -> None:
    good = scores.one()
    scores.desk.clock.time = Instant(NOW + 10 * MINUTE + 1)
    stale = scores.one()
    assert stale["fallback"] == {
        "by": "last_good",
        "because": "view `sensors` is claimed up to more than 10m ago",
        "age_seconds": 600.001,
    }
    assert stale["features"] == good["features"]


def test_claims_within_the_bound_are_fresh(scores: Scores) -> None:
    scores.desk.clock.time = Instant(NOW - SECOND + 10 * MINUTE)
    assert scores.one()["fallback"] is None
    scores.desk.clock.time = Instant(scores.desk.clock.time + 1)
    assert scores.one()["fallback"]["by"] == "last_good"


def test_an_entity_without_last_good_features_is_left_to_the_baseline(scores: Scores) -> None:
    scores.one()
    scores.desk.clock.time = Instant(NOW + 11 * MINUTE)
    found = scores.predict(ROW, {**ROW, "sensor": "s2"}, {**ROW, "unit": None})["predictions"]
    assert [each["fallback"]["by"] for each in found] == ["last_good", "baseline", "last_good"]
    assert found[1]["features"] is None
    assert math.isclose(found[1]["score"], line_score(7.5), rel_tol=1e-12)
    assert found[1]["decision"] == (line_score(7.5) >= 0.5)


def test_last_good_features_are_not_good_for_ever(scores: Scores) -> None:
    scores.one()
    scores.desk.clock.time = Instant(NOW + GOOD_FOR * 10 * MINUTE)
    assert scores.one()["fallback"]["by"] == "last_good"
    scores.desk.clock.time = Instant(NOW + GOOD_FOR * 10 * MINUTE + 1)
    assert scores.one()["fallback"]["by"] == "baseline"


def test_a_view_that_is_not_served_any_more_leaves_the_others_as_they_are(scores: Scores) -> None:
    scores.one()
    scores.desk.store.withdraw("units")
    scores.desk.clock.time = Instant(NOW + MINUTE)
    got = scores.one()
    assert got["fallback"] == {"by": "last_good", "because": "view `units` is not served", "age_seconds": 60.0}
    assert got["features"] == expected(ROW, Instant(NOW + MINUTE))[0], "lifetimes of units; sensors as of now"
    assert scores.one(unit=8)["fallback"]["by"] == "baseline"
    assert list(scores.predict(ROW)["proofs"]) == ["sensors"]


def test_a_view_of_another_meaning_is_none(scores: Scores) -> None:
    other = View("units", on=UNITS.on, by=UNITS.by, features={"readings": count().over("1h"), "last_tick": count()})
    scores.desk.publish(other)
    got = scores.one()
    assert got["fallback"]["by"] == "baseline"
    assert got["fallback"]["because"] == "view `units` is served by another definition than `unit` has learnt from"


def test_a_view_that_has_more_features_means_the_same(scores: Scores) -> None:
    features = {"more": count().over("1h"), "readings": count(), "last_tick": last("ticks")}
    where = col("temp").is_not_null()
    scores.desk.publish(View("units", on=UNITS.on, by=UNITS.by, where=where, features=features))
    assert scores.one()["fallback"] is None
    scores.desk.publish(View("units", on=UNITS.on, by=UNITS.by, features=features))
    assert scores.one()["fallback"]["by"] == "last_good", "the filter is another"


def test_without_a_champion_the_prior_answers(scores: Scores) -> None:
    scores.serve(champion=None)
    found = scores.predict(ROW)
    (got,) = found["predictions"]
    assert (found["version"], got["score"], got["decision"]) == (None, 0.3, False)
    assert got["fallback"]["by"] == "prior"
    assert got["fallback"]["because"].startswith("no champion is loaded")


def test_a_score_that_is_no_probability_is_not_answered(scores: Scores) -> None:
    champion = opened(artifact(), alarms())

    def broken(numbers: Floats) -> Floats:
        return np.full(len(numbers), np.nan)

    scoring = Scoring(champion.scoring.columns, broken)
    scores.serve(champion=Opened("1", champion.model, "d", scoring, champion.baseline))
    got = scores.one()
    assert (got["score"], got["fallback"]["by"]) == (0.3, "prior")


# A challenger in its shadow.


def test_a_challenger_is_scored_on_the_same_rows_and_answered_to_nobody(scores: Scores) -> None:
    alone = [each["score"] for each in scores.predict(*ROWS)["predictions"]]
    scores.serve(challenger=opened(artifact(2), alarms(), "2"))
    beside = scores.predict(*ROWS)
    assert [each["score"] for each in beside["predictions"]] == alone
    assert beside["version"] == "1"
    scores.scorers.shadow.close()
    found = scraped(scores.desk)
    others = [expected(row, seed=2)[1] for row in ROWS]
    labels = {"model": "alarms", "version": "2"}
    assert found[at("tideline_shadow_score_count", **labels)] == len(ROWS)
    assert math.isclose(found[at("tideline_shadow_score_sum", **labels)], sum(others))
    distance = sum(abs(mine - other) for mine, other in zip(alone, others, strict=True))
    assert math.isclose(found[at("tideline_shadow_score_distance_total", **labels)], distance)
    differing = sum((mine >= 0.5) != (other >= 0.5) for mine, other in zip(alone, others, strict=True))
    assert found[at("tideline_shadow_differing_decisions_total", **labels)] == differing


def test_a_challenger_that_is_too_slow_is_dropped_and_slows_nothing(scores: Scores) -> None:
    scores.scorers.shadow = Shadow(most=2)
    challenger = opened(artifact(2), alarms(), "2")
    released, begun = threading.Event(), threading.Event()

    def slow(numbers: Floats) -> Floats:
        begun.set()
        released.wait(30)
        return challenger.scoring.scorer(numbers)

    slower = Opened("2", challenger.model, "d", Scoring(challenger.scoring.columns, slow), challenger.baseline)
    scores.serve(challenger=slower)
    scores.one()
    assert begun.wait(30)
    for _ in range(5):
        scores.one()
    released.set()
    scores.scorers.shadow.close()
    assert scraped(scores.desk)[at("tideline_shadow_dropped_total", model="alarms")] == 3


# What is counted and described.


def test_what_a_scrape_shows(scores: Scores) -> None:
    scores.predict(*ROWS)
    scores.desk.clock.time = Instant(NOW + 11 * MINUTE)
    scores.predict(ROW, {**ROW, "sensor": "s9"})
    found = scraped(scores.desk)
    labels = {"model": "alarms", "version": "1"}
    for source, count_ in (("champion", 5), ("last_good", 1), ("baseline", 1)):
        assert found[at("tideline_predictions_total", source=source, **labels)] == count_
    assert found[at("tideline_score_count", **labels)] == 7
    assert found[at("tideline_recorded_predictions_total", **labels)] == 7
    assert found[at("tideline_missing_inputs_total", column="kind", **labels)] == 2
    assert found[at("tideline_missing_inputs_total", column="unit_readings", **labels)] == 1
    assert found[at("tideline_model_version", model="alarms", alias="champion")] == 1
    assert found[at("tideline_model_refused", model="alarms", alias="champion")] == 0
    route = "/v1/models/{model}/predict"
    assert found[at("tideline_request_seconds_count", route=route, view="", status="200")] == 2


def test_models_are_described(scores: Scores) -> None:
    (listed,) = scores.desk.get("/v1/models").json()["models"]
    assert listed == scores.desk.get("/v1/models/alarms").json()
    assert (listed["champion"]["version"], listed["challenger"], listed["threshold"]) == ("1", None, 0.5)
    rows = {each["name"]: (each["type"], each["nullable"], each["required"]) for each in listed["row"]}
    assert rows == {
        "cost": ("decimal(2)", True, True),
        "event_id": ("string", False, False),
        "kind": ("string", True, True),
        "level": ("float64", False, True),
        "open": ("bool", False, True),
        "sensor": ("string", False, True),
        "since": ("timestamp", True, True),
        "unit": ("int64", True, True),
    }
    document = scores.desk.get("/openapi.json").json()
    body = document["paths"]["/v1/models/alarms/predict"]["post"]["requestBody"]["content"]["application/json"]
    row = body["schema"]["properties"]["rows"]["items"]
    assert sorted(row["required"]) == sorted(set(rows) - {"event_id"})
    assert row["properties"]["unit"] == {"type": ["integer", "null"]}


# What is not answered.


def bad(**changed: Any) -> bytes:
    return json.dumps({"rows": [ROW, {**ROW, **changed}]}).encode()


def without(name: str) -> bytes:
    return json.dumps({"rows": [ROW, {each: value for each, value in ROW.items() if each != name}]}).encode()


WRONG: dict[str, tuple[bytes, str, str]] = {
    "no JSON": (b"{", "bad-body", "the body is no JSON"),
    "nothing": (b"", "bad-body", "the body is no JSON"),
    "no object": (b"[]", "bad-body", "the body is no JSON object; give one with `rows`"),
    "no rows": (b"{}", "bad-body", "`rows` is missing or no array"),
    "rows no array": (b'{"rows": {}}', "bad-body", "`rows` is missing or no array"),
    "another member": (b'{"rows": [], "keys": []}', "bad-body", "unknown member `keys`"),
    "features no bool": (b'{"rows": [], "features": ["a"]}', "bad-body", "`features` is neither"),
    "features a number": (b'{"rows": [], "features": 2}', "bad-body", "`features` is neither"),
    "row no object": (b'{"rows": [1]}', "bad-row", "row 0 is no object"),
    "unknown field": (bad(colour="red"), "unknown-row-field", "row 1: unknown field `colour`"),
    "no request field": (without("level"), "bad-row", "row 1: field `level` is missing; it is float64"),
    "no nullable field": (without("kind"), "bad-row", "row 1: field `kind` is missing; it is string or null"),
    "no key": (without("sensor"), "bad-row", "row 1: field `sensor` is missing; it is string"),
    "null": (bad(level=None), "bad-row", "row 1: field `level` is not `null` but float64"),
    "null key": (bad(sensor=None), "bad-row", "row 1: field `sensor` is not `null` but string"),
    "text for a number": (bad(level="7"), "bad-row", 'row 1: field `level` is not `"7"` but float64'),
    "number for text": (bad(sensor=7), "bad-row", "row 1: field `sensor` is not `7` but string"),
    "bool for a number": (bad(unit=True), "bad-row", "row 1: field `unit` is not `true` but int64"),
    "number for a bool": (bad(open=1), "bad-row", "row 1: field `open` is not `1` but bool"),
    "fraction": (bad(unit=1.5), "bad-row", "row 1: field `unit` is not `1.5` but int64"),
    "beyond 64 bits": (bad(unit=2**63), "bad-row", "row 1: field `unit` is not `9223372036854775808` but int64"),
    "decimal as a number": (bad(cost=1.5), "bad-row", "row 1: field `cost` is not `1.5` but decimal(2)"),
    "too many digits": (bad(cost="1.555"), "bad-row", 'row 1: field `cost` is not `"1.555"` but decimal(2)'),
    "no instant": (bad(since="yesterday"), "bad-row", 'row 1: field `since` is not `"yesterday"` but timestamp'),
    "nested": (bad(level={"a": 1}), "bad-row", 'row 1: field `level` is not `{"a": 1}` but float64'),
    "NaN": (bad(level=math.nan), "bad-row", "row 1: field `level` is not `NaN` but float64"),
    "infinity": (bad(level=-math.inf), "bad-row", "row 1: field `level` is not `-Infinity` but float64"),
    "beyond floats": (
        bad(level=0.125).replace(b"0.125", b"1e999"),
        "bad-row",
        "row 1: field `level` is not `Infinity`",
    ),
    "too large a float": (bad(level=1e300), "bad-row", "row 1: field `level` is not `1e+300` but float64"),
    "NaN elsewhere": (b'{"rows": [], "features": NaN}', "bad-body", ""),
    "twice": (
        bad().replace(b'"level": 7.5', b'"level": 7.5, "level": 8', 1),
        "bad-body",
        "the body gives `level` twice",
    ),
    "too many": (b'{"rows": [' + b",".join([b"{}"] * 1_001) + b"]}", "too-many-rows", "1001 rows"),
    "deep": (b'{"rows": ' + b"[" * 100_000, "bad-body", "the body is no JSON"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_question_is_refused_naming_row_and_field(scores: Scores, case: str) -> None:
    body, kind, detail = WRONG[case]
    told = problem(scores.post(body))
    assert (told["kind"], told["status"]) == (kind, 400)
    assert detail in told["detail"]
    if kind == "bad-row":
        assert "level: float64" in told["available"]


def test_other_wrong_questions(scores: Scores, empty: Desk) -> None:
    desk = scores.desk
    told = problem(desk.http.post("/v1/models/alarm/predict", content=b"{}"))
    assert (told["kind"], told["available"]) == ("unknown-model", ["alarms"])
    assert problem(desk.get("/v1/models/alarm"))["kind"] == "unknown-model"
    assert problem(desk.get("/v1/models/alarms/predict"))["kind"] == "method-not-allowed"
    told = problem(desk.http.post("/v1/models/alarms/predict?through=1", content=b"{}"))
    assert told["kind"] == "unknown-parameter"
    assert problem(scores.post(b" " * (1 << 21)))["kind"] == "body-too-large"
    assert problem(empty.http.post("/v1/models/alarms/predict", content=b"{}"))["kind"] == "nothing-loaded"
    assert desk.get("/v1/models").json()["models"]
    assert empty.get("/v1/models").json() == {"models": []}


def test_what_has_just_come_in_is_scored_on(scores: Scores) -> None:
    before = scores.one()["features"]["unit_readings"]
    scores.desk.store.receive("reading", [reading(9, "07:34:30.000", {"temp": 1.0})])
    assert scores.one()["features"]["unit_readings"] == before + 1
