"""Orders that are scored, sent and delivered all the time; the test keeps the books of what was answered and sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from kafka import KafkaProducer

from schemas.broker import connected
from schemas.core.errors import TidelineError
from schemas.core.events import Event
from schemas.core.instants import DAY, MINUTE, SECOND, Instant, format_instant
from schemas.core.names import event_topic
from schemas.settings import Settings
from serving_layer.client import Client, Predictions, Scored
from tests.stack.retraining.definitions import delivery, late_order, order

ROUND: Final = 20
PAUSE: Final = 0.5
"""Seconds from one round to the next, of `ROUND` orders each."""
HISTORY: Final = 12 * DAY
"""Shorter than the two weeks of which the volume of an hour is judged: what is sold here in one is unheard of."""
_EVERY: Final = 5 * MINUTE
_DRIFTED_FROM: Final = 20


@dataclass(frozen=True)
class Order:
    """What is asked about, and how it turns out."""

    shop: str
    items: int
    gift: bool
    late: bool

    @property
    def has_drifted(self) -> bool:
        """Whether it is one of those that only `drifted` gives."""
        return self.items >= _DRIFTED_FROM

    @property
    def row(self) -> dict[str, Any]:
        """Its fields without the outcome."""
        return {"shop": self.shop, "items": self.items, "gift": self.gift}


def usual(draw: Random) -> Order:
    """Late where there are many items or it is a gift; one in twenty is otherwise."""
    items, gift = draw.randrange(12), draw.random() < 0.3
    return Order(draw.choice("ab"), items, gift, (items > 6 or gift) != (draw.random() < 0.05))


def drifted(draw: Random) -> Order:
    """Far more items, late where there are few of them and it is no gift; one in twenty is otherwise."""
    items, gift = draw.randrange(_DRIFTED_FROM, 40), draw.random() < 0.5
    return Order(draw.choice("ab"), items, gift, (items < 30 and not gift) != (draw.random() < 0.05))


def write_history(folder: Path, now: Instant) -> dict[str, Path]:
    """By event a file of usual orders, or of their deliveries a moment later, up to an hour before now."""
    draw, files = Random(0), {each.name: folder / f"{each.name}.jsonl" for each in (order, delivery)}
    lines: dict[str, list[bytes]] = {name: [] for name in files}
    for number, at in enumerate(range(now - HISTORY, now - 60 * MINUTE, _EVERY)):
        made, name = usual(draw), f"history {number}"
        lines[order.name].append(_body(name, Instant(at), made.row))
        lines[delivery.name].append(_body(name, Instant(at + SECOND), {"late": made.late}))
    for name, file in files.items():
        file.write_bytes(b"\n".join(lines[name]))
    return files


@dataclass(frozen=True)
class Traded:
    """An order with the answer to it, and when its two records were appended to the log."""

    id: str
    order: Order
    version: str | None
    asked_at: Instant
    scored: Scored
    ordered_at: Instant
    delivered_at: Instant


@dataclass
class Trade:
    """`rule` gives the orders, and may change at any time; `failed` are requests without an answer."""

    settings: Settings
    rule: Callable[[Random], Order] = usual
    traded: list[Traded] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unrecorded: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _draw: Random = field(default_factory=lambda: Random(1))
    _number: int = 0

    @property
    def versions(self) -> list[str | None]:
        """What answered, each once for as long as it did."""
        seen = [each.version for each in self.traded]
        return [each for place, each in enumerate(seen) if place == 0 or seen[place - 1] != each]

    def work(self) -> None:
        """Trade until stopped."""
        with (
            Client(self.settings.serving) as client,
            connected(KafkaProducer, self.settings.kafka, acks="all", linger_ms=5) as to,
        ):
            while not self.stopped.wait(PAUSE):
                self._round(client, to)

    def _round(self, client: Client, to: Any) -> None:
        """Ask, then order, then deliver: each once what came before it is acknowledged."""
        orders = {f"order {self._number + number}": self.rule(self._draw) for number in range(ROUND)}
        self._number += ROUND
        try:
            found = client.predict(late_order.name, [{"event_id": name, **each.row} for name, each in orders.items()])
        except TidelineError as error:
            self.failed.append(str(error))
            return
        self.unrecorded += not found.recorded
        ordered = _sent(to, order, {name: each.row for name, each in orders.items()})
        delivered = _sent(to, delivery, {name: {"late": each.late} for name, each in orders.items()})
        self.traded += _traded(orders, found, ordered, delivered)


@contextmanager
def trading(settings: Settings) -> Iterator[Trade]:
    """Trade until the block ends; raises what kept it from it."""
    trade = Trade(settings)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(trade.work)
        try:
            yield trade
        finally:
            trade.stopped.set()
        work.result()


def now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)


def _traded(
    orders: dict[str, Order], found: Predictions, ordered: Sequence[Instant], delivered: Sequence[Instant]
) -> list[Traded]:
    rows = zip(orders.items(), found.predictions, ordered, delivered, strict=True)
    return [
        Traded(name, each, found.version, found.as_of, scored, sent_at, told_at)
        for (name, each), scored, sent_at, told_at in rows
    ]


def _sent(to: Any, event: Event, bodies: dict[str, dict[str, Any]]) -> list[Instant]:
    """When each was appended, once all of them are."""
    topic, at = event_topic(event.name), now()
    pending = [to.send(topic, key=name.encode(), value=_body(name, at, each)) for name, each in bodies.items()]
    return [Instant(each.get(timeout=30).timestamp) for each in pending]


def _body(name: str, at: Instant, fields: dict[str, Any]) -> bytes:
    return orjson.dumps({"event_id": name, "event_time": format_instant(at), **fields})
