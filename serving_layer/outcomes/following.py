"""One model's topics, followed: records into the state, what is due into the log, both or neither."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from schemas.core.instants import Instant
from schemas.core.models import Model
from schemas.core.names import TICK_HEADER
from serving_layer.environment import Environment
from serving_layer.outcomes.joining import Joining, Outcome, Received
from serving_layer.outcomes.progress import Place, Progress, meaning_of, put_progress, read_progress

LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 500
"""Records, and outcomes, of one transaction at most."""
_ACKNOWLEDGED_WITHIN: Final = 10.0
_LOG_APPEND_TIME: Final = 1


class Following:
    """The join of one model over Kafka. After an error it is to be made anew: its consumer is ahead of the state."""

    def __init__(self, environment: Environment, model: Model, consumer: KafkaConsumer, producer: Any) -> None:
        self._environment = environment
        self._model = model
        self._joining = Joining(model)
        self._meaning = meaning_of(model)
        self._consumer = consumer
        self._producer = producer
        self._is_all = False

    def close(self) -> None:
        """Give the consumer's connections back."""
        self._consumer.close()

    def missing(self) -> list[str]:
        """The topics that are not there yet."""
        topics = (*self._joining.topics, self._joining.outcomes)
        return [topic for topic in topics if not self._consumer.partitions_for_topic(topic)]

    def begin(self) -> None:
        """Find what was sent and not committed, and go on where the state is."""
        with self._environment.write() as rows:
            progress = read_progress(rows, self._model.name)
            if progress is None or progress.meaning != self._meaning:
                self._joining.forget(rows)
                progress = Progress(self._meaning)
            self._seek(progress, [self._joining.outcomes])
            for received in self._to_the_end():
                self._joining.sent(rows, received)
                progress.offsets[received.topic, received.partition] = received.offset + 1
            self._seek(progress, self._joining.topics)
            put_progress(rows, self._model.name, progress)

    def step(self, timeout_ms: int) -> None:
        """Take what has come, and send what is due by it."""
        fetched = self._consumer.poll(timeout_ms=timeout_ms, max_records=_BATCH)
        received = [_received(each) for records in fetched.values() for each in records]
        while received or not self._is_all:
            with self._environment.write() as rows:
                progress = read_progress(rows, self._model.name)
                assert progress is not None, "it was put when this began"
                for each in received:
                    self._joining.take(rows, progress, each)
                due = self._joining.due(rows, progress, _BATCH)
                for place, offset in self._send(due.outcomes).items():
                    progress.offsets[place] = max(offset, progress.offsets.get(place, 0))
                put_progress(rows, self._model.name, progress)
            received, self._is_all = [], due.is_all

    def _send(self, outcomes: list[Outcome]) -> Mapping[Place, int]:
        """The next offset of each partition that took some; raises KafkaError unless all is acknowledged."""
        topic, ends = self._joining.outcomes, dict[Place, int]()
        pending = [self._producer.send(topic, key=each.event_id.encode(), value=each.body) for each in outcomes]
        for each in pending:
            at = each.get(timeout=_ACKNOWLEDGED_WITHIN)
            ends[topic, at.partition] = max(at.offset + 1, ends.get((topic, at.partition), 0))
        return ends

    def _seek(self, progress: Progress, topics: tuple[str, ...] | list[str]) -> None:
        """Go to where the state is, or to where the log begins if it has lost that."""
        places = [
            TopicPartition(topic, each) for topic in topics for each in self._consumer.partitions_for_topic(topic) or ()
        ]
        self._consumer.assign(places)
        begins, ends = self._consumer.beginning_offsets(places), self._consumer.end_offsets(places)
        for place in places:
            offset = progress.offsets.get(place, begins[place])
            if not begins[place] <= offset <= ends[place]:
                lost = max(0, begins[place] - offset)
                LOG.error(
                    "`%s` partition %d of model `%s` goes on at %d and not at %d, where the log has nothing: "
                    "%d records were not joined",
                    *(place.topic, place.partition, self._model.name, begins[place], offset, lost),
                )
                progress.counts["lost"] += lost
                progress.offsets[place] = offset = begins[place]
            self._consumer.seek(place, offset)

    def _to_the_end(self) -> Iterator[Received]:
        """All that the assigned partitions hold by now."""
        ends = self._consumer.end_offsets(list(self._consumer.assignment()))
        while any(self._consumer.position(place) < end for place, end in ends.items()):
            for records in self._consumer.poll(timeout_ms=1_000).values():
                yield from map(_received, records)


def _received(record: Any) -> Received:
    by_broker = record.timestamp_type == _LOG_APPEND_TIME
    return Received(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        append_time=Instant(record.timestamp) if by_broker else None,
        body=record.value,
        tick=any(name == TICK_HEADER for name, _ in record.headers),
    )
