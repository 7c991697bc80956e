"""What the speed layer asks of Kafka: where to start, its own topics, and how far a run has come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from schemas.broker import committed, connected, unavailable
from schemas.core import names
from schemas.core.damage import Kept, gaps, grown, lost
from schemas.core.errors import RefusedError
from schemas.core.instants import Instant, format_instant
from schemas.core.runs import SPEED_RETENTION, Run

_TIMEOUT_MS = 10_000


def starting_offsets(kafka: str, topic: str, since: Instant) -> dict[int, int]:
    """The first record of each partition that was appended at or after `since`.

    All before it were appended earlier, so it is a running maximum and the run knows its `available_at` without what
    lies before. Raises RefusedError where the log does not reach back, or not forward, to `since`.
    """
    with connected(KafkaConsumer, kafka, enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            raise RefusedError(f"there is no topic `{topic}`, so nothing can be streamed; run `tideline batch topics`")
        found = consumer.offsets_for_times(dict.fromkeys(partitions, max(0, since)))
        begins = consumer.beginning_offsets(partitions)
    offsets = {}
    for partition in partitions:
        first = found.get(partition)
        if first is None:
            raise RefusedError(
                f"partition {partition.partition} of `{topic}` holds nothing since {format_instant(since)}, not even a "
                "tick; see that the ticker runs (`tideline status`), then deploy again"
            )
        if begins[partition] > 0 and first.offset == begins[partition]:
            # What is gone before it may have been appended in the same millisecond.
            raise RefusedError(
                f"partition {partition.partition} of `{topic}` no longer reaches back to {format_instant(since)}, "
                "so a run would miss copies; run `tideline batch run` to move the boundary, then deploy again"
            )
        offsets[partition.partition] = int(first.offset)
    return offsets


def partitions_of(kafka: str, topics: Collection[str]) -> dict[str, int]:
    """How many partitions each topic has; one that is not there is left out."""
    if not topics:
        return {}
    with connected(KafkaAdminClient, kafka) as client:
        try:
            told = client.describe_topics(sorted(topics))
        except KafkaError as error:
            raise unavailable(kafka, error) from error
    return {each["name"]: len(each["partitions"]) for each in told if each["error_code"] == 0}


def damage_of(kafka: str, runs: Sequence[Run], kept: Mapping[str, Kept]) -> dict[str, str]:
    """By run, what is wrong with its event's topic; `kept` is by event what that may lose."""
    has = partitions_of(kafka, {run.topic for run in runs})
    there = [run for run in runs if run.topic in has]
    places = {TopicPartition(run.topic, each) for run in there for each in run.offsets}
    with connected(KafkaConsumer, kafka, enable_auto_commit=False) as consumer:
        begins = consumer.beginning_offsets(sorted(places)) if places else {}
    found = {}
    for run in there:
        of_run = {each: int(begins[TopicPartition(run.topic, each)]) for each in run.offsets}
        # An event that was never archived here has nothing to compare with.
        gone = lost(run.topic, run.event, gaps(of_run, kept[run.event].until)) if run.event in kept else None
        found[run.run] = gone or grown(run.topic, has=has[run.topic], reads=len(run.offsets))
    return {run: damage for run, damage in found.items() if damage is not None}


def create_topics(kafka: str, run: Run) -> None:
    """The run's own topics: one partition, as many copies as the cluster makes, deleted by age and not compacted.

    A restarted job may write an older value of a row after a newer one; compaction would then remove the newer.
    """
    configuration = {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "retention.ms": str(SPEED_RETENTION),
    }
    with connected(KafkaAdminClient, kafka) as client:
        for topic in run.topics.values():
            with suppress(TopicAlreadyExistsError):
                client.create_topics([NewTopic(topic, num_partitions=1, topic_configs=configuration)])


@dataclass(frozen=True)
class Position:
    """One partition of an event's topic as a run stands to it; the log holds `[begin, end)`."""

    reached: int
    begin: int
    end: int


def positions(kafka: str, run: Run) -> dict[int, Position]:
    """By partition; `reached` is what the run's last completed checkpoint holds, or else where the run started."""
    held = {place.partition: offset for place, offset in committed(kafka, names.consumer_group(run.run)).items()}
    with connected(KafkaConsumer, kafka, enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(run.topic, each) for each in sorted(run.offsets)]
        begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    return {
        each.partition: Position(
            held.get(each.partition, run.offsets[each.partition]), int(begins[each]), int(ends[each])
        )
        for each in partitions
    }
