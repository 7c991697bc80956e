"""One file makes a view: planned, applied, served and verified, while all other views go on answering."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from infra.stack.waiting import wait_until
from schemas.settings import CHECKOUT, Settings
from serving_layer.client import Client, Refused
from tests.stack.asking import Asked, asking
from tests.stack.flights import Flights
from tests.stack.stacks import catalog_at, tideline

VIEW: Final = "long_departures"
FILE: Final = CHECKOUT / "tests" / "examples" / "long_departures.py"
KEY: Final = {"origin": "EWR", "carrier": "UA"}
OTHERS: Final = {
    "carrier_delays": [{"carrier": carrier} for carrier in ("UA", "B6", "DL")],
    "route_arrivals": [{"origin": "JFK", "dest": "LAX"}],
    "origin_weather": [{"origin": "LGA"}],
}


@pytest.fixture(scope="module", name="catalog")
def catalog_fixture(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The definitions of flights as they are, and a file more."""
    assert flights.sent
    files = [*(CHECKOUT / "schemas" / "flights").glob("[!_]*.py"), FILE]
    return catalog_at(tmp_path_factory.mktemp("catalog"), flights=files)


def plan(stack: Settings, catalog: Path) -> list[tuple[str, str, list[str]]]:
    """What would change: (what, view, because)."""
    changes = json.loads(tideline(stack, "plan", "--json", catalog=catalog).stdout)
    return [(change["what"], change["view"], change["because"]) for change in changes]


def apply(stack: Settings, catalog: Path) -> Asked:
    """Apply while other views are asked without pause."""
    with asking(stack.serving, OTHERS) as asked:
        tideline(stack, "apply", "--yes", catalog=catalog)
    assert asked.failed == []
    assert asked.answers > 100
    return asked


def verified(stack: Settings, catalog: Path) -> dict[str, Any]:
    """What `tideline verify` compared of the view."""
    (found,) = json.loads(tideline(stack, "verify", VIEW, "--json", catalog=catalog).stdout)["views"]
    compared: dict[str, Any] = found
    return compared


def test_a_new_file_is_a_new_view(stack: Settings, catalog: Path) -> None:
    assert plan(stack, catalog) == [("new", VIEW, [])]
    apply(stack, catalog)
    assert plan(stack, catalog) == []
    with Client(stack.serving) as client:
        answered = client.answer(VIEW, KEY)
        assert answered.proof.complete
        assert answered.answers[0].features["departures_1d"]
    compared = verified(stack, catalog)
    assert compared["entities"] > 10
    assert compared["differences"] == []


def test_a_changed_meaning_replaces_the_old_one(stack: Settings, catalog: Path) -> None:
    with Client(stack.serving) as client:
        before = client.answer(VIEW, KEY)
        file = catalog / "schemas" / "flights" / FILE.name
        file.write_text(file.read_text().replace('col("distance") > 500', 'col("distance") > 1500'))
        assert plan(stack, catalog) == [("changed", VIEW, ["filter changed"])]
        with asking(stack.serving, {VIEW: [KEY]}) as asked:
            apply(stack, catalog)
        after = client.answer(VIEW, KEY)
    assert asked.failed == [], "the old meaning is served until the new one has caught up"
    assert after.proof.definition != before.proof.definition
    fewer, more = after.answers[0].features["departures_1d"], before.answers[0].features["departures_1d"]
    assert isinstance(fewer, int)
    assert isinstance(more, int)
    assert 0 < fewer < more
    assert verified(stack, catalog)["differences"] == []


def test_a_removed_file_is_a_view_that_is_gone(stack: Settings, catalog: Path) -> None:
    (catalog / "schemas" / "flights" / FILE.name).unlink()
    assert plan(stack, catalog) == [("gone", VIEW, [])]
    apply(stack, catalog)
    with Client(stack.serving) as client:

        def is_gone() -> bool:
            return VIEW not in {view["view"] for view in client.views()}

        assert wait_until(is_gone, seconds=30)
        with pytest.raises(Refused, match=f"unknown view `{VIEW}`"):
            client.answer(VIEW, KEY)
    assert plan(stack, catalog) == []
