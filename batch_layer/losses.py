"""Gaps in the log: found before anything is archived over them, and closed by a person alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from batch_layer.checkpoint import checkpoint_of, committed
from batch_layer.tables import archived
from batch_layer.topics import Topic, find_topics
from schemas.broker import connected
from schemas.core.damage import gaps, kept_offsets, lost
from schemas.core.errors import RefusedError
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED
from schemas.lake.archived import Archived, put_archived, read_archived
from schemas.lake.losses import Loss, append_loss, read_losses
from schemas.settings import Settings


def reached(settings: Settings, event: str, topic: Topic) -> dict[int, int]:
    """The first offset of each partition that is not archived; the end of a transaction is no record, and is passed."""
    found = {
        partition: each.last_offset + 1
        for partition, each in archived(settings.lake, event).items()
        if partition != IMPORTED
    }
    known = read_archived(settings.lake).get(event)
    noted = known.offsets if known is not None and known.topic_id == topic.id else {}
    for offsets in (noted, committed(checkpoint_of(settings, event), topic)):
        for partition, offset in offsets.items():
            found[partition] = max(offset, found.get(partition, 0))
    return found


def note_reached(settings: Settings, event: str, topic: Topic) -> None:
    """Tell the other layers how far the event is archived."""
    put_archived(settings.lake, event, Archived(topic.id, reached(settings, event, topic)))


def kept(settings: Settings, event: str, topic: Topic) -> dict[int, int]:
    """Up to where nothing of each partition is missing in raw but what was accepted as lost."""
    losses = read_losses(settings.lake).get(event, [])
    return kept_offsets(reached(settings, event, topic), [loss.gap for loss in losses if loss.topic_id == topic.id])


def refuse_gaps(settings: Settings, topics: Mapping[str, Topic]) -> None:
    """Raise RefusedError where a log no longer holds what is not archived yet."""
    begins = _begins(settings.kafka, topics.values())
    told = [
        lost(topic.name, event, gaps(begins[topic.name], kept(settings, event, topic)))
        for event, topic in topics.items()
    ]
    if any(told):
        raise RefusedError("; ".join(each for each in told if each))


def accept_loss(settings: Settings, event: str, now: Instant) -> list[Loss]:
    """Accept what the log of an event has lost by now; none where it has lost nothing that is not accepted."""
    topic = _topic(settings.kafka, event)
    if topic is None:
        raise RefusedError(f"event `{event}` has no topic, so it has lost nothing; `tideline batch topics` makes it")
    # Serving knows of raw by this alone, and a gap has to adjoin what is archived.
    note_reached(settings, event, topic)
    found = gaps(_begins(settings.kafka, [topic])[topic.name], kept(settings, event, topic))
    return [append_loss(settings.lake, event, topic.id, gap, now=now) for gap in found]


def _topic(kafka: str, event: str) -> Topic | None:
    with connected(KafkaAdminClient, kafka) as client:
        return find_topics(client, [event]).get(event)


def _begins(kafka: str, topics: Collection[Topic]) -> dict[str, dict[int, int]]:
    """The first offset that the log of each partition still holds, by topic."""
    found: dict[str, dict[int, int]] = {topic.name: {} for topic in topics}
    places = [TopicPartition(topic.name, partition) for topic in topics for partition in range(topic.partitions)]
    with connected(KafkaConsumer, kafka, enable_auto_commit=False) as consumer:
        for place, begin in consumer.beginning_offsets(places).items():
            found[place.topic][place.partition] = int(begin)
    return found
