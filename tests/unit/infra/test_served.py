"""When an apply has come to its end."""

from __future__ import annotations

from typing import Any

import httpx

from infra.served import not_served
from serving_layer.client import Client

PROOF: dict[str, Any] = {
    "generation": 1,
    "boundary": "2026-11-21T08:00:00.000Z",
    "run": "r",
    "speed_through": "2026-11-21T08:00:01.000Z",
    "complete": True,
    "incomplete_because": None,
    "definition": "d",
}


def asking(views: dict[str, str], **changed: Any) -> Client:
    """A client of a reader that serves these definitions."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/views":
            listed = [{"view": name, "definition": definition} for name, definition in views.items()]
            return httpx.Response(200, json={"views": listed})
        as_of = "2026-11-21T08:00:02.000Z"
        return httpx.Response(200, json={"view": "v", "as_of": as_of, "answers": [], "proof": {**PROOF, **changed}})

    return Client("http://reader", transport=httpx.MockTransport(answer))


def test_what_is_served_complete_from_its_definition_is_there() -> None:
    assert not_served(asking({"v": "d"}), {"v": "d"}) == {}


def test_each_view_that_is_not_served_has_its_reason() -> None:
    assert not_served(asking({}), {"v": "d"}) == {"v": "no generation is loaded"}
    assert not_served(asking({"v": "c"}), {"v": "d"}) == {"v": "an earlier definition is still served"}
    incomplete = asking({"v": "d"}, complete=False, incomplete_because="no stream run serves this definition")
    assert not_served(incomplete, {"v": "d"}) == {"v": "no stream run serves this definition"}


def test_a_reader_that_does_not_answer_serves_nothing() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = Client("http://reader", transport=httpx.MockTransport(refuse))
    assert "no reader answers" in not_served(client, {"v": "d"})["v"]
