"""How far the topic of each event is archived: one row a partition, replaced by every archive run.

Raw knows it as well, but its log grows with every run; and it does not know what lies behind its last record, as the
end of a transaction does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas.core import names
from schemas.core.damage import Kept, Offsets, kept_offsets
from schemas.lake import tables
from schemas.lake.losses import read_losses

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("topic_id", pa.string(), nullable=False),
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("next", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Archived:
    """Of each partition the first offset that is not archived; a topic of another id has other offsets."""

    topic_id: str
    offsets: Offsets


def read_archived(lake: Path) -> dict[str, Archived]:
    """By event."""
    found: dict[str, tuple[str, dict[int, int]]] = {}
    for row in tables.read(lake / names.ARCHIVED_TABLE).rows:
        found.setdefault(row["event"], (row["topic_id"], {}))[1][row["partition"]] = row["next"]
    return {event: Archived(*each) for event, each in found.items()}


def read_kept(lake: Path) -> dict[str, Kept]:
    """By event that was ever archived, what its log may lose."""
    losses, found = read_losses(lake), {}
    for event, each in read_archived(lake).items():
        accepted = tuple(loss.gap for loss in losses.get(event, ()) if loss.topic_id == each.topic_id)
        found[event] = Kept(kept_offsets(each.offsets, accepted), accepted)
    return found


def put_archived(lake: Path, event: str, reached: Archived) -> None:
    """Say how far an event is archived; an older archive run that ends late moves nothing back."""
    while True:
        snapshot = tables.read(lake / names.ARCHIVED_TABLE)
        known = {
            row["partition"]: row["next"]
            for row in snapshot.rows
            if (row["event"], row["topic_id"]) == (event, reached.topic_id)
        }
        next_ = {**known, **{each: max(end, known.get(each, 0)) for each, end in reached.offsets.items()}}
        if next_ == known:
            return
        number = snapshot.next_number
        others = [row for row in snapshot.rows if row["event"] != event]
        ours = {"number": number, "event": event, "topic_id": reached.topic_id}
        rows = [*others, *({**ours, "partition": each, "next": end} for each, end in sorted(next_.items()))]
        if tables.replace(snapshot, _SCHEMA, rows, application="archived", number=number):
            return
