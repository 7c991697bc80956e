"""Kafka as lists: what a consumer and a producer of it do that the joiner uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from schemas.core.names import TICK_HEADER

PARTITIONS: Final = 2


class Logged(NamedTuple):
    """A record as a consumer gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass
class Log:
    """Topics of two partitions; `begins` are first offsets that are still there."""

    records: dict[tuple[str, int], list[Logged]] = field(default_factory=dict)
    begins: dict[tuple[str, int], int] = field(default_factory=dict)

    def make(self, *topics: str) -> None:
        for topic in topics:
            for partition in range(PARTITIONS):
                self.records.setdefault((topic, partition), [])

    def append(self, topic: str, partition: int, at: int, body: Any = None, *, by_broker: bool = True) -> int:
        """A record at an append time, or a tick where there is no body; its offset."""
        records = self.records[topic, partition]
        value = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = [(TICK_HEADER, b"")] if body is None else []
        records.append(Logged(topic, partition, len(records), at, int(by_broker), value, headers))
        return len(records) - 1

    def bodies(self, topic: str) -> list[dict[str, Any]]:
        """What is in a topic, ticks left out."""
        found = (each for partition in range(PARTITIONS) for each in self.records[topic, partition])
        return [json.loads(each.value) for each in found if each.value is not None]


class Consumer:
    """Reads a log; `choose` says of which of the partitions that have something how many come next."""

    def __init__(self, log: Log, choose: Callable[[list[TopicPartition]], tuple[TopicPartition, int]]) -> None:
        self._log, self._choose = log, choose
        self._positions: dict[TopicPartition, int] = {}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {partition for name, partition in self._log.records if name == topic}

    def assign(self, places: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(places, 0)

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._positions[place] = offset

    def position(self, place: TopicPartition) -> int:
        return self._positions[place]

    def beginning_offsets(self, places: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {each: self._log.begins.get((each.topic, each.partition), 0) for each in places}

    def end_offsets(self, places: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {each: len(self._log.records[each.topic, each.partition]) for each in places}

    def poll(self, timeout_ms: int, max_records: int = 500) -> dict[TopicPartition, list[Logged]]:
        assert timeout_ms > 0
        ends = self.end_offsets(self._positions)
        left = [place for place, offset in sorted(self._positions.items()) if offset < ends[place]]
        if not left:
            return {}
        place, most = self._choose(left)
        start = self._positions[place]
        found = self._log.records[place.topic, place.partition][start : start + min(most, max_records)]
        self._positions[place] = start + len(found)
        return {place: found}

    def close(self) -> None:
        self._positions = {}


class Acknowledged(NamedTuple):
    """Where a record went."""

    partition: int
    offset: int

    def get(self, timeout: float) -> Acknowledged:
        assert timeout > 0
        return self


@dataclass
class Producer:
    """Appends at the time that it is told; fails at the send of this number, before or after the record is taken."""

    log: Log
    now: Callable[[], int]
    fails_at: int | None = None
    takes: bool = False
    sends: int = 0

    def send(self, topic: str, *, key: bytes, value: bytes) -> Acknowledged:
        self.sends += 1
        fails = self.sends == self.fails_at
        partition = sum(key) % PARTITIONS
        if fails and not self.takes:
            raise KafkaTimeoutError("gone before it was taken")
        offset = self.log.append(topic, partition, self.now(), value)
        if fails:
            raise KafkaTimeoutError("gone before it was acknowledged")
        return Acknowledged(partition, offset)
