"""Ticks: control records that keep the availability of idle partitions moving."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from batch_layer.topics import Topic, find_topics
from schemas.broker import connect, connected
from schemas.core import names
from schemas.core.errors import UnavailableError
from schemas.lake.catalog import events_of, read_applied
from schemas.settings import Settings

INTERVAL_S: Final = 1.0
_LOOK_AGAIN: Final = 5
"""Ticks after which the catalog and the topics are read again."""

_TIMEOUT_MS: Final = 10_000
_log = logging.getLogger(__name__)

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True)
class Ticked:
    """The offset of the tick in each partition that took it, and why the others did not."""

    offsets: Mapping[Place, int]
    failures: Mapping[Place, str]


class Ticker:
    """Appends ticks; a context manager. Raises `UnavailableError` where Kafka does not answer."""

    def __init__(self, kafka: str) -> None:
        self._producer = connect(
            KafkaProducer,
            kafka,
            acks="all",
            # An idempotent producer of kafka-python 3.0.12 that gives a record up after it was sent once asks for no
            # new id and sends nothing ever after; a tick that is there twice says the same twice.
            enable_idempotence=False,
            linger_ms=0,
            request_timeout_ms=_TIMEOUT_MS // 2,
            delivery_timeout_ms=_TIMEOUT_MS,
            max_block_ms=_TIMEOUT_MS // 2,
        )

    def __enter__(self) -> Ticker:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close(timeout=1)

    def tick_all(self, topics: Iterable[Topic]) -> Ticked:
        """One tick to every partition, returned when each is acknowledged or has failed."""
        sent, offsets, failures = {}, {}, {}
        for place in ((topic.name, partition) for topic in topics for partition in range(topic.partitions)):
            try:
                sent[place] = self._producer.send(
                    place[0],
                    # The client wants a key where there is no value.
                    key=names.TICK_HEADER.encode(),
                    value=None,
                    headers=[(names.TICK_HEADER, b"")],
                    partition=place[1],
                )
            except KafkaError as error:
                failures[place] = type(error).__name__
        ends = time.monotonic() + _TIMEOUT_MS / 1_000
        for place, future in sent.items():
            try:
                offsets[place] = future.get(max(0.0, ends - time.monotonic())).offset
            except KafkaError as error:
                failures[place] = type(error).__name__
        return Ticked(offsets, failures)


def keep_ticking(settings: Settings, stop: threading.Event) -> None:
    """Tick the topics of all applied events once a second until `stop`; wait for what is not there yet."""
    said = ""
    while not stop.is_set():
        try:
            with Ticker(settings.kafka) as ticker:
                while not stop.is_set():
                    said = _tick_a_while(settings, ticker, stop, said)
        except (UnavailableError, KafkaError) as error:
            said = _say(f"waiting: {error}", said)
            stop.wait(INTERVAL_S)


def _tick_a_while(settings: Settings, ticker: Ticker, stop: threading.Event, said: str) -> str:
    events = events_of(read_applied(settings.lake))
    with connected(KafkaAdminClient, settings.kafka) as client:
        topics = find_topics(client, list(events)).values()
    if not topics:
        said = _say("waiting: no applied event has a topic yet", said)
    for _ in range(_LOOK_AGAIN):
        if topics:
            ticked = ticker.tick_all(topics)
            said = _say(_told(len(topics), ticked), said)
        if stop.wait(INTERVAL_S):
            break
    return said


def _told(topics: int, ticked: Ticked) -> str:
    if not ticked.failures:
        return f"ticking {len(ticked.offsets)} partitions of {topics} topics"
    failed = ", ".join(f"`{topic}` {partition} ({why})" for (topic, partition), why in sorted(ticked.failures.items()))
    return f"no tick could be written to {failed}; these partitions hold the boundary back"


def _say(line: str, said: str) -> str:
    """Log a line that is news."""
    if line != said:
        _log.info(line)
    return line
