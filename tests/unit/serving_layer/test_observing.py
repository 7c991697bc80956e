"""What the observer says of the topics of events: what is news, and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.core.instants import Instant
from serving_layer.observing import Observer, SawDamage
from serving_layer.records import Followed


@dataclass
class Broker:
    """Says how many partitions each topic has."""

    has: dict[str, int] = field(default_factory=dict)

    def partitions(self, topics: set[str]) -> dict[str, int]:
        return {topic: has for topic, has in self.has.items() if topic in topics}


def test_partitions_that_are_added_are_said_once_for_each_run() -> None:
    observer, broker = Observer("127.0.0.1:9", "http://127.0.0.1:9"), Broker({"events.a": 2, "events.b": 1})
    runs = [
        Followed(f"r{topic}", topic, f"events.{topic}", count, Instant(0), ()) for topic, count in (("a", 2), ("b", 1))
    ]
    observer.watch([*runs, Followed("rc", "c", "events.c", 1, Instant(0), ())], {}, {})

    def heard() -> list[tuple[str, bool]]:
        asking: Any = broker
        observer._look_at_logs(asking)
        found = []
        while not observer.observations.empty():
            each = observer.observations.get()
            assert isinstance(each, SawDamage)
            found.append((each.run, each.damage is not None))
        return found

    assert heard() == [("ra", False), ("rb", False)], "a topic of which nothing is told is not called damaged"
    assert heard() == []
    broker.has["events.a"] = 3
    assert heard() == [("ra", True)]
    assert heard() == []
