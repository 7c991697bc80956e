"""A shop that sells through Kafka and keeps its own books: what batch must come to, computed beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaProducer

from batch_layer.tables import raw_table
from batch_layer.topics import ensure_topics
from schemas.core.codec import definition_of
from schemas.core.counting import counted
from schemas.core.events import Event
from schemas.core.generations import Generation
from schemas.core.instants import DAY, Instant, format_instant
from schemas.core.language import View, col, count, decimal, last, mean, string, sum_
from schemas.core.names import event_topic
from schemas.core.records import IMPORTED, Record
from schemas.core.verdict import Valid, judge
from schemas.lake.catalog import append_applied
from schemas.lake.generations import current
from schemas.settings import Settings
from tests.stack.batch.partials import Partials, differences, of_records, of_segments

MAGNITUDES = 1e9


def now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)


@dataclass(frozen=True)
class Sold:
    """An acknowledged record, and how much of its partition was appended by then."""

    body: bytes
    partition: int
    offset: int
    append_time: Instant


@dataclass
class Shop:
    """One event with two views; `sold` is everything that Kafka acknowledged."""

    settings: Settings
    name: str
    producer: KafkaProducer
    sold: list[Sold] = field(default_factory=list)

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, name: str) -> Iterator[Shop]:
        """Applied, with a topic."""
        producer = KafkaProducer(bootstrap_servers=settings.kafka, acks="all", linger_ms=5)
        shop = cls(settings, name, producer)
        for view in shop.views:
            append_applied(settings.lake, view, now=now())
        ensure_topics(settings.kafka, {name: shop.event})
        try:
            yield shop
        finally:
            producer.close()

    @property
    def event(self) -> Event:
        return Event(
            self.name,
            fields={"till": string, "price": decimal(2)},
            rules={"sold": col("price") > 0},
            epoch="1s",
            horizon="1h",
            imported_at=col("event_time"),
        )

    @property
    def views(self) -> tuple[View, View]:
        features = {"sales": count(), "takings": sum_("price").over("1h"), "latest": last("price")}
        return (
            View(f"{self.name}_tills", on=self.event, by="till", features=features),
            View(f"{self.name}_all", on=self.event, by="till", features={"dear": mean(col("price") > 5)}),
        )

    def sell(self, *ids: str, price: str = "1.10") -> None:
        """One sale an id, each acknowledged; the first letter of the id is its till, its last digit its partition."""
        for each in ids:
            self.send(json.dumps({"event_id": each, "event_time": _now_text(), "till": each[0], "price": price}), each)

    def send(self, body: str, key: str) -> None:
        """Any body at all."""
        partition = sum(key.encode()) % self.event.partitions
        sent = self.producer.send(
            event_topic(self.name), key=key.encode(), value=body.encode(), partition=partition
        ).get(10)
        self.sold.append(Sold(body.encode(), sent.partition, sent.offset, Instant(sent.timestamp)))

    def history(self, file: Path, ids: str) -> Path:
        """A file of sales of yesterday, one an id."""
        facts = [self._of_yesterday(each) for each in ids.split()]
        file.write_text("".join(f"{json.dumps(each)}\n" for each in facts))
        return file

    def imported(self, *ids: str) -> list[Record]:
        """The records of such files, in the order in which they were imported."""
        return [
            Record(verdict.event_id, verdict.event_time, verdict.available_at, IMPORTED, offset, verdict.values)
            for offset, each in enumerate(ids)
            if isinstance(
                verdict := judge(
                    self.event, json.dumps(self._of_yesterday(each)).encode(), available_at=Instant(0), imported=True
                ),
                Valid,
            )
        ]

    def _of_yesterday(self, each: str) -> dict[str, str]:
        at = format_instant(Instant(now() // DAY * DAY - DAY))
        return {"event_id": each, "event_time": at, "till": each[0], "price": "2.20"}

    def records(self) -> list[Record]:
        """The valid ones, by plain Python; the clock of the broker did not step back."""
        return [
            Record(
                verdict.event_id, verdict.event_time, verdict.available_at, each.partition, each.offset, verdict.values
            )
            for each in self.sold
            if isinstance(verdict := judge(self.event, each.body, available_at=each.append_time), Valid)
        ]

    def generation(self, view: View) -> Generation:
        """What is published now."""
        found = current(self.settings.lake, view.name, definition_of(view))
        assert found is not None
        return found

    def partials(self, view: View) -> Partials:
        """What the current generation holds."""
        return of_segments(self.settings.lake, view, (each.id for each in self.generation(view).segments))

    def check_books(self, *, imported: list[Record] | None = None) -> None:
        """Every view's current generation holds exactly what was sold before its boundary, and no sale twice."""
        for view in self.views:
            boundary = self.generation(view).boundary
            known = [*self.records(), *(imported or [])]
            expected = of_records(
                view, (each for each in counted(known, self.event.horizon) if each.available_at < boundary)
            )
            assert differences(view, expected, self.partials(view), MAGNITUDES) == []

    @property
    def raw(self) -> str:
        """Where the raw table is."""
        return str(raw_table(self.settings.lake, self.name))


def _now_text() -> str:
    return format_instant(now())
