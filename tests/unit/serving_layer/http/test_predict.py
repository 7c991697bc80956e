"""Scores over HTTP: against trees asked directly about what the reference answers, and every step of the chain."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import lightgbm
import numpy as np

from schemas.core import reference
from schemas.core.codec import model_of
from schemas.core.instants import MINUTE, SECOND, Instant, format_instant
from schemas.core.language import View, col, count, last
from schemas.core.types import Value
from serving_layer.models.fitted import Floats
from serving_layer.models.gathering import GOOD_FOR
from serving_layer.models.served import Opened, Scoring, ServedModel
from serving_layer.models.shadow import Shadow
from tests.unit.serving_layer.http.asking import NOW, SENSORS, UNITS, Desk, reading
from tests.unit.serving_layer.http.conftest import READINGS
from tests.unit.serving_layer.http.scores import ROW, Scores, opened
from tests.unit.serving_layer.http.test_metrics import at, scraped
from tests.unit.serving_layer.models.alarms import COLUMNS, alarms, artifact, line_score, number, trees

NO_LEVEL = {**ROW, "kind": None, "cost": None, "since": None}


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


def test_what_has_just_come_in_is_scored_on(scores: Scores) -> None:
    before = scores.one()["features"]["unit_readings"]
    scores.desk.store.receive("reading", [reading(9, "07:34:30.000", {"temp": 1.0})])
    assert scores.one()["features"]["unit_readings"] == before + 1
