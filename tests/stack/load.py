"""A steady stream of sales: each is sent until it is acknowledged, and only then written into the books."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.stack.waiting import wait_until
from schemas.broker import connect
from schemas.core.instants import Instant, format_instant
from schemas.core.names import event_topic
from tests.stack.selling.definitions import sale

A_SECOND: Final = 250
SHOPS: Final = tuple(f"shop {number}" for number in range(12))
ACKNOWLEDGED_WITHIN: Final = 120.0
BROKEN: Final = (
    b"",
    b"{",
    b"[1]",
    b'{"event_id": 1}',
    b"\xff\xfe",
    b'{"event_id": "x", "event_time": "2100-01-01T00:00:00Z"}',
)


@dataclass
class Books:
    """What was acknowledged, added up as it came: by shop the sales, the cents and the append times of the sales; the
    last offset by partition.
    """

    sales: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHOPS, 0))
    cents: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHOPS, 0))
    appended: dict[str, list[int]] = field(default_factory=lambda: {shop: [] for shop in SHOPS})
    last: dict[int, int] = field(default_factory=dict)
    acknowledged: int = 0

    def write(self, shop: str, cents: int, place: Any) -> None:
        """Add one sale."""
        self.sales[shop] += 1
        self.cents[shop] += cents
        self.appended[shop].append(place.timestamp)
        self.last[place.partition] = max(place.offset, self.last.get(place.partition, 0))
        self.acknowledged += 1

    @property
    def positions(self) -> list[str]:
        """The last acknowledged record of each partition, as `wait_for` takes it."""
        return [f"{event_topic(sale.name)}:{partition}:{offset}" for partition, offset in sorted(self.last.items())]


class Load:
    """The thread that sells; a sale whose sending failed is sent again under its id until it is acknowledged.

    `copies` is how often each sale is sent at most, and `poison` a share of sales before which something broken is.
    """

    copies: int = 1
    poison: float = 0.0

    def __init__(self, kafka: str) -> None:
        self.books = Books()
        self._producer = connect(
            KafkaProducer, kafka, acks="all", linger_ms=5, reconnect_backoff_max_ms=1_000, delivery_timeout_ms=30_000
        )
        self._draw = random.Random(2013)
        self._number = 0
        self._pending: deque[tuple[bytes, bytes, str, int, Any]] = deque()
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
        while not self._stop.wait(1 / A_SECOND):
            if not self._hold.is_set():
                self._send()
            self._settle()

    def _send(self) -> None:
        self._number += 1
        shop, cents = self._draw.choice(SHOPS), self._draw.randrange(-500, 10_000)
        now = Instant(time.time_ns() // 1_000_000)
        sold = {"event_id": f"s{self._number}", "event_time": format_instant(now), "shop": shop, "cents": cents}
        key, body = sold["event_id"].encode(), json.dumps(sold).encode()  # type: ignore[attr-defined]
        if self._draw.random() < self.poison:
            self._again(b"broken", self._draw.choice(BROKEN))
        self._pending.append((key, body, shop, cents, self._again(key, body)))
        for _ in range(self._draw.randrange(self.copies)):
            self._again(key, body)

    def _settle(self) -> None:
        """Write what is acknowledged; send again what failed."""
        while self._pending and (self._pending[0][4] is None or self._pending[0][4].is_done):
            key, body, shop, cents, sent = self._pending.popleft()
            if sent is not None and sent.succeeded():
                self.books.write(shop, cents, sent.value)
            else:
                self._pending.append((key, body, shop, cents, self._again(key, body)))

    def _again(self, key: bytes, body: bytes) -> Any:
        try:
            return self._producer.send(event_topic(sale.name), key=key, value=body)
        except KafkaError:
            return None


@contextmanager
def selling(kafka: str) -> Iterator[Load]:
    """Sell until the block ends."""
    load = Load(kafka)
    load.start()
    try:
        yield load
    finally:
        load.stop()
