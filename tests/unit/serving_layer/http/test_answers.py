"""Answers: their shape, their values in JSON, and that all of one comes from one snapshot."""

from __future__ import annotations

import json

import pytest

from schemas.core.codec import definition_of
from schemas.core.instants import Instant, parse_instant
from tests.unit.serving_layer.http.asking import BOUNDARY, NOW, SENSORS, UNITS, Desk, reading


def test_one_entity_whole(desk: Desk) -> None:
    response = desk.get("/v1/views/sensors/answer", sensor="s1")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "view": "sensors",
        "as_of": "2026-03-01T07:34:56.789Z",
        "answers": [
            {
                "key": {"sensor": "s1"},
                "features": {
                    "readings_5m": 2,  # tail floor(07:29:56, 5m) = 07:25: the second and the third
                    "readings_1h": 3,
                    "temp_1h": 22.0,
                    "coldest": 18.0,
                    "spread_1h": pytest.approx(32 / 3),
                    "warm_1h": pytest.approx(2 / 3),
                    "note": "first",
                    "open": True,
                    "ticks": 3 * 2**62,
                    "paid": "12.45",
                    "seen": "1969-12-31T23:59:59.999Z",
                },
            }
        ],
        "proof": {
            "generation": 1,
            "boundary": "2026-03-01T07:30:00.000Z",
            "run": "r1",
            "speed_through": "2026-03-01T07:34:55.789Z",
            "complete": True,
            "incomplete_because": None,
            "batch_stopped": None,
            "definition": definition_of(SENSORS),
        },
    }


def test_an_entity_without_events_is_an_answer(desk: Desk) -> None:
    features = desk.features("sensors", sensor="nobody")
    assert features == {feature.name: 0 if "readings" in feature.name else None for feature in SENSORS.features}


def test_an_empty_string_is_a_key(desk: Desk) -> None:
    desk.store.receive("reading", [reading(9, "07:33:00.000", {"sensor": ""})])
    for query in ("sensor=", "sensor"):
        response = desk.get(f"/v1/views/sensors/answer?{query}")
        assert response.json()["answers"][0]["key"] == {"sensor": ""}
        assert response.json()["answers"][0]["features"]["readings_1h"] == 1


@pytest.mark.parametrize("sensor", ["a b", "a+b", "a&b=c", "ü/😀", "%41", "x\0y", '"', "�"])
def test_keys_are_percent_encoded(desk: Desk, sensor: str) -> None:
    desk.store.receive("reading", [reading(9, "07:33:00.000", {"sensor": sensor})])
    response = desk.get("/v1/views/sensors/answer", sensor=sensor)
    assert response.json()["answers"][0]["key"] == {"sensor": sensor}
    assert response.json()["answers"][0]["features"]["readings_1h"] == 1


def test_integer_and_bool_keys_are_read_by_their_type(desk: Desk) -> None:
    response = desk.get("/v1/views/units/answer", unit="1", open="false")
    assert response.json()["answers"] == [
        {"key": {"open": False, "unit": 1}, "features": {"readings": 1, "last_tick": 2**62}}
    ]
    assert desk.features("units", unit="1", open="true")["readings"] == 2


@pytest.mark.parametrize("unit", [2**63 - 1, -(2**63), 0])
def test_integer_keys_reach_to_64_bits(desk: Desk, unit: int) -> None:
    desk.store.receive("reading", [reading(9, "07:33:00.000", {"unit": unit, "temp": 1.0, "ticks": unit})])
    assert desk.features("units", unit=str(unit), open="true") == {"readings": 1, "last_tick": unit}
    [answer] = desk.lookup("units", {"keys": [{"unit": unit, "open": True}]}).json()["answers"]
    assert answer == {"key": {"open": True, "unit": unit}, "features": {"readings": 1, "last_tick": unit}}


def test_a_sum_beyond_64_bits_is_a_json_number(desk: Desk) -> None:
    text = desk.get("/v1/views/sensors/answer", sensor="s1", features="ticks").text
    assert f'"ticks":{3 * 2**62}' in text
    assert json.loads(text)["answers"][0]["features"] == {"ticks": 13835058055282163712}


def test_text_comes_back_as_it_went_in(desk: Desk) -> None:
    assert desk.features("sensors", sensor="s2", features="note") == {"note": 'a "quoted" ü😀'}


def test_features_are_answered_in_the_order_asked_for(desk: Desk) -> None:
    features = desk.features("sensors", sensor="s1", features="paid,coldest")
    assert list(features.items()) == [("paid", "12.45"), ("coldest", 18.0)]


def test_a_lookup_answers_in_order_and_says_a_key_as_often_as_it_is_asked(desk: Desk) -> None:
    keys = [{"sensor": each} for each in ("s2", "nobody", "s1", "s2")]
    content = desk.lookup("sensors", {"keys": keys, "features": ["readings_1h", "note"]}).json()
    assert content["answers"] == [
        {"key": {"sensor": "s2"}, "features": {"readings_1h": 1, "note": 'a "quoted" ü😀'}},
        {"key": {"sensor": "nobody"}, "features": {"readings_1h": 0, "note": None}},
        {"key": {"sensor": "s1"}, "features": {"readings_1h": 3, "note": "first"}},
        {"key": {"sensor": "s2"}, "features": {"readings_1h": 1, "note": 'a "quoted" ü😀'}},
    ]
    assert content["proof"] == desk.get("/v1/views/sensors/answer", sensor="s1").json()["proof"]


def test_a_lookup_may_be_of_none_and_of_a_thousand(desk: Desk) -> None:
    assert desk.lookup("sensors", {"keys": []}).json()["answers"] == []
    thousand = desk.lookup("sensors", {"keys": [{"sensor": f"s{n}"} for n in range(1_000)], "features": None})
    assert [each["features"]["readings_1h"] for each in thousand.json()["answers"]][:4] == [0, 3, 1, 0]
    assert len(thousand.json()["answers"]) == 1_000


def test_an_answer_is_not_of_before_the_boundary(desk: Desk) -> None:
    """A broker's clock ahead of ours: q = max(now, boundary)."""
    desk.clock.time = Instant(BOUNDARY - 10_000)
    assert desk.get("/v1/views/sensors/answer", sensor="s1").json()["as_of"] == "2026-03-01T07:30:00.000Z"


def test_publishing_moves_the_boundary_and_no_answer(desk: Desk) -> None:
    before = desk.get("/v1/views/sensors/answer", sensor="s1").json()
    desk.publish(SENSORS, parse_instant("2026-03-01T07:33:00.000Z"))
    after = desk.get("/v1/views/sensors/answer", sensor="s1").json()
    assert after["answers"] == before["answers"]
    assert after["proof"] == before["proof"] | {"generation": 2, "boundary": "2026-03-01T07:33:00.000Z"}


def test_without_a_run_an_answer_says_that_it_is_incomplete(desk: Desk) -> None:
    desk.publish(UNITS, run=None)
    content = desk.get("/v1/views/units/answer", unit="1", open="true").json()
    assert content["answers"][0]["features"]["readings"] == 1
    assert content["proof"]["run"] is None
    assert content["proof"]["speed_through"] == content["proof"]["boundary"]
    assert content["proof"]["incomplete_because"] == "no stream run serves this definition"


def test_pruned_below_its_boundary_an_answer_says_so(desk: Desk) -> None:
    desk.store.prune("sensors", parse_instant("2026-03-01T07:32:00.000Z"))
    proof = desk.get("/v1/views/sensors/answer", sensor="s1").json()["proof"]
    assert (proof["complete"], proof["incomplete_because"]) == (
        False,
        "the run `r1` is held from 2026-03-01T07:32:00.000Z only",
    )


def test_head_has_no_other_meaning_than_get(desk: Desk) -> None:
    assert desk.http.head("/v1/views/sensors/answer", params={"sensor": "s1"}).status_code == 200


def test_time_goes_on_between_two_answers(desk: Desk) -> None:
    desk.clock.time = Instant(NOW + 5 * 60_000)
    assert desk.features("sensors", sensor="s1", features="readings_5m") == {"readings_5m": 1}
