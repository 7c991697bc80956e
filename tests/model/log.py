"""What producers wrote: partitions with clocks that may step back, ticks, imports, and what of it counts.

A bag is a set of events that remembers how often each was merged: event i is 16^i, so that a sum of bags is their
union and an event merged twice is the digit 2. What holds for bags holds for every aggregate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from schemas.core import availability, codec
from schemas.core.instants import Instant
from schemas.core.language import Event, View, col, int64, string, sum_
from schemas.core.records import IMPORTED, Record

PARTITIONS: Final = 2
EPOCH: Final = 10_000
HORIZON: Final = 25_000
BEGINNING: Final = Instant(0)
MOST_EVENTS: Final = 30
"""As many digits as a sum of 127 bits has."""

Bag = int


def _event(limit: int) -> Event:
    fields = {"k": string, "n": int64, "x": int64}
    rules = {"low": col("n") < limit}
    return Event("it", fields=fields, rules=rules, epoch="10s", horizon="25s", partitions=PARTITIONS)


OLD: Final = View("v", on=_event(10), by="k", features={"x": sum_("x").over("20s", hop="10s")})
NEW: Final = View("v", on=_event(100), by="k", features={"x": sum_("x").over("20s", hop="10s")})
WIDE: Final = View("w", on=_event(10), by="k", features={"x": sum_("x").over("40s", hop="10s")})
LIMITS: Final = {OLD.on: 10, NEW.on: 100}
"""What a value has to be below of, by contract."""


@dataclass(frozen=True)
class Entry:
    """A record of a partition; a tick has no event."""

    append_time: Instant
    available_at: Instant
    record: Record | None


@dataclass
class Log:
    """The event's topic with the clocks of its brokers, and what was imported."""

    now: Instant = BEGINNING
    partitions: list[list[Entry]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    behind: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    imports: list[Record] = field(default_factory=list)
    events: int = 0

    def append(self, partition: int, event_id: str | None, *, late: int = 0, n: int = 5) -> None:
        """An event that happened `late` ago, or a tick; `n` of 10 and more is valid under the new contract alone."""
        held = self.partitions[partition]
        append_time = Instant(self.now - self.behind[partition])
        carried = held[-1].available_at if held else None
        (available_at,) = availability.running_maximum([append_time], carried)
        assert available_at is not None
        record = None
        if event_id is not None:
            values = self._values(n)
            record = Record(event_id, Instant(self.now - late), available_at, partition, len(held), values)
        held.append(Entry(append_time, available_at, record))

    def import_record(self, event_id: str, declared: int) -> None:
        """A record of imported history."""
        offset = len(self.imports)
        self.imports.append(Record(event_id, Instant(declared), Instant(declared), IMPORTED, offset, self._values(5)))

    def ends(self) -> dict[int, int]:
        """The next offset of each partition."""
        return {partition: len(held) for partition, held in enumerate(self.partitions)}

    def records(self) -> Iterator[Record]:
        """Every event, imports too."""
        yield from self.imports
        for held in self.partitions:
            yield from (entry.record for entry in held if entry.record is not None)

    def _values(self, n: int) -> dict[str, int | str]:
        self.events += 1
        return {"k": "k", "n": n, "x": self.events - 1}


def is_valid(record: Record, event: Event) -> bool:
    """Whether the record meets the contract."""
    n = record.values["n"]
    assert isinstance(n, int)
    return n < LIMITS[event]


@functools.cache
def definition_of(view: View) -> str:
    """As in the core, where it is worked out anew each time."""
    return codec.definition_of(view)


def bag_of(records: Iterable[Record]) -> Bag:
    """The bag of the records."""
    return sum(16 ** int(str(record.values["x"])) for record in records)


def that_count(log: Log, event: Event, imports: int) -> list[Record]:
    """What counts, word by word: no valid copy precedes it in its partition by less than the horizon.

    Of imports, those that were read.
    """
    read = (each for each in log.records() if each.partition != IMPORTED or each.offset < imports)
    valid = [each for each in read if is_valid(each, event)]
    return [
        record
        for record in valid
        if not any(
            (other.partition, other.event_id) == (record.partition, record.event_id)
            and (other.available_at, other.offset) < (record.available_at, record.offset)
            and record.available_at - other.available_at < HORIZON
            for other in valid
        )
    ]
