"""What a log lost before it was archived, and a person accepted: raw goes on behind it, and answers are whole again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.damage import Gap
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("topic_id", pa.string(), nullable=False),
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("first", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("accepted_at", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Loss:
    """A gap in the log of an event that will never be in raw; `number` grows with every loss of any event.

    `topic_id` tells the topic from another of its name, whose offsets begin anew.
    """

    number: int
    event: str
    topic_id: str
    gap: Gap
    accepted_at: Instant


def read_losses(lake: Path) -> dict[str, list[Loss]]:
    """By event, in the order in which they were accepted; what is absent has lost nothing."""
    found: dict[str, list[Loss]] = {}
    for row in tables.numbered(lake / names.LOSSES_TABLE):
        found.setdefault(row["event"], []).append(_loss(row))
    return found


def append_loss(lake: Path, event: str, topic_id: str, gap: Gap, *, now: Instant) -> Loss:
    """List a loss as accepted; one that is listed stays as it is."""
    while True:
        snapshot = tables.read(lake / names.LOSSES_TABLE)
        for row in snapshot.rows:
            if (row["topic_id"], _loss(row).gap) == (topic_id, gap):
                return _loss(row)
        number = snapshot.next_number
        loss = Loss(number, event, topic_id, gap, now)
        row = {
            "number": loss.number,
            "event": event,
            "topic_id": topic_id,
            "partition": gap.partition,
            "first": gap.first,
            "end": gap.end,
            "accepted_at": now,
        }
        if tables.append(snapshot, _SCHEMA, row, application="losses", number=loss.number):
            return loss


def lost_offsets(losses: Iterable[Loss]) -> int:
    """How many records are lost at most."""
    return sum(loss.gap.end - loss.gap.first for loss in losses)


def _loss(row: Mapping[str, Any]) -> Loss:
    gap = Gap(row["partition"], row["first"], row["end"])
    return Loss(row["number"], row["event"], row["topic_id"], gap, Instant(row["accepted_at"]))
