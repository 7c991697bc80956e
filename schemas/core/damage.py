"""What can be wrong with the log of an event, told in the same words by whoever finds it: pure.

    offsets   0 ──── archived ────┬──── lost ────┬──── the log ────▶
                                  kept           begins              a gap is [kept, begins)

Offsets jump where a transaction ends, so a jump is no gap: a gap is what the log no longer holds and nobody archived.
Numbers in what is told stand in quotes, as names do: whoever counts reasons leaves both out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Offsets = Mapping[int, int]
"""By partition; of `kept` the first offset that is neither archived nor accepted as lost."""


@dataclass(frozen=True)
class Gap:
    """The offsets `[first, end)` of a partition, which held at most so many records."""

    partition: int
    first: int
    end: int

    def __str__(self) -> str:
        alone = self.end - self.first == 1
        offsets = f"offset `{self.first}`" if alone else f"offsets `{self.first}` to `{self.end - 1}`"
        return f"{offsets} of partition `{self.partition}`"


@dataclass(frozen=True)
class Kept:
    """What a log may lose: whatever lies below `until` of its partition is archived, or `accepted` as lost."""

    until: Offsets
    accepted: tuple[Gap, ...] = ()


def gaps(begins: Offsets, kept: Offsets) -> list[Gap]:
    """What lies below the log's first offsets, `begins`, and is not kept; a partition without `kept` keeps nothing."""
    return [
        Gap(partition, kept.get(partition, 0), begin)
        for partition, begin in sorted(begins.items())
        if begin > kept.get(partition, 0)
    ]


def kept_offsets(archived: Offsets, accepted: Iterable[Gap]) -> dict[int, int]:
    """Up to where nothing is missing of each partition: what is archived, and above it what is accepted as lost."""
    kept = dict(archived)
    for gap in sorted(accepted, key=lambda gap: (gap.partition, gap.first)):
        # A gap that does not adjoin leaves something between that is neither.
        if gap.first <= kept.get(gap.partition, 0) < gap.end:
            kept[gap.partition] = gap.end
    return kept


def lost(topic: str, event: str, found: Sequence[Gap]) -> str | None:
    """What is wrong where a log has gaps, or None."""
    if not found:
        return None
    return (
        f"topic `{topic}` no longer holds records that are not archived yet: {', '.join(map(str, found))}; find out "
        f"what was in them, then close the gap by `tideline batch accept-loss {event}`, or begin a new topic"
    )


def grown(topic: str, *, has: int, reads: int) -> str | None:
    """What is wrong where a topic has more partitions than are read, or None."""
    if has <= reads:
        return None
    return (
        f"topic `{topic}` has `{has}` partitions and `{reads}` are read: what is in the others is in no answer; "
        "give the event another name, and produce the records of the others again under it"
    )
