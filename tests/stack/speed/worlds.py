"""An applied event with a topic, ticks and a first generation: what the stream needs before it can be deployed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.core.codec import definition_of
from schemas.core.events import Event
from schemas.core.generations import Extend, Segment
from schemas.core.instants import Instant, floor, format_instant
from schemas.core.language import View, count, last, string, sum_
from schemas.core.language import int64 as int64_
from schemas.core.names import event_topic
from schemas.core.runs import Run
from schemas.lake.catalog import append_applied
from schemas.lake.generations import Published, publish
from schemas.lake.runs import started_runs
from schemas.settings import Settings
from speed_layer.flink import Flink
from speed_layer.keep import Keeper
from tests.stack.speed.folding import differences, records_of, rows_of
from tests.stack.speed.running import Acknowledged, Sent, create_topic, produce, read_latest, tick, wait_until_read

PARTITIONS = 2


def now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)


@dataclass
class World:
    """One event of its own, and all that was sent of it; `start` is the boundary of its first generation."""

    settings: Settings
    name: str
    start: Instant = field(init=False)
    sent: list[Acknowledged] = field(default_factory=list)

    def __post_init__(self) -> None:
        create_topic(
            self.settings.kafka, event_topic(self.name), PARTITIONS, **{"message.timestamp.type": "LogAppendTime"}
        )
        self.tick()
        self.start = Instant(floor(now(), self.event.epoch))
        self.apply(self.view)

    @property
    def event(self) -> Event:
        return Event(self.name, fields={"key": string, "value": int64_}, epoch="1s", horizon="2s")

    @property
    def view(self) -> View:
        features = {"events": count(), "total": sum_("value").over("1h"), "latest": last("value")}
        return View(f"{self.name}_view", on=self.event, by="key", features=features)

    @property
    def other(self) -> View:
        return View(f"{self.name}_other", on=self.event, by="value", features={"events": count().over("1d")})

    def apply(self, view: View) -> None:
        """List the view as wanted, with a generation up to the start."""
        append_applied(self.settings.lake, view, now=now())
        segment = Segment("s0", None, self.start)
        done = publish(self.settings.lake, view.name, definition_of(view), Extend(segment), now=now())
        assert isinstance(done, Published)

    def tick(self) -> None:
        self.sent += produce(self.settings.kafka, event_topic(self.name), [tick(each) for each in range(PARTITIONS)])

    def send(self, numbers: Iterable[int]) -> None:
        """Events with ids of their own, over ten keys and all partitions."""
        records = [Sent(self.body(each), partition=each % PARTITIONS) for each in numbers]
        self.sent += produce(self.settings.kafka, event_topic(self.name), records)

    def body(self, number: int) -> bytes:
        at = format_instant(now())
        return json.dumps(
            {"event_id": f"e{number}", "event_time": at, "key": f"k{number % 10}", "value": number}
        ).encode()

    def runs(self) -> list[Run]:
        """The started runs, oldest first."""
        return [run for run in started_runs(self.settings.lake) if run.event == self.name]

    def run(self) -> Run:
        """The one started run."""
        (run,) = self.runs()
        return run

    def differences(self, run: Run, view: View, *, restarted: bool = False) -> list[tuple[object, ...]]:
        """How the run's rows differ from a plain fold over all that was sent, once it has read that."""
        self.wait_until_read(run)
        found = read_latest(self.settings.kafka, run.topics[definition_of(view)], restarted=restarted)
        expected = rows_of(view, records_of(self.event, self.sent), run.start)
        assert expected
        return differences(view, found, expected)

    def wait_until_read(self, run: Run) -> None:
        ends: dict[int, int] = {}
        for each in self.sent:
            ends[each.sent.partition] = max(ends.get(each.sent.partition, 0), each.offset + 1)
        wait_until_read(self.settings.kafka, f"tideline.{run.run}", ends)

    def keeper(self, flink: Flink, said: list[str], *, later: int = 0) -> Keeper:
        """A keeper whose clock is `later` milliseconds ahead, and that no serving process answers."""
        return Keeper(self.settings, flink, now=lambda: Instant(now() + later), say=said.append)
