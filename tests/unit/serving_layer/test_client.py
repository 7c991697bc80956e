"""The client against the application: what it sends is understood, what comes back is typed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from schemas.core.codec import definition_of, model_of
from schemas.core.instants import parse_instant
from schemas.core.types import Value
from serving_layer.client import Client, NotServing, Proof, Refused
from serving_layer.models.served import ServedModel
from tests.unit.serving_layer.http.asking import BOUNDARY, NOW, SENSORS, UNITS, Desk, reading
from tests.unit.serving_layer.models.alarms import alarms


@pytest.fixture(name="desk")
def desk_fixture() -> Iterator[Desk]:
    desk = Desk()
    desk.store.receive("reading", [reading(0, "07:31:00.000", {"temp": 1.5, "ticks": 2**62})])
    desk.store.receive("reading", [reading(1, "07:32:00.000", {"temp": 2.5, "ticks": 2**62, "open": False})])
    desk.publish(SENSORS)
    desk.publish(UNITS)
    desk.store.claim("reading", {0: 2, 1: 0}, NOW)
    yield desk
    desk.transport.close()


@pytest.fixture(name="client")
def client_fixture(desk: Desk) -> Client:
    return Client("http://reader", transport=desk.transport)


def test_an_answer_is_typed(client: Client) -> None:
    answers = client.answer("sensors", {"sensor": "s1"}, features=["ticks", "paid"])
    assert (answers.view, answers.as_of) == ("sensors", NOW)
    assert [(each.key, each.features) for each in answers.answers] == [
        ({"sensor": "s1"}, {"ticks": 2**63, "paid": None}),
    ]
    assert answers.proof == Proof(
        generation=1,
        boundary=BOUNDARY,
        run="r1",
        speed_through=NOW,
        complete=True,
        incomplete_because=None,
        definition=definition_of(SENSORS),
    )


@pytest.mark.parametrize("sensor", ["", "a&b=c d+e", "ü/%"])
def test_keys_of_every_type_arrive(desk: Desk, client: Client, sensor: str) -> None:
    desk.store.receive("reading", [reading(5, "07:33:00.000", {"sensor": sensor})])
    assert client.answer("sensors", {"sensor": sensor}).answers[0].features["readings_1h"] == 1
    assert client.answer("units", {"unit": 1, "open": False}).answers[0].features["readings"] == 1
    looked_up = client.lookup("units", [{"unit": 1, "open": True}, {"unit": -1, "open": True}], features=["readings"])
    assert [each.features for each in looked_up.answers] == [{"readings": 1}, {"readings": 0}]


def test_through_and_wait_for(desk: Desk, client: Client) -> None:
    through = parse_instant("2026-03-01T07:32:00.000Z")
    assert client.answer("sensors", {"sensor": "s1"}, through=through).as_of == through
    assert client.lookup("sensors", [], through=through, wait_for="events.reading:0:1").as_of == through
    with pytest.raises(NotServing, match=r"was not claimed within 0\.25 s") as caught:
        client.answer("sensors", {"sensor": "s1"}, wait_for="events.reading:0:2", timeout=0.25)
    assert caught.value.kind == "not-claimed"
    assert desk.clock.time - NOW == pytest.approx(250, abs=5)


def test_refusals_carry_what_is_available(client: Client) -> None:
    with pytest.raises(Refused, match="unknown view `a b`") as caught:
        client.answer("a b", {"sensor": "s1"})
    assert (caught.value.status, caught.value.kind, caught.value.available) == (
        404,
        "unknown-view",
        ("sensors", "units"),
    )
    with pytest.raises(Refused) as caught:
        client.lookup("sensors", [{"sensor": "s1"}], through=parse_instant("2026-03-01T07:29:00Z"))
    assert caught.value.kind == "through-below-boundary"


def test_views_explanations_and_readiness(desk: Desk, client: Client) -> None:
    assert [each["view"] for each in client.views()] == ["sensors", "units"]
    assert client.view("units")["key"][0] == {"name": "open", "type": "bool"}
    assert client.explain("units", {"unit": 1, "open": True})["sources"][0]["n"] == 1
    assert client.ready() == ["sensors", "units"]
    desk.applied["later"] = "d"
    with pytest.raises(NotServing, match="`later`: no generation is loaded"):
        client.ready()


def test_no_reader_is_said_in_one_line() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with (
        Client("http://127.0.0.1:1", transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(NotServing, match=r"no reader answers at `http://127\.0\.0\.1:1`"),
    ):
        client.views()


def test_predictions_are_typed(desk: Desk, client: Client) -> None:
    desk.store.serve_model(ServedModel(alarms(), model_of(alarms())))
    row: dict[str, Value] = {"sensor": "s1", "unit": 1, "open": True, "level": 1.5}
    row |= {"kind": None, "cost": "1.25", "since": None}
    found = client.predict("alarms", [row, row], features=True)
    assert (found.model, found.version, found.definition) == ("alarms", None, model_of(alarms()))
    assert (found.as_of, found.recorded, len(found.predictions)) == (NOW, False, 2)
    one = found.predictions[0]
    assert (one.score, one.decision, one.features) == (0.3, False, None)
    assert one.fallback is not None
    assert one.fallback["by"] == "prior"
    assert found.proofs["sensors"] == client.answer("sensors", {"sensor": "s1"}).proof
    assert client.models() == [client.model("alarms")]
    with pytest.raises(Refused, match="row 0: field `cost` is missing") as refused:
        client.predict("alarms", [{}])
    assert refused.value.kind == "bad-row"
    with pytest.raises(Refused, match="unknown model `x`"):
        client.predict("x", [])
