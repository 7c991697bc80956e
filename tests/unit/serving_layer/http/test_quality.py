"""Live quality over HTTP: from the records of two events, through their views, to what a person reads."""

from __future__ import annotations

import math
from typing import Any, Final

import pytest

from schemas.core.codec import model_of
from schemas.core.feedback import bucket_of, outcome_of, prediction_of, quality_of, scores_of
from schemas.core.instants import DAY, HOUR, Instant, format_instant
from schemas.core.language import View, count
from schemas.core.records import Record
from serving_layer.client import Client
from serving_layer.models.served import ServedModel
from tests.unit.serving_layer.http.asking import BOUNDARY, NOW, Desk, problem
from tests.unit.serving_layer.http.scores import opened
from tests.unit.serving_layer.http.test_metrics import at, scraped
from tests.unit.serving_layer.models.alarms import alarms, artifact

PATH: Final = "/v1/models/alarms/quality"
SCORED: Final = [
    (0.1, False, "1"),
    (0.2, False, "1"),
    (0.205, True, "1"),
    (0.9, True, "1"),
    (0.9, True, "2"),
    (0.4, None, "1"),
]
"""Score, outcome, version: of the last, nothing is known yet."""


def scored(index: int, score: float, version: str) -> dict[str, Any]:
    source = "prior" if index == 0 else "champion"
    return {"bucket": bucket_of(score), "model_version": version, "score": score, "source": source}


def record(index: int, at_: Instant, values: dict[str, Any]) -> Record:
    return Record(f"p{index}", at_, at_, 0, index, values)


@pytest.fixture(name="alarming")
def alarming_fixture(empty: Desk) -> Desk:
    """Five outcomes of six predictions, some below the boundary; of a week ago, one more."""
    of = alarms()
    empty.store.serve_model(ServedModel(of, model_of(of), opened(artifact(), of), opened(artifact(), of, "3")))
    turn_out(empty)
    return empty


def turn_out(desk: Desk) -> None:
    """Publish and claim the events that `SCORED` tells of alarms."""
    of = alarms()
    predictions, outcomes = [], []
    for index, (score, label, version) in enumerate([*SCORED, (0.7, True, "1")]):
        when = Instant(BOUNDARY - 2 * DAY if index == len(SCORED) else BOUNDARY - HOUR + index * HOUR // 4)
        values = scored(index, score, version)
        predictions.append(record(index, when, {**values, "decision": score >= 0.5}))
        if label is not None:
            loss = -math.log(score if label else 1 - score)
            known = {"label": label, "loss": loss, "predicted_at": when, "after": 1}
            outcomes.append(record(index, Instant(when + 1), {**values, **known}))
    for view, records in ((scores_of(of), predictions), (quality_of(of), outcomes)):
        desk.store.receive(view.on.name, records)
        desk.publish(view)
        desk.store.claim(view.on.name, {0: 7, 1: 0}, Instant(NOW - 1_000))


def test_quality_is_merged_from_both_views(alarming: Desk) -> None:
    found = alarming.get(PATH).json()
    assert (found["model"], found["window"], found["as_of"]) == ("alarms", "1d", format_instant(NOW))
    (one,) = found["versions"]
    assert (one["version"], one["aliases"]) == ("1", ["champion"])
    assert (one["predictions"], one["fallbacks"], one["outcomes"], one["positives"]) == (5, 1, 4, 2)
    assert one["coverage"] == 0.8
    # 0.2 and 0.205 share a hundredth: of four pairs three are in order and one is tied.
    assert one["auc"] == 3.5 / 4
    losses = [-math.log(each) for each in (0.9, 0.8, 0.205, 0.9)]
    assert one["log_loss"] == pytest.approx(sum(losses) / 4)
    assert one["mean_score"] == pytest.approx((0.1 + 0.2 + 0.205 + 0.9) / 4)
    assert one["positive_share"] == 0.5
    # One outcome a bin: 0.1, then one half of the two in the hundredth of 0.2 each, then 0.9.
    assert one["calibration_error"] == pytest.approx((0.1 + 2 * (0.5 - 0.2025) + 0.1) / 4)


def test_the_proofs_are_those_of_answers(alarming: Desk) -> None:
    proofs = alarming.get(PATH).json()["proofs"]
    assert sorted(proofs) == ["alarms_quality", "alarms_scores"]
    for view, proof in proofs.items():
        answer = alarming.get(f"/v1/views/{view}/answer", model_version="1", bucket="20").json()
        assert answer["proof"] == proof


def test_a_longer_window_and_a_version_that_is_loaded_no_more(alarming: Desk) -> None:
    (one,) = alarming.get(PATH, window="7d").json()["versions"]
    assert (one["predictions"], one["outcomes"]) == (6, 5)
    first, second = alarming.get(PATH, version="2").json()["versions"]
    assert (first["version"], second["version"], second["aliases"]) == ("1", "2", [])
    assert (second["predictions"], second["outcomes"], second["auc"]) == (1, 1, None)
    none = alarming.get(PATH, version="no such").json()["versions"][1]
    assert (none["predictions"], none["coverage"], none["mean_score"]) == (0, None, None)


def test_scores_without_a_champion_have_no_version(alarming: Desk) -> None:
    of = alarms()
    values = {**scored(0, 0.3, ""), "decision": False}
    alarming.store.receive(prediction_of(of).name, [record(90, Instant(NOW - HOUR // 2), values)])
    assert [each["version"] for each in alarming.get(PATH).json()["versions"]] == ["1", None]


@pytest.mark.parametrize(
    ("query", "kind", "available"),
    [
        ({"window": "1h"}, "bad-parameter", ["1d", "7d"]),
        ({"window": ""}, "bad-parameter", ["1d", "7d"]),
        ({"windows": "1d"}, "unknown-parameter", ["window", "version"]),
    ],
)
def test_a_wrong_question_is_a_problem(alarming: Desk, query: dict[str, str], kind: str, available: list[str]) -> None:
    found = problem(alarming.get(PATH, **query))
    assert (found["kind"], found["available"]) == (kind, available)


def test_what_is_not_there_is_named(alarming: Desk, empty: Desk) -> None:
    assert problem(alarming.get("/v1/models/alarm/quality"))["kind"] == "unknown-model"
    alarming.store.withdraw("alarms_quality")
    found = problem(empty.get(PATH))
    assert (found["kind"], found["status"]) == ("not-ready", 503)
    assert "view `alarms_quality` is not served yet" in found["detail"]
    assert not [name for name, labels in scraped(alarming) if name == "tideline_live_auc"]


def test_windows_are_those_of_the_views_as_served(alarming: Desk) -> None:
    of = alarms()
    alarming.publish(
        View(
            "alarms_quality",
            on=outcome_of(of),
            by=("model_version", "bucket"),
            features={"outcomes": count().over("1d")},
        )
    )
    assert problem(alarming.get(PATH))["available"] == []


def test_the_client_tells_the_same(alarming: Desk) -> None:
    with Client("http://reader", transport=alarming.transport) as client:
        found = client.quality("alarms")
        assert (found.window, found.as_of, found.versions[0].auc) == ("1d", NOW, 0.875)
        assert found.proofs["alarms_scores"].complete
        assert client.quality("alarms", window="7d", version="2").versions[1].predictions == 1


def test_a_scrape_tells_the_same(alarming: Desk) -> None:
    found = scraped(alarming)
    labels = {"model": "alarms", "version": "1"}
    assert found[at("tideline_live_auc", **labels, window="1d")] == 0.875
    assert found[at("tideline_live_coverage", **labels, window="1d")] == 0.8
    assert found[at("tideline_live_outcomes", **labels, window="7d")] == 5
    versions = {dict(labels)["version"] for name, labels in found if name == "tideline_live_predictions"}
    assert versions == {"1"}
