"""The two routes that answer, as bare ASGI: what a framework does to a request costs more than the answer.

request ─▶ shortcut ─┬─▶ answer, lookup
                     └─▶ server errors ─▶ measured ─▶ exceptions ─▶ router ─▶ every route; these two too, for 405
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.core.errors import TidelineError
from serving_layer.http.bodies import MOST_BYTES, read_body
from serving_layer.http.metrics import Metrics
from serving_layer.http.problems import Problem, problem_of, response_to
from serving_layer.http.questions import LOOKUP_OPTIONS, Form, Question, parameters
from serving_layer.http.reader import Reader

LOG: Final = logging.getLogger(__name__)

ANSWER: Final = "/v1/views/{view}/answer"
LOOKUP: Final = "/v1/views/{view}/lookup"
_VIEWS: Final = "/v1/views/"

_JSON: Final = (b"content-type", b"application/json")


class Hot(Protocol):
    """A route that answers: its path, which names one thing, its methods, and the body that a request comes to."""

    path: str
    methods: tuple[str, ...]

    async def read(self, name: str, scope: Scope, receive: Receive) -> bytes | None:
        """None where the client has gone; counts what it answers. Raises TidelineError."""


class AnswerRoute:
    """`GET /v1/views/{view}/answer?carrier=UA`: one entity."""

    path: str = ANSWER
    methods: tuple[str, ...] = ("GET", "HEAD")

    def __init__(self, reader: Reader, metrics: Metrics) -> None:
        self._reader = reader
        self._metrics = metrics

    async def read(self, name: str, scope: Scope, receive: Receive) -> bytes | None:  # noqa: ARG002 - as `Hot` has it
        """Read one entity; waits if the request does."""
        query: bytes = scope["query_string"]
        reading = self._reader.attempt(name, lambda form: form.one(query)) or await self._reader.answer(
            name, lambda form: form.one(query)
        )
        self._metrics.answered(reading)
        return reading.body


class LookupRoute:
    """`POST /v1/views/{view}/lookup`: many entities, in order, from one snapshot."""

    path: str = LOOKUP
    methods: tuple[str, ...] = ("POST",)

    def __init__(self, reader: Reader, metrics: Metrics) -> None:
        self._reader = reader
        self._metrics = metrics

    async def read(self, name: str, scope: Scope, receive: Receive) -> bytes | None:
        """Read the entities of the body; waits if the request does."""
        body = await read_all(scope, receive, "keys")
        if body is None:
            return None
        query: bytes = scope["query_string"]

        def ask(form: Form) -> Question:
            options = form.options(parameters(query), LOOKUP_OPTIONS)
            keys, features = read_body(form, body)
            return Question(keys, replace(options, features=features))

        reading = await self._reader.answer(name, ask)
        self._metrics.answered(reading)
        return reading.body


class Shortcut:
    """ASGI around the whole application that answers what `routes` are for and passes all else on."""

    def __init__(self, app: ASGIApp, routes: Sequence[Hot], metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = {(method, *_around(each.path)): each for each in routes for method in each.methods}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] == "http":
            before, name, last = _parted(scope["path"])
            route = self._routes.get((scope["method"], before, last))
            if route is not None and name:
                started = perf_counter()
                status = await self._answer(route, name, scope, receive, send)
                view = name if before == _VIEWS else ""
                self._metrics.request(route.path, view, status, perf_counter() - started)
                return
        await self._app(scope, receive, send)

    async def _answer(self, route: Hot, name: str, scope: Scope, receive: Receive, send: Send) -> int:
        try:
            body = await route.read(name, scope, receive)
        except TidelineError as error:
            return await _refuse(problem_of(error), scope, receive, send)
        except Exception:
            LOG.exception("a request for `%s` met a fault", scope["path"])
            fault = Problem("internal", "this process met a fault of its own; its log has the details")
            return await _refuse(fault, scope, receive, send)
        if body is not None:
            headers = [_JSON, (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        return 200


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> int:
    await response_to(problem)(scope, receive, send)
    return problem.status


def _parted(path: str) -> tuple[str, str, str]:
    """`/v1/views/`, `carrier_delays`, `answer`."""
    front, _, last = path.rpartition("/")
    before, slash, name = front.rpartition("/")
    return before + slash, name, last


def _around(template: str) -> tuple[str, str]:
    before, _, last = _parted(template)
    return before, last


async def read_all(scope: Scope, receive: Receive, what: str) -> bytes | None:
    """The whole body, or None where the client has gone; raises Problem beyond `MOST_BYTES`, `what` being too many."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > MOST_BYTES:
            raise _too_large(what)
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MOST_BYTES:
            raise _too_large(what)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if len(chunks) > 1 else chunk


def _too_large(what: str) -> Problem:
    return Problem(
        "body-too-large",
        f"the body is larger than {MOST_BYTES} bytes; send fewer {what} at once",
        headers={"connection": "close"},
    )
