"""What the observer says of the topics of events: what is news, and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.core.damage import Kept
from schemas.core.instants import Instant
from serving_layer.observing import Observer, SawDamage
from serving_layer.records import Followed


@dataclass
class Broker:
    """Says how many partitions each topic has, and where they begin."""

    has: dict[str, int] = field(default_factory=dict)
    begins: dict[str, dict[int, int]] = field(default_factory=dict)

    def event_begins(self, run: Followed) -> dict[int, int]:
        return self.begins.get(run.topic, dict.fromkeys(range(run.partitions), 0))

    def partitions(self, topics: set[str]) -> dict[str, int]:
        return {topic: has for topic, has in self.has.items() if topic in topics}


def heard(observer: Observer, broker: Broker) -> list[tuple[str, bool]]:
    """By run, whether it is damaged now, where that is news."""
    asking: Any = broker
    observer._look_at_logs(asking)
    found = []
    while not observer.observations.empty():
        each = observer.observations.get()
        assert isinstance(each, SawDamage)
        found.append((each.run, each.damage is not None))
    return found


def test_partitions_that_are_added_are_said_once_for_each_run() -> None:
    observer, broker = Observer("127.0.0.1:9", "http://127.0.0.1:9"), Broker({"events.a": 2, "events.b": 1})
    runs = [
        Followed(f"r{topic}", topic, f"events.{topic}", count, Instant(0), ()) for topic, count in (("a", 2), ("b", 1))
    ]
    observer.watch([*runs, Followed("rc", "c", "events.c", 1, Instant(0), ())], {}, {})

    assert heard(observer, broker) == [("ra", False), ("rb", False)], (
        "a topic of which nothing is told is not called damaged"
    )
    assert heard(observer, broker) == []
    broker.has["events.a"] = 3
    assert heard(observer, broker) == [("ra", True)]
    assert heard(observer, broker) == []


def test_a_log_may_lose_what_is_archived_or_accepted_and_nothing_else() -> None:
    observer, broker = Observer("127.0.0.1:9", "http://127.0.0.1:9"), Broker({"events.a": 2})
    observer.watch([Followed("ra", "a", "events.a", 2, Instant(0), ())], {}, {})
    broker.begins["events.a"] = {0: 5, 1: 0}
    assert heard(observer, broker) == [("ra", False)], "what is archived is not known yet"
    observer.keep({"a": Kept({0: 5})})
    assert heard(observer, broker) == []
    broker.begins["events.a"] = {0: 6, 1: 0}
    assert heard(observer, broker) == [("ra", True)]
    observer.keep({"a": Kept({0: 6})})
    assert heard(observer, broker) == [("ra", False)]
