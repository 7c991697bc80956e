"""The demo's steps on a slice of the flights: history, log, live answers, batch, rollback, recompute, verify."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from infra.demo.__main__ import now
from infra.demo.producer import producer
from infra.demo.run import await_closed, keys_of, watch_batch
from infra.demo.steps import KEYED_BY, Seen, is_same, watch
from infra.stack.waiting import wait_until
from schemas.core import names
from schemas.core.catalog import load_catalog
from schemas.core.codec import contract_of
from schemas.core.instants import Instant, floor, format_instant, parse_duration, parse_instant
from schemas.core.verdict import Valid, judge
from schemas.lake.tables import data_of
from schemas.settings import Settings
from serving_layer.client import Answers, Client
from tests.stack.flights import Flights
from tests.stack.stacks import Batch, tideline

VIEWS = load_catalog().views
EVENTS = load_catalog().events
LOADED_WITHIN = 60.0


@pytest.fixture(scope="module", name="client")
def client_fixture(stack: Settings, flights: Flights) -> Iterator[Client]:
    """A client that has waited until all that was sent is claimed."""
    with Client(stack.serving) as client:
        for event, positions in flights.last.items():
            for position in positions:
                client.lookup(KEYED_BY[event][0], [], wait_for=position, timeout=60)
        yield client


@pytest.fixture(scope="module", name="seen")
def seen_fixture(stack: Settings, flights: Flights, client: Client) -> list[Seen]:
    """The deliveries that were kept back, each sent and watched until it showed."""
    with producer(stack.kafka) as to:
        seen = []
        for delivery in flights.watched:
            verdict = judge(EVENTS[delivery.event], delivery.body, available_at=delivery.at)
            assert isinstance(verdict, Valid)
            seen.append(watch(client, to, delivery, verdict.values))
    for each in seen:
        client.lookup(each.view, [], wait_for=each.sent.position, timeout=60)
    return seen


@pytest.fixture(scope="module", name="ran")
def ran_fixture(batch: Batch, flights: Flights, client: Client, seen: list[Seen]) -> dict[str, Any]:
    """What a batch run printed, while answers to the watched entities were kept and found unchanged."""
    assert seen
    await_closed(client, flights.watched, now())
    ran, compared, _ = watch_batch(client, batch.run, flights.watched)
    assert set(compared.moved) == set(keys_of(flights.watched)), "the boundary of every watched view has moved"
    assert all(before < after for before, after in compared.moved.values())
    assert compared.cells > 20
    assert compared.differing == 0
    found: dict[str, Any] = ran
    return found


def asked(stack: Settings, *arguments: str) -> Any:
    """What a command prints with `--json`."""
    return json.loads(tideline(stack, *arguments, "--json").stdout)


def closed(client: Client, view: str) -> Instant:
    """The last closed epoch of a view."""
    described, proof = client.view(view), client.lookup(view, []).proof
    return max(proof.boundary, Instant(floor(proof.speed_through, parse_duration(described["epoch"]))))


def served(client: Client, view: str, generation: int) -> bool:
    """Whether serving has come to a generation."""
    return wait_until(lambda: client.view(view)["generation"] == generation, seconds=LOADED_WITHIN)


def same(left: Answers, right: Answers) -> bool:
    """Whether two answers give the same values, sums of floats to 1e-9."""
    return [answer.key for answer in left.answers] == [answer.key for answer in right.answers] and all(
        before.features.keys() == after.features.keys()
        and all(is_same(value, after.features[name]) for name, value in before.features.items())
        for before, after in zip(left.answers, right.answers, strict=True)
    )


def test_plan_showed_every_view_as_new(flights: Flights) -> None:
    assert {(change["what"], change["view"]) for change in flights.plan if change["what"] != "gone"} == {
        ("new", view) for view in VIEWS
    }


def test_the_same_history_again_changes_nothing(stack: Settings, flights: Flights) -> None:
    event, file = "cancellation", flights.files["cancellation"]
    assert flights.imported[event]["new"] is True
    again = asked(stack, "import", event, str(file))
    assert (again["new"], again["import_id"]) == (False, flights.imported[event]["import_id"])
    assert again["records"] == flights.imported[event]["records"] == flights.received(event)["history"]


def test_events_show_in_answers(seen: list[Seen]) -> None:
    assert all(each.changed for each in seen)


def test_all_is_claimed(client: Client) -> None:
    assert set(client.ready()) == set(VIEWS)
    for view in VIEWS:
        proof = client.lookup(view, []).proof
        assert (proof.complete, proof.incomplete_because) == (True, None)


def test_batch_takes_over_and_no_answer_changes(ran: Mapping[str, Any]) -> None:
    assert {view["view"] for view in ran["views"] if "extend" in view["edits"]} == set(VIEWS)


def test_an_answer_is_what_the_data_says(client: Client, flights: Flights, ran: Mapping[str, Any]) -> None:
    """Departures per aircraft, counted from the published tables by distinct id."""
    assert ran
    history = flights.replay.history("departure").select(["event_id", "tailnum"]).to_pylist()
    logged = [json.loads(each.body or b"") for each in sound(flights, "departure")]
    ids = {(row["event_id"], row["tailnum"]) for row in [*history, *logged]}
    expected = Counter(tail for _, tail in ids)
    keys = [{"tailnum": tail} for tail, _ in expected.most_common(50)]
    answered = client.lookup("aircraft_lifetime", keys)
    assert [answer.features["departures"] for answer in answered.answers] == [expected[key["tailnum"]] for key in keys]
    assert len(keys) == 50


def sound(flights: Flights, event: str) -> list[Any]:
    """Every delivery of an event that was sent and is no poison."""
    sent = [*(each.delivery for each in flights.sent), *flights.watched]
    return [each for each in sent if each.event == event and each.kind != "poison"]


def test_nothing_is_lost_without_being_counted(stack: Settings, flights: Flights, ran: Mapping[str, Any]) -> None:
    for each in ran["events"]:
        event, counted = each["event"], each["conservation"]
        received = flights.received(event)
        watched = sum(1 for delivery in flights.watched if delivery.event == event)
        assert counted["received"] == received.total() + watched
        assert counted["duplicate"] == received["copy"]
        assert counted["valid"] + counted["quarantined"] == received.total() + watched - received["copy"]
        reasons = Counter(each.delivery.reason for each in flights.sent if each.delivery.event == event)
        assert quarantined(stack, event) == Counter({reason: count for reason, count in reasons.items() if reason})


def quarantined(stack: Settings, event: str) -> Counter[str]:
    """What came through Kafka and is in quarantine, by reason; an event that nothing came of has no table."""
    path = str(stack.lake / names.quarantine_table(event, contract_of(EVENTS[event])))
    if not DeltaTable.is_deltatable(path):
        return Counter()
    logged = data_of(DeltaTable(path)).to_table(columns=["reason", names.PARTITION])
    return Counter(logged.filter(pc.field(names.PARTITION) >= 0)["reason"].to_pylist())


def test_rollback_and_forward_change_no_answer(stack: Settings, client: Client, flights: Flights, ran: Any) -> None:
    view = "carrier_delays"
    keys = keys_of(flights.watched)[view]
    newest = next(each["generation"]["generation"] for each in ran["views"] if each["view"] == view)
    through = closed(client, view)
    before = client.lookup(view, keys, through=through)
    back = asked(stack, "rollback", view)
    assert parse_instant(back["boundary"]) < before.proof.boundary
    assert served(client, view, back["generation"])
    rolled = client.lookup(view, keys, through=through)
    assert rolled.proof.boundary < before.proof.boundary
    assert rolled.proof.complete
    assert same(before, rolled)
    forward = asked(stack, "rollback", view, str(newest))
    assert parse_instant(forward["boundary"]) == before.proof.boundary
    assert served(client, view, forward["generation"])
    assert same(before, client.lookup(view, keys, through=through))


def test_recompute_equals_the_increments(stack: Settings, client: Client, flights: Flights, ran: Any) -> None:
    assert ran
    view = "carrier_delays"
    keys = keys_of(flights.watched)[view]
    through = closed(client, view)
    before = client.lookup(view, keys, through=through)
    done = asked(stack, "batch", "recompute", view)
    assert len(done["generation"]["segments"]) == 1
    assert served(client, view, done["generation"]["generation"])
    after = client.lookup(view, keys, through=max(through, client.lookup(view, []).proof.boundary))
    assert after.as_of == before.as_of
    assert same(before, after)


def test_batch_again_changes_no_answer(batch: Batch, client: Client, flights: Flights, ran: Any) -> None:
    await_closed(client, flights.watched, max(client.lookup(view, []).proof.boundary for view in VIEWS))
    again, compared, _ = watch_batch(client, batch.run, flights.watched)
    assert [each["conservation"] for each in again["events"]] == [each["conservation"] for each in ran["events"]]
    assert set(compared.moved) == set(keys_of(flights.watched))
    assert compared.cells > 20
    assert compared.differing == 0


def test_verify_finds_no_difference(stack: Settings, ran: Any) -> None:
    assert ran
    checked = asked(stack, "verify", "--keys", "60")
    assert {view["view"] for view in checked["views"]} == set(VIEWS)
    assert [view["differences"] for view in checked["views"]] == [[] for _ in checked["views"]]
    assert sum(view["cells"] for view in checked["views"]) > 1_000


def test_a_reconciliation_finds_no_difference_and_is_listed_once(stack: Settings, ran: Any) -> None:
    assert ran
    of = ("reconcile", "carrier_delays", "--keys", "4", "--run", "first")
    (done,) = asked(stack, *of, "--rotation", "0")["reconciliations"]
    assert (done["differing"], done["found"]) == (0, [])
    assert done["entities"] > 0
    assert asked(stack, *of, "--rotation", "1")["reconciliations"] == [done]
    assert asked(stack, "reconcile", "--list")["reconciliations"] == [done]


def test_every_command_prints_json(stack: Settings, client: Client) -> None:
    assert asked(stack, "plan") == []
    assert {view["view"]: view["state"] for view in asked(stack, "views")} == dict.fromkeys(VIEWS, "applied")
    queried = asked(stack, "query", "carrier_delays", "carrier=UA")
    answer = client.lookup("carrier_delays", [{"carrier": "UA"}], through=None)
    assert queried["answers"][0]["key"] == {"carrier": "UA"}
    assert queried["answers"][0]["features"]["departures_7d"] == answer.answers[0].features["departures_7d"]
    assert queried["proof"]["complete"] is True
    through = format_instant(closed(client, "carrier_delays"))
    one, two = (asked(stack, "query", "carrier_delays", "carrier=UA", "--through", through) for _ in range(2))
    assert one["answers"] == two["answers"]
    explained = asked(stack, "explain", "origin_weather", "origin=JFK")
    assert sum(source["n"] for source in explained["sources"]) > 0
    assert [each["state"] for each in asked(stack, "speed", "status")] == ["running"] * len(EVENTS)
    assert {each["event"] for each in asked(stack, "batch", "status")["events"]} == set(EVENTS)


@pytest.mark.usefixtures("ran")
def test_what_cannot_be_asked_is_told_in_one_line(stack: Settings) -> None:
    for arguments, told in {
        ("query", "carrier_delay", "carrier=UA"): "unknown",
        ("query", "carrier_delays", "carier=UA"): "carrier",
        ("query", "carrier_delays", "UA"): "`UA` is no key field",
        ("rollback", "carrier_delays", "999"): "999",
        ("import", "departure", "nowhere.parquet"): "there is no file",
    }.items():
        done = tideline(stack, *arguments, check=False)
        assert done.returncode in (1, 2), arguments
        assert "Traceback" not in done.stderr
        assert told in done.stderr
