"""The replay's records reach a real broker: in order, copies side by side, each when its moment has come."""

from __future__ import annotations

from collections import defaultdict

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from infra.demo.faults import Faults
from infra.demo.flights import load_year
from infra.demo.producer import Sent, follow, producer, send_all
from infra.demo.replay import Delivery, Replay
from schemas.core.errors import UnavailableError
from schemas.core.instants import HOUR, Duration, Instant, parse_instant
from schemas.settings import Settings

BEGAN = parse_instant("2013-12-12T12:00:00Z")


@pytest.fixture(scope="module", name="kafka")
def kafka_fixture(stack: Settings) -> str:
    """A broker with a topic that no other test uses."""
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.create_topics([NewTopic("events.replayed", 2, 1)])
    admin.close()
    return stack.kafka


def deliveries() -> list[Delivery]:
    """Two hours of departures, as if of the event `replayed`."""
    year = {"replayed": load_year()["departure"]}
    replay = Replay.of(year, BEGAN, Faults(minutes_late=0, days_late=0, twice=0.2, poison=0.1))
    return replay.deliveries(BEGAN, Instant(BEGAN + 2 * HOUR))


def test_all_is_acknowledged_in_order_and_copies_share_a_partition(kafka: str) -> None:
    given = deliveries()
    with producer(kafka) as to:
        sent = send_all(to, given)
    assert [each.delivery for each in sent] == given

    offsets: dict[int, list[int]] = defaultdict(list)
    partitions: dict[str, set[int]] = defaultdict(set)
    for each in sent:
        offsets[each.partition].append(each.offset)
        partitions[each.delivery.event_id].add(each.partition)
    assert sum(each.delivery.kind == "copy" for each in sent) > 10
    assert all(len(each) == 1 for each in partitions.values())
    assert sorted(offsets) == [0, 1]
    assert all(each == list(range(each[0], each[0] + len(each))) for each in offsets.values())
    first = sent[0]
    assert first.position == f"events.replayed:{first.partition}:{first.offset}"


def test_each_is_sent_once_its_moment_has_come(kafka: str) -> None:
    given = deliveries()[:20]
    clock, waited = [Instant(given[4].at)], list[Duration]()

    def wait(how_long: Duration) -> None:
        waited.append(how_long)
        clock[0] = Instant(clock[0] + how_long)

    sent: list[Sent] = []
    with producer(kafka) as to:
        for each in follow(to, given, now=lambda: clock[0], wait=wait):
            assert each.delivery.at <= clock[0]
            sent.append(each)
    assert [each.delivery for each in sent] == given
    assert sum(waited) == given[-1].at - given[4].at
    assert max(waited) <= 10_000


def test_no_broker_and_no_topic_are_told(kafka: str) -> None:
    told = r"kafka at `127\.0\.0\.1:1` does not answer \(ConnectionRefusedError\); start it with `tideline up`"
    with pytest.raises(UnavailableError, match=told), producer("127.0.0.1:1"):
        pytest.fail("there is no broker")
    nowhere = [Delivery("nowhere", "a", BEGAN, "prompt", b"{}")]
    with producer(kafka) as to, pytest.raises(UnavailableError, match="Kafka did not take the events"):
        send_all(to, nowhere)
