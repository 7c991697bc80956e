"""What each source gives, and that all of them together are the answer.

07:10   07:20   07:25   07:30   07:31   07:34:56
──●─ s0 ─┼─ s1 ───●───────┼───────●────────┤
        cut               B    epoch 07:31
"""

from __future__ import annotations

from typing import Any

from tests.unit.serving_layer.http.asking import Desk, reading


def explained(desk: Desk) -> dict[str, Any]:
    response = desk.get("/v1/views/sensors/explain", sensor="s1")
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def test_the_sources_in_order(desk: Desk) -> None:
    content = explained(desk)
    assert [(each["source"], each["n"]) for each in content["sources"]] == [
        ("segment g1-0 [-inf,2026-03-01T07:20:00.000Z)", 1),
        ("segment g1-1 [2026-03-01T07:20:00.000Z,2026-03-01T07:30:00.000Z)", 1),
        ("epoch 2026-03-01T07:31:00.000Z", 1),
    ]


def test_windows_cut_what_a_source_gives(desk: Desk) -> None:
    first, second, epoch = explained(desk)["sources"]
    five_minutes = {each["window"]: each for each in first["windows"]}["5m"]
    assert five_minutes == {
        "window": "5m",
        "from": "2026-03-01T07:25:00.000Z",
        "n": 0,
        "features": {"readings_5m": 0},
        "partials": {},
    }
    assert {each["window"]: each["n"] for each in second["windows"]} == {"5m": 1, "1h": 1, "lifetime": 1}
    assert {each["window"]: each["features"] for each in epoch["windows"]}["lifetime"] == {
        "coldest": 26.0,
        "note": None,
        "open": True,
        "ticks": 2**62,
        "paid": "-0.05",
        "seen": "1969-12-31T23:59:59.999Z",
    }


def test_partials_are_shown_as_a_person_reads_them(desk: Desk) -> None:
    first = explained(desk)["sources"][0]
    partials = {each["window"]: each["partials"] for each in first["windows"]}
    assert partials["lifetime"]["note__last"] == "first"
    assert partials["lifetime"]["paid__sum"] == "12.50"
    assert partials["1h"] == {
        "readings__n": 1,
        "temp__n": 1,
        "temp__sum": 18.0,
        "spread__n": 1,
        "spread__sum": 18.0,
        "spread__squares": 324.0,
        "warm__n": 1,
        "warm__sum": 0,
    }


def test_all_sources_together_are_the_answer(desk: Desk) -> None:
    desk.store.receive("reading", [reading(20 + n, "07:34:30.000", {"ticks": n}, late=n * 200_000) for n in range(12)])
    content = explained(desk)
    answer = desk.get("/v1/views/sensors/answer", sensor="s1").json()
    assert content["features"] == answer["answers"][0]["features"]
    assert (content["as_of"], content["proof"]) == (answer["as_of"], answer["proof"])
    for feature in ("readings_5m", "readings_1h", "ticks"):
        given = [
            window["features"][feature]
            for source in content["sources"]
            for window in source["windows"]
            if feature in window["features"]
        ]
        assert sum(value or 0 for value in given) == content["features"][feature]


def test_an_entity_without_events_has_no_sources(desk: Desk) -> None:
    content = desk.get("/v1/views/sensors/explain", sensor="nobody").json()
    assert content["sources"] == []
    assert content["features"]["readings_1h"] == 0
