"""A steady stream of sales: each is sent until it is acknowledged, and only then written into the books."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.stack.waiting import wait_until
from schemas.broker import connect
from schemas.core.instants import DAY, HOUR, MINUTE, Instant, format_instant
from schemas.core.names import event_topic
from schemas.settings import CHECKOUT
from tests.stack.selling.definitions import sale

CORPUS: Final = CHECKOUT / "tests" / "data" / "poison.json"
A_SECOND: Final = 250
PAUSE: Final = 0.004
"""Seconds from one sending to the next; what came due between is sent together, but for what came due in a stall."""
SHOPS: Final = tuple(f"shop {number}" for number in range(12))
ACKNOWLEDGED_WITHIN: Final = 120.0
AHEAD: Final = 50_000
"""Milliseconds by which a producer's clock may be ahead; the contract bears a minute."""
BROKEN: Final = (
    None,
    b"{",
    b"[1]",
    b'{"event_id": 1}',
    b"\xff\xfe",
    b'{"event_id": "x", "event_time": "2100-01-01T00:00:00Z", "shop": "shop 1", "cents": 1}',
    b'{"event_id": "' + 900_000 * b"x" + b'"}',
    # More than a broker takes: it is refused, and the producer tells.
    b'{"event_id": "' + 10_000_000 * b"x" + b'"}',
    *(None if body is None else base64.b64decode(body) for body in json.loads(CORPUS.read_text())["bodies"]),
)
"""None of these is a sale: no shop in any of them, or no time that has been."""


@dataclass(frozen=True)
class Sold:
    """One sale as it is sent."""

    id: str
    at: Instant
    shop: str
    cents: int

    @property
    def body(self) -> bytes:
        facts = {"event_id": self.id, "event_time": format_instant(self.at), "shop": self.shop, "cents": self.cents}
        return json.dumps(facts).encode()


@dataclass
class Books:
    """What a topic has acknowledged, added up as it came: by shop the sales, the cents, the append times of the sales,
    and (event time, id) of each; the last offset by partition.
    """

    topic: str = event_topic(sale.name)
    sales: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHOPS, 0))
    cents: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHOPS, 0))
    appended: dict[str, list[int]] = field(default_factory=lambda: {shop: [] for shop in SHOPS})
    sold: dict[str, list[tuple[Instant, str]]] = field(default_factory=lambda: {shop: [] for shop in SHOPS})
    last: dict[int, int] = field(default_factory=dict)
    acknowledged: int = 0
    struck: dict[str, int] = field(default_factory=dict)
    """By shop how many sales a person has accepted as lost."""

    def write(self, sold: Sold, place: Any) -> None:
        """Add one sale."""
        shop = sold.shop
        self.sales[shop] += 1
        self.cents[shop] += sold.cents
        self.appended[shop].append(place.timestamp)
        self.sold[shop].append((sold.at, sold.id))
        self.last[place.partition] = max(place.offset, self.last.get(place.partition, 0))
        self.acknowledged += 1

    def strike(self, lost: Iterable[tuple[Sold, Instant]]) -> None:
        """Take out sales that a person has accepted as lost, each with its append time."""
        for sold, appended in lost:
            shop = sold.shop
            self.sales[shop] -= 1
            self.cents[shop] -= sold.cents
            self.appended[shop].remove(appended)
            self.sold[shop].remove((sold.at, sold.id))
            self.struck[shop] = self.struck.get(shop, 0) + 1

    def recent(self, shop: str, at: Instant) -> int:
        """The sales of six hours before an instant, from a full five minutes on."""
        since = (at - 6 * HOUR) // (5 * MINUTE) * (5 * MINUTE)
        return sum(time >= since for time, _ in self.sold[shop])

    def last_sale(self, shop: str) -> str | None:
        """The id of the newest sale; of two at one instant that with the greater id."""
        return max(self.sold[shop], default=(0, None))[1]

    @property
    def positions(self) -> list[str]:
        """The last acknowledged record of each partition, as `wait_for` takes it."""
        return [f"{self.topic}:{partition}:{offset}" for partition, offset in sorted(self.last.items())]


class Load:
    """The thread that sells; a sale whose sending failed is sent again under its id until it is acknowledged.

    `copies` is how often each sale is sent at most, `poison` a share of sales before which something broken is,
    `late` whether sales tell of times before and after now, `times` how much faster it sells than it is meant to, and
    `hot` a share of sales that are the first shop's.
    """

    times: int = 1
    copies: int = 1
    poison: float = 0.0
    hot: float = 0.0
    late: bool = False

    def __init__(self, kafka: str, a_second: int, topic: str) -> None:
        self.books = Books(topic)
        self._a_second = a_second
        # Longer than any broker stands still here: a producer that gives a record up sends nothing more (`ticks.py`).
        self._producer = connect(KafkaProducer, kafka, acks="all", linger_ms=5, delivery_timeout_ms=90_000)
        self._draw = random.Random(2013)
        self._number = 0
        self._pending: deque[tuple[Sold, Any]] = deque()
        self._stop, self._hold = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin to sell."""
        self._thread.start()

    def stop(self) -> None:
        """Sell no more."""
        self._stop.set()
        self._thread.join()
        self._producer.close()

    def sell(self, more: int) -> None:
        """Return once so many more sales are acknowledged."""
        wanted = self.books.acknowledged + more
        assert wait_until(lambda: self.books.acknowledged >= wanted, seconds=ACKNOWLEDGED_WITHIN), (
            f"{self.books.acknowledged} of {wanted} sales were acknowledged within {ACKNOWLEDGED_WITHIN:.0f} s"
        )

    @contextmanager
    def paused(self) -> Iterator[Books]:
        """Nothing is sent meanwhile, and all that was is in the books."""
        self._hold.set()
        try:
            settled = wait_until(lambda: not self._pending, seconds=ACKNOWLEDGED_WITHIN)
            assert settled, f"{len(self._pending)} sales are not acknowledged"
            yield self.books
        finally:
            self._hold.clear()

    def _work(self) -> None:
        owed, last = 0.0, time.monotonic()
        while not self._stop.wait(PAUSE):
            now = time.monotonic()
            rate = 0 if self._hold.is_set() else self.times * self._a_second
            owed = min(owed + (now - last) * rate, rate / 10)
            last = now
            for _ in range(int(owed)):
                self._send()
            owed %= 1.0
            self._settle()

    def send_again(self, partition: int, key: bytes | None, body: bytes | None) -> None:
        """Send what is in the log already; nothing of it goes into the books."""
        self._producer.send(self.books.topic, key=key, value=body, partition=partition)

    def _send(self) -> None:
        self._number += 1
        shop = self._draw.choice(SHOPS[:1] if self._draw.random() < self.hot else SHOPS)
        cents = self._draw.randrange(-500, 10_000)
        sold = Sold(f"s{self._number}", self._time(Instant(time.time_ns() // 1_000_000)), shop, cents)
        if self._draw.random() < self.poison:
            body = self._draw.choice(BROKEN)
            self._again(None if body and self._draw.random() < 0.5 else b"broken", body)
        self._pending.append((sold, self._again(sold.id.encode(), sold.body)))
        for _ in range(self._draw.randrange(self.copies)):
            self._again(sold.id.encode(), sold.body)

    def _time(self, now: Instant) -> Instant:
        if not self.late:
            return now
        drawn = self._draw.random()
        if drawn < 0.02:
            return Instant(-DAY)
        if drawn < 0.2:
            return Instant(now + self._draw.randrange(AHEAD))
        return Instant(now - min(2 * DAY, int(1_000 * self._draw.paretovariate(0.4))))

    def _settle(self) -> None:
        """Write what is acknowledged; send again what failed."""
        while self._pending and (self._pending[0][1] is None or self._pending[0][1].is_done):
            sold, sent = self._pending.popleft()
            if sent is not None and sent.succeeded():
                self.books.write(sold, sent.value)
            else:
                self._pending.append((sold, self._again(sold.id.encode(), sold.body)))

    def _again(self, key: bytes | None, body: bytes | None) -> Any:
        try:
            return self._producer.send(self.books.topic, key=key, value=body)
        except KafkaError:
            return None


@contextmanager
def selling(kafka: str, a_second: int = A_SECOND, *, topic: str = event_topic(sale.name)) -> Iterator[Load]:
    """Sell until the block ends, at most so fast."""
    load = Load(kafka, a_second, topic)
    load.start()
    try:
        yield load
    finally:
        load.stop()
