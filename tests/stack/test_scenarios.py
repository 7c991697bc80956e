"""One scenario, one answer: the reference, batch alone, the stream alone and HTTP, with the boundary at two places."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from deltalake import DeltaTable

from infra.served import wait_until_served
from schemas.core import names
from schemas.core.codec import contract_of
from schemas.core.events import Event
from schemas.core.instants import Instant, parse_instant
from schemas.core.verdict import Quarantined
from schemas.lake.tables import data_of
from schemas.settings import Settings
from tests.scenarios import definitions
from tests.scenarios.definitions import POSITIONS, note, reading
from tests.scenarios.scenario import differences, judged, load
from tests.stack.playing import Play, play_all
from tests.stack.stacks import Batch, catalog_at, tideline

SERVED_WITHIN: Final = 120.0
SCENARIOS: Final = [scenario.name for scenario in load(Instant(0))]
SOURCES: Final = ("reference", "stream", "batch", "http", "http get", "http from batch")
EVENTS: Final = [event(position) for event in (reading, note) for position in POSITIONS]


@dataclass(frozen=True)
class Played:
    """Every play, and what the two batch runs printed."""

    plays: dict[tuple[str, str], Play]
    runs: list[dict[str, Any]]

    def boundary(self, run: int, event: Event) -> Instant:
        """The boundary that a batch run published for an event."""
        (found,) = [each["boundary"] for each in self.runs[run]["events"] if each["event"] == event.name]
        return parse_instant(found)

    def of(self, event: Event) -> Iterator[Play]:
        """The plays that sent to an event."""
        return (play for play in self.plays.values() if play.event == event)


@pytest.fixture(scope="module", name="played")
def played_fixture(stack: Settings, batch: Batch, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One apply of all definitions serves all scenarios."""
    assert definitions.__file__
    catalog = catalog_at(tmp_path_factory.mktemp("scenarios"), scenarios=[Path(definitions.__file__)])
    tideline(stack, "apply", "--yes", "--no-build", catalog=catalog)
    batch.run()
    tideline(stack, "speed", "deploy")
    wait_until_served(stack, within=SERVED_WITHIN, report=lambda _: None)
    runs: list[dict[str, Any]] = []
    plays = play_all(stack, lambda: runs.append(batch.run()))
    return Played({(play.scenario.name, play.position): play for play in plays}, runs)


@pytest.mark.parametrize(("scenario", "position", "source"), list(product(SCENARIOS, POSITIONS, SOURCES)))
def test_every_source_gives_the_answer_computed_by_hand(
    played: Played, scenario: str, position: str, source: str
) -> None:
    play = played.plays[scenario, position]
    assert len(play.answered[source]) >= len(play.last) > 0
    wrong = [
        (each.expect.view, each.expect.key, found, each.expect.by_hand)
        for each in play.answered[source]
        if (found := differences(each.view, each.expect, each.answer, each.records, each.at))
    ]
    assert wrong == [], "by feature: (expected, answered)"


@pytest.mark.parametrize(("scenario", "position"), list(product(SCENARIOS, POSITIONS)))
def test_the_boundary_fell_where_the_scenario_says(played: Played, scenario: str, position: str) -> None:
    play = played.plays[scenario, position]
    first, second = (played.boundary(run, play.event) for run in (0, 1))
    assert 0 < play.cut < len(play.received)
    assert max(each.append_time for each in play.received[: play.cut]) < first
    assert first <= min(each.append_time for each in play.received[play.cut :])
    assert max(each.append_time for each in play.received) < second


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: each.name)
def test_quarantine_holds_what_the_reference_refuses(played: Played, stack: Settings, event: Event) -> None:
    received = [each for play in played.of(event) for each in play.received]
    expected = Counter(
        (verdict.reason, each.partition, each.offset)
        for each, _, verdict in judged(event, sorted(received, key=lambda each: (each.partition, each.offset)))
        if isinstance(verdict, Quarantined)
    )
    table = DeltaTable(str(stack.lake / names.quarantine_table(event.name, contract_of(event))))
    held = data_of(table).to_table(columns=["reason", names.PARTITION, names.OFFSET]).to_pylist()
    assert Counter((row["reason"], row[names.PARTITION], row[names.OFFSET]) for row in held) == expected
    assert len(expected) > 5


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: each.name)
def test_nothing_is_lost_without_being_counted(played: Played, event: Event) -> None:
    (counted,) = [each["conservation"] for each in played.runs[1]["events"] if each["event"] == event.name]
    assert counted["received"] == sum(len(play.received) for play in played.of(event))
    assert counted["received"] == counted["valid"] + counted["duplicate"] + counted["quarantined"]
    assert counted["waiting"] == 0


def test_verify_finds_no_difference(played: Played, stack: Settings) -> None:
    checked = json.loads(tideline(stack, "verify", "--json").stdout)
    assert {view["view"] for view in checked["views"]} == {
        view.name for play in played.plays.values() for view in play.views.values()
    }
    assert [view["differences"] for view in checked["views"]] == [[] for _ in checked["views"]]
    assert all(view["entities"] > 1 for view in checked["views"])
