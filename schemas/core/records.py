"""One valid event as the core sees it, whatever engine read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.core.instants import Instant
from schemas.core.types import String, Timestamp, Type, Value

IMPORTED: Final = -1
"""The partition of every imported record: all imports of an event count as one partition."""

SYSTEM_FIELDS: Final[Mapping[str, Type]] = {
    "event_id": String(),
    "event_time": Timestamp(),
    "available_at": Timestamp(),
}
"""Columns that every event has, usable in expressions beside its own fields."""


@dataclass(frozen=True)
class Record:
    """A valid event with the coordinates under which it was received."""

    event_id: str
    event_time: Instant
    available_at: Instant
    partition: int
    offset: int
    values: Mapping[str, Value]

    @property
    def row(self) -> Mapping[str, Value]:
        """What expressions read: the fields of the event and the system fields."""
        return {
            **self.values,
            "event_id": self.event_id,
            "event_time": self.event_time,
            "available_at": self.available_at,
        }


def order_of(record: Record) -> tuple[int, bytes, int, int, int]:
    """The order of `first` and `last`: total, and the same in every engine."""
    return (
        record.event_time,
        record.event_id.encode(),
        record.available_at,
        record.partition,
        record.offset,
    )
