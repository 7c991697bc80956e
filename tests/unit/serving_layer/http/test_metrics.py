"""What a scrape shows, read back by the parser of the format."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from serving_layer.figures import FRESHNESS_BOUNDS, Figures
from serving_layer.http.metrics import reason
from tests.unit.serving_layer.http.asking import UNITS, Desk


def scraped(desk: Desk) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = desk.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def at(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_requests_are_counted_by_route_view_and_status(desk: Desk) -> None:
    for _ in range(3):
        desk.get("/v1/views/sensors/answer", sensor="s1")
    desk.get("/v1/views/sensors/answer")
    desk.lookup("sensors", {"keys": []})
    desk.get("/v1/views")
    found = scraped(desk)
    count = "tideline_request_seconds_count"
    assert found[at(count, route="/v1/views/{view}/answer", view="sensors", status="200")] == 3
    assert found[at(count, route="/v1/views/{view}/answer", view="sensors", status="400")] == 1
    assert found[at(count, route="/v1/views/{view}/lookup", view="sensors", status="200")] == 1
    assert found[at(count, route="/v1/views", view="", status="200")] == 1


def test_names_that_are_no_view_make_no_series(desk: Desk) -> None:
    for number in range(5):
        desk.get(f"/v1/views/v{number}/answer", sensor="s1")
        desk.get(f"/v1/views/v{number}")
        desk.get(f"/nothing/{number}")
        desk.http.post(f"/v1/views/v{number}/answer")
    series = {dict(labels)["view"] for name, labels in scraped(desk) if name == "tideline_request_seconds_count"}
    assert series == {""}
    routes = {dict(labels)["route"] for name, labels in scraped(desk) if name == "tideline_request_seconds_count"}
    assert routes == {"/v1/views/{view}/answer", "/v1/views/{view}", "none", "/metrics"}


def test_names_before_anything_is_loaded_make_no_series(empty: Desk) -> None:
    empty.get("/v1/views/x/answer", sensor="s1")
    assert at("tideline_request_seconds_count", route="/v1/views/{view}/answer", view="", status="503") in scraped(
        empty
    )


def test_entities_and_the_incomplete_ones_by_reason(desk: Desk) -> None:
    desk.publish(UNITS, run=None)
    desk.lookup("sensors", {"keys": [{"sensor": "s1"}, {"sensor": "s2"}]})
    desk.lookup("units", {"keys": [{"unit": 1, "open": True}] * 3})
    found = scraped(desk)
    assert found[at("tideline_answers_total", view="sensors")] == 2
    assert found[at("tideline_answers_total", view="units")] == 3
    because = "no stream run serves this definition"
    assert found[at("tideline_incomplete_answers_total", view="units", reason=because)] == 3
    assert at("tideline_incomplete_answers_total", view="sensors", reason=because) not in found


def test_the_state_of_the_store(desk: Desk) -> None:
    found = scraped(desk)
    assert found[at("tideline_claim_lag_seconds", view="sensors")] == 1.0
    assert found[at("tideline_generation_age_seconds", view="sensors")] == 236.789  # published at 07:31
    assert found[at("tideline_generation", view="sensors")] == 1
    assert found[at("tideline_complete", view="sensors")] == 1
    assert found[at("tideline_exact_seconds_left", view="sensors")] == 6 * 86_400 - 296.789  # the boundary is 07:30


def test_the_appliers_figures(desk: Desk) -> None:
    counts = (0, 2, 5, *[0] * (len(FRESHNESS_BOUNDS) - 4), 1, 0)
    desk.figures["sensors"] = Figures(records=8, freshness=counts, freshness_sum=12_345)
    found = scraped(desk)
    assert found[at("tideline_speed_records_applied_total", view="sensors")] == 8
    bucket = "tideline_freshness_seconds_bucket"
    assert found[at(bucket, view="sensors", le="0.005")] == 0
    assert found[at(bucket, view="sensors", le="0.01")] == 2
    assert found[at(bucket, view="sensors", le="0.02")] == 7
    assert found[at(bucket, view="sensors", le="30.0")] == 8
    assert found[at(bucket, view="sensors", le="+Inf")] == 8
    assert found[at("tideline_freshness_seconds_count", view="sensors")] == 8
    assert found[at("tideline_freshness_seconds_sum", view="sensors")] == 12.345


def test_a_reason_leaves_names_out() -> None:
    because = "the run `flights-3` is held from 2026-03-01T07:32:00.000Z only"
    assert reason(because) == reason(because.replace("flights-3", "flights-4").replace(":32:", ":33:"))
    assert reason(None) == "not said"
