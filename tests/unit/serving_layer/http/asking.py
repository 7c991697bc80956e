"""A reader over a store in memory, a clock that is moved by hand, and requests without a network.

07:00          07:20     07:30     07:34:56.789
──┼───── s0 ─────┼── s1 ───┼─ epochs ─●  now
                           B
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from schemas.core.codec import definition_of
from schemas.core.instants import MINUTE, Instant, parse_instant
from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    float64,
    int64,
    last,
    max_,
    mean,
    min_,
    string,
    sum_,
    timestamp,
    variance,
)
from schemas.core.records import Record
from schemas.core.types import Value
from serving_layer.figures import Figures
from serving_layer.http.app import create_app
from serving_layer.http.reader import Reader
from serving_layer.memory import MemoryStore
from serving_layer.models.watched import Watch

NOW = parse_instant("2026-03-01T07:34:56.789Z")
BOUNDARY = parse_instant("2026-03-01T07:30:00.000Z")
CUT = parse_instant("2026-03-01T07:20:00.000Z")

READING = Event(
    "reading",
    fields={
        "sensor": string,
        "unit": int64,
        "open": bool_,
        "temp": float64.optional,
        "paid": decimal(2).optional,
        "seen_at": timestamp.optional,
        "note": string.optional,
        "ticks": int64.optional,
    },
    epoch="1m",
)

SENSORS = View(
    "sensors",
    on=READING,
    by="sensor",
    doc="What a sensor says.",
    features={
        "readings": count().over("5m", "1h"),
        "temp": mean("temp").over("1h"),
        "coldest": min_("temp"),
        "spread": variance("temp").over("1h"),
        "warm": mean(col("temp") > 20).over("1h"),
        "note": last("note"),
        "open": last("open"),
        "ticks": sum_("ticks"),
        "paid": sum_("paid"),
        "seen": max_("seen_at"),
    },
)

UNITS = View(
    "units",
    on=READING,
    by=("unit", "open"),
    where=col("temp").is_not_null(),
    features={"readings": count(), "last_tick": last("ticks")},
)


@dataclass
class HandClock:
    """Time that passes only while somebody waits; `then` are things that happen while they do."""

    time: Instant = NOW
    then: list[Callable[[], None]] = field(default_factory=list)
    pauses: int = 0

    def now(self) -> Instant:
        return self.time

    def elapsed(self) -> float:
        return self.time / 1_000

    async def pause(self, seconds: float) -> None:
        self.pauses += 1
        self.time = Instant(self.time + max(1, round(1_000 * seconds)))
        if self.then:
            self.then.pop(0)()


class AppTransport(httpx.BaseTransport):
    """Requests handed to an ASGI application, one after another."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.runner = asyncio.Runner()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.runner.run(self._handle(request))

    def close(self) -> None:
        self.runner.close()

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


@dataclass
class Desk:
    """A reader with all that a test moves. `applied` is what the lake's catalog wants."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: HandClock = field(default_factory=HandClock)
    applied: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Figures] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = create_app(self.reader())
        self.transport = AppTransport(self.app)
        self.http = httpx.Client(transport=self.transport, base_url="http://reader")

    def reader(self) -> Reader:
        return Reader(self.store, self.clock, lambda: self.applied, lambda: self.figures, lambda: self.watches)

    def publish(self, view: View, boundary: Instant = BOUNDARY, run: str | None = "r1") -> None:
        self.applied[view.name] = definition_of(view)
        self.store.publish(view, boundary, run=run, now=Instant(boundary + MINUTE), cuts=[CUT])

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self.http.get(path, params=parameters or None)

    def lookup(self, view: str, body: Any, **parameters: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(f"/v1/views/{view}/lookup", params=parameters or None, content=content)

    def raw(self, method: str, path: str, query: bytes, body: bytes = b"") -> httpx.Response:
        """A request as the server hands it over: any path once decoded, any bytes as its query."""
        return self.transport.runner.run(_raw(self.app, method, path, query, body))

    def features(self, view: str, **parameters: str) -> dict[str, Any]:
        """The features of one entity."""
        response = self.get(f"/v1/views/{view}/answer", **parameters)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["answers"][0]["features"]
        return found


async def _raw(app: Any, method: str, path: str, query: bytes, body: bytes) -> httpx.Response:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": [], "root_path": ""}
    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)


def reading(
    number: int, available_at: str | Instant, values: Mapping[str, Value] | None = None, *, late: int = 0
) -> Record:
    """Record `number` of partition 0, `late` milliseconds after it happened."""
    instant = parse_instant(f"2026-03-01T{available_at}Z") if isinstance(available_at, str) else available_at
    return Record(
        event_id=f"e{number}",
        event_time=Instant(instant - late),
        available_at=instant,
        partition=0,
        offset=number,
        values={"sensor": "s1", "unit": 1, "open": True, **(values or {})},
    )


def problem(response: httpx.Response) -> dict[str, Any]:
    """The problem that a response is, its shape checked."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    content: dict[str, Any] = response.json()
    assert content["type"].startswith("/docs#problem-")
    assert content["status"] == response.status_code
    assert content["title"]
    assert content["detail"]
    return {**content, "kind": content["type"].removeprefix("/docs#problem-")}
