"""Sends deliveries to the log: all at once, or each when its moment has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.demo.replay import Delivery
from schemas.broker import connected
from schemas.core.errors import UnavailableError
from schemas.core.instants import SECOND, Duration, Instant
from schemas.core.names import event_topic

LINGER_MS: Final = 5
_ACKNOWLEDGED_WITHIN: Final = 30.0
_REACHED_WITHIN_MS: Final = 5_000
_LONGEST_WAIT: Final = Duration(10 * SECOND)


@dataclass(frozen=True)
class Sent:
    """A delivery with the place that the broker's acknowledgement gave it; `position` is what `wait_for` takes."""

    delivery: Delivery
    topic: str
    partition: int
    offset: int

    @property
    def position(self) -> str:
        """`topic:partition:offset`."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@contextmanager
def producer(kafka: str) -> Iterator[Any]:
    """A producer that waits for all replicas; raises UnavailableError when no broker answers at `kafka`."""
    with connected(KafkaProducer, kafka, acks="all", linger_ms=LINGER_MS, max_block_ms=_REACHED_WITHIN_MS) as made:
        yield made


def send_all(to: Any, deliveries: Iterable[Delivery]) -> list[Sent]:
    """Send everything now, in order; returns when all is acknowledged."""
    try:
        pending = [(delivery, _send(to, delivery)) for delivery in deliveries]
        to.flush(timeout=_ACKNOWLEDGED_WITHIN)
        return [_acknowledged(delivery, future) for delivery, future in pending]
    except KafkaError as error:
        raise UnavailableError(f"Kafka did not take the events ({error}); see `tideline status`") from error


def follow(
    to: Any,
    deliveries: Iterable[Delivery],
    *,
    now: Callable[[], Instant],
    wait: Callable[[Duration], None],
    before: Callable[[Delivery], None] = lambda _: None,
) -> Iterator[Sent]:
    """Send each delivery once its moment has come, `before` having seen it, and say so once it is acknowledged.

    `wait` may return early, as when it is woken; what is already past is sent without waiting.
    """
    for delivery in deliveries:
        while (ahead := delivery.at - now()) > 0:
            wait(Duration(min(ahead, _LONGEST_WAIT)))
        before(delivery)
        yield from send_all(to, [delivery])


def _send(to: Any, delivery: Delivery) -> Any:
    # Copies share the key, and so the partition, in which alone they are known as copies.
    return to.send(event_topic(delivery.event), key=delivery.event_id.encode(), value=delivery.body)


def _acknowledged(delivery: Delivery, future: Any) -> Sent:
    place = future.get(timeout=_ACKNOWLEDGED_WITHIN)
    return Sent(delivery, place.topic, place.partition, place.offset)
