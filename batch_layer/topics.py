"""The topics that events are produced to: made once, with a fixed number of partitions and the broker's own clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka.admin import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from schemas.broker import connected
from schemas.core import names
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.runs import SPEED_RETENTION


@dataclass(frozen=True)
class Topic:
    """An event's topic as the broker knows it; `id` is never given twice."""

    name: str
    id: str
    partitions: int


def find_topics(client: KafkaAdminClient, events: Sequence[str]) -> dict[str, Topic]:
    """The topics that are there, by event."""
    wanted = {names.event_topic(event): event for event in events}
    described = client.describe_topics(list(wanted)) if wanted else []
    return {
        wanted[each["name"]]: Topic(each["name"], str(each["topic_id"]), len(each["partitions"]))
        for each in described
        if each["error_code"] == 0
    }


def ensure_topics(kafka: str, events: Mapping[str, Event]) -> dict[str, Topic]:
    """The topic of every event, made where it is not there yet.

    Raises `RefusedError` for a topic whose number of partitions is not that of its event: copies of a record would
    land in other partitions than before.
    """
    with connected(KafkaAdminClient, kafka) as client:
        found = find_topics(client, list(events))
        missing = [event for name, event in events.items() if name not in found]
        if missing:
            _create(client, missing)
            found |= find_topics(client, [event.name for event in missing])
    for name, event in events.items():
        if found[name].partitions != event.partitions:
            raise RefusedError(
                f"topic `{found[name].name}` has {found[name].partitions} partitions and event `{name}` wants "
                f"{event.partitions}; the number is fixed for the life of a topic. If some were added, give the event "
                "another name and produce what is in them again; if nothing is archived yet, "
                f"write `partitions={found[name].partitions}`"
            )
    return found


def _create(client: KafkaAdminClient, events: Sequence[Event]) -> None:
    for event in events:
        options = {
            "num_partitions": event.partitions,
            "configs": {
                "message.timestamp.type": "LogAppendTime",
                "cleanup.policy": "delete",
                "retention.ms": str(SPEED_RETENTION + event.horizon),
                "unclean.leader.election.enable": "false",
            },
        }
        try:
            client.create_topics({names.event_topic(event.name): options}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            client.wait_for_topics([names.event_topic(event.name)])
