"""Whether the process lives, and whether it may be asked."""

from __future__ import annotations

import pytest

from schemas.core.instants import Instant
from serving_layer.http.health import CAUGHT_UP
from tests.unit.serving_layer.http.asking import NOW, UNITS, Desk, problem


def test_it_lives_with_an_empty_store(empty: Desk) -> None:
    assert empty.get("/healthz").json() == {"status": "ok"}


def test_ready_with_every_applied_view_loaded_and_caught_up(desk: Desk) -> None:
    response = desk.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "views": ["sensors", "units"]})


def test_not_ready_while_nothing_is_applied(empty: Desk) -> None:
    told = problem(empty.get("/readyz"))
    assert (told["status"], told["kind"]) == (503, "not-ready")
    assert "no view is applied" in told["detail"]


def test_a_view_without_a_generation_is_named(desk: Desk) -> None:
    desk.applied["later"] = "d"
    told = problem(desk.get("/readyz"))
    because = "no generation is loaded; run `tideline batch run`, or wait: the replica may be catching up"
    assert told["missing"] == {"later": because}
    assert told["available"] == ["sensors", "units"]


def test_a_former_definition_that_still_serves_is_ready(desk: Desk) -> None:
    desk.applied["units"] = "another definition"
    assert desk.get("/readyz").status_code == 200


def test_a_view_without_a_run_is_named(desk: Desk) -> None:
    desk.publish(UNITS, run=None)
    assert problem(desk.get("/readyz"))["missing"] == {"units": "no stream run serves this definition"}


@pytest.mark.parametrize(("lag", "ready"), [(CAUGHT_UP, True), (CAUGHT_UP + 1, False)])
def test_caught_up_has_a_bound(desk: Desk, lag: int, ready: bool) -> None:
    desk.store.claim("reading", {0: 4, 1: 0}, Instant(NOW - lag))
    response = desk.get("/readyz")
    assert (response.status_code == 200) is ready
    if not ready:
        assert "claims reach 2026-03-01T07:34:26.788Z" in problem(response)["missing"]["sensors"]
