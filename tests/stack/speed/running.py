"""What the tests of the stream share: submitting plain statements, producing, and reading what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from schemas.broker import committed
from schemas.core import names
from schemas.settings import Settings
from speed_layer.flink import Flink
from tests.stack.topics import read_topic

Found = TypeVar("Found")


@dataclass(frozen=True)
class Sent:
    """A record to produce; `timestamp` matters on topics whose clock is the producer's."""

    body: bytes | None
    partition: int = 0
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Acknowledged:
    """Where a record came to lie, and the broker's time of it."""

    sent: Sent
    offset: int
    timestamp: int


def tick(partition: int = 0, timestamp: int | None = None) -> Sent:
    """What the platform appends to every partition."""
    return Sent(None, partition, timestamp, ((names.TICK_HEADER, b""),))


def create_topic(kafka: str, topic: str, partitions: int, **configuration: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        client.create_topics([NewTopic(topic, partitions, 1, topic_configs=configuration)])
        client.wait_for_topics([topic])
    finally:
        client.close()


def produce(kafka: str, topic: str, records: Sequence[Sent]) -> list[Acknowledged]:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5)
    try:
        futures = [
            producer.send(
                topic,
                value=each.body,
                key=b"key",
                partition=each.partition,
                timestamp_ms=each.timestamp,
                headers=list(each.headers),
            )
            for each in records
        ]
        producer.flush()
        told = [future.get(timeout=30) for future in futures]
    finally:
        producer.close()
    return [Acknowledged(sent, each.offset, each.timestamp) for sent, each in zip(records, told, strict=True)]


def read_all(kafka: str, topic: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every row that a topic holds now, as (key, value)."""
    rows = []
    for record in read_topic(kafka, topic):
        assert record.value is not None, f"{topic} holds a tombstone at {record.offset}"
        rows.append((json.loads(record.key or b"{}"), json.loads(record.value)))
    return rows


def read_latest(
    kafka: str, topic: str, *, restarted: bool = False
) -> dict[tuple[tuple[str, Any], ...], dict[str, Any]]:
    """The last value of each row; fails where a row does not count more events than before, but for a restart."""
    latest: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    for fields, value in read_all(kafka, topic):
        key = tuple(sorted(fields.items()))
        assert restarted or key not in latest or latest[key]["_n"] < value["_n"], f"{key} fell back to {value}"
        latest[key] = value
    return latest


def wait_for(what: str, found: Callable[[], Found | None], seconds: float = 120.0) -> Found:
    """What `found` gives once it gives something; fails with the name of it after the bound."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        value = found()
        if value is not None:
            return value
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


def wait_until_read(kafka: str, group: str, ends: Mapping[int, int]) -> None:
    """Until a completed checkpoint holds these positions: by then everything before them is on the speed topics."""

    def reached() -> bool | None:
        found = {place.partition: offset for place, offset in committed(kafka, group).items()}
        return all(found.get(partition, -1) >= end for partition, end in ends.items()) or None

    wait_for(f"group {group} at {dict(ends)}", reached)


def ends_of(acknowledged: Sequence[Acknowledged]) -> dict[int, int]:
    """One past the last offset of each partition."""
    ends: dict[int, int] = {}
    for each in acknowledged:
        ends[each.sent.partition] = max(ends.get(each.sent.partition, 0), each.offset + 1)
    return ends


@contextmanager
def cancelled(settings: Settings) -> Iterator[Flink]:
    """A client of the job manager; jobs that were not there before are cancelled in the end."""
    flink = Flink(settings.flink)
    before = {job.id for job in flink.jobs()}
    try:
        yield flink
    finally:
        for job in flink.jobs():
            if job.lives and job.id not in before:
                flink.cancel(job)
        wait_for("the end of the jobs", lambda: all(not job.lives or job.id in before for job in flink.jobs()) or None)
        flink.close()
