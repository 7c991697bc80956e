"""What the log holds, read to its end; of transactions what is committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from schemas.broker import connected

Offsets = Mapping[TopicPartition, int]

_COMMITTED: Final = {"enable_auto_commit": False, "isolation_level": "read_committed"}


def read_topic(kafka: str, topic: str) -> list[Any]:
    """Each record that a topic holds now, ticks among them; those of a partition in order of offset."""
    with connected(KafkaConsumer, kafka, **_COMMITTED) as consumer:
        places = [TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())]
        return _read(consumer, consumer.beginning_offsets(places), consumer.end_offsets(places))


def read_between(kafka: str, since: Offsets, to: Offsets) -> list[Any]:
    """The records in `[since, to)` of each partition."""
    with connected(KafkaConsumer, kafka, **_COMMITTED) as consumer:
        return _read(consumer, since, to)


def ends_of(kafka: str, places: list[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last record of each."""
    with connected(KafkaConsumer, kafka) as consumer:
        found: dict[TopicPartition, int] = consumer.end_offsets(places)
        return found


def _read(consumer: Any, since: Offsets, to: Offsets) -> list[Any]:
    consumer.assign(list(since))
    for place, offset in since.items():
        consumer.seek(place, offset)
    found = []
    while any(consumer.position(place) < end for place, end in to.items()):
        for place, records in consumer.poll(1_000).items():
            found += [record for record in records if record.offset < to[place]]
    return found
